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
    config(&folder, &[("a", url, ""), ("b", url, ""), ("c", url, "")]);
    let mut record = folder.command(&["record", "--config", "cameras.toml", "--json", "-o", "out"]);
    let mut events = Events::of(record.env("SECRET", "hunter2"));
    for _ in 0..3 {
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
        &[("a", url, ""), ("b", url, "utc = true"), ("d", url, "")],
    );
    signal(&events.child, "-HUP");
    let told = events.until(|e| e["event"] == "reloaded");
    for (what, name) in [
        ("begun", "d"),
        ("changed", "b"),
        ("ended", "c"),
        ("unchanged", "a"),
    ] {
        assert_eq!(told[what], serde_json::json!([name]), "{told}");
    }
    let mut opened = [false; 2];
    while opened != [true; 2] {
        let event = events.until(|e| e["event"] == "opened");
        opened[usize::from(event["camera"] == "d")] = true;
        assert_ne!(event["camera"], "a");
    }
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
    assert!(!said.contains("hunter2"), "{said}");
    assert_eq!(folder.run(&["inspect", "-q", "out"]).0, 0);
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
