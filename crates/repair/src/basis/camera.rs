//! The profile that `record` leaves of a camera: what its recordings look like,
//! without one of them.

use crate::profile::{Profile, Reference};
use crate::{Error, Result};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use tapo_bmff::FourCc;
use tapo_movie::{FragmentDefaults, Movie, SampleDescription, Track, TrackHeader};

/// Largest profile that is read, bytes.
const LARGEST: u64 = 1 << 20;

/// Profiles that are tried in one folder.
const MOST: usize = 64;

/// Tracks that a profile may have.
const TRACKS: usize = 32;

/// The form that is read.
const VERSION: u32 = 1;

#[derive(Deserialize)]
struct Form {
    version: u32,
    tracks: Vec<FormTrack>,
}

#[derive(Deserialize)]
struct FormTrack {
    id: u32,
    kind: String,
    timescale: u32,
    sample_entry_hex: String,
    width: Option<u16>,
    height: Option<u16>,
}

/// The profiles for recordings in a folder: those kept in it, and in the two
/// above it, since recorders put days and cameras into folders of their own.
pub(crate) fn profiles(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    let real = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    for folder in real.ancestors().take(3) {
        let entries = std::fs::read_dir(folder.join(".tapo"));
        let entries = entries.into_iter().flatten().flatten();
        let named = |p: &PathBuf| {
            let name = p.file_name().and_then(|n| n.to_str());
            name.is_some_and(|n| n.ends_with(".profile.json"))
        };
        let mut inside: Vec<PathBuf> = entries.map(|e| e.path()).filter(named).collect();
        inside.sort();
        inside.truncate(MOST);
        all.extend(inside);
    }
    all
}

/// Reads a profile as a reference that has no samples.
///
/// # Errors
/// [`Error::BadReference`] if it is no such profile.
pub(crate) fn open(path: &Path) -> Result<Reference> {
    let bad = |why: &str| Error::BadReference {
        path: path.to_owned(),
        why: why.to_owned(),
    };
    let size = std::fs::metadata(path).map(|m| m.len());
    if size.is_ok_and(|size| size > LARGEST) {
        return Err(bad("it is no profile of a camera"));
    }
    let bytes = std::fs::read(path).map_err(|e| bad(&e.to_string()))?;
    let movie = movie(&bytes).ok_or_else(|| bad("it is no profile of a camera"))?;
    let nothing: Vec<u8> = Vec::new();
    Ok(Reference::new(
        path.to_owned(),
        Profile::learn(&movie, &nothing)?,
    ))
}

/// The movie that a profile describes.
fn movie(bytes: &[u8]) -> Option<Movie> {
    let form: Form = serde_json::from_slice(bytes).ok()?;
    if form.version != VERSION || form.tracks.is_empty() || form.tracks.len() > TRACKS {
        return None;
    }
    let mut movie = Movie::default();
    for track in form.tracks {
        let handler = FourCc(match track.kind.as_str() {
            "video" => *b"vide",
            "audio" => *b"soun",
            _ => return None,
        });
        let entry = SampleDescription::parse(unhex(&track.sample_entry_hex)?, handler)?;
        let taken = movie.tracks.iter().any(|t| t.header.id == track.id);
        if track.id == 0 || track.timescale == 0 || taken {
            return None;
        }
        let fixed = |pixels: Option<u16>| u32::from(pixels.unwrap_or(0)) << 16;
        movie.tracks.push(Track {
            header: TrackHeader {
                id: track.id,
                volume: if handler == b"soun" { 0x100 } else { 0 },
                width: fixed(track.width),
                height: fixed(track.height),
                ..TrackHeader::default()
            },
            handler,
            timescale: track.timescale,
            language: UNDETERMINED,
            descriptions: vec![entry],
            defaults: Some(FragmentDefaults {
                description: 1,
                ..FragmentDefaults::default()
            }),
            ..Track::default()
        });
        movie.header.next_track_id = movie.header.next_track_id.max(track.id.checked_add(1)?);
    }
    Some(movie)
}

/// "und" as `mdhd` packs it.
const UNDETERMINED: u16 = 0x55c4;

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    let digit = |c: &u8| {
        char::from(*c)
            .to_digit(16)
            .and_then(|d| u8::try_from(d).ok())
    };
    let (pairs, []) = digits.as_chunks::<2>() else {
        return None;
    };
    let byte = |[high, low]: &[u8; 2]| Some(digit(high)? << 4 | digit(low)?);
    pairs.iter().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_profile_is_refused() {
        let entry = SampleDescription::g711(b"alaw").unwrap();
        let hex: String = entry
            .entry
            .raw()
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        let form = |version: u32, id: u32, hex: &str| {
            format!(
                r#"{{"version":{version},"camera":"x","tracks":[{{"id":{id},"kind":"audio",
                "timescale":8000,"sample_entry":"alaw","sample_entry_hex":"{hex}"}}]}}"#
            )
        };
        let read = movie(form(1, 2, &hex).as_bytes()).unwrap();
        assert_eq!(
            read.tracks[0].descriptions[0].entry.raw(),
            entry.entry.raw()
        );
        assert_eq!(
            (read.tracks[0].header.id, read.header.next_track_id),
            (2, 3)
        );
        for wrong in [
            form(2, 2, &hex),
            form(1, 0, &hex),
            form(1, 2, "0g"),
            form(1, 2, "0"),
        ] {
            assert!(movie(wrong.as_bytes()).is_none(), "{wrong}");
        }
        assert!(movie(b"{}").is_none());
    }
}
