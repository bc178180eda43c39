//! Sequence and picture parameter sets (7.3.2.1, 7.3.2.2): what a file, a player or a recogniser needs of them.

use crate::bits::{Guarded, MAX_PARAMETER_SET, blame, rbsp_bits};
use crate::error::{CodecError, Result};
use crate::nal::trim_trailing_zeros;
use crate::order::ReorderDepth;
use h264_reader::Context;
use h264_reader::nal::pps::{PicParameterSet, PpsError};
use h264_reader::nal::sps::{
    AspectRatioInfo, ChromaFormat, FrameMbsFlags, PicOrderCntError, PicOrderCntType,
    ScalingMatrixError, SeqParamSetId, SeqParameterSet, SpsError,
};
use std::fmt;
use std::sync::Arc;

const NAME: &str = "H.264 SPS";

/// How the picture order count is coded (8.2.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PocType {
    /// Type 0: low bits in each slice header.
    Lsb {
        /// Number of those bits, 4 to 16.
        log2_max_lsb: u8,
    },
    /// Type 1: an expected cycle, differences in the slice headers.
    Cycle {
        /// Added for pictures that are no reference.
        offset_for_non_ref_pic: i32,
        /// From the top field to the bottom field.
        offset_for_top_to_bottom_field: i32,
        /// `offset_for_ref_frame`, one for each reference frame of the cycle, at most 255.
        offsets: Vec<i32>,
    },
    /// Type 2: decode order is presentation order.
    DecodeOrder,
}

/// What a sequence parameter set says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sps {
    /// `seq_parameter_set_id`, 0 to 31.
    pub id: u8,
    /// Annex A.
    pub profile_idc: u8,
    /// The constraint flags as a byte, `constraint_set0_flag` highest.
    pub constraint_flags: u8,
    /// Ten times the level (or 9 for level 1b).
    pub level_idc: u8,
    /// 0 monochrome, 1 4:2:0, 2 4:2:2, 3 4:4:4.
    pub chroma_format_idc: u8,
    /// Bits of a luma sample, 8 to 14.
    pub bit_depth_luma: u8,
    /// Bits of a chroma sample, 8 to 14.
    pub bit_depth_chroma: u8,
    /// Width of the coded picture in luma samples, a multiple of 16.
    pub coded_width: u32,
    /// Height of the coded frame in luma samples, a multiple of 16 (32 with fields).
    pub coded_height: u32,
    /// Width in luma samples after cropping.
    pub width: u32,
    /// Height of a frame in luma samples after cropping.
    pub height: u32,
    /// Width and height of a sample, where the VUI gives them.
    pub sample_aspect: Option<(u16, u16)>,
    /// No fields and no macroblock-adaptive frames occur.
    pub frame_mbs_only: bool,
    /// Bits of `frame_num`, 4 to 16.
    pub log2_max_frame_num: u8,
    /// Picture order count.
    pub poc: PocType,
    /// `max_num_ref_frames`.
    pub max_num_ref_frames: u32,
    /// Frames per second as (numerator, denominator), reduced, from the VUI: `time_scale` / (2 * `num_units_in_tick`). A nominal value;
    /// only with [`fixed_frame_rate`](Self::fixed_frame_rate) a promise, and cameras break it even then.
    pub frame_rate: Option<(u64, u64)>,
    /// `fixed_frame_rate_flag` of the VUI.
    pub fixed_frame_rate: bool,
    /// `max_num_reorder_frames` of the VUI's bitstream restriction.
    pub max_num_reorder_frames: Option<u32>,
}

impl Sps {
    /// Reads a sequence parameter set NAL unit (header byte included).
    ///
    /// What real encoders get wrong does not lose the rest: an understated level is accepted, and a VUI with contradictions is read
    /// without its bitstream restriction, or left out.
    ///
    /// # Errors
    /// It is no SPS, is longer than 4096 bytes, ends early, or has an illegal value before the VUI.
    pub fn parse(nal: &[u8]) -> Result<Self> {
        read(nal).map(|(sps, _)| sps)
    }

    /// Profile and level by name: "High 4.0".
    #[must_use]
    pub fn profile_level(&self) -> String {
        let (profile, flags) = (self.profile_idc, self.constraint_flags);
        format!(
            "{} {}",
            super::profile_name(profile, flags),
            super::level_name(profile, flags, self.level_idc)
        )
    }

    /// The codec string of RFC 6381.
    #[must_use]
    pub fn codec_string(&self, entry_type: [u8; 4]) -> String {
        super::codec_string(
            entry_type,
            self.profile_idc,
            self.constraint_flags,
            self.level_idc,
        )
    }

    /// The picture size in macroblocks of a whole frame.
    #[must_use]
    pub const fn frame_size_in_mbs(&self) -> u32 {
        (self.coded_width / 16).saturating_mul(self.coded_height / 16)
    }

    /// How deep frames may be reordered (E.2.1, semantics of `max_num_reorder_frames`).
    ///
    /// Known to be 0 where decode order is presentation order (POC type 2), where there are no B slices (Baseline, Constrained High)
    /// and in the intra profiles. Baseline may in theory reorder P pictures; no encoder does, and [`crate::order::DecodeTimes`] tells.
    #[must_use]
    pub fn reorder_depth(&self) -> ReorderDepth {
        let set = |n: u8| self.constraint_flags & (0x80 >> n) != 0;
        let intra_only = matches!(self.profile_idc, 44 | 86 | 100 | 110 | 122 | 244) && set(3);
        let no_b_slices = self.profile_idc == 66 || (self.profile_idc == 100 && set(4) && set(5));
        if self.poc == PocType::DecodeOrder || intra_only || no_b_slices {
            return ReorderDepth::Known(0);
        }
        let at_most = self.max_dpb_frames();
        match self.max_num_reorder_frames {
            Some(depth) => u8::try_from(depth)
                .ok()
                .filter(|&depth| depth <= 16)
                .map_or(ReorderDepth::Unknown { at_most }, ReorderDepth::Known),
            None => ReorderDepth::Unknown { at_most },
        }
    }

    /// `MaxDpbFrames`: the decoded picture buffer of the level in frames of this size, 1 to 16 (A.3.1, table A-1).
    #[must_use]
    pub fn max_dpb_frames(&self) -> u8 {
        let max_dpb_mbs: u32 = match self.level_idc {
            9 | 10 => 396,
            11 if self.constraint_flags & 0x10 != 0 && matches!(self.profile_idc, 66 | 77 | 88) => {
                396
            }
            11 => 900,
            12 | 13 | 20 => 2376,
            21 => 4752,
            22 | 30 => 8100,
            31 => 18_000,
            32 => 20_480,
            40 | 41 => 32_768,
            42 => 34_816,
            50 => 110_400,
            51 | 52 => 184_320,
            60..=62 => 696_320,
            _ => return 16,
        };
        let frames = max_dpb_mbs / self.frame_size_in_mbs().max(1);
        // A level too low for the picture size bounds nothing; the reference frames still need their room.
        let frames = frames.max(self.max_num_ref_frames).clamp(1, 16);
        u8::try_from(frames).unwrap_or(16)
    }

    fn summarise(
        sps: &SeqParameterSet,
        level_idc: u8,
        max_num_reorder_frames: Option<u32>,
    ) -> Result<Self> {
        let malformed = |element| CodecError::Malformed {
            structure: NAME,
            element,
        };
        let frame_mbs_only = sps.frame_mbs_flags == FrameMbsFlags::Frames;
        let (width, height) = sps
            .pixel_dimensions()
            .ok()
            .filter(|&(width, height)| width > 0 && height > 0)
            .ok_or(malformed("frame_crop_offset"))?;
        let chroma_format_idc = match sps.chroma_info.chroma_format {
            ChromaFormat::Monochrome => 0,
            ChromaFormat::YUV420 => 1,
            ChromaFormat::YUV422 => 2,
            ChromaFormat::YUV444 => 3,
            ChromaFormat::Invalid(_) => return Err(malformed("chroma_format_idc")),
        };
        // The reader has checked that the number of macroblocks is that of a legal level.
        let field_factor = if frame_mbs_only { 1 } else { 2 };
        let vui = sps.vui_parameters.as_ref();
        let timing = vui.and_then(|vui| vui.timing_info.as_ref());
        Ok(Self {
            id: sps.seq_parameter_set_id.id(),
            profile_idc: sps.profile_idc.into(),
            constraint_flags: sps.constraint_flags.into(),
            level_idc,
            chroma_format_idc,
            bit_depth_luma: 8 + sps.chroma_info.bit_depth_luma_minus8,
            bit_depth_chroma: 8 + sps.chroma_info.bit_depth_chroma_minus8,
            coded_width: sps.pic_width_in_mbs().saturating_mul(16),
            coded_height: sps
                .pic_height_in_map_units()
                .saturating_mul(16 * field_factor),
            width,
            height,
            sample_aspect: vui
                .and_then(|vui| vui.aspect_ratio_info.as_ref())
                .and_then(AspectRatioInfo::get),
            frame_mbs_only,
            log2_max_frame_num: sps.log2_max_frame_num(),
            poc: match &sps.pic_order_cnt {
                PicOrderCntType::TypeZero {
                    log2_max_pic_order_cnt_lsb_minus4,
                } => PocType::Lsb {
                    log2_max_lsb: log2_max_pic_order_cnt_lsb_minus4 + 4,
                },
                PicOrderCntType::TypeOne {
                    offset_for_non_ref_pic,
                    offset_for_top_to_bottom_field,
                    offsets_for_ref_frame,
                    ..
                } => PocType::Cycle {
                    offset_for_non_ref_pic: *offset_for_non_ref_pic,
                    offset_for_top_to_bottom_field: *offset_for_top_to_bottom_field,
                    offsets: offsets_for_ref_frame.clone(),
                },
                PicOrderCntType::TypeTwo => PocType::DecodeOrder,
            },
            max_num_ref_frames: sps.max_num_ref_frames,
            frame_rate: timing.and_then(|t| {
                crate::reduced(u64::from(t.time_scale), 2 * u64::from(t.num_units_in_tick))
            }),
            fixed_frame_rate: timing.is_some_and(|t| t.fixed_frame_rate_flag),
            max_num_reorder_frames,
        })
    }
}

/// The parameter set for people, and the one that slice headers are read with.
pub(super) fn read(nal: &[u8]) -> Result<(Sps, SeqParameterSet)> {
    let nal = parameter_set(nal, super::NalType::SPS, NAME)?;
    let level_idc = nal.get(3).copied().unwrap_or_default();
    let mut reorder = None;
    let mut attempt = |hidden: Option<&'static str>| {
        let mut bits = rbsp_bits(nal, super::ONE).hiding(hidden).at_any_level();
        let result = SeqParameterSet::from_bits(&mut bits);
        reorder = bits.max_num_reorder_frames.or(reorder);
        result
    };
    let sps = attempt(None)
        .or_else(|_| attempt(Some("bitstream_restriction_flag")))
        .or_else(|_| attempt(Some("vui_parameters_present_flag")))
        .map_err(sps_error)?;
    Ok((Sps::summarise(&sps, level_idc, reorder)?, sps))
}

/// Checks kind and length, and takes off padding.
fn parameter_set<'a>(
    nal: &'a [u8],
    kind: super::NalType,
    structure: &'static str,
) -> Result<&'a [u8]> {
    if super::NalType::of(nal) != Some(kind) {
        return Err(CodecError::Malformed {
            structure,
            element: "nal_unit_type",
        });
    }
    let nal = trim_trailing_zeros(nal);
    if nal.len() > MAX_PARAMETER_SET {
        return Err(CodecError::Limit {
            structure,
            bytes: MAX_PARAMETER_SET,
        });
    }
    Ok(nal)
}

fn sps_error(error: SpsError) -> CodecError {
    let element = match error {
        SpsError::RbspReaderError(e)
        | SpsError::PicOrderCnt(PicOrderCntError::ReaderError(e))
        | SpsError::ScalingMatrix(ScalingMatrixError::ReaderError(e)) => return blame(NAME)(e),
        SpsError::BitDepthOutOfRange(_) => "bit_depth",
        SpsError::PicOrderCnt(_) => "pic_order_cnt_type",
        SpsError::ScalingMatrix(_) => "delta_scale",
        SpsError::Log2MaxFrameNumMinus4OutOfRange(_) => "log2_max_frame_num_minus4",
        SpsError::BadSeqParamSetId(_) | SpsError::UnknownSeqParamSetId(_) => "seq_parameter_set_id",
        SpsError::FieldValueTooLarge { name, .. } | SpsError::FieldValueTooSmall { name, .. } => {
            name
        }
        SpsError::CroppingError(_) => "frame_crop_offset",
        SpsError::CpbCountOutOfRange(_) => "cpb_cnt_minus1",
    };
    CodecError::Malformed {
        structure: NAME,
        element,
    }
}

fn pps_error(error: PpsError) -> CodecError {
    const NAME: &str = "H.264 PPS";
    match error {
        PpsError::RbspReaderError(e)
        | PpsError::ScalingMatrix(ScalingMatrixError::ReaderError(e)) => blame(NAME)(e),
        PpsError::UnknownSeqParamSetId(id) => CodecError::MissingParameterSet {
            kind: "SPS",
            id: u32::from(id.id()),
        },
        _ => CodecError::Malformed {
            structure: NAME,
            element: "value",
        },
    }
}

/// Which parameter set [`ParameterSets::add`] took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ParameterSet {
    /// A sequence parameter set with this identifier.
    Sps(u8),
    /// A picture parameter set with this identifier.
    Pps(u8),
}

/// The parameter sets in force, as a decoder keeps them: a later one replaces an earlier one with its identifier.
#[derive(Default)]
pub struct ParameterSets {
    pub(super) context: Context,
    sps: Vec<Arc<Sps>>,
}

impl Clone for ParameterSets {
    fn clone(&self) -> Self {
        let mut context = Context::new();
        for sps in self.context.sps() {
            context.put_seq_param_set(sps.clone());
        }
        for pps in self.context.pps() {
            context.put_pic_param_set(pps.clone());
        }
        Self {
            context,
            sps: self.sps.clone(),
        }
    }
}

impl fmt::Debug for ParameterSets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParameterSets")
            .field("sps", &self.sps)
            .finish_non_exhaustive()
    }
}

impl ParameterSets {
    /// No parameter sets yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// All parameter sets of a configuration. Unreadable ones are left out: others may do.
    #[must_use]
    pub fn of_config(config: &super::AvcConfig<'_>) -> Self {
        let mut sets = Self::new();
        for nal in config.sps.iter().chain(&config.pps) {
            // A broken set shows later as a missing one, if anything refers to it.
            let _ = sets.add(nal);
        }
        sets
    }

    /// Takes an SPS or PPS NAL unit; others are `Ok(None)`.
    ///
    /// # Errors
    /// It is unreadable, or a PPS refers to an SPS that is not there. What was there before stays in force.
    pub fn add(&mut self, nal: &[u8]) -> Result<Option<ParameterSet>> {
        match super::NalType::of(nal) {
            Some(super::NalType::SPS) => {
                let (summary, sps) = read(nal)?;
                let id = summary.id;
                match self.sps.iter_mut().find(|known| known.id == id) {
                    Some(known) => *known = Arc::new(summary),
                    None => self.sps.push(Arc::new(summary)),
                }
                self.context.put_seq_param_set(sps);
                Ok(Some(ParameterSet::Sps(id)))
            }
            Some(super::NalType::PPS) => {
                let nal = parameter_set(nal, super::NalType::PPS, "H.264 PPS")?;
                let mut bits: Guarded<_> = rbsp_bits(nal, super::ONE);
                let pps =
                    PicParameterSet::from_bits(&self.context, &mut bits).map_err(pps_error)?;
                let id = pps.pic_parameter_set_id.id();
                self.context.put_pic_param_set(pps);
                Ok(Some(ParameterSet::Pps(id)))
            }
            _ => Ok(None),
        }
    }

    /// The sequence parameter set with this identifier.
    #[must_use]
    pub fn sps(&self, id: u8) -> Option<&Sps> {
        self.shared_sps(id).map(Arc::as_ref)
    }

    /// The same, to be kept.
    pub(crate) fn shared_sps(&self, id: u8) -> Option<&Arc<Sps>> {
        self.sps.iter().find(|sps| sps.id == id)
    }

    /// All sequence parameter sets, in the order of their first appearance.
    pub fn all_sps(&self) -> impl Iterator<Item = &Sps> {
        self.sps.iter().map(Arc::as_ref)
    }

    /// Whether any picture parameter set was taken.
    #[must_use]
    pub fn has_pps(&self) -> bool {
        self.context.pps().next().is_some()
    }

    /// The SPS that the slice reader uses under this identifier.
    pub(super) fn known(&self, id: SeqParamSetId) -> Result<&Sps> {
        self.sps(id.id()).ok_or(CodecError::MissingParameterSet {
            kind: "SPS",
            id: u32::from(id.id()),
        })
    }
}
