//! Fragmented files in the layouts of other programs, built from our own media:
//! finalized in place and into a new file, every sample is there with its bytes
//! and times, and undo gives the file back.
#![allow(
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "tests say when they are skipped, panic when they fail, and their files are small"
)]

mod makers;
mod peers;
mod write;

use std::path::{Path, PathBuf};
use tapo_bmff::{BoxWriter, FourCc};
use tapo_finalize::{Error, How, Options, check, finalize, undo};
use write::{Maker, Media, Piece};

const CLIP: &[u8] = include_bytes!("../../../../testdata/h264_bframes_aac.mp4");

/// A sample: decode and presentation time, duration, sync flag, bytes.
type Heard = (u64, i64, u32, bool, Vec<u8>);

/// The samples of each track of a file.
fn heard(path: &Path) -> Vec<Vec<Heard>> {
    let bytes = std::fs::read(path).unwrap();
    let read = tapo_movie::read(&bytes).unwrap();
    let tracks = read.movie.unwrap().tracks;
    let one = |s: tapo_movie::Sample| {
        let media = bytes[s.span.start as usize..s.span.end as usize].to_vec();
        (s.dts, s.pts(), s.duration, s.sync, media)
    };
    tracks
        .iter()
        .map(|t| t.samples.iter().map(one).collect())
        .collect()
}

/// What was put in.
fn given(media: &Media) -> Vec<Vec<Heard>> {
    let one = |p: &Piece| {
        let s = &p.sample;
        (s.dts, s.pts(), s.duration, s.sync, p.bytes.clone())
    };
    media
        .tracks
        .iter()
        .map(|t| t.iter().map(one).collect())
        .collect()
}

/// Whether it is one `moov` and one `mdat`, whole.
fn is_plain(path: &Path) -> bool {
    let bytes = std::fs::read(path).unwrap();
    let read = tapo_movie::read(&bytes).unwrap();
    let count = |kind: &[u8; 4]| read.top.iter().filter(|b| b.kind == FourCc(*kind)).count();
    let fragmented = read
        .movie
        .unwrap()
        .tracks
        .iter()
        .any(|t| t.defaults.is_some());
    let whole = read.top.iter().all(|b| b.whole);
    whole && !fragmented && (count(b"moov"), count(b"mdat"), count(b"moof")) == (1, 1, 0)
}

fn made(dir: &Path, maker: &Maker) -> (PathBuf, Media, Vec<u8>) {
    let media = Media::read(CLIP, maker.negative);
    let bytes = maker.write(&media);
    let path = dir.join("a.mp4");
    std::fs::write(&path, &bytes).unwrap();
    (path, media, bytes)
}

#[test]
fn every_layout_becomes_plain_and_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    for maker in makers::ALL {
        let name = maker.name;
        let (path, media, original) = made(dir.path(), maker);
        assert!(heard(&path) == given(&media), "{name}: not what was put in");
        let planned = check(&path).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!((planned.samples, planned.left_out.tail), (131, 0), "{name}");
        let new = dir.path().join("new.mp4");
        let to = Options {
            output: Some(new.clone()),
            replace: true,
        };
        finalize(&path, &to).unwrap();
        assert!(std::fs::read(&path).unwrap() == original, "{name}");
        let done = finalize(&path, &Options::default()).unwrap();
        assert_eq!((done.how, done.samples), (How::Tail, 131), "{name}");
        for file in [&path, &new] {
            assert!(is_plain(file), "{name}");
            assert!(heard(file) == given(&media), "{name}: samples differ");
        }
        let again = finalize(&path, &Options::default()).unwrap();
        assert_eq!(again.how, How::AlreadyFinal, "{name}");
        undo(&path).unwrap();
        assert!(std::fs::read(&path).unwrap() == original, "{name}: undo");
    }
}

/// Cut off anywhere in the last fragments, the file keeps every sample that is whole.
#[test]
fn every_layout_cut_off_keeps_its_whole_samples() {
    let dir = tempfile::tempdir().unwrap();
    for maker in makers::ALL {
        let name = maker.name;
        let (path, media, original) = made(dir.path(), maker);
        let whole = given(&media);
        let new = dir.path().join("new.mp4");
        for missing in [3, 700, 1501, 6007, 20_011] {
            std::fs::write(&path, &original[..original.len() - missing]).unwrap();
            let before = there(&path);
            let to = Options {
                output: Some(new.clone()),
                replace: true,
            };
            let done = finalize(&path, &to).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert_eq!(done.samples, before, "{name}: {missing} bytes cut off");
            assert!(is_plain(&new), "{name}");
            for (left, all) in heard(&new).iter().zip(&whole) {
                assert!(all.starts_with(left), "{name}: {missing} bytes cut off");
            }
        }
    }
}

/// Samples that are all there.
fn there(path: &Path) -> u64 {
    let bytes = std::fs::read(path).unwrap();
    let read = tapo_movie::read_to_end(&bytes).unwrap();
    read.movie.unwrap().sample_count()
}

/// A hybrid writer that was stopped between its index and the header that makes
/// it count: the fragments are all there, and so is a `moov` behind them.
#[test]
fn a_hybrid_file_whose_end_was_interrupted_is_finalized() {
    let dir = tempfile::tempdir().unwrap();
    for maker in makers::ALL.iter().filter(|m| m.name.contains("hybrid")) {
        let name = maker.name;
        let (path, media, mut bytes) = made(dir.path(), maker);
        bytes.extend(final_moov(&bytes));
        std::fs::write(&path, &bytes).unwrap();
        let done = finalize(&path, &Options::default()).unwrap();
        assert_eq!(done.samples, 131, "{name}");
        assert!(is_plain(&path) && heard(&path) == given(&media), "{name}");
        undo(&path).unwrap();
        assert!(std::fs::read(&path).unwrap() == bytes, "{name}");
    }
}

/// What a hybrid writer has finished is plain: nothing is to be done.
#[test]
fn a_hybrid_file_that_is_finished_is_plain_already() {
    let dir = tempfile::tempdir().unwrap();
    for maker in makers::ALL.iter().filter(|m| m.name.contains("hybrid")) {
        let name = maker.name;
        let (path, media, mut bytes) = made(dir.path(), maker);
        let moov = final_moov(&bytes);
        let end = bytes.len();
        bytes.extend(moov);
        // OBS and FFmpeg 8.1 turn their placeholder, FFmpeg 7.1 the first `moov`.
        let at = 8 + maker.brands.len() + if name.contains("OBS") { 0 } else { 8 };
        bytes[at..at + 4].copy_from_slice(&((end - at) as u32).to_be_bytes());
        bytes[at + 4..at + 8].copy_from_slice(b"mdat");
        std::fs::write(&path, &bytes).unwrap();
        assert!(is_plain(&path) && heard(&path) == given(&media), "{name}");
        let said = finalize(&path, &Options::default()).unwrap_err();
        assert!(
            matches!(said, Error::NotFragmented { .. }),
            "{name}: {said}"
        );
        assert!(std::fs::read(&path).unwrap() == bytes, "{name}");
    }
}

/// The `moov` with all samples that a hybrid writer puts at the end.
fn final_moov(bytes: &[u8]) -> Vec<u8> {
    let mut movie = tapo_movie::read(&bytes).unwrap().movie.unwrap();
    for track in &mut movie.tracks {
        track.defaults = None;
    }
    tapo_movie::encode_moov(&movie)
}

/// A box that holds nothing, to tell that the writer is right about itself.
#[test]
fn a_maker_writes_the_boxes_it_names() {
    let maker = &makers::ALL[0];
    let bytes = maker.write(&Media::read(CLIP, maker.negative));
    let mut w = BoxWriter::new();
    w.boxed(b"free", |w| {
        w.zeros(8);
    });
    let at = 8 + maker.brands.len();
    assert_eq!(&bytes[at..at + 16], w.into_bytes());
}
