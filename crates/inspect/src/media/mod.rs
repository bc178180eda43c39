//! The media itself: do the samples read as what their track says they are.
//!
//! The lengths of NAL units must add up to the size of their sample; what a
//! recogniser of the track's codec refuses is damage too, unless it refuses so
//! much that it is the recogniser that does not fit. Every block of samples is
//! looked at on its own, so that several threads share the work and the result
//! is the same.

mod examine;

use crate::{Listing, Result};
use examine::Examiner;
use rayon::prelude::*;
use tapo_io::{ByteSource, Span};
use tapo_movie::{Movie, SampleTable, Samples};

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

/// Samples that are looked at in one go.
const BLOCK: usize = 2048;

/// Damaged stretches that are kept of one track.
const KEPT: usize = 1000;

/// Examines the samples of a movie, and says which are damaged, by track and
/// number.
///
/// # Errors
/// The source fails.
pub(crate) fn examine(source: &dyn ByteSource, movie: &Movie, depth: Depth) -> Result<Vec<Harmed>> {
    let mut all = Vec::new();
    if depth == Depth::Tables {
        return Ok(all);
    }
    for (index, track) in movie.tracks.iter().enumerate() {
        let Some(examiner) = Examiner::of(track, depth) else {
            continue;
        };
        let blocks: Vec<_> = blocks(&track.samples, source.len())
            .into_par_iter()
            .map(|samples| examiner.block(source, samples.take(BLOCK)))
            .collect::<Result<_>>()?;
        let seen: usize = blocks.iter().map(|b| b.seen).sum();
        let refused = blocks.iter().flat_map(|b| &b.harmed);
        let refused: usize = refused.filter(|(_, harm)| *harm == Harm::Syntax).count();
        let trusted = refused <= seen.div_ceil(TRUST);
        let mut kept = Vec::new();
        for (sample, harm) in blocks.iter().flat_map(|b| &b.harmed) {
            if *harm == Harm::Syntax && !trusted {
                continue;
            }
            merge(&mut kept, index, sample, *harm);
        }
        all.append(&mut kept);
    }
    Ok(all)
}

/// One sample in so many may be refused; a recogniser that refuses more does not
/// know this encoder.
const TRUST: usize = 20;

/// Where each block of samples begins, as far as listing them is worth while.
fn blocks(table: &SampleTable, size: u64) -> Vec<Samples<'_>> {
    let mut listing = Listing::new(table, size);
    let mut samples = table.iter();
    let mut blocks = Vec::new();
    loop {
        blocks.push(samples.clone());
        for _ in 0..BLOCK {
            if listing.next().is_none() {
                return blocks;
            }
            samples.next();
        }
    }
}

fn merge(kept: &mut Vec<Harmed>, track: usize, sample: &tapo_movie::Sample, harm: Harm) {
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
