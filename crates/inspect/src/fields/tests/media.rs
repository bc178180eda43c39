//! Sample entries, configurations of codecs, properties of pictures and sound,
//! protection.

use super::Case;

pub(super) const CASES: &[Case] = &[
    (
        "stsd/avc1",
        "000000000000 0001 0000 0000 00000000 00000000 00000000 0500 02d0 00480000 00480000 00000000 0001 \
        04 'Lavc' 000000000000000000000000000000000000000000000000000000 0018 ffff",
        "data_reference_index=1 width=1280 height=720 horizresolution=72 vertresolution=72 frame_count=1 \
         compressorname=\"Lavc\" depth=24",
    ),
    (
        "stsd/mp4a",
        "000000000000 0001 0000 0000 00000000 0002 0010 0000 0000 bb800000",
        "data_reference_index=1 entry_version=0 channelcount=2 samplesize=16 compression_id=0 samplerate=48000",
    ),
    (
        "stsd/lpcm",
        "000000000000 0001 0002 0000 00000000 0003 0010 fffe 0000 00010000 \
        00000048 40f7700000000000 00000006 7f000000 00000018 00000000 00000012 00000001",
        "data_reference_index=1 entry_version=2 channelcount=3 samplesize=16 compression_id=-2 samplerate=1 \
         size_of_struct=72 audio_sample_rate=96000 num_audio_channels=6 const_bits_per_channel=24 \
         format_specific_flags=0 const_bytes_per_audio_packet=18 const_lpcm_frames_per_audio_packet=1",
    ),
    (
        "stsd/twos",
        "000000000000 0001 0001 0000 00000000 0002 0010 0000 0000 bb800000 00000001 00000002 00000004 00000002",
        "data_reference_index=1 entry_version=1 channelcount=2 samplesize=16 compression_id=0 samplerate=48000 \
         samples_per_packet=1 bytes_per_packet=2 bytes_per_frame=4 bytes_per_sample=2",
    ),
    ("stsd/mebx", "000000000000 0001", "data_reference_index=1"),
    (
        "stsd/tmcd",
        "000000000000 0001 00000000 00000001 00007530 000003e9 1e 00",
        "data_reference_index=1 flags=1 timescale=30000 frame_duration=1001 number_of_frames=30",
    ),
    (
        "stsd/tx3g",
        "000000000000 0001 00000000 01 ff 00000080 0000 0000 003c 0190 0000 0000 0001 00 12 ffffffff",
        "data_reference_index=1 display_flags=0 horizontal_justification=1 vertical_justification=-1 \
         background_color_rgba=[0, 0, 0, 128] box_top=0 box_left=0 box_bottom=60 box_right=400 style_start_char=0 \
         style_end_char=0 style_font_id=1 style_face_flags=0 style_font_size=18 \
         style_text_color_rgba=[255, 255, 255, 255]",
    ),
    (
        "stsd/metx",
        "000000000000 0001 00 'urn:n' 00 's' 00",
        "data_reference_index=1 content_encoding=\"\" namespace=\"urn:n\" schema_location=\"s\"",
    ),
    (
        "stsd/mett",
        "000000000000 0001 00 'text/plain' 00",
        "data_reference_index=1 content_encoding=\"\" mime_format=\"text/plain\"",
    ),
    (
        "stsd/sbtt",
        "000000000000 0001 00 'text/vtt' 00",
        "data_reference_index=1 content_encoding=\"\" mime_format=\"text/vtt\"",
    ),
    (
        "stsd/stpp",
        "000000000000 0001 'http://www.w3.org/ns/ttml' 00 00 00",
        "data_reference_index=1 namespace=\"http://www.w3.org/ns/ttml\" schema_location=\"\" auxiliary_mime_types=\"\"",
    ),
    (
        "stsd/rtp ",
        "000000000000 0001 0001 0001 000005dc aa",
        "data_reference_index=1 hint_track_version=1 highest_compatible_version=1 max_packet_size=1500 boxes=aa",
    ),
    (
        "stsd/fdsc",
        "000000000000 0001 'GPRO' '+10000' 00",
        "data_reference_index=1 brand='GPRO' version=\"+10000\"",
    ),
    // Pictures.
    (
        "avcC",
        "01 42 c0 1e ff e1 0004 6742c01e 01 0002 68ce",
        "codec=\"avc1.42C01E\" means=\"H.264 Constrained Baseline 3.0\" configuration_version=1 profile_indication=66 \
         profile_compatibility=192 level_indication=30 length_size_minus_one=3 num_sps=1 sps=[6742c01e] num_pps=1 \
         pps=[68ce]",
    ),
    (
        "avcC",
        "01 64 00 28 ff e0 00 fd f8 fa 00",
        "codec=\"avc1.640028\" means=\"H.264 High 4.0\" configuration_version=1 profile_indication=100 \
         profile_compatibility=0 level_indication=40 length_size_minus_one=3 num_sps=0 sps=[] num_pps=0 pps=[] \
         chroma_format=1 bit_depth_luma_minus8=0 bit_depth_chroma_minus8=2 num_sps_ext=0 sps_ext=[]",
    ),
    (
        "svcC",
        "01 53 00 1e ff e0 00",
        "configuration_version=1 profile_indication=83 profile_compatibility=0 level_indication=30 \
         length_size_minus_one=3 num_sps=0 sps=[] num_pps=0 pps=[]",
    ),
    (
        "mvcC",
        "01 76 00 1e ff e0 00",
        "configuration_version=1 profile_indication=118 profile_compatibility=0 level_indication=30 \
         length_size_minus_one=3 num_sps=0 sps=[] num_pps=0 pps=[]",
    ),
    (
        "hvcC",
        "01 01 60000000 900000000000 5d f000 fc fd f8 f8 0000 0f 01 a0 0001 0002 4001",
        "codec=\"hvc1.1.6.L93.90\" means=\"H.265 Main 3.1\" configuration_version=1 general_profile_space=0 \
         general_tier_flag=0 general_profile_idc=1 general_profile_compatibility_flags=1610612736 \
         general_constraint_indicator_flags=158329674399744 general_level_idc=93 min_spatial_segmentation_idc=0 \
         parallelism_type=0 chroma_format_idc=1 bit_depth_luma_minus8=0 bit_depth_chroma_minus8=0 avg_frame_rate=0 \
         constant_frame_rate=0 num_temporal_layers=1 temporal_id_nested=1 length_size_minus_one=3 num_of_arrays=1 \
         arrays=[{array_completeness=1 nal_unit_type=32 num_nalus=1 nal_units=[4001]}]",
    ),
    (
        "lhvC",
        "01 f000 fc cf 01 21 0001 0002 4209",
        "configuration_version=1 min_spatial_segmentation_idc=0 parallelism_type=0 num_temporal_layers=1 \
         temporal_id_nested=1 length_size_minus_one=3 num_of_arrays=1 arrays=[{array_completeness=0 nal_unit_type=33 \
         num_nalus=1 nal_units=[4209]}]",
    ),
    (
        "vvcC",
        "00000000 ff 0025 5f 01 02 33 c0 80 33 00 0500 02d0 0000 02 8d 0002 0069 8f 0001 0003 00790a",
        "codec=\"vvc1.1.L51\" means=\"H.266 Main 10 3.1\" length_size_minus_one=3 ptl_present_flag=1 ols_idx=0 \
         num_sublayers=2 constant_frame_rate=1 chroma_format_idc=1 bit_depth_minus8=2 num_bytes_constraint_info=1 \
         general_profile_idc=1 general_tier_flag=0 general_level_idc=51 ptl_frame_only_constraint_flag=1 \
         ptl_multi_layer_enabled_flag=1 sublayer_level_idc=[51] num_sub_profiles=0 general_sub_profile_idc=[] \
         max_picture_width=1280 max_picture_height=720 avg_frame_rate=0 num_of_arrays=2 arrays=[{array_completeness=1 \
         nal_unit_type=13 nal_units=[0069]}, {array_completeness=1 nal_unit_type=15 num_nalus=1 nal_units=[00790a]}]",
    ),
    (
        "av1C",
        "81 04 0c 00 0a0b",
        "version=1 seq_profile=0 seq_level_idx_0=4 seq_tier_0=0 high_bitdepth=0 twelve_bit=0 monochrome=0 \
         chroma_subsampling_x=1 chroma_subsampling_y=1 chroma_sample_position=0 initial_presentation_delay_present=0 \
         initial_presentation_delay_minus_one=0 config_obus=0a0b",
    ),
    (
        "vpcC",
        "01000000 02 1f a3 09 10 09 0000",
        "version=1 profile=2 level=31 bit_depth=10 chroma_subsampling=1 video_full_range_flag=1 colour_primaries=9 \
         transfer_characteristics=16 matrix_coefficients=9 codec_initialization_data=",
    ),
    (
        "dvcC",
        "01 00 0a 2d 00 00000000000000000000000000000000000000",
        "dv_version_major=1 dv_version_minor=0 dv_profile=5 dv_level=5 rpu_present_flag=1 el_present_flag=0 \
         bl_present_flag=1 dv_bl_signal_compatibility_id=0 dv_md_compression=0",
    ),
    (
        "dvvC",
        "01 00 10 3d 10 00000000000000000000000000000000000000",
        "dv_version_major=1 dv_version_minor=0 dv_profile=8 dv_level=7 rpu_present_flag=1 el_present_flag=0 \
         bl_present_flag=1 dv_bl_signal_compatibility_id=1 dv_md_compression=0",
    ),
    (
        "dvwC",
        "01 00 14 3d 44 00000000000000000000000000000000000000",
        "dv_version_major=1 dv_version_minor=0 dv_profile=10 dv_level=7 rpu_present_flag=1 el_present_flag=0 \
         bl_present_flag=1 dv_bl_signal_compatibility_id=4 dv_md_compression=1",
    ),
    (
        "d263",
        "'FFMP' 00 0a 00",
        "vendor='FFMP' decoder_version=0 h263_level=10 h263_profile=0",
    ),
    (
        "btrt",
        "00000000 0000fa00 0000f000",
        "buffer_size_db=0 max_bitrate=64000 avg_bitrate=61440",
    ),
    ("pasp", "00000010 0000000f", "h_spacing=16 v_spacing=15"),
    (
        "clap",
        "00000780 00000001 00000438 00000001 fffffff8 00000002 00000000 00000001",
        "clean_aperture_width_n=1920 clean_aperture_width_d=1 clean_aperture_height_n=1080 clean_aperture_height_d=1 \
         horiz_off_n=-8 horiz_off_d=2 vert_off_n=0 vert_off_d=1",
    ),
    (
        "colr",
        "'nclx' 0009 0010 0009 80",
        "colour_type='nclx' colour_primaries=9 transfer_characteristics=16 matrix_coefficients=9 full_range_flag=1",
    ),
    (
        "colr",
        "'nclc' 0001 0001 0006",
        "colour_type='nclc' colour_primaries=1 transfer_characteristics=1 matrix_coefficients=6",
    ),
    (
        "colr",
        "'prof' 0000024c",
        "colour_type='prof' icc_profile=0000024c",
    ),
    (
        "clli",
        "03e8 0190",
        "max_content_light_level=1000 max_pic_average_light_level=400",
    ),
    (
        "cllI",
        "0001 0002",
        "max_content_light_level=1 max_pic_average_light_level=2",
    ),
    (
        "mdcv",
        "2134 9baa 1996 08fc 8a48 3908 3d13 4042 00989680 00000032",
        "display_primaries=[{x=8500 y=39850}, {x=6550 y=2300}, {x=35400 y=14600}] white_point_x=15635 \
         white_point_y=16450 max_display_mastering_luminance=10000000 min_display_mastering_luminance=50",
    ),
    (
        "cclv",
        "18 00000005 00000006",
        "primaries_present_flag=0 min_luminance_present_flag=1 max_luminance_present_flag=1 \
         avg_luminance_present_flag=0 min_luminance=5 max_luminance=6",
    ),
    (
        "amve",
        "00002710 3d13 4042",
        "ambient_illuminance=10000 ambient_light_x=15635 ambient_light_y=16450",
    ),
    ("ndwt", "00000000 000000cb", "diffuse_white_luminance=203"),
    (
        "ccst",
        "00000000 c4000000",
        "all_ref_pics_intra=1 intra_pred_used=1 max_ref_per_pic=1",
    ),
    (
        "SmDm",
        "00000000 8000 4000 0000 0000 0000 0000 5000 5400 03e80000 00000003",
        "primaries=[{x=0.5 y=0.25}, {x=0 y=0}, {x=0 y=0}] white_point_x=0.3125 white_point_y=0.328125 \
         luminance_max=256000 luminance_min=0.00018310546875",
    ),
    ("CoLL", "00000000 03e8 0190", "max_cll=1000 max_fall=400"),
    ("fiel", "02 09", "fields=2 detail=9"),
    ("gama", "00023333", "gamma=2.1999969482421875"),
    ("st3d", "00000000 02", "stereo_mode=2"),
    ("svhd", "00000000 'tool' 00", "metadata_source=\"tool\""),
    (
        "prhd",
        "00000000 ffa60000 00000000 005a8000",
        "pose_yaw_degrees=-90 pose_pitch_degrees=0 pose_roll_degrees=90.5",
    ),
    (
        "equi",
        "00000000 00000000 80000000 40000000 00000000",
        "projection_bounds_top=0 projection_bounds_bottom=0.5 projection_bounds_left=0.25 projection_bounds_right=0",
    ),
    ("cbmp", "00000000 00000000 00000010", "layout=0 padding=16"),
    (
        "eyes/stri",
        "00000000 07",
        "eye_views_reversed=0 has_additional_views=1 has_right_eye_view=1 has_left_eye_view=1",
    ),
    ("hero", "00000000 01", "hero_eye_indicator=1"),
    ("blin", "00000000 00004a38", "baseline_value=19000"),
    ("dadj", "00000000 fffffe00", "disparity_adjustment=-512"),
    ("hfov", "0000f618", "field_of_view=63000"),
    ("prji", "00000000 'rect'", "projection_kind='rect'"),
    ("must", "00000000 'eyes'", "required_box_types=['eyes']"),
    // Sound.
    (
        "esds",
        "00000000 03 808080 19 0001 00 04 11 40 15 000300 0001f400 0001f400 05 02 1210 06 01 02",
        "codec=\"mp4a.40.2\" means=\"AAC-LC\" descriptors=[{tag=3 size=25 es_id=1 stream_priority=0}, {tag=4 size=17 \
         object_type_indication=64 stream_type=5 up_stream=0 buffer_size_db=768 max_bitrate=128000 \
         avg_bitrate=128000}, {tag=5 size=2 decoder_specific_info=1210}, {tag=6 size=1 sl_config=02}]",
    ),
    (
        "dOps",
        "00 02 0138 0000bb80 ff80 01 02 00 00 01",
        "output_channel_count=2 pre_skip=312 input_sample_rate=48000 output_gain=-0.5 \
         channel_mapping_family=1 stream_count=2 coupled_count=0 channel_mapping=[0, 1]",
    ),
    (
        "dac3",
        "10 3d e0",
        "fscod=0 bsid=8 bsmod=0 acmod=7 lfeon=1 bit_rate_code=15",
    ),
    (
        "dec3",
        "0600 20 0f 00 01 10",
        "data_rate=192 num_ind_sub=0 substreams=[{fscod=0 bsid=16 asvc=0 bsmod=0 acmod=7 lfeon=1 num_dep_sub=0}] \
         flag_ec3_extension_type_a=1 complexity_index_type_a=16",
    ),
    (
        "dec3",
        "0600 20 0f 02 01",
        "data_rate=192 num_ind_sub=0 substreams=[{fscod=0 bsid=16 asvc=0 bsmod=0 acmod=7 lfeon=1 num_dep_sub=1 chan_loc=1}]",
    ),
    (
        "dac4",
        "20 a6 01 aa",
        "ac4_dsi_version=1 bitstream_version=2 fs_index=1 frame_rate_index=3 n_presentations=1 presentations=aa",
    ),
    (
        "alac",
        "00000000 00001000 00 18 28 0a 0e 02 00ff 00000000 00000000 0000ac44",
        "frame_length=4096 compatible_version=0 bit_depth=24 rice_history_mult=40 rice_initial_history=10 \
         rice_limit=14 num_channels=2 max_run=255 max_frame_bytes=0 avg_bit_rate=0 sample_rate=44100",
    ),
    (
        "dfLa",
        "00000000 00 000022 1000 1000 000000 000000 0ac442f0 0000ac44 000102030405060708090a0b0c0d0e0f 84 000001 aa",
        "blocks=[{last=0 block_type=0 length=34 min_block_size=4096 max_block_size=4096 min_frame_size=0 \
         max_frame_size=0 sample_rate=44100 channels_minus_one=1 bits_per_sample_minus_one=15 total_samples=44100 \
         md5=000102030405060708090a0b0c0d0e0f}, {last=1 block_type=4 length=1 data=aa}]",
    ),
    (
        "damr",
        "'FFMP' 00 81ff 00 01",
        "vendor='FFMP' decoder_version=0 mode_set=33279 mode_change_period=0 frames_per_sample=1",
    ),
    (
        "ddts",
        "0000bb80 0016e360 0016e360 18 43 f0 1f68 083f 40",
        "sampling_frequency=48000 max_bitrate=1500000 avg_bitrate=1500000 pcm_sample_depth=24 frame_duration=1 \
         stream_construction=1 core_lfe_present=1 core_layout=60 core_size=502 stereo_downmix=1 representation_type=0 \
         channel_layout=2111 multi_asset_flag=0 lbr_duration_mod=1 reserved_box_present=0",
    ),
    (
        "dmlp",
        "00200000 1770 00000000",
        "format_info=2097152 peak_data_rate=3000",
    ),
    (
        "mhaC",
        "01 0d 06 0002 cafe",
        "configuration_version=1 profile_level_indication=13 reference_channel_layout=6 config=cafe",
    ),
    (
        "iacb",
        "01 80 f806",
        "configuration_version=1 config_obus=80f806",
    ),
    (
        "pcmC",
        "00000000 01 18",
        "format_flags=1 pcm_sample_size=24",
    ),
    (
        "chnl",
        "00000000 03 02 0000000000000001 04",
        "stream_structure=3 defined_layout=2 omitted_channels_map=1 object_count=4",
    ),
    ("srat", "00000000 00017700", "sampling_rate=96000"),
    (
        "chan",
        "00000000 00650002 00000000 00000001 00000001 00000000 3f800000 00000000 bf000000",
        "layout_tag=6619138 channel_bitmap=0 description_count=1 descriptions=[{channel_label=1 channel_flags=0 \
         coordinate_0=1 coordinate_1=0 coordinate_2=-0.5}]",
    ),
    ("enda", "0001", "little_endian=1"),
    (
        "SA3D",
        "00 00 00000001 00 00 00000002 00000000 00000001",
        "ambisonic_type=0 ambisonic_order=1 ambisonic_channel_ordering=0 ambisonic_normalization=0 \
         num_channels=2 channel_map=[0, 1]",
    ),
    // Protection.
    ("frma", "'avc1'", "data_format='avc1'"),
    (
        "schm",
        "00000001 'cbcs' 00010000 'urn:s' 00",
        "flags=1 scheme_type='cbcs' scheme_version=65536 scheme_uri=\"urn:s\"",
    ),
    (
        "pssh",
        "01000000 edef8ba979d64acea3c827dcd51d21ed 00000001 000102030405060708090a0b0c0d0e0f 00000002 cafe",
        "version=1 system_id=edef8ba979d64acea3c827dcd51d21ed kid_count=1 kid=[000102030405060708090a0b0c0d0e0f] data=cafe",
    ),
    (
        "tenc",
        "01000000 00 19 01 00 000102030405060708090a0b0c0d0e0f 02 beef",
        "version=1 default_crypt_byte_block=1 default_skip_byte_block=9 default_is_protected=1 \
         default_per_sample_iv_size=0 default_kid=000102030405060708090a0b0c0d0e0f default_constant_iv=beef",
    ),
    (
        "senc",
        "00000002 00000001 0001020304050607",
        "flags=2 sample_count=1 samples=0001020304050607",
    ),
    ("iKMS", "00000000 'https://k' 00", "kms_uri=\"https://k\""),
    (
        "iSFM",
        "00000000 80 00 08",
        "selective_encryption=1 key_indicator_length=0 iv_length=8",
    ),
    ("iSLT", "0000000000000102", "salt=258"),
    (
        "ohdr",
        "00000000 02 01 0000000000001000 0003 0002 0001 'cid' 'ri' 't'",
        "encryption_method=2 padding_scheme=1 plaintext_length=4096 content_id_length=3 rights_issuer_url_length=2 \
         textual_headers_length=1 content_id=\"cid\" rights_issuer_url=\"ri\" textual_headers=\"t\"",
    ),
    (
        "odaf",
        "00000000 00 00 10",
        "selective_encryption=0 key_indicator_length=0 iv_length=16",
    ),
];
