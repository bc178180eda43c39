//! Metadata and items (14496-12 §8.11), properties of images (ISO/IEC 23008-12 §6.5),
//! items of iTunes and QuickTime.

use super::Value;
use super::reader::Reader;
use super::rule::Cond::{All, Below, Flag, From, Is, Left, NoFlag, Not, Type, Version};
use super::rule::Count::{By, Of};
use super::rule::Len::{self, Null, Rest};
use super::rule::Rule::{self, Bytes, Call, Code, If, List, Skip, Text, Uint};
use super::rule::{Layout, full, plain};

pub(super) const LAYOUTS: &[Layout] = &[
    // 8.11.12: of any type
    plain(&[], &[Call(reference)]).inside(&[b"iref"]),
    // 8.11.1; QuickTime's has no version
    plain(&[b"meta"], &[If(Left(4), &[Call(version)])]),
    // 8.11.2
    full(&[b"xml "], &[Text("xml", Null)]),
    full(&[b"bxml"], &[Bytes("data", Rest)]),
    // 8.11.3
    full(
        &[b"iloc"],
        &[
            Uint("offset_size", 4),
            Uint("length_size", 4),
            Uint("base_offset_size", 4),
            Uint("index_size", 4),
            If(From(2), &[Uint("item_count", 32)]),
            If(Below(2), &[Uint("item_count", 16)]),
            List(
                "items",
                By("item_count"),
                &[
                    If(From(2), &[Uint("item_id", 32)]),
                    If(Below(2), &[Uint("item_id", 16)]),
                    If(From(1), &[Skip(12), Uint("construction_method", 4)]),
                    Uint("data_reference_index", 16),
                    sized("base_offset", "base_offset_size"),
                    Uint("extent_count", 16),
                    List(
                        "extents",
                        By("extent_count"),
                        &[
                            If(
                                All(&[From(1), Not("index_size", 0)]),
                                &[sized("index", "index_size")],
                            ),
                            sized("offset", "offset_size"),
                            sized("length", "length_size"),
                        ],
                    ),
                ],
            ),
        ],
    ),
    // 8.11.4
    full(
        &[b"pitm"],
        &[
            If(Version(0), &[Uint("item_id", 16)]),
            If(From(1), &[Uint("item_id", 32)]),
        ],
    ),
    // 8.11.5
    full(&[b"ipro"], &[Uint("protection_count", 16)]),
    // 8.11.6
    full(
        &[b"iinf"],
        &[
            If(Version(0), &[Uint("entry_count", 16)]),
            If(From(1), &[Uint("entry_count", 32)]),
        ],
    ),
    full(
        &[b"infe"],
        &[
            If(
                Below(2),
                &[
                    Uint("item_id", 16),
                    Uint("item_protection_index", 16),
                    Text("item_name", Null),
                    Text("content_type", Null),
                ],
            ),
            If(Version(2), &[Uint("item_id", 16)]),
            If(From(3), &[Uint("item_id", 32)]),
            If(
                From(2),
                &[
                    Uint("item_protection_index", 16),
                    Code("item_type"),
                    Text("item_name", Null),
                    If(Type("item_type", b"mime"), &[Text("content_type", Null)]),
                    If(Type("item_type", b"uri "), &[Text("item_uri_type", Null)]),
                ],
            ),
            If(Left(1), &[Text("content_encoding", Null)]),
        ],
    ),
    // 8.11.8
    full(
        &[b"mere"],
        &[
            Code("first_metabox_handler_type"),
            Code("second_metabox_handler_type"),
            Uint("metabox_relation", 8),
        ],
    ),
    // 8.11.11
    plain(&[b"idat"], &[Bytes("data", Rest)]),
    // 8.11.14
    full(
        &[b"ipma"],
        &[
            Uint("entry_count", 32),
            List(
                "entries",
                By("entry_count"),
                &[
                    If(Version(0), &[Uint("item_id", 16)]),
                    If(From(1), &[Uint("item_id", 32)]),
                    Uint("association_count", 8),
                    List(
                        "associations",
                        By("association_count"),
                        &[
                            Uint("essential", 1),
                            If(Flag(1), &[Uint("property_index", 15)]),
                            If(NoFlag(1), &[Uint("property_index", 7)]),
                        ],
                    ),
                ],
            ),
        ],
    ),
    // 23008-12 6.5.3 and on
    full(
        &[b"ispe"],
        &[Uint("image_width", 32), Uint("image_height", 32)],
    ),
    full(
        &[b"pixi"],
        &[
            Uint("num_channels", 8),
            List("bits_per_channel", By("num_channels"), &[Uint("", 8)]),
        ],
    ),
    full(
        &[b"rloc"],
        &[Uint("horizontal_offset", 32), Uint("vertical_offset", 32)],
    ),
    full(
        &[b"auxC"],
        &[Text("aux_type", Null), Bytes("aux_subtype", Rest)],
    ),
    plain(&[b"irot"], &[Skip(6), Uint("angle", 2)]),
    plain(&[b"imir"], &[Skip(7), Uint("axis", 1)]),
    plain(&[b"lsel"], &[Uint("layer_id", 16)]),
    plain(&[b"a1op"], &[Uint("op_index", 8)]),
    plain(
        &[b"a1lx"],
        &[
            Skip(7),
            Uint("large_size", 1),
            If(
                Is("large_size", 0),
                &[List("layer_size", Of(3), &[Uint("", 16)])],
            ),
            If(
                Is("large_size", 1),
                &[List("layer_size", Of(3), &[Uint("", 32)])],
            ),
        ],
    ),
    full(
        &[b"udes"],
        &[
            Text("lang", Null),
            Text("name", Null),
            Text("description", Null),
            Text("tags", Null),
        ],
    ),
    // QTFF "Metadata Item Keys Atom"
    full(
        &[b"keys"],
        &[
            Uint("entry_count", 32),
            List(
                "entries",
                By("entry_count"),
                &[
                    Uint("key_size", 32),
                    Code("key_namespace"),
                    Text("key_value", Len::Less("key_size", 8)),
                ],
            ),
        ],
    ),
    // QTFF "Value Atom"
    plain(
        &[b"data"],
        &[
            Uint("type_set", 8),
            Uint("type", 24),
            Uint("country", 16),
            Uint("language", 16),
            Call(value),
        ],
    ),
    // iTunes, in free-form items
    full(&[b"mean", b"name"], &[Text("text", Rest)]).inside(&[b"----"]),
];

/// A number of as many bytes as an earlier field says.
const fn sized(name: &'static str, field: &'static str) -> Rule {
    Rule::By {
        name,
        field,
        more: 0,
        unit: 8,
    }
}

/// Version and flags, where ISO has them and QuickTime has not.
fn version(r: &mut Reader<'_>) -> Option<()> {
    r.full_box()
}

/// What an item refers to. How wide its numbers are, the version of the box around
/// says; so does its length.
fn reference(r: &mut Reader<'_>) -> Option<()> {
    let count = tapo_bmff::be_u16(r.bytes(), 4).map(u64::from);
    let wide = count.is_some_and(|count| r.left() == 6 + 4 * count);
    r.run(if wide { WIDE } else { NARROW })
}

const NARROW: &[Rule] = &[
    Uint("from_item_id", 16),
    Uint("reference_count", 16),
    List("to_item_id", By("reference_count"), &[Uint("", 16)]),
];

const WIDE: &[Rule] = &[
    Uint("from_item_id", 32),
    Uint("reference_count", 16),
    List("to_item_id", By("reference_count"), &[Uint("", 32)]),
];

/// The value of a metadata item, by its well-known type (QTFF table 3-5).
fn value(r: &mut Reader<'_>) -> Option<()> {
    let kind = match r.known("type_set")? {
        0 => r.known("type")?,
        _ => 0,
    };
    let bits = u32::try_from(r.left() * 8).ok()?;
    let rule = match (kind, bits) {
        (1 | 4, _) => Text("value", Rest),
        (21 | 65 | 66 | 67 | 74, 8 | 16 | 24 | 32 | 64) => Rule::Int("value", bits),
        (22 | 75 | 76 | 77 | 78, 8 | 16 | 24 | 32 | 64) => Uint("value", bits),
        (23, 32) => Rule::Float("value"),
        _ => Bytes("value", Rest),
    };
    if bits == 0 {
        r.push("value", Value::Text(Vec::new()));
        return Some(());
    }
    r.run(&[rule])
}
