//! Times for samples that were found without an index.

mod foreign;
mod gap;
mod meet;
mod order;
mod pace;
mod pictures;
mod rate;
mod sound;

use crate::Gaps;
use crate::cadence::Cadence;
use crate::item::{Found, When};
use crate::profile::Profile;
pub(crate) use foreign::foreign;
pub(crate) use gap::Missing;
use meet::Meeting;
pub(crate) use order::begins_sequence;
use rate::{Kind, Start, Tempo};
use sound::{FINE, Sound, ticks};

/// A sample, or a row of constant-rate data, with its time.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) struct Timed {
    /// Index of the item.
    pub(crate) item: usize,
    /// Decode time, ticks of the track; the recording began at 0.
    pub(crate) dts: i64,
    /// Composition time less decode time, ticks.
    pub(crate) offset: i32,
    /// How long it lasts by itself, ticks; a gap behind it comes on top.
    pub(crate) duration: i64,
}

/// All samples of a movie with their times, by track.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timeline {
    pub(crate) tracks: Vec<Vec<Timed>>,
    /// Composition offset of a sample whose place in presentation order is its
    /// place in decode order, ticks: by track.
    pub(crate) delays: Vec<i64>,
    /// What is missing in front of each stretch.
    pub(crate) missing: Vec<Missing>,
}

/// Where the items of one track in one stretch stand in its timeline.
pub(crate) struct Part {
    /// Range in the track's vector.
    pub(crate) range: std::ops::Range<usize>,
    pub(crate) stretch: usize,
}

impl Timeline {
    /// Gives every item its time.
    pub(crate) fn of(found: &Found, profile: &Profile, gaps: Gaps) -> Self {
        let count = profile.tracks.len();
        let mut line = Self {
            tracks: vec![Vec::new(); count],
            delays: vec![0; count],
            missing: Vec::new(),
        };
        let mut parts: Vec<Vec<Part>> = (0..count).map(|_| Vec::new()).collect();
        let steady = line.place(found, profile, gaps, &mut parts);
        let leader = profile.leader();
        for (track, parts) in parts.iter().enumerate() {
            let leads = found.stretches.iter().map(|s| begins_sequence(s, track));
            let leads: Vec<bool> = leads.collect();
            if let Some(times) = line.tracks.get_mut(track) {
                let as_learnt = steady || track != leader;
                let delay = order::compose(found, profile, track, times, parts, &leads, as_learnt);
                if let Some(slot) = line.delays.get_mut(track) {
                    *slot = delay;
                }
            }
        }
        for times in &mut line.tracks {
            // Of fragments that were swapped, the file has another order.
            if !times.is_sorted_by_key(|t| t.dts) {
                times.sort_by_key(|t| t.dts);
            }
        }
        line
    }

    /// Decode times: stretch by stretch, each from where the gap in front of it
    /// ends. Says of the leading track whether it keeps to the reference's rate.
    fn place(
        &mut self,
        found: &Found,
        profile: &Profile,
        gaps: Gaps,
        parts: &mut [Vec<Part>],
    ) -> bool {
        let leader = profile.leader();
        let sound = Sound::of(found, profile);
        let mut steady = true;
        let mut before = Before { end: 0, pace: None };
        let mut ends = vec![0_i64; profile.tracks.len()];
        for (number, (stretch, range)) in found.rows().enumerate() {
            let end = |track: usize| ends.get(track).copied().unwrap_or(0);
            let start = |sound: &Sound| Start {
                sound: end(sound.track),
                leader: (stretch.lost.is_empty() || number == 0 && stretch.from_start)
                    .then(|| end(leader)),
                is_sure: stretch.lost.is_empty(),
                pace: before.pace,
            };
            // Of fragments it is known when they began and ended, and their samples stand track by track.
            let is_free = !found.is_filled(stretch);
            let tempo = sound
                .as_ref()
                .filter(|_| is_free)
                .and_then(|sound| Tempo::find(found, profile, sound, range.clone(), start(sound)));
            let usual = rate::usual(profile, leader);
            let meeting = sound.as_ref().zip(tempo.as_ref());
            let meeting = meeting.map(|(sound, tempo)| Meeting {
                sound,
                tempo,
                end: before.end,
                pace: before.pace.unwrap_or(usual),
                timescale: profile.movie.tracks.get(leader).map_or(1, |t| t.timescale),
            });
            let meeting = meeting.as_ref();
            let mut missing = gap::solve(found, profile, number, range.clone(), &ends, meeting);
            if gaps == Gaps::Close && number > 0 {
                missing.close(profile, &ends);
            }
            if let Some((late, start)) = tempo.as_ref().zip(missing.starts.get_mut(leader)) {
                *start += ticks(late.late);
            }
            let firsts: Vec<usize> = self.tracks.iter().map(Vec::len).collect();
            self.row(found, profile, range, &missing);
            self.missing.push(missing);
            for (track, first) in firsts.iter().copied().enumerate() {
                let len = self.tracks.get(track).map_or(0, Vec::len);
                if let (true, Some(parts)) = (len > first, parts.get_mut(track)) {
                    parts.push(Part {
                        range: first..len,
                        stretch: number,
                    });
                }
            }
            let slips = tempo.as_ref().map_or(&[][..], |t| t.slips.as_slice());
            let unit = sound.and_then(|s| Some((s.track, s.unit?.1)));
            if let Some((track, unit)) = unit.filter(|_| !slips.is_empty()) {
                let first = |track: usize| firsts.get(track).copied().unwrap_or(0);
                let led = self.tracks.get(leader).and_then(|t| t.get(first(leader)..));
                let led: Vec<Timed> = led.unwrap_or_default().to_vec();
                let own = self
                    .tracks
                    .get_mut(track)
                    .and_then(|t| t.get_mut(first(track)..));
                insert(slips, unit, &led, own.unwrap_or_default());
            }
            let tempo = tempo.filter(|t| t.kind != Kind::Steady);
            steady &= tempo.is_none();
            for (track, first) in firsts.into_iter().enumerate() {
                let own = self.tracks.get_mut(track).and_then(|t| t.get_mut(first..));
                let own = own.unwrap_or_default();
                match (&tempo, profile.tracks.get(track)) {
                    (Some(tempo), _) if track == leader => tempo.apply(own),
                    (_, Some(of)) => {
                        let cadence = of.durations.cadence.as_ref();
                        let cadence = cadence.filter(|_| is_free);
                        cadence.into_iter().for_each(|c| count_out(c, own, found));
                    }
                    _ => {}
                }
            }
            for (track, end) in ends.iter_mut().enumerate() {
                if let Some(last) = self.tracks.get(track).and_then(|t| t.last()) {
                    *end = (*end).max(last.dts + last.duration);
                }
            }
            let end = ends.get(leader).copied().unwrap_or(0);
            before = match &tempo {
                Some(tempo) => {
                    let first = self.tracks.get(leader).and_then(|t| t.last());
                    let last = first.map_or(end, |t| t.dts);
                    Before::of(tempo, last)
                }
                None => Before {
                    end: end * FINE,
                    pace: before.pace.map(|_| usual),
                },
            };
        }
        steady
    }

    /// Gives the items in `range` the times that follow from where the gap in
    /// front of them ends.
    fn row(
        &mut self,
        found: &Found,
        profile: &Profile,
        range: std::ops::Range<usize>,
        missing: &Missing,
    ) {
        let mut next: Vec<i64> = missing.starts.clone();
        let items = found.items.range(range.clone());
        for (index, item) in range.zip(items) {
            let track = usize::from(item.track);
            let (Some(of), Some(next), Some(times)) = (
                profile.tracks.get(track),
                next.get_mut(track),
                self.tracks.get_mut(track),
            ) else {
                continue;
            };
            let mut duration = of.row_ticks(u64::from(item.size), item.samples);
            let mut offset = 0;
            if let When::Known {
                dts,
                composition_offset,
                duration: lasts,
            } = item.when
            {
                *next = dts;
                offset = composition_offset;
                duration = i64::from(lasts);
            }
            times.push(Timed {
                item: index,
                dts: *next,
                offset,
                duration,
            });
            *next += duration;
        }
    }
}

/// How the leading track ended in front of a gap, fine ticks.
struct Before {
    end: i64,
    /// How long its samples lasted, if any came.
    pace: Option<i64>,
}

impl Before {
    /// Behind samples of this tempo, the last of which was put at `last`, ticks.
    fn of(tempo: &Tempo, last: i64) -> Self {
        let there = tempo.times.last().copied().unwrap_or(tempo.ends.1);
        Self {
            end: last * FINE + tempo.ends.1 - there,
            pace: Some(tempo.each.1),
        }
    }
}

/// Makes room in the sound for what it lacks behind samples of the leading track.
fn insert(slips: &[(usize, i64)], unit: i64, led: &[Timed], own: &mut [Timed]) {
    for (behind, lacks) in slips {
        let Some(item) = led.get(*behind).map(|t| t.item) else {
            continue;
        };
        let from = own.partition_point(|t| t.item < item);
        let later = own.get_mut(from..).unwrap_or_default();
        later.iter_mut().for_each(|t| t.dts += lacks * unit);
    }
}

/// Gives samples the times that follow from their numbers.
fn count_out(cadence: &Cadence, own: &mut [Timed], found: &Found) {
    let whens = found.items.whens();
    let known = |t: &Timed| {
        let when = whens.at(t.item);
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
