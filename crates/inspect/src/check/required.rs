//! Boxes that must be there, and versions of boxes that must be known.

use crate::{Finding, Problem, Result};
use tapo_bmff::{BoxTree, FourCc};
use tapo_io::{ByteSource, Span};

/// Boxes that are reported as missing.
const TOLD: usize = 32;

/// A box, and those it must hold (§8.1.1 and the clauses of each).
const HELD: [(&[u8; 4], &[&[u8; 4]]); 8] = [
    (b"trak", &[b"tkhd", b"mdia"]),
    (b"mdia", &[b"mdhd", b"hdlr", b"minf"]),
    (b"minf", &[b"stbl"]),
    (b"stbl", &[b"stsd", b"stts", b"stsc"]),
    (b"dinf", &[b"dref"]),
    (b"mvex", &[b"trex"]),
    (b"moof", &[b"mfhd"]),
    (b"traf", &[b"tfhd"]),
];

/// Highest version and defined flags of full boxes (§8).
const VERSIONS: [(&[u8; 4], u8, u32); 13] = [
    (b"mvhd", 1, 0),
    (b"tkhd", 1, 0xf),
    (b"mdhd", 1, 0),
    (b"vmhd", 0, 1),
    (b"smhd", 0, 0),
    (b"stsd", 1, 0),
    (b"dref", 0, 0),
    (b"mehd", 1, 0),
    (b"trex", 0, 0),
    (b"mfhd", 0, 0),
    (b"tfhd", 0, 0x3_003b),
    (b"tfdt", 1, 0),
    (b"trun", 1, 0xf05),
];

/// Boxes, and the box that each must stand in (§6.2.3, table 1).
const HOMES: [(&[u8; 4], &[u8; 4]); 26] = [
    (b"mvhd", b"moov"),
    (b"trak", b"moov"),
    (b"mvex", b"moov"),
    (b"trex", b"mvex"),
    (b"tkhd", b"trak"),
    (b"edts", b"trak"),
    (b"elst", b"edts"),
    (b"mdia", b"trak"),
    (b"mdhd", b"mdia"),
    (b"minf", b"mdia"),
    (b"vmhd", b"minf"),
    (b"smhd", b"minf"),
    (b"stbl", b"minf"),
    (b"dref", b"dinf"),
    (b"stsd", b"stbl"),
    (b"stts", b"stbl"),
    (b"ctts", b"stbl"),
    (b"stss", b"stbl"),
    (b"stsc", b"stbl"),
    (b"stsz", b"stbl"),
    (b"stco", b"stbl"),
    (b"co64", b"stbl"),
    (b"mfhd", b"moof"),
    (b"traf", b"moof"),
    (b"tfhd", b"traf"),
    (b"trun", b"traf"),
];

/// Whether a box stands where it does not belong: the size of a box in front of
/// it, or around it, is wrong.
fn is_astray(kind: FourCc, parent: Option<FourCc>) -> bool {
    let Some(parent) = parent else {
        return false;
    };
    let home = HOMES.iter().find(|(k, _)| kind == *k);
    // Names of items of metadata begin with a copyright sign, as those of user
    // data do; they stand in `ilst`, not beside it.
    let item = kind.0.first() == Some(&0xa9) && parent == b"meta";
    item || home.is_some_and(|(_, home)| parent != *home)
}

/// Findings of what is missing, astray or of an unknown version.
#[derive(Default)]
pub(crate) struct Required {
    told: usize,
    pub(crate) found: Vec<Finding>,
}

impl Required {
    fn tell(&mut self, problem: Problem, span: Span) {
        self.told += 1;
        if self.told <= TOLD {
            self.found.push(Finding::new(problem).at(span));
        }
    }

    /// Looks at a box of the top level and all in it, which are read in `source`.
    ///
    /// # Errors
    /// The source fails.
    pub(crate) fn look(&mut self, tree: &BoxTree, source: &dyn ByteSource) -> Result<()> {
        for (id, node) in tree.iter() {
            if let Some((_, held)) = HELD.iter().find(|(k, _)| node.kind == *k) {
                // An index that is compressed holds nothing else.
                if tree.child(id, b"cmov").is_some() {
                    continue;
                }
                for kind in held.iter().filter(|k| tree.child(id, k).is_none()) {
                    let (kind, parent) = (FourCc(**kind), node.kind);
                    self.tell(Problem::BoxMissing { kind, parent }, node.span);
                }
                for (kind, other) in either(node.kind) {
                    if tree.child(id, kind).is_none() && tree.child(id, other).is_none() {
                        let (kind, parent) = (FourCc(**kind), node.kind);
                        self.tell(Problem::BoxMissing { kind, parent }, node.span);
                    }
                }
            }
            let parent = tree.parent(id).map(|(_, p)| p.kind);
            if let Some(parent) = parent.filter(|_| is_astray(node.kind, parent)) {
                // The box in front may have swallowed the header of its parent.
                let before = tree.ending_at(node.span.start);
                let start = before.map_or(node.span.start, |n| n.span.start);
                let span = Span::new(start, node.span.end);
                let kind = node.kind;
                self.tell(Problem::BoxAstray { kind, parent }, span);
            }
            if let Some((_, version, flags)) = VERSIONS.iter().find(|(k, ..)| node.kind == *k)
                && !node.payload().is_empty()
            {
                let mut word = [0; 4];
                if source.read_at(node.payload().start, &mut word)? < word.len() {
                    continue;
                }
                let [v, ..] = word;
                let f = u32::from_be_bytes(word) & 0x00ff_ffff;
                if v > *version || f & !flags != 0 {
                    let problem = Problem::VersionUnknown {
                        kind: node.kind,
                        version: v,
                        flags: f,
                    };
                    self.tell(problem, node.span);
                }
            }
        }
        Ok(())
    }
}

/// Tables of which there are two kinds.
fn either(kind: FourCc) -> &'static [(&'static [u8; 4], &'static [u8; 4])] {
    if kind == b"stbl" {
        return &[(b"stsz", b"stz2"), (b"stco", b"co64")];
    }
    &[]
}

/// Types that stand twice where one must, of each track.
pub(super) fn twice(tree: &BoxTree, found: &mut Vec<Finding>) {
    let once: [&[u8; 4]; 10] = [
        b"tkhd", b"mdhd", b"hdlr", b"stsd", b"stts", b"ctts", b"stss", b"stsc", b"stsz", b"stco",
    ];
    let mut told = 0;
    for (id, node) in tree.iter() {
        if !matches!(&node.kind.0, b"trak" | b"mdia" | b"stbl") {
            continue;
        }
        for kind in once {
            let second = tree.children(id).filter(|(_, n)| n.kind == kind).nth(1);
            if let Some((_, second)) = second.filter(|_| told < TOLD) {
                told += 1;
                let kind = second.kind;
                found.push(Finding::new(Problem::BoxTwice { kind }).at(second.span));
            }
        }
    }
}
