//! Boxes of types that tapo does not know.

use crate::{Finding, Problem, Result, names};
use tapo_bmff::{BoxNode, BoxTree, FourCc, NodeId};
use tapo_io::ByteSource;

/// Boxes that are told one by one.
const TOLD: usize = 32;

/// Boxes of unknown types, told one by one up to a limit. Sample entries, references, and the items of metadata lists may
/// be anything.
#[derive(Default)]
pub(crate) struct Unknown {
    pub(crate) found: Vec<Finding>,
}

impl Unknown {
    /// Looks at a box of the top level and all in it, which are read in `source`.
    ///
    /// # Errors
    /// The source fails.
    pub(crate) fn look(&mut self, tree: &BoxTree, source: &dyn ByteSource) -> Result<()> {
        for (id, node) in tree.iter() {
            if self.found.len() >= TOLD {
                break;
            }
            let mut user_type = None;
            if node.kind == b"uuid" {
                let mut id = [0; 16];
                let at = node.payload().start.saturating_sub(16);
                user_type = (source.read_at(at, &mut id)? == id.len()).then_some(id);
            }
            let known = match &user_type {
                Some(id) => names::user_type(id).is_some(),
                None => names::name(node.kind).is_some() || may_be_anything(tree, id, node),
            };
            if !known {
                let kind = node.kind;
                let problem = Problem::UnknownBox { kind, user_type };
                self.found.push(Finding::new(problem).at(node.span));
            }
        }
        Ok(())
    }
}

/// Whether what stands in the place of a box has no type of its own.
fn may_be_anything(tree: &BoxTree, id: NodeId, node: &BoxNode) -> bool {
    // QuickTime ends `wave` with a box of no type and nothing in it, the terminator atom of its file format.
    if node.kind == FourCc([0; 4]) && node.payload().is_empty() {
        return true;
    }
    let Some((parent, around)) = tree.parent(id) else {
        return false;
    };
    let lists = matches!(
        &around.kind.0,
        b"stsd" | b"tref" | b"ilst" | b"trgr" | b"iref"
    );
    // Sample entries and items of metadata are not among the names.
    let beyond = tree.parent(parent).map(|(_, n)| n.kind);
    let in_item = beyond.is_some_and(|k| matches!(&k.0, b"stsd" | b"ilst"));
    lists || (names::name(around.kind).is_none() && !in_item)
}
