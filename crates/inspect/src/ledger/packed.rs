//! Ranges in a few bytes each: a file may have millions, one for each chunk of samples and two for each box.
//!
//! A range is written as what it is, how long it is, and what does not follow from those in front of it: the number of
//! its first sample, the type of its box. Every [`BLOCK`] ranges that begins anew, so that a place among them is found
//! without reading all.

use super::{Entry, Holding};
use tapo_bmff::FourCc;
use tapo_io::Span;

/// Ranges that are read one after the other to find one.
const BLOCK: usize = 64;

/// Tracks whose next sample is expected; of others number and id are written.
const TRACKS: usize = 7;

/// A range, and where it begins.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
struct Row {
    start: u64,
    what: Holding,
}

/// Ranges that follow each other from 0 on.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Packed {
    bytes: Vec<u8>,
    /// Of every block of ranges: where it begins in the file, and in `bytes`.
    blocks: Vec<(u64, usize)>,
    /// Ranges in `bytes`.
    closed: usize,
    /// The last one, which may go on.
    open: Option<Row>,
    end: u64,
    context: Context,
    /// Ids of the first tracks.
    tracks: Vec<u32>,
    /// Names of fillers.
    names: Vec<&'static str>,
}

/// What follows from the ranges in front, within a block.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq)]
struct Context {
    kind: FourCc,
    /// Number of the next sample of each track.
    next: [u32; TRACKS],
}

// The low four bits say what it is; bits above them, what follows from the context.
const HEADER: u8 = 0;
const PAYLOAD: u8 = 1;
const SAMPLES: u8 = 2;
const ZEROS: u8 = 3;
const ZEROS_INSIDE: u8 = 4;
const FILLER: u8 = 5;
const LEFTOVER: u8 = 6;
const UNKNOWN: u8 = 7;
const UNKNOWN_INSIDE: u8 = 8;
const WHAT: u8 = 0x0f;
/// Of a box: its type is that of the one before.
const SAME: u8 = 0x10;
/// Of samples: the number of the first is expected.
const EXPECTED: u8 = 0x80;
/// Where the place of the track stands among the first ones; there are seven, and the eighth means none.
const TRACK: u32 = 4;

impl Packed {
    /// Appends what stands from the end of the last range to `end`; the same as
    /// in front of it goes on, unless it is the header of another box.
    pub(super) fn put(&mut self, end: u64, what: Holding) {
        let header = matches!(what, Holding::BoxHeader { .. });
        if header || self.open.is_none_or(|row| row.what != what) {
            self.close();
            let start = self.end;
            self.open = Some(Row { start, what });
        }
        self.end = end;
    }

    /// Writes the last range down.
    fn close(&mut self) {
        let Some(Row { start, what }) = self.open.take() else {
            return;
        };
        if self.closed.is_multiple_of(BLOCK) {
            self.blocks.push((start, self.bytes.len()));
            self.context = Context::default();
        }
        self.closed += 1;
        let len = self.end - start;
        match what {
            Holding::BoxHeader { kind } => self.boxed(HEADER, kind, len),
            Holding::BoxPayload { kind } => self.boxed(PAYLOAD, kind, len),
            Holding::Leftover { kind } => self.boxed(LEFTOVER, kind, len),
            Holding::Zeros { inside: Some(kind) } => self.boxed(ZEROS_INSIDE, kind, len),
            Holding::Unknown { inside: Some(kind) } => self.boxed(UNKNOWN_INSIDE, kind, len),
            Holding::Zeros { inside: None } => self.tagged(ZEROS, len),
            Holding::Unknown { inside: None } => self.tagged(UNKNOWN, len),
            Holding::Filler { name } => {
                let known = self.names.iter().position(|n| *n == name);
                let place = known.unwrap_or_else(|| {
                    self.names.push(name);
                    self.names.len() - 1
                });
                self.tagged(FILLER, len);
                self.number(place as u64);
            }
            Holding::Samples {
                track,
                first,
                count,
            } => self.samples(len, track, first, count),
        }
    }

    fn tagged(&mut self, tag: u8, len: u64) {
        self.bytes.push(tag);
        self.number(len);
    }

    fn boxed(&mut self, tag: u8, kind: FourCc, len: u64) {
        if kind == self.context.kind {
            return self.tagged(tag | SAME, len);
        }
        self.tagged(tag, len);
        self.bytes.extend(kind.0);
        self.context.kind = kind;
    }

    fn samples(&mut self, len: u64, track: u32, first: u32, count: u32) {
        let mut place = self.tracks.iter().position(|t| *t == track);
        if place.is_none() && self.tracks.len() < TRACKS {
            place = Some(self.tracks.len());
            self.tracks.push(track);
        }
        let bits = u8::try_from(place.unwrap_or(TRACKS)).unwrap_or(7) << TRACK;
        let next = place.and_then(|place| self.context.next.get_mut(place));
        let expected = match next {
            Some(next) => std::mem::replace(next, first.wrapping_add(count)) == first,
            None => false,
        };
        let tag = SAMPLES | bits | if expected { EXPECTED } else { 0 };
        self.tagged(tag, len);
        if place.is_none() {
            self.number(track.into());
        }
        if !expected {
            self.number(first.into());
        }
        self.number(count.into());
    }

    /// Writes a number, seven bits a byte, the lowest first; the highest bit says that more follow.
    fn number(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push(value.to_le_bytes()[0] | 0x80);
            value >>= 7;
        }
        self.bytes.push(value.to_le_bytes()[0]);
    }

    const fn len(&self) -> usize {
        self.closed + self.open.is_some() as usize
    }

    pub(super) fn get(&self, place: usize) -> Option<Entry> {
        self.from(place).next()
    }

    pub(super) fn place_of(&self, at: u64) -> usize {
        if at >= self.end {
            return self.len();
        }
        if self.open.is_some_and(|row| row.start <= at) {
            return self.closed;
        }
        let until = self.blocks.partition_point(|(start, _)| *start <= at);
        let first = until.saturating_sub(1) * BLOCK;
        let ended = self.from(first).take_while(|entry| entry.span.end <= at);
        first + ended.count()
    }

    pub(super) fn all(&self) -> Entries<'_> {
        self.from(0)
    }

    /// The ranges from a place on.
    fn from(&self, place: usize) -> Entries<'_> {
        let block = place / BLOCK;
        let (start, at) = match self.blocks.get(block) {
            Some(block) => *block,
            None => (self.end, self.bytes.len()),
        };
        let mut entries = Entries {
            packed: self,
            next: (block * BLOCK).min(self.len()),
            start,
            at,
            context: Context::default(),
        };
        if let Some(row) = self.open.filter(|_| entries.next == self.closed) {
            entries.start = row.start;
        }
        while entries.next < place && entries.next().is_some() {}
        entries
    }
}

/// Ranges of a ledger, in order.
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    packed: &'a Packed,
    /// Place of the next one.
    next: usize,
    /// Where it begins, in the file and among the bytes.
    start: u64,
    at: usize,
    context: Context,
}

impl Entries<'_> {
    fn byte(&mut self) -> Option<u8> {
        let byte = self.packed.bytes.get(self.at).copied();
        self.at += 1;
        byte
    }

    fn number(&mut self) -> Option<u64> {
        let (mut value, mut shift) = (0, 0_u32);
        loop {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            if byte & 0x80 == 0 {
                return Some(value);
            }
            shift += 7;
        }
    }

    fn short(&mut self) -> Option<u32> {
        u32::try_from(self.number()?).ok()
    }

    /// How long the next one is, and what.
    fn closed(&mut self) -> Option<(u64, Holding)> {
        if self.next.is_multiple_of(BLOCK) {
            self.context = Context::default();
        }
        let tag = self.byte()?;
        let len = self.number()?;
        let what = match tag & WHAT {
            SAMPLES => self.samples(tag)?,
            ZEROS => Holding::Zeros { inside: None },
            UNKNOWN => Holding::Unknown { inside: None },
            FILLER => {
                let place = self.short()? as usize;
                let name = self.packed.names.get(place).copied().unwrap_or_default();
                Holding::Filler { name }
            }
            what => {
                if tag & SAME == 0 {
                    let kind = self.packed.bytes.get(self.at..)?.first_chunk()?;
                    self.context.kind = FourCc(*kind);
                    self.at += 4;
                }
                let kind = self.context.kind;
                match what {
                    HEADER => Holding::BoxHeader { kind },
                    PAYLOAD => Holding::BoxPayload { kind },
                    LEFTOVER => Holding::Leftover { kind },
                    ZEROS_INSIDE => Holding::Zeros { inside: Some(kind) },
                    _ => Holding::Unknown { inside: Some(kind) },
                }
            }
        };
        Some((len, what))
    }

    fn samples(&mut self, tag: u8) -> Option<Holding> {
        let place = usize::from(tag >> TRACK & 7);
        let track = match self.packed.tracks.get(place) {
            Some(track) if place < TRACKS => *track,
            _ => self.short()?,
        };
        let first = match self.context.next.get(place) {
            Some(next) if tag & EXPECTED != 0 => *next,
            _ => self.short()?,
        };
        let count = self.short()?;
        if let Some(next) = self.context.next.get_mut(place) {
            *next = first.wrapping_add(count);
        }
        Some(Holding::Samples {
            track,
            first,
            count,
        })
    }
}

impl Iterator for Entries<'_> {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        let (end, what) = if self.next < self.packed.closed {
            let (len, what) = self.closed()?;
            (self.start + len, what)
        } else {
            let row = self.packed.open.filter(|_| self.next == self.packed.closed);
            (self.packed.end, row?.what)
        };
        let span = Span::new(self.start, end);
        self.next += 1;
        self.start = end;
        Some(Entry { span, what })
    }

    fn nth(&mut self, n: usize) -> Option<Entry> {
        if n >= BLOCK {
            *self = self.packed.from(self.next.saturating_add(n));
            return self.next();
        }
        for _ in 0..n {
            self.next()?;
        }
        self.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.packed.len().saturating_sub(self.next);
        (left, Some(left))
    }
}

impl ExactSizeIterator for Entries<'_> {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn holding() -> impl Strategy<Value = Holding> {
        let kind = prop_oneof![
            Just(FourCc(*b"mdat")),
            Just(FourCc(*b"trun")),
            Just(FourCc([0; 4]))
        ];
        let inside = prop::option::of(kind.clone());
        let samples =
            (0_u32..10, 0_u32..5, 1_u32..300).prop_map(|(track, first, count)| Holding::Samples {
                track: track * 0x0fff_ffff,
                first: first * 0x3fff_ffff,
                count,
            });
        prop_oneof![
            kind.clone().prop_map(|kind| Holding::BoxHeader { kind }),
            kind.clone().prop_map(|kind| Holding::BoxPayload { kind }),
            kind.prop_map(|kind| Holding::Leftover { kind }),
            inside.clone().prop_map(|inside| Holding::Zeros { inside }),
            inside.prop_map(|inside| Holding::Unknown { inside }),
            prop_oneof![Just("GPAC"), Just("Android")].prop_map(|name| Holding::Filler { name }),
            samples,
        ]
    }

    proptest! {
        /// What is put comes back, by its place and by any of its bytes.
        #[test]
        fn what_is_put_comes_back(all in prop::collection::vec((1_u64..1 << 34, holding()), 0..400)) {
            let mut packed = Packed::default();
            let (mut want, mut end) = (Vec::<Entry>::new(), 0);
            for (len, what) in all {
                let header = matches!(what, Holding::BoxHeader { .. });
                match want.last_mut() {
                    Some(last) if last.what == what && !header => last.span.end = end + len,
                    _ => want.push(Entry { span: Span::at(end, len), what }),
                }
                end += len;
                packed.put(end, what);
            }
            prop_assert_eq!(packed.all().collect::<Vec<_>>(), want.clone());
            prop_assert_eq!(packed.all().len(), want.len());
            prop_assert_eq!(packed.place_of(end), want.len());
            for (place, entry) in want.iter().enumerate() {
                prop_assert_eq!(packed.get(place), Some(*entry));
                prop_assert_eq!(packed.place_of(entry.span.start), place);
                prop_assert_eq!(packed.place_of(entry.span.end - 1), place);
                prop_assert_eq!(packed.all().nth(place), Some(*entry));
                prop_assert_eq!(packed.all().skip(place).len(), want.len() - place);
            }
            prop_assert_eq!(packed.get(want.len()), None);
        }
    }

    #[test]
    fn chunks_of_interleaved_tracks_take_four_bytes() {
        let mut packed = Packed::default();
        let mut end = 0;
        for n in 0..100_000_u32 {
            end += 900;
            let (track, first, count) = (n % 2 + 1, n / 2 + 1, 1);
            packed.put(
                end,
                Holding::Samples {
                    track,
                    first,
                    count,
                },
            );
        }
        assert!(packed.bytes.len() < 450_000, "{}", packed.bytes.len());
    }
}
