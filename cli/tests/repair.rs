//! `tapo repair`: what comes back of a file, judged sample by sample.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a panic is how a test fails"
)]

mod common;

use common::run;
use std::path::{Path, PathBuf};
use tapo_io::ByteSource;
use tapo_movie::Movie;

fn clip(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../testdata")
        .join(name)
}

fn movie(file: &Path) -> (Movie, Vec<u8>) {
    let bytes = std::fs::read(file).unwrap();
    (tapo_movie::read(&bytes).unwrap().movie.unwrap(), bytes)
}

/// A sample: its bytes, composition offset and sync flag.
type Content = (Vec<u8>, i32, bool);

/// The samples and where the edit list starts, track by track.
fn content(file: &Path) -> Vec<(Vec<Content>, Option<u64>)> {
    let (movie, bytes) = movie(file);
    let tracks = movie.tracks.iter().map(|track| {
        let samples = track.samples.iter().map(|s| {
            let bytes = bytes.as_slice().read_span(s.span).unwrap();
            (bytes, s.composition_offset, s.sync)
        });
        (
            samples.collect(),
            track.edits.first().and_then(|e| e.media_time),
        )
    });
    tracks.collect()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_lost_index_is_rebuilt_sample_by_sample() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["h264_bframes_aac.mp4", "h264_alaw.mov", "h265_open_gop.mp4"] {
        let source = clip(name);
        let bytes = std::fs::read(&source).unwrap();
        let top = tapo_movie::read(&bytes).unwrap().top;
        let moov = top.iter().find(|b| b.kind == b"moov").unwrap().span.start;
        let broken = dir.path().join(name);
        std::fs::write(&broken, &bytes[..usize::try_from(moov).unwrap()]).unwrap();
        let before = std::fs::read(&broken).unwrap();
        let (code, _, said) = run(["inspect", text(&broken)]);
        assert_eq!(code, 4, "{said}");

        let out = dir.path().join(format!("saved-{name}"));
        let args = [
            "repair",
            "--reference",
            text(&source),
            "-o",
            text(&out),
            text(&broken),
        ];
        let (code, _, said) = run(args);
        assert_eq!(code, 0, "{name}: {said}");
        if name.ends_with("mov") {
            // Sound of single bytes may be cut into samples of any length.
            let joined = |file: &Path| {
                let tracks = content(file).into_iter();
                tracks
                    .map(|(s, _)| s.into_iter().flat_map(|s| s.0).collect::<Vec<u8>>())
                    .collect::<Vec<_>>()
            };
            assert_eq!(joined(&out), joined(&source), "{name}");
        } else {
            assert_eq!(content(&out), content(&source), "{name}");
        }
        assert_eq!(
            std::fs::read(&broken).unwrap(),
            before,
            "the source is only read"
        );
        let (code, ..) = run(args);
        assert_eq!(code, 7, "nothing is overwritten");
    }
}

#[test]
fn what_cannot_be_repaired_is_refused_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = std::fs::read(clip("h264_bframes_aac.mp4")).unwrap();
    let broken = dir.path().join("broken.mp4");
    std::fs::write(&broken, &bytes[..bytes.len() / 2]).unwrap();
    let names = || std::fs::read_dir(dir.path()).unwrap().count();

    let (code, _, said) = run(["repair", text(&broken)]);
    assert_eq!(code, 5, "{said}");
    assert!(said.contains("--reference"), "{said}");
    let wrong = clip("h265_open_gop.mp4");
    let (code, _, said) = run(["repair", "--reference", text(&wrong), text(&broken)]);
    assert!(code == 5 || code == 7, "{code} {said}");
    let empty = dir.path().join("empty.mp4");
    std::fs::write(&empty, b"").unwrap();
    let good = clip("h264_bframes_aac.mp4");
    let (code, _, said) = run(["repair", "--reference", text(&good), text(&empty)]);
    assert_eq!(code, 5, "{said}");
    let (code, _, said) = run(["repair", "--reference", text(&empty), text(&broken)]);
    assert_eq!(code, 7, "{said}");
    let (code, _, said) = run(["repair", text(&clip("make.sh"))]);
    assert_eq!(code, 6, "{said}");
    let missing = dir.path().join("missing.mp4");
    let (code, ..) = run(["repair", text(&missing)]);
    assert_eq!(code, 1);
    assert_eq!(names(), 2, "no output, no temporary file");
}

#[test]
fn a_sound_file_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("sound.mp4");
    std::fs::copy(clip("demo.mp4"), &file).unwrap();
    let (code, out, said) = run(["repair", text(&file)]);
    assert_eq!(code, 0, "{said}");
    assert!(out.contains("nothing to repair"), "{out}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn many_files_come_out_alike_whatever_the_number_of_jobs() {
    let bytes = std::fs::read(clip("demo.mp4")).unwrap();
    let outputs = ["1", "4"].map(|jobs| {
        let dir = tempfile::tempdir().unwrap();
        let mut args = vec!["repair".to_owned(), "--jobs".to_owned(), jobs.to_owned()];
        args.extend(["--reference".to_owned(), text(&clip("demo.mp4")).to_owned()]);
        for i in 0..5 {
            let file = dir.path().join(format!("{i}.mp4"));
            let mut broken = bytes[..bytes.len() - 20_000 * (i + 1)].to_vec();
            // Without its index.
            let moov = broken.windows(4).position(|w| w == b"moov").unwrap();
            broken[moov..moov + 4].copy_from_slice(b"free");
            std::fs::write(&file, broken).unwrap();
            args.push(text(&file).to_owned());
        }
        let (code, out, said) = run(args);
        assert!(code == 0 || code == 3, "{code} {said}");
        let order: Vec<usize> = (0..5)
            .map(|i| out.find(&format!("{i}.mp4")).unwrap())
            .collect();
        assert!(order.is_sorted(), "{out}");
        (0..5)
            .map(|i| std::fs::read(dir.path().join(format!("{i}.repaired.mp4"))).unwrap())
            .collect::<Vec<_>>()
    });
    assert!(outputs[0] == outputs[1]);
}
