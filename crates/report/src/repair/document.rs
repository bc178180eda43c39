//! The same as JSON, schema `tapo.repair/1`.

use super::basis;
use crate::{json, number};
use serde::Serialize;
use std::borrow::Cow;
use std::io::{self, Write};
use std::path::Path;
use tapo_finalize::Undone;
use tapo_repair::{Basis, Class, Note, Reconstruction, Use};

/// The schema of every line.
pub const SCHEMA: &str = "tapo.repair/1";

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    path: Cow<'a, str>,
    /// What was written; `null` in a dry run.
    output: Option<Cow<'a, str>>,
    /// What was written, or would be.
    target: Cow<'a, str>,
    in_place: bool,
    size: u64,
    complete: bool,
    thorough: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<Sha256>,
    basis: Origin<'a>,
    notes: Vec<Remark>,
    tracks: Vec<Track>,
    gaps: Vec<Missing>,
    ledger: Vec<Entry>,
}

#[derive(Serialize)]
struct Sha256 {
    input: String,
    output: String,
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum Remark {
    EndByClock {
        track: u32,
        samples: u64,
    },
    CutOff {
        start: u64,
        end: u64,
    },
    EndUnread {
        start: u64,
        end: u64,
    },
    Foreign {
        start: u64,
        end: u64,
        samples: u64,
    },
    SetsInMedia {
        track: u32,
    },
    FragmentsMissing {
        fragments: u64,
    },
    Undecodable {
        track: u32,
    },
    TimesMended {
        track: u32,
        sure: bool,
    },
    SettingsTaken {
        track: u32,
        from: String,
    },
    SetsByTrial {
        track: u32,
        differs: String,
        pictures: u32,
    },
    LeftOut {
        track: u32,
        boxes: Vec<String>,
    },
    TracksUnknown {
        tracks: usize,
    },
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
    guessed_samples: u64,
    guessed_seconds: f64,
    classes: [u64; 4],
    stretches: Vec<Stretch>,
    damaged: Vec<Damaged>,
}

#[derive(Serialize)]
struct Damaged {
    sample: u64,
    start: u64,
    end: u64,
}

#[derive(Serialize)]
struct Stretch {
    first: u64,
    samples: u64,
    class: &'static str,
    at_s: f64,
    length_s: f64,
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
        Basis::CameraProfile { .. } => "camera-profile",
        Basis::OwnDescriptions { .. } => "own-descriptions",
        Basis::ParameterSets { .. } => "parameter-sets",
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
        guessed_samples: t.classes[2],
        guessed_seconds: t.guessed.as_secs_f64(),
        classes: t.classes,
        stretches: t
            .stretches
            .iter()
            .map(|s| Stretch {
                first: s.first,
                samples: s.samples,
                class: class(s.class),
                at_s: s.at.as_secs_f64(),
                length_s: s.length.as_secs_f64(),
            })
            .collect(),
        damaged: t
            .damaged
            .iter()
            .map(|d| Damaged {
                sample: d.number,
                start: d.span.start,
                end: d.span.end,
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
            schema: SCHEMA,
            path: done.source.to_string_lossy(),
            output: done.output.as_deref().map(Path::to_string_lossy),
            target: done.target.to_string_lossy(),
            in_place: done.in_place,
            size: done.size,
            complete: done.is_complete(),
            thorough: done.thorough,
            basis: Origin {
                kind,
                path: path.map(Path::to_string_lossy),
                why,
            },
            sha256: done.hashes.map(|h| Sha256 {
                input: number::hex(&h.input),
                output: number::hex(&h.output),
            }),
            notes: done.notes.iter().map(remark).collect(),
            tracks: tracks.collect(),
            gaps: gaps.collect(),
            ledger: ledger.collect(),
        },
    )
}

fn remark(note: &Note) -> Remark {
    match note {
        Note::EndByClock { track, samples } => Remark::EndByClock {
            track: *track,
            samples: *samples,
        },
        Note::CutOff { bytes } => Remark::CutOff {
            start: bytes.start,
            end: bytes.end,
        },
        Note::EndUnread { bytes } => Remark::EndUnread {
            start: bytes.start,
            end: bytes.end,
        },
        Note::Foreign { bytes, samples } => Remark::Foreign {
            start: bytes.start,
            end: bytes.end,
            samples: *samples,
        },
        Note::SetsInMedia { track } => Remark::SetsInMedia { track: *track },
        Note::SettingsTaken { track, from } => Remark::SettingsTaken {
            track: *track,
            from: from.display().to_string(),
        },
        Note::SetsByTrial {
            track,
            differs,
            pictures,
        } => Remark::SetsByTrial {
            track: *track,
            differs: differs.clone(),
            pictures: *pictures,
        },
        Note::LeftOut { track, boxes } => Remark::LeftOut {
            track: *track,
            boxes: boxes.iter().map(ToString::to_string).collect(),
        },
        Note::TimesMended { track, sure } => Remark::TimesMended {
            track: *track,
            sure: *sure,
        },
        Note::FragmentsMissing { fragments } => Remark::FragmentsMissing {
            fragments: *fragments,
        },
        Note::Undecodable { track } => Remark::Undecodable { track: *track },
        Note::TracksUnknown { tracks } => Remark::TracksUnknown { tracks: *tracks },
    }
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
            schema: SCHEMA,
            path,
            output: None,
            complete: true,
        },
    )
}

/// Writes what was taken back as one line of JSON.
///
/// # Errors
/// As `out` has them.
pub fn undone_json(out: &mut dyn Write, path: &Path, undone: Undone) -> io::Result<()> {
    #[derive(Serialize)]
    struct Document<'a> {
        schema: &'static str,
        path: Cow<'a, str>,
        action: &'static str,
        size: u64,
        bytes_written: u64,
    }
    let path = path.to_string_lossy();
    json::line(
        out,
        &Document {
            schema: SCHEMA,
            path,
            action: "undo",
            size: undone.size,
            bytes_written: undone.bytes_written,
        },
    )
}
