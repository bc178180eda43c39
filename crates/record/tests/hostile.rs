//! Cameras that are broken or hostile: each ends in an error that says what is
//! wrong, in little time and memory.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "the helpers of tests fail as tests do"
)]

mod scripted;

use scripted::{camera, drain, listen};
use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tapo_record::source::{Connector, PacketSource, SourceError};
use tapo_record::{CameraUrl, RtspConnector, Transport, Trust};

fn connector(url: &str) -> RtspConnector {
    RtspConnector {
        url: CameraUrl::parse(url).unwrap(),
        stall: Duration::from_secs(2),
        audio: true,
        transport: Transport::Tcp,
        trust: Trust::default(),
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(future)
}

/// Connects, and plays until an error; what it says, and how long it took.
fn outcome(url: &str) -> (SourceError, Duration) {
    let began = Instant::now();
    let connector = connector(url);
    let error = block_on(async move {
        let mut source = match connector.connect().await {
            Ok(source) => source,
            Err(error) => return error,
        };
        loop {
            if let Err(error) = source.next().await {
                source.close().await;
                return error;
            }
        }
    });
    (error, began.elapsed())
}

/// Sends `bytes` again and again until the other side has enough.
fn endlessly(mut stream: TcpStream, first: &[u8], bytes: &[u8], sent: &AtomicUsize) {
    let _ = stream.write_all(first);
    while stream.write_all(bytes).is_ok() {
        sent.fetch_add(bytes.len(), Ordering::Relaxed);
    }
}

#[test]
fn messages_without_end_are_refused_after_a_few_bytes() {
    let body = "RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Type: application/sdp\r\nContent-Length: 4000000000\r\n\r\n";
    for (first, then, said) in [
        ("RTSP/1.0 200 OK\r\n", "A: b\r\n", "headers"),
        ("RTSP/1.0 200 OK\r\nA: ", "bbbbbbbbbbbbbbbb", "headers"),
        (body, "v=0\r\n", "more than"),
        ("", "\x16\x03\x01garbage", "no RTSP"),
        ("HTTP/1.1 400 Bad\r\n\r\n", "x", "no RTSP"),
        (
            "RTSP/1.0 200 OK\r\nContent-Length: 7\r\nContent-Length: 9\r\n\r\n",
            "x",
            "length",
        ),
    ] {
        let sent = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&sent);
        let url =
            listen(move |stream| endlessly(stream, first.as_bytes(), then.as_bytes(), &counted));
        let (error, took) = outcome(&url);
        assert!(error.to_string().contains(said), "{said}: {error}");
        assert!(took < Duration::from_secs(8), "{said}: {took:?}");
        // The buffers of the system are the most of it.
        assert!(sent.load(Ordering::Relaxed) < 16 << 20, "{said}");
    }
}

#[test]
fn answers_that_make_no_sense_are_told_as_such() {
    type Answer = fn(&scripted::Request) -> String;
    let cases: [(&str, Answer); 9] = [
        ("SDP", |r| {
            r.answer(
                "200 OK",
                "Content-Type: application/sdp",
                "\u{fffd}m=v\r\n\0",
            )
        }),
        ("nothing that can be recorded", |r| {
            let sdp = "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n".to_owned()
                + &"m=text 0 RTP/AVP 99\r\na=rtpmap:99 x/1\r\n".repeat(2000);
            r.answer("200 OK", "Content-Type: application/sdp", &sdp)
        }),
        ("does not describe", |r| r.answer("200 OK", "", "")),
        ("500 Broken", |r| r.answer("500 Broken", "", "")),
        ("without end", |r| {
            r.answer("302 Moved", "Location: /stream1", "")
        }),
        ("not for cameras", |r| {
            r.answer("301 Moved", "Location: http://127.0.0.1/", "")
        }),
        ("does not say which", |r| r.answer("302 Moved", "", "")),
        ("does not name the session", |r| match r.method() {
            "SETUP" => r.answer("200 OK", "Transport: RTP/AVP/TCP;interleaved=0-1", ""),
            _ => r.usual(),
        }),
        ("does not send RTP over TCP", |r| match r.method() {
            "SETUP" => r.answer("461 Unsupported Transport", "", ""),
            _ => r.usual(),
        }),
    ];
    for (said, answer) in cases {
        let (url, _) = camera(answer, |_| {});
        let (error, took) = outcome(&url);
        assert!(error.to_string().contains(said), "{said}: {error}");
        assert!(took < Duration::from_secs(8), "{said}: {took:?}");
    }
}

#[test]
fn bytes_that_come_slowly_do_not_hold_a_connection_for_long() {
    let url = listen(|mut stream| {
        let answer = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n"
            .iter()
            .chain([b'x'].iter().cycle());
        for byte in answer {
            std::thread::sleep(Duration::from_millis(50));
            if stream.write_all(&[*byte]).is_err() {
                return;
            }
        }
    });
    let (error, took) = outcome(&url);
    assert!(matches!(error, SourceError::Timeout(_, 10)), "{error}");
    assert!(took < Duration::from_secs(14), "{took:?}");
}

#[test]
fn a_picture_without_end_is_refused() {
    let sdp = "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=control:*\r\n\
        m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:track1\r\n\
        a=fmtp:96 packetization-mode=1;sprop-parameter-sets=Z0LAHtkDxWhAAAADAEAAAAwDxYuS,aMuMsg==\r\n";
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&sent);
    let (url, _) = camera(
        move |r| match r.method() {
            "DESCRIBE" => r.answer("200 OK", "Content-Type: application/sdp", sdp),
            _ => r.usual(),
        },
        move |stream| {
            for sequence in 0..u16::MAX {
                // FU-A (RFC 6184 §5.8): the first has the start bit, none the end bit.
                let mut packet = vec![b'$', 0, 0xff, 0xff, 0x80, 96];
                packet.extend(sequence.to_be_bytes());
                packet.extend([0, 0, 0, 7, 0, 0, 0, 1]);
                packet.extend([0x7c, if sequence == 0 { 0x85 } else { 0x05 }]);
                packet.resize(4 + 65_535, 7);
                if stream.write_all(&packet).is_err() {
                    return;
                }
                counted.fetch_add(packet.len(), Ordering::Relaxed);
            }
        },
    );
    let (error, took) = outcome(&url);
    assert!(error.to_string().contains("16 MiB"), "{error}");
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert!(sent.load(Ordering::Relaxed) < 64 << 20);
}

#[test]
fn packets_that_are_none_end_the_session_and_reports_alone_are_no_media() {
    let (url, _) = camera(scripted::Request::usual, |stream| {
        // Lengths of nothing and of little, channels that nobody set up.
        for packet in [
            &[b'$', 0, 0, 0][..],
            &[b'$', 0, 0, 3, 1, 2, 3],
            &[b'$', 200, 0, 1, 1],
        ] {
            let _ = stream.write_all(&packet.repeat(90));
        }
        while stream
            .write_all(&[&[b'$', 0, 0, 40][..], &[0; 40]].concat())
            .is_ok()
        {}
    });
    let (error, _) = outcome(&url);
    assert!(error.to_string().contains("no RTP"), "{error}");

    let (url, _) = camera(scripted::Request::usual, |stream| {
        let report = [&[b'$', 1, 0, 28, 0x80, 200, 0, 6][..], &[9; 24]].concat();
        while stream.write_all(&report).is_ok() {
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    let (error, took) = outcome(&url);
    assert_eq!(error, SourceError::Stalled(2));
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[test]
fn a_password_is_offered_once_and_told_to_no_stranger() {
    let refuse =
        |r: &scripted::Request| r.answer("401 No", "WWW-Authenticate: Basic realm=\"x\"", "");
    let (url, seen) = camera(refuse, |_| {});
    let with_password = url.replace("rtsp://", "rtsp://me:hunter2@");
    let (error, _) = outcome(&with_password);
    assert_eq!(error, SourceError::Unauthorized);
    let tried: Vec<bool> = seen
        .lock()
        .unwrap()
        .iter()
        .map(|r| r.header("Authorization").is_some())
        .collect();
    assert_eq!(tried, [false, true]);

    // Sent elsewhere, it does not say the password as it is.
    let (stranger, seen) = camera(refuse, |_| {});
    let stranger = stranger.replace("127.0.0.1", "localhost");
    let location = format!("Location: {stranger}");
    let (url, _) = camera(move |r| r.answer("302 Moved", &location, ""), |_| {});
    let (error, _) = outcome(&url.replace("rtsp://", "rtsp://me:hunter2@"));
    assert_eq!(error, SourceError::Unauthorized);
    let seen = seen.lock().unwrap();
    assert!(!seen.is_empty() && seen.iter().all(|r| r.header("Authorization").is_none()));
}

#[test]
fn a_camera_that_never_answers_or_goes_is_told() {
    let (error, took) = outcome(&listen(drop));
    let closed = ["closed the connection", "broke"]
        .iter()
        .any(|w| error.to_string().contains(w));
    assert!(closed, "{error}");
    assert!(took < Duration::from_secs(3), "{took:?}");
    let (error, took) = outcome(&listen(|mut stream| drain(&mut stream)));
    assert!(matches!(error, SourceError::Timeout(_, 10)), "{error}");
    assert!(took < Duration::from_secs(14), "{took:?}");
}
