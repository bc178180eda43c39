//! What the ledger and the look into the media showed.

use crate::{Entry, Finding, Form, Holding, Inspection, Problem, Result, TimeRange, names};
use tapo_bmff::{BoxTree, FourCc};
use tapo_io::{ByteSource, Window};
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
        let until = ledger.entries().partition_point(|e| e.span.start < end);
        found.extend(unused(ledger.entries().get(..until).unwrap_or_default()));
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

/// Boxes of a type that tapo does not know, told one by one up to a limit.
/// Sample entries, references, and the items of metadata lists may be anything.
pub(super) fn unknown(
    source: &dyn ByteSource,
    tree: &BoxTree,
    found: &mut Vec<Finding>,
) -> Result<()> {
    const UNKNOWN: usize = 32;
    let mut window = Window::new(source);
    let mut left = UNKNOWN;
    for (id, node) in tree.iter() {
        let parent = tree.parent(id).map(|(_, p)| p.kind);
        let any = |p: FourCc| {
            let listed = matches!(&p.0, b"stsd" | b"tref" | b"ilst" | b"trgr" | b"iref");
            // Sample entries and items of metadata are not among the names.
            let around = tree.parent(id).and_then(|(p, _)| tree.parent(p));
            let lists = around.is_some_and(|(_, n)| matches!(&n.kind.0, b"stsd" | b"ilst"));
            listed || (names::name(p).is_none() && !lists)
        };
        if left == 0 {
            break;
        }
        let user_type = if node.kind == b"uuid" {
            let at = node.payload().start.saturating_sub(16);
            window.bytes(at, 16)?.first_chunk::<16>().copied()
        } else {
            None
        };
        let known = match &user_type {
            Some(id) => names::user_type(id).is_some(),
            None => names::name(node.kind).is_some() || parent.is_some_and(any),
        };
        if !known {
            let kind = node.kind;
            let problem = Problem::UnknownBox { kind, user_type };
            found.push(Finding::new(problem).at(node.span));
            left -= 1;
        }
    }
    Ok(())
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
