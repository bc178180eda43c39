//! Tables that lie about where samples stand, put right by what the samples themselves show: bytes that are missing or
//! too many in front of them, chunks that changed places, sizes that their own syntax contradicts.
//!
//! A change is made only where more samples read as their codec has it than did before.

use super::left::bare;
use crate::Result;
use crate::profile::{Finding, Profile};
use crate::verify::{self, Reading};
use tapo_codec::{Depth, Recogniser, Verdict};
use tapo_io::{ByteSource, Span, Window};
use tapo_movie::{Chunk, Edit, Movie, Sample, SampleTable, Sizes, Track, rescale};

/// Times that all changes are tried: each place where bytes are missing is one.
const ROUNDS: usize = 8;

/// The movie with its tables put right; `None` if nothing was wrong with them, or nothing helps.
///
/// # Errors
/// The source fails.
pub(super) fn mended(source: &dyn ByteSource, movie: &Movie) -> Result<Option<Movie>> {
    let profile = Profile::learn(&bare(movie), source)?;
    let mut wrong = Wrong::of(source, movie, &profile)?;
    let mut best = None;
    for _ in 0..ROUNDS {
        let now: &Movie = best.as_ref().unwrap_or(movie);
        if wrong.count() == 0 {
            break;
        }
        let tries = [
            ordered(now, &wrong),
            measured(source, now, &profile, &wrong)?,
            moved(source, now, &profile, &wrong)?,
        ];
        let mut better = None;
        for candidate in tries.into_iter().flatten() {
            let then = Wrong::of(source, &candidate, &profile)?;
            let least = better
                .as_ref()
                .map_or(wrong.count(), |(w, _): &(Wrong, _)| w.count());
            if then.count() < least {
                better = Some((then, candidate));
            }
        }
        let Some((then, candidate)) = better else {
            break;
        };
        (wrong, best) = (then, Some(candidate));
    }
    Ok(best)
}

/// Edits that show some of the media instead of those that show none: a damaged edit list hides a whole track.
///
/// Of a track that is shown in part, nothing is changed: it may have been trimmed.
pub(super) fn shown(movie: &mut Movie) {
    let ticks = movie.header.timescale;
    for track in &mut movie.tracks {
        let table = &track.samples;
        let latest = table.composition_offsets.runs().iter().map(|(_, o)| *o);
        let latest = u64::try_from(latest.max().unwrap_or(0)).unwrap_or(0);
        let end = table.end().saturating_add(latest);
        let starts = || track.edits.iter().filter_map(|e| e.media_time);
        if table.is_empty() || starts().next().is_none() || starts().any(|at| at < end) {
            continue;
        }
        // Pictures are held back behind the first ones.
        let first = table.iter().take(HELD_BACK).map(|s| s.pts()).min();
        let first = u64::try_from(first.unwrap_or(0)).unwrap_or(0);
        let length = end.saturating_sub(latest).max(1);
        track.edits = vec![Edit {
            duration: rescale(length, track.timescale, ticks),
            media_time: Some(first),
            rate: 0x1_0000,
        }];
    }
}

/// Pictures among which the one is that is shown first.
const HELD_BACK: usize = 32;

/// Samples that are not where the tables say: numbers from 1 on, by track.
pub(super) struct Wrong(Vec<Vec<u32>>);

impl Wrong {
    pub(super) fn of(source: &dyn ByteSource, movie: &Movie, profile: &Profile) -> Result<Self> {
        let mut all = Vec::with_capacity(movie.tracks.len());
        for (index, track) in movie.tracks.iter().enumerate() {
            let mut wrong = Vec::new();
            let of = profile.tracks.get(index);
            if let Some(mut reading) = of.and_then(|of| Reading::of(source, of)) {
                let units = profile.movie.tracks.get(index).and_then(verify::units);
                for sample in track.samples.iter().filter(|s| !s.span.is_empty()) {
                    let inside = sample.span.end <= source.len();
                    if !inside || !reading.is_right(&sample, units)? {
                        wrong.push(sample.number);
                    }
                }
            }
            all.push(wrong);
        }
        Ok(Self(all))
    }

    /// Samples of a track, by its index.
    pub(super) fn of_track(&self, index: usize) -> usize {
        self.0.get(index).map_or(0, Vec::len)
    }

    fn count(&self) -> usize {
        self.0.iter().map(Vec::len).sum()
    }
}

/// What tells the samples of a track by their own syntax.
fn recogniser(profile: &Profile, index: usize) -> Option<Box<dyn Recogniser>> {
    let of = profile.tracks.get(index);
    let of = of.filter(|t| t.finding == Finding::Syntax)?;
    of.recogniser.as_ref().map(|r| r.fork())
}

/// Whether a sample stands there, and ends there.
fn reads(window: &mut Window<'_>, recogniser: &dyn Recogniser, span: Span) -> Result<bool> {
    let verdict = recogniser.probe(window, span.start, span.end, Depth::Heads)?;
    Ok(match verdict {
        Verdict::Sample(access) => access.len == span.len(),
        // Where the next begins says how long it is.
        Verdict::Start(_) => true,
        Verdict::Cut(_) | Verdict::Not(_) => false,
    })
}

/// Chunks in the order in which they stand in the file.
fn ordered(movie: &Movie, wrong: &Wrong) -> Option<Movie> {
    let sorted = |table: &SampleTable| table.chunks.is_sorted_by_key(|c| c.offset);
    let lies = |(track, wrong): (&Track, &Vec<u32>)| !wrong.is_empty() && !sorted(&track.samples);
    if !movie.tracks.iter().zip(&wrong.0).any(lies) {
        return None;
    }
    let mut movie = movie.clone();
    for (track, _) in movie
        .tracks
        .iter_mut()
        .zip(&wrong.0)
        .filter(|(_, w)| !w.is_empty())
    {
        let mut offsets: Vec<u64> = track.samples.chunks.iter().map(|c| c.offset).collect();
        offsets.sort_unstable();
        for (chunk, offset) in track.samples.chunks.iter_mut().zip(offsets) {
            chunk.offset = offset;
        }
    }
    Some(movie)
}

/// Sizes as the samples of a chunk have them by their own syntax, where they are not those of the table.
fn measured(
    source: &dyn ByteSource,
    movie: &Movie,
    profile: &Profile,
    wrong: &Wrong,
) -> Result<Option<Movie>> {
    let chunks = movie.tracks.iter().flat_map(|t| &t.samples.chunks);
    let mut starts: Vec<u64> = chunks.map(|c| c.offset).collect();
    starts.sort_unstable();
    let mut window = Window::new(source);
    let mut changed = None;
    for (index, track) in movie.tracks.iter().enumerate() {
        let (Some(recogniser), Some(wrong)) = (recogniser(profile, index), wrong.0.get(index))
        else {
            continue;
        };
        if wrong.is_empty() || track.samples.len() > LISTED {
            continue;
        }
        let sizes = &track.samples.sizes;
        let mut sizes: Vec<u32> = (1..=sizes.len()).filter_map(|n| sizes.get(n)).collect();
        let mut first = 1_u32;
        let mut any = false;
        for chunk in &track.samples.chunks {
            let last = first.saturating_add(chunk.samples);
            let at = wrong.partition_point(|n| *n < first);
            if wrong.get(at).is_some_and(|n| *n < last) {
                let next = starts.partition_point(|s| *s <= chunk.offset);
                let end = starts.get(next).copied().unwrap_or(source.len());
                if let Some(lengths) = walk(&mut window, &*recogniser, chunk, end)? {
                    let own = sizes.iter_mut().skip(first.saturating_sub(1) as usize);
                    own.zip(lengths).for_each(|(size, len)| *size = len);
                    any = true;
                }
            }
            first = last;
        }
        if any {
            let movie: &mut Movie = changed.get_or_insert_with(|| movie.clone());
            if let Some(track) = movie.tracks.get_mut(index) {
                track.samples.sizes = Sizes::Each(sizes);
            }
        }
    }
    Ok(changed)
}

/// Samples of a track whose sizes are put right one by one.
const LISTED: u32 = 1 << 25;

/// The lengths of the samples of a chunk by their own syntax, if as many stand in front of `end`.
fn walk(
    window: &mut Window<'_>,
    recogniser: &dyn Recogniser,
    chunk: &Chunk,
    end: u64,
) -> Result<Option<Vec<u32>>> {
    let mut lengths = Vec::new();
    let mut at = chunk.offset;
    for _ in 0..chunk.samples {
        let verdict = recogniser.probe(window, at, end, Depth::Heads)?;
        let Some(access) = verdict.sample().filter(|a| a.len > 0 && at + a.len <= end) else {
            return Ok(None);
        };
        let Ok(len) = u32::try_from(access.len) else {
            return Ok(None);
        };
        lengths.push(len);
        at += access.len;
    }
    Ok(Some(lengths))
}

/// Bytes by which samples are looked for elsewhere, each way.
const REACH: u64 = 1 << 20;

/// Samples that are looked for: those next to missing bytes may be gone.
const SOUGHT: [usize; 4] = [0, 1, 8, 50];

/// Samples behind it that must stand as far from their places, of so many.
const AGREE: usize = 6;
const OF: usize = 8;

/// All samples from the first wrong one on as far from their places as one of them is found to be.
fn moved(
    source: &dyn ByteSource,
    movie: &Movie,
    profile: &Profile,
    wrong: &Wrong,
) -> Result<Option<Movie>> {
    // The first in the file, of the track that has most.
    let most = wrong.0.iter().enumerate().max_by_key(|(_, w)| w.len());
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
            let gone = if by < 0 && !all { by.unsigned_abs() } else { 0 };
            let from = if all { 0 } else { from };
            return Ok(Some(shifted(movie, from, by, (gone, source.len()))));
        }
    }
    Ok(None)
}

/// Where in the file the first wrong sample should stand.
fn first_wrong(movie: &Movie, wrong: &Wrong) -> Option<u64> {
    let tracks = movie.tracks.iter().zip(&wrong.0);
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

/// The samples from byte `from` on moved; the first bytes of them are `gone`: their samples stand behind the end of the
/// file, which has `len` bytes.
fn shifted(movie: &Movie, from: u64, by: i64, (gone, len): (u64, u64)) -> Movie {
    let place = |start: u64| match start {
        _ if start < from => start,
        _ if start - from < gone => len,
        _ => start.saturating_add_signed(by),
    };
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
        }
        track.samples.chunks = chunks;
    }
    movie
}
