//! One client's connection: bytes in, bytes out, no sockets of its own except
//! those for UDP. [`crate::server`] moves the bytes and watches the clock.

use crate::auth::Guard;
use crate::fault::Faults;
use crate::message::{BadRequest, Parsed, Request, Response, parse};
use crate::sdp;
use crate::server::Shared;
use crate::session::Session;
use crate::transport::{Transport, Udp, Wish, choose};
use bytes::{Buf as _, BytesMut};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

const METHODS: &str = "OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER, SET_PARAMETER";

pub(crate) struct Connection {
    shared: Arc<Shared>,
    peer: SocketAddr,
    local: SocketAddr,
    guard: Guard,
    inbox: BytesMut,
    /// What waits for the client to read it.
    pub(crate) out: BytesMut,
    session: Option<Session>,
    /// The clip that was described last.
    described: usize,
    last_heard: Instant,
    /// To be closed as soon as `out` is empty.
    closing: bool,
}

/// What a request URI means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    Stream,
    Media(usize),
}

impl Connection {
    pub(crate) fn new(
        shared: Arc<Shared>,
        peer: SocketAddr,
        local: SocketAddr,
        now: Instant,
    ) -> Self {
        Self {
            shared,
            peer,
            local,
            guard: Guard::new(),
            inbox: BytesMut::new(),
            out: BytesMut::new(),
            session: None,
            described: 0,
            last_heard: now,
            closing: false,
        }
    }

    /// Whether the connection is over.
    pub(crate) fn is_done(&self) -> bool {
        self.closing && self.out.is_empty()
    }

    pub(crate) const fn is_closing(&self) -> bool {
        self.closing
    }

    /// Takes bytes of the client and answers the requests in them.
    pub(crate) fn input(&mut self, bytes: &[u8], now: Instant, faults: &Faults) {
        self.last_heard = now;
        self.inbox.extend_from_slice(bytes);
        while !self.closing && self.out.len() <= self.shared.config.max_backlog {
            match parse(&self.inbox) {
                Ok(Parsed::Incomplete) => break,
                // Receiver reports: the client lives, and no more is wanted of it.
                Ok(Parsed::Frame(_, _, used)) => self.inbox.advance(used),
                Ok(Parsed::Request(request, used)) => {
                    self.inbox.advance(used);
                    let response = self.answer(&request, now, faults);
                    self.out.extend_from_slice(&response.into_bytes());
                    self.shared.journal().counters.requests += 1;
                }
                Err(bad) => self.refuse(bad),
            }
        }
    }

    fn refuse(&mut self, bad: BadRequest) {
        tracing::debug!(peer = %self.peer, "{bad}");
        let response = Response::new(bad.status(), None).header("Connection", "close");
        self.out.extend_from_slice(&response.into_bytes());
        self.closing = true;
    }

    /// Does what is due at `now`.
    pub(crate) fn tick(&mut self, now: Instant, faults: &Faults) {
        if let Some(session) = &mut self.session {
            if session.heard() {
                self.last_heard = now;
            }
            session.tick(&self.shared, now, faults, &mut self.out);
        }
        if now >= self.expires() && !self.closing {
            tracing::debug!(peer = %self.peer, "the client is silent");
            self.shared.journal().counters.timed_out += 1;
            self.end_session();
            self.closing = true;
        }
    }

    /// Leaves out what fell due until `now`, after a silence.
    pub(crate) fn skip(&mut self, now: Instant) {
        self.last_heard = now;
        if let Some(session) = &mut self.session {
            session.skip(now);
        }
    }

    /// When [`Self::tick`] has something to do.
    pub(crate) fn deadline(&self) -> Instant {
        let media = self.session.as_ref().and_then(|s| s.deadline(&self.shared));
        media.map_or_else(|| self.expires(), |media| media.min(self.expires()))
    }

    fn expires(&self) -> Instant {
        self.last_heard + self.shared.config.session_timeout
    }

    pub(crate) fn end_session(&mut self) {
        if let Some(mut session) = self.session.take() {
            session.end(&self.shared);
        }
    }

    fn answer(&mut self, request: &Request, now: Instant, faults: &Faults) -> Response {
        let is_number = |s: &&str| s.len() <= 10 && s.bytes().all(|b| b.is_ascii_digit());
        let Some(cseq) = request.header("CSeq").filter(is_number) else {
            return Response::new(400, None);
        };
        tracing::debug!(peer = %self.peer, method = request.method, uri = request.uri, "request");
        let respond = |status| Response::new(status, Some(cseq)).header("Server", "tapo camera");
        let how = &self.shared.config.authentication;
        let authorization = request.header("Authorization");
        let admitted =
            request.method == "OPTIONS" || self.guard.admits(how, &request.method, authorization);
        if faults.unauthorized(now) || !admitted {
            self.shared.journal().counters.unauthorized += 1;
            return respond(401).header("WWW-Authenticate", self.guard.challenge(how));
        }
        if let Some(option) = request.header("Require") {
            return respond(551).header("Unsupported", option);
        }
        match self.handle(request, now, faults) {
            Ok(fields) => fields.into_response(respond(200)),
            Err(405) => respond(405).header("Allow", METHODS),
            Err(status) => respond(status),
        }
    }

    fn handle(&mut self, request: &Request, now: Instant, faults: &Faults) -> Result<Fields, u16> {
        let named = request
            .header("Session")
            .map(|s| s.split(';').next().unwrap_or(s).trim());
        let current = self.session.as_ref().map(|session| session.id.as_str());
        if named.is_some() && named != current {
            return Err(454);
        }
        match request.method.as_str() {
            "OPTIONS" => Ok(self.fields().with("Public", METHODS)),
            "GET_PARAMETER" | "SET_PARAMETER" => Ok(self.fields()),
            "DESCRIBE" => match self.target(&request.uri) {
                Some(Target::Stream) => Ok(self.describe(&request.uri, faults)),
                _ => Err(404),
            },
            "SETUP" => {
                let target = self.target(&request.uri).ok_or(404_u16)?;
                if self.session.as_ref().is_some_and(Session::is_playing)
                    || self.session.is_some() && named.is_none()
                {
                    return Err(455);
                }
                let transport = request.header("Transport").ok_or(400_u16)?;
                self.set_up(target, transport, faults)
            }
            "PLAY" => {
                self.target(&request.uri).ok_or(404_u16)?;
                named.ok_or(454_u16)?;
                self.play(&request.uri, now, faults)
            }
            "TEARDOWN" => {
                named.ok_or(454_u16)?;
                let fields = self.fields();
                self.end_session();
                Ok(fields)
            }
            "PAUSE" | "ANNOUNCE" | "RECORD" | "REDIRECT" => Err(405),
            _ => Err(501),
        }
    }

    fn describe(&mut self, uri: &str, faults: &Faults) -> Fields {
        let config = &self.shared.config;
        self.described = faults.clip;
        let sdp = config
            .clips
            .get(faults.clip)
            .map(|clip| sdp::describe(clip, self.local.ip(), config.application_track));
        let mut fields = self.fields().with("Content-Base", base(uri) + "/");
        fields.body = sdp;
        fields
    }

    fn set_up(&mut self, target: Target, transport: &str, faults: &Faults) -> Result<Fields, u16> {
        let media = match target {
            Target::Media(media) => media,
            // RFC 2326, C.3: the only media may go by the name of the whole.
            Target::Stream if self.media_count() == 1 => 0,
            Target::Stream => return Err(459),
        };
        let config = &self.shared.config;
        let (transport, text) = match choose(transport, config.tcp, config.udp).ok_or(461_u16)? {
            Wish::Interleaved(channels) => {
                let next = u8::try_from(media * 2).map_err(|_| 461_u16)?;
                let (rtp, rtcp) = channels.unwrap_or((next, next.saturating_add(1)));
                let text = format!("RTP/AVP/TCP;unicast;interleaved={rtp}-{rtcp}");
                (Transport::Interleaved { rtp, rtcp }, text)
            }
            Wish::Udp(rtp, rtcp) => {
                let bound = Udp::bind(self.local.ip(), self.peer.ip(), (rtp, rtcp))
                    .and_then(|udp| Ok((udp.ports()?, udp)));
                let ((our_rtp, our_rtcp), udp) = bound.map_err(|_| 500_u16)?;
                let text = format!(
                    "RTP/AVP;unicast;client_port={rtp}-{rtcp};server_port={our_rtp}-{our_rtcp}"
                );
                (Transport::Udp(Box::new(udp)), text)
            }
        };
        let session = self
            .session
            .get_or_insert_with(|| Session::new(&self.shared, self.peer, self.described, faults));
        let ssrc = session.set_up(&self.shared, media, transport);
        Ok(self
            .fields()
            .with("Transport", format!("{text};ssrc={ssrc:08X}")))
    }

    fn play(&mut self, uri: &str, now: Instant, faults: &Faults) -> Result<Fields, u16> {
        let session = self.session.as_mut().ok_or(454_u16)?;
        if session.is_playing() {
            return Ok(self.fields());
        }
        if !session.play(&self.shared, now, faults) {
            return Err(500);
        }
        let base = self.stream_base(uri);
        let mut info = String::new();
        let Some(session) = &self.session else {
            return Err(454);
        };
        for track in session
            .tracks
            .iter()
            .filter(|t| t.media < self.track_count())
        {
            let separator = if info.is_empty() { "" } else { "," };
            let control = sdp::control(track.media);
            let sequence = track.stream.sequence;
            let time = session.first_timestamp(track, &self.shared, faults);
            let _ = write!(
                info,
                "{separator}url={base}/{control};seq={sequence};rtptime={time}"
            );
        }
        Ok(self
            .fields()
            .with("Range", "npt=0.000-")
            .with("RTP-Info", info))
    }

    fn track_count(&self) -> usize {
        let clip = self.shared.config.clips.first();
        clip.map_or(0, |clip| clip.tracks.len())
    }

    fn media_count(&self) -> usize {
        self.track_count() + usize::from(self.shared.config.application_track)
    }

    fn target(&self, uri: &str) -> Option<Target> {
        let path = path(uri);
        let own = self.shared.config.path.trim_end_matches('/');
        let rest = path.strip_prefix(own)?.trim_end_matches('/');
        match rest.strip_prefix('/') {
            Some(name) => sdp::controlled(name, self.media_count()).map(Target::Media),
            None => rest.is_empty().then_some(Target::Stream),
        }
    }

    /// The URI of the whole stream, even if `uri` is that of one media.
    fn stream_base(&self, uri: &str) -> String {
        let base = base(uri);
        match self.target(uri) {
            Some(Target::Media(media)) => {
                let control = format!("/{}", sdp::control(media));
                base.strip_suffix(&control).unwrap_or(&base).to_owned()
            }
            _ => base,
        }
    }

    /// Headers of a 200 that every answer within a session has.
    fn fields(&self) -> Fields {
        let mut fields = Fields::default();
        if let Some(session) = &self.session {
            let timeout = self.shared.config.session_timeout.as_secs();
            fields = fields.with("Session", format!("{};timeout={timeout}", session.id));
        }
        fields
    }
}

/// What goes into a 200.
#[derive(Default)]
struct Fields {
    headers: Vec<(&'static str, String)>,
    body: Option<String>,
}

impl Fields {
    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn into_response(self, mut response: Response) -> Response {
        for (name, value) in self.headers {
            response = response.header(name, value);
        }
        match self.body {
            Some(body) => response.body("application/sdp", body),
            None => response,
        }
    }
}

/// Without query and closing slashes.
fn base(uri: &str) -> String {
    let end = uri.find('?').unwrap_or(uri.len());
    uri.get(..end)
        .unwrap_or(uri)
        .trim_end_matches('/')
        .to_owned()
}

/// The path of an absolute or relative URI, without the query.
fn path(uri: &str) -> &str {
    let uri = uri.split('?').next().unwrap_or(uri);
    match uri.split_once("://") {
        Some((_, rest)) => rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/"),
        None => uri,
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.end_session();
    }
}

/// A camera that is full says so once, whatever it was asked.
pub(crate) fn overloaded() -> Vec<u8> {
    Response::new(503, None)
        .header("Connection", "close")
        .into_bytes()
}

#[cfg(test)]
mod tests;
