//! Descriptions of tracks whose parts contradict each other: what is in a sample entry says of what type it is, and that
//! of what kind the track is; samples say how long the lengths in them are.

use super::left::bare;
use crate::index::Own;
use crate::profile::{Profile, entry};
use crate::{Result, verify};
use tapo_bmff::FourCc;
use tapo_codec::nal::NalLengthSize;
use tapo_codec::{Decodes, MediaKind};
use tapo_io::{ByteSource, Span, Window};
use tapo_movie::{Movie, Sample, SampleDescription, Track};

/// Configurations, and the sample entries that have them.
const ENTRIES: [(&[u8; 4], &[u8; 4]); 10] = [
    (b"avcC", b"avc1"),
    (b"hvcC", b"hvc1"),
    (b"av1C", b"av01"),
    (b"vpcC", b"vp09"),
    (b"dOps", b"Opus"),
    (b"dac3", b"ac-3"),
    (b"dec3", b"ec-3"),
    (b"alac", b"alac"),
    (b"dfLa", b"fLaC"),
    (b"damr", b"samr"),
];

/// Puts types of sample entries, handlers, and the lengths of lengths right; says whether anything was wrong.
///
/// # Errors
/// The source fails.
pub(super) fn put_right(source: &dyn ByteSource, movie: &mut Movie) -> Result<bool> {
    let mut changed = false;
    for track in &mut movie.tracks {
        for at in 0..track.descriptions.len() {
            changed |= renamed(track, at);
        }
        changed |= handled(track);
        changed |= measured(source, track)?;
    }
    Ok(changed)
}

/// Largest picture that is decoded, bytes.
const PICTURE_BYTES: u64 = 8 << 20;

/// Doubts the pictures behind each place where fragments begin anew, if the first of them that decoding can start at does
/// not decode as the track is described: they are of another recording.
///
/// # Errors
/// The source fails.
pub(super) fn doubt_others(source: &dyn ByteSource, own: &mut Own) -> Result<()> {
    if own.restarts.is_empty() {
        return Ok(());
    }
    let profile = Profile::learn(&bare(&own.movie), source)?;
    let ends = own.restarts.iter().skip(1).copied().chain([source.len()]);
    let parts: Vec<Span> = own
        .restarts
        .iter()
        .copied()
        .zip(ends)
        .map(|(a, b)| Span::new(a, b))
        .collect();
    for (track, of) in own.movie.tracks.iter().zip(&profile.tracks) {
        let Some(recogniser) = of.recogniser.as_ref().filter(|_| of.is_video) else {
            continue;
        };
        for part in &parts {
            let inside = |s: &Sample| part.contains(s.span);
            let mut samples = track.samples.iter().filter(inside);
            let first = samples.find(|s| s.sync && s.span.len() <= PICTURE_BYTES);
            let Some(first) = first else {
                continue;
            };
            let mut recogniser = recogniser.fork();
            recogniser.turn(entry(first.description));
            if let Decodes::No(_) = recogniser.decodes(&source.read_span(first.span)?) {
                own.doubted
                    .extend(track.samples.iter().filter(inside).map(|s| s.span));
            }
        }
    }
    own.doubted.sort_unstable();
    Ok(())
}

/// Samples whose lengths are looked at, at most, and at least.
const LOOKED_AT: usize = 32;
const LEAST: usize = 4;

/// Where the lengths in front of NAL units have another size in the samples than their configuration states (ISO/IEC
/// 14496-15, 5.3.3.1 and 8.3.3.1), states that.
fn measured(source: &dyn ByteSource, track: &mut Track) -> Result<bool> {
    let Some(stated) = verify::units(track) else {
        return Ok(false);
    };
    let mut window = Window::new(source);
    let inside = |s: &Sample| !s.span.is_empty() && s.span.end <= source.len();
    let samples: Vec<Sample> = track
        .samples
        .iter()
        .filter(inside)
        .take(LOOKED_AT)
        .collect();
    let mut led = |size: NalLengthSize| {
        let mut led = 0;
        for sample in &samples {
            led += usize::from(verify::lead_through(&mut window, sample.span, size, 1)?);
        }
        Ok::<usize, crate::Error>(led)
    };
    if samples.len() < LEAST || led(stated)? * 2 >= samples.len() {
        return Ok(false);
    }
    for size in (1..=4).rev().filter_map(NalLengthSize::new) {
        if size != stated && led(size)? * 10 >= samples.len() * 9 {
            return Ok(stating(track, size));
        }
    }
    Ok(false)
}

/// Writes the size of lengths into the configurations of a track.
fn stating(track: &mut Track, size: NalLengthSize) -> bool {
    /// Boxes, and where `lengthSizeMinusOne` stands in them: the lowest two bits.
    const FIELDS: [(&[u8; 4], usize); 2] = [(b"avcC", 4), (b"hvcC", 21)];
    let mut changed = false;
    for description in &mut track.descriptions {
        for (kind, at) in FIELDS {
            let Some(mut config) = description.child(kind).map(<[u8]>::to_vec) else {
                continue;
            };
            let minus_one = u8::try_from(size.bytes() - 1).unwrap_or(3);
            if let Some(field) = config.get_mut(at) {
                *field = *field & !3 | minus_one;
            }
            let raw = description.entry.with_payload(kind, &config);
            if let Some(right) = raw.and_then(|raw| SampleDescription::parse(raw, track.handler)) {
                *description = right;
                changed = true;
            }
        }
    }
    changed
}

/// Gives a sample entry of an unknown type the one that its configuration is of.
fn renamed(track: &mut Track, at: usize) -> bool {
    let handler = track.handler;
    let Some(description) = track.descriptions.get_mut(at) else {
        return false;
    };
    if kind(description) != MediaKind::Unknown {
        return false;
    }
    let of = ENTRIES
        .iter()
        .find(|(config, _)| description.child(config).is_some());
    let name = match of {
        Some((_, name)) => **name,
        None if description.child(b"esds").is_some() && track.handler == b"soun" => *b"mp4a",
        None if description.child(b"esds").is_some() && track.handler == b"vide" => *b"mp4v",
        None => return false,
    };
    let mut raw = description.entry.raw().to_vec();
    if let Some(slot) = raw.get_mut(4..8) {
        slot.copy_from_slice(&name);
    }
    match SampleDescription::parse(raw, handler) {
        Some(right) => {
            *description = right;
            true
        }
        None => false,
    }
}

fn kind(description: &SampleDescription) -> MediaKind {
    tapo_codec::describe(description.kind().0, &[]).kind
}

/// Gives a track the handler that its sample entries ask for, where all ask for the same. `raw ` is both.
fn handled(track: &mut Track) -> bool {
    let mut kinds = track.descriptions.iter().map(|d| match kind(d) {
        _ if d.kind() == b"raw " => None,
        MediaKind::Video => Some(*b"vide"),
        MediaKind::Audio => Some(*b"soun"),
        _ => None,
    });
    let Some(Some(first)) = kinds.next() else {
        return false;
    };
    let known = [b"vide", b"soun", b"pict", b"auxv", b"meta"];
    let fits = track.handler == first
        || first == *b"vide" && known.iter().skip(2).any(|k| track.handler == **k);
    if fits || kinds.any(|kind| kind != Some(first)) {
        return false;
    }
    track.handler = FourCc(first);
    if let Some(slot) = track.handler_box.get_mut(8..12) {
        slot.copy_from_slice(&first);
    }
    // The header of the media is that of the right handler, or none of those that say so.
    let header: &[u8; 4] = if first == *b"vide" { b"vmhd" } else { b"smhd" };
    track.media_header = track
        .media_header
        .take()
        .filter(|raw| raw.kind == header || raw.kind == b"gmhd");
    for description in &mut track.descriptions {
        let raw = description.entry.raw().to_vec();
        if let Some(right) = SampleDescription::parse(raw, track.handler) {
            *description = right;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_and_handlers_are_what_their_configuration_is_of() {
        let file = include_bytes!("../../../../testdata/h264_bframes_aac.mp4").to_vec();
        let sound = tapo_movie::read(&file).unwrap().movie.unwrap();
        let mut movie = sound.clone();
        assert!(!put_right(&file, &mut movie).unwrap());
        let track = &mut movie.tracks[0];
        track.handler = FourCc(*b"soun");
        track.handler_box[8..12].copy_from_slice(b"soun");
        let mut raw = track.descriptions[0].entry.raw().to_vec();
        raw[4..8].copy_from_slice(b"AAAA");
        track.descriptions[0] = SampleDescription::parse(raw, FourCc(*b"vide")).unwrap();
        assert!(put_right(&file, &mut movie).unwrap());
        assert_eq!(movie, sound);
        for size in [1, 2] {
            assert!(stating(
                &mut movie.tracks[0],
                NalLengthSize::new(size).unwrap()
            ));
            assert!(movie != sound);
            assert!(put_right(&file, &mut movie).unwrap());
            assert_eq!(movie, sound);
        }
    }
}
