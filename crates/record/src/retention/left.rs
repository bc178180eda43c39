//! What there is, as far as a rule has to know it: of any number of segments the oldest
//! that may go, one by one, and of the others their sums.

use super::{Keep, Segment, Shelf, Why};
use crate::source::WallClock;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};

/// Segments that are known one by one; no more go at once.
pub(super) const WINDOW: usize = 256;
/// Time in which nothing was recorded makes recordings older by up to this, ns:
/// nobody can tell it from a clock that was set ahead, and what a wrong clock
/// removes does not come back when it is right again.
const PAUSE: i64 = 24 * 3600 * 1_000_000_000;

/// The order in which segments go.
pub(super) type Place = (WallClock, PathBuf);

#[derive(Debug, Default)]
pub(super) struct Left {
    /// The oldest that may go, the oldest first.
    pub(super) oldest: VecDeque<Segment>,
    /// Whether there are more that may go.
    pub(super) more: bool,
    /// Bytes of those that count for what all may take: the newest, and all that are not held.
    counted: u64,
    /// Bytes of all that may go.
    pub(super) may_go: u64,
    /// When all of them began.
    starts: Vec<i64>,
}

/// A segment in its place.
struct Placed(Place, Segment);

impl PartialEq for Placed {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Placed {}

impl PartialOrd for Placed {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Placed {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

impl Placed {
    fn new(segment: Segment) -> Self {
        Self(segment.place(), segment)
    }
}

impl Left {
    /// Looks at a shelf. `open` is the file that is written; those up to `after` are passed over.
    pub(super) fn look(shelf: &impl Shelf, open: Option<&Path>, after: Option<&Place>) -> Self {
        let mut left = Self::default();
        let mut newest: BTreeMap<usize, Placed> = BTreeMap::new();
        let mut oldest: BTreeSet<Placed> = BTreeSet::new();
        let mut goes = |left: &mut Self, placed: Placed| {
            if placed.1.held {
                return;
            }
            left.counted = left.counted.saturating_add(placed.1.bytes);
            left.may_go = left.may_go.saturating_add(placed.1.bytes);
            if after.is_some_and(|after| placed.0 <= *after) {
                return;
            }
            oldest.insert(placed);
            if oldest.len() > WINDOW {
                oldest.pop_last();
                left.more = true;
            }
        };
        shelf.each(&mut |mut segment| {
            segment.held |= Some(segment.path.as_path()) == open;
            left.starts.push(segment.started.0);
            let camera = segment.camera;
            let placed = Placed::new(segment);
            // The newest of each camera stays.
            match newest.get_mut(&camera) {
                Some(last) if *last < placed => goes(&mut left, std::mem::replace(last, placed)),
                Some(_) => goes(&mut left, placed),
                None => drop(newest.insert(camera, placed)),
            }
        });
        // The newest is held, and counts: it will be one of the others.
        for Placed(_, segment) in newest.values() {
            left.counted = left.counted.saturating_add(segment.bytes);
        }
        left.oldest = oldest.into_iter().map(|placed| placed.1).collect();
        left.starts.sort_unstable();
        left
    }

    /// Whether all that are known one by one were taken, and there are more.
    pub(super) fn is_stuck(&self) -> bool {
        self.oldest.is_empty() && self.more
    }

    /// Whether there is no segment at all.
    pub(super) const fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// Takes the oldest that may go.
    pub(super) fn take(&mut self) -> Option<Segment> {
        let segment = self.oldest.pop_front()?;
        self.counted = self.counted.saturating_sub(segment.bytes);
        Some(segment)
    }

    /// Why the oldest that may go goes by the rule, if it does; `free` is what should be free of the
    /// disk, and what is. Those that `began` before this time are too old.
    pub(super) fn due(
        &self,
        keep: Keep,
        began: Option<i64>,
        free: Option<(u64, u64)>,
    ) -> Option<Why> {
        let oldest = self.oldest.front()?;
        if began.is_some_and(|began| oldest.started.0 < began) {
            return Some(Why::Age);
        }
        if keep.size.is_some_and(|size| self.counted > size) {
            return Some(Why::Size);
        }
        free.is_some_and(|(wanted, is)| is < wanted)
            .then_some(Why::Free)
    }

    /// Those that began before this time are too old. One ended at the latest when the next
    /// began.
    pub(super) fn past_age(&self, keep: Keep, now: WallClock) -> Option<i64> {
        let age = i64::try_from(keep.age?.as_nanos()).unwrap_or(i64::MAX);
        let (mut until, mut passed) = (now.0, 0_i64);
        for later in self.starts.iter().rev() {
            // One from the future says that the clock was wrong, not how late it is.
            let since = until.saturating_sub(*later);
            if since >= 0 {
                passed = passed.saturating_add(since.min(PAUSE));
                until = *later;
            }
            if passed > age {
                return Some(*later);
            }
        }
        None
    }
}
