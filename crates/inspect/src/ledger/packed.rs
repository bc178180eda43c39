//! Ranges in 24 bytes each: a file may have a million, one for each chunk of samples.

use super::{Entry, Holding};
use tapo_bmff::FourCc;
use tapo_io::Span;

/// A range: it ends where the next begins.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
struct Row {
    start: u64,
    /// Track, first sample and count; a type; or the place of a name.
    values: [u32; 3],
    kind: Kind,
}

#[derive(Copy, Clone, Debug, Eq, PartialEq)]
enum Kind {
    Header,
    Payload,
    Samples,
    Zeros,
    ZerosInside,
    Filler,
    Leftover,
    Unknown,
    UnknownInside,
}

/// Ranges that follow each other from 0 on.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Packed {
    rows: Vec<Row>,
    end: u64,
    /// Names of fillers.
    names: Vec<&'static str>,
}

impl Packed {
    /// Appends what stands from the end of the last range to `end`; the same as
    /// in front of it goes on, unless it is the header of another box.
    pub(super) fn put(&mut self, end: u64, what: Holding) {
        let (kind, values) = self.pack(what);
        let same = |row: &Row| (row.kind, row.values) == (kind, values);
        if kind == Kind::Header || !self.rows.last().is_some_and(same) {
            let start = self.end;
            self.rows.push(Row {
                start,
                values,
                kind,
            });
        }
        self.end = end;
    }

    fn pack(&mut self, what: Holding) -> (Kind, [u32; 3]) {
        let code = |kind: FourCc| [u32::from_be_bytes(kind.0), 0, 0];
        let place = |none, inside, kind: Option<FourCc>| match kind {
            None => (none, [0; 3]),
            Some(kind) => (inside, code(kind)),
        };
        match what {
            Holding::BoxHeader { kind } => (Kind::Header, code(kind)),
            Holding::BoxPayload { kind } => (Kind::Payload, code(kind)),
            Holding::Samples {
                track,
                first,
                count,
            } => (Kind::Samples, [track, first, count]),
            Holding::Zeros { inside } => place(Kind::Zeros, Kind::ZerosInside, inside),
            Holding::Leftover { kind } => (Kind::Leftover, code(kind)),
            Holding::Unknown { inside } => place(Kind::Unknown, Kind::UnknownInside, inside),
            Holding::Filler { name } => {
                let known = self.names.iter().position(|n| *n == name);
                let at = known.unwrap_or_else(|| {
                    self.names.push(name);
                    self.names.len() - 1
                });
                (Kind::Filler, [u32::try_from(at).unwrap_or(u32::MAX), 0, 0])
            }
        }
    }

    fn unpack(&self, row: &Row) -> Holding {
        let [first, second, third] = row.values;
        let kind = FourCc(first.to_be_bytes());
        match row.kind {
            Kind::Header => Holding::BoxHeader { kind },
            Kind::Payload => Holding::BoxPayload { kind },
            Kind::Samples => Holding::Samples {
                track: first,
                first: second,
                count: third,
            },
            Kind::Zeros => Holding::Zeros { inside: None },
            Kind::ZerosInside => Holding::Zeros { inside: Some(kind) },
            Kind::Filler => Holding::Filler {
                name: self.names.get(first as usize).copied().unwrap_or_default(),
            },
            Kind::Leftover => Holding::Leftover { kind },
            Kind::Unknown => Holding::Unknown { inside: None },
            Kind::UnknownInside => Holding::Unknown { inside: Some(kind) },
        }
    }

    pub(super) fn get(&self, place: usize) -> Option<Entry> {
        let row = self.rows.get(place)?;
        let end = self.rows.get(place + 1).map_or(self.end, |next| next.start);
        Some(Entry {
            span: Span::new(row.start, end),
            what: self.unpack(row),
        })
    }

    pub(super) fn place_of(&self, at: u64) -> usize {
        if at >= self.end {
            return self.rows.len();
        }
        let until = self.rows.partition_point(|row| row.start <= at);
        until.saturating_sub(1)
    }

    pub(super) const fn all(&self) -> Entries<'_> {
        Entries {
            packed: self,
            next: 0,
            end: self.rows.len(),
        }
    }
}

/// Ranges of a ledger, in order.
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    packed: &'a Packed,
    next: usize,
    end: usize,
}

impl Iterator for Entries<'_> {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        self.nth(0)
    }

    fn nth(&mut self, n: usize) -> Option<Entry> {
        let place = self.next.saturating_add(n);
        let entry = self.packed.get(place).filter(|_| place < self.end);
        self.next = place.saturating_add(1).min(self.end);
        entry
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.end - self.next;
        (left, Some(left))
    }
}

impl ExactSizeIterator for Entries<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_comes_back() {
        let kind = FourCc(*b"mdat");
        let inside = Some(kind);
        let samples = |first| Holding::Samples {
            track: 9,
            first,
            count: 7,
        };
        let all = [
            Holding::BoxHeader { kind },
            Holding::BoxHeader { kind },
            Holding::BoxPayload { kind },
            samples(1),
            samples(8),
            Holding::Zeros { inside },
            Holding::Zeros { inside: None },
            Holding::Filler { name: "GPAC" },
            Holding::Filler { name: "Android" },
            Holding::Leftover { kind },
            Holding::Unknown { inside },
            Holding::Unknown { inside: None },
        ];
        let mut packed = Packed::default();
        assert_eq!(packed.place_of(0), 0);
        for (end, what) in (1..).map(|n| n * 10).zip(all) {
            packed.put(end, what);
        }
        packed.put(125, all[11]);
        assert_eq!(packed.all().len(), 12);
        for (at, (entry, what)) in packed.all().zip(all).enumerate() {
            let end = if at == 11 { 125 } else { at as u64 * 10 + 10 };
            assert_eq!(entry.span, Span::new(at as u64 * 10, end));
            assert_eq!(entry.what, what);
            assert_eq!(packed.place_of(entry.span.start), at);
            assert_eq!(packed.place_of(entry.span.end - 1), at);
        }
        assert_eq!(packed.place_of(125), 12);
        assert_eq!(packed.all().skip(11).count(), 1);
        assert_eq!(size_of::<Row>(), 24);
    }
}
