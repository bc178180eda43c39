//! What is done to the files.

use crate::files::Subject;
use crate::silent;
use tapo_bmff::BoxNode;
use tapo_io::Span;

/// Kinds of damage.
#[derive(Copy, Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Kind {
    /// Zeros over any bytes of the file.
    Zeros,
    /// The end of the file is missing.
    Tail,
    /// Bytes are missing inside.
    Cut,
    /// A bit of a box's size or type.
    Head,
    /// A bit of an entry of a table.
    Table,
    /// Two entries of a table change places.
    Swap,
    /// A bit of the length in front of a NAL unit.
    Length,
    /// A bit of a NAL unit's header.
    Unit,
    /// A bit of media that a hash covers.
    Sealed,
}

const KINDS: [Kind; 9] = [
    Kind::Zeros,
    Kind::Tail,
    Kind::Cut,
    Kind::Head,
    Kind::Table,
    Kind::Swap,
    Kind::Length,
    Kind::Unit,
    Kind::Sealed,
];

#[derive(Clone, Debug)]
pub(crate) struct Damage {
    pub(crate) kind: Kind,
    pub(crate) range: Span,
    #[expect(dead_code, reason = "read when it is printed")]
    pub(crate) what: String,
}

/// Numbers that look random, the same each time.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        let mut dice = Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5851_F42D_4C95_7F2D);
        dice.roll(2);
        dice.roll(2);
        dice
    }

    pub(crate) fn roll(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 11) % below as u64) as usize
    }
}

/// Damages the file in some way that can be noticed.
pub(crate) fn inject(subject: &Subject, dice: &mut Dice) -> (Damage, Vec<u8>) {
    loop {
        let kind = KINDS[dice.roll(KINDS.len())];
        if (kind == Kind::Sealed) != subject.sealed && (kind == Kind::Sealed || dice.roll(2) == 0) {
            continue;
        }
        let mut bytes = subject.bytes.clone();
        let Some((range, what)) = apply(kind, subject, dice, &mut bytes) else {
            continue;
        };
        let mut range = range;
        if bytes.len() == subject.bytes.len() {
            // Some of it may have been so before.
            let pairs = bytes.iter().zip(&subject.bytes);
            let mut differ = pairs
                .enumerate()
                .filter(|(_, (a, b))| a != b)
                .map(|(i, _)| i);
            let Some(first) = differ.next() else {
                continue;
            };
            range = Span::new(first as u64, differ.next_back().unwrap_or(first) as u64 + 1);
        }
        if kind == Kind::Zeros {
            range = silent::trim(subject, range);
        }
        if range.is_empty() {
            continue;
        }
        let damage = Damage { kind, range, what };
        if bytes != subject.bytes && silent::why(subject, &damage, &bytes).is_none() {
            return (damage, bytes);
        }
    }
}

fn at(start: usize, len: usize) -> Span {
    Span::at(start as u64, len as u64)
}

fn apply(
    kind: Kind,
    subject: &Subject,
    dice: &mut Dice,
    bytes: &mut Vec<u8>,
) -> Option<(Span, String)> {
    let size = bytes.len();
    match kind {
        Kind::Zeros => {
            let start = dice.roll(size);
            let len = (8 + dice.roll(1500)).min(size - start);
            bytes[start..start + len].fill(0);
            Some((at(start, len), "zeros".into()))
        }
        Kind::Tail => {
            let start = 1 + dice.roll(size - 1);
            bytes.truncate(start);
            Some((at(start, size - start), "the end".into()))
        }
        Kind::Cut => {
            let start = dice.roll(size - 1);
            let len = (1 + dice.roll(3000)).min(size - start - 1);
            bytes.drain(start..start + len);
            Some((at(start, len), "cut out".into()))
        }
        Kind::Head => {
            let nodes = subject.tree.nodes();
            let node = nodes[dice.roll(nodes.len())];
            let place = node.span.start as usize + dice.roll(8);
            let before = bytes[place];
            flip(bytes, dice, place);
            let (field, after) = (place as u64 - node.span.start, bytes[place]);
            let what = format!("{} {field} {before:02x}->{after:02x}", node.kind);
            Some((at(place, 1), what))
        }
        Kind::Table => {
            let (node, first, record) = table(subject, dice)?;
            let entries = (node.span.end as usize - first) / record;
            let place = first - 4 + dice.roll(entries * record + 4);
            let before = bytes[place];
            flip(bytes, dice, place);
            let field = (place + record - first) % record;
            let after = bytes[place];
            let what = format!("{} {field} {before:02x}->{after:02x}", node.kind);
            Some((at(place, 1), what))
        }
        Kind::Swap => {
            let (node, first, record) = table(subject, dice)?;
            let entries = (node.span.end as usize - first) / record;
            if entries < 2 {
                return None;
            }
            let a = dice.roll(entries - 1);
            let b = a + 1 + dice.roll(entries - a - 1);
            let (a, b) = (first + a * record, first + b * record);
            let what = format!(
                "{} {:?} {:?}",
                node.kind,
                &bytes[a..a + record],
                &bytes[b..b + record]
            );
            for i in 0..record {
                bytes.swap(a + i, b + i);
            }
            Some((at(a, b + record - a), what))
        }
        Kind::Length | Kind::Unit => {
            let tracks = &subject.movie.tracks;
            let pictures = tracks.iter().find(|t| t.is_video())?;
            let number = dice.roll(pictures.samples.len() as usize);
            let sample = pictures.samples.iter().nth(number)?;
            let mut units = Vec::new();
            let mut place = sample.span.start as usize;
            while place < sample.span.end as usize {
                units.push(place);
                let len = u32::from_be_bytes(bytes[place..place + 4].try_into().unwrap());
                place += 4 + len as usize;
            }
            let unit = units[dice.roll(units.len())];
            let place = match kind {
                Kind::Length => unit + dice.roll(4),
                _ => unit + 4,
            };
            let before = bytes[place];
            flip(bytes, dice, place);
            Some((at(place, 1), format!("{before:02x}->{:02x}", bytes[place])))
        }
        Kind::Sealed => {
            let mdats = subject.tree.nodes().iter().filter(|n| n.kind == b"mdat");
            let mdats: Vec<&BoxNode> = mdats.collect();
            let mdat = mdats[dice.roll(mdats.len())].payload();
            let place = mdat.start as usize + dice.roll(mdat.len() as usize);
            flip(bytes, dice, place);
            Some((at(place, 1), "sealed".into()))
        }
    }
}

fn flip(bytes: &mut [u8], dice: &mut Dice, place: usize) {
    bytes[place] ^= 1 << dice.roll(8);
}

/// A table, where its entries begin, and how long one is. Its count stands in
/// the four bytes before.
fn table(subject: &Subject, dice: &mut Dice) -> Option<(BoxNode, usize, usize)> {
    let shape = |node: &BoxNode| {
        let (head, record) = match &node.kind.0 {
            b"stts" | b"ctts" => (16, 8),
            b"stsz" => (20, 4),
            b"stsc" => (16, 12),
            b"stss" | b"stco" => (16, 4),
            b"elst" => (16, 12),
            b"trun" => {
                let head = node.span.start as usize + 8;
                let flags = &subject.bytes[head..head + 4];
                let flags = u32::from_be_bytes(flags.try_into().unwrap());
                (20, 4 * (flags & 0xf00).count_ones() as usize)
            }
            _ => return None,
        };
        let first = node.span.start as usize + head;
        (first < node.span.end as usize).then_some((*node, first, record))
    };
    let tables: Vec<_> = subject.tree.nodes().iter().filter_map(shape).collect();
    Some(tables[dice.roll(tables.len())])
}
