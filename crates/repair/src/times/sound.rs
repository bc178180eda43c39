//! What the sound says about the times of the pictures beside it.
//!
//! Sound lasts what its coding says, and the muxer wrote each picture between
//! two of its frames: so the picture's time lies between theirs, or as far
//! outside as it did in the reference.

use super::pace::Span;
use crate::interleave::Rule;
use crate::item::{Found, Row, When};
use crate::profile::{Finding, Profile, TrackProfile};
use std::ops::Range;

/// Parts of a tick that times are reckoned in.
pub(super) const FINE: i64 = 256;

/// Pictures that were written further from the sound than this, seconds, say
/// nothing of its clock.
const FAR: i64 = 3;

/// Share of writes that must follow the rule for it to bound anything.
const TRUSTED: f64 = 0.9;

/// A track of sound as a clock of the leading track.
#[derive(Copy, Clone, Debug)]
pub(super) struct Sound {
    pub(super) track: usize,
    leader: usize,
    /// How far pictures may lie outside of the sound around them, fine ticks.
    early: i64,
    late: i64,
    /// What a frame of it lasts, fine ticks of the leading track.
    pub(super) frame: f64,
    /// Whether only whole frames of it can be missing.
    pub(super) is_whole: bool,
    /// What may be missing of it without a trace in multiples of, fine ticks of
    /// the leading track and ticks of its own.
    pub(super) unit: Option<(i64, i64)>,
}

/// Ticks of the leading track, rounded.
pub(super) const fn ticks(fine: i64) -> i64 {
    fine.saturating_add(FINE / 2).div_euclid(FINE)
}

/// Shortest packet of constant-rate sound, samples.
const PACKET: u32 = 32;

/// Samples in what a muxer writes at once of sound that has no syntax.
fn unit(profile: &Profile, track: usize) -> Option<i64> {
    let of = profile.tracks.get(track)?;
    if !matches!(of.finding, Finding::Frames { .. }) {
        return None;
    }
    let own = profile
        .runs
        .rows
        .iter()
        .filter_map(|(row, _)| match row.as_slice() {
            [(t, samples)] if usize::from(*t) == track => Some(*samples),
            _ => None,
        });
    let rows: Vec<u32> = own.take(3).collect();
    let unit = rows.iter().copied().reduce(gcd)?;
    (unit >= PACKET && unit * 4 >= *rows.first()?).then_some(i64::from(unit))
}

const fn gcd(mut a: u32, mut b: u32) -> u32 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// Samples of the slower of two tracks that follow each other, on average, where each sample is
/// written when it is due: hardly more than one.
const SINGLE: f64 = 2.0;

/// How many samples follow each other on average of the one of two tracks that does so less.
fn gathered(found: &Found, a: usize, b: usize) -> f64 {
    let (mut counts, mut runs, mut last) = ([0.0, 0.0], 0.0_f64, None);
    for item in found.items.iter() {
        let track = usize::from(item.track);
        let Some(side) = [a, b].iter().position(|t| *t == track) else {
            continue;
        };
        if let Some(count) = counts.get_mut(side) {
            *count += 1.0;
        }
        if last.replace(side) == Some(1 - side) {
            runs += 1.0;
        }
    }
    let [a, b] = counts;
    // Each change ends a run of one of the two.
    f64::min(a, b) / (runs / 2.0).max(1.0)
}

impl Sound {
    /// The track that tells the time of the leading one, if there is any and the file was
    /// written as the reference was.
    pub(super) fn of(found: &Found, profile: &Profile) -> Option<Self> {
        let leader = profile.leader();
        let is_sound = |t: &TrackProfile| {
            !t.is_video
                && t.samples > 1
                && t.finding != Finding::Opaque
                && t.durations.is_constant()
        };
        profile.tracks.get(leader).filter(|t| t.is_video)?;
        if profile.interleave.hit_rate < TRUSTED {
            return None;
        }
        let clock = &profile.clock;
        let far = i64::try_from(clock.hz()).ok()?.saturating_mul(FAR);
        let mut tracks = profile.tracks.iter().zip(&profile.movie.tracks).enumerate();
        tracks.find_map(|(track, (of, movie))| {
            let (early, late) = profile.reaches.get(track).copied().flatten()?;
            if !is_sound(of) || !movie.is_audio() || early + late > far {
                return None;
            }
            if profile.interleave.rule == Rule::Samples && gathered(found, leader, track) > SINGLE {
                return None;
            }
            // Times may be rounded to milliseconds.
            let slack = i64::try_from(clock.hz() / 1000).ok()?;
            let fine = |common: i64| clock.track(leader, common.saturating_mul(FINE));
            let each = clock.common(track, i64::from(of.durations.usual).saturating_mul(FINE));
            #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
            let frame = clock.track(leader, each) as f64;
            let own = unit(profile, track).map(|n| n * i64::from(of.durations.usual));
            let unit = own.map(|own| {
                let common = clock.common(track, own.saturating_mul(FINE));
                (clock.track(leader, common), own)
            });
            Some(Self {
                track,
                leader,
                unit,
                early: fine(early + slack),
                late: fine(late + slack),
                frame,
                is_whole: of.finding == Finding::Syntax,
            })
        })
    }

    /// A time of the sound on the leading track's clock, fine ticks.
    pub(super) fn on_leader(&self, profile: &Profile, time: i64) -> i64 {
        let shift = |track: usize| profile.tracks.get(track).map_or(0, |t| t.shift);
        let clock = &profile.clock;
        let common = clock.common(self.track, time - shift(self.track));
        let here = clock.track(self.leader, common.saturating_mul(FINE));
        here + shift(self.leader) * FINE
    }

    /// Bounds of the pictures in `range`, fine ticks, if the sound there begins
    /// at `start`, ticks of its track. `None` if it bounds none, or an index says
    /// when they are.
    pub(super) fn bounds<'a>(
        &self,
        found: &'a Found,
        profile: &'a Profile,
        range: Range<usize>,
        start: i64,
    ) -> Option<Bounds<'a>> {
        let of = profile.tracks.get(self.track)?;
        let number = of.durations.cadence.as_ref().map_or(0, |c| c.number(start));
        let mut kinds = found.items.range(range.clone()).map(|i| i.when);
        let known = kinds.any(|when| matches!(when, When::Known { .. }));
        let bounds = Bounds {
            sound: *self,
            profile,
            of,
            items: found.items.range(range),
            of_runs: profile.interleave.rule == Rule::Runs,
            time: start,
            number,
            last: None,
            waiting: (0, i64::MIN),
            ready: (0, (0, 0)),
            least: i64::MIN,
        };
        let mut both = bounds.clone();
        let any = both.any(|b| b.0 != i64::MIN && b.1 != i64::MAX);
        (any && !known).then_some(bounds)
    }
}

/// The bounds of one picture after the other.
#[derive(Clone)]
pub(super) struct Bounds<'a> {
    sound: Sound,
    profile: &'a Profile,
    of: &'a TrackProfile,
    items: Row<'a>,
    /// Whether the muxer has ordered runs: then only the beginnings of those tell.
    of_runs: bool,
    /// Time and number of the next frame of sound.
    time: i64,
    number: i64,
    /// The track of the last write.
    last: Option<usize>,
    /// Pictures that wait for their upper bound, and their lower one.
    waiting: (usize, i64),
    /// Pictures whose bounds are known.
    ready: (usize, Span),
    /// Lower bound of what follows.
    least: i64,
}

impl Bounds<'_> {
    /// Reads on to the next frame of sound; says whether there is one.
    fn read(&mut self) -> bool {
        for item in self.items.by_ref() {
            let track = usize::from(item.track);
            let opens = !self.of_runs || self.last != Some(track);
            if track == self.sound.leader {
                self.last = Some(track);
                self.waiting = (self.waiting.0 + 1, self.least);
            } else if track == self.sound.track {
                self.last = Some(track);
                let here = self.sound.on_leader(self.profile, self.time);
                self.number += 1;
                self.time = match &self.of.durations.cadence {
                    Some(cadence) => cadence.time(self.number),
                    None => self.time + self.of.row_ticks(u64::from(item.size), item.samples),
                };
                if opens {
                    let most = here.saturating_add(self.sound.late);
                    self.ready = (self.waiting.0, (self.waiting.1, most));
                    self.waiting = (0, i64::MIN);
                    self.least = here.saturating_sub(self.sound.early);
                    return true;
                }
            }
        }
        false
    }
}

impl Iterator for Bounds<'_> {
    type Item = Span;

    fn next(&mut self) -> Option<Span> {
        while self.ready.0 == 0 {
            if !self.read() {
                // Nothing is behind these.
                self.ready = (self.waiting.0, (self.waiting.1, i64::MAX));
                self.waiting.0 = 0;
                if self.ready.0 == 0 {
                    return None;
                }
            }
        }
        let bound = self.ready.1;
        self.ready.0 -= 1;
        if self.of_runs {
            // The others come before the next run, but how long is not said.
            self.ready.1.1 = i64::MAX;
        }
        Some(bound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Class;
    use crate::item::Item;

    #[test]
    fn chunks_are_told_from_single_samples() {
        let found = |order: &[u16]| {
            let mut found = Found::default();
            for (at, track) in (0..).step_by(10).zip(order) {
                found.items.push(Item {
                    at,
                    size: 10,
                    samples: 1,
                    track: *track,
                    sync: true,
                    class: Class::A,
                    when: When::InTurn,
                });
            }
            found
        };
        let single = [0, 0, 1, 0, 1, 0, 0, 1, 2, 0].repeat(9);
        assert!(gathered(&found(&single), 0, 1) < 1.2);
        let chunks = [[0; 25].as_slice(), &[1; 15]].concat().repeat(9);
        assert!(gathered(&found(&chunks), 0, 1) > 14.0);
    }
}
