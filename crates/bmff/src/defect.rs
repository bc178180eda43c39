//! What is wrong with boxes, as data.

use crate::FourCc;
use tapo_io::Span;

/// Something wrong at a place.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Defect {
    /// The bytes concerned.
    pub span: Span,
    /// The box they stand in; `None` at the top level.
    pub parent: Option<FourCc>,
    /// What is wrong.
    pub flaw: Flaw,
}

/// The ways in which boxes can be wrong.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Flaw {
    /// The box ends behind its parent, or behind the file: cut off.
    Overrun {
        /// The box type.
        kind: FourCc,
        /// Where it should end.
        declared_end: u64,
    },
    /// The size is smaller than the header that states it.
    SizeBelowHeader {
        /// The box type.
        kind: FourCc,
    },
    /// A size of 0, "to the end of the file", inside another box.
    OpenInside {
        /// The box type.
        kind: FourCc,
    },
    /// Bytes that are too few for a header.
    Leftover,
    /// The four zero bytes with which QuickTime ends a list of boxes: harmless.
    Terminator,
    /// Bytes that cannot be a box header, where one must stand.
    NotABox,
    /// Boxes nested deeper than [`limits::DEPTH`](crate::limits::DEPTH).
    TooDeep,
    /// More boxes than [`limits::BOXES`](crate::limits::BOXES).
    TooMany,
    /// A table that counts more entries than its box has room for.
    TableShort {
        /// The box type.
        kind: FourCc,
        /// Entries by its count.
        entries: u32,
        /// Entries that are there.
        room: u32,
    },
    /// A box whose fields do not fit into it, or contradict themselves.
    BadFields {
        /// The box type.
        kind: FourCc,
        /// What is wrong with them.
        why: &'static str,
    },
}

impl Flaw {
    /// Whether files that are sound have it too.
    #[must_use]
    pub const fn is_harmless(&self) -> bool {
        matches!(self, Self::Terminator)
    }
}
