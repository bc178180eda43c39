//! Whole repairs of small recordings that were damaged in known ways: what
//! comes out is compared with what was there, byte by byte and tick by tick.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a panic is how a test fails, and clips are small"
)]

use std::path::{Path, PathBuf};
use tapo_movie::{Movie, Track};
use tapo_repair::{Error, Gaps, Options, Reconstruction, repair};

const CLIPS: [&str; 5] = [
    "demo.mp4",
    "h264_alaw.mov",
    "h264_bframes_aac.mp4",
    "h264_other_size.mp4",
    "h265_open_gop.mp4",
];

fn clip(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../testdata")
        .join(name)
}

/// A sample as a player sees it.
#[derive(Clone, Debug, PartialEq)]
struct Seen {
    bytes: Vec<u8>,
    /// Presentation time, microseconds.
    shown: i64,
    sync: bool,
}

/// The samples of a track. Constant-rate data is one sample.
fn seen(track: &Track, movie: &Movie, file: &[u8]) -> Vec<Seen> {
    let mut before = 0;
    for edit in &track.edits {
        match edit.media_time {
            None => before -= micros(edit.duration as i64, movie.header.timescale),
            Some(time) => {
                before += micros(time as i64, track.timescale);
                break;
            }
        }
    }
    let all = track.samples.iter().map(|s| Seen {
        bytes: file[s.span.start as usize..s.span.end as usize].to_vec(),
        shown: micros(s.pts(), track.timescale) - before,
        sync: s.sync,
    });
    let mut all: Vec<Seen> = all.collect();
    if track.samples.sizes
        == (tapo_movie::Sizes::Constant {
            size: 1,
            count: track.samples.len(),
        })
    {
        let bytes = all.iter().flat_map(|s| s.bytes.clone()).collect();
        all.truncate(1);
        all[0].bytes = bytes;
    }
    all
}

fn micros(ticks: i64, timescale: u32) -> i64 {
    (ticks * 1_000_000).div_euclid(i64::from(timescale))
}

fn read(file: &Vec<u8>) -> (Movie, Vec<Vec<Seen>>) {
    let movie = tapo_movie::read(file).unwrap().movie.unwrap();
    let tracks = movie.tracks.iter().map(|t| seen(t, &movie, file)).collect();
    (movie, tracks)
}

/// The boxes of a file in front of its index and those behind it, and where its
/// media data begins in what is left.
struct Broken {
    bytes: Vec<u8>,
    media: usize,
}

fn without_index(file: &Vec<u8>) -> Broken {
    let read = tapo_movie::read(file).unwrap();
    let mut broken = Broken {
        bytes: Vec::new(),
        media: 0,
    };
    for top in read.top.iter().filter(|b| b.kind != b"moov") {
        if top.kind == b"mdat" {
            broken.media = broken.bytes.len() + top.header_len as usize;
        }
        let span = top.span.start as usize..top.span.end as usize;
        broken.bytes.extend(&file[span]);
    }
    broken
}

/// Repairs `bytes` by the clip `reference`.
fn repaired(
    bytes: &[u8],
    reference: &str,
    options: Options,
) -> Result<(Reconstruction, Vec<u8>), Error> {
    let dir = tempfile::tempdir().unwrap();
    let broken = dir.path().join("broken.mp4");
    std::fs::write(&broken, bytes).unwrap();
    let outcome = repair(&broken, &[clip(reference)], &options)?;
    assert_eq!(
        std::fs::read(&broken).unwrap(),
        bytes,
        "the source is as it was"
    );
    let output = outcome.output.clone().unwrap();
    assert_eq!(output, dir.path().join("broken.repaired.mp4"));
    let written = std::fs::read(output).unwrap();
    assert_eq!(outcome.size, written.len() as u64);
    assert_eq!(
        std::fs::read_dir(dir.path()).unwrap().count(),
        2,
        "nothing else is left"
    );
    let ledger: Vec<_> = outcome.ledger.iter().map(|e| e.span).collect();
    let joined = ledger.windows(2).all(|w| w[0].end == w[1].start);
    let ends = (
        ledger.first().map(|s| s.start),
        ledger.last().map(|s| s.end),
    );
    assert!(
        joined && ends == (Some(0), Some(bytes.len() as u64)),
        "{ledger:?}"
    );
    Ok((outcome, written))
}

#[test]
fn a_lost_index_is_rebuilt_exactly() {
    for name in CLIPS {
        let file = std::fs::read(clip(name)).unwrap();
        let (_, truth) = read(&file);
        let broken = without_index(&file);
        let (outcome, written) = repaired(&broken.bytes, name, Options::default()).unwrap();
        let (_, got) = read(&written);
        assert_eq!(got, truth, "{name}");
        assert!(outcome.gaps.is_empty());
    }
}

#[test]
fn a_cut_recording_keeps_all_that_is_whole() {
    for name in CLIPS {
        let file = std::fs::read(clip(name)).unwrap();
        let (_, truth) = read(&file);
        let broken = without_index(&file);
        for part in [3, 5, 8] {
            let len = broken.media + (broken.bytes.len() - broken.media) * part / 9;
            let (_, written) = repaired(&broken.bytes[..len], name, Options::default()).unwrap();
            let (_, got) = read(&written);
            for (truth, got) in truth.iter().zip(&got) {
                if truth.len() == 1 {
                    assert!(truth[0].bytes.starts_with(&got[0].bytes), "{name}");
                    continue;
                }
                assert!(got.len() * 9 > truth.len() * (part - 1), "{name} {part}");
                // Which pictures reorder at the end is known only behind it.
                let same = got.iter().zip(truth).all(|(a, b)| a == b);
                assert!(same && got.len() <= truth.len(), "{name} {part}");
            }
        }
    }
}

#[test]
fn wrong_media_sizes_change_nothing() {
    let name = "h264_bframes_aac.mp4";
    let file = std::fs::read(clip(name)).unwrap();
    let (_, truth) = read(&file);
    let broken = without_index(&file);
    for size in [0_u32, 8, 1000, u32::MAX] {
        let mut bytes = broken.bytes.clone();
        bytes[broken.media - 8..broken.media - 4].copy_from_slice(&size.to_be_bytes());
        let (_, written) = repaired(&bytes, name, Options::default()).unwrap();
        assert_eq!(read(&written).1, truth, "{size}");
    }
}

#[test]
fn behind_a_hole_the_times_go_on() {
    for name in ["demo.mp4", "h264_bframes_aac.mp4", "h265_open_gop.mp4"] {
        let file = std::fs::read(clip(name)).unwrap();
        let (_, truth) = read(&file);
        let mut broken = without_index(&file);
        let at = broken.media + (broken.bytes.len() - broken.media) / 3;
        broken.bytes[at..at + 3000].fill(0);
        let (outcome, written) = repaired(&broken.bytes, name, Options::default()).unwrap();
        assert_eq!(outcome.gaps.len(), 1, "{name}");
        assert!(!outcome.is_complete());
        let (_, got) = read(&written);
        for (truth, got) in truth.iter().zip(&got) {
            let strange = got.iter().filter(|s| !truth.contains(s)).count();
            let missing = truth.iter().filter(|s| !got.contains(s)).count();
            assert!(strange <= 1 && missing <= 12, "{name}: {strange} {missing}");
        }
        let closed = Options {
            gaps: Gaps::Close,
            ..Options::default()
        };
        let (_, written) = repaired(&broken.bytes, name, closed).unwrap();
        let last = |tracks: &[Vec<Seen>]| tracks[0].last().map(|s| s.shown);
        assert!(
            last(&read(&written).1) < last(&got),
            "{name}: the gap is closed"
        );
    }
}

#[test]
fn a_missing_head_gets_a_new_one() {
    let name = "h264_bframes_aac.mp4";
    let file = std::fs::read(clip(name)).unwrap();
    let (_, truth) = read(&file);
    let broken = without_index(&file);
    // Of the first picture only the end is left.
    let first = truth[0][0].bytes.len();
    let bytes = &broken.bytes[broken.media + first - 50..];
    let (_, written) = repaired(bytes, name, Options::default()).unwrap();
    let (_, got) = read(&written);
    // The recording now begins with its first sample; all else keeps its distance.
    let moved = truth[0][1].shown - got[0][0].shown;
    for (truth, got) in truth.iter().zip(&got) {
        let lost = truth.len() - got.len();
        for (truth, got) in truth[lost..].iter().zip(got) {
            assert_eq!((&truth.bytes, truth.sync), (&got.bytes, got.sync));
            assert!((truth.shown - got.shown - moved).abs() <= 1);
        }
    }
}

#[test]
fn a_reference_of_other_settings_is_refused() {
    let file = std::fs::read(clip("demo.mp4")).unwrap();
    let broken = without_index(&file);
    for name in ["h265_open_gop.mp4", "h264_other_size.mp4"] {
        let error = repaired(&broken.bytes, name, Options::default()).unwrap_err();
        assert!(error.is_refusal(), "{name}: {error}");
    }
}

#[test]
fn what_holds_no_media_is_said_to_hold_none() {
    for bytes in [vec![], vec![0; 100_000], b"hello".to_vec()] {
        let error = repaired(&bytes, "demo.mp4", Options::default()).unwrap_err();
        assert!(matches!(error, Error::NothingRecovered { .. }), "{error}");
    }
}

#[test]
fn an_output_that_exists_is_left_alone() {
    let file = std::fs::read(clip("demo.mp4")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (broken, target) = (dir.path().join("a.mp4"), dir.path().join("b.mp4"));
    std::fs::write(&broken, without_index(&file).bytes).unwrap();
    std::fs::write(&target, b"precious").unwrap();
    let options = Options {
        output: Some(target.clone()),
        ..Options::default()
    };
    let error = repair(&broken, &[clip("demo.mp4")], &options).unwrap_err();
    assert!(error.is_refusal(), "{error}");
    assert_eq!(std::fs::read(&target).unwrap(), b"precious");
}

#[test]
fn a_healthy_sibling_serves_as_the_reference() {
    let file = std::fs::read(clip("h264_bframes_aac.mp4")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let broken = dir.path().join("3.mp4");
    std::fs::write(&broken, without_index(&file).bytes).unwrap();
    std::fs::copy(clip("h265_open_gop.mp4"), dir.path().join("1.mp4")).unwrap();
    let none = repair(&broken, &[], &Options::default()).unwrap_err();
    assert!(matches!(none, Error::NoReference { .. }), "{none}");
    std::fs::copy(clip("h264_bframes_aac.mp4"), dir.path().join("2.mp4")).unwrap();
    let outcome = repair(&broken, &[], &Options::default()).unwrap();
    let tapo_repair::Basis::Sibling { path, .. } = outcome.basis else {
        panic!("{:?}", outcome.basis);
    };
    assert_eq!(path, dir.path().join("2.mp4"));
}
