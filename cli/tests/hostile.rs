//! Files made to break parsers break nothing here.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a panic is how a test fails"
)]

mod common;

use common::corpus;
use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// Runs `tapo inspect` with 1 GiB of address space.
fn inspect(path: &Path, view: &str) -> (i32, String, Duration) {
    let start = Instant::now();
    let script = "ulimit -v 1048576; exec \"$@\"";
    let args: [&OsStr; 5] = [
        OsStr::new("sh"),
        OsStr::new(env!("CARGO_BIN_EXE_tapo")),
        OsStr::new("inspect"),
        OsStr::new(view),
        path.as_os_str(),
    ];
    let output = Command::new("sh")
        .arg("-c")
        .arg(script)
        .args(args)
        .output()
        .unwrap();
    let code = output.status.code().unwrap_or(-1);
    let text = [output.stdout, output.stderr].concat();
    (
        code,
        String::from_utf8_lossy(&text).into_owned(),
        start.elapsed(),
    )
}

fn survives(path: &Path) {
    for view in ["--json", "--boxes", "--samples", "--fragments"] {
        let (code, text, time) = inspect(path, view);
        let what = format!("{} {view}", path.display());
        assert!((0..=7).contains(&code), "{what}: exit code {code}: {text}");
        assert!(!text.contains("panicked"), "{what}: {text}");
        assert!(time < Duration::from_secs(10), "{what}: {time:?}");
        let inert = !text.chars().any(|c| c.is_control() && c != '\n');
        assert!(inert, "{what} prints control characters");
    }
}

#[test]
fn the_corpus_of_hostile_files() {
    for path in corpus("fuzz").unwrap_or_default() {
        survives(&path);
    }
}

#[test]
fn a_table_of_four_thousand_million_samples() {
    let mut file = common::progressive(true);
    let at = file.windows(4).position(|w| w == b"stsz").unwrap();
    // One size for all of them, and as many as fit.
    file[at + 8..at + 12].copy_from_slice(&1_u32.to_be_bytes());
    file[at + 12..at + 16].copy_from_slice(&u32::MAX.to_be_bytes());
    let at = file.windows(4).position(|w| w == b"stsc").unwrap();
    file[at + 16..at + 20].copy_from_slice(&u32::MAX.to_be_bytes());
    let folder = common::Folder::new();
    folder.write("bomb.mp4", &file);
    survives(&folder.path("bomb.mp4"));
    let (_, out, _) = folder.run(&["inspect", "--samples", "bomb.mp4"]);
    let said = out.lines().find(|l| l.starts_with("stopped after"));
    assert!(
        said.is_some_and(|l| l.contains("4,294,967,295")),
        "{said:?}"
    );
}

/// The times of all of them are there, too, so that nothing looks wrong but their number.
#[test]
fn as_many_samples_with_their_times_are_none() {
    let mut file = common::progressive(true);
    let mut put = |kind: &[u8; 4], behind: usize, values: &[u32]| {
        let at = file.windows(4).position(|w| w == kind).unwrap() + behind;
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_be_bytes()).collect();
        file[at..at + bytes.len()].copy_from_slice(&bytes);
    };
    put(b"stsz", 8, &[1, u32::MAX]);
    put(b"stts", 12, &[u32::MAX]);
    put(b"stsc", 16, &[u32::MAX]);
    let folder = common::Folder::new();
    folder.write("bomb.mp4", &file);
    survives(&folder.path("bomb.mp4"));
    let start = Instant::now();
    let (code, out, said) = folder.run(&["repair", "bomb.mp4", "-o", "out.mp4"]);
    assert!((0..=7).contains(&code), "{code}: {out}{said}");
    assert!(start.elapsed() < Duration::from_secs(10));
}

/// A fragment of runs that hold no table: together more samples than can be counted.
#[test]
fn runs_of_more_samples_than_can_be_counted() {
    let init = common::fragmented(1);
    let moof = init.windows(4).position(|w| w == b"moof").unwrap() - 4;
    let (mut traf, mut moof_box) = (Vec::new(), Vec::new());
    let boxed = |kind: &[u8; 4], payload: &[u8]| {
        let len = u32::try_from(payload.len() + 8).unwrap();
        [&len.to_be_bytes()[..], kind, payload].concat()
    };
    let words = |all: &[u32]| {
        all.iter()
            .flat_map(|v| v.to_be_bytes())
            .collect::<Vec<u8>>()
    };
    traf.extend(boxed(b"tfhd", &words(&[0x2_0018, 1, 1, 0])));
    for _ in 0..500 {
        traf.extend(boxed(b"trun", &words(&[0, 0x7fff_ffff])));
    }
    moof_box.extend(boxed(b"mfhd", &words(&[0, 1])));
    moof_box.extend(boxed(b"traf", &traf));
    let file = [
        &init[..moof],
        &boxed(b"moof", &moof_box),
        &boxed(b"mdat", &[0; 64]),
    ]
    .concat();
    let folder = common::Folder::new();
    folder.write("runs.mp4", &file);
    survives(&folder.path("runs.mp4"));
    let (code, out, said) = folder.run(&["repair", "runs.mp4", "-o", "out.mp4"]);
    assert!(
        (0..=7).contains(&code) && !said.contains("panicked"),
        "{code}: {out}{said}"
    );
}

#[test]
fn a_sparse_file_of_a_tebibyte() {
    let folder = common::Folder::new();
    let path = folder.path("sparse.mp4");
    folder.write(
        "sparse.mp4",
        &[&common::ftyp()[..], b"\0\0\0\0mdat"].concat(),
    );
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    file.set_len(1 << 40).unwrap();
    survives(&path);
    assert_eq!(inspect(&path, "--json").0, 5, "nothing in it but zeros");
}
