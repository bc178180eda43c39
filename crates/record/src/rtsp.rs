//! RTSP, by retina behind a [`Bridge`].
//!
//! Every wait has an end. Only streams whose codec is known are set up: one
//! that retina cannot depacketize would end the session later.

use crate::bridge::{Bridge, REQUEST, Transport, Trust};
use crate::payload::{self, Offer, Payload, Unit};
use crate::source::{
    AccessUnit, Codec, Connector, PacketSource, SourceError, SourceEvent, StreamInfo, TrackInfo,
};
use crate::url::{CameraUrl, mask};
use futures::{FutureExt, StreamExt};
use retina::client::{
    Demuxed, InitialTimestampPolicy, PlayOptions, Session, SessionOptions, SetupOptions, Stream,
    TeardownPolicy,
};
use retina::codec::{CodecItem, FrameFormat};
use std::collections::VecDeque;
use std::num::NonZeroU16;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant, SystemTime};

/// What is told where retina gave up with a panic.
const UNHANDLED: &str = "the camera sent something that the receiver cannot handle";
/// Errors of single packets in a row that end a session.
const PATIENCE: u32 = 16;
/// Streams left out that are told one by one.
const LEFT_OUT: usize = 8;
/// The longest message of an error that is passed on, bytes.
const MESSAGE: usize = 300;

/// Opens RTSP sessions with a camera.
#[derive(Clone, Debug)]
pub struct RtspConnector {
    /// Where, and as whom.
    pub url: CameraUrl,
    /// How long a session may go without media.
    pub stall: Duration,
    /// Whether sound is recorded, where there are pictures too.
    pub audio: bool,
    /// How media travels.
    pub transport: Transport,
    /// Whose certificate is accepted, for `rtsps://`.
    pub trust: Trust,
}

/// An RTSP session that plays.
pub struct RtspSource {
    session: Demuxed,
    bridge: Bridge,
    info: StreamInfo,
    chosen: Chosen,
    opened: Instant,
    stall: Duration,
    /// When media of each track came last, and whether it is missed.
    last_media: Vec<(tokio::time::Instant, bool)>,
    described: Vec<bool>,
    queue: VecDeque<SourceEvent>,
    errors: u32,
}

impl Connector for RtspConnector {
    type Source = RtspSource;

    async fn connect(&self) -> Result<RtspSource, SourceError> {
        let mut bridge = Bridge::open(&self.url, self.transport, &self.trust).await?;
        let opened = open(bridge.url.clone(), self.audio).await;
        match opened {
            Ok((session, mut info, chosen)) => {
                info.sdp_sha256 = bridge.description();
                // Sound that never comes is not missed.
                let last_media = info
                    .tracks
                    .iter()
                    .map(|t| (tokio::time::Instant::now(), !t.codec.is_video()));
                let last_media = last_media.collect();
                Ok(RtspSource {
                    session,
                    bridge,
                    described: vec![false; info.tracks.len()],
                    info,
                    chosen,
                    opened: Instant::now(),
                    stall: self.stall,
                    last_media,
                    queue: VecDeque::new(),
                    errors: 0,
                })
            }
            Err(error) => {
                let error = bridge.reason().await.unwrap_or(error);
                bridge.close().await;
                Err(error)
            }
        }
    }
}

/// Describes, sets up and plays.
async fn open(url: url::Url, audio: bool) -> Result<(Demuxed, StreamInfo, Chosen), SourceError> {
    // The bridge says goodbye to the camera.
    let options = SessionOptions::default().teardown(TeardownPolicy::Never);
    let describe = Session::describe(url, options);
    let mut session = within("the camera's answer to DESCRIBE", describe).await?;
    let (mut info, mut chosen) = choose(session.streams(), session.sdp(), audio);
    // Metadata alone is nothing to record.
    if info.tracks.iter().all(|t| t.codec.is_sparse()) {
        return Err(SourceError::Unsupported(info.left_out.join(", ")));
    }
    for stream in 0..chosen.tracks.len() {
        let Some(Some(track)) = chosen.tracks.get(stream).copied() else {
            continue;
        };
        let options = SetupOptions::default().frame_format(FrameFormat::MP4);
        let setup = session.setup(stream, options);
        match within("the camera's answer to SETUP", setup).await {
            Ok(()) => {}
            // The others are not to suffer for it.
            Err(error) if track != info.lead() && !matches!(error, SourceError::Timeout(..)) => {
                chosen.leave_out(stream, track, &mut info, &error);
            }
            Err(error) => return Err(error),
        }
    }
    let options = PlayOptions::default().initial_timestamp(InitialTimestampPolicy::Permissive);
    let playing = within("the camera's answer to PLAY", session.play(options)).await?;
    let session = playing.demuxed().map_err(|e| failure(&e))?;
    Ok((session, info, chosen))
}

impl PacketSource for RtspSource {
    fn info(&self) -> &StreamInfo {
        &self.info
    }

    async fn next(&mut self) -> Result<SourceEvent, SourceError> {
        loop {
            if let Some(event) = self.queue.pop_front() {
                return Ok(event);
            }
            if let Some(track) = self.missed() {
                return Ok(SourceEvent::Silent { track });
            }
            let deadline = self.deadline();
            match tokio::time::timeout_at(deadline, self.receive()).await {
                Ok(Ok(true)) => {}
                Ok(Ok(false)) => return Ok(SourceEvent::End),
                Ok(Err(error)) => return Err(error),
                Err(_) => return Err(SourceError::Stalled(self.stall.as_secs())),
            }
        }
    }

    async fn resume(&mut self) -> Result<(), SourceError> {
        let lead = self.lead();
        self.described.fill(false);
        loop {
            let is_lead =
                |e: &SourceEvent| matches!(e, SourceEvent::AccessUnit(u) if u.track == lead);
            if self.queue.iter().any(is_lead) {
                break;
            }
            self.queue
                .retain(|e| matches!(e, SourceEvent::Parameters { .. }));
            if !self.receive().await? {
                return Err(SourceError::Connection(
                    "the camera ended the stream".to_owned(),
                ));
            }
        }
        self.opened = Instant::now();
        for event in &mut self.queue {
            if let SourceEvent::AccessUnit(unit) = event {
                unit.arrived = Duration::ZERO;
            }
        }
        Ok(())
    }

    async fn close(self) {
        drop(self.session);
        // It is a courtesy; the camera times the session out anyway.
        self.bridge.close().await;
    }
}

impl RtspSource {
    /// Takes what comes next into the queue; `false` at the end.
    async fn receive(&mut self) -> Result<bool, SourceError> {
        // What a camera sends must not end the recorder, whatever it is.
        let next = AssertUnwindSafe(self.session.next()).catch_unwind();
        let Ok(item) = next.await else {
            return Err(SourceError::Connection(UNHANDLED.to_owned()));
        };
        match item {
            None => return self.bridge.reason().await.map_or(Ok(false), Err),
            Some(Ok(item)) => {
                self.errors = 0;
                self.take(item);
            }
            // One bad packet does not end a session, many do.
            Some(Err(error)) => {
                self.errors += 1;
                let error = failure(&error);
                tracing::debug!(%error, "a packet was not understood");
                if self.errors >= PATIENCE || is_fatal(&error) {
                    return Err(self.bridge.reason().await.unwrap_or(error));
                }
            }
        }
        Ok(true)
    }

    /// The track whose silence ends the session: that of pictures, if there is one.
    fn lead(&self) -> usize {
        self.info.lead()
    }

    fn take(&mut self, item: CodecItem) {
        let track_of = |stream: usize| self.chosen.tracks.get(stream).copied().flatten();
        match item {
            CodecItem::VideoFrame(frame) => {
                let Some(track) = track_of(frame.stream_id()) else {
                    return;
                };
                let arrival = Arrival {
                    stream: frame.stream_id(),
                    time: frame.timestamp(),
                    context: *frame.end_ctx(),
                    lost: frame.loss(),
                    said: frame.is_random_access_point(),
                    redescribed: frame.has_new_parameters(),
                };
                let data = frame.into_data();
                self.unit(track, arrival, data, None);
            }
            CodecItem::AudioFrame(frame) => {
                let Some(track) = track_of(frame.stream_id()) else {
                    return;
                };
                let arrival = Arrival {
                    stream: frame.stream_id(),
                    time: frame.timestamp(),
                    context: *frame.ctx(),
                    lost: frame.loss(),
                    said: true,
                    redescribed: false,
                };
                let duration = Some(frame.frame_length().get());
                self.unit(track, arrival, frame.data().to_vec(), duration);
            }
            CodecItem::MessageFrame(frame) => {
                let Some(track) = track_of(frame.stream_id()) else {
                    return;
                };
                let arrival = Arrival {
                    stream: frame.stream_id(),
                    time: frame.timestamp(),
                    context: *frame.ctx(),
                    lost: frame.loss(),
                    said: true,
                    redescribed: false,
                };
                self.unit(track, arrival, frame.data().to_vec(), None);
            }
            CodecItem::Rtcp(packet) => {
                let report = packet.rtp_timestamp().zip(track_of(packet.stream_id()));
                let first = packet.pkts().next();
                let sender = first.and_then(|p| p.as_sender_report().ok().flatten());
                if let (Some((time, track)), Some(sender)) = (report, sender) {
                    self.queue.push_back(SourceEvent::SenderReport {
                        track,
                        ntp: sender.ntp_timestamp().0,
                        rtp: time.timestamp(),
                        received: SystemTime::from(packet.ctx().received_wall()).into(),
                    });
                }
            }
            _ => {}
        }
    }

    /// Takes what has one timestamp.
    fn unit(&mut self, track: usize, arrival: Arrival, data: Vec<u8>, duration: Option<u32>) {
        let Some(payload) = self.chosen.payloads.get_mut(track) else {
            return;
        };
        let taken = payload.take(Unit {
            data,
            duration,
            redescribed: arrival.redescribed,
        });
        let Some(taken) = taken else {
            return;
        };
        let random_access = payload.random_access(&taken.data, arrival.said);
        self.describe(arrival.stream, track, taken.redescribed);
        let received = arrival.context.received();
        self.media(AccessUnit {
            track,
            rtp: arrival.time.timestamp(),
            since_play: arrival.time.elapsed(),
            duration: taken.duration,
            arrived: received.saturating_duration_since(self.opened),
            received: SystemTime::from(arrival.context.received_wall()).into(),
            random_access,
            lost: arrival.lost.into(),
            data: taken.data,
        });
    }

    fn media(&mut self, unit: AccessUnit) {
        if let Some(last) = self.last_media.get_mut(unit.track) {
            *last = (tokio::time::Instant::now(), false);
        }
        self.queue.push_back(SourceEvent::AccessUnit(unit));
    }

    /// When the camera has been without pictures (or sound, if it has no pictures)
    /// for too long.
    fn deadline(&self) -> tokio::time::Instant {
        let last = self.last_media.get(self.lead());
        last.map_or_else(tokio::time::Instant::now, |(last, _)| *last + self.stall)
    }

    /// The other track that has come to be missed.
    fn missed(&mut self) -> Option<usize> {
        let (stall, now) = (self.stall, tokio::time::Instant::now());
        let lead = self.lead();
        let mut tracks = self.last_media.iter_mut().enumerate();
        let sparse = |track: usize| {
            let info = self.info.tracks.get(track);
            info.is_some_and(|t| t.codec.is_sparse())
        };
        let (track, (_, missed)) = tracks.find(|(track, (last, missed))| {
            *track != lead && !*missed && *last + stall <= now && !sparse(*track)
        })?;
        *missed = true;
        Some(track)
    }

    /// Passes the parameters on before the first unit and where they change.
    fn describe(&mut self, stream: usize, track: usize, changed: bool) {
        let Some(described) = self.described.get_mut(track) else {
            return;
        };
        if *described && !changed {
            return;
        }
        let payload = self.chosen.payloads.get(track);
        let parameters = self
            .session
            .streams()
            .get(stream)
            .and_then(Stream::parameters);
        if let Some(description) = payload.and_then(|p| p.description(parameters.as_ref())) {
            *described = true;
            self.queue
                .push_back(SourceEvent::Parameters { track, description });
        }
    }
}

/// What is recorded of the streams.
#[derive(Default)]
struct Chosen {
    /// The track of each stream.
    tracks: Vec<Option<usize>>,
    /// Who makes samples of each track.
    payloads: Vec<Box<dyn Payload>>,
}

impl Chosen {
    /// Goes on without a track that the camera does not deliver.
    fn leave_out(&mut self, stream: usize, track: usize, info: &mut StreamInfo, why: &SourceError) {
        let codec = info.tracks.remove(track).codec;
        let what = if codec.is_sound() {
            "sound"
        } else {
            "metadata"
        };
        info.left_out.push(format!("{what}: {why}"));
        self.payloads.remove(track);
        if let Some(left_out) = self.tracks.get_mut(stream) {
            *left_out = None;
        }
        for other in self.tracks.iter_mut().flatten().filter(|t| **t > track) {
            *other -= 1;
        }
    }
}

/// When an access unit came, and what retina knows of it.
struct Arrival {
    stream: usize,
    time: retina::Timestamp,
    context: retina::PacketContext,
    lost: u16,
    /// Whether decoding can start at it.
    said: bool,
    /// Whether its parameters are others than those before.
    redescribed: bool,
}

/// Which of the camera's streams to record: the first of pictures and the first
/// of sound that are known.
fn choose(streams: &[Stream], sdp: &[u8], audio: bool) -> (StreamInfo, Chosen) {
    let mut info = StreamInfo::default();
    let mut chosen = Chosen::default();
    for stream in streams {
        let (media, encoding) = (stream.media(), stream.encoding_name());
        let channels = stream.channels().map_or(1, NonZeroU16::get);
        let offer = Offer {
            media,
            encoding,
            clock_rate: stream.clock_rate_hz(),
            channels,
        };
        let opened = payload::open(&offer).and_then(|payload| {
            let codec = payload.codec();
            if !audio && codec.is_sound() {
                return Err("sound is not wanted");
            }
            let kind = |codec: Codec| (codec.is_video(), codec.is_sound());
            let same = |t: &TrackInfo| kind(t.codec) == kind(codec);
            if info.tracks.iter().any(same) {
                return Err("another stream of this kind comes first");
            }
            Ok(payload)
        });
        match opened {
            Ok(payload) => {
                chosen.tracks.push(Some(info.tracks.len()));
                info.tracks.push(TrackInfo {
                    codec: payload.codec(),
                    clock_rate: stream.clock_rate_hz(),
                });
                chosen.payloads.push(payload);
            }
            Err(why) => {
                chosen.tracks.push(None);
                // An address and a name are the camera's words: they may hold anything.
                let what = format!("{media} {}", payload::name(encoding, channels));
                let what: String = what.chars().filter(|c| !c.is_control()).take(60).collect();
                info.left_out.push(format!("{what}: {why}"));
            }
        }
    }
    info.left_out.extend(unreadable(sdp, streams.len()));
    let more = info.left_out.len().saturating_sub(LEFT_OUT);
    if more > 0 {
        info.left_out.truncate(LEFT_OUT);
        info.left_out.push(format!("{more} more"));
    }
    (info, chosen)
}

/// The streams that retina passes over in silence, such as the third one of a
/// Tapo: `m=application/TP-LINK 0 RTP/AVP smart/1/90000`.
fn unreadable(sdp: &[u8], readable: usize) -> Vec<String> {
    let sdp = String::from_utf8_lossy(sdp);
    let offered: Vec<&str> = sdp.lines().filter_map(|l| l.strip_prefix("m=")).collect();
    let mut left_out = Vec::new();
    for line in &offered {
        let mut words = line.split_ascii_whitespace();
        let media = words.next().unwrap_or_default();
        // Behind the port and the protocol stands the payload type.
        let payload = words.nth(2).and_then(|w| w.parse::<u8>().ok());
        if payload.is_none_or(|p| p > 127) && left_out.len() + readable < offered.len() {
            let media: String = media.chars().filter(|c| !c.is_control()).take(60).collect();
            left_out.push(format!("{media}: its description cannot be read"));
        }
    }
    let others = offered.len().saturating_sub(readable + left_out.len());
    if others > 0 {
        left_out.push(format!("{others} more, whose descriptions cannot be read"));
    }
    left_out
}

async fn within<T>(
    what: &'static str,
    request: impl Future<Output = Result<T, retina::Error>>,
) -> Result<T, SourceError> {
    // What a camera sends must not end the recorder, whatever it is.
    let request = AssertUnwindSafe(request).catch_unwind();
    match tokio::time::timeout(REQUEST, request).await {
        Ok(Ok(Ok(done))) => Ok(done),
        Ok(Ok(Err(error))) => Err(failure(&error)),
        Ok(Err(_)) => Err(SourceError::Connection(UNHANDLED.to_owned())),
        Err(_) => Err(SourceError::Timeout(what, REQUEST.as_secs())),
    }
}

/// retina's error in our terms: its first line, without what might be secret.
fn failure(error: &retina::Error) -> SourceError {
    match error.status_code() {
        Some(401 | 403) => SourceError::Unauthorized,
        Some(404) => SourceError::NotFound,
        _ => {
            let text = error.to_string();
            let line = text.lines().next().unwrap_or_default();
            // A dump of what was received would follow.
            let line = line.strip_suffix("; buffered:").unwrap_or(line);
            let clean: String = line
                .chars()
                .filter(|c| !c.is_control())
                .take(MESSAGE)
                .collect();
            SourceError::Connection(mask(&clean))
        }
    }
}

/// Errors after which the connection gives nothing more.
fn is_fatal(error: &SourceError) -> bool {
    match error {
        SourceError::Connection(text) => ["RTSP", "peer"].iter().any(|w| text.contains(w)),
        _ => true,
    }
}

impl std::fmt::Debug for RtspSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RtspSource")
            .field("info", &self.info)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_retina_leaves_out_in_silence_is_named() {
        let sdp =
            b"v=0\r\nm=video 0 RTP/AVP 96\r\nm=application/TP-LINK 0 RTP/AVP smart/1/90000\r\n";
        let named = unreadable(sdp, 1);
        assert_eq!(
            named,
            ["application/TP-LINK: its description cannot be read"]
        );
        assert!(unreadable(sdp, 2).is_empty());
        assert_eq!(unreadable(b"m=a 0 x 1\nm=b 0 x 2\n", 1).len(), 1);
        assert!(unreadable(b"\xff\nm=\n", 3).is_empty());
    }
}
