//! Inspecting any bytes.

use tapo_inspect::{Boxes, inspect as look};
use tapo_io::{ByteSource, Span};

/// What is inspected, whatever it is: every byte is accounted for once, findings lie inside the file, and the boxes one
/// by one are those of the whole tree.
pub fn inspect(data: &[u8]) {
    let source: &dyn ByteSource = &data;
    let seen = look(source).expect("memory does not fail");
    let file = Span::new(0, data.len() as u64);
    let mut at = 0;
    for entry in seen.ledger.entries() {
        assert_eq!(entry.span.start, at, "{entry:?}");
        assert!(!entry.span.is_empty(), "{entry:?}");
        at = entry.span.end;
    }
    assert_eq!(at, file.end, "the ledger names every byte once");
    for harmed in &seen.harmed {
        assert!(harmed.count > 0, "{harmed:?}");
    }
    let tree = tapo_bmff::BoxTree::read(source).expect("memory does not fail");
    let mut boxes = Boxes::new(source);
    let mut nodes = tree.nodes().iter();
    while let Some(branch) = boxes.step().expect("memory does not fail") {
        for (id, node) in branch.tree.iter() {
            let same = nodes.next().expect("no more boxes than in the tree");
            assert_eq!((node.kind, node.span), (same.kind, same.span));
            let few = tapo_inspect::fields::Shown {
                values: 8,
                records: 3,
            };
            let head = tapo_inspect::fields::decode_head(branch.source, branch.tree, id, few);
            let all = tapo_inspect::fields::decode(source, branch.tree, id);
            let (head, all) = (head.expect("memory"), all.expect("memory"));
            assert_eq!(
                (head.behind, head.short),
                (all.behind, all.short),
                "{node:?}"
            );
            assert_eq!(head.fields.len(), all.fields.len(), "{node:?}");
        }
    }
    boxes.verdict().expect("memory does not fail");
    assert_eq!(nodes.next(), None, "no box is left out");
}
