//! Recordings of the built-in camera, compared with what it sent.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "the helpers of tests fail as tests do"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tapo_camera::{Authentication, Camera, CameraConfig, Clip, Fault, Sent, Start};
use tapo_movie::Movie;
use tapo_record::segmenter::Ended;
use tapo_record::{
    CameraOptions, CameraUrl, Control, Error, Event, Options, Output, Recording, Result, State,
    record,
};

fn clip(name: &str) -> Clip {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata");
    Clip::open(&folder.join(name)).unwrap()
}

fn options(url: &str, folder: &Path) -> CameraOptions {
    let url = CameraUrl::parse(url).unwrap();
    CameraOptions {
        pattern: "%H-%M-%S".to_owned(),
        ..CameraOptions::new("yard", url, Output::Folder(folder.to_owned()))
    }
}

/// Records until `enough` says so of the events so far.
fn run(
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
fn frames(wanted: u64) -> impl FnMut(&[Event]) -> bool {
    move |events| {
        events.iter().any(|e| match e {
            Event::Progress { progress, .. } => progress.frames >= wanted,
            _ => false,
        })
    }
}

fn closed(wanted: usize) -> impl FnMut(&[Event]) -> bool {
    move |events| {
        let closed = |e: &&Event| matches!(e, Event::Closed { .. });
        events.iter().filter(closed).count() >= wanted
    }
}

struct File {
    movie: Movie,
    bytes: Vec<u8>,
}

fn read(path: &Path) -> File {
    let bytes = std::fs::read(path).unwrap();
    let read = tapo_movie::read(&bytes.as_slice()).unwrap();
    assert!(read.defects.is_empty(), "{:?}", read.defects);
    assert!(read.fragments.is_empty(), "finalized");
    let movie = read.movie.unwrap();
    File { movie, bytes }
}

fn paths(recording: &Recording) -> Vec<PathBuf> {
    let segments = &recording.cameras[0].segments;
    segments.iter().map(|s| s.path.clone()).collect()
}

/// The slices of a sample: NAL units with pictures in them.
fn slices(sample: &[u8], h265: bool) -> Vec<Vec<u8>> {
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
fn nothing_lost(files: &[File], clips: &[Clip], sent: &[Vec<Sent>]) {
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

fn sent(camera: &Camera, session: usize) -> Vec<Vec<Sent>> {
    let sessions = camera.sessions();
    let tracks = &sessions[session].tracks;
    tracks.iter().map(|t| t.sent.clone()).collect()
}

fn recorded_whole(name: &str, tracks: usize, segment: u64) {
    let source = clip(name);
    let mut config = CameraConfig::new(source.clone());
    config.application_track = true;
    config.speed = 3.0;
    let camera = Camera::start(config).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(&camera.url(), dir.path());
    options.segment = Duration::from_secs(segment);
    let (recording, events, took) = run(options, closed(3));
    let recording = recording.unwrap();
    assert!(took < Duration::from_secs(2), "stopped within {took:?}");
    let files: Vec<File> = paths(&recording).iter().map(|p| read(p)).collect();
    assert_eq!(files[0].movie.tracks.len(), tracks);
    let sent = sent(&camera, 0);
    nothing_lost(&files, &[source], &sent);
    let video: u32 = files.iter().map(|f| f.movie.tracks[0].samples.len()).sum();
    assert!(video as usize + 100 > sent[0].len(), "up to the end");
    let yard = &recording.cameras[0];
    assert!(yard.segments.iter().all(|s| s.problem.is_none()));
    assert_eq!((yard.lost_packets, yard.gaps, yard.connections), (0, 0, 1));
    // The third stream of a Tapo is left out, and that is said.
    let left_out: Vec<_> = yard
        .notices
        .iter()
        .filter(|n| n.contains("left out"))
        .collect();
    assert_eq!(left_out.len(), 1, "{:?}", yard.notices);
    assert!(
        left_out[0].to_lowercase().contains("tp-link"),
        "{left_out:?}"
    );
    let states: Vec<_> = events
        .iter()
        .filter_map(|e| match e {
            Event::State { state, .. } => Some(state.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(
        states[..3],
        [State::Connecting, State::Connected, State::Recording]
    );
    assert_eq!(states.last(), Some(&State::Stopped));
    assert!(dir.path().join(".tapo/yard.profile.json").is_file());
}

#[test]
fn h264_with_b_frames_and_aac() {
    recorded_whole("h264_bframes_aac.mp4", 2, 2);
}

#[test]
fn h264_and_g711() {
    recorded_whole("h264_alaw.mov", 2, 2);
}

#[test]
fn h265_with_open_groups() {
    recorded_whole("h265_open_gop.mp4", 1, 2);
}

#[test]
fn a_wrong_password_is_an_error_and_is_not_shown() {
    let mut config = CameraConfig::new(clip("h264_alaw.mov"));
    config.authentication = Authentication::Digest {
        user: "admin".into(),
        password: "right".into(),
        qop: true,
    };
    let camera = Camera::start(config).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let with = |user_info: &str| {
        camera
            .url()
            .replace("rtsp://", &format!("rtsp://{user_info}"))
    };
    for (user_info, given) in [("admin:hunter2@", true), ("", false)] {
        let (refused, events, _) = run(options(&with(user_info), dir.path()), |_| false);
        let error = refused.unwrap_err();
        assert!(matches!(error, Error::Unauthorized { given: g, .. } if g == given));
        let shown = format!("{error} {error:?} {events:?}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }
    let wrong_path = camera.url().replace("stream1", "stream9");
    let wrong_path = wrong_path.replace("rtsp://", "rtsp://admin:right@");
    let (refused, _, _) = run(options(&wrong_path, dir.path()), |_| false);
    assert!(
        matches!(refused, Err(Error::NoSuchStream { .. })),
        "{refused:?}"
    );

    let (recording, events, _) = run(options(&with("admin:right@"), dir.path()), frames(20));
    let recording = recording.unwrap();
    assert_eq!(recording.cameras[0].segments.len(), 1);
    assert!(!format!("{recording:?} {events:?}").contains("right"));
    for entry in walk(dir.path()) {
        let bytes = std::fs::read(entry).unwrap();
        assert!(!bytes.windows(5).any(|w| w == b"right"));
    }
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(walk(&path));
        } else {
            files.push(path);
        }
    }
    files
}

#[test]
fn a_lost_connection_is_made_again_and_each_file_is_whole() {
    let source = clip("h264_alaw.mov");
    let mut config = CameraConfig::new(source.clone());
    config.start = Start::Live;
    config.schedule = vec![(Duration::from_millis(2_500), Fault::DropConnections)];
    let camera = Camera::start(config).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (recording, events, _) = run(options(&camera.url(), dir.path()), frames(90));
    let recording = recording.unwrap();
    let yard = &recording.cameras[0];
    assert_eq!((yard.connections, yard.segments.len()), (2, 2));
    let waited = |e: &Event| {
        matches!(e, Event::State { state: State::Waiting { retry_in, .. }, .. }
            if *retry_in <= Duration::from_secs(1))
    };
    assert!(events.iter().any(waited));
    let numbers: BTreeSet<u32> = yard.segments.iter().map(|s| s.summary.number).collect();
    assert_eq!(numbers, BTreeSet::from([1, 2]));
    for (session, path) in paths(&recording).iter().enumerate() {
        nothing_lost(
            &[read(path)],
            std::slice::from_ref(&source),
            &sent(&camera, session),
        );
    }
}

#[test]
fn media_that_stops_is_noticed_though_reports_go_on() {
    let mut config = CameraConfig::new(clip("h264_alaw.mov"));
    config.schedule = vec![(
        Duration::from_millis(2_500),
        Fault::StallMedia {
            lasting: Duration::from_millis(2_500),
        },
    )];
    let camera = Camera::start(config).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(&camera.url(), dir.path());
    options.stall = Duration::from_secs(1);
    let (recording, events, _) = run(options, closed(1));
    let reasons: Vec<_> = events
        .iter()
        .filter_map(|e| match e {
            Event::State {
                state: State::Waiting { reason, .. },
                ..
            } => Some(reason.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(reasons.first(), Some(&"no media for 1 s"));
    read(&paths(&recording.unwrap())[0]);
}

#[test]
fn new_parameters_and_a_jump_of_the_clock_begin_new_files() {
    let clips = [clip("h264_bframes_aac.mp4"), clip("h264_other_size.mp4")];
    let mut config = CameraConfig::new(clips[0].clone());
    config.clips = clips.to_vec();
    config.schedule = vec![
        (Duration::from_millis(2_000), Fault::SwitchClip { clip: 1 }),
        (
            Duration::from_millis(4_500),
            Fault::JumpClock {
                milliseconds: -7_200_000,
            },
        ),
    ];
    let camera = Camera::start(config).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (recording, _, _) = run(options(&camera.url(), dir.path()), {
        let mut since = None;
        move |events| {
            let opened = |e: &&Event| matches!(e, Event::Opened { .. });
            if events.iter().filter(opened).count() >= 3 {
                let since = since.get_or_insert_with(Instant::now);
                return since.elapsed() > Duration::from_millis(1_500);
            }
            false
        }
    });
    let recording = recording.unwrap();
    let yard = &recording.cameras[0];
    assert_eq!(yard.connections, 1);
    let ended: Vec<_> = yard.segments.iter().map(|s| s.summary.ended).collect();
    assert_eq!(ended, [Ended::Parameters, Ended::Clock, Ended::Stopped]);
    let files: Vec<File> = paths(&recording).iter().map(|p| read(p)).collect();
    let entry = |f: &File| f.movie.tracks[0].descriptions[0].clone();
    assert!(entry(&files[0]) != entry(&files[1]));
    assert!(entry(&files[1]) == entry(&files[2]));
    // Behind the jump the file begins with the next keyframe.
    nothing_lost(&files[..2], &clips, &sent(&camera, 0));
    nothing_lost(&files[2..], &clips, &sent(&camera, 0));
}

#[test]
fn one_file_is_recorded_until_the_end() {
    let source = clip("h264_alaw.mov");
    let camera = Camera::start(CameraConfig::new(source.clone())).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("clip.mp4");
    let mut options = options(&camera.url(), dir.path());
    options.segment = Duration::from_secs(1);
    options.output = Output::File {
        path: path.clone(),
        replace: false,
    };
    let (recording, _, _) = run(options.clone(), frames(60));
    assert_eq!(paths(&recording.unwrap()), std::slice::from_ref(&path));
    nothing_lost(&[read(&path)], &[source], &sent(&camera, 0));
    assert_eq!(walk(dir.path()), [path]);
    let (refused, _, _) = run(options, |_| false);
    assert!(matches!(
        refused,
        Err(Error::Io(tapo_io::Error::Exists { .. }))
    ));
}

#[test]
fn a_camera_that_refuses_is_told_of_while_others_go_on() {
    let camera = Camera::start(CameraConfig::new(clip("demo.mp4"))).unwrap();
    let mut config = CameraConfig::new(clip("demo.mp4"));
    config.authentication = Authentication::Digest {
        user: "u".into(),
        password: "p".into(),
        qop: true,
    };
    let refusing = Camera::start(config).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let other = CameraOptions {
        name: "gate".to_owned(),
        ..options(&refusing.url(), &dir.path().join("gate"))
    };
    let both = Options {
        cameras: vec![options(&camera.url(), dir.path()), other],
        ..Options::default()
    };
    let stop = Control::new();
    let ending = stop.clone();
    let told = move |event| {
        if let Event::Notice { camera, text } = event {
            assert_eq!(camera, "gate");
            assert!(text.contains("refuses"), "{text}");
            ending.stop();
        }
    };
    // Without that notice this would go on for ever.
    let recording = record(&both, told, &stop).unwrap();
    assert_eq!(recording.cameras.len(), 1);
}
