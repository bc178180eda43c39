//! Cameras that word things in their own ways, and are right.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "the helpers of tests fail as tests do"
)]

mod scripted;

use scripted::{Request, SDP, camera, sound};
use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tapo_record::source::{Connector, PacketSource, SourceError, SourceEvent};
use tapo_record::{
    CameraOptions, CameraUrl, Control, Error, Event, Options, Output, RtspConnector, State,
    Transport, Trust, record,
};

/// Takes `wanted` units of sound: their times and first bytes; then goes.
fn units(url: &str, wanted: usize) -> Result<Vec<(i64, u8)>, SourceError> {
    let connector = RtspConnector {
        url: CameraUrl::parse(url).unwrap(),
        stall: Duration::from_secs(5),
        audio: true,
        transport: Transport::Tcp,
        trust: Trust::default(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(async move {
        let mut source = connector.connect().await?;
        let mut units = Vec::new();
        while units.len() < wanted {
            match source.next().await? {
                SourceEvent::AccessUnit(unit) => units.push((unit.rtp, unit.data[0])),
                SourceEvent::End => break,
                _ => {}
            }
        }
        source.close().await;
        Ok(units)
    })
}

/// Sends sound, a packet each 20 ms, on its own.
fn play(stream: &TcpStream, packets: impl Iterator<Item = Vec<u8>> + Send + 'static) {
    let mut stream = stream.try_clone().unwrap();
    std::thread::spawn(move || {
        for packet in packets {
            if stream.write_all(&packet).is_err() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    });
}

fn steady() -> impl Iterator<Item = Vec<u8>> + Send {
    (0..60_000_u32).map(|n| sound(0, 7, n as u16, n * 160, n as u8))
}

#[test]
fn a_tapo_and_its_relatives_are_understood() {
    // A base without a scheme, a session with spaces, a third stream, sequence
    // numbers that are wrong, keepalives answered with 400 and the number before.
    let sdp = SDP.to_owned()
        + "m=application/TP-LINK 0 RTP/AVP smart/1/90000\r\na=rtpmap:95 TP-LINK/90000\r\na=control:track3\r\n";
    let (url, seen) = camera(
        move |r| match r.method() {
            "DESCRIBE" => {
                let base = "Content-Type: application/sdp; charset=utf-8\nContent-Base: 127.0.0.1:554/stream1/";
                r.answer("200 OK", base, &sdp)
            }
            "SETUP" => {
                let headers = "Session: 12 ; timeout=4\nTransport: RTP/AVP/TCP;unicast;interleaved=4-5;ssrc=0007";
                r.answer("200 OK", headers, "")
            }
            "PLAY" => {
                let info = "Session: 12\nRTP-Info: url=rtsp://127.0.0.1:554/stream1/track1;seq=1;rtptime=0;";
                r.answer("200 OK", info, "")
            }
            "OPTIONS" => r.answer(
                "200 OK",
                "Public: DESCRIBE, GET_PARAMETER, SET_PARAMETER",
                "",
            ),
            _ => "RTSP/1.0 400 Bad Request\r\nCSeq: 1\r\n\r\n".to_owned(),
        },
        |stream| {
            // Sound on the channel that the camera chose.
            let moved = steady().map(|packet| [&packet[..1], &[4], &packet[2..]].concat());
            play(stream, moved);
        },
    );
    let units = units(&url, 250).unwrap();
    assert!(
        units
            .windows(2)
            .all(|w| w[1].0 - w[0].0 == 160 && w[1].1 == w[0].1.wrapping_add(1))
    );
    let seen = seen.lock().unwrap();
    let methods: Vec<&str> = seen.iter().map(Request::method).collect();
    assert_eq!(
        methods,
        [
            "DESCRIBE",
            "SETUP",
            "PLAY",
            "OPTIONS",
            "GET_PARAMETER",
            "TEARDOWN"
        ]
    );
    assert!(seen[1].lines[0].contains("rtsp://127.0.0.1:554/stream1/track1"));
    assert!(seen[2..].iter().all(|r| r.header("Session") == Some("12")));
}

#[test]
fn an_encoder_that_starts_anew_costs_no_packet() {
    // Another SSRC, numbers and times from anywhere, amid the session.
    let (url, _) = camera(Request::usual, |stream| {
        let before = (0..50_u32).map(|n| sound(0, 7, n as u16, n * 160, n as u8));
        let after =
            (50..500_u32).map(|n| sound(0, 9, 40_000 + n as u16, (1 << 31) + n * 160, n as u8));
        play(stream, before.chain(after));
    });
    let units = units(&url, 120).unwrap();
    let bytes: Vec<u8> = units.iter().map(|(_, byte)| *byte).collect();
    assert_eq!(bytes, (0..120).collect::<Vec<u8>>());
}

#[test]
fn a_session_that_the_camera_forgot_is_not_clung_to() {
    let (url, _) = camera(
        |r| match r.method() {
            "SETUP" => {
                let headers = "Session: 12;timeout=4\nTransport: RTP/AVP/TCP;interleaved=0-1";
                r.answer("200 OK", headers, "")
            }
            "OPTIONS" => r.answer("454 Session Not Found", "", ""),
            _ => r.usual(),
        },
        |stream| play(stream, steady()),
    );
    let error = units(&url, 1000).unwrap_err();
    assert!(
        error.to_string().contains("forgotten the session"),
        "{error}"
    );
}

#[test]
fn a_redirect_is_followed() {
    let (target, seen) = camera(Request::usual, |stream| play(stream, steady()));
    let location = format!("Location: {target}");
    let (url, _) = camera(move |r| r.answer("302 Moved", &location, ""), |_| {});
    assert_eq!(units(&url, 10).unwrap().len(), 10);
    let port = target.rsplit(':').next().unwrap().to_owned();
    assert!(seen.lock().unwrap()[1].lines[0].contains(&port));
}

#[test]
fn media_before_the_answer_to_play_is_not_lost() {
    let url = scripted::listen(|mut stream| {
        let mut reader = std::io::BufReader::new(stream.try_clone().unwrap());
        while let Some(request) = scripted::request(&mut reader) {
            let is_play = request.method() == "PLAY";
            if is_play {
                for packet in steady().take(3) {
                    stream.write_all(&packet).unwrap();
                }
            }
            if stream.write_all(request.usual().as_bytes()).is_err() {
                return;
            }
            if is_play {
                play(&stream, steady().skip(3));
            }
        }
    });
    let bytes: Vec<u8> = units(&url, 5)
        .unwrap()
        .iter()
        .map(|(_, byte)| *byte)
        .collect();
    assert_eq!(bytes, [0, 1, 2, 3, 4]);
}

/// How a recording ends whose one camera gives `first` as its first answer, and then knows no stream, and
/// how often it was going to be called again; after the second time it is stopped.
fn starting(first: &'static str, reloadable: bool) -> (Result<(), Error>, u32) {
    let calls = AtomicU32::new(0);
    let (url, _) = camera(
        move |r| match calls.fetch_add(1, Ordering::Relaxed) {
            0 => r.answer(first, "", ""),
            _ => r.answer("404 Not Found", "", ""),
        },
        |_| {},
    );
    let dir = tempfile::tempdir().unwrap();
    let output = Output::Folder(dir.path().to_owned());
    let options = Options {
        cameras: vec![CameraOptions::new(
            "yard",
            CameraUrl::parse(&url).unwrap(),
            output,
        )],
        reloadable,
        ..Options::default()
    };
    let stop = Control::new();
    let (ending, waits) = (stop.clone(), Arc::new(Mutex::new(0)));
    let counted = Arc::clone(&waits);
    let told = move |event| {
        if let Event::State {
            state: State::Waiting { .. },
            ..
        } = event
        {
            let mut waits = counted.lock().unwrap();
            *waits += 1;
            if *waits == 2 {
                ending.stop();
            }
        }
    };
    let ended = record(&options, told, &stop).map(|_| ());
    let waits = *waits.lock().unwrap();
    (ended, waits)
}

#[test]
fn only_the_first_answer_of_a_lone_camera_ends_a_recording() {
    let (ended, waits) = starting("404 Not Found", false);
    assert!(matches!(ended, Err(Error::NoSuchStream { .. })));
    assert_eq!(waits, 0);
    // It may be starting; and where a configuration can change, nobody waits for its first answer.
    assert_eq!(starting("503 Service Unavailable", false).1, 2);
    assert_eq!(starting("404 Not Found", true).1, 2);
}

#[test]
fn a_camera_hears_what_came_of_its_packets() {
    let (url, seen) = camera(
        |r| match r.method() {
            "SETUP" => {
                let transport = r.header("Transport").unwrap();
                let headers = format!("Session: 12;timeout=4\nTransport: {transport}");
                r.answer("200 OK", &headers, "")
            }
            _ => r.usual(),
        },
        // Every tenth packet is not sent.
        |stream| {
            let sent = |(n, packet)| (n % 10 != 9).then_some(packet);
            play(stream, steady().enumerate().filter_map(sent));
        },
    );
    // The sign of life after two seconds comes behind the first report.
    units(&url, 120).unwrap();
    let seen = seen.lock().unwrap();
    let mut packets = seen.iter().flat_map(|r| &r.packets);
    let report = packets.next().unwrap();
    // A report of one source, whose SSRC is 7, and a description.
    assert_eq!(
        (report[..4].to_vec(), report[33]),
        (vec![0x81, 201, 0, 7], 202)
    );
    assert_eq!(report[8..12], [0, 0, 0, 7]);
    let lost = u32::from_be_bytes([0, report[13], report[14], report[15]]);
    assert!((2..8).contains(&lost), "{lost}");
    assert_eq!(report.len(), 48);
}

#[test]
fn a_goodbye_ends_a_session_unless_another_source_follows() {
    let bye = |ssrc: u32| {
        let ssrc = ssrc.to_be_bytes();
        [&[b'$', 1, 0, 8, 0x81, 203, 0, 1][..], &ssrc].concat()
    };
    let (url, _) = camera(Request::usual, move |stream| {
        let packets = steady().take(10).chain([bye(9), bye(7)]);
        play(stream, packets);
    });
    let began = std::time::Instant::now();
    let error = units(&url, 100).unwrap_err();
    assert!(error.to_string().contains("ended the stream"), "{error}");
    // No media for five seconds would be a stall.
    assert!(began.elapsed() < Duration::from_secs(4));

    let (url, _) = camera(Request::usual, move |stream| {
        let next = (10..200_u32).map(|n| sound(0, 8, n as u16 + 500, n * 160, n as u8));
        play(stream, steady().take(10).chain([bye(7)]).chain(next));
    });
    assert_eq!(units(&url, 100).unwrap().len(), 100);
}

#[test]
fn a_stream_that_is_refused_costs_the_others_nothing() {
    let sdp = SDP.to_owned()
        + "m=application 0 RTP/AVP 107\r\na=rtpmap:107 vnd.onvif.metadata/90000\r\na=control:track2\r\n";
    let (url, _) = camera(
        move |r| match (r.method(), r.lines[0].contains("track2")) {
            ("DESCRIBE", _) => r.answer("200 OK", "Content-Type: application/sdp", &sdp),
            ("SETUP", true) => r.answer("500 Not now", "", ""),
            _ => r.usual(),
        },
        |stream| play(stream, steady()),
    );
    let found = units(&url, 20).unwrap();
    assert_eq!(found.len(), 20);
}
