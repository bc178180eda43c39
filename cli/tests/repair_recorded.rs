//! `tapo repair` of what `tapo record` left when it was killed, its head destroyed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a panic is how a test fails"
)]

mod common;

use common::Folder;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tapo_io::ByteSource;

/// Records the demo into `out` and kills it amid its second segment, when that
/// holds fragments. The finished segment and the other.
fn killed(folder: &Folder) -> (PathBuf, PathBuf) {
    let mut command = folder.command(&["record", "--demo", "--segment", "2s", "-o", "out"]);
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    let told: Vec<PathBuf> = out
        .lines()
        .map_while(Result::ok)
        .filter_map(|line| Some(PathBuf::from(line.split_once("recording into ")?.1)))
        .take(2)
        .collect();
    let [first, second] = &told[..] else {
        panic!("it ended by itself");
    };
    let (first, second) = (folder.path(text(first)), folder.path(text(second)));
    let since = Instant::now();
    while fragments(&second) < 2 {
        assert!(
            since.elapsed() < Duration::from_secs(30),
            "nothing is written"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    (first, second)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn fragments(file: &Path) -> usize {
    let bytes = std::fs::read(file).unwrap();
    tapo_movie::read(&bytes).map_or(0, |read| read.fragments.len())
}

/// What a sample is: decode time, composition offset, whether it is a sync
/// sample, its bytes.
type Content = (u64, i32, bool, Vec<u8>);

/// The samples of each track.
fn samples(file: &Path) -> Vec<Vec<Content>> {
    let bytes = std::fs::read(file).unwrap();
    let movie = tapo_movie::read(&bytes).unwrap().movie.unwrap();
    let of = |track: &tapo_movie::Track| {
        let samples = track.samples.iter();
        let start = track.samples.start;
        samples
            .map(|s| {
                let data = bytes.as_slice().read_span(s.span).unwrap();
                (s.dts - start, s.composition_offset, s.sync, data)
            })
            .collect()
    };
    movie.tracks.iter().map(of).collect()
}

/// A kind of damage to the head of a file whose `moov` stands there.
type Damage = (&'static str, fn(&[u8], usize, usize) -> Vec<u8>);

const DAMAGE: [Damage; 4] = [
    ("zeros", |file, at, end| {
        let zeros = vec![0; end - at];
        [&file[..at], &zeros, &file[end..]].concat()
    }),
    ("half of it overwritten", |file, at, end| {
        let middle = usize::midpoint(at, end);
        let noise = vec![0xA5; end - middle];
        [&file[..middle], &noise, &file[end..]].concat()
    }),
    ("cut off within", |file, at, _| file[at + 200..].to_vec()),
    ("cut off behind", |file, _, end| file[end..].to_vec()),
];

#[test]
fn a_killed_recording_without_its_head_is_whole() {
    let folder = Folder::new();
    let (healthy, broken) = killed(&folder);
    let file = std::fs::read(&broken).unwrap();
    let recorded = samples(&broken);
    assert!(recorded.iter().all(|track| track.len() > 10));
    let top = tapo_movie::read(&file).unwrap().top;
    let moov = top.iter().find(|b| b.kind == b"moov").unwrap().span;
    let [at, end] = [moov.start, moov.end].map(|n| usize::try_from(n).unwrap());
    let left = folder.path("out/.tapo");
    let sibling = folder.path("sibling");
    for (name, damage) in DAMAGE {
        std::fs::write(&broken, damage(&file, at, end)).unwrap();
        for basis in ["camera-profile", "sibling"] {
            // What is not to serve is out of the way.
            let (away, back) = match basis {
                "camera-profile" => (&healthy, &sibling),
                _ => (&left, &sibling),
            };
            std::fs::rename(away, back).unwrap();
            let out = folder.path("repaired.mp4");
            let args = [
                "repair",
                "--json",
                text(&broken),
                "-o",
                text(&out),
                "--force",
            ];
            let (code, said, err) = folder.run(&args);
            std::fs::rename(back, away).unwrap();
            assert_eq!(code, 0, "{name}, {basis}: {said}{err}");
            let told: serde_json::Value = serde_json::from_str(&said).unwrap();
            let kind = told["basis"]["kind"].as_str().unwrap();
            let own = name.starts_with("half") && kind == "own-descriptions";
            assert!(own || kind == basis, "{name}, {basis}: {said}");
            assert_eq!(samples(&out), recorded, "{name}, {basis}");
        }
    }
}
