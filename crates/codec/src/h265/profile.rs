//! Profile, tier and level (7.3.3), and the codec string made of them (ISO/IEC 14496-15, Annex E).

use crate::bits::blame;
use crate::error::Result;
use h264_reader::rbsp::BitRead;
use std::fmt::Write as _;

/// `profile_tier_level`, general part. hvcC carries the same twelve bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProfileTierLevel {
    /// `general_profile_space`, 0 to 3; 0 but in the future.
    pub profile_space: u8,
    /// `general_tier_flag`: High tier.
    pub high_tier: bool,
    /// `general_profile_idc`, 0 to 31.
    pub profile_idc: u8,
    /// `general_profile_compatibility_flag[j]`, flag 0 in the highest bit.
    pub compatibility: u32,
    /// The 48 bits from `general_progressive_source_flag` on, as stored.
    pub constraints: [u8; 6],
    /// Thirty times the level.
    pub level_idc: u8,
}

impl ProfileTierLevel {
    /// From the first twelve bytes of a `profile_tier_level`, as they also stand in hvcC.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 12]) -> Self {
        let [first, c0, c1, c2, c3, k0, k1, k2, k3, k4, k5, level_idc] = bytes;
        Self {
            profile_space: first >> 6,
            high_tier: first & 0x20 != 0,
            profile_idc: first & 31,
            compatibility: u32::from_be_bytes([c0, c1, c2, c3]),
            constraints: [k0, k1, k2, k3, k4, k5],
            level_idc,
        }
    }

    /// The twelve bytes.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 12] {
        let first = self.profile_space << 6 | u8::from(self.high_tier) << 5 | self.profile_idc & 31;
        let [c0, c1, c2, c3] = self.compatibility.to_be_bytes();
        let [k0, k1, k2, k3, k4, k5] = self.constraints;
        [
            first,
            c0,
            c1,
            c2,
            c3,
            k0,
            k1,
            k2,
            k3,
            k4,
            k5,
            self.level_idc,
        ]
    }

    /// Reads `profile_tier_level(1, max_sub_layers - 1)`; the sub-layers' own values are passed over.
    pub(super) fn read(
        r: &mut impl BitRead,
        sub_layers: u8,
        structure: &'static str,
    ) -> Result<Self> {
        let error = blame(structure);
        let mut bytes = [0u8; 12];
        for byte in &mut bytes {
            *byte = r.read::<8, u8>("profile_tier_level").map_err(&error)?;
        }
        let others = sub_layers.saturating_sub(1);
        if others > 0 {
            // Two flags for each of eight sub-layers, the highest excepted.
            let flags: u16 = r
                .read::<16, u16>("sub_layer_profile_present_flag")
                .map_err(&error)?;
            for i in 0..u32::from(others) {
                let present = flags << (2 * i);
                let bits = if present & 0x8000 != 0 { 88 } else { 0 }
                    + if present & 0x4000 != 0 { 8 } else { 0 };
                r.skip(bits, "sub_layer_profile").map_err(&error)?;
            }
        }
        Ok(Self::from_bytes(bytes))
    }

    /// The codec string: `hvc1.1.6.L93.B0`.
    #[must_use]
    pub fn codec_string(&self, entry_type: [u8; 4]) -> String {
        let mut out = format!("{}.", entry_type.escape_ascii());
        match self.profile_space {
            1 => out.push('A'),
            2 => out.push('B'),
            3 => out.push('C'),
            _ => {}
        }
        let tier = if self.high_tier { 'H' } else { 'L' };
        // Writing to a string cannot fail.
        let _ = write!(
            out,
            "{}.{:X}.{tier}{}",
            self.profile_idc,
            self.compatibility.reverse_bits(),
            self.level_idc
        );
        let used = self
            .constraints
            .iter()
            .rposition(|&b| b != 0)
            .map_or(0, |at| at + 1);
        for byte in self.constraints.iter().take(used) {
            let _ = write!(out, ".{byte:X}");
        }
        out
    }

    /// Profile, level and tier by name: "Main 10 5.1", "Main 4.0 High tier".
    #[must_use]
    pub fn name(&self) -> String {
        // Profile 0 does not exist; some encoders leave it and set the compatibility flag alone.
        let profile_idc = match self.profile_idc {
            0 => self.compatibility.leading_zeros(),
            other => u32::from(other),
        };
        let profile = match profile_idc {
            1 => "Main",
            2 => "Main 10",
            3 => "Main Still Picture",
            4 => "Range Extensions",
            5 => "High Throughput",
            6 => "Multiview Main",
            7 => "Scalable Main",
            8 => "3D Main",
            9 => "Screen-Extended",
            10 => "Scalable Range Extensions",
            11 => "High Throughput Screen-Extended",
            _ => "unknown profile",
        };
        let tier = if self.high_tier { " High tier" } else { "" };
        format!(
            "{profile} {}.{}{tier}",
            self.level_idc / 30,
            self.level_idc % 30 / 3
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codec_strings_of_annex_e() {
        let mut ptl = ProfileTierLevel::from_bytes([1, 0x60, 0, 0, 0, 0xB0, 0, 0, 0, 0, 0, 93]);
        assert_eq!(ptl.codec_string(*b"hvc1"), "hvc1.1.6.L93.B0");
        assert_eq!(ptl.name(), "Main 3.1");
        ptl.constraints = [0; 6];
        assert_eq!(ptl.codec_string(*b"hev1"), "hev1.1.6.L93");
        ptl = ProfileTierLevel::from_bytes([0xA2, 0x20, 0, 0, 0, 0x90, 0, 1, 0, 0, 0, 153]);
        assert_eq!(ptl.codec_string(*b"hev1"), "hev1.B2.4.H153.90.0.1");
        assert_eq!(ptl.name(), "Main 10 5.1 High tier");
        assert_eq!(ProfileTierLevel::from_bytes(ptl.to_bytes()), ptl);
    }
}
