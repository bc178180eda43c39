//! Video usability information (E.2.1), with its HRD parameters (E.2.2).
//!
//! Nothing in it is needed to cut or order samples, so a failure here is only a missing frame rate.

use super::tools::at_most;
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
    /// It was read to its end: what stands behind it can be read too.
    pub(super) whole: bool,
}

/// Reads it. The sample aspect and the timing are kept even if what follows them is broken.
pub(super) fn read(r: &mut impl BitRead, max_sub_layers: u8) -> Vui {
    let mut vui = Vui::default();
    vui.whole = vui.fill(r, max_sub_layers).is_ok();
    vui
}

impl Vui {
    fn fill(&mut self, r: &mut impl BitRead, max_sub_layers: u8) -> Result<()> {
        self.sample_aspect = sample_aspect(r)?;
        picture(r)?;
        if r.read_bit("vui_timing_info_present_flag")? {
            self.timing = Some(Timing {
                num_units_in_tick: r.read::<32, u32>("vui_num_units_in_tick")?,
                time_scale: r.read::<32, u32>("vui_time_scale")?,
            });
            if r.read_bit("vui_poc_proportional_to_timing_flag")? {
                r.read_ue("vui_num_ticks_poc_diff_one_minus1")?;
            }
            if r.read_bit("vui_hrd_parameters_present_flag")? {
                hrd(r, max_sub_layers)?;
            }
        }
        if r.read_bit("bitstream_restriction_flag")? {
            r.skip(3, "tiles_fixed_structure_flag")?;
            for _ in 0..5 {
                r.read_ue("min_spatial_segmentation_idc")?;
            }
        }
        Ok(())
    }
}

fn sample_aspect(r: &mut impl BitRead) -> Result<Option<(u16, u16)>> {
    if !r.read_bit("aspect_ratio_info_present_flag")? {
        return Ok(None);
    }
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
    Ok(Some(aspect).filter(|&(w, h)| w != 0 && h != 0))
}

/// What lies between the sample aspect and the timing.
fn picture(r: &mut impl BitRead) -> Result<()> {
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
    Ok(())
}

/// E.2.2, with the common information, passed over.
fn hrd(r: &mut impl BitRead, max_sub_layers: u8) -> Result<()> {
    let nal = r.read_bit("nal_hrd_parameters_present_flag")?;
    let vcl = r.read_bit("vcl_hrd_parameters_present_flag")?;
    let mut sub_pictures = false;
    if nal || vcl {
        sub_pictures = r.read_bit("sub_pic_hrd_params_present_flag")?;
        if sub_pictures {
            r.skip(19, "tick_divisor_minus2")?;
        }
        r.skip(8, "bit_rate_scale")?;
        if sub_pictures {
            r.skip(4, "cpb_size_du_scale")?;
        }
        r.skip(15, "initial_cpb_removal_delay_length_minus1")?;
    }
    for _ in 0..max_sub_layers {
        let fixed = r.read_bit("fixed_pic_rate_general_flag")?
            || r.read_bit("fixed_pic_rate_within_cvs_flag")?;
        let mut low_delay = false;
        if fixed {
            r.read_ue("elemental_duration_in_tc_minus1")?;
        } else {
            low_delay = r.read_bit("low_delay_hrd_flag")?;
        }
        let mut buffers = 1;
        if !low_delay {
            buffers += at_most(31, r.read_ue("cpb_cnt_minus1")?)?;
        }
        for _ in 0..buffers * (u32::from(nal) + u32::from(vcl)) {
            for _ in 0..if sub_pictures { 4 } else { 2 } {
                r.read_ue("bit_rate_value_minus1")?;
            }
            r.skip(1, "cbr_flag")?;
        }
    }
    Ok(())
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
