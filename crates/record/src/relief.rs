//! A disk that is too slow: what comes is left out from keyframe to keyframe until
//! it has caught up, and counted. What is kept is whole, so that it plays.

use crate::source::AccessUnit;
use std::time::{Duration, Instant};

/// Parts of the queue, in hundredths: media is left out from here on, and taken
/// again below this.
const FULL: u64 = 75;
const ENOUGH: u64 = 25;
/// The least time that is left out: less would be no gap, but a picture that stands.
const LEAST: Duration = Duration::from_millis(1500);
/// How often it is told, at most.
const TOLD: Duration = Duration::from_secs(60);

/// Whether media is taken.
#[derive(Debug, Default)]
pub(crate) struct Relief {
    /// When it was last not taken, from here on.
    since: Option<Instant>,
    /// Pictures (packets, of sound alone) left out so far, and when it was told last.
    dropped: u64,
    told: u64,
    said: Option<Instant>,
    /// Bytes since the last keyframe, and the most that ever came between two.
    group: u64,
    largest: u64,
}

/// What waits for the disk, and what may, bytes.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) struct Queue {
    pub(crate) waiting: u64,
    pub(crate) room: u64,
}

/// What is to be told.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) enum Relieved {
    /// Media is being left out from now on.
    Begins,
    /// The disk keeps up again; so many pictures were left out since this was told
    /// last.
    Ended(u64),
}

impl Relief {
    /// Whether a unit is taken, with the queue so full. `lead` says whether it is one
    /// of the track whose keyframes count.
    pub(crate) fn admits(
        &mut self,
        unit: &AccessUnit,
        lead: bool,
        queue: Queue,
        now: Instant,
    ) -> bool {
        let keyframe = lead && unit.random_access;
        if keyframe {
            self.largest = self.largest.max(std::mem::take(&mut self.group));
            let Queue { waiting, room } = queue;
            // What is being gathered, and the group that begins, must fit too: it can
            // only be left out as a whole.
            let fits = waiting + 2 * self.largest <= room;
            let full = waiting * 100 >= room * FULL || !fits && waiting > 0;
            let enough = waiting == 0 || fits && waiting * 100 <= room * ENOUGH;
            match self.since {
                None if full => self.since = Some(now),
                Some(since) if enough && now.duration_since(since) >= LEAST => self.since = None,
                _ => {}
            }
        }
        self.group += unit.data.len() as u64;
        self.dropped += u64::from(lead && self.since.is_some());
        self.since.is_none()
    }

    /// Pictures left out so far.
    pub(crate) const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// What is to be told now; not more often than once a minute, but at the `end`.
    pub(crate) fn tells(&mut self, now: Instant, end: bool) -> Option<Relieved> {
        if self.dropped == self.told {
            return None;
        }
        let recent = self.said.is_some_and(|at| now.duration_since(at) < TOLD);
        if self.said.is_none() && self.since.is_some() && !end {
            self.said = Some(now);
            return Some(Relieved::Begins);
        }
        // The first end of all is told when it comes.
        let first = self.told == 0;
        if !end && (self.since.is_some() || recent && !first) {
            return None;
        }
        let count = self.dropped - self.told;
        self.told = self.dropped;
        self.said = Some(now);
        Some(Relieved::Ended(count))
    }
}

impl std::fmt::Display for Relieved {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Begins => f.write_str(
                "the disk is too slow: pictures are left out, from keyframe to keyframe, until it \
                 has caught up",
            ),
            Self::Ended(count) => write!(
                f,
                "{count} pictures were left out, since the disk was too slow"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds a picture a tenth of a second, a keyframe each second, with these loads
    /// by the second; which were taken.
    fn fed(relief: &mut Relief, loads: &[u64], told: &mut Vec<Relieved>) -> Vec<usize> {
        let begin = Instant::now();
        let mut taken = Vec::new();
        for at in 0..loads.len() * 10 {
            let now = begin + Duration::from_millis(at as u64 * 100);
            let unit = AccessUnit {
                random_access: at % 10 == 0,
                ..AccessUnit::default()
            };
            let queue = Queue {
                waiting: loads[at / 10],
                room: 100,
            };
            if relief.admits(&unit, true, queue, now) {
                taken.push(at);
            }
            let sound = AccessUnit {
                random_access: true,
                ..AccessUnit::default()
            };
            assert_eq!(
                relief.admits(&sound, false, queue, now),
                taken.last() == Some(&at)
            );
            told.extend(relief.tells(now, false));
        }
        taken
    }

    #[test]
    fn whole_groups_are_left_out_until_the_disk_has_caught_up() {
        let (mut relief, mut told) = (Relief::default(), Vec::new());
        let taken = fed(&mut relief, &[0, 74, 75, 50, 26, 25, 0], &mut told);
        let want: Vec<usize> = (0..20).chain(50..70).collect();
        assert_eq!(taken, want);
        assert_eq!(told, [Relieved::Begins, Relieved::Ended(30)]);
        assert_eq!(relief.dropped(), 30);
        assert_eq!(relief.tells(Instant::now(), true), None);
    }

    #[test]
    fn a_group_that_would_not_fit_is_left_out_before_it_begins() {
        let mut relief = Relief::default();
        let unit = AccessUnit {
            random_access: true,
            data: vec![0; 40],
            ..AccessUnit::default()
        };
        let begin = Instant::now();
        let mut admits = |waiting, seconds| {
            let queue = Queue { waiting, room: 100 };
            relief.admits(&unit, true, queue, begin + Duration::from_secs(seconds))
        };
        assert!(admits(0, 0) && admits(20, 1));
        assert!(!admits(30, 2) && !admits(21, 3));
        assert!(admits(20, 4) && !admits(21, 5));
        assert!(admits(0, 9));
    }

    #[test]
    fn a_gap_is_long_enough_to_be_one_and_told_once_a_minute() {
        let (mut relief, mut told) = (Relief::default(), Vec::new());
        let taken = fed(&mut relief, &[80, 0, 0, 80, 0, 0, 80, 0, 0], &mut told);
        assert_eq!(taken.len(), 30);
        assert_eq!(told, [Relieved::Begins, Relieved::Ended(20)]);
        let last = relief.tells(Instant::now() + Duration::from_secs(9), true);
        assert_eq!(last, Some(Relieved::Ended(40)));
    }
}
