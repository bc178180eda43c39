//! Real files and hostile ones: every one is served, or refused in words.

#![allow(clippy::print_stdout, reason = "a test that is skipped says so")]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tapo_camera::{Camera, CameraConfig, Clip};

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                Ok(kind) if kind.is_file() => found.push(entry.path()),
                _ => {}
            }
        }
    }
}

#[test]
fn every_file_is_served_or_refused() {
    let Some(corpus) = std::env::var_os("TAPO_CORPUS").map(PathBuf::from) else {
        println!("skipped: TAPO_CORPUS not set");
        return;
    };
    let mut found = Vec::new();
    for folder in ["media", "fuzz"] {
        files(&corpus.join(folder), &mut found);
    }
    assert!(!found.is_empty(), "no files in {}", corpus.display());
    let mut served = 0;
    for path in &found {
        let start = Instant::now();
        if let Ok(clip) = Clip::open(path) {
            served += 1;
            Camera::start(CameraConfig::new(clip)).expect("a clip that was accepted can be served");
        }
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "{}",
            path.display()
        );
    }
    println!("{served} of {} files can be served", found.len());
    assert!(served > 0);
}
