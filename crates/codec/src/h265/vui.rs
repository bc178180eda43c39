//! The rest of a sequence parameter set up to the VUI's timing (7.3.2.2, 7.3.4, 7.3.7, E.2.1).
//!
//! Nothing behind the coding block sizes is needed to cut or order samples, so a failure here is only a missing frame rate.

use h264_reader::rbsp::{BitRead, BitReaderError};

type Result<T> = std::result::Result<T, BitReaderError>;

/// `vui_num_units_in_tick` and `vui_time_scale`.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Timing {
    num_units_in_tick: u32,
    time_scale: u32,
}

impl Timing {
    pub(super) fn rate(self) -> Option<(u64, u64)> {
        crate::reduced(self.time_scale.into(), self.num_units_in_tick.into())
    }
}

/// What is taken from the VUI.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Vui {
    pub(super) sample_aspect: Option<(u16, u16)>,
    pub(super) timing: Option<Timing>,
}

/// Reads on from behind `log2_diff_max_min_luma_coding_block_size`.
pub(super) fn read_to_timing(r: &mut impl BitRead, log2_max_poc_lsb: u8) -> Result<Vui> {
    r.read_ue("log2_min_luma_transform_block_size_minus2")?;
    r.read_ue("log2_diff_max_min_luma_transform_block_size")?;
    r.read_ue("max_transform_hierarchy_depth_inter")?;
    r.read_ue("max_transform_hierarchy_depth_intra")?;
    if r.read_bit("scaling_list_enabled_flag")?
        && r.read_bit("sps_scaling_list_data_present_flag")?
    {
        scaling_list_data(r)?;
    }
    r.skip(2, "amp_enabled_flag")?;
    if r.read_bit("pcm_enabled_flag")? {
        r.skip(8, "pcm_sample_bit_depth_luma_minus1")?;
        r.read_ue("log2_min_pcm_luma_coding_block_size_minus3")?;
        r.read_ue("log2_diff_max_min_pcm_luma_coding_block_size")?;
        r.skip(1, "pcm_loop_filter_disabled_flag")?;
    }
    short_term_ref_pic_sets(r)?;
    if r.read_bit("long_term_ref_pics_present_flag")? {
        for _ in 0..at_most(32, r.read_ue("num_long_term_ref_pics_sps")?)? {
            r.skip(u32::from(log2_max_poc_lsb) + 1, "lt_ref_pic_poc_lsb_sps")?;
        }
    }
    r.skip(2, "sps_temporal_mvp_enabled_flag")?;
    if r.read_bit("vui_parameters_present_flag")? {
        vui(r)
    } else {
        Ok(Vui::default())
    }
}

/// A count, refused beyond the standard's bound.
fn at_most(most: u32, value: u32) -> Result<u32> {
    if value > most {
        return Err(BitReaderError::ExpGolombTooLarge("count"));
    }
    Ok(value)
}

/// E.2.1, up to the timing; the sample aspect is kept even if what follows it is broken.
fn vui(r: &mut impl BitRead) -> Result<Vui> {
    let mut vui = Vui::default();
    if r.read_bit("aspect_ratio_info_present_flag")? {
        let idc: u8 = r.read::<8, u8>("aspect_ratio_idc")?;
        let aspect = if idc == 255 {
            (
                r.read::<16, u16>("sar_width")?,
                r.read::<16, u16>("sar_height")?,
            )
        } else {
            SAMPLE_ASPECTS
                .get(usize::from(idc))
                .copied()
                .unwrap_or_default()
        };
        vui.sample_aspect = Some(aspect).filter(|&(w, h)| w != 0 && h != 0);
    }
    vui.timing = timing(r).ok().flatten();
    Ok(vui)
}

fn timing(r: &mut impl BitRead) -> Result<Option<Timing>> {
    if r.read_bit("overscan_info_present_flag")? {
        r.skip(1, "overscan_appropriate_flag")?;
    }
    if r.read_bit("video_signal_type_present_flag")? {
        r.skip(4, "video_format")?;
        if r.read_bit("colour_description_present_flag")? {
            r.skip(24, "colour_primaries")?;
        }
    }
    if r.read_bit("chroma_loc_info_present_flag")? {
        r.read_ue("chroma_sample_loc_type_top_field")?;
        r.read_ue("chroma_sample_loc_type_bottom_field")?;
    }
    r.skip(3, "neutral_chroma_indication_flag")?;
    if r.read_bit("default_display_window_flag")? {
        for _ in 0..4 {
            r.read_ue("def_disp_win_offset")?;
        }
    }
    if !r.read_bit("vui_timing_info_present_flag")? {
        return Ok(None);
    }
    Ok(Some(Timing {
        num_units_in_tick: r.read::<32, u32>("vui_num_units_in_tick")?,
        time_scale: r.read::<32, u32>("vui_time_scale")?,
    }))
}

/// Table E.1, which H.265 shares with H.264.
const SAMPLE_ASPECTS: [(u16, u16); 17] = [
    (0, 0),
    (1, 1),
    (12, 11),
    (10, 11),
    (16, 11),
    (40, 33),
    (24, 11),
    (20, 11),
    (32, 11),
    (80, 33),
    (18, 11),
    (15, 11),
    (64, 33),
    (160, 99),
    (4, 3),
    (3, 2),
    (2, 1),
];

/// 7.3.4, passed over.
fn scaling_list_data(r: &mut impl BitRead) -> Result<()> {
    for size_id in 0..4 {
        let matrices = if size_id == 3 { 2 } else { 6 };
        for _ in 0..matrices {
            if !r.read_bit("scaling_list_pred_mode_flag")? {
                r.read_ue("scaling_list_pred_matrix_id_delta")?;
                continue;
            }
            if size_id > 1 {
                r.read_se("scaling_list_dc_coef_minus8")?;
            }
            for _ in 0..if size_id == 0 { 16 } else { 64 } {
                r.read_se("scaling_list_delta_coef")?;
            }
        }
    }
    Ok(())
}

/// Order count differences of a short-term reference picture set: the pictures before, nearest first, then those behind.
#[derive(Debug, Clone, Default)]
struct ShortTerm {
    negative: Vec<i64>,
    positive: Vec<i64>,
}

/// All `st_ref_pic_set()` of a sequence parameter set (7.3.7); each may be predicted from the one before.
fn short_term_ref_pic_sets(r: &mut impl BitRead) -> Result<()> {
    let count = at_most(64, r.read_ue("num_short_term_ref_pic_sets")?)?;
    let mut previous = ShortTerm::default();
    for index in 0..count {
        let predicted = index > 0 && r.read_bit("inter_ref_pic_set_prediction_flag")?;
        previous = if predicted {
            predict(r, &previous)?
        } else {
            let negative = at_most(16, r.read_ue("num_negative_pics")?)?;
            let positive = at_most(16, r.read_ue("num_positive_pics")?)?;
            ShortTerm {
                negative: differences(r, negative, -1)?,
                positive: differences(r, positive, 1)?,
            }
        };
    }
    Ok(())
}

fn differences(r: &mut impl BitRead, count: u32, sign: i64) -> Result<Vec<i64>> {
    let mut at = 0;
    (0..count)
        .map(|_| {
            at += sign * (i64::from(r.read_ue("delta_poc_minus1")?) + 1);
            r.skip(1, "used_by_curr_pic_flag")?;
            Ok(at)
        })
        .collect()
}

/// Inter prediction of a set (7-61, 7-62): every picture of the reference set, and the reference picture itself, moved by one distance.
fn predict(r: &mut impl BitRead, reference: &ShortTerm) -> Result<ShortTerm> {
    let backwards = r.read_bit("delta_rps_sign")?;
    let distance = i64::from(r.read_ue("abs_delta_rps_minus1")?) + 1;
    let delta = if backwards { -distance } else { distance };
    let mut moved = Vec::with_capacity(33);
    for poc in reference
        .negative
        .iter()
        .chain(&reference.positive)
        .chain(&[0])
    {
        let used = r.read_bit("used_by_curr_pic_flag")?;
        if used || r.read_bit("use_delta_flag")? {
            moved.push(poc + delta);
        }
    }
    moved.sort_unstable();
    let set = ShortTerm {
        negative: moved.iter().rev().copied().filter(|&d| d < 0).collect(),
        positive: moved.iter().copied().filter(|&d| d > 0).collect(),
    };
    // A prediction may grow a set by one picture each time.
    at_most(
        16,
        u32::try_from(set.negative.len().max(set.positive.len())).unwrap_or(u32::MAX),
    )?;
    Ok(set)
}
