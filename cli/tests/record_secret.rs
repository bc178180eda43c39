//! What a password appears in while cameras are recorded: nothing.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a panic is how a test fails"
)]

mod common;

use common::{Folder, signal, tapo};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tapo_camera::{Authentication, Camera, CameraConfig, Clip};

/// The password, a wrong one, what they become in a header of basic authentication with
/// the user `ann`, and a token in the address of a webhook.
const SECRETS: [&str; 5] = [
    "hunter2",
    "swordfish",
    "YW5uOmh1bnRlcjI=",
    "YW5uOnN3b3JkZmlzaA==",
    "t0ken",
];

fn camera(authentication: Authentication) -> Camera {
    let clip = concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/demo.mp4");
    let clip = std::fs::read(clip).unwrap();
    let mut config = CameraConfig::new(Clip::read(Arc::new(clip)).unwrap());
    config.authentication = authentication;
    Camera::start(config).unwrap()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

fn asked(address: &str, path: &str) -> Vec<u8> {
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    answer
}

fn clean(what: &str, bytes: &[u8]) {
    assert!(!bytes.is_empty(), "{what} is empty");
    for secret in SECRETS {
        let found = bytes.windows(secret.len()).any(|w| w == secret.as_bytes());
        let text = || String::from_utf8_lossy(bytes).into_owned();
        assert!(!found, "{what} holds {secret}:\n{}", text());
    }
}

/// With all that is logged, of a camera that is recorded, one that refuses the password, one that is away,
/// and a file that makes no sense any more.
#[test]
fn a_password_appears_in_nothing_that_a_recording_leaves_or_tells() {
    let folder = Folder::new();
    let user = || "ann".to_owned();
    let basic = camera(Authentication::Basic {
        user: user(),
        password: "hunter2".to_owned(),
    });
    let digest = camera(Authentication::Digest {
        user: user(),
        password: "hunter2".to_owned(),
        qop: true,
    });
    folder.write("secret", b"hunter2\n");
    folder.write("wrong", b"swordfish\n");
    let of = |name: &str, url: &str, more: &str| {
        format!("[[camera]]\nname = \"{name}\"\nurl = \"{url}\"\n{more}\n")
    };
    let ann = |more: &str| format!("username = \"ann\"\n{more}");
    let within = digest.url().replace("rtsp://", "rtsp://ann:hunter2@");
    let cameras = [
        of("a", &basic.url(), &ann("password_file = \"secret\"")),
        of("b", &digest.url(), &ann("password_env = \"SECRET\"")),
        of("c", &within, ""),
        of("d", &basic.url(), &ann("password_file = \"wrong\"")),
        of("e", "rtsp://ann:hunter2@127.0.0.1:9/1", ""),
    ];
    let hooks = "[[hook]]\non = [\"segment\", \"lost\", \"back\", \"disk-low\", \"disk-failed\"]\n\
         program = [\"/bin/sh\", \"-c\", \
         \"{ tr '\\\\0' '\\\\n' < /proc/self/environ; tr '\\\\0' ' ' < /proc/$$/cmdline; cat; } >> hooked\"]\n\
         [[hook]]\non = [\"lost\"]\nurl = \"http://127.0.0.1:9/t0ken\"\ntimeout = \"1s\"\n";
    let config = format!(
        "[status]\nlisten = \"127.0.0.1:0\"\n{hooks}\
         [defaults]\nsegment = \"1s\"\nplaylist = true\n{}",
        cameras.concat()
    );
    folder.write("cameras.toml", config.as_bytes());
    let check = ["record", "--config", "cameras.toml", "--check-config"];
    let mut checked = folder.command(&check);
    let checked = checked.env("SECRET", "hunter2").output().unwrap();
    clean("--check-config", &[checked.stdout, checked.stderr].concat());

    let events = std::fs::File::create(folder.path("events")).unwrap();
    let log = std::fs::File::create(folder.path("log")).unwrap();
    let mut record = folder.command(&["record", "--config", "cameras.toml", "--json", "-vvv"]);
    record.args(["-o", "out"]).env("SECRET", "hunter2");
    let mut child = record.stdout(events).stderr(log).spawn().unwrap();
    let read = |name: &str| std::fs::read(folder.path(name)).unwrap_or_default();
    let told = || String::from_utf8(read("events")).unwrap();
    let count = |what: &str| told().matches(what).count();
    let wait = |what: &dyn Fn() -> bool| {
        let since = Instant::now();
        while !what() {
            assert!(since.elapsed() < Duration::from_secs(60), "{}", told());
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    let of_each = |name: &str, event: &str| {
        let camera = format!("\"camera\":\"{name}\"");
        told()
            .lines()
            .any(|l| l.contains(event) && l.contains(&camera))
    };
    wait(&|| {
        ["a", "b", "c"]
            .iter()
            .all(|name| of_each(name, "\"closed\""))
    });
    wait(&|| ["d", "e"].iter().all(|name| of_each(name, "\"waiting\"")));
    wait(&|| count("hook-failed") > 0);
    let address = told();
    let address = address
        .lines()
        .find_map(|l| l.split("\"text\":\"127.0.0.1:").nth(1));
    let address = format!("127.0.0.1:{}", address.unwrap().split('"').next().unwrap());
    clean("metrics", &asked(&address, "/metrics"));
    clean("status.json", &asked(&address, "/status.json"));
    let status = tapo().args(["status", &address]).output().unwrap();
    clean("tapo status", &[status.stdout, status.stderr].concat());
    let of_process = |name: &str| std::fs::read(format!("/proc/{}/{name}", child.id())).unwrap();
    clean("the process list", &of_process("cmdline"));
    let tasks = format!("/proc/{}/task", child.id());
    for task in std::fs::read_dir(tasks).unwrap() {
        if let Ok(name) = std::fs::read(task.unwrap().path().join("comm")) {
            clean("the name of a thread", &name);
        }
    }

    // A line with a password that makes no sense.
    let broken = format!("{config}[[camera]]\nname = \"f\"\nurl = \"http://ann:hunter2@h/\"\n");
    folder.write("cameras.toml", broken.as_bytes());
    signal(&child, "-HUP");
    wait(&|| count("\"reloaded\"") > 0);
    signal(&child, "-TERM");
    child.wait().unwrap();

    clean("the events", &read("events"));
    clean("the log", &read("log"));
    clean("what a hook is given", &read("hooked"));
    let left = files(&folder.path("out"));
    let ends = |end: &str| {
        left.iter()
            .any(|path| path.to_string_lossy().ends_with(end))
    };
    assert!(ends(".mp4") && ends(".m3u8") && ends(".json"), "{left:?}");
    for path in left {
        clean(&path.to_string_lossy(), &std::fs::read(&path).unwrap());
        clean("a name", path.as_os_str().as_encoded_bytes());
    }
}
