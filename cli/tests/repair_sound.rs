//! `tapo repair` leaves sound files alone, whatever they are coded with. Needs FFmpeg; without it the test says so, unless
//! `TAPO_PEERS=require` says that it may not.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a panic is how a test fails"
)]

mod common;

use common::Folder;
use std::process::Command;

/// Name of a file, and the options that make it.
const FILES: [(&str, &str); 8] = [
    // Pictures that only the next one's start code ends, with stuffing.
    (
        "mpeg2_pcm.mov",
        "-c:v mpeg2video -b:v 3M -minrate 3M -maxrate 3M -bufsize 2M -c:a pcm_s16le",
    ),
    ("mpeg2.mp4", "-c:v mpeg2video -bf 2 -an"),
    ("mpeg4.mp4", "-c:v mpeg4 -an"),
    ("h263.3gp", "-c:v h263 -an"),
    ("mjpeg_pcm.mov", "-c:v mjpeg -c:a pcm_s16le"),
    ("h264_alaw.mov", "-c:v libx264 -c:a pcm_alaw"),
    (
        "hevc_ac3.mp4",
        "-c:v libx265 -x265-params log-level=error -c:a ac3 -ar 48000",
    ),
    // Pictures that last longer than those of any video.
    ("slides.mp4", "-r 1/90 -t 900 -c:v libx264 -an"),
];

#[test]
fn sound_files_of_any_coding_are_left_alone() {
    if Command::new("ffmpeg").arg("-version").output().is_err() {
        let required = std::env::var_os("TAPO_PEERS").is_some_and(|v| v == "require");
        assert!(!required, "ffmpeg not found, and TAPO_PEERS=require");
        println!("skipped: ffmpeg not found");
        return;
    }
    let folder = Folder::new();
    for (name, options) in FILES {
        let input = "-v error -f lavfi -i testsrc2=s=352x288:r=25 -f lavfi -i sine=r=8000 -t 3";
        let made = Command::new("ffmpeg")
            .args(input.split(' '))
            .args(options.split(' '))
            .arg(folder.path(name))
            .status();
        assert!(made.unwrap().success(), "{name}");
        let file = std::fs::read(folder.path(name)).unwrap();
        for args in [
            &["repair", name][..],
            &["repair", "--thorough", name],
            &["repair", "--in-place", name],
        ] {
            let (code, out, err) = folder.run(args);
            assert_eq!(code, 0, "{name}: {out}{err}");
            assert!(out.contains("nothing to repair"), "{args:?}: {out}{err}");
        }
        assert!(file == std::fs::read(folder.path(name)).unwrap(), "{name}");
    }
    let left = std::fs::read_dir(folder.path(".")).unwrap().count();
    assert_eq!(left, FILES.len(), "nothing else was written");
}
