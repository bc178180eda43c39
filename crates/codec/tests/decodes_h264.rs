//! What decoding says of the sync samples of real files.

#![allow(clippy::unwrap_used, clippy::panic, reason = "this is a test")]

mod common;

use std::path::PathBuf;
use tapo_codec::Decodes;
use tapo_io::{ByteSource as _, PreadFile};

/// What decoding says of each I picture of the H.264 tracks of these files: how often it is sure, and where it finds fault.
fn judge(files: &[PathBuf]) -> (u32, Vec<String>) {
    let (mut sure, mut faults) = (0, Vec::new());
    for path in files {
        let Ok(file) = PreadFile::open(path) else {
            continue;
        };
        for track in common::tracks(path) {
            if !track.kind.starts_with("avc") {
                continue;
            }
            for sample in &track.samples {
                match track
                    .recogniser
                    .decodes(&file.read_span(sample.span).unwrap())
                {
                    Decodes::Yes => sure += 1,
                    Decodes::Unknown => {}
                    Decodes::No(macroblocks) => faults.push(format!(
                        "{} sample {} (sync: {}): {macroblocks}",
                        path.display(),
                        sample.number,
                        sample.sync,
                    )),
                }
            }
        }
    }
    (sure, faults)
}

#[test]
fn clips_decode() {
    let (sure, faults) = judge(&common::clips());
    assert_eq!(faults, [""; 0]);
    assert!(sure > 0);
}

#[test]
fn the_corpus_decodes() {
    let Some(files) = common::corpus() else {
        return;
    };
    let (sure, mut faults) = judge(&files);
    // This file is what its name says.
    faults.retain(|fault| !fault.contains("decord__corrupted.mp4 sample 31 "));
    assert_eq!(faults, [""; 0]);
    assert!(sure > 50);
}
