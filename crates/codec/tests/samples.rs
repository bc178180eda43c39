//! Recognisers over real samples: each at its true start, with the data going on far behind it, must be found with its exact length,
//! its sync flag and (where the codec has one) its presentation order.
//!
//! `TAPO_CORPUS` adds a corpus of files to the clips in `testdata`, `TAPO_SAMPLES` a folder of any others. `TAPO_SAMPLES_VERBOSE` lists
//! each track.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::cast_possible_truncation,
    reason = "a test that prints what it measured"
)]

mod common;

use common::{Track, tracks};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tapo_codec::{Delimiting, Depth, PresentationOrder, Verdict};
use tapo_io::{PreadFile, Window};

/// What came out for one track.
#[derive(Default, Debug)]
struct Tally {
    samples: usize,
    exact: usize,
    /// Plausible starts without a length, of codecs that cannot say more.
    starts: usize,
    /// Of these, those whose end the next sample of the track shows.
    bounded: usize,
    sync_differs: usize,
    order_differs: usize,
    flaws: usize,
    first_wrong: Option<String>,
}

fn measure(track: &Track, path: &Path, depth: Depth) -> Tally {
    let file = PreadFile::open(path).unwrap();
    let end = std::fs::metadata(path).unwrap().len();
    let mut window = Window::new(&file);
    let mut tally = Tally::default();
    let mut recogniser = track.recogniser.fork();
    let mut order = PresentationOrder::new();
    let mut keys = Vec::new();
    for sample in &track.samples {
        tally.samples += 1;
        let span = sample.span;
        let head = window.bytes(span.start, 16).unwrap().to_vec();
        let could = recogniser.could_start(&head);
        let verdict = recogniser
            .probe(&mut window, span.start, end, depth)
            .unwrap();
        let said = match verdict {
            Verdict::Sample(access) if access.len == span.len() && could => {
                tally.exact += 1;
                tally.flaws += usize::from(access.flaw.is_some());
                let sync = access.sync || access.recovery_point.is_some();
                tally.sync_differs += usize::from(sync != sample.sync);
                keys.push((order.next(&access.order), sample.presentation));
                for set in access.parameter_sets {
                    let nal = window
                        .bytes(set.start, set.len() as usize)
                        .unwrap()
                        .to_vec();
                    recogniser.adopt(&nal).unwrap();
                }
                continue;
            }
            Verdict::Start(access)
                if access.len <= span.len()
                    && access.most.is_none_or(|most| most >= span.len())
                    && could =>
            {
                tally.starts += 1;
                tally.bounded += usize::from(access.most == Some(span.len()));
                tally.sync_differs += usize::from(access.sync != sample.sync);
                keys.push((order.next(&access.order), sample.presentation));
                continue;
            }
            other => format!("{other:?}"),
        };
        tally.first_wrong.get_or_insert_with(|| {
            format!(
                "sample {} at {} of {} bytes, could start {could}: {said}",
                sample.number,
                span.start,
                span.len()
            )
        });
    }
    if keys.len() == tally.samples {
        let mut by_key: Vec<usize> = (0..keys.len()).collect();
        by_key.sort_by_key(|&i| keys[i].0);
        let mut by_time: Vec<usize> = (0..keys.len()).collect();
        by_time.sort_by_key(|&i| keys[i].1);
        tally.order_differs = by_key.iter().zip(&by_time).filter(|(a, b)| a != b).count();
    }
    tally
}

fn run(paths: &[PathBuf], known: &[(&str, &str)]) {
    let verbose = std::env::var("TAPO_SAMPLES_VERBOSE").is_ok_and(|v| !v.is_empty());
    let mut failures = Vec::new();
    let mut totals: BTreeMap<String, (usize, usize, usize)> = BTreeMap::new();
    for path in paths {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        for track in tracks(path) {
            if matches!(track.recogniser.delimiting(), Delimiting::Constant { .. }) {
                continue;
            }
            for depth in [Depth::Heads, Depth::Thorough] {
                let tally = measure(&track, path, depth);
                if verbose {
                    eprintln!("{name} {} {depth:?} {tally:?}", track.kind);
                }
                let total = totals.entry(track.kind.clone()).or_default();
                total.0 += tally.samples;
                total.1 += tally.exact;
                total.2 += tally.starts;
                let excused = known
                    .iter()
                    .any(|(file, kind)| name.contains(file) && track.kind == *kind);
                let found = match track.recogniser.delimiting() {
                    Delimiting::Start => tally.starts + tally.exact,
                    _ => tally.exact,
                };
                if !excused && (found != tally.samples || tally.flaws > 0) {
                    failures.push(format!("{name} {} {depth:?} {tally:?}", track.kind));
                }
            }
        }
    }
    for (kind, (samples, exact, starts)) in &totals {
        eprintln!("{kind}: {samples} probes, {exact} exact, {starts} starts");
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn of_our_clips() {
    run(&common::clips(), &[]);
}

#[test]
fn of_the_corpus() {
    let Some(files) = common::corpus() else {
        return;
    };
    run(&files, EXCUSED);
}

#[test]
fn of_a_folder() {
    if let Some(folder) = std::env::var_os("TAPO_SAMPLES") {
        run(&common::media_in(Path::new(&folder)), &[]);
    }
}

/// Tracks of the corpus that cannot be recognised in full, and why.
const EXCUSED: &[(&str, &str)] = &[
    // Files without their media, cut down to the tables.
    ("ISOBMFF__MOV1.MOV", "mp4a"),
    ("music-metadata__issue-151.m4a", "mp4a"),
    // One sample is overwritten.
    ("decord__corrupted.mp4", "avc1"),
    // Each sample is one NAL unit by its length, with start codes inside.
    ("media__sample_sef_slow_motion.mp4", "avc1"),
    ("media__sample_sef_super_slow_motion.mp4", "avc1"),
    // The last sample is an SEI message without a picture.
    ("signed_test_h264.mp4", "avc1"),
    ("signed_test_h265.mp4", "hev1"),
    ("signed_test_h264_modified_frame_137.mp4", "avc1"),
];
