//! The fields of boxes, for people who read box trees.
//!
//! Layouts are tables of rules, family by family; a reader that never leaves
//! the payload follows them. Numbers of clauses are those of ISO/IEC 14496-12:2022
//! where nothing else is said.

mod audio;
mod descriptors;
mod entries;
mod fragments;
mod groups;
mod hints;
mod items;
mod movie;
mod protection;
mod quicktime;
mod reader;
mod rule;
mod tables;
#[cfg(test)]
mod tests;
mod user_data;
mod user_types;
mod vendors;
mod video;

use reader::{End, Reader};
use rule::Layout;
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;
use tapo_bmff::{BoxNode, BoxTree, FourCc, NodeId};
use tapo_io::{ByteSource, Span};

/// A value of a field.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A number.
    Int(u64),
    /// A number below zero, or that may be.
    Signed(i64),
    /// A fixed-point or floating-point number.
    Fixed(f64),
    /// A time, seconds since 1904; 0 where it is not set.
    Date(u64),
    /// A four-character code.
    Code(FourCc),
    /// 16 bytes that identify something.
    Uuid([u8; 16]),
    /// Text as it stands in the file.
    Text(Vec<u8>),
    /// Bytes: the first of them, and how many there should be.
    Bytes {
        /// The first 1024, or as many as are there.
        head: Vec<u8>,
        /// How many the box says there are.
        len: u64,
    },
    /// Text of ours.
    Word(String),
    /// Several values.
    List {
        /// The first 64 (or as many as were asked for), or as many as are there.
        shown: Vec<Self>,
        /// How many the box says there are; `None` where that was not found out.
        count: Option<u64>,
    },
    /// An item of a list that has fields of its own.
    Record(Vec<Field>),
}

/// A field: its name in the standard, in lower case, and its value.
pub type Field = (&'static str, Value);

/// What is known of the inside of a box.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decoded {
    /// Its fields, in order; none where nothing is known of its type.
    pub fields: Vec<Field>,
    /// The bytes behind those read and in front of its first child. They are what
    /// nothing is known of, unless the box is so large that only its head was read.
    pub behind: Span,
    /// Whether the box ends in the middle of its fields.
    pub short: bool,
}

/// Bytes of a payload that are read for its fields.
const HEAD: u64 = 4096;

/// Items of a list that are kept.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct Shown {
    /// Of one that holds values.
    pub values: usize,
    /// Of one that holds records of several fields.
    pub records: usize,
}

impl Shown {
    /// As many as machines are told.
    const ALL: Self = Self {
        values: 64,
        records: 64,
    };
}

/// The tables, in the order in which they are looked through: those of boxes that
/// mean something else elsewhere come first.
const FAMILIES: &[&[Layout]] = &[
    groups::LAYOUTS,
    items::LAYOUTS,
    hints::LAYOUTS,
    quicktime::LAYOUTS,
    movie::LAYOUTS,
    tables::LAYOUTS,
    fragments::LAYOUTS,
    video::LAYOUTS,
    audio::LAYOUTS,
    protection::LAYOUTS,
    user_data::LAYOUTS,
    vendors::LAYOUTS,
];

/// The fields of the box at `id`, none where we know nothing of it.
///
/// # Errors
/// As [`ByteSource::read_at`].
pub fn of(source: &dyn ByteSource, tree: &BoxTree, id: NodeId) -> crate::Result<Vec<Field>> {
    Ok(decode(source, tree, id)?.fields)
}

/// The fields of the box at `id`, and which of its bytes they leave.
///
/// # Errors
/// As [`ByteSource::read_at`].
pub fn decode(source: &dyn ByteSource, tree: &BoxTree, id: NodeId) -> crate::Result<Decoded> {
    decode_head(source, tree, id, Shown::ALL)
}

/// The same, with so many items of each list.
///
/// # Errors
/// As [`decode`].
pub fn decode_head(
    source: &dyn ByteSource,
    tree: &BoxTree,
    id: NodeId,
    shown: Shown,
) -> crate::Result<Decoded> {
    let Some(node) = tree.get(id) else {
        return Ok(Decoded::default());
    };
    let all = node.payload();
    let first_child = tree.children(id).next();
    let own = first_child.map_or(all, |(_, child)| Span::new(all.start, child.span.start));
    let parent = tree.parent(id).map(|(_, p)| p.kind);
    if node.kind == b"uuid" {
        return user_type(source, node, own, shown);
    }
    let entry = parent.is_some_and(|p| p == b"stsd");
    let layout = if entry {
        Some(entries::layout(node.kind, handler(source, tree, id)?))
    } else {
        find(node.kind, parent)
    };
    let Some(layout) = layout.filter(|_| !own.is_empty()) else {
        let behind = own;
        return Ok(Decoded {
            behind,
            ..Decoded::default()
        });
    };
    read(source, own, layout, shown)
}

fn find(kind: FourCc, parent: Option<FourCc>) -> Option<&'static Layout> {
    // Items of metadata lists are boxes of any type around `data`.
    if parent.is_some_and(|p| p == b"ilst") {
        return None;
    }
    // So are those of user data in each country's language.
    let kind = match kind.0 {
        [0xa9, ..] => FourCc(*quicktime::TEXT),
        _ => kind,
    };
    /// The layouts of each type, in the order of the families; those of any type under none.
    static BY_TYPE: LazyLock<HashMap<Option<FourCc>, Vec<&Layout>>> = LazyLock::new(|| {
        let mut by_type: HashMap<_, Vec<_>> = HashMap::new();
        let all = || FAMILIES.iter().flat_map(|family| family.iter());
        for layout in all() {
            for kind in layout.kinds {
                let kind = Some(FourCc(**kind));
                by_type.entry(kind).or_default();
            }
        }
        by_type.entry(None).or_default();
        for (kind, layouts) in &mut by_type {
            let any = |l: &&Layout| l.kinds.is_empty();
            let of = |l: &&Layout| any(l) || kind.is_some_and(|k| l.kinds.iter().any(|o| k == **o));
            *layouts = all().filter(of).collect();
        }
        by_type
    });
    let layouts = BY_TYPE.get(&Some(kind)).or_else(|| BY_TYPE.get(&None));
    let mut of = layouts?.iter().filter(|layout| layout.is_of(kind, parent));
    of.next().copied()
}

fn read(
    source: &dyn ByteSource,
    own: Span,
    layout: &Layout,
    shown: Shown,
) -> crate::Result<Decoded> {
    let span = own.intersect(Span::at(own.start, HEAD));
    let head = match source.slice(span) {
        Some(bytes) => Cow::Borrowed(bytes),
        None => Cow::Owned(source.read_span(span)?),
    };
    let mut reader = Reader::new(&head, own.len(), shown);
    if !layout.full || reader.full_box().is_some() {
        // A cut box keeps the fields before the cut.
        let _ = reader.run(layout.rules);
    }
    let (read, end, fields) = reader.finish();
    let behind = match end {
        None => Span::new(own.start.saturating_add(read).min(own.end), own.end),
        Some(_) => Span::new(own.end, own.end),
    };
    Ok(Decoded {
        fields,
        behind,
        short: end == Some(End::Short),
    })
}

fn user_type(
    source: &dyn ByteSource,
    node: &BoxNode,
    own: Span,
    shown: Shown,
) -> crate::Result<Decoded> {
    let start = own.start.saturating_sub(16);
    let bytes = source.read_span(Span::new(start.max(node.span.start), own.start))?;
    let Some(id) = bytes.first_chunk::<16>() else {
        return Ok(Decoded::default());
    };
    let mut decoded = match user_types::layout(id) {
        Some(layout) => read(source, own, layout, shown)?,
        None => Decoded {
            behind: own,
            ..Decoded::default()
        },
    };
    decoded.fields.insert(0, ("user_type", Value::Uuid(*id)));
    Ok(decoded)
}

/// The handler of the track that a sample entry stands in.
fn handler(
    source: &dyn ByteSource,
    tree: &BoxTree,
    entry: NodeId,
) -> crate::Result<Option<FourCc>> {
    let mut at = entry;
    // mdia, minf, stbl, stsd.
    for _ in 0..4 {
        let Some((parent, _)) = tree.parent(at) else {
            return Ok(None);
        };
        at = parent;
    }
    let Some((_, hdlr)) = tree.child(at, b"hdlr") else {
        return Ok(None);
    };
    let head = hdlr.payload().intersect(Span::at(hdlr.payload().start, 12));
    let bytes = source.read_span(head)?;
    Ok(bytes
        .get(8..)
        .and_then(|b| b.first_chunk())
        .map(FourCc::from))
}
