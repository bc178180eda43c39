//! The boxes of a file one by one, for those who need not hold them all.

use super::{BoxTree, Level, ROOT, Reader};
use crate::Result;
use crate::walk::{Step, Walker};
use tapo_io::{ByteSource, Loaded, Span, Window};

/// The boxes at the top level of a file one by one, each with all that is in it: of a file of any length, no more is
/// held than the largest.
pub struct Trees<'a> {
    source: &'a dyn ByteSource,
    top: Walker,
    reader: Reader<'a>,
    held: Loaded,
}

/// A box of the top level, or a place where none is.
#[derive(Clone, Copy)]
pub struct Branch<'t> {
    /// The box and all that is in it; no box, but a defect, where there is none.
    pub tree: &'t BoxTree,
    /// Where its bytes are read: in memory, if they are few.
    pub source: &'t dyn ByteSource,
}

/// Bytes of a box that is read in one go, unless it holds media.
const HELD: u64 = 1 << 20;

impl<'a> Trees<'a> {
    /// Begins with the first box of a file.
    #[must_use]
    pub fn new(source: &'a dyn ByteSource) -> Self {
        Self {
            source,
            top: Walker::new(Span::new(0, source.len()), None),
            reader: Reader {
                tree: BoxTree::default(),
                window: Window::new(source),
                stack: Vec::new(),
            },
            held: Loaded::default(),
        }
    }

    /// The next box; `None` behind the last.
    ///
    /// # Errors
    /// As [`BoxTree::read`].
    pub fn step(&mut self) -> Result<Option<Branch<'_>>> {
        let reader = &mut self.reader;
        reader.tree.nodes.clear();
        reader.tree.defects.clear();
        reader.stack.clear();
        let mut is_held = false;
        match self.top.next(&mut reader.window)? {
            None => return Ok(None),
            Some(Step::Stop(defect)) => reader.tree.note(defect),
            Some(Step::Box {
                header,
                span,
                defect,
            }) => {
                is_held = header.kind != b"mdat" && span.len() <= HELD;
                if is_held && let Ok(len) = usize::try_from(span.len()) {
                    let bytes = reader.window.bytes(span.start, len)?;
                    self.held.replace(span.start, bytes);
                }
                defect.into_iter().for_each(|d| reader.tree.note(d));
                reader.stack.push(Level {
                    walker: Walker::new(Span::new(span.end, span.end), None),
                    parent: ROOT,
                    kind: None,
                    handler: None,
                });
                if reader.enter(&header, span)? {
                    reader.run()?;
                }
            }
        }
        reader.close();
        Ok(Some(Branch {
            tree: &self.reader.tree,
            source: if is_held { &self.held } else { self.source },
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BoxWriter;

    #[test]
    fn boxes_one_by_one_are_those_of_the_whole_tree() {
        let mut w = BoxWriter::new();
        w.boxed(b"ftyp", |w| {
            w.raw(b"isom").u32(0);
        });
        w.boxed(b"moov", |w| {
            w.boxed(b"trak", |w| w.boxed(b"tkhd", |_| {}));
            w.boxed(b"free", |_| {});
        });
        w.boxed(b"mdat", |w| {
            w.zeros(100);
        });
        let mut bytes = w.into_bytes();
        bytes.extend([0xff; 20]);
        let whole = BoxTree::read(&bytes).unwrap();
        let mut trees = Trees::new(&bytes);
        let (mut kinds, mut defects) = (Vec::new(), Vec::new());
        let mut together = BoxTree::default();
        while let Some(Branch { tree, source }) = trees.step().unwrap() {
            for (id, node) in tree.iter() {
                kinds.push((node.kind, node.span, node.depth));
                assert_eq!(tree.parent(id).is_none(), node.depth == 0);
                let head = source.read_span(Span::at(node.span.start + 4, 4)).unwrap();
                assert_eq!(head, node.kind.0);
            }
            defects.extend_from_slice(tree.defects());
            together.append(tree);
        }
        let all = whole.nodes().iter();
        let all: Vec<_> = all.map(|n| (n.kind, n.span, n.depth)).collect();
        assert_eq!(kinds, all);
        assert_eq!(defects, whole.defects());
        assert_eq!(together.nodes(), whole.nodes());
        for node in whole.nodes() {
            let same = whole.nodes().iter().filter(|n| n.span.end == node.span.end);
            let outermost = same.min_by_key(|n| n.span.start);
            assert_eq!(whole.ending_at(node.span.end), outermost);
        }
        assert_eq!(whole.ending_at(3), None);
        for at in 0..bytes.len() as u64 {
            let before = whole.roots().map(|(_, n)| n).filter(|n| n.span.start <= at);
            assert_eq!(whole.root_at(at), before.last());
        }
    }
}
