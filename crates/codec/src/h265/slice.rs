//! Slice segment headers (7.3.6.1), up to the order count.

use super::ps::ParameterSets;
use super::{HEADER, NalHeader};
use crate::bits::{Guarded, MAX_SLICE_HEADER, blame, rbsp_bits};
use crate::error::{CodecError, Result};
use h264_reader::rbsp::BitRead as _;
use std::io::BufRead;

const NAME: &str = "H.265 slice segment header";

/// `slice_type` (table 7-7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SliceType {
    /// Predicted from two pictures.
    B,
    /// Predicted from one.
    P,
    /// Intra.
    I,
}

/// A slice segment header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SliceHeader {
    /// NAL unit type and temporal sub-layer.
    pub nal: NalHeader,
    /// `first_slice_segment_in_pic_flag`: a picture begins here.
    pub first_in_picture: bool,
    /// `slice_pic_parameter_set_id`.
    pub pps_id: u8,
    /// Identifier of the SPS that the PPS refers to.
    pub sps_id: u8,
    /// `slice_segment_address` in coding tree blocks, 0 for the first.
    pub address: u32,
    /// What only an independent slice segment says; a dependent one continues the one before.
    pub independent: Option<Independent>,
}

/// The fields that a dependent slice segment leaves out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Independent {
    /// I, P or B.
    pub slice_type: SliceType,
    /// `slice_pic_order_cnt_lsb`, 0 for IDR pictures.
    pub pic_order_cnt_lsb: u32,
}

impl ParameterSets {
    /// Reads the slice segment header of a NAL unit (two header bytes included). The unit may be cut behind its header; at most its
    /// first 1024 bytes are looked at.
    ///
    /// # Errors
    /// It is no slice segment of the base layer, a parameter set is missing, the header ends early or has an illegal value.
    pub fn slice_header(&self, nal: &[u8]) -> Result<SliceHeader> {
        let head = nal.get(..MAX_SLICE_HEADER).unwrap_or(nal);
        self.slice_header_bits(NalHeader::of(nal), &mut rbsp_bits(head, HEADER))
    }

    /// The same from the bits behind the NAL unit header, and up to where they are read.
    pub(super) fn slice_header_bits<R: BufRead + Clone>(
        &self,
        header: Option<NalHeader>,
        bits: &mut Guarded<R>,
    ) -> Result<SliceHeader> {
        let error = blame(NAME);
        let malformed = |element| CodecError::Malformed {
            structure: NAME,
            element,
        };
        let header = header
            .filter(|header| header.nal_type.is_slice())
            .ok_or(malformed("nal_unit_type"))?;
        if header.layer_id != 0 {
            return Err(CodecError::Unsupported {
                structure: NAME,
                feature: "a layer other than the base layer",
            });
        }
        if header.nal_type.is_irap() && header.temporal_id != 0 {
            return Err(malformed("nuh_temporal_id_plus1"));
        }
        let mut r = bits;
        let first_in_picture = r
            .read_bit("first_slice_segment_in_pic_flag")
            .map_err(&error)?;
        if header.nal_type.is_irap() {
            r.read_bit("no_output_of_prior_pics_flag").map_err(&error)?;
        }
        let pps_id = r.read_ue("slice_pic_parameter_set_id").map_err(&error)?;
        let missing = |kind, id| CodecError::MissingParameterSet { kind, id };
        let pps = u8::try_from(pps_id)
            .ok()
            .and_then(|id| self.pps(id))
            .ok_or(missing("PPS", pps_id))?;
        let sps = self
            .sps(pps.sps_id)
            .ok_or(missing("SPS", u32::from(pps.sps_id)))?;
        let (mut dependent, mut address) = (false, 0);
        if !first_in_picture {
            if pps.dependent_slice_segments {
                dependent = r.read_bit("dependent_slice_segment_flag").map_err(&error)?;
            }
            let blocks = sps.size_in_ctbs();
            // Ceil(Log2(PicSizeInCtbsY)) bits.
            let length = u32::BITS - blocks.saturating_sub(1).leading_zeros();
            address = r
                .read_var(length, "slice_segment_address")
                .map_err(&error)?;
            if address == 0 || address >= blocks {
                return Err(malformed("slice_segment_address"));
            }
        }
        let mut slice = SliceHeader {
            nal: header,
            first_in_picture,
            pps_id: pps.id,
            sps_id: sps.id,
            address,
            independent: None,
        };
        if dependent {
            return Ok(slice);
        }
        r.skip(
            u32::from(pps.extra_slice_header_bits),
            "slice_reserved_flag",
        )
        .map_err(&error)?;
        let slice_type = match r.read_ue("slice_type").map_err(&error)? {
            0 => SliceType::B,
            1 => SliceType::P,
            2 => SliceType::I,
            _ => return Err(malformed("slice_type")),
        };
        if header.nal_type.is_irap() && slice_type != SliceType::I {
            return Err(malformed("slice_type"));
        }
        if pps.output_flag_present {
            r.skip(1, "pic_output_flag").map_err(&error)?;
        }
        if sps.separate_colour_planes {
            r.skip(2, "colour_plane_id").map_err(&error)?;
        }
        let pic_order_cnt_lsb = if header.nal_type.is_idr() {
            0
        } else {
            r.read_var(u32::from(sps.log2_max_poc_lsb), "slice_pic_order_cnt_lsb")
                .map_err(&error)?
        };
        slice.independent = Some(Independent {
            slice_type,
            pic_order_cnt_lsb,
        });
        Ok(slice)
    }
}
