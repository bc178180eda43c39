//! A clip out of an MP4 or QuickTime file, fragmented or not.

use super::{Clip, ClipSample, CodecConfig, Law, PlainSound, TrackSource};
use crate::payload::jpeg;
use crate::{Error, Result};
use std::path::Path;
use std::sync::Arc;
use tapo_bmff::BoxHeader;
use tapo_io::{ByteSource, PreadFile, Span};
use tapo_movie::{Movie, SampleDescription, Track};

/// Most samples a track may have, and most a table may claim. One-byte samples
/// of G.711 become fewer on the way from one to the other.
const MAX_SAMPLES: usize = 1 << 22;
const MAX_CLAIMED: usize = 1 << 28;

impl Clip {
    /// Reads the tracks of a file that cameras send: H.264, H.265, JPEG, AAC, Opus and
    /// G.711. Others are left out. Media is read as it is sent.
    ///
    /// # Errors
    /// [`Error::Read`] and [`Error::Movie`] if the file cannot be read,
    /// [`Error::Unsupported`] if nothing in it can be served, else as
    /// [`Clip::new`].
    pub fn open(path: &Path) -> Result<Self> {
        Self::read(Arc::new(PreadFile::open(path)?))
    }

    /// As [`Clip::open`], from any source.
    ///
    /// # Errors
    /// As [`Clip::open`].
    pub fn read(source: Arc<dyn ByteSource>) -> Result<Self> {
        let read = tapo_movie::read(source.as_ref())?;
        let Some(movie) = read.movie else {
            return Err(Error::Unsupported("it has no moov box".into()));
        };
        let mut sources = Vec::new();
        let mut left_out = Vec::new();
        for track in &movie.tracks {
            if track.samples.is_empty() {
                continue;
            }
            match track_source(&movie, track, &source) {
                Ok(track) => sources.push(track),
                Err(Error::Unsupported(why)) => left_out.push(why),
                Err(error) => return Err(error),
            }
        }
        if sources.is_empty() {
            let why = if left_out.is_empty() {
                "it has no samples".into()
            } else {
                left_out.join("; ")
            };
            return Err(Error::Unsupported(why));
        }
        for why in left_out {
            tracing::warn!("track left out: {why}");
        }
        Self::new(sources)
    }
}

fn track_source(movie: &Movie, track: &Track, media: &Arc<dyn ByteSource>) -> Result<TrackSource> {
    let id = track.header.id;
    let unsupported = |why: &str| Error::Unsupported(format!("track {id}: {why}"));
    let used = track.samples.iter().next().map_or(1, |s| s.description);
    let description = usize::try_from(used)
        .ok()
        .and_then(|used| track.descriptions.get(used.checked_sub(1)?))
        .ok_or_else(|| Error::Malformed(format!("track {id} has no sample description")))?;
    let config = config(description).map_err(|why| unsupported(&why))?;
    let merging = matches!(config, CodecConfig::G711(_));
    let mut samples: Vec<ClipSample> = Vec::new();
    for (number, sample) in track.samples.iter().enumerate() {
        if sample.description != used {
            return Err(unsupported("its sample description changes"));
        }
        if number == MAX_CLAIMED || samples.len() == MAX_SAMPLES {
            return Err(unsupported("it has too many samples"));
        }
        let next = ClipSample {
            span: sample.span,
            dts: i64::try_from(sample.dts)
                .map_err(|_| Error::Malformed(format!("track {id}: times beyond reason")))?,
            composition_offset: sample.composition_offset,
            duration: sample.duration,
            sync: sample.sync,
        };
        match samples.last_mut() {
            Some(last) if merging && joins(last.span, next.span) => {
                last.span.end = next.span.end;
                last.duration = last.duration.saturating_add(next.duration);
            }
            _ => samples.push(next),
        }
    }
    if matches!(config, CodecConfig::Jpeg)
        && let Some(first) = samples.first()
        && !jpeg::fits(&media.read_span(first.span)?)
    {
        let why = "RTP carries baseline JPEG in 4:2:2 or 4:2:0 with the usual Huffman tables only \
                   (of FFmpeg: -huffman default -pix_fmt yuvj420p)";
        return Err(unsupported(why));
    }
    Ok(TrackSource {
        config,
        timescale: track.timescale,
        shift: shift(movie, track),
        samples,
        media: Arc::clone(media),
    })
}

/// Whether `next` is a bit of sound too short for a packet (10 ms) right behind
/// `last`, and both make no more than 40 ms.
const fn joins(last: Span, next: Span) -> bool {
    last.end == next.start && next.len() < 80 && last.len() + next.len() <= 320
}

/// What the edit list adds to presentation times: initial empty edits minus
/// where the media starts (ISO/IEC 14496-12, 8.6.6).
fn shift(movie: &Movie, track: &Track) -> i64 {
    let mut empty = 0_u64;
    for edit in &track.edits {
        match edit.media_time {
            None => empty = empty.saturating_add(edit.duration),
            Some(start) => {
                let empty = i64::try_from(empty).unwrap_or(i64::MAX);
                let empty = super::rescale(empty, movie.header.timescale, track.timescale);
                return empty.saturating_sub_unsigned(start);
            }
        }
    }
    0
}

fn config(description: &SampleDescription) -> Result<CodecConfig, String> {
    let child = |kind: &[u8; 4]| {
        let missing = || format!("no {} in its sample description", kind.escape_ascii());
        description.child(kind).ok_or_else(missing)
    };
    let kind = description.kind();
    Ok(match &kind.0 {
        b"avc1" | b"avc3" => CodecConfig::H264(child(b"avcC")?.to_vec()),
        b"hvc1" | b"hev1" => CodecConfig::H265(child(b"hvcC")?.to_vec()),
        b"mp4a" => {
            // QuickTime keeps it one box deeper.
            let esds = description.child(b"esds");
            let esds = esds.or_else(|| find(description.child(b"wave")?, *b"esds"));
            let esds = esds.ok_or("no esds in its sample description")?;
            let config = audio_specific_config(esds).ok_or("its mp4a is not AAC")?;
            CodecConfig::Aac(config.to_vec())
        }
        b"alaw" | b"ulaw" => {
            let (channels, rate) = (description.channels(), description.sample_rate());
            if (channels, rate) != (Some(1), Some(8000)) {
                return Err("G.711 is served with one channel at 8 kHz only".into());
            }
            CodecConfig::G711(if kind == b"alaw" { Law::A } else { Law::Mu })
        }
        b"Opus" => CodecConfig::Plain(PlainSound {
            encoding: "opus".into(),
            clock_rate: 48_000,
            // Always two, whatever is coded (RFC 7587, 7).
            channels: 2,
        }),
        b"jpeg" => CodecConfig::Jpeg,
        // Object type 6C (ISO/IEC 14496-1, table 5) is JPEG.
        b"mp4v" if description.child(b"esds").and_then(object_type) == Some(0x6c) => {
            CodecConfig::Jpeg
        }
        _ => return Err(format!("cameras do not send {kind}")),
    })
}

/// The payload of the first box of a type among `boxes`.
fn find(mut boxes: &[u8], kind: [u8; 4]) -> Option<&[u8]> {
    loop {
        let header = BoxHeader::read(0, boxes)?;
        let size = u32::from_be_bytes(*boxes.first_chunk()?);
        let (this, rest) = boxes.split_at_checked(usize::try_from(size).ok()?)?;
        if header.kind.0 == kind {
            return this.get(usize::try_from(header.len()).ok()?..);
        }
        if this.is_empty() {
            return None;
        }
        boxes = rest;
    }
}

/// The `DecoderSpecificInfo` of an `esds` payload that declares AAC (ISO/IEC
/// 14496-1, 7.2.6.5 to 7.2.6.7; 14496-14, 5.6).
fn audio_specific_config(esds: &[u8]) -> Option<&[u8]> {
    let decoder = decoder_config(esds)?;
    // MPEG-4 audio, or MPEG-2 AAC of three profiles.
    if !matches!(decoder.first()?, 0x40 | 0x66..=0x68) {
        return None;
    }
    let (tag, config, _) = descriptor(decoder.get(13..)?)?;
    (tag == 5).then_some(config)
}

/// The `objectTypeIndication` of an `esds` payload.
fn object_type(esds: &[u8]) -> Option<u8> {
    decoder_config(esds)?.first().copied()
}

/// The `DecoderConfigDescriptor` of an `esds` payload.
fn decoder_config(esds: &[u8]) -> Option<&[u8]> {
    let (tag, es, _) = descriptor(esds.get(4..)?)?;
    let (&[_, _, flags], mut rest) = es.split_first_chunk()?;
    if tag != 3 {
        return None;
    }
    if flags & 0x80 != 0 {
        rest = rest.get(2..)?;
    }
    if flags & 0x40 != 0 {
        let (&length, url) = rest.split_first()?;
        rest = url.get(usize::from(length)..)?;
    }
    if flags & 0x20 != 0 {
        rest = rest.get(2..)?;
    }
    let (tag, decoder, _) = descriptor(rest)?;
    (tag == 4).then_some(decoder)
}

/// Tag, payload, and what follows (ISO/IEC 14496-1, 8.3.3).
fn descriptor(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, mut rest) = bytes.split_first()?;
    let mut size = 0_usize;
    for _ in 0..4 {
        let (&byte, after) = rest.split_first()?;
        rest = after;
        size = size << 7 | usize::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            break;
        }
    }
    let (payload, rest) = rest.split_at_checked(size)?;
    Some((tag, payload, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn finds_the_config_in_an_esds() {
        let esds = [
            0, 0, 0, 0, 3, 0x80, 0x80, 0x80, 0x22, 0, 2, 0, 4, 0x80, 0x80, 0x80, 0x14, 0x40, 0x15,
            0, 0, 0, 0, 1, 0xf4, 0, 0, 1, 0xf4, 0, 5, 0x80, 0x80, 0x80, 2, 0x11, 0x90, 6, 0x80,
            0x80, 0x80, 1, 2,
        ];
        assert_eq!(audio_specific_config(&esds), Some(&[0x11, 0x90][..]));
        assert_eq!(audio_specific_config(&esds[..38]), None);
        let boxed = [
            &8_u32.to_be_bytes()[..],
            b"free",
            &11_u32.to_be_bytes(),
            b"esdsabc",
        ]
        .concat();
        assert_eq!(find(&boxed, *b"esds"), Some(&b"abc"[..]));
        assert_eq!(find(&boxed, *b"mp4a"), None);
    }

    proptest! {
        #[test]
        fn descriptors_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = audio_specific_config(&bytes);
            let _ = find(&bytes, *b"esds");
        }
    }
}
