//! Where samples stand by the tables, against where the media says they do.
//!
//! Samples that lie on others or miss some of the media show that a table is
//! wrong; samples that are damaged by the sizes in the tables, and sound by the
//! lengths of their own units, show which.

use super::spots::{Spots, TrackSpots, table};
use crate::places::{Placed, chunks};
use crate::{Finding, Harmed, Holding, Inspection, Problem, Result};
use std::collections::BTreeSet;
use tapo_bmff::FourCc;
use tapo_codec::nal::NalLengthSize;
use tapo_codec::{Depth, Recogniser};
use tapo_io::{ByteSource, Span, Window};
use tapo_movie::{Movie, Track};

/// Harmed stretches that are walked again.
const WALKED: usize = 64;

/// Places that blame a table: of more the first say enough.
const BLAMED: usize = 1024;

pub(super) fn check(
    source: &dyn ByteSource,
    movie: &Movie,
    inspection: &Inspection,
    spots: &Spots,
    found: &mut Vec<Finding>,
) -> Result<()> {
    overlaps(movie, inspection, spots, found);
    emptied(movie, inspection, spots, found);
    let mut window = Window::new(source);
    let mut told = BTreeSet::new();
    for harmed in inspection.harmed.iter().take(WALKED) {
        let (Some(track), Some(spot)) = (
            movie.tracks.get(harmed.track),
            spots.tracks.get(harmed.track),
        ) else {
            continue;
        };
        if walk(&mut window, track, harmed, inspection)? {
            let span = place(track, spot, inspection, harmed);
            if told.insert((harmed.track, span)) {
                let problem = Problem::SizesDisagree {
                    fragmented: !inspection.read.fragments.is_empty(),
                    first: harmed.first,
                };
                found.push(Finding::new(problem).on(track.header.id).at(span));
            }
        }
    }
    Ok(())
}

/// Chunks of pictures that hold nothing by the sizes, where media stands that belongs to no sample.
fn emptied(movie: &Movie, inspection: &Inspection, spots: &Spots, found: &mut Vec<Finding>) {
    let ledger = &inspection.ledger;
    for (track, spot) in movie.tracks.iter().zip(&spots.tracks) {
        let is_unused = |at: u64| {
            let entry = ledger
                .get(ledger.place_of(at))
                .filter(|e| e.span.start == at);
            let inside = FourCc(*b"mdat");
            entry.is_some_and(|e| {
                e.what
                    == Holding::Unknown {
                        inside: Some(inside),
                    }
            })
        };
        let empty = |c: &Placed| c.span.is_empty() && c.samples > 0;
        let mut all = chunks(&track.samples).filter(empty);
        let Some(chunk) = all
            .find(|c| is_unused(c.span.start))
            .filter(|_| track.is_video())
        else {
            continue;
        };
        let problem = Problem::SizesDisagree {
            fragmented: !inspection.read.fragments.is_empty(),
            first: chunk.first,
        };
        found.push(Finding::new(problem).on(track.header.id).at(spot.layout()));
    }
}

fn place(track: &Track, spot: &TrackSpots, inspection: &Inspection, harmed: &Harmed) -> Span {
    let fragments = &inspection.read.fragments;
    let last = harmed.first.saturating_add(harmed.count.saturating_sub(1));
    let kinds: [&[u8; 4]; 5] = [b"stsz", b"stz2", b"stsc", b"stco", b"co64"];
    table(
        spot,
        fragments,
        track.header.id,
        &kinds,
        (harmed.first, last),
    )
}

/// Samples on samples, in other boxes, and behind the end of the file: one of
/// the tables of one of their tracks is wrong, if any media is read wrongly.
fn overlaps(movie: &Movie, inspection: &Inspection, spots: &Spots, found: &mut Vec<Finding>) {
    let index = |id: u32| movie.tracks.iter().position(|t| t.header.id == id);
    let ledger = &inspection.ledger;
    let mut guilty: BTreeSet<(usize, Span)> = BTreeSet::new();
    let mut blame = |track: usize, first: u32, last: u32| {
        let (Some(t), Some(spot)) = (movie.tracks.get(track), spots.tracks.get(track)) else {
            return;
        };
        let fragments = &inspection.read.fragments;
        let kinds: [&[u8; 4]; 5] = [b"stsz", b"stz2", b"stsc", b"stco", b"co64"];
        let span = table(spot, fragments, t.header.id, &kinds, (first, last));
        guilty.insert((track, span));
    };
    for overlap in ledger.overlaps().iter().take(BLAMED) {
        if let Some(track) = index(overlap.track) {
            blame(track, overlap.number, overlap.number);
        }
        let at = ledger.place_of(overlap.span.start);
        if let Some(Holding::Samples {
            track,
            first,
            count,
        }) = ledger.get(at).map(|e| e.what)
            && let Some(track) = index(track)
        {
            blame(track, first, first.saturating_add(count - 1));
        }
    }
    // Of a file without media its tables say nothing.
    let outside = found.iter().filter(|_| inspection.has_mdat());
    for finding in outside.take(BLAMED) {
        let first = match finding.problem {
            Problem::SamplesOutsideMdat { first, .. } | Problem::SamplesInIndex { first, .. } => {
                first
            }
            // A file that was cut off lacks samples, and its tables are right.
            Problem::SamplesOutsideFile { first, .. } if !inspection.is_cut_off() => first,
            _ => continue,
        };
        if let Some(track) = finding.track.and_then(index) {
            blame(track, first, first);
        }
    }
    // What lies on the same bytes and reads as it should was meant to.
    let holes = found
        .iter()
        .any(|f| matches!(f.problem, Problem::UnusedMedia { .. }));
    let broken = holes || !inspection.harmed.is_empty() || shares_codings(movie, inspection);
    let fragmented = !inspection.read.fragments.is_empty();
    let suspects = suspects(movie, inspection, found);
    if !fragmented && guilty.iter().any(|(track, _)| suspects.contains(track)) {
        guilty.retain(|(track, _)| suspects.contains(track));
    }
    for (track, span) in guilty {
        let id = movie.tracks.get(track).map_or(0, |t| t.header.id);
        found.push(
            Finding::new(Problem::LayoutDisagrees { fragmented, broken })
                .on(id)
                .at(span),
        );
    }
}

/// Whether the same bytes are samples of two codings: they are not both.
fn shares_codings(movie: &Movie, inspection: &Inspection) -> bool {
    let ledger = &inspection.ledger;
    let coding = |id: u32| {
        let track = movie.tracks.iter().find(|t| t.header.id == id);
        track
            .and_then(|t| t.descriptions.first())
            .map(tapo_movie::SampleDescription::kind)
    };
    ledger.overlaps().iter().any(|overlap| {
        let at = ledger.place_of(overlap.span.start);
        match ledger.get(at).map(|e| e.what) {
            Some(Holding::Samples { track, .. }) => coding(track) != coding(overlap.track),
            _ => false,
        }
    })
}

/// Tracks whose own tables contradict each other, or whose samples are not what they should be: indices.
fn suspects(movie: &Movie, inspection: &Inspection, found: &[Finding]) -> BTreeSet<usize> {
    let own = |p: &Problem| {
        matches!(
            p,
            Problem::ChunksDisagree { .. }
                | Problem::ChunkRuns { .. }
                | Problem::TableShort { .. }
                | Problem::TableRoom { .. }
                | Problem::SamplesOutsideFile { .. }
                | Problem::SamplesInIndex { .. }
        )
    };
    let named = found
        .iter()
        .filter(|f| own(&f.problem))
        .filter_map(|f| f.track);
    let place = |id: u32| movie.tracks.iter().position(|t| t.header.id == id);
    let harmed = inspection.harmed.iter().map(|h| h.track);
    named.filter_map(place).chain(harmed).collect()
}

/// Whether a harmed stretch is sound by its own lengths: from its first byte they
/// lead to where the next samples stand.
fn walk(
    window: &mut Window<'_>,
    track: &Track,
    harmed: &Harmed,
    inspection: &Inspection,
) -> Result<bool> {
    let Some(chunk) = chunk_of(track, harmed.first) else {
        return Ok(false);
    };
    let Some(rule) = Rule::of(track) else {
        return Ok(false);
    };
    let sizes = &track.samples.sizes;
    let sum = |from: u32, to: u32| {
        (from..to)
            .map(|n| u64::from(sizes.get(n).unwrap_or(0)))
            .sum::<u64>()
    };
    let chunk_end = chunk.first.saturating_add(chunk.samples);
    let last = harmed.first.saturating_add(harmed.count).min(chunk_end);
    let start = chunk.span.start + sum(chunk.first, harmed.first);
    // Where the units may lead: to the sample behind, where the sizes came right
    // again, or to the end of the media that this chunk can have.
    let behind = start + sum(harmed.first, last);
    let end = media_end(inspection, chunk, start);
    let by_table = start + u64::from(sizes.get(harmed.first).unwrap_or(0));
    let mut at = start;
    let mut units = 0;
    while at < end && units < 1 << 16 {
        let Some(next) = rule.next(window, at, end)? else {
            return Ok(false);
        };
        at = next;
        units += 1;
        if at == by_table {
            // Its size is right.
            return Ok(false);
        }
        if at == end || (last < chunk_end && at == behind) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Where the media ends that a chunk can have: where another chunk begins, or
/// the box ends.
fn media_end(inspection: &Inspection, chunk: Placed, from: u64) -> u64 {
    let ledger = &inspection.ledger;
    let mut end = from;
    for entry in ledger.entries().skip(ledger.place_of(from)) {
        match entry.what {
            Holding::Samples { first, count, .. }
                if first.saturating_add(count) > chunk.first
                    && first < chunk.first.saturating_add(chunk.samples)
                    && entry.span.start < chunk.span.end =>
            {
                end = entry.span.end;
            }
            Holding::Unknown { inside: Some(kind) } | Holding::Zeros { inside: Some(kind) }
                if kind == FourCc(*b"mdat") =>
            {
                end = entry.span.end;
            }
            _ => break,
        }
    }
    end
}

fn chunk_of(track: &Track, number: u32) -> Option<Placed> {
    chunks(&track.samples).find(|c| (c.first..c.first.saturating_add(c.samples)).contains(&number))
}

/// How the media itself tells where a piece of it ends.
enum Rule {
    /// By the lengths in front of NAL units.
    Lengths(NalLengthSize),
    /// By its syntax.
    Syntax(Box<dyn Recogniser>),
}

impl Rule {
    fn of(track: &Track) -> Option<Self> {
        let description = track.descriptions.first()?;
        let lengths = crate::NalFormat::of(description).map(|f| Self::Lengths(f.lengths));
        lengths.or_else(|| crate::media::delimiter(track).map(Self::Syntax))
    }

    /// Where the piece ends that begins at `at`; `None` if none does.
    fn next(&self, window: &mut Window<'_>, at: u64, end: u64) -> Result<Option<u64>> {
        let size = match self {
            Self::Lengths(size) => size.bytes(),
            Self::Syntax(recogniser) => {
                let verdict = recogniser.probe(window, at, end, Depth::Heads)?;
                let whole = verdict.sample().filter(|s| s.len > 0);
                return Ok(whole.map(|s| at + s.len));
            }
        };
        let head = window.bytes(at, size + 1)?;
        let (Some(field), Some(first)) = (head.get(..size), head.get(size)) else {
            return Ok(None);
        };
        let len = field.iter().fold(0_u64, |n, b| n << 8 | u64::from(*b));
        Ok((len != 0 && first & 0x80 == 0).then_some(at + size as u64 + len))
    }
}
