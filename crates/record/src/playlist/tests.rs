use super::*;
use crate::durable::SyncPolicy;
use crate::files::Files;
use crate::testing::commands;
use crate::url::CameraUrl;
use crate::writer::{Job, Output};
use std::sync::Arc;
use std::time::Duration;

fn options(dir: &Path) -> CameraOptions {
    let url = CameraUrl::parse("rtsp://127.0.0.1:9/1").unwrap();
    let mut options = CameraOptions::new("yard", url, Output::Folder(dir.to_owned()));
    options.pattern = "a b/%s".to_owned();
    options.utc = true;
    options.playlist = true;
    options
}

fn keep(dir: &Path, changes: &[Event]) {
    let options = options(dir);
    let namer = Namer::new(&options.pattern, true).unwrap();
    let playlists = Playlists::start(Arc::new(|event| panic!("{event:?}"))).unwrap();
    playlists.set(std::iter::once((&options, &namer)));
    for change in changes {
        playlists.event(change);
    }
    playlists.finish(Duration::from_secs(20));
}

fn record(dir: &Path, seconds: u64) {
    let options = options(dir);
    let namer = Namer::new(&options.pattern, true).unwrap();
    let tell = Arc::new(drop);
    let mut files = Files::new("yard", options.output, namer, SyncPolicy::Off, tell);
    for command in commands(seconds, Some(10)) {
        files.apply(Job::Command(command));
    }
    files.finish();
}

const LIST: &str = "yard-2027-01-15.m3u8";

#[test]
fn a_playlist_names_every_byte_of_media_once_and_is_made_again_if_lost() {
    let dir = tempfile::tempdir().unwrap();
    record(dir.path(), 25);
    keep(dir.path(), &[]);
    let list = std::fs::read_to_string(dir.path().join(LIST)).unwrap();
    assert!(
        list.starts_with("#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:"),
        "{list}"
    );
    assert!(list.ends_with("#EXT-X-ENDLIST\n"), "{list}");
    assert_eq!(list.matches("#EXT-X-DISCONTINUITY").count(), 2);
    assert_eq!(list.matches("yard-2027-01-15.init0.m4s").count(), 3);
    let seconds = list
        .lines()
        .filter_map(|l| l.strip_prefix("#EXTINF:")?.strip_suffix(','));
    let seconds: f64 = seconds.map(|s| s.parse::<f64>().unwrap()).sum();
    assert!((seconds - 25.0).abs() < 1e-6, "{seconds}");
    // The initial part and the ranges of a file are a movie by themselves.
    let init = std::fs::read(dir.path().join("yard-2027-01-15.init0.m4s")).unwrap();
    let (mut frames, mut lines) = (0, list.lines());
    while let Some(line) = lines.next() {
        let Some(range) = line.strip_prefix("#EXT-X-BYTERANGE:") else {
            continue;
        };
        let (length, from) = range.split_once('@').unwrap();
        let (length, from): (usize, usize) = (length.parse().unwrap(), from.parse().unwrap());
        let path = lines.next().unwrap().replace("%20", " ");
        let file = std::fs::read(dir.path().join(path)).unwrap();
        let whole = [&init[..], &file[from..from + length]].concat();
        let read = tapo_movie::read(&whole).unwrap();
        let movie = read.movie.unwrap();
        assert!(movie.tracks[0].samples.iter().next().unwrap().sync);
        frames += movie.sample_count();
    }
    assert_eq!(frames, 25 * 25);
    std::fs::remove_file(dir.path().join(LIST)).unwrap();
    keep(dir.path(), &[]);
    assert_eq!(
        std::fs::read_to_string(dir.path().join(LIST)).unwrap(),
        list
    );
}

#[test]
fn what_is_removed_goes_from_the_playlist_too() {
    let dir = tempfile::tempdir().unwrap();
    record(dir.path(), 20);
    keep(dir.path(), &[]);
    let removed = |path: &Path| Event::Removed {
        camera: "yard".into(),
        path: path.to_owned(),
        started: WallClock(1_800_000_000_000_000_000),
        bytes: 0,
        why: crate::retention::Why::Age,
    };
    let files = crate::leftovers::files(dir.path());
    for (path, left) in files.iter().zip([1, 0]) {
        std::fs::remove_file(path).unwrap();
        keep(dir.path(), &[removed(path)]);
        let list = std::fs::read_to_string(dir.path().join(LIST));
        assert_eq!(list.map_or(0, |l| l.matches("#EXT-X-MAP").count()), left);
    }
    assert!(!dir.path().join("yard-2027-01-15.init0.m4s").exists());
}

/// What is told while the cameras change is not forgotten, nor are playlists of days that
/// are gone since.
#[test]
fn cameras_that_change_cost_no_change() {
    let dir = tempfile::tempdir().unwrap();
    record(dir.path(), 20);
    keep(dir.path(), &[]);
    let list = dir.path().join(LIST);
    for path in crate::leftovers::files(dir.path()) {
        std::fs::remove_file(path).unwrap();
    }
    assert!(list.exists());
    keep(dir.path(), &[]);
    assert!(!list.exists());

    record(dir.path(), 20);
    let options = options(dir.path());
    let namer = Namer::new(&options.pattern, true).unwrap();
    let playlists = Playlists::start(Arc::new(|event| panic!("{event:?}"))).unwrap();
    playlists.set(std::iter::once((&options, &namer)));
    let since = std::time::Instant::now();
    while !list.exists() {
        assert!(since.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(10));
    }
    for path in crate::leftovers::files(dir.path()) {
        std::fs::remove_file(&path).unwrap();
        playlists.event(&Event::Removed {
            camera: "yard".into(),
            path,
            started: WallClock(1_800_000_000_000_000_000),
            bytes: 0,
            why: crate::retention::Why::Age,
        });
    }
    // It is not kept any more, once its last day is as it should be.
    playlists.set(std::iter::empty());
    playlists.finish(Duration::from_secs(20));
    assert!(!list.exists());
}

#[test]
fn a_file_that_is_still_open_is_none() {
    let dir = tempfile::tempdir().unwrap();
    let options = options(dir.path());
    let namer = Namer::new(&options.pattern, true).unwrap();
    let mut files = Files::new(
        "yard",
        options.output,
        namer,
        SyncPolicy::Off,
        Arc::new(drop),
    );
    for command in commands(4, None).into_iter().take(3) {
        files.apply(Job::Command(command));
    }
    keep(dir.path(), &[]);
    assert!(!dir.path().join(LIST).exists());
    files.finish();
    keep(dir.path(), &[]);
    assert!(dir.path().join(LIST).exists());
}
