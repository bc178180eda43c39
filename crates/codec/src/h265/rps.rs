//! Short-term reference picture sets (7.3.7): of no use here, but what stands behind them is.

use super::tools::at_most;
use h264_reader::rbsp::{BitRead, BitReaderError};

type Result<T> = std::result::Result<T, BitReaderError>;

/// Sets that a sequence parameter set has at most.
const MAX_SETS: usize = 64;

/// What slice segment headers need of the sets of a sequence parameter set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ShortTermSets {
    /// `num_short_term_ref_pic_sets`, 0 to 64.
    pub(super) count: u8,
    /// `NumDeltaPocs` of each.
    pictures: [u8; MAX_SETS],
}

/// Order count differences of a set: the pictures before, nearest first, then those behind.
#[derive(Debug, Clone, Default)]
struct ShortTerm {
    negative: Vec<i64>,
    positive: Vec<i64>,
}

impl ShortTermSets {
    /// All sets of a sequence parameter set; each may be predicted from the one before.
    pub(super) fn read(r: &mut impl BitRead) -> Result<Self> {
        let most = u32::try_from(MAX_SETS).unwrap_or_default();
        let count = at_most(most, r.read_ue("num_short_term_ref_pic_sets")?)?;
        let mut pictures = [0; MAX_SETS];
        let mut previous = ShortTerm::default();
        for (index, pictures) in (0..count).zip(&mut pictures) {
            let predicted = index > 0 && r.read_bit("inter_ref_pic_set_prediction_flag")?;
            previous = if predicted {
                predict(r, &previous)?
            } else {
                explicit(r)?
            };
            let all = previous.negative.len() + previous.positive.len();
            *pictures = u8::try_from(all).unwrap_or(u8::MAX);
        }
        Ok(Self {
            count: u8::try_from(count).unwrap_or(u8::MAX),
            pictures,
        })
    }

    /// Passes over the set that a slice segment header has of its own.
    pub(super) fn pass_own(&self, r: &mut impl BitRead) -> Result<()> {
        if self.count == 0 || !r.read_bit("inter_ref_pic_set_prediction_flag")? {
            return explicit(r).map(drop);
        }
        let back = at_most(u32::from(self.count) - 1, r.read_ue("delta_idx_minus1")?)?;
        r.skip(1, "delta_rps_sign")?;
        r.read_ue("abs_delta_rps_minus1")?;
        let reference = usize::from(self.count) - 1 - usize::try_from(back).unwrap_or_default();
        let pictures = self.pictures.get(reference).copied().unwrap_or_default();
        for _ in 0..=pictures {
            if !r.read_bit("used_by_curr_pic_flag")? {
                r.skip(1, "use_delta_flag")?;
            }
        }
        Ok(())
    }
}

/// A set that is predicted from no other.
fn explicit(r: &mut impl BitRead) -> Result<ShortTerm> {
    let negative = at_most(16, r.read_ue("num_negative_pics")?)?;
    let positive = at_most(16, r.read_ue("num_positive_pics")?)?;
    Ok(ShortTerm {
        negative: differences(r, negative, -1)?,
        positive: differences(r, positive, 1)?,
    })
}

fn differences(r: &mut impl BitRead, count: u32, sign: i64) -> Result<Vec<i64>> {
    let mut at = 0;
    (0..count)
        .map(|_| {
            at += sign * (i64::from(r.read_ue("delta_poc_minus1")?) + 1);
            r.skip(1, "used_by_curr_pic_flag")?;
            Ok(at)
        })
        .collect()
}

/// Inter prediction of a set (7-61, 7-62): every picture of the reference set, and the reference picture itself, moved by one distance.
fn predict(r: &mut impl BitRead, reference: &ShortTerm) -> Result<ShortTerm> {
    let backwards = r.read_bit("delta_rps_sign")?;
    let distance = i64::from(r.read_ue("abs_delta_rps_minus1")?) + 1;
    let delta = if backwards { -distance } else { distance };
    let mut moved = Vec::with_capacity(33);
    for poc in reference
        .negative
        .iter()
        .chain(&reference.positive)
        .chain(&[0])
    {
        let used = r.read_bit("used_by_curr_pic_flag")?;
        if used || r.read_bit("use_delta_flag")? {
            moved.push(poc + delta);
        }
    }
    moved.sort_unstable();
    let set = ShortTerm {
        negative: moved.iter().rev().copied().filter(|&d| d < 0).collect(),
        positive: moved.iter().copied().filter(|&d| d > 0).collect(),
    };
    // A prediction may grow a set by one picture each time.
    at_most(
        16,
        u32::try_from(set.negative.len().max(set.positive.len())).unwrap_or(u32::MAX),
    )?;
    Ok(set)
}

#[cfg(test)]
mod tests {
    use super::*;
    use h264_reader::rbsp::BitReader;

    #[test]
    fn sets_and_one_of_a_slice() {
        // Two sets: -1 and -3 before, none behind; predicted from it, one picture further back, all but the first used.
        let bits = [
            "011", "011", "1", "1", "1", "010", "1", // count, 2 and 0 pictures, -1, -3
            "1", "1", "1", "1", "1", "00", // predicted by -1: -2 and -4 used, -1 not there
        ];
        let bytes = pack(&bits.concat());
        let sets = ShortTermSets::read(&mut BitReader::new(&bytes[..])).unwrap();
        assert_eq!((sets.count, &sets.pictures[..2]), (2, &[2, 2][..]));
        // Of a slice: from the first of them, three flags of which one goes on.
        let own = pack(&["1", "010", "0", "1", "1", "01", "1", "1"].concat());
        let mut reader = BitReader::new(&own[..]);
        sets.pass_own(&mut reader).unwrap();
        assert!(reader.read_bit("next").unwrap());
        assert_eq!(reader.read::<5, u8>("zeros").unwrap(), 0);
        // There is no third one to predict from.
        let own = pack(&["1", "011", "0", "1", "1", "1", "1"].concat());
        assert!(sets.pass_own(&mut BitReader::new(&own[..])).is_err());
        // Explicit: one picture before, none behind.
        let own = pack(&["0", "010", "1", "1", "0", "1"].concat());
        let mut reader = BitReader::new(&own[..]);
        sets.pass_own(&mut reader).unwrap();
        assert!(reader.read_bit("next").unwrap());
    }

    fn pack(bits: &str) -> Vec<u8> {
        let byte = |bits: &[u8]| {
            let of = |(at, &bit): (usize, &u8)| (bit - b'0') << (7 - at);
            bits.iter().enumerate().map(of).sum()
        };
        let mut bytes: Vec<u8> = bits.as_bytes().chunks(8).map(byte).collect();
        bytes.push(0);
        bytes
    }
}
