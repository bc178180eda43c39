//! `HEVCDecoderConfigurationRecord`, the payload of hvcC (ISO/IEC 14496-15, 8.3.3.1).

use super::{NalType, ProfileTierLevel, Sps};
use crate::error::{CodecError, Result};
use crate::nal::NalLengthSize;

const NAME: &str = "hvcC";

/// The decoder configuration of an H.265 track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HevcConfig<'a> {
    /// Profile, tier and level.
    pub profile: ProfileTierLevel,
    /// 0 monochrome, 1 4:2:0, 2 4:2:2, 3 4:4:4.
    pub chroma_format_idc: u8,
    /// Bits of a luma sample.
    pub bit_depth_luma: u8,
    /// Bits of a chroma sample.
    pub bit_depth_chroma: u8,
    /// Frames in 256 seconds, 0 for unspecified.
    pub avg_frame_rate: u16,
    /// `numTemporalLayers`, 0 for unknown.
    pub temporal_layers: u8,
    /// `temporalIdNested`.
    pub temporal_id_nested: bool,
    /// Size of the lengths in the samples.
    pub length_size: NalLengthSize,
    /// The NAL units of all arrays (VPS, SPS, PPS, SEI), with their headers, in file order.
    pub nal_units: Vec<&'a [u8]>,
}

impl<'a> HevcConfig<'a> {
    /// Reads the payload of an hvcC box. What follows the arrays does not matter.
    ///
    /// # Errors
    /// The payload ends before its fixed fields or within an array, or `configurationVersion` is neither 1 nor 0 (early drafts).
    pub fn parse(payload: &'a [u8]) -> Result<Self> {
        let truncated = |element| CodecError::Truncated {
            structure: NAME,
            element,
        };
        let (fixed, mut rest) = payload
            .split_first_chunk::<23>()
            .ok_or(truncated("numOfArrays"))?;
        let [version, fixed @ ..] = *fixed;
        if version > 1 {
            return Err(CodecError::Malformed {
                structure: NAME,
                element: "configurationVersion",
            });
        }
        let (profile, _) = fixed
            .split_first_chunk::<12>()
            .ok_or(truncated("general_level_idc"))?;
        let [
            ..,
            chroma,
            luma_depth,
            chroma_depth,
            rate_high,
            rate_low,
            flags,
            arrays,
        ] = fixed;
        let mut take = |count: usize, element| -> Result<&'a [u8]> {
            let (taken, behind) = rest.split_at_checked(count).ok_or(truncated(element))?;
            rest = behind;
            Ok(taken)
        };
        let number = |bytes: &[u8]| bytes.iter().fold(0usize, |n, &b| n << 8 | usize::from(b));
        let mut nal_units = Vec::new();
        for _ in 0..arrays {
            take(1, "NAL_unit_type")?;
            for _ in 0..number(take(2, "numNalus")?) {
                let length = number(take(2, "nalUnitLength")?);
                let unit = take(length, "nalUnit")?;
                if !unit.is_empty() {
                    nal_units.push(unit);
                }
            }
        }
        Ok(Self {
            profile: ProfileTierLevel::from_bytes(*profile),
            chroma_format_idc: chroma & 3,
            bit_depth_luma: 8 + (luma_depth & 7),
            bit_depth_chroma: 8 + (chroma_depth & 7),
            avg_frame_rate: u16::from_be_bytes([rate_high, rate_low]),
            temporal_layers: flags >> 3 & 7,
            temporal_id_nested: flags & 4 != 0,
            length_size: NalLengthSize::from_minus_one(flags),
            nal_units,
        })
    }

    /// The NAL units of one type.
    pub fn of_type(&self, kind: NalType) -> impl Iterator<Item = &'a [u8]> {
        self.nal_units.iter().copied().filter(move |nal| {
            super::NalHeader::of(nal).is_some_and(|header| header.nal_type == kind)
        })
    }

    /// The payload of an hvcC box for these parameter sets, with lengths of four bytes; profile and format are the first SPS's.
    ///
    /// `complete` says that the samples hold no parameter sets (`array_completeness`): required for `hvc1`, false for `hev1`.
    ///
    /// # Errors
    /// There is no SPS, the first one is unreadable, or there are more than 65,535 sets or bytes in one.
    pub fn build(vps: &[&[u8]], sps: &[&[u8]], pps: &[&[u8]], complete: bool) -> Result<Vec<u8>> {
        let first = sps.first().ok_or(CodecError::Truncated {
            structure: NAME,
            element: "SPS",
        })?;
        let first = Sps::parse(first)?;
        let mut out = vec![1];
        out.extend_from_slice(&first.profile.to_bytes());
        // min_spatial_segmentation_idc 0, parallelismType 0: unknown. avgFrameRate 0, constantFrameRate 0: unspecified.
        out.extend_from_slice(&[
            0xF0,
            0,
            0xFC,
            0xFC | first.chroma_format_idc,
            0xF8 | (first.bit_depth_luma - 8) & 7,
            0xF8 | (first.bit_depth_chroma - 8) & 7,
            0,
            0,
            first.max_sub_layers << 3 | u8::from(first.temporal_id_nesting) << 2 | 3,
        ]);
        let lists = [
            (NalType::VPS, vps),
            (NalType::SPS, sps),
            (NalType::PPS, pps),
        ];
        let lists = lists.into_iter().filter(|(_, list)| !list.is_empty());
        out.push(u8::try_from(lists.clone().count()).unwrap_or(3));
        for (kind, list) in lists {
            out.push(u8::from(complete) << 7 | kind.0);
            out.extend_from_slice(&short(list.len())?);
            for nal in list {
                out.extend_from_slice(&short(nal.len())?);
                out.extend_from_slice(nal);
            }
        }
        Ok(out)
    }
}

fn short(count: usize) -> Result<[u8; 2]> {
    u16::try_from(count)
        .map(u16::to_be_bytes)
        .map_err(|_| CodecError::Limit {
            structure: "parameter set list",
            bytes: usize::from(u16::MAX),
        })
}
