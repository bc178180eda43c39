//! Clocks in pictures: the picture timing SEI message (D.1.3, D.2.3).

use super::sps;
use crate::sei::{TimeCode, clock};
use h264_reader::rbsp::{BitRead, BitReader};

/// How the picture timing messages of a stream are written: only its sequence parameter set tells (E.1.1, E.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PicTiming {
    /// Bits of `cpb_removal_delay` and `dpb_output_delay` together.
    delays: u32,
    /// Bits of `time_offset`.
    offset: u32,
}

/// Bits of `time_offset` where no HRD parameters tell (E.2.2).
const OFFSET: u32 = 24;

impl PicTiming {
    /// By a sequence parameter set NAL unit; `None` if it is unreadable, or messages of this stream have no clocks.
    #[must_use]
    pub fn of_sps(nal: &[u8]) -> Option<Self> {
        let (_, sps) = sps::read(nal).ok()?;
        let vui = sps.vui_parameters.filter(|v| v.pic_struct_present_flag)?;
        let hrd = vui.nal_hrd_parameters.or(vui.vcl_hrd_parameters);
        Some(hrd.map_or(
            Self {
                delays: 0,
                offset: OFFSET,
            },
            |hrd| Self {
                delays: u32::from(hrd.cpb_removal_delay_length_minus1)
                    + u32::from(hrd.dpb_output_delay_length_minus1)
                    + 2,
                offset: u32::from(hrd.time_offset_length),
            },
        ))
    }

    /// The first clock of a message (payload type 1), if it has one that is whole.
    #[must_use]
    pub fn clock(&self, payload: &[u8]) -> Option<TimeCode> {
        let mut bits = BitReader::new(payload);
        bits.skip(self.delays, "cpb_removal_delay, dpb_output_delay")
            .ok()?;
        // Table D-1.
        let clocks = match bits.read::<4, u8>("pic_struct").ok()? {
            0..=2 => 1,
            3 | 4 | 7 => 2,
            5 | 6 | 8 => 3,
            _ => return None,
        };
        for _ in 0..clocks {
            if bits.read_bit("clock_timestamp_flag").ok()? {
                let code = clock(&mut bits, 2 + 1 + 5, 8)?;
                bits.skip(self.offset, "time_offset").ok()?;
                return Some(code);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::unusual_byte_groupings, reason = "a group is a field")]
    fn a_clock_is_read_behind_the_delays_that_the_sps_announces() {
        let want = TimeCode {
            hours: Some(23),
            minutes: Some(58),
            seconds: Some(59),
            frames: 24,
            drops: false,
        };
        // Frame; one clock: progressive, full, 24 frames; 59 seconds, 58 minutes, 23 hours; offset of 5 bits.
        let code = 0b0000_1_00_0_00000_1_0_0_00011000_111011_111010_10111_00000_u64;
        let plain = PicTiming {
            delays: 0,
            offset: 5,
        };
        assert_eq!(plain.clock(&(code << 18).to_be_bytes()), Some(want));
        let delayed = PicTiming {
            delays: 12,
            offset: 5,
        };
        let bytes = (0xabc << 52 | code << 6).to_be_bytes();
        assert_eq!(delayed.clock(&bytes), Some(want));
        assert!((0..8).all(|len| delayed.clock(&bytes[..len]).is_none()));
        // The second field has the clock: what it does not say is left out.
        let second = 0b0011_0_1_01_1_00100_0_0_1_00000011_1_000111_0_00000_u64 << 26;
        let want = TimeCode {
            seconds: Some(7),
            frames: 3,
            drops: true,
            ..TimeCode::default()
        };
        assert_eq!(plain.clock(&second.to_be_bytes()), Some(want));
        assert_eq!(plain.clock(&[0xf0; 8]), None, "a reserved pic_struct");
    }
}
