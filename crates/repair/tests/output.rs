//! Where the output goes and what is told of it: in place and back, hashes,
//! the ledger, the end on request.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a panic is how a test fails, and clips are small"
)]

use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tapo_repair::{Error, Options, Progress, Reconstruction, Step, Use, repair};

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

/// A clip without its index, or, where that stands in front, without its type.
fn unindexed(name: &str) -> Vec<u8> {
    let mut bytes = std::fs::read(clip(name)).unwrap();
    let top = tapo_movie::read(&bytes).unwrap().top;
    let moov = top.iter().find(|b| b.kind == b"moov").unwrap().span;
    let (start, end) = (moov.start as usize, moov.end as usize);
    if end == bytes.len() {
        bytes.truncate(start);
    } else {
        bytes[start + 4..start + 8].copy_from_slice(b"free");
    }
    bytes
}

fn in_place() -> Options {
    Options {
        in_place: true,
        hash: true,
        ..Options::default()
    }
}

fn packets(bytes: &Vec<u8>) -> Vec<(u32, i64, Vec<u8>)> {
    let movie = tapo_movie::read(bytes).unwrap().movie.unwrap();
    let mut all = Vec::new();
    for track in &movie.tracks {
        for s in &track.samples {
            let bytes = bytes[s.span.start as usize..s.span.end as usize].to_vec();
            all.push((track.header.id, s.pts(), bytes));
        }
    }
    all
}

fn sha(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

#[test]
fn in_place_gives_the_samples_of_a_new_file_and_undo_gives_the_bytes_back() {
    for name in CLIPS {
        let mut broken = unindexed(name);
        for tail in [&b""[..], &[0x5a; 700], &[0; 5000]] {
            broken.extend(tail);
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join(name);
            std::fs::write(&path, &broken).unwrap();
            let to_new = repair(&path, &[clip(name)], &Options::default()).unwrap();
            let new = std::fs::read(to_new.output.as_ref().unwrap()).unwrap();
            let would = Options {
                dry_run: true,
                ..in_place()
            };
            let would = repair(&path, &[clip(name)], &would).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), broken, "a dry run");
            assert_eq!((&would.output, &would.target), (&None, &path));

            let done = repair(&path, &[clip(name)], &in_place()).unwrap();
            let repaired = std::fs::read(&path).unwrap();
            assert_eq!(done.output.as_ref(), Some(&path));
            assert_eq!(done.size, repaired.len() as u64);
            assert!(done.in_place && done.hashes == would.hashes && done.size == would.size);
            assert_eq!(done.tracks, to_new.tracks);
            assert!(packets(&repaired) == packets(&new), "{name}");
            let hashes = done.hashes.unwrap();
            assert_eq!(hashes.input, sha(&broken));
            assert_eq!(hashes.output, sha(&repaired));
            assert!(tapo_movie::read(&repaired).unwrap().defects.is_empty());

            let undone = tapo_finalize::undo(&path).unwrap();
            assert_eq!(undone.size, broken.len() as u64);
            assert!(std::fs::read(&path).unwrap() == broken, "{name}");
            assert!(tapo_finalize::undo(&path).is_err(), "only once");
        }
    }
}

#[test]
fn a_run_that_was_interrupted_is_begun_anew() {
    let name = "h264_bframes_aac.mp4";
    let broken = unindexed(name);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    std::fs::write(&path, &broken).unwrap();
    repair(&path, &[clip(name)], &in_place()).unwrap();
    let whole = std::fs::read(&path).unwrap();
    let end = broken.len();
    let head: Vec<usize> = (0..end).filter(|i| whole[*i] != broken[*i]).collect();
    assert!(head.last().unwrap() - head[0] < 16);
    // Only the first record; without the flip; half a moov.
    for cut in [end + 40, end + 100, end + 1000, whole.len()] {
        let mut amid = broken.clone();
        amid.extend(&whole[end..cut]);
        if cut == end + 1000 {
            amid.resize(whole.len() - 100, 0);
            amid.extend(&whole[whole.len() - 100..]);
        }
        std::fs::write(&path, &amid).unwrap();
        tapo_finalize::undo(&path).unwrap();
        assert!(std::fs::read(&path).unwrap() == broken, "{cut}");
        std::fs::write(&path, &amid).unwrap();
        let again = repair(&path, &[clip(name)], &in_place()).unwrap();
        assert_eq!(again.hashes.unwrap().input, sha(&broken));
        assert!(std::fs::read(&path).unwrap() == whole, "{cut}");
    }
}

#[test]
fn in_place_is_refused_where_the_head_is_lost() {
    let name = "h264_bframes_aac.mp4";
    let broken = unindexed(name);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    for cut in [4096, 20] {
        let bytes = &broken[cut..];
        std::fs::write(&path, bytes).unwrap();
        let error = repair(&path, &[clip(name)], &in_place()).unwrap_err();
        assert!(matches!(error, Error::OutOfPlaceOnly { .. }), "{error}");
        assert!(error.is_refusal());
        assert!(std::fs::read(&path).unwrap() == bytes, "{cut}");
    }
}

#[test]
fn hashes_are_those_of_the_files_also_where_the_data_is_moved() {
    for name in CLIPS {
        for cut in [0, 4096] {
            let broken = unindexed(name)[cut..].to_vec();
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join(name);
            std::fs::write(&path, &broken).unwrap();
            let run = |hash| {
                let options = Options {
                    hash,
                    replace: true,
                    ..Options::default()
                };
                let done = repair(&path, &[clip(name)], &options);
                done.map(|done| {
                    let output = std::fs::read(done.output.as_ref().unwrap()).unwrap();
                    (done, output)
                })
            };
            let Ok((done, output)) = run(true) else {
                assert!(cut > 0, "{name}");
                continue;
            };
            let hashes = done.hashes.unwrap();
            assert_eq!(hashes.input, sha(&broken), "{name} {cut}");
            assert_eq!(hashes.output, sha(&output), "{name} {cut}");
            let (plain, same) = run(false).unwrap();
            assert!(same == output && plain.hashes.is_none());
            assert_eq!(std::fs::read(&path).unwrap(), broken);
        }
    }
}

/// The ledger names every byte once, and its samples are those of the output.
fn adds_up(done: &Reconstruction, bytes: &[u8]) {
    let mut at = 0;
    for entry in &done.ledger {
        assert!(entry.span.start == at && !entry.span.is_empty());
        at = entry.span.end;
        let inside = &bytes[entry.span.start as usize..at as usize];
        if entry.what == Use::Zeros {
            assert!(inside.iter().all(|b| *b == 0));
        }
    }
    assert_eq!(at, bytes.len() as u64);
    for track in &done.tracks {
        assert_eq!(track.classes.iter().sum::<u64>(), track.samples);
        assert_eq!(track.classes[3], track.damaged.len() as u64);
        let stretches = track.stretches.iter();
        assert_eq!(stretches.map(|s| s.samples).sum::<u64>(), track.samples);
        assert!(track.guessed <= track.recovered);
    }
}

#[test]
fn every_byte_is_accounted_for() {
    for name in CLIPS {
        let whole = unindexed(name);
        let mid = whole.len() / 2;
        let zeros = [&whole[..], &[0; 10_000]].concat();
        let mut hole = whole.clone();
        hole[mid..mid + 5000].fill(0);
        let mut noise = whole.clone();
        for (i, b) in noise[mid..mid + 5000].iter_mut().enumerate() {
            *b = (i * i * 31 + i / 7) as u8;
        }
        let cut = whole[..mid].to_vec();
        let headless = whole[2000..].to_vec();
        let damages = [
            ("whole", whole),
            ("zeros", zeros),
            ("hole", hole),
            ("noise", noise),
            ("cut", cut),
            ("headless", headless),
        ];
        for (damage, bytes) in damages {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join(name);
            std::fs::write(&path, &bytes).unwrap();
            let done = match repair(&path, &[clip(name)], &Options::default()) {
                Ok(done) => done,
                Err(Error::NothingRecovered { .. } | Error::ReferenceDiffers { .. }) => continue,
                Err(error) => panic!("{name} {damage}: {error}"),
            };
            adds_up(&done, &bytes);
            let all: u64 = done.ledger.iter().map(|e| e.span.len()).sum();
            assert_eq!(all, bytes.len() as u64);
            let zeros = done.ledger.iter().filter(|e| e.what == Use::Zeros);
            let zeros: u64 = zeros.map(|e| e.span.len()).sum();
            match damage {
                "zeros" => assert!(zeros >= 9_500, "{name} {zeros}"),
                "cut" | "noise" => assert!(zeros < 600, "{name} {damage} {zeros}"),
                _ => {}
            }
        }
    }
}

#[test]
fn sound_that_ends_by_the_clock_is_no_loss() {
    let name = "h264_alaw.mov";
    let whole = unindexed(name);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    let mut ended_by_clock = 0;
    for part in 40..60 {
        let bytes = &whole[..whole.len() * part / 60];
        std::fs::write(&path, bytes).unwrap();
        let options = Options {
            replace: true,
            ..Options::default()
        };
        let done = repair(&path, &[clip(name)], &options).unwrap();
        let ends: u64 = done.tracks.iter().map(|t| t.ends_by_clock).sum();
        ended_by_clock += usize::from(ends > 0);
        let guessed: u64 = done.tracks.iter().map(|t| t.classes[2]).sum();
        assert_eq!(done.is_complete(), done.gaps.is_empty() && guessed == ends);
        assert_eq!(
            ends > 0,
            done.notes
                .iter()
                .any(|n| matches!(n, tapo_repair::Note::EndByClock { .. }))
        );
        assert!(done.is_complete(), "{part}: {:?}", done.tracks);
    }
    assert!(ended_by_clock > 0);
}

#[derive(Debug, Default)]
struct Watcher {
    stop: AtomicBool,
    steps: AtomicU64,
}

impl Progress for Watcher {
    fn step(&self, _: &Path, _: Step) {
        self.steps.fetch_add(1, Ordering::Relaxed);
    }
    fn is_cancelled(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

#[test]
fn asked_to_stop_it_leaves_nothing() {
    let name = "demo.mp4";
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    std::fs::write(&path, unindexed(name)).unwrap();
    let watcher = Arc::new(Watcher::default());
    for in_place in [false, true] {
        let options = Options {
            in_place,
            progress: Some(watcher.clone()),
            ..Options::default()
        };
        watcher.stop.store(true, Ordering::Relaxed);
        let error = repair(&path, &[clip(name)], &options).unwrap_err();
        assert!(matches!(error, Error::Cancelled { .. }), "{error}");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        assert!(std::fs::read(&path).unwrap() == unindexed(name));
        watcher.stop.store(false, Ordering::Relaxed);
        repair(&path, &[clip(name)], &options).unwrap();
        assert!(watcher.steps.load(Ordering::Relaxed) > 0);
        for file in std::fs::read_dir(dir.path()).unwrap() {
            std::fs::remove_file(file.unwrap().path()).unwrap();
        }
        std::fs::write(&path, unindexed(name)).unwrap();
    }
}
