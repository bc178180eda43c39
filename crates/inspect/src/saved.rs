//! How much of each track can be saved.

use crate::check::unreached;
use crate::places::Clock;
use crate::summary::kind;
use crate::{
    Finding, Form, Harm, Harmed, Inspection, MediaKind, Outlook, Problem, Remedy, TrackSummary,
};
use tapo_movie::{Sequence, SyncSamples, Track, rescale};
use tapo_repair::{Reconstruction, TrackOutcome};

/// How much of a track is there and not known to be damaged, ticks of its
/// timescale.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct Saved {
    /// The track's id.
    pub track: u32,
    /// What kind of media.
    pub kind: MediaKind,
    /// Ticks of sound samples.
    pub sound: u64,
    /// Ticks of all samples that the index lists.
    pub all: u64,
    /// Ticks a second.
    pub timescale: u32,
}

impl Inspection {
    /// What can be saved of each track: what is advised was tried, or what the index lists is counted.
    #[must_use]
    pub fn saved(&self) -> Vec<Saved> {
        let listed = self.listed();
        let remedy = self.remedy();
        let by_repair = matches!(remedy, Remedy::Repair | Remedy::RepairByReference);
        if let (Remedy::Finalize, Some(outlook)) = (remedy, &self.outlook) {
            return with_torn(listed, &outlook.torn);
        }
        let by_model = remedy == Remedy::RepairByReference;
        let lacking = |o: &Outlook| self.lacks_what_a_model_has(o);
        if by_model && self.outlook.as_ref().is_some_and(lacking) {
            return self.with_the_rest(listed);
        }
        match self.outlook.as_ref().and_then(Outlook::saves) {
            Some(repaired) if by_model => {
                let mut saved = self.repaired(listed.clone(), repaired);
                for known in &mut saved {
                    // Alone it leaves tracks out, which it does not with a model.
                    let whole = listed.iter().find(|s| s.track == known.track);
                    if known.sound == 0 {
                        known.sound = known.all;
                        *known = whole.copied().unwrap_or(*known);
                    }
                }
                saved
            }
            Some(repaired) if by_repair => self.repaired(listed, repaired),
            _ if by_model => self.with_the_rest(listed),
            _ => listed,
        }
    }

    /// With tracks of which nothing is listed, as long as their headers say: with another recording a repair finds what
    /// is there.
    fn with_the_rest(&self, mut listed: Vec<Saved>) -> Vec<Saved> {
        let Some(movie) = &self.read.movie else {
            return listed;
        };
        for track in &movie.tracks {
            let (id, duration) = (track.header.id, track.header.declared_duration);
            if listed.iter().all(|s| s.track != id) && is_stated(duration) {
                listed.push(Saved {
                    track: id,
                    kind: kind(track.handler),
                    sound: duration,
                    all: duration,
                    timescale: movie.header.timescale,
                });
            }
        }
        for finding in &self.findings {
            let renamed = matches!(finding.problem, Problem::TrackRenamed { .. });
            let (Some(track), Some(time)) = (finding.track.filter(|_| renamed), finding.time)
            else {
                continue;
            };
            if listed.iter().all(|s| s.track != track) {
                listed.push(Saved {
                    track,
                    kind: MediaKind::Unknown,
                    sound: time.end,
                    all: time.end,
                    timescale: time.timescale,
                });
            }
        }
        listed.sort_by_key(|s| s.track);
        listed
    }

    /// What a repair saves, and of how much.
    pub(crate) fn repaired(&self, mut listed: Vec<Saved>, repaired: &Reconstruction) -> Vec<Saved> {
        for known in &mut listed {
            known.sound = 0;
        }
        for track in &repaired.tracks {
            let (sound, kept, lost) = of_repair(track);
            // A repair does not look for those.
            let erased = self
                .harmed_of(track.id)
                .filter(|h| matches!(h.harm, Harm::Erased | Harm::Text | Harm::Repeated));
            let erased = erased.map(|h| h.end.saturating_sub(h.start));
            let erased = erased.fold(0, u64::saturating_add);
            let timescale = self.tracks.iter().find(|t| t.id == track.id);
            let timescale = timescale.map_or(1, |t| t.timescale.max(1));
            let sound = sound.saturating_sub(rescale(erased, timescale, MICROSECONDS));
            let saved = Saved {
                track: track.id,
                kind: kind(track.handler),
                sound,
                all: kept.saturating_add(lost),
                timescale: MICROSECONDS,
            };
            match listed.iter_mut().find(|s| s.track == track.id) {
                Some(known) => {
                    let before = rescale(known.all, known.timescale, MICROSECONDS);
                    let trusted = !self.is_timed_wrongly(track.id);
                    let extent = self.extent(track.id).filter(|_| trusted);
                    // Fragments say when they start, however often they stand there.
                    let all = match extent {
                        Some(extent) => rescale(extent, timescale, MICROSECONDS).max(kept),
                        None if trusted => saved.all.max(before),
                        None => saved.all,
                    };
                    *known = Saved { all, ..saved };
                }
                None => listed.push(saved),
            }
        }
        listed.sort_by_key(|s| s.track);
        listed
    }

    /// From the start of the earliest fragment of a track to the end of the latest, ticks, if all say when they start.
    fn extent(&self, track: u32) -> Option<u64> {
        let fragments = self.read.fragments.iter().chain(self.hidden());
        let parts = fragments.flat_map(|f| &f.tracks);
        let own = parts.filter(|p| p.track_id == track && p.samples > 0);
        let mut ends = None::<(u64, u64)>;
        for part in own.filter(|_| self.form == Form::Fragmented) {
            let start = part.base_media_decode_time?;
            let end = start.saturating_add(part.duration);
            let (first, last) = ends.unwrap_or((start, end));
            ends = Some((first.min(start), last.max(end)));
        }
        ends.map(|(start, end)| end - start)
    }

    /// Whether the tables of a track may not be believed how long it lasts.
    pub(crate) fn is_timed_wrongly(&self, track: u32) -> bool {
        self.findings
            .iter()
            .filter(|f| f.track == Some(track))
            .any(|f| {
                matches!(
                    f.problem,
                    Problem::ClockDisagrees { .. }
                        | Problem::TimesStill { .. }
                        | Problem::TimesDisagree { .. }
                        | Problem::DurationsDisagree { large: true, .. }
                        | Problem::FragmentTimeWrong { .. }
                        | Problem::FragmentTimeBack { .. }
                        | Problem::FragmentTimeJump { large: true, .. }
                        | Problem::FragmentRepeated { .. }
                )
            })
    }

    /// What is sound of each track that has samples, by its tables.
    pub(crate) fn listed(&self) -> Vec<Saved> {
        let (tracks, movie, harmed) = match &self.astray {
            Some(astray) => (&astray.tracks, Some(&astray.movie), &astray.harmed),
            None => (&self.tracks, self.read.movie.as_ref(), &self.harmed),
        };
        let movies = movie.map_or(&[][..], |m| m.tracks.as_slice());
        let length = |start: u64, end: u64| end.saturating_sub(start);
        let sequence = Sequence::of(&self.read.fragments);
        let all = tracks.iter().zip(movies).enumerate();
        let some = all.filter(|(_, (t, _))| t.samples > 0 && t.timescale > 0);
        some.map(|(index, (t, track))| {
            let harmed: Vec<&Harmed> = harmed.iter().filter(|h| h.track == index).collect();
            let keyless = without_keyframe(track, &harmed);
            let harmed = harmed.iter().map(|h| length(h.start, h.end));
            let of_track = || self.findings.iter().filter(|f| f.track == Some(t.id));
            // Fragments that are gone make the sample in front of them last on.
            let outside = |p: &Problem| {
                let gone = matches!(p, Problem::FragmentsMissing { .. });
                gone || matches!(p, Problem::SamplesOutsideFile { .. })
            };
            let missing = of_track().filter(|f| outside(&f.problem));
            let missing = missing
                .filter_map(|f| f.time)
                .map(|r| length(r.start, r.end));
            let lost = harmed.chain(missing).fold(keyless, u64::saturating_add);
            // Where the table of times says too little, the header of the track says how long it is.
            let untimed = |p: &Problem| match p {
                Problem::TimesStill { .. } => true,
                Problem::TimesDisagree { times, samples } => times < samples,
                _ => false,
            };
            let declared = track.declared_media_duration;
            let unclocked = |p: &Problem| matches!(p, Problem::ClockDisagrees { .. });
            let shown = movie.map_or(0, |m| {
                rescale(
                    track.header.declared_duration,
                    m.header.timescale,
                    t.timescale,
                )
            });
            let clock_wrong = of_track().any(|f| unclocked(&f.problem))
                && is_stated(track.header.declared_duration);
            let stated = of_track().any(|f| untimed(&f.problem)) && is_stated(declared);
            let listed = match &sequence {
                Some(sequence) => self.in_order(sequence, t.id),
                None if clock_wrong => shown,
                None if stated => declared,
                None => t.duration,
            };
            // Those amid the others fill what the sample in front of them was stretched to.
            let listed_end = t.start.saturating_add(t.duration);
            let hidden =
                unreached::hidden_times(self, t.id).filter(|(start, _)| *start >= listed_end);
            let hidden = hidden.map(|(start, end)| length(start, end));
            // What a torn fragment should hold, it says itself.
            let torn = self.read.fragments.iter().filter(|f| !f.whole);
            let torn = torn.flat_map(|f| &f.tracks).filter(|p| p.track_id == t.id);
            let torn = torn.map(|p| p.duration).fold(0, u64::saturating_add);
            let sound = hidden.fold(listed, u64::saturating_add);
            let all = sound.saturating_add(torn).saturating_add(self.cut_out(t));
            Saved {
                track: t.id,
                kind: t.kind,
                sound: sound.saturating_sub(lost),
                all,
                timescale: t.timescale,
            }
        })
        .collect()
    }

    /// How long the fragments of a track last that a list names in front of those that are there, or behind them, ticks.
    fn cut_out(&self, track: &TrackSummary) -> u64 {
        let own = |f: &&Finding| {
            let cut_out = matches!(
                f.problem,
                Problem::FragmentsCutOut { .. } | Problem::FragmentsEndEarly { .. }
            );
            cut_out && f.track.is_none_or(|id| id == track.id)
        };
        let times = self.findings.iter().filter(own).filter_map(|f| f.time);
        let ticks = times.map(|t| {
            let length = t.end.saturating_sub(t.start);
            rescale(length, t.timescale.max(1), track.timescale)
        });
        ticks.fold(0, u64::saturating_add)
    }

    /// How long a track lasts whose fragments are put in order, ticks; gaps are no part of it.
    fn in_order(&self, sequence: &Sequence, track: u32) -> u64 {
        let fragments = &self.read.fragments;
        let fragments = sequence.order.iter().filter_map(|p| fragments.get(*p));
        let parts = fragments.flat_map(|f| &f.tracks);
        let own = parts.filter(|p| p.track_id == track).map(|p| p.duration);
        own.fold(0, u64::saturating_add)
    }
}

/// Ticks of undamaged pictures between a damaged keyframe, or the start, and the next one that is sound.
fn without_keyframe(track: &Track, harmed: &[&Harmed]) -> u64 {
    let SyncSamples::Listed(keyframes) = &track.samples.sync else {
        return 0;
    };
    if !track.is_video() {
        return 0;
    }
    let behind_all = track.samples.len().saturating_add(1);
    let mut clock = Clock::new(&track.samples);
    let (mut keyless, mut ticks) = (false, 0_u64);
    if let Some(first) = keyframes.first().filter(|k| **k > 1) {
        let harm = harmed.first().map_or(behind_all, |h| h.first);
        let until = clock.at((*first).min(harm).into());
        ticks = until.saturating_sub(track.samples.start);
        keyless = *first > harm;
    }
    for (place, stretch) in harmed.iter().enumerate() {
        let behind = stretch.first.saturating_add(stretch.count);
        let next = keyframes.partition_point(|k| *k < behind);
        let within = next.checked_sub(1).and_then(|p| keyframes.get(p));
        keyless |= within.is_some_and(|k| *k >= stretch.first);
        if !keyless {
            continue;
        }
        let keyframe = keyframes.get(next).copied().unwrap_or(behind_all);
        let harm = harmed.get(place + 1).map_or(behind_all, |h| h.first);
        let until = clock.at(keyframe.min(harm).into());
        ticks = ticks.saturating_add(until.saturating_sub(stretch.end));
        keyless = keyframe > harm;
    }
    ticks
}

/// What is listed, and what is there of a torn last fragment.
fn with_torn(mut listed: Vec<Saved>, torn: &[(u32, u64)]) -> Vec<Saved> {
    for saved in &mut listed {
        let more = torn.iter().find(|(track, _)| *track == saved.track);
        let sound = saved
            .sound
            .saturating_add(more.map_or(0, |(_, ticks)| *ticks));
        saved.sound = sound.min(saved.all);
    }
    listed
}

/// Ticks a second of what a repair says.
const MICROSECONDS: u32 = 1_000_000;

/// Microseconds of samples that a repair writes of a track: of those that are undamaged and can be decoded, of all, and
/// of those that it thinks were lost.
fn of_repair(track: &TrackOutcome) -> (u64, u64, u64) {
    let length = |time: std::time::Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    let kept = length(track.recovered);
    let [.., damaged] = track.classes;
    let share = u128::from(kept) * u128::from(damaged) / u128::from(track.samples.max(1));
    let sound = kept.saturating_sub(u64::try_from(share).unwrap_or(kept));
    let sound = sound.saturating_sub(length(track.without_keyframe));
    (sound, kept, length(track.lost))
}

/// Neither left out nor unknown (all ones).
pub(crate) const fn is_stated(duration: u64) -> bool {
    !matches!(duration, 0 | 0xffff_ffff | u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tapo_bmff::FourCc;
    use tapo_io::Span;

    #[test]
    fn pictures_behind_a_damaged_keyframe_are_lost_up_to_the_next() {
        let mut track = Track {
            handler: FourCc(*b"vide"),
            ..Track::default()
        };
        for _ in 0..30 {
            track.samples.push(100, 40, 0, false).unwrap();
        }
        track.samples.sync = SyncSamples::Listed(vec![1, 11, 21]);
        let ahead = |track: &Track, stretches: &[(u32, u32)]| {
            let harmed: Vec<_> = stretches
                .iter()
                .map(|(first, count)| Harmed {
                    track: 0,
                    first: *first,
                    count: *count,
                    span: Span::default(),
                    start: u64::from(first - 1) * 40,
                    end: u64::from(first + count - 1) * 40,
                    harm: Harm::Zeroed,
                })
                .collect();
            without_keyframe(track, &harmed.iter().collect::<Vec<_>>()) / 40
        };
        let lost = |stretches| ahead(&track, stretches);
        assert_eq!(lost(&[]), 0);
        assert_eq!(lost(&[(1, 1)]), 9);
        assert_eq!(lost(&[(5, 4)]), 0);
        assert_eq!(lost(&[(1, 2), (5, 2)]), 6);
        assert_eq!(lost(&[(1, 2), (9, 3)]), 6 + 9);
        assert_eq!(lost(&[(1, 2), (12, 1)]), 8);
        assert_eq!(lost(&[(21, 1), (30, 1)]), 8);
        track.samples.sync = SyncSamples::Listed(vec![11, 21]);
        assert_eq!(ahead(&track, &[]), 10);
        assert_eq!(ahead(&track, &[(3, 4)]), 6);
    }
}
