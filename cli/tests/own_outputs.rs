//! What tapo writes is sound by its own word: inspect finds nothing in it but where players differ.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a panic is how a test fails"
)]

mod common;

use common::{Folder, fragmented};
use serde_json::Value;
use tapo_bmff::BoxWriter;

/// Notices about where a sound file plays.
const PLAYERS: [&str; 2] = ["moov-behind-mdat", "g711"];

fn sound(folder: &Folder, name: &str) {
    let (code, out, err) = folder.run(&["inspect", "--json", name]);
    let told: Value = serde_json::from_str(&out).expect(&err);
    let findings = told["findings"].as_array().unwrap();
    let codes = findings.iter().map(|f| f["code"].as_str().unwrap());
    let odd: Vec<_> = codes.filter(|c| !PLAYERS.contains(c)).collect();
    assert!(code == 0 && odd.is_empty(), "{name}: {code} {odd:?}");
}

fn done(folder: &Folder, args: &[&str]) {
    let (code, out, err) = folder.run(args);
    assert_eq!(code, 0, "{args:?}: {out}{err}");
}

/// A fragmented file whose head is longer than a block, with an index of its fragments behind them.
fn with_long_ends(fragments: u32) -> Vec<u8> {
    let plain = fragmented(fragments);
    let at = plain.windows(4).position(|w| w == b"moof").unwrap() - 4;
    let mut w = BoxWriter::new();
    w.boxed(b"uuid", |w| {
        w.raw(&[7; 6000]);
    });
    let mut tail = BoxWriter::new();
    tail.boxed(b"mfra", |w| {
        w.raw(&[9; 9000]);
    });
    [
        &plain[..at],
        &w.into_bytes(),
        &plain[at..],
        &tail.into_bytes(),
    ]
    .concat()
}

#[test]
fn finalized_and_joined_files_are_sound() {
    let folder = Folder::new();
    for (name, file) in [
        ("a", fragmented(3)),
        ("b", fragmented(4)),
        ("long", with_long_ends(3)),
    ] {
        let file_name = format!("{name}.mp4");
        folder.write(&file_name, &file);
        let (new, first) = (format!("{name}_new.mp4"), format!("{name}_first.mp4"));
        done(&folder, &["finalize", &file_name, "-o", &new]);
        done(
            &folder,
            &["finalize", &file_name, "-o", &first, "--faststart"],
        );
        sound(&folder, &new);
        sound(&folder, &first);
    }
    folder.write("long2.mp4", &with_long_ends(4));
    for (out, files) in [
        ("day.mp4", ["a.mp4", "b.mp4"]),
        ("long_day.mp4", ["long.mp4", "long2.mp4"]),
    ] {
        let [one, two] = files;
        done(&folder, &["finalize", one, two, "-o", out]);
        sound(&folder, out);
        done(
            &folder,
            &["finalize", one, two, "-o", out, "--faststart", "--force"],
        );
        sound(&folder, out);
    }
    done(&folder, &["finalize", "a.mp4"]);
    sound(&folder, "a.mp4");
}

#[test]
fn repaired_files_are_sound() {
    let folder = Folder::new();
    let clip = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../testdata/h264_bframes_aac.mp4"
    );
    let whole = std::fs::read(clip).unwrap();
    let moov = whole.windows(4).rposition(|w| w == b"moov").unwrap() - 4;
    folder.write("lost.mp4", &whole[..moov]);
    done(
        &folder,
        &["repair", "--reference", clip, "lost.mp4", "-o", "new.mp4"],
    );
    sound(&folder, "new.mp4");
    done(
        &folder,
        &["repair", "--reference", clip, "--in-place", "lost.mp4"],
    );
    sound(&folder, "lost.mp4");
}
