//! `tapo repair` on files made to break parsers: each ends with the exit code and
//! the words of the table, as the broken file and as the reference.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    reason = "a panic is how a test fails"
)]

mod bad;
mod common;

use bad::table::{EITHER, End, Row, TABLE};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// Runs `tapo repair` with 1 GiB of address space in a folder.
fn repair(folder: &Path, args: &[&str]) -> (i32, String, Duration) {
    let start = Instant::now();
    let output = Command::new("sh")
        .args(["-c", "ulimit -v 1048576; exec \"$@\"", "sh"])
        .args([env!("CARGO_BIN_EXE_tapo"), "repair"])
        .args(args)
        .env("NO_COLOR", "1")
        .current_dir(folder)
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.code().unwrap_or(-1),
        String::from_utf8_lossy(&text).into_owned(),
        start.elapsed(),
    )
}

/// What a run lacks of its promise.
fn judge(end: End, args: &[&str], folder: &Path) -> Option<String> {
    let sources: Vec<Vec<u8>> = read_all(folder);
    let (code, text, time) = repair(folder, args);
    let mut wrong = Vec::new();
    let as_told = match end.0 {
        EITHER => code == 0 || code == 3,
        told => code == told,
    };
    if !as_told || !text.contains(end.1) {
        wrong.push(format!("should be {end:?}"));
    }
    if code != 0 && code != 3 && folder.join("out.mp4").exists() {
        wrong.push("left an output".to_owned());
    }
    if text.chars().any(|c| c.is_control() && c != '\n') {
        wrong.push("control characters".to_owned());
    }
    if time > Duration::from_secs(10) {
        wrong.push(format!("{time:?}"));
    }
    let _ = std::fs::remove_file(folder.join("out.mp4"));
    if sources != read_all(folder) {
        wrong.push("a source has changed".to_owned());
    }
    (!wrong.is_empty()).then(|| format!("{args:?}: {}: {code}, {text}", wrong.join(", ")))
}

/// The files of a folder, but for those of unusual length.
fn read_all(folder: &Path) -> Vec<Vec<u8>> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|e| e.unwrap().path()).collect();
    files.sort();
    files.retain(|f| f.metadata().unwrap().len() < 1 << 30);
    files.iter().map(|f| std::fs::read(f).unwrap()).collect()
}

/// Runs a row; what is wrong goes to `failures`.
fn run(row: &Row, write: impl Fn(&Path), good: &[u8], cut: &[u8], failures: &mut Vec<String>) {
    let Row(name, referenced, alone, reference) = row;
    let name = format!("{name}.mp4");
    let with = |files: &[(&str, &[u8])]| {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            std::fs::write(folder.path().join(name), bytes).unwrap();
        }
        write(&folder.path().join(&name));
        folder
    };
    let folder = with(&[("good.mp4", good)]);
    let args = ["-r", "good.mp4", "-o", "out.mp4", &name];
    failures.extend(judge(*referenced, &args, folder.path()));
    let folder = with(&[]);
    failures.extend(judge(*alone, &["-o", "out.mp4", &name], folder.path()));
    let folder = with(&[("broken.mp4", cut)]);
    let args = ["-r", &name, "-o", "out.mp4", "broken.mp4"];
    failures.extend(judge(*reference, &args, folder.path()));
}

#[test]
fn each_bad_file_ends_as_the_table_says() {
    let (good, cut) = (bad::plain(), bad::without_index());
    let mut failures = Vec::new();
    let files = bad::files();
    assert_eq!(files.len(), TABLE.len());
    for file in &files {
        let row = TABLE.iter().find(|row| row.0 == file.name);
        let row = row.unwrap_or_else(|| panic!("{} is not in the table", file.name));
        run(row, |path| file.write(path), &good, &cut, &mut failures);
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// The set that others made by the same recipe, where it is on this machine:
/// beside `TAPO_CORPUS`, as a script.
#[test]
fn the_set_of_others_ends_as_the_table_says() {
    let Some(corpus) = std::env::var_os("TAPO_CORPUS") else {
        println!("skipped: TAPO_CORPUS not set");
        return;
    };
    let script = Path::new(&corpus).join("../tools/make_bad_inputs.py");
    let made = tempfile::tempdir().unwrap();
    let ran = Command::new("python3")
        .arg(&script)
        .arg(made.path())
        .output();
    if !script.exists() || !ran.is_ok_and(|o| o.status.success()) {
        println!("skipped: {} does not run", script.display());
        return;
    }
    let file = |name: &str| made.path().join(format!("{name}.mp4"));
    let good = std::fs::read(file("00_control")).unwrap();
    let cut = std::fs::read(file("46_no_moov")).unwrap();
    let mut failures = Vec::new();
    for row in TABLE {
        let place = |path: &Path| match row.0 {
            // A copy would be as large as it looks.
            "81_sparse_1TiB" => std::fs::rename(file(row.0), path)
                .or_else(|_| {
                    let sparse = std::fs::File::create(path)?;
                    let head = &std::fs::read(file("08_size1_int63"))?[..48];
                    std::io::Write::write_all(&mut &sparse, head)?;
                    sparse.set_len(1 << 40)
                })
                .unwrap(),
            _ => drop(std::fs::copy(file(row.0), path).unwrap()),
        };
        run(row, place, &good, &cut, &mut failures);
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
