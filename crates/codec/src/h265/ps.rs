//! Video, sequence and picture parameter sets (7.3.2.1 to 7.3.2.3).

use super::tools::{PpsTools, SpsTools, sps_extended};
use super::vui::{self, Timing, Vui};
use super::{HEADER, NalHeader, NalType, ProfileTierLevel};
use crate::bits::{Guarded, MAX_PARAMETER_SET, blame, rbsp_bits};
use crate::error::{CodecError, Result};
use crate::nal::trim_trailing_zeros;
use crate::order::ReorderDepth;
use h264_reader::rbsp::{BitRead, ByteReader};
use std::sync::Arc;

/// What a video parameter set says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vps {
    /// `vps_video_parameter_set_id`, 0 to 15.
    pub id: u8,
    /// Temporal sub-layers, 1 to 7.
    pub max_sub_layers: u8,
    /// Profile, tier and level.
    pub profile: ProfileTierLevel,
}

/// What a sequence parameter set says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sps {
    /// `sps_seq_parameter_set_id`, 0 to 15.
    pub id: u8,
    /// The VPS it refers to.
    pub vps_id: u8,
    /// Temporal sub-layers, 1 to 7.
    pub max_sub_layers: u8,
    /// `sps_temporal_id_nesting_flag`.
    pub temporal_id_nesting: bool,
    /// Profile, tier and level.
    pub profile: ProfileTierLevel,
    /// 0 monochrome, 1 4:2:0, 2 4:2:2, 3 4:4:4.
    pub chroma_format_idc: u8,
    /// The colour planes are coded apart.
    pub separate_colour_planes: bool,
    /// Width of the coded picture in luma samples.
    pub coded_width: u32,
    /// Height of the coded picture in luma samples.
    pub coded_height: u32,
    /// Width in luma samples within the conformance window.
    pub width: u32,
    /// Height in luma samples within the conformance window.
    pub height: u32,
    /// Bits of a luma sample, 8 to 16.
    pub bit_depth_luma: u8,
    /// Bits of a chroma sample, 8 to 16.
    pub bit_depth_chroma: u8,
    /// Bits of `slice_pic_order_cnt_lsb`, 4 to 16.
    pub log2_max_poc_lsb: u8,
    /// `sps_max_dec_pic_buffering_minus1` of the highest sub-layer.
    pub max_dec_pic_buffering_minus1: u32,
    /// `sps_max_num_reorder_pics` of the highest sub-layer.
    pub max_num_reorder_pics: u32,
    /// Log2 of the coding tree block size, 4 to 6 (3 is let pass).
    pub ctb_log2_size: u8,
    /// Width and height of a sample, where the VUI gives them.
    pub sample_aspect: Option<(u16, u16)>,
    /// Pictures per second as (numerator, denominator), reduced, from the VUI: nominal.
    pub frame_rate: Option<(u64, u64)>,
    /// What slice data is read by; `None` if it is unreadable.
    pub(super) tools: Option<SpsTools>,
}

impl Sps {
    /// Reads a sequence parameter set NAL unit (two header bytes included). A VUI that cannot be read is left out.
    ///
    /// # Errors
    /// It is no SPS of the base layer, is longer than 4096 bytes, ends early, or has an illegal value before the VUI.
    pub fn parse(nal: &[u8]) -> Result<Self> {
        const NAME: &str = "H.265 SPS";
        let error = blame(NAME);
        let malformed = |element| CodecError::Malformed {
            structure: NAME,
            element,
        };
        let mut bits = open(nal, NalType::SPS, NAME)?;
        let mut reader = &mut bits;
        let r = &mut reader;
        let vps_id: u8 = r
            .read::<4, u8>("sps_video_parameter_set_id")
            .map_err(&error)?;
        let max_sub_layers: u8 = 1 + r
            .read::<3, u8>("sps_max_sub_layers_minus1")
            .map_err(&error)?;
        if max_sub_layers > 7 {
            return Err(malformed("sps_max_sub_layers_minus1"));
        }
        let temporal_id_nesting = r.read_bit("sps_temporal_id_nesting_flag").map_err(&error)?;
        let profile = ProfileTierLevel::read(r, max_sub_layers, NAME)?;
        let id = byte(bounded(r, "sps_seq_parameter_set_id", 15)?);
        let chroma_format_idc = byte(bounded(r, "chroma_format_idc", 3)?);
        let separate_colour_planes =
            chroma_format_idc == 3 && r.read_bit("separate_colour_plane_flag").map_err(&error)?;
        // Level 6.2 ends at 16,888, the format at 16 bits in the sample entry.
        let coded_width = bounded(r, "pic_width_in_luma_samples", 65_535)?;
        let coded_height = bounded(r, "pic_height_in_luma_samples", 65_535)?;
        if coded_width == 0 || coded_height == 0 {
            return Err(malformed("pic_width_in_luma_samples"));
        }
        let window = r.read_bit("conformance_window_flag").map_err(&error)?;
        let (mut width, mut height) = (coded_width, coded_height);
        if window {
            let crop_x = if matches!(chroma_format_idc, 1 | 2) {
                2
            } else {
                1
            };
            let crop_y = if chroma_format_idc == 1 { 2 } else { 1 };
            let mut cut = |name, unit: u32| -> Result<u32> {
                let offset = r.read_ue(name).map_err(&error)?;
                Ok(offset.saturating_mul(unit))
            };
            let left = cut("conf_win_left_offset", crop_x)?;
            let right = cut("conf_win_right_offset", crop_x)?;
            let top = cut("conf_win_top_offset", crop_y)?;
            let bottom = cut("conf_win_bottom_offset", crop_y)?;
            width = width.saturating_sub(left.saturating_add(right));
            height = height.saturating_sub(top.saturating_add(bottom));
            if width == 0 || height == 0 {
                return Err(malformed("conformance_window"));
            }
        }
        let bit_depth_luma = 8 + byte(bounded(r, "bit_depth_luma_minus8", 8)?);
        let bit_depth_chroma = 8 + byte(bounded(r, "bit_depth_chroma_minus8", 8)?);
        let log2_max_poc_lsb = 4 + byte(bounded(r, "log2_max_pic_order_cnt_lsb_minus4", 12)?);
        let every = r
            .read_bit("sps_sub_layer_ordering_info_present_flag")
            .map_err(&error)?;
        let (mut max_dec_pic_buffering_minus1, mut max_num_reorder_pics) = (0, 0);
        for _ in 0..if every { max_sub_layers } else { 1 } {
            // The highest sub-layer's values stand last.
            max_dec_pic_buffering_minus1 = r
                .read_ue("sps_max_dec_pic_buffering_minus1")
                .map_err(&error)?;
            max_num_reorder_pics = r.read_ue("sps_max_num_reorder_pics").map_err(&error)?;
            r.read_ue("sps_max_latency_increase_plus1")
                .map_err(&error)?;
        }
        let min_cb = r
            .read_ue("log2_min_luma_coding_block_size_minus3")
            .map_err(&error)?;
        let diff = r
            .read_ue("log2_diff_max_min_luma_coding_block_size")
            .map_err(&error)?;
        let ctb_log2_size = min_cb.saturating_add(diff).saturating_add(3);
        if ctb_log2_size > 6 {
            return Err(malformed("log2_diff_max_min_luma_coding_block_size"));
        }
        let (min_cb, ctb_log2_size) = (byte(min_cb + 3), byte(ctb_log2_size));
        let mut tools = SpsTools::read(r, min_cb, ctb_log2_size, log2_max_poc_lsb).ok();
        let mut vui = Vui::default();
        if let Some(tools) = &mut tools {
            let there = r.read_bit("vui_parameters_present_flag");
            if matches!(there, Ok(true)) {
                vui = vui::read(r, max_sub_layers);
            }
            let sound = vui.whole || matches!(there, Ok(false));
            tools.extended = !sound || sps_extended(r).unwrap_or(true);
        }
        Ok(Self {
            id,
            vps_id,
            max_sub_layers,
            temporal_id_nesting,
            profile,
            chroma_format_idc,
            separate_colour_planes,
            coded_width,
            coded_height,
            width,
            height,
            bit_depth_luma,
            bit_depth_chroma,
            log2_max_poc_lsb,
            max_dec_pic_buffering_minus1,
            max_num_reorder_pics,
            ctb_log2_size,
            sample_aspect: vui.sample_aspect,
            frame_rate: vui.timing.and_then(Timing::rate),
            tools,
        })
    }

    /// How deep pictures are reordered: `sps_max_num_reorder_pics` of the highest sub-layer.
    #[must_use]
    pub fn reorder_depth(&self) -> ReorderDepth {
        match u8::try_from(self.max_num_reorder_pics) {
            Ok(depth @ 0..=16) => ReorderDepth::Known(depth),
            _ => ReorderDepth::Unknown { at_most: 16 },
        }
    }

    /// `PicSizeInCtbsY`: how many coding tree blocks a picture has.
    #[must_use]
    pub const fn size_in_ctbs(&self) -> u32 {
        let size = 1 << self.ctb_log2_size;
        self.coded_width.div_ceil(size) * self.coded_height.div_ceil(size)
    }
}

impl Vps {
    /// Reads a video parameter set NAL unit (two header bytes included), up to its profile.
    ///
    /// # Errors
    /// It is no VPS of the base layer, is longer than 4096 bytes, or ends early.
    pub fn parse(nal: &[u8]) -> Result<Self> {
        const NAME: &str = "H.265 VPS";
        let error = blame(NAME);
        let mut bits = open(nal, NalType::VPS, NAME)?;
        let mut reader = &mut bits;
        let r = &mut reader;
        let id: u8 = r
            .read::<4, u8>("vps_video_parameter_set_id")
            .map_err(&error)?;
        // Base layer flags and vps_max_layers_minus1.
        r.skip(8, "vps_max_layers_minus1").map_err(&error)?;
        let max_sub_layers: u8 = 1 + r
            .read::<3, u8>("vps_max_sub_layers_minus1")
            .map_err(&error)?;
        if max_sub_layers > 7 {
            return Err(CodecError::Malformed {
                structure: NAME,
                element: "vps_max_sub_layers_minus1",
            });
        }
        // vps_temporal_id_nesting_flag and vps_reserved_0xffff_16bits.
        r.skip(17, "vps_reserved_0xffff_16bits").map_err(&error)?;
        let profile = ProfileTierLevel::read(r, max_sub_layers, NAME)?;
        Ok(Self {
            id,
            max_sub_layers,
            profile,
        })
    }
}

/// What slice headers need of a picture parameter set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pps {
    /// `pps_pic_parameter_set_id`, 0 to 63.
    pub id: u8,
    /// The SPS it refers to.
    pub sps_id: u8,
    /// `dependent_slice_segments_enabled_flag`.
    pub dependent_slice_segments: bool,
    /// `output_flag_present_flag`.
    pub output_flag_present: bool,
    /// `num_extra_slice_header_bits`, 0 to 7.
    pub extra_slice_header_bits: u8,
    /// What slice data is read by; `None` if it is unreadable.
    pub(super) tools: Option<PpsTools>,
}

impl Pps {
    /// Reads a picture parameter set NAL unit (two header bytes included), as far as its fields go.
    ///
    /// # Errors
    /// It is no PPS of the base layer, is longer than 4096 bytes, ends early, or has an illegal identifier.
    pub fn parse(nal: &[u8]) -> Result<Self> {
        const NAME: &str = "H.265 PPS";
        let error = blame(NAME);
        let mut bits = open(nal, NalType::PPS, NAME)?;
        let mut r = &mut bits;
        let id = r.read_ue("pps_pic_parameter_set_id").map_err(&error)?;
        let sps_id = r.read_ue("pps_seq_parameter_set_id").map_err(&error)?;
        if id > 63 || sps_id > 15 {
            return Err(CodecError::Malformed {
                structure: NAME,
                element: "pps_pic_parameter_set_id",
            });
        }
        Ok(Self {
            id: byte(id),
            sps_id: byte(sps_id),
            dependent_slice_segments: r
                .read_bit("dependent_slice_segments_enabled_flag")
                .map_err(&error)?,
            output_flag_present: r.read_bit("output_flag_present_flag").map_err(&error)?,
            extra_slice_header_bits: r
                .read::<3, u8>("num_extra_slice_header_bits")
                .map_err(&error)?,
            tools: PpsTools::read(&mut r).ok(),
        })
    }
}

/// An Exp-Golomb value of an SPS, refused above `most`.
fn bounded(r: &mut impl BitRead, element: &'static str, most: u32) -> Result<u32> {
    const NAME: &str = "H.265 SPS";
    let value = r.read_ue(element).map_err(blame(NAME))?;
    if value > most {
        return Err(CodecError::Malformed {
            structure: NAME,
            element,
        });
    }
    Ok(value)
}

/// Values that were checked to be small.
fn byte(value: u32) -> u8 {
    u8::try_from(value).unwrap_or(u8::MAX)
}

/// The bits behind the header of a parameter set of this kind.
fn open<'a>(
    nal: &'a [u8],
    kind: NalType,
    structure: &'static str,
) -> Result<Guarded<ByteReader<&'a [u8]>>> {
    if !NalHeader::of(nal).is_some_and(|h| h.nal_type == kind && h.layer_id == 0) {
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
    Ok(rbsp_bits(nal, HEADER))
}

/// Which parameter set [`ParameterSets::add`] took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ParameterSet {
    /// A video parameter set with this identifier.
    Vps(u8),
    /// A sequence parameter set with this identifier.
    Sps(u8),
    /// A picture parameter set with this identifier.
    Pps(u8),
}

/// The parameter sets in force, as a decoder keeps them: a later one replaces an earlier one with its identifier.
#[derive(Debug, Clone, Default)]
pub struct ParameterSets {
    sps: Vec<Arc<Sps>>,
    pps: Vec<Pps>,
}

impl ParameterSets {
    /// No parameter sets yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// All parameter sets of a configuration. Unreadable ones are left out: others may do.
    #[must_use]
    pub fn of_config(config: &super::HevcConfig<'_>) -> Self {
        let mut sets = Self::new();
        for nal in &config.nal_units {
            // A broken set shows later as a missing one, if anything refers to it.
            let _ = sets.add(nal);
        }
        sets
    }

    /// Takes a VPS, SPS or PPS NAL unit of the base layer; others are `Ok(None)`. A VPS is checked, not kept: nothing here needs it.
    ///
    /// # Errors
    /// It is unreadable. What was there before stays in force.
    pub fn add(&mut self, nal: &[u8]) -> Result<Option<ParameterSet>> {
        match NalHeader::of(nal) {
            Some(header) if header.layer_id != 0 => Ok(None),
            Some(header) => match header.nal_type {
                NalType::VPS => Ok(Some(ParameterSet::Vps(Vps::parse(nal)?.id))),
                NalType::SPS => {
                    let sps = Sps::parse(nal)?;
                    put(&mut self.sps, Arc::new(sps), |known| known.id == sps.id);
                    Ok(Some(ParameterSet::Sps(sps.id)))
                }
                NalType::PPS => {
                    let pps = Pps::parse(nal)?;
                    put(&mut self.pps, pps, |known| known.id == pps.id);
                    Ok(Some(ParameterSet::Pps(pps.id)))
                }
                _ => Ok(None),
            },
            None => Ok(None),
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

    /// The picture parameter set with this identifier.
    #[must_use]
    pub fn pps(&self, id: u8) -> Option<&Pps> {
        self.pps.iter().find(|pps| pps.id == id)
    }

    /// Makes them others than they were written.
    #[cfg(test)]
    pub(super) fn change(&mut self, change: impl Fn(&mut Sps, &mut Pps)) {
        let before = self.sps.clone();
        for pps in &mut self.pps {
            // Once for each, though several refer to it.
            for (sps, before) in self.sps.iter_mut().zip(&before) {
                if before.id == pps.sps_id {
                    let mut changed = **before;
                    change(&mut changed, pps);
                    *sps = Arc::new(changed);
                }
            }
        }
    }

    /// All sequence parameter sets, in the order of their first appearance.
    pub fn all_sps(&self) -> impl Iterator<Item = &Sps> {
        self.sps.iter().map(Arc::as_ref)
    }
}

fn put<T>(list: &mut Vec<T>, item: T, same: impl Fn(&T) -> bool) {
    match list.iter_mut().find(|known| same(known)) {
        Some(known) => *known = item,
        None => list.push(item),
    }
}
