//! Slice data of H.265 intra pictures by real encoders: every one must be read to its end.
//!
//! `TAPO_CORPUS` adds a corpus of files to the clips in `testdata`, `TAPO_SAMPLES` a folder of any others.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that prints what it measured"
)]

mod common;

use common::{clips, corpus, media_in, tracks};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tapo_codec::Decodes;
use tapo_io::{ByteSource, PreadFile};

/// Every sync sample of these files' H.265 tracks, and how many there were.
fn read(files: &[PathBuf]) -> usize {
    let mut count = 0;
    for path in files {
        for track in tracks(path) {
            if !["hvc1", "hev1"].contains(&track.kind.as_str()) {
                continue;
            }
            let file = PreadFile::open(path).unwrap();
            let mut recogniser = track.recogniser.fork();
            let (mut took, mut bytes, mut sync) = (Duration::ZERO, 0, 0);
            for sample in &track.samples {
                let data = file.read_span(sample.span).unwrap();
                recogniser.learn(&data);
                if !sample.sync {
                    continue;
                }
                let start = Instant::now();
                let said = recogniser.decodes(&data);
                took += start.elapsed();
                bytes += data.len();
                sync += 1;
                if said != Decodes::Yes {
                    eprintln!("{}: sample {}: {said:?}", path.display(), sample.number);
                }
            }
            eprintln!("{}: {sync} in {took:?}, {bytes} bytes", path.display());
            count += sync;
        }
    }
    count
}

#[test]
fn clips_of_our_own() {
    assert!(read(&clips()) > 0);
}

#[test]
fn files_of_others() {
    let Some(files) = corpus() else {
        return;
    };
    assert!(read(&files) > 0);
}

#[test]
fn any_folder() {
    let Some(folder) = std::env::var_os("TAPO_SAMPLES") else {
        return;
    };
    read(&media_in(folder.as_ref()));
}
