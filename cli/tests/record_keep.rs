//! Recording on a disk that is full: the oldest recordings make room, and what must
//! stay does.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a panic is how a test fails"
)]

mod common;

use common::{Folder, tapo};
use serde_json::Value;
use std::path::PathBuf;
use std::process::{Command, Output};

/// Runs a script with a disk of `kib` at `disk`, in a namespace of its own; `None` where the system lets
/// nobody make one.
fn on_a_small_disk(folder: &Folder, kib: u32, script: &str) -> Option<Output> {
    std::fs::create_dir(folder.path("disk")).unwrap();
    let mount = format!("mount -t tmpfs -o size={kib}k tapo disk || exit 99\n");
    let run = |script: &str| {
        Command::new("unshare")
            .args(["-rm", "sh", "-c", script])
            .env("TAPO", tapo().get_program())
            .env("NO_COLOR", "1")
            .current_dir(folder.path(""))
            .output()
    };
    if !run(&mount).is_ok_and(|o| o.status.success()) {
        println!("skipped: no tmpfs of its own (unshare -rm)");
        return None;
    }
    Some(run(&format!("{mount}{script}")).unwrap())
}

fn events(out: &[u8]) -> Vec<Value> {
    let text = String::from_utf8(out.to_vec()).unwrap();
    let lines = text.lines().filter(|line| line.starts_with('{'));
    lines.map(|l| serde_json::from_str(l).unwrap()).collect()
}

#[test]
fn a_protected_file_is_replaced_by_nothing() {
    let folder = Folder::new();
    let file = folder.path("a.mp4");
    let record = |more: &[&str]| {
        let args = ["record", "--demo", "--duration", "1s", "-o"];
        let done = tapo().args(args).arg(&file).args(more).output().unwrap();
        (
            done.status.code(),
            String::from_utf8_lossy(&done.stderr).into_owned(),
        )
    };
    assert_eq!(record(&[]).0, Some(0));
    let protect = |more: &[&str]| {
        let done = tapo().arg("protect").arg(&file).args(more).output();
        assert!(done.unwrap().status.success());
    };
    protect(&[]);
    let before = std::fs::read(&file).unwrap();
    let (code, said) = record(&["--force"]);
    assert!(said.contains("is protected"), "{said}");
    assert_eq!(code, Some(7));
    let cut = &before[..before.len() - 5000];
    for (verb, bytes) in [("finalize", &before[..]), ("repair", cut)] {
        let source = folder.path("b.mp4");
        std::fs::write(&source, bytes).unwrap();
        let mut command = tapo();
        command.arg(verb).arg(&source).arg("-o").arg(&file);
        let done = command.arg("--force").output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(7), "{verb}: {said}");
    }
    assert_eq!(std::fs::read(&file).unwrap(), before);
    protect(&["--undo"]);
    assert_eq!(record(&["--force"]).0, Some(0));
}

#[test]
fn more_than_the_disk_has_cannot_be_kept_free() {
    let folder = Folder::new();
    let args = ["record", "--demo", "--keep-free", "9000TB", "-o"];
    let done = tapo().args(args).arg(folder.path("new/out")).output();
    let done = done.unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(2), "{said}");
    assert!(said.contains("cannot be kept free"), "{said}");
    assert!(!folder.path("new").exists());
}

#[test]
fn a_limit_on_the_size_of_files_is_a_failed_write() {
    let folder = Folder::new();
    // In units of 512 bytes; the kernel sends SIGXFSZ, which ends whoever does not expect it.
    let script = r#"
        "$TAPO" record --demo --duration 3s -o whole.mp4 || exit 98
        ulimit -f 100
        "$TAPO" finalize --undo whole.mp4 -o open.mp4; echo "$?"
        "$TAPO" record --demo --duration 3s -o limited --segment 1s; echo "$?"
    "#;
    let run = Command::new("sh")
        .args(["-c", script])
        .env("TAPO", tapo().get_program())
        .env("NO_COLOR", "1")
        .current_dir(folder.path(""))
        .output();
    let run = run.unwrap();
    let (out, said) = (
        String::from_utf8_lossy(&run.stdout),
        String::from_utf8_lossy(&run.stderr),
    );
    assert!(run.status.success(), "{out}{said}");
    assert!(said.contains("too large"), "{said}");
    assert!(!folder.path("open.mp4").exists());
}

#[test]
fn a_full_disk_costs_the_oldest_recordings_and_nothing_else() {
    let folder = Folder::new();
    // Three files are there and one of them is protected; then a foreign file fills the disk.
    let script = r#"
        record() { "$TAPO" record --demo -o disk --name '%s' --segment 1s --json "$@"; }
        record --duration 5s > first || exit 98
        set -- disk/*.mp4
        protected=$1
        "$TAPO" protect "$protected" || exit 97
        sha256sum "$@" > sums
        dd if=/dev/zero of=disk/foreign bs=1024 count=4096 2> /dev/null
        record --duration 4s --keep-free 0
        echo "$?" > code
        sha256sum "$protected"
        stat -c %s disk/foreign
        "$TAPO" inspect --json disk > inspected
        echo "$?" >> code
        ls disk > names
    "#;
    let Some(done) = on_a_small_disk(&folder, 1024, script) else {
        return;
    };
    let err = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success(), "{err}");
    let read = |name: &str| std::fs::read_to_string(folder.path(name)).unwrap();
    let events = events(&done.stdout);
    let of = |kind: &str| -> Vec<&Value> {
        let of = events.iter().filter(|e| e["event"] == kind);
        of.collect()
    };
    let removed: Vec<PathBuf> = of("removed")
        .iter()
        .map(|e| e["path"].as_str().unwrap().into())
        .collect();
    assert!(!removed.is_empty(), "{events:?} {err}");
    assert!(
        of("removed")
            .iter()
            .all(|e| e["text"] == "the disk is full")
    );
    assert_eq!(read("code"), "0\n0\n", "{events:?} {err}");
    // Nothing was lost, and no file ended for the disk's sake.
    let last = events.last().unwrap();
    assert_eq!(last["event"], "recorded");
    assert!(last["duration_s"].as_f64().unwrap() >= 3.9, "{last}");
    assert!(of("notice").is_empty(), "{events:?}");
    assert!(of("closed").iter().all(|e| e["text"].is_null()));
    // The oldest that may go went, in order; the protected one and the foreign one are as they were.
    let sums = read("sums");
    let (hash, first) = sums.lines().next().unwrap().split_once("  ").unwrap();
    assert!(!removed.contains(&first.into()), "{removed:?}");
    assert!(String::from_utf8_lossy(&done.stdout).contains(hash));
    assert!(removed.is_sorted(), "{removed:?}");
    assert!(read("names").contains("foreign"));
}

#[test]
fn a_file_is_protected_and_may_go_again() {
    let folder = Folder::new();
    folder.write("a.mp4", b"x");
    let may_write = || {
        let meta = std::fs::metadata(folder.path("a.mp4")).unwrap();
        !meta.permissions().readonly()
    };
    for (args, said, writable) in [
        (&["protect", "a.mp4"][..], "a.mp4: protected", false),
        (&["protect", "a.mp4"], "was protected already", false),
        (
            &["protect", "--undo", "a.mp4"],
            "not protected any more",
            true,
        ),
        (&["protect", "--undo", "a.mp4"], "was not protected", true),
    ] {
        let (code, out, err) = folder.run(args);
        assert_eq!((code, may_write()), (0, writable), "{args:?}");
        assert!(format!("{out}{err}").contains(said), "{out}{err}");
    }
    assert_eq!(folder.run(&["protect", "none.mp4", "a.mp4"]).0, 1);
    assert!(!may_write());
    // What is written is nobody else's to protect.
    let file = std::fs::File::open(folder.path("a.mp4")).unwrap();
    let lock = tapo_io::Lock::exclusive(&file, &folder.path("a.mp4")).unwrap();
    assert_eq!(folder.run(&["protect", "a.mp4"]).0, 7);
    drop(lock);
}
