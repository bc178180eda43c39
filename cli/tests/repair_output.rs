//! Where `tapo repair` writes, what it refuses to write, and what it tells.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a panic is how a test fails"
)]

mod common;

use common::{run, tapo};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A folder with broken copies of a clip, and the clip itself.
struct Broken {
    dir: tempfile::TempDir,
    good: PathBuf,
    bytes: Vec<u8>,
}

impl Broken {
    fn new(names: &[&str]) -> Self {
        let good = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/h264_bframes_aac.mp4");
        let mut bytes = std::fs::read(&good).unwrap();
        let top = tapo_movie::read(&bytes).unwrap().top;
        let moov = top.iter().find(|b| b.kind == b"moov").unwrap().span;
        bytes.truncate(usize::try_from(moov.start).unwrap());
        let dir = tempfile::tempdir().unwrap();
        let broken = Self { dir, good, bytes };
        for name in names {
            broken.write(name, &broken.bytes);
        }
        broken
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    /// The files in it, those in folders left out.
    fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.dir.path()).unwrap();
        let entries = entries.map(|e| e.unwrap());
        let files = entries.filter(|e| e.path().is_file());
        let mut names: Vec<String> = files
            .map(|e| e.file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = tapo();
        command.current_dir(self.dir.path()).arg("repair");
        command.arg("--reference").arg(&self.good).args(args);
        command
    }

    fn repair(&self, args: &[&str]) -> (i32, String, String) {
        common::outcome(self.command(args).output().unwrap())
    }
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    let hash = Sha256::digest(bytes);
    hash.iter().map(|b| format!("{b:02x}")).collect()
}

fn lines(text: &str) -> Vec<serde_json::Value> {
    let lines = text.lines().map(|l| serde_json::from_str(l).unwrap());
    lines.collect()
}

#[test]
fn in_place_and_back() {
    let broken = Broken::new(&["a.mp4"]);
    let (code, out, said) = broken.repair(&["--in-place", "--dry-run", "a.mp4"]);
    assert_eq!((code, said.as_str()), (0, ""));
    assert!(out.contains("in place"), "{out}");
    assert_eq!(broken.read("a.mp4"), broken.bytes);
    for undo in ["repair", "finalize"] {
        let (code, out, said) = broken.repair(&["--in-place", "a.mp4"]);
        assert_eq!(code, 0, "{said}");
        assert!(out.contains("tapo repair --undo a.mp4"), "{out}");
        let a = broken.path("a.mp4");
        let a = a.to_str().unwrap();
        assert_eq!(run(["inspect", a]).0, 0);
        let (code, out, _) = broken.repair(&["--in-place", "a.mp4"]);
        assert_eq!(code, 0);
        assert!(out.contains("nothing to repair"), "{out}");
        let (code, out, said) = run([undo, "--undo", a]);
        assert_eq!(code, 0, "{said}");
        assert!(out.contains("original bytes"), "{out}");
        assert!(broken.read("a.mp4") == broken.bytes);
        let (code, _, said) = run([undo, "--undo", a]);
        assert_eq!(code, if undo == "repair" { 2 } else { 4 }, "{said}");
        assert!(broken.read("a.mp4") == broken.bytes);
    }
    assert_eq!(broken.files(), ["a.mp4"]);
    for wrong in [
        ["--in-place", "-o", "b.mp4"],
        ["--undo", "-o", "b.mp4"],
        ["--undo", "--gaps", "close"],
    ] {
        let (code, ..) = broken.repair(&[&wrong[..], &["a.mp4"]].concat());
        assert_eq!(code, 2, "{wrong:?}");
    }
}

#[test]
fn in_place_is_refused_where_it_cannot_be_undone() {
    let broken = Broken::new(&[]);
    broken.write("a.mp4", &broken.bytes[4096..]);
    let (code, _, said) = broken.repair(&["--in-place", "a.mp4"]);
    assert_eq!(code, 7, "{said}");
    assert!(said.contains("the head of the file is lost"), "{said}");
    assert!(said.contains("without --in-place"), "{said}");
    assert!(broken.read("a.mp4") == broken.bytes[4096..]);
}

#[test]
fn a_file_that_is_recorded_is_left_alone() {
    let broken = Broken::new(&["a.mp4"]);
    let recorder = std::fs::File::open(broken.path("a.mp4")).unwrap();
    recorder.lock().unwrap();
    for args in [
        &["a.mp4"][..],
        &["--in-place", "a.mp4"],
        &["--dry-run", "a.mp4"],
    ] {
        let (code, _, said) = broken.repair(args);
        assert_eq!(code, 7, "{said}");
        assert!(said.contains("in use by"), "{said}");
        if Path::new("/proc/locks").exists() {
            let pid = std::process::id().to_string();
            assert!(said.contains(&pid), "{said}");
        }
    }
    let a = broken.path("a.mp4");
    let (code, ..) = run(["repair", "--undo", a.to_str().unwrap()]);
    assert_eq!(code, 7);
    assert_eq!(broken.files(), ["a.mp4"]);
}

#[test]
fn nothing_is_written_over_what_it_is_made_from() {
    let broken = Broken::new(&["a.mp4"]);
    let good = std::fs::read(&broken.good).unwrap();
    broken.write("good.mp4", &good);
    broken.write("old.mp4", b"old");
    let reference = ["-r", "good.mp4"];
    for (args, code, words) in [
        (&["-o", "a.mp4"][..], 7, "is the broken file"),
        (&["-o", "./a.mp4", "--force"], 7, "is the broken file"),
        (&["-o", "good.mp4", "--force"], 7, "is a reference"),
        (&["-o", "old.mp4"], 7, "already exists"),
        (&["-o", "missing/b.mp4"], 1, "there is no folder missing"),
        (&["--report", "a.mp4", "--force"], 7, "is a broken file"),
        (&["--report", "good.mp4", "--force"], 7, "or a reference"),
        (&["--report", "old.mp4"], 7, "already exists"),
        (&["--report", "a.repaired.mp4"], 2, "is the output as well"),
        (
            &["-o", "b.mp4", "--report", "./b.mp4"],
            2,
            "is the output as well",
        ),
    ] {
        let args = [&reference, args, &["a.mp4"]].concat();
        let (got, _, said) = broken.repair(&args);
        assert_eq!(got, code, "{args:?} {said}");
        assert!(said.contains(words), "{args:?} {said}");
        assert_eq!(broken.files(), ["a.mp4", "good.mp4", "old.mp4"], "{args:?}");
        assert_eq!(broken.read("old.mp4"), b"old");
        assert!(broken.read("a.mp4") == broken.bytes && broken.read("good.mp4") == good);
    }
    let (code, ..) = broken.repair(&["-r", "good.mp4", "-o", "old.mp4", "--force", "a.mp4"]);
    assert_eq!(code, 0);
    assert_ne!(broken.read("old.mp4"), b"old");
}

#[test]
fn a_folder_takes_many() {
    let broken = Broken::new(&["x/a.mp4", "y/a.mp4", "b.mp4"]);
    std::fs::create_dir(broken.path("out")).unwrap();
    let args = [
        "-o",
        "out",
        "--json",
        "x/a.mp4",
        "b.mp4",
        "y/a.mp4",
        "x/../b.mp4",
    ];
    for jobs in ["1", "3"] {
        let (code, out, said) = broken.repair(&[&["-j", jobs, "--force"], &args[..]].concat());
        assert_eq!(code, 7, "{said}");
        let told = lines(&out);
        let paths: Vec<&str> = told.iter().map(|l| l["path"].as_str().unwrap()).collect();
        assert_eq!(paths, ["x/a.mp4", "b.mp4", "y/a.mp4", "x/../b.mp4"]);
        assert_eq!(told[0]["output"], "out/a.repaired.mp4");
        assert_eq!(told[1]["complete"], true);
        assert!(told[2]["error"].as_str().unwrap().contains("as x/a.mp4 is"));
        assert!(told[3]["error"].as_str().unwrap().contains("named twice"));
        let out = std::fs::read_dir(broken.path("out")).unwrap().count();
        assert_eq!(out, 2);
    }
    let (code, _, said) = broken.repair(&["-o", "one.mp4", "x/a.mp4", "b.mp4"]);
    assert_eq!(code, 2, "{said}");
    // The output of one is another of the broken files.
    broken.write("b.repaired.mp4", &broken.bytes);
    let (code, _, said) = broken.repair(&["--force", "b.mp4", "b.repaired.mp4"]);
    assert_eq!(code, 7, "{said}");
    assert!(said.contains("one of the broken files"), "{said}");
    assert!(broken.read("b.repaired.mp4") == broken.bytes);
    assert!(broken.path("b.repaired.repaired.mp4").is_file());
}

#[test]
fn one_bad_file_never_stops_the_rest() {
    let broken = Broken::new(&["a.mp4", "c.mp4"]);
    broken.write("empty.mp4", b"");
    let args = [
        "-j",
        "2",
        "--json",
        "--report",
        "r.json",
        "empty.mp4",
        "a.mp4",
        "no.mp4",
        "c.mp4",
    ];
    let (code, out, said) = broken.repair(&args);
    assert_eq!(code, 1, "{said}");
    let told = lines(&out);
    assert!(told.iter().all(|l| l["schema"] == "tapo.repair/1"));
    let failed: Vec<bool> = told.iter().map(|l| l["error"].is_string()).collect();
    assert_eq!(failed, [true, false, true, false]);
    assert_eq!(String::from_utf8(broken.read("r.json")).unwrap(), out);
}

#[test]
fn a_report_stands_beside_the_words() {
    let broken = Broken::new(&["a.mp4"]);
    let hole = broken.bytes.len() / 2;
    let mut bytes = broken.bytes.clone();
    bytes[hole..hole + 3000].fill(0);
    bytes.extend([0; 4000]);
    broken.write("a.mp4", &bytes);
    let (code, out, said) = broken.repair(&["--hash", "--report", "r.json", "a.mp4"]);
    assert_eq!((code, said.as_str()), (3, ""));
    assert!(
        out.contains("recovered in part") && out.contains("SHA-256"),
        "{out}"
    );
    let told = &lines(&String::from_utf8(broken.read("r.json")).unwrap())[0];
    assert_eq!(told["sha256"]["input"], sha256(&bytes));
    assert_eq!(
        told["sha256"]["output"],
        sha256(&broken.read("a.repaired.mp4"))
    );
    assert!(broken.read("a.mp4") == bytes);
    assert_eq!(told["complete"], false);
    let mut at = 0;
    for entry in told["ledger"].as_array().unwrap() {
        assert_eq!(entry["start"], at);
        at = entry["end"].as_u64().unwrap();
    }
    assert_eq!(at, bytes.len() as u64);
    let ledger = told["ledger"].as_array().unwrap();
    let zeros = ledger.iter().filter(|e| e["what"] == "zeros").count();
    assert_eq!(zeros, 2, "{ledger:?}");
    for track in told["tracks"].as_array().unwrap() {
        let samples = track["samples"].as_u64().unwrap();
        let stretches = track["stretches"].as_array().unwrap();
        let sum: u64 = stretches
            .iter()
            .map(|s| s["samples"].as_u64().unwrap())
            .sum();
        assert_eq!(sum, samples);
        assert!(track["guessed_seconds"].is_number() && track["damaged"].is_array());
    }
    assert!(!told["gaps"].as_array().unwrap().is_empty());
    let (code, _, said) = broken.repair(&["--force", "--report", "r.json", "a.mp4"]);
    assert_eq!(code, 3, "{said}");
}

#[test]
fn a_dry_run_says_what_would_be_and_writes_nothing() {
    let broken = Broken::new(&["a.mp4"]);
    let would = ["--dry-run", "--hash", "--json", "a.mp4"];
    let (code, out, said) = broken.repair(&would);
    assert_eq!((code, said.as_str()), (0, ""));
    assert_eq!(broken.files(), ["a.mp4"]);
    let would = &lines(&out)[0];
    assert!(would["output"].is_null());
    let (_, out, _) = broken.repair(&["--hash", "--json", "a.mp4"]);
    let done = &lines(&out)[0];
    for field in ["target", "size", "sha256", "tracks", "ledger", "in_place"] {
        assert_eq!(would[field], done[field], "{field}");
    }
    assert_eq!(done["output"], done["target"]);
    let (code, ..) = broken.repair(&["--dry-run", "a.mp4"]);
    assert_eq!(code, 7, "it would be refused");
}

#[test]
fn quiet_says_nothing_and_no_name_gets_out_raw() {
    let name = "a\u{1b}[2Jb.mp4";
    let broken = Broken::new(&[name]);
    assert_eq!(
        broken.repair(&["--quiet", name]),
        (0, String::new(), String::new())
    );
    for args in [
        &["--force", name][..],
        &["--force", "--json", name],
        &[name, name],
    ] {
        let (_, out, said) = broken.repair(args);
        assert!(!(out + &said).contains('\u{1b}'), "{args:?}");
    }
}

#[test]
fn ctrl_c_leaves_whole_files_and_no_others() {
    let names: Vec<String> = (0..120).map(|i| format!("{i}.mp4")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let broken = Broken::new(&names);
    let mut command = broken.command(&["--json", "-j", "2"]);
    command
        .args(&names)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut text = String::new();
    out.read_line(&mut text).unwrap();
    let pid = child.id().to_string();
    let kill = Command::new("kill").args(["-INT", &pid]).status().unwrap();
    assert!(kill.success());
    out.read_to_string(&mut text).unwrap();
    let mut said = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{said}");
    let told = lines(&text);
    assert_eq!(told.len(), names.len(), "each is told");
    let done = told.iter().filter(|l| l["output"].is_string()).count();
    assert!((1..names.len()).contains(&done), "{done}");
    let files = broken.files();
    assert!(!files.iter().any(|f| f.ends_with(".tmp")), "{files:?}");
    assert_eq!(files.len(), names.len() + done);
}

#[test]
fn a_full_disk_leaves_nothing() {
    let broken = Broken::new(&["a.mp4"]);
    let small = broken.path("small");
    std::fs::create_dir(&small).unwrap();
    let mount = |args: &[&str]| {
        let done = Command::new(args[0]).args(&args[1..]).arg(&small).output();
        done.is_ok_and(|d| d.status.success())
    };
    if !mount(&["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs"]) {
        println!("skipped: no small disk can be mounted");
        return;
    }
    let part = &broken.bytes[..40_000];
    std::fs::write(small.join("b.mp4"), part).unwrap();
    let mut rest = std::fs::File::create(small.join("rest")).unwrap();
    while rest.write_all(&[1; 4096]).is_ok() {}
    // An open file would keep it from being unmounted.
    drop(rest);
    let mut outcomes = Vec::new();
    for args in [
        &["-o", "small", "a.mp4"][..],
        &["-o", "small", "--hash", "a.mp4"],
        &["--in-place", "small/b.mp4"],
    ] {
        outcomes.push(broken.repair(args));
    }
    let names = std::fs::read_dir(&small).unwrap().count();
    let kept = std::fs::read(small.join("b.mp4")).unwrap();
    assert!(mount(&["umount"]));
    for (code, _, said) in outcomes {
        assert_eq!(code, 1, "{said}");
        assert!(said.contains("No space left"), "{said}");
    }
    assert_eq!(names, 2);
    assert!(kept == part);
}
