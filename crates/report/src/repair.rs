//! What `tapo repair` recovered, told; as JSON schema `tapo.repair/1`.

use crate::{Theme, escape, json, number};
use serde::Serialize;
use std::borrow::Cow;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;
use tapo_repair::{Basis, Class, Reconstruction, TrackOutcome, Use};

/// Gaps told one by one; the rest are counted.
const GAPS: usize = 12;

/// Writes what became of a broken file.
///
/// # Errors
/// As `out` has them.
pub fn reconstruction(out: &mut dyn Write, theme: &Theme, done: &Reconstruction) -> io::Result<()> {
    let Theme {
        title,
        good,
        warning,
        dim,
        ..
    } = theme;
    writeln!(out, "{title}{}{title:#}", escape::path(&done.source))?;
    let style = if done.is_complete() { good } else { warning };
    let how = if done.is_complete() {
        "all that is in it is recovered"
    } else {
        "recovered in part"
    };
    writeln!(out, "  {style}{how}{style:#}")?;
    match &done.output {
        Some(path) => {
            let size = number::bytes(done.size);
            writeln!(out, "  written to {}, {size}", escape::path(path))?;
        }
        None => writeln!(out, "  nothing is written (--dry-run)")?,
    }
    let (words, path, why) = basis(&done.basis);
    let path = path.map_or(String::new(), |p| format!(" {}", escape::path(p)));
    let why = if why.is_empty() {
        String::new()
    } else {
        format!(": {}", escape::message(why))
    };
    writeln!(out, "  {dim}by {words}{path}{why}{dim:#}")?;
    for track in &done.tracks {
        writeln!(out, "  {}", track_line(track))?;
    }
    for gap in done.gaps.iter().take(GAPS) {
        writeln!(
            out,
            "  {warning}missing{warning:#} {} from {} on (bytes {} to {})",
            number::spoken(ms(gap.length), 1000),
            number::clock(ms(gap.at), 1000),
            number::grouped(gap.span.start),
            number::grouped(gap.span.end),
        )?;
    }
    if let Some(more) = done.gaps.len().checked_sub(GAPS).filter(|n| *n > 0) {
        writeln!(out, "  and {} more", number::count(more as u64, "gap"))?;
    }
    let shares = USES.iter().filter_map(|(what, words)| {
        let bytes: u64 = bytes_of(done, *what);
        (bytes > 0).then(|| format!("{} {words}", number::bytes(bytes)))
    });
    let shares: Vec<String> = shares.collect();
    writeln!(out, "  {dim}of its bytes: {}{dim:#}", shares.join(", "))
}

/// Says that there is nothing to repair.
///
/// # Errors
/// As `out` has them.
pub fn sound(out: &mut dyn Write, theme: &Theme, path: &Path) -> io::Result<()> {
    let Theme { title, good, .. } = theme;
    writeln!(out, "{title}{}{title:#}", escape::path(path))?;
    writeln!(
        out,
        "  {good}nothing is wrong with it: nothing to repair{good:#}"
    )
}

/// Says that there is nothing to repair, as one line of JSON.
///
/// # Errors
/// As `out` has them.
pub fn sound_json(out: &mut dyn Write, path: &Path) -> io::Result<()> {
    #[derive(Serialize)]
    struct Sound<'a> {
        schema: &'static str,
        path: Cow<'a, str>,
        output: Option<&'static str>,
        complete: bool,
    }
    let path = path.to_string_lossy();
    json::line(
        out,
        &Sound {
            schema: "tapo.repair/1",
            path,
            output: None,
            complete: true,
        },
    )
}

const USES: [(Use, &str); 5] = [
    (Use::Samples, "of samples"),
    (Use::Structure, "of boxes"),
    (Use::CutOff, "of a sample that is cut off"),
    (Use::Zeros, "of zeros"),
    (Use::Unusable, "that belong to no sample"),
];

fn bytes_of(done: &Reconstruction, what: Use) -> u64 {
    let of = done.ledger.iter().filter(|e| e.what == what);
    of.map(|e| e.span.len()).sum()
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn basis(basis: &Basis) -> (&'static str, Option<&Path>, &str) {
    match basis {
        Basis::OwnIndex => ("the index that is left in it", None, ""),
        Basis::Reference { path, why } => ("the reference", Some(path), why),
        Basis::Sibling { path, why } => ("the healthy file beside it", Some(path), why),
    }
}

fn track_line(track: &TrackOutcome) -> String {
    let kind = match &track.handler.0 {
        b"vide" => "video".to_owned(),
        b"soun" => "sound".to_owned(),
        _ => track.handler.to_string(),
    };
    let mut line = format!(
        "track {}  {kind}  {}  {}, {}",
        track.id,
        track.entry,
        number::count(track.samples, "sample"),
        number::clock(ms(track.recovered), 1000)
    );
    let [_, _, inferred, damaged] = track.classes;
    if inferred > 0 {
        line += &format!("; {} inferred", number::grouped(inferred));
    }
    if damaged > 0 {
        line += &format!("; {} damaged but kept", number::grouped(damaged));
    }
    if track.lost_samples > 0 {
        line += &format!(
            "; about {} lost ({})",
            number::grouped(track.lost_samples),
            number::spoken(ms(track.lost), 1000)
        );
    }
    line
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    path: Cow<'a, str>,
    output: Option<Cow<'a, str>>,
    size: u64,
    complete: bool,
    basis: Origin<'a>,
    tracks: Vec<Track>,
    gaps: Vec<Missing>,
    ledger: Vec<Entry>,
}

#[derive(Serialize)]
struct Origin<'a> {
    kind: &'static str,
    path: Option<Cow<'a, str>>,
    why: &'a str,
}

#[derive(Serialize)]
struct Track {
    id: u32,
    handler: String,
    sample_entry: String,
    samples: u64,
    seconds: f64,
    lost_samples: u64,
    lost_seconds: f64,
    classes: [u64; 4],
    stretches: Vec<Stretch>,
}

#[derive(Serialize)]
struct Stretch {
    first: u64,
    samples: u64,
    class: &'static str,
}

#[derive(Serialize)]
struct Missing {
    start: u64,
    end: u64,
    at_s: f64,
    length_s: f64,
}

#[derive(Serialize)]
struct Entry {
    start: u64,
    end: u64,
    what: &'static str,
}

/// Writes what became of a broken file as one line of JSON.
///
/// # Errors
/// As `out` has them.
pub fn reconstruction_json(out: &mut dyn Write, done: &Reconstruction) -> io::Result<()> {
    let (_, path, why) = basis(&done.basis);
    let kind = match done.basis {
        Basis::OwnIndex => "own-index",
        Basis::Reference { .. } => "reference",
        Basis::Sibling { .. } => "sibling",
    };
    let class = |class| match class {
        Class::A => "A",
        Class::B => "B",
        Class::C => "C",
        Class::D => "D",
    };
    let tracks = done.tracks.iter().map(|t| Track {
        id: t.id,
        handler: t.handler.to_string(),
        sample_entry: t.entry.to_string(),
        samples: t.samples,
        seconds: t.recovered.as_secs_f64(),
        lost_samples: t.lost_samples,
        lost_seconds: t.lost.as_secs_f64(),
        classes: t.classes,
        stretches: t
            .stretches
            .iter()
            .map(|s| Stretch {
                first: s.first,
                samples: s.samples,
                class: class(s.class),
            })
            .collect(),
    });
    let gaps = done.gaps.iter().map(|g| Missing {
        start: g.span.start,
        end: g.span.end,
        at_s: g.at.as_secs_f64(),
        length_s: g.length.as_secs_f64(),
    });
    let what = |what| match what {
        Use::Samples => "samples",
        Use::Structure => "structure",
        Use::Zeros => "zeros",
        Use::Unusable => "unusable",
        Use::CutOff => "cut-off",
    };
    let ledger = done.ledger.iter().map(|e| Entry {
        start: e.span.start,
        end: e.span.end,
        what: what(e.what),
    });
    json::line(
        out,
        &Document {
            schema: "tapo.repair/1",
            path: done.source.to_string_lossy(),
            output: done.output.as_deref().map(Path::to_string_lossy),
            size: done.size,
            complete: done.is_complete(),
            basis: Origin {
                kind,
                path: path.map(Path::to_string_lossy),
                why,
            },
            tracks: tracks.collect(),
            gaps: gaps.collect(),
            ledger: ledger.collect(),
        },
    )
}
