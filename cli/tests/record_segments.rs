//! Where `tapo record` begins a new file, and what it leaves out.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a panic is how a test fails"
)]

mod common;

use common::Folder;
use serde_json::Value;

/// Records the demo camera; the files, in order.
fn record(folder: &Folder, seconds: &str, args: &[&str]) -> Vec<String> {
    let all = [
        "record", "--demo", "--json", "-o", "out", "--name", "%s", "--utc",
    ];
    let args = [&all[..], &["--duration", seconds], args].concat();
    let (code, out, said) = folder.run(&args);
    assert_eq!(code, 0, "{said}");
    let events = out
        .lines()
        .map(|l| serde_json::from_str::<Value>(l).unwrap());
    let closed = events.filter(|e| e["event"] == "closed");
    closed
        .map(|e| e["path"].as_str().unwrap().to_owned())
        .collect()
}

fn inspected(folder: &Folder, file: &str) -> Value {
    let (code, out, said) = folder.run(&["inspect", "--json", file]);
    assert_eq!(code, 0, "{file}: {said}");
    serde_json::from_str(&out).unwrap()
}

#[test]
fn files_end_by_the_clock_and_go_on_without_a_gap() {
    let folder = Folder::new();
    let files = record(&folder, "7s", &["--segment", "3s", "--at-clock"]);
    assert!(files.len() >= 3, "{files:?}");
    for file in &files[1..] {
        let name = file.rsplit('/').next().unwrap().trim_end_matches(".mp4");
        let start: u64 = name.split('-').next().unwrap().parse().unwrap();
        // At the first keyframe behind it; the demo has one each second.
        assert!(start % 3 <= 1, "{files:?}");
    }
    // What was cut is one recording: joined, nothing is missing and nothing told.
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let (code, _, said) = folder.run(&[&["finalize", "-o", "day.mp4"], &files[..]].concat());
    assert_eq!(code, 0, "{said}");
    assert!(!said.contains("gap") && !said.contains("missing"), "{said}");
    let count = |file: &str| {
        inspected(&folder, file)["tracks"][0]["samples"]
            .as_u64()
            .unwrap()
    };
    let parts: u64 = files.iter().map(|f| count(f)).sum();
    assert_eq!(count("day.mp4"), parts);
}

#[test]
fn sound_is_left_out_if_it_is_not_wanted() {
    let folder = Folder::new();
    let files = record(&folder, "2s", &["--audio", "off"]);
    let tracks = inspected(&folder, &files[0])["tracks"].clone();
    assert_eq!(tracks.as_array().unwrap().len(), 1, "{tracks}");
}

#[test]
fn what_makes_no_sense_is_a_wrong_call() {
    let folder = Folder::new();
    for (args, why) in [
        (&["-o", "a.mp4", "--at-clock"][..], "name a folder"),
        (&["-o", "a.mp4", "--segment-size", "5MB"], "name a folder"),
        (&["--segment-size", "5kB"], "1MB"),
        (&["--segment", "48h", "--at-clock"], "24h"),
    ] {
        let (code, _, said) = folder.run(&[&["record", "--demo"], args].concat());
        assert_eq!(code, 2, "{args:?} {said}");
        assert!(said.contains(why), "{said}");
    }
    assert!(!folder.path("tapo-demo").exists());
}
