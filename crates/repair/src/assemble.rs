//! Items with times become a movie.

use crate::Result;
use crate::item::{Found, Item};
use crate::profile::{Finding, Profile};
use crate::times::{Timed, Timeline};
use tapo_movie::{Edit, Movie, SampleTable, Track};

/// Boxes of a sample table that speak of single samples of the reference.
const PER_SAMPLE: [&[u8; 4]; 12] = [
    b"sbgp", b"sgpd", b"sdtp", b"cslg", b"stps", b"stdp", b"padb", b"subs", b"saiz", b"saio",
    b"stsh", b"csgp",
];

/// Builds the movie. `moved` is added to every offset.
///
/// # Errors
/// More samples than a track may have.
pub(crate) fn movie(
    found: &Found,
    profile: &Profile,
    line: &Timeline,
    moved: u64,
) -> Result<Movie> {
    let mut movie = profile.movie.clone();
    let from_start = found.stretches.first().is_none_or(|s| s.from_start);
    let mut starts = Vec::new();
    for (index, times) in line.tracks.iter().enumerate() {
        let Some(track) = movie.tracks.get_mut(index) else {
            continue;
        };
        track.samples = table(found, profile, index, times, moved)?;
        track
            .other_stbl
            .retain(|b| !PER_SAMPLE.iter().any(|k| b.kind == *k));
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
        let media_time = if from_start && !waits {
            due.max(0)
        } else {
            due.max(shown).max(0)
        };
        let empty = media_time - due;
        empties.push((index, media_time, empty));
    }
    precise(&mut movie, profile, &empties);
    for (index, media_time, empty) in empties {
        edit(&mut movie, index, media_time, empty);
    }
    movie.tracks.retain(|t| !t.samples.is_empty());
    Ok(movie)
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
fn edit(movie: &mut Movie, index: usize, media_time: i64, empty: i64) {
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
    let lasts = shown_end(track).saturating_sub(media_time);
    let ticks = u128::from(lasts) * u128::from(timescale);
    let ticks = ticks.div_ceil(u128::from(track.timescale.max(1)));
    track.edits.push(Edit {
        rate,
        ..Edit::media(u64::try_from(ticks).unwrap_or(u64::MAX), media_time)
    });
}

/// Composition time at which the last picture ends, ticks.
fn shown_end(track: &Track) -> u64 {
    let table = &track.samples;
    let media = table.duration();
    if table.composition_offsets.is_empty() {
        return media;
    }
    let count = usize::try_from(table.len().saturating_sub(64)).unwrap_or(0);
    let ends = table.iter().skip(count).map(|s| {
        let end = s.pts().saturating_add(i64::from(s.duration));
        u64::try_from(end).unwrap_or(0)
    });
    ends.max().unwrap_or(media)
}

fn table(
    found: &Found,
    profile: &Profile,
    index: usize,
    times: &[Timed],
    moved: u64,
) -> Result<SampleTable> {
    let mut table = SampleTable::default();
    let usual = profile.tracks.get(index).map_or(1, |t| t.durations.usual);
    for (n, time) in times.iter().enumerate() {
        let Some(item) = found.items.get(time.item) else {
            continue;
        };
        let end = times.get(n + 1).map_or(time.dts + time.duration, |t| t.dts);
        let lasts = u32::try_from(end - time.dts).unwrap_or(0);
        table.start_chunk(item.at + moved, 1);
        push(&mut table, &item, time, lasts, usual)?;
    }
    Ok(table)
}

fn push(table: &mut SampleTable, item: &Item, time: &Timed, lasts: u32, usual: u32) -> Result<()> {
    let samples = item.samples.max(1);
    if samples == 1 {
        table.push(item.size, lasts, time.offset, item.sync)?;
        return Ok(());
    }
    // A gap behind a row belongs to its last sample.
    let size = item.size / samples;
    table.push_run(samples - 1, size, usual, time.offset, item.sync)?;
    let before = u64::from(usual) * u64::from(samples - 1);
    let rest = u64::from(lasts).saturating_sub(before);
    table.push(
        size,
        u32::try_from(rest).unwrap_or(usual),
        time.offset,
        item.sync,
    )?;
    Ok(())
}
