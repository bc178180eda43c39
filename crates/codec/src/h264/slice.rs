//! Slice headers (7.3.3), as far as they tell pictures apart and put them in order.

use super::sps::{ParameterSets, PocType, Sps};
use super::{NalType, ONE};
use crate::bits::{Guarded, MAX_SLICE_HEADER, blame};
use crate::error::{CodecError, Result};
use h264_reader::nal::slice::{
    DecRefPicMarking, Field, FieldPic, MemoryManagementControlOperation, PicOrderCountLsb,
    SliceFamily, SliceHeader as Raw, SliceHeaderError,
};
use h264_reader::nal::{Nal as _, RefNal};
use h264_reader::rbsp::{BitRead as _, BitReader, ByteReader};

const NAME: &str = "H.264 slice header";

/// `slice_type` modulo 5 (table 7-6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SliceType {
    /// Predicted from one picture each.
    P,
    /// Predicted from two.
    B,
    /// Intra.
    I,
    /// Switching P.
    SP,
    /// Switching I.
    SI,
}

/// Which field of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Parity {
    /// Top field.
    Top,
    /// Bottom field.
    Bottom,
}

/// A slice header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SliceHeader {
    /// `nal_unit_type`: 1, 2 or 5.
    pub nal_type: NalType,
    /// `nal_ref_idc`, 0 to 3; 0 means that no other picture refers to this one.
    pub nal_ref_idc: u8,
    /// Address of the slice's first macroblock (pair, in macroblock-adaptive frames).
    pub first_mb: u32,
    /// I, P, B and so on.
    pub slice_type: SliceType,
    /// `pic_parameter_set_id`.
    pub pps_id: u8,
    /// Identifier of the SPS that the PPS refers to.
    pub sps_id: u8,
    /// `frame_num`, modulo 2^`log2_max_frame_num`.
    pub frame_num: u16,
    /// Which field, `None` for a whole frame.
    pub field: Option<Parity>,
    /// `idr_pic_id`, in IDR pictures only.
    pub idr_pic_id: Option<u32>,
    /// `pic_order_cnt_lsb`, 0 unless the POC type is 0.
    pub pic_order_cnt_lsb: u32,
    /// `delta_pic_order_cnt_bottom`, 0 where absent.
    pub delta_pic_order_cnt_bottom: i32,
    /// `delta_pic_order_cnt`, 0 where absent.
    pub delta_pic_order_cnt: [i32; 2],
    /// `redundant_pic_cnt`, 0 for the primary picture.
    pub redundant_pic_cnt: u32,
    /// `memory_management_control_operation` 5 occurs: the order starts anew with this picture.
    pub mmco5: bool,
    /// `disable_deblocking_filter_idc`, `slice_alpha_c0_offset_div2`, `slice_beta_offset_div2`; 0 where absent.
    pub deblocking: [i8; 3],
}

impl SliceHeader {
    /// Whether this is a slice of an IDR picture.
    #[must_use]
    pub fn is_idr(&self) -> bool {
        self.nal_type == NalType::IDR
    }
}

impl ParameterSets {
    /// Reads the slice header of a NAL unit (header byte included). The unit may be cut behind its header; at most its first 1024 bytes
    /// are looked at.
    ///
    /// # Errors
    /// It is no slice of types 1, 2 or 5, a parameter set is missing, the header ends early or has an illegal value (also: a first
    /// macroblock outside of the picture).
    pub fn slice_header(&self, nal: &[u8]) -> Result<SliceHeader> {
        self.read_slice_header(nal, false)
    }

    /// The same, held to what the standard demands beyond the syntax: what a decoder may overlook, noise should not get past.
    ///
    /// # Errors
    /// Also: an IDR picture with a `frame_num` or with other slices than I; slices that the profile does not have; a value out of its
    /// range; `cabac_alignment_one_bit` is 0.
    pub fn strict_slice_header(&self, nal: &[u8]) -> Result<SliceHeader> {
        self.read_slice_header(nal, true)
    }

    fn read_slice_header(&self, nal: &[u8], strict: bool) -> Result<SliceHeader> {
        let malformed = |element| CodecError::Malformed {
            structure: NAME,
            element,
        };
        let nal_type = NalType::of(nal)
            .filter(|kind| matches!(*kind, NalType::SLICE | NalType::PARTITION_A | NalType::IDR))
            .ok_or(malformed("nal_unit_type"))?;
        // A cut unit reads as one whose end has not arrived.
        let head = nal.get(..MAX_SLICE_HEADER).unwrap_or(nal);
        let unit = RefNal::new(head, &[], head.len() == nal.len());
        let header = unit.header().map_err(|_| malformed("forbidden_zero_bit"))?;
        let pps_id = pps_id(&unit)?;
        let mut bits = Guarded::new(unit.rbsp_bits());
        let (raw, sps, pps) =
            Raw::from_bits(&self.context, &mut &mut bits, header, None).map_err(slice_error)?;
        let sps = self.known(sps.id())?;
        let fields = if sps.frame_mbs_only { 1 } else { 2 };
        if raw.first_mb_in_slice >= sps.frame_size_in_mbs().max(1)
            || fields == 1 && raw.field_pic != FieldPic::Frame
        {
            return Err(malformed("first_mb_in_slice"));
        }
        if strict {
            demand(&raw, sps, nal_type)?;
            if pps.entropy_coding_mode_flag {
                let mut r = &mut bits;
                while !r.byte_aligned() {
                    if !r.read_bit("cabac_alignment_one_bit").map_err(blame(NAME))? {
                        return Err(malformed("cabac_alignment_one_bit"));
                    }
                }
            }
        }
        let mut slice = SliceHeader {
            nal_type,
            nal_ref_idc: header.nal_ref_idc(),
            first_mb: raw.first_mb_in_slice,
            slice_type: match raw.slice_type.family {
                SliceFamily::P => SliceType::P,
                SliceFamily::B => SliceType::B,
                SliceFamily::I => SliceType::I,
                SliceFamily::SP => SliceType::SP,
                SliceFamily::SI => SliceType::SI,
            },
            pps_id,
            sps_id: sps.id,
            frame_num: raw.frame_num,
            field: match raw.field_pic {
                FieldPic::Frame => None,
                FieldPic::Field(Field::Top) => Some(Parity::Top),
                FieldPic::Field(Field::Bottom) => Some(Parity::Bottom),
            },
            idr_pic_id: raw.idr_pic_id,
            pic_order_cnt_lsb: 0,
            delta_pic_order_cnt_bottom: 0,
            delta_pic_order_cnt: [0; 2],
            redundant_pic_cnt: raw.redundant_pic_cnt.unwrap_or_default(),
            mmco5: matches!(
                &raw.dec_ref_pic_marking,
                Some(DecRefPicMarking::Adaptive(operations)) if operations.iter().any(|operation| {
                    matches!(operation, MemoryManagementControlOperation::AllRefPicturesUnused)
                })
            ),
            deblocking: [
                i32::from(raw.disable_deblocking_filter_idc),
                raw.slice_alpha_c0_offset_div2.unwrap_or_default(),
                raw.slice_beta_offset_div2.unwrap_or_default(),
            ]
            .map(|value| i8::try_from(value).unwrap_or(i8::MAX)),
        };
        match raw.pic_order_cnt_lsb {
            Some(PicOrderCountLsb::Frame(lsb)) => slice.pic_order_cnt_lsb = lsb,
            Some(PicOrderCountLsb::FieldsAbsolute {
                pic_order_cnt_lsb,
                delta_pic_order_cnt_bottom,
            }) => {
                slice.pic_order_cnt_lsb = pic_order_cnt_lsb;
                slice.delta_pic_order_cnt_bottom = delta_pic_order_cnt_bottom;
            }
            Some(PicOrderCountLsb::FieldsDelta(delta)) => slice.delta_pic_order_cnt = delta,
            None => debug_assert_eq!(sps.poc, PocType::DecodeOrder),
        }
        Ok(slice)
    }
}

/// Semantic constraints (7.4.3, A.2).
fn demand(raw: &Raw, sps: &Sps, nal_type: NalType) -> Result<()> {
    let malformed = |element| CodecError::Malformed {
        structure: NAME,
        element,
    };
    let intra = matches!(raw.slice_type.family, SliceFamily::I | SliceFamily::SI);
    let in_profile = match raw.slice_type.family {
        SliceFamily::P | SliceFamily::I => true,
        SliceFamily::B => sps.profile_idc != 66,
        SliceFamily::SP | SliceFamily::SI => sps.profile_idc == 88,
    };
    if !in_profile || nal_type == NalType::IDR && !intra {
        return Err(malformed("slice_type"));
    }
    if nal_type == NalType::IDR && raw.frame_num != 0 {
        return Err(malformed("frame_num"));
    }
    if raw.idr_pic_id.is_some_and(|id| id > 65_535) {
        return Err(malformed("idr_pic_id"));
    }
    if raw.cabac_init_idc.is_some_and(|idc| idc > 2) {
        return Err(malformed("cabac_init_idc"));
    }
    Ok(())
}

/// `pic_parameter_set_id`, which the reader keeps to itself.
fn pps_id(unit: &RefNal<'_>) -> Result<u8> {
    let mut bits = BitReader::new(ByteReader::skipping_bytes(unit.reader(), ONE));
    bits.read_ue("first_mb_in_slice").map_err(blame(NAME))?;
    bits.read_ue("slice_type").map_err(blame(NAME))?;
    let id = bits.read_ue("pic_parameter_set_id").map_err(blame(NAME))?;
    u8::try_from(id).map_err(|_| CodecError::Malformed {
        structure: NAME,
        element: "pic_parameter_set_id",
    })
}

fn slice_error(error: SliceHeaderError) -> CodecError {
    use SliceHeaderError as E;
    let element = match error {
        E::RbspError(e) => return blame(NAME)(e),
        E::UndefinedPicParamSetId(id) => {
            return CodecError::MissingParameterSet {
                kind: "PPS",
                id: u32::from(id.id()),
            };
        }
        E::UndefinedSeqParamSetId(id) => {
            return CodecError::MissingParameterSet {
                kind: "SPS",
                id: u32::from(id.id()),
            };
        }
        E::UnsupportedSyntax(feature) => {
            return CodecError::Unsupported {
                structure: NAME,
                feature,
            };
        }
        E::InvalidSliceType(_) => "slice_type",
        E::InvalidSeqParamSetId(_) => "pic_parameter_set_id",
        E::ColourPlaneError(_) => "colour_plane_id",
        E::InvalidModificationOfPicNumIdc(_) => "modification_of_pic_nums_idc",
        E::InvalidMemoryManagementControlOperation(_) => "memory_management_control_operation",
        E::InvalidSliceQpDelta(_) => "slice_qp_delta",
        E::InvalidSliceQsDelta(_) => "slice_qs_delta",
        E::InvalidDisableDeblockingFilterIdc(_) => "disable_deblocking_filter_idc",
        E::InvalidSliceAlphaC0OffsetDiv2(_) => "slice_alpha_c0_offset_div2",
        E::InvalidSliceBetaOffsetDiv2(_) => "slice_beta_offset_div2",
        E::InvalidNumRefIdx(name, _) => name,
    };
    CodecError::Malformed {
        structure: NAME,
        element,
    }
}
