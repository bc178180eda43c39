//! Where the data of a slice begins, and what it is read with.

use super::Format;
use crate::bits::{Guarded, blame};
use crate::error::{CodecError, Result};
use crate::h264::sps::ParameterSets;
use crate::h264::{SliceHeader, SliceType};
use crate::nal::trim_trailing_zeros;
use h264_reader::nal::slice::SliceHeader as Raw;
use h264_reader::nal::sps::{ChromaFormat, FrameMbsFlags};
use h264_reader::nal::{Nal as _, RefNal};
use h264_reader::rbsp::{BitRead as _, BitReader, decode_nal};
use std::borrow::Cow;

const NAME: &str = "H.264 slice";

/// A slice at its first macroblock.
pub(super) struct Start<'a> {
    /// What tells pictures apart.
    pub(super) header: SliceHeader,
    pub(super) format: Format,
    /// `PicWidthInMbs`.
    pub(super) width: usize,
    /// `PicSizeInMbs`.
    pub(super) size: usize,
    /// `MbaffFrameFlag`.
    pub(super) paired: bool,
    /// `field_pic_flag`.
    pub(super) field: bool,
    /// `CurrMbAddr` of the first macroblock.
    pub(super) first_mb: usize,
    /// `entropy_coding_mode_flag`.
    pub(super) arithmetic: bool,
    /// `SliceQPY`.
    pub(super) qp: i32,
    /// The payload of the NAL unit, without emulation prevention.
    pub(super) rbsp: Cow<'a, [u8]>,
    /// Of `slice_data` in the payload, in bits.
    pub(super) position: usize,
}

impl<'a> Start<'a> {
    /// Reads the whole header of a slice.
    ///
    /// # Errors
    /// As [`ParameterSets::strict_slice_header`]; `Unsupported` where its data is not read here.
    pub(super) fn of(sets: &ParameterSets, nal: &'a [u8]) -> Result<Self> {
        let malformed = |element| CodecError::Malformed {
            structure: NAME,
            element,
        };
        let unsupported = |feature| CodecError::Unsupported {
            structure: NAME,
            feature,
        };
        let nal = trim_trailing_zeros(nal);
        let header = sets.strict_slice_header(nal)?;
        let rbsp = decode_nal(nal).map_err(|_| malformed("emulation_prevention_three_byte"))?;
        let mut bits = Guarded::new(BitReader::new(&*rbsp));
        let nal_header = RefNal::new(nal, &[], true).header();
        let nal_header = nal_header.map_err(|_| malformed("nal_unit_header"))?;
        let mut r = &mut bits;
        let (raw, sps, pps) = Raw::from_bits(&sets.context, &mut r, nal_header, None)
            .map_err(|_| malformed("slice_header"))?;
        let mut past = 0;
        while !r.byte_aligned() {
            r.skip(1, "slice_data").map_err(blame(NAME))?;
            past += 1;
        }
        let left = bits.rest().map_or(0, |rest| rest.len());
        let position = 8 * (rbsp.len() - left) - past;
        if pps.slice_groups.is_some() {
            return Err(unsupported("slice groups"));
        }
        if sps.chroma_info.separate_colour_plane_flag {
            return Err(unsupported("separate colour planes"));
        }
        if header.slice_type == SliceType::SI {
            return Err(unsupported("SI slices"));
        }
        let field = header.field.is_some();
        let (paired, rows) = match sps.frame_mbs_flags {
            FrameMbsFlags::Frames => (false, 1),
            FrameMbsFlags::Fields { .. } if field => (false, 1),
            FrameMbsFlags::Fields {
                mb_adaptive_frame_field_flag,
            } => (mb_adaptive_frame_field_flag, 2),
        };
        let index = |value: u32| usize::try_from(value).unwrap_or(usize::MAX);
        let width = index(sps.pic_width_in_mbs());
        let height = index(sps.pic_height_in_map_units()).saturating_mul(rows);
        let chroma = &sps.chroma_info;
        let extra = pps.extension.as_ref();
        Ok(Self {
            header,
            format: Format {
                chroma_array_type: match chroma.chroma_format {
                    ChromaFormat::Monochrome => 0,
                    ChromaFormat::YUV420 => 1,
                    ChromaFormat::YUV422 => 2,
                    ChromaFormat::YUV444 => 3,
                    ChromaFormat::Invalid(_) => return Err(malformed("chroma_format_idc")),
                },
                bit_depth_luma: 8 + chroma.bit_depth_luma_minus8,
                bit_depth_chroma: 8 + chroma.bit_depth_chroma_minus8,
                transform_8x8: extra.is_some_and(|extra| extra.transform_8x8_mode_flag),
                long_levels: !matches!(u8::from(sps.profile_idc), 66 | 77 | 88),
            },
            width,
            // The reader has checked that this is the size of a legal level.
            size: width.saturating_mul(height),
            paired,
            field,
            first_mb: index(header.first_mb).saturating_mul(if paired { 2 } else { 1 }),
            arithmetic: pps.entropy_coding_mode_flag,
            qp: 26 + pps.pic_init_qp_minus26 + raw.slice_qp_delta,
            rbsp,
            position,
        })
    }
}
