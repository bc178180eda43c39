//! `tapo record --config`: read again while it records.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a panic is how a test fails"
)]

mod common;

use common::{Camera, Events, Folder, signal};

fn config(folder: &Folder, cameras: &[(&str, &str, &str)]) {
    let table = |(name, url, more): &(&str, &str, &str)| {
        format!("[[camera]]\nname = \"{name}\"\nurl = \"{url}\"\n{more}\n")
    };
    let text: String = cameras.iter().map(table).collect();
    let text = format!("[defaults]\nusername = \"ann\"\npassword_env = \"SECRET\"\n{text}");
    folder.write("cameras.toml", text.as_bytes());
}

#[test]
fn only_cameras_whose_settings_changed_are_touched() {
    let folder = Folder::new();
    let camera = Camera::start(&folder);
    let url = camera.url.as_str();
    let four = |b, e| [("a", url, ""), ("b", url, b), ("c", url, ""), ("e", url, e)];
    config(&folder, &four("", ""));
    let mut record = folder.command(&["record", "--config", "cameras.toml", "--json", "-o", "out"]);
    let mut events = Events::of(record.env("SECRET", "hunter2"));
    for _ in 0..4 {
        events.until(|e| e["event"] == "opened");
    }

    // A wrong file changes nothing.
    folder.write("cameras.toml", b"[[camera]]\nname = 1\n");
    signal(&events.child, "-HUP");
    let told = events.until(|e| e["event"] == "reloaded");
    let why = told["text"].as_str().unwrap();
    assert!(why.contains("cameras.toml:2:"), "{why}");

    config(
        &folder,
        &[
            ("a", url, ""),
            ("b", url, "stall = \"9s\""),
            ("d", url, ""),
            (
                "e",
                url,
                "keep_size = \"1GB\"\nplaylist = true\nsync = \"off\"",
            ),
        ],
    );
    signal(&events.child, "-HUP");
    let told = events.until(|e| e["event"] == "reloaded");
    for (what, name) in [
        ("begun", "d"),
        ("changed", "b"),
        ("adjusted", "e"),
        ("ended", "c"),
        ("unchanged", "a"),
    ] {
        assert_eq!(told[what], serde_json::json!([name]), "{told}");
    }
    let (mut opened, mut gap) = ([false; 2], 0.0);
    while opened != [true; 2] {
        let event = events.until(|e| e["event"] == "opened" || e["event"] == "gap");
        let camera = event["camera"].as_str().unwrap();
        assert!(["b", "d"].contains(&camera), "{event}");
        if event["event"] == "gap" {
            assert_eq!(camera, "b");
            gap = event["duration_s"].as_f64().unwrap();
        } else {
            opened[usize::from(camera == "d")] = true;
        }
    }
    // What the change cost is told, and stands in the file.
    assert!(gap > 0.0 && gap < 20.0, "{gap}");
    signal(&events.child, "-TERM");
    let (code, rest, said) = events.end();
    assert_eq!(code, 0, "{said}");
    let files = |name: &str| {
        let of = |e: &&serde_json::Value| e["event"] == "recorded" && e["camera"] == name;
        let counts = rest
            .iter()
            .filter(of)
            .map(|e| e["segments"].as_u64().unwrap());
        counts.collect::<Vec<_>>()
    };
    // One file of the one that went on, over all of the time.
    assert_eq!(
        (files("a"), files("b"), files("c"), files("d")),
        (vec![1], vec![1, 1], vec![1], vec![1])
    );
    assert_eq!(files("e"), [1]);
    let mut stamped = Vec::new();
    for file in mp4s(&folder.path("out").join("b")) {
        let (_, out, _) = folder.run(&["inspect", "--boxes", file.to_str().unwrap()]);
        stamped.push(out);
    }
    let told = stamped.iter().filter(|out| out.contains("missing_ns"));
    assert_eq!(told.count(), 1, "{stamped:#?}");
    assert!(!said.contains("hunter2"), "{said}");
    assert_eq!(folder.run(&["inspect", "-q", "out"]).0, 0);
}

fn mp4s(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(mp4s(&path));
        } else if path.extension().is_some_and(|e| e == "mp4") {
            found.push(path);
        }
    }
    found
}

#[test]
fn two_cameras_in_one_folder_are_refused() {
    let folder = Folder::new();
    let check = ["record", "--check-config", "--config", "cameras.toml"];
    let url = "rtsp://127.0.0.1:9/1";
    folder.write("secret", b"x\n");
    let both = |one: &str, other: &str| {
        let of = |more: &str| format!("output = \"out\"\npassword_file = \"secret\"\n{more}");
        config(&folder, &[("a", url, &of(one)), ("b", url, &of(other))]);
        folder.run(&check)
    };
    let (code, out, said) = both("", "");
    assert_eq!((code, out.as_str()), (2, ""), "{said}");
    assert!(
        said.contains("cameras.toml:13:") && said.contains("folder of its own"),
        "{said}"
    );
    let (code, _, said) = both("pattern = \"a-%s\"", "pattern = \"b-%s\"");
    assert_eq!(code, 0, "{said}");
}

/// Ten times faster than a camera, three of them fill a megabyte in a second.
#[test]
fn what_all_cameras_may_take_together_is_kept_and_the_newest_of_each_stays() {
    let folder = Folder::new();
    let camera = Camera::faster(&folder, 10);
    let cameras: String = ["a", "b", "c"]
        .iter()
        .map(|name| format!("[[camera]]\nname = \"{name}\"\nurl = \"{}\"\n", camera.url))
        .collect();
    let head = "[total]\nkeep_size = \"1MB\"\n[defaults]\nsegment = \"2s\"\nusername = \"ann\"\n\
                password_file = \"camera.secret\"\npattern = \"%s\"\n";
    folder.write("cameras.toml", format!("{head}{cameras}").as_bytes());
    let args = ["record", "--config", "cameras.toml", "--json", "-o", "out"];
    let mut events = Events::of(&mut folder.command(&args));
    let mut removed = std::collections::BTreeSet::new();
    while removed.len() < 3 {
        let event = events.until(|e| e["event"] == "removed");
        assert_eq!(event["text"], "all take more than is kept");
        removed.insert(event["camera"].as_str().unwrap().to_owned());
    }
    signal(&events.child, "-TERM");
    let (code, told, said) = events.end();
    assert_eq!(code, 0, "{said}");
    let closed = told.iter().filter(|e| e["event"] == "closed");
    let largest = closed.map(|e| e["bytes"].as_u64().unwrap()).max().unwrap();
    let mut all = 0;
    for name in ["a", "b", "c"] {
        let files = std::fs::read_dir(folder.path("out").join(name)).unwrap();
        let files = files.map(|f| f.unwrap().metadata().unwrap());
        let bytes: Vec<u64> = files
            .filter(std::fs::Metadata::is_file)
            .map(|m| m.len())
            .collect();
        assert!(!bytes.is_empty(), "{name}");
        all += bytes.iter().sum::<u64>();
    }
    // What is written meanwhile comes on top.
    assert!(all < 1_000_000 + 4 * largest, "{all} {largest}");
    assert_eq!(folder.run(&["inspect", "-q", "out"]).0, 0);
}
