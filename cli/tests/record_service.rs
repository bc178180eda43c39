//! `tapo record` as a service: hooks, status, and what systemd is told.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a panic is how a test fails"
)]

mod common;

use common::{Camera, Events, Folder, signal, tapo};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::io::{Read, Write};
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

fn status(address: &str) -> (Option<i32>, Value) {
    let done = tapo().args(["status", "--json", address]).output().unwrap();
    let out = String::from_utf8(done.stdout).unwrap();
    let told = serde_json::from_str(&out).unwrap_or_default();
    (done.status.code(), told)
}

fn metrics(address: &str) -> String {
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn hooks_status_and_systemd_are_told_and_none_is_told_the_password() {
    let folder = Folder::new();
    let camera = Camera::start(&folder);
    let socket = UnixDatagram::bind(folder.path("notify")).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let said = || {
        let mut text = [0; 512];
        let len = socket.recv(&mut text).unwrap();
        String::from_utf8(text[..len].to_vec()).unwrap()
    };
    let config = format!(
        "[status]\nlisten = \"127.0.0.1:0\"\n[disk]\nlow = \"9000TB\"\n\
         [[hook]]\non = [\"segment\", \"disk-low\"]\ncameras = [\"yard\"]\n\
         program = [\"/bin/sh\", \"-c\", \"env >> hooked; cat >> hooked\"]\n\
         [[camera]]\nname = \"yard\"\nurl = \"{}\"\nusername = \"ann\"\n\
         password_env = \"SECRET\"\npattern = \"%s\"\n",
        camera.url
    );
    folder.write("cameras.toml", config.as_bytes());
    let mut record = folder.command(&["record", "--config", "cameras.toml", "--json", "-o", "out"]);
    record
        .env("SECRET", "hunter2")
        .env("NOTIFY_SOCKET", folder.path("notify"))
        .env("WATCHDOG_USEC", "2000000");
    let mut events = Events::of(&mut record);
    let serving = events.until(|e| e["event"] == "serving");
    let address = serving["text"].as_str().unwrap().to_owned();
    assert!(said().starts_with("READY=1"));
    events.until(|e| e["event"] == "opened");
    events.until(|e| e["event"] == "progress");
    let (code, told) = status(&address);
    let yard = &told["cameras"][0];
    assert_eq!(
        (code, &yard["state"]),
        (Some(0), &Value::from("recording")),
        "{told}"
    );
    assert!(yard["bytes"].as_u64().unwrap() > 1000, "{told}");
    assert!(told["disks"][0]["free"].as_u64().unwrap() > 0, "{told}");
    let metrics = metrics(&address);
    assert!(
        metrics.contains("tapo_camera_recording{camera=\"yard\"} 1\n"),
        "{metrics}"
    );
    while said() != "WATCHDOG=1" {}

    signal(&events.child, "-TERM");
    let (code, told, err) = events.end();
    assert_eq!(code, 0, "{err}");
    while !said().starts_with("STOPPING=1") {}
    assert_eq!(status(&address).0, Some(1));

    // The last file was told of before the end.
    let hooked = std::fs::read_to_string(folder.path("hooked")).unwrap();
    let lines = hooked.lines().filter(|l| l.starts_with('{'));
    let payloads: Vec<Value> = lines.map(|l| serde_json::from_str(l).unwrap()).collect();
    let of = |event: &str| payloads.iter().find(|p| p["event"] == event).unwrap();
    assert_eq!(of("disk-low")["limit_bytes"], 9_000_000_000_000_000_u64);
    let payload = of("segment");
    let file = std::fs::read(payload["path"].as_str().unwrap()).unwrap();
    let hash: String = Sha256::digest(&file)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    assert_eq!(
        (&payload["event"], &payload["sha256"]),
        (&"segment".into(), &hash.into())
    );
    let all = format!("{hooked}{metrics}{told:?}{err}");
    assert!(
        !all.contains("hunter2") && !all.contains("SECRET="),
        "{all}"
    );
}

/// A file stands where the folder should be, at the start and on the way, as where a disk is gone.
#[test]
fn a_disk_that_takes_nothing_is_a_state_a_metric_and_a_hook_and_ends_no_camera() {
    let folder = Folder::new();
    let camera = Camera::start(&folder);
    let config = format!(
        "[status]\nlisten = \"127.0.0.1:0\"\n\
         [[hook]]\non = [\"disk-failed\", \"back\"]\n\
         program = [\"/bin/sh\", \"-c\", \"cat >> hooked\"]\n\
         [[camera]]\nname = \"yard\"\nurl = \"{}\"\nusername = \"ann\"\n\
         password_file = \"camera.secret\"\nsegment = \"1s\"\noutput = \"out\"\n",
        camera.url
    );
    folder.write("cameras.toml", config.as_bytes());
    folder.write("out", b"in the way");
    let args = ["record", "--config", "cameras.toml", "--json"];
    let mut events = Events::of(&mut folder.command(&args));
    let serving = events.until(|e| e["event"] == "serving");
    let address = serving["text"].as_str().unwrap().to_owned();
    let is = |state: &'static str| move |e: &Value| e["event"] == "state" && e["state"] == state;
    let (out, away) = (folder.path("out"), folder.path("away"));
    for _ in 0..2 {
        let blocked = events.until(is("blocked"));
        assert!(
            blocked["text"].as_str().unwrap().contains("out"),
            "{blocked}"
        );
        events.until(|e| e["event"] == "progress" && e["missed_s"].as_f64().is_some());
        let (code, told) = status(&address);
        let yard = &told["cameras"][0];
        assert_eq!(
            (code, &yard["state"]),
            (Some(3), &"blocked".into()),
            "{told}"
        );
        assert!(yard["missed_s"].as_f64().unwrap() > 0.5, "{told}");
        let metrics = metrics(&address);
        for line in [
            "recording{camera=\"yard\"} 0\n",
            "blocked{camera=\"yard\"} 1\n",
        ] {
            assert!(
                metrics.contains(&format!("tapo_camera_{line}")),
                "{metrics}"
            );
        }
        std::fs::remove_file(&out).unwrap();
        events.until(is("recording"));
        events.until(|e| e["event"] == "opened");
        assert_eq!(status(&address).0, Some(0));
        let _ = std::fs::remove_dir_all(&away);
        std::fs::rename(&out, &away).unwrap();
        std::fs::write(&out, b"in the way").unwrap();
    }
    signal(&events.child, "-TERM");
    events.end();
    let hooked = std::fs::read_to_string(folder.path("hooked")).unwrap();
    let told: Vec<Value> = hooked
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    let kinds: Vec<_> = told.iter().map(|t| t["event"].as_str().unwrap()).collect();
    assert_eq!(
        kinds[..4],
        ["disk-failed", "back", "disk-failed", "back"],
        "{hooked}"
    );
    assert!(told[0]["reason"].as_str().unwrap().contains("out") && told[0]["camera"] == "yard");
}

#[test]
fn what_makes_no_sense_is_told_with_its_line() {
    let folder = Folder::new();
    let camera = "[[camera]]\nname = \"yard\"\nurl = \"rtsp://127.0.0.1:9/1\"\n";
    for (head, line) in [
        ("[status]\nlisten = \"0.0.0.0:9554\"\n", 2),
        ("[status]\nlisten = \"here\"\n", 2),
        ("[status]\nport = 1\n", 2),
        ("[disk]\n\nlow = \"much\"\n", 3),
        (
            "[[hook]]\non = [\"segment\",\n\"never\"]\nprogram = [\"x\"]\n",
            3,
        ),
        ("[[hook]]\non = [\"segment\"]\n", 1),
        ("[[hook]]\non = [\"lost\"]\nprogram = \"rm -rf /\"\n", 3),
        ("[[hook]]\non = [\"lost\"]\nprogram = []\n", 3),
        ("[[hook]]\non = [\"lost\"]\nurl = \"http://u:p@h/\"\n", 3),
        (
            "[[hook]]\non = [\"lost\"]\nurl = \"http://h/\"\ntimeout = \"2h\"\n",
            4,
        ),
        (
            "[[hook]]\non = [\"lost\"]\ncameras = [\"gate\"]\nurl = \"http://h/\"\n",
            3,
        ),
    ] {
        folder.write("cameras.toml", format!("{head}{camera}").as_bytes());
        let (code, _, said) = folder.run(&["record", "--check-config", "--config", "cameras.toml"]);
        assert_eq!(code, 2, "{head}");
        assert!(
            said.contains(&format!("cameras.toml:{line}:")),
            "{head}{said}"
        );
    }
    let public = format!("[status]\nlisten = \"0.0.0.0:9554\"\npublic = true\n{camera}");
    folder.write("cameras.toml", public.as_bytes());
    assert_eq!(
        folder
            .run(&["record", "--check-config", "--config", "cameras.toml"])
            .0,
        0
    );
    let (code, _, said) = folder.run(&["record", "--demo", "--status", "0.0.0.0:0"]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("--status-public"), "{said}");
}

/// A killed recorder leaves a file open: the next one finishes it, and the hook is told.
#[test]
fn a_file_that_a_kill_left_open_is_told_of_too() {
    let folder = Folder::new();
    let camera = Camera::start(&folder);
    let config = format!(
        "[[hook]]\non = [\"segment\"]\nprogram = [\"/bin/sh\", \"-c\", \"cat >> hooked\"]\n\
         [[camera]]\nname = \"yard\"\nurl = \"{}\"\nusername = \"ann\"\npassword_file = \"camera.secret\"\n",
        camera.url
    );
    folder.write("cameras.toml", config.as_bytes());
    let args = ["record", "--config", "cameras.toml", "--json", "-o", "out"];
    let mut events = Events::of(&mut folder.command(&args));
    let opened = events.until(|e| e["event"] == "opened");
    events.until(|e| e["event"] == "progress" && e["duration_s"].as_f64().unwrap() >= 2.0);
    signal(&events.child, "-KILL");
    drop(events);
    let mut events = Events::of(&mut folder.command(&args));
    events.until(|e| e["event"] == "leftover");
    events.until(|e| e["event"] == "opened");
    signal(&events.child, "-TERM");
    assert_eq!(events.end().0, 0);
    let hooked = std::fs::read_to_string(folder.path("hooked")).unwrap();
    let told: Vec<Value> = hooked
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    assert_eq!(told.len(), 2, "{hooked}");
    let late = told.iter().find(|t| t["late"] == true).unwrap();
    let path = late["path"].as_str().unwrap();
    assert!(path.ends_with(opened["path"].as_str().unwrap()), "{late}");
    assert_eq!(
        (&late["camera"], late["sha256"].as_str().unwrap().len()),
        (&"yard".into(), 64)
    );
}

#[test]
fn log_lines_are_json_if_asked_for() {
    let folder = Folder::new();
    let args = [
        "record",
        "--demo",
        "--duration",
        "1s",
        "-vv",
        "--log-format",
        "json",
    ];
    let (code, _, said) = folder.run(&args);
    assert_eq!(code, 0, "{said}");
    assert!(!said.is_empty());
    for line in said.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        assert!(
            line["level"].is_string() && line["timestamp"].is_string(),
            "{line}"
        );
    }
}
