//! How long recordings stay: the oldest segments go when they are old, when they
//! are too much, or when a full disk is in the way of new ones.
//!
//! What there is is read from the files each time, so that no list can be wrong
//! about them; what a file said of itself is remembered as long as it does not change. Of these, those that are written, locked or protected, and the
//! newest, never go.

mod catalogue;
mod everyone;
mod left;
mod room;
mod said;

pub(crate) use catalogue::{Folder, find, stamp_of};
pub(crate) use everyone::{Everyone, Whose};
pub(crate) use room::{Made, Room};

use crate::source::WallClock;
use left::{Left, Place};
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
    /// Whether it is protected, or is being written. One whose lock somebody else holds is
    /// found when it is to go.
    pub(crate) held: bool,
    /// Its camera, where there are several: an index.
    pub(crate) camera: usize,
}

impl Segment {
    fn place(&self) -> Place {
        (self.started, self.path.clone())
    }

    /// Whether the file is still what it was.
    fn is_as(&self, other: &Self) -> bool {
        let of = |s: &Self| (s.started, s.bytes, s.held);
        self.path == other.path && of(self) == of(other)
    }
}

/// Where segments are, and go from.
pub(crate) trait Shelf {
    /// The segments of this camera, in any order. There may be very many.
    fn each(&self, take: &mut dyn FnMut(Segment));

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
        self.keep.free?;
        self.beyond(&Left::look(&self.shelf, open, None))
    }

    fn beyond(&self, left: &Left) -> Option<Beyond> {
        let (wanted, free) = self.keep.free.zip(self.shelf.free())?;
        if left.is_empty() {
            return None;
        }
        let possible = free.saturating_add(left.may_go);
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

    /// Removes what the rule does not keep, but not very many at once. `open` is the file
    /// that is written.
    pub(crate) fn tidy(&mut self, now: WallClock, open: Option<&Path>) -> Vec<Gone> {
        let mut left = Left::look(&self.shelf, open, None);
        // What others put on the disk is no reason to lose all recordings, and
        // still not to have what was asked for.
        let wanted = self.keep.free.filter(|_| self.beyond(&left).is_none());
        // Counted, not asked again: XFS frees blocks after a while.
        let wanted = wanted.map(|wanted| wanted.saturating_add(self.soon));
        let mut missing = wanted.zip(self.shelf.free());
        let mut gone = Vec::new();
        loop {
            let began = left.past_age(self.keep, now);
            let mut last = None;
            while let Some(why) = left.due(self.keep, began, missing)
                && let Some(segment) = left.take()
            {
                let removed = self.remove(&segment, why);
                if let (Some(Gone { result: Ok(()), .. }), Some((_, free))) =
                    (&removed, &mut missing)
                {
                    *free = free.saturating_add(segment.bytes);
                }
                gone.extend(removed);
                last = Some(segment.place());
            }
            // Where none of the oldest can be removed it is up to those behind them.
            match last {
                Some(last) if left.is_stuck() && !went(&gone) => {
                    left = Left::look(&self.shelf, open, Some(&last));
                }
                _ => return gone,
            }
        }
    }

    /// The disk is full: removes the oldest segment that may go. Also what could
    /// not be removed is returned; the last one went, unless none did.
    pub(crate) fn make_room(&mut self, now: WallClock, open: Option<&Path>) -> Vec<Gone> {
        let mut left = Left::look(&self.shelf, open, None);
        // Who names no size has said how long recordings stay.
        let young = Keep {
            age: self.keep.age,
            ..Keep::default()
        };
        let mut tried = Vec::new();
        loop {
            let began = left.past_age(young, now);
            let why = match self.keep.gives_way() {
                true => Some(Why::Full),
                false => left.due(young, began, None),
            };
            let (Some(why), Some(segment)) = (why, left.take()) else {
                return tried;
            };
            // One that cannot be removed makes no room: the next is tried.
            tried.extend(self.remove(&segment, why));
            if went(&tried) {
                return tried;
            }
            if left.is_stuck() {
                left = Left::look(&self.shelf, open, Some(&segment.place()));
            }
        }
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
}

/// Whether one went.
fn went(gone: &[Gone]) -> bool {
    gone.iter().any(|gone| gone.result.is_ok())
}

#[cfg(test)]
mod tests;
