//! Records from an RTSP server that is not ours, and lets ffprobe and GStreamer
//! judge the open, the killed and the final file.
#![allow(clippy::print_stdout, reason = "says what was skipped")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a panic is how a test fails"
)]

mod common;

use common::{run, tapo};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const TESTS: &str = env!("CARGO_MANIFEST_DIR");

fn clip(name: &str) -> PathBuf {
    Path::new(TESTS).join("../testdata").join(name)
}

/// GStreamer's RTSP server, which ends with its standard input.
struct Server {
    child: Child,
    url: String,
}

impl Server {
    /// Serves clips by name; `None` (and a word) where GStreamer or ffmpeg are
    /// missing, unless they are required.
    fn start(mounts: &[(&str, &str)]) -> Option<Self> {
        let mut command = Command::new("/usr/bin/python3");
        command.arg(Path::new(TESTS).join("tests/peers/gst_rtsp_server.py"));
        for (name, file) in mounts {
            command.arg(format!("{name}={}", clip(file).display()));
        }
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let started = child.ok().and_then(|mut child| {
            let mut url = String::new();
            let out = child.stdout.take()?;
            BufReader::new(out).read_line(&mut url).ok()?;
            let url = url.trim().to_owned();
            (!url.is_empty()).then_some(Self { child, url })
        });
        if started.is_none() {
            assert!(
                std::env::var_os("TAPO_PEERS").is_none_or(|v| v != "require"),
                "GStreamer's RTSP server did not start"
            );
            println!("skipped: GStreamer's RTSP server not found");
        }
        started
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

fn stdout(program: &str, args: &[&str]) -> Vec<u8> {
    let output = Command::new(program).args(args).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {args:?}: {said}");
    output.stdout
}

/// Packets by ffprobe, a line each, per stream in order of their dts.
fn packets(path: &Path) -> Vec<String> {
    let path = path.to_str().unwrap();
    let fields = "packet=stream_index,dts,pts,size,flags,data_hash";
    let args = ["-v", "error", "-show_data_hash", "md5", "-of", "csv=p=0"];
    let out = stdout(
        "ffprobe",
        &[&args[..], &["-show_entries", fields, path]].concat(),
    );
    let mut lines: Vec<(i64, i64, String)> = String::from_utf8(out)
        .unwrap()
        .lines()
        .map(|line| {
            let mut words = line.split(',');
            let mut number = || words.next().unwrap().parse::<i64>().unwrap_or(i64::MIN);
            let (stream, _pts, dts) = (number(), number(), number());
            (stream, dts, line.to_owned())
        })
        .collect();
    lines.sort();
    lines.into_iter().map(|(_, _, line)| line).collect()
}

/// The VCL NAL units of the video, by ffmpeg's own conversion to Annex B, and
/// whether each belongs to a random access point.
fn vcl(path: &Path, codec: &str) -> Vec<(Vec<u8>, bool)> {
    let filter = format!("{codec}_mp4toannexb");
    let args = ["-v", "error", "-i", path.to_str().unwrap(), "-map", "0:v:0"];
    let args = [
        &args[..],
        &["-c", "copy", "-bsf:v", &filter, "-f", codec, "-"],
    ]
    .concat();
    let stream = stdout("ffmpeg", &args);
    let mut units = Vec::new();
    let mut starts: Vec<usize> = stream
        .windows(3)
        .enumerate()
        .filter(|(_, w)| *w == [0, 0, 1])
        .map(|(i, _)| i + 3)
        .collect();
    starts.push(stream.len() + 3);
    for pair in starts.windows(2) {
        let mut unit = &stream[pair[0]..pair[1] - 3];
        while let [rest @ .., 0] = unit {
            unit = rest;
        }
        let Some(first) = unit.first() else { continue };
        let (vcl, key) = if codec == "h264" {
            let kind = first & 31;
            ((1..=5).contains(&kind), kind == 5)
        } else {
            let kind = first >> 1 & 63;
            (kind < 32, (16..=21).contains(&kind))
        };
        if vcl {
            units.push((unit.to_vec(), key));
        }
    }
    units
}

/// Every unit recorded follows the one before it as in the endless repetition
/// of the clip, from a random access point on: nothing lost, nothing twice.
fn assert_follows(recorded: &Path, source: &Path, codec: &str) {
    let (got, source) = (vcl(recorded, codec), vcl(source, codec));
    let (first, key) = got.first().expect("there is video");
    assert!(key, "starts at a keyframe");
    let starts = (0..source.len()).filter(|i| source[*i].0 == *first);
    let run = |start: usize| {
        let same =
            |(i, unit): &(usize, &(Vec<u8>, bool))| source[(start + i) % source.len()].0 == unit.0;
        got.iter().enumerate().take_while(same).count()
    };
    let longest = starts.map(run).max().unwrap_or(0);
    assert_eq!(longest, got.len(), "{}", recorded.display());
}

/// Buffers that come out of GStreamer's qtdemux for the video.
fn qtdemux(path: &Path) -> usize {
    let location = format!("location={}", path.display());
    let mut args = vec!["-v", "filesrc", &location, "!", "qtdemux", "name=d"];
    let video = "d.video_0 ! queue ! identity silent=false ! fakesink sync=false";
    args.extend(video.split(' '));
    let out = stdout("gst-launch-1.0", &args);
    let text = String::from_utf8_lossy(&out);
    text.lines()
        .filter(|l| l.contains("last-message = chain"))
        .count()
}

fn only_file(dir: &Path) -> PathBuf {
    let mut found = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "mp4") {
                found.push(path);
            }
        }
    }
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

/// Waits until some seconds of media are on the disk.
fn wait_for(dir: &Path, bytes: u64) -> PathBuf {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        std::thread::sleep(Duration::from_millis(200));
        if dir.exists() && dir.read_dir().unwrap().next().is_some() {
            let moofs = |f: &Path| {
                let read = tapo_movie::read(&std::fs::read(f).unwrap()).unwrap();
                read.fragments.len() as u64
            };
            let file = std::panic::catch_unwind(|| only_file(dir));
            if let Ok(file) = file
                && moofs(&file) >= bytes
            {
                return file;
            }
        }
        assert!(Instant::now() < deadline, "nothing was recorded");
    }
}

fn record(url: &str, dir: &Path) -> Child {
    tapo()
        .args(["record", url, "-o"])
        .arg(dir)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// What holds of a file in any state: both readers take all of it, and it holds
/// the clip.
fn judge(file: &Path, source: &str, codec: &str) -> Vec<String> {
    let lines = packets(file);
    let video = lines.iter().filter(|l| l.starts_with("0,")).count();
    assert_eq!(qtdemux(file), video, "GStreamer and ffprobe count alike");
    assert_follows(file, &clip(source), codec);
    lines
}

#[test]
fn what_a_foreign_server_sends_is_recorded_open_killed_and_final() {
    let mounts = [
        ("aac", "demo.mp4", "h264"),
        ("tapo", "demo.mp4,alaw", "h264"),
        ("bframes", "h264_bframes_aac.mp4", "h264"),
        ("h265", "h265_open_gop.mp4", "hevc"),
    ];
    let served: Vec<(&str, &str)> = mounts.iter().map(|m| (m.0, m.1)).collect();
    let Some(server) = Server::start(&served) else {
        return;
    };
    std::thread::scope(|scope| {
        for (name, source, codec) in mounts {
            let url = format!("{}/{name}", server.url);
            scope.spawn(move || {
                let dir = tempfile::tempdir().unwrap();
                let source = source.split(',').next().unwrap();

                let killed = dir.path().join("killed");
                let mut child = record(&url, &killed);
                let file = wait_for(&killed, 4);
                child.kill().unwrap();
                child.wait().unwrap();
                let before = judge(&file, source, codec);
                let (code, _, said) = run(["finalize", file.to_str().unwrap()]);
                assert_eq!(code, 0, "{said}");
                assert_eq!(judge(&file, source, codec), before);
                let kinds = tapo_movie::read(&std::fs::read(&file).unwrap())
                    .unwrap()
                    .top;
                let kinds: Vec<String> = kinds.iter().map(|b| b.kind.to_string()).collect();
                assert_eq!(kinds, ["ftyp", "free", "moov", "mdat"]);

                let stopped = dir.path().join("stopped");
                let mut child = record(&url, &stopped);
                let file = wait_for(&stopped, 4);
                let open = dir.path().join("open.mp4");
                std::fs::copy(&file, &open).unwrap();
                let before = judge(&open, source, codec);
                let asked = Instant::now();
                stdout("kill", &["-INT", &child.id().to_string()]);
                assert_eq!(child.wait().unwrap().code(), Some(0));
                assert!(
                    asked.elapsed() < Duration::from_secs(5),
                    "{:?}",
                    asked.elapsed()
                );
                let after = judge(&file, source, codec);
                assert!(before.iter().all(|line| after.contains(line)));
            });
        }
    });
}
