//! Groups of samples and tracks, and references (14496-12 §8.3.3, §8.3.4, §8.9).

use super::rule::Cond::{self, All, Flag, From, Is, Not, Type, Version};
use super::rule::Count::{By, Rest};
use super::rule::Len;
use super::rule::Rule::{self, Bytes, Code, If, Int, List, Skip, Uint, Uuid};
use super::rule::{Layout, full, plain};

pub(super) const LAYOUTS: &[Layout] = &[
    // 8.3.3: of any type
    plain(&[], &[List("track_id", Rest, &[Uint("", 32)])]).inside(&[b"tref"]),
    // 8.3.4: of any type
    full(&[], &[Uint("track_group_id", 32)]).inside(&[b"trgr"]),
    // 8.15.3: of any type
    full(
        &[],
        &[
            Uint("group_id", 32),
            Uint("num_entities_in_group", 32),
            List("entity_id", By("num_entities_in_group"), &[Uint("", 32)]),
        ],
    )
    .inside(&[b"grpl"]),
    // 8.9.2
    full(
        &[b"sbgp"],
        &[
            Code("grouping_type"),
            If(Version(1), &[Uint("grouping_type_parameter", 32)]),
            Uint("entry_count", 32),
            List(
                "entries",
                By("entry_count"),
                &[
                    Uint("sample_count", 32),
                    Uint("group_description_index", 32),
                ],
            ),
        ],
    ),
    // 8.9.3
    full(
        &[b"sgpd"],
        &[
            Code("grouping_type"),
            If(From(1), &[Uint("default_length", 32)]),
            If(From(2), &[Uint("default_group_description_index", 32)]),
            Uint("entry_count", 32),
            List("entries", By("entry_count"), DESCRIPTION),
        ],
    ),
    // 8.9.5
    full(
        &[b"csgp"],
        &[
            Code("grouping_type"),
            If(Flag(0x40), &[Uint("grouping_type_parameter", 32)]),
            Uint("pattern_count", 32),
            Bytes("patterns", Len::Rest),
        ],
    ),
];

/// A sample group description entry: by its type where its syntax is short.
const DESCRIPTION: &[Rule] = &[
    If(
        All(&[From(1), Is("default_length", 0)]),
        &[Uint("description_length", 32)],
    ),
    // 10.1
    If(Type("grouping_type", b"roll"), ROLL),
    If(Type("grouping_type", b"prol"), ROLL),
    // 10.4
    If(
        Type("grouping_type", b"rap "),
        &[
            Uint("num_leading_samples_known", 1),
            Uint("num_leading_samples", 7),
        ],
    ),
    // 10.5
    If(
        Type("grouping_type", b"tele"),
        &[Uint("level_independently_decodable", 1), Skip(7)],
    ),
    // 10.6
    If(
        Type("grouping_type", b"sap "),
        &[Uint("dependent_flag", 1), Skip(3), Uint("sap_type", 4)],
    ),
    // 14496-15 8.4.7: NAL unit type of synchronisation samples
    If(
        Type("grouping_type", b"sync"),
        &[Skip(2), Uint("nal_unit_type", 6)],
    ),
    // 23001-7 6
    If(
        Type("grouping_type", b"seig"),
        &[
            Skip(8),
            Uint("crypt_byte_block", 4),
            Uint("skip_byte_block", 4),
            Uint("is_protected", 8),
            Uint("per_sample_iv_size", 8),
            Uuid("kid"),
            If(
                All(&[Is("is_protected", 1), Is("per_sample_iv_size", 0)]),
                &[Bytes("constant_iv", Len::Prefixed(8))],
            ),
        ],
    ),
    If(
        OTHER,
        &[If(
            Is("default_length", 0),
            &[Bytes("entry", Len::By("description_length"))],
        )],
    ),
    If(
        OTHER,
        &[If(
            Not("default_length", 0),
            &[Bytes("entry", Len::By("default_length"))],
        )],
    ),
];

const ROLL: &[Rule] = &[Int("roll_distance", 16)];

const OTHER: Cond = All(&[
    not(b"roll"),
    not(b"prol"),
    not(b"rap "),
    not(b"tele"),
    not(b"sap "),
    not(b"sync"),
    not(b"seig"),
]);

const fn not(kind: &[u8; 4]) -> Cond {
    let [a, b, c, d] = *kind;
    Not("grouping_type", u32::from_be_bytes([a, b, c, d]) as u64)
}
