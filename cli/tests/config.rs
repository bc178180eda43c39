//! The configuration file of `tapo record`: written, checked, refused.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a panic is how a test fails"
)]

mod common;

use common::{Folder, tapo};
use serde_json::Value;

/// Exit code, standard output and standard error.
fn run(folder: &Folder, args: &[&str]) -> (i32, String, String) {
    let done = tapo().args(args).current_dir(folder.path("")).output();
    let done = done.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let code = done.status.code().unwrap();
    (code, text(done.stdout), text(done.stderr))
}

const CHECK: [&str; 4] = ["record", "--check-config", "--config", "cameras.toml"];

#[test]
fn a_pattern_that_repeats_itself_is_told_and_none_is_refused() {
    let folder = Folder::new();
    let check = ["record", "--check-config", "--config", "cameras.toml"];
    for (pattern, told) in [("%H-%M-%S", true), ("%Y-%m-%d_%H-%M-%S", false)] {
        let camera = "[[camera]]\nname = \"yard\"\nurl = \"rtsp://127.0.0.1:9/1\"\n";
        let config = format!("{camera}pattern = \"{pattern}\"\n");
        folder.write("cameras.toml", config.as_bytes());
        let (code, _, said) = folder.run(&check);
        assert_eq!(
            (code, said.contains("yard: the name pattern")),
            (0, told),
            "{said}"
        );
    }
}

#[test]
fn a_new_file_is_right_and_is_not_replaced() {
    let folder = Folder::new();
    let (code, _, said) = run(&folder, &["init"]);
    assert_eq!(code, 0, "{said}");
    let (code, out, said) = run(&folder, &CHECK);
    assert_eq!((code, said.as_str()), (0, ""));
    let to = "recordings/yard";
    assert_eq!(
        out,
        format!("yard: from rtsp://192.168.1.20/stream1 to {to}\n")
    );
    std::fs::write(folder.path("cameras.toml"), "mine").unwrap();
    assert_eq!(run(&folder, &["init"]).0, 7);
    let kept = std::fs::read(folder.path("cameras.toml")).unwrap();
    assert_eq!(kept, b"mine");
    assert_eq!(run(&folder, &["init", "--force"]).0, 0);
    let (code, out, _) = run(&folder, &["init", "-"]);
    let written = std::fs::read_to_string(folder.path("cameras.toml")).unwrap();
    assert_eq!((code, out), (0, written));
}

#[test]
fn what_is_wrong_is_told_with_its_line_and_nothing_is_recorded() {
    let folder = Folder::new();
    let camera = "[[camera]]\nname = \"yard\"\nurl = \"rtsp://admin:hunter2@127.0.0.1:9/1\"\n";
    for (more, line) in [
        ("colour = 1\n", 4),
        ("\nsegment = \"10ms\"\n", 5),
        ("keep_size = \"1\"\n", 4),
        (camera, 5),
    ] {
        std::fs::write(folder.path("cameras.toml"), format!("{camera}{more}")).unwrap();
        let (code, out, said) = run(&folder, &CHECK);
        assert_eq!((code, out.as_str()), (2, ""), "{more}");
        let at = format!("cameras.toml:{line}:");
        assert!(said.contains(&at), "{more}: {said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
    std::fs::write(folder.path("cameras.toml"), camera).unwrap();
    let (code, out, _) = run(&folder, &[&CHECK[..], &["--json"]].concat());
    let told: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &told["event"]), (0, &Value::from("camera")));
    assert!(!out.contains("hunter2"), "{out}");
    assert!(!folder.path("recordings").exists());
}
