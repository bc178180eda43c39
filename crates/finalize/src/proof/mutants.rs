//! The checks must find what is wrong: every barrier is needed, and the order.

use super::clip::{Clip, End};
use super::{Invariant, barriers, carried_out, without_barrier};
use crate::layout::reserve_len;
use crate::plan;
use tapo_io::{Op, WritePlan};

fn every_barrier_but_the_last_is_needed(
    name: &str,
    invariant: &Invariant,
    file: &[u8],
    plan: &WritePlan,
) {
    invariant.holds_amid(file, plan).unwrap();
    for n in 0..barriers(plan) - 1 {
        let mutant = without_barrier(plan, n);
        let found = invariant.holds_amid(file, &mutant);
        assert!(
            found.is_err(),
            "{name}: barrier {n} is missing, and nobody sees it"
        );
    }
}

fn clips() -> [(&'static str, Clip); 4] {
    let torn = |clip| Clip {
        end: End::Torn(300),
        ..clip
    };
    // The final moov takes more than a page.
    let segment = Clip {
        fragments: 2,
        ballast: 5000,
        reserve: Some(reserve_len(9000)),
        ..Clip::segment()
    };
    // Further than a page between the first box and the end.
    let tail = Clip {
        fragments: 5,
        ..Clip::default()
    };
    [
        ("reveal", segment.clone()),
        ("reveal of a torn file", torn(segment)),
        ("tail", tail.clone()),
        ("tail of a torn file", torn(tail)),
    ]
}

#[test]
fn finalize_without_a_barrier_is_found() {
    for (name, clip) in clips() {
        let original = clip.bytes();
        let writes = plan::finalize(&original).unwrap().writes;
        let invariant = Invariant::amid(&original, &writes);
        every_barrier_but_the_last_is_needed(name, &invariant, &original, &writes);
    }
}

#[test]
fn undo_without_a_barrier_is_found() {
    for (name, clip) in clips() {
        let original = clip.bytes();
        let writes = plan::finalize(&original).unwrap().writes;
        let invariant = Invariant::amid(&original, &writes);
        let file = carried_out(&original, &writes).image().to_vec();
        let (undo, _) = plan::undo(&file).unwrap();
        every_barrier_but_the_last_is_needed(name, &invariant, &file, &undo);
    }
}

#[test]
fn the_flip_before_the_moov_is_found() {
    for (name, clip) in clips() {
        let original = clip.bytes();
        let mut writes = plan::finalize(&original).unwrap().writes;
        let invariant = Invariant::amid(&original, &writes);
        let is_write = |op: &Op| matches!(op, Op::Write { .. });
        let flip = writes.ops.iter().rposition(is_write).unwrap();
        let moov = writes.ops[..flip].iter().rposition(is_write).unwrap();
        writes.ops.swap(moov, flip);
        assert!(invariant.holds_amid(&original, &writes).is_err(), "{name}");
    }
}

/// Without the note zeros at the end of a torn file would be its own.
#[test]
fn a_record_without_a_note_is_found() {
    let (_, clip) = clips().into_iter().last().unwrap();
    let original = clip.bytes();
    let mut writes = plan::finalize(&original).unwrap().writes;
    writes.ops.retain(|op| !matches!(op, Op::Note(_)));
    let invariant = Invariant::amid(&original, &writes);
    assert!(invariant.holds_amid(&original, &writes).is_err());
}
