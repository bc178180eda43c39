//! H.265 (Rec. ITU-T H.265, ISO/IEC 23008-2): configuration, parameter sets, slice segment headers, picture order count.
//!
//! Only the base layer (`nuh_layer_id` 0) is read; the others of a multi-layer stream are passed over.

mod access;
#[cfg(test)]
mod access_tests;
mod config;
mod describe;
mod habits;
mod poc;
mod profile;
mod ps;
mod rps;
mod slice;
mod slice_data;
#[cfg(test)]
mod streams;
mod tools;
mod vui;

pub(crate) use access::recogniser;
pub(crate) use describe::describe;

pub use config::HevcConfig;
pub use poc::{PicOrderCnt, PocState};
pub use profile::ProfileTierLevel;
pub use ps::{ParameterSet, ParameterSets, Pps, Sps, Vps};
pub use slice::{Independent, SliceHeader, SliceType};

use crate::nal::{NalLengthSize, split};
use std::num::NonZeroUsize;

/// The length of the NAL unit header in bytes.
const HEADER: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1);

/// The two bytes in front of a NAL unit (7.3.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NalHeader {
    /// What the unit is.
    pub nal_type: NalType,
    /// `nuh_layer_id`; 0 is the base layer.
    pub layer_id: u8,
    /// `TemporalId`, 0 to 6.
    pub temporal_id: u8,
}

impl NalHeader {
    /// Reads it; `None` if there are not two bytes, `forbidden_zero_bit` is set or `nuh_temporal_id_plus1` is 0.
    #[must_use]
    pub fn of(nal: &[u8]) -> Option<Self> {
        let [first, second, ..] = *nal else {
            return None;
        };
        let temporal_id = (second & 7).checked_sub(1)?;
        (first & 0x80 == 0).then_some(Self {
            nal_type: NalType(first >> 1),
            layer_id: (first & 1) << 5 | second >> 3,
            temporal_id,
        })
    }
}

/// `nal_unit_type`, 0 to 63 (table 7-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NalType(pub u8);

impl NalType {
    /// IDR picture that may have decodable leading pictures.
    pub const IDR_W_RADL: Self = Self(19);
    /// IDR picture without leading pictures.
    pub const IDR_N_LP: Self = Self(20);
    /// Clean random access picture.
    pub const CRA: Self = Self(21);
    /// Video parameter set.
    pub const VPS: Self = Self(32);
    /// Sequence parameter set.
    pub const SPS: Self = Self(33);
    /// Picture parameter set.
    pub const PPS: Self = Self(34);
    /// Access unit delimiter.
    pub const AUD: Self = Self(35);
    /// End of sequence.
    pub const EOS: Self = Self(36);
    /// SEI in front of the picture.
    pub const PREFIX_SEI: Self = Self(39);
    /// SEI behind slices of the picture.
    pub const SUFFIX_SEI: Self = Self(40);

    /// Whether this is a slice segment: types 0 to 9 and 16 to 21 (the others below 32 are reserved).
    #[must_use]
    pub const fn is_slice(self) -> bool {
        matches!(self.0, 0..=9 | 16..=21)
    }

    /// Intra random access point: types 16 to 23, of which 22 and 23 are reserved. A sync sample (ISO/IEC 14496-15).
    #[must_use]
    pub const fn is_irap(self) -> bool {
        matches!(self.0, 16..=23)
    }

    /// IDR picture: no order count in the slice header.
    #[must_use]
    pub const fn is_idr(self) -> bool {
        matches!(self.0, 19 | 20)
    }

    /// Broken link access picture.
    #[must_use]
    pub const fn is_bla(self) -> bool {
        matches!(self.0, 16..=18)
    }

    /// Leading picture, decodable (RADL) or not when decoding begins at its IRAP picture (RASL).
    #[must_use]
    pub const fn is_leading(self) -> bool {
        matches!(self.0, 6..=9)
    }

    /// No picture of the same temporal sub-layer refers to it: even types below 16.
    #[must_use]
    pub const fn is_sub_layer_non_reference(self) -> bool {
        self.0 < 16 && self.0 & 1 == 0
    }

    /// A short name, for listings: those of table 7-1 where people use them.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self.0 {
            0 => "TRAIL_N",
            1 => "TRAIL_R",
            2 => "TSA_N",
            3 => "TSA_R",
            4 => "STSA_N",
            5 => "STSA_R",
            6 => "RADL_N",
            7 => "RADL_R",
            8 => "RASL_N",
            9 => "RASL_R",
            16 => "BLA_W_LP",
            17 => "BLA_W_RADL",
            18 => "BLA_N_LP",
            19 => "IDR_W_RADL",
            20 => "IDR_N_LP",
            21 => "CRA",
            32 => "VPS",
            33 => "SPS",
            34 => "PPS",
            35 => "access unit delimiter",
            36 => "end of sequence",
            37 => "end of bitstream",
            38 => "filler data",
            39 => "prefix SEI",
            40 => "suffix SEI",
            10..=15 | 22..=31 | 41..=47 => "reserved",
            _ => "unspecified",
        }
    }
}

/// The type of the first slice segment of a sample, by NAL headers alone; `None` if there is none before a defect.
///
/// The sample is a sync sample if it [`is_irap`](NalType::is_irap).
#[must_use]
pub fn picture_type(sample: &[u8], length_size: NalLengthSize) -> Option<NalType> {
    split(sample, length_size)
        .map_while(Result::ok)
        .filter_map(|nal| NalHeader::of(nal.bytes))
        .find(|header| header.layer_id == 0 && header.nal_type.is_slice())
        .map(|header| header.nal_type)
}

/// `recovery_poc_cnt` of a recovery point message in this SEI NAL unit, unless it is negative (the order wraps there).
fn recovery_point(nal: &[u8]) -> Option<u32> {
    use h264_reader::rbsp::BitRead as _;
    let mut bits = crate::bits::rbsp_bits(nal, HEADER);
    crate::bits::find_recovery_point(&mut bits)?;
    u32::try_from((&mut bits).read_se("recovery_poc_cnt").ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_fields() {
        let header = NalHeader::of(&[0x42, 0x01]).unwrap();
        assert_eq!(
            (header.nal_type, header.layer_id, header.temporal_id),
            (NalType::SPS, 0, 0)
        );
        let header = NalHeader::of(&[0x03, 0x0B]).unwrap();
        assert_eq!(
            (header.nal_type.0, header.layer_id, header.temporal_id),
            (1, 33, 2)
        );
        assert_eq!(NalHeader::of(&[0x42]), None);
        assert_eq!(NalHeader::of(&[0xC2, 1]), None);
        assert_eq!(NalHeader::of(&[0x42, 0]), None);
    }

    #[test]
    fn picture_type_passes_over_parameter_sets_and_other_layers() {
        let size = NalLengthSize::new(1).unwrap();
        let sample = [2, 0x40, 1, 3, 0x02, 0x09, 0x80, 3, 0x2A, 1, 0x80];
        assert_eq!(picture_type(&sample, size), Some(NalType::CRA));
        assert_eq!(picture_type(&[2, 0x40, 1, 9], size), None);
    }
}
