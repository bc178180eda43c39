//! What retina, an independent RTSP client, receives is what the camera logged,
//! byte for byte and tick for tick.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "the helpers of tests fail as tests do"
)]

mod common;

use common::synthetic::{aac, alaw, clip, h264};
use futures::StreamExt as _;
use retina::client::{
    Credentials, InitialTimestampPolicy, PlayOptions, Session, SessionOptions, SetupOptions,
    Transport,
};
use retina::codec::{CodecItem, FrameFormat};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::pin::Pin;
use std::time::{Duration, Instant};
use tapo_camera::{Authentication, Camera, CameraConfig, Clip, Fault, InBand, SessionLog};

const PATIENCE: Duration = Duration::from_secs(20);

/// What came of one frame.
struct Got {
    track: usize,
    timestamp: i64,
    loss: u16,
    key: bool,
    data: Vec<u8>,
}

type Frames = Pin<Box<retina::client::Demuxed>>;

async fn connect(
    camera: &Camera,
    creds: Option<Credentials>,
    transport: Transport,
) -> Result<Frames, retina::Error> {
    let url = url::Url::parse(&camera.url()).unwrap();
    let mut session = Session::describe(url, SessionOptions::default().creds(creds)).await?;
    for i in 0..session.streams().len() {
        if session.streams()[i].media() == "application" {
            continue;
        }
        let options = SetupOptions::default()
            .transport(transport.clone())
            .frame_format(FrameFormat::MP4);
        session.setup(i, options).await?;
    }
    let policy = PlayOptions::default().initial_timestamp(InitialTimestampPolicy::Permissive);
    Ok(Box::pin(session.play(policy).await?.demuxed()?))
}

async fn frames(session: &mut Frames, n: usize) -> Result<Vec<Got>, String> {
    let mut got = Vec::new();
    while got.len() < n {
        let item = tokio::time::timeout(PATIENCE, session.next()).await;
        let Some(item) = item.expect("frames keep coming") else {
            return Err("the connection was closed".into());
        };
        match item.map_err(|error| error.to_string())? {
            CodecItem::VideoFrame(frame) => got.push(Got {
                track: frame.stream_id(),
                timestamp: frame.timestamp().timestamp(),
                loss: frame.loss(),
                key: frame.is_random_access_point(),
                data: frame.data().to_vec(),
            }),
            CodecItem::AudioFrame(frame) => got.push(Got {
                track: frame.stream_id(),
                timestamp: frame.timestamp().timestamp(),
                loss: frame.loss(),
                key: true,
                data: frame.data().to_vec(),
            }),
            _ => {}
        }
    }
    Ok(got)
}

fn run<T>(test: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().unwrap().block_on(test)
}

/// A camera at ten times the speed.
fn start(clips: Vec<Clip>, change: impl FnOnce(&mut CameraConfig)) -> Camera {
    let mut config = CameraConfig::new(clips[0].clone());
    config.clips = clips;
    config.speed = 10.0;
    change(&mut config);
    Camera::start(config).unwrap()
}

fn tcp() -> Transport {
    Transport::Tcp(retina::client::TcpTransportOptions::default())
}

fn udp() -> Transport {
    Transport::Udp(retina::client::UdpTransportOptions::default())
}

/// Every frame of the session is the next one of the log.
fn assert_logged(camera: &Camera, clips: &[Clip], got: &[Got]) {
    // A frame may arrive before the camera has written down that it was sent.
    let lags = |log: &SessionLog| {
        let of = |track| got.iter().filter(|got| got.track == track).count();
        let mut tracks = log.tracks.iter().enumerate();
        tracks.any(|(i, track)| track.sent.len() < of(i))
    };
    let deadline = Instant::now() + PATIENCE;
    let mut sessions = camera.sessions();
    while lags(sessions.last().unwrap()) && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(1));
        sessions = camera.sessions();
    }
    let log = sessions.last().unwrap();
    for track in 0..clips[0].track_count() {
        let mine: Vec<&Got> = got.iter().filter(|got| got.track == track).collect();
        assert!(mine.len() > 50, "{} of track {track}", mine.len());
        let sent = &log.tracks[track].sent;
        assert!(sent.len() >= mine.len());
        for (got, sent) in mine.iter().zip(sent) {
            assert_eq!(got.loss, 0);
            let bits = u32::try_from(got.timestamp & 0xffff_ffff).unwrap();
            assert_eq!(bits, sent.timestamp);
            let clip = &clips[sent.clip];
            assert!(
                got.data == clip.sample(track, sent.sample).unwrap(),
                "{sent:?}"
            );
            assert_eq!(got.key, clip.is_sync(track, sent.sample));
        }
    }
}

#[test]
fn over_tcp_every_frame_arrives_across_loops_and_wraps() {
    let clips = vec![clip(vec![h264(50, 25, true, 0), aac(94)])];
    let camera = start(clips.clone(), |config| {
        config.first_sequence = Some(65_500);
        config.first_timestamp = Some(u32::MAX - 100_000);
        config.application_track = true;
        config.authentication = Authentication::Digest {
            user: "admin".into(),
            password: "sec:ret".into(),
            qop: false,
        };
    });
    let creds = Credentials {
        username: "admin".into(),
        password: "sec:ret".into(),
    };
    run(async {
        let mut session = connect(&camera, Some(creds), tcp()).await.unwrap();
        let got = frames(&mut session, 500).await.unwrap();
        assert_logged(&camera, &clips, &got);
    });
    let counters = camera.counters();
    assert_eq!((counters.too_slow, counters.timed_out), (0, 0));
    assert!(counters.unauthorized >= 1);
}

#[test]
fn over_udp_as_well_with_parameter_sets_in_band() {
    let clips = vec![clip(vec![h264(50, 25, false, 0), alaw(16_000)])];
    for in_band in [InBand::Single, InBand::Aggregated] {
        let camera = start(clips.clone(), |config| config.in_band = in_band);
        run(async {
            let mut session = connect(&camera, None, udp()).await.unwrap();
            let got = frames(&mut session, 300).await.unwrap();
            assert_logged(&camera, &clips, &got);
        });
    }
}

#[test]
fn clients_have_sessions_of_their_own() {
    let clips = vec![clip(vec![h264(50, 25, false, 0)])];
    let camera = start(clips, |_| {});
    run(async {
        let mut first = connect(&camera, None, tcp()).await.unwrap();
        frames(&mut first, 30).await.unwrap();
        let mut second = connect(&camera, None, tcp()).await.unwrap();
        let got = frames(&mut second, 30).await.unwrap();
        assert!(got[0].key);
        frames(&mut first, 30).await.unwrap();
        let logs = camera.sessions();
        assert_eq!(logs.len(), 2);
        assert_ne!(logs[0].id, logs[1].id);
        assert!(logs.iter().all(|log| log.tracks[0].sent[0].sample == 0));
        assert_eq!(camera.counters().clients, 2);
    });
}

#[test]
fn a_camera_starts_and_stops_inside_a_runtime() {
    run(async {
        let camera = start(vec![clip(vec![h264(50, 25, false, 0)])], |_| {});
        let mut session = connect(&camera, None, tcp()).await.unwrap();
        frames(&mut session, 3).await.unwrap();
        drop(camera);
    });
}

#[test]
fn wrong_credentials_stay_outside() {
    let camera = start(vec![clip(vec![h264(50, 25, false, 0)])], |config| {
        config.authentication = Authentication::Digest {
            user: "admin".into(),
            password: "right".into(),
            qop: true,
        };
    });
    let creds = Credentials {
        username: "admin".into(),
        password: "wrong".into(),
    };
    run(async {
        assert!(connect(&camera, Some(creds), tcp()).await.is_err());
    });
    assert!(camera.counters().unauthorized >= 2);
    assert!(camera.sessions().is_empty());
}

#[test]
fn lost_packets_are_in_the_log() {
    let clips = vec![clip(vec![h264(50, 25, false, 0)])];
    let camera = start(clips, |_| {});
    let fault = Fault::DegradeUdp {
        loss_percent: 5,
        reorder_percent: 5,
        seed: 3,
    };
    camera.apply(&fault).unwrap();
    run(async {
        let mut session = connect(&camera, None, udp()).await.unwrap();
        let got = frames(&mut session, 150).await.unwrap();
        assert!(got.iter().any(|got| got.loss > 0));
    });
    let log = &camera.sessions()[0].tracks[0];
    assert!(log.sent.iter().any(|sent| sent.lost > 0));
    let counters = camera.counters();
    assert!(counters.tracks[0].packets > counters.tracks[0].samples);
}

#[test]
fn the_parameter_sets_change_in_mid_stream() {
    let clips = vec![
        clip(vec![h264(50, 25, false, 0), aac(94)]),
        clip(vec![h264(50, 25, false, 1), aac(94)]),
    ];
    let camera = start(clips.clone(), |_| {});
    run(async {
        let mut session = connect(&camera, None, tcp()).await.unwrap();
        let mut got = frames(&mut session, 100).await.unwrap();
        camera.apply(&Fault::SwitchClip { clip: 1 }).unwrap();
        got.extend(frames(&mut session, 200).await.unwrap());
        assert_logged(&camera, &clips, &got);
        let Some(retina::codec::ParametersRef::Video(video)) = session.streams()[0].parameters()
        else {
            panic!("parameters of the video");
        };
        assert_eq!(video.pixel_dimensions(), (320, 180));
    });
}

#[test]
fn dropped_refused_and_unauthorized_on_schedule() {
    let camera = start(vec![clip(vec![h264(50, 25, false, 0)])], |config| {
        let lasting = Duration::from_millis(600);
        config.schedule = vec![
            (
                Duration::from_millis(300),
                Fault::RefuseConnections { lasting },
            ),
            (Duration::from_millis(300), Fault::DropConnections),
        ];
    });
    run(async {
        let mut session = connect(&camera, None, tcp()).await.unwrap();
        assert!(
            frames(&mut session, 10_000).await.is_err(),
            "the connection was cut"
        );
        assert!(connect(&camera, None, tcp()).await.is_err(), "it refuses");
        assert!(camera.counters().refused >= 1);
        let start = Instant::now();
        while connect(&camera, None, tcp()).await.is_err() {
            assert!(start.elapsed() < PATIENCE);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        camera
            .apply(&Fault::Unauthorized {
                lasting: Duration::MAX,
            })
            .unwrap();
        assert!(connect(&camera, None, tcp()).await.is_err());
    });
    assert!(camera.sessions()[0].ended);
}

#[test]
fn silence_ends_without_a_burst() {
    let clips = vec![clip(vec![h264(50, 25, false, 0)])];
    let camera = start(clips, |config| config.speed = 1.0);
    run(async {
        let mut session = connect(&camera, None, tcp()).await.unwrap();
        frames(&mut session, 5).await.unwrap();
        let lasting = Duration::from_millis(500);
        camera.apply(&Fault::Silence { lasting }).unwrap();
        let start = Instant::now();
        let after = frames(&mut session, 8).await.unwrap();
        // A few may have been on their way, the rest starts with a keyframe.
        assert!(start.elapsed() >= lasting);
        let key = after.iter().position(|got| got.key).unwrap();
        assert!(key <= 3, "{key}");
        let passed = after[key + 1].timestamp - after[key].timestamp;
        assert_eq!(passed.rem_euclid(90_000), 3600);
    });
}

#[test]
fn a_client_that_does_not_read_is_dropped() {
    let camera = start(vec![clip(vec![h264(50, 25, false, 0)])], |config| {
        config.speed = 100.0;
        config.max_backlog = 100_000;
    });
    let mut stream = TcpStream::connect(camera.address()).unwrap();
    let url = camera.url();
    write!(
        stream,
        "SETUP {url}/track1 RTSP/1.0\r\nCSeq: 1\r\nTransport: RTP/AVP/TCP\r\n\r\n"
    )
    .unwrap();
    let mut answer = [0; 1000];
    let n = stream.read(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer[..n]).into_owned();
    let session = answer
        .split("Session: ")
        .nth(1)
        .unwrap()
        .split(';')
        .next()
        .unwrap();
    write!(
        stream,
        "PLAY {url} RTSP/1.0\r\nCSeq: 2\r\nSession: {session}\r\n\r\n"
    )
    .unwrap();
    let start = Instant::now();
    while camera.counters().too_slow == 0 {
        assert!(start.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(camera.sessions()[0].ended);
}

#[test]
fn a_full_camera_says_so_and_a_stopped_one_is_gone() {
    let camera = start(vec![clip(vec![h264(50, 25, false, 0)])], |config| {
        config.max_connections = 1;
    });
    let _first = TcpStream::connect(camera.address()).unwrap();
    let mut second = TcpStream::connect(camera.address()).unwrap();
    let mut text = String::new();
    second.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("RTSP/1.0 503 Service Unavailable\r\n"));
    let address = camera.address();
    camera.shutdown();
    assert!(TcpStream::connect(address).is_err());
}
