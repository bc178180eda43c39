//! Sizes as the samples themselves have them.

use super::{Wrong, recogniser};
use crate::Result;
use crate::profile::Profile;
use tapo_codec::{Depth, Recogniser};
use tapo_io::{ByteSource, Window};
use tapo_movie::{Chunk, Movie, Sizes, Track};

/// Sizes as the samples of a chunk have them by their own syntax, where they are not those of the table.
pub(super) fn measured(
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
        let (Some(recogniser), Some(wrong)) = (recogniser(profile, index), wrong.lists.get(index))
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
        // Where most are longer than their syntax says, that is not all there is to it.
        let most = wrong.len() * 2 > sizes.len();
        for chunk in &track.samples.chunks {
            let last = first.saturating_add(chunk.samples);
            let at = wrong.partition_point(|n| *n < first);
            if wrong.get(at).is_some_and(|n| *n < last) {
                let next = starts.partition_point(|s| *s <= chunk.offset);
                let end = starts.get(next).copied().unwrap_or(source.len());
                if let Some(lengths) = walk(&mut window, &*recogniser, chunk, end)? {
                    let own = || sizes.iter().skip(first.saturating_sub(1) as usize);
                    let stated: u64 = own().take(lengths.len()).map(|s| u64::from(*s)).sum();
                    let measured: u64 = lengths.iter().map(|len| u64::from(*len)).sum();
                    if !most || measured >= stated || chunk.offset + measured == end {
                        let own = sizes.iter_mut().skip(first.saturating_sub(1) as usize);
                        own.zip(lengths).for_each(|(size, len)| *size = len);
                        any = true;
                    }
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

/// Samples whose table of sizes is lost, at most.
const UNSIZED: u64 = 1 << 22;

/// As many samples as there are durations, where the table of sizes says that there are none: what each has is measured.
pub(super) fn counted(movie: &Movie) -> Option<Movie> {
    let unsized_ = |track: &Track| {
        let runs = track.samples.durations.runs().iter();
        let count = runs.map(|(n, _)| u64::from(*n)).sum::<u64>();
        let lost = track.samples.is_empty() && !track.samples.unused.is_empty();
        (lost && (1..=UNSIZED).contains(&count)).then_some(count)
    };
    if !movie.tracks.iter().any(|t| unsized_(t).is_some()) {
        return None;
    }
    let mut movie = movie.clone();
    for track in &mut movie.tracks {
        let Some(mut left) = unsized_(track) else {
            continue;
        };
        let table = &mut track.samples;
        table.sizes = Sizes::Each(vec![0; usize::try_from(left).unwrap_or(0)]);
        for mut chunk in std::mem::take(&mut table.unused) {
            chunk.samples = u32::try_from(u64::from(chunk.samples).min(left)).unwrap_or(0);
            left -= u64::from(chunk.samples);
            table.chunks.push(chunk);
        }
    }
    Some(movie)
}
