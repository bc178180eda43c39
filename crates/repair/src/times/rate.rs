//! Tracks of variable rate: their times are not in the media data, but the
//! muxer wrote each sample between two of another track, and so its time lies
//! between theirs. That bounds the error, and it does not add up.

use super::{Timed, Timeline};
use crate::cadence::Cadence;
use crate::interleave::Rule;
use crate::item::{Found, When};
use crate::profile::{Profile, TrackProfile};
use std::ops::Range;

/// Least and greatest decode time of a sample, ticks of its track.
type Bounds = (i64, i64);

/// Share of writes that must follow the rule for it to bound anything.
const TRUSTED: f64 = 0.9;

/// Gives the samples of the stretch `range` of items times between those of the
/// other tracks, where their track's rate varies.
pub(super) fn adjust(found: &Found, profile: &Profile, range: Range<usize>, line: &mut Timeline) {
    let trusted = profile.interleave.rule == Rule::Samples
        && profile.interleave.hit_rate >= TRUSTED
        && profile.tracks.len() > 1;
    for (track, of) in profile.tracks.iter().enumerate() {
        if let (Some(cadence), Some(times)) = (&of.durations.cadence, line.tracks.get_mut(track)) {
            let first = times.partition_point(|t| t.item < range.start);
            count_out(cadence, times.get_mut(first..).unwrap_or_default(), found);
        }
    }
    for (track, of) in profile.tracks.iter().enumerate() {
        if of.durations.is_constant() || !of.is_video || !trusted {
            continue;
        }
        let Some(times) = line.tracks.get(track) else {
            continue;
        };
        let first = times.partition_point(|t| t.item < range.start);
        let own = times.get(first..).unwrap_or_default();
        let index = |t: &Timed| found.items.when(t.item);
        if own.is_empty()
            || own
                .iter()
                .any(|t| matches!(index(t), Some(When::Known { .. })))
        {
            continue;
        }
        let bounds = bounds(profile, track, own, line, range.clone());
        let start = own.first().map_or(0, |t| t.dts);
        let solved = if of.durations.known.is_empty() {
            between(&bounds, start)
        } else {
            switching(of, profile, track, &bounds, start)
        };
        let usual = i64::from(of.durations.usual);
        let own = line.tracks.get_mut(track).and_then(|t| t.get_mut(first..));
        let own = own.unwrap_or_default();
        for (i, time) in own.iter_mut().enumerate() {
            let here = solved.get(i).copied().unwrap_or(time.dts);
            let next = solved.get(i + 1).copied();
            time.dts = here;
            time.duration = next.map_or(usual, |n| n - here);
        }
    }
}

/// Gives samples the times that follow from their numbers.
fn count_out(cadence: &Cadence, own: &mut [Timed], found: &Found) {
    let known = |t: &Timed| {
        let when = found.items.when(t.item);
        matches!(when, Some(When::Known { .. }))
    };
    if own.iter().any(known) {
        return;
    }
    let Some(first) = own.first().map(|t| cadence.number(t.dts)) else {
        return;
    };
    for (number, time) in (first..).zip(own) {
        time.dts = cadence.time(number);
        time.duration = cadence.time(number + 1) - time.dts;
    }
}

/// What the other tracks say about the samples in `own`.
fn bounds(
    profile: &Profile,
    track: usize,
    own: &[Timed],
    line: &Timeline,
    range: Range<usize>,
) -> Vec<Bounds> {
    let clock = &profile.clock;
    // Writes of all other tracks in file order, on this track's clock.
    let mut others: Vec<(usize, i64)> = Vec::new();
    let shift = profile.tracks.get(track).map_or(0, |t| t.shift);
    for (other, (times, of)) in line.tracks.iter().zip(&profile.tracks).enumerate() {
        if other == track || of.samples == 1 {
            continue;
        }
        let here = times.iter().filter(|t| range.contains(&t.item));
        others.extend(here.map(|t| {
            let common = clock.common(other, t.dts - of.shift);
            (t.item, clock.track(track, common) + shift)
        }));
    }
    others.sort_unstable();
    let mut next = 0;
    let mut before = i64::MIN;
    own.iter()
        .map(|time| {
            while let Some((item, at)) = others.get(next)
                && *item < time.item
            {
                before = before.max(*at);
                next += 1;
            }
            let behind = others.get(next).map_or(i64::MAX, |(_, at)| *at);
            (before, behind)
        })
        .collect()
}

/// Times for any durations: those between the same two writes share the time
/// between them.
fn between(bounds: &[Bounds], start: i64) -> Vec<i64> {
    let mut times = Vec::with_capacity(bounds.len());
    let mut i = 0;
    while let Some((least, most)) = bounds.get(i).copied() {
        let same = bounds.get(i..).unwrap_or_default();
        let count = same.iter().take_while(|b| **b == (least, most)).count();
        let parts = 2 * i64::try_from(count).unwrap_or(1).max(1);
        let from = if least == i64::MIN { start } else { least };
        // Behind the last write of the others nothing bounds: go on as before.
        let to = if most == i64::MAX {
            let pace = pace(&times, start);
            from.saturating_add(pace * parts / 2)
        } else {
            most
        };
        for k in 0..parts / 2 {
            let at = if times.is_empty() {
                start
            } else {
                from.saturating_add((to.saturating_sub(from)) * (2 * k + 1) / parts)
            };
            let at = times.last().map_or(at, |l: &i64| at.max(l + 1));
            times.push(at);
        }
        i += count.max(1);
    }
    times
}

/// Mean duration so far.
fn pace(times: &[i64], start: i64) -> i64 {
    let count = i64::try_from(times.len()).unwrap_or(i64::MAX);
    let last = times.last().copied().unwrap_or(start);
    if count < 2 {
        1
    } else {
        (last - start) / (count - 1)
    }
}

/// Samples that are solved together.
const WINDOW: usize = 4096;

/// Of which the last are solved again with what follows.
const LOOK: usize = 512;

/// States kept from sample to sample.
const STATES: usize = 48;

/// Cost of a change of rate; a time out of bounds costs its number of samples.
const CHANGE: u32 = 6;

/// One way to have come to a sample.
#[derive(Copy, Clone)]
struct State {
    cost: u32,
    time: i64,
    /// Index into the known durations of the step to here.
    step: usize,
    from: usize,
}

/// Times for a track that switches between a few durations: as few changes as
/// the bounds allow.
fn switching(
    of: &TrackProfile,
    profile: &Profile,
    track: usize,
    bounds: &[Bounds],
    start: i64,
) -> Vec<i64> {
    let known: Vec<i64> = of.durations.known.iter().map(|d| i64::from(*d)).collect();
    // Times of other tracks may be rounded to milliseconds.
    let hz = i64::try_from(profile.clock.hz()).unwrap_or(i64::MAX);
    let slack = profile.clock.track(track, hz / 1000);
    let mut solved: Vec<i64> = vec![start];
    let mut step = 0;
    while solved.len() < bounds.len() {
        let from = solved.len() - 1;
        let part = bounds.get(from + 1..).unwrap_or_default();
        let part = part.get(..WINDOW).unwrap_or(part);
        let first = State {
            cost: 0,
            time: solved.last().copied().unwrap_or(start),
            step,
            from: 0,
        };
        let path = cheapest(&known, part, slack, first);
        let last = from + 1 + part.len() == bounds.len();
        let keep = if last {
            path.len()
        } else {
            path.len() - LOOK.min(path.len() / 2)
        };
        for (time, by) in path.into_iter().take(keep.max(1)) {
            solved.push(time);
            step = by;
        }
    }
    solved
}

/// The cheapest row of times, each with the step that led there.
fn cheapest(known: &[i64], bounds: &[Bounds], slack: i64, first: State) -> Vec<(i64, usize)> {
    let mut layers: Vec<Vec<State>> = Vec::with_capacity(bounds.len() + 1);
    layers.push(vec![first]);
    for (least, most) in bounds {
        let before = layers.last().map(Vec::as_slice).unwrap_or_default();
        let mut next: Vec<State> = Vec::with_capacity(before.len() * known.len());
        for (from, state) in before.iter().enumerate() {
            for (step, duration) in known.iter().enumerate() {
                let time = state.time + duration;
                let out = time < least.saturating_sub(slack) || time > most.saturating_add(slack);
                let change = if step == state.step { 0 } else { CHANGE };
                let cost = state.cost + change + u32::from(out);
                let twin = next.iter_mut().find(|s| s.time == time && s.step == step);
                match twin {
                    Some(twin) if twin.cost <= cost => {}
                    Some(twin) => (twin.cost, twin.from) = (cost, from),
                    None => next.push(State {
                        cost,
                        time,
                        step,
                        from,
                    }),
                }
            }
        }
        next.sort_by_key(|s| (s.cost, s.step, s.time));
        next.truncate(STATES);
        layers.push(next);
    }
    let mut path = Vec::with_capacity(bounds.len());
    let mut at = 0;
    for layer in layers.iter().skip(1).rev() {
        if let Some(state) = layer.get(at) {
            path.push((state.time, state.step));
            at = state.from;
        }
    }
    path.reverse();
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bounds of 64 ms around the true times.
    fn around(times: &[i64]) -> Vec<Bounds> {
        times
            .iter()
            .map(|t| (t / 64 * 64, t / 64 * 64 + 64))
            .collect()
    }

    #[test]
    fn a_change_of_rate_is_found_exactly() {
        let mut times = vec![0];
        for i in 0..500 {
            let last = times[i];
            times.push(last + if (150..380).contains(&i) { 80 } else { 40 });
        }
        let first = State {
            cost: 0,
            time: 0,
            step: 0,
            from: 0,
        };
        let path = cheapest(&[40, 80], &around(&times)[1..], 0, first);
        let got: Vec<i64> = path.into_iter().map(|(t, _)| t).collect();
        assert_eq!(got, times[1..]);
    }

    #[test]
    fn any_rate_stays_within_its_bounds_and_never_goes_back() {
        let times: Vec<i64> = (0..300).map(|i| i * 40 + (i * 7919) % 23).collect();
        let got = between(&around(&times), 0);
        assert_eq!(got.len(), times.len());
        assert!(got.is_sorted_by(|a, b| a < b));
        assert!(got.iter().zip(&times).all(|(a, b)| a.abs_diff(*b) <= 64));
    }
}
