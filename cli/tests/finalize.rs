//! `tapo finalize`, from the command line to the exit code.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a panic is how a test fails"
)]

mod common;

use common::{Folder, fragmented, progressive};
use insta::assert_snapshot;
use serde_json::Value;

#[test]
fn a_fragmented_file_becomes_plain_and_back() {
    let folder = Folder::new();
    let original = fragmented(3);
    folder.write("a.mp4", &original);
    let mut all = folder.transcript(&["finalize", "--check", "a.mp4"]);
    assert_eq!(std::fs::read(folder.path("a.mp4")).unwrap(), original);
    for args in [
        &["finalize", "a.mp4"][..],
        &["inspect", "a.mp4"],
        &["finalize", "a.mp4"],
        &["finalize", "--undo", "a.mp4"],
        &["finalize", "--undo", "a.mp4"],
    ] {
        all += &folder.transcript(args);
    }
    assert_snapshot!(all);
    assert_eq!(std::fs::read(folder.path("a.mp4")).unwrap(), original);
}

#[test]
fn an_output_that_exists_is_kept_unless_forced() {
    let folder = Folder::new();
    folder.write("a.mp4", &fragmented(2));
    folder.write("out.mp4", b"precious");
    let (code, _, err) = folder.run(&["finalize", "-o", "out.mp4", "a.mp4"]);
    assert_eq!(code, 7, "{err}");
    assert!(
        err.contains("already exists") && err.contains("--force"),
        "{err}"
    );
    assert_eq!(std::fs::read(folder.path("out.mp4")).unwrap(), b"precious");
    assert_eq!(
        folder
            .run(&["finalize", "-o", "out.mp4", "--force", "a.mp4"])
            .0,
        0
    );
    assert_eq!(folder.run(&["inspect", "-q", "out.mp4"]).0, 0);
    // What no flag allows is not offered.
    let (code, _, err) = folder.run(&["finalize", "-o", "a.mp4", "--force", "a.mp4"]);
    assert_eq!(code, 7, "{err}");
    assert!(
        err.contains("is the file itself") && !err.contains("--force"),
        "{err}"
    );
    assert_eq!(std::fs::read(folder.path("a.mp4")).unwrap(), fragmented(2));
}

#[test]
fn a_pipe_is_no_output_and_no_input() {
    let folder = Folder::new();
    folder.write("a.mp4", &fragmented(2));
    let (code, out, err) = folder.run(&["finalize", "-o", "-", "a.mp4"]);
    assert_eq!((code, out.as_str()), (2, ""), "{err}");
    assert!(err.contains("cannot be written to a pipe"), "{err}");
    assert!(!folder.path("-").exists());
    std::fs::create_dir(folder.path("d")).unwrap();
    let made = std::process::Command::new("mkfifo")
        .arg(folder.path("p"))
        .status();
    assert!(made.unwrap().success());
    for (path, what) in [
        ("d", "is a folder"),
        ("p", "is a pipe"),
        ("/dev/null", "is a device"),
    ] {
        let (code, _, err) = folder.run(&["finalize", "-o", path, "a.mp4"]);
        assert!(code != 0 && err.contains(what), "{path}: {code} {err}");
    }
    for (path, what) in [("p", "is a pipe"), ("/dev/null", "is a device")] {
        let (code, _, err) = folder.run(&["finalize", path]);
        assert!(code != 0 && err.contains(what), "{path}: {code} {err}");
    }
}

/// Before and after: `inspect` finds nothing wrong with what is there of a torn fragment.
#[test]
fn a_torn_fragment_keeps_its_whole_samples() {
    let folder = Folder::new();
    let whole = fragmented(2);
    let torn = &whole[..whole.len() - 1000];
    folder.write("torn.mp4", torn);
    let (code, out, err) = folder.run(&["finalize", "--json", "torn.mp4"]);
    assert_eq!(code, 3, "{err}");
    let line: Value = serde_json::from_str(&out).unwrap();
    let (kept, missing) = (
        line["torn_fragment_samples"].as_u64().unwrap(),
        line["torn_fragment_samples_missing"].as_u64().unwrap(),
    );
    assert!(kept > 0 && missing > 0, "{out}");
    assert_eq!(line["fragments"], 1);
    assert_eq!(line["sample_entries"][0]["count"], 1);
    let (code, out, err) = folder.run(&["finalize", "--undo", "torn.mp4"]);
    assert_eq!(code, 0, "{out}{err}");
    assert!(std::fs::read(folder.path("torn.mp4")).unwrap() == torn);
}

/// Whatever becomes of the end of a finalized file, undo says what is so.
#[test]
fn undo_of_a_file_that_was_cut_off_or_written_to() {
    let folder = Folder::new();
    let original = fragmented(2);
    folder.write("a.mp4", &original);
    assert_eq!(folder.run(&["finalize", "-q", "a.mp4"]).0, 0);
    let last = std::fs::read(folder.path("a.mp4")).unwrap();

    folder.write("longer.mp4", &[&last[..], b"junk"].concat());
    let (code, _, err) = folder.run(&["finalize", "--undo", "longer.mp4"]);
    assert_eq!(code, 7, "{err}");
    let size = last.len().to_string();
    assert!(
        err.contains("4 bytes were written behind") && err.contains(&size),
        "{err}"
    );

    folder.write("cut.mp4", &last[..last.len() - 9]);
    let (code, _, err) = folder.run(&["finalize", "cut.mp4"]);
    assert_eq!(code, 4, "{err}");
    assert!(err.contains("--undo"), "{err}");
    let (code, out, err) = folder.run(&["finalize", "--undo", "cut.mp4"]);
    assert_eq!(code, 0, "{err}");
    assert!(
        !out.contains("original bytes") && out.contains("worked out"),
        "{out}"
    );
    assert!(std::fs::read(folder.path("cut.mp4")).unwrap() == original);

    folder.write("short.mp4", &last[..original.len() - 700]);
    let (code, out, err) = folder.run(&["finalize", "--undo", "short.mp4"]);
    assert_eq!(code, 3, "{err}");
    assert!(out.contains("cut off"), "{out}");
    assert_eq!(folder.run(&["finalize", "short.mp4"]).0, 3);
}

#[test]
fn each_file_gets_its_line_of_json_and_its_exit_code() {
    let folder = Folder::new();
    folder.write("fragmented.mp4", &fragmented(2));
    folder.write("plain.mp4", &progressive(true));
    folder.write("text.mp4", b"no video at all");
    let torn = fragmented(2);
    folder.write("torn.mp4", &torn[..torn.len() - 1000]);
    for (name, code) in [
        ("fragmented.mp4", 0),
        ("plain.mp4", 0),
        ("text.mp4", 6),
        ("torn.mp4", 3),
        ("gone.mp4", 1),
    ] {
        let (got, out, err) = folder.run(&["finalize", "--check", "--json", name]);
        assert_eq!(got, code, "{name}: {out}{err}");
        let line: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(line["schema"], "tapo.finalize/1");
        assert_eq!(line["path"], name);
    }
}

#[test]
fn wrong_calls_end_with_2() {
    let folder = Folder::new();
    for args in [
        &["finalize"][..],
        &["finalize", "--faststart", "a"],
        &["finalize", "-o", "x", "--undo", "a"],
        &["finalize", "--undo", "--check", "a"],
        &["finalize", "--force", "a"],
    ] {
        assert_eq!(folder.run(args).0, 2, "{args:?}");
    }
}

#[test]
fn many_files_become_one() {
    let folder = Folder::new();
    folder.write("a.mp4", &fragmented(2));
    folder.write("b.mp4", &fragmented(3));
    let mut all = folder.transcript(&["finalize", "--check", "a.mp4", "b.mp4", "-o", "day.mp4"]);
    assert!(!folder.path("day.mp4").exists());
    for args in [
        &["finalize", "a.mp4", "b.mp4", "-o", "day.mp4"][..],
        &["inspect", "day.mp4"],
        &["finalize", "a.mp4", "b.mp4", "-o", "day.mp4"],
        &["finalize", "a.mp4", "b.mp4", "-o", "b.mp4", "--force"],
        &["finalize", "a.mp4", "gone.mp4", "-o", "other.mp4"],
    ] {
        all += &folder.transcript(args);
    }
    assert_snapshot!(all);
    assert_eq!(std::fs::read(folder.path("b.mp4")).unwrap(), fragmented(3));
    let args = [
        "finalize",
        "--json",
        "--force",
        "--faststart",
        "a.mp4",
        "b.mp4",
        "-o",
        "day.mp4",
    ];
    let (code, out, err) = folder.run(&args);
    assert_eq!(code, 0, "{err}");
    let line: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(line["schema"], "tapo.join/1");
    assert_eq!(line["parts"][1]["seam"], "unknown");
    assert_eq!(line["samples"], 100);
}

#[test]
fn a_folder_gives_what_a_crash_left_open() {
    let folder = Folder::new();
    std::fs::create_dir_all(folder.path("v/yesterday")).unwrap();
    folder.write("v/yesterday/a.mp4", &fragmented(2));
    folder.write("v/plain.mp4", &progressive(true));
    folder.write("v/empty.mp4", b"");
    folder.write("v/busy.mp4", &fragmented(2));
    let busy = std::fs::File::open(folder.path("v/busy.mp4")).unwrap();
    busy.lock().unwrap();
    let (code, out, err) = folder.run(&["finalize", "v"]);
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.contains("a.mp4") && !out.contains("plain.mp4"), "{out}");
    assert!(
        err.contains("busy.mp4: a recorder is at work on it"),
        "{err}"
    );
    assert!(
        err.contains("empty.mp4: empty, as a recorder leaves it"),
        "{err}"
    );
    // Dropped alone, a program that is just being started would still have it.
    busy.unlock().unwrap();
    assert_eq!(folder.run(&["finalize", "-q", "v"]).0, 0);
    let (code, out, err) = folder.run(&["finalize", "v"]);
    assert_eq!((code, out.as_str()), (0, ""));
    assert!(err.contains("nothing to finalize in 4 files"), "{err}");
    assert_eq!(folder.run(&["finalize", "--undo", "v"]).0, 0);
    assert_eq!(
        std::fs::read(folder.path("v/busy.mp4")).unwrap(),
        fragmented(2)
    );
}

/// Fragments that are missing, in one file and among media segments, are told and not hidden.
#[test]
fn missing_fragments_are_told() {
    let folder = Folder::new();
    let whole = fragmented(5);
    // Half a second each, behind the head.
    let head = fragmented(0).len();
    let each = (whole.len() - head) / 5;
    let fragment = |n: usize| &whole[head + n * each..head + (n + 1) * each];
    let torn = [&whole[..head], fragment(0), fragment(3), fragment(4)].concat();
    folder.write("torn.mp4", &torn);
    folder.write("init.mp4", &whole[..head]);
    // Named in another order than they were made.
    for (name, n) in [("a.m4s", 4), ("b.m4s", 0), ("c.m4s", 3)] {
        folder.write(name, fragment(n));
    }
    let joined = [
        "finalize", "init.mp4", "a.m4s", "b.m4s", "c.m4s", "-o", "x.mp4",
    ];
    for args in [&["finalize", "--check", "torn.mp4"][..], &joined] {
        let (code, out, err) = folder.run(args);
        assert_eq!(code, 3, "{err}");
        let told = "missing: 2 fragments at 0:00:00.500, by their numbers, of 0:00:01.000";
        assert!(out.contains(told), "{out}");
        let mut args = args.to_vec();
        args.push("--json");
        if args.contains(&"-o") {
            args.push("--force");
        }
        let (code, out, _) = folder.run(&args);
        assert_eq!(code, 3);
        let json: Value = serde_json::from_str(&out).unwrap();
        let at = if json["parts"].is_array() {
            &json["parts"][0]
        } else {
            &json
        };
        let hole = &at["holes"][0];
        assert_eq!(
            (hole["start_s"].as_f64(), hole["duration_s"].as_f64()),
            (Some(0.5), Some(1.0))
        );
        assert_eq!(
            (
                hole["fragments_missing"].as_u64(),
                at["holes"].as_array().unwrap().len()
            ),
            (Some(2), 2)
        );
    }
}

/// Ctrl-C, once or again and again: nothing is left behind, and the source is as it was.
#[test]
fn an_interrupted_copy_leaves_nothing_behind() {
    use std::os::unix::fs::MetadataExt;
    use std::time::{Duration, Instant};
    let folder = Folder::new();
    // A box that takes long to copy, behind the fragments.
    let large = 256 << 20;
    let mut head = fragmented(3);
    head.extend(tapo_bmff::BoxWriter::header(b"skip", large, false));
    let mut source = std::fs::File::create(folder.path("a.mp4")).unwrap();
    std::io::Write::write_all(&mut source, &head).unwrap();
    let mut filling = std::io::Read::take(std::io::repeat(0x55), large);
    std::io::copy(&mut filling, &mut source).unwrap();
    drop(source);
    let before = std::fs::metadata(folder.path("a.mp4")).unwrap();
    for times in [1, 3] {
        let mut child = common::tapo()
            .args(["finalize", "a.mp4", "-o", "out.mp4"])
            .current_dir(folder.path(""))
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let began = Instant::now();
        // When its first piece is there, it listens. The file may have no name yet.
        let open = format!("/proc/{}/fd", child.id());
        let writes = || {
            let all = std::fs::read_dir(&open).into_iter().flatten().flatten();
            let here = |entry: &std::fs::DirEntry| {
                let link = std::fs::read_link(entry.path());
                link.is_ok_and(|link| link.starts_with(folder.path("")))
            };
            all.filter(here).any(|entry| {
                let meta = std::fs::metadata(entry.path());
                meta.is_ok_and(|m| m.len() > 0 && m.ino() != before.ino())
            })
        };
        while !writes() && began.elapsed() < Duration::from_secs(20) {
            assert!(
                child.try_wait().unwrap().is_none(),
                "ended before it was asked"
            );
            std::thread::sleep(Duration::from_millis(1));
        }
        for _ in 0..times {
            let pid = rustix::process::Pid::from_child(&child);
            rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        }
        let (code, _, err) = common::outcome(child.wait_with_output().unwrap());
        assert_eq!(code, 130, "{err}");
        assert!(err.contains("nothing was written"), "{err}");
        let left = std::fs::read_dir(folder.path("")).unwrap().count();
        assert_eq!(left, 1);
    }
    let after = std::fs::metadata(folder.path("a.mp4")).unwrap();
    assert_eq!(
        (before.ino(), before.len(), before.mtime_nsec()),
        (after.ino(), after.len(), after.mtime_nsec())
    );
}

#[test]
fn fragments_that_contradict_themselves_are_for_repair() {
    let folder = Folder::new();
    let mut file = fragmented(3);
    let moof = file.windows(4).rposition(|w| w == b"moof").unwrap() - 4;
    // A moof that reaches into its media.
    let size = u32::from_be_bytes(file[moof..moof + 4].try_into().unwrap()) + 8;
    file[moof..moof + 4].copy_from_slice(&size.to_be_bytes());
    folder.write("lies.mp4", &file);
    let (code, out, err) = folder.run(&["finalize", "lies.mp4"]);
    assert_eq!(code, 4, "{out}{err}");
    assert!(err.contains("tapo repair"), "{err}");
    assert!(std::fs::read(folder.path("lies.mp4")).unwrap() == file);
}
