//! Fragments: are all there, do their times go on.

use crate::{Finding, Inspection, Problem, TimeRange};
use std::collections::HashMap;

pub(super) fn check(inspection: &Inspection, found: &mut Vec<Finding>) {
    let fragments = &inspection.read.fragments;
    let timescale = |id| {
        let track = inspection.tracks.iter().find(|t| t.id == id);
        track.map_or(0, |t| t.timescale)
    };
    let mut ends: HashMap<u32, u64> = HashMap::new();
    let mut last_number = None;
    for (number, fragment) in (1_u64..).zip(fragments) {
        if !fragment.whole {
            found.push(Finding::new(Problem::FragmentTorn { number }).at(fragment.moof));
        }
        let jump = match (last_number, fragment.sequence_number) {
            (Some(before), Some(after)) if after > before + 1 => Some((before, after)),
            _ => None,
        };
        let mut missing = false;
        let unknown = |id| inspection.tracks.iter().all(|t| t.id != id);
        if let Some(part) = fragment.tracks.iter().find(|p| unknown(p.track_id)) {
            let finding = Finding::new(Problem::FragmentTrackUnknown).at(fragment.moof);
            found.push(finding.on(part.track_id));
        }
        for part in &fragment.tracks {
            let Some(start) = part.base_media_decode_time else {
                continue;
            };
            let end = ends.insert(part.track_id, start.saturating_add(part.duration));
            let Some(end) = end else {
                continue;
            };
            let timescale = timescale(part.track_id);
            // Some writers round the time of each fragment: a millisecond each
            // way is no gap.
            let slack = u64::from(timescale / 1000).max(1);
            if start.abs_diff(end) <= slack {
                continue;
            }
            let time = TimeRange {
                start: end.min(start),
                end: end.max(start),
                timescale,
            };
            let at = |problem| {
                let finding = Finding::new(problem).at(fragment.moof);
                finding.on(part.track_id).during(time)
            };
            match jump {
                Some((before, after)) if start > end => {
                    if !missing {
                        found.push(at(Problem::FragmentsMissing { before, after }));
                    }
                    missing = true;
                }
                _ => {
                    let ticks = i128::from(start) - i128::from(end);
                    let ticks = i64::try_from(ticks).unwrap_or(i64::MAX);
                    found.push(at(Problem::FragmentTimeJump { ticks }));
                }
            }
        }
        last_number = fragment.sequence_number.or(last_number);
    }
    summarise(found);
}

/// Jumps kept one by one; a file that has more has them everywhere.
const JUMPS: usize = 10;

fn summarise(found: &mut Vec<Finding>) {
    let is_jump = |f: &Finding| matches!(f.problem, Problem::FragmentTimeJump { .. });
    let mut seen = 0;
    found.retain(|f| {
        seen += usize::from(is_jump(f));
        !is_jump(f) || seen <= JUMPS
    });
}
