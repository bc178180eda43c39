//! Settings of a decoder that are damaged in an index that is otherwise sound, and settings of a reference that others than
//! its own pictures do not read by.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a panic is how a test fails, and clips are small"
)]

use std::path::{Path, PathBuf};
use std::process::Command;
use tapo_codec::{Decodes, Hints};
use tapo_repair::{Error, Note, Options, Reconstruction, repair};

fn clip(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../testdata")
        .join(name)
}

fn movie(file: &Vec<u8>) -> tapo_movie::Movie {
    tapo_movie::read(file).unwrap().movie.unwrap()
}

/// Whether the first picture decodes with the settings beside it.
fn decodes(file: &Vec<u8>) -> Decodes {
    let movie = movie(file);
    let track = movie.tracks.iter().find(|t| t.is_video()).unwrap();
    let description = track.descriptions.first().unwrap();
    let boxes: Vec<_> = description
        .entry
        .children()
        .map(|(k, b)| (k.0, b))
        .collect();
    let Some(of) = tapo_codec::recogniser(description.kind().0, &boxes, &Hints::default()) else {
        return Decodes::No(0);
    };
    let first = track.samples.iter().find(|s| s.sync).unwrap().span;
    of.decodes(&file[first.start as usize..first.end as usize])
}

/// What repair makes of it: nothing if it refuses.
fn mended(broken: &[u8], references: &[PathBuf]) -> Option<(Reconstruction, Vec<u8>)> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("broken.mp4");
    std::fs::write(&path, broken).unwrap();
    let out = tempfile::tempdir().unwrap();
    let options = Options {
        output: Some(out.path().join("out.mp4")),
        ..Options::default()
    };
    let done = repair(&path, references, &options).ok()?;
    let written = std::fs::read(done.output.clone().unwrap()).unwrap();
    Some((done, written))
}

#[test]
fn a_wrong_bit_of_the_settings_is_put_right_or_said() {
    for (name, kind) in [
        ("h264_bframes_aac.mp4", b"avcC"),
        ("h265_open_gop.mp4", b"hvcC"),
    ] {
        let whole = std::fs::read(clip(name)).unwrap();
        assert_eq!(decodes(&whole), Decodes::Yes, "{name}");
        let at = whole.windows(4).position(|w| w == kind).unwrap() + 4;
        let size = u32::from_be_bytes(whole[at - 8..at - 4].try_into().unwrap());
        let mut harmful = 0;
        for bit in (0..(size as usize - 8) * 8).step_by(13) {
            let mut broken = whole.clone();
            broken[at + bit / 8] ^= 1 << (bit % 8);
            harmful += u32::from(decodes(&broken) != Decodes::Yes);
            let alone = mended(&broken, &[]);
            // A tool that is not read says nothing.
            if decodes(&broken) == Decodes::Unknown {
                continue;
            }
            if let Some((done, written)) = &alone {
                let right = decodes(written) == Decodes::Yes;
                assert!(right || !done.is_complete(), "{name} {bit}");
            }
            let (done, written) = mended(&broken, &[clip(name)]).unwrap();
            assert_eq!(decodes(&written), Decodes::Yes, "{name} {bit}");
            assert!(done.is_complete(), "{name} {bit}: {:?}", done.notes);
        }
        assert!(harmful > 3, "{name}");
    }
}

#[test]
fn settings_that_nothing_puts_right_are_told() {
    let mut broken = std::fs::read(clip("h264_bframes_aac.mp4")).unwrap();
    let at = broken.windows(4).position(|w| w == b"avcC").unwrap();
    // Half of a parameter set, still one that can be read: no bit or byte alone makes up for it.
    let size = u32::from_be_bytes(broken[at - 4..at].try_into().unwrap()) as usize;
    let pps = at + size - 4 - 8;
    for byte in &mut broken[pps..pps + 5] {
        *byte ^= 0x24;
    }
    if decodes(&broken) != Decodes::Yes
        && let Some((done, written)) = mended(&broken, &[])
    {
        let undecodable = done.notes.contains(&Note::Undecodable { track: 1 });
        assert!(undecodable || decodes(&written) == Decodes::Yes);
        assert_eq!(undecodable, !done.is_complete());
    }
}

/// A recording of MPEG-4 Visual with these tools; `None` without ffmpeg.
fn recorded(dir: &Path, name: &str, tools: &str) -> Option<PathBuf> {
    let path = dir.join(name);
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-y", "-f", "lavfi", "-i"]);
    command.arg("testsrc2=s=176x144:r=25,noise=alls=12:allf=t");
    command.args(["-t", "3", "-c:v", "mpeg4", "-q:v", "5", "-g", "12"]);
    let made = command.args(tools.split_whitespace()).arg(&path).status();
    if made.is_ok_and(|status| status.success()) {
        return Some(path);
    }
    let required = std::env::var_os("TAPO_PEERS").is_some_and(|v| v == "require");
    assert!(!required, "ffmpeg with mpeg4 not found");
    eprintln!("skipped: ffmpeg with mpeg4 not found");
    None
}

#[test]
fn mpeg_4_by_a_reference_with_other_tools_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let kinds = [
        "",
        "-bf 2",
        "-data_partitioning 1 -ps 300",
        "-flags +ildct+ilme",
    ];
    let mut files = Vec::new();
    for (number, tools) in kinds.iter().enumerate() {
        let Some(path) = recorded(dir.path(), &format!("{number}.mp4"), tools) else {
            return;
        };
        files.push(path);
    }
    let out = tempfile::tempdir().unwrap();
    for (whole, of) in files.iter().zip(kinds) {
        let bytes = std::fs::read(whole).unwrap();
        let index = bytes.windows(4).rposition(|w| w == b"moov").unwrap();
        let broken = out.path().join("broken.mp4");
        std::fs::write(&broken, &bytes[..index - 4]).unwrap();
        for (reference, by) in files.iter().zip(kinds) {
            let options = Options {
                dry_run: true,
                ..Options::default()
            };
            let done = repair(&broken, std::slice::from_ref(reference), &options);
            if whole == reference {
                assert!(done.unwrap().is_complete(), "{of}");
            } else {
                let refused = matches!(done, Err(Error::ReferenceDiffers { .. }));
                assert!(refused, "{of:?} by {by:?}");
            }
        }
    }
}
