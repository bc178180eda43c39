//! Whether recordings are named once each, and in the order in which they were made.

use super::lane::{Lane, Nanos, SECOND};
use super::parts::Part;
use super::seam::leading;
use crate::{Error, Result};
use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use tapo_io::ByteSource;
use tapo_movie::{Sample, Track};

/// Samples that are compared to tell two recordings apart, spread over both.
const SAMPLES: u32 = 64;
/// Bytes of each that are compared.
const COMPARED: u64 = 1 << 16;
/// Bytes in common that make a copy: black pictures and silence have fewer.
const EVIDENCE: u64 = 1024;
/// Names in the right order that are told.
const TOLD: usize = 12;

/// Refuses a file that is named twice: by the same name, or by another one of the same file.
pub(super) fn each_once(files: &[PathBuf]) -> Result<()> {
    let mut known = HashMap::new();
    for path in files {
        // One that is not there is told when it is opened.
        let Ok(meta) = path.metadata() else { continue };
        if let Some(before) = known.insert((meta.dev(), meta.ino()), path) {
            return Err(twice(path, before, "is the same file as"));
        }
    }
    Ok(())
}

fn twice(path: &Path, before: &Path, what: &str) -> Error {
    let why = match path == before {
        true => "is named twice: name recordings each once".to_owned(),
        false => format!("{what} {}: name recordings each once", before.display()),
    };
    let path = path.to_owned();
    Error::DoesNotFit { path, why }
}

/// Refuses a recording that is there twice, as a copy or the beginning of one, and one that
/// ends where one begins that is named before it. What recorders' stamps say is
/// [compared](super::seam) where they meet.
pub(super) fn check(parts: &[Part]) -> Result<()> {
    let mut known: HashMap<(Nanos, u64), Vec<&Part>> = HashMap::new();
    for part in parts {
        let Some((track, lane)) = lead(part) else {
            continue;
        };
        let size = track.samples.iter().next().map_or(0, |s| s.span.len());
        let alike = known.entry((lane.first, size)).or_default();
        for before in alike.iter() {
            if is_copy(before, part)? {
                return Err(twice(
                    part.path(),
                    before.path(),
                    "holds the same pictures or sound at the same times as",
                ));
            }
        }
        alike.push(part);
    }
    let out_of_order = |index: usize| {
        let (part, before) = (parts.get(index)?, parts.get(..index)?);
        let behind = parts.get(index + 1..)?;
        let (at, later) = before.iter().enumerate().find(|(_, b)| goes_on(part, b))?;
        // Sessions that count from nothing, in segments of one length, meet everywhere.
        let has_own = parts.get(..at)?.iter().any(|p| goes_on(p, later));
        let is_own = behind.iter().any(|p| goes_on(part, p));
        (!has_own && !is_own).then_some((part, later))
    };
    if let Some((part, later)) = (0..parts.len()).find_map(out_of_order) {
        let order = right_order(parts);
        return Err(Error::DoesNotFit {
            path: part.path().to_owned(),
            why: format!(
                "ends where {} begins, by their decode times: name recordings in the order in \
                 which they were made, and each once; here that is {order}",
                later.path().display()
            ),
        });
    }
    Ok(())
}

/// The track that tells one recording from another: the first of pictures, or else the first.
fn lead(part: &Part) -> Option<(&Track, &Lane)> {
    let mut all = part.movie.tracks.iter().zip(&part.lanes);
    let first = all.clone().next();
    all.find(|(track, _)| track.is_video()).or(first)
}

/// Whether the samples of the shorter of both are those of the other, at the same times, in
/// all tracks: a static scene may look the same in two recordings.
fn is_copy(before: &Part, part: &Part) -> Result<bool> {
    let stamps = before.stamp.as_ref().zip(part.stamp.as_ref());
    let at_other_times = stamps.is_some_and(|(a, b)| a.session != b.session || a.start != b.start);
    if at_other_times || before.movie.tracks.len() != part.movie.tracks.len() {
        return Ok(false);
    }
    fn tracks(part: &Part) -> impl Iterator<Item = (&Track, &Lane)> {
        part.movie.tracks.iter().zip(&part.lanes)
    }
    let mut alike = 0;
    for ((a, a_lane), (b, b_lane)) in tracks(before).zip(tracks(part)) {
        let are_of_one = a.handler == b.handler && a_lane.first == b_lane.first;
        let bytes = match are_of_one {
            true => alike_bytes((before, a), (part, b))?,
            false => None,
        };
        let Some(bytes) = bytes else {
            return Ok(false);
        };
        alike += bytes;
    }
    Ok(alike >= EVIDENCE)
}

/// Bytes that two tracks have in common; 0 if all their samples are alike: silence is the same
/// in all recordings. `None` if they differ.
fn alike_bytes((before, a): (&Part, &Track), (part, b): (&Part, &Track)) -> Result<Option<u64>> {
    let both = || a.samples.iter().zip(&b.samples);
    if both().any(|(a, b)| a.span.len() != b.span.len()) {
        return Ok(None);
    }
    let read = |part: &Part, sample: Sample| {
        let mut span = sample.span;
        span.end = span.end.min(span.start + COMPARED);
        part.source.read_span(span)
    };
    let count = a.samples.len().min(b.samples.len());
    let step = count.div_ceil(SAMPLES).max(1);
    let (mut first, mut alike, mut silent) = (None, 0, true);
    for (a, b) in both().step_by(step as usize) {
        let bytes = read(before, a)?;
        if bytes != read(part, b)? {
            return Ok(None);
        }
        alike += bytes.len() as u64;
        silent &= *first.get_or_insert_with(|| bytes.clone()) == bytes;
    }
    Ok(Some(if silent { 0 } else { alike }))
}

/// Whether `next` begins where `part` ends, within a sample.
fn goes_on(part: &Part, next: &Part) -> bool {
    if part.stamp.is_some() && next.stamp.is_some() {
        return false;
    }
    // All recordings that count from nothing begin there.
    leading(part, next).is_some_and(|(ends, begins, step)| {
        let from = begins.first;
        let counts_on = from > ends.first && from > 0;
        counts_on && (begins.begins - ends.shown).abs() < step.min(SECOND)
    })
}

fn right_order(parts: &[Part]) -> String {
    let begins = |part: &&Part| lead(part).map_or(0, |(_, lane)| lane.first);
    let mut all: Vec<&Part> = parts.iter().collect();
    all.sort_by_key(begins);
    let names = all
        .iter()
        .take(TOLD)
        .map(|p| p.path().display().to_string());
    let mut told = names.collect::<Vec<_>>().join(" ");
    if let Some(more) = all.len().checked_sub(TOLD).filter(|more| *more > 0) {
        told += &format!(" and {more} more");
    }
    told
}

/// Whether decode times say that `part` was recorded before `before` ended, and perhaps
/// long before it: they count from somewhere, and not from nothing.
pub(super) fn counts_back(before: &Lane, part: &Lane) -> bool {
    before.first.max(part.first) > SECOND && part.first < before.shown
}
