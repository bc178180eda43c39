//! Samples, one a line; as JSON schema `tapo.inspect.samples/1`. Nothing is
//! gathered: a listing of any length takes no memory.

use crate::inspection::head::Head;
use crate::{Theme, escape, json, number};
use serde::Serialize;
use std::io::{self, Write};
use std::path::Path;
use tapo_inspect::{Inspection, Listing, Stopped};
use tapo_movie::{Sample, Track};

/// The tracks to list: the one with this id, or all.
fn tracks(inspection: &Inspection, only: Option<u32>) -> impl Iterator<Item = &Track> {
    let movie = inspection.read.movie.iter();
    let tracks = movie.flat_map(|m| &m.tracks);
    tracks.filter(move |t| only.is_none_or(|id| id == t.header.id))
}

/// Lists samples in decode order, track by track: number, offset, size, decode
/// time, composition time, duration, sync, description. Times are ticks of the
/// track's timescale, before edit lists.
///
/// # Errors
/// As `out` has them.
pub fn samples(
    out: &mut dyn Write,
    theme: &Theme,
    path: &Path,
    inspection: &Inspection,
    only: Option<u32>,
) -> io::Result<()> {
    let Theme { title, .. } = theme;
    writeln!(out, "{title}{}{title:#}", escape::path(path))?;
    for track in tracks(inspection, only) {
        let id = track.header.id;
        writeln!(
            out,
            "track {id}: {}, {} ticks a second",
            number::count(u64::from(track.samples.len()), "sample"),
            track.timescale
        )?;
        writeln!(
            out,
            "{:>8} {:>14} {:>9} {:>14} {:>14} {:>8}  sync  description",
            "sample", "offset", "size", "dts", "pts", "duration"
        )?;
        let mut listing = Listing::new(&track.samples, inspection.read.size);
        for sample in listing.by_ref() {
            line(out, &sample)?;
        }
        if let Some(stop) = listing.stopped() {
            stopped(out, theme, &stop)?;
        }
    }
    Ok(())
}

/// Says that a listing ended early.
pub(super) fn stopped(out: &mut dyn Write, theme: &Theme, stopped: &Stopped) -> io::Result<()> {
    let Theme { warning, .. } = theme;
    writeln!(
        out,
        "{warning}stopped after {} of {}: the rest has no bytes in this file{warning:#}",
        number::grouped(u64::from(stopped.listed)),
        number::grouped(u64::from(stopped.declared)),
    )
}

fn line(out: &mut dyn Write, sample: &Sample) -> io::Result<()> {
    let Sample {
        number,
        span,
        dts,
        duration,
        description,
        ..
    } = *sample;
    writeln!(
        out,
        "{number:>8} {:>14} {:>9} {dts:>14} {:>14} {duration:>8}  {}  {description}",
        span.start,
        span.len(),
        sample.pts(),
        if sample.sync { "yes " } else { "-   " },
    )
}

#[derive(Serialize)]
struct TrackHead {
    track: u32,
    timescale: u32,
    samples: u32,
}

#[derive(Serialize)]
struct SampleRecord {
    track: u32,
    sample: u32,
    offset: u64,
    size: u64,
    dts: u64,
    pts: i64,
    duration: u32,
    sync: bool,
    description: u32,
}

#[derive(Serialize)]
pub(super) struct StoppedRecord {
    track: u32,
    stopped_after: u32,
    declared: u32,
}

impl StoppedRecord {
    pub(super) const fn new(track: u32, stopped: &Stopped) -> Self {
        Self {
            track,
            stopped_after: stopped.listed,
            declared: stopped.declared,
        }
    }
}

/// Lists samples as JSON Lines: an object for the file, one for each track,
/// one for each sample, and one where a listing stopped early.
///
/// # Errors
/// As `out` has them.
pub fn samples_json(
    out: &mut dyn Write,
    path: &Path,
    inspection: &Inspection,
    only: Option<u32>,
) -> io::Result<()> {
    let head = Head::of("tapo.inspect.samples/1", path, inspection.read.size);
    let mut lines = json::Lines::new(out);
    lines.put(&head)?;
    for track in tracks(inspection, only) {
        let id = track.header.id;
        let head = TrackHead {
            track: id,
            timescale: track.timescale,
            samples: track.samples.len(),
        };
        lines.put(&head)?;
        let mut listing = Listing::new(&track.samples, inspection.read.size);
        for sample in listing.by_ref() {
            let record = SampleRecord {
                track: id,
                sample: sample.number,
                offset: sample.span.start,
                size: sample.span.len(),
                dts: sample.dts,
                pts: sample.pts(),
                duration: sample.duration,
                sync: sample.sync,
                description: sample.description,
            };
            lines.put(&record)?;
        }
        if let Some(stopped) = listing.stopped() {
            lines.put(&StoppedRecord::new(id, &stopped))?;
        }
    }
    Ok(())
}
