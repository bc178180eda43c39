//! Intra prediction modes (8.4.2, 8.4.3): coefficients are scanned by them.

use super::Stop;
use super::contexts::{INTRA_CHROMA, PREV_INTRA_LUMA};
use super::reader::Reader;

/// `INTRA_PLANAR`.
const PLANAR: u8 = 0;

/// `INTRA_DC`.
pub(super) const DC: u8 = 1;

/// Straight from the left, `INTRA_ANGULAR10`.
const HORIZONTAL: u8 = 10;

/// Straight from above, `INTRA_ANGULAR26`.
const VERTICAL: u8 = 26;

/// Table 8-3: modes of 4:2:2 chroma, whose samples are not square.
const CHROMA_422: [u8; 35] = [
    0, 1, 2, 2, 2, 2, 3, 5, 7, 8, 10, 11, 13, 15, 16, 18, 19, 20, 21, 22, 23, 23, 24, 24, 25, 25,
    26, 27, 27, 28, 28, 29, 29, 30, 31,
];

/// In what order coefficients are scanned (7.4.9.11).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scan {
    Diagonal,
    Horizontal,
    Vertical,
}

impl Scan {
    /// `scanIdx` of small blocks.
    pub(super) const fn of_mode(mode: u8) -> Self {
        match mode {
            6..=14 => Self::Vertical,
            22..=30 => Self::Horizontal,
            _ => Self::Diagonal,
        }
    }
}

/// The modes of a coding unit's four quarters. All are the first where it is not divided.
#[derive(Debug, Clone, Copy)]
pub(super) struct Modes {
    pub(super) luma: [u8; 4],
    /// Not divided either, unless chroma has the resolution of luma.
    pub(super) chroma: [u8; 4],
}

/// The three candidate modes (8-21 to 8-26) from those to the left and above.
fn candidates(left: u8, above: u8) -> [u8; 3] {
    if left != above {
        let third = [PLANAR, DC, VERTICAL]
            .into_iter()
            .find(|&mode| mode != left && mode != above);
        [left, above, third.unwrap_or(VERTICAL)]
    } else if left < 2 {
        [PLANAR, DC, VERTICAL]
    } else {
        [left, 2 + (left + 29) % 32, 2 + (left - 2 + 1) % 32]
    }
}

/// `IntraPredModeY` from `rem_intra_luma_pred_mode`.
fn remaining(mut candidates: [u8; 3], rem: u8) -> u8 {
    candidates.sort_unstable();
    candidates
        .into_iter()
        .fold(rem, |mode, candidate| mode + u8::from(mode >= candidate))
}

/// `IntraPredModeC` from `intra_chroma_pred_mode` and the luma mode (table 8-2).
fn chroma_mode(coded: u32, luma: u8, is_422: bool) -> u8 {
    let mode = match coded {
        0 => PLANAR,
        1 => VERTICAL,
        2 => HORIZONTAL,
        3 => DC,
        _ => luma,
    };
    let mode = if coded < 4 && mode == luma { 34 } else { mode };
    match is_422 {
        true => CHROMA_422
            .get(usize::from(mode))
            .copied()
            .unwrap_or_default(),
        false => mode,
    }
}

impl Reader<'_> {
    /// Modes of the coding unit at `x`, `y`, in luma samples.
    pub(super) fn intra_modes(
        &mut self,
        x: u32,
        y: u32,
        log2_size: u32,
        divided: bool,
    ) -> Result<Modes, Stop> {
        let (parts, size) = match divided {
            true => (4, 1 << (log2_size - 1)),
            false => (1, 1 << log2_size),
        };
        let mut candidate = [false; 4];
        for flag in candidate.iter_mut().take(parts) {
            *flag = self.bin(PREV_INTRA_LUMA);
        }
        let mut luma = [DC; 4];
        for ((part, mode), candidate) in (0..).zip(&mut luma).take(parts).zip(candidate) {
            let (x, y) = (x + (part & 1) * size, y + (part >> 1) * size);
            let (left, above) = self.modes_around(x, y);
            let candidates = candidates(left, above);
            *mode = if candidate {
                let index = match self.engine.bypass() {
                    false => 0,
                    true => 1 + usize::from(self.engine.bypass()),
                };
                candidates.get(index).copied().unwrap_or(DC)
            } else {
                let rem = u8::try_from(self.engine.bypass_bits(5)).map_err(|_| Stop::Broken)?;
                remaining(candidates, rem)
            };
            self.set_mode(x, y, size, *mode);
        }
        if !divided {
            luma = [luma[0]; 4];
        }
        let mut chroma = luma;
        match self.params.chroma {
            0 => {}
            3 if divided => {
                for (chroma, luma) in chroma.iter_mut().zip(luma) {
                    *chroma = chroma_mode(self.intra_chroma_pred_mode(), luma, false);
                }
            }
            format => {
                let coded = self.intra_chroma_pred_mode();
                chroma = [chroma_mode(coded, luma[0], format == 2); 4];
            }
        }
        Ok(Modes { luma, chroma })
    }

    fn intra_chroma_pred_mode(&mut self) -> u32 {
        match self.bin(INTRA_CHROMA) {
            false => 4,
            true => self.engine.bypass_bits(2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidate_modes() {
        assert_eq!(candidates(PLANAR, PLANAR), [0, 1, 26]);
        assert_eq!(candidates(DC, DC), [0, 1, 26]);
        assert_eq!(candidates(2, 2), [2, 33, 3]);
        assert_eq!(candidates(34, 34), [34, 33, 3]);
        assert_eq!(candidates(10, 10), [10, 9, 11]);
        assert_eq!(candidates(PLANAR, DC), [0, 1, 26]);
        assert_eq!(candidates(PLANAR, 7), [0, 7, 1]);
        assert_eq!(candidates(7, 26), [7, 26, 0]);
    }

    #[test]
    fn every_mode_has_one_code() {
        for left in 0..35 {
            for above in 0..35 {
                let candidates = candidates(left, above);
                let mut all: Vec<u8> = (0..32).map(|rem| remaining(candidates, rem)).collect();
                all.extend(candidates);
                all.sort_unstable();
                assert!(all.into_iter().eq(0..35), "{left} {above}");
            }
        }
    }

    #[test]
    fn chroma_modes() {
        assert_eq!(
            [0, 1, 2, 3].map(|coded| chroma_mode(coded, 5, false)),
            [0, 26, 10, 1]
        );
        assert_eq!(chroma_mode(4, 5, false), 5);
        assert_eq!(chroma_mode(1, 26, false), 34);
        assert_eq!(chroma_mode(1, 26, true), 31);
        assert_eq!(chroma_mode(4, 9, true), 8);
    }
}
