//! The media itself: do the samples read as what their track says they are.
//!
//! The lengths of NAL units must add up to the size of their sample; what a
//! recogniser of the track's codec refuses is damage too, unless it refuses so
//! much that it is the recogniser that does not fit. Every block of samples is
//! looked at on its own, so that several threads share the work and the result
//! is the same.

mod against;
mod erased;
mod examine;
mod head;
mod repeated;
mod runs;
mod sectors;
mod zeros;

pub(crate) use head::is_head_of_picture;

pub use against::{Against, Misfit, Tally};

use crate::{Listing, Result};
use examine::Examiner;
use rayon::prelude::*;
use tapo_codec::Recogniser;
use tapo_io::{ByteSource, Span};
use tapo_movie::{Movie, Sample, SampleTable, Samples, Track};

/// How much of the media is looked at.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq)]
pub enum Depth {
    /// Every byte of files with up to 256 MiB of media, the heads of the units in
    /// each picture of larger ones.
    #[default]
    Usual,
    /// Nothing: heads and tables only.
    Tables,
    /// The heads of the units in each picture: lengths must add up.
    Heads,
    /// Every byte, as far as its syntax says anything about it.
    All,
}

/// Media of which every byte is looked at unasked, bytes.
const SMALL: u64 = 256 << 20;

impl Depth {
    /// What is done for this much media.
    pub(crate) const fn settle(self, bytes: u64) -> Self {
        match self {
            Self::Usual if bytes <= SMALL => Self::All,
            Self::Usual => Self::Heads,
            other => other,
        }
    }

    /// Its stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Usual => "usual",
            Self::Tables => "tables",
            Self::Heads => "heads",
            Self::All => "all",
        }
    }
}

/// Why a sample is thought to be damaged.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Harm {
    /// All of its bytes are zero.
    Zeroed,
    /// Sectors of it are nothing but 0xFF, as in flash memory that was erased.
    Erased,
    /// There is text in its coded data.
    Text,
    /// Sectors of it are those of another place.
    Repeated,
    /// The lengths of its units do not add up to its size.
    Lengths,
    /// Its bytes are nothing that its codec allows.
    Syntax,
}

impl Harm {
    /// Its stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Zeroed => "zeroed",
            Self::Erased => "erased",
            Self::Text => "text",
            Self::Repeated => "repeated",
            Self::Lengths => "lengths",
            Self::Syntax => "syntax",
        }
    }
}

/// Samples of one track, one behind the other, that are damaged.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct Harmed {
    /// Which of the movie's tracks, from 0 on.
    pub track: usize,
    /// Number of the first, from 1 on.
    pub first: u32,
    /// How many.
    pub count: u32,
    /// From the first byte of the first in the file to the last of the last.
    pub span: Span,
    /// Decode time of the first, ticks of the track's timescale.
    pub start: u64,
    /// Where the last one ends, ticks.
    pub end: u64,
    /// The worst that was seen.
    pub harm: Harm,
}

/// Bytes of a sector, the smallest piece that a card or disc writes or loses.
const SECTOR: usize = 512;
/// The same, to count with in a file.
const SECTOR_BYTES: u64 = SECTOR as u64;

/// Samples that are looked at in one go.
const BLOCK: usize = 2048;

/// Damaged stretches that are kept of one track.
const KEPT: usize = 1000;

/// What was seen of the media.
#[derive(Clone, Debug, Default)]
pub(crate) struct Examined {
    /// Stretches of samples that are damaged, by track and number.
    pub(crate) harmed: Vec<Harmed>,
    /// Of each track, what its tables and its media do not agree on.
    pub(crate) against: Vec<Against>,
}

/// Examines the samples of a movie.
///
/// # Errors
/// The source fails.
pub(crate) fn examine(source: &dyn ByteSource, movie: &Movie, depth: Depth) -> Result<Examined> {
    let mut all = Examined {
        harmed: Vec::new(),
        against: vec![Against::default(); movie.tracks.len()],
    };
    if depth == Depth::Tables {
        return Ok(all);
    }
    for (index, track) in movie.tracks.iter().enumerate() {
        if depth == Depth::All {
            zeros::find(source, index, track, &mut all.harmed)?;
            sectors::find(source, index, track, &mut all.harmed)?;
        }
        let Some(examiner) = Examiner::of(track, depth) else {
            continue;
        };
        let blocks: Vec<_> = blocks(&track.samples, source.len())
            .into_par_iter()
            .map(|(samples, count)| examiner.block(source, samples.take(count)))
            .collect::<Result<_>>()?;
        let seen: usize = blocks.iter().map(|b| b.seen).sum();
        let trusted = is_trusted(seen, blocks.iter().flat_map(|b| &b.harmed));
        if let Some(against) = all.against.get_mut(index) {
            blocks.iter().for_each(|b| against.join(&b.against));
            let harmed = blocks.iter().flat_map(|b| &b.harmed);
            let refused = harmed.filter(|(_, harm)| *harm == Harm::Syntax).count();
            against.judged = u32::try_from(seen).unwrap_or(u32::MAX);
            against.refused = u32::try_from(refused).unwrap_or(u32::MAX);
        }
        let mut kept = Vec::new();
        for (sample, harm) in blocks.iter().flat_map(|b| &b.harmed) {
            if *harm == Harm::Syntax && !trusted {
                continue;
            }
            merge(&mut kept, index, sample, *harm);
        }
        all.harmed.append(&mut kept);
    }
    if depth == Depth::All {
        repeated::find(source, movie, &mut all.harmed)?;
        all.harmed.sort_by_key(|h| (h.track, h.first));
    }
    Ok(all)
}

/// Whether samples of a track, wherever they are said to be, are sound.
pub(crate) fn are_sound(
    source: &dyn ByteSource,
    track: &Track,
    samples: &[Sample],
) -> Result<bool> {
    let Some(examiner) = Examiner::of(track, Depth::All) else {
        return Ok(false);
    };
    let seen = examiner.block(source, samples.iter().copied())?;
    Ok(seen.seen > 0 && seen.harmed.is_empty())
}

/// A recogniser that tells where the samples of a track end.
pub(crate) fn delimiter(track: &Track) -> Option<Box<dyn Recogniser>> {
    Examiner::of(track, Depth::All)?.delimiter()
}

/// One sample in so many may be refused; a recogniser that refuses more does not
/// know this encoder.
const TRUST: usize = 20;

/// Whether a recogniser knows the encoder: damage lies in one place, or all is
/// displaced from somewhere on; what it merely does not know is everywhere.
fn is_trusted<'a>(seen: usize, harmed: impl Iterator<Item = &'a (Sample, Harm)>) -> bool {
    let refused = harmed.filter(|(_, harm)| *harm == Harm::Syntax);
    let (mut count, mut run, mut longest, mut next) = (0, 0, 0, 0);
    let mut first = None;
    for (sample, _) in refused {
        run = if sample.number == next { run + 1 } else { 1 };
        first = first.or(Some(sample.number));
        next = sample.number.saturating_add(1);
        longest = longest.max(run);
        count += 1;
    }
    let (others, beside) = (count - longest, seen - longest);
    // All in one place, in which some may look sound by chance.
    let place = next.saturating_sub(first.unwrap_or(next)) as usize;
    // Nearly all from somewhere on: they stand elsewhere.
    let displaced = count * 10 >= place * 9 && seen >= place + 2 * TRUST;
    count <= seen.div_ceil(TRUST)
        || displaced
        || (beside >= 2 * TRUST && others <= beside / TRUST)
        || (place <= seen / 2 && seen - place >= TRUST)
}

/// Where each block of samples begins, and how many are in it, as far as listing
/// them is worth while. A block begins where decoding can start, if that is not
/// too far.
fn blocks(table: &SampleTable, size: u64) -> Vec<(Samples<'_>, usize)> {
    let listing = Listing::new(table, size);
    let mut samples = table.iter();
    let mut blocks = Vec::new();
    let (mut start, mut count) = (samples.clone(), 0);
    for sample in listing {
        if count >= 2 * BLOCK || (count >= BLOCK && sample.sync) {
            let begun = std::mem::replace(&mut start, samples.clone());
            blocks.push((begun, std::mem::take(&mut count)));
        }
        samples.next();
        count += 1;
    }
    blocks.push((start, count));
    blocks
}

fn merge(kept: &mut Vec<Harmed>, track: usize, sample: &Sample, harm: Harm) {
    let end = sample.dts.saturating_add(u64::from(sample.duration));
    if let Some(last) = kept.last_mut()
        && last.first + last.count == sample.number
    {
        last.count += 1;
        last.span.start = last.span.start.min(sample.span.start);
        last.span.end = last.span.end.max(sample.span.end);
        last.end = end;
        last.harm = last.harm.min(harm);
    } else if kept.len() < KEPT {
        kept.push(Harmed {
            track,
            first: sample.number,
            count: 1,
            span: sample.span,
            start: sample.dts,
            end,
            harm,
        });
    }
}
