//! Whether the reference that was used is of the same camera and settings.

use crate::choose::share;
use crate::item::Found;
use crate::layout::Layout;
use crate::profile::{Finding, Profile, Reference};
use crate::{Error, Result};
use std::path::Path;

/// A reference that fits explains at least this part of the media data ...
const EXPLAINS: f64 = 0.5;

/// ... or at least one row of this many items: what is left of a file that is
/// mostly lost still reads in order.
const ROW: usize = 48;

/// Refuses a result that a wrong reference has made: bits and pieces that look
/// like samples by chance or by likeness, and most of the data unexplained.
///
/// # Errors
/// [`Error::ReferenceDiffers`].
pub(crate) fn check(
    path: &Path,
    found: &Found,
    layout: &Layout,
    reference: &Reference,
    data: u64,
) -> Result<()> {
    let used: u64 = found.items.iter().map(|i| i.span().len()).sum();
    let explained = share(used, data);
    let ends = found.stretches.iter().skip(1).map(|s| s.first);
    let ends = ends.chain([found.items.len()]);
    let rows = found
        .stretches
        .iter()
        .zip(ends)
        .map(|(s, end)| end - s.first);
    let longest = rows.max().unwrap_or(0);
    if data < SMALL || explained >= EXPLAINS || longest >= ROW {
        return Ok(());
    }
    let mut differences = vec![format!(
        "as {} it explains {:.0} % of the media data, and no more than {longest} samples in a row",
        described(&reference.profile),
        explained * 100.0,
    )];
    if layout.file_type().is_none() {
        differences
            .push("the beginning of the file is missing, so it cannot say itself".to_owned());
    }
    Err(Error::ReferenceDiffers {
        path: path.to_owned(),
        reference: reference.path.clone(),
        differences,
    })
}

/// Media data that is too little to judge by, bytes.
const SMALL: u64 = 32 << 10;

/// The tracks of the reference that are found by their syntax, in words.
fn described(profile: &Profile) -> String {
    let tracks = profile.movie.tracks.iter().zip(&profile.tracks);
    let found = tracks.filter(|(_, of)| of.finding == Finding::Syntax);
    let words = found.filter_map(|(track, _)| {
        let description = track.descriptions.first()?;
        let boxes: Vec<_> = description
            .entry
            .children()
            .map(|(k, b)| (k.0, b))
            .collect();
        let said = tapo_codec::describe(description.kind().0, &boxes);
        let size = said.size.map(|(w, h)| format!(" {w}x{h}"));
        let rate = said.sample_rate.map(|r| format!(" {r} Hz"));
        let channels = said.channels.map(|c| format!(" {c} channels"));
        let more = [size, rate, channels].into_iter().flatten();
        Some(said.name.clone() + &more.collect::<String>())
    });
    words.collect::<Vec<_>>().join(" and ")
}
