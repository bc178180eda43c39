//! Words that several views share.

use crate::number;
use tapo_bmff::Flaw;

/// What is wrong with a box, as a phrase.
#[must_use]
pub fn flaw(flaw: &Flaw) -> String {
    match flaw {
        Flaw::Overrun { kind, declared_end } => format!(
            "box '{kind}' should end at byte {}, which is further than there is room",
            number::grouped(*declared_end)
        ),
        Flaw::SizeBelowHeader { kind } => {
            format!("box '{kind}' claims to be smaller than its header")
        }
        Flaw::OpenInside { kind } => format!("box '{kind}' inside another has no size"),
        Flaw::Leftover => "too few bytes for a box".into(),
        Flaw::Terminator => "four zero bytes that end a list of boxes".into(),
        Flaw::NotABox => "no box".into(),
        Flaw::TooDeep => "boxes nested too deep; not followed further".into(),
        Flaw::TooMany => "too many boxes; the rest is left out".into(),
        Flaw::BadFields { kind, why } => format!("box '{kind}': {why}"),
        _ => "something is wrong".into(),
    }
}
