//! Runs of samples in a fragment (`trun`, §8.8.8).

use crate::FragmentDefaults;
use tapo_bmff::be_u32;

/// The samples of a `trun` (§8.8.8), put together on the way.
#[derive(Clone)]
pub(crate) struct Entries<'a> {
    pub(crate) flags: u32,
    pub(crate) count: u32,
    pub(crate) defaults: FragmentDefaults,
    pub(crate) first_flags: Option<u32>,
    pub(crate) table: &'a [u8],
    pub(crate) next: u32,
}

pub(crate) struct Entry {
    pub(crate) size: u32,
    pub(crate) duration: u32,
    pub(crate) flags: u32,
    pub(crate) composition_offset: i32,
}

const DATA_OFFSET: u32 = 0x1;
const FIRST_FLAGS: u32 = 0x4;
const DURATION: u32 = 0x100;
const SIZE: u32 = 0x200;
const FLAGS: u32 = 0x400;
const COMPOSITION_OFFSET: u32 = 0x800;

impl Entries<'_> {
    /// Bytes of one record: four for each field that is there.
    pub(crate) const fn record(&self) -> usize {
        4 * (self.flags & (DURATION | SIZE | FLAGS | COMPOSITION_OFFSET)).count_ones() as usize
    }

    /// Takes the number of samples from the size of the table: other boxes vouch for that. Says
    /// whether it is another than the box states.
    pub(crate) fn count_by_size(&mut self) -> bool {
        let record = self.record();
        if record == 0 || !self.table.len().is_multiple_of(record) {
            return false;
        }
        let room = u32::try_from(self.table.len() / record).unwrap_or(self.count);
        let differs = room != self.count;
        self.count = room;
        differs
    }

    /// Whether the sector with its number and its records is missing: room for records, and zeros.
    pub(crate) fn is_lost(&self) -> bool {
        self.count == 0 && !self.table.is_empty() && self.table.iter().all(|b| *b == 0)
    }

    /// Bytes of all samples, if the table holds as many records as it says.
    pub(crate) fn total(&self) -> Option<u64> {
        let record = self.record() as u64;
        if record * u64::from(self.count) > self.table.len() as u64 {
            return None;
        }
        if self.flags & SIZE == 0 {
            let size = u64::from(self.defaults.size);
            // Samples without bytes could go on for ever.
            let bounded = size != 0 || record != 0 || self.count == 0;
            return bounded.then(|| size * u64::from(self.count));
        }
        Some(self.clone().map(|e| u64::from(e.size)).sum())
    }
}

impl Iterator for Entries<'_> {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        if self.next == self.count {
            return None;
        }
        let first = self.next == 0;
        self.next += 1;
        let (record, rest) = self.table.split_at_checked(self.record())?;
        self.table = rest;
        let mut at = 0;
        let mut field = |bit: u32, default: u32| {
            if self.flags & bit == 0 {
                return Some(default);
            }
            at += 4;
            be_u32(record, at - 4)
        };
        let duration = field(DURATION, self.defaults.duration)?;
        let size = field(SIZE, self.defaults.size)?;
        let flags = field(FLAGS, self.defaults.flags)?;
        let composition_offset = field(COMPOSITION_OFFSET, 0)?.cast_signed();
        Some(Entry {
            size,
            duration,
            flags: self.first_flags.filter(|_| first).unwrap_or(flags),
            composition_offset,
        })
    }
}

/// Flags, count, data offset and the rest of a `trun`.
pub(crate) fn entries(
    payload: &[u8],
    defaults: FragmentDefaults,
) -> Option<(Option<i32>, Entries<'_>)> {
    let (_, flags, rest) = tapo_bmff::full_box(payload)?;
    let count = be_u32(rest, 0)?;
    let mut at = 4;
    let mut optional = |bit: u32| {
        if flags & bit == 0 {
            return Some(None);
        }
        at += 4;
        be_u32(rest, at - 4).map(Some)
    };
    let offset = optional(DATA_OFFSET)?.map(u32::cast_signed);
    let first_flags = optional(FIRST_FLAGS)?;
    let entries = Entries {
        flags,
        count,
        defaults,
        first_flags,
        table: rest.get(at..)?,
        next: 0,
    };
    Some((offset, entries))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_of_empty_samples_is_refused_instead_of_counted() {
        let trun = [0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff];
        let (_, entries) = entries(&trun, FragmentDefaults::default()).unwrap();
        assert_eq!(entries.total(), None);
        let sized = FragmentDefaults {
            size: 2,
            ..FragmentDefaults::default()
        };
        let (_, entries) = super::entries(&trun, sized).unwrap();
        assert_eq!(entries.total(), Some(2 * u64::from(u32::MAX)));
    }
}
