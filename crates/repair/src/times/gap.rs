//! How much is missing in front of a stretch.
//!
//! How many pictures are missing is for [`pictures`] to say. The other tracks
//! follow by the order in which the muxer wrote.

use super::meet::Meeting;
use super::pictures;
use super::rate::{Kind, is_known};
use super::sound::ticks;
use crate::habits::Durations;
use crate::interleave::{Rule, Write, lag};
use crate::item::{Found, Item, When};
use crate::profile::Profile;
use std::ops::Range;

/// What is missing in front of a stretch.
#[derive(Clone, Debug, Default)]
pub(crate) struct Missing {
    /// Decode time of the first sample behind it: by track, ticks.
    pub(crate) starts: Vec<i64>,
    /// Samples that are missing: by track.
    pub(crate) samples: Vec<u64>,
}

impl Missing {
    /// Takes out the time that is missing in all tracks.
    pub(super) fn close(&mut self, profile: &Profile, ends: &[i64]) {
        let tracks = self.starts.iter().zip(ends).enumerate();
        let gaps = tracks.map(|(track, (start, end))| profile.clock.common(track, start - end));
        let shared = gaps.min().unwrap_or(0).max(0);
        for (track, start) in self.starts.iter_mut().enumerate() {
            *start -= profile.clock.track(track, shared);
        }
    }
}

/// Samples that a gap may have lost, at most.
const MOST_LOST: i64 = 1 << 20;

/// Items behind a gap in which the longest run is looked for.
const RUNS: usize = 4096;

/// Writes behind a gap that the clocks are aligned by.
const ALIGNED: usize = 600;

/// Solves the gap in front of stretch `number`, whose items are `range`. How the
/// clocks of pictures and sound stand to each other there, `meeting` says.
pub(super) fn solve(
    found: &Found,
    profile: &Profile,
    number: usize,
    range: Range<usize>,
    ends: &[i64],
    meeting: Option<&Meeting<'_>>,
) -> Missing {
    let count = profile.tracks.len();
    let mut missing = Missing {
        starts: ends.to_vec(),
        samples: vec![0; count],
    };
    let Some(stretch) = found.stretches.get(number) else {
        return missing;
    };
    let from_start = number == 0 && stretch.from_start;
    if from_start && stretch.lost.is_empty() || is_known(found, range.clone()) {
        return missing;
    }
    if let Some(starts) = bounded(found, profile, number, range.clone(), ends) {
        missing.starts = starts;
        count_missing(&mut missing, profile, ends);
        return missing;
    }
    // It goes on where an index ends, or in the next piece of media data.
    if stretch.lost.is_empty() {
        return missing;
    }
    let leader = profile.leader();
    let Some(of) = profile.tracks.get(leader) else {
        return missing;
    };
    let apart = |n: i64| meeting.map_or(0, |m| m.cost(n));
    let lost = match from_start {
        true => 0,
        false => pictures::lost(found, profile, number, range.clone(), &apart),
    };
    let usual = i64::from(of.durations.usual);
    let end = ends.get(leader).copied().unwrap_or(0);
    let mut start = end + lost * usual;
    let mut heard = None;
    let mut lasts: &dyn Fn(usize) -> i64 = &|_| usual;
    let changes = meeting.filter(|m| m.tempo.kind != Kind::Steady && !from_start);
    let own = |n: usize| {
        let times = changes.map(|m| m.tempo.times.as_slice());
        let pair = times.and_then(|t| Some(t.get(n + 1)? - t.get(n)?));
        pair.map_or(usual, ticks)
    };
    if let Some((meeting, met)) = changes.and_then(|m| Some((m, m.best(lost)?))) {
        start = meeting.start(met);
        lasts = &own;
        // Of runs only the beginnings are bounded, and loosely.
        let closely = profile.interleave.rule == Rule::Samples;
        heard = closely.then_some((meeting.sound.track, met.frames));
    }
    if let Some(slot) = missing.starts.get_mut(leader) {
        *slot = start;
    }
    let base = profile.clock.common(leader, start - of.shift);
    // Within one run of pictures nothing else can be missing.
    let within = profile.interleave.rule == Rule::Runs
        && !from_start
        && is_within_run(found, range.clone(), leader, lost);
    for track in (0..count).filter(|t| *t != leader) {
        let own_end = ends.get(track).copied().unwrap_or(0);
        let frames = heard.filter(|(t, _)| *t == track).map(|(_, n)| n);
        let start = match (frames, profile.tracks.get(track)) {
            (Some(frames), Some(of)) => {
                let durations = &of.durations;
                let usual = i64::from(durations.usual);
                Meeting::sound_start(own_end, frames, usual, durations.cadence.as_ref())
            }
            _ if within => own_end,
            _ => align(
                found,
                profile,
                range.clone(),
                (leader, track),
                (base, lasts),
                own_end,
                from_start,
            )
            .map_or(own_end, |start| start.max(own_end)),
        };
        if let Some(slot) = missing.starts.get_mut(track) {
            *slot = start;
        }
    }
    count_missing(&mut missing, profile, ends);
    if changes.is_some()
        && let Some(slot) = missing.samples.get_mut(leader)
    {
        *slot = lost.unsigned_abs();
    }
    missing
}

/// Where the tracks start if an index says when what follows the stretch is: as
/// late as that leaves room for, where something was lost in front, else where
/// they ended.
fn bounded(
    found: &Found,
    profile: &Profile,
    number: usize,
    range: Range<usize>,
    ends: &[i64],
) -> Option<Vec<i64>> {
    let stretch = found.stretches.get(number)?;
    let (lost, is_filled) = (stretch.lost, found.is_filled(stretch));
    let items = found.items.range(range.clone());
    let behind = found.items.range(range.end..found.items.len());
    let mut starts = ends.to_vec();
    let mut known = false;
    for (index, (of, start)) in profile.tracks.iter().zip(&mut starts).enumerate() {
        let own = |item: &Item| usize::from(item.track) == index;
        let Some(When::Known { dts, .. }) = behind.clone().find(own).map(|i| i.when) else {
            continue;
        };
        known = true;
        if is_filled {
            // The samples in front may be said to last until there.
            let free = |i: &Item| !matches!(i.when, When::Known { .. });
            let rest = found
                .items
                .range(range.start..found.items.len())
                .filter(own);
            let rest = rest.take_while(free);
            let lasts = rest.map(|i| of.row_ticks(u64::from(i.size), i.samples));
            *start = dts - lasts.sum::<i64>();
            continue;
        }
        let lasts = items.clone().filter(own);
        let lasts: i64 = lasts
            .map(|i| of.row_ticks(u64::from(i.size), i.samples))
            .sum();
        let spare = (dts - *start - lasts).max(0);
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let in_front = lost.len() as f64 > of.mean;
        if in_front {
            *start += spare;
        }
    }
    known.then_some(starts)
}

/// Whether the pictures on either side of the gap in front of `range`, and those
/// that it has lost, are no more than the longest run has.
fn is_within_run(found: &Found, range: Range<usize>, leader: usize, lost: i64) -> bool {
    let led = |item: &Item| usize::from(item.track) == leader;
    let before = found.items.range(0..range.start).rev().take_while(led);
    let behind = found.items.range(range.clone()).take_while(led);
    // More than the longest run can have says no as well.
    let (before, behind) = (before.take(RUNS + 1).count(), behind.take(RUNS + 1).count());
    if before == 0 || behind == 0 {
        return false;
    }
    let (mut longest, mut run) = (0, 0);
    for item in found.items.range(range).skip(behind).take(RUNS) {
        run = if led(&item) { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    let lost = usize::try_from(lost).unwrap_or(usize::MAX);
    before.saturating_add(behind).saturating_add(lost) <= longest
}

fn count_missing(missing: &mut Missing, profile: &Profile, ends: &[i64]) {
    let tracks = profile.tracks.iter().zip(&missing.starts).zip(ends);
    let samples = tracks.map(|((of, start), end)| {
        let usual = i64::from(of.durations.usual).max(1);
        u64::try_from((start - end) / usual).unwrap_or(0)
    });
    missing.samples = samples.collect();
}

/// Where a track starts behind a gap so that the muxer's rule holds, ticks of
/// the track. The leading track starts at `base` on the common clock; the track
/// itself ended at `end`.
fn align(
    found: &Found,
    profile: &Profile,
    range: Range<usize>,
    (leader, track): (usize, usize),
    (base, lasts): (i64, &dyn Fn(usize) -> i64),
    end: i64,
    from_start: bool,
) -> Option<i64> {
    let of = profile.tracks.get(track)?;
    let items = found.items.range(range);
    let mut writes = Vec::new();
    let mut next = [0_i64; 2];
    let mut first = None;
    let mut led = 0;
    for item in items {
        let own = usize::from(item.track);
        let which = match own {
            t if t == leader => 0,
            t if t == track => 1,
            _ => continue,
        };
        let of = profile.tracks.get(own)?;
        let ticks = match which {
            0 => {
                led += 1;
                lasts(led - 1)
            }
            _ => of.row_ticks(u64::from(item.size), item.samples),
        };
        let duration = profile.clock.common(own, ticks);
        if which == 1 && first.is_none() {
            first = Some(next_leader(&writes));
        }
        let slot = next.get_mut(which)?;
        writes.push(Write {
            track: item.track,
            time: *slot,
            duration,
        });
        *slot += duration;
        if writes.len() >= ALIGNED {
            break;
        }
    }
    first?;
    // Of a run that the gap has cut nobody knows when it began.
    let runs = profile.interleave.rule == Rule::Runs && !from_start;
    let cut = writes
        .windows(2)
        .position(|w| matches!(w, [a, b] if a.track != b.track));
    let cut = cut.filter(|_| runs).map_or(0, |last| last + 1);
    let writes = writes.get(cut..).unwrap_or_default();
    let step = grid(profile, track, &of.durations);
    let second = i64::try_from(profile.clock.hz()).ok()?;
    // The samples that are missing were as long as all others: the track goes
    // on where it ended, or a whole number of samples later.
    let origin = profile.clock.common(track, end - of.shift) - base;
    let near = first.flatten().unwrap_or(0);
    let middle = (near - origin).div_euclid(step);
    let reach = 3 * second / step;
    let mut best: Option<(u32, i64, i64)> = None;
    let mut unmoved = 0;
    for n in (middle - reach).max(0)..=(middle + reach).max(0) {
        let mut shifts = vec![0; profile.tracks.len()];
        if let Some(slot) = shifts.get_mut(track) {
            *slot = origin + n * step;
        }
        let hits = profile.interleave.hits(writes, &shifts);
        if n == 0 {
            unmoved = hits;
        }
        match &mut best {
            Some((most, ..)) if hits < *most => {}
            Some((most, _, last)) if hits == *most && *last + 1 == n => *last = n,
            Some((most, ..)) if hits == *most => {}
            best => *best = Some((hits, n, n)),
        }
    }
    // Of what the rule allows, what lags behind as in the reference; else the middle.
    let (hits, from, to) = best?;
    // Where the rule does not hold at all it limits nothing.
    let limited = profile.interleave.rule == Rule::Runs || hits as usize * 9 > writes.len() * 5;
    let (from, to) = if limited { (from, to) } else { (0, MOST_LOST) };
    let number = |t: usize| u16::try_from(t).unwrap_or(u16::MAX);
    let rule = profile.interleave.rule;
    let seen = lag(rule, writes, number(leader), number(track));
    let usual = profile.lags.get(track).copied().flatten();
    let n = match seen.zip(usual) {
        Some((seen, usual)) if !from_start => {
            #[expect(clippy::cast_possible_truncation, reason = "clamped below")]
            let shift = (usual - seen).round() as i64;
            (shift.saturating_sub(origin) + step / 2)
                .div_euclid(step)
                .clamp(from, to)
        }
        // At the start of a recording hardly anything is missing, and muxers
        // have their ways with the first samples.
        _ if from_start && unmoved + 2 >= hits => 0,
        _ if from_start => from,
        _ if limited => from + (to - from) / 2,
        _ => 0,
    };
    Some(profile.clock.track(track, base + origin + n * step) + of.shift)
}

/// The leading track's time where the other track's first write stands.
fn next_leader(writes: &[Write]) -> Option<i64> {
    writes.last().map(|w| w.time + w.duration)
}

/// Steps in which a track's start is tried, common clock: its samples, but of
/// constant-rate data no finer than a millisecond.
fn grid(profile: &Profile, track: usize, durations: &Durations) -> i64 {
    let sample = profile.clock.common(track, i64::from(durations.usual));
    let finest = i64::try_from(profile.clock.hz() / 1000).unwrap_or(1);
    sample.max(finest).max(1)
}
