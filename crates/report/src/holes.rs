//! Time within a recording that no fragment is of, told.

use crate::{Theme, number};
use serde::Serialize;
use std::io::{self, Write};
use std::time::Duration;
use tapo_finalize::Hole;

/// Holes that are told one by one.
const EACH: usize = 10;

/// Writes where they are, `start` being when the recording begins. Those of several tracks at
/// about the same time are one.
pub(crate) fn holes(
    out: &mut dyn Write,
    theme: &Theme,
    indent: &str,
    start: Duration,
    holes: &[Hole],
) -> io::Result<()> {
    let style = theme.warning;
    let all = merged(holes);
    for hole in all.iter().take(EACH) {
        let (from, lasts) = (clock(start + hole.at), clock(hole.lasts));
        match hole.missing {
            0 => writeln!(
                out,
                "{indent}{style}hole:{style:#} {lasts} without media at {from}; the last picture \
                 before it stands still"
            )?,
            missing => writeln!(
                out,
                "{indent}{style}missing:{style:#} {} at {from}, by their numbers, of {lasts}; the \
                 last picture before it stands still",
                number::count(u64::from(missing), "fragment")
            )?,
        }
    }
    match all.len().saturating_sub(EACH) {
        0 => Ok(()),
        more => writeln!(out, "{indent}and {more} more"),
    }
}

fn clock(time: Duration) -> String {
    number::clock(u64::try_from(time.as_millis()).unwrap_or(u64::MAX), 1000)
}

/// One for each time that is missing.
fn merged(holes: &[Hole]) -> Vec<Hole> {
    let mut all: Vec<Hole> = Vec::new();
    for hole in holes {
        match all.last_mut() {
            Some(last) if hole.at < last.at + last.lasts => {
                let end = (last.at + last.lasts).max(hole.at + hole.lasts);
                last.lasts = end - last.at;
                last.missing = last.missing.max(hole.missing);
            }
            _ => all.push(hole.clone()),
        }
    }
    all
}

#[derive(Serialize)]
pub(crate) struct HoleDocument {
    track: u32,
    start_s: f64,
    duration_s: f64,
    fragments_missing: u32,
}

/// All of them, by track; `start` is when the recording begins.
pub(crate) fn documents(holes: &[Hole], start: Duration) -> Vec<HoleDocument> {
    let document = |hole: &Hole| HoleDocument {
        track: hole.track,
        start_s: (start + hole.at).as_secs_f64(),
        duration_s: hole.lasts.as_secs_f64(),
        fragments_missing: hole.missing,
    };
    holes.iter().map(document).collect()
}
