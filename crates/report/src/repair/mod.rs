//! What `tapo repair` recovered, told; as JSON schema `tapo.repair/1`.

mod document;

use crate::{Theme, escape, number};
pub use document::{SCHEMA, reconstruction_json, sound_json, undone_json};
use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;
use tapo_repair::{Basis, Note, Reconstruction, TrackOutcome, Use};

/// Gaps told one by one; the rest are counted.
const GAPS: usize = 12;

/// Damaged samples named one by one.
const DAMAGED: usize = 6;

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
    writeln!(out, "  {}", written(done))?;
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
    if let Some(sure) = sureness(done) {
        writeln!(out, "  {dim}{sure}{dim:#}")?;
    }
    for note in &done.notes {
        writeln!(out, "  {}", note_words(note))?;
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
    writeln!(out, "  {dim}of its bytes: {}{dim:#}", shares.join(", "))?;
    if !done.thorough && done.tracks.iter().any(|t| t.handler == *b"vide") {
        writeln!(
            out,
            "  {dim}pictures were not decoded: damage within them may go unseen (--thorough){dim:#}"
        )?;
    }
    if let Some(hashes) = &done.hashes {
        let (input, output) = (number::hex(&hashes.input), number::hex(&hashes.output));
        writeln!(out, "  {dim}SHA-256 before {input}{dim:#}")?;
        writeln!(out, "  {dim}SHA-256 after  {output}{dim:#}")?;
    }
    if let Some(next) = next(done) {
        writeln!(out, "  {dim}{next}{dim:#}")?;
    }
    Ok(())
}

/// Where it went, or would go.
fn written(done: &Reconstruction) -> String {
    let size = number::bytes(done.size);
    let target = escape::path(&done.target);
    match (done.in_place, done.output.is_some()) {
        (true, true) => format!("its index is appended to the file itself, now {size}"),
        (true, false) => {
            format!("nothing is written (--dry-run): it would become {size}, in place")
        }
        (false, true) => format!("written to {target}, {size}"),
        (false, false) => format!("nothing is written (--dry-run): it would be {target}, {size}"),
    }
}

/// What to do next.
fn next(done: &Reconstruction) -> Option<String> {
    let output = done.output.as_deref()?;
    let file = escape::shell(output);
    Some(if done.in_place {
        format!("the original bytes come back with: tapo repair --undo {file}")
    } else {
        format!("look at it with: tapo inspect {file}")
    })
}

/// How sure the samples are, if not all are beyond doubt.
fn sureness(done: &Reconstruction) -> Option<String> {
    let of = |class: usize| -> u64 {
        let all = done.tracks.iter();
        all.filter_map(|t| t.classes.get(class)).sum()
    };
    let words = [
        "beyond doubt (A)",
        "by a neighbour (B)",
        "inferred (C)",
        "damaged (D)",
    ];
    if of(0) == done.samples() {
        return None;
    }
    let shares = words.iter().enumerate().filter_map(|(class, words)| {
        let samples = of(class);
        (samples > 0).then(|| format!("{} {words}", number::grouped(samples)))
    });
    let shares: Vec<String> = shares.collect();
    Some(format!("how sure: {}", shares.join(", ")))
}

fn note_words(note: &Note) -> String {
    match note {
        Note::EndByClock { track, samples } => format!(
            "track {track} ends by the clock: nothing in the data says where its last {} end",
            number::count(*samples, "sample"),
        ),
        Note::CutOff { bytes } => format!(
            "the file ends within a sample, which is left out: {} of it are there",
            number::bytes(bytes.len())
        ),
        Note::EndUnread { bytes } => format!(
            "the end of the media data is no sample that is known: bytes {} to {}",
            number::grouped(bytes.start),
            number::grouped(bytes.end),
        ),
        Note::Foreign { bytes, samples } => format!(
            "left out: {} of another recording, or of another part of this one, in the midst \
             of others (bytes {} to {})",
            number::count(*samples, "sample"),
            number::grouped(bytes.start),
            number::grouped(bytes.end),
        ),
        Note::SetsInMedia { track } => format!(
            "track {track} is described by the parameter sets in its own data, not by those of \
             the reference"
        ),
        Note::SettingsTaken { track, from } => format!(
            "track {track} has no settings for its decoder that can be read: those of {} are taken",
            escape::path(from)
        ),
        Note::SetsByTrial {
            track,
            differs,
            pictures,
        } => format!(
            "parameter sets of track {track} found by trial: {differs} (confirmed by {})",
            number::count(u64::from(*pictures), "picture"),
        ),
        Note::Undecodable { track } => format!(
            "the pictures of track {track} do not decode with the parameter sets of its index, which are damaged, \
             and no others were found: a recording by the same camera as --reference would bring them back"
        ),
        Note::LeftOut { track, boxes } => {
            let boxes: Vec<_> = boxes.iter().map(ToString::to_string).collect();
            format!(
                "left out of track {track}, since it speaks of single samples of the reference: {}",
                boxes.join(", ")
            )
        }
        Note::TimesMended { track, sure } => format!(
            "the index contradicts itself or the pictures of track {track} about their times: they were \
             worked out anew{}",
            if *sure { "" } else { ", and may be wrong" }
        ),
        Note::FragmentsMissing { fragments } => format!(
            "{} missing between others or in front of them: their numbers are left out",
            number::count(*fragments, "fragment"),
        ),
        Note::TracksUnknown { tracks } => format!(
            "the index names {} more that nothing describes: left out",
            number::count(u64::try_from(*tracks).unwrap_or(u64::MAX), "track"),
        ),
    }
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
        Basis::CameraProfile { path, why } => ("the profile of the camera", Some(path), why),
        Basis::ParameterSets { why } => {
            ("nothing but the parameter sets in its own data", None, why)
        }
        Basis::OwnDescriptions { completed } => match completed {
            None => ("the track descriptions that are left in it", None, ""),
            Some(path) => (
                "the track descriptions that are left in it, completed by",
                Some(path),
                "",
            ),
        },
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
    let guessed = inferred - track.ends_by_clock.min(inferred);
    if guessed > 0 {
        let _ = write!(line, "; {} guessed", number::grouped(guessed));
    }
    if damaged > 0 {
        let _ = write!(line, "; {} damaged but kept", number::grouped(damaged));
        let first = track.damaged.iter().take(DAMAGED);
        let first: Vec<String> = first.map(|d| number::grouped(d.number)).collect();
        let more = if track.damaged.len() > DAMAGED {
            ", ..."
        } else {
            ""
        };
        let _ = write!(line, " (number {}{more})", first.join(", "));
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
