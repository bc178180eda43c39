//! How long the leading track's samples last, where that is not as in the
//! reference all along: its times are not in the media data, but the sound
//! bounds them, and so errors do not add up.

use super::Timed;
use super::pace::{self, Pace, Span};
use super::sound::{FINE, Sound, ticks};
use crate::habits::Durations;
use crate::interleave::Rule;
use crate::item::{Found, When};
use crate::profile::Profile;
use std::ops::Range;
use tapo_codec::Order;

/// The rates that cameras have, pictures in a thousand seconds.
const RATES: [i64; 24] = [
    60_000, 50_000, 30_000, 25_000, 24_000, 20_000, 18_000, 16_000, 15_000, 12_500, 12_000, 10_000,
    9_000, 8_000, 7_500, 6_000, 5_000, 4_000, 3_000, 2_000, 1_000, 120_000, 100_000, 48_000,
];

/// How the durations of a stretch were found.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// All last what they do in the reference.
    Steady,
    /// Runs of samples last the same.
    Paced,
    /// No two need last the same.
    Jitter,
}

/// The times of the leading track's samples in one stretch, fine ticks, by a
/// clock of which the sound's first frame in the stretch is a part.
#[derive(Clone, Debug)]
pub(super) struct Tempo {
    pub(super) kind: Kind,
    pub(super) times: Vec<i64>,
    /// Where the first may be.
    pub(super) first: Span,
    /// When the first would be, and the one behind the last, if all kept to the
    /// mean rate around them.
    pub(super) ends: Span,
    /// How long samples last at either end.
    pub(super) each: Span,
    /// How much later than it was due the first one is, where nothing is lost in
    /// front.
    pub(super) late: i64,
    /// Behind which samples the sound lacks how many units.
    pub(super) slips: Vec<(usize, i64)>,
}

/// What is known in front of a stretch.
#[derive(Copy, Clone, Debug)]
pub(super) struct Start {
    /// Decode time of the sound's first frame, ticks of its track.
    pub(super) sound: i64,
    /// That of the leading track's first sample, if nothing is lost in front.
    pub(super) leader: Option<i64>,
    /// Whether nothing at all is lost in front, of the sound neither.
    pub(super) is_sure: bool,
    /// How long its samples lasted last, fine ticks, if any came before.
    pub(super) pace: Option<i64>,
}

/// Share of times out of bounds at which a rate still holds.
const TOLERATED: usize = 40;

/// Fewer pictures show no rate of their own.
const LEAST: usize = 12;

impl Tempo {
    /// Of the stretch `range`. `None` where the sound says nothing.
    pub(super) fn find(
        found: &Found,
        profile: &Profile,
        sound: &Sound,
        range: Range<usize>,
        mut start: Start,
    ) -> Option<Self> {
        let leader = profile.leader();
        let of = profile.tracks.get(leader)?;
        let bounds = sound.bounds(found, profile, range, start.sound)?;
        let usual = usual(profile, leader);
        // Reordering delays the first picture by some of its own rate.
        let delay = i64::from(of.first_offset) * FINE;
        let delayed = (delay + usual / 2).div_euclid(usual.max(1));
        let due = |each: i64, leader: Option<i64>| match leader {
            Some(time) => {
                let time = time * FINE + delayed * (usual - each);
                (time, time)
            }
            None => (i64::MIN / 4, i64::MAX / 4),
        };
        let mut wrong = None;
        if of.durations.is_constant() && start.pace.is_none_or(|p| near(p, usual)) {
            let steady = |leader| pace::steady(bounds.clone(), usual, due(usual, leader));
            let (mut misses, mut span) = steady(start.leader);
            if misses > 0 && !start.is_sure {
                // Some of the sound may be missing.
                let free = steady(None);
                if free.0 < misses {
                    (misses, span) = free;
                    start.leader = None;
                }
            }
            let count = bounds.clone().count();
            let steady = Self::even(count, usual, span);
            if misses as usize * TOLERATED <= count + TOLERATED || count < LEAST {
                return Some(steady);
            }
            wrong = Some((misses, steady));
        }
        let bounds: Vec<Span> = bounds.collect();
        let first = |each: i64| due(each, start.leader);
        if of.durations.known.is_empty() {
            return Some(Self::jitter(&bounds, start.leader, usual));
        }
        let paces = paces(found, profile, leader, &bounds, start.pace);
        // Of sound that has no syntax of its own some may be damaged, or be none;
        // in chunks pictures stand too far from it to follow it.
        let doubt = if sound.is_whole { 1 } else { 4 };
        let loose = !sound.is_whole || profile.interleave.rule == Rule::Runs;
        let solved = pace::solve(&bounds, &paces, sound.unit.map(|u| u.0), &first);
        match (solved, wrong) {
            (Some(solved), Some((misses, steady)))
                if solved.cost * doubt + pace::CHANGE > misses =>
            {
                Some(steady)
            }
            (Some(solved), _) => {
                let opens = solved.steps.first().copied().unwrap_or(usual);
                let due = start.leader.map(|_| first(opens).0);
                Some(Self::paced(&solved, due, &of.durations, usual))
            }
            (None, Some((_, steady))) if loose => Some(steady),
            (None, _) => Some(Self::jitter(&bounds, start.leader, usual)),
        }
    }

    /// Gives the samples of the stretch their times, from where its first is.
    pub(super) fn apply(&self, own: &mut [Timed]) {
        let (Some(start), Some(first)) = (own.first().map(|t| t.dts), self.times.first()) else {
            return;
        };
        let at = |n: usize| Some(start + ticks(self.times.get(n)? - first));
        for (n, time) in own.iter_mut().enumerate() {
            let Some(here) = at(n) else {
                return;
            };
            time.dts = here;
            time.duration = at(n + 1).map_or(ticks(self.each.1), |next| next - here);
        }
    }

    fn even(count: usize, each: i64, first: Span) -> Self {
        let from = middle(first);
        let all = i64::try_from(count).unwrap_or(0);
        Self {
            kind: Kind::Steady,
            times: Vec::new(),
            first,
            ends: (from, from.saturating_add(all.saturating_mul(each))),
            each: (each, each),
            late: 0,
            slips: Vec::new(),
        }
    }

    fn paced(solved: &pace::Solved, due: Option<i64>, durations: &Durations, usual: i64) -> Self {
        let from = middle(solved.first);
        let mut times = Vec::with_capacity(solved.steps.len() + 1);
        let mut time = from;
        times.push(time);
        for step in &solved.steps {
            time += step;
            times.push(time);
        }
        let opens = solved.steps.first().copied().unwrap_or(usual);
        let last = solved.steps.last().copied().unwrap_or(usual);
        // As in the reference after all.
        let same = durations.is_constant() && solved.steps.iter().all(|s| near(*s, usual));
        Self {
            kind: if same { Kind::Steady } else { Kind::Paced },
            times,
            first: solved.first,
            ends: (from, time + last),
            each: (opens, last),
            late: due.map_or(0, |due| from - due).max(0),
            slips: solved.slips.clone(),
        }
    }

    /// Any durations: each sample as near to the mean rate around it as its
    /// bounds allow.
    fn jitter(bounds: &[Span], start: Option<i64>, usual: i64) -> Self {
        let mut times = smooth(bounds, usual);
        if let (Some(first), Some(start)) = (times.first_mut(), start) {
            *first = start * FINE;
        }
        let mut last: Option<i64> = None;
        for time in &mut times {
            *time = last.map_or(*time, |l| (*time).max(l + FINE));
            last = Some(*time);
        }
        let from = times.first().copied().unwrap_or(0);
        let (head, opens) = line(bounds, usual, false).unwrap_or((from, usual));
        let next = last.unwrap_or(from) + usual;
        let (tail, closes) = line(bounds, usual, true).unwrap_or((next, usual));
        Self {
            kind: Kind::Jitter,
            times,
            first: (from, from),
            ends: (head, tail),
            each: (opens, closes),
            late: 0,
            slips: Vec::new(),
        }
    }
}

const fn near(a: i64, b: i64) -> bool {
    a.abs_diff(b) < FINE as u64
}

pub(super) const fn middle(span: Span) -> i64 {
    span.0.midpoint(span.1)
}

/// What most samples of the leading track last, fine ticks.
pub(super) fn usual(profile: &Profile, leader: usize) -> i64 {
    let Some(of) = profile.tracks.get(leader) else {
        return FINE;
    };
    let fine = |ticks: i64| ticks.saturating_mul(FINE);
    match &of.durations.cadence {
        Some(cadence) => cadence.lasts(fine),
        None => fine(i64::from(of.durations.usual)),
    }
    .max(1)
}

/// Durations that the samples may have, the likeliest first.
fn paces(
    found: &Found,
    profile: &Profile,
    leader: usize,
    bounds: &[Span],
    before: Option<i64>,
) -> Vec<Pace> {
    let timescale = profile.movie.tracks.get(leader).map_or(1, |t| t.timescale);
    let second = i64::from(timescale) * FINE;
    let usual = usual(profile, leader);
    let known = profile.tracks.get(leader).map(|t| &t.durations);
    let (least, most) = range(bounds);
    let mut paces: Vec<Pace> = Vec::new();
    let mut add = |each: i64, cost: u32| {
        let twin = |p: &Pace| p.each.abs_diff(each) < FINE.unsigned_abs() / 8;
        // Those come first.
        let is_known = paces.len() < 2;
        if each > 0 && (is_known || (least..=most).contains(&each)) && !paces.iter().any(twin) {
            paces.push(Pace { each, cost });
        }
    };
    before.into_iter().for_each(|each| add(each, 0));
    let other = u32::from(before.is_some());
    match known {
        Some(durations) if durations.cadence.is_none() => {
            let known = durations.known.iter();
            known.for_each(|d| add(i64::from(*d) * FINE, other));
        }
        _ => add(usual, other),
    }
    for (numerator, denominator) in stated(found, leader) {
        let each = i128::from(second) * i128::from(denominator) / i128::from(numerator.max(1));
        add(i64::try_from(each).unwrap_or(0), 1);
    }
    (2..=4).for_each(|n| add(usual * n, 1));
    (2..=4).for_each(|n| add(usual / n, 1));
    for rate in RATES {
        add((second * 1000 + rate / 2) / rate, 2);
    }
    for rate in RATES {
        add((second * 1001 + rate / 2) / rate, 3);
    }
    if let Some(mean) = mean(bounds) {
        add(mean, 4);
    }
    paces
}

/// The rates that the pictures' own parameter sets state.
fn stated(found: &Found, leader: usize) -> Vec<(u64, u64)> {
    let ends = found.stretches.iter().flat_map(|s| &s.ends);
    let own = ends.filter(|(track, ..)| usize::from(*track) == leader);
    let rate = |order: &Order| match order {
        Order::H264 { sps, .. } => sps.frame_rate,
        Order::H265 { sps, .. } => sps.frame_rate,
        _ => None,
    };
    let mut rates: Vec<_> = own.filter_map(|(_, first, _)| rate(first)).collect();
    rates.dedup();
    rates.truncate(4);
    rates
}

/// Samples of which the local rate is taken.
const LOCAL: usize = 32;

/// Durations that the bounds allow anywhere.
fn range(bounds: &[Span]) -> Span {
    let (mut least, mut most) = (i64::MAX, 0);
    let over = LOCAL.min(bounds.len().saturating_sub(1)).max(1);
    let count = i64::try_from(over).unwrap_or(1);
    for (a, b) in bounds.iter().zip(bounds.iter().skip(over)) {
        if a.0 == i64::MIN || a.1 == i64::MAX || b.0 == i64::MIN || b.1 == i64::MAX {
            continue;
        }
        least = least.min((b.0 - a.1) / count);
        most = most.max((b.1 - a.0) / count);
    }
    if most == 0 {
        (0, i64::MAX)
    } else {
        (least, most)
    }
}

/// Mean duration.
fn mean(bounds: &[Span]) -> Option<i64> {
    let inside = |(_, b): &(usize, &Span)| b.0 != i64::MIN && b.1 != i64::MAX;
    let mut all = bounds.iter().enumerate().filter(inside);
    let (i, first) = all.next()?;
    let (k, last) = all.next_back()?;
    let count = i64::try_from(k - i).ok().filter(|n| *n > 0)?;
    Some((middle(*last) - middle(*first)) / count)
}

/// Samples that the mean rate at either end is taken of.
const LINE: usize = 200;

/// Where the first sample is, or behind the last one the next would be, if all
/// kept to the mean rate there; and that rate.
fn line(bounds: &[Span], usual: i64, at_end: bool) -> Option<(i64, i64)> {
    let count = bounds.len();
    let (range, at) = if at_end {
        (count.saturating_sub(LINE)..count, count)
    } else {
        (0..count.min(LINE), 0)
    };
    Line::through(bounds, range, usual).map(|line| (line.at(at), line.slope()))
}

/// Samples on either side that the mean rate around one is taken of.
const AROUND: usize = 24;

/// Times that keep to the mean rate around each sample, within its bounds.
fn smooth(bounds: &[Span], usual: i64) -> Vec<i64> {
    let mut times: Vec<i64> = Vec::with_capacity(bounds.len());
    for (i, bound) in bounds.iter().enumerate() {
        let from = i.min(bounds.len().saturating_sub(AROUND + 1));
        let from = from.saturating_sub(AROUND);
        let to = (from + 2 * AROUND + 1).min(bounds.len());
        let time = match Line::through(bounds, from..to, usual) {
            Some(line) => line.at(i),
            None => times.last().map_or(0, |l| l + usual),
        };
        times.push(time.clamp(bound.0, bound.1.max(bound.0)));
    }
    times
}

/// A mean rate.
struct Line {
    /// A sample's number, its time, and the time from one to the next.
    number: f64,
    time: f64,
    each: f64,
}

impl Line {
    /// The one that is nearest to the middle of the bounds in `range`.
    fn through(bounds: &[Span], range: Range<usize>, usual: i64) -> Option<Self> {
        let part = bounds.get(range.clone())?;
        let inside = |(_, b): &(usize, &Span)| b.0 != i64::MIN && b.1 != i64::MAX;
        let origin = middle(*part.iter().find(|b| inside(&(0, *b)))?);
        #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
        let point = |(i, b): (usize, &Span)| (i as f64, (middle(*b) - origin) as f64);
        let points = || range.clone().zip(part).filter(inside).map(point);
        let (mut count, mut x, mut y) = (0.0, 0.0, 0.0);
        for (i, time) in points() {
            (count, x, y) = (count + 1.0, x + i, y + time);
        }
        let (x, y) = (x / count, y / count);
        let (mut across, mut along) = (0.0, 0.0);
        for (i, time) in points() {
            across += (i - x) * (time - y);
            along += (i - x) * (i - x);
        }
        #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
        let (usual, origin) = (usual as f64, origin as f64);
        let is_short = count < 12.0;
        Some(Self {
            number: x,
            time: y + origin,
            each: if is_short { usual } else { across / along },
        })
    }

    /// The time of a sample.
    fn at(&self, number: usize) -> i64 {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            reason = "saturates"
        )]
        let time = (self.time + self.each * (number as f64 - self.number)) as i64;
        time
    }

    fn slope(&self) -> i64 {
        #[expect(clippy::cast_possible_truncation, reason = "saturates")]
        let each = self.each as i64;
        each
    }
}

/// Whether an index says when the items are.
pub(super) fn is_known(found: &Found, range: Range<usize>) -> bool {
    let first = (!range.is_empty()).then(|| found.items.when(range.start));
    matches!(first.flatten(), Some(When::Known { .. }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_rate_stays_within_its_bounds_and_never_goes_back() {
        let times: Vec<i64> = (0..300)
            .map(|i| (i * 40 + (i * 7919) % 23) * FINE)
            .collect();
        let cell = 64 * FINE;
        let bounds: Vec<Span> = times
            .iter()
            .map(|t| (t / cell * cell, t / cell * cell + cell))
            .collect();
        let got = Tempo::jitter(&bounds, Some(0), 40 * FINE).times;
        assert_eq!(got.len(), times.len());
        assert!(got.is_sorted_by(|a, b| a < b));
        let near = |(a, b): (&i64, &i64)| a.abs_diff(*b) <= 20 * FINE.unsigned_abs();
        assert!(got.iter().zip(&times).all(near));
        // The mean rate says where it ends much more exactly.
        let (end, each) = line(&bounds, 40 * FINE, true).unwrap();
        assert!(end.abs_diff(300 * 40 * FINE) < 22 * FINE.unsigned_abs());
        assert!(each.abs_diff(40 * FINE) < FINE.unsigned_abs());
    }
}
