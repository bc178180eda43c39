//! How long recordings stay: the oldest segments go when they are old, when they
//! are too much, or when a full disk is in the way of new ones.
//!
//! What there is is read from the files each time, so that no list can be wrong
//! about them. Of these, those that are written, locked or protected, and the
//! newest, never go.

mod catalogue;
mod everyone;
mod room;

pub(crate) use catalogue::{Folder, find, stamp_of};
pub(crate) use everyone::{Everyone, Whose};
pub(crate) use room::{Made, Room};

use crate::source::WallClock;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How much is kept. What a limit does not name it does not touch.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq)]
pub struct Keep {
    /// Segments that ended longer ago go. A pause of the recordings counts as a day
    /// at most: the clock may have been set.
    pub age: Option<Duration>,
    /// The oldest go when the segments of a camera take more bytes of the disk,
    /// not counting those that are protected or held: they stay anyway.
    pub size: Option<u64>,
    /// The oldest go when fewer bytes of the disk are free. With 0 they go when
    /// nothing can be written any more.
    pub free: Option<u64>,
}

impl Keep {
    /// Whether there is any limit.
    #[must_use]
    pub const fn is_limited(&self) -> bool {
        self.age.is_some() || self.size.is_some() || self.free.is_some()
    }

    /// Whether a full disk may take segments that are not old yet.
    pub(crate) const fn gives_way(&self) -> bool {
        self.size.is_some() || self.free.is_some()
    }
}

/// A segment of one camera.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Segment {
    pub(crate) path: PathBuf,
    /// When its first sample was received.
    pub(crate) started: WallClock,
    /// Bytes it takes of the disk.
    pub(crate) bytes: u64,
    /// Whether it is protected, or somebody holds its lock.
    pub(crate) held: bool,
    /// Its camera, where there are several: an index.
    pub(crate) camera: usize,
    /// Whether it is the newest of its camera.
    pub(crate) newest: bool,
}

impl Segment {
    const fn may_go(&self) -> bool {
        !self.held && !self.newest
    }

    /// Whether the file is still what it was.
    fn is_as(&self, other: &Self) -> bool {
        let of = |s: &Self| (s.started, s.bytes, s.held);
        self.path == other.path && of(self) == of(other)
    }
}

/// Where segments are, and go from.
pub(crate) trait Shelf {
    /// The segments of this camera, in any order.
    fn segments(&self) -> Vec<Segment>;

    /// Bytes of the disk that are free, if the system tells.
    fn free(&self) -> Option<u64>;

    /// Removes a segment for good; `false` if it has become [held](Segment::held).
    fn remove(&mut self, segment: &Segment) -> tapo_io::Result<bool>;
}

/// Why a segment went.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Why {
    /// It was older than is kept.
    Age,
    /// All of them took more than is kept.
    Size,
    /// Less of the disk was free than is asked for.
    Free,
    /// The disk was full.
    Full,
}

impl Why {
    /// In words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Age => "it is older than is kept",
            Self::Size => "all take more than is kept",
            Self::Free => "too little of the disk is free",
            Self::Full => "the disk is full",
        }
    }
}

/// A segment that went, or could not.
#[derive(Debug)]
pub(crate) struct Gone {
    pub(crate) segment: Segment,
    pub(crate) why: Why,
    pub(crate) result: tapo_io::Result<()>,
}

/// Time in which nothing was recorded makes recordings older by up to this, ns:
/// nobody can tell it from a clock that was set ahead, and what a wrong clock
/// removes does not come back when it is right again.
const PAUSE: i64 = 24 * 3600 * 1_000_000_000;

/// The rule, and what it is applied to.
#[derive(Debug)]
pub(crate) struct Retention<S> {
    keep: Keep,
    /// Bytes that will be written soon: where room is made, it is made for them too.
    pub(crate) soon: u64,
    pub(crate) shelf: S,
}

/// More of the disk is to be free than would be without any segment that may go.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) struct Beyond {
    /// Bytes that are to be free.
    pub(crate) wanted: u64,
    /// Bytes that could be.
    pub(crate) possible: u64,
}

impl<S: Shelf> Retention<S> {
    pub(crate) const fn keep(&self) -> Keep {
        self.keep
    }

    pub(crate) const fn new(keep: Keep, shelf: S) -> Self {
        let soon = 0;
        Self { keep, soon, shelf }
    }

    /// Whether the files of others make the rule impossible.
    pub(crate) fn beyond_now(&self, open: Option<&Path>) -> Option<Beyond> {
        self.beyond(&self.left(open))
    }

    fn beyond(&self, left: &[Segment]) -> Option<Beyond> {
        let (wanted, free) = self.keep.free.zip(self.shelf.free())?;
        if left.is_empty() {
            return None;
        }
        let may_go = left.iter().filter(|s| s.may_go()).map(|s| s.bytes);
        let possible = may_go.fold(free, u64::saturating_add);
        (possible < wanted).then_some(Beyond { wanted, possible })
    }

    /// Removes what is too old or too much, whatever is free.
    pub(crate) fn tidy_own(&mut self, now: WallClock, open: Option<&Path>) -> Vec<Gone> {
        let all = self.keep;
        self.keep.free = None;
        let gone = self.tidy(now, open);
        self.keep = all;
        gone
    }

    /// Removes what the rule does not keep. `open` is the file that is written.
    pub(crate) fn tidy(&mut self, now: WallClock, open: Option<&Path>) -> Vec<Gone> {
        let mut left = self.left(open);
        // What others put on the disk is no reason to lose all recordings, and
        // still not to have what was asked for.
        let wanted = self.keep.free.filter(|_| self.beyond(&left).is_none());
        // Counted, not asked again: XFS frees blocks after a while.
        let wanted = wanted.map(|wanted| wanted.saturating_add(self.soon));
        let mut missing = wanted.zip(self.shelf.free());
        let mut gone = Vec::new();
        while let Some((at, why)) = self.next(&left, now, missing) {
            let segment = left.remove(at);
            let removed = self.remove(&segment, why);
            if let (Some(Gone { result: Ok(()), .. }), Some((_, free))) = (&removed, &mut missing) {
                *free = free.saturating_add(segment.bytes);
            }
            gone.extend(removed);
        }
        gone
    }

    /// The disk is full: removes the oldest segment that may go. Also what could
    /// not be removed is returned; the last one went, unless none did.
    pub(crate) fn make_room(&mut self, now: WallClock, open: Option<&Path>) -> Vec<Gone> {
        let mut left = self.left(open);
        let mut tried = Vec::new();
        loop {
            let may_go = |s: &[Segment]| match self.keep.gives_way() {
                true => oldest(s).map(|at| (at, Why::Full)),
                false => self.past_age(s, now).map(|at| (at, Why::Age)),
            };
            let Some((at, why)) = may_go(&left) else {
                return tried;
            };
            // One that cannot be removed makes no room: the next is tried.
            tried.extend(self.remove(&left.remove(at), why));
            if tried.last().is_some_and(|gone| gone.result.is_ok()) {
                return tried;
            }
        }
    }

    /// All segments, the oldest first.
    fn left(&self, open: Option<&Path>) -> Vec<Segment> {
        let mut all = self.shelf.segments();
        for segment in &mut all {
            segment.held |= Some(segment.path.as_path()) == open;
        }
        all.sort_by(|a, b| (a.started, &a.path).cmp(&(b.started, &b.path)));
        let mut seen = BTreeSet::new();
        for segment in all.iter_mut().rev() {
            segment.newest = seen.insert(segment.camera);
        }
        all
    }

    fn remove(&mut self, segment: &Segment, why: Why) -> Option<Gone> {
        let segment = segment.clone();
        let result = match self.shelf.remove(&segment) {
            Ok(true) => Ok(()),
            Ok(false) => return None,
            Err(error) => Err(error),
        };
        Some(Gone {
            segment,
            why,
            result,
        })
    }

    /// The one that goes next by the rule; `free` is what should be free of the
    /// disk, and what is.
    fn next(
        &self,
        left: &[Segment],
        now: WallClock,
        free: Option<(u64, u64)>,
    ) -> Option<(usize, Why)> {
        let oldest = oldest(left)?;
        if let Some(at) = self.past_age(left, now) {
            return Some((at, Why::Age));
        }
        // The newest is held, and counts: it will be one of the others.
        let counted = left.iter().filter(|s| s.newest || !s.held);
        let all = counted.map(|s| s.bytes).fold(0, u64::saturating_add);
        if self.keep.size.is_some_and(|size| all > size) {
            return Some((oldest, Why::Size));
        }
        if free.is_some_and(|(wanted, is)| is < wanted) {
            return Some((oldest, Why::Free));
        }
        None
    }

    /// The oldest that is too old. It ended at the latest when the next began.
    fn past_age(&self, left: &[Segment], now: WallClock) -> Option<usize> {
        let age = i64::try_from(self.keep.age?.as_nanos()).unwrap_or(i64::MAX);
        let at = oldest(left)?;
        let (mut until, mut passed) = (now.0, 0_i64);
        for later in left.get(at + 1..)?.iter().rev() {
            // One from the future says that the clock was wrong, not how late it is.
            let since = until.saturating_sub(later.started.0);
            if since >= 0 {
                passed = passed.saturating_add(since.min(PAUSE));
                until = later.started.0;
            }
            if passed > age {
                return Some(at);
            }
        }
        None
    }
}

/// The oldest that may go at all: not one that is held, and not the newest.
fn oldest(left: &[Segment]) -> Option<usize> {
    left.iter().position(Segment::may_go)
}

#[cfg(test)]
mod tests;
