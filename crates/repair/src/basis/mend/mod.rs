//! Tables that lie about where samples stand, put right by what the samples themselves show: bytes that are missing or
//! too many in front of them, chunks that changed places, sizes that their own syntax contradicts.
//!
//! A change is made only where more samples read as their codec has it than did before.

mod places;
mod seams;
mod sizes;

use super::left::bare;
use super::timing::Shown;
use crate::Result;
use crate::profile::{Finding, Profile};
use crate::verify::{self, Reading};
use tapo_codec::{Depth, Recogniser, Verdict};
use tapo_io::{ByteSource, Span, Window};
use tapo_movie::{Edit, Movie, rescale};

/// Times that all changes are tried: each place where bytes are missing is one.
const ROUNDS: usize = 8;

/// A movie whose tables were put right, as far as they can be.
#[derive(Default)]
pub(super) struct Mended {
    /// The movie, if anything was wrong.
    pub(super) movie: Option<Movie>,
    /// Tracks whose pictures are shown in another order than they count: indices.
    pub(super) inverted: Vec<usize>,
    /// Samples that are there, and damaged: where they stand now.
    pub(super) doubted: Vec<Span>,
}

/// The movie with its tables put right. `media` is where media data may stand.
///
/// # Errors
/// The source fails.
pub(super) fn mended(source: &dyn ByteSource, media: &[Span], movie: &Movie) -> Result<Mended> {
    let counted = sizes::counted(movie);
    let movie = counted.as_ref().unwrap_or(movie);
    let profile = Profile::learn(&bare(movie), source)?;
    let mut wrong = Wrong::of(source, movie, &profile, &[])?;
    let mut best = Mended::default();
    for _ in 0..ROUNDS {
        let now = best.movie.as_ref().unwrap_or(movie);
        if wrong.count() == 0 {
            break;
        }
        let alone = |movie| (movie, Vec::new());
        let tries = [
            places::ordered(now, &wrong).map(alone),
            places::dealt(now, &wrong).map(alone),
            sizes::measured(source, now, &profile, &wrong)?.map(alone),
            seams::moved(source, now, &profile, &wrong)?,
            places::placed(source, media, now, &profile, &wrong)?.map(alone),
        ];
        let mut better = None;
        for (candidate, mut doubted) in tries.into_iter().flatten() {
            doubted.extend(&best.doubted);
            let then = Wrong::of(source, &candidate, &profile, &doubted)?;
            let least = better
                .as_ref()
                .map_or(wrong.count(), |(w, ..): &(Wrong, _, _)| w.count());
            if then.count() < least {
                better = Some((then, candidate, doubted));
            }
        }
        let Some((then, candidate, doubted)) = better else {
            break;
        };
        best.doubted = doubted;
        best.movie = Some(candidate);
        wrong = then;
    }
    best.inverted = wrong.inverted;
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

/// Samples that are not where the tables say.
pub(super) struct Wrong {
    /// Numbers from 1 on, by track.
    lists: Vec<Vec<u32>>,
    /// Chunks that lie over others.
    overlaps: usize,
    /// Tracks without a syntax, two of whose chunks changed places: indices.
    swapped: Vec<usize>,
    /// Tracks whose pictures are shown in another order than they count: indices.
    inverted: Vec<usize>,
}

impl Wrong {
    /// Looks at all samples but those that are known to be damaged.
    pub(super) fn of(
        source: &dyn ByteSource,
        movie: &Movie,
        profile: &Profile,
        doubted: &[Span],
    ) -> Result<Self> {
        let mut all = Vec::with_capacity(movie.tracks.len());
        let mut inverted = Vec::new();
        for (index, track) in movie.tracks.iter().enumerate() {
            let mut wrong = Vec::new();
            let mut shown = Shown::default();
            let of = profile.tracks.get(index);
            if let Some(mut reading) = of.and_then(|of| Reading::of(source, of)) {
                let units = profile.movie.tracks.get(index).and_then(verify::units);
                for sample in &track.samples {
                    let inside = sample.span.end <= source.len() && !sample.span.is_empty();
                    if (!inside || !reading.is_right(&sample, units)?)
                        && !doubted.contains(&sample.span)
                    {
                        wrong.push(sample.number);
                    } else if let Some(order) = reading.order() {
                        shown.see(order, sample.pts());
                    }
                }
            }
            if wrong.is_empty() && shown.inverted() {
                inverted.push(index);
            }
            all.push(wrong);
        }
        let exact = |index: usize| recogniser(profile, index).is_some();
        let mut wrong = Self {
            lists: all,
            overlaps: places::overlaps(movie),
            swapped: places::swapped(movie, &exact),
            inverted,
        };
        for (index, numbers) in places::covering(movie, &wrong, &exact) {
            if let Some(list) = wrong.lists.get_mut(index) {
                *list = numbers;
            }
        }
        Ok(wrong)
    }

    /// Samples of a track, by its index.
    pub(super) fn of_track(&self, index: usize) -> usize {
        self.lists.get(index).map_or(0, Vec::len)
    }

    /// Whether there are any among the samples of a track from one number up to another.
    fn is_among(&self, index: usize, first: u32, behind: u32) -> bool {
        let list = self.lists.get(index).map_or(&[][..], Vec::as_slice);
        let at = list.partition_point(|n| *n < first);
        list.get(at).is_some_and(|n| *n < behind)
    }

    fn count(&self) -> usize {
        self.lists.iter().map(Vec::len).sum::<usize>() + self.overlaps + self.swapped.len()
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
