//! A track in numbers.

use crate::check::unreached;
use crate::places::{Clock, chunks, extremes, fitting};
use crate::{Harm, Inspection, Outlook, Problem, Remedy};
use tapo_bmff::FourCc;
use tapo_codec::MediaKind;
use tapo_movie::{SampleDescription, Sequence, SyncSamples, Track, rescale};
use tapo_repair::{Reconstruction, TrackOutcome};

/// A track in numbers. Times are ticks of [`TrackSummary::timescale`].
#[derive(Clone, Debug)]
pub struct TrackSummary {
    /// Its id by `tkhd`.
    pub id: u32,
    /// What kind of media.
    pub kind: MediaKind,
    /// The handler type: `vide`, `soun`, ...
    pub handler: FourCc,
    /// The handler's name, bytes as they stand in the file.
    pub handler_name: Vec<u8>,
    /// Its sample descriptions.
    pub codecs: Vec<CodecSummary>,
    /// Ticks a second.
    pub timescale: u32,
    /// Sum of the samples' durations.
    pub duration: u64,
    /// Decode time of the first sample.
    pub start: u64,
    /// Composition time of the first sample.
    pub first_composition: i64,
    /// Samples declared.
    pub samples: u64,
    /// Of these, samples all of whose bytes are in the file.
    pub reachable: u64,
    /// Bytes of all samples.
    pub bytes: u64,
    /// Whether the samples come at a steady pace.
    pub cadence: Option<Cadence>,
    /// How many samples decoding can start at; `None`: at any.
    pub sync_samples: Option<u64>,
    /// How far those are apart.
    pub keyframes: Option<KeyframeInterval>,
    /// ISO 639-2/T language, unless undetermined or a Macintosh code.
    pub language: Option<String>,
    /// Clockwise rotation, degrees, if it is one of 90, 180, 270.
    pub rotation: Option<u16>,
}

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
        let by_repair = matches!(self.remedy(), Remedy::Repair | Remedy::RepairByReference);
        if let (Remedy::Finalize, Some(outlook)) = (self.remedy(), &self.outlook) {
            return with_torn(listed, &outlook.torn);
        }
        let by_model = self.remedy() == Remedy::RepairByReference;
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
            _ if self.remedy() == Remedy::RepairByReference => self.with_the_rest(listed),
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
            let (sound, all) = of_repair(track);
            // A repair does not look for those.
            let erased = self.harmed_of(track.id).filter(|h| h.harm == Harm::Erased);
            let erased = erased.map(|h| h.end.saturating_sub(h.start)).sum();
            let timescale = self.tracks.iter().find(|t| t.id == track.id);
            let timescale = timescale.map_or(1, |t| t.timescale.max(1));
            let sound = sound.saturating_sub(rescale(erased, timescale, MICROSECONDS));
            let saved = Saved {
                track: track.id,
                kind: kind(track.handler),
                sound,
                all,
                timescale: MICROSECONDS,
            };
            match listed.iter_mut().find(|s| s.track == track.id) {
                Some(known) => {
                    let before = rescale(known.all, known.timescale, MICROSECONDS);
                    let trusted = !self.is_timed_wrongly(track.id);
                    let all = if trusted { all.max(before) } else { all };
                    *known = Saved { all, ..saved };
                }
                None => listed.push(saved),
            }
        }
        listed.sort_by_key(|s| s.track);
        listed
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
                        | Problem::FragmentTimeJump { .. }
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
            let harmed = harmed.iter().filter(|h| h.track == index);
            let harmed = harmed.map(|h| length(h.start, h.end));
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
            let lost = harmed.chain(missing).fold(0, u64::saturating_add);
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
            let all = sound.saturating_add(torn);
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

    /// How long a track lasts whose fragments are put in order, ticks; gaps are no part of it.
    fn in_order(&self, sequence: &Sequence, track: u32) -> u64 {
        let fragments = &self.read.fragments;
        let fragments = sequence.order.iter().filter_map(|p| fragments.get(*p));
        let parts = fragments.flat_map(|f| &f.tracks);
        let own = parts.filter(|p| p.track_id == track).map(|p| p.duration);
        own.fold(0, u64::saturating_add)
    }
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

/// Microseconds of undamaged samples that a repair writes of a track, and of all that there was.
fn of_repair(track: &TrackOutcome) -> (u64, u64) {
    let length = |time: std::time::Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    let kept = length(track.recovered);
    let [.., damaged] = track.classes;
    let share = u128::from(kept) * u128::from(damaged) / u128::from(track.samples.max(1));
    let sound = kept.saturating_sub(u64::try_from(share).unwrap_or(kept));
    (sound, kept.saturating_add(length(track.lost)))
}

/// Neither left out nor unknown (all ones).
pub(crate) const fn is_stated(duration: u64) -> bool {
    !matches!(duration, 0 | 0xffff_ffff | u64::MAX)
}

/// What a sample description says.
#[derive(Clone, Debug)]
pub struct CodecSummary {
    /// The sample entry type.
    pub entry: FourCc,
    /// RFC 6381 codec string.
    pub codec_string: String,
    /// Its name for people.
    pub name: String,
    /// Width and height of the picture, pixels.
    pub size: Option<(u32, u32)>,
    /// Sound samples a second.
    pub sample_rate: Option<u32>,
    /// Sound channels.
    pub channels: Option<u32>,
    /// Why its configuration could not be read in full.
    pub defect: Option<String>,
}

/// The pace of samples.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Cadence {
    /// All durations are alike, within a tick or one part in fifty.
    Constant,
    /// They differ: the shortest and the longest, the last sample left out.
    Variable {
        /// Ticks.
        shortest: u32,
        /// Ticks.
        longest: u32,
    },
}

/// How far sync samples are apart, ticks.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct KeyframeInterval {
    /// On average, from the first to the last; with only one, to the end.
    pub mean: u64,
    /// At most, from the last one to the end included.
    pub longest: u64,
}

impl TrackSummary {
    /// Sums up a track of a file of `size` bytes.
    pub(crate) fn of(track: &Track, size: u64) -> Self {
        let table = &track.samples;
        let codecs: Vec<_> = track.descriptions.iter().map(codec).collect();
        let (sync_samples, keyframes) = keyframes(track);
        Self {
            id: track.header.id,
            kind: kind(track.handler),
            handler: track.handler,
            handler_name: handler_name(track.handler_box.get(24..).unwrap_or_default()).to_vec(),
            codecs,
            timescale: track.timescale,
            duration: table.duration(),
            start: table.start,
            first_composition: table.iter().next().map_or(0, |s| s.pts()),
            samples: u64::from(table.len()),
            reachable: chunks(table)
                .map(|c| u64::from(fitting(&table.sizes, c, size)))
                .sum(),
            bytes: table.sizes.total(),
            cadence: cadence(track),
            sync_samples,
            keyframes,
            language: track.language_code().filter(|l| l != "und"),
            rotation: rotation(&track.header.matrix),
        }
    }
}

fn codec(description: &SampleDescription) -> CodecSummary {
    let entry = &description.entry;
    let boxes: Vec<_> = entry.children().map(|(kind, b)| (kind.0, b)).collect();
    let said = tapo_codec::describe(entry.kind().0, &boxes);
    let stated = description
        .size()
        .map(|(w, h)| (u32::from(w), u32::from(h)));
    CodecSummary {
        entry: entry.kind(),
        codec_string: said.codec_string,
        name: said.name,
        size: said.size.or(stated).filter(|(w, h)| *w != 0 && *h != 0),
        sample_rate: said.sample_rate.or(description.sample_rate()),
        channels: said.channels.map(u32::from).or(description.channels()),
        defect: said.defect.map(|d| d.to_string()),
    }
}

fn kind(handler: FourCc) -> MediaKind {
    match &handler.0 {
        b"vide" | b"auxv" | b"pict" => MediaKind::Video,
        b"soun" => MediaKind::Audio,
        b"text" | b"sbtl" | b"subt" | b"clcp" => MediaKind::Text,
        b"tmcd" => MediaKind::Timecode,
        b"hint" => MediaKind::Hint,
        b"meta" => MediaKind::Metadata,
        _ => MediaKind::Unknown,
    }
}

/// The name in `hdlr`: ended by a zero (§8.4.3), or behind its length as in
/// QuickTime.
pub(crate) fn handler_name(name: &[u8]) -> &[u8] {
    if let Some((len, rest)) = name.split_first()
        && usize::from(*len) == rest.len()
    {
        return rest;
    }
    name.split(|b| *b == 0).next().unwrap_or_default()
}

fn cadence(track: &Track) -> Option<Cadence> {
    let (shortest, longest) = extremes(&track.samples.durations)?;
    let steady = longest - shortest <= (longest / 50).max(1);
    Some(if steady {
        Cadence::Constant
    } else {
        Cadence::Variable { shortest, longest }
    })
}

fn keyframes(track: &Track) -> (Option<u64>, Option<KeyframeInterval>) {
    let table = &track.samples;
    let SyncSamples::Listed(numbers) = &table.sync else {
        return (None, None);
    };
    let mut clock = Clock::new(table);
    let (mut first, mut last, mut longest, mut count) = (None, None::<u64>, 0, 0_u64);
    for number in numbers.iter().filter(|n| (1..=table.len()).contains(n)) {
        let time = clock.at(u64::from(*number));
        longest = longest.max(last.map_or(0, |l| time.saturating_sub(l)));
        first = first.or(last);
        last = Some(time);
        count += 1;
    }
    let (Some(last), end) = (last, table.end()) else {
        return (Some(0), None);
    };
    longest = longest.max(end.saturating_sub(last));
    let span = last.saturating_sub(first.unwrap_or(last));
    let mean = span.checked_div(count - 1).unwrap_or(longest);
    (Some(count), Some(KeyframeInterval { mean, longest }))
}

/// Rotation by the transformation matrix (§6.2.2, §8.3.2).
const fn rotation(matrix: &[i32; 9]) -> Option<u16> {
    const ONE: i32 = 0x1_0000;
    const MINUS: i32 = -0x1_0000;
    let [a, b, _, c, d, ..] = *matrix;
    match (a, b, c, d) {
        (0, ONE, MINUS, 0) => Some(90),
        (MINUS, 0, 0, MINUS) => Some(180),
        (0, MINUS, ONE, 0) => Some(270),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn video(durations: &[u32], sync: &[u32]) -> Track {
        let mut track = Track {
            handler: FourCc(*b"vide"),
            timescale: 1000,
            ..Track::default()
        };
        for duration in durations {
            track.samples.push(100, *duration, 0, true).unwrap();
        }
        track.samples.sync = SyncSamples::Listed(sync.to_vec());
        track
    }

    #[test]
    fn keyframe_intervals_reach_to_the_end() {
        let track = video(&[40; 100], &[1, 26, 51]);
        let summary = TrackSummary::of(&track, 1 << 20);
        let want = KeyframeInterval {
            mean: 1000,
            longest: 2000,
        };
        assert_eq!(summary.keyframes, Some(want));
        assert_eq!(summary.sync_samples, Some(3));
        assert_eq!(summary.cadence, Some(Cadence::Constant));
    }

    #[test]
    fn a_long_last_sample_is_no_variable_rate_and_rounding_is_none() {
        let rounded = video(&[33, 34, 33, 33, 900], &[1]);
        assert_eq!(cadence(&rounded), Some(Cadence::Constant));
        let jitter = video(&[33, 60, 12, 33], &[1]);
        let variable = Cadence::Variable {
            shortest: 12,
            longest: 60,
        };
        assert_eq!(cadence(&jitter), Some(variable));
    }

    #[test]
    fn handlers_are_named_as_iso_or_as_quicktime_does() {
        assert_eq!(handler_name(b"VideoHandler\0"), b"VideoHandler");
        assert_eq!(handler_name(b"\x04Core"), b"Core");
        assert_eq!(handler_name(b""), b"");
    }
}
