//! Fragments that say what others, or the index, contradict: of which track they are, when they are shown, and by which
//! description they are decoded.

use super::Hole;
use crate::{Note, Result};
use std::collections::HashMap;
use tapo_bmff::{BoxTree, FourCc};
use tapo_io::{ByteSource, Span};
use tapo_movie::{Fragment, Movie, Read, Sequence, Track};

/// Fragments that name a track twice, or one that there is none of, where the others, or the index, name each once: the
/// track ids in their headers, with what they should be.
///
/// # Errors
/// The source fails.
pub(super) fn misnamed(source: &dyn ByteSource, read: &Read) -> Result<Vec<(u64, u32)>> {
    let Some(movie) = &read.movie else {
        return Ok(Vec::new());
    };
    let ids = |f: &Fragment| f.tracks.iter().map(|t| t.track_id).collect::<Vec<_>>();
    let odd = |ids: &[u32]| {
        let twice = (1..ids.len()).any(|i| {
            ids.get(..i)
                .is_some_and(|b| b.contains(ids.get(i).unwrap_or(&0)))
        });
        twice || ids.iter().any(|id| movie.track(*id).is_none())
    };
    if !read.fragments.iter().any(|f| odd(&ids(f))) {
        return Ok(Vec::new());
    }
    let mut counts: HashMap<Vec<u32>, usize> = HashMap::new();
    for named in read.fragments.iter().map(ids).filter(|ids| !odd(ids)) {
        *counts.entry(named).or_default() += 1;
    }
    let usual = counts
        .into_iter()
        .max_by_key(|(ids, count)| (*count, ids.len()));
    let usual = usual.map(|(ids, _)| ids);
    let usual = usual.unwrap_or_else(|| movie.tracks.iter().map(|t| t.header.id).collect());
    let mut wrong = Vec::new();
    for fragment in read.fragments.iter().filter(|f| odd(&ids(f))) {
        let named = ids(fragment);
        let payload = Span::new(fragment.moof.start + 8, fragment.moof.end);
        let tree = BoxTree::read_span(source, payload, Some(FourCc(*b"moof")));
        let tree = tree.map_err(tapo_movie::Error::from)?;
        let trafs: Vec<_> = tree.roots().filter(|(_, n)| n.kind == b"traf").collect();
        if named.len() != usual.len() || trafs.len() != usual.len() {
            continue;
        }
        for ((traf, _), (named, right)) in trafs.iter().zip(named.iter().zip(&usual)) {
            if let Some((_, head)) = tree.child(*traf, b"tfhd").filter(|_| named != right) {
                // Behind version and flags.
                wrong.push((head.payload().start + 4, *right));
            }
        }
    }
    Ok(wrong)
}

/// Where a track starts in a fragment that is later than that of the others in it by more than that and all that it lasts,
/// seconds, something is wrong.
const APART: f64 = 2.0;

/// Puts single start times right that the fragments on either side, or the other tracks of the fragment, contradict.
///
/// # Errors
/// Too many samples.
pub(super) fn straighten(movie: &mut Movie, fragments: &mut [Fragment]) -> Result<Vec<Note>> {
    let mut notes = Vec::new();
    for index in 0..movie.tracks.len() {
        let Some(track) = movie.tracks.get(index) else {
            continue;
        };
        let (id, timescale) = (track.header.id, track.timescale);
        let places = places(fragments, id);
        let at = |n: usize| {
            let (fragment, part) = *places.get(n)?;
            let part = fragments.get(fragment)?.tracks.get(part)?;
            Some((part.base_media_decode_time?, part.duration))
        };
        let mut right: Vec<(usize, u64, bool)> = Vec::new();
        for n in 0..places.len() {
            let Some((time, lasts)) = at(n) else {
                continue;
            };
            let end = n
                .checked_sub(1)
                .and_then(at)
                .map(|(t, d)| t.saturating_add(d));
            let near = |a: u64, b: u64| a.abs_diff(b) <= lasts / 4;
            // Where it follows another one, it was moved as a whole.
            let follows = |end: u64| {
                let ends = (0..places.len())
                    .filter_map(at)
                    .map(|(t, d)| t.saturating_add(d));
                near(time, end) || ends.into_iter().any(|e| near(time, e))
            };
            if let (Some(end), Some((next, _))) = (end, at(n + 1)) {
                if near(next, end.saturating_add(lasts)) && !follows(end) {
                    right.push((n, end, true));
                }
                continue;
            }
            if end.is_none() && places.len() > 1 {
                continue;
            }
            let Some((fragment, part)) = places.get(n) else {
                continue;
            };
            let others = beside(movie, fragments, *fragment, *part);
            let own = seconds(time, timescale);
            let longest = seconds(lasts, timescale).max(APART);
            let apart = others.filter(|others| (own - others).abs() > longest);
            // The others have gone on as they did.
            let usual = end.map(|e| seconds(e, timescale));
            let goes_on = |o: &f64| usual.is_none_or(|u| (u - o).abs() <= longest);
            if let Some(others) = apart.filter(goes_on) {
                right.push((n, end.unwrap_or_else(|| ticks(others, timescale)), false));
            }
        }
        for (n, time, sure) in right {
            let Some((fragment, part)) = places.get(n) else {
                continue;
            };
            let part = fragments
                .get_mut(*fragment)
                .and_then(|f| f.tracks.get_mut(*part));
            if let Some(part) = part {
                part.base_media_decode_time = Some(time);
                notes.push(Note::TimesMended { track: id, sure });
            }
        }
    }
    if !notes.is_empty() {
        let sequence = Sequence {
            order: (0..fragments.len()).collect(),
            repeats: Vec::new(),
        };
        sequence.apply(movie, fragments)?;
    }
    notes.dedup();
    Ok(notes)
}

/// Where the fragments speak of a track: fragment, and part of it.
fn places(fragments: &[Fragment], id: u32) -> Vec<(usize, usize)> {
    let whole = fragments.iter().enumerate().filter(|(_, f)| f.whole);
    let parts = whole.flat_map(|(place, fragment)| {
        let parts = fragment.tracks.iter().enumerate();
        parts
            .filter(move |(_, p)| p.track_id == id && p.samples > 0)
            .map(move |(part, _)| (place, part))
    });
    parts.collect()
}

/// When the other tracks of a fragment start, seconds, if they agree.
fn beside(movie: &Movie, fragments: &[Fragment], fragment: usize, part: usize) -> Option<f64> {
    let parts = fragments.get(fragment)?.tracks.iter().enumerate();
    let others = parts.filter(|(i, p)| *i != part && p.samples > 0);
    let times = others.filter_map(|(_, p)| {
        let track = movie.track(p.track_id)?;
        Some(seconds(p.base_media_decode_time?, track.timescale))
    });
    let times: Vec<f64> = times.collect();
    let least = times.iter().copied().reduce(f64::min)?;
    let most = times.iter().copied().reduce(f64::max)?;
    (most - least <= APART).then_some(least)
}

fn seconds(ticks: u64, timescale: u32) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "compared with whole seconds")]
    let ticks = ticks as f64;
    ticks / f64::from(timescale.max(1))
}

fn ticks(seconds: f64, timescale: u32) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "times are not negative, and saturate"
    )]
    let ticks = (seconds * f64::from(timescale)).round() as u64;
    ticks
}

/// Where another index stands behind the first: another recording goes on from there. Its descriptions become further
/// sample entries of the tracks that have the same number and are of the same kind. Says whether there were any.
///
/// # Errors
/// The source fails.
pub(super) fn further(source: &dyn ByteSource, read: &Read, movie: &mut Movie) -> Result<bool> {
    /// Recordings in one file that are told apart.
    const MOST: usize = 64;
    let indexes = read.top.iter().filter(|b| b.kind == b"moov" && b.whole);
    let starts: Vec<u64> = indexes.map(|b| b.span.start).take(MOST).collect();
    let before: usize = movie.tracks.iter().map(|t| t.descriptions.len()).sum();
    for (number, start) in starts.iter().enumerate().skip(1) {
        let end = starts.get(number + 1).copied().unwrap_or(u64::MAX);
        let mut alone = crate::overlay::Overlay::new(source, Vec::new());
        alone.cover(Span::new(0, *start));
        let Some(other) = tapo_movie::read(&alone)?.movie else {
            continue;
        };
        for track in &mut movie.tracks {
            let like = other.track(track.header.id);
            let Some(like) = like.filter(|o| o.handler == track.handler) else {
                continue;
            };
            enter(track, like, Span::new(*start, end));
        }
    }
    let now: usize = movie.tracks.iter().map(|t| t.descriptions.len()).sum();
    Ok(now > before)
}

/// Makes the descriptions of another recording those of the samples that stand in a range.
fn enter(track: &mut Track, other: &Track, within: Span) {
    let mut entries = Vec::new();
    for description in &other.descriptions {
        let known = track.descriptions.iter().position(|d| d == description);
        let place = known.unwrap_or(track.descriptions.len());
        if known.is_none() {
            track.descriptions.push(description.clone());
        }
        entries.push(u32::try_from(place).unwrap_or(0).saturating_add(1));
    }
    for chunk in &mut track.samples.chunks {
        if (within.start..within.end).contains(&chunk.offset) {
            let named = chunk.description.saturating_sub(1) as usize;
            chunk.description = entries.get(named).copied().unwrap_or(chunk.description);
        }
    }
}

/// Tracks whose fragments go back in time where no other index begins: when they are shown is a guess.
pub(super) fn goes_back(read: &Read) -> Vec<u32> {
    let indexes = read.top.iter().filter(|b| b.kind == b"moov");
    let mut indexes = indexes.map(|b| b.span.start).peekable();
    let mut before: HashMap<u32, u64> = HashMap::new();
    let mut all = Vec::new();
    for fragment in read.fragments.iter().filter(|f| f.whole) {
        while indexes.next_if(|at| *at < fragment.moof.start).is_some() {
            before.clear();
        }
        for part in fragment.tracks.iter().filter(|p| p.duration > 0) {
            let Some(time) = part.base_media_decode_time else {
                continue;
            };
            let back = before
                .insert(part.track_id, time)
                .is_some_and(|b| time <= b);
            if back && !all.contains(&part.track_id) {
                all.push(part.track_id);
            }
        }
    }
    all
}

/// The places where fragments are missing between others: numbers are left out, and times with them.
pub(super) fn holes(fragments: &[Fragment]) -> Vec<Hole> {
    let mut ends: HashMap<u32, (u64, u64)> = HashMap::new();
    let mut before: Option<&Fragment> = None;
    let mut holes = Vec::new();
    for fragment in fragments.iter().filter(|f| f.whole) {
        let mut jumps = !fragment.tracks.is_empty();
        let mut lasts = Vec::with_capacity(fragment.tracks.len());
        for part in &fragment.tracks {
            let Some(time) = part.base_media_decode_time else {
                jumps = false;
                continue;
            };
            let end = ends.insert(
                part.track_id,
                (time.saturating_add(part.duration), part.duration),
            );
            jumps &= end.is_some_and(|(end, lasts)| time > end.saturating_add(lasts / 4));
            lasts.extend(end.map(|(end, _)| (part.track_id, time.saturating_sub(end))));
        }
        if let (true, Some(last), Some(b)) = (jumps, before, fragment.sequence_number)
            && let Some(a) = last.sequence_number
        {
            let fragments = u64::from(b).saturating_sub(u64::from(a) + 1);
            holes.extend((fragments > 0).then(|| Hole {
                bytes: Span::new(last.moof.end, fragment.moof.start.max(last.moof.end)),
                fragments,
                lasts,
            }));
        }
        before = Some(fragment);
    }
    holes
}

/// How many fragments are missing in front of the others: they are numbered from 1 on, and go on from times that so many of them
/// would fill. A number that is larger than that of all that are there says less: it may be an excerpt of a broadcast.
pub(super) fn missing_in_front(fragments: &[Fragment]) -> u64 {
    /// Fragments that may be missing, at least.
    const FEW: u64 = 16;
    let mut whole = fragments.iter().filter(|f| f.whole);
    let Some((first, number)) = whole.next().and_then(|f| Some((f, f.sequence_number?))) else {
        return 0;
    };
    let in_front = u64::from(number).saturating_sub(1);
    let late = |part: &tapo_movie::TrackFragment| {
        let lasts = part.duration.saturating_mul(in_front);
        let time = part.base_media_decode_time.unwrap_or(0);
        lasts > 0 && time >= lasts / 4 && time <= lasts.saturating_mul(4)
    };
    let is_late = !first.tracks.is_empty() && first.tracks.iter().all(late);
    let few = in_front <= FEW.max(fragments.len() as u64);
    if is_late && few { in_front } else { 0 }
}

/// Where fragments begin anew: their numbers or times go back, so that they may be of another recording.
pub(super) fn restarts(fragments: &[Fragment]) -> Vec<u64> {
    let time = |f: &Fragment| {
        let first = f.tracks.first()?;
        Some((first.track_id, first.base_media_decode_time?))
    };
    let mut all = Vec::new();
    let mut before: Option<&Fragment> = None;
    let mut last: HashMap<u32, u64> = HashMap::new();
    for fragment in fragments {
        let number = before
            .and_then(|b| b.sequence_number)
            .zip(fragment.sequence_number);
        let fell = number.is_some_and(|(a, b)| b < a);
        let back =
            time(fragment).is_some_and(|(id, now)| last.insert(id, now).is_some_and(|t| now < t));
        if before.is_some() && (fell || back) {
            all.push(fragment.moof.start);
        }
        before = Some(fragment);
    }
    all
}
