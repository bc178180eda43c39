//! The exit code of `tapo inspect` tells damage, whatever it shows, and what it advises works.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a panic is how a test fails"
)]

mod common;

use common::{Folder, fragmented};

fn clip(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/");
    std::fs::read(format!("{folder}{name}")).unwrap()
}

const VIEWS: [&str; 8] = [
    "--samples",
    "--gops",
    "--nals",
    "--fragments",
    "--timing",
    "--ledger",
    "--map",
    "--quiet",
];

#[test]
fn every_view_ends_with_the_verdict_on_the_media() {
    let folder = Folder::new();
    let mut zeroed = clip("h264_bframes_aac.mp4");
    folder.write("sound.mp4", &zeroed);
    let movie = tapo_movie::read(&zeroed).unwrap().movie.unwrap();
    let span = movie.tracks[0].samples.iter().nth(30).unwrap().span;
    let place = usize::try_from(span.start).unwrap()..usize::try_from(span.end).unwrap();
    zeroed[place].fill(0);
    folder.write("zeroed.mp4", &zeroed);
    for view in VIEWS {
        assert_eq!(folder.run(&["inspect", view, "sound.mp4"]).0, 0, "{view}");
        assert_eq!(folder.run(&["inspect", view, "zeroed.mp4"]).0, 3, "{view}");
        // Who asks for tables alone gets what they tell.
        let quick = folder.run(&["inspect", "--quick", view, "zeroed.mp4"]).0;
        assert_eq!(quick, 0, "{view}");
    }
}

#[test]
fn fragments_that_a_size_hides_are_told_before_and_after_finalization() {
    let folder = Folder::new();
    let mut file = fragmented(5);
    let read = tapo_movie::read(&file).unwrap();
    let header = usize::try_from(read.fragments[1].moof.end).unwrap();
    file[header..header + 4].fill(0);
    folder.write("open.mp4", &file);
    let (code, out, _) = folder.run(&["inspect", "open.mp4"]);
    assert_eq!(code, 3, "{out}");
    assert!(out.contains("fragments-hidden: 3 fragments"), "{out}");
    assert!(out.contains("tapo repair open.mp4"), "{out}");
    let (code, out, _) = folder.run(&["finalize", "open.mp4"]);
    assert_eq!(code, 3, "{out}");
    assert!(
        out.contains("tapo finalize --undo open.mp4, then tapo repair open.mp4"),
        "{out}"
    );
    let (code, out, _) = folder.run(&["inspect", "open.mp4"]);
    assert_eq!(code, 3, "{out}");
    assert!(out.contains("fragments-hidden: 3 fragments"), "{out}");
    assert!(out.contains("tapo finalize --undo open.mp4"), "{out}");
    assert_eq!(folder.run(&["finalize", "--undo", "open.mp4"]).0, 0);
    assert_eq!(std::fs::read(folder.path("open.mp4")).unwrap(), file);
    // All of them indexed, they are no more than what is left of the fragments.
    folder.write("whole.mp4", &fragmented(5));
    assert_eq!(folder.run(&["finalize", "whole.mp4"]).0, 0);
    let (code, out, _) = folder.run(&["inspect", "--fail-on", "warning", "whole.mp4"]);
    assert_eq!(code, 0, "{out}");
}

#[test]
fn the_map_keeps_to_the_width_of_the_terminal() {
    let folder = Folder::new();
    folder.write("clip.mp4", &clip("h264_bframes_aac.mp4"));
    let told = folder
        .command(&["inspect", "--map", "clip.mp4"])
        .env("COLUMNS", "60")
        .output()
        .unwrap();
    let text = String::from_utf8(told.stdout).unwrap();
    let longest = text.lines().map(str::len).max();
    assert!(longest.unwrap() <= 60, "{text}");
}
