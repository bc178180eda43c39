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
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tapo_codec::Decodes;
use tapo_io::{ByteSource, PreadFile};

/// What is said of the sync samples of these files' H.265 tracks: how many are read, which are not, and which cannot be.
#[derive(Default)]
struct Tally {
    read: usize,
    broken: Vec<String>,
    unknown: Vec<String>,
}

fn judge(files: &[PathBuf]) -> Tally {
    let mut tally = Tally::default();
    for path in files {
        let name = path.file_name().unwrap().to_string_lossy();
        for track in tracks(path) {
            if !["hvc1", "hev1"].contains(&track.kind.as_str()) {
                continue;
            }
            let file = PreadFile::open(path).unwrap();
            let mut recogniser = track.recogniser.fork();
            let (mut took, mut bytes) = (Duration::ZERO, 0);
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
                let which = || format!("{name} sample {}: {said:?}", sample.number);
                match said {
                    Decodes::Yes => tally.read += 1,
                    Decodes::No(_) => tally.broken.push(which()),
                    Decodes::Unknown => tally.unknown.push(which()),
                }
            }
            eprintln!("{name}: {bytes} bytes in {took:?}");
        }
    }
    tally
}

#[test]
fn clips_of_our_own() {
    let tally = judge(&clips());
    assert_eq!(tally.broken, [""; 0]);
    assert_eq!(tally.unknown, [""; 0]);
    assert!(tally.read > 0);
}

#[test]
fn files_of_others() {
    let Some(files) = corpus() else {
        return;
    };
    let mut tally = judge(&files);
    assert_eq!(tally.broken, [""; 0]);
    // A sample that holds an SEI message only.
    tally
        .unknown
        .retain(|which| !which.contains("signed_test_h265.mp4 sample 303:"));
    assert_eq!(tally.unknown, [""; 0]);
    assert!(tally.read > 20);
}

#[test]
fn any_folder() {
    let Some(folder) = std::env::var_os("TAPO_SAMPLES") else {
        return;
    };
    let tally = judge(&media_in(folder.as_ref()));
    assert_eq!(tally.broken, [""; 0]);
    eprintln!("{} read, not {:?}", tally.read, tally.unknown);
}

/// Whether FFmpeg and its x265 are here. A test without them is skipped, unless `TAPO_PEERS=require` says that none may be.
fn has_x265() -> bool {
    let help = Command::new("ffmpeg")
        .args(["-v", "error", "-h", "encoder=libx265"])
        .stderr(Stdio::null())
        .output();
    let found = help.is_ok_and(|help| String::from_utf8_lossy(&help.stdout).contains("libx265"));
    let required = std::env::var_os("TAPO_PEERS").is_some_and(|v| v == "require");
    assert!(
        found || !required,
        "ffmpeg with libx265 not found, and TAPO_PEERS=require"
    );
    if !found {
        eprintln!("skipped: ffmpeg with libx265 not found");
    }
    found
}

/// Size, pixel format, preset and parameters.
const SETTINGS: [[&str; 4]; 16] = [
    ["322x182", "yuv420p", "slow", "crf=16"],
    ["322x182", "yuv420p", "ultrafast", "crf=40"],
    ["130x98", "yuv420p", "medium", "ctu=16:crf=22:wpp=0"],
    ["130x98", "yuv420p", "fast", "ctu=32:crf=28:open-gop=1"],
    ["320x240", "yuv420p", "medium", "ctu=32:slices=3:crf=24"],
    ["200x136", "yuv420p10le", "medium", "crf=22:tskip=1"],
    ["200x136", "yuv422p10le", "medium", "crf=18"],
    ["200x136", "yuv444p", "medium", "crf=18"],
    ["200x136", "gray", "medium", "crf=18"],
    ["200x136", "yuv420p", "fast", "lossless=1"],
    ["200x136", "yuv420p", "slow", "cu-lossless=1:crf=8"],
    [
        "200x136",
        "yuv420p",
        "medium",
        "aq-mode=0:qp=27:cutree=0:sao=0",
    ],
    [
        "200x136",
        "yuv420p",
        "medium",
        "qg-size=8:aq-mode=3:aq-strength=3:crf=20",
    ],
    [
        "200x136",
        "yuv420p",
        "medium",
        "signhide=0:scaling-list=default:crf=22",
    ],
    [
        "200x136",
        "yuv420p",
        "slow",
        "tu-intra-depth=4:max-tu-size=16:crf=20",
    ],
    [
        "200x136",
        "yuv420p",
        "medium",
        "hrd=1:vbv-maxrate=900:vbv-bufsize=900:bitrate=500:aud=1",
    ],
];

fn encode(to: &Path, [size, pixels, preset, parameters]: [&str; 4]) {
    let made = Command::new("ffmpeg")
        .args(["-y", "-v", "error", "-f", "lavfi", "-i"])
        .arg(format!("testsrc2=s={size}:r=25,noise=alls=12:allf=t"))
        .args(["-frames:v", "6", "-c:v", "libx265", "-pix_fmt", pixels])
        .args(["-preset", preset, "-x265-params"])
        .arg(format!(
            "log-level=none:pools=1:frame-threads=1:keyint=2:{parameters}"
        ))
        .arg(to)
        .status();
    assert!(made.unwrap().success(), "{parameters}");
}

#[test]
fn settings_of_x265() {
    if !has_x265() {
        return;
    }
    let folder = std::env::temp_dir().join(format!("tapo-h265-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    for (number, settings) in SETTINGS.into_iter().enumerate() {
        encode(&folder.join(format!("{number:02}.mp4")), settings);
    }
    let tally = judge(&media_in(&folder));
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(tally.broken, [""; 0]);
    assert_eq!(tally.unknown, [""; 0]);
    assert!(tally.read >= 3 * SETTINGS.len());
}
