//! Which coding tools the parameter sets turn on, with their parameters: what slice data is read by (7.3.2.2, 7.3.2.3).
//!
//! Cutting and ordering samples needs none of it, so that a failure here spoils nothing but the reading of slice data.

use super::rps::ShortTermSets;
use h264_reader::rbsp::{BitRead, BitReaderError};

type Result<T> = std::result::Result<T, BitReaderError>;

/// What slice data needs of a sequence parameter set, from the coding block sizes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SpsTools {
    /// `MinCbLog2SizeY`, 3 to 6.
    pub(super) min_cb_log2: u8,
    /// `MinTbLog2SizeY`, 2 to 5.
    pub(super) min_tb_log2: u8,
    /// `MaxTbLog2SizeY`, 2 to 5.
    pub(super) max_tb_log2: u8,
    /// `max_transform_hierarchy_depth_intra`, 0 to 4.
    pub(super) max_transform_depth: u8,
    /// `sample_adaptive_offset_enabled_flag`.
    pub(super) sao: bool,
    /// Where `pcm_enabled_flag` is set.
    pub(super) pcm: Option<Pcm>,
    /// The short-term reference picture sets.
    pub(super) short_term: ShortTermSets,
    /// `num_long_term_ref_pics_sps`, 0 to 32, where `long_term_ref_pics_present_flag` is set.
    pub(super) long_term: Option<u8>,
    /// `sps_temporal_mvp_enabled_flag`.
    pub(super) temporal_mvp: bool,
    /// An extension, or what stands there cannot be read: slice data may be of another syntax than this crate reads.
    pub(super) extended: bool,
}

/// Samples without transform and entropy coding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pcm {
    /// `PcmBitDepthY`, 1 to 16.
    pub(super) luma_bits: u8,
    /// `PcmBitDepthC`, 1 to 16.
    pub(super) chroma_bits: u8,
    /// `Log2MinIpcmCbSizeY`, 3 to 5.
    pub(super) min_log2: u8,
    /// `Log2MaxIpcmCbSizeY`, 3 to 5.
    pub(super) max_log2: u8,
}

impl SpsTools {
    /// Reads on from behind `log2_diff_max_min_luma_coding_block_size` to the VUI.
    pub(super) fn read(
        r: &mut impl BitRead,
        min_cb_log2: u8,
        ctb_log2: u8,
        log2_max_poc_lsb: u8,
    ) -> Result<Self> {
        let min_tb = r.read_ue("log2_min_luma_transform_block_size_minus2")?;
        let min_tb_log2 = 2 + byte(at_most(3, min_tb)?);
        let diff = r.read_ue("log2_diff_max_min_luma_transform_block_size")?;
        let max_tb_log2 = min_tb_log2 + byte(at_most(3, diff)?);
        if min_tb_log2 >= min_cb_log2 || max_tb_log2 > ctb_log2.min(5) {
            return Err(illegal("log2_diff_max_min_luma_transform_block_size"));
        }
        at_most(4, r.read_ue("max_transform_hierarchy_depth_inter")?)?;
        let depth = at_most(4, r.read_ue("max_transform_hierarchy_depth_intra")?)?;
        if r.read_bit("scaling_list_enabled_flag")?
            && r.read_bit("sps_scaling_list_data_present_flag")?
        {
            scaling_list_data(r)?;
        }
        r.skip(1, "amp_enabled_flag")?;
        let sao = r.read_bit("sample_adaptive_offset_enabled_flag")?;
        let mut pcm = None;
        if r.read_bit("pcm_enabled_flag")? {
            let luma_bits = 1 + r.read::<4, u8>("pcm_sample_bit_depth_luma_minus1")?;
            let chroma_bits = 1 + r.read::<4, u8>("pcm_sample_bit_depth_chroma_minus1")?;
            let min = r.read_ue("log2_min_pcm_luma_coding_block_size_minus3")?;
            let min_log2 = 3 + byte(at_most(2, min)?);
            let diff = r.read_ue("log2_diff_max_min_pcm_luma_coding_block_size")?;
            pcm = Some(Pcm {
                luma_bits,
                chroma_bits,
                min_log2,
                max_log2: min_log2 + byte(at_most(2, diff)?),
            });
            r.skip(1, "pcm_loop_filter_disabled_flag")?;
        }
        let short_term = ShortTermSets::read(r)?;
        let mut long_term = None;
        if r.read_bit("long_term_ref_pics_present_flag")? {
            let count = at_most(32, r.read_ue("num_long_term_ref_pics_sps")?)?;
            for _ in 0..count {
                r.skip(u32::from(log2_max_poc_lsb) + 1, "lt_ref_pic_poc_lsb_sps")?;
            }
            long_term = Some(byte(count));
        }
        let temporal_mvp = r.read_bit("sps_temporal_mvp_enabled_flag")?;
        r.skip(1, "strong_intra_smoothing_enabled_flag")?;
        Ok(Self {
            min_cb_log2,
            min_tb_log2,
            max_tb_log2,
            max_transform_depth: byte(depth),
            sao,
            pcm,
            short_term,
            long_term,
            temporal_mvp,
            extended: false,
        })
    }
}

/// Behind the VUI of a sequence parameter set: whether slice data may have another syntax.
pub(super) fn sps_extended(r: &mut impl BitRead) -> Result<bool> {
    /// Of `sps_range_extension()`, highest bit first: `transform_skip_context`, `implicit_rdpcm`, `extended_precision_processing`,
    /// `persistent_rice_adaptation` and `cabac_bypass_alignment`. The others change samples only, or not intra pictures.
    const SYNTAX: u16 = 0b0_1101_0011;
    let [range, extended] = extensions(r)?;
    Ok(extended || range && r.read::<9, u16>("sps_range_extension")? & SYNTAX != 0)
}

/// Whether there is a range extension, and whether there are others that may change the syntax of slice data.
fn extensions(r: &mut impl BitRead) -> Result<[bool; 2]> {
    if !r.read_bit("extension_present_flag")? {
        return Ok([false; 2]);
    }
    let range = r.read_bit("range_extension_flag")?;
    // Multilayer and 3D extensions say nothing of the base layer; screen content coding and what may come do.
    r.skip(2, "multilayer_extension_flag")?;
    Ok([range, r.read::<5, u8>("scc_extension_flag")? != 0])
}

/// Tile columns that a picture may have at level 6.2 (table A.8).
const MAX_TILE_COLUMNS: usize = 20;

/// Tile rows that a picture may have at level 6.2 (table A.8).
const MAX_TILE_ROWS: usize = 22;

/// What slice data needs of a picture parameter set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PpsTools {
    /// `sign_data_hiding_enabled_flag`.
    pub(super) sign_data_hiding: bool,
    /// `init_qp_minus26` + 26, -48 to 51.
    pub(super) init_qp: i8,
    /// `transform_skip_enabled_flag`.
    pub(super) transform_skip: bool,
    /// `diff_cu_qp_delta_depth`, 0 to 3, where `cu_qp_delta_enabled_flag` is set.
    pub(super) cu_qp_delta_depth: Option<u8>,
    /// `pps_slice_chroma_qp_offsets_present_flag`.
    pub(super) slice_chroma_qp_offsets: bool,
    /// `transquant_bypass_enabled_flag`.
    pub(super) transquant_bypass: bool,
    /// Where `tiles_enabled_flag` is set.
    pub(super) tiles: Option<Tiles>,
    /// `entropy_coding_sync_enabled_flag`: wavefront parallel processing.
    pub(super) wavefront: bool,
    /// `pps_loop_filter_across_slices_enabled_flag`.
    pub(super) loop_filter_across_slices: bool,
    /// `deblocking_filter_override_enabled_flag`.
    pub(super) deblocking_override: bool,
    /// `pps_deblocking_filter_disabled_flag`.
    pub(super) deblocking_disabled: bool,
    /// `slice_segment_header_extension_present_flag`.
    pub(super) slice_header_extension: bool,
    /// An extension changes the syntax of slice data.
    pub(super) extended: bool,
}

/// How a picture is divided into tiles (6.5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tiles {
    /// 1 to 20.
    pub(super) columns: u8,
    /// 1 to 22.
    pub(super) rows: u8,
    /// Sizes in coding tree blocks, of all but the last; `None` with `uniform_spacing_flag`.
    pub(super) sizes: Option<([u16; MAX_TILE_COLUMNS], [u16; MAX_TILE_ROWS])>,
}

impl PpsTools {
    /// Reads on from behind `num_extra_slice_header_bits` to the extensions.
    pub(super) fn read(r: &mut impl BitRead) -> Result<Self> {
        let sign_data_hiding = r.read_bit("sign_data_hiding_enabled_flag")?;
        r.skip(1, "cabac_init_present_flag")?;
        at_most(14, r.read_ue("num_ref_idx_l0_default_active_minus1")?)?;
        at_most(14, r.read_ue("num_ref_idx_l1_default_active_minus1")?)?;
        let init_qp = 26 + within(-74..=25, r.read_se("init_qp_minus26")?)?;
        r.skip(1, "constrained_intra_pred_flag")?;
        let transform_skip = r.read_bit("transform_skip_enabled_flag")?;
        let mut cu_qp_delta_depth = None;
        if r.read_bit("cu_qp_delta_enabled_flag")? {
            let depth = at_most(3, r.read_ue("diff_cu_qp_delta_depth")?)?;
            cu_qp_delta_depth = Some(byte(depth));
        }
        within(-12..=12, r.read_se("pps_cb_qp_offset")?)?;
        within(-12..=12, r.read_se("pps_cr_qp_offset")?)?;
        let slice_chroma_qp_offsets = r.read_bit("pps_slice_chroma_qp_offsets_present_flag")?;
        r.skip(2, "weighted_pred_flag")?;
        let transquant_bypass = r.read_bit("transquant_bypass_enabled_flag")?;
        let tiled = r.read_bit("tiles_enabled_flag")?;
        let wavefront = r.read_bit("entropy_coding_sync_enabled_flag")?;
        let tiles = tiled.then(|| Tiles::read(r)).transpose()?;
        let loop_filter_across_slices = r.read_bit("pps_loop_filter_across_slices_enabled_flag")?;
        let (mut deblocking_override, mut deblocking_disabled) = (false, false);
        if r.read_bit("deblocking_filter_control_present_flag")? {
            deblocking_override = r.read_bit("deblocking_filter_override_enabled_flag")?;
            deblocking_disabled = r.read_bit("pps_deblocking_filter_disabled_flag")?;
            if !deblocking_disabled {
                within(-6..=6, r.read_se("pps_beta_offset_div2")?)?;
                within(-6..=6, r.read_se("pps_tc_offset_div2")?)?;
            }
        }
        if r.read_bit("pps_scaling_list_data_present_flag")? {
            scaling_list_data(r)?;
        }
        r.skip(1, "lists_modification_present_flag")?;
        at_most(4, r.read_ue("log2_parallel_merge_level_minus2")?)?;
        let slice_header_extension = r.read_bit("slice_segment_header_extension_present_flag")?;
        let [range, extended] = extensions(r)?;
        let extended = extended || range && pps_range_extended(r, transform_skip)?;
        Ok(Self {
            sign_data_hiding,
            init_qp,
            transform_skip,
            cu_qp_delta_depth,
            slice_chroma_qp_offsets,
            transquant_bypass,
            tiles,
            wavefront,
            loop_filter_across_slices,
            deblocking_override,
            deblocking_disabled,
            slice_header_extension,
            extended,
        })
    }
}

/// `pps_range_extension()`, as far as slice data may have another syntax by it.
fn pps_range_extended(r: &mut impl BitRead, transform_skip: bool) -> Result<bool> {
    let size = match transform_skip {
        true => r.read_ue("log2_max_transform_skip_block_size_minus2")?,
        false => 0,
    };
    let cross_component = r.read_bit("cross_component_prediction_enabled_flag")?;
    Ok(size != 0 || cross_component || r.read_bit("chroma_qp_offset_list_enabled_flag")?)
}

impl Tiles {
    fn read(r: &mut impl BitRead) -> Result<Self> {
        let columns = byte(at_most(19, r.read_ue("num_tile_columns_minus1")?)?) + 1;
        let rows = byte(at_most(21, r.read_ue("num_tile_rows_minus1")?)?) + 1;
        let mut sizes = None;
        if !r.read_bit("uniform_spacing_flag")? {
            let mut widths = [0; MAX_TILE_COLUMNS];
            let mut heights = [0; MAX_TILE_ROWS];
            for (_, width) in (1..columns).zip(&mut widths) {
                *width = size(r.read_ue("column_width_minus1")?)?;
            }
            for (_, height) in (1..rows).zip(&mut heights) {
                *height = size(r.read_ue("row_height_minus1")?)?;
            }
            sizes = Some((widths, heights));
        }
        r.skip(1, "loop_filter_across_tiles_enabled_flag")?;
        Ok(Self {
            columns,
            rows,
            sizes,
        })
    }
}

/// The size of a tile from one less.
fn size(minus1: u32) -> Result<u16> {
    let size = minus1.checked_add(1).and_then(|size| size.try_into().ok());
    size.ok_or(illegal("column_width_minus1"))
}

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

/// A value refused beyond the standard's bound.
pub(super) fn at_most(most: u32, value: u32) -> Result<u32> {
    if value > most {
        return Err(illegal("count"));
    }
    Ok(value)
}

/// A signed value refused outside of the standard's bounds.
pub(super) fn within(range: std::ops::RangeInclusive<i32>, value: i32) -> Result<i8> {
    let inside = range.contains(&value).then_some(value);
    let small = inside.and_then(|value| i8::try_from(value).ok());
    small.ok_or(illegal("value"))
}

/// The reader's error that comes nearest.
const fn illegal(element: &'static str) -> BitReaderError {
    BitReaderError::ExpGolombTooLarge(element)
}

/// Values that were checked to be small.
fn byte(value: u32) -> u8 {
    u8::try_from(value).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::h265::{Pps, Sps, streams};
    use h264_reader::rbsp::BitReader;

    #[test]
    fn tools_of_a_real_encoder() {
        let tools = Pps::parse(streams::PPS).unwrap().tools.unwrap();
        assert!(tools.sign_data_hiding && tools.wavefront && tools.loop_filter_across_slices);
        assert!(!tools.transform_skip && !tools.transquant_bypass && !tools.extended);
        assert_eq!((tools.init_qp, tools.cu_qp_delta_depth), (26, Some(1)));
        assert_eq!(tools.tiles, None);
        let tools = Sps::parse(streams::SPS).unwrap().tools.unwrap();
        assert_eq!(
            (tools.min_cb_log2, tools.min_tb_log2, tools.max_tb_log2),
            (3, 2, 5)
        );
        assert!(tools.sao && tools.temporal_mvp && !tools.extended);
        assert_eq!((tools.pcm, tools.long_term), (None, None));
        assert_eq!(tools.max_transform_depth, 0);
        // Cut within the VUI: nobody knows what follows.
        assert!(
            Sps::parse(&streams::SPS[..30])
                .unwrap()
                .tools
                .unwrap()
                .extended
        );
        assert_eq!(Pps::parse(&streams::PPS[..4]).unwrap().tools, None);
    }

    #[test]
    fn extensions_that_matter() {
        let sps = |bytes: &[u8]| sps_extended(&mut BitReader::new(bytes)).unwrap();
        assert!(!sps(&[0]));
        // Of other layers.
        assert!(!sps(&[0b1010_0000, 0]));
        assert!(sps(&[0b1000_1000, 0]));
        // transform_skip_rotation and high_precision_offsets, then persistent_rice_adaptation.
        assert!(!sps(&[0b1100_0000, 0b0100_0001, 0b0000_0000]));
        assert!(sps(&[0b1100_0000, 0b0000_0000, 0b1000_0000]));
        let pps = |byte: u8, skip| pps_range_extended(&mut BitReader::new(&[byte][..]), skip);
        assert!(!pps(0b0011_1111, false).unwrap());
        assert!(pps(0b1000_0000, false).unwrap());
        assert!(!pps(0b1001_1111, true).unwrap());
        assert!(pps(0b0100_0000, true).unwrap());
    }

    #[test]
    fn tiles_of_any_size() {
        // Two columns, three rows, each of its own size: 4; 1 and 2.
        let bytes = [0b0100_1100, 0b0100_1010, 0];
        let tiles = Tiles::read(&mut BitReader::new(&bytes[..])).unwrap();
        assert_eq!((tiles.columns, tiles.rows), (2, 3));
        let (widths, heights) = tiles.sizes.unwrap();
        assert_eq!((widths[0], heights[0], heights[1]), (4, 1, 2));
    }
}
