//! Two files against each other: `--against` and `--diff`.

use crate::{Align, Table, Theme, escape, json, number};
use serde::Serialize;
use std::io::{self, Write};
use std::path::Path;
use tapo_inspect::{
    Aspect, BoxDifference, Change, Compared, Difference, Fit, ReferenceMatch, TrackDifference,
};

const fn aspect(aspect: Aspect) -> (&'static str, &'static str) {
    match aspect {
        Aspect::Codec => ("codec", "coding"),
        Aspect::Configuration => ("configuration", "decoder settings"),
        Aspect::NalLengths => ("nal-lengths", "NAL length size"),
        Aspect::Format => ("format", "picture or sound format"),
        Aspect::Timescale => ("timescale", "ticks a second"),
        Aspect::Interleaving => ("interleaving", "samples of a chunk"),
    }
}

const fn fit(fit: Fit) -> (&'static str, &'static str) {
    match fit {
        Fit::Good => ("good", "It will do as the reference of a repair."),
        Fit::Likely => (
            "likely",
            "It may do as the reference of a repair: nothing contradicts it.",
        ),
        Fit::Bad => (
            "bad",
            "It will not do as the reference of a repair: take another recording by the same \
             device with the same settings.",
        ),
    }
}

/// What a value looks like: long ones are cut.
fn short(value: &str) -> String {
    const SHOWN: usize = 24;
    let text = escape::text(value).to_string();
    if text.chars().count() <= SHOWN {
        return text;
    }
    let head: String = text.chars().take(SHOWN).collect();
    format!("{head}...")
}

/// Writes whether a reference would do, and why.
///
/// # Errors
/// As `out` has them.
pub fn against(
    out: &mut dyn Write,
    theme: &Theme,
    (path, reference): (&Path, &Path),
    matched: &ReferenceMatch,
) -> io::Result<()> {
    let title = theme.title;
    writeln!(
        out,
        "{title}{}{title:#} against {}",
        escape::path(path),
        escape::path(reference)
    )?;
    let left = Align::Left;
    let mut table = Table::new(&[left, left, left, left, left]);
    for track in &matched.tracks {
        for compared in &track.compared {
            let said = match compared.agrees() {
                Some(true) => "agrees",
                Some(false) => "differs",
                None => "not said",
            };
            table.row([
                format!("track {}", track.reference),
                aspect(compared.aspect).1.to_owned(),
                said.to_owned(),
                short(&compared.reference),
                compared.broken.as_deref().map_or_else(String::new, short),
            ]);
        }
    }
    table.write(out, 2)?;
    for track in matched.tracks.iter().filter(|t| t.recognised > 0) {
        let decodes = match track.decodes {
            Some(true) => "; its first keyframe decodes",
            Some(false) => "; its first keyframe does not decode with these settings",
            None => "",
        };
        writeln!(
            out,
            "  track {}: {} of it recognised in the media{decodes}",
            track.reference,
            number::count(track.recognised, "sample"),
        )?;
    }
    if matched.read > 0 {
        writeln!(
            out,
            "  {} of the first {} of the media recognised",
            number::bytes(matched.recognised),
            number::bytes(matched.read)
        )?;
    }
    if !matched.sound {
        writeln!(out, "  The reference is not sound itself.")?;
    }
    let style = match matched.fit {
        Fit::Good => theme.good,
        Fit::Likely => theme.warning,
        Fit::Bad => theme.damage,
    };
    writeln!(out, "  {style}{}{style:#}", fit(matched.fit).1)
}

#[derive(Serialize)]
struct AgainstRecord<'a> {
    schema: &'static str,
    path: std::borrow::Cow<'a, str>,
    reference: std::borrow::Cow<'a, str>,
    /// `good`, `likely` or `bad`.
    fit: &'static str,
    /// Whether the reference itself is sound.
    reference_sound: bool,
    /// Bytes of media that were read, and those of recognised samples.
    read: u64,
    recognised: u64,
    tracks: Vec<MatchRecord<'a>>,
}

#[derive(Serialize)]
struct MatchRecord<'a> {
    reference_track: u32,
    track: Option<u32>,
    recognised_samples: u64,
    keyframe_decodes: Option<bool>,
    compared: Vec<ComparedRecord<'a>>,
}

#[derive(Serialize)]
struct ComparedRecord<'a> {
    aspect: &'static str,
    /// Null where the file does not say.
    agrees: Option<bool>,
    reference: &'a str,
    file: Option<&'a str>,
}

/// The same as one line of JSON, schema `tapo.inspect.against/1`.
///
/// # Errors
/// As `out` has them.
pub fn against_json(
    out: &mut dyn Write,
    (path, reference): (&Path, &Path),
    matched: &ReferenceMatch,
) -> io::Result<()> {
    let compared =
        |c: &'_ Compared| -> (&'static str, Option<bool>) { (aspect(c.aspect).0, c.agrees()) };
    let record = AgainstRecord {
        schema: "tapo.inspect.against/1",
        path: path.to_string_lossy(),
        reference: reference.to_string_lossy(),
        fit: fit(matched.fit).0,
        reference_sound: matched.sound,
        read: matched.read,
        recognised: matched.recognised,
        tracks: matched
            .tracks
            .iter()
            .map(|t| MatchRecord {
                reference_track: t.reference,
                track: t.broken,
                recognised_samples: t.recognised,
                keyframe_decodes: t.decodes,
                compared: t
                    .compared
                    .iter()
                    .map(|c| ComparedRecord {
                        aspect: compared(c).0,
                        agrees: compared(c).1,
                        reference: &c.reference,
                        file: c.broken.as_deref(),
                    })
                    .collect(),
            })
            .collect(),
    };
    json::line(out, &record)
}

const fn change(change: Change) -> (&'static str, &'static str) {
    match change {
        Change::First => ("only-first", "only in the first"),
        Change::Second => ("only-second", "only in the second"),
        Change::Bytes => ("differs", "differs"),
    }
}

fn box_path(difference: &BoxDifference) -> String {
    let kinds: Vec<_> = difference.path.iter().map(ToString::to_string).collect();
    let path = kinds.join("/");
    match difference.number {
        1 => path,
        n => format!("{path} [{n}]"),
    }
}

fn track_line(track: &TrackDifference) -> String {
    let (a, b) = track.samples;
    if track.ids.0.is_none() || track.ids.1.is_none() {
        let which = if track.ids.1.is_none() {
            "first"
        } else {
            "second"
        };
        return format!("only in the {which}: {}", number::count(a.max(b), "sample"));
    }
    let mut parts = vec![match (track.identical == a, a == b) {
        (true, true) => format!("all {} are the same", number::count(a, "sample")),
        _ => format!(
            "{} of {} and {} are the same",
            number::grouped(track.identical),
            number::grouped(a),
            number::count(b, "sample")
        ),
    }];
    let first = |what: &str, n: Option<u32>| {
        n.map(|n| format!("{what} from sample {} on", number::grouped(u64::from(n))))
    };
    parts.extend(first("bytes differ", track.bytes));
    parts.extend(first("times differ", track.time));
    parts.extend(first("keyframes differ", track.sync));
    if !track.configuration {
        parts.push("its sample description differs".into());
    }
    parts.join("; ")
}

/// Boxes that are told one by one.
const BOXES: usize = 40;

/// Writes how two files differ.
///
/// # Errors
/// As `out` has them.
pub fn difference(
    out: &mut dyn Write,
    theme: &Theme,
    (first, second): (&Path, &Path),
    difference: &Difference,
) -> io::Result<()> {
    let title = theme.title;
    writeln!(
        out,
        "{title}{}{title:#} and {}",
        escape::path(first),
        escape::path(second)
    )?;
    for track in &difference.tracks {
        let id = track.ids.0.or(track.ids.1).unwrap_or(0);
        writeln!(
            out,
            "  track {id} ('{}'): {}",
            track.handler,
            track_line(track)
        )?;
    }
    let mut table = Table::new(&[Align::Left, Align::Left, Align::Left, Align::Left]);
    let place = |span: Option<tapo_io::Span>| {
        span.map_or_else(String::new, |s| {
            format!("{} at {}", number::bytes(s.len()), number::grouped(s.start))
        })
    };
    for b in difference.boxes.iter().take(BOXES) {
        table.row([
            box_path(b),
            change(b.change).1.to_owned(),
            place(b.spans.0),
            place(b.spans.1),
        ]);
    }
    table.write(out, 2)?;
    if difference.boxes.len() > BOXES {
        let rest = number::grouped((difference.boxes.len() - BOXES) as u64);
        writeln!(out, "  and {rest} more boxes")?;
    }
    let same = number::count(difference.same_boxes as u64, "other box").replace("boxs", "boxes");
    writeln!(out, "  {same} the same")?;
    let text = match (difference.same_media(), difference.boxes.is_empty()) {
        (true, true) => "The same media, and the same around it.",
        (true, false) => "The same media in another container.",
        (false, _) => "The media differs.",
    };
    let style = if difference.same_media() {
        theme.good
    } else {
        theme.warning
    };
    writeln!(out, "  {style}{text}{style:#}")
}

#[derive(Serialize)]
struct DifferenceRecord<'a> {
    schema: &'static str,
    path: std::borrow::Cow<'a, str>,
    other: std::borrow::Cow<'a, str>,
    same_media: bool,
    tracks: Vec<TrackRecord>,
    same_boxes: u64,
    boxes: Vec<BoxRecord>,
}

#[derive(Serialize)]
struct TrackRecord {
    handler: String,
    track: Option<u32>,
    other_track: Option<u32>,
    samples: u64,
    other_samples: u64,
    identical: u64,
    same_description: bool,
    first_other_bytes: Option<u32>,
    first_other_time: Option<u32>,
    first_other_sync: Option<u32>,
}

#[derive(Serialize)]
struct BoxRecord {
    path: Vec<String>,
    number: u32,
    /// `only-first`, `only-second` or `differs`.
    change: &'static str,
    start: Option<u64>,
    other_start: Option<u64>,
}

/// The same as one line of JSON, schema `tapo.inspect.diff/1`.
///
/// # Errors
/// As `out` has them.
pub fn difference_json(
    out: &mut dyn Write,
    (first, second): (&Path, &Path),
    difference: &Difference,
) -> io::Result<()> {
    let track = |t: &TrackDifference| TrackRecord {
        handler: t.handler.to_string(),
        track: t.ids.0,
        other_track: t.ids.1,
        samples: t.samples.0,
        other_samples: t.samples.1,
        identical: t.identical,
        same_description: t.configuration,
        first_other_bytes: t.bytes,
        first_other_time: t.time,
        first_other_sync: t.sync,
    };
    let boxed = |b: &BoxDifference| BoxRecord {
        path: b.path.iter().map(ToString::to_string).collect(),
        number: b.number,
        change: change(b.change).0,
        start: b.spans.0.map(|s| s.start),
        other_start: b.spans.1.map(|s| s.start),
    };
    let record = DifferenceRecord {
        schema: "tapo.inspect.diff/1",
        path: first.to_string_lossy(),
        other: second.to_string_lossy(),
        same_media: difference.same_media(),
        tracks: difference.tracks.iter().map(track).collect(),
        same_boxes: difference.same_boxes as u64,
        boxes: difference.boxes.iter().map(boxed).collect(),
    };
    json::line(out, &record)
}
