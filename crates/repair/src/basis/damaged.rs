//! Settings of a decoder that are there, can be read, and are damaged: the pictures of an index that is otherwise sound do
//! not decode with them.
//!
//! They are put right by what stands in the media data, by a bit or a byte of them that makes all pictures decode, or by
//! another recording. What nothing puts right is said.

use super::choose;
use super::look::{Votes, steadiness, votes};
use super::sets;
use super::view::View;
use crate::index::Own;
use crate::profile::{self, Reference};
use crate::{Error, Note, Result, unfit, verify};
use std::path::PathBuf;
use tapo_codec::nal::{NalLengthSize, split};
use tapo_codec::{Decodes, ParameterSetKind, Recogniser};
use tapo_io::{ByteSource, Span};
use tapo_movie::{Sample, SampleDescription, Track};

/// Boxes that hold parameter sets.
const CONFIGS: [&[u8; 4]; 2] = [b"avcC", b"hvcC"];

/// Pictures that are decoded, and the largest of them.
const PICTURES: usize = 4;
const PICTURE_BYTES: u64 = 2 << 20;

/// Other pictures whose headers are compared, and what of them.
const HEADS: usize = 100;
const HEAD: u64 = 1 << 10;

/// Part of them whose headers say the same: less shows wrong settings, and right ones have that much.
const STEADY: f64 = 0.5;
const RIGHT: f64 = 0.9;

/// Coding blocks that are read in all for the settings of one track: it bounds the time.
const BLOCKS: u64 = 1 << 22;

/// What a trial costs beside the blocks read, in blocks.
const TRIAL: u64 = 64;

/// Places of settings, at most, of which every byte is tried.
const EVERY_BYTE: usize = 256;

/// Puts the settings of tracks right that their pictures contradict; those of other recordings are looked at if any may be
/// `named`. Returns the tracks that do not decode all the same: ids.
///
/// # Errors
/// The source fails.
pub(super) fn put_right(
    view: View<'_>,
    own: &mut Own,
    named: Option<&[PathBuf]>,
) -> Result<Vec<u32>> {
    let mut left = Vec::new();
    for track in &mut own.movie.tracks {
        let Some(shown) = Shown::of(view.source, track)? else {
            continue;
        };
        if !shown.contradicts(track) {
            continue;
        }
        let id = track.header.id;
        let mended = shown.mended(track);
        let mut found = match (shown.in_media(track), &mended) {
            (Some(description), _) => Some((description, Note::SetsInMedia { track: id })),
            (None, Mended::To(found)) => Some((**found).clone()),
            (None, _) => None,
        };
        if let (None, Some(named)) = (&found, named) {
            found = elsewhere(view, track, &shown, named)?;
        }
        if let (None, Some(_), Mended::Perhaps(first)) = (&found, named, mended) {
            found = Some(*first);
        }
        own.changed = true;
        match found.zip(track.descriptions.first_mut()) {
            Some(((description, note), slot)) => {
                *slot = description;
                own.notes.push(note);
            }
            None => left.push(id),
        }
    }
    Ok(left)
}

/// The settings of a healthy recording that was named or stands beside this one, if the pictures decode with them.
fn elsewhere(
    view: View<'_>,
    track: &Track,
    shown: &Shown,
    named: &[PathBuf],
) -> Result<Option<(SampleDescription, Note)>> {
    let reference: Reference = match choose::choose(view, named) {
        Ok(chosen) => chosen.reference,
        // What nothing else is wrong with needs no reference.
        Err(
            Error::NoReference { .. } | Error::BadReference { .. } | Error::ReferenceDiffers { .. },
        ) => return Ok(None),
        Err(error) => return Err(error),
    };
    let Some(old) = track.descriptions.first() else {
        return Ok(None);
    };
    let others = reference.profile.movie.tracks.iter();
    let fitting = others.filter_map(|other| {
        let given = other.descriptions.first()?;
        let (_, config) = config(given)?;
        with_config(old, config)
    });
    let mut fitting = fitting.filter(|description| shown.decode(track, description));
    Ok(fitting.next().map(|description| {
        let note = Note::SettingsTaken {
            track: track.header.id,
            from: reference.path.clone(),
        };
        (description, note)
    }))
}

fn config(description: &SampleDescription) -> Option<(&'static [u8; 4], &[u8])> {
    CONFIGS
        .into_iter()
        .find_map(|kind| Some((kind, description.child(kind)?)))
}

/// A description with other settings.
fn with_config(description: &SampleDescription, payload: &[u8]) -> Option<SampleDescription> {
    let (kind, _) = config(description)?;
    let raw = description.entry.with_payload(kind, payload)?;
    SampleDescription::parse(raw, tapo_bmff::FourCc(*b"vide"))
}

/// Pictures of a track, without parameter sets of their own, and what those are.
struct Shown {
    /// Those that decoding can start at.
    pictures: Vec<Vec<u8>>,
    /// The beginnings of others.
    heads: Vec<Vec<u8>>,
    /// Parameter sets in front of the first picture.
    sets: Vec<Vec<u8>>,
}

impl Shown {
    /// `None` of tracks that have no such settings, or several.
    fn of(source: &dyn ByteSource, track: &Track) -> Result<Option<Self>> {
        let [description] = track.descriptions.as_slice() else {
            return Ok(None);
        };
        let kind = description.kind();
        let in_settings = kind == b"avc1" || kind == b"hvc1";
        // Where they cannot be read, at least the byte that says so may be right.
        let stated = config(description).and_then(|(kind, payload)| {
            let at = if kind == b"avcC" { 4 } else { 21 };
            NalLengthSize::new(payload.get(at)? % 4 + 1)
        });
        let units = verify::units(track).or(stated);
        let Some(size) = units.filter(|_| in_settings && stated.is_some()) else {
            return Ok(None);
        };
        let inside = |s: &Sample| !s.span.is_empty() && s.span.end <= source.len();
        let small = |s: &Sample| s.sync && s.span.len() <= PICTURE_BYTES;
        let mut shown = Self {
            pictures: Vec::new(),
            heads: Vec::new(),
            sets: Vec::new(),
        };
        for sample in track.samples.iter().filter(inside).filter(small) {
            let bytes = source.read_span(sample.span)?;
            let (picture, sets) = stripped(kind.0, &bytes, size);
            if shown.pictures.is_empty() {
                shown.sets = sets;
            }
            shown.pictures.push(picture);
            if shown.pictures.len() >= PICTURES {
                break;
            }
        }
        let others = track.samples.iter().filter(inside).filter(|s| !s.sync);
        for sample in others.take(HEADS) {
            let head = Span::at(sample.span.start, sample.span.len().min(HEAD));
            shown.heads.push(source.read_span(head)?);
        }
        Ok((!shown.pictures.is_empty()).then_some(shown))
    }

    fn votes(&self, recogniser: &dyn Recogniser) -> Votes {
        votes(recogniser, self.pictures.iter().map(Vec::as_slice))
    }

    /// Whether the pictures do not decode with the settings of their track.
    fn contradicts(&self, track: &Track) -> bool {
        let Some(recogniser) = profile::recogniser(track, 0) else {
            return true;
        };
        // Most are right, and one picture says so.
        let first = self.pictures.first().map(Vec::as_slice).unwrap_or_default();
        let unsteady = || steadiness(&*recogniser, self.heads()) < STEADY;
        match recogniser.decodes(first) {
            Decodes::Yes => unsteady(),
            Decodes::Unknown => false,
            Decodes::No(_) => {
                let votes = self.votes(&*recogniser);
                votes.yes == 0
            }
        }
    }

    fn heads(&self) -> impl Iterator<Item = &[u8]> {
        self.heads.iter().map(Vec::as_slice)
    }

    /// Whether they decode with other settings.
    fn decode(&self, track: &Track, description: &SampleDescription) -> bool {
        let Some(recogniser) = with(track, description) else {
            return false;
        };
        let votes = self.votes(&*recogniser);
        votes.yes > 0 && votes.no == 0 && steadiness(&*recogniser, self.heads()) >= RIGHT
    }

    /// The settings with the parameter sets that stand in front of the first picture.
    fn in_media(&self, track: &Track) -> Option<SampleDescription> {
        let old = track.descriptions.first()?;
        let with_sets = sets::described(old, &self.sets).or_else(|| rebuilt(old, &self.sets))?;
        (!self.sets.is_empty() && self.decode(track, &with_sets)).then_some(with_sets)
    }

    /// The settings with one bit, or else one byte, of them changed so that all pictures decode.
    fn mended(&self, track: &Track) -> Mended {
        let payload = track.descriptions.first().and_then(config);
        let Some((kind, payload)) = payload.map(|(kind, p)| (kind, p.to_vec())) else {
            return Mended::Not;
        };
        let mut blocks = BLOCKS;
        let places = places(track, &payload);
        let bits = places
            .iter()
            .flat_map(|at| (0..8).map(move |bit| (*at, 1_u8 << bit)));
        let bytes = places
            .iter()
            .flat_map(|at| (1..=255_u8).map(move |by| (*at, by)));
        let bytes = bytes.filter(|(_, by)| places.len() <= EVERY_BYTE && by.count_ones() > 1);
        // AVCProfileIndication and what follows repeat the parameter set (14496-15, 5.3.3.1.2).
        let repeated = (kind == b"avcC").then(|| {
            let pairs = (1..4).map(|at| (at + 8, payload.get(at), payload.get(at + 8)));
            let pairs = pairs.filter_map(|(at, a, b)| Some((at, a? ^ b?)));
            pairs.filter(|(_, by)| *by != 0).collect::<Vec<_>>()
        });
        let tries: [&mut dyn Iterator<Item = (usize, u8)>; 3] = [
            &mut repeated.unwrap_or_default().into_iter(),
            &mut bits.into_iter(),
            &mut bytes.into_iter(),
        ];
        for tries in tries {
            let mut found = None;
            let mut several = false;
            for (at, by) in tries {
                let mut changed = payload.clone();
                if let Some(byte) = changed.get_mut(at) {
                    *byte ^= by;
                }
                let Some(left) = blocks.checked_sub(TRIAL) else {
                    break;
                };
                blocks = left;
                if let Some(description) = self.tried(track, &changed, &mut blocks) {
                    several |= found.is_some();
                    found.get_or_insert((at, description));
                }
            }
            if let Some((at, description)) = found {
                let note = Note::SetsByTrial {
                    track: track.header.id,
                    differs: format!("byte {at} of its settings"),
                    pictures: u32::try_from(self.pictures.len()).unwrap_or(u32::MAX),
                };
                let found = Box::new((description, note));
                return match several {
                    true => Mended::Perhaps(found),
                    false => Mended::To(found),
                };
            }
        }
        Mended::Not
    }

    /// The track with these settings, if all pictures decode with them.
    fn tried(&self, track: &Track, payload: &[u8], blocks: &mut u64) -> Option<SampleDescription> {
        let description = with_config(track.descriptions.first()?, payload)?;
        let recogniser = with(track, &description)?;
        let first = self.pictures.first().map(Vec::as_slice)?;
        match recogniser.decodes(first) {
            Decodes::Yes => self.decode(track, &description).then_some(description),
            Decodes::No(read) => {
                *blocks = blocks.saturating_sub(u64::from(read));
                None
            }
            Decodes::Unknown => None,
        }
    }
}

/// Bytes of settings in front of the parameter sets, and in front of each.
const FRONT: usize = 32;
const BEFORE: usize = 5;

/// Places in settings that say how pictures are decoded: other messages may be long.
fn places(track: &Track, payload: &[u8]) -> Vec<usize> {
    let Some(description) = track.descriptions.first() else {
        return Vec::new();
    };
    let sets = sets::of(description);
    let kind = description.kind().0;
    let mut told: Vec<usize> = (0..payload.len().min(FRONT)).collect();
    for set in &sets {
        if ParameterSetKind::of(kind, set) != Some(ParameterSetKind::Video)
            && let Some(at) = payload.windows(set.len()).position(|w| w == set)
        {
            told.extend(at.saturating_sub(BEFORE)..at + set.len());
        }
    }
    // Where they cannot be read, anything.
    if unfit::lacks_sets(track) {
        told.extend(0..payload.len().min(EVERY_BYTE));
    }
    told.sort_unstable();
    told.dedup();
    told
}

/// What trying other settings came to.
enum Mended {
    /// These alone decode.
    To(Box<(SampleDescription, Note)>),
    /// These, and others.
    Perhaps(Box<(SampleDescription, Note)>),
    Not,
}

/// The recogniser of a track with other settings.
fn with(track: &Track, description: &SampleDescription) -> Option<Box<dyn Recogniser>> {
    let other = Track {
        header: track.header.clone(),
        handler: track.handler,
        timescale: track.timescale,
        descriptions: vec![description.clone()],
        ..Track::default()
    };
    profile::recogniser(&other, 0)
}

/// Settings of nothing but these parameter sets.
fn rebuilt(old: &SampleDescription, sets: &[Vec<u8>]) -> Option<SampleDescription> {
    let of = |kind| -> Vec<&[u8]> {
        let own = sets.iter().map(Vec::as_slice);
        own.filter(|s| ParameterSetKind::of(old.kind().0, s) == Some(kind))
            .collect()
    };
    let (sequence, picture) = (
        of(ParameterSetKind::Sequence),
        of(ParameterSetKind::Picture),
    );
    let config = match config(old)?.0 {
        b"avcC" => tapo_codec::h264::AvcConfig::build(&sequence, &picture),
        _ => {
            let video = of(ParameterSetKind::Video);
            tapo_codec::h265::HevcConfig::build(&video, &sequence, &picture, false)
        }
    };
    with_config(old, &config.ok()?)
}

/// A sample without its parameter sets, and those.
fn stripped(entry_type: [u8; 4], sample: &[u8], size: NalLengthSize) -> (Vec<u8>, Vec<Vec<u8>>) {
    let (mut rest, mut own) = (Vec::with_capacity(sample.len()), Vec::new());
    let mut from = 0;
    for nal in split(sample, size) {
        let Ok(nal) = nal else {
            break;
        };
        let end = from + size.bytes() + nal.bytes.len();
        if ParameterSetKind::of(entry_type, nal.bytes).is_some() {
            own.push(nal.bytes.to_vec());
        } else {
            rest.extend_from_slice(sample.get(from..end).unwrap_or_default());
        }
        from = end;
    }
    rest.extend_from_slice(sample.get(from..).unwrap_or_default());
    (rest, own)
}
