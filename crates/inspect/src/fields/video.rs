//! Configurations and properties of pictures: ISO/IEC 14496-15 and 14496-12 §12.1,
//! the codecs' own mappings, Apple's and Google's boxes for spatial video.

use super::reader::Reader;
use super::rule::Cond::{All, Is, Left, Not, Type};
use super::rule::Count::{By, Of, Rest};
use super::rule::Len::{self, Prefixed};
use super::rule::Rule::{self, Bytes, Call, Code, Fixed, If, Int, List, Skip, Text, Ufixed, Uint};
use super::rule::{Layout, full, plain};

use super::Value;

pub(super) const LAYOUTS: &[Layout] = &[
    // 14496-15 5.3.3.1
    plain(
        &[b"avcC"],
        &[
            Call(|r| describe(r, b"avc1", b"avcC")),
            Call(|r| r.run(AVC)),
        ],
    ),
    // 14496-15 6.5.3.2, 7.5.2
    plain(&[b"svcC", b"mvcC"], AVC),
    // 14496-15 8.3.3.1
    plain(
        &[b"hvcC"],
        &[
            Call(|r| describe(r, b"hvc1", b"hvcC")),
            Uint("configuration_version", 8),
            Uint("general_profile_space", 2),
            Uint("general_tier_flag", 1),
            Uint("general_profile_idc", 5),
            Uint("general_profile_compatibility_flags", 32),
            Uint("general_constraint_indicator_flags", 48),
            Uint("general_level_idc", 8),
            Skip(4),
            Uint("min_spatial_segmentation_idc", 12),
            Skip(6),
            Uint("parallelism_type", 2),
            Skip(6),
            Uint("chroma_format_idc", 2),
            Skip(5),
            Uint("bit_depth_luma_minus8", 3),
            Skip(5),
            Uint("bit_depth_chroma_minus8", 3),
            Uint("avg_frame_rate", 16),
            Uint("constant_frame_rate", 2),
            Uint("num_temporal_layers", 3),
            Uint("temporal_id_nested", 1),
            Uint("length_size_minus_one", 2),
            Uint("num_of_arrays", 8),
            List("arrays", By("num_of_arrays"), NAL_ARRAY),
        ],
    ),
    // 14496-15 9.6.3
    plain(
        &[b"lhvC"],
        &[
            Uint("configuration_version", 8),
            Skip(4),
            Uint("min_spatial_segmentation_idc", 12),
            Skip(6),
            Uint("parallelism_type", 2),
            Skip(2),
            Uint("num_temporal_layers", 3),
            Uint("temporal_id_nested", 1),
            Uint("length_size_minus_one", 2),
            Uint("num_of_arrays", 8),
            List("arrays", By("num_of_arrays"), NAL_ARRAY),
        ],
    ),
    // 14496-15 11.2.4.2
    full(
        &[b"vvcC"],
        &[
            Call(|r| describe(r, b"vvc1", b"vvcC")),
            Skip(5),
            Uint("length_size_minus_one", 2),
            Uint("ptl_present_flag", 1),
            If(Is("ptl_present_flag", 1), VVC_RECORD),
            Uint("num_of_arrays", 8),
            List("arrays", By("num_of_arrays"), VVC_ARRAY),
        ],
    ),
    // AV1 in ISOBMFF 2.3
    plain(
        &[b"av1C"],
        &[
            Skip(1),
            Uint("version", 7),
            Uint("seq_profile", 3),
            Uint("seq_level_idx_0", 5),
            Uint("seq_tier_0", 1),
            Uint("high_bitdepth", 1),
            Uint("twelve_bit", 1),
            Uint("monochrome", 1),
            Uint("chroma_subsampling_x", 1),
            Uint("chroma_subsampling_y", 1),
            Uint("chroma_sample_position", 2),
            Skip(3),
            Uint("initial_presentation_delay_present", 1),
            Uint("initial_presentation_delay_minus_one", 4),
            Bytes("config_obus", Len::Rest),
        ],
    ),
    // VP codec ISO media file format binding
    full(
        &[b"vpcC"],
        &[
            Uint("profile", 8),
            Uint("level", 8),
            Uint("bit_depth", 4),
            Uint("chroma_subsampling", 3),
            Uint("video_full_range_flag", 1),
            Uint("colour_primaries", 8),
            Uint("transfer_characteristics", 8),
            Uint("matrix_coefficients", 8),
            Bytes("codec_initialization_data", Prefixed(16)),
        ],
    ),
    // Dolby Vision streams within the ISO base media file format 3.2
    plain(
        &[b"dvcC", b"dvvC", b"dvwC"],
        &[
            Uint("dv_version_major", 8),
            Uint("dv_version_minor", 8),
            Uint("dv_profile", 7),
            Uint("dv_level", 6),
            Uint("rpu_present_flag", 1),
            Uint("el_present_flag", 1),
            Uint("bl_present_flag", 1),
            Uint("dv_bl_signal_compatibility_id", 4),
            Uint("dv_md_compression", 2),
            Skip(154),
        ],
    ),
    // 3GPP TS 26.244 6.8
    plain(
        &[b"d263"],
        &[
            Code("vendor"),
            Uint("decoder_version", 8),
            Uint("h263_level", 8),
            Uint("h263_profile", 8),
        ],
    ),
    // 8.5.2.2
    plain(
        &[b"btrt"],
        &[
            Uint("buffer_size_db", 32),
            Uint("max_bitrate", 32),
            Uint("avg_bitrate", 32),
        ],
    ),
    // 12.1.4
    plain(&[b"pasp"], &[Uint("h_spacing", 32), Uint("v_spacing", 32)]),
    plain(
        &[b"clap"],
        &[
            Uint("clean_aperture_width_n", 32),
            Uint("clean_aperture_width_d", 32),
            Uint("clean_aperture_height_n", 32),
            Uint("clean_aperture_height_d", 32),
            Int("horiz_off_n", 32),
            Uint("horiz_off_d", 32),
            Int("vert_off_n", 32),
            Uint("vert_off_d", 32),
        ],
    ),
    // 12.1.5; QTFF "Color Parameter Atoms"
    plain(
        &[b"colr"],
        &[
            Code("colour_type"),
            If(Type("colour_type", b"nclx"), COLOUR),
            If(
                Type("colour_type", b"nclx"),
                &[Uint("full_range_flag", 1), Skip(7)],
            ),
            If(Type("colour_type", b"nclc"), COLOUR),
            If(
                Type("colour_type", b"prof"),
                &[Bytes("icc_profile", Len::Rest)],
            ),
            If(
                Type("colour_type", b"rICC"),
                &[Bytes("icc_profile", Len::Rest)],
            ),
        ],
    ),
    // 12.1.6
    plain(
        &[b"clli", b"cllI"],
        &[
            Uint("max_content_light_level", 16),
            Uint("max_pic_average_light_level", 16),
        ],
    ),
    // 12.1.7
    plain(
        &[b"mdcv"],
        &[
            List("display_primaries", Of(3), &[Uint("x", 16), Uint("y", 16)]),
            Uint("white_point_x", 16),
            Uint("white_point_y", 16),
            Uint("max_display_mastering_luminance", 32),
            Uint("min_display_mastering_luminance", 32),
        ],
    ),
    // 12.1.8
    plain(
        &[b"cclv"],
        &[
            Skip(2),
            Uint("primaries_present_flag", 1),
            Uint("min_luminance_present_flag", 1),
            Uint("max_luminance_present_flag", 1),
            Uint("avg_luminance_present_flag", 1),
            Skip(2),
            If(
                Is("primaries_present_flag", 1),
                &[List("primaries", Of(3), &[Int("x", 32), Int("y", 32)])],
            ),
            If(
                Is("min_luminance_present_flag", 1),
                &[Uint("min_luminance", 32)],
            ),
            If(
                Is("max_luminance_present_flag", 1),
                &[Uint("max_luminance", 32)],
            ),
            If(
                Is("avg_luminance_present_flag", 1),
                &[Uint("avg_luminance", 32)],
            ),
        ],
    ),
    // 23008-12 6.5.30
    plain(
        &[b"amve"],
        &[
            Uint("ambient_illuminance", 32),
            Uint("ambient_light_x", 16),
            Uint("ambient_light_y", 16),
        ],
    ),
    full(&[b"ndwt"], &[Uint("diffuse_white_luminance", 32)]),
    // 23008-12 7.2.3.4
    full(
        &[b"ccst"],
        &[
            Uint("all_ref_pics_intra", 1),
            Uint("intra_pred_used", 1),
            Uint("max_ref_per_pic", 4),
            Skip(26),
        ],
    ),
    // VP codec binding, before mdcv and clli
    full(
        &[b"SmDm"],
        &[
            List(
                "primaries",
                Of(3),
                &[Ufixed("x", 16, 16), Ufixed("y", 16, 16)],
            ),
            Ufixed("white_point_x", 16, 16),
            Ufixed("white_point_y", 16, 16),
            Ufixed("luminance_max", 32, 8),
            Ufixed("luminance_min", 32, 14),
        ],
    ),
    full(&[b"CoLL"], &[Uint("max_cll", 16), Uint("max_fall", 16)]),
    // QTFF "Video Sample Description Extensions"
    plain(&[b"fiel"], &[Uint("fields", 8), Uint("detail", 8)]),
    plain(&[b"gama"], &[Ufixed("gamma", 32, 16)]),
    // Spherical Video V2
    full(&[b"st3d"], &[Uint("stereo_mode", 8)]),
    full(&[b"svhd"], &[Text("metadata_source", Len::Null)]),
    full(
        &[b"prhd"],
        &[
            Fixed("pose_yaw_degrees", 32, 16),
            Fixed("pose_pitch_degrees", 32, 16),
            Fixed("pose_roll_degrees", 32, 16),
        ],
    ),
    full(
        &[b"equi"],
        &[
            Ufixed("projection_bounds_top", 32, 32),
            Ufixed("projection_bounds_bottom", 32, 32),
            Ufixed("projection_bounds_left", 32, 32),
            Ufixed("projection_bounds_right", 32, 32),
        ],
    ),
    full(&[b"cbmp"], &[Uint("layout", 32), Uint("padding", 32)]),
    // Apple HEVC Stereo Video
    full(
        &[b"stri"],
        &[
            Skip(4),
            Uint("eye_views_reversed", 1),
            Uint("has_additional_views", 1),
            Uint("has_right_eye_view", 1),
            Uint("has_left_eye_view", 1),
        ],
    )
    .inside(&[b"eyes"]),
    full(&[b"hero"], &[Uint("hero_eye_indicator", 8)]),
    full(&[b"blin"], &[Uint("baseline_value", 32)]),
    full(&[b"dadj"], &[Int("disparity_adjustment", 32)]),
    plain(&[b"hfov"], &[Uint("field_of_view", 32)]),
    full(&[b"prji"], &[Code("projection_kind")]),
    full(&[b"must"], &[List("required_box_types", Rest, &[Code("")])]),
];

const AVC: &[Rule] = &[
    Uint("configuration_version", 8),
    Uint("profile_indication", 8),
    Uint("profile_compatibility", 8),
    Uint("level_indication", 8),
    Skip(6),
    Uint("length_size_minus_one", 2),
    Skip(3),
    Uint("num_sps", 5),
    List("sps", By("num_sps"), BLOB),
    Uint("num_pps", 8),
    List("pps", By("num_pps"), BLOB),
    If(
        Left(4),
        &[
            Skip(6),
            Uint("chroma_format", 2),
            Skip(5),
            Uint("bit_depth_luma_minus8", 3),
            Skip(5),
            Uint("bit_depth_chroma_minus8", 3),
            Uint("num_sps_ext", 8),
            List("sps_ext", By("num_sps_ext"), BLOB),
        ],
    ),
];

/// Bytes behind 16 bits of length.
const BLOB: &[Rule] = &[Bytes("", Prefixed(16))];

const NAL_ARRAY: &[Rule] = &[
    Uint("array_completeness", 1),
    Skip(1),
    Uint("nal_unit_type", 6),
    Uint("num_nalus", 16),
    List("nal_units", By("num_nalus"), BLOB),
];

const COLOUR: &[Rule] = &[
    Uint("colour_primaries", 16),
    Uint("transfer_characteristics", 16),
    Uint("matrix_coefficients", 16),
];

const VVC_RECORD: &[Rule] = &[
    Uint("ols_idx", 9),
    Uint("num_sublayers", 3),
    Uint("constant_frame_rate", 2),
    Uint("chroma_format_idc", 2),
    Uint("bit_depth_minus8", 3),
    Skip(5),
    Skip(2),
    Uint("num_bytes_constraint_info", 6),
    Uint("general_profile_idc", 7),
    Uint("general_tier_flag", 1),
    Uint("general_level_idc", 8),
    Uint("ptl_frame_only_constraint_flag", 1),
    Uint("ptl_multi_layer_enabled_flag", 1),
    Call(vvc_levels),
    Uint("num_sub_profiles", 8),
    List(
        "general_sub_profile_idc",
        By("num_sub_profiles"),
        &[Uint("", 32)],
    ),
    Uint("max_picture_width", 16),
    Uint("max_picture_height", 16),
    Uint("avg_frame_rate", 16),
];

/// Decoder capability information (13) and operating points (12) stand alone.
const VVC_ARRAY: &[Rule] = &[
    Uint("array_completeness", 1),
    Skip(2),
    Uint("nal_unit_type", 5),
    If(
        All(&[Not("nal_unit_type", 12), Not("nal_unit_type", 13)]),
        &[
            Uint("num_nalus", 16),
            List("nal_units", By("num_nalus"), BLOB),
        ],
    ),
    If(Is("nal_unit_type", 12), &[List("nal_units", Of(1), BLOB)]),
    If(Is("nal_unit_type", 13), &[List("nal_units", Of(1), BLOB)]),
];

/// Passes over the constraints, which share their first byte with two flags, and
/// reads the levels of the sub-layers below the highest, whose level is the general one.
fn vvc_levels(r: &mut Reader<'_>) -> Option<()> {
    let constraints = r.known("num_bytes_constraint_info")?.max(1);
    r.run(&[Skip(6)])?;
    r.take(constraints - 1)?;
    let below = u32::try_from(r.known("num_sublayers")?.saturating_sub(1)).ok()?;
    if below == 0 {
        return Some(());
    }
    let flags = r.number(8)? >> (8 - below);
    let levels = (0..flags.count_ones()).map(|_| r.number(8).map(Value::Int));
    let shown: Vec<_> = levels.collect::<Option<_>>()?;
    let count = Some(shown.len() as u64);
    r.push("sublayer_level_idc", Value::List { shown, count });
    Some(())
}

/// What our codec room says of a configuration, in front of its fields.
pub(super) fn describe(r: &mut Reader<'_>, entry: &[u8; 4], kind: &[u8; 4]) -> Option<()> {
    let boxes = [(*kind, r.bytes())];
    let said = tapo_codec::describe(*entry, &boxes);
    r.push("codec", Value::Word(said.codec_string));
    r.push("means", Value::Word(said.name));
    Some(())
}
