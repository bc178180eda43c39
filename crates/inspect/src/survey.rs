//! All boxes of a file in one pass: each is shown to all who look at boxes, and few are kept.

use crate::check::{Required, Unknown};
use crate::ledger::Account;
use crate::{Finding, Ledger, Result};
use tapo_bmff::{BoxTree, Branch, Trees, limits};
use tapo_io::{ByteSource, Span};
use tapo_movie::Movie;

/// What one pass over all boxes shows, beside the ledger.
pub(crate) struct Seen {
    /// The boxes of the index and of lists. Those of fragments, which may be hundreds of thousands, are read again where
    /// one is asked of.
    pub(crate) tree: BoxTree,
    /// Boxes that are missing, astray or of an unknown version.
    pub(crate) required: Vec<Finding>,
    /// Boxes of unknown types.
    pub(crate) unknown: Vec<Finding>,
}

/// Boxes that are looked at in one file.
const MOST: usize = 4 * limits::BOXES;

/// Looks at all boxes of a file whose index is `movie`; `astray` is a `moov` that no box leads to.
///
/// # Errors
/// The source fails.
pub(crate) fn survey(
    source: &dyn ByteSource,
    movie: Option<&Movie>,
    astray: Option<Span>,
) -> Result<(Ledger, Seen)> {
    let mut account = Account::new(source, movie, astray);
    let (mut required, mut unknown) = (Required::default(), Unknown::default());
    let mut tree = BoxTree::default();
    let mut trees = Trees::new(source);
    let (mut boxes, mut roots) = (0, 0);
    while let Some(branch) = trees.step()? {
        account.boxes(branch.tree.nodes())?;
        required.look(branch.tree, branch.source)?;
        unknown.look(branch.tree, branch.source)?;
        if is_kept(&branch) {
            tree.append(branch.tree);
        }
        boxes += branch.tree.nodes().len();
        roots += 1;
        if boxes >= MOST || roots >= limits::BOXES {
            break;
        }
    }
    let seen = Seen {
        tree,
        required: required.found,
        unknown: unknown.found,
    };
    Ok((account.close()?, seen))
}

/// Whether a box is asked of later: it holds others, or is a list of segments.
fn is_kept(branch: &Branch<'_>) -> bool {
    let nodes = branch.tree.nodes();
    nodes.first().is_some_and(|root| match &root.kind.0 {
        b"moof" | b"mdat" => false,
        b"moov" | b"trak" | b"sidx" | b"mfra" => true,
        _ => nodes.len() > 1,
    })
}
