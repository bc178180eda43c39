//! Every layout, on bytes made by hand: one line for each type of box.

mod media;
mod more;
mod structure;

use super::*;

/// A type of box, with the box around it where that matters; its payload, as
/// hexadecimal digits and text in single quotes; its fields, version and flags of
/// zero left out.
type Case = (&'static str, &'static str, &'static str);

fn bytes(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for (at, part) in text.split('\'').enumerate() {
        if at % 2 == 1 {
            out.extend(part.bytes());
            continue;
        }
        let digits: Vec<char> = part.chars().filter(|c| !c.is_whitespace()).collect();
        assert_eq!(digits.len() % 2, 0, "{text}");
        out.extend(
            digits
                .chunks(2)
                .map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).expect(text)),
        );
    }
    out
}

fn value(value: &Value) -> String {
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    match value {
        Value::Int(n) | Value::Date(n) => n.to_string(),
        Value::Signed(n) => n.to_string(),
        Value::Fixed(n) => n.to_string(),
        Value::Code(code) => format!("'{code}'"),
        Value::Uuid(id) => hex(id),
        Value::Text(text) => format!("{:?}", String::from_utf8_lossy(text)),
        Value::Bytes { head, len } => {
            assert_eq!(head.len() as u64, *len);
            hex(head)
        }
        Value::Word(text) => format!("{text:?}"),
        Value::List { shown, count } => {
            assert_eq!(Some(shown.len() as u64), *count);
            let shown: Vec<_> = shown.iter().map(self::value).collect();
            format!("[{}]", shown.join(", "))
        }
        Value::Record(all) => format!("{{{}}}", fields(all)),
    }
}

fn fields(all: &[Field]) -> String {
    let told = all
        .iter()
        .filter(|f| !matches!(f, ("version" | "flags", Value::Int(0))));
    let told: Vec<_> = told.map(|(n, v)| format!("{n}={}", value(v))).collect();
    told.join(" ")
}

fn place(text: &str) -> (FourCc, Option<FourCc>) {
    let code = |text: &str| {
        let bytes: Vec<u8> = text.chars().map(|c| u8::try_from(c).unwrap()).collect();
        FourCc(bytes.try_into().unwrap())
    };
    match text.split_once('/') {
        Some((parent, kind)) => (code(kind), Some(code(parent))),
        None => (code(text), None),
    }
}

fn layout(of: &str) -> Layout {
    if let Some(id) = of.strip_prefix("uuid ") {
        let id: [u8; 16] = bytes(id).try_into().unwrap();
        return *user_types::layout(&id).expect(of);
    }
    match place(of) {
        (kind, Some(parent)) if parent == b"stsd" => *entries::layout(kind, None),
        (kind, parent) => *find(kind, parent).expect(of),
    }
}

fn cases() -> impl Iterator<Item = &'static Case> {
    [structure::CASES, media::CASES, more::CASES]
        .into_iter()
        .flatten()
}

fn decoded(payload: &[u8], layout: &Layout) -> Decoded {
    read(
        &payload,
        Span::new(0, payload.len() as u64),
        layout,
        Shown::ALL,
    )
    .unwrap()
}

#[test]
fn each_type_of_box_is_read_by_its_standard() {
    let mut wrong = String::new();
    for (of, payload, want) in cases() {
        let payload = bytes(payload);
        let read = decoded(&payload, &layout(of));
        let got = fields(&read.fields);
        if (got.as_str(), read.short, read.behind.len()) != (*want, false, 0) {
            let (short, behind) = (read.short, read.behind.len());
            wrong += &format!("{of}: short {short}, {behind} left\n  {got}\n  {want}\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn no_type_is_without_a_case_and_there_are_120_at_least() {
    let tried: Vec<_> = cases().map(|(of, ..)| *of).collect();
    let mut types = std::collections::BTreeSet::new();
    for layout in FAMILIES.iter().flat_map(|family| family.iter()) {
        for kind in layout.kinds {
            let is_tried = |of: &&&str| {
                let (k, parent) = place(of);
                let kind_of = if k.0[0] == 0xa9 {
                    *quicktime::TEXT
                } else {
                    k.0
                };
                kind_of == **kind
                    && (layout.inside.is_empty()
                        || parent.is_some_and(|p| layout.is_of(FourCc(**kind), Some(p))))
            };
            let boxes = tried.iter().filter(|of| !of.starts_with("uuid "));
            assert!(boxes.clone().any(|of| is_tried(&of)), "{}", FourCc(**kind));
            let named = crate::names::name(FourCc(**kind));
            assert!(named.is_some(), "{} has no name", FourCc(**kind));
            types.insert(**kind);
        }
        for inside in layout.inside.iter().filter(|_| layout.kinds.is_empty()) {
            let parent = format!("{}/", FourCc(**inside));
            assert!(tried.iter().any(|of| of.starts_with(&parent)), "{parent}");
        }
    }
    for (kind, _) in entries::OTHERS {
        let of = format!("stsd/{}", FourCc(**kind));
        assert!(tried.contains(&of.as_str()), "{of}");
    }
    let user_types = tried.iter().filter(|of| of.starts_with("uuid "));
    assert_eq!(user_types.count(), user_types::LAYOUTS.len());
    assert!(types.len() >= 120, "{}", types.len());
}

#[test]
fn a_box_may_be_cut_anywhere() {
    for (of, payload, _) in cases() {
        let payload = bytes(payload);
        let layout = layout(of);
        let whole = decoded(&payload, &layout);
        for len in 0..payload.len() {
            let cut = decoded(&payload[..len], &layout);
            // Fields are lost, none is made up. What takes all there is may say less.
            assert!(
                cut.fields.len() <= whole.fields.len() + 1,
                "{of} cut at {len}"
            );
            assert!(cut.behind.is_empty() || !cut.short, "{of} cut at {len}");
        }
    }
}

proptest::proptest! {
    /// What is shown of any bytes is bounded by them, and ends.
    #[test]
    fn any_bytes_are_survived(payload in proptest::collection::vec(0_u8.., 0..200)) {
        for layout in FAMILIES.iter().flat_map(|family| family.iter()) {
            let read = decoded(&payload, layout);
            proptest::prop_assert!(read.behind.end <= payload.len() as u64);
        }
    }
}

#[test]
fn counts_that_lie_are_told_and_not_believed() {
    let count = |kind: &str, payload: &[u8]| {
        let read = decoded(payload, &layout(kind));
        let list = read.fields.iter().find_map(|(_, v)| match v {
            Value::List { shown, count } => Some((shown.len(), *count)),
            _ => None,
        });
        (list.unwrap(), read.short)
    };
    let mut stco = bytes("00000000 ffffffff 00000001");
    assert_eq!(count("stco", &stco), ((1, Some(u32::MAX.into())), true));
    stco.resize(8 + 4 * 5000, 7);
    // Only the head is read: whether it goes on as it says is not known.
    assert_eq!(count("stco", &stco), ((64, Some(u32::MAX.into())), false));
    // A list to the end of its box is as long as that.
    let samples = vec![0; 4 + 100_000];
    assert_eq!(count("sdtp", &samples), ((64, Some(100_000)), false));
    // Items without a bit would never end.
    let trun = decoded(&bytes("00000000 ffffffff"), &layout("trun"));
    assert_eq!(fields(&trun.fields), "sample_count=4294967295");
    let stz2 = bytes("00000000 000000 00 ffffffff");
    assert_eq!(count("stz2", &stz2), ((0, Some(u32::MAX.into())), false));
    let wide = decoded(&bytes("00000000 000000 ff 00000001 00"), &layout("stz2"));
    assert!(wide.fields.len() < 6, "{wide:?}");
}

#[test]
fn bytes_behind_the_fields_are_told() {
    let mfhd = decoded(&bytes("00000000 00000007 'tail'"), &layout("mfhd"));
    assert_eq!((mfhd.behind, mfhd.short), (Span::new(8, 12), false));
    let mfhd = decoded(&bytes("00000000 0000"), &layout("mfhd"));
    assert_eq!((mfhd.fields.len(), mfhd.short), (2, true));
}

/// What mp4-atom, which is nobody of ours, reads in the same bytes.
#[test]
fn another_parser_agrees() {
    use tapo_bmff::leaf::{self, Elst, Mdhd, Mvhd, Sidx, Tfhd, Tfra, Tkhd, Trex};
    let number = |all: &[Field], name: &str| {
        let (_, value) = all.iter().find(|(n, _)| *n == name).expect(name);
        match value {
            Value::Int(n) | Value::Date(n) => *n,
            other => panic!("{name}: {other:?}"),
        }
    };
    for (of, payload, _) in cases() {
        let payload = bytes(payload);
        let read = decoded(&payload, &layout(of));
        let got = |name| number(&read.fields, name);
        match *of {
            "mvhd" => {
                let other: Mvhd = leaf::decode(&payload).unwrap();
                assert_eq!(got("creation_time"), other.creation_time);
                assert_eq!(got("modification_time"), other.modification_time);
                assert_eq!(got("timescale"), u64::from(other.timescale));
                assert_eq!(got("duration"), other.duration);
                assert_eq!(got("next_track_id"), u64::from(other.next_track_id));
            }
            "tkhd" => {
                let other: Tkhd = leaf::decode(&payload).unwrap();
                assert_eq!(got("creation_time"), other.creation_time);
                assert_eq!(got("track_id"), u64::from(other.track_id));
                assert_eq!(got("duration"), other.duration);
            }
            "mdhd" => {
                let other: Mdhd = leaf::decode(&payload).unwrap();
                assert_eq!(got("timescale"), u64::from(other.timescale));
                assert_eq!(got("duration"), other.duration);
            }
            "elst" => {
                let other: Elst = leaf::decode(&payload).unwrap();
                assert_eq!(got("entry_count"), other.entries.len() as u64);
            }
            "sidx" => {
                let other: Sidx = leaf::decode(&payload).unwrap();
                assert_eq!(got("timescale"), u64::from(other.timescale));
                assert_eq!(got("first_offset"), other.first_offset);
                assert_eq!(got("reference_count"), other.references.len() as u64);
            }
            "tfhd" => {
                let other: Tfhd = leaf::decode(&payload).unwrap();
                assert_eq!(got("track_id"), u64::from(other.track_id));
                assert_eq!(got("base_data_offset"), other.base_data_offset.unwrap());
            }
            "tfra" => {
                let other: Tfra = leaf::decode(&payload).unwrap();
                assert_eq!(got("track_id"), u64::from(other.track_id));
                assert_eq!(got("number_of_entry"), other.entries.len() as u64);
            }
            "trex" => {
                let other: Trex = leaf::decode(&payload).unwrap();
                let duration = u64::from(other.default_sample_duration);
                assert_eq!(got("default_sample_duration"), duration);
                assert_eq!(
                    got("default_sample_flags"),
                    u64::from(other.default_sample_flags)
                );
            }
            _ => {}
        }
    }
}
