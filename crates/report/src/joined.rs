//! What `tapo finalize` joined, told; as JSON schema `tapo.join/1`.

use crate::finalization::{Entries, Stays, Tense, entries, left_out, torn};
use crate::holes::{self, HoleDocument};
use crate::{Theme, escape, json, number};
use serde::Serialize;
use std::io::{self, Write};
use std::time::Duration;
use tapo_finalize::join::{Clock, Joined, JoinedPart, Seam};

/// The name of the JSON schema.
pub const SCHEMA: &str = "tapo.join/1";

/// Parts that are told one by one; of more, only what is not gapless.
const EACH: usize = 20;

/// Writes what was joined, or would be.
///
/// # Errors
/// As `out` has them.
pub fn joined(out: &mut dyn Write, theme: &Theme, joined: &Joined, tense: Tense) -> io::Result<()> {
    let Theme {
        title, good, dim, ..
    } = theme;
    writeln!(out, "{title}{}{title:#}", escape::path(&joined.path))?;
    let recordings = number::count(joined.parts.len() as u64, "recording");
    let verb = match tense {
        Tense::Done => "is one plain MP4 of",
        Tense::Would => "would be one plain MP4 of",
    };
    writeln!(out, "  {good}{verb} {recordings}{good:#}")?;
    writeln!(
        out,
        "  {}, {} in {}, {}",
        clock(joined.duration),
        number::count(joined.samples, "sample"),
        number::count(joined.tracks as u64, "track"),
        number::bytes(joined.size)
    )?;
    entries(out, &joined.entries)?;
    let many = joined.parts.len() > EACH;
    let mut untold = 0;
    for part in &joined.parts {
        let gapless = matches!(part.seam, Seam::Gapless(_));
        let whole =
            part.left_out.is_nothing() && part.holes.is_empty() && part.torn_samples.is_none();
        if many && gapless && whole {
            untold += 1;
            continue;
        }
        let path = escape::path(part.path.as_path());
        writeln!(out, "  {} {path}{}", clock(part.start), seam(part.seam))?;
        if part.overlapping > 0 {
            let packets = number::count(u64::from(part.overlapping), "packet");
            writeln!(
                out,
                "    {packets} of sound left out at the seam, where both have some"
            )?;
        }
        holes::holes(out, theme, "    ", part.start, &part.holes)?;
        if let Some(samples) = part.torn_samples {
            writeln!(out, "    {}", torn(theme, samples))?;
        }
        let is_torn = part.torn_samples.is_some();
        left_out(
            out,
            theme,
            &part.left_out,
            is_torn,
            &part.path,
            Stays::Joined,
        )?;
    }
    if untold > 0 {
        writeln!(out, "  {dim}and {untold} that go on without a break{dim:#}")?;
    }
    Ok(())
}

/// How a recording goes on behind the one before it, in words.
fn seam(seam: Seam) -> String {
    match seam {
        Seam::First => String::new(),
        Seam::Beside => ", at the same time".to_owned(),
        Seam::Gapless(_) => ", without a break".to_owned(),
        Seam::Gap(by, time) => format!(", {} later, by {}", clock(time), clock_name(by)),
        Seam::Closed(by, time) => {
            format!(", {} later by {}, left out", clock(time), clock_name(by))
        }
        Seam::Unknown => ", at once: nothing in it says how much later".to_owned(),
        Seam::Earlier => {
            ", at once: its decode times are earlier than those before it; is the order right?"
                .to_owned()
        }
    }
}

const fn clock_name(clock: Clock) -> &'static str {
    match clock {
        Clock::Session => "the camera's clock",
        Clock::WallClock => "the recorder's time of day",
        Clock::DecodeTimes => "its decode times",
    }
}

fn clock(time: Duration) -> String {
    number::clock(u64::try_from(time.as_millis()).unwrap_or(u64::MAX), 1000)
}

#[derive(Serialize)]
struct Document {
    schema: &'static str,
    path: String,
    action: &'static str,
    tracks: usize,
    sample_descriptions: usize,
    sample_entries: Vec<Entries>,
    samples: u64,
    duration_s: f64,
    size: u64,
    moov_size: u64,
    parts: Vec<PartDocument>,
}

#[derive(Serialize)]
struct PartDocument {
    path: String,
    files: usize,
    samples: u64,
    start_s: f64,
    seam: &'static str,
    clock: Option<&'static str>,
    gap_s: Option<f64>,
    fragments_left_out: usize,
    whole_fragments_behind_damage: bool,
    torn_bytes: u64,
    zero_bytes: u64,
    media_left_out: u64,
    overlapping_packets_left_out: u32,
    holes: Vec<HoleDocument>,
    torn_fragment_samples: Option<u64>,
    torn_fragment_samples_missing: Option<u64>,
}

/// Writes what was joined as one line of JSON.
///
/// # Errors
/// As `out` has them.
pub fn joined_json(out: &mut dyn Write, joined: &Joined, tense: Tense) -> io::Result<()> {
    let document = Document {
        schema: SCHEMA,
        path: joined.path.to_string_lossy().into_owned(),
        action: match tense {
            Tense::Done => "join",
            Tense::Would => "check",
        },
        tracks: joined.tracks,
        sample_descriptions: joined.entries.iter().map(|(_, count)| count).sum(),
        sample_entries: Entries::of(&joined.entries),
        samples: joined.samples,
        duration_s: joined.duration.as_secs_f64(),
        size: joined.size,
        moov_size: joined.moov_len,
        parts: joined.parts.iter().map(part).collect(),
    };
    json::line(out, &document)
}

fn part(part: &JoinedPart) -> PartDocument {
    let (seam, by, gap) = match part.seam {
        Seam::First => ("first", None, None),
        Seam::Beside => ("beside", None, None),
        Seam::Gapless(by) => ("gapless", Some(by), None),
        Seam::Gap(by, gap) => ("gap", Some(by), Some(gap)),
        Seam::Closed(by, gap) => ("closed", Some(by), Some(gap)),
        Seam::Unknown => ("unknown", None, None),
        Seam::Earlier => ("earlier", None, None),
    };
    PartDocument {
        path: part.path.to_string_lossy().into_owned(),
        files: part.files,
        samples: part.samples,
        start_s: part.start.as_secs_f64(),
        seam,
        clock: by.map(|by| match by {
            Clock::Session => "session",
            Clock::WallClock => "wall-clock",
            Clock::DecodeTimes => "decode-times",
        }),
        gap_s: gap.map(|gap| gap.as_secs_f64()),
        fragments_left_out: part.left_out.fragments,
        whole_fragments_behind_damage: part.left_out.behind_damage,
        torn_bytes: part.left_out.tail,
        zero_bytes: part.left_out.zeros,
        media_left_out: part.left_out.media,
        overlapping_packets_left_out: part.overlapping,
        holes: holes::documents(&part.holes, part.start),
        torn_fragment_samples: part.torn_samples.map(|(kept, _)| kept),
        torn_fragment_samples_missing: part.torn_samples.map(|(_, lost)| lost),
    }
}
