//! What to send when: a clip played for one client in an endless loop, on a
//! clock that goes on across the loop point.
//!
//! Times are session times in RTP clock ticks of each track. Session time zero
//! is the presentation of the first keyframe sent. Loops have the length of the
//! master track; the others start again at the sample nearest to the start of a
//! loop and keep a clock without gaps of their own, as an encoder does.

use crate::clip::{Clip, Track, Unit, rescale};

/// Units skipped in one go at most, so that a skip ends.
const MAX_SKIP: usize = 1 << 20;

/// A unit and when it is due.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Due {
    pub(crate) track: usize,
    /// Index of the clip among those of the camera.
    pub(crate) clip: usize,
    pub(crate) index: usize,
    pub(crate) unit: Unit,
    /// Nanoseconds of session time at which it is decoded, that is, sent.
    pub(crate) at: i64,
    /// Session time of its presentation, in ticks.
    pub(crate) presentation: i64,
}

struct Cursor {
    clip: usize,
    index: usize,
    /// Decoding time of the next unit, session time in ticks.
    clock: i64,
    /// Session time at which the master's present loop began, in master ticks.
    loop_start: i64,
    /// Nothing but a keyframe may come next.
    needs_sync: bool,
    /// The clip to go on with, and from what session time in master ticks on.
    next: Option<(usize, i64)>,
}

pub(crate) struct Player {
    clips: Vec<Clip>,
    master: usize,
    cursors: Vec<Cursor>,
    /// The clip that the master is to go on with at its next keyframe.
    wanted: usize,
}

impl Player {
    /// Plays clip number `clip`, from its first keyframe at or after `skip`
    /// nanoseconds. `None` if there is no such clip.
    pub(crate) fn new(clips: &[Clip], clip: usize, skip: i64) -> Option<Self> {
        let played = clips.get(clip)?;
        let master = played.tracks.get(played.master)?;
        let rate = master.codec.clock_rate();
        let skip = ticks(skip, rate).rem_euclid(master.period());
        let from = |at: &usize| *at >= master.entry;
        let index = (0..master.units.len())
            .filter(from)
            .find(|&i| {
                let unit = master.units.get(i);
                unit.is_some_and(|unit| unit.sync && unit.presentation() >= skip)
            })
            .unwrap_or(master.entry);
        let start = master.units.get(index)?.presentation();
        let loop_start = -start;
        let cursors = played.tracks.iter().enumerate().map(|(number, track)| {
            let start = rescale(start, rate, track.codec.clock_rate());
            let index = if number == played.master {
                Some(index)
            } else {
                track.nearest(start)
            };
            // A track that is over by then starts again.
            let (index, clock) = match index.and_then(|i| Some((i, track.units.get(i)?))) {
                Some((index, unit)) => (index, unit.decode - start),
                None => (track.entry, 0),
            };
            Cursor {
                clip,
                index,
                clock,
                loop_start,
                needs_sync: false,
                next: None,
            }
        });
        Some(Self {
            master: played.master,
            cursors: cursors.collect(),
            wanted: clip,
            clips: clips.to_vec(),
        })
    }

    /// Goes on with another clip at the next keyframe.
    pub(crate) fn switch_to(&mut self, clip: usize) {
        if clip < self.clips.len() {
            self.wanted = clip;
        }
    }

    /// The unit that is due next.
    pub(crate) fn peek(&self) -> Option<Due> {
        let due = |track| self.due(track);
        (0..self.cursors.len())
            .filter_map(due)
            .min_by_key(|due| due.at)
    }

    fn due(&self, track: usize) -> Option<Due> {
        let cursor = self.cursors.get(track)?;
        let source = self.track(cursor.clip, track)?;
        let unit = *source.units.get(cursor.index)?;
        Some(Due {
            track,
            clip: cursor.clip,
            index: cursor.index,
            unit,
            at: nanoseconds(cursor.clock, source.codec.clock_rate()),
            presentation: cursor.clock.saturating_add(unit.composition),
        })
    }

    /// The tracks of the clip that plays.
    pub(crate) fn tracks(&self) -> impl Iterator<Item = &Track> {
        let clip = self.clips.get(self.wanted);
        clip.into_iter().flat_map(|clip| clip.tracks.iter())
    }

    pub(crate) fn track(&self, clip: usize, track: usize) -> Option<&Track> {
        self.clips.get(clip)?.tracks.get(track)
    }

    /// Goes on behind the unit that [`Self::peek`] shows for `track`.
    pub(crate) fn advance(&mut self, track: usize) {
        for _ in 0..MAX_SKIP {
            self.step(track);
            let Some(due) = self.due(track) else { return };
            let Some(cursor) = self.cursors.get_mut(track) else {
                return;
            };
            if !cursor.needs_sync || due.unit.sync {
                cursor.needs_sync = false;
                return;
            }
        }
    }

    /// Leaves out what was due before `now` in nanoseconds of session time, and
    /// of video what comes before the next keyframe.
    pub(crate) fn skip_to(&mut self, now: i64) {
        for track in 0..self.cursors.len() {
            for _ in 0..MAX_SKIP {
                match self.due(track) {
                    Some(due) if due.at < now => {
                        if let Some(cursor) = self.cursors.get_mut(track) {
                            cursor.needs_sync = true;
                        }
                        self.step(track);
                    }
                    Some(due) => {
                        let Some(cursor) = self.cursors.get_mut(track) else {
                            break;
                        };
                        if !cursor.needs_sync || due.unit.sync {
                            cursor.needs_sync = false;
                            break;
                        }
                        self.step(track);
                    }
                    None => break,
                }
            }
        }
    }

    fn step(&mut self, track: usize) {
        let Some(clip) = self.cursors.get(track).map(|cursor| cursor.clip) else {
            return;
        };
        let master = self.master;
        let clips = &self.clips;
        let of = |clip: usize, track: usize| clips.get(clip)?.tracks.get(track);
        let (Some(source), Some(leader)) = (of(clip, track), of(clip, master)) else {
            return;
        };
        let Some(cursor) = self.cursors.get_mut(track) else {
            return;
        };
        let duration = source
            .units
            .get(cursor.index)
            .map_or(0, |unit| unit.duration);
        cursor.clock = cursor.clock.saturating_add(duration);
        cursor.index += 1;
        if track == master {
            if cursor.index >= source.units.len() {
                cursor.index = source.entry;
                cursor.loop_start = cursor.loop_start.saturating_add(source.period());
            }
            let Some(unit) = source.units.get(cursor.index) else {
                return;
            };
            if self.wanted != clip && unit.sync {
                // The new clip's first picture is presented when that of the
                // old one would have been, so that presentation never overlaps.
                let presentation = cursor.clock.saturating_add(unit.composition);
                let Some(entry) = of(self.wanted, track)
                    .and_then(|new| Some((new.entry, new.units.get(new.entry)?)))
                else {
                    return;
                };
                cursor.index = entry.0;
                cursor.clock = presentation.saturating_sub(entry.1.composition);
                cursor.clip = self.wanted;
                cursor.loop_start = presentation;
                for (number, other) in self.cursors.iter_mut().enumerate() {
                    if number != master {
                        other.next = Some((self.wanted, presentation));
                    }
                }
            }
            return;
        }
        let (from, to) = (leader.codec.clock_rate(), source.codec.clock_rate());
        let reached = |cursor: &Cursor, source: &Track, start: i64| {
            let Some(entry) = source.units.get(source.entry) else {
                return false;
            };
            let entry_time = rescale(start, from, to).saturating_add(entry.decode);
            entry_time.saturating_sub(entry.duration / 2) <= cursor.clock
        };
        if let Some((new, start)) = cursor.next {
            if let Some(source) = of(new, track)
                && reached(cursor, source, start)
            {
                cursor.clip = new;
                cursor.index = source.entry;
                cursor.loop_start = start;
                cursor.next = None;
                return;
            }
        } else {
            let next_loop = cursor.loop_start.saturating_add(leader.period());
            if reached(cursor, source, next_loop) {
                cursor.index = source.entry;
                cursor.loop_start = next_loop;
            }
        }
        if cursor.index >= source.units.len() {
            cursor.index = source.entry;
        }
    }
}

/// Ticks of a clock of `rate` Hz in nanoseconds.
pub(crate) fn nanoseconds(ticks: i64, rate: u32) -> i64 {
    rescale(ticks, rate, 1_000_000_000)
}

/// Nanoseconds in ticks of a clock of `rate` Hz.
pub(crate) fn ticks(nanoseconds: i64, rate: u32) -> i64 {
    rescale(nanoseconds, 1_000_000_000, rate)
}

#[cfg(test)]
mod tests;
