//! Sample tables: do they agree with each other and with the file.

use super::spots::{self, TrackSpots};
use crate::places::{Clock, Placed, chunks, fitting};
use crate::{Finding, Inspection, Problem, TimeRange, TrackSummary};
use tapo_bmff::{FourCc, Step, Walker, be_u32};
use tapo_io::{Span, Window};
use tapo_movie::{Movie, Sizes, SyncSamples, TopBox, Track};

/// Tracks with the id of one before them, or with one that none may have.
pub(super) fn ids(movie: &Movie, found: &mut Vec<Finding>) {
    let zero = movie.tracks.iter().find(|t| t.header.id == 0);
    found.extend(zero.map(|_| Finding::new(Problem::TrackIdZero).on(0)));
    let mut ids: Vec<u32> = movie.tracks.iter().map(|t| t.header.id).collect();
    ids.sort_unstable();
    for pair in ids.chunk_by(|a, b| a == b).filter(|c| c.len() > 1) {
        found.extend(
            pair.first()
                .map(|id| Finding::new(Problem::TrackIdTwice).on(*id)),
        );
    }
}

pub(super) fn check(
    track: &Track,
    summary: &TrackSummary,
    inspection: &Inspection,
    spot: &TrackSpots,
    found: &mut Vec<Finding>,
) {
    let table = &track.samples;
    let about = |problem| Finding::new(problem).on(track.header.id);
    if table.is_empty() {
        return;
    }
    if track.timescale == 0 {
        found.push(about(Problem::NoTimescale).at(spot.span(b"mdhd")));
    }
    if track.descriptions.is_empty() {
        found.push(about(Problem::NoDescription).at(spot.span(b"stsd")));
    }
    let (times, samples) = (table.durations.len(), u64::from(table.len()));
    if times != samples {
        let tables = spot.hull(&[b"stts", b"stsz", b"stz2"]);
        found.push(about(Problem::TimesDisagree { times, samples }).at(tables));
    }
    if track.is_audio() || track.is_video() {
        found.extend(still(track).map(|(first, samples)| {
            let (fragments, numbers) = (&inspection.read.fragments, (first, table.len()));
            let span = spots::table(spot, fragments, track.header.id, &[b"stts"], numbers);
            let first = u64::from(first);
            about(Problem::TimesStill { samples, first }).at(span)
        }));
    }
    let offsets = table.composition_offsets.len();
    let tables = spot.hull(&[b"ctts", b"stsz", b"stz2"]);
    if offsets > samples {
        let runs = table.composition_offsets.runs();
        let rest = runs.iter().rev().skip(1).map(|(n, _)| u64::from(*n));
        let problem = Problem::OffsetsBeyondSamples {
            amid: rest.fold(0, u64::saturating_add) >= samples,
            offsets,
            samples,
        };
        found.push(about(problem).at(tables));
    } else if offsets < samples && offsets > 0 {
        found.push(about(Problem::OffsetsMissing { offsets, samples }).at(tables));
    }
    let known = 1..=u32::try_from(track.descriptions.len()).unwrap_or(u32::MAX);
    let named = table.chunks.iter().map(|c| c.description);
    if let Some(number) = named.filter(|n| !known.contains(n)).max()
        && !known.is_empty()
    {
        let problem = Problem::DescriptionMissing { number };
        found.push(about(problem).at(spot.span(b"stsc")));
    }
    for codec in &summary.codecs {
        let entry = codec.entry;
        let bad = codec
            .defect
            .clone()
            .map(|why| Problem::BadConfiguration { entry, why });
        found.extend(bad.map(|b| about(b).at(spot.span(b"stsd"))));
    }
    if let SyncSamples::Listed(numbers) = &table.sync
        && let Some(last) = numbers.last()
        && *last > table.len()
    {
        let problem = Problem::SyncBeyondSamples { number: *last };
        found.push(about(problem).at(spot.span(b"stss")));
    }
    if let Sizes::Each(sizes) = &table.sizes
        && (track.is_audio() || track.is_video())
    {
        let is_empty = |(_, size): &(u32, &u32)| **size == 0;
        let mut empty = (1..).zip(sizes).filter(is_empty).map(|(number, _)| number);
        if let Some(first) = empty.next() {
            let rest = empty.fold((1_u32, first), |(n, _), number| (n + 1, number));
            let (samples, last) = rest;
            let fragments = &inspection.read.fragments;
            let span = spots::table(spot, fragments, track.header.id, &[b"stsz"], (first, last));
            found.push(about(Problem::SamplesEmpty { samples, first }).at(span));
        }
    }
    if is_elsewhere(track) {
        found.push(about(Problem::MediaElsewhere));
        return;
    }
    if summary.reachable < summary.samples {
        found.push(outside_file(track, summary, inspection.read.size));
    }
    if inspection.has_mdat() {
        found.extend(outside_mdat(track, inspection));
    }
}

/// One in so many samples may last no time: recorders of screens and phones write some that do.
const STILL: u64 = 10;

/// Samples that last no time, the last one left out, which may have no duration of its own: the number of the first,
/// and how many. One alone, in front of samples that do, shares its time with the next: writers that send each sample
/// as it comes leave many of those, two at a time.
fn still(track: &Track) -> Option<(u32, u64)> {
    let counted = u64::from(track.samples.len()).saturating_sub(1);
    let (mut number, mut samples, mut first) = (0_u64, 0, 0);
    let runs = track.samples.durations.runs();
    for (place, (count, duration)) in (1..).zip(runs) {
        let there = u64::from(*count).min(counted.saturating_sub(number));
        let shared = *count == 1 && place < runs.len();
        if *duration == 0 && there > 0 && !shared {
            samples += there;
            first = if first == 0 { number + 1 } else { first };
        }
        number += u64::from(*count);
    }
    // Where the table ends, its last duration goes on.
    if let Some((_, 0)) = runs.last() {
        samples += counted.saturating_sub(number);
    }
    let first = u32::try_from(first).unwrap_or(u32::MAX);
    (samples > 1 && samples * STILL > counted).then_some((first, samples))
}

/// Samples behind the end of the file, and those that no chunk places.
fn outside_file(track: &Track, summary: &TrackSummary, size: u64) -> Finding {
    let table = &track.samples;
    let mut next = 1_u64;
    let first = chunks(table).find_map(|chunk| {
        let fit = fitting(&table.sizes, chunk, size);
        next = u64::from(chunk.first) + u64::from(fit);
        (fit < chunk.samples).then_some(next)
    });
    let first = first.unwrap_or(next);
    let problem = Problem::SamplesOutsideFile {
        samples: summary.samples - summary.reachable,
        first: u32::try_from(first).unwrap_or(u32::MAX),
    };
    let time = TimeRange {
        start: Clock::new(table).at(first),
        end: table.end(),
        timescale: track.timescale,
    };
    Finding::new(problem).on(track.header.id).during(time)
}

/// Samples that are in the file but in no `mdat`.
fn outside_mdat(track: &Track, inspection: &Inspection) -> Option<Finding> {
    let read = &inspection.read;
    let mdats = read.top.iter().filter(|b| b.kind == b"mdat");
    let mdats: Vec<Span> = mdats.map(TopBox::payload).collect();
    let outside = |chunk: &Placed| {
        let last = mdats
            .partition_point(|m| m.start <= chunk.span.start)
            .checked_sub(1);
        let home = last.and_then(|i| mdats.get(i));
        let whole = Span::new(chunk.span.start, chunk.span.end.min(read.size));
        // What stands behind the end of the file has its own finding.
        !chunk.span.is_empty()
            && chunk.span.start < read.size
            && !home.is_some_and(|m| m.contains(whole))
    };
    let is_index = |b: &&TopBox| matches!(&b.kind.0, b"ftyp" | b"moov" | b"moof" | b"sidx");
    let indexes: Vec<Span> = read.top.iter().filter(is_index).map(|b| b.span).collect();
    let in_index = |chunk: &Placed| {
        let last = indexes
            .partition_point(|i| i.start <= chunk.span.start)
            .checked_sub(1);
        last.and_then(|i| indexes.get(i))
            .is_some_and(|i| chunk.span.start < i.end)
    };
    let (mut samples, mut all) = (0_u64, chunks(&track.samples).filter(outside));
    let first = all.next()?;
    let mut worse = None;
    for chunk in std::iter::once(first).chain(all) {
        samples += u64::from(chunk.samples);
        worse = worse.or_else(|| in_index(&chunk).then_some(chunk));
    }
    let (problem, span) = match worse {
        Some(chunk) => {
            let first = chunk.first;
            (Problem::SamplesInIndex { samples, first }, chunk.span)
        }
        None => {
            let first_number = first.first;
            let problem = Problem::SamplesOutsideMdat {
                samples,
                first: first_number,
            };
            (problem, first.span)
        }
    };
    // With the head of the box that it is in: perhaps that should be an `mdat`.
    let holds = |b: &&TopBox| b.span.start <= span.start && span.end <= b.span.end;
    let home = read.top.iter().find(holds).filter(|b| !is_index(b));
    let start = home.map_or(span.start, |b| b.span.start);
    let span = Span::new(start, span.end);
    Some(Finding::new(problem).on(track.header.id).at(span))
}

/// Whether `dinf/dref` says that the media is in another file (§8.7.2): its
/// entry lacks the flag "in this file".
fn is_elsewhere(track: &Track) -> bool {
    let Some(dinf) = &track.data_information else {
        return false;
    };
    let bytes = dinf.bytes.as_slice();
    let mut window = Window::new(&bytes);
    let mut level = |span, parent: &[u8; 4]| {
        let mut walker = Walker::new(span, Some(FourCc(*parent)));
        match walker.next(&mut window) {
            Ok(Some(Step::Box { header, span, .. })) => Some((header, span)),
            _ => None,
        }
    };
    let entry = level(Span::new(8, bytes.len() as u64), b"dinf")
        .filter(|(header, _)| header.kind == b"dref")
        .and_then(|(header, span)| {
            let start = span.start + header.len() + 8;
            level(Span::new(start, span.end), b"dref")
        });
    entry.is_some_and(|(header, span)| {
        let at = usize::try_from(span.start + header.len()).unwrap_or(usize::MAX);
        // The resource reference of Mac OS (`rsrc`) and aliases to oneself
        // have the flag as well.
        be_u32(bytes, at).is_some_and(|flags| flags & 1 == 0)
    })
}
