//! All boxes of a file, or of one box, as a tree.

use crate::walk::{Step, Walker};
use crate::{BoxHeader, BoxSize, Defect, Flaw, FourCc, Result, be_u32, entry, kind, limits};
use tapo_io::{ByteSource, Span, Window};

mod trees;
pub use trees::{Branch, Trees};

/// A node's place in its [`BoxTree`].
#[derive(Copy, Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct NodeId(u32);

/// One box.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct BoxNode {
    /// Its type.
    pub kind: FourCc,
    /// The size its header states.
    pub size: BoxSize,
    /// Its bytes, header included, as far as they are there.
    pub span: Span,
    /// Boxes around it.
    pub depth: u8,
    header_len: u8,
    parent: u32,
    subtree_end: u32,
}

impl BoxNode {
    /// The bytes behind the header (and the extended type of a `uuid`).
    #[must_use]
    pub fn payload(&self) -> Span {
        Span::new(self.span.start + u64::from(self.header_len), self.span.end)
    }

    /// Bytes of the header.
    #[must_use]
    pub const fn header_len(&self) -> u64 {
        self.header_len as u64
    }

    /// Whether all bytes that the header promises are there.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let declared = match self.size {
            BoxSize::Compact(size) => u64::from(size),
            BoxSize::Large(size) => size,
            BoxSize::ToEnd => return true,
        };
        declared == self.span.len()
    }
}

/// Boxes in the order in which they stand in the file, each before its
/// children, and what was wrong on the way.
#[derive(Clone, Debug, Default)]
pub struct BoxTree {
    nodes: Vec<BoxNode>,
    defects: Vec<Defect>,
}

/// No parent: a box at the top level.
const ROOT: u32 = u32::MAX;

/// A level that is being walked.
struct Level {
    walker: Walker,
    parent: u32,
    kind: Option<FourCc>,
    handler: Option<FourCc>,
}

impl BoxTree {
    /// Reads the boxes of a whole file: headers only, never media.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io) if the source fails.
    pub fn read(source: &dyn ByteSource) -> Result<Self> {
        Self::read_span(source, Span::new(0, source.len()), None)
    }

    /// Reads the boxes that stand in `span`, which is the payload of a box of
    /// type `parent` or, for `None`, a row of top-level boxes.
    ///
    /// # Errors
    /// As [`BoxTree::read`].
    pub fn read_span(source: &dyn ByteSource, span: Span, parent: Option<FourCc>) -> Result<Self> {
        let mut reader = Reader {
            tree: Self::default(),
            window: Window::new(source),
            stack: vec![Level {
                walker: Walker::new(span, parent),
                parent: ROOT,
                kind: parent,
                handler: None,
            }],
        };
        reader.run()?;
        reader.close();
        Ok(reader.tree)
    }

    /// The outermost box that ends at `at`.
    #[must_use]
    pub fn ending_at(&self, at: u64) -> Option<&BoxNode> {
        // Boxes stand in the order of their starts; those that end here are the last that starts before, and boxes
        // around it.
        let before = self.nodes.partition_point(|n| n.span.start < at);
        let mut id = NodeId(u32::try_from(before.checked_sub(1)?).ok()?);
        let mut found = None;
        while let Some(node) = self.get(id) {
            if node.span.end == at {
                found = Some(node);
            }
            id = NodeId(node.parent);
        }
        found
    }

    /// The box of the top level that `at` is in, or that stands before it.
    #[must_use]
    pub fn root_at(&self, at: u64) -> Option<&BoxNode> {
        let until = self.nodes.partition_point(|n| n.span.start <= at);
        let mut id = NodeId(u32::try_from(until.checked_sub(1)?).ok()?);
        while let Some((parent, _)) = self.parent(id) {
            id = parent;
        }
        self.get(id)
    }

    /// Appends the boxes of a tree whose boxes stand behind those of this one. What was wrong with them is left out.
    pub fn append(&mut self, behind: &Self) {
        let base = u32::try_from(self.nodes.len()).unwrap_or(ROOT);
        let moved = behind.nodes.iter().map(|node| BoxNode {
            parent: match node.parent {
                ROOT => ROOT,
                parent => parent.saturating_add(base),
            },
            subtree_end: node.subtree_end.saturating_add(base),
            ..*node
        });
        self.nodes.extend(moved);
    }

    fn close(&mut self, parent: u32) {
        let end = u32::try_from(self.nodes.len()).unwrap_or(ROOT);
        if let Some(node) = self.nodes.get_mut(parent as usize) {
            node.subtree_end = end;
        }
    }

    fn note(&mut self, defect: Defect) {
        if self.defects.len() < limits::DEFECTS {
            self.defects.push(defect);
        }
    }

    /// What is wrong, in the order in which it was met.
    #[must_use]
    pub fn defects(&self) -> &[Defect] {
        &self.defects
    }

    /// All boxes, each before its children.
    #[must_use]
    pub fn nodes(&self) -> &[BoxNode] {
        &self.nodes
    }

    /// All boxes with their places, each before its children.
    pub fn iter(&self) -> impl Iterator<Item = (NodeId, &BoxNode)> {
        (0..).map(NodeId).zip(&self.nodes)
    }

    /// The box at a place.
    #[must_use]
    pub fn get(&self, id: NodeId) -> Option<&BoxNode> {
        self.nodes.get(id.0 as usize)
    }

    /// The boxes at the top level, in file order.
    pub fn roots(&self) -> impl Iterator<Item = (NodeId, &BoxNode)> {
        self.level(0, self.nodes.len())
    }

    /// The children of a box, in file order.
    pub fn children(&self, id: NodeId) -> impl Iterator<Item = (NodeId, &BoxNode)> {
        let end = self.get(id).map_or(0, |n| n.subtree_end as usize);
        self.level(id.0 as usize + 1, end)
    }

    fn level(&self, start: usize, end: usize) -> impl Iterator<Item = (NodeId, &BoxNode)> {
        let mut at = start;
        std::iter::from_fn(move || {
            let node = self.nodes.get(at).filter(|_| at < end)?;
            let id = NodeId(u32::try_from(at).ok()?);
            at = node.subtree_end as usize;
            Some((id, node))
        })
    }

    /// The first child of this type.
    #[must_use]
    pub fn child(&self, id: NodeId, kind: &[u8; 4]) -> Option<(NodeId, &BoxNode)> {
        self.children(id).find(|(_, n)| n.kind == kind)
    }

    /// The first box at the end of a path of types below `id`.
    #[must_use]
    pub fn descend(&self, id: NodeId, path: &[&[u8; 4]]) -> Option<(NodeId, &BoxNode)> {
        let mut at = (id, self.get(id)?);
        for kind in path {
            at = self.child(at.0, kind)?;
        }
        Some(at)
    }

    /// The box around this one.
    #[must_use]
    pub fn parent(&self, id: NodeId) -> Option<(NodeId, &BoxNode)> {
        let parent = NodeId(self.get(id)?.parent);
        Some((parent, self.get(parent)?))
    }
}

/// Bytes of a payload that tell where its children start.
const HEAD: usize = 64;

/// A tree in the making; the stack holds the levels above the next box.
struct Reader<'a> {
    tree: BoxTree,
    window: Window<'a>,
    stack: Vec<Level>,
}

impl Reader<'_> {
    /// Takes all steps.
    fn run(&mut self) -> Result<()> {
        while self.step()? {}
        Ok(())
    }

    /// Ends the levels that are open.
    fn close(&mut self) {
        while let Some(level) = self.stack.pop() {
            self.tree.close(level.parent);
        }
    }

    /// Takes one step on the innermost level; `false` when all is done.
    fn step(&mut self) -> Result<bool> {
        let Some(level) = self.stack.last_mut() else {
            return Ok(false);
        };
        match level.walker.next(&mut self.window)? {
            None => {
                self.tree.close(level.parent);
                self.stack.pop();
            }
            Some(Step::Stop(defect)) => self.tree.note(defect),
            Some(Step::Box {
                header,
                span,
                defect,
            }) => {
                defect.into_iter().for_each(|d| self.tree.note(d));
                return self.enter(&header, span);
            }
        }
        Ok(true)
    }

    /// Keeps a box, and goes into it if it holds boxes.
    fn enter(&mut self, header: &BoxHeader, span: Span) -> Result<bool> {
        let depth = self.stack.len() - 1;
        let Some(level) = self.stack.last_mut() else {
            return Ok(false);
        };
        let id = u32::try_from(self.tree.nodes.len()).unwrap_or(ROOT);
        let node = BoxNode {
            kind: header.kind,
            size: header.size,
            span,
            depth: u8::try_from(depth).unwrap_or(u8::MAX),
            header_len: u8::try_from(header.len()).unwrap_or(u8::MAX),
            parent: level.parent,
            subtree_end: id.saturating_add(1),
        };
        self.tree.nodes.push(node);
        let inside = level.kind;
        let flaw = |flaw| Defect {
            span,
            parent: inside,
            flaw,
        };
        if self.tree.nodes.len() >= limits::BOXES {
            self.tree.note(flaw(Flaw::TooMany));
            return Ok(false);
        }
        let payload = node.payload();
        let head = self.window.bytes(payload.start, HEAD)?;
        let head = match usize::try_from(payload.len()) {
            Ok(len) => head.get(..len).unwrap_or(head),
            Err(_) => head,
        };
        let is_in = |kind: &[u8; 4]| inside.is_some_and(|k| k == kind);
        if header.kind == b"hdlr" && is_in(b"mdia") {
            level.handler = be_u32(head, 8).map(|h| FourCc(h.to_be_bytes()));
        }
        let handler = level.handler;
        let children = if is_in(b"stsd") {
            entry::children_at(header.kind, handler, head, payload.len())
        } else {
            kind::children_at(header.kind, inside, head)
        };
        let Some(at) = children.filter(|at| *at <= payload.len()) else {
            return Ok(true);
        };
        if depth >= usize::from(limits::DEPTH) {
            self.tree.note(flaw(Flaw::TooDeep));
            return Ok(true);
        }
        let span = Span::new(payload.start + at, payload.end);
        self.stack.push(Level {
            walker: Walker::new(span, Some(header.kind)),
            parent: id,
            kind: Some(header.kind),
            handler,
        });
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BoxWriter;

    fn nested(depth: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        for i in (1..=depth).rev() {
            let mut header = BoxWriter::header(b"moov", ((depth - i) * 8) as u64, false);
            header.append(&mut bytes);
            bytes = header;
        }
        bytes
    }

    #[test]
    fn children_come_in_order_and_only_once() {
        let mut w = BoxWriter::new();
        w.boxed(b"moov", |w| {
            w.boxed(b"trak", |w| w.boxed(b"tkhd", |_| {}));
            w.boxed(b"udta", |w| {
                w.u32(0);
            });
        });
        w.boxed(b"mdat", |_| {});
        let bytes = w.into_bytes();
        let tree = BoxTree::read(&bytes).unwrap();
        let roots: Vec<_> = tree.roots().map(|(_, n)| n.kind.to_string()).collect();
        assert_eq!(roots, ["moov", "mdat"]);
        let (moov, _) = tree.roots().next().unwrap();
        let kinds: Vec<_> = tree
            .children(moov)
            .map(|(_, n)| n.kind.to_string())
            .collect();
        assert_eq!(kinds, ["trak", "udta"]);
        let (tkhd, node) = tree.descend(moov, &[b"trak", b"tkhd"]).unwrap();
        assert_eq!((node.depth, node.span), (2, Span::new(16, 24)));
        assert_eq!(tree.parent(tkhd).unwrap().1.kind, FourCc(*b"trak"));
        assert_eq!(tree.defects().len(), 1);
        assert!(tree.defects()[0].flaw.is_harmless());
    }

    #[test]
    fn depth_is_capped_without_recursion() {
        let bytes = nested(10_000);
        let tree = BoxTree::read(&bytes).unwrap();
        assert_eq!(tree.nodes().len(), usize::from(limits::DEPTH) + 1);
        assert!(matches!(tree.defects()[0].flaw, Flaw::TooDeep));
    }

    #[test]
    fn unknown_sample_entries_find_their_children_by_the_handler() {
        let mut w = BoxWriter::new();
        w.boxed(b"mdia", |w| {
            w.full(b"hdlr", 0, 0, |w| {
                w.u32(0).raw(b"vide").zeros(13);
            });
            w.boxed(b"minf", |w| {
                w.boxed(b"stbl", |w| {
                    w.full(b"stsd", 0, 0, |w| {
                        w.u32(1);
                        w.boxed(b"zzzz", |w| {
                            w.zeros(78);
                            w.boxed(b"colr", |_| {});
                        });
                    });
                });
            });
        });
        let bytes = w.into_bytes();
        let tree = BoxTree::read(&bytes).unwrap();
        let (root, _) = tree.roots().next().unwrap();
        let path: [&[u8; 4]; 5] = [b"minf", b"stbl", b"stsd", b"zzzz", b"colr"];
        assert!(tree.descend(root, &path).is_some());
    }
}
