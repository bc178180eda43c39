//! AC-3 and E-AC-3 (ETSI TS 102 366, Annex F): their configuration boxes.

use crate::describe::{CodecDescription, ConfigBoxes, config};
use crate::error::{CodecError, Result};

/// Sampling rates by `fscod`; 3 is reserved.
const RATES: [u32; 3] = [48_000, 44_100, 32_000];
/// Full-range channels by `acmod`.
const CHANNELS: [u16; 8] = [2, 1, 2, 3, 3, 4, 4, 5];

fn fill(description: &mut CodecDescription<'_>, fscod: u8, acmod: u8, lfeon: u8) {
    description.sample_rate = RATES.get(usize::from(fscod)).copied();
    description.channels = CHANNELS
        .get(usize::from(acmod))
        .map(|channels| channels + u16::from(lfeon));
    description.frame_length = Some(1536);
}

/// `dac3`: fscod 2, bsid 5, bsmod 3, acmod 3, lfeon 1, bit_rate_code 5, reserved 5 bits.
pub(crate) fn describe_ac3<'a>(
    description: &mut CodecDescription<'a>,
    boxes: &ConfigBoxes<'a>,
) -> Result<()> {
    match config(boxes, "dac3")? {
        &[first, second, ..] => {
            fill(description, first >> 6, second >> 3 & 7, second >> 2 & 1);
            Ok(())
        }
        _ => Err(CodecError::Truncated {
            structure: "dac3",
            element: "acmod",
        }),
    }
}

/// `dec3`: data_rate 13, num_ind_sub 3 bits; then for the first substream fscod 2, bsid 5, reserved 1, asvc 1, bsmod 3, acmod 3, lfeon 1.
pub(crate) fn describe_eac3<'a>(
    description: &mut CodecDescription<'a>,
    boxes: &ConfigBoxes<'a>,
) -> Result<()> {
    match config(boxes, "dec3")? {
        &[_, _, first, second, ..] => {
            fill(description, first >> 6, second >> 1 & 7, second & 1);
            Ok(())
        }
        _ => Err(CodecError::Truncated {
            structure: "dec3",
            element: "acmod",
        }),
    }
}

#[cfg(test)]
mod tests {
    use crate::describe;

    #[test]
    fn five_point_one() {
        let ac3 = describe(*b"ac-3", &[(*b"dac3", &[0x10, 0x3D, 0xE0])]);
        assert_eq!((ac3.sample_rate, ac3.channels), (Some(48_000), Some(6)));
        let eac3 = describe(*b"ec-3", &[(*b"dec3", &[0x06, 0x00, 0x60, 0x04, 0x00])]);
        assert_eq!((eac3.sample_rate, eac3.channels), (Some(44_100), Some(2)));
        assert!(describe(*b"ac-3", &[]).defect.is_some());
    }
}
