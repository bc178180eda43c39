//! The checks: each looks at one thing and adds what it finds.

mod bytes;
mod fragments;
mod players;
mod structure;
mod tables;

use crate::{Finding, Form, Inspection, Result};
use tapo_io::ByteSource;

/// Findings kept; a hostile file has no right to more.
const FINDINGS: usize = 1000;

/// Runs all checks on what was read.
pub(crate) fn all(source: &dyn ByteSource, inspection: &Inspection) -> Result<Vec<Finding>> {
    let mut found = Vec::new();
    structure::check(source, inspection, &mut found)?;
    if let Some(movie) = &inspection.read.movie {
        for (track, summary) in movie.tracks.iter().zip(&inspection.tracks) {
            tables::check(track, summary, inspection, &mut found);
        }
        tables::ids(movie, &mut found);
        bytes::check(movie, inspection, &mut found);
    }
    bytes::unknown(source, &mut found)?;
    if inspection.form == Form::Fragmented {
        fragments::check(inspection, &mut found);
    }
    players::check(inspection, &mut found);
    found.truncate(FINDINGS);
    Ok(found)
}
