//! What `tapo inspect` says of files that break parsers: each its finding and its
//! exit code, in a table.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    dead_code,
    reason = "a panic is how a test fails; parts serve other tests"
)]

mod bad;
mod common;
#[path = "bad/found.rs"]
mod found;

use common::Folder;
use found::FOUND;
use std::time::{Duration, Instant};

/// Exit code, and the findings above a notice, worst first.
fn seen(folder: &Folder, name: &str) -> (i32, Vec<String>, Duration) {
    let start = Instant::now();
    let (code, out, _) = folder.run(&["inspect", "--json", name]);
    let time = start.elapsed();
    let record: serde_json::Value = serde_json::from_str(&out).unwrap();
    let findings = record["findings"].as_array().cloned().unwrap_or_default();
    let mut codes: Vec<String> = findings
        .iter()
        .map(|f| f["code"].as_str().unwrap().to_owned())
        .collect();
    codes.dedup();
    (code, codes, time)
}

#[test]
fn each_bad_file_gets_its_finding_and_exit_code() {
    let folder = Folder::new();
    let mut wrong = Vec::new();
    let files = bad::files();
    for file in &files {
        let name = format!("{}.mp4", file.name);
        file.write(&folder.path(&name));
        let (code, codes, time) = seen(&folder, &name);
        assert!(time < Duration::from_secs(10), "{name}: {time:?}");
        let row = FOUND.iter().find(|row| row.0 == file.name);
        let right = row.is_some_and(|(_, exit, finding)| {
            let found = finding.is_empty() || codes.iter().any(|c| c == finding);
            *exit == code && found
        });
        if !right {
            wrong.push(format!("{}: {code} {codes:?}", file.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(FOUND.len(), files.len());
}

#[test]
fn nothing_said_differs_from_run_to_run() {
    let folder = Folder::new();
    folder.write("plain.mp4", &bad::plain());
    folder.write("cut.mp4", &bad::without_index());
    let run = || folder.run(&["inspect", "--hash", "--json", "plain.mp4", "cut.mp4"]);
    assert_eq!(run(), run());
}

#[test]
fn a_leftover_is_extracted_and_nothing_is_replaced() {
    let folder = Folder::new();
    let plain = bad::plain();
    let at = plain.windows(4).position(|w| w == b"moov").unwrap() - 4;
    let size = u32::from_be_bytes(plain[at..at + 4].try_into().unwrap()) as usize;
    // An older index in a free box behind the end.
    let mut file = plain.clone();
    let free = u32::try_from(size + 8).unwrap();
    file.extend(free.to_be_bytes());
    file.extend(b"free");
    file.extend(&plain[at..at + size]);
    folder.write("trimmed.mp4", &file);
    let offset = (plain.len() + 8).to_string();
    let extract = |offset: &str| {
        folder.run(&[
            "inspect",
            "--extract",
            offset,
            "-o",
            "old.moov",
            "trimmed.mp4",
        ])
    };
    assert_eq!(extract(&offset).0, 0);
    let old = std::fs::read(folder.path("old.moov")).unwrap();
    assert_eq!(old, plain[at..at + size]);
    let (code, _, error) = extract(&offset);
    assert!(code != 0 && error.contains("old.moov"), "{code} {error}");
    assert_eq!(extract("3").0, 2);
    assert_eq!(std::fs::read(folder.path("trimmed.mp4")).unwrap(), file);
}

#[test]
fn a_reference_is_judged_and_two_files_are_compared() {
    let folder = Folder::new();
    folder.write("good.mp4", &bad::plain());
    folder.write("broken.mp4", &bad::without_index());
    let (code, out, _) = folder.run(&["inspect", "--against", "good.mp4", "broken.mp4"]);
    assert_eq!(code, 0, "{out}");
    assert!(out.contains("It will do as the reference"), "{out}");
    let (code, out, _) = folder.run(&["inspect", "--against", "broken.mp4", "good.mp4", "--json"]);
    assert_eq!(code, 7, "{out}");
    let record: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(record["fit"], "bad");
    let (code, out, _) = folder.run(&["inspect", "--diff", "good.mp4", "good.mp4"]);
    assert_eq!(code, 0, "{out}");
    assert!(
        out.contains("The same media, and the same around it."),
        "{out}"
    );
    let (code, out, _) = folder.run(&["inspect", "--diff", "broken.mp4", "good.mp4", "--json"]);
    assert_eq!(code, 3, "{out}");
    let record: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(record["same_media"], false);
}
