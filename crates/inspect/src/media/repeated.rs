//! Sectors of the media that hold what other sectors hold: a card or a file system wrote, or gave back, the wrong ones.
//!
//! Media repeats itself by nature too: silence, still pictures, a clip that was looped. That begins and ends anywhere; what
//! was copied by sectors begins and ends where sectors do. So it is only told where a repetition goes on by not one byte
//! beyond its sectors, to either side, and where the track does not repeat itself otherwise. Which of the two places was
//! written over nobody can say: the later one is told, unless one of them is known to be damaged.

use super::{Harm, Harmed, KEPT, SECTOR, SECTOR_BYTES};
use crate::Result;
use crate::places::{Clock, Placed, chunks};
use rayon::prelude::*;
use tapo_io::{ByteSource, Span};
use tapo_movie::Movie;

/// Bytes that are read in one go: whole sectors.
const PIECE: u64 = 1 << 20;

/// Sectors that are compared, and chunks they are in; of larger files nothing is said.
const MOST: u64 = 1 << 22;
const CHUNKS: usize = 1 << 20;

/// How often the same bytes may be there before it is what the coding does.
const ALIKE: usize = 4;

/// A chunk of samples, and its track.
struct Home {
    track: usize,
    chunk: Placed,
}

/// Sectors that follow each other, and the earlier ones that hold the same.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
struct Run {
    span: Span,
    earlier: u64,
}

/// Adds the samples that hold such sectors.
pub(super) fn find(source: &dyn ByteSource, movie: &Movie, harmed: &mut Vec<Harmed>) -> Result<()> {
    let Some(homes) = homes(movie, source.len()) else {
        return Ok(());
    };
    let mut copied: Vec<(usize, Run)> = Vec::new();
    // Of each track, by how much its media repeats itself by nature.
    let mut natural = vec![0_usize; movie.tracks.len()];
    for run in runs(source, &homes)? {
        let home = homes.partition_point(|h| h.chunk.span.end <= run.span.start);
        let track = homes.get(home).map_or(0, |h| h.track);
        if is_copied(source, run)? && !begins_chunk(&homes, run) {
            copied.push((track, run));
        } else if let Some(natural) = natural.get_mut(track) {
            *natural += 1;
        }
    }
    let of = |track: usize| copied.iter().filter(|(t, _)| *t == track).count();
    let trusted: Vec<bool> = (0..).zip(&natural).map(|(t, n)| *n <= of(t)).collect();
    copied.retain(|(track, _)| trusted.get(*track) == Some(&true));
    let known = harmed.clone();
    for (_, run) in copied {
        let earlier = Span::at(run.earlier, run.span.len());
        let both = [
            samples(&homes, movie, earlier),
            samples(&homes, movie, run.span),
        ];
        let is_known = |new: &Harmed| {
            let same = |h: &&Harmed| h.track == new.track;
            let mut same = known.iter().filter(same);
            same.any(|h| h.first < new.first + new.count && new.first < h.first + h.count)
        };
        if both.iter().flatten().any(is_known) {
            continue;
        }
        let [_, later] = both;
        harmed.extend(later.into_iter().take(KEPT.saturating_sub(harmed.len())));
    }
    Ok(())
}

/// All chunks in the order of the file; `None` if they are too many.
fn homes(movie: &Movie, size: u64) -> Option<Vec<Home>> {
    let mut homes = Vec::new();
    for (track, t) in movie.tracks.iter().enumerate() {
        let there = chunks(&t.samples).filter(|c| !c.span.is_empty() && c.span.end <= size);
        homes.extend(there.take(CHUNKS + 1).map(|chunk| Home { track, chunk }));
        if homes.len() > CHUNKS {
            return None;
        }
    }
    homes.sort_by_key(|h| h.chunk.span);
    Some(homes)
}

/// Sectors that lie within samples, in pieces.
fn pieces(homes: &[Home]) -> Vec<Span> {
    let mut areas: Vec<Span> = Vec::new();
    for home in homes {
        match areas.last_mut() {
            Some(last) if home.chunk.span.start <= last.end => {
                last.end = last.end.max(home.chunk.span.end);
            }
            _ => areas.push(home.chunk.span),
        }
    }
    let mut pieces = Vec::new();
    for area in areas {
        let end = area.end / SECTOR_BYTES * SECTOR_BYTES;
        let mut at = area.start.next_multiple_of(SECTOR_BYTES);
        while at < end {
            let piece = Span::new(at, end.min(at + PIECE));
            pieces.push(piece);
            at = piece.end;
        }
    }
    pieces
}

/// Sectors that hold what earlier ones do, as many as follow each other in both places taken together.
fn runs(source: &dyn ByteSource, homes: &[Home]) -> Result<Vec<Run>> {
    let pieces = pieces(homes);
    let sectors: u64 = pieces.iter().map(|p| p.len() / SECTOR_BYTES).sum();
    if sectors > MOST {
        return Ok(Vec::new());
    }
    let hashes: Vec<Vec<(u64, u64)>> = pieces
        .par_iter()
        .map(|piece| {
            let bytes = source.read_span(*piece)?;
            let sectors = bytes.chunks_exact(SECTOR);
            let numbered = (piece.start / SECTOR_BYTES..).zip(sectors);
            Ok(numbered.filter_map(|(n, s)| Some((hash(s)?, n))).collect())
        })
        .collect::<Result<_>>()?;
    let mut hashes: Vec<(u64, u64)> = hashes.into_iter().flatten().collect();
    hashes.par_sort_unstable();
    let mut twins = Vec::new();
    for alike in hashes.chunk_by(|a, b| a.0 == b.0) {
        if let [(_, first), others @ ..] = alike
            && alike.len() <= ALIKE
        {
            twins.extend(others.iter().map(|(_, number)| (*number, *first)));
        }
    }
    twins.sort_unstable();
    let follow = |a: &(u64, u64), b: &(u64, u64)| a.0 + 1 == b.0 && a.1 + 1 == b.1;
    let runs = twins.chunk_by(follow).filter_map(|run| {
        let (later, earlier) = run.first()?;
        Some(Run {
            span: Span::at(later * SECTOR_BYTES, run.len() as u64 * SECTOR_BYTES),
            earlier: earlier * SECTOR_BYTES,
        })
    });
    Ok(runs.collect())
}

/// Of a sector that holds more than one pattern of eight bytes.
fn hash(sector: &[u8]) -> Option<u64> {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let (words, _) = sector.as_chunks::<8>();
    let first = words.first()?;
    if words.iter().all(|w| w == first) {
        return None;
    }
    let mix = |hash: u64, word: &[u8; 8]| {
        let word = u64::from_le_bytes(*word);
        (hash.rotate_left(23) ^ word).wrapping_mul(FACTOR)
    };
    Some(words.iter().fold(0, mix))
}

/// Whether the two places are alike, and neither byte in front of them nor behind them is.
fn is_copied(source: &dyn ByteSource, run: Run) -> Result<bool> {
    let len = run.span.len().min(PIECE);
    let (Some(before), Some(before_earlier)) =
        (run.span.start.checked_sub(1), run.earlier.checked_sub(1))
    else {
        return Ok(false);
    };
    let byte =
        |at: u64| -> Result<Option<u8>> { Ok(source.read_span(Span::at(at, 1))?.first().copied()) };
    let apart = |a: u64, b: u64| -> Result<bool> {
        let (a, b) = (byte(a)?, byte(b)?);
        Ok(a.is_some() && b.is_some() && a != b)
    };
    let same = |at: u64| source.read_span(Span::at(at, len));
    Ok(apart(before, before_earlier)?
        && apart(run.span.end, run.earlier + run.span.len())?
        && same(run.span.start)? == same(run.earlier)?)
}

/// Whether a chunk begins with one of the two: writers that align chunks align what repeats itself.
fn begins_chunk(homes: &[Home], run: Run) -> bool {
    let begins = |at: u64| {
        homes
            .binary_search_by_key(&at, |h| h.chunk.span.start)
            .is_ok()
    };
    begins(run.span.start) || begins(run.earlier)
}

/// The samples that hold bytes of `span`, by chunks.
fn samples(homes: &[Home], movie: &Movie, span: Span) -> Vec<Harmed> {
    let from = homes.partition_point(|h| h.chunk.span.end <= span.start);
    let within = homes.iter().skip(from);
    let within = within.take_while(|h| h.chunk.span.start < span.end);
    let harmed = within.filter_map(|home| {
        let table = &movie.tracks.get(home.track)?.samples;
        let here = home.chunk.span.intersect(span);
        let mut clock = Clock::new(table);
        Some(Harmed::within(
            home.track,
            table,
            home.chunk,
            here,
            Harm::Repeated,
            &mut clock,
        ))
    });
    harmed.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tapo_movie::Track;

    /// Media of samples of 700 bytes that are noise, and the movie that lists them in chunks of 7.
    fn media() -> (Vec<u8>, Movie) {
        let noise = |i: u32| (i ^ i >> 7).wrapping_mul(0x9e37_79b1).to_be_bytes()[0];
        let bytes: Vec<u8> = (0..200_000).map(noise).collect();
        let mut track = Track::default();
        for number in 0..280_u32 {
            if number % 7 == 0 {
                track.samples.start_chunk(u64::from(number) * 700 + 48, 1);
            }
            track.samples.push(700, 40, 0, true).unwrap();
        }
        let movie = Movie {
            tracks: vec![track],
            ..Movie::default()
        };
        (bytes, movie)
    }

    fn found(bytes: &Vec<u8>, movie: &Movie) -> Vec<Span> {
        let mut harmed = Vec::new();
        find(bytes, movie, &mut harmed).unwrap();
        harmed.iter().map(|h| h.span).collect()
    }

    #[test]
    fn sectors_that_are_copies_of_others_are_found() {
        let (sound, movie) = media();
        assert_eq!(found(&sound, &movie), []);
        for sectors in [1, 8] {
            let mut bytes = sound.clone();
            bytes.copy_within(51_200..51_200 + sectors * 512, 102_400);
            let spans = found(&bytes, &movie);
            let hull = (spans[0].start, spans[spans.len() - 1].end);
            assert_eq!(hull, (102_400, 102_400 + sectors as u64 * 512));
        }
    }

    #[test]
    fn what_repeats_itself_elsewhere_than_by_sectors_is_sound() {
        let (sound, movie) = media();
        // A sample that is the same again, and a stretch that is one byte longer than its sectors.
        for (from, to, len) in [
            (48, 140_048, 700),
            (51_200, 102_400, 1025),
            (51_199, 102_399, 1025),
        ] {
            let mut bytes = sound.clone();
            bytes.copy_within(from..from + len, to);
            assert_eq!(found(&bytes, &movie), [], "{from}");
        }
        // Silence.
        let mut bytes = sound.clone();
        bytes[51_200..52_224].fill(0x55);
        bytes[102_400..102_912].fill(0x55);
        assert_eq!(found(&bytes, &movie), []);
    }
}
