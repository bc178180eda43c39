//! An index that says where samples are, and not how a track of them is decoded: its settings are not there, or
//! cannot be read. They are taken from the media data or from another recording, and pictures must decode with them.

use super::choose::{self, Chosen};
use super::left::is_like;
use super::look::{Look, Votes};
use super::mend::Wrong;
use super::view::View;
use super::{Known, described, inband, of_itself, sets, settle};
use crate::index::Own;
use crate::profile::{Profile, Reference};
use crate::{Error, Note, Result, profile, unfit, verify};
use std::path::PathBuf;
use tapo_codec::{CodecError, Depth, Verdict};
use tapo_io::{ByteSource, Window};
use tapo_movie::{Movie, SampleDescription, Track};

/// Boxes that say how a decoder is set up.
const CONFIGS: [&[u8; 4]; 3] = [b"avcC", b"hvcC", b"esds"];

/// Pictures that are asked for their parameter sets.
const ASKED: usize = 4;

/// Largest picture that is, bytes.
const PICTURE_BYTES: u64 = 8 << 20;

/// Whether a movie has a track that says too little of how it is decoded.
///
/// # Errors
/// The source fails.
pub(super) fn is_unset(source: &dyn ByteSource, movie: &Movie) -> Result<bool> {
    for track in &movie.tracks {
        if lacks(source, track)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a track cannot be decoded: its parameter sets are not in its description, or the first pictures that decoding
/// can start at refer to some that neither stand there, so that they can be read, nor in the pictures themselves.
///
/// # Errors
/// The source fails.
pub(super) fn lacks(source: &dyn ByteSource, track: &Track) -> Result<bool> {
    if unfit::lacks_sets(track) {
        return Ok(true);
    }
    if verify::units(track).is_none() {
        return Ok(false);
    }
    let Some(mut recogniser) = profile::recogniser(track, 0) else {
        return Ok(false);
    };
    let mut window = Window::new(source);
    let usable = |s: &tapo_movie::Sample| {
        s.sync && !s.span.is_empty() && s.span.len() <= PICTURE_BYTES && s.span.end <= source.len()
    };
    let mut missing = 0;
    for sample in track.samples.iter().filter(usable).take(ASKED) {
        recogniser.turn(profile::entry(sample.description));
        let span = sample.span;
        let verdict = recogniser.probe(&mut window, span.start, span.end, Depth::Heads)?;
        match verdict {
            Verdict::Not(CodecError::MissingParameterSet { .. }) => missing += 1,
            Verdict::Not(_) => {}
            _ => return Ok(false),
        }
    }
    Ok(missing > 0)
}

/// Completes the index.
///
/// # Errors
/// [`Error::BadReference`], [`Error::NoReference`], [`Error::ReferenceDiffers`]; the source fails.
pub(super) fn complete(view: View<'_>, mut own: Box<Own>, named: &[PathBuf]) -> Result<Known> {
    let mut reference = match choose::choose(view, named) {
        Ok(Chosen { reference, .. }) => reference,
        Err(Error::NoReference { path }) => match inband::read(view)? {
            Some(pictures) => pictures.reference,
            None => return Err(Error::NoReference { path }),
        },
        Err(error) => return Err(error),
    };
    let settled = settle::settle(view, &mut reference)?;
    let mut notes = own.notes.clone();
    let mut completed: Vec<(usize, usize)> = Vec::new();
    for index in 0..own.movie.tracks.len() {
        let Some(track) = own.movie.tracks.get_mut(index) else {
            continue;
        };
        if !lacks(view.source, track)? {
            continue;
        }
        let id = track.header.id;
        let Some(place) = like(track, &reference, &completed) else {
            return Err(differs(view, &reference, id));
        };
        completed.push((index, place));
        let other = reference.profile.movie.tracks.get(place);
        let there = other.map(|t| t.header.id);
        let (Some(own), Some(other)) = (
            track.descriptions.first_mut(),
            other.and_then(|t| t.descriptions.first()),
        ) else {
            return Err(differs(view, &reference, id));
        };
        *own = with_settings(own, other);
        let by_trial = settled.notes.iter().find_map(|note| match note {
            Note::SetsByTrial {
                track,
                differs,
                pictures,
            } if Some(*track) == there => Some(Note::SetsByTrial {
                track: id,
                differs: differs.clone(),
                pictures: *pictures,
            }),
            _ => None,
        });
        let in_media =
            |note: &Note| matches!(note, Note::SetsInMedia { track } if Some(*track) == there);
        let in_media = reference.path == view.path() || settled.notes.iter().any(in_media);
        notes.push(match by_trial {
            Some(note) => note,
            None if in_media => Note::SetsInMedia { track: id },
            None => Note::SettingsTaken {
                track: id,
                from: reference.path.clone(),
            },
        });
    }
    // The reference may have lengths of another size.
    described::put_right(view.source, &mut own.movie)?;
    let profile = Box::new(of_itself(&own, view.source)?);
    let wrong = Wrong::of(view.source, &own.movie, &profile, &own.doubted)?;
    for (index, place) in completed {
        let fits = if sets::tracks(&profile).contains(&index) {
            fits(view, &own, &profile, index, reference.is_decodable(place))?
        } else {
            let samples = own.movie.tracks.get(index).map_or(0, |t| t.samples.len());
            wrong.of_track(index) * 2 <= samples as usize
        };
        if !fits {
            let id = own.movie.tracks.get(index).map_or(0, |t| t.header.id);
            return Err(differs(view, &reference, id));
        }
    }
    Ok(Known::Index {
        own,
        profile,
        notes,
    })
}

/// Whether the pictures of a track decode with its settings; of a coding whose tools are not all known, whether their
/// headers say what headers do.
fn fits(
    view: View<'_>,
    own: &Own,
    profile: &Profile,
    index: usize,
    decodable: bool,
) -> Result<bool> {
    let look = Look::of_samples(view.source, &own.movie, profile, index)?;
    let recogniser = profile
        .tracks
        .get(index)
        .and_then(|t| t.recogniser.as_ref());
    let votes = recogniser.map_or_else(Votes::default, |r| look.votes(&**r));
    let seems = !look.pictures.is_empty() && look.steady >= STEADY && !votes.contradict();
    Ok(votes.confirm() || (!decodable && seems))
}

/// Part of the predicted pictures whose headers say the same, if they are read as they were written.
const STEADY: f64 = 0.5;

/// The track of the reference that is coded as this one is said to be.
fn like(track: &Track, reference: &Reference, taken: &[(usize, usize)]) -> Option<usize> {
    let others = reference.profile.movie.tracks.iter().enumerate();
    let mut like = others
        .filter(|(i, other)| is_like(track, other) && !taken.iter().any(|(_, place)| place == i));
    like.next().map(|(i, _)| i)
}

/// A description with the settings of another; the other one, where it has no place for them.
fn with_settings(own: &SampleDescription, other: &SampleDescription) -> SampleDescription {
    let settings = CONFIGS.into_iter().find_map(|kind| {
        let payload = other.entry.child(kind)?;
        let raw = own.entry.with_payload(kind, payload)?;
        let handler = match kind {
            b"esds" => b"soun",
            _ => b"vide",
        };
        SampleDescription::parse(raw, tapo_bmff::FourCc(*handler))
    });
    settings.unwrap_or_else(|| other.clone())
}

fn differs(view: View<'_>, reference: &Reference, track: u32) -> Error {
    Error::ReferenceDiffers {
        path: view.path().to_owned(),
        reference: reference.path.clone(),
        differences: vec![format!(
            "track {track} does not decode with the settings of the reference, and has none of its own"
        )],
    }
}
