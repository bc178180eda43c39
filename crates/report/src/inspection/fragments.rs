//! Fragments, one a line; as JSON schema `tapo.inspect.fragments/1`.

use crate::{Theme, escape, json, number};
use serde::Serialize;
use std::io::{self, Write};
use std::path::Path;
use tapo_inspect::Inspection;
use tapo_movie::{Fragment, TrackFragment};

fn timescale(inspection: &Inspection, track: u32) -> u32 {
    let track = inspection.tracks.iter().find(|t| t.id == track);
    track.map_or(0, |t| t.timescale)
}

/// Lists fragments: number, sequence number, offset, and of each track the
/// samples, bytes, start and duration.
///
/// # Errors
/// As `out` has them.
pub fn fragments(
    out: &mut dyn Write,
    theme: &Theme,
    path: &Path,
    inspection: &Inspection,
) -> io::Result<()> {
    let Theme { title, damage, .. } = theme;
    writeln!(out, "{title}{}{title:#}", escape::path(path))?;
    let fragments = &inspection.read.fragments;
    if fragments.is_empty() {
        return writeln!(out, "no fragments");
    }
    for (number, fragment) in (1_u64..).zip(fragments) {
        let sequence = fragment
            .sequence_number
            .map_or_else(|| "-".into(), |n| n.to_string());
        write!(
            out,
            "{number:>6}  sequence {sequence:>6}  at {:>14}",
            number::grouped(fragment.moof.start)
        )?;
        for part in &fragment.tracks {
            write!(
                out,
                "  {}",
                of_track(part, timescale(inspection, part.track_id))
            )?;
        }
        if !fragment.whole {
            write!(out, "  {damage}torn{damage:#}")?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn of_track(part: &TrackFragment, timescale: u32) -> String {
    let start = part.base_media_decode_time;
    let start = start.map_or_else(|| "-".into(), |t| number::clock(t, timescale));
    format!(
        "track {}: {} in {}, {} from {start}",
        part.track_id,
        number::count(u64::from(part.samples), "sample"),
        number::bytes(part.bytes),
        number::spoken(part.duration, timescale),
    )
}

#[derive(Serialize)]
struct Head<'a> {
    schema: &'static str,
    path: std::borrow::Cow<'a, str>,
    size: u64,
    fragments: u64,
}

#[derive(Serialize)]
struct FragmentRecord {
    fragment: u64,
    sequence_number: Option<u32>,
    offset: u64,
    moof_size: u64,
    whole: bool,
    tracks: Vec<PartRecord>,
}

#[derive(Serialize)]
struct PartRecord {
    track: u32,
    timescale: u32,
    base_media_decode_time: Option<u64>,
    duration: u64,
    first_sample: u32,
    samples: u32,
    bytes: u64,
}

/// Lists fragments as JSON Lines: an object for the file, one for each fragment.
///
/// # Errors
/// As `out` has them.
pub fn fragments_json(out: &mut dyn Write, path: &Path, inspection: &Inspection) -> io::Result<()> {
    let fragments = &inspection.read.fragments;
    let head = Head {
        schema: "tapo.inspect.fragments/1",
        path: path.to_string_lossy(),
        size: inspection.read.size,
        fragments: fragments.len() as u64,
    };
    json::line(out, &head)?;
    for (number, fragment) in (1_u64..).zip(fragments) {
        json::line(out, &record(number, fragment, inspection))?;
    }
    Ok(())
}

fn record(number: u64, fragment: &Fragment, inspection: &Inspection) -> FragmentRecord {
    let part = |part: &TrackFragment| PartRecord {
        track: part.track_id,
        timescale: timescale(inspection, part.track_id),
        base_media_decode_time: part.base_media_decode_time,
        duration: part.duration,
        first_sample: part.first_sample,
        samples: part.samples,
        bytes: part.bytes,
    };
    FragmentRecord {
        fragment: number,
        sequence_number: fragment.sequence_number,
        offset: fragment.moof.start,
        moof_size: fragment.moof.len(),
        whole: fragment.whole,
        tracks: fragment.tracks.iter().map(part).collect(),
    }
}
