//! A recording of the built-in camera, and what it holds.
#![allow(dead_code, reason = "not every test needs all of it")]

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tapo_camera::{Camera, Clip, Sent};
use tapo_movie::Movie;
use tapo_record::{
    CameraOptions, CameraUrl, Control, Event, Options, Output, Recording, Result, record,
};

pub(crate) fn clip(name: &str) -> Clip {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata");
    Clip::open(&folder.join(name)).unwrap()
}

pub(crate) fn options(url: &str, folder: &Path) -> CameraOptions {
    let url = CameraUrl::parse(url).unwrap();
    CameraOptions {
        pattern: "%F_%H-%M-%S".to_owned(),
        ..CameraOptions::new("yard", url, Output::Folder(folder.to_owned()))
    }
}

/// Records until `enough` says so of the events so far.
pub(crate) fn run(
    options: CameraOptions,
    mut enough: impl FnMut(&[Event]) -> bool + Send + 'static,
) -> (Result<Recording>, Vec<Event>, Duration) {
    let options = Options {
        cameras: vec![options],
        finish_leftovers: true,
        ..Options::default()
    };
    let stop = Control::new();
    let events = Arc::new(Mutex::new(Vec::new()));
    let (seen, watched) = (Arc::clone(&events), stop.clone());
    let watching = std::thread::spawn(move || {
        let began = Instant::now();
        while !watched.is_stopped() {
            std::thread::sleep(Duration::from_millis(20));
            if enough(&seen.lock().unwrap()) || began.elapsed() > Duration::from_secs(30) {
                break;
            }
        }
        watched.stop();
        Instant::now()
    });
    let told = Arc::clone(&events);
    let recorded = record(&options, move |e| told.lock().unwrap().push(e), &stop);
    stop.stop();
    let took = watching.join().unwrap().elapsed();
    let events = events.lock().unwrap().clone();
    (recorded, events, took)
}

/// Enough once this many frames were written.
pub(crate) fn frames(wanted: u64) -> impl FnMut(&[Event]) -> bool {
    move |events| {
        events.iter().any(|e| match e {
            Event::Progress { progress, .. } => progress.frames >= wanted,
            _ => false,
        })
    }
}

pub(crate) fn closed(wanted: usize) -> impl FnMut(&[Event]) -> bool {
    move |events| {
        let closed = |e: &&Event| matches!(e, Event::Closed { .. });
        events.iter().filter(closed).count() >= wanted
    }
}

pub(crate) struct File {
    pub(crate) movie: Movie,
    pub(crate) bytes: Vec<u8>,
}

pub(crate) fn read(path: &Path) -> File {
    let bytes = std::fs::read(path).unwrap();
    let read = tapo_movie::read(&bytes.as_slice()).unwrap();
    assert!(read.defects.is_empty(), "{:?}", read.defects);
    assert!(read.fragments.is_empty(), "finalized");
    let movie = read.movie.unwrap();
    File { movie, bytes }
}

pub(crate) fn paths(recording: &Recording) -> Vec<PathBuf> {
    let segments = &recording.cameras[0].segments;
    segments.iter().map(|s| s.path.clone()).collect()
}

/// The slices of a sample: NAL units with pictures in them.
pub(crate) fn slices(sample: &[u8], h265: bool) -> Vec<Vec<u8>> {
    let size = tapo_codec::nal::NalLengthSize::new(4).unwrap();
    tapo_codec::nal::split(sample, size)
        .map(|nal| nal.unwrap().bytes.to_vec())
        .filter(|nal| match nal[0] {
            b if h265 => b >> 1 & 63 < 32,
            b => (1..=5).contains(&(b & 31)),
        })
        .collect()
}

/// Checks that the files hold what was sent, in order and once, from some
/// keyframe on, with the camera's times.
pub(crate) fn nothing_lost(files: &[File], clips: &[Clip], sent: &[Vec<Sent>]) {
    for (track, sent) in sent.iter().enumerate().filter(|(_, s)| !s.is_empty()) {
        let first = &files[0].movie.tracks[track];
        let h265 = first.descriptions[0].kind() == b"hvc1";
        // Parameter sets and delimiters may come and go.
        let essence = |bytes: &[u8]| {
            if first.is_video() {
                slices(bytes, h265)
            } else {
                vec![bytes.to_vec()]
            }
        };
        let mut recorded = Vec::new();
        for (number, file) in files.iter().enumerate() {
            let samples = &file.movie.tracks[track].samples;
            assert!(!first.is_video() || samples.iter().next().unwrap().sync);
            for sample in samples.iter() {
                let span = sample.span.start as usize..sample.span.end as usize;
                recorded.push((number, sample.pts(), essence(&file.bytes[span])));
            }
        }
        let expected: Vec<_> = sent
            .iter()
            .map(|s| {
                (
                    s.timestamp,
                    essence(&clips[s.clip].sample(track, s.sample).unwrap()),
                )
            })
            .collect();
        let fits = |from: usize| {
            let mut origin = (usize::MAX, 0, 0);
            let mut pairs = recorded.iter().zip(&expected[from..]);
            pairs.all(|((file, time, bytes), (rtp, sent))| {
                if origin.0 != *file {
                    origin = (*file, *time, *rtp);
                }
                let passed = i64::from(rtp.wrapping_sub(origin.2).cast_signed());
                bytes == sent && passed == time - origin.1
            })
        };
        assert!(recorded.len() > 9, "track {track}: {}", recorded.len());
        let found = (0..=expected.len() - recorded.len()).any(fits);
        assert!(found, "track {track}: {} samples in order", recorded.len());
    }
}

pub(crate) fn sent(camera: &Camera, session: usize) -> Vec<Vec<Sent>> {
    let sessions = camera.sessions();
    let tracks = &sessions[session].tracks;
    tracks.iter().map(|t| t.sent.clone()).collect()
}
