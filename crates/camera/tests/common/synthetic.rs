//! Clips made of thin air: true parameter sets, and slices whose bytes say
//! which sample they are.

use std::sync::Arc;
use tapo_camera::{Clip, ClipSample, CodecConfig, Law, TrackSource};
use tapo_io::Span;

/// x264's `avcC` of 640x360 and of 320x180.
const AVCC: [&[u8]; 2] = [
    b"\x01\x42\xc0\x1e\xff\xe1\x00\x19\x67\x42\xc0\x1e\xda\x02\x80\xbf\xe5\xc0\x44\x00\x00\x03\x00\x04\x00\x00\x03\x00\xc8\x3c\x58\xba\x80\x01\x00\x04\x68\xce\x0f\xc8",
    b"\x01\x42\xc0\x0c\xff\xe1\x00\x17\x67\x42\xc0\x0c\xda\x05\x06\x7e\x7c\x04\x40\x00\x00\x03\x00\x40\x00\x00\x0c\x83\xc5\x0a\xa8\x01\x00\x04\x68\xce\x0f\xc8",
];

/// H.264 at 25 frames a second. Every `gop`th frame is an IDR picture of 6000
/// bytes, the rest have 500. With `b_frames`
/// every other picture is presented before the one decoded before it.
pub(crate) fn h264(frames: usize, gop: usize, b_frames: bool, size: usize) -> TrackSource {
    let mut media = Vec::new();
    let mut samples = Vec::new();
    for i in 0..frames {
        let sync = i % gop == 0;
        let length: usize = if sync { 6000 } else { 500 };
        let start = media.len() as u64;
        media.extend(u32::try_from(length).unwrap().to_be_bytes());
        media.push(if sync { 0x65 } else { 0x41 });
        // No zero bytes: nothing looks like a start code.
        media.extend((1..length).map(|j| u8::try_from((i + j) % 255).unwrap() + 1));
        // Decoded I P B P B: presented I B P B P.
        let offset = match (b_frames, i % gop) {
            (false, _) => 0,
            (true, 0) => 1,
            (true, n) if n % 2 == 1 && n + 1 < gop => 2,
            (true, n) if n % 2 == 1 => 1,
            (true, _) => 0,
        };
        samples.push(ClipSample {
            span: Span::new(start, media.len() as u64),
            dts: i64::try_from(i * 512).unwrap(),
            composition_offset: offset * 512,
            duration: 512,
            sync,
        });
    }
    TrackSource {
        config: CodecConfig::H264(AVCC[size].to_vec()),
        timescale: 12_800,
        shift: if b_frames { -512 } else { 0 },
        samples,
        media: Arc::new(media),
    }
}

/// AAC-LC, 48 kHz stereo, frames of 200 bytes, with one frame of priming.
pub(crate) fn aac(frames: usize) -> TrackSource {
    let media: Vec<u8> = (0..frames).flat_map(|i| numbered(i, 200)).collect();
    TrackSource {
        config: CodecConfig::Aac(vec![0x11, 0x90]),
        timescale: 48_000,
        shift: -1024,
        samples: even(frames, 200, 1024),
        media: Arc::new(media),
    }
}

/// G.711 as one-byte samples, as ffmpeg writes it.
pub(crate) fn alaw(bytes: usize) -> TrackSource {
    let media: Vec<u8> = (0..bytes).map(|i| u8::try_from(i % 251).unwrap()).collect();
    TrackSource {
        config: CodecConfig::G711(Law::A),
        timescale: 8000,
        shift: 0,
        samples: even(bytes, 1, 1),
        media: Arc::new(media),
    }
}

pub(crate) fn clip(tracks: Vec<TrackSource>) -> Clip {
    Clip::new(tracks).expect("a sound clip")
}

fn numbered(i: usize, length: usize) -> impl Iterator<Item = u8> {
    (0..length).map(move |j| u8::try_from((i * 7 + j) % 256).unwrap())
}

fn even(count: usize, length: u64, duration: u32) -> Vec<ClipSample> {
    let sample = |i: u64| ClipSample {
        span: Span::at(i * length, length),
        dts: i64::try_from(i * u64::from(duration)).unwrap(),
        composition_offset: 0,
        duration,
        sync: true,
    };
    (0..count as u64).map(sample).collect()
}
