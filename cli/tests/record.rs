//! `tapo record` and `tapo camera`, from the command line to the exit code.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a panic is how a test fails"
)]

mod common;

use common::{Folder, outcome};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

fn signal(child: &Child, name: &str) {
    let kill = std::process::Command::new("kill");
    let mut kill = kill;
    let sent = kill.args([name, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

#[test]
fn without_anything_to_record_the_three_ways_are_told() {
    let folder = Folder::new();
    let (code, out, err) = folder.run(&["record"]);
    assert_eq!((code, out.as_str()), (2, ""));
    for way in ["--demo", "rtsp://", "--config"] {
        assert!(err.contains(way), "{err}");
    }
}

#[test]
fn the_demo_records_a_file_that_plays() {
    let folder = Folder::new();
    let args = [
        "record",
        "--demo",
        "--duration",
        "2s",
        "-o",
        "demo.mp4",
        "--json",
    ];
    let (code, out, err) = folder.run(&args);
    assert_eq!(code, 0, "{out}{err}");
    let last: Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
    assert_eq!(last["event"], "recorded");
    assert_eq!(last["segments"], 1);
    assert!(last["duration_s"].as_f64().unwrap() >= 2.0, "{last}");
    let (code, out, _) = folder.run(&["inspect", "--json", "demo.mp4"]);
    let inspected: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(code, 0, "{out}");
    assert_eq!(inspected["layout"], "hybrid");
    assert_eq!(inspected["recorded_by_tapo"]["camera"], "demo");
    let (code, _, err) = folder.run(&args);
    assert_eq!(code, 7, "{err}");
    assert!(err.contains("--force"), "{err}");
}

#[test]
fn a_camera_is_recorded_until_it_is_told_to_end() {
    let folder = Folder::new();
    let clip = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../testdata/h264_bframes_aac.mp4"
    );
    folder.write("secret", b"hunter2\n");
    let camera = [
        "camera",
        "--port",
        "0",
        "--json",
        clip,
        "--user",
        "ann",
        "--password-file",
        "secret",
    ];
    let mut camera = folder
        .command(&camera)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(camera.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let started: Value = serde_json::from_str(&line).unwrap();
    let url = started["url"].as_str().unwrap().to_owned();

    let args = [
        "record",
        &url,
        "--username",
        "ann",
        "-o",
        "out",
        "--name",
        "%Y",
    ];
    let (code, _, err) = outcome(folder.command(&args).output().unwrap());
    assert_eq!(code, 1, "{err}");
    assert!(err.contains("password"), "{err}");

    let mut recorder = folder.command(&args);
    recorder
        .env("TAPO_PASSWORD", "hunter2")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut recorder = recorder.spawn().unwrap();
    let mut out = BufReader::new(recorder.stdout.take().unwrap()).lines();
    let opened = out.find(|l| l.as_ref().is_ok_and(|l| l.contains("recording into")));
    assert!(opened.is_some());
    signal(&recorder, "-TERM");
    let rest: Vec<String> = out.map(Result::unwrap).collect();
    let (code, _, err) = outcome(recorder.wait_with_output().unwrap());
    assert_eq!(code, 0, "{rest:?} {err}");
    assert!(!rest.concat().contains("hunter2") && !err.contains("hunter2"));
    assert_eq!(folder.run(&["inspect", "-q", "out"]).0, 0);

    signal(&camera, "-INT");
    assert_eq!(camera.wait().unwrap().code(), Some(0));
}

#[test]
fn a_password_in_the_address_is_not_repeated() {
    let folder = Folder::new();
    // Nobody listens on port 1: the recorder waits and tries again.
    let args = ["record", "rtsp://ann:hunter2@127.0.0.1:1/x", "-v"];
    let mut child = folder.command(&args);
    let child = child
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(std::time::Duration::from_millis(500));
    signal(&child, "-INT");
    let (code, out, err) = outcome(child.wait_with_output().unwrap());
    assert_eq!(code, 1, "nothing was recorded");
    assert!(
        !out.contains("hunter2") && !err.contains("hunter2"),
        "{out}{err}"
    );
    assert!(err.contains("TAPO_PASSWORD"), "{err}");
}

#[test]
fn wrong_calls_end_with_2() {
    let folder = Folder::new();
    folder.write("bad.toml", b"[[camera]]\nname = 1\n");
    for args in [
        &["record", "http://127.0.0.1/x"][..],
        &["record", "--demo", "--config", "bad.toml"],
        &["record", "--config", "bad.toml"],
        &["record", "--demo", "--segment", "soon"],
        &["record", "--demo", "--sync", "never"],
        &["record", "rtsp://h/x", "--name", "%!"],
        &["camera"],
        &["camera", "x.mp4", "--password", "p"],
    ] {
        let (code, _, err) = folder.run(args);
        assert_eq!(code, 2, "{args:?}: {err}");
    }
}

#[test]
fn one_wish_to_end_that_comes_twice_is_one() {
    let folder = Folder::new();
    let mut command = folder.command(&["record", "--demo", "-o", "demo.mp4"]);
    command.stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    let mut lines = out.lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains("recording into")));
    signal(&child, "-TERM");
    signal(&child, "-HUP");
    assert!(lines.any(|line| line.contains("demo.mp4 finished")));
    lines.for_each(drop);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_recording_of_nothing_says_why() {
    let folder = Folder::new();
    // Nothing can listen on port 0.
    let mut command = folder.command(&["record", "rtsp://127.0.0.1:0/x"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    let mut lines = out.lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains("next attempt")));
    signal(&child, "-INT");
    lines.for_each(drop);
    let (code, _, err) = outcome(child.wait_with_output().unwrap());
    assert_eq!(code, 1, "{err}");
    assert!(err.contains("nothing was recorded"), "{err}");
}
