//! `tapo record` on a disk that is too slow, and on one that is small.

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
use std::process::Command;

fn events(out: &[u8]) -> Vec<Value> {
    let text = String::from_utf8(out.to_vec()).unwrap();
    let lines = text.lines().filter(|line| line.starts_with('{'));
    lines.map(|l| serde_json::from_str(l).unwrap()).collect()
}

/// Two syncs take as long as on a card that is dying.
#[test]
fn what_a_slow_disk_does_not_take_is_left_out_and_counted_and_the_rest_plays() {
    let folder = Folder::new();
    let slow = Command::new("strace")
        .args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync"])
        .args(["-e", "inject=fdatasync:delay_exit=3000000:when=3..4"])
        .arg(tapo().get_program())
        .args([
            "record", "--demo", "--json", "-o", "out", "--queue", "200kB",
        ])
        .args(["--segment", "60s", "--duration", "10s"])
        .current_dir(folder.path(""))
        .output();
    let Ok(done) = slow else {
        println!("skipped: no strace");
        return;
    };
    let err = String::from_utf8_lossy(&done.stderr).into_owned();
    if err.contains("ptrace") {
        println!("skipped: strace may not trace");
        return;
    }
    let events = events(&done.stdout);
    let noticed = |words: &str| {
        let texts = events.iter().filter(|e| e["event"] == "notice");
        texts
            .filter_map(|e| e["text"].as_str())
            .any(|text| text.contains(words))
    };
    assert!(
        noticed("too slow") && noticed("were left out"),
        "{events:#?} {err}"
    );
    let dropped = events
        .iter()
        .filter_map(|e| e["dropped_frames"].as_u64())
        .max();
    assert!(dropped.unwrap() >= 15, "{dropped:?}");
    let closed = events.iter().filter(|e| e["event"] == "closed");
    assert!(closed.count() > 1, "a gap begins a new file");
    // No picture stands for long: there is a gap between files, not in them.
    let (code, out, said) = folder.run(&["inspect", "--json", "out"]);
    assert_eq!(code, 0, "{out}{said}");
}

/// A minute of this at full length: docs/measure/small_disk.py.
#[test]
fn cameras_that_fill_a_small_disk_keep_its_floor_and_what_is_protected() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("disk")).unwrap();
    let clip = concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/demo.mp4");
    // Three cameras of 35 kB/s on 2 MiB, half a megabyte of which is to be free.
    let script = r#"
        mount -t tmpfs -o size=2m tapo disk || exit 99
        "$TAPO" camera --port 0 --json "$CLIP" > camera & camera=$!
        until grep -q url camera 2> /dev/null; do sleep 0.05; done
        url=$(sed 's/.*"url":"\([^"]*\)".*/\1/' camera)
        printf '[defaults]\nsegment = "1s"\nkeep_free = "500kB"\npattern = "%%s"\n' > cameras.toml
        for name in a b c; do
            printf '[[camera]]\nname = "%s"\nurl = "%s"\n' "$name" "$url" >> cameras.toml
        done
        "$TAPO" record --config cameras.toml -o disk --json > events & record=$!
        until [ "$(ls disk/a 2> /dev/null | wc -l)" -ge 2 ]; do sleep 0.1; done
        set -- disk/a/*.mp4
        "$TAPO" protect "$1" || exit 97
        protected=$1; before=$(sha256sum "$1")
        lowest=99999999; n=0
        while [ "$n" -lt 140 ]; do
            sleep 0.1; n=$((n + 1))
            free=$(($(stat -f -c '%a * %S' disk)))
            [ "$free" -lt "$lowest" ] && lowest=$free
            kill -0 "$record" || exit 96
        done
        kill -TERM "$record"; wait "$record" || exit 95
        kill "$camera"
        [ "$before" = "$(sha256sum "$protected")" ] || exit 94
        "$TAPO" inspect -q disk || exit 93
        echo "$lowest"
    "#;
    let run = Command::new("unshare")
        .args(["-rm", "sh", "-c", script])
        .env("TAPO", tapo().get_program())
        .env("CLIP", clip)
        .env("NO_COLOR", "1")
        .current_dir(folder.path(""))
        .output();
    let Ok(done) = run else {
        println!("skipped: no unshare");
        return;
    };
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    if done.status.code() == Some(99) || said.contains("unshare failed") {
        println!("skipped: no tmpfs of its own (unshare -rm)");
        return;
    }
    assert!(done.status.success(), "{:?}: {said}", done.status.code());
    let out = String::from_utf8(done.stdout).unwrap();
    let lowest: u64 = out.lines().last().unwrap().parse().unwrap();
    let events = events(&std::fs::read(folder.path("events")).unwrap());
    let closed = || events.iter().filter(|e| e["event"] == "closed");
    let largest = closed()
        .map(|e| e["bytes"].as_u64().unwrap())
        .max()
        .unwrap();
    assert!(lowest + largest >= 500_000, "{lowest} {largest}");
    let removed = events.iter().filter(|e| e["event"] == "removed").count();
    assert!(removed > 3, "{removed}");
    assert!(closed().all(|e| e["finalized"] == true && e["text"].is_null()));
    let notices: Vec<_> = events.iter().filter(|e| e["event"] == "notice").collect();
    assert!(notices.is_empty(), "{notices:?}");
}
