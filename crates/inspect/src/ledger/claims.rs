//! The bytes that samples claim, by chunks, in file order.

use super::{Holding, Ledger, OVERLAPS, Overlap};
use crate::places::chunks;
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use tapo_io::Span;
use tapo_movie::{Movie, SampleTable};

/// The samples of one chunk that are not accounted for yet.
#[derive(Copy, Clone, Debug)]
struct Claim {
    span: Span,
    /// Which of the tracks.
    track: u32,
    /// Number of the first sample that ends behind `reached`.
    number: u32,
    /// Samples from there on.
    samples: u32,
    /// Where that sample begins.
    reached: u64,
}

/// Claims in the order of their first bytes, put together on the way from chunks that stand in order, as those of
/// nearly every file do.
pub(super) struct Claims<'a> {
    tables: Vec<(u32, &'a SampleTable)>,
    /// Of each track, what is left of its chunks.
    rest: Vec<Box<dyn Iterator<Item = Claim> + 'a>>,
    /// The first claim of each track, the first byte of all first.
    heads: BinaryHeap<Reverse<Head>>,
    /// The one that is being accounted for.
    now: Option<Claim>,
}

/// A claim that waits, ordered by its first byte, then by its track.
struct Head(Claim);

impl Head {
    const fn key(&self) -> (u64, u32) {
        (self.0.span.start, self.0.track)
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Head {}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Head {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

/// The claims of a track, in the order of their first bytes.
fn of_track(track: u32, table: &SampleTable, size: u64) -> Box<dyn Iterator<Item = Claim> + '_> {
    let inside = chunks(table).filter(move |c| c.span.start < size && !c.span.is_empty());
    let claims = inside.map(move |chunk| Claim {
        span: Span::new(chunk.span.start, chunk.span.end.min(size)),
        track,
        number: chunk.first,
        samples: chunk.samples,
        reached: chunk.span.start,
    });
    if table.chunks.is_sorted_by_key(|c| c.offset) {
        return Box::new(claims);
    }
    let mut sorted: Vec<_> = claims.collect();
    sorted.sort_by_key(|c| c.span.start);
    Box::new(sorted.into_iter())
}

impl<'a> Claims<'a> {
    pub(super) fn of(movie: Option<&'a Movie>, size: u64) -> Self {
        let tracks = movie.map_or(&[][..], |m| m.tracks.as_slice());
        let tables: Vec<_> = tracks.iter().map(|t| (t.header.id, &t.samples)).collect();
        let of_tracks = (0..).zip(&tables);
        let mut rest: Vec<_> = of_tracks
            .map(|(t, (_, table))| of_track(t, table, size))
            .collect();
        let heads = rest.iter_mut().filter_map(Iterator::next);
        Self {
            tables,
            heads: heads.map(|claim| Reverse(Head(claim))).collect(),
            rest,
            now: None,
        }
    }

    /// The claim whose first byte comes first of those that wait.
    fn take(&mut self) -> Option<Claim> {
        let mut first = self.heads.peek_mut()?;
        let track = first.0.0.track as usize;
        match self.rest.get_mut(track).and_then(Iterator::next) {
            Some(next) => Some(std::mem::replace(&mut first.0.0, next)),
            None => Some(PeekMut::pop(first).0.0),
        }
    }

    /// The first samples in `rest`, all of which is not accounted for. What was
    /// claimed twice is noted.
    pub(super) fn next(&mut self, rest: Span, ledger: &mut Ledger) -> Option<(Span, Holding)> {
        loop {
            if self.now.is_none() {
                self.now = self.take();
            }
            let claim = self.now.as_mut()?;
            let (track, table) = self.tables.get(claim.track as usize)?;
            if claim.span.start < rest.start {
                let taken = Span::new(claim.span.start, claim.span.end.min(rest.start));
                // Those of the box that was stepped over are not another sample's.
                if !taken.is_empty() && ledger.is_samples(taken) {
                    ledger.overlapping += taken.len();
                    if ledger.overlaps.len() < OVERLAPS {
                        ledger.overlaps.push(Overlap {
                            span: taken,
                            track: *track,
                            number: claim.number,
                        });
                    }
                }
                claim.span.start = taken.end;
            }
            if claim.span.is_empty() {
                self.now = None;
                continue;
            }
            if claim.span.start >= rest.end {
                return None;
            }
            let span = claim.span.intersect(rest);
            let (first, count) = claim.samples_until(span, table);
            claim.span.start = span.end;
            let track = *track;
            return Some((
                span,
                Holding::Samples {
                    track,
                    first,
                    count,
                },
            ));
        }
    }
}

impl Claim {
    /// The samples that stand, at least in part, in `span`, which begins where
    /// the claim does.
    fn samples_until(&mut self, span: Span, table: &SampleTable) -> (u32, u32) {
        let size = |number| u64::from(table.sizes.get(number).unwrap_or(0));
        if self.reached == span.start && self.span.end == span.end {
            return (self.number, self.samples);
        }
        // Steps over those that end before it.
        while self.samples > 1 && self.reached + size(self.number) <= span.start {
            self.reached += size(self.number);
            self.number += 1;
            self.samples -= 1;
        }
        let first = self.number;
        let mut count = 1;
        while self.samples > 1 && self.reached + size(self.number) < span.end {
            self.reached += size(self.number);
            self.number += 1;
            self.samples -= 1;
            count += 1;
        }
        (first, count)
    }
}

impl Ledger {
    /// Whether the last bytes of `span` were given to samples.
    fn is_samples(&self, span: Span) -> bool {
        let last = span.end.checked_sub(1).map(|at| self.place_of(at));
        let entry = last.and_then(|place| self.get(place));
        entry.is_some_and(|e| matches!(e.what, Holding::Samples { .. }))
    }
}
