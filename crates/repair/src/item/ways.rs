//! Ways through the items: one behind the other, those of one track, or what is known of their times.

use super::Item;
use super::When;
use super::items::{Cursor, Flags, Items, MARKED};
use crate::Class;
use std::cell::Cell;
use tapo_io::Span;

/// Items that follow each other.
#[derive(Clone, Debug)]
pub(crate) struct Row<'a> {
    pub(super) items: &'a Items,
    pub(super) next: Cursor,
    pub(super) end: usize,
}

impl Iterator for Row<'_> {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        if self.next.index >= self.end {
            return None;
        }
        self.next.take(self.items)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.end.saturating_sub(self.next.index);
        (left, Some(left))
    }
}

impl ExactSizeIterator for Row<'_> {}

/// From the back each item costs as much as [`Items::get`].
impl DoubleEndedIterator for Row<'_> {
    fn next_back(&mut self) -> Option<Item> {
        if self.next.index >= self.end {
            return None;
        }
        self.end -= 1;
        self.items.get(self.end)
    }
}

/// Looks at items one behind the other; going back, or far ahead, costs as much as [`Items::get`].
#[derive(Clone, Debug)]
pub(crate) struct Whens<'a> {
    pub(super) items: &'a Items,
    pub(super) next: Cell<Cursor>,
}

impl Whens<'_> {
    /// What is known of an item's time.
    pub(crate) fn at(&self, index: usize) -> Option<When> {
        let mut next = self.next.get();
        if index < next.index || index - next.index > MARKED {
            next = self.items.cursor(index);
        }
        while next.index < index {
            next.pass(self.items)?;
        }
        let item = next.take(self.items)?;
        self.next.set(next);
        Some(item.when)
    }
}

/// Where an item stands.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Place {
    pub(crate) index: usize,
    pub(crate) at: u64,
    pub(crate) size: u32,
    pub(crate) samples: u32,
    pub(crate) sync: bool,
    pub(crate) class: Class,
}

impl Place {
    pub(crate) fn span(&self) -> Span {
        Span::at(self.at, u64::from(self.size))
    }
}

/// The items of one track, without what is known of their times.
#[derive(Clone, Debug)]
pub(crate) struct Places<'a> {
    pub(super) items: &'a Items,
    pub(super) next: Cursor,
    pub(super) track: u16,
}

impl Places<'_> {
    /// The place of an item of the track. They are quickly found in their order;
    /// another order is that of fragments that were swapped.
    pub(crate) fn of(&mut self, index: usize) -> Option<Place> {
        if index < self.next.index {
            self.next = self.items.cursor(index);
        }
        self.find(|place| place.index == index)
    }
}

impl Iterator for Places<'_> {
    type Item = Place;

    fn next(&mut self) -> Option<Place> {
        loop {
            let here = self.next;
            let (at, size, flags) = self.next.pass(self.items)?;
            if self.items.tracks.get(here.index) != Some(&self.track) {
                continue;
            }
            let samples = match flags.has(Flags::ROW) {
                true => *self.items.rows.get(here.rows)?,
                false => 1,
            };
            return Some(Place {
                index: here.index,
                at,
                size,
                samples,
                sync: flags.has(Flags::SYNC),
                class: flags.class(),
            });
        }
    }
}
