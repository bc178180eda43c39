//! Times that an index states and its own headers or the pictures contradict: durations that do not sum up to what the
//! track says that it lasts, composition times in another order than that of the pictures.

use crate::profile::Profile;
use crate::verify::Reading;
use crate::{Note, Result};
use std::collections::HashMap;
use tapo_codec::{Order, OrderKey, PresentationOrder};
use tapo_io::ByteSource;
use tapo_movie::{Edit, Movie, Track, rescale};

/// Whether pictures are shown in the order that their own counts give them.
#[derive(Default)]
pub(super) struct Shown {
    order: PresentationOrder,
    /// Pictures of one sequence, with their composition times.
    row: Vec<(OrderKey, i64)>,
    inverted: bool,
}

/// Pictures that are compared with each other.
const ROW: usize = 1024;

impl Shown {
    /// Sees the next picture in decode order.
    pub(super) fn see(&mut self, order: &Order, pts: i64) {
        let Some(key) = key(&mut self.order, order) else {
            return;
        };
        let same = self
            .row
            .last()
            .is_none_or(|(last, _)| last.sequence == key.sequence);
        if !same || self.row.len() == ROW {
            self.compare();
        }
        self.row.push((key, pts));
    }

    fn compare(&mut self) {
        self.row.sort_unstable();
        let pairs = self.row.windows(2);
        self.inverted |= pairs.into_iter().any(|w| matches!(w, [a, b] if a.1 > b.1));
        self.row.clear();
    }

    /// Whether any two were shown the other way round.
    pub(super) fn inverted(mut self) -> bool {
        self.compare();
        self.inverted
    }
}

/// The place of a picture that counts itself.
fn key(place: &mut PresentationOrder, order: &Order) -> Option<OrderKey> {
    matches!(order, Order::H264 { .. } | Order::H265 { .. }).then(|| place.next(order))
}

/// Puts times right; `inverted` are tracks whose pictures are shown in another order than they count. Says whether anything
/// was wrong.
///
/// # Errors
/// The source fails.
pub(super) fn put_right(
    source: &dyn ByteSource,
    movie: &mut Movie,
    inverted: &[usize],
    notes: &mut Vec<Note>,
) -> Result<bool> {
    let ticks = movie.header.timescale;
    let mut changed = false;
    let mut note = |track: &Track, sure| {
        notes.push(Note::TimesMended {
            track: track.header.id,
            sure,
        });
    };
    for track in &mut movie.tracks {
        if let Some(sure) = scaled(track, ticks) {
            note(track, sure);
            changed = true;
        }
        if let Some(sure) = lasting(track, ticks) {
            note(track, sure);
            changed = true;
        }
    }
    if !inverted.is_empty() {
        changed |= ordered(source, movie, inverted, notes)?;
    }
    for track in &mut movie.tracks {
        if let Some(sure) = listed(track, ticks) {
            notes.push(Note::TimesMended {
                track: track.header.id,
                sure,
            });
            changed = true;
        }
    }
    Ok(changed)
}

/// Composition times of these tracks by the order of their pictures.
fn ordered(
    source: &dyn ByteSource,
    movie: &mut Movie,
    inverted: &[usize],
    notes: &mut Vec<Note>,
) -> Result<bool> {
    let mut changed = false;
    let profile = Profile::learn(&super::left::bare(movie), source)?;
    for index in inverted {
        let (Some(track), Some(of)) = (movie.tracks.get_mut(*index), profile.tracks.get(*index))
        else {
            continue;
        };
        let Some(reading) = Reading::of(source, of) else {
            continue;
        };
        if let Some(sure) = composed(reading, track)? {
            notes.push(Note::TimesMended {
                track: track.header.id,
                sure,
            });
            changed = true;
        }
    }
    Ok(changed)
}

/// Gives a track whose edit is all zeros the one that its first sample and its headers ask for: pictures are shown from
/// the first one on; of sound, whole samples in front are left out.
fn listed(track: &mut Track, ticks: u32) -> Option<bool> {
    /// Pictures among which the one is that is shown first.
    const HELD_BACK: usize = 32;
    let blank = Edit {
        duration: 0,
        media_time: Some(0),
        rate: 0,
    };
    if track.edits != [blank] {
        return None;
    }
    let duration = track.header.declared_duration;
    let lasts = track
        .samples
        .durations
        .runs()
        .first()
        .map_or(1, |(_, d)| u64::from(*d).max(1));
    let more = track
        .samples
        .duration()
        .saturating_sub(rescale(duration, ticks, track.timescale));
    let first = track.samples.iter().take(HELD_BACK).map(|s| s.pts()).min();
    let from = match track.is_video() {
        true => u64::try_from(first.unwrap_or(0)).unwrap_or(0),
        // PCM has single samples, and nothing in front.
        false if lasts > 1 => more / lasts * lasts,
        false => 0,
    };
    track.edits = vec![Edit::media(duration, from)];
    Some(track.is_video() || from == 0)
}

/// Gives a track without a timescale the one by which it lasts as long as its header says.
fn scaled(track: &mut Track, ticks: u32) -> Option<bool> {
    let (media, shown) = (
        track.declared_media_duration,
        track.header.declared_duration,
    );
    if track.timescale != 0 || media == 0 || shown == 0 {
        return None;
    }
    let rate = track
        .descriptions
        .first()
        .and_then(tapo_movie::SampleDescription::sample_rate);
    let exact = u128::from(media) * u128::from(ticks);
    let scale = u32::try_from((exact + u128::from(shown) / 2) / u128::from(shown)).ok()?;
    let near = rate.filter(|rate| track.is_audio() && rate.abs_diff(scale) <= rate / 50);
    track.timescale = near.unwrap_or(scale);
    Some(near.is_some() || exact.is_multiple_of(u128::from(shown)))
}

/// What a duration may differ by, as a part of it: writers are sloppy.
const SLOPPY: u64 = 20;

/// Whether two durations are about the same.
fn alike(a: u64, b: u64) -> bool {
    a.abs_diff(b).saturating_mul(SLOPPY) <= a.max(b)
}

/// Makes the durations of the samples sum up to what the track lasts, where that is said twice and one of them is to blame.
fn lasting(track: &mut Track, ticks: u32) -> Option<bool> {
    let media = track.declared_media_duration;
    let table = &track.samples;
    let is = table.duration();
    let usable =
        (1..u64::from(u32::MAX)).contains(&media) && table.len() > 1 && track.timescale > 0;
    if !usable || !(track.is_video() || track.is_audio()) || alike(is, media) {
        return None;
    }
    // The track's header and its edits count in the units of the movie.
    let of_movie = |ticks_of: u64| rescale(ticks_of, ticks, track.timescale);
    let edits = track.edits.iter().filter(|e| e.media_time.is_some());
    let edits: u64 = edits.map(|e| e.duration).fold(0, u64::saturating_add);
    let empties = track.edits.iter().filter(|e| e.media_time.is_none());
    let empties: u64 = empties.map(|e| e.duration).fold(0, u64::saturating_add);
    let header = track.header.declared_duration.saturating_sub(empties);
    let mut said = [of_movie(header), of_movie(edits)]
        .into_iter()
        .filter(|d| *d > 0);
    if !said.any(|d| alike(d, media)) {
        return None;
    }
    let runs = table.durations.runs();
    let (most, (count, _)) = runs
        .iter()
        .copied()
        .enumerate()
        .max_by_key(|(_, (n, _))| *n)?;
    let counted: u64 = runs.iter().map(|(n, _)| u64::from(*n)).sum();
    let others = runs.iter().enumerate().filter(|(i, _)| *i != most);
    let others = others.map(|(_, (n, d))| u64::from(*n) * u64::from(*d));
    let left = media.checked_sub(others.fold(0, u64::saturating_add));
    // The last one goes on.
    let count = u64::from(count) + u64::from(table.len()).saturating_sub(counted);
    let each = left.filter(|left| counted <= u64::from(table.len()) && left.is_multiple_of(count));
    let each = each
        .and_then(|left| u32::try_from(left / count).ok())
        .filter(|d| *d > 0);
    let Some(each) = each else {
        return Some(false);
    };
    let runs: Vec<(u32, u32)> = runs.to_vec();
    track.samples.durations = runs
        .into_iter()
        .enumerate()
        .map(|(i, (n, d))| (n, if i == most { each } else { d }))
        .collect();
    Some(alike(track.samples.duration(), media))
}

/// Part of the composition times that must be right for the rest to be put right by them: one in so many.
const MOST: usize = 2;

/// Composition times by the counts of the pictures. They follow from decode times where pictures last equally long.
fn composed(mut reading: Reading<'_>, track: &mut Track) -> Result<Option<bool>> {
    let mut place = PresentationOrder::new();
    let mut keys = Vec::new();
    for sample in &track.samples {
        reading.read(&sample)?;
        let order = reading.order().and_then(|order| key(&mut place, order));
        let Some(order) = order else {
            return Ok(None);
        };
        keys.push(order);
    }
    let dts: Vec<i64> = track.samples.iter().map(|s| s.dts.cast_signed()).collect();
    let old: Vec<i64> = track.samples.iter().map(|s| s.pts()).collect();
    // Decode times in the order of presentation.
    let mut shown = vec![0; keys.len()];
    let mut start = 0;
    for sequence in keys.chunk_by(|a, b| a.sequence == b.sequence) {
        let mut order: Vec<usize> = (start..start + sequence.len()).collect();
        order.sort_by_key(|i| keys.get(*i));
        for (at, i) in (start..).zip(order) {
            if let (Some(slot), Some(time)) = (shown.get_mut(i), dts.get(at)) {
                *slot = *time;
            }
        }
        start += sequence.len();
    }
    let late = dts.iter().zip(&shown).map(|(dts, shown)| dts - shown);
    let needed = late.max().unwrap_or(0).max(0);
    let mut delays: HashMap<i64, usize> = HashMap::new();
    for delay in old.iter().zip(&shown).map(|(old, shown)| old - shown) {
        *delays.entry(delay).or_default() += 1;
    }
    let usual = delays
        .into_iter()
        .max_by_key(|(delay, count)| (*count, *delay));
    let usual = usual.filter(|(_, count)| count * MOST >= keys.len());
    let usual = usual
        .map(|(delay, _)| delay)
        .filter(|delay| *delay >= needed);
    let first = dts.first().copied().unwrap_or(0);
    let edit = match track
        .edits
        .iter()
        .filter_map(|e| e.media_time)
        .collect::<Vec<_>>()[..]
    {
        [time] => i64::try_from(time)
            .ok()
            .map(|t| t - first)
            .filter(|t| *t >= needed),
        _ => None,
    };
    let blank = old == dts;
    if usual.is_none() && !blank {
        // Nothing in the table is right: other things may be wrong with it.
        return Ok(None);
    }
    let delay = usual.or(edit).unwrap_or(needed);
    let offsets = dts
        .iter()
        .zip(&shown)
        .map(|(dts, shown)| shown + delay - dts);
    let offsets: Option<Vec<i32>> = offsets.map(|o| i32::try_from(o).ok()).collect();
    let Some(offsets) = offsets else {
        return Ok(None);
    };
    track.samples.composition_offsets = offsets.into_iter().map(|o| (1, o)).collect();
    let runs = track.samples.durations.runs();
    let even = runs.len() <= 1 || matches!(runs, [_, (1, _)]);
    Ok(Some(even && (usual.is_some() || edit.is_some())))
}
