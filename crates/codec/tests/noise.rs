//! Recognisers at places where no sample starts: inside the payload of real files, and in random bytes.
//!
//! `TAPO_NOISE` is the number of places per track and depth, `TAPO_SAMPLES` a folder of files beside the clips in `testdata`.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::cast_possible_truncation,
    reason = "a test that prints what it measured"
)]

mod common;

use common::{clips, tracks};
use std::collections::HashSet;
use std::path::Path;
use tapo_codec::nal::{NalLengthSize, split};
use tapo_codec::{Delimiting, Depth, Verdict};
use tapo_io::{ByteSource, PreadFile, Window};

/// xorshift64*: the same places on every run.
struct Random(u64);

impl Random {
    fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) % most
    }
}

fn places() -> u64 {
    let given = std::env::var("TAPO_NOISE")
        .ok()
        .and_then(|n| n.parse().ok());
    given.unwrap_or(3000)
}

/// How many of the places are taken for a whole sample.
fn accepted(
    track: &common::Track,
    source: &dyn ByteSource,
    from: u64,
    to: u64,
    starts: &HashSet<u64>,
    depth: Depth,
) -> u64 {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let mut window = Window::new(source);
    let mut count = 0;
    for _ in 0..places() {
        let at = from + random.below(to - from);
        if starts.contains(&at) {
            continue;
        }
        let head = window.bytes(at, 16).unwrap();
        if !track.recogniser.could_start(head) {
            continue;
        }
        if let Verdict::Sample(access) = track
            .recogniser
            .probe(&mut window, at, source.len(), depth)
            .unwrap()
        {
            if depth == Depth::Thorough && access.flaw.is_some() {
                continue;
            }
            if std::env::var("TAPO_SAMPLES_VERBOSE").is_ok_and(|v| !v.is_empty()) {
                eprintln!("  {at}: {access:?}");
            }
            count += 1;
        }
    }
    count
}

/// Where samples begin, and their NAL units: a slice without the SEI message in front of it is an access unit too.
fn starts(tracks: &[common::Track], file: &PreadFile) -> HashSet<u64> {
    let mut starts = HashSet::new();
    for track in tracks {
        for sample in &track.samples {
            starts.insert(sample.span.start);
            if ["avc1", "hvc1", "hev1"].contains(&track.kind.as_str()) {
                let bytes = file.read_span(sample.span).unwrap();
                let units = split(&bytes, NalLengthSize::FOUR).map_while(Result::ok);
                starts.extend(units.map(|unit| sample.span.start + unit.offset as u64 - 4));
            }
        }
    }
    starts
}

/// At most this many of the places may be taken for samples: one in as many as the codec's syntax is worth. By heads alone a place one
/// byte behind the start of a second slice may pass for a slice.
fn allowed(kind: &str, depth: Depth) -> u64 {
    match (kind, depth) {
        ("mp4a", _) => 1 + places() / 1000,
        (_, Depth::Heads) => places() / 40_000,
        (_, Depth::Thorough) => 0,
    }
}

#[test]
fn places_inside_samples() {
    let mut files = clips();
    if let Some(folder) = std::env::var_os("TAPO_SAMPLES") {
        files.extend(common::media_in(Path::new(&folder)));
    }
    let mut failures = Vec::new();
    for path in files {
        let tracks = tracks(&path);
        let file = PreadFile::open(&path).unwrap();
        let starts = starts(&tracks, &file);
        let (Some(from), Some(to)) = (
            tracks
                .iter()
                .flat_map(|t| &t.samples)
                .map(|s| s.span.start)
                .min(),
            tracks
                .iter()
                .flat_map(|t| &t.samples)
                .map(|s| s.span.end)
                .max(),
        ) else {
            continue;
        };
        let random: Vec<u8> = {
            let mut random = Random(7);
            (0..1u32 << 20)
                .map(|_| u8::try_from(random.below(1 << 40) >> 32).unwrap())
                .collect()
        };
        for track in tracks
            .iter()
            .filter(|t| t.recogniser.delimiting() == Delimiting::Exact)
        {
            for depth in [Depth::Heads, Depth::Thorough] {
                let inside = accepted(track, &file, from, to, &starts, depth);
                let noise = accepted(
                    track,
                    &random,
                    0,
                    random.len() as u64,
                    &HashSet::new(),
                    depth,
                );
                let line = format!(
                    "{} {} {depth:?}: {inside} inside samples, {noise} in noise",
                    path.file_name().unwrap().to_string_lossy(),
                    track.kind
                );
                eprintln!("{line}");
                if inside.max(noise) > allowed(&track.kind, depth) {
                    failures.push(line);
                }
            }
        }
    }
    assert!(
        failures.is_empty(),
        "of {} places:\n{}",
        places(),
        failures.join("\n")
    );
}
