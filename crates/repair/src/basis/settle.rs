//! Whether pictures decode with the parameter sets of a reference, and which do
//! if those do not.

use super::look::{self, Look};
use super::sets;
use super::trial;
use super::view::View;
use crate::profile::Reference;
use crate::{Error, Note, Result, fitness};
use tapo_codec::find_parameter_sets;

/// What is known of the parameter sets of a basis.
#[derive(Debug, Default)]
pub(crate) struct Settled {
    pub(crate) notes: Vec<Note>,
    /// Tracks whose parameter sets were found by trial: indices.
    pub(crate) tried: Vec<usize>,
}

/// Part of the data that a reference explains whose parameter sets may be right.
const MAY_BE_RIGHT: f64 = 0.5;

/// Part of the predicted pictures whose headers say the same, if they are read
/// as they were written.
const STEADY: f64 = 0.5;

/// Part that other sets must explain where no picture can be decoded.
const EXPLAINS: f64 = 0.8;

/// Media data in which parameter sets are looked for, bytes ...
const SEARCHED: u64 = 64 << 20;

/// ... and in one piece.
const PIECE: u64 = 1 << 20;

/// Bytes by which pieces overlap: what a group of parameter sets is no longer
/// than.
const OVERLAP: u64 = 16 << 10;

/// Settles which parameter sets the pictures of the broken file are decoded
/// with, and makes them those of the reference: its own, those in the media
/// data, or a variant of its own that pictures confirm.
///
/// # Errors
/// [`Error::ReferenceDiffers`] if pictures contradict them all; the source fails.
pub(crate) fn settle(view: View<'_>, reference: &mut Reference) -> Result<Settled> {
    let mut settled = Settled::default();
    for track in sets::tracks(&reference.profile) {
        settle_track(view, reference, track, &mut settled)?;
    }
    Ok(settled)
}

fn settle_track(
    view: View<'_>,
    reference: &mut Reference,
    track: usize,
    settled: &mut Settled,
) -> Result<()> {
    let id = reference
        .profile
        .movie
        .tracks
        .get(track)
        .map_or(0, |t| t.header.id);
    let look = view.look(&reference.profile, track)?;
    let in_front = look.pictures.iter().find(|p| !p.sets.is_empty());
    if let Some(sets) = in_front.map(|p| p.sets.clone())
        && !contradicted(&look, reference, track, &sets)
    {
        if sets::put(&mut reference.profile, track, &sets) {
            settled.notes.push(Note::SetsInMedia { track: id });
        }
        return Ok(());
    }
    let Some(recogniser) = look::with(&reference.profile, track, &[]) else {
        return Ok(());
    };
    let votes = look.first_votes(&*recogniser);
    let seems_right = votes.confirm() || !votes.contradict() && look.share >= MAY_BE_RIGHT;
    if seems_right && look.steady >= STEADY {
        return Ok(());
    }
    if votes.contradict() && !reference.is_decodable(track) {
        return Ok(());
    }
    if let Some(sets) = elsewhere(view, reference, track, look.share)?
        && sets::put(&mut reference.profile, track, &sets)
    {
        settled.notes.push(Note::SetsInMedia { track: id });
        return Ok(());
    }
    if let Some(found) = trial::variant(view, reference, track)?
        && sets::put(&mut reference.profile, track, &[found.nal])
    {
        settled.notes.push(Note::SetsByTrial {
            track: id,
            differs: found.differs,
            pictures: found.pictures,
        });
        settled.tried.push(track);
        return Ok(());
    }
    if !votes.contradict() || seems_right {
        // Whether it explains the rest is seen when all is searched.
        return Ok(());
    }
    let of = fitness::described(&reference.profile);
    let all = votes.yes + votes.no;
    Err(Error::ReferenceDiffers {
        path: view.path().to_owned(),
        reference: reference.path.clone(),
        differences: vec![format!(
            "{} of {all} pictures do not decode with the parameter sets of {of}, nor with any \
             found in the media data or like them",
            votes.no
        )],
    })
}

/// Whether pictures do not decode with these parameter sets.
fn contradicted(look: &Look, reference: &Reference, track: usize, sets: &[Vec<u8>]) -> bool {
    let recogniser = look::with(&reference.profile, track, sets);
    recogniser.is_none_or(|r| look.votes(&*r).contradict() && reference.is_decodable(track))
}

/// Parameter sets anywhere in the media data that pictures decode with.
fn elsewhere(
    view: View<'_>,
    reference: &mut Reference,
    track: usize,
    before: f64,
) -> Result<Option<Vec<Vec<u8>>>> {
    let Some(description) = reference
        .profile
        .movie
        .tracks
        .get(track)
        .and_then(|t| t.descriptions.first())
    else {
        return Ok(None);
    };
    let entry_type = description.kind().0;
    let boxes: Vec<_> = description
        .entry
        .children()
        .map(|(k, b)| (k.0, b))
        .collect();
    let Some(size) = tapo_codec::describe(entry_type, &boxes).nal_length_size else {
        return Ok(None);
    };
    let Some(span) = view.beginning(SEARCHED)? else {
        return Ok(None);
    };
    let known = sets::of(description);
    let mut tried: Vec<Vec<Vec<u8>>> = Vec::new();
    let mut at = span.start;
    while at < span.end {
        let end = at.saturating_add(PIECE + OVERLAP).min(span.end);
        let bytes = view.source.read_span(tapo_io::Span::new(at, end))?;
        for group in find_parameter_sets(entry_type, size, &bytes) {
            let sets: Vec<Vec<u8>> = group
                .into_iter()
                .filter_map(|range| bytes.get(range).map(<[u8]>::to_vec))
                .collect();
            if sets.iter().all(|set| known.contains(set)) || tried.contains(&sets) {
                continue;
            }
            if tried.len() >= GROUPS {
                return Ok(None);
            }
            let look = trial::look_with(view, reference, track, &sets)?;
            let votes = match look::with(&reference.profile, track, &sets) {
                Some(recogniser) => look.votes(&*recogniser),
                None => continue,
            };
            let explains = look.share >= EXPLAINS && look.share > before + 0.2;
            if votes.confirm() || !votes.contradict() && explains {
                return Ok(Some(sets));
            }
            tried.push(sets);
        }
        at = at.saturating_add(PIECE);
    }
    Ok(None)
}

/// Groups of parameter sets that are tried.
const GROUPS: usize = 8;
