use super::*;
use crate::synthetic::{alaw, clip, h264};
use crate::{Authentication, CameraConfig, Fault};
use proptest::prelude::*;
use std::time::Duration;

const URL: &str = "rtsp://127.0.0.1:554/stream1";

struct Client {
    connection: Connection,
    faults: Faults,
    now: Instant,
    cseq: u32,
    session: String,
}

impl Client {
    fn new(change: impl FnOnce(&mut CameraConfig)) -> Self {
        let mut config = CameraConfig::new(clip(vec![h264(50, 25, false, 0), alaw(16_000)]));
        config.first_sequence = Some(65_535);
        config.first_timestamp = Some(7);
        change(&mut config);
        let now = Instant::now();
        let peer = "127.0.0.1:4000".parse().unwrap();
        Self {
            connection: Connection::new(Arc::new(Shared::new(config)), peer, peer, now),
            faults: Faults::default(),
            now,
            cseq: 0,
            session: String::new(),
        }
    }

    /// Sends a request and returns status and text of the answer.
    fn ask(&mut self, method: &str, uri: &str, headers: &str) -> (u16, String) {
        self.cseq += 1;
        let session = &self.session;
        let text = format!(
            "{method} {uri} RTSP/1.0\r\nCSeq: {}\r\n{session}{headers}\r\n",
            self.cseq
        );
        self.raw(text.as_bytes())
    }

    fn raw(&mut self, bytes: &[u8]) -> (u16, String) {
        self.connection.input(bytes, self.now, &self.faults);
        let out = self.connection.out.split();
        let text = String::from_utf8(out.to_vec()).unwrap();
        (text[9..12].parse().unwrap(), text)
    }

    fn set_up(&mut self, track: &str, transport: &str) -> (u16, String) {
        let (status, text) = self.ask(
            "SETUP",
            &format!("{URL}/{track}"),
            &format!("Transport: {transport}\r\n"),
        );
        if status == 200 {
            let id = text
                .split("Session: ")
                .nth(1)
                .unwrap()
                .split(';')
                .next()
                .unwrap();
            self.session = format!("Session: {id}\r\n");
        }
        (status, text)
    }

    /// The RTP and RTCP packets of the next `time`, by channel.
    fn frames(&mut self, time: Duration) -> Vec<(u8, Vec<u8>)> {
        self.now += time;
        self.connection.tick(self.now, &self.faults);
        let out = self.connection.out.split();
        let mut rest = &out[..];
        let mut frames = Vec::new();
        while let Ok(Parsed::Frame(channel, payload, used)) = parse(rest) {
            frames.push((channel, rest[payload].to_vec()));
            rest = &rest[used..];
        }
        assert!(rest.is_empty());
        frames
    }

    fn playing(change: impl FnOnce(&mut CameraConfig)) -> Self {
        let mut client = Self::new(change);
        assert_eq!(
            client.set_up("track1", "RTP/AVP/TCP;interleaved=0-1").0,
            200
        );
        assert_eq!(
            client.set_up("track2", "RTP/AVP/TCP;interleaved=2-3").0,
            200
        );
        assert_eq!(client.ask("PLAY", URL, "").0, 200);
        client
    }
}

fn timestamp(packet: &[u8]) -> u32 {
    u32::from_be_bytes(packet[4..8].try_into().unwrap())
}

#[test]
fn describes_the_clip() {
    let mut client = Client::new(|config| config.application_track = true);
    let (status, text) = client.ask("DESCRIBE", URL, "Accept: application/sdp\r\n");
    assert_eq!(status, 200);
    assert!(text.contains("\r\nContent-Base: rtsp://127.0.0.1:554/stream1/\r\n"));
    let (head, sdp) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(&format!("Content-Length: {}", sdp.len())));
    assert_eq!(
        sdp,
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=tapo camera\r\nt=0 0\r\n\
         a=control:*\r\na=range:npt=0-\r\n\
         m=video 0 RTP/AVP 96\r\nc=IN IP4 0.0.0.0\r\na=rtpmap:96 H264/90000\r\n\
         a=fmtp:96 packetization-mode=1;profile-level-id=42C01E;\
         sprop-parameter-sets=Z0LAHtoCgL/lwEQAAAMABAAAAwDIPFi6gA==,aM4PyA==\r\n\
         a=control:track1\r\n\
         m=audio 0 RTP/AVP 8\r\nc=IN IP4 0.0.0.0\r\na=rtpmap:8 PCMA/8000\r\n\
         a=control:track2\r\n\
         m=application/TP-LINK 0 RTP/AVP smart/1/90000\r\na=rtpmap:95 TP-LINK/90000\r\n\
         a=control:track3\r\n"
    );
}

#[test]
fn answers_as_the_state_allows() {
    let mut client = Client::new(|config| config.udp = false);
    assert!(
        client
            .ask("OPTIONS", "*", "")
            .1
            .contains("Public: OPTIONS, DESCRIBE")
    );
    assert_eq!(client.ask("DESCRIBE", "rtsp://127.0.0.1/else", "").0, 404);
    assert_eq!(client.ask("DESCRIBE", "/stream1/?a=b", "").0, 200);
    assert_eq!(client.ask("PLAY", URL, "").0, 454);
    assert_eq!(client.ask("PAUSE", URL, "").0, 405);
    assert_eq!(client.ask("FLY", URL, "").0, 501);
    assert_eq!(client.ask("OPTIONS", URL, "Require: x\r\n").0, 551);
    assert_eq!(
        client
            .set_up("track1", "RTP/AVP;unicast;client_port=5000-5001")
            .0,
        461
    );
    assert_eq!(client.set_up("track3", "RTP/AVP/TCP").0, 404);
    assert_eq!(client.set_up("", "RTP/AVP/TCP").0, 459);
    let (status, text) = client.set_up("track2", "RTP/AVP/TCP;unicast");
    assert_eq!(status, 200);
    assert!(text.contains("Transport: RTP/AVP/TCP;unicast;interleaved=2-3;ssrc="));
    assert!(text.contains(";timeout=60\r\n"));
    let (status, text) = client.ask("PLAY", URL, "Range: npt=0-\r\n");
    assert_eq!(status, 200);
    assert!(
        text.contains("RTP-Info: url=rtsp://127.0.0.1:554/stream1/track2;seq=65535;rtptime=7\r\n")
    );
    assert_eq!(client.set_up("track1", "RTP/AVP/TCP").0, 455);
    assert_eq!(
        client.ask("SET_PARAMETER", URL, "Content-Length: 0\r\n").0,
        200
    );
    let session = std::mem::replace(&mut client.session, "Session: 123\r\n".into());
    assert_eq!(client.ask("GET_PARAMETER", URL, "").0, 454);
    client.session = session;
    assert_eq!(client.ask("TEARDOWN", URL, "").0, 200);
    assert_eq!(client.ask("TEARDOWN", URL, "").0, 454);
    assert!(client.frames(Duration::from_secs(1)).is_empty());
}

#[test]
fn what_is_no_rtsp_ends_the_connection() {
    let mut client = Client::new(|_| {});
    assert_eq!(client.raw(b"OPTIONS * RTSP/1.0\r\n\r\n").0, 400);
    assert!(!client.connection.is_closing());
    assert_eq!(client.raw(b"GET / HTTP/1.1\r\n\r\n").0, 400);
    assert!(client.connection.is_done());
}

#[test]
fn plays_in_real_time_with_reports_on_one_clock() {
    let mut client = Client::playing(|_| {});
    let first = client.frames(Duration::ZERO);
    // An IDR picture in 5 fragments, a packet of sound, two reports.
    let channels: Vec<u8> = first.iter().map(|f| f.0).collect();
    assert_eq!(channels, [0, 0, 0, 0, 0, 2, 1, 3]);
    assert!(first[..5].iter().all(|(_, p)| timestamp(p) == 7));
    assert_eq!(first[5].1.len(), 12 + 320);
    let mut packets = Vec::new();
    let mut reports = Vec::new();
    for _ in 0..100 {
        for (channel, packet) in client.frames(Duration::from_millis(40)) {
            if channel % 2 == 1 {
                reports.push((channel, packet));
            } else {
                packets.push((channel, packet));
            }
        }
    }
    for (channel, ticks, n) in [(0, 3600, 100), (2, 320, 100)] {
        let mut times: Vec<u32> = packets
            .iter()
            .filter(|p| p.0 == channel)
            .map(|p| timestamp(&p.1))
            .collect();
        times.dedup();
        assert_eq!(times.len(), n);
        assert!(times.iter().zip(1..).all(|(&t, i)| t == 7 + ticks * i));
    }
    let reports: Vec<_> = reports.chunks(2).collect();
    assert_eq!(reports.len(), 4);
    for pair in reports {
        let [(1, video), (3, audio)] = pair else {
            panic!()
        };
        // The same wall clock, and the same session time on both clocks.
        assert_eq!(video[8..16], audio[8..16]);
        let time = |p: &[u8]| u32::from_be_bytes(p[16..20].try_into().unwrap()) - 7;
        assert_eq!(time(video) / 90, time(audio) / 8);
    }
}

#[test]
fn scripted_faults_change_the_stream() {
    let mut client = Client::playing(|_| {});
    let before = client.frames(Duration::ZERO);
    client.faults.apply(
        &Fault::JumpClock {
            milliseconds: -1000,
        },
        client.now,
    );
    client.faults.apply(&Fault::ChangeSsrc, client.now);
    let after = client.frames(Duration::from_millis(40));
    assert_eq!(timestamp(&after[0].1), 7_u32.wrapping_sub(90_000 - 3600));
    assert_ne!(after[0].1[8..12], before[0].1[8..12]);

    client.faults.apply(
        &Fault::StallMedia {
            lasting: Duration::from_millis(1200),
        },
        client.now,
    );
    let stalled = client.frames(Duration::from_millis(1100));
    assert_eq!(stalled.iter().map(|f| f.0).collect::<Vec<_>>(), [1, 3]);
    // Until the next keyframe there is sound only.
    let resumed = client.frames(Duration::from_millis(700));
    assert!(resumed.iter().all(|f| f.0 != 0) && resumed.iter().any(|f| f.0 == 2));
    let key = client.frames(Duration::from_millis(200));
    assert_eq!(
        timestamp(&key.iter().find(|f| f.0 == 0).unwrap().1),
        7 + 90_000
    );

    client.faults.apply(
        &Fault::Unauthorized {
            lasting: Duration::MAX,
        },
        client.now,
    );
    assert_eq!(client.ask("GET_PARAMETER", URL, "").0, 401);
}

#[test]
fn another_clip_brings_its_parameter_sets() {
    let small = clip(vec![h264(50, 25, false, 1), alaw(16_000)]);
    let mut client = Client::playing(|config| config.clips.push(small));
    client.frames(Duration::ZERO);
    client
        .faults
        .apply(&Fault::SwitchClip { clip: 1 }, client.now);
    let frames = client.frames(Duration::from_secs(1));
    let video: Vec<&[u8]> = frames
        .iter()
        .filter(|f| f.0 == 0)
        .map(|f| &f.1[12..])
        .collect();
    let sps = video.iter().position(|p| p[0] == 0x67).unwrap();
    assert_eq!(sps, 24);
    assert_eq!(&video[sps][..4], [0x67, 0x42, 0xc0, 0x0c]);
    assert_eq!(video[sps + 1][0], 0x68);
    // Back again: the decoder needs the first ones anew.
    client
        .faults
        .apply(&Fault::SwitchClip { clip: 0 }, client.now);
    let frames = client.frames(Duration::from_secs(1));
    assert!(
        frames
            .iter()
            .any(|f| f.0 == 0 && f.1[12..16] == [0x67, 0x42, 0xc0, 0x1e])
    );
}

#[test]
fn a_silent_client_is_dropped() {
    let mut client = Client::playing(|config| config.session_timeout = Duration::from_secs(10));
    client.frames(Duration::from_secs(9));
    assert_eq!(client.ask("OPTIONS", URL, "").0, 200);
    client.frames(Duration::from_secs(9));
    // A receiver report counts as well.
    client
        .connection
        .input(b"$\x01\x00\x02ab", client.now, &client.faults);
    client.frames(Duration::from_secs(9));
    assert!(!client.connection.is_closing());
    client.frames(Duration::from_secs(1));
    assert!(client.connection.is_closing());
}

#[test]
fn a_sleep_is_not_made_up_for() {
    let mut client = Client::playing(|config| config.session_timeout = Duration::from_secs(9999));
    client.frames(Duration::ZERO);
    let frames = client.frames(Duration::from_secs(3600));
    assert!(frames.len() < 50, "{}", frames.len());
}

#[test]
fn credentials_are_wanted() {
    let mut client = Client::new(|config| {
        config.authentication = Authentication::Basic {
            user: "Aladdin".into(),
            password: "open sesame".into(),
        };
    });
    assert_eq!(client.ask("OPTIONS", URL, "").0, 200);
    let (status, text) = client.ask("DESCRIBE", URL, "");
    assert_eq!(status, 401);
    assert!(text.contains("WWW-Authenticate: Basic realm="));
    let right = "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n";
    assert_eq!(client.ask("DESCRIBE", URL, right).0, 200);
    assert_eq!(
        client.ask("DESCRIBE", URL, &right.replace("QW", "QX")).0,
        401
    );
}

proptest! {
    /// Whatever a peer sends, in whatever pieces: no panic, and no more memory
    /// than a message or a frame takes.
    #[test]
    fn any_bytes(pieces in prop::collection::vec(prop_oneof![
        prop::collection::vec(any::<u8>(), 0..100),
        Just(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n".to_vec()),
        Just(format!("SETUP {URL}/track1 RTSP/1.0\r\nCSeq: 1\r\nTransport: RTP/AVP/TCP\r\n\r\n").into_bytes()),
        Just(b"$\x00\x00\x09".to_vec()),
        "[A-Z]{4,9} rtsp://[a-z0-9:/.]{0,20} RTSP/1.0\r\nCSeq: [0-9]\r\n(Session|Transport|Range): [ -~]{0,30}\r\n\r\n".prop_map(String::into_bytes),
    ], 0..20)) {
        let mut client = Client::new(|_| {});
        for piece in pieces {
            client.connection.input(&piece, client.now, &client.faults);
            client.connection.tick(client.now, &client.faults);
            prop_assert!(client.connection.inbox.len() < 70_000);
        }
    }
}
