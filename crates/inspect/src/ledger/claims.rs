//! The bytes that samples claim, by chunks, in file order.

use super::{Holding, Ledger, OVERLAPS, Overlap};
use crate::places::chunks;
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

/// Claims in the order of their first bytes.
pub(super) struct Claims<'a> {
    tables: Vec<(u32, &'a SampleTable)>,
    all: Vec<Claim>,
    next: usize,
}

impl<'a> Claims<'a> {
    pub(super) fn of(movie: Option<&'a Movie>, size: u64) -> Self {
        let tracks = movie.map_or(&[][..], |m| m.tracks.as_slice());
        let tables: Vec<_> = tracks.iter().map(|t| (t.header.id, &t.samples)).collect();
        let mut all = Vec::with_capacity(tables.iter().map(|(_, t)| t.chunks.len()).sum());
        for (track, (_, table)) in (0..).zip(&tables) {
            let inside = chunks(table).filter(|c| c.span.start < size && !c.span.is_empty());
            all.extend(inside.map(|chunk| Claim {
                span: Span::new(chunk.span.start, chunk.span.end.min(size)),
                track,
                number: chunk.first,
                samples: chunk.samples,
                reached: chunk.span.start,
            }));
        }
        all.sort_by_key(|c| (c.span.start, c.track));
        Self {
            tables,
            all,
            next: 0,
        }
    }

    /// The first samples in `rest`, all of which is not accounted for. What was
    /// claimed twice is noted.
    pub(super) fn next(&mut self, rest: Span, ledger: &mut Ledger) -> Option<(Span, Holding)> {
        loop {
            let claim = self.all.get_mut(self.next)?;
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
                self.next += 1;
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
        let last = self.entries.partition_point(|e| e.span.start < span.end);
        let entry = last.checked_sub(1).and_then(|i| self.entries.get(i));
        entry.is_some_and(|e| matches!(e.what, Holding::Samples { .. }))
    }
}
