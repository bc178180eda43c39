//! What `tapo finalize` did, told; as JSON schema `tapo.finalize/1`.

use crate::holes::{self, HoleDocument};
use crate::{Theme, escape, json, number};
use serde::Serialize;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;
use tapo_finalize::{Finalization, How, LeftOut, Undone};

/// Whether something was done, or only looked at.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Tense {
    /// It was done.
    Done,
    /// It would be.
    Would,
}

/// Writes what became, or would become, of a file.
///
/// # Errors
/// As `out` has them.
pub fn finalization(
    out: &mut dyn Write,
    theme: &Theme,
    source: &Path,
    done: &Finalization,
    tense: Tense,
) -> io::Result<()> {
    let Theme {
        title, good, dim, ..
    } = theme;
    let path = escape::path(&done.path);
    writeln!(out, "{title}{path}{title:#}")?;
    let how = match (done.how, tense) {
        (How::AlreadyFinal, Tense::Done) if done.path != source => {
            "is a copy: its source is a plain MP4 already"
        }
        (How::AlreadyFinal, _) => "is a plain MP4 already: nothing to do",
        (How::Reveal, Tense::Done) => "is a plain MP4 now, its index first",
        (How::Tail, Tense::Done) => "is a plain MP4 now, its index last",
        (How::Reveal, Tense::Would) => "can become a plain MP4, its index first",
        (How::Tail, Tense::Would) => "can become a plain MP4, its index last",
    };
    let resumed = if done.resumed && tense == Tense::Done {
        "; an interrupted run was completed"
    } else {
        ""
    };
    writeln!(out, "  {good}{how}{good:#}{resumed}")?;
    let ms = u64::try_from(done.duration.as_millis()).unwrap_or(u64::MAX);
    writeln!(
        out,
        "  {}, {} in {}, {}",
        number::clock(ms, 1000),
        number::count(done.samples, "sample"),
        number::count(done.tracks as u64, "track"),
        number::bytes(done.size)
    )?;
    entries(out, &done.entries)?;
    if done.how == How::AlreadyFinal {
        return Ok(());
    }
    let verb = match tense {
        Tense::Done => "wrote",
        Tense::Would => "would write",
    };
    writeln!(
        out,
        "  {} indexed; {verb} {}",
        number::count(done.fragments as u64, "fragment"),
        number::bytes(done.bytes_written)
    )?;
    if !done.lead_left_out.is_zero() {
        writeln!(
            out,
            "  left out: {} of nothing before the first sample of any track",
            number::clock(done.lead_left_out.as_secs(), 1)
        )?;
    }
    holes::holes(out, theme, "  ", Duration::ZERO, &done.holes)?;
    if let Some(samples) = done.torn_samples {
        writeln!(out, "  {}", torn(theme, samples))?;
    }
    let stays = match tense == Tense::Done && done.path == source {
        true => Stays::Finalized,
        false => Stays::Kept,
    };
    let is_torn = done.torn_samples.is_some();
    left_out(out, theme, &done.left_out, is_torn, source, stays)?;
    if tense == Tense::Done && done.path == source {
        let file = escape::shell(source);
        writeln!(
            out,
            "  {dim}the original bytes come back with: tapo finalize --undo {file}{dim:#}"
        )?;
    }
    Ok(())
}

/// Where what is in no index is then.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) enum Stays {
    /// In the file, which was made final in place.
    Finalized,
    /// In the new file too, or nothing was written.
    Kept,
    /// In the source only.
    Joined,
}

/// Says what is in no index, and how it may come back.
pub(crate) fn left_out(
    out: &mut dyn Write,
    theme: &Theme,
    left: &LeftOut,
    is_torn: bool,
    source: &Path,
    stays: Stays,
) -> io::Result<()> {
    let style = theme.warning;
    let file = escape::shell(source);
    let back = match stays {
        Stays::Finalized => format!("tapo finalize --undo {file}, then tapo repair {file}"),
        Stays::Kept | Stays::Joined => format!("tapo repair {file}"),
    };
    let (indent, place) = match stays {
        Stays::Joined => ("    ", "are not in the joined file"),
        Stays::Finalized | Stays::Kept => ("  ", "stay in the file"),
    };
    let tail = number::bytes(left.tail);
    if left.behind_damage {
        writeln!(
            out,
            "{indent}{style}left out:{style:#} {tail} behind damage, and whole fragments in them; they come \
             back with: {back}"
        )?;
    } else if is_torn && left.fragments == 0 {
        if left.tail > 0 {
            writeln!(out, "{indent}{tail} at the end that belong to none {place}")?;
        }
    } else if left.fragments > 0 || left.tail > 0 {
        writeln!(
            out,
            "{indent}{style}left out:{style:#} {}, {tail} at the end that belong to no whole fragment; \
             they {place}",
            number::count(left.fragments as u64, "fragment")
        )?;
    }
    if left.zeros > 0 {
        let zeros = number::bytes(left.zeros);
        writeln!(
            out,
            "{indent}{zeros} of zeros at the end {place}: nothing stands there"
        )?;
    }
    if left.media > 0 {
        writeln!(
            out,
            "{indent}{style}left out:{style:#} {} of media whose fragments are lost, or a part of them; they \
             may come back with: {back}",
            number::bytes(left.media)
        )?;
    }
    Ok(())
}

/// Says which tracks have more than one sample entry.
pub(crate) fn entries(out: &mut dyn Write, entries: &[(u32, usize)]) -> io::Result<()> {
    for (track, count) in entries.iter().filter(|(_, count)| *count > 1) {
        writeln!(
            out,
            "  track {track}: {count} sample entries, since its parameters change on the way"
        )?;
    }
    Ok(())
}

/// How many sample entries a track has.
#[derive(Serialize)]
pub(crate) struct Entries {
    track: u32,
    count: usize,
}

impl Entries {
    pub(crate) fn of(entries: &[(u32, usize)]) -> Vec<Self> {
        let entries = entries.iter();
        entries
            .map(|&(track, count)| Self { track, count })
            .collect()
    }
}

/// What is there of a torn fragment: samples that are, and samples that are not.
pub(crate) fn torn(theme: &Theme, (kept, lost): (u64, u64)) -> String {
    let style = theme.warning;
    let all = number::count(kept + lost, "sample");
    format!("{style}torn:{style:#} of the {all} of the last fragment {kept} are there, and indexed")
}

/// Says that a file never was fragmented.
///
/// # Errors
/// As `out` has them.
pub fn plain(out: &mut dyn Write, theme: &Theme, path: &Path) -> io::Result<()> {
    let Theme { title, good, .. } = theme;
    writeln!(out, "{title}{}{title:#}", escape::path(path))?;
    writeln!(out, "  {good}is a plain MP4 already: nothing to do{good:#}")
}

/// Writes what was taken back.
///
/// # Errors
/// As `out` has them.
pub fn undone(out: &mut dyn Write, theme: &Theme, path: &Path, undone: Undone) -> io::Result<()> {
    let Theme { title, good, .. } = theme;
    writeln!(out, "{title}{}{title:#}", escape::path(path))?;
    let size = number::bytes(undone.size);
    if undone.worked_out {
        writeln!(
            out,
            "  {good}is the fragmented file again{good:#}, {size}; the record of what stood in its \
             head was cut off, and 8 bytes there were worked out from what follows them"
        )?;
    } else if undone.missing == 0 {
        writeln!(out, "  {good}has its original bytes again{good:#}, {size}")?;
    } else {
        writeln!(
            out,
            "  has its original bytes again as far as they are there, {size}"
        )?;
    }
    if undone.missing > 0 {
        let style = theme.warning;
        writeln!(
            out,
            "  {style}cut off:{style:#} {} at the end, since it was finalized",
            number::bytes(undone.missing)
        )?;
    }
    if undone.added > 0 {
        writeln!(
            out,
            "  {} behind them were added since, and stay",
            number::bytes(undone.added)
        )?;
    }
    Ok(())
}

#[derive(Serialize)]
struct Document {
    schema: &'static str,
    path: String,
    action: &'static str,
    how: &'static str,
    output: Option<String>,
    size: Option<u64>,
    bytes_written: u64,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    index: Option<Index>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    taken_back: Option<TakenBack>,
}

#[derive(Serialize)]
struct TakenBack {
    bytes_missing: u64,
    bytes_added: u64,
    head_worked_out: bool,
}

#[derive(Serialize)]
struct Index {
    tracks: usize,
    sample_entries: Vec<Entries>,
    samples: u64,
    duration_s: f64,
    fragments: usize,
    fragments_left_out: usize,
    whole_fragments_behind_damage: bool,
    torn_fragment_samples: Option<u64>,
    torn_fragment_samples_missing: Option<u64>,
    holes: Vec<HoleDocument>,
    lead_left_out_s: u64,
    torn_bytes: u64,
    zero_bytes: u64,
    media_left_out: u64,
    moov_size: u64,
    large_offsets: bool,
    resumed: bool,
}

/// The name of the JSON schema.
pub const SCHEMA: &str = "tapo.finalize/1";

/// Writes a finalization as one line of JSON.
///
/// # Errors
/// As `out` has them.
pub fn finalization_json(
    out: &mut dyn Write,
    source: &Path,
    done: &Finalization,
    tense: Tense,
) -> io::Result<()> {
    let document = Document {
        schema: SCHEMA,
        path: source.to_string_lossy().into_owned(),
        action: match tense {
            Tense::Done => "finalize",
            Tense::Would => "check",
        },
        how: how(done.how),
        output: (done.path != source).then(|| done.path.to_string_lossy().into_owned()),
        size: Some(done.size),
        bytes_written: done.bytes_written,
        index: Some(Index {
            tracks: done.tracks,
            sample_entries: Entries::of(&done.entries),
            samples: done.samples,
            duration_s: done.duration.as_secs_f64(),
            fragments: done.fragments,
            fragments_left_out: done.left_out.fragments,
            whole_fragments_behind_damage: done.left_out.behind_damage,
            torn_fragment_samples: done.torn_samples.map(|(kept, _)| kept),
            torn_fragment_samples_missing: done.torn_samples.map(|(_, lost)| lost),
            holes: holes::documents(&done.holes, Duration::ZERO),
            lead_left_out_s: done.lead_left_out.as_secs(),
            torn_bytes: done.left_out.tail,
            zero_bytes: done.left_out.zeros,
            media_left_out: done.left_out.media,
            moov_size: done.moov_len,
            large_offsets: done.large_offsets,
            resumed: done.resumed,
        }),
        taken_back: None,
    };
    json::line(out, &document)
}

/// Writes what was taken back as one line of JSON.
///
/// # Errors
/// As `out` has them.
pub fn undone_json(out: &mut dyn Write, path: &Path, undone: Undone) -> io::Result<()> {
    let document = Document {
        schema: SCHEMA,
        path: path.to_string_lossy().into_owned(),
        action: "undo",
        how: how(undone.how),
        output: None,
        size: Some(undone.size),
        bytes_written: undone.bytes_written,
        index: None,
        taken_back: Some(TakenBack {
            bytes_missing: undone.missing,
            bytes_added: undone.added,
            head_worked_out: undone.worked_out,
        }),
    };
    json::line(out, &document)
}

/// Says that a file never was fragmented, as one line of JSON.
///
/// # Errors
/// As `out` has them.
pub fn plain_json(out: &mut dyn Write, path: &Path) -> io::Result<()> {
    let document = Document {
        schema: SCHEMA,
        path: path.to_string_lossy().into_owned(),
        action: "none",
        how: "not-fragmented",
        output: None,
        size: None,
        bytes_written: 0,
        index: None,
        taken_back: None,
    };
    json::line(out, &document)
}

const fn how(how: How) -> &'static str {
    match how {
        How::Reveal => "reveal",
        How::Tail => "tail",
        How::AlreadyFinal => "already-final",
    }
}
