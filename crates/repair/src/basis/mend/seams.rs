//! Bytes that are missing or too many: all behind the seam stands as far from its place.

use super::{Wrong, reads, recogniser};
use crate::Result;
use crate::profile::Profile;
use std::collections::HashSet;
use tapo_codec::Recogniser;
use tapo_io::{ByteSource, Span, Window};
use tapo_movie::{Chunk, Movie, Sample, Sizes};

/// Bytes by which samples are looked for elsewhere, each way.
const REACH: u64 = 1 << 20;

/// Samples that are looked for: those next to missing bytes may be gone.
const SOUGHT: [usize; 4] = [0, 1, 8, 50];

/// Samples behind it that must stand as far from their places, of so many.
const AGREE: usize = 6;
const OF: usize = 8;

/// All samples from the first wrong one on as far from their places as one of them is found to be; and the samples that
/// the seam may lie in.
pub(super) fn moved(
    source: &dyn ByteSource,
    movie: &Movie,
    profile: &Profile,
    wrong: &Wrong,
) -> Result<Option<(Movie, Vec<Span>)>> {
    // The first in the file, of the track that has most.
    let most = wrong.lists.iter().enumerate().max_by_key(|(_, w)| w.len());
    let Some((index, numbers)) = most.filter(|(_, w)| w.len() >= AGREE) else {
        return Ok(None);
    };
    let (Some(track), Some(recogniser)) = (movie.tracks.get(index), recogniser(profile, index))
    else {
        return Ok(None);
    };
    let mut window = Window::new(source);
    for place in SOUGHT {
        let Some(number) = numbers.get(place) else {
            break;
        };
        let samples = track.samples.iter().skip(number.saturating_sub(1) as usize);
        let samples: Vec<Sample> = samples.take(OF).collect();
        if let Some(by) = seek(source, &mut window, &*recogniser, &samples)? {
            let Some(from) = first_wrong(movie, wrong) else {
                break;
            };
            // Where no sample is known to be right in front, all are displaced alike, and lack nothing.
            let known = (0..movie.tracks.len()).filter(|i| self::recogniser(profile, *i).is_some());
            let chunks = known.filter_map(|i| movie.tracks.get(i)?.samples.chunks.first());
            let all = chunks.map(|c| c.offset).min() == Some(from);
            let mut seam = Seam {
                from: if all { 0 } else { from },
                by,
                gone: HashSet::new(),
            };
            if !all {
                seam.gone = gone(source, movie, profile, &seam)?;
            }
            let mut doubted = Vec::new();
            let moved = shifted(movie, &seam, source.len(), &mut doubted);
            return Ok(Some((moved, doubted)));
        }
    }
    Ok(None)
}

/// Where bytes are missing or too many.
struct Seam {
    /// Samples from here on stand elsewhere ...
    from: u64,
    /// ... so far behind.
    by: i64,
    /// Those of them that began in the bytes that are missing: where they should stand.
    gone: HashSet<u64>,
}

/// The samples behind a seam that are not there either, so far as they may have begun in the bytes that are missing.
fn gone(
    source: &dyn ByteSource,
    movie: &Movie,
    profile: &Profile,
    seam: &Seam,
) -> Result<HashSet<u64>> {
    let mut gone = HashSet::new();
    let most = u64::try_from(seam.by.saturating_neg()).unwrap_or(0);
    let missing = Span::at(seam.from, most);
    let mut window = Window::new(source);
    for (index, track) in movie.tracks.iter().enumerate() {
        let Some(recogniser) = recogniser(profile, index) else {
            continue;
        };
        let within = |s: &Sample| (missing.start..missing.end).contains(&s.span.start);
        for sample in track.samples.iter().filter(within) {
            let there = sample.span.start.saturating_add_signed(seam.by);
            let there = Span::at(there, sample.span.len());
            if there.end > source.len() || !reads(&mut window, &*recogniser, there)? {
                gone.insert(sample.span.start);
            }
        }
    }
    Ok(gone)
}

/// Where in the file the first wrong sample should stand.
fn first_wrong(movie: &Movie, wrong: &Wrong) -> Option<u64> {
    let tracks = movie.tracks.iter().zip(&wrong.lists);
    let starts = tracks.filter_map(|(track, numbers)| {
        let mut numbers = numbers.iter().peekable();
        let of_track = track.samples.iter();
        let wrong = of_track.filter(|s| numbers.next_if(|n| **n == s.number).is_some());
        wrong.map(|s| s.span.start).min()
    });
    starts.min()
}

/// How far from their places samples that follow each other stand, bytes.
fn seek(
    source: &dyn ByteSource,
    window: &mut Window<'_>,
    recogniser: &dyn Recogniser,
    samples: &[Sample],
) -> Result<Option<i64>> {
    let Some(first) = samples.first().map(|s| s.span) else {
        return Ok(None);
    };
    let from = first.start.saturating_sub(REACH);
    let until = first.start.saturating_add(REACH).min(source.len());
    let end = source.len();
    for at in from..until {
        let head = window.bytes(at, tapo_codec::HEAD)?;
        if !recogniser.could_start(head) {
            continue;
        }
        let there = Span::at(at, first.len());
        if there.end > end || !reads(window, recogniser, there)? {
            continue;
        }
        let by = at.cast_signed() - first.start.cast_signed();
        let mut agree = 0;
        for sample in samples {
            let start = sample.span.start.checked_add_signed(by);
            let span = start.map(|s| Span::at(s, sample.span.len()));
            if let Some(span) = span.filter(|s| s.end <= end)
                && reads(window, recogniser, span)?
            {
                agree += 1;
            }
        }
        if by != 0 && agree >= AGREE.min(samples.len()) {
            return Ok(Some(by));
        }
    }
    Ok(None)
}

/// The samples behind a seam moved; those that are gone stand behind the end of the file, which has `len` bytes. What stands
/// right in front of the seam, and may hold it, is doubted.
fn shifted(movie: &Movie, seam: &Seam, len: u64, doubted: &mut Vec<Span>) -> Movie {
    let place = |start: u64| match start {
        _ if start < seam.from => start,
        _ if seam.gone.contains(&start) => len,
        _ => start.saturating_add_signed(seam.by),
    };
    let mut last: Option<Span> = None;
    for sample in movie.tracks.iter().flat_map(|t| &t.samples) {
        let is_last = sample.span.start < seam.from && !sample.span.is_empty();
        if is_last && last.is_none_or(|l| sample.span.start > l.start) {
            last = Some(sample.span);
        }
    }
    // It ends where the first one behind the seam begins now.
    let start = seam.from.saturating_add_signed(seam.by);
    let cut = last.map(|l| (l, Span::new(l.start, l.end.min(start).max(l.start + 1))));
    doubted.extend(cut.map(|(_, left)| left));
    let mut movie = movie.clone();
    for track in &mut movie.tracks {
        let mut chunks: Vec<Chunk> = Vec::with_capacity(track.samples.chunks.len());
        let (mut number, mut end) = (0, 0);
        let starts = track.samples.chunks.iter().scan(1_u32, |next, c| {
            let first = *next;
            *next = next.saturating_add(c.samples);
            Some(first)
        });
        let starts: Vec<u32> = starts.collect();
        let mut shorter = None;
        for sample in &track.samples {
            let at = place(sample.span.start);
            let begins = starts.get(number) == Some(&sample.number);
            number += usize::from(begins);
            match chunks.last_mut() {
                Some(last) if !begins && at == end => last.samples += 1,
                _ => chunks.push(Chunk {
                    offset: at,
                    samples: 1,
                    description: sample.description,
                }),
            }
            end = at + sample.span.len();
            if let Some((_, left)) = cut.filter(|(l, left)| *l == sample.span && l != left) {
                shorter = Some((sample.number, left.len()));
                end = left.end;
            }
        }
        track.samples.chunks = chunks;
        if let (Some((number, size)), Sizes::Each(sizes)) = (shorter, &mut track.samples.sizes)
            && let Some(slot) = sizes.get_mut(number as usize - 1)
        {
            *slot = u32::try_from(size).unwrap_or(*slot);
        }
    }
    movie
}
