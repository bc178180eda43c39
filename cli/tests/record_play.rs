//! Recordings as others look at them: playlists and snapshots.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a panic is how a test fails"
)]

mod common;

use common::{Events, Folder, signal};
use serde_json::Value;
use std::process::Command;

fn frames(folder: &Folder, file: &str) -> Option<u64> {
    let probe = Command::new("ffprobe")
        .args(["-v", "error", "-count_packets", "-select_streams", "v:0"])
        .args(
            ["-allowed_extensions", "ALL"]
                .iter()
                .filter(|_| file.ends_with("m3u8")),
        )
        .args(["-show_entries", "stream=nb_read_packets", "-of", "csv=p=0"])
        .arg(folder.path(file))
        .output();
    let Ok(probe) = probe else {
        assert!(
            std::env::var_os("TAPO_PEERS").is_none_or(|p| p != "require"),
            "ffprobe is missing"
        );
        println!("skipped: no ffprobe");
        return None;
    };
    let said = String::from_utf8_lossy(&probe.stderr).into_owned();
    assert!(probe.status.success() && said.is_empty(), "{said}");
    let out = String::from_utf8(probe.stdout).unwrap();
    Some(
        out.lines()
            .next()
            .unwrap()
            .trim_matches(',')
            .parse()
            .unwrap(),
    )
}

#[test]
fn a_playlist_plays_what_was_recorded_that_day() {
    let folder = Folder::new();
    let args = [
        "record",
        "--demo",
        "--json",
        "-o",
        "out",
        "--playlist",
        "--utc",
    ];
    let more = ["--segment", "2s", "--duration", "5s", "--camera", "yard"];
    let (code, out, said) = folder.run(&[&args[..], &more].concat());
    assert_eq!(code, 0, "{said}");
    let events: Vec<Value> = out
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    let closed = events.iter().filter(|e| e["event"] == "closed");
    let files: Vec<&str> = closed.map(|e| e["path"].as_str().unwrap()).collect();
    assert!(files.len() > 1, "{files:?}");
    let lists = std::fs::read_dir(folder.path("out")).unwrap();
    let lists = lists.map(|e| e.unwrap().file_name().into_string().unwrap());
    let lists: Vec<_> = lists.filter(|name| name.ends_with(".m3u8")).collect();
    assert!(!lists.is_empty());
    // One, unless midnight came in between. FFmpeg decodes no names of local files: they have no blanks here.
    let mut named = 0;
    let mut played = Some(0);
    for list in &lists {
        let text = std::fs::read_to_string(folder.path("out").join(list)).unwrap();
        named += text.matches("#EXT-X-MAP").count();
        let frames = frames(&folder, &format!("out/{list}"));
        played = played.zip(frames).map(|(a, b)| a + b);
    }
    assert_eq!(named, files.len());
    if let Some(played) = played {
        let recorded: u64 = files.iter().map(|f| frames(&folder, f).unwrap()).sum();
        assert_eq!(played, recorded);
    }
}

#[test]
fn a_snapshot_is_the_newest_keyframe_also_while_it_is_recorded() {
    let folder = Folder::new();
    let (code, _, said) = folder.run(&["snapshot", "out"]);
    assert_eq!(code, 1, "{said}");
    std::fs::create_dir(folder.path("out")).unwrap();
    let (code, _, said) = folder.run(&["snapshot", "out"]);
    assert_eq!(code, 5, "{said}");
    let mut record = folder.command(&["record", "--demo", "--json", "-o", "out"]);
    let mut events = Events::of(&mut record);
    events.until(|e| e["event"] == "opened");
    let (code, out, said) = folder.run(&["snapshot", "out", "--json"]);
    assert_eq!(code, 0, "{said}");
    let told: Value = serde_json::from_str(&out).unwrap();
    assert!(told["width"].as_u64().unwrap() > 0, "{told}");
    assert!(told["received_ns"].as_i64().unwrap() > 0, "{told}");
    assert_eq!(folder.run(&["snapshot", "out"]).0, 7);
    let first = std::fs::read(folder.path("snapshot.mp4")).unwrap();
    events.until(|e| e["event"] == "progress" && e["duration_s"].as_f64().unwrap() > 2.5);
    assert_eq!(
        folder
            .run(&["snapshot", "out", "--force", "--camera", "demo"])
            .0,
        0
    );
    assert_ne!(std::fs::read(folder.path("snapshot.mp4")).unwrap(), first);
    assert_eq!(
        folder
            .run(&["snapshot", "out", "--force", "--camera", "other"])
            .0,
        5
    );
    signal(&events.child, "-TERM");
    assert_eq!(events.end().0, 0);
    let (code, out, said) = folder.run(&["inspect", "--json", "snapshot.mp4"]);
    assert_eq!(code, 0, "{said}");
    let told: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(told["tracks"].as_array().unwrap().len(), 1);
    assert_eq!(told["tracks"][0]["samples"], 1);
    if let Some(frames) = frames(&folder, "snapshot.mp4") {
        assert_eq!(frames, 1);
    }
}
