//! Clocks: do the durations that are stated several times agree, do edit lists
//! stay inside the media, are composition times evenly spaced.

use super::spots::{TrackSpots, table};
use crate::places::{composition, extremes};
use crate::saved::is_stated;
use crate::{Finding, Inspection, Problem};
use tapo_io::Span;
use tapo_movie::{Movie, Track, rescale};

/// Durations of the movie as a whole.
pub(super) fn movie(movie: &Movie, mvhd: Option<Span>, found: &mut Vec<Finding>) {
    let declared = movie.header.declared_duration;
    let longest = movie
        .tracks
        .iter()
        .map(|t| t.header.declared_duration)
        .max();
    let (Some(span), Some(longest)) = (mvhd, longest.filter(|d| is_stated(*d))) else {
        return;
    };
    if is_stated(declared) && longest != declared {
        let problem = Problem::MovieDuration {
            declared,
            longest,
            large: declared.abs_diff(longest) > u64::from(movie.header.timescale) / 2,
        };
        found.push(Finding::new(problem).at(span));
    }
}

/// Durations of a track of a file that is not in fragments.
pub(super) fn track(track: &Track, movie: &Movie, spots: &TrackSpots, found: &mut Vec<Finding>) {
    let samples = &track.samples;
    let about = |problem, span| Finding::new(problem).on(track.header.id).at(span);
    let longest = extremes(&samples.durations).map_or(0, |(_, longest)| u64::from(longest));
    let (sum, declared) = (samples.duration(), track.declared_media_duration);
    if is_stated(declared) && sum != declared && sum != 0 {
        let problem = Problem::DurationsDisagree {
            sum,
            declared,
            large: sum.abs_diff(declared) > longest.max(u64::from(track.timescale / 2)),
        };
        found.push(about(problem, spots.hull(&[b"mdhd", b"stts"])));
    }
    let (own, ticks) = (track.header.declared_duration, movie.header.timescale);
    let wanted = if track.edits.is_empty() {
        rescale(declared, track.timescale, ticks)
    } else {
        track
            .edits
            .iter()
            .map(|e| e.duration)
            .fold(0, u64::saturating_add)
    };
    let whole = rescale(sum, track.timescale, ticks);
    let shown = !track.edits.is_empty() && wanted < own / 2;
    if is_stated(own) && shown && own.abs_diff(whole) <= u64::from(ticks) / 2 {
        let problem = Problem::EditShort {
            shown: wanted,
            declared: own,
            timescale: ticks,
        };
        found.push(about(problem, spots.hull(&[b"elst", b"tkhd"])));
    } else if is_stated(own) && is_stated(wanted) && own.abs_diff(wanted) > 1 {
        let problem = Problem::TrackDuration {
            declared: own,
            wanted,
            large: own.abs_diff(wanted) > u64::from(ticks) / 2,
        };
        found.push(about(problem, spots.hull(&[b"tkhd", b"elst", b"mdhd"])));
    }
    edits(track, ticks, longest, spots, found);
}

/// Edits that reach beyond the media, or leave some of it out (§8.6.6).
fn edits(track: &Track, ticks: u32, longest: u64, spots: &TrackSpots, found: &mut Vec<Finding>) {
    let Some((first, end)) = composition(&track.samples) else {
        return;
    };
    let about = |problem| {
        Finding::new(problem)
            .on(track.header.id)
            .at(spots.span(b"elst"))
    };
    let (mut from, mut until) = (i64::MAX, i64::MIN);
    // Of a movie tick nothing smaller can be said.
    let tick = i64::try_from(rescale(1, ticks, track.timescale)).unwrap_or(i64::MAX) + 1;
    for edit in &track.edits {
        if edit.rate != 0x1_0000 {
            found.push(about(Problem::EditRate { rate: edit.rate }));
        }
        let Some(start) = edit.media_time else {
            continue;
        };
        let start = i64::try_from(start).unwrap_or(i64::MAX);
        let length = rescale(edit.duration, ticks, track.timescale);
        let length = i64::try_from(length).unwrap_or(i64::MAX);
        from = from.min(start);
        until = until.max(start.saturating_add(length));
    }
    if from > until {
        // Edits, and none with media (§8.6.6.1: a media time of -1).
        if !track.edits.is_empty() {
            found.push(about(Problem::EditShowsNothing));
        }
        return;
    }
    if from >= end {
        found.push(about(Problem::EditShowsNothing));
        return;
    }
    let slack = i64::try_from(longest)
        .unwrap_or(i64::MAX)
        .saturating_add(tick);
    let beyond = until.saturating_sub(end).max(from.saturating_sub(end));
    if beyond > tick {
        let large = beyond > slack;
        found.push(about(Problem::EditBeyond {
            ticks: beyond,
            large,
        }));
    }
    let before = first.saturating_sub(from);
    if before > 0 {
        found.push(about(Problem::EditEarly { ticks: before }));
    }
    // The first frames of coded sound only fill the decoder.
    let fill = if track.is_audio() {
        slack.saturating_mul(3)
    } else {
        0
    };
    let start = from.saturating_sub(first);
    let start = if start > fill { start } else { 0 };
    let tail = end.saturating_sub(until);
    let tail = if tail > slack { tail } else { 0 };
    if start > 0 || tail > 0 {
        found.push(about(Problem::EditHides { start, end: tail }));
    }
}

/// Samples that are shown further from their decode time than the whole track lasts, and a minute.
pub(super) fn far(track: &Track, inspection: &Inspection, spots: &TrackSpots) -> Option<Finding> {
    let table = &track.samples;
    let most = table
        .duration()
        .saturating_add(60 * u64::from(track.timescale));
    let (mut number, mut samples, mut first, mut last) = (1_u32, 0_u32, u32::MAX, 0);
    for (run, offset) in table.composition_offsets.runs() {
        let next = number.saturating_add(*run);
        if u64::from(offset.unsigned_abs()) > most && number <= table.len() {
            samples = samples.saturating_add(*run);
            first = first.min(number);
            last = next - 1;
        }
        number = next;
    }
    if samples == 0 {
        return None;
    }
    let fragments = &inspection.read.fragments;
    let span = self::table(spots, fragments, track.header.id, &[b"ctts"], (first, last));
    let problem = Problem::CompositionFar { samples, first };
    Some(Finding::new(problem).on(track.header.id).at(span))
}

/// Places that a sample may be shown before the first: pictures held back, twice.
const EARLY: usize = 32;

/// Samples whose composition times are looked at.
const MOST: u32 = 1 << 25;

/// Of a track whose samples all last as long, the times at which they are shown
/// are a grid, each place of which is taken once: those that are not.
pub(super) fn grid(track: &Track, inspection: &Inspection, spots: &TrackSpots) -> Option<Finding> {
    let samples = &track.samples;
    let step = match samples.durations.runs() {
        [(_, d)] | [(_, d), (1, _)] => i64::from(*d),
        _ => return None,
    };
    let offsets = samples.composition_offsets.runs();
    let count = samples.len();
    if step == 0 || offsets.len() < 2 || count > MOST {
        return None;
    }
    let mut taken = vec![0_u64; (count as usize + 2 * EARLY) / 64 + 1];
    let (mut number, mut odd) = (0_u32, 0_u32);
    let (mut first, mut last) = (u32::MAX, 0);
    let base = i64::from(offsets.first()?.1);
    for (run, offset) in offsets {
        for _ in 0..*run {
            number += 1;
            if number > count {
                break;
            }
            let ahead = i64::from(*offset) - base;
            let place = i64::from(number) + EARLY as i64 + ahead / step;
            let off_grid = ahead % step != 0;
            let place = usize::try_from(place).unwrap_or(usize::MAX);
            let word = taken.get_mut(place / 64);
            let again = word.is_none_or(|w| {
                let bit = 1 << (place % 64);
                let was = *w & bit != 0;
                *w |= bit;
                was
            });
            if off_grid || again {
                odd += 1;
                first = first.min(number);
                last = last.max(number);
            }
        }
    }
    // A writer that shows them unevenly does so throughout.
    if odd == 0 || odd > count / 3 {
        return None;
    }
    let fragments = &inspection.read.fragments;
    let span = table(spots, fragments, track.header.id, &[b"ctts"], (first, last));
    let problem = Problem::CompositionUneven {
        samples: odd,
        first,
    };
    Some(Finding::new(problem).on(track.header.id).at(span))
}

/// Samples that may last longer or shorter before it is the camera's own pace.
const ODD: u32 = 8;

/// Samples of the last fragment that last longer or shorter than nearly all of the
/// track, the last one left out. Before it, the time of the next fragment tells.
pub(super) fn odd_durations(
    track: &Track,
    inspection: &Inspection,
    spots: &TrackSpots,
) -> Option<Finding> {
    let runs = track.samples.durations.runs();
    let usual = runs.iter().max_by_key(|(n, _)| *n)?.1;
    let whole = inspection.read.fragments.iter().rfind(|f| f.whole)?;
    let mut parts = whole.tracks.iter();
    let from = parts.find(|p| p.track_id == track.header.id)?.first_sample;
    let (mut number, mut odd, mut first, mut last) = (1_u32, 0_u32, u32::MAX, 0);
    for (count, duration) in runs {
        let next = number.saturating_add(*count);
        // Writers round: a tick each way is usual.
        let inside = next > from && number < track.samples.len();
        if duration.abs_diff(usual) > 1 && inside {
            odd = odd.saturating_add(*count);
            first = first.min(number);
            last = next - 1;
        }
        number = next;
    }
    if odd == 0 || odd > ODD.min(track.samples.len() / 20) {
        return None;
    }
    let fragments = &inspection.read.fragments;
    let span = table(spots, fragments, track.header.id, &[b"stts"], (first, last));
    let problem = Problem::DurationsOdd {
        samples: odd,
        first,
    };
    Some(Finding::new(problem).on(track.header.id).at(span))
}
