//! Nothing to go by but parameter sets in the media data itself.
//!
//! They say how pictures are coded, how large they are and often their rate;
//! where pictures stand shows in their lengths. What lies between them is not
//! known, and left out.

use super::look;
use super::view::View;
use crate::habits::Runs;
use crate::item::{Found, Items};
use crate::profile::{Profile, Reference};
use crate::{Class, Result};
use tapo_bmff::{BoxWriter, FourCc};
use tapo_codec::h264::AvcConfig;
use tapo_codec::h265::HevcConfig;
use tapo_codec::nal::NalLengthSize;
use tapo_codec::{ParameterSetKind, find_parameter_sets};
use tapo_io::Span;
use tapo_movie::{Movie, SampleDescription, Track, TrackHeader};

/// Media data in which parameter sets are looked for, bytes ...
const SEARCHED: u64 = 16 << 20;

/// ... and in one piece; pieces overlap by what a group of sets takes.
const PIECE: u64 = 1 << 20;
const OVERLAP: u64 = 16 << 10;

/// Bytes between two pictures that are passed over.
const BETWEEN: u64 = 64 << 10;

/// Part of the media data that pictures must explain, if none can be decoded.
const EXPLAINS: f64 = 0.5;

/// Pictures a second where nothing says how many.
const RATE: (u32, u32) = (25, 1);

/// "und" as `mdhd` packs it.
const UNDETERMINED: u16 = 0x55c4;

/// The index of the track that stands for all that is not known.
const REST: u16 = 1;

/// A movie of pictures alone.
pub(super) struct Pictures {
    pub(super) reference: Reference,
    /// What is gone by, in words.
    pub(super) why: String,
}

/// Looks for parameter sets that pictures can be decoded with.
///
/// # Errors
/// The source fails.
pub(super) fn read(view: View<'_>) -> Result<Option<Pictures>> {
    if view.is_fragmented() {
        return Ok(None);
    }
    let Some(span) = view.beginning(SEARCHED)? else {
        return Ok(None);
    };
    let mut at = span.start;
    while at < span.end {
        let end = at.saturating_add(PIECE + OVERLAP).min(span.end);
        let bytes = view.source.read_span(Span::new(at, end))?;
        for entry_type in [*b"avc1", *b"hvc1"] {
            for group in find_parameter_sets(entry_type, NalLengthSize::FOUR, &bytes) {
                let sets = group.into_iter().filter_map(|range| bytes.get(range));
                let sets: Vec<&[u8]> = sets.collect();
                if let Some(found) = pictures(view, entry_type, &sets)? {
                    return Ok(Some(found));
                }
            }
        }
        at = at.saturating_add(PIECE);
    }
    Ok(None)
}

/// A movie by these parameter sets, if pictures of the file bear them out.
fn pictures(view: View<'_>, entry_type: [u8; 4], sets: &[&[u8]]) -> Result<Option<Pictures>> {
    let Some((description, rate)) = described(entry_type, sets) else {
        return Ok(None);
    };
    let (ticks, each) = rate.unwrap_or(RATE);
    let size = description.size().unwrap_or((0, 0));
    let mut movie = Movie::default();
    movie.tracks.push(Track {
        header: TrackHeader {
            id: 1,
            width: u32::from(size.0) << 16,
            height: u32::from(size.1) << 16,
            ..TrackHeader::default()
        },
        handler: FourCc(*b"vide"),
        timescale: ticks,
        language: UNDETERMINED,
        descriptions: vec![description],
        ..Track::default()
    });
    movie.tracks.extend(rest(ticks));
    movie.header.next_track_id = 2;
    let nothing: Vec<u8> = Vec::new();
    let mut profile = Profile::learn(&movie, &nothing)?;
    for track in &mut profile.tracks {
        track.durations.usual = each;
        track.durations.known = vec![each];
    }
    profile.runs = Runs {
        longest: BETWEEN,
        opens: true,
        ..Runs::default()
    };
    let look = view.look(&profile, 0)?;
    let Some(recogniser) = look::with(&profile, 0, &[]) else {
        return Ok(None);
    };
    let votes = look.first_votes(&*recogniser);
    let bears_out = !look.pictures.is_empty() && !votes.contradict() && look.share >= EXPLAINS;
    if !votes.confirm() && !bears_out {
        return Ok(None);
    }
    let per_second = f64::from(ticks) / f64::from(each.max(1));
    let said = match rate {
        Some(_) => format!("{per_second:.3} pictures a second, as they say"),
        None => format!("nothing says the rate: {per_second:.0} pictures a second are assumed"),
    };
    let why = format!(
        "{said}; what lies between the pictures, sound for one, is left out: a few seconds by the \
         same camera as --reference would bring it back"
    );
    let reference = Reference::new(view.path().to_owned(), profile);
    Ok(Some(Pictures { reference, why }))
}

/// The sample entry of these parameter sets, and how many ticks a second and
/// ticks a picture they say.
fn described(
    entry_type: [u8; 4],
    sets: &[&[u8]],
) -> Option<(SampleDescription, Option<(u32, u32)>)> {
    let of = |kind| {
        let own = sets.iter().copied();
        let own = own.filter(move |set| ParameterSetKind::of(entry_type, set) == Some(kind));
        own.collect::<Vec<&[u8]>>()
    };
    let sequence = of(ParameterSetKind::Sequence);
    let picture = of(ParameterSetKind::Picture);
    let (kind, config) = if entry_type == *b"avc1" {
        (b"avcC", AvcConfig::build(&sequence, &picture).ok()?)
    } else {
        let video = of(ParameterSetKind::Video);
        let config = HevcConfig::build(&video, &sequence, &picture, false);
        (b"hvcC", config.ok()?)
    };
    let said = tapo_codec::describe(entry_type, &[(*kind, &config)]);
    let (width, height) = said.size?;
    let rate = said.frame_rate.and_then(|(ticks, each)| {
        let (ticks, each) = (u32::try_from(ticks).ok()?, u32::try_from(each).ok()?);
        (ticks > 0 && each > 0 && ticks / each <= 1000).then_some((ticks, each))
    });
    // VisualSampleEntry (14496-12, 12.1.3).
    let mut w = BoxWriter::new();
    let (width, height) = (u16::try_from(width).ok()?, u16::try_from(height).ok()?);
    w.boxed(&entry_type, |w| {
        w.zeros(6).u16(1).zeros(16).u16(width).u16(height);
        w.u32(0x48_0000).u32(0x48_0000).zeros(4).u16(1).zeros(32);
        w.u16(0x18).u16(0xFFFF);
        w.boxed(kind, |w| {
            w.raw(&config);
        });
    });
    let entry = SampleDescription::parse(w.into_bytes(), FourCc(*b"vide"))?;
    Some((entry, rate))
}

/// A track for what lies between pictures.
fn rest(timescale: u32) -> Option<Track> {
    let mut w = BoxWriter::new();
    w.boxed(b"data", |w| {
        w.zeros(6).u16(1);
    });
    let handler = FourCc(*b"data");
    Some(Track {
        header: TrackHeader {
            id: 2,
            ..TrackHeader::default()
        },
        handler,
        timescale,
        language: UNDETERMINED,
        descriptions: vec![SampleDescription::parse(w.into_bytes(), handler)?],
        ..Track::default()
    })
}

/// Leaves out what lies between the pictures, and calls these inferred.
pub(super) fn keep_pictures(found: &mut Found) {
    let mut kept = Items::default();
    let mut before = Vec::with_capacity(found.stretches.len());
    let mut stretches = found.stretches.iter().map(|s| s.first).peekable();
    for (index, mut item) in found.items.iter().enumerate() {
        while stretches.next_if(|first| *first <= index).is_some() {
            before.push(kept.len());
        }
        if item.track != REST {
            item.class = item.class.max(Class::C);
            kept.push(item);
        }
    }
    before.extend(stretches.map(|_| kept.len()));
    for (stretch, first) in found.stretches.iter_mut().zip(before) {
        stretch.first = first;
        stretch.ends.retain(|(track, ..)| *track != REST);
    }
    found.items = kept;
}
