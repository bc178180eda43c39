//! Tables of samples and what stands beside them (14496-12 §8.5 to §8.7).

use super::rule::Cond::{Flag, From, Is, Version};
use super::rule::Count::{By, Rest};
use super::rule::Rule::{self, Code, If, Int, List, SignedTicks, Skip, Uint};
use super::rule::{Layout, full};

pub(super) const LAYOUTS: &[Layout] = &[
    // 8.5.2
    full(&[b"stsd"], &[Uint("entry_count", 32)]),
    // 8.5.3
    full(&[b"stdp"], &[List("priority", Rest, &[Uint("", 16)])]),
    // 8.6.1.2
    full(
        &[b"stts"],
        &[
            Uint("entry_count", 32),
            List(
                "entries",
                By("entry_count"),
                &[Uint("sample_count", 32), Uint("sample_delta", 32)],
            ),
        ],
    ),
    // 8.6.1.3
    full(
        &[b"ctts"],
        &[
            Uint("entry_count", 32),
            List(
                "entries",
                By("entry_count"),
                &[
                    Uint("sample_count", 32),
                    If(Version(0), &[Uint("sample_offset", 32)]),
                    If(From(1), &[Int("sample_offset", 32)]),
                ],
            ),
        ],
    ),
    // 8.6.1.4
    full(
        &[b"cslg"],
        &[
            SignedTicks("composition_to_dts_shift"),
            SignedTicks("least_decode_to_display_delta"),
            SignedTicks("greatest_decode_to_display_delta"),
            SignedTicks("composition_start_time"),
            SignedTicks("composition_end_time"),
        ],
    ),
    // 8.6.2
    full(
        &[b"stss"],
        &[Uint("entry_count", 32), numbers("sample_number")],
    ),
    // QTFF "Partial Sync Sample Atom"
    full(
        &[b"stps"],
        &[Uint("entry_count", 32), numbers("sample_number")],
    ),
    // 8.6.3
    full(
        &[b"stsh"],
        &[
            Uint("entry_count", 32),
            List(
                "entries",
                By("entry_count"),
                &[
                    Uint("shadowed_sample_number", 32),
                    Uint("sync_sample_number", 32),
                ],
            ),
        ],
    ),
    // 8.6.4
    full(
        &[b"sdtp"],
        &[List(
            "samples",
            Rest,
            &[
                Uint("is_leading", 2),
                Uint("sample_depends_on", 2),
                Uint("sample_is_depended_on", 2),
                Uint("sample_has_redundancy", 2),
            ],
        )],
    ),
    // 8.7.3.2
    full(
        &[b"stsz"],
        &[
            Uint("sample_size", 32),
            Uint("sample_count", 32),
            If(
                Is("sample_size", 0),
                &[List("entry_size", By("sample_count"), &[Uint("", 32)])],
            ),
        ],
    ),
    // 8.7.3.3
    full(
        &[b"stz2"],
        &[
            Skip(24),
            Uint("field_size", 8),
            Uint("sample_count", 32),
            List(
                "entry_size",
                By("sample_count"),
                &[Rule::By {
                    name: "",
                    field: "field_size",
                    more: 0,
                    unit: 1,
                }],
            ),
        ],
    ),
    // 8.7.4
    full(
        &[b"stsc"],
        &[
            Uint("entry_count", 32),
            List(
                "entries",
                By("entry_count"),
                &[
                    Uint("first_chunk", 32),
                    Uint("samples_per_chunk", 32),
                    Uint("sample_description_index", 32),
                ],
            ),
        ],
    ),
    // 8.7.5
    full(
        &[b"stco"],
        &[Uint("entry_count", 32), numbers("chunk_offset")],
    ),
    full(
        &[b"co64"],
        &[
            Uint("entry_count", 32),
            List("chunk_offset", By("entry_count"), &[Uint("", 64)]),
        ],
    ),
    // 8.7.6
    full(
        &[b"padb"],
        &[
            Uint("sample_count", 32),
            List("padding_bits", By("sample_count"), &[Skip(1), Uint("", 3)]),
        ],
    ),
    // 8.7.7
    full(
        &[b"subs"],
        &[
            Uint("entry_count", 32),
            List(
                "entries",
                By("entry_count"),
                &[
                    Uint("sample_delta", 32),
                    Uint("subsample_count", 16),
                    List(
                        "subsamples",
                        By("subsample_count"),
                        &[
                            If(Version(0), &[Uint("subsample_size", 16)]),
                            If(From(1), &[Uint("subsample_size", 32)]),
                            Uint("subsample_priority", 8),
                            Uint("discardable", 8),
                            Uint("codec_specific_parameters", 32),
                        ],
                    ),
                ],
            ),
        ],
    ),
    // 8.7.8
    full(
        &[b"saiz"],
        &[
            AUX_INFO,
            Uint("default_sample_info_size", 8),
            Uint("sample_count", 32),
            If(
                Is("default_sample_info_size", 0),
                &[List("sample_info_size", By("sample_count"), &[Uint("", 8)])],
            ),
        ],
    ),
    // 8.7.9
    full(
        &[b"saio"],
        &[
            AUX_INFO,
            Uint("entry_count", 32),
            List(
                "offset",
                By("entry_count"),
                &[
                    If(Version(0), &[Uint("", 32)]),
                    If(From(1), &[Uint("", 64)]),
                ],
            ),
        ],
    ),
];

const AUX_INFO: Rule = If(
    Flag(1),
    &[Code("aux_info_type"), Uint("aux_info_type_parameter", 32)],
);

/// A table of plain numbers.
const fn numbers(name: &'static str) -> Rule {
    List(name, By("entry_count"), &[Uint("", 32)])
}
