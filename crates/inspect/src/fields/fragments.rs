//! Movie fragments (14496-12 §8.8), segments and events of DASH (§8.16, ISO/IEC
//! 23009-1 §5.10).

use super::rule::Cond::{Flag, From, Version};
use super::rule::Count::By;
use super::rule::Len::{Null, Rest};
use super::rule::Rule::{self, Bytes, If, Int, List, Skip, Text, Ticks, Uint};
use super::rule::{Layout, full};

pub(super) const LAYOUTS: &[Layout] = &[
    // 8.8.5
    full(&[b"mfhd"], &[Uint("sequence_number", 32)]),
    // 8.8.7
    full(
        &[b"tfhd"],
        &[
            Uint("track_id", 32),
            If(Flag(1), &[Uint("base_data_offset", 64)]),
            If(Flag(2), &[Uint("sample_description_index", 32)]),
            If(Flag(8), &[Uint("default_sample_duration", 32)]),
            If(Flag(0x10), &[Uint("default_sample_size", 32)]),
            If(Flag(0x20), &[Uint("default_sample_flags", 32)]),
        ],
    ),
    // 8.8.8
    full(
        &[b"trun"],
        &[
            Uint("sample_count", 32),
            If(Flag(1), &[Int("data_offset", 32)]),
            If(Flag(4), &[Uint("first_sample_flags", 32)]),
            If(
                Flag(0xf00),
                &[List(
                    "samples",
                    By("sample_count"),
                    &[
                        If(Flag(0x100), &[Uint("duration", 32)]),
                        If(Flag(0x200), &[Uint("size", 32)]),
                        If(Flag(0x400), &[Uint("flags", 32)]),
                        If(
                            Flag(0x800),
                            &[
                                If(Version(0), &[Uint("composition_time_offset", 32)]),
                                If(From(1), &[Int("composition_time_offset", 32)]),
                            ],
                        ),
                    ],
                )],
            ),
        ],
    ),
    // 8.8.10
    full(
        &[b"tfra"],
        &[
            Uint("track_id", 32),
            Skip(26),
            Uint("length_size_of_traf_num", 2),
            Uint("length_size_of_trun_num", 2),
            Uint("length_size_of_sample_num", 2),
            Uint("number_of_entry", 32),
            List(
                "entries",
                By("number_of_entry"),
                &[
                    Ticks("time"),
                    Ticks("moof_offset"),
                    bytes("traf_number", "length_size_of_traf_num"),
                    bytes("trun_number", "length_size_of_trun_num"),
                    bytes("sample_number", "length_size_of_sample_num"),
                ],
            ),
        ],
    ),
    // 8.8.11
    full(&[b"mfro"], &[Uint("parent_size", 32)]),
    // 8.8.12
    full(&[b"tfdt"], &[Ticks("base_media_decode_time")]),
    // 8.16.3
    full(
        &[b"sidx"],
        &[
            Uint("reference_id", 32),
            Uint("timescale", 32),
            Ticks("earliest_presentation_time"),
            Ticks("first_offset"),
            Skip(16),
            Uint("reference_count", 16),
            List(
                "references",
                By("reference_count"),
                &[
                    Uint("reference_type", 1),
                    Uint("referenced_size", 31),
                    Uint("subsegment_duration", 32),
                    Uint("starts_with_sap", 1),
                    Uint("sap_type", 3),
                    Uint("sap_delta_time", 28),
                ],
            ),
        ],
    ),
    // 8.16.4
    full(
        &[b"ssix"],
        &[
            Uint("subsegment_count", 32),
            List(
                "subsegments",
                By("subsegment_count"),
                &[
                    Uint("range_count", 32),
                    List(
                        "ranges",
                        By("range_count"),
                        &[Uint("level", 8), Uint("range_size", 24)],
                    ),
                ],
            ),
        ],
    ),
    // 8.16.5
    full(
        &[b"prft"],
        &[
            Uint("reference_track_id", 32),
            Uint("ntp_timestamp", 64),
            Ticks("media_time"),
        ],
    ),
    // 23009-1 5.10.3.3
    full(
        &[b"emsg"],
        &[
            If(
                Version(0),
                &[
                    Text("scheme_id_uri", Null),
                    Text("value", Null),
                    Uint("timescale", 32),
                    Uint("presentation_time_delta", 32),
                    Uint("event_duration", 32),
                    Uint("id", 32),
                ],
            ),
            If(
                From(1),
                &[
                    Uint("timescale", 32),
                    Uint("presentation_time", 64),
                    Uint("event_duration", 32),
                    Uint("id", 32),
                    Text("scheme_id_uri", Null),
                    Text("value", Null),
                ],
            ),
            Bytes("message_data", Rest),
        ],
    ),
    // 23001-18 6.1
    full(
        &[b"emib"],
        &[
            Skip(32),
            Int("presentation_time_delta", 64),
            Uint("event_duration", 32),
            Uint("id", 32),
            Text("scheme_id_uri", Null),
            Text("value", Null),
            Bytes("message_data", Rest),
        ],
    ),
];

/// A number that has one byte more than an earlier field says.
const fn bytes(name: &'static str, field: &'static str) -> Rule {
    Rule::By {
        name,
        field,
        more: 1,
        unit: 8,
    }
}
