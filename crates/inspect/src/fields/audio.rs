//! Configurations and properties of sound: ISO/IEC 14496-12 §12.2, the codecs' own
//! mappings, QuickTime.

use super::rule::Cond::{All, Bits, From, Is, Left, Not, Version};
use super::rule::Count::{self, More, Rest};
use super::rule::Len::{self, Prefixed};
use super::rule::Rule::{self, Bytes, Call, Code, Fixed, Float, If, List, Skip, Uint};
use super::rule::{Layout, full, plain};

pub(super) const LAYOUTS: &[Layout] = &[
    // 14496-14 5.6
    full(
        &[b"esds"],
        &[
            Call(|r| super::video::describe(r, b"mp4a", b"esds")),
            Call(super::descriptors::read),
        ],
    ),
    // Encapsulation of Opus in ISOBMFF 4.3.2
    plain(
        &[b"dOps"],
        &[
            Uint("version", 8),
            Uint("output_channel_count", 8),
            Uint("pre_skip", 16),
            Uint("input_sample_rate", 32),
            Fixed("output_gain", 16, 8),
            Uint("channel_mapping_family", 8),
            If(
                Not("channel_mapping_family", 0),
                &[
                    Uint("stream_count", 8),
                    Uint("coupled_count", 8),
                    List(
                        "channel_mapping",
                        Count::By("output_channel_count"),
                        &[Uint("", 8)],
                    ),
                ],
            ),
        ],
    ),
    // ETSI TS 102 366 F.4
    plain(
        &[b"dac3"],
        &[
            Uint("fscod", 2),
            Uint("bsid", 5),
            Uint("bsmod", 3),
            Uint("acmod", 3),
            Uint("lfeon", 1),
            Uint("bit_rate_code", 5),
            Skip(5),
        ],
    ),
    // ETSI TS 102 366 F.6
    plain(
        &[b"dec3"],
        &[
            Uint("data_rate", 13),
            Uint("num_ind_sub", 3),
            List("substreams", More("num_ind_sub", 1), EAC3),
            If(
                Left(2),
                &[
                    Skip(7),
                    Uint("flag_ec3_extension_type_a", 1),
                    Uint("complexity_index_type_a", 8),
                ],
            ),
        ],
    ),
    // ETSI TS 103 190-2 E.6
    plain(
        &[b"dac4"],
        &[
            Uint("ac4_dsi_version", 3),
            Uint("bitstream_version", 7),
            Uint("fs_index", 1),
            Uint("frame_rate_index", 4),
            Uint("n_presentations", 9),
            Bytes("presentations", Len::Rest),
        ],
    ),
    // Apple Lossless, ALACSpecificConfig
    full(
        &[b"alac"],
        &[
            Uint("frame_length", 32),
            Uint("compatible_version", 8),
            Uint("bit_depth", 8),
            Uint("rice_history_mult", 8),
            Uint("rice_initial_history", 8),
            Uint("rice_limit", 8),
            Uint("num_channels", 8),
            Uint("max_run", 16),
            Uint("max_frame_bytes", 32),
            Uint("avg_bit_rate", 32),
            Uint("sample_rate", 32),
        ],
    ),
    // Encapsulation of FLAC in ISOBMFF 3.3.2; RFC 9639 8
    full(
        &[b"dfLa"],
        &[List(
            "blocks",
            Rest,
            &[
                Uint("last", 1),
                Uint("block_type", 7),
                Uint("length", 24),
                If(All(&[Is("block_type", 0), Is("length", 34)]), STREAMINFO),
                If(Not("block_type", 0), &[Bytes("data", Len::By("length"))]),
            ],
        )],
    ),
    // 3GPP TS 26.244 6.7
    plain(
        &[b"damr"],
        &[
            Code("vendor"),
            Uint("decoder_version", 8),
            Uint("mode_set", 16),
            Uint("mode_change_period", 8),
            Uint("frames_per_sample", 8),
        ],
    ),
    // ETSI TS 102 114 E.3
    plain(
        &[b"ddts"],
        &[
            Uint("sampling_frequency", 32),
            Uint("max_bitrate", 32),
            Uint("avg_bitrate", 32),
            Uint("pcm_sample_depth", 8),
            Uint("frame_duration", 2),
            Uint("stream_construction", 5),
            Uint("core_lfe_present", 1),
            Uint("core_layout", 6),
            Uint("core_size", 14),
            Uint("stereo_downmix", 1),
            Uint("representation_type", 3),
            Uint("channel_layout", 16),
            Uint("multi_asset_flag", 1),
            Uint("lbr_duration_mod", 1),
            Uint("reserved_box_present", 1),
            Skip(5),
        ],
    ),
    // Dolby TrueHD in ISOBMFF 4
    plain(
        &[b"dmlp"],
        &[
            Uint("format_info", 32),
            Uint("peak_data_rate", 15),
            Skip(33),
        ],
    ),
    // 23008-3 20.5.2
    plain(
        &[b"mhaC"],
        &[
            Uint("configuration_version", 8),
            Uint("profile_level_indication", 8),
            Uint("reference_channel_layout", 8),
            Bytes("config", Prefixed(16)),
        ],
    ),
    // Immersive Audio Model and Formats 6.2.4
    plain(
        &[b"iacb"],
        &[
            Uint("configuration_version", 8),
            Bytes("config_obus", Len::Rest),
        ],
    ),
    // 23003-5 5.2
    full(
        &[b"pcmC"],
        &[Uint("format_flags", 8), Uint("pcm_sample_size", 8)],
    ),
    // 12.2.4
    full(
        &[b"chnl"],
        &[
            If(
                Version(0),
                &[
                    Uint("stream_structure", 8),
                    If(
                        Bits("stream_structure", 1),
                        &[
                            Uint("defined_layout", 8),
                            If(
                                Not("defined_layout", 0),
                                &[Uint("omitted_channels_map", 64)],
                            ),
                            If(Is("defined_layout", 0), &[Bytes("speakers", Len::Rest)]),
                        ],
                    ),
                    If(
                        All(&[Bits("stream_structure", 2), Left(1)]),
                        &[Uint("object_count", 8)],
                    ),
                ],
            ),
            If(From(1), &[Bytes("layout", Len::Rest)]),
        ],
    ),
    // 12.2.5
    full(&[b"srat"], &[Uint("sampling_rate", 32)]),
    // QTFF "Sound Sample Description Extensions"
    full(
        &[b"chan"],
        &[
            Uint("layout_tag", 32),
            Uint("channel_bitmap", 32),
            Uint("description_count", 32),
            List(
                "descriptions",
                Count::By("description_count"),
                &[
                    Uint("channel_label", 32),
                    Uint("channel_flags", 32),
                    Float("coordinate_0"),
                    Float("coordinate_1"),
                    Float("coordinate_2"),
                ],
            ),
        ],
    ),
    plain(&[b"enda"], &[Uint("little_endian", 16)]),
    // Spatial Audio RFC (draft)
    plain(
        &[b"SA3D"],
        &[
            Uint("version", 8),
            Uint("ambisonic_type", 8),
            Uint("ambisonic_order", 32),
            Uint("ambisonic_channel_ordering", 8),
            Uint("ambisonic_normalization", 8),
            Uint("num_channels", 32),
            List("channel_map", Count::By("num_channels"), &[Uint("", 32)]),
        ],
    ),
];

const EAC3: &[Rule] = &[
    Uint("fscod", 2),
    Uint("bsid", 5),
    Skip(1),
    Uint("asvc", 1),
    Uint("bsmod", 3),
    Uint("acmod", 3),
    Uint("lfeon", 1),
    Skip(3),
    Uint("num_dep_sub", 4),
    If(Not("num_dep_sub", 0), &[Uint("chan_loc", 9)]),
    If(Is("num_dep_sub", 0), &[Skip(1)]),
];

const STREAMINFO: &[Rule] = &[
    Uint("min_block_size", 16),
    Uint("max_block_size", 16),
    Uint("min_frame_size", 24),
    Uint("max_frame_size", 24),
    Uint("sample_rate", 20),
    Uint("channels_minus_one", 3),
    Uint("bits_per_sample_minus_one", 5),
    Uint("total_samples", 36),
    Bytes("md5", Len::Of(16)),
];
