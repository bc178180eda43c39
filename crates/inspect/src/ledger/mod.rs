//! The ledger: what every byte of a file is, each exactly once.
//!
//! Structure comes from the boxes, samples from chunks as a whole, and what
//! neither explains is looked at: zeros, known filler, boxes that nothing leads
//! to, or unknown. Worked out over runs of samples, so that a table of a million
//! samples costs no more than its chunks.

mod claims;
mod gaps;
mod packed;

pub(crate) use gaps::BLOCK;
pub use packed::Entries;

use crate::Result;
use claims::Claims;
use packed::Packed;
use tapo_bmff::{BoxNode, FourCc};
use tapo_io::{ByteSource, Span, Window};
use tapo_movie::Movie;

/// What a range of bytes is.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Holding {
    /// The header of a box: size, type, extended type.
    BoxHeader {
        /// The box.
        kind: FourCc,
    },
    /// Fields of a box.
    BoxPayload {
        /// The box.
        kind: FourCc,
    },
    /// Samples of one track, one behind the other.
    Samples {
        /// The track's id.
        track: u32,
        /// Number of the first, from 1 on.
        first: u32,
        /// How many; the first and the last may be there in part.
        count: u32,
    },
    /// Nothing but zeros.
    Zeros {
        /// The box they stand in; `None` between boxes.
        inside: Option<FourCc>,
    },
    /// Filler that some writer is known to leave.
    Filler {
        /// Whose.
        name: &'static str,
    },
    /// A whole box, or the header of a longer one, that nothing leads to: a stale
    /// index, a fragment of a recording that was finalized.
    Leftover {
        /// The box.
        kind: FourCc,
    },
    /// Bytes that nothing explains.
    Unknown {
        /// The box they stand in; `None` between boxes.
        inside: Option<FourCc>,
    },
}

impl Holding {
    /// Its stable name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::BoxHeader { .. } => "box-header",
            Self::BoxPayload { .. } => "box-payload",
            Self::Samples { .. } => "samples",
            Self::Zeros { .. } => "zeros",
            Self::Filler { .. } => "filler",
            Self::Leftover { .. } => "leftover",
            Self::Unknown { .. } => "unknown",
        }
    }

    /// Whether it is neither structure in use nor samples.
    #[must_use]
    pub const fn is_spare(&self) -> bool {
        matches!(
            self,
            Self::Zeros { .. } | Self::Filler { .. } | Self::Leftover { .. } | Self::Unknown { .. }
        )
    }
}

/// One range of the ledger.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    /// The bytes; never empty.
    pub span: Span,
    /// What they are.
    pub what: Holding,
}

/// Bytes that samples of two chunks claim.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct Overlap {
    /// The bytes that the second one does not get.
    pub span: Span,
    /// Id of the track whose samples these are as well.
    pub track: u32,
    /// Number of the first of them, from 1 on.
    pub number: u32,
}

/// Every byte of a file, once, in order: the ranges follow each other without a
/// gap from 0 to the size of the file.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Ledger {
    entries: Packed,
    overlaps: Vec<Overlap>,
    overlapping: u64,
}

/// Overlaps that are kept one by one.
const OVERLAPS: usize = 16;

impl Ledger {
    /// The ranges.
    #[must_use]
    pub fn entries(&self) -> Entries<'_> {
        self.entries.all()
    }

    /// The range at this place among them, from 0 on.
    #[must_use]
    pub fn get(&self, place: usize) -> Option<Entry> {
        self.entries.get(place)
    }

    /// The place among the ranges of the one that holds the byte `at`; how many
    /// there are, if none does.
    #[must_use]
    pub fn place_of(&self, at: u64) -> usize {
        self.entries.place_of(at)
    }

    /// The first overlaps of samples.
    #[must_use]
    pub fn overlaps(&self) -> &[Overlap] {
        &self.overlaps
    }

    /// Bytes that more than one sample claims, each further claim counted.
    #[must_use]
    pub const fn overlapping_bytes(&self) -> u64 {
        self.overlapping
    }
}

/// A ledger in the making: it is shown the boxes of a file, in order.
pub(crate) struct Account<'a> {
    source: &'a dyn ByteSource,
    window: Window<'a>,
    claims: Claims<'a>,
    ledger: Ledger,
    /// All before this is accounted for.
    at: u64,
    /// The `moov` that no box leads to; empty without one.
    astray: Span,
}

impl<'a> Account<'a> {
    /// Of a file whose index is `movie`; `astray` is a `moov` that no box leads to.
    pub(crate) fn new(
        source: &'a dyn ByteSource,
        movie: Option<&'a Movie>,
        astray: Option<Span>,
    ) -> Self {
        Self {
            source,
            window: Window::new(source),
            claims: Claims::of(movie, source.len()),
            ledger: Ledger::default(),
            at: 0,
            astray: astray.unwrap_or_default(),
        }
    }

    /// Accounts for boxes, each before its children, to the end of the last of the top level.
    ///
    /// # Errors
    /// The source fails.
    pub(crate) fn boxes(&mut self, nodes: &[BoxNode]) -> Result<()> {
        let mut open: Vec<(u64, FourCc)> = Vec::new();
        for node in nodes {
            while let Some((end, kind)) = open.pop_if(|(end, _)| *end <= node.span.start) {
                self.fill(end, Some(kind))?;
            }
            self.fill(node.span.start, open.last().map(|(_, kind)| *kind))?;
            self.put(node.payload().start, Holding::BoxHeader { kind: node.kind });
            open.push((node.span.end, node.kind));
        }
        while let Some((end, kind)) = open.pop() {
            self.fill(end, Some(kind))?;
        }
        Ok(())
    }

    /// Accounts for what is behind the last box.
    ///
    /// # Errors
    /// The source fails.
    pub(crate) fn close(mut self) -> Result<Ledger> {
        self.fill(self.source.len(), None)?;
        Ok(self.ledger)
    }

    /// Accounts for everything up to `end`, which stands in a box of type
    /// `inside`: samples, and what is between them.
    fn fill(&mut self, end: u64, inside: Option<FourCc>) -> Result<()> {
        while self.at < end {
            let rest = Span::new(self.at, end);
            let claim = self.claims.next(rest, &mut self.ledger);
            self.gap(claim.map_or(end, |(span, _)| span.start), inside)?;
            if let Some((span, what)) = claim {
                self.put(span.end, what);
            }
        }
        Ok(())
    }

    /// Accounts for what no sample claims.
    fn gap(&mut self, end: u64, inside: Option<FourCc>) -> Result<()> {
        let astray = self.astray.intersect(Span::new(self.at.min(end), end));
        if !astray.is_empty() {
            self.plain_gap(astray.start, inside)?;
            let kind = FourCc(*b"moov");
            self.put(astray.end, Holding::Leftover { kind });
        }
        self.plain_gap(end, inside)
    }

    fn plain_gap(&mut self, end: u64, inside: Option<FourCc>) -> Result<()> {
        let span = Span::new(self.at, end);
        match inside {
            _ if span.is_empty() => {}
            Some(kind) if !gaps::holds_anything(kind) => {
                self.put(end, Holding::BoxPayload { kind });
            }
            _ => {
                let (source, window) = (self.source, &mut self.window);
                for (end, what) in gaps::look(source, window, span, inside)? {
                    self.put(end, what);
                }
                self.put(end, Holding::Unknown { inside });
            }
        }
        Ok(())
    }

    fn put(&mut self, end: u64, what: Holding) {
        if end <= self.at {
            return;
        }
        self.at = end;
        self.ledger.entries.put(end, what);
    }
}

#[cfg(test)]
mod tests;
