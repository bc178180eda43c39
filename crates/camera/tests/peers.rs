//! ffmpeg encodes the clips, and ffmpeg and ffprobe watch the camera. Without
//! them the tests say that they are skipped; `TAPO_PEERS=require` makes that a
//! failure.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "the helpers of tests fail as tests do"
)]

use std::path::Path;
use std::process::{Command, Stdio};
use tapo_camera::{Authentication, Camera, CameraConfig, Clip};
use tempfile::TempDir;

/// Whether the tools are there. If they must be, panics without them.
fn peers() -> bool {
    let runs = |tool| {
        let status = Command::new(tool)
            .arg("-version")
            .stdout(Stdio::null())
            .status();
        status.is_ok_and(|status| status.success())
    };
    for tool in ["ffmpeg", "ffprobe"] {
        if !runs(tool) {
            let required = std::env::var("TAPO_PEERS").is_ok_and(|v| v == "require");
            assert!(!required, "{tool} not found");
            println!("skipped: {tool} not found");
            return false;
        }
    }
    true
}

fn run(tool: &str, arguments: &[&str]) -> String {
    let output = Command::new(tool)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{tool} {arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// Four seconds of pictures and sound.
fn encode(folder: &Path, name: &str, options: &[&str]) -> Clip {
    let file = folder.join(name);
    let mut arguments = vec![
        "-v",
        "error",
        "-nostdin",
        "-f",
        "lavfi",
        "-i",
        "testsrc2=size=320x180:rate=25",
        "-f",
        "lavfi",
        "-i",
        "sine=440:sample_rate=48000",
        "-t",
        "4",
        "-pix_fmt",
        "yuv420p",
    ];
    arguments.extend(options);
    arguments.push(file.to_str().unwrap());
    run("ffmpeg", &arguments);
    Clip::open(&file).unwrap()
}

fn start(clip: &Clip, change: impl FnOnce(&mut CameraConfig)) -> Camera {
    let mut config = CameraConfig::new(clip.clone());
    config.speed = 4.0;
    change(&mut config);
    Camera::start(config).unwrap()
}

/// NAL units between start codes (H.264 and H.265, Annex B) that are slices.
fn slices(stream: &[u8], is_slice: fn(u8) -> bool) -> Vec<&[u8]> {
    let starts = stream
        .windows(3)
        .enumerate()
        .filter(|(_, w)| *w == [0, 0, 1]);
    let starts: Vec<usize> = starts.map(|(at, _)| at).collect();
    let ends = starts.iter().skip(1).copied().chain([stream.len()]);
    let nals = starts.iter().zip(ends).map(|(start, end)| {
        let mut nal = &stream[start + 3..end];
        while let [rest @ .., 0] = nal {
            nal = rest;
        }
        nal
    });
    nals.filter(|nal| is_slice(nal[0])).collect()
}

/// The slices of sample `i` of a clip with lengths of 4 bytes.
fn sample_slices(sample: &[u8], is_slice: fn(u8) -> bool) -> Vec<Vec<u8>> {
    let mut rest = sample;
    let mut nals = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk() {
        let (nal, after) = after.split_at(usize::try_from(u32::from_be_bytes(*length)).unwrap());
        if is_slice(nal[0]) {
            nals.push(nal.to_vec());
        }
        rest = after;
    }
    nals
}

fn h264_slice(header: u8) -> bool {
    (1..=5).contains(&(header & 0x1f))
}

fn h265_slice(header: u8) -> bool {
    header >> 1 & 0x3f < 32
}

/// Records `n` frames of video and checks that they are the clip's, in a loop.
fn check_video(clip: &Clip, format: &str, transport: &str, n: usize, is_slice: fn(u8) -> bool) {
    let folder = TempDir::new().unwrap();
    let camera = start(clip, |_| {});
    let file = folder.path().join("video");
    let count = n.to_string();
    run(
        "ffmpeg",
        &[
            "-v",
            "error",
            "-nostdin",
            "-rtsp_transport",
            transport,
            "-i",
            &camera.url(),
            "-map",
            "0:v",
            "-c",
            "copy",
            "-frames:v",
            &count,
            "-f",
            format,
            file.to_str().unwrap(),
        ],
    );
    let recorded = std::fs::read(file).unwrap();
    let got = slices(&recorded, is_slice);
    let expected: Vec<Vec<u8>> = (0..n)
        .flat_map(|i| sample_slices(&clip.sample(0, i % clip.sample_count(0)).unwrap(), is_slice))
        .collect();
    assert_eq!(got.len(), expected.len());
    for (i, (got, expected)) in got.iter().zip(&expected).enumerate() {
        assert!(got == expected, "slice {i} differs");
    }
}

#[test]
fn h264_with_b_frames_and_aac() {
    if !peers() {
        return;
    }
    let folder = TempDir::new().unwrap();
    let clip = encode(
        folder.path(),
        "clip.mp4",
        &[
            "-c:v", "libx264", "-preset", "veryfast", "-g", "25", "-bf", "2", "-c:a", "aac", "-ac",
            "2",
        ],
    );
    check_video(&clip, "h264", "tcp", 150, h264_slice);
    check_video(&clip, "h264", "udp", 150, h264_slice);

    let camera = start(&clip, |config| {
        config.authentication = Authentication::Digest {
            user: "admin".into(),
            password: "secret".into(),
            qop: true,
        };
    });
    let url = camera.url().replace("rtsp://", "rtsp://admin:secret@");
    let probed = run(
        "ffprobe",
        &[
            "-v",
            "error",
            "-rtsp_transport",
            "tcp",
            "-show_entries",
            "stream=codec_name,width,height,sample_rate,channels",
            "-of",
            "compact=p=0:nk=1",
            &url,
        ],
    );
    assert_eq!(probed, "h264|320|180\naac|48000|2\n");

    let file = folder.path().join("sound.aac");
    run(
        "ffmpeg",
        &[
            "-v",
            "error",
            "-nostdin",
            "-rtsp_transport",
            "tcp",
            "-i",
            &url,
            "-map",
            "0:a",
            "-c",
            "copy",
            "-frames:a",
            "300",
            "-f",
            "adts",
            file.to_str().unwrap(),
        ],
    );
    let recorded = std::fs::read(file).unwrap();
    let sessions = camera.sessions();
    let sent = &sessions.last().unwrap().tracks[1].sent;
    assert_eq!(sent[0].sample, 1, "the priming is not sent");
    let mut rest = &recorded[..];
    for sent in &sent[..300] {
        let length =
            usize::from(rest[3] & 3) << 11 | usize::from(rest[4]) << 3 | usize::from(rest[5]) >> 5;
        assert!(rest[7..length] == clip.sample(1, sent.sample).unwrap());
        rest = &rest[length..];
    }
}

#[test]
fn h264_with_g711() {
    if !peers() {
        return;
    }
    let folder = TempDir::new().unwrap();
    for (codec, probed_codec) in [("pcm_alaw", "alaw"), ("pcm_mulaw", "mulaw")] {
        let clip = encode(
            folder.path(),
            &format!("{codec}.mov"),
            &[
                "-c:v",
                "libx264",
                "-preset",
                "ultrafast",
                "-g",
                "25",
                "-c:a",
                codec,
                "-ar",
                "8000",
                "-ac",
                "1",
            ],
        );
        let camera = start(&clip, |_| {});
        let file = folder.path().join(probed_codec);
        run(
            "ffmpeg",
            &[
                "-v",
                "error",
                "-nostdin",
                "-rtsp_transport",
                "tcp",
                "-i",
                &camera.url(),
                "-map",
                "0:a",
                "-c",
                "copy",
                "-t",
                "5",
                "-f",
                probed_codec,
                file.to_str().unwrap(),
            ],
        );
        let recorded = std::fs::read(file).unwrap();
        assert!(recorded.len() >= 36_000);
        let mut once: Vec<u8> = Vec::new();
        for i in 0..clip.sample_count(1) {
            once.extend(clip.sample(1, i).unwrap());
        }
        assert_eq!(once.len(), 32_000);
        assert!(recorded.iter().eq(once.iter().cycle().take(recorded.len())));
    }
}

#[test]
fn h265() {
    if !peers() {
        return;
    }
    let folder = TempDir::new().unwrap();
    let clip = encode(
        folder.path(),
        "clip.mp4",
        &[
            "-c:v",
            "libx265",
            "-preset",
            "ultrafast",
            "-x265-params",
            "log-level=none:keyint=25",
            "-tag:v",
            "hvc1",
            "-c:a",
            "aac",
        ],
    );
    check_video(&clip, "hevc", "tcp", 130, h265_slice);
    check_video(&clip, "hevc", "udp", 130, h265_slice);
}

#[test]
fn fragmented_files_serve_as_well() {
    if !peers() {
        return;
    }
    let folder = TempDir::new().unwrap();
    let clip = encode(
        folder.path(),
        "clip.mp4",
        &[
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-g",
            "25",
            "-c:a",
            "aac",
            "-movflags",
            "frag_keyframe+empty_moov+default_base_moof",
        ],
    );
    assert_eq!((clip.track_count(), clip.sample_count(0)), (2, 100));
    check_video(&clip, "h264", "tcp", 130, h264_slice);
}
