//! What the ledger and the look into the media showed.

use crate::{Entry, Finding, Form, Holding, Inspection, Problem, TimeRange};
use tapo_movie::Movie;

/// Unused bytes between samples that are too many for a writer's own filler.
const MANY: u64 = 512;

/// Stale boxes that are told one by one.
const STALE: usize = 16;

pub(super) fn check(movie: &Movie, inspection: &Inspection, found: &mut Vec<Finding>) {
    for harmed in &inspection.harmed {
        let Some(track) = movie.tracks.get(harmed.track) else {
            continue;
        };
        let problem = Problem::SamplesHarmed {
            samples: harmed.count,
            first: harmed.first,
            harm: harmed.harm,
        };
        let time = TimeRange {
            start: harmed.start,
            end: harmed.end,
            timescale: track.timescale,
        };
        let finding = Finding::new(problem).at(harmed.span);
        found.push(finding.on(track.header.id).during(time));
    }
    let ledger = &inspection.ledger;
    if let Some(overlap) = ledger.overlaps().first() {
        let bytes = ledger.overlapping_bytes();
        let finding = Finding::new(Problem::SamplesOverlap { bytes }).at(overlap.span);
        found.push(finding.on(overlap.track));
    }
    // Without an index nothing in it is used; a compressed one says nothing.
    if movie.sample_count() > 0 && !inspection.is_compressed() {
        found.extend(unused(ledger.entries()));
    }
    found.extend(free(ledger.entries()));
    if inspection.form != Form::Hybrid {
        let stale = ledger.entries().iter().filter_map(|e| match e.what {
            Holding::Leftover { kind } if kind == b"moov" || kind == b"trak" => Some((e, kind)),
            _ => None,
        });
        for (entry, kind) in stale.take(STALE) {
            found.push(Finding::new(Problem::StaleIndex { kind }).at(entry.span));
        }
    }
}

/// Bytes in `mdat` that no sample uses: told of the largest range.
fn unused(entries: &[Entry]) -> Option<Finding> {
    let is_unused =
        |e: &&Entry| matches!(e.what, Holding::Unknown { inside: Some(k) } if k == b"mdat");
    let bytes = entries.iter().filter(is_unused).map(|e| e.span.len()).sum();
    let largest = entries
        .iter()
        .filter(is_unused)
        .max_by_key(|e| e.span.len())?;
    let place = entries.partition_point(|e| e.span.start < largest.span.start);
    let is_samples =
        |e: Option<&Entry>| e.is_some_and(|e| matches!(e.what, Holding::Samples { .. }));
    let before = place.checked_sub(1).and_then(|i| entries.get(i));
    let amid =
        largest.span.len() >= MANY && is_samples(before) && is_samples(entries.get(place + 1));
    Some(Finding::new(Problem::UnusedMedia { bytes, amid }).at(largest.span))
}

/// Bytes in `free` boxes that somebody wrote.
fn free(entries: &[Entry]) -> Option<Finding> {
    let in_use = |e: &&Entry| match e.what {
        Holding::Unknown { inside: Some(kind) } => matches!(&kind.0, b"free" | b"skip" | b"wide"),
        _ => false,
    };
    let mut all = entries.iter().filter(in_use);
    let first = all.next()?;
    let bytes = first.span.len() + all.map(|e| e.span.len()).sum::<u64>();
    Some(Finding::new(Problem::FreeInUse { bytes }).at(first.span))
}
