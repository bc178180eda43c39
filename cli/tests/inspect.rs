//! `tapo inspect`, from the command line to the exit code.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a panic is how a test fails"
)]

mod common;

use common::{Folder, fragmented, ftyp, progressive, segment};
use insta::assert_snapshot;
use serde_json::Value;
use std::process::Stdio;

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("plain.mp4", &progressive(true));
    folder.write("index_last.mp4", &progressive(false));
    folder.write("fragmented.mp4", &fragmented(3));
    folder.write("segment.mp4", &segment(2));
    folder.write("nothing.mp4", &segment(0));
    let torn = segment(3);
    folder.write("torn.mp4", &torn[..torn.len() - 100]);
    let cut = progressive(true);
    folder.write("cut.mp4", &cut[..cut.len() - 1000]);
    let no_index = progressive(false);
    folder.write("no_index.mp4", &no_index[..ftyp().len() + 8008]);
    // A recorder that never came back: its mdat has no size yet.
    let mut unpatched = ftyp();
    unpatched.extend(b"\0\0\0\x08mdat");
    unpatched.extend([0x65; 5000]);
    folder.write("unpatched.mp4", &unpatched);
    let mut zeros_behind = progressive(true);
    zeros_behind.extend([0; 4096]);
    folder.write("preallocated.mp4", &zeros_behind);
    folder.write("empty.mp4", b"");
    folder.write("jpeg.mp4", b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01");
    folder.write("zeros.mp4", &[0; 70_000]);
    folder
}

#[test]
fn each_kind_of_file_gets_its_verdict() {
    let folder = folder();
    let mut all = String::new();
    for (name, code) in [
        ("plain.mp4", 0),
        ("index_last.mp4", 0),
        ("fragmented.mp4", 0),
        ("segment.mp4", 0),
        ("nothing.mp4", 5),
        ("torn.mp4", 3),
        ("cut.mp4", 3),
        ("no_index.mp4", 4),
        ("unpatched.mp4", 4),
        ("preallocated.mp4", 0),
        ("empty.mp4", 6),
        ("jpeg.mp4", 6),
        ("zeros.mp4", 6),
        ("gone.mp4", 1),
    ] {
        all += &folder.transcript(&["inspect", name]);
        all.push('\n');
        assert_eq!(folder.run(&["inspect", "--quiet", name]).0, code, "{name}");
    }
    assert_snapshot!(all);
}

#[test]
fn boxes_samples_and_fragments_are_shown() {
    let folder = folder();
    let mut all = String::new();
    for view in ["--boxes", "--samples", "--fragments"] {
        all += &folder.transcript(&["inspect", view, "torn.mp4"]);
        all.push('\n');
    }
    assert_snapshot!(all);
}

#[test]
fn every_view_has_its_json() {
    let folder = folder();
    let mut all = String::new();
    for view in [&[][..], &["--boxes"], &["--fragments"], &["--samples"]] {
        let args = [&["inspect", "--json", "torn.mp4"], view].concat();
        let (code, out, err) = folder.run(&args);
        assert_eq!((code, err.as_str()), (3, ""), "{args:?}");
        for line in out.lines() {
            let parsed: Value = serde_json::from_str(line).unwrap();
            assert!(parsed.is_object());
        }
        let shown: Vec<&str> = out.lines().take(8).collect();
        all += &format!("$ tapo {}\n{}\n\n", args.join(" "), shown.join("\n"));
    }
    assert_snapshot!(all);
}

#[test]
fn one_bad_file_never_stops_the_rest() {
    let folder = folder();
    let (code, out, err) = folder.run(&["inspect", "gone.mp4", "plain.mp4", "jpeg.mp4"]);
    assert_eq!(code, 1, "a file that cannot be read outranks verdicts");
    assert!(out.contains("plain.mp4") && out.contains("a JPEG picture"));
    assert!(err.contains("gone.mp4: cannot open"), "{err}");
    let (code, out, _) = folder.run(&["inspect", "--json", "cut.mp4", "jpeg.mp4", "no_index.mp4"]);
    assert_eq!((code, out.lines().count()), (6, 3));
}

#[test]
fn a_folder_is_walked() {
    let folder = folder();
    let (code, out, _) = folder.run(&["inspect", "--json", "."]);
    assert_eq!((code, out.lines().count()), (6, 13));
    let empty = Folder::new();
    let (code, out, err) = empty.run(&["inspect", "."]);
    assert_eq!((code, out.as_str()), (0, ""));
    assert!(err.contains("no file in there"), "{err}");
}

#[test]
fn wrong_calls_end_with_2() {
    let folder = folder();
    for args in [
        &["inspect"][..],
        &["inspect", "--boxes", "--samples", "plain.mp4"],
        &["inspect", "--track", "1", "plain.mp4"],
        &["inspect", "--no-such-option", "plain.mp4"],
        &["inspect", "-q", "-v", "plain.mp4"],
        &["no-such-command"],
        &[],
    ] {
        let (code, out, err) = folder.run(args);
        assert_eq!(code, 2, "{args:?}");
        assert!(out.is_empty() && err.contains("Usage"), "{args:?}: {err}");
    }
}

#[test]
fn a_track_that_is_not_there_is_a_wrong_call() {
    let folder = folder();
    for json in [&[][..], &["--json"]] {
        let args = [
            &["inspect", "--samples", "--track", "99", "plain.mp4"],
            json,
        ]
        .concat();
        let (code, out, err) = folder.run(&args);
        assert_eq!((code, out.as_str()), (2, ""));
        assert!(err.contains("plain.mp4: has no track 99"), "{err}");
    }
}

#[test]
fn names_cannot_reach_the_terminal() {
    let folder = Folder::new();
    let name = "\u{1b}[2J\u{202e}4pm.mp4";
    let mut hostile = segment(1);
    let at = hostile.windows(4).position(|w| w == b"yard").unwrap();
    hostile[at..at + 4].copy_from_slice(b"\x1b[1m");
    folder.write(name, &hostile);
    let is_safe = |text: &str| {
        !text
            .chars()
            .any(|c| (c.is_control() && c != '\n') || c == '\u{202e}')
    };
    for view in [
        &[][..],
        &["--json"],
        &["--boxes"],
        &["--samples"],
        &["--boxes", "--json"],
    ] {
        let args: Vec<&str> = [&["inspect", name][..], view].concat();
        let (code, out, _) = folder.run(&args);
        assert_eq!(code, 0);
        assert!(is_safe(&out), "{out:?}");
    }
    let (_, _, err) = folder.run(&["inspect", "\u{1b}[31mgone"]);
    assert!(is_safe(&err) && err.contains("u{1b}[31mgone"), "{err:?}");
}

#[test]
fn files_are_not_changed() {
    let folder = folder();
    let path = folder.path("torn.mp4");
    let stamp = || {
        (
            std::fs::read(&path).unwrap(),
            path.metadata().unwrap().modified().unwrap(),
        )
    };
    let before = stamp();
    for view in ["--boxes", "--samples", "--fragments", "-v"] {
        folder.run(&["inspect", view, "torn.mp4"]);
    }
    assert!(before == stamp());
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    let folder = Folder::new();
    folder.write("long.mp4", &fragmented(2000));
    let mut child = folder
        .command(&["inspect", "--samples", "long.mp4"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let (code, _, err) = common::outcome(child.wait_with_output().unwrap());
    assert_eq!((code, err.as_str()), (0, ""));
}

#[test]
fn a_file_that_is_being_recorded_is_left_alone() {
    let folder = folder();
    let path = folder.path("segment.mp4");
    let file = std::fs::File::options()
        .read(true)
        .write(true)
        .open(&path)
        .unwrap();
    let _lock = tapo_io::Lock::exclusive(&file, &path).unwrap();
    let (code, out, _) = folder.run(&["inspect", "segment.mp4"]);
    assert_eq!(code, 0);
    assert!(out.contains("being recorded right now"), "{out}");
    assert!(!out.contains("tapo finalize"), "{out}");
}
