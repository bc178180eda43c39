//! What several tests need.

use crate::segmenter::{Command, Segmenter, Settings};
use crate::source::{AccessUnit, Codec, TrackInfo, WallClock};
use crate::timeline::{Placed, Timed};
use std::time::Duration;
use tapo_bmff::{BoxWriter, FourCc};
use tapo_movie::SampleDescription;

/// An H.264 description, 320x240, that states this reorder depth.
pub(crate) fn h264(depth: u8) -> SampleDescription {
    // Main profile, 320x240, max_num_reorder_frames 0 or 1 (x264).
    let mut bits = Bits::default();
    for (value, width) in [(77, 8), (0, 8), (30, 8)] {
        bits.put(value, width);
    }
    // sps id, frame_num, poc type 0, poc lsb, refs, gaps.
    for value in [0, 0, 0, 2, 4] {
        bits.ue(value);
    }
    bits.put(0, 1);
    bits.ue(19);
    bits.ue(14);
    // frame_mbs_only, direct_8x8, no cropping, vui.
    bits.put(0b1101, 4);
    // aspect, overscan, video signal, chroma, timing, nal hrd, vcl hrd, pic
    // struct: none; bitstream restriction: yes; motion vectors.
    bits.put(0, 8);
    bits.put(0b11, 2);
    for value in [0, 0, 10, 10, u32::from(depth), 4] {
        bits.ue(value);
    }
    bits.put(1, 1);
    let mut sps = vec![0x67];
    sps.extend(bits.bytes());
    let pps: &[u8] = &[0x68, 0xce, 0x38, 0x80];
    let config = tapo_codec::h264::AvcConfig::build(&[&sps], &[pps]).unwrap();
    let mut w = BoxWriter::new();
    w.boxed(b"avc1", |w| {
        w.zeros(6).u16(1).zeros(16).u16(320).u16(240).zeros(50);
        w.boxed(b"avcC", |w| {
            w.raw(&config);
        });
    });
    let description = SampleDescription::parse(w.into_bytes(), FourCc(*b"vide")).unwrap();
    let known = crate::lane::reorder_depth(&description).known();
    assert_eq!(known, Some(depth));
    description
}

#[derive(Default)]
struct Bits(Vec<bool>);

impl Bits {
    fn put(&mut self, value: u32, width: u32) {
        self.0.extend((0..width).rev().map(|i| value >> i & 1 != 0));
    }

    fn ue(&mut self, value: u32) {
        let width = 32 - (value + 1).leading_zeros();
        self.put(0, width - 1);
        self.put(value + 1, width);
    }

    fn bytes(&self) -> Vec<u8> {
        let byte = |c: &[bool]| (0..8).fold(0, |b, i| b << 1 | u8::from(c.get(i) == Some(&true)));
        self.0.chunks(8).map(byte).collect()
    }
}

/// What a camera of 25 frames a second makes the segmenter say.
pub(crate) fn commands(seconds: u64, segment: Option<u64>) -> Vec<Command> {
    said(seconds, segment, false)
}

/// The same with sound: packets of 20 ms.
pub(crate) fn commands_with_sound(seconds: u64) -> Vec<Command> {
    said(seconds, None, true)
}

fn said(seconds: u64, segment: Option<u64>, sound: bool) -> Vec<Command> {
    let settings = Settings {
        segment: segment.map(|s| Duration::from_secs(s).into()),
        fragment: Duration::from_secs(1),
        camera: "yard".into(),
        session: [0; 16],
        sdp_sha256: [0; 32],
        after: None,
    };
    let track = |codec, clock_rate| TrackInfo { codec, clock_rate };
    let tracks = [track(Codec::H264, 90_000), track(Codec::Pcma, 8_000)];
    let mut segmenter = Segmenter::new(settings, &tracks[..1 + usize::from(sound)], 0);
    segmenter.describe(0, h264(0));
    if sound {
        segmenter.describe(1, SampleDescription::g711(b"alaw").unwrap());
    }
    for i in 0..seconds.cast_signed() * 25 {
        let unit = |track, data, time, duration| {
            let unit = AccessUnit {
                track,
                data,
                random_access: i % 25 == 0,
                received: WallClock(1_800_000_000_000_000_000),
                duration,
                ..AccessUnit::default()
            };
            Placed::Unit(Timed {
                unit,
                time,
                wall: crate::wall::WallTime::default(),
            })
        };
        segmenter.push(unit(0, vec![7; 400], i * 3_600, None));
        for packet in (2 * i..2 * i + 2).take_while(|_| sound) {
            segmenter.push(unit(1, vec![0xd5; 160], packet * 160, Some(160)));
        }
    }
    segmenter.finish();
    std::iter::from_fn(|| segmenter.pop()).collect()
}
