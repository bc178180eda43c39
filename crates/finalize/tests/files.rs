//! Finalize on files: locks, copies, refusals.
#![expect(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "tests panic when they fail, and their files are small"
)]

use std::cell::Cell;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use tapo_bmff::{BoxWriter, FourCc};
use tapo_finalize::{Error, How, Options, check, finalize, finalize_watched, layout, undo};
use tapo_io::{ByteSource, Disk, Lock, Op, PreadFile, RealDisk};
use tapo_movie::{
    Movie, RawBox, Run, RunSample, SampleDescription, SegmentStamp, Track, encode_init, encode_moof,
};

/// A file of two fragments of G.711; a segment of ours if it has a reserve.
fn clip(reserve: Option<u64>) -> Vec<u8> {
    let mut udta = BoxWriter::new();
    udta.boxed(b"udta", |w| {
        w.uuid(&layout::SEGMENT, |w| {
            w.raw(&SegmentStamp::default().encode());
        });
    });
    let movie = Movie {
        tracks: vec![Track {
            handler: FourCc(*b"soun"),
            timescale: 8000,
            descriptions: vec![SampleDescription::g711(b"alaw").unwrap()],
            ..Track::default()
        }],
        other: vec![RawBox {
            kind: FourCc(*b"udta"),
            bytes: udta.into_bytes(),
        }],
        ..Movie::default()
    };
    let mut file = layout::segment_head(b"avc1", reserve.unwrap_or(8));
    file.extend(encode_init(&movie));
    let samples = [RunSample {
        size: 160,
        duration: 160,
        composition_offset: 0,
        sync: true,
    }; 50];
    for number in 0..2 {
        let run = Run {
            track_id: 1,
            base_media_decode_time: u64::from(number) * 8000,
            description: 1,
            samples: &samples,
        };
        file.extend(encode_moof(number, &[run]));
        file.extend(8008_u32.to_be_bytes());
        file.extend(b"mdat");
        file.extend([0x55; 8000]);
    }
    file
}

fn written(dir: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

fn to(output: &Path) -> Options {
    Options {
        output: Some(output.to_owned()),
        ..Options::default()
    }
}

#[test]
fn a_copy_leaves_the_source_alone() {
    let dir = tempfile::tempdir().unwrap();
    for (reserve, how) in [(Some(4064), How::Reveal), (None, How::Tail)] {
        let bytes = clip(reserve);
        let source = written(dir.path(), "a.mp4", &bytes);
        // Evidence: nobody may write to it.
        let mut read_only = std::fs::metadata(&source).unwrap().permissions();
        read_only.set_readonly(true);
        std::fs::set_permissions(&source, read_only).unwrap();

        let out = dir.path().join("b.mp4");
        let done = finalize(&source, &to(&out)).unwrap();
        assert_eq!((done.how, &done.path), (how, &out));
        assert_eq!(std::fs::read(&source).unwrap(), bytes);
        assert_eq!(done.size, std::fs::metadata(&out).unwrap().len());

        let again = finalize(&source, &to(&out)).unwrap_err();
        assert!(again.is_refusal(), "{again}");
        let replace = Options {
            replace: true,
            ..to(&out)
        };
        assert_eq!(finalize(&source, &replace).unwrap().how, how);
        let onto_itself = Options {
            replace: true,
            ..to(&source)
        };
        let refused = finalize(&source, &onto_itself).unwrap_err();
        assert!(matches!(refused, Error::OntoItself { .. }), "{refused}");
        assert!(refused.is_refusal());

        // A copy of what is final is final, too.
        let copy = dir.path().join("c.mp4");
        let done = finalize(&out, &to(&copy)).unwrap();
        assert_eq!((done.how, &done.path), (How::AlreadyFinal, &copy));
        assert_eq!(std::fs::read(&copy).unwrap(), std::fs::read(&out).unwrap());
        undo(&out).unwrap();
        assert_eq!(std::fs::read(&out).unwrap(), bytes);

        for path in [source, out, copy] {
            std::fs::remove_file(path).unwrap();
        }
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}

#[test]
fn a_copy_that_was_ended_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = clip(None);
    let source = written(dir.path(), "a.mp4", &bytes);
    let out = written(dir.path(), "b.mp4", b"precious");
    let replace = Options {
        replace: true,
        ..to(&out)
    };
    let ended = finalize_watched(&source, &replace, &|_, _| false).unwrap_err();
    assert!(matches!(ended, Error::Cancelled { .. }), "{ended}");
    assert_eq!(std::fs::read(&out).unwrap(), b"precious");
    assert_eq!(std::fs::read(&source).unwrap(), bytes);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);

    let seen = Cell::new((0, 0));
    let watch = |done, total| {
        seen.set((done, total));
        true
    };
    finalize_watched(&source, &replace, &watch).unwrap();
    let len = bytes.len() as u64;
    assert_eq!(seen.get(), (len, len));
}

/// What was allocated ahead and never written, and what was punched out, takes no
/// room in the copy.
#[test]
fn holes_are_not_written_out() {
    let dir = tempfile::tempdir().unwrap();
    let mut bytes = clip(None);
    let head = bytes.len() as u64;
    bytes.extend(b"\0\0\0\x01free");
    bytes.extend((64_u64 << 20).to_be_bytes());
    let source = written(dir.path(), "a.mp4", &bytes);
    let file = File::options().write(true).open(&source).unwrap();
    file.set_len(head + (64 << 20)).unwrap();
    let allocated = |path: &Path| std::fs::metadata(path).unwrap().blocks() * 512;
    if allocated(&source) > 1 << 20 {
        return; // This file system has no holes.
    }
    let out = dir.path().join("b.mp4");
    let done = finalize(&source, &to(&out)).unwrap();
    assert_eq!((done.how, done.samples), (How::Tail, 100));
    assert!(done.size > 64 << 20);
    assert!(allocated(&out) < 1 << 20, "{}", allocated(&out));
    undo(&out).unwrap();
    assert!(std::fs::read(&out).unwrap() == std::fs::read(&source).unwrap());
}

#[test]
fn a_file_that_is_being_recorded_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = clip(Some(4064));
    let path = written(dir.path(), "a.mp4", &bytes);
    let recorder = File::open(&path).unwrap();
    let lock = Lock::exclusive(&recorder, &path).unwrap();
    let out = dir.path().join("b.mp4");
    let refusals = [
        finalize(&path, &Options::default()).err(),
        finalize(&path, &to(&out)).err(),
        check(&path).err(),
        undo(&path).err(),
    ];
    for refusal in refusals {
        let refusal = refusal.unwrap();
        assert!(refusal.is_refusal(), "{refusal}");
        assert!(refusal.to_string().contains("in use by"), "{refusal}");
    }
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
    assert!(!out.exists());
    drop((lock, recorder));
    assert_eq!(check(&path).unwrap().how, How::Reveal);
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
    finalize(&path, &Options::default()).unwrap();
}

/// A file may end in as many zeros as an interrupted run leaves: only the note
/// beside it tells.
#[test]
fn zeros_are_cut_off_only_where_a_note_says_whose_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let mut torn = clip(None);
    torn.truncate(torn.len() - 1000);
    let mut grown = torn.clone();
    grown.resize(torn.len() + 100, 0);
    let path = written(dir.path(), "a.mp4", &grown);
    let error = undo(&path).unwrap_err();
    assert!(matches!(error, Error::NotFinal { .. }), "{error}");
    finalize(&path, &Options::default()).unwrap();
    undo(&path).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), grown);

    let note = Op::Note(Some(torn.len() as u64));
    RealDisk::open(&path).unwrap().apply(&note).unwrap();
    if PreadFile::open(&path).unwrap().noted_len().is_none() {
        return; // No attributes here.
    }
    let undone = undo(&path).unwrap();
    assert_eq!(undone.size, torn.len() as u64);
    assert_eq!(std::fs::read(&path).unwrap(), torn);
    assert_eq!(PreadFile::open(&path).unwrap().noted_len(), None);
}

#[test]
fn what_is_final_needs_no_right_to_write() {
    let dir = tempfile::tempdir().unwrap();
    let path = written(dir.path(), "a.mp4", &clip(Some(4064)));
    let done = finalize(&path, &Options::default()).unwrap();
    assert_eq!((done.samples, done.fragments), (100, 2));
    assert_eq!(done.duration.as_secs(), 2);
    // Nothing at all is written, not even the time of the last change.
    let before = std::fs::metadata(&path).unwrap().modified().unwrap();
    let again = finalize(&path, &Options::default()).unwrap();
    assert_eq!((again.how, again.bytes_written), (How::AlreadyFinal, 0));
    assert_eq!(
        std::fs::metadata(&path).unwrap().modified().unwrap(),
        before
    );
}

/// What the file seems to be when it is cut off meanwhile says nothing about it.
#[test]
fn a_file_that_shrinks_meanwhile_is_told_so() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = clip(None);
    let source = written(dir.path(), "a.mp4", &bytes);
    let out = dir.path().join("b.mp4");
    let asked = Cell::new(false);
    let cut = |_, _| {
        let file = File::options().write(true).open(&source).unwrap();
        file.set_len(5000).unwrap();
        asked.set(true);
        true
    };
    let told = finalize_watched(&source, &to(&out), &cut).unwrap_err();
    assert!(asked.get() && !out.exists());
    let (was, is) = match &told {
        Error::Shrinking { was, is, .. } => (*was, *is),
        other => panic!("{other}"),
    };
    assert_eq!((was, is), (bytes.len() as u64, 5000));
    assert!(told.is_refusal() && told.to_string().contains("became shorter"));
}

#[test]
fn what_undo_would_bring_back_must_be_there() {
    let dir = tempfile::tempdir().unwrap();
    let path = written(dir.path(), "a.mp4", &clip(Some(4064)));
    finalize(&path, &Options::default()).unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[4096 + 50] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    assert!(matches!(undo(&path), Err(Error::Malformed { .. })));
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
}

#[test]
fn a_damaged_index_is_not_called_final() {
    let dir = tempfile::tempdir().unwrap();
    let path = written(dir.path(), "a.mp4", &clip(None));
    let done = finalize(&path, &Options::default()).unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    let amid = (done.size - done.moov_len / 2) as usize;
    bytes[amid] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let error = finalize(&path, &Options::default()).unwrap_err();
    assert!(matches!(error, Error::Malformed { .. }), "{error}");
}

#[test]
fn folders_and_missing_files_are_errors_of_the_system() {
    let dir = tempfile::tempdir().unwrap();
    for path in [dir.path().to_owned(), dir.path().join("none.mp4")] {
        let error = finalize(&path, &Options::default()).unwrap_err();
        assert!(matches!(error, Error::Io(_)), "{error}");
    }
}

#[test]
fn an_output_is_written_also_of_what_is_plain_already() {
    let dir = tempfile::tempdir().unwrap();
    let read = tapo_movie::read(&clip(None)).unwrap();
    let movie = Movie {
        tracks: read.movie.unwrap().tracks,
        ..Movie::default()
    };
    let mut bytes = clip(None);
    let moov = read.top.iter().find(|b| b.kind == b"moov").unwrap().span;
    let moov = usize::try_from(moov.start).unwrap();
    // The whole index behind the fragments, and the old one out of sight.
    bytes[moov + 4..moov + 8].copy_from_slice(b"free");
    for at in 0..bytes.len() - 4 {
        if &bytes[at..at + 4] == b"moof" {
            bytes[at..at + 4].copy_from_slice(b"free");
        }
    }
    let mut final_movie = movie;
    final_movie.tracks[0].defaults = None;
    bytes.extend(tapo_movie::encode_moov(&final_movie));
    let source = written(dir.path(), "plain.mp4", &bytes);
    let nothing = finalize(&source, &Options::default()).unwrap_err();
    assert!(matches!(nothing, Error::NotFragmented { .. }), "{nothing}");

    let out = dir.path().join("out.mp4");
    let done = finalize(&source, &to(&out)).unwrap();
    assert_eq!((done.how, &done.path), (How::AlreadyFinal, &out));
    assert_eq!(std::fs::read(&out).unwrap(), bytes);
}

#[test]
fn a_torn_moov_is_no_plain_movie() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = clip(None);
    let read = tapo_movie::read(&bytes).unwrap();
    let moov = read.top.iter().find(|b| b.kind == b"moov").unwrap().span;
    for end in [moov.start + 9, (moov.start + moov.end) / 2, moov.end - 1] {
        let torn = &bytes[..usize::try_from(end).unwrap()];
        let path = written(dir.path(), "torn.mp4", torn);
        let error = finalize(&path, &Options::default()).unwrap_err();
        assert!(matches!(error, Error::NoMoov { .. }), "{end}: {error}");
        assert_eq!(std::fs::read(&path).unwrap(), torn);
    }
}

/// One index holds no two times for the same place: indexed all the same, all
/// that follows an overlap would come late.
#[test]
fn fragments_whose_times_go_back_are_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("overlap.mp4");
    let mut file = clip(None);
    let tfdt = file.windows(4).rposition(|w| w == b"tfdt").unwrap();
    // Version and flags, then 64 bits: the second fragment starts amid the first.
    let back = 4000_u64.to_be_bytes();
    file.splice(tfdt + 8..tfdt + 16, back);
    std::fs::write(&path, &file).unwrap();
    let refused = finalize(&path, &Options::default()).unwrap_err();
    assert!(matches!(refused, Error::Unsupported { .. }), "{refused}");
    assert!(refused.to_string().contains("go back"), "{refused}");
    assert_eq!(std::fs::read(&path).unwrap(), file);
}

/// The first sector of a fragment is lost: no `moof` is left, but its media is.
#[test]
fn media_whose_fragment_lost_its_head_is_told() {
    let dir = tempfile::tempdir().unwrap();
    for lost in [0, 1] {
        let mut bytes = clip(None);
        let moofs = bytes.windows(4).enumerate().filter(|(_, w)| *w == b"moof");
        let at = moofs.map(|(at, _)| at).nth(lost).unwrap();
        let whole = written(dir.path(), "whole.mp4", &bytes);
        assert_eq!(
            finalize(&whole, &Options::default())
                .unwrap()
                .left_out
                .media,
            0
        );
        bytes[at..at + 4].fill(0);
        let path = written(dir.path(), "lost.mp4", &bytes);
        let done = finalize(&path, &Options::default()).unwrap();
        assert_eq!((done.left_out.media, done.samples), (8000, 50));
    }
}

/// A fragment has lost the head of one of its tracks: the other's samples are all there.
#[test]
fn media_whose_run_is_lost_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let mut bytes = clip(None);
    let run = bytes.windows(4).rposition(|w| w == b"trun").unwrap();
    for lost in [&b"free"[..], b"\0run"] {
        bytes[run..run + 4].copy_from_slice(lost);
        let path = written(dir.path(), "lost.mp4", &bytes);
        let done = finalize(&path, &Options::default()).unwrap();
        assert_eq!((done.left_out.media, done.samples), (8000, 50));
        assert!(!done.left_out.is_nothing());
    }
}

/// What is whole stands behind bytes that are no box.
#[test]
fn whole_fragments_behind_damage_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let mut bytes = clip(None);
    let at = bytes.windows(4).rposition(|w| w == b"moof").unwrap() - 4;
    bytes.splice(at..at, [0xA7; 64]);
    for (len, behind) in [(bytes.len(), true), (at + 64, false), (at + 90, false)] {
        let path = written(dir.path(), "damaged.mp4", &bytes[..len]);
        let left = finalize(&path, &Options::default()).unwrap().left_out;
        assert_eq!((left.behind_damage, left.tail), (behind, (len - at) as u64));
    }
    let path = written(dir.path(), "whole.mp4", &clip(None));
    let left = finalize(&path, &Options::default()).unwrap().left_out;
    assert!(left.is_nothing(), "{left:?}");
}

/// Space that was laid out ahead holds nothing.
#[test]
fn zeros_behind_the_last_box_are_nothing_that_is_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let mut bytes = clip(None);
    for (more, zeros, tail) in [(4096, 4096, 0), (1, 0, 4097)] {
        bytes.extend(vec![u8::from(more == 1); more]);
        let path = written(dir.path(), "ahead.mp4", &bytes);
        let left = finalize(&path, &Options::default()).unwrap().left_out;
        assert_eq!((left.zeros, left.tail), (zeros, tail));
        assert_eq!(left.is_nothing(), tail == 0);
    }
}
