//! User data: 14496-12 §8.10.2, 3GPP TS 26.244 §8, Nero, Microsoft.

use super::rule::Count::{By, Rest};
use super::rule::Len::{self, Prefixed};
use super::rule::Rule::{Bytes, Code, Fixed, If, Language, List, Skip, Text, Uint};
use super::rule::{Cond::Left, Layout, full, plain};

pub(super) const LAYOUTS: &[Layout] = &[
    // 14496-12 8.10.2, 3GPP TS 26.244 8.2 to 8.7
    full(
        &[b"cprt", b"titl", b"dscp", b"perf", b"auth", b"gnre"],
        &[Language("language"), Text("text", Len::Rest)],
    ),
    // 8.8
    full(
        &[b"rtng"],
        &[
            Code("rating_entity"),
            Code("rating_criteria"),
            Language("language"),
            Text("rating_info", Len::Rest),
        ],
    ),
    // 8.9
    full(
        &[b"clsf"],
        &[
            Code("classification_entity"),
            Uint("classification_table", 16),
            Language("language"),
            Text("classification_info", Len::Rest),
        ],
    ),
    // 8.10
    full(
        &[b"kywd"],
        &[
            Language("language"),
            Uint("keyword_count", 8),
            List("keywords", By("keyword_count"), &[Text("", Prefixed(8))]),
        ],
    ),
    // 8.11
    full(
        &[b"loci"],
        &[
            Language("language"),
            Text("name", Len::Null),
            Uint("role", 8),
            Fixed("longitude", 32, 16),
            Fixed("latitude", 32, 16),
            Fixed("altitude", 32, 16),
            Text("astronomical_body", Len::Null),
            Text("additional_notes", Len::Null),
        ],
    ),
    // 8.12
    full(
        &[b"albm"],
        &[
            Language("language"),
            Text("album_title", Len::Null),
            If(Left(1), &[Uint("track_number", 8)]),
        ],
    ),
    // 8.13
    full(&[b"yrrc"], &[Uint("recording_year", 16)]),
    // ID3 in MP4 (mp4ra.org)
    full(
        &[b"ID32"],
        &[Language("language"), Bytes("id3v2", Len::Rest)],
    ),
    // Nero, chapters
    full(
        &[b"chpl"],
        &[
            Skip(32),
            Uint("chapter_count", 8),
            List(
                "chapters",
                By("chapter_count"),
                &[Uint("start_100ns", 64), Text("title", Prefixed(8))],
            ),
        ],
    ),
    // Windows Media, what editors of tags write
    plain(
        &[b"Xtra"],
        &[List(
            "entries",
            Rest,
            &[
                Uint("entry_size", 32),
                Text("name", Prefixed(32)),
                Uint("value_count", 32),
                List(
                    "values",
                    By("value_count"),
                    &[
                        Uint("value_size", 32),
                        Uint("value_type", 16),
                        Bytes("value", Len::Less("value_size", 6)),
                    ],
                ),
            ],
        )],
    ),
    // Apple's and FLIR's recorders
    plain(&[b"date"], &[Text("date", Len::Rest)]),
    // Adobe
    plain(&[b"XMP_"], &[Text("xmp", Len::Rest)]),
    // 14496-30 7.3
    plain(&[b"vttC"], &[Text("config", Len::Rest)]),
    plain(&[b"vlab"], &[Text("source_label", Len::Rest)]),
    // 12.5.3.2
    full(&[b"txtC"], &[Text("text_config", Len::Null)]),
];
