//! What the ledger and the look into the media showed.

use crate::ledger::BLOCK;
use crate::{Entry, Finding, Form, Holding, Inspection, Ledger, Problem, TimeRange};
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
        // What a torn fragment left is told with the fragment.
        let mut fragments = inspection.read.fragments.iter();
        let torn = fragments.find(|f| !f.whole).map(|f| f.moof.start);
        let end = torn.unwrap_or(u64::MAX);
        found.extend(unused(ledger, end, inspection.form));
    }
    found.extend(free(ledger));
    if inspection.form != Form::Hybrid {
        let stale = ledger.entries().filter_map(|e| match e.what {
            Holding::Leftover { kind } if kind == b"moov" || kind == b"trak" => Some((e, kind)),
            _ => None,
        });
        for (entry, kind) in stale.take(STALE) {
            found.push(Finding::new(Problem::StaleIndex { kind }).at(entry.span));
        }
    }
}

/// Bytes in `mdat` in front of `end` that no sample uses: told of the largest range. Of a joined recording, half a
/// box at the start of a block is what its blocks bring along.
fn unused(ledger: &Ledger, end: u64, form: Form) -> Option<Finding> {
    let joined = form == Form::Hybrid;
    let is_half = |e: &Entry| {
        let next = ledger.get(ledger.place_of(e.span.start) + 1);
        let leads_on = next.is_some_and(|n| matches!(n.what, Holding::Leftover { .. }));
        joined && e.span.start.is_multiple_of(BLOCK) && e.span.len() < BLOCK && leads_on
    };
    let is_unused = |e: &Entry| {
        matches!(e.what, Holding::Unknown { inside: Some(k) } if k == b"mdat") && !is_half(e)
    };
    let before_end = |e: &Entry| e.span.start < end;
    let all = ledger.entries().take_while(before_end).filter(is_unused);
    let (mut bytes, mut largest) = (0, None::<Entry>);
    for entry in all {
        bytes += entry.span.len();
        if largest.is_none_or(|l| l.span.len() <= entry.span.len()) {
            largest = Some(entry);
        }
    }
    let largest = largest?;
    let place = ledger.place_of(largest.span.start);
    let is_samples = |place: Option<usize>| {
        let entry = place.and_then(|p| ledger.get(p)).filter(before_end);
        entry.is_some_and(|e| matches!(e.what, Holding::Samples { .. }))
    };
    // What a fragment brings along it has samples for.
    let amid = largest.span.len() >= MANY
        && (form == Form::Fragmented
            || is_samples(place.checked_sub(1)) && is_samples(Some(place + 1)));
    Some(Finding::new(Problem::UnusedMedia { bytes, amid }).at(largest.span))
}

/// Bytes in `free` boxes that somebody wrote.
fn free(ledger: &Ledger) -> Option<Finding> {
    let in_use = |e: &Entry| match e.what {
        Holding::Unknown { inside: Some(kind) } => matches!(&kind.0, b"free" | b"skip" | b"wide"),
        _ => false,
    };
    let mut all = ledger.entries().filter(in_use);
    let first = all.next()?;
    let bytes = first.span.len() + all.map(|e| e.span.len()).sum::<u64>();
    Some(Finding::new(Problem::FreeInUse { bytes }).at(first.span))
}
