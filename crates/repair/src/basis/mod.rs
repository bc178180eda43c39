//! What a repair goes by: the file's own descriptions as far as they are left,
//! and what another recording, or the profile of a camera, adds to them.
//!
//! In this order: an index that is still there; descriptions of tracks in what is
//! left of one; parameter sets in the media data; a reference that was named, the
//! camera's profile, the best healthy file beside the broken one; where there is
//! none of these, the parameter sets alone. Whatever it is, pictures of the broken file must decode with it.

mod camera;
mod choose;
mod damaged;
mod described;
mod inband;
mod left;
pub(crate) mod look;
mod mend;
mod names;
mod sets;
mod settle;
mod timing;
mod trial;
mod unset;
pub(crate) mod view;

use crate::index::Own;
use crate::item::Found;
use crate::layout::Layout;
use crate::profile::{Profile, Reference};
use crate::{Basis, Error, Note, Result};
use std::path::PathBuf;
use tapo_io::ByteSource;
use view::View;

/// What is gone by.
pub(crate) enum Known {
    /// The index that is left says where samples are.
    Index {
        own: Box<Own>,
        profile: Box<Profile>,
        notes: Vec<Note>,
    },
    /// All must be searched, or is said by fragments whose `moov` is lost.
    Described(Box<Described>),
}

/// Descriptions without samples.
pub(crate) struct Described {
    pub(crate) reference: Reference,
    pub(crate) basis: Basis,
    pub(crate) notes: Vec<Note>,
    /// Tracks whose parameter sets were found by trial: indices.
    pub(crate) tried: Vec<usize>,
    /// Only pictures are known.
    pub(crate) pictures_alone: bool,
}

/// Finds out what to go by.
///
/// # Errors
/// [`Error::BadReference`], [`Error::NoReference`], [`Error::ReferenceDiffers`];
/// the source fails.
pub(crate) fn find(view: View<'_>, named: &[PathBuf]) -> Result<Known> {
    let source = view.source;
    let left = match left::read(view)? {
        left::Left::Index(mut own) => {
            let undecodable = damaged::put_right(view, &mut own, Some(named))?;
            let notes = undecodable
                .iter()
                .map(|id| Note::Undecodable { track: *id });
            own.notes.extend(notes);
            return by_index(own, source);
        }
        left::Left::Unset(mut own) => {
            damaged::put_right(view, &mut own, None)?;
            if unset::is_unset(source, &own.movie)? {
                return unset::complete(view, own, named);
            }
            return by_index(own, source);
        }
        left::Left::Descriptions(movie) => Some(movie),
        left::Left::Nothing => None,
    };
    let outside = match choose::choose(view, named) {
        Ok(chosen) => Some(chosen),
        Err(Error::NoReference { .. }) if left.is_some() => None,
        Err(Error::NoReference { path }) => {
            let Some(pictures) = inband::read(view)? else {
                return Err(Error::NoReference { path });
            };
            return Ok(Known::Described(Box::new(Described {
                reference: pictures.reference,
                basis: Basis::ParameterSets { why: pictures.why },
                notes: Vec::new(),
                tried: Vec::new(),
                pictures_alone: true,
            })));
        }
        Err(error) => return Err(error),
    };
    let mut described = match (left, outside) {
        (Some(left), outside) => {
            let joined = left::join(view, &left, outside.map(|o| o.reference))?;
            Described {
                reference: joined.reference,
                basis: joined.basis,
                notes: joined.notes,
                tried: Vec::new(),
                pictures_alone: false,
            }
        }
        (None, Some(chosen)) => Described {
            reference: chosen.reference,
            basis: chosen.basis,
            notes: Vec::new(),
            tried: Vec::new(),
            pictures_alone: false,
        },
        (None, None) => {
            return Err(Error::NoReference {
                path: view.path().to_owned(),
            });
        }
    };
    let settled = settle::settle(view, &mut described.reference)?;
    described.notes.extend(settled.notes);
    described.tried = settled.tried;
    let alone = matches!(described.basis, Basis::OwnDescriptions { completed: None });
    if view.is_fragmented() && !alone {
        crate::fitness::check_fragments(view, &described.reference)?;
    }
    Ok(Known::Described(Box::new(described)))
}

fn by_index(own: Box<Own>, source: &dyn ByteSource) -> Result<Known> {
    let profile = Box::new(of_itself(&own, source)?);
    let notes = own.notes.clone();
    Ok(Known::Index {
        own,
        profile,
        notes,
    })
}

/// An index that is still there, and what the samples it speaks of teach.
///
/// # Errors
/// The source fails.
pub(crate) fn index(source: &dyn ByteSource, layout: &Layout) -> Result<Option<(Own, Profile)>> {
    let view = View {
        source,
        layout,
        alone: true,
    };
    match left::read(view)? {
        left::Left::Index(mut own) => {
            damaged::put_right(view, &mut own, None)?;
            let profile = of_itself(&own, source)?;
            Ok(Some((*own, profile)))
        }
        left::Left::Unset(_) | left::Left::Descriptions(_) | left::Left::Nothing => Ok(None),
    }
}

/// Whether an index that says too little to go by is a damaged one.
///
/// # Errors
/// The source fails.
pub(crate) fn is_damaged(source: &dyn ByteSource, layout: &Layout) -> Result<bool> {
    left::lacks_samples(View {
        source,
        layout,
        alone: true,
    })
}

fn of_itself(own: &Own, source: &dyn ByteSource) -> Result<Profile> {
    Profile::learn(&crate::profile::within(&own.movie, source.len()), source)
}

/// Takes the best class from samples whose parameter sets were found by trial, and
/// leaves out what nothing is known of.
pub(crate) fn doubt(found: &mut Found, known: &Described) {
    if known.pictures_alone {
        inband::keep_pictures(found);
    }
    let tracks = &known.reference.profile.tracks;
    found.items.doubt(|track| {
        let group = tracks.get(usize::from(track)).map(|t| t.group);
        group.is_some_and(|group| known.tried.contains(&group))
    });
}
