//! Recordings of the built-in camera, compared with what it sent.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "the helpers of tests fail as tests do"
)]

mod helpers;

use helpers::*;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tapo_camera::{Authentication, Camera, CameraConfig, Fault, Start};
use tapo_movie::SegmentStamp;
use tapo_record::segmenter::Ended;
use tapo_record::{CameraOptions, Control, Error, Event, Options, Output, State, record};

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
    let gap = |e: &Event| match e {
        Event::Gap { missing, .. } => Some(*missing),
        _ => None,
    };
    let mut since = None;
    let (recording, events, _) = run(options, move |events| {
        let back = events.iter().any(|e| gap(e).is_some());
        back && since.get_or_insert_with(Instant::now).elapsed() > Duration::from_secs(2)
    });
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
    let files: Vec<File> = paths(&recording.unwrap()).iter().map(|p| read(p)).collect();
    assert!(files.len() >= 2, "{}", files.len());
    // The time between is told, and written into the file, by the camera's clock.
    let told = events.iter().find_map(gap).unwrap();
    let stamps: Vec<_> = files
        .iter()
        .map(|f| SegmentStamp::of(&f.movie).unwrap())
        .collect();
    assert_eq!(
        (stamps[0].missing_ns, stamps[1].missing_ns),
        (0, told.as_nanos() as u64)
    );
    let track = &files[0].movie.tracks[0];
    let length = track.samples.duration() * 1_000_000_000 / u64::from(track.timescale);
    let apart = stamps[1].started_ns - stamps[0].started_ns - length as i64;
    let off = told.as_nanos() as i64 - apart;
    assert!(off.abs() < 300_000_000, "{told:?} of {apart}");
    assert!(told > Duration::from_millis(2_300), "{told:?}");
    for track in files.iter().flat_map(|f| &f.movie.tracks) {
        steady(track);
    }
}

/// No sample is longer than twice the median.
fn steady(track: &tapo_movie::Track) {
    let mut durations: Vec<u32> = track.samples.iter().map(|s| s.duration).collect();
    durations.sort_unstable();
    let median = durations[durations.len() / 2];
    assert!(
        durations.last().is_some_and(|d| *d <= 2 * median),
        "{durations:?}"
    );
}

#[test]
fn sound_that_stops_costs_no_picture_and_is_back_on_its_place() {
    let source = clip("h264_alaw.mov");
    let mut config = CameraConfig::new(source.clone());
    let lasting = Duration::from_secs(4);
    config.schedule = vec![(
        Duration::from_secs(2),
        Fault::StallTrack { track: 1, lasting },
    )];
    let camera = Camera::start(config).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(&camera.url(), dir.path());
    options.stall = Duration::from_secs(1);
    let recording = run(options, frames(230)).0.unwrap();
    let yard = &recording.cameras[0];
    assert_eq!(yard.connections, 1);
    assert!(
        yard.notices.iter().any(|n| n.contains("no sound any more")),
        "{:?}",
        yard.notices
    );
    let files: Vec<File> = paths(&recording).iter().map(|p| read(p)).collect();
    nothing_lost(&files, &[source], &sent(&camera, 0));
    assert!(
        files
            .iter()
            .map(|f| f.movie.tracks[1].samples.len())
            .sum::<u32>()
            > 60
    );
    for track in files.iter().flat_map(|f| &f.movie.tracks) {
        if !track.samples.is_empty() {
            steady(track);
        }
    }
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
    // It is called again now and then: that it refuses may pass.
    let gate = recording
        .cameras
        .iter()
        .find(|c| c.camera == "gate")
        .unwrap();
    assert_eq!(gate.connections, 0);
}

#[test]
fn an_encoder_that_starts_anew_and_clocks_that_jump_and_wrap_cost_nothing() {
    let source = clip("h264_alaw.mov");
    let mut config = CameraConfig::new(source.clone());
    (config.first_timestamp, config.first_sequence) = (Some(u32::MAX - 40_000), Some(65_500));
    let jump = |milliseconds| Fault::JumpClock { milliseconds };
    config.schedule = [
        Fault::ChangeSsrc,
        jump(7_200_000),
        jump(-7_200_000),
        Fault::ChangeSsrc,
    ]
    .into_iter()
    .zip([2, 3, 4, 5])
    .map(|(fault, at)| (Duration::from_secs(at), fault))
    .collect();
    let camera = Camera::start(config).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let recording = run(options(&camera.url(), dir.path()), frames(180))
        .0
        .unwrap();
    let yard = &recording.cameras[0];
    assert_eq!(
        (yard.connections, yard.gaps, yard.segments.len()),
        (1, 0, 1)
    );
    assert!(
        yard.lost_packets <= 4,
        "each new source may hide one: {}",
        yard.lost_packets
    );
    let file = read(&paths(&recording)[0]);
    for (track, sent) in file.movie.tracks.iter().zip(sent(&camera, 0)) {
        assert!(track.samples.len() as usize + 60 > sent.len());
        // In order, whole, each as long as before.
        let mut samples = track.samples.iter().zip(&sent);
        assert!(samples.all(|(sample, sent)| {
            let span = sample.span.start as usize..sample.span.end as usize;
            let bytes = source
                .sample(usize::from(!track.is_video()), sent.sample)
                .unwrap();
            !track.is_video() && file.bytes[span] == bytes[..] || track.is_video()
        }));
        steady(track);
    }
}
