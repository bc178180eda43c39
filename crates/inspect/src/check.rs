//! The checks: each looks at one thing and adds what it finds.

mod bytes;
mod clock;
mod configuration;
mod entries;
mod extent;
mod fragments;
mod layout;
pub(crate) mod lost;
mod media;
mod pace;
mod players;
mod refused;
mod required;
pub(crate) mod seals;
mod second;
mod sidx;
mod spots;
pub(crate) mod structure;
mod tables;
mod text;
mod unknown;
pub(crate) mod unreached;

use crate::survey::Seen;
use crate::{Finding, Form, Inspection, Result};
use spots::Spots;
use tapo_io::ByteSource;

pub(crate) use required::Required;
pub(crate) use unknown::Unknown;

/// Findings kept; a hostile file has no right to more.
const FINDINGS: usize = 1000;

/// Runs all checks on what was read.
pub(crate) fn all(
    source: &dyn ByteSource,
    seen: Seen,
    inspection: &Inspection,
    now: Option<i64>,
) -> Result<Vec<Finding>> {
    let mut found = Vec::new();
    let tree = &seen.tree;
    let spots = Spots::of(tree);
    structure::check(source, tree, inspection, &mut found)?;
    if let Some(movie) = &inspection.read.movie {
        spots.name_tracks(movie, &mut found);
    }
    found.extend(seen.required);
    required::twice(tree, &mut found);
    if let Some(movie) = &inspection.read.movie {
        let tracks = movie.tracks.iter().zip(&inspection.tracks);
        let plain = inspection.read.fragments.is_empty();
        refused::index(source, tree, movie, &spots, &mut found)?;
        for ((track, summary), spot) in tracks.zip(&spots.tracks) {
            tables::check(track, summary, inspection, spot, &mut found);
            refused::track(track, movie, summary, inspection, spot, &mut found);
            configuration::check(source, track, spot, &mut found)?;
            if plain && !track.samples.is_empty() {
                entries::check(source, spot, track, &mut found)?;
                clock::track(track, movie, spot, &mut found);
                found.extend(pace::check(track, movie, spot));
            }
            found.extend(clock::grid(track, inspection, spot));
            found.extend(clock::far(track, inspection, spot));
            if !plain {
                found.extend(clock::odd_durations(track, inspection, spot));
            }
        }
        for ((track, against), spot) in movie
            .tracks
            .iter()
            .zip(&inspection.against)
            .zip(&spots.tracks)
        {
            media::check(track, against, inspection, spot, &mut found);
        }
        if plain && movie.sample_count() > 0 {
            clock::movie(movie, spots.mvhd, &mut found);
        }
        tables::ids(movie, &mut found);
        bytes::check(movie, inspection, &mut found);
        layout::check(source, movie, inspection, &spots, &mut found)?;
    }
    found.extend(seen.unknown);
    if matches!(inspection.form, Form::Fragmented | Form::Init) {
        fragments::check(inspection, &mut found);
        unreached::cut_out(source, tree, inspection, &mut found)?;
        sidx::cut_off(source, tree, inspection, &mut found)?;
        extent::check(source, tree, inspection, &mut found)?;
    }
    unreached::hidden(inspection, &mut found);
    seals::check(source, inspection, &mut found)?;
    second::check(source, inspection, &mut found)?;
    text::check(source, &mut found)?;
    players::check(inspection, now, &mut found);
    found.truncate(FINDINGS);
    Ok(found)
}
