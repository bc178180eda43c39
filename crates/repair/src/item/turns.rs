//! Where in the file tracks turn to another of their sample entries.

use std::collections::BTreeMap;

/// Turns of tracks: from which place on samples are of which entry, counted from
/// 0. Most files have none.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Turns(BTreeMap<(u16, u64), u16>);

impl Turns {
    /// Takes the entry of the sample at `at`, in the order of the file.
    pub(crate) fn note(&mut self, track: u16, at: u64, entry: u16) {
        if self.entry(track, at) != entry {
            self.0.insert((track, at), entry);
        }
    }

    /// The entry of the sample at `at`.
    pub(crate) fn entry(&self, track: u16, at: u64) -> u16 {
        let before = self.0.range((track, 0)..=(track, at)).next_back();
        before.map_or(0, |(_, entry)| *entry)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_hold_up_to_the_next_turn_of_their_track() {
        let mut turns = Turns::default();
        turns.note(1, 5, 0);
        assert!(turns.is_empty());
        for (track, at, entry) in [(1, 10, 1), (0, 12, 2), (1, 20, 1), (1, 30, 0)] {
            turns.note(track, at, entry);
        }
        let of = |track: u16| [9, 10, 15, 29, 30].map(|at| turns.entry(track, at));
        assert_eq!(of(1), [0, 1, 1, 1, 0]);
        assert_eq!(of(0), [0, 0, 2, 2, 2]);
        assert_eq!(of(7), [0; 5]);
    }
}
