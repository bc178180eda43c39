//! A recorder and a camera that run while a test goes on.

use super::Folder;
use serde_json::Value;
use std::io::{BufRead, BufReader, Lines, Read};
use std::process::{Child, ChildStdout, Command, Stdio};

/// Sends a signal.
pub fn signal(child: &Child, name: &str) {
    let mut kill = Command::new("kill");
    let sent = kill.args([name, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

/// `tapo camera` with user `ann` and password `hunter2`, until it is dropped.
pub struct Camera {
    child: Child,
    pub url: String,
}

impl Camera {
    pub fn start(folder: &Folder) -> Self {
        Self::faster(folder, 1)
    }

    /// One that plays so many times faster.
    pub fn faster(folder: &Folder, speed: u32) -> Self {
        let clip = concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/demo.mp4");
        folder.write("camera.secret", b"hunter2\n");
        let args = ["camera", "--port", "0", "--json", clip, "--user", "ann"];
        let mut command = folder.command(&args);
        command.args(["--password-file", "camera.secret"]);
        command.args(["--speed", &speed.to_string()]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        let started: Value = serde_json::from_str(&line).unwrap();
        let url = started["url"].as_str().unwrap().to_owned();
        Self { child, url }
    }
}

impl Drop for Camera {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A recorder that tells its events as JSON. Killed if it is dropped.
pub struct Events {
    pub child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    seen: Vec<Value>,
}

impl Events {
    pub fn of(command: &mut Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self {
            child,
            lines,
            seen: Vec::new(),
        }
    }

    /// The next event of which this is true.
    pub fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        for line in self.lines.by_ref() {
            let event: Value = serde_json::from_str(&line.unwrap()).unwrap();
            self.seen.push(event.clone());
            if wanted(&event) {
                return event;
            }
        }
        let mut said = String::new();
        let _ = self.child.stderr.take().unwrap().read_to_string(&mut said);
        panic!("it ended without: {said}\n{:#?}", self.seen);
    }

    /// Waits for its end: the exit code, all events, standard error.
    pub fn end(mut self) -> (i32, Vec<Value>, String) {
        for line in self.lines.by_ref() {
            self.seen
                .push(serde_json::from_str(&line.unwrap()).unwrap());
        }
        let mut said = String::new();
        let mut err = self.child.stderr.take().unwrap();
        err.read_to_string(&mut said).unwrap();
        let code = self
            .child
            .wait()
            .unwrap()
            .code()
            .expect("ended by a signal");
        (code, std::mem::take(&mut self.seen), said)
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
