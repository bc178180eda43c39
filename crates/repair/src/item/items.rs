//! A row of items, kept in columns: about seven bytes each, four more where the
//! headers of a picture say its place in presentation order.
//!
//! What most items share takes no room: that one begins where the one before it
//! ends, holds one sample, and has no time yet. Each exception is in a column of
//! its own, and the marks say which entries belong to an item.

use super::ways::{Places, Row, Whens};
use super::{Item, When};
use crate::Class;
use std::ops::Range;
use tapo_codec::OrderKey;

/// Items from mark to mark.
pub(super) const MARKED: usize = 128;

/// Items in the order of the file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Items {
    sizes: Vec<u32>,
    pub(super) tracks: Vec<u16>,
    flags: Vec<Flags>,
    /// Offsets of items that do not begin where the one before ends.
    breaks: Vec<u64>,
    /// Samples of items that are rows.
    pub(super) rows: Vec<u32>,
    /// Order counts of pictures, less the base of their run.
    values: Vec<i32>,
    runs: Vec<Run>,
    known: Vec<Known>,
    /// Where the columns stand at every so many items.
    marks: Vec<Cursor>,
    /// Where they stand behind the last.
    end: Cursor,
}

/// Which columns have an entry for an item, and what fits in a few bits.
#[derive(Copy, Clone, Debug)]
pub(super) struct Flags(u8);

impl Flags {
    const CLASS: u8 = 3;
    pub(super) const SYNC: u8 = 1 << 2;
    const BREAK: u8 = 1 << 3;
    pub(super) const ROW: u8 = 1 << 4;
    const ORDER: u8 = 1 << 5;
    const KNOWN: u8 = 1 << 6;

    pub(super) const fn has(self, bit: u8) -> bool {
        self.0 & bit != 0
    }

    pub(super) const fn class(self) -> Class {
        match self.0 & Self::CLASS {
            0 => Class::A,
            1 => Class::B,
            2 => Class::C,
            _ => Class::D,
        }
    }

    fn set_class(&mut self, class: Class) {
        let class = match class {
            Class::A => 0,
            Class::B => 1,
            Class::C => 2,
            Class::D => 3,
        };
        self.0 = self.0 & !Self::CLASS | class;
    }

    /// How many of a few have a bit: of no more than there are from mark to mark.
    fn count(flags: &[Self], bit: u8) -> usize {
        let count: u8 = flags.iter().map(|f| u8::from(f.has(bit))).sum();
        usize::from(count)
    }

    fn set(&mut self, bit: u8, on: bool) {
        if on {
            self.0 |= bit;
        }
    }
}

/// Pictures of one coded video sequence whose counts are near each other.
#[derive(Copy, Clone, Debug)]
struct Run {
    /// Place of the first in the column of values.
    first: usize,
    sequence: u64,
    base: i64,
}

/// A time by a surviving index.
#[derive(Copy, Clone, Debug)]
struct Known {
    dts: i64,
    composition_offset: i32,
    duration: u32,
}

/// A place in the columns: that of an item, and of the next exceptions.
#[derive(Copy, Clone, Debug, Default)]
pub(super) struct Cursor {
    /// Where the item before ends.
    at: u64,
    pub(super) index: usize,
    breaks: usize,
    pub(super) rows: usize,
    values: usize,
    /// The run of the last value passed.
    run: usize,
    known: usize,
}

impl Cursor {
    /// Goes to the next item. Says where in the file this one begins.
    pub(super) fn pass(&mut self, items: &Items) -> Option<(u64, u32, Flags)> {
        let flags = *items.flags.get(self.index)?;
        let size = *items.sizes.get(self.index)?;
        let at = if flags.has(Flags::BREAK) {
            *items.breaks.get(self.breaks)?
        } else {
            self.at
        };
        self.index += 1;
        self.at = at.saturating_add(size.into());
        self.breaks += usize::from(flags.has(Flags::BREAK));
        self.rows += usize::from(flags.has(Flags::ROW));
        if flags.has(Flags::ORDER) {
            let next = items.runs.get(self.run + 1);
            self.run += usize::from(next.is_some_and(|r| r.first <= self.values));
            self.values += 1;
        }
        self.known += usize::from(flags.has(Flags::KNOWN));
        Some((at, size, flags))
    }

    /// Takes the next item.
    pub(super) fn take(&mut self, items: &Items) -> Option<Item> {
        let mut here = *self;
        let (at, size, flags) = self.pass(items)?;
        here.run = self.run;
        let samples = match flags.has(Flags::ROW) {
            true => *items.rows.get(here.rows)?,
            false => 1,
        };
        Some(Item {
            at,
            size,
            samples,
            track: *items.tracks.get(here.index)?,
            sync: flags.has(Flags::SYNC),
            class: flags.class(),
            when: here.when(items, flags)?,
        })
    }

    fn when(&self, items: &Items, flags: Flags) -> Option<When> {
        Some(if flags.has(Flags::ORDER) {
            When::Order(items.order(self.values, self.run)?)
        } else if flags.has(Flags::KNOWN) {
            let known = items.known.get(self.known)?;
            When::Known {
                dts: known.dts,
                composition_offset: known.composition_offset,
                duration: known.duration,
            }
        } else {
            When::InTurn
        })
    }

    /// Passes items at once; but for where in the file that is.
    fn pass_all(&mut self, items: &Items, passed: &[Flags]) {
        let count = |bit| Flags::count(passed, bit);
        self.index += passed.len();
        self.breaks += count(Flags::BREAK);
        self.rows += count(Flags::ROW);
        self.values += count(Flags::ORDER);
        self.run = items.run_of(self.values.saturating_sub(1));
        self.known += count(Flags::KNOWN);
    }
}

impl Items {
    pub(crate) fn len(&self) -> usize {
        self.sizes.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.sizes.is_empty()
    }

    /// Appends an item.
    pub(crate) fn push(&mut self, item: Item) {
        if self.len().is_multiple_of(MARKED) {
            self.marks.push(self.end);
        }
        let mut flags = Flags(0);
        flags.set_class(item.class);
        flags.set(Flags::SYNC, item.sync);
        if item.at != self.end.at {
            flags.set(Flags::BREAK, true);
            self.breaks.push(item.at);
        }
        if item.samples != 1 {
            flags.set(Flags::ROW, true);
            self.rows.push(item.samples);
        }
        match item.when {
            When::InTurn => {}
            When::Order(key) => {
                flags.set(Flags::ORDER, true);
                self.push_order(key);
            }
            When::Known {
                dts,
                composition_offset,
                duration,
            } => {
                flags.set(Flags::KNOWN, true);
                self.known.push(Known {
                    dts,
                    composition_offset,
                    duration,
                });
            }
        }
        self.sizes.push(item.size);
        self.tracks.push(item.track);
        self.flags.push(flags);
        self.end = Cursor {
            at: item.span().end,
            index: self.len(),
            breaks: self.breaks.len(),
            rows: self.rows.len(),
            values: self.values.len(),
            run: self.runs.len().saturating_sub(1),
            known: self.known.len(),
        };
    }

    fn push_order(&mut self, key: OrderKey) {
        let near = |run: &Run| {
            let value = key.value.checked_sub(run.base)?;
            i32::try_from(value).ok()
        };
        let last = self.runs.last().filter(|r| r.sequence == key.sequence);
        match last.and_then(near) {
            Some(value) => self.values.push(value),
            None => {
                self.runs.push(Run {
                    first: self.values.len(),
                    sequence: key.sequence,
                    base: key.value,
                });
                self.values.push(0);
            }
        }
    }

    /// The run of a value.
    fn run_of(&self, place: usize) -> usize {
        let behind = self.runs.partition_point(|r| r.first <= place);
        behind.saturating_sub(1)
    }

    fn order(&self, place: usize, run: usize) -> Option<OrderKey> {
        let run = self.runs.get(run)?;
        Some(OrderKey {
            sequence: run.sequence,
            value: run.base + i64::from(*self.values.get(place)?),
        })
    }

    /// Takes the last item away.
    pub(crate) fn pop(&mut self) {
        let len = self.len().saturating_sub(1);
        let end = self.cursor(len);
        self.sizes.truncate(len);
        self.tracks.truncate(len);
        self.flags.truncate(len);
        self.breaks.truncate(end.breaks);
        self.rows.truncate(end.rows);
        self.values.truncate(end.values);
        self.known.truncate(end.known);
        while self.runs.pop_if(|r| r.first >= end.values).is_some() {}
        self.marks.truncate(len.div_ceil(MARKED));
        self.end = end;
    }

    /// Where the columns stand at an item.
    pub(super) fn cursor(&self, index: usize) -> Cursor {
        if index >= self.len() {
            return self.end;
        }
        let mark = self.marks.get(index / MARKED).copied();
        let mark = mark.unwrap_or_default();
        let passed = self.flags.get(mark.index..index).unwrap_or_default();
        let mut cursor = mark;
        cursor.pass_all(self, passed);
        // Offsets count from the last break.
        let broken = passed.iter().rposition(|f| f.has(Flags::BREAK));
        let from = mark.index + broken.unwrap_or(0);
        if broken.is_some() {
            let last = cursor.breaks.checked_sub(1);
            let at = last.and_then(|last| self.breaks.get(last));
            cursor.at = at.copied().unwrap_or(cursor.at);
        }
        let sizes = self.sizes.get(from..index).unwrap_or_default();
        let bytes = sizes.iter().map(|s| u64::from(*s)).sum();
        cursor.at = cursor.at.saturating_add(bytes);
        cursor
    }

    /// One item, found by counting from the last mark: for many in a row see
    /// [`range`](Self::range).
    pub(crate) fn get(&self, index: usize) -> Option<Item> {
        self.cursor(index).take(self)
    }

    /// What is known of an item's time: for many see [`whens`](Self::whens).
    pub(crate) fn when(&self, index: usize) -> Option<When> {
        self.get(index).map(|item| item.when)
    }

    /// What is known of the times of items that are asked for in order.
    pub(crate) fn whens(&self) -> Whens<'_> {
        Whens {
            items: self,
            next: std::cell::Cell::default(),
        }
    }

    pub(crate) fn last(&self) -> Option<Item> {
        self.get(self.len().checked_sub(1)?)
    }

    /// All items.
    pub(crate) fn iter(&self) -> Row<'_> {
        self.range(0..self.len())
    }

    /// The items with these indices, as far as there are any.
    pub(crate) fn range(&self, range: Range<usize>) -> Row<'_> {
        Row {
            items: self,
            next: self.cursor(range.start),
            end: range.end.min(self.len()),
        }
    }

    /// Where the items of one track stand.
    pub(crate) fn places(&self, track: u16) -> Places<'_> {
        Places {
            items: self,
            next: Cursor::default(),
            track,
        }
    }

    /// Gives an item to another track.
    pub(crate) fn set_track(&mut self, index: usize, track: u16) {
        if let Some(slot) = self.tracks.get_mut(index) {
            *slot = track;
        }
    }

    /// Takes the best class from all items of some tracks.
    pub(crate) fn doubt(&mut self, track: impl Fn(u16) -> bool) {
        for (flags, of) in self.flags.iter_mut().zip(&self.tracks) {
            if flags.class() == Class::A && track(*of) {
                flags.set_class(Class::B);
            }
        }
    }

    /// Judges an item anew.
    pub(crate) fn set_class(&mut self, index: usize, class: Class) {
        if let Some(flags) = self.flags.get_mut(index) {
            flags.set_class(class);
        }
    }
}

impl Extend<Item> for Items {
    fn extend<I: IntoIterator<Item = Item>>(&mut self, items: I) {
        items.into_iter().for_each(|item| self.push(item));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn when() -> impl Strategy<Value = When> {
        let value = prop_oneof![-9..9_i64, any::<i64>()];
        prop_oneof![
            Just(When::InTurn),
            (0..3_u64, value)
                .prop_map(|(sequence, value)| { When::Order(OrderKey { sequence, value }) }),
            (any::<i64>(), any::<i32>(), any::<u32>()).prop_map(|(dts, offset, duration)| {
                When::Known {
                    dts,
                    composition_offset: offset,
                    duration,
                }
            }),
        ]
    }

    /// Items; `None` stands for a pop.
    fn steps() -> impl Strategy<Value = Vec<Option<Item>>> {
        let class = prop_oneof![
            Just(Class::A),
            Just(Class::B),
            Just(Class::C),
            Just(Class::D)
        ];
        let gap = prop_oneof![4 => Just(0_u64), 1 => 0..1_u64 << 40];
        let samples = prop_oneof![4 => Just(1_u32), 1 => any::<u32>()];
        let item = (
            gap,
            any::<u32>(),
            samples,
            0..3_u16,
            any::<bool>(),
            class,
            when(),
        );
        let step = prop_oneof![9 => item.prop_map(Some), 1 => Just(None)];
        prop::collection::vec(step, 0..300).prop_map(|steps| {
            let mut end = 0;
            let mut place = |(gap, size, samples, track, sync, class, when)| {
                let item = Item {
                    at: end + gap,
                    size,
                    samples,
                    track,
                    sync,
                    class,
                    when,
                };
                end = item.span().end;
                item
            };
            steps.into_iter().map(|s| s.map(&mut place)).collect()
        })
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out(steps in steps(), cut in 0..300_usize) {
            let mut items = Items::default();
            let mut plain: Vec<Item> = Vec::new();
            for step in steps {
                match step {
                    Some(item) => {
                        items.push(item);
                        plain.push(item);
                    }
                    None => {
                        items.pop();
                        plain.pop();
                    }
                }
                prop_assert_eq!(items.last(), plain.last().copied());
            }
            prop_assert_eq!(items.len(), plain.len());
            prop_assert_eq!(items.iter().collect::<Vec<_>>(), plain.clone());
            let cut = cut.min(plain.len());
            let back: Vec<Item> = items.range(cut..plain.len()).rev().collect();
            let want: Vec<Item> = plain[cut..].iter().rev().copied().collect();
            prop_assert_eq!(back, want);
            prop_assert_eq!(items.get(plain.len()), None);
            let whens = items.whens();
            for (index, item) in plain.iter().enumerate().skip(cut).step_by(1 + cut % 3) {
                prop_assert_eq!(whens.at(index), Some(item.when));
                prop_assert_eq!(items.when(index), Some(item.when));
            }
            prop_assert_eq!(whens.at(0), plain.first().map(|i| i.when));
            let track = plain.first().map_or(0, |i| i.track);
            let places: Vec<_> = items.places(track).map(|p| (p.index, p.at, p.samples)).collect();
            let own = plain.iter().enumerate().filter(|(_, i)| i.track == track);
            let want: Vec<_> = own.map(|(n, i)| (n, i.at, i.samples)).collect();
            prop_assert_eq!(places, want);
        }
    }

    #[test]
    fn tracks_and_classes_change_in_place() {
        let mut items = Items::default();
        for at in 0..100 {
            items.push(Item {
                at,
                size: 1,
                samples: 1,
                track: 0,
                sync: at % 3 == 0,
                class: Class::A,
                when: When::InTurn,
            });
        }
        items.set_track(70, 9);
        items.set_class(70, Class::D);
        let changed: Vec<Item> = items.iter().filter(|i| i.track == 9).collect();
        let [item] = changed[..] else { panic!() };
        assert_eq!((item.at, item.class, item.sync), (70, Class::D, false));
    }
}
