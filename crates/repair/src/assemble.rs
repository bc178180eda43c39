//! Items with times become a movie.

mod groups;
mod samples;

use crate::Result;
use crate::item::Found;
use crate::profile::{Finding, Profile};
use crate::times::Timeline;
pub(crate) use groups::left_out;
use samples::Samples;
use tapo_movie::{Columns, Edit, EncodedMoov, Movie, SampleTable};

/// A movie whose samples stay where they were found: its own tables are empty.
pub(crate) struct Assembled<'a> {
    pub(crate) movie: Movie,
    /// By track.
    samples: Vec<Samples<'a>>,
}

impl Assembled<'_> {
    /// The index of the movie.
    pub(crate) fn moov(&self) -> EncodedMoov<'_> {
        let samples = self.samples.iter().map(|s| s as &dyn Columns);
        EncodedMoov::with(&self.movie, &samples.collect::<Vec<_>>())
    }
}

/// Builds the movie. `moved` is added to every offset.
///
/// # Errors
/// More samples than a track may have.
pub(crate) fn movie<'a>(
    found: &'a Found,
    profile: &Profile,
    line: &'a Timeline,
    moved: u64,
) -> Result<Assembled<'a>> {
    let mut movie = profile.movie.clone();
    let from_start = found.stretches.first().is_none_or(|s| s.from_start);
    let mut starts = Vec::new();
    let mut samples = Vec::new();
    for (index, times) in line.tracks.iter().enumerate() {
        let Some(track) = movie.tracks.get_mut(index) else {
            continue;
        };
        track.samples = SampleTable::default();
        let usual = profile.tracks.get(index).map_or(1, |t| t.durations.usual);
        let group = profile.tracks.get(index).map_or(index, |t| t.group);
        samples.push(Samples::of(found, (index, group), times, usual, moved)?);
        let count = samples.last().map_or(0, Columns::count);
        track.other_stbl = groups::kept(track, count);
        track.defaults = None;
        let shift = profile
            .tracks
            .get(index)
            .map_or(0, |t| t.shift + late(line, index, t));
        let first = times.first().map_or(0, |t| t.dts);
        let shown = times
            .iter()
            .take(64)
            .map(|t| t.dts + i64::from(t.offset))
            .min();
        let shown = shown.unwrap_or(first) - first;
        starts.push((index, first - shift, shown));
    }
    // What was lost in front of everything is no time of the presentation.
    let origin = if from_start {
        0
    } else {
        let shown = starts
            .iter()
            .map(|(i, start, shown)| profile.clock.common(*i, start + shown));
        shown.min().unwrap_or(0).max(0)
    };
    let mut empties = Vec::new();
    for (index, start, shown) in starts {
        let start = start - profile.clock.track(index, origin);
        // Media time that is shown at time 0.
        let due = -start;
        // Players begin at a picture: the edit does too, where the true first
        // picture is lost.
        let edits = profile.movie.tracks.get(index).map(|t| t.edits.as_slice());
        let waits = matches!(edits, Some([first, ..]) if first.media_time.is_none());
        // What is missing in front of all is waited for.
        let media_time = if from_start && !waits && due >= 0 {
            due
        } else {
            due.max(shown).max(0)
        };
        let empty = media_time - due;
        empties.push((index, media_time, empty));
    }
    precise(&mut movie, profile, &empties);
    for (index, media_time, empty) in empties {
        if let Some(samples) = samples.get(index) {
            edit(&mut movie, index, samples, media_time, empty);
        }
    }
    let tracks = movie.tracks.drain(..).zip(samples);
    let (tracks, samples) = tracks.filter(|(_, s)| s.count() > 0).unzip();
    movie.tracks = tracks;
    Ok(Assembled { movie, samples })
}

/// How much later than in the reference pictures are shown, ticks.
fn late(line: &Timeline, track: usize, of: &crate::profile::TrackProfile) -> i64 {
    if !of.is_video || of.finding != Finding::Syntax {
        return 0;
    }
    let delay = line.delays.get(track).copied().unwrap_or(0);
    delay - i64::from(of.first_offset)
}

/// Makes the movie's timescale fine enough for the starts of all tracks.
fn precise(movie: &mut Movie, profile: &Profile, empties: &[(usize, i64, i64)]) {
    let timescale = movie.header.timescale;
    let rounds = empties.iter().any(|(track, _, empty)| {
        let common = profile.clock.common(*track, *empty);
        let there = profile.clock.in_timescale(common, timescale);
        profile.clock.of_timescale(there, timescale) != common
    });
    if rounds {
        let all = movie.tracks.iter().map(|t| t.timescale).chain([timescale]);
        movie.header.timescale = tapo_movie::common_timescale(all, u32::MAX);
    }
}

/// Writes the edit list of a track: nothing, then the media from `media_time`.
fn edit(movie: &mut Movie, index: usize, samples: &Samples<'_>, media_time: i64, empty: i64) {
    let timescale = movie.header.timescale;
    let Some(track) = movie.tracks.get_mut(index) else {
        return;
    };
    let had = !track.edits.is_empty();
    let rate = track.edits.last().map_or(0x1_0000, |e| e.rate);
    track.edits.clear();
    let media_time = u64::try_from(media_time).unwrap_or(0);
    let empty = u64::try_from(empty).unwrap_or(0);
    if !had && media_time == 0 && empty == 0 {
        return;
    }
    if empty > 0 {
        let ticks = tapo_movie::rescale(empty, track.timescale, timescale);
        track.edits.push(Edit::empty(ticks));
    }
    let lasts = samples.shown_end().saturating_sub(media_time);
    let ticks = u128::from(lasts) * u128::from(timescale);
    let ticks = ticks.div_ceil(u128::from(track.timescale.max(1)));
    track.edits.push(Edit {
        rate,
        ..Edit::media(u64::try_from(ticks).unwrap_or(u64::MAX), media_time)
    });
}
