//! Samples as the search finds them, before they have times.

mod items;
mod turns;
mod ways;

use crate::Class;
use tapo_codec::{Order, OrderKey, aac::FrameShape};
use tapo_io::Span;

pub(crate) use items::Items;
pub(crate) use turns::Turns;
pub(crate) use ways::{Place, Row};

/// A sample, or a row of constant-rate data.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) struct Item {
    /// Offset of its first byte.
    pub(crate) at: u64,
    /// Its bytes.
    pub(crate) size: u32,
    /// Samples in it: more than one for constant-rate data only.
    pub(crate) samples: u32,
    /// The track, or any of its group before twins are told apart.
    pub(crate) track: u16,
    pub(crate) sync: bool,
    pub(crate) class: Class,
    pub(crate) when: When,
}

/// What is known of an item's time.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) enum When {
    /// Nothing but its place: it is shown in the order of decoding.
    InTurn,
    /// Its place in presentation order, comparable within its stretch.
    Order(OrderKey),
    /// Its exact time by a surviving index, ticks of its track.
    Known {
        dts: i64,
        composition_offset: i32,
        duration: u32,
    },
}

impl Item {
    pub(crate) fn span(&self) -> Span {
        Span::at(self.at, u64::from(self.size))
    }
}

/// Items that follow each other without a break.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stretch {
    /// Index of its first item.
    pub(crate) first: usize,
    /// What could not be used in front of it; empty if nothing was lost.
    pub(crate) lost: Span,
    /// Whether it begins where the recording did.
    pub(crate) from_start: bool,
    /// First and last order of each track that has one: by track.
    pub(crate) ends: Vec<(u16, Order, Order)>,
}

/// What a search found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    /// In file order.
    pub(crate) items: Items,
    pub(crate) stretches: Vec<Stretch>,
    /// The shapes of the items of tracks that have twins, in order.
    pub(crate) shapes: Vec<Option<FrameShape>>,
    /// Boxes met within the media data.
    pub(crate) boxes: Vec<Span>,
    /// A sample that the data ends within.
    pub(crate) cut: Option<Span>,
    /// Where tracks turn to another of their sample entries: by the first track
    /// of each coding.
    pub(crate) turns: Turns,
    /// Samples of an index whose bytes are not those of a sample.
    pub(crate) dropped: Vec<Dropped>,
    /// Where samples stood that do not belong there, and how many.
    pub(crate) foreign: Vec<(Span, u64)>,
    /// Where nothing but the heads of fragments was lost: all of their samples were found.
    pub(crate) filled: Vec<Span>,
}

/// A sample that an index names and whose bytes are something else.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Dropped {
    pub(crate) track: u16,
    pub(crate) span: Span,
    pub(crate) dts: i64,
    pub(crate) composition_offset: i32,
    pub(crate) duration: u32,
}

impl Found {
    /// Takes stretches out, numbers ascending: what they held is lost in front of
    /// the next. Says which bytes, and how many samples.
    pub(crate) fn leave_out(&mut self, numbers: &[usize]) -> Vec<(Span, u64)> {
        let old = std::mem::take(self);
        let mut left_out: Vec<(Span, u64)> = Vec::new();
        let mut lost = None;
        for (number, (stretch, row)) in old.rows().enumerate() {
            let items = old.items.range(row.clone());
            if numbers.binary_search(&number).is_ok() {
                let samples = items.clone().map(|i| u64::from(i.samples.max(1))).sum();
                let ends = items.clone().next().zip(items.clone().next_back());
                left_out.extend(ends.map(|(a, b)| (Span::new(a.at, b.span().end), samples)));
                lost = lost.or(Some(stretch.lost.start));
                continue;
            }
            let mut stretch = Stretch {
                first: self.items.len(),
                ..stretch.clone()
            };
            if let Some(start) = lost.take() {
                stretch.lost.start = start;
            }
            self.stretches.push(stretch);
            self.items.extend(items);
            if !old.shapes.is_empty() {
                let shapes = old.shapes.get(row).unwrap_or_default();
                self.shapes.extend_from_slice(shapes);
            }
        }
        self.boxes = old.boxes;
        self.cut = old.cut;
        self.turns = old.turns;
        self.dropped = old.dropped;
        self.filled = old.filled;
        left_out
    }

    /// Whether a stretch is all of fragments whose heads alone were lost.
    pub(crate) fn is_filled(&self, stretch: &Stretch) -> bool {
        let first = self
            .filled
            .first()
            .and_then(|_| self.items.get(stretch.first));
        first.is_some_and(|first| self.filled.iter().any(|f| f.contains(first.span())))
    }

    /// The stretches, each with the indices of its items.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (&Stretch, std::ops::Range<usize>)> {
        let ends = self.stretches.iter().skip(1).map(|s| s.first);
        let ends = ends.chain([self.items.len()]);
        let rows = self.stretches.iter().zip(ends);
        rows.map(|(stretch, end)| (stretch, stretch.first..end))
    }
}
