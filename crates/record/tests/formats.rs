//! Streams of every payload format from the built-in camera, and what becomes of them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "the helpers of tests fail as tests do"
)]

mod helpers;
#[path = "../../camera/tests/common/synthetic.rs"]
#[allow(dead_code, reason = "not all of it is needed here")]
mod synthetic;

use helpers::{File, closed, options, paths, read, run, sent, slices};
use std::sync::Arc;
use std::time::Duration;
use tapo_camera::{Camera, CameraConfig, Clip, ClipSample, CodecConfig, PlainSound, TrackSource};
use tapo_codec::adpcm::{G722Decoder, G726Decoder, Packing};
use tapo_io::Span;
use tapo_record::CameraRecording;

/// `count` packets of sound, each of `bytes` bytes and `ticks` ticks; byte 0 is `first`.
fn sound(
    encoding: &str,
    clock_rate: u32,
    channels: u16,
    count: u64,
    (bytes, ticks): (u64, u32),
    first: Option<u8>,
) -> TrackSource {
    let byte = |n: u64, i: u64| match first {
        Some(first) if i == 0 => first,
        _ => ((n * 31 + i * 7) % 251) as u8,
    };
    let media: Vec<u8> = (0..count)
        .flat_map(|n| (0..bytes).map(move |i| byte(n, i)))
        .collect();
    let sample = |n: u64| ClipSample {
        span: Span::at(n * bytes, bytes),
        dts: (n * u64::from(ticks)).cast_signed(),
        composition_offset: 0,
        duration: ticks,
        sync: true,
    };
    TrackSource {
        config: CodecConfig::Plain(PlainSound {
            encoding: encoding.to_owned(),
            clock_rate,
            channels,
        }),
        timescale: clock_rate,
        shift: 0,
        samples: (0..count).map(sample).collect(),
        media: Arc::new(media),
    }
}

/// Records three files of a clip; what was recorded, and what was sent of each track.
fn recorded(clip: Clip) -> (Vec<File>, CameraRecording, Vec<Vec<Vec<u8>>>) {
    let mut config = CameraConfig::new(clip.clone());
    config.speed = 3.0;
    let camera = Camera::start(config).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(&camera.url(), dir.path());
    options.segment = Duration::from_secs(2);
    let recording = run(options, closed(3)).0.unwrap();
    let files = paths(&recording).iter().map(|p| read(p)).collect();
    let bytes = |(track, sent): (usize, &Vec<tapo_camera::Sent>)| {
        let samples = sent.iter().map(|s| clip.sample(track, s.sample).unwrap());
        samples.collect()
    };
    let sent = sent(&camera, 0);
    let sent = sent.iter().enumerate().map(bytes).collect();
    (files, recording.cameras[0].clone(), sent)
}

/// The samples of a track, of all files one behind the other.
fn samples(files: &[File], track: usize) -> Vec<Vec<u8>> {
    let of = |file: &File| {
        let samples = file.movie.tracks[track].samples.iter();
        let bytes =
            samples.map(|s| file.bytes[s.span.start as usize..s.span.end as usize].to_vec());
        bytes.collect::<Vec<_>>()
    };
    files.iter().flat_map(of).collect()
}

/// Whether `part` stands in `whole` as it is, and is most of it.
fn is_run_of(part: &[Vec<u8>], whole: &[Vec<u8>]) -> bool {
    part.len() * 10 > whole.len() * 8 && whole.windows(part.len()).any(|w| w == part)
}

fn check(source: TrackSource, kind: &[u8; 4], expected: impl Fn(&[Vec<u8>]) -> Vec<Vec<u8>>) {
    let ticks = source.samples[0].duration;
    let video = synthetic::h264(100, 25, false, 0);
    let (files, camera, sent) = recorded(synthetic::clip(vec![video, source]));
    assert!(camera.notices.is_empty(), "{:?}", camera.notices);
    assert_eq!((camera.lost_packets, camera.gaps), (0, 0));
    let track = &files[0].movie.tracks[1];
    assert_eq!(track.descriptions[0].kind(), kind);
    // Nothing between the packets, over all files.
    for file in &files {
        let samples = &file.movie.tracks[1].samples;
        assert!(samples.iter().all(|s| s.duration == ticks), "even");
    }
    let found = samples(&files, 1);
    assert!(
        is_run_of(&found, &expected(&sent[1])),
        "{} samples",
        found.len()
    );
    let pictures: Vec<_> = samples(&files, 0)
        .iter()
        .map(|s| slices(s, false))
        .collect();
    let shown: Vec<_> = sent[0].iter().map(|s| slices(s, false)).collect();
    assert!(shown.windows(pictures.len()).any(|w| w == pictures));
}

#[test]
fn linear_samples_are_kept_as_they_are() {
    let source = sound("L16", 16_000, 2, 200, (1280, 320), None);
    check(source, b"twos", <[_]>::to_vec);
}

#[test]
fn opus_is_kept_packet_by_packet() {
    // CELT, 20 ms, one channel.
    let source = sound("opus", 48_000, 2, 200, (80, 960), Some(0xf8));
    check(source, b"Opus", <[_]>::to_vec);
}

#[test]
fn g722_and_g726_are_decoded_across_packets() {
    let linear = |samples: Vec<i16>| samples.iter().flat_map(|s| s.to_be_bytes()).collect();
    let source = sound("G722", 8000, 1, 200, (160, 160), None);
    check(source, b"twos", |sent| {
        let mut decoder = G722Decoder::default();
        let decode = |octets: &Vec<u8>| {
            let mut samples = Vec::new();
            decoder.decode(octets, |s| samples.push(s));
            assert_eq!(samples.len(), octets.len() * 2);
            linear(samples)
        };
        sent.iter().map(decode).collect()
    });
    for (name, packing) in [
        ("G726-32", Packing::LowFirst),
        ("AAL2-G726-32", Packing::HighFirst),
    ] {
        let source = sound(name, 8000, 1, 200, (80, 160), None);
        check(source, b"twos", |sent| {
            let mut decoder = G726Decoder::new(4).unwrap();
            let decode = |octets: &Vec<u8>| {
                let mut samples = Vec::new();
                decoder.decode(octets, packing, |s| samples.push(s));
                assert_eq!(samples.len(), octets.len() * 2);
                linear(samples)
            };
            sent.iter().map(decode).collect()
        });
    }
}

#[test]
fn a_format_that_is_not_known_costs_the_others_nothing() {
    let unknown = sound("X-STRANGE", 8000, 1, 200, (160, 160), None);
    let known = sound("L16", 16_000, 1, 200, (640, 320), None);
    let video = synthetic::h264(100, 25, false, 0);
    let (files, camera, sent) = recorded(synthetic::clip(vec![video, unknown, known]));
    assert_eq!(files[0].movie.tracks.len(), 2);
    let left_out = "left out: audio x-strange: its format cannot be recorded";
    assert_eq!(camera.notices, [left_out]);
    assert!(is_run_of(&samples(&files, 1), &sent[2]));
}

/// A JPEG of 640x480 whose scan says which picture it is.
fn jpeg(number: usize) -> Vec<u8> {
    let mut bytes = vec![0xff, 0xd8];
    for table in 0..2 {
        bytes.extend([0xff, 0xdb, 0, 67, table]);
        bytes.extend([9 + table; 64]);
    }
    bytes.extend([0xff, 0xc0, 0, 17, 8, 1, 0xe0, 2, 0x80, 3]);
    bytes.extend([1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1]);
    bytes.extend([0xff, 0xda, 0, 12, 3, 1, 0, 2, 0x11, 3, 0x11, 0, 63, 0]);
    bytes.extend((0..4000).map(|i| ((number * 13 + i * 7) % 251) as u8));
    bytes.extend([0xff, 0xd9]);
    bytes
}

#[test]
fn pictures_of_jpeg_are_whole() {
    let pictures: Vec<Vec<u8>> = (0..60).map(jpeg).collect();
    let mut at = 0;
    let mut samples_of = Vec::new();
    for (n, picture) in pictures.iter().enumerate() {
        samples_of.push(ClipSample {
            span: Span::at(at, picture.len() as u64),
            dts: n as i64 * 6000,
            composition_offset: 0,
            duration: 6000,
            sync: true,
        });
        at += picture.len() as u64;
    }
    let video = TrackSource {
        config: CodecConfig::Jpeg,
        timescale: 90_000,
        shift: 0,
        samples: samples_of,
        media: Arc::new(pictures.concat()),
    };
    let sound = sound("L16", 8000, 1, 200, (320, 160), None);
    let (files, camera, sent) = recorded(synthetic::clip(vec![video, sound]));
    assert!(camera.notices.is_empty(), "{:?}", camera.notices);
    let track = &files[0].movie.tracks[0];
    assert_eq!(track.descriptions[0].kind(), b"mp4v");
    assert_eq!(track.descriptions[0].size(), Some((640, 480)));
    // Headers come back from what the packets say; the scan is what it was.
    let scan = |picture: &Vec<u8>| {
        let at = picture.windows(2).position(|w| w == [0xff, 0xda]).unwrap();
        picture[at..].to_vec()
    };
    let found: Vec<_> = samples(&files, 0).iter().map(scan).collect();
    let shown: Vec<_> = sent[0].iter().map(scan).collect();
    let tail = |p: &[Vec<u8>]| p.iter().map(|p| p[14..].to_vec()).collect::<Vec<_>>();
    assert!(
        is_run_of(&tail(&found), &tail(&shown)),
        "{} pictures",
        found.len()
    );
    for file in &files {
        let track = &file.movie.tracks[0];
        assert!(track.samples.iter().all(|s| s.sync && s.duration == 6000));
    }
}

#[test]
fn metadata_is_kept_document_by_document_and_ends_with_the_file() {
    let document = |n: usize| {
        let filler = "<!-- -->".repeat(200 * (n % 2));
        format!("<tt:MetadataStream>{n}{filler}</tt:MetadataStream>").into_bytes()
    };
    let documents: Vec<Vec<u8>> = (0..5).map(document).collect();
    let mut at = 0;
    let mut samples_of = Vec::new();
    for (n, document) in documents.iter().enumerate() {
        samples_of.push(ClipSample {
            span: Span::at(at, document.len() as u64),
            dts: n as i64 * 72_000,
            composition_offset: 0,
            duration: 72_000,
            sync: true,
        });
        at += document.len() as u64;
    }
    let metadata = TrackSource {
        config: CodecConfig::Message("vnd.onvif.metadata".to_owned()),
        timescale: 90_000,
        shift: 0,
        samples: samples_of,
        media: Arc::new(documents.concat()),
    };
    let video = synthetic::h264(100, 25, false, 0);
    let sound = sound("L16", 8000, 1, 200, (320, 160), None);
    let (files, camera, sent) = recorded(synthetic::clip(vec![video, sound, metadata]));
    assert!(camera.notices.is_empty(), "{:?}", camera.notices);
    assert_eq!((camera.lost_packets, camera.gaps), (0, 0));
    let track = &files[0].movie.tracks[2];
    assert_eq!(
        (&track.handler.0, &track.descriptions[0].kind().0),
        (b"meta", b"metx")
    );
    let found = samples(&files, 2);
    assert!(found.len() > 4);
    assert!(
        sent[2].windows(found.len()).any(|w| w == found),
        "none is lost at a cut"
    );
    // The last one of a file lasts until its end.
    let ends = |track: usize| {
        let track = &files[0].movie.tracks[track];
        let last = track.samples.iter().last().unwrap();
        (last.dts + u64::from(last.duration)) * 1000 / u64::from(track.timescale)
    };
    assert!(ends(2).abs_diff(ends(0)) < 50, "{} {}", ends(2), ends(0));
}

#[test]
fn times_stand_in_every_picture_and_the_pictures_are_what_they_were() {
    for (name, h265) in [("h264_bframes_aac.mp4", false), ("h265_open_gop.mp4", true)] {
        let clip = helpers::clip(name);
        let mut config = CameraConfig::new(clip.clone());
        config.speed = 3.0;
        let camera = Camera::start(config).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let mut options = options(&camera.url(), dir.path());
        options.timing = "strawlab,misb".parse().unwrap();
        options.segment = Duration::from_secs(2);
        let recording = run(options, closed(2)).0.unwrap();
        let files: Vec<File> = paths(&recording).iter().map(|p| read(p)).collect();
        helpers::nothing_lost(&files, &[clip], &sent(&camera, 0));
        let (mut frames, mut reports) = (0, 0);
        for sample in samples(&files, 0) {
            let has = |text: &[u8]| sample.windows(text.len()).any(|w| w == text);
            frames += usize::from(has(b"strawlab.org/89H{\"recv\":"));
            reports += usize::from(has(b"strawlab.org/o8B{\"recv\":"));
            assert!(h265 || has(b"MISPmicrosectime\x9f\x00\x06\xff"));
        }
        assert_eq!(frames, samples(&files, 0).len());
        // A report a second of media, three a second of time.
        assert!((2..=10).contains(&reports), "{reports}");
    }
}
