//! Headers of movies, tracks and media (14496-12 §4, §8).

use super::rule::Cond::{From, Is, NoFlag, Version};
use super::rule::Count::{self, Rest};
use super::rule::Len::{self, Null};
use super::rule::Rule::{
    Bytes, Call, Code, Date, Fixed, If, Int, Language, List, SignedTicks, Skip, Text, Ticks,
    Ufixed, Uint,
};
use super::rule::{Layout, full, plain};
use super::{Value, reader::Reader};
use tapo_bmff::FourCc;

pub(super) const LAYOUTS: &[Layout] = &[
    // 4.3, 8.16.2
    plain(
        &[b"ftyp", b"styp"],
        &[
            Code("major_brand"),
            Uint("minor_version", 32),
            List("compatible_brands", Rest, &[Code("")]),
        ],
    ),
    // 8.1.2: what fills it is told where it is text
    plain(&[b"free", b"skip"], &[Call(filler)]),
    // 8.1.3
    full(
        &[b"pdin"],
        &[List(
            "entries",
            Rest,
            &[Uint("rate", 32), Uint("initial_delay", 32)],
        )],
    ),
    // 8.2.2
    full(
        &[b"mvhd"],
        &[
            Date("creation_time"),
            Date("modification_time"),
            Uint("timescale", 32),
            Ticks("duration"),
            Fixed("rate", 32, 16),
            Fixed("volume", 16, 8),
            Skip(80),
            Call(matrix),
            Skip(192),
            Uint("next_track_id", 32),
        ],
    ),
    // 8.3.2
    full(
        &[b"tkhd"],
        &[
            Date("creation_time"),
            Date("modification_time"),
            Uint("track_id", 32),
            Skip(32),
            Ticks("duration"),
            Skip(64),
            Int("layer", 16),
            Int("alternate_group", 16),
            Fixed("volume", 16, 8),
            Skip(16),
            Call(matrix),
            Ufixed("width", 32, 16),
            Ufixed("height", 32, 16),
        ],
    ),
    // 8.4.2
    full(
        &[b"mdhd"],
        &[
            Date("creation_time"),
            Date("modification_time"),
            Uint("timescale", 32),
            Ticks("duration"),
            Language("language"),
            Skip(16),
        ],
    ),
    // 8.4.3; QTFF "Handler Reference Atoms"
    full(&[b"hdlr"], &[Call(handler)]),
    // 8.4.6
    full(&[b"elng"], &[Text("extended_language", Null)]),
    // 8.6.6
    full(
        &[b"elst"],
        &[
            Uint("entry_count", 32),
            List(
                "entries",
                Count::By("entry_count"),
                &[
                    Ticks("segment_duration"),
                    SignedTicks("media_time"),
                    Fixed("media_rate", 32, 16),
                ],
            ),
        ],
    ),
    // 8.7.2
    full(&[b"dref"], &[Uint("entry_count", 32)]),
    full(&[b"url "], &[If(NoFlag(1), &[Text("location", Null)])]),
    full(
        &[b"urn "],
        &[Text("name", Null), If(NoFlag(1), &[Text("location", Null)])],
    ),
    // 12.1.2
    full(
        &[b"vmhd"],
        &[
            Uint("graphicsmode", 16),
            List("opcolor", Count::Of(3), &[Uint("", 16)]),
        ],
    ),
    // 12.2.2
    full(&[b"smhd"], &[Fixed("balance", 16, 8), Skip(16)]),
    // 12.4.2
    full(
        &[b"hmhd"],
        &[
            Uint("max_pdu_size", 16),
            Uint("avg_pdu_size", 16),
            Uint("max_bitrate", 32),
            Uint("avg_bitrate", 32),
            Skip(32),
        ],
    ),
    // 8.4.5.2, 12.6.2
    full(&[b"nmhd", b"sthd"], &[]),
    // 8.10.3
    full(
        &[b"tsel"],
        &[
            Int("switch_group", 32),
            List("attribute_list", Rest, &[Code("")]),
        ],
    ),
    // 8.10.4
    full(&[b"kind"], &[Text("scheme_uri", Null), Text("value", Null)]),
    // 8.8.2
    full(&[b"mehd"], &[Ticks("fragment_duration")]),
    // 8.8.3
    full(
        &[b"trex"],
        &[
            Uint("track_id", 32),
            Uint("default_sample_description_index", 32),
            Uint("default_sample_duration", 32),
            Uint("default_sample_size", 32),
            Uint("default_sample_flags", 32),
        ],
    ),
    // 8.8.13
    full(
        &[b"leva"],
        &[
            Uint("level_count", 8),
            List(
                "levels",
                Count::By("level_count"),
                &[
                    Uint("track_id", 32),
                    Uint("padding_flag", 1),
                    Uint("assignment_type", 7),
                    If(Is("assignment_type", 0), &[Code("grouping_type")]),
                    If(
                        Is("assignment_type", 1),
                        &[Code("grouping_type"), Uint("grouping_type_parameter", 32)],
                    ),
                    If(Is("assignment_type", 4), &[Uint("sub_track_id", 32)]),
                ],
            ),
        ],
    ),
    // 8.8.15
    full(
        &[b"trep"],
        &[Uint("track_id", 32), Bytes("properties", Len::Rest)],
    ),
    // 8.8.16
    full(
        &[b"assp"],
        &[
            If(Version(0), &[Int("min_initial_alt_startup_offset", 32)]),
            If(
                From(1),
                &[
                    Uint("num_entries", 32),
                    List(
                        "entries",
                        Count::By("num_entries"),
                        &[
                            Uint("grouping_type_parameter", 32),
                            Int("min_initial_alt_startup_offset", 32),
                        ],
                    ),
                ],
            ),
        ],
    ),
    // 8.14.4, 8.14.5
    full(
        &[b"stri"],
        &[
            Int("switch_group", 16),
            Int("alternate_group", 16),
            Uint("sub_track_id", 32),
            List("attribute_list", Rest, &[Code("")]),
        ],
    )
    .inside(&[b"strk"]),
    full(
        &[b"stsg"],
        &[
            Code("grouping_type"),
            Uint("item_count", 16),
            List(
                "group_description_index",
                Count::By("item_count"),
                &[Uint("", 32)],
            ),
        ],
    ),
    // 8.15.4.2
    full(
        &[b"stvi"],
        &[
            Skip(30),
            Uint("single_view_allowed", 2),
            Uint("stereo_scheme", 32),
            Bytes("stereo_indication_type", Len::Prefixed(32)),
        ],
    ),
    // 14496-14 5.5
    full(&[b"iods"], &[Call(super::descriptors::read)]),
];

/// The nine numbers of a transformation: the last of each three has 30 bits behind
/// the point, the others 16.
pub(super) fn matrix(r: &mut Reader<'_>) -> Option<()> {
    let mut shown = Vec::with_capacity(9);
    for at in 0..9 {
        let point = if at % 3 == 2 { 30 } else { 16 };
        let bits = u32::try_from(r.number(32)?).ok()?;
        let number = f64::from(bits.cast_signed()) / f64::from(1_u32 << point);
        shown.push(Value::Fixed(number));
    }
    let count = Some(9);
    r.push("matrix", Value::List { shown, count });
    Some(())
}

/// QuickTime states what kind of component it is and whose; both are zero in ISO.
fn handler(r: &mut Reader<'_>) -> Option<()> {
    let code = |n: u64| u32::try_from(n).map_or(FourCc::default(), |n| FourCc(n.to_be_bytes()));
    let component = r.number(32)?;
    if component != 0 {
        r.push("component_type", Value::Code(code(component)));
    }
    let handler = r.number(32)?;
    r.push("handler_type", Value::Code(code(handler)));
    let vendor = r.number(32)?;
    if vendor != 0 {
        r.push("component_manufacturer", Value::Code(code(vendor)));
    }
    r.take(8)?;
    let name = r.take(r.left())?;
    let name = crate::summary::handler_name(name).to_vec();
    r.push("name", Value::Text(name));
    Some(())
}

/// Text that a writer left in free space.
fn filler(r: &mut Reader<'_>) -> Option<()> {
    let there = r.bytes();
    let end = there.iter().rposition(|b| *b != 0).map_or(0, |at| at + 1);
    let text = there.get(..end.min(256)).unwrap_or_default();
    let plain = |b: &u8| matches!(b, 0x20..=0x7e | b'\n' | b'\r' | b'\t');
    if !text.is_empty() && text.iter().all(plain) {
        r.push("text", Value::Text(text.to_vec()));
    }
    // Free space leaves nothing to explain; the ledger says what is in it.
    let _ = r.take(r.left());
    Some(())
}
