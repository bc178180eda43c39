//! The rest of a slice segment header of an I slice, behind the order count (7.3.6.1).

use super::Stop;
use crate::bits::Guarded;
use crate::h265::tools::{PpsTools, SpsTools, at_most, within};
use crate::h265::{NalType, Pps, Sps};
use h264_reader::rbsp::{BitRead, BitReaderError};

type Result<T> = std::result::Result<T, BitReaderError>;

/// What dependent slice segments take over from the independent one before them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SliceFields {
    /// `SliceQpY`.
    pub(super) qp: i32,
    /// `slice_sao_luma_flag`.
    pub(super) sao_luma: bool,
    /// `slice_sao_chroma_flag`.
    pub(super) sao_chroma: bool,
}

/// The parameter sets that a slice is read by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sets<'a> {
    pub(super) sps: &'a Sps,
    pub(super) sps_tools: &'a SpsTools,
    pub(super) pps_tools: &'a PpsTools,
}

impl<'a> Sets<'a> {
    /// Broken where the parameter sets are.
    pub(super) fn new(sps: &'a Sps, pps: &'a Pps) -> std::result::Result<Self, Stop> {
        let (Some(sps_tools), Some(pps_tools)) = (&sps.tools, &pps.tools) else {
            return Err(Stop::Broken);
        };
        let min_cb = (1 << sps_tools.min_cb_log2) - 1;
        let fits = sps.coded_width & min_cb == 0
            && sps.coded_height & min_cb == 0
            && pps_tools.cu_qp_delta_depth.unwrap_or_default()
                <= sps.ctb_log2_size - sps_tools.min_cb_log2;
        match fits {
            true => Ok(Self {
                sps,
                sps_tools,
                pps_tools,
            }),
            false => Err(Stop::Broken),
        }
    }

    /// `QpBdOffsetY`.
    pub(super) fn qp_bd_offset(&self) -> i32 {
        6 * (i32::from(self.sps.bit_depth_luma) - 8)
    }

    /// Reads on from behind `slice_pic_order_cnt_lsb` to `slice_loop_filter_across_slices_enabled_flag`.
    pub(super) fn slice_fields(
        &self,
        nal_type: NalType,
        r: &mut impl BitRead,
    ) -> Result<SliceFields> {
        let (sps, pps) = (self.sps_tools, self.pps_tools);
        if !nal_type.is_idr() {
            self.reference_pictures(r)?;
        }
        let sao_luma = sps.sao && r.read_bit("slice_sao_luma_flag")?;
        let sao_chroma =
            sps.sao && self.sps.chroma_format_idc != 0 && r.read_bit("slice_sao_chroma_flag")?;
        let delta = r.read_se("slice_qp_delta")?;
        let qp = i32::from(pps.init_qp).saturating_add(delta);
        within(-self.qp_bd_offset()..=51, qp)?;
        if pps.slice_chroma_qp_offsets {
            within(-12..=12, r.read_se("slice_cb_qp_offset")?)?;
            within(-12..=12, r.read_se("slice_cr_qp_offset")?)?;
        }
        let overridden =
            pps.deblocking_override && r.read_bit("deblocking_filter_override_flag")?;
        let mut deblocking_disabled = pps.deblocking_disabled;
        if overridden {
            deblocking_disabled = r.read_bit("slice_deblocking_filter_disabled_flag")?;
            if !deblocking_disabled {
                within(-6..=6, r.read_se("slice_beta_offset_div2")?)?;
                within(-6..=6, r.read_se("slice_tc_offset_div2")?)?;
            }
        }
        if pps.loop_filter_across_slices && (sao_luma || sao_chroma || !deblocking_disabled) {
            r.skip(1, "slice_loop_filter_across_slices_enabled_flag")?;
        }
        Ok(SliceFields {
            qp,
            sao_luma,
            sao_chroma,
        })
    }

    /// Reference picture sets: an intra picture has them too, for the pictures behind it.
    fn reference_pictures(&self, r: &mut impl BitRead) -> Result<()> {
        let sps = self.sps_tools;
        let sets = u32::from(sps.short_term.count);
        if !r.read_bit("short_term_ref_pic_set_sps_flag")? {
            sps.short_term.pass_own(r)?;
        } else if sets > 1 {
            let index: u32 = r.read_var(index_bits(sets), "short_term_ref_pic_set_idx")?;
            at_most(sets - 1, index)?;
        } else {
            at_most(sets, 1)?;
        }
        if let Some(known) = sps.long_term.map(u32::from) {
            let of_sps = match known {
                0 => 0,
                _ => at_most(known, r.read_ue("num_long_term_sps")?)?,
            };
            let own = at_most(33, r.read_ue("num_long_term_pics")?)?;
            for index in 0..of_sps + own {
                match index < of_sps {
                    true => r.skip(index_bits(known), "lt_idx_sps")?,
                    false => r.skip(u32::from(self.sps.log2_max_poc_lsb) + 1, "poc_lsb_lt")?,
                }
                if r.read_bit("delta_poc_msb_present_flag")? {
                    r.read_ue("delta_poc_msb_cycle_lt")?;
                }
            }
        }
        if sps.temporal_mvp {
            r.skip(1, "slice_temporal_mvp_enabled_flag")?;
        }
        Ok(())
    }

    /// The end of the header, of dependent slice segments too: entry points, extension, alignment. What is left are slice data.
    pub(super) fn slice_data<'d>(&self, mut bits: Guarded<&'d [u8]>) -> Result<&'d [u8]> {
        let mut reader = &mut bits;
        let r = &mut reader;
        if self.pps_tools.tiles.is_some() || self.pps_tools.wavefront {
            let blocks = self.sps.size_in_ctbs();
            let count = at_most(blocks, r.read_ue("num_entry_point_offsets")?)?;
            if count > 0 {
                let length = 1 + at_most(31, r.read_ue("offset_len_minus1")?)?;
                for _ in 0..count {
                    r.skip(length, "entry_point_offset_minus1")?;
                }
            }
        }
        if self.pps_tools.slice_header_extension {
            let length = r.read_ue("slice_segment_header_extension_length")?;
            r.skip(
                8 * at_most(256, length)?,
                "slice_segment_header_extension_data_byte",
            )?;
        }
        at_most(0, u32::from(!r.read_bit("alignment_bit_equal_to_one")?))?;
        while !r.byte_aligned() {
            at_most(0, u32::from(r.read_bit("alignment_bit_equal_to_zero")?))?;
        }
        Ok(bits.rest().copied().unwrap_or_default())
    }
}

/// Bits of an index below `count`.
const fn index_bits(count: u32) -> u32 {
    u32::BITS - count.saturating_sub(1).leading_zeros()
}
