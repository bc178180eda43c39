//! What layouts of boxes are made of: one rule for each field, in the order of the
//! standard's syntax.

use super::reader::Reader;
use tapo_bmff::FourCc;

/// A field of a box, or what governs several.
#[derive(Copy, Clone, Debug)]
pub(super) enum Rule {
    /// An unsigned number of so many bits.
    Uint(&'static str, u32),
    /// A number in two's complement of so many bits.
    Int(&'static str, u32),
    /// An unsigned number whose width an earlier field gives: `(field + more) * unit` bits.
    By {
        name: &'static str,
        field: &'static str,
        more: u64,
        unit: u64,
    },
    /// A signed fixed-point number: bits in all, bits behind the point.
    Fixed(&'static str, u32, u32),
    /// The same, unsigned.
    Ufixed(&'static str, u32, u32),
    /// An IEEE 754 number of 32 bits.
    Float(&'static str),
    /// The same of 64 bits.
    Double(&'static str),
    /// 64 bits in version 1, else 32.
    Ticks(&'static str),
    /// The same, in two's complement.
    SignedTicks(&'static str),
    /// The same, seconds since 1904.
    Date(&'static str),
    /// A four-character code.
    Code(&'static str),
    /// 16 bytes that identify something.
    Uuid(&'static str),
    /// A language: three letters packed into 16 bits, or a Macintosh code.
    Language(&'static str),
    /// Bytes.
    Bytes(&'static str, Len),
    /// Text, UTF-8 where writers keep to the standard.
    Text(&'static str, Len),
    /// Bits that say nothing.
    Skip(u64),
    /// Rules that hold in some cases only.
    If(Cond, &'static [Self]),
    /// Values of one rule, or records of several.
    List(&'static str, Count, &'static [Self]),
    /// What no other rule can say.
    Call(fn(&mut Reader<'_>) -> Option<()>),
}

/// How many bytes a field has.
#[derive(Copy, Clone, Debug)]
pub(super) enum Len {
    /// So many.
    Of(u64),
    /// As an earlier field says.
    By(&'static str),
    /// As an earlier field says, less so many that it counts too.
    Less(&'static str, u64),
    /// As a number of so many bits in front says.
    Prefixed(u32),
    /// A byte of length and its text, in a field of so many bytes.
    Pascal(u64),
    /// Up to a zero, or all there is.
    Null,
    /// All there is.
    Rest,
}

/// How many items a list has.
#[derive(Copy, Clone, Debug)]
pub(super) enum Count {
    /// So many.
    Of(u64),
    /// As an earlier field says.
    By(&'static str),
    /// As an earlier field says, and so many more.
    More(&'static str, u64),
    /// As many as fit.
    Rest,
}

/// When rules hold.
#[derive(Copy, Clone, Debug)]
pub(super) enum Cond {
    /// In this version.
    Version(u8),
    /// In this version and all later ones.
    From(u8),
    /// In all versions before this one.
    Below(u8),
    /// With any of these flags.
    Flag(u32),
    /// Without any of these flags.
    NoFlag(u32),
    /// If an earlier field has this value.
    Is(&'static str, u64),
    /// If an earlier field has another value.
    Not(&'static str, u64),
    /// If an earlier field has any of these bits.
    Bits(&'static str, u64),
    /// If an earlier field is this code.
    Type(&'static str, &'static [u8; 4]),
    /// If at least so many bytes are left.
    Left(u64),
    /// If all of these hold.
    All(&'static [Self]),
}

/// The fields of types of boxes.
#[derive(Copy, Clone, Debug)]
pub(super) struct Layout {
    /// The types; none stands for any.
    pub(super) kinds: &'static [&'static [u8; 4]],
    /// The boxes that it stands in; none stands for any.
    pub(super) inside: &'static [&'static [u8; 4]],
    /// Whether version and flags come first (14496-12 §4.2.2).
    pub(super) full: bool,
    /// What follows.
    pub(super) rules: &'static [Rule],
}

type Kinds = &'static [&'static [u8; 4]];

/// A layout of plain boxes.
pub(super) const fn plain(kinds: Kinds, rules: &'static [Rule]) -> Layout {
    Layout {
        kinds,
        inside: &[],
        full: false,
        rules,
    }
}

/// A layout of full boxes.
pub(super) const fn full(kinds: Kinds, rules: &'static [Rule]) -> Layout {
    Layout {
        full: true,
        ..plain(kinds, rules)
    }
}

impl Layout {
    /// The same, of boxes that stand in these.
    pub(super) const fn inside(self, inside: Kinds) -> Self {
        Self { inside, ..self }
    }

    /// Whether it is that of a type of box in another.
    pub(super) fn is_of(&self, kind: FourCc, parent: Option<FourCc>) -> bool {
        let place = self.inside.is_empty()
            || parent.is_some_and(|p| self.inside.iter().any(|inside| p == *inside));
        place && (self.kinds.is_empty() || self.kinds.iter().any(|k| kind == *k))
    }
}
