//! Picture parameter sets of H.265 (7.3.2.3.1).

use super::writer::BitWriter;
use super::{Changes, Variant, by_distance, differences};
use crate::bits::rbsp_bits;
use crate::h265::{NalHeader, NalType};
use crate::nal::trim_trailing_zeros;
use h264_reader::rbsp::BitRead as _;
use std::num::NonZeroUsize;

const HEADER: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pps {
    header: [u8; 2],
    id: u32,
    sps_id: u32,
    dependent_slice_segments_enabled: bool,
    output_flag_present: bool,
    num_extra_slice_header_bits: u8,
    sign_data_hiding_enabled: bool,
    cabac_init_present: bool,
    num_ref_idx_default_active_minus1: [u32; 2],
    init_qp_minus26: i32,
    constrained_intra_pred: bool,
    transform_skip_enabled: bool,
    /// `cu_qp_delta_enabled_flag` with `diff_cu_qp_delta_depth`.
    cu_qp_delta_depth: Option<u32>,
    chroma_qp_offsets: [i32; 2],
    slice_chroma_qp_offsets_present: bool,
    weighted_pred: bool,
    weighted_bipred: bool,
    transquant_bypass_enabled: bool,
    entropy_coding_sync_enabled: bool,
    loop_filter_across_slices_enabled: bool,
    deblocking: Option<Deblocking>,
    lists_modification_present: bool,
    log2_parallel_merge_level_minus2: u32,
    slice_segment_header_extension_present: bool,
}

/// What stands behind `deblocking_filter_control_present_flag`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Deblocking {
    override_enabled: bool,
    /// `pps_beta_offset_div2` and `pps_tc_offset_div2`, unless it is disabled.
    offsets: Option<[i32; 2]>,
}

impl Pps {
    fn read(nal: &[u8]) -> Option<Self> {
        let nal = trim_trailing_zeros(nal);
        let is_pps = NalHeader::of(nal).is_some_and(|h| h.nal_type == NalType::PPS);
        if !is_pps || nal.len() > crate::bits::MAX_PARAMETER_SET {
            return None;
        }
        let mut bits = rbsp_bits(nal, HEADER);
        let mut r = &mut bits;
        let mut pps = Self {
            header: *nal.first_chunk()?,
            id: r.read_ue("").ok()?,
            sps_id: r.read_ue("").ok()?,
            dependent_slice_segments_enabled: r.read_bit("").ok()?,
            output_flag_present: r.read_bit("").ok()?,
            num_extra_slice_header_bits: r.read::<3, u8>("").ok()?,
            sign_data_hiding_enabled: r.read_bit("").ok()?,
            cabac_init_present: r.read_bit("").ok()?,
            num_ref_idx_default_active_minus1: [r.read_ue("").ok()?, r.read_ue("").ok()?],
            init_qp_minus26: r.read_se("").ok()?,
            constrained_intra_pred: r.read_bit("").ok()?,
            transform_skip_enabled: r.read_bit("").ok()?,
            cu_qp_delta_depth: match r.read_bit("").ok()? {
                true => Some(r.read_ue("diff_cu_qp_delta_depth").ok()?),
                false => None,
            },
            chroma_qp_offsets: [r.read_se("").ok()?, r.read_se("").ok()?],
            slice_chroma_qp_offsets_present: r.read_bit("").ok()?,
            weighted_pred: r.read_bit("").ok()?,
            weighted_bipred: r.read_bit("").ok()?,
            transquant_bypass_enabled: r.read_bit("").ok()?,
            entropy_coding_sync_enabled: {
                // Tiles are not for pictures of a camera's size.
                if r.read_bit("tiles_enabled_flag").ok()? {
                    return None;
                }
                r.read_bit("").ok()?
            },
            loop_filter_across_slices_enabled: r.read_bit("").ok()?,
            deblocking: None,
            lists_modification_present: false,
            log2_parallel_merge_level_minus2: 0,
            slice_segment_header_extension_present: false,
        };
        if r.read_bit("deblocking_filter_control_present_flag").ok()? {
            let override_enabled = r.read_bit("").ok()?;
            let disabled = r.read_bit("").ok()?;
            pps.deblocking = Some(Deblocking {
                override_enabled,
                offsets: match disabled {
                    true => None,
                    false => Some([r.read_se("").ok()?, r.read_se("").ok()?]),
                },
            });
        }
        if r.read_bit("pps_scaling_list_data_present_flag").ok()? {
            return None;
        }
        pps.lists_modification_present = r.read_bit("").ok()?;
        pps.log2_parallel_merge_level_minus2 = r.read_ue("").ok()?;
        pps.slice_segment_header_extension_present = r.read_bit("").ok()?;
        let extended = r.read_bit("pps_extension_present_flag").ok()?;
        (!extended).then_some(pps)
    }

    fn write(&self) -> Vec<u8> {
        let mut w = BitWriter::default();
        w.ue(self.id);
        w.ue(self.sps_id);
        w.bit(self.dependent_slice_segments_enabled);
        w.bit(self.output_flag_present);
        w.bits(u32::from(self.num_extra_slice_header_bits), 3);
        w.bit(self.sign_data_hiding_enabled);
        w.bit(self.cabac_init_present);
        for count in self.num_ref_idx_default_active_minus1 {
            w.ue(count);
        }
        w.se(self.init_qp_minus26);
        w.bit(self.constrained_intra_pred);
        w.bit(self.transform_skip_enabled);
        w.bit(self.cu_qp_delta_depth.is_some());
        if let Some(depth) = self.cu_qp_delta_depth {
            w.ue(depth);
        }
        for offset in self.chroma_qp_offsets {
            w.se(offset);
        }
        w.bit(self.slice_chroma_qp_offsets_present);
        w.bit(self.weighted_pred);
        w.bit(self.weighted_bipred);
        w.bit(self.transquant_bypass_enabled);
        w.bit(false);
        w.bit(self.entropy_coding_sync_enabled);
        w.bit(self.loop_filter_across_slices_enabled);
        w.bit(self.deblocking.is_some());
        if let Some(deblocking) = self.deblocking {
            w.bit(deblocking.override_enabled);
            w.bit(deblocking.offsets.is_none());
            for offset in deblocking.offsets.into_iter().flatten() {
                w.se(offset);
            }
        }
        w.bit(false);
        w.bit(self.lists_modification_present);
        w.ue(self.log2_parallel_merge_level_minus2);
        w.bit(self.slice_segment_header_extension_present);
        w.bit(false);
        w.nal(&self.header)
    }

    fn differences(&self, from: &Self) -> String {
        let flag = |name, of: fn(&Self) -> bool| (name, i64::from(of(from)), i64::from(of(self)));
        let depth = |pps: &Self| pps.cu_qp_delta_depth.map_or(-1, i64::from);
        differences(&[
            flag("sign_data_hiding_enabled_flag", |p| {
                p.sign_data_hiding_enabled
            }),
            flag("cabac_init_present_flag", |p| p.cabac_init_present),
            (
                "init_qp_minus26",
                from.init_qp_minus26.into(),
                self.init_qp_minus26.into(),
            ),
            flag("transform_skip_enabled_flag", |p| p.transform_skip_enabled),
            ("diff_cu_qp_delta_depth", depth(from), depth(self)),
            flag("slice_chroma_qp_offsets_present_flag", |p| {
                p.slice_chroma_qp_offsets_present
            }),
            flag("weighted_pred_flag", |p| p.weighted_pred),
            flag("weighted_bipred_flag", |p| p.weighted_bipred),
            flag("entropy_coding_sync_enabled_flag", |p| {
                p.entropy_coding_sync_enabled
            }),
            flag("pps_loop_filter_across_slices_enabled_flag", |p| {
                p.loop_filter_across_slices_enabled
            }),
        ])
    }
}

/// See [`super::variants`].
pub(super) fn variants(nal: &[u8], changes: Changes) -> Vec<Variant> {
    let Some(given) = Pps::read(nal) else {
        return Vec::new();
    };
    let mut all = match changes {
        Changes::Headers => of_headers(given),
        Changes::Data => of_data(given),
    };
    all.retain(|pps| *pps != given);
    let variant = |pps: Pps| Variant {
        nal: pps.write(),
        differs: pps.differences(&given),
    };
    all.into_iter().map(variant).collect()
}

fn of_headers(given: Pps) -> Vec<Pps> {
    let mut all = Vec::new();
    for flips in 0..64_u8 {
        let flip = |bit: u8| flips >> bit & 1 != 0;
        all.push(Pps {
            cabac_init_present: given.cabac_init_present ^ flip(0),
            weighted_pred: given.weighted_pred ^ flip(1),
            weighted_bipred: given.weighted_bipred ^ flip(2),
            slice_chroma_qp_offsets_present: given.slice_chroma_qp_offsets_present ^ flip(3),
            loop_filter_across_slices_enabled: given.loop_filter_across_slices_enabled ^ flip(4),
            entropy_coding_sync_enabled: given.entropy_coding_sync_enabled ^ flip(5),
            ..given
        });
    }
    // Few changes first.
    all.sort_by_key(|pps| pps.differences(&given).matches(',').count());
    all
}

fn of_data(given: Pps) -> Vec<Pps> {
    let mut tools = Vec::new();
    for depth in [None, Some(0), Some(1), Some(2), Some(3)] {
        for flips in 0..4_u8 {
            tools.push(Pps {
                sign_data_hiding_enabled: given.sign_data_hiding_enabled ^ (flips & 1 != 0),
                transform_skip_enabled: given.transform_skip_enabled ^ (flips & 2 != 0),
                cu_qp_delta_depth: depth,
                ..given
            });
        }
    }
    tools.sort_by_key(|pps| (*pps != given, pps.differences(&given).matches(',').count()));
    let mut all = Vec::new();
    for tools in tools {
        let with = |qp| Pps {
            init_qp_minus26: qp,
            ..tools
        };
        all.extend(
            by_distance(given.init_qp_minus26, -26, 25)
                .into_iter()
                .map(with),
        );
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// x265 at its fastest: no sign hiding, WPP.
    const FASTEST: [u8; 6] = [0x44, 0x01, 0xC0, 0x73, 0xC1, 0x89];
    /// x265 as it comes.
    const USUAL: [u8; 7] = [0x44, 0x01, 0xC1, 0x72, 0xB4, 0x62, 0x40];

    #[test]
    fn what_is_read_is_written_back() {
        assert_eq!(Pps::read(&USUAL).unwrap().write(), USUAL);
        assert_eq!(Pps::read(&FASTEST).unwrap().write(), FASTEST);
        assert!(Pps::read(&[0x42, 0x01, 0xC1]).is_none());
        assert!(Pps::read(&[0x44, 0x01]).is_none());
    }

    #[test]
    fn variants_differ_in_what_they_say() {
        let data = variants(&USUAL, Changes::Data);
        assert_eq!(data.len(), 5 * 4 * 52 - 1);
        let headers = variants(&USUAL, Changes::Headers);
        assert_eq!(headers.len(), 63);
        for variant in data.iter().chain(&headers) {
            assert_ne!(variant.nal, USUAL);
            assert!(!variant.differs.is_empty());
            assert_eq!(Pps::read(&variant.nal).unwrap().write(), variant.nal);
        }
    }
}
