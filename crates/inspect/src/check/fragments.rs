//! Fragments: are all there, in order, do their times go on.

use super::spots::hull;
use crate::{Finding, Inspection, Problem, TimeRange};
use std::collections::{HashMap, HashSet};
use tapo_bmff::{Defect, Flaw, FourCc};
use tapo_io::Span;
use tapo_movie::{Fragment, Sequence, TIME_MISFITS, TrackFragment};

pub(super) fn check(inspection: &Inspection, found: &mut Vec<Finding>) {
    let fragments = &inspection.read.fragments;
    for (number, fragment) in (1_u64..).zip(fragments) {
        if !fragment.whole {
            found.push(Finding::new(Problem::FragmentTorn { number }).at(fragment.moof));
        }
    }
    let mut timescales: HashMap<u32, u32> = HashMap::new();
    for track in &inspection.tracks {
        timescales.entry(track.id).or_insert(track.timescale);
    }
    // Hidden ones are all there.
    let hidden = inspection.hidden().iter();
    let mut fragments: Vec<&Fragment> = fragments.iter().chain(hidden).collect();
    fragments.sort_by_key(|f| f.moof.start);
    let sequence = Sequence::of(&fragments);
    let order: Vec<&Fragment> = match &sequence {
        Some(sequence) => {
            disorder(inspection, &fragments, sequence, found);
            let places = sequence.order.iter();
            places
                .filter_map(|place| fragments.get(*place).copied())
                .collect()
        }
        None => fragments,
    };
    // Of those in order of time, what was read in the order of the file says nothing.
    let moofs = |d: &Defect| {
        let misfits = matches!(
            d.flaw,
            Flaw::BadFields {
                why: TIME_MISFITS,
                ..
            }
        );
        (misfits && sequence.is_none()).then_some(d.span.start)
    };
    let back: HashSet<u64> = inspection.read.defects.iter().filter_map(moofs).collect();
    row(&order, &timescales, &back, found);
    first(&order, &timescales, found);
    summarise(found);
}

/// Fragments that are all there, and not where they should be.
fn disorder(
    inspection: &Inspection,
    fragments: &[&Fragment],
    sequence: &Sequence,
    found: &mut Vec<Finding>,
) {
    let whole = |place: usize| {
        let start = fragments.get(place)?.moof.start;
        let next = fragments.get(place + 1).map(|f| f.moof.start);
        let behind = inspection.read.top.iter();
        let end = behind.filter(|b| b.kind == b"mdat" && b.span.start > start);
        let end = end.map(|b| b.span.end).next();
        Some(Span::new(
            start,
            next.or(end).unwrap_or(inspection.read.size),
        ))
    };
    for (place, of) in &sequence.repeats {
        let problem = Problem::FragmentRepeated {
            number: *place as u64 + 1,
            of: *of as u64 + 1,
        };
        found.extend(whole(*place).map(|span| Finding::new(problem).at(span)));
    }
    // Each stretch that holds the same fragments in another order.
    let mut in_file = sequence.order.clone();
    in_file.sort_unstable();
    let (mut begins, mut reached, mut moved) = (0, 0, 0);
    for (number, place) in sequence.order.iter().enumerate() {
        let own = in_file.partition_point(|p| p < place);
        reached = reached.max(own);
        moved += u32::from(own != number);
        if reached > number {
            continue;
        }
        let ends = [begins, number].map(|n| in_file.get(n).and_then(|p| whole(*p)));
        if let (true, [Some(first), Some(last)]) = (moved > 0, ends) {
            let problem = Problem::FragmentsUnordered { fragments: moved };
            found.push(Finding::new(problem).at(hull(first, last)));
        }
        (begins, moved) = (number + 1, 0);
    }
}

/// Where a track was left by the fragment in front.
#[derive(Copy, Clone)]
struct Before {
    end: u64,
    moof: Span,
    /// Whether it held one sample: a writer that sends each as it comes does not know yet how long it lasts.
    single: bool,
}

/// How long a sample of each track lasts in the mean, ticks, rounded up.
fn paces(order: &[&Fragment]) -> HashMap<u32, u64> {
    let mut sums: HashMap<u32, (u64, u64)> = HashMap::new();
    for part in order.iter().flat_map(|f| &f.tracks) {
        let (ticks, samples) = sums.entry(part.track_id).or_default();
        *ticks = ticks.saturating_add(part.duration);
        *samples += u64::from(part.samples);
    }
    let mean = |(id, (ticks, samples)): (u32, (u64, u64))| (id, ticks.div_ceil(samples.max(1)));
    sums.into_iter().map(mean).collect()
}

/// Whether each fragment starts where the one in front of it ended. Those at `back` do so before its last sample.
fn row(
    order: &[&Fragment],
    timescales: &HashMap<u32, u32>,
    back: &HashSet<u64>,
    found: &mut Vec<Finding>,
) {
    let mut ends: HashMap<u32, Before> = HashMap::new();
    let paces = paces(order);
    let mut last_number: Option<(u32, Span)> = None;
    let mut held = HELD;
    for (place, fragment) in order.iter().enumerate() {
        let jump = match (last_number, fragment.sequence_number) {
            (Some((before, _)), Some(after)) if after > before.saturating_add(1) => {
                Some((before, after))
            }
            _ => None,
        };
        let mut jumped = false;
        let is_unknown = |p: &&TrackFragment| !timescales.contains_key(&p.track_id);
        if let Some(part) = fragment.tracks.iter().find(is_unknown) {
            let finding = Finding::new(Problem::FragmentTrackUnknown).at(fragment.moof);
            found.push(finding.on(part.track_id));
        }
        for part in &fragment.tracks {
            let Some(start) = part.base_media_decode_time else {
                if let Some(before) = ends.get_mut(&part.track_id) {
                    // It goes on where the one before ended.
                    before.end = before.end.saturating_add(part.duration);
                    before.moof = fragment.moof;
                    let (kind, parent) = (FourCc(*b"tfdt"), FourCc(*b"traf"));
                    let missing = Problem::BoxMissing { kind, parent };
                    found.push(Finding::new(missing).at(fragment.moof).on(part.track_id));
                }
                continue;
            };
            let mut now = Before {
                end: start.saturating_add(part.duration),
                moof: fragment.moof,
                single: part.samples == 1,
            };
            let before = ends.get(&part.track_id).copied();
            let timescale = timescales.get(&part.track_id).copied().unwrap_or(0);
            if let Some(before) = before.filter(|b| b.end != start) {
                // Some writers round the time of each fragment: a millisecond each
                // way is no gap.
                let slack = u64::from(timescale / 1000).max(1);
                let pace = paces.get(&part.track_id).copied().unwrap_or(0);
                let guessed = before.single && jump.is_none() && start > before.end;
                let slack = if guessed { slack.max(2 * pace) } else { slack };
                let large = start.abs_diff(before.end) > slack;
                jumped |= large;
                let expected = before.end.saturating_add(part.duration);
                let rest = order.get(place + 1..).unwrap_or_default();
                let mut problem = misfit(start, before.end, large, jump);
                if start < before.end && large && back.contains(&fragment.moof.start) {
                    let ticks = before.end - start;
                    problem = Problem::FragmentTimeBack { ticks };
                }
                let wrong = large
                    && !matches!(problem, Problem::FragmentsMissing { .. })
                    && next_start(rest, part.track_id)
                        .is_some_and(|next| next.abs_diff(expected) <= slack);
                let (problem, span, time) = if wrong {
                    now.end = expected;
                    let ticks = difference(start, before.end);
                    let time = (before.end, expected);
                    (Problem::FragmentTimeWrong { ticks }, fragment.moof, time)
                } else {
                    let time = (before.end.min(start), before.end.max(start));
                    // Where fragments are gone the cut is in front of this one; else the
                    // durations in the one before may be what is wrong.
                    let span = match problem {
                        Problem::FragmentsMissing { .. } => fragment.moof,
                        _ => hull(before.moof, fragment.moof),
                    };
                    (problem, span, time)
                };
                let finding = Finding::new(problem).at(span).on(part.track_id);
                found.push(finding.during(TimeRange {
                    start: time.0,
                    end: time.1,
                    timescale,
                }));
            }
            ends.insert(part.track_id, now);
        }
        if let (Some((before, at)), Some(after)) = (last_number, fragment.sequence_number)
            && before.checked_add(1) != Some(after)
            && !jumped
        {
            let timed = |p: &TrackFragment| p.base_media_decode_time.is_some();
            let finding = if jump.is_some() && !fragment.tracks.iter().any(timed) {
                Finding::new(Problem::FragmentsMissing { before, after }).at(fragment.moof)
            } else {
                let problem = Problem::FragmentNumber { before, after };
                Finding::new(problem).at(hull(at, fragment.moof))
            };
            found.push(finding);
        }
        let number = fragment.sequence_number.map(|n| (n, fragment.moof));
        last_number = number.or(last_number);
        if found.len() > held {
            summarise(found);
            held = found.len() + HELD;
        }
    }
}

/// What it is that a fragment starts elsewhere than the one before ended.
fn misfit(start: u64, end: u64, large: bool, jump: Option<(u32, u32)>) -> Problem {
    match jump {
        Some((before, after)) if start > end && large => {
            Problem::FragmentsMissing { before, after }
        }
        _ => Problem::FragmentTimeJump {
            ticks: difference(start, end),
            large,
        },
    }
}

fn difference(start: u64, end: u64) -> i64 {
    let ticks = i128::from(start) - i128::from(end);
    i64::try_from(ticks).unwrap_or(i64::MAX)
}

/// Where the next fragment of a track starts.
fn next_start(rest: &[&Fragment], track: u32) -> Option<u64> {
    // It is not far, if the file means well.
    let mut parts = rest.iter().take(64).flat_map(|f| &f.tracks);
    let next = parts.find(|p| p.track_id == track)?;
    next.base_media_decode_time
}

/// The first fragment, if there were others in front of it: a number beyond 1,
/// and no track that starts at its beginning.
fn first(order: &[&Fragment], timescales: &HashMap<u32, u32>, found: &mut Vec<Finding>) {
    let Some(fragment) = order.first() else {
        return;
    };
    let late = |part: &TrackFragment| {
        let timescale = timescales.get(&part.track_id).copied().unwrap_or(0);
        let start = part.base_media_decode_time.filter(|t| *t > 0)?;
        Some((part.track_id, start, timescale))
    };
    let Some(number) = fragment.sequence_number.filter(|n| *n > 1) else {
        return;
    };
    let starts: Option<Vec<_>> = fragment.tracks.iter().map(late).collect();
    if let Some((_, end, timescale)) = starts.and_then(|s| s.first().copied()) {
        let finding = Finding::new(Problem::FragmentsBefore { number }).at(fragment.moof);
        let start = 0;
        found.push(finding.during(TimeRange {
            start,
            end,
            timescale,
        }));
    }
}

/// Findings that are held before those of one kind are summarised.
const HELD: usize = 4096;

/// Jumps kept one by one; a file that has more has them everywhere.
const JUMPS: usize = 10;

fn summarise(found: &mut Vec<Finding>) {
    let mut seen = [0; 5];
    found.retain(|f| {
        let kind = match f.problem {
            Problem::FragmentTimeJump { large: true, .. } => 0,
            Problem::FragmentTimeJump { .. } => 1,
            Problem::FragmentNumber { .. } => 2,
            Problem::FragmentTimeBack { .. } => 3,
            Problem::FragmentTimeWrong { .. } => 4,
            _ => return true,
        };
        let Some(seen) = seen.get_mut(kind) else {
            return true;
        };
        *seen += 1;
        *seen <= JUMPS
    });
}
