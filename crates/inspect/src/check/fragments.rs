//! Fragments: are all there, do their times go on.

use super::spots::hull;
use crate::{Finding, Inspection, Problem, TimeRange};
use std::collections::HashMap;
use tapo_io::Span;
use tapo_movie::TrackFragment;

pub(super) fn check(inspection: &Inspection, found: &mut Vec<Finding>) {
    let fragments = &inspection.read.fragments;
    let mut timescales: HashMap<u32, u32> = HashMap::new();
    for track in &inspection.tracks {
        timescales.entry(track.id).or_insert(track.timescale);
    }
    let timescale = |id| timescales.get(&id).copied().unwrap_or(0);
    let mut ends: HashMap<u32, (u64, Span)> = HashMap::new();
    let mut last_number: Option<(u32, Span)> = None;
    for (number, fragment) in (1_u64..).zip(fragments) {
        if !fragment.whole {
            found.push(Finding::new(Problem::FragmentTorn { number }).at(fragment.moof));
        }
        let jump = match (last_number, fragment.sequence_number) {
            (Some((before, _)), Some(after)) if after > before.saturating_add(1) => {
                Some((before, after))
            }
            _ => None,
        };
        let (mut missing, mut jumped) = (false, false);
        let is_unknown = |p: &&TrackFragment| !timescales.contains_key(&p.track_id);
        if let Some(part) = fragment.tracks.iter().find(is_unknown) {
            let finding = Finding::new(Problem::FragmentTrackUnknown).at(fragment.moof);
            found.push(finding.on(part.track_id));
        }
        for part in &fragment.tracks {
            let Some(start) = part.base_media_decode_time else {
                continue;
            };
            let end = start.saturating_add(part.duration);
            let end = ends.insert(part.track_id, (end, fragment.moof));
            let Some((end, before)) = end else {
                continue;
            };
            let timescale = timescale(part.track_id);
            // Some writers round the time of each fragment: a millisecond each
            // way is no gap.
            let slack = u64::from(timescale / 1000).max(1);
            let large = start.abs_diff(end) > slack;
            if start == end {
                continue;
            }
            jumped |= large;
            let time = TimeRange {
                start: end.min(start),
                end: end.max(start),
                timescale,
            };
            let at = |problem| {
                // The durations in the one before may be what is wrong.
                let finding = Finding::new(problem).at(hull(before, fragment.moof));
                finding.on(part.track_id).during(time)
            };
            match jump {
                Some((before, after)) if start > end && large => {
                    if !missing {
                        found.push(at(Problem::FragmentsMissing { before, after }));
                    }
                    missing = true;
                }
                _ => {
                    let ticks = i128::from(start) - i128::from(end);
                    let ticks = i64::try_from(ticks).unwrap_or(i64::MAX);
                    found.push(at(Problem::FragmentTimeJump { ticks, large }));
                }
            }
        }
        if let (Some((before, at)), Some(after)) = (last_number, fragment.sequence_number)
            && before.checked_add(1) != Some(after)
            && !jumped
        {
            let problem = Problem::FragmentNumber { before, after };
            found.push(Finding::new(problem).at(hull(at, fragment.moof)));
        }
        let number = fragment.sequence_number.map(|n| (n, fragment.moof));
        last_number = number.or(last_number);
    }
    summarise(found);
}

/// Jumps kept one by one; a file that has more has them everywhere.
const JUMPS: usize = 10;

fn summarise(found: &mut Vec<Finding>) {
    let mut seen = [0; 3];
    found.retain(|f| {
        let kind = match f.problem {
            Problem::FragmentTimeJump { large: true, .. } => 0,
            Problem::FragmentTimeJump { .. } => 1,
            Problem::FragmentNumber { .. } => 2,
            _ => return true,
        };
        let Some(seen) = seen.get_mut(kind) else {
            return true;
        };
        *seen += 1;
        *seen <= JUMPS
    });
}
