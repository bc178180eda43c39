//! References of other settings: what comes out either plays without an error
//! or is refused with what differs.
//!
//! The recordings are made by `FFmpeg`; without it the tests are skipped, unless
//! `TAPO_PEERS=require` says that none may be.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a panic is how a test fails; it says when it was skipped"
)]

use std::path::{Path, PathBuf};
use std::process::Command;
use tapo_repair::{Class, Error, Note, Options, Reconstruction, repair};

const X264: &str = "-c:v libx264 -preset veryfast -bf 0";
const X265: &str = "-c:v libx265 -preset ultrafast -tag:v hvc1";
const AAC: &str = "-c:a aac -ar 16000 -ac 1";

struct Bench {
    dir: tempfile::TempDir,
}

impl Bench {
    fn new() -> Option<Self> {
        let encoders = Command::new("ffmpeg")
            .args(["-v", "error", "-encoders"])
            .output();
        let has = encoders.is_ok_and(|o| {
            let list = String::from_utf8_lossy(&o.stdout).into_owned();
            list.contains("libx264") && list.contains("libx265")
        });
        if !has {
            let required = std::env::var_os("TAPO_PEERS").is_some_and(|v| v == "require");
            assert!(!required, "ffmpeg with libx264 and libx265 not found");
            eprintln!("skipped: ffmpeg with libx264 and libx265 not found");
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        Some(Self { dir })
    }

    /// A recording of a moving picture with noise, and sound.
    fn record(&self, name: &str, seed: u32, size: &str, video: &str, sound: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        let picture = format!("testsrc2=s={size}:r=25,noise=alls=10:allf=t:all_seed={seed}");
        let tone = format!("anoisesrc=c=pink:a=0.3:seed={seed}");
        let mut command = Command::new("ffmpeg");
        command.args(["-v", "error", "-y", "-f", "lavfi", "-i", &picture]);
        command.args(["-f", "lavfi", "-i", &tone, "-t", "4", "-pix_fmt", "yuv420p"]);
        command.args(video.split(' ')).args(sound.split(' '));
        let made = command.arg(&path).status().unwrap();
        assert!(made.success(), "{name}");
        path
    }

    /// The beginning of a recording, without an index.
    fn broken(&self, whole: &Path) -> PathBuf {
        let path = self.dir.path().join("broken.mp4");
        let bytes = std::fs::read(whole).unwrap();
        std::fs::write(&path, bytes.get(..bytes.len() * 7 / 10).unwrap()).unwrap();
        path
    }

    /// Repairs what is left of a recording, and plays what comes out.
    fn repair(&self, whole: &Path, reference: &Path) -> Result<Reconstruction, Error> {
        let broken = self.broken(whole);
        let options = Options {
            output: Some(self.dir.path().join("out.mp4")),
            replace: true,
            ..Options::default()
        };
        let done = repair(&broken, &[reference.to_owned()], &options)?;
        let played = Command::new("ffmpeg")
            .args(["-v", "error", "-i"])
            .arg(done.output.as_ref().unwrap())
            .args(["-f", "null", "-"])
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&played.stderr).into_owned();
        let first = errors.lines().next().unwrap_or_default();
        assert!(errors.is_empty(), "{}: {first}", reference.display());
        Ok(done)
    }
}

fn differs(result: Result<Reconstruction, Error>, what: &str) {
    let error = result.map(|done| done.notes).unwrap_err();
    assert!(
        matches!(error, Error::ReferenceDiffers { .. }) && error.is_refusal(),
        "{what}: {error}"
    );
}

#[test]
fn of_h264_the_right_sets_are_found_or_it_is_refused() {
    let Some(bench) = Bench::new() else {
        return;
    };
    let video = format!("{X264} -crf 26 -g 25");
    let whole = bench.record("whole.mp4", 1, "176x144", &video, AAC);
    let make = |name: &str, size: &str, video: &str, sound: &str| {
        bench.record(name, 2, size, video, sound)
    };
    let same = make("same.mp4", "176x144", &video, AAC);
    let done = bench.repair(&whole, &same).unwrap();
    assert_eq!(done.notes.iter().filter(|n| is_of_sets(n)).count(), 0);
    // A rate changes the initial quantiser; the coder is another.
    for (name, other) in [
        ("rate.mp4", format!("{X264} -crf 22 -g 50")),
        ("coder.mp4", format!("{X264} -crf 26 -g 25 -coder 0")),
    ] {
        let reference = make(name, "176x144", &other, AAC);
        let done = bench.repair(&whole, &reference).unwrap();
        let found = done.notes.iter().find(|n| is_of_sets(n));
        let Some(Note::SetsByTrial { pictures, .. }) = found else {
            panic!("{name}: {:?}", done.notes);
        };
        assert!(*pictures >= 3, "{name}");
        let video = done.tracks.first().unwrap();
        let best = video.stretches.iter().any(|s| s.class == Class::A);
        assert!(!best, "{name}: nothing found by trial is beyond doubt");
    }
    for (name, size, other) in [
        ("size.mp4", "320x240", video.clone()),
        (
            "order.mp4",
            "176x144",
            format!("{X264} -bf 3 -crf 26 -g 25"),
        ),
        (
            "profile.mp4",
            "176x144",
            format!("{X264} -profile:v baseline -crf 26 -g 25"),
        ),
    ] {
        let reference = make(name, size, &other, AAC);
        differs(bench.repair(&whole, &reference), name);
    }
}

fn is_of_sets(note: &Note) -> bool {
    matches!(note, Note::SetsByTrial { .. } | Note::SetsInMedia { .. })
}

#[test]
fn sets_in_the_media_data_come_before_those_of_a_reference() {
    let Some(bench) = Bench::new() else {
        return;
    };
    let of_264 = format!("{X264} -crf 26 -g 25 -x264-params repeat-headers=1");
    let of_265 = format!("{X265} -crf 28 -g 25 -x265-params log-level=error:repeat-headers=1");
    for (coder, video) in [(X264, of_264), (X265, of_265)] {
        let whole = bench.record("whole.mp4", 1, "176x144", &video, AAC);
        let quiet = if coder == X265 {
            " -x265-params log-level=error"
        } else {
            ""
        };
        let other = format!("{coder} -crf 20 -g 50{quiet}");
        let reference = bench.record("reference.mp4", 2, "320x240", &other, AAC);
        let done = bench.repair(&whole, &reference).unwrap();
        assert!(
            done.notes.contains(&Note::SetsInMedia { track: 1 }),
            "{:?}",
            done.notes
        );
        let written = std::fs::read(done.output.unwrap()).unwrap();
        let truth = std::fs::read(&whole).unwrap();
        let movie = |file: &Vec<u8>| tapo_movie::read(file).unwrap().movie.unwrap();
        let (got, want) = (movie(&written), movie(&truth));
        let video = |movie: &tapo_movie::Movie| {
            let track = movie.tracks.first().unwrap().clone();
            let description = track.descriptions.first().unwrap().clone();
            let boxes: Vec<_> = description
                .entry
                .children()
                .map(|(k, b)| (k.0, b))
                .collect();
            let said = tapo_codec::describe(description.kind().0, &boxes);
            let sets: Vec<Vec<u8>> = said.parameter_sets.iter().map(|s| s.to_vec()).collect();
            let header = (track.header.width, track.header.height);
            (sets, description.size(), header, said.codec_string.clone())
        };
        assert_eq!(video(&got), video(&want));
    }
}

#[test]
fn of_h265_other_tools_are_refused() {
    let Some(bench) = Bench::new() else {
        return;
    };
    let quiet = "-x265-params log-level=error";
    let video = format!("{X265} -crf 28 -g 25 {quiet}");
    let whole = bench.record("whole.mp4", 1, "176x144", &video, AAC);
    let same = bench.record("same.mp4", 2, "176x144", &video, AAC);
    bench.repair(&whole, &same).unwrap();
    let size = bench.record("size.mp4", 2, "320x240", &video, AAC);
    differs(bench.repair(&whole, &size), "size");
    let tools = format!("-c:v libx265 -preset fast -tag:v hvc1 -crf 28 -g 25 {quiet}");
    let tools = bench.record("tools.mp4", 2, "176x144", &tools, AAC);
    differs(bench.repair(&whole, &tools), "tools");
    // Pictures of one slice seem cut off to those who know two.
    let slices =
        |n: u32| format!("{X265} -crf 28 -x265-params log-level=error:keyint=25:ctu=16:slices={n}");
    let whole = bench.record("one.mp4", 1, "176x144", &slices(1), AAC);
    let two = bench.record("two.mp4", 2, "176x144", &slices(2), AAC);
    differs(bench.repair(&whole, &two), "slices");
}

#[test]
fn sound_of_another_rate_or_layout_is_refused() {
    let Some(bench) = Bench::new() else {
        return;
    };
    let video = format!("{X264} -crf 26 -g 25");
    let whole = bench.record("whole.mp4", 1, "176x144", &video, AAC);
    for (name, sound) in [
        ("rate.mp4", "-c:a aac -ar 8000 -ac 1"),
        ("faster.mp4", "-c:a aac -ar 48000 -ac 1"),
        ("layout.mp4", "-c:a aac -ar 16000 -ac 2"),
        ("none.mp4", "-an"),
    ] {
        let reference = bench.record(name, 2, "176x144", &video, sound);
        differs(bench.repair(&whole, &reference), name);
    }
}

#[test]
fn sound_of_a_rate_with_the_same_syntax_is_refused_by_the_clock() {
    let Some(bench) = Bench::new() else {
        return;
    };
    let video = format!("{X264} -crf 40 -g 25 -t 14");
    let at = |rate: u32| format!("-c:a aac -ar {rate} -ac 1 -t 14");
    let whole = bench.record("whole.mp4", 1, "160x120", &video, &at(44_100));
    let same = bench.record("same.mp4", 2, "160x120", &video, &at(44_100));
    bench.repair(&whole, &same).unwrap();
    let other = bench.record("other.mp4", 2, "160x120", &video, &at(48_000));
    differs(bench.repair(&whole, &other), "48 kHz");
}

#[test]
fn what_makes_no_waveform_is_refused() {
    let Some(bench) = Bench::new() else {
        return;
    };
    let video = format!("{X264} -crf 26 -g 25");
    let whole = bench.record("whole.mp4", 1, "176x144", &video, AAC);
    for (name, sound) in [
        ("law.mov", "-c:a pcm_alaw -ar 8000 -ac 1"),
        ("pcm.mov", "-c:a pcm_s16le -ar 16000 -ac 1"),
    ] {
        let reference = bench.record(name, 2, "176x144", &video, sound);
        differs(bench.repair(&whole, &reference), name);
    }
}

#[test]
fn another_number_of_tracks_of_sound_is_refused() {
    let Some(bench) = Bench::new() else {
        return;
    };
    let video = format!("{X264} -crf 40 -g 25 -t 14");
    let one = format!("{AAC} -t 14");
    let two = format!(
        "-filter_complex [1:a]asplit[a][b];[b]lowpass=f=300,volume=0.1[c] -map 0:v -map [a] -map [c] {one}"
    );
    let whole = bench.record("whole.mp4", 1, "160x120", &video, &two);
    let same = bench.record("same.mp4", 2, "160x120", &video, &two);
    bench.repair(&whole, &same).unwrap();
    let fewer = bench.record("fewer.mp4", 2, "160x120", &video, &one);
    differs(bench.repair(&whole, &fewer), "fewer");
    let whole = bench.record("single.mp4", 1, "160x120", &video, &one);
    bench.repair(&whole, &fewer).unwrap();
    differs(bench.repair(&whole, &same), "more");
    // Half as many pictures to the same sound are another thing.
    let slow = format!("{video} -r 12.5");
    let slow = bench.record("slow.mp4", 2, "160x120", &slow, &one);
    bench.repair(&slow, &fewer).unwrap();
}
