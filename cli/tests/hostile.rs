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
