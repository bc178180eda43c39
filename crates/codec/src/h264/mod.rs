//! H.264 (Rec. ITU-T H.264, ISO/IEC 14496-10): configuration, parameter sets, slice headers, picture order count.

mod access;
#[cfg(test)]
mod access_tests;
mod config;
mod describe;
mod habits;
mod pic_timing;
mod poc;
mod slice;
mod slice_data;
mod sps;
#[cfg(test)]
mod streams;

pub(crate) use access::recogniser;
pub(crate) use describe::describe;

pub use config::AvcConfig;
pub use pic_timing::PicTiming;
pub use poc::{PicOrderCnt, PocState};
pub use slice::{Parity, SliceHeader, SliceType};
pub use sps::{ParameterSet, ParameterSets, PocType, Sps};

use crate::nal::{NalLengthSize, split};

/// `nal_unit_type`, the low five bits of a NAL unit's first byte (7.4.1, table 7-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NalType(pub u8);

impl NalType {
    /// Slice of a picture that is no IDR picture.
    pub const SLICE: Self = Self(1);
    /// Slice data partition A: the only partition with a slice header.
    pub const PARTITION_A: Self = Self(2);
    /// Slice of an IDR picture.
    pub const IDR: Self = Self(5);
    /// Supplemental enhancement information.
    pub const SEI: Self = Self(6);
    /// Sequence parameter set.
    pub const SPS: Self = Self(7);
    /// Picture parameter set.
    pub const PPS: Self = Self(8);
    /// Access unit delimiter.
    pub const AUD: Self = Self(9);
    /// Filler data.
    pub const FILLER: Self = Self(12);
    /// Sequence parameter set extension.
    pub const SPS_EXTENSION: Self = Self(13);

    /// The type of a NAL unit; `None` if it is empty or its `forbidden_zero_bit` is set.
    #[must_use]
    pub fn of(nal: &[u8]) -> Option<Self> {
        nal.first()
            .filter(|&&b| b & 0x80 == 0)
            .map(|b| Self(b & 31))
    }

    /// Whether this is coded slice data of the base picture (video coding layer): types 1 to 5.
    #[must_use]
    pub const fn is_vcl(self) -> bool {
        matches!(self.0, 1..=5)
    }

    /// A short name, for listings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self.0 {
            1 => "slice",
            2 => "slice data partition A",
            3 => "slice data partition B",
            4 => "slice data partition C",
            5 => "IDR slice",
            6 => "SEI",
            7 => "SPS",
            8 => "PPS",
            9 => "access unit delimiter",
            10 => "end of sequence",
            11 => "end of stream",
            12 => "filler data",
            13 => "SPS extension",
            14 => "prefix NAL unit",
            15 => "subset SPS",
            16 => "depth parameter set",
            19 => "auxiliary slice",
            20 => "slice extension",
            21 => "slice extension for depth view",
            17 | 18 | 22 | 23 => "reserved",
            _ => "unspecified",
        }
    }
}

/// Where a decoder can start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RandomAccess {
    /// The sample is an IDR picture: a sync sample (ISO/IEC 14496-15).
    pub idr: bool,
    /// `recovery_frame_cnt` of a recovery point SEI message (D.2.8): a decoder that starts here shows correct pictures after this many
    /// frames. Some writers mark such samples as sync samples too (open GOP, intra refresh).
    pub recovery_point: Option<u32>,
}

/// What kind of random access point a sample is. Reads NAL headers and SEI messages only; a defect in the lengths ends the look.
#[must_use]
pub fn random_access(sample: &[u8], length_size: NalLengthSize) -> RandomAccess {
    let mut found = RandomAccess::default();
    for nal in split(sample, length_size).map_while(Result::ok) {
        match NalType::of(nal.bytes) {
            Some(NalType::IDR) => {
                found.idr = true;
                return found;
            }
            Some(NalType::SEI) => {
                found.recovery_point = found.recovery_point.or_else(|| recovery_point(nal.bytes));
            }
            // SEI precedes the first slice.
            Some(kind) if kind.is_vcl() => return found,
            _ => {}
        }
    }
    found
}

/// `recovery_frame_cnt` of a recovery point message in this SEI NAL unit.
fn recovery_point(nal: &[u8]) -> Option<u32> {
    use h264_reader::rbsp::BitRead as _;
    let mut bits = crate::bits::rbsp_bits(nal, ONE);
    crate::bits::find_recovery_point(&mut bits)?;
    (&mut bits).read_ue("recovery_frame_cnt").ok()
}

/// The length of the NAL unit header in bytes.
const ONE: std::num::NonZeroUsize = std::num::NonZeroUsize::MIN;

/// The codec string of RFC 6381, 3.3, such as `avc1.640028`, for a sample entry of this type.
#[must_use]
pub fn codec_string(entry_type: [u8; 4], profile: u8, constraints: u8, level: u8) -> String {
    let entry = entry_type.escape_ascii();
    format!("{entry}.{profile:02X}{constraints:02X}{level:02X}")
}

/// The profile by its name in Annex A, "profile 42" where there is none.
#[must_use]
pub fn profile_name(profile_idc: u8, constraint_flags: u8) -> String {
    let set = |n: u8| constraint_flags & (0x80 >> n) != 0;
    let name = match profile_idc {
        44 => "CAVLC 4:4:4 Intra",
        66 if set(1) => "Constrained Baseline",
        66 => "Baseline",
        77 => "Main",
        83 => "Scalable Baseline",
        86 => "Scalable High",
        88 => "Extended",
        100 if set(4) && set(5) => "Constrained High",
        100 if set(4) => "Progressive High",
        100 => "High",
        110 if set(3) => "High 10 Intra",
        110 => "High 10",
        118 => "Multiview High",
        122 if set(3) => "High 4:2:2 Intra",
        122 => "High 4:2:2",
        128 => "Stereo High",
        244 if set(3) => "High 4:4:4 Intra",
        244 => "High 4:4:4 Predictive",
        other => return format!("profile {other}"),
    };
    name.to_owned()
}

/// The level as people write it: "4.0", "1b".
#[must_use]
pub fn level_name(profile_idc: u8, constraint_flags: u8, level_idc: u8) -> String {
    // Level 1b is 9 in the High profiles, 11 with constraint_set3_flag in the older ones (A.3.1, A.3.2).
    if level_idc == 9
        || (level_idc == 11 && constraint_flags & 0x10 != 0 && matches!(profile_idc, 66 | 77 | 88))
    {
        return "1b".to_owned();
    }
    format!("{}.{}", level_idc / 10, level_idc % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert_eq!(codec_string(*b"avc1", 0x64, 0, 0x28), "avc1.640028");
        assert_eq!(codec_string(*b"avc3", 0x42, 0xC0, 0x1E), "avc3.42C01E");
        assert_eq!(profile_name(66, 0x40), "Constrained Baseline");
        assert_eq!(profile_name(7, 0), "profile 7");
        assert_eq!(level_name(100, 0, 51), "5.1");
        assert_eq!(level_name(66, 0x10, 11), "1b");
        assert_eq!(level_name(100, 0x10, 11), "1.1");
    }

    #[test]
    fn random_access_by_idr_and_by_recovery_point() {
        let size = NalLengthSize::new(1).unwrap();
        let at = |sample: &[u8]| random_access(sample, size);
        assert!(at(&[2, 9, 0x10, 2, 0x65, 0x88]).idr);
        assert_eq!(at(&[2, 0x41, 0x9A]), RandomAccess::default());
        // A user data message (type 5, 2 bytes), then a recovery point with recovery_frame_cnt 14 (ue 0001111), as x264 writes it.
        let sei = [9, 6, 5, 2, 0xAA, 0xBB, 6, 1, 0x1F, 0x80, 2, 0x41, 0x9A];
        let found = at(&sei);
        assert_eq!(
            (found.idr, found.recovery_point),
            (false, Some(14)),
            "{found:?}"
        );
        // Behind the slice nothing counts any more.
        assert_eq!(at(&[2, 0x41, 0x9A, 4, 6, 6, 1, 0x80]).recovery_point, None);
    }
}
