//! The session: what retina asks goes to the camera, what comes back goes to
//! retina.

use super::auth::Auth;
use super::camera::{Incoming, Line, slow};
use super::describe::shown;
use super::media::{Media, Route};
use super::message::{Framed, Message, Start, parse};
use super::rtp::Stream;
use super::setup::{SessionHeader, TransportHeader, base, rtp_info};
use super::udp::Pair;
use super::{GOODBYE, REQUEST, Transport, Trust, Violation, random, report};
use crate::source::SourceError;
use crate::url::{CameraUrl, mask};
use bytes::{Buf, BytesMut};
use sha2::{Digest, Sha256};
use std::future::pending;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep_until, timeout};
use url::Url;

/// Redirects that are followed.
const REDIRECTS: u32 = 5;
/// The longest time between two signs of life.
const ALIVE: Duration = Duration::from_secs(30);
/// What retina calls the session.
const SESSION: &str = "tapo";

/// Between retina and a camera.
pub(crate) struct Proxy {
    /// What retina calls, and what is meant by it.
    url: Url,
    camera: Url,
    trust: Trust,
    transport: Transport,
    line: Line,
    auth: Auth,
    cseq: u32,
    asked: Option<Asked>,
    redirects: u32,
    session: Option<SessionHeader>,
    /// Where keepalives go: the address of the last PLAY.
    playing: Option<String>,
    alive: Instant,
    /// When receiver reports are due, and whose they are.
    report: Option<Instant>,
    own: u32,
    get_parameter: bool,
    media: Media,
    /// SHA-256 of the description.
    description: Arc<OnceLock<[u8; 32]>>,
}

/// A request that was not answered yet.
struct Asked {
    request: Message,
    method: String,
    cseq: u32,
    since: Instant,
    /// Whether the password has been told.
    signed: bool,
    /// retina's number, unless it is ours.
    by: Option<String>,
}

impl Proxy {
    pub(crate) fn new(
        camera: &CameraUrl,
        line: Line,
        transport: Transport,
        trust: Trust,
        url: Url,
    ) -> Self {
        Self {
            url,
            camera: camera.url().clone(),
            trust,
            transport,
            line,
            auth: Auth::new(camera.credentials().cloned()),
            cseq: 0,
            asked: None,
            redirects: 0,
            session: None,
            playing: None,
            alive: Instant::now(),
            report: None,
            own: own(),
            get_parameter: false,
            media: Media::default(),
            description: Arc::default(),
        }
    }

    /// Where SHA-256 of the description will be told.
    pub(crate) fn description(&self) -> Arc<OnceLock<[u8; 32]>> {
        Arc::clone(&self.description)
    }

    /// Works until retina goes, or for as long as the camera behaves.
    pub(crate) async fn run(mut self, listener: TcpListener) -> Result<(), SourceError> {
        let accepted = timeout(REQUEST, accept(&self.url, listener)).await;
        let Ok(Ok((mut retina, mut asked))) = accepted else {
            return Ok(());
        };
        let result = self.serve(&mut retina, &mut asked).await;
        // What came before the end is worth having.
        let _ = timeout(GOODBYE, retina.write_all(&self.media.out)).await;
        if result.is_ok() {
            let _ = timeout(GOODBYE, self.goodbye()).await;
        }
        tracing::debug!(late = self.media.late(), "the session is over");
        result
    }

    async fn serve(
        &mut self,
        retina: &mut TcpStream,
        requests: &mut BytesMut,
    ) -> Result<(), SourceError> {
        let mut datagram = Vec::new();
        loop {
            while let Some(incoming) = self.line.next()? {
                match incoming {
                    Incoming::Packet(channel, mut packet) => {
                        self.media.packet(channel, &mut packet)?;
                    }
                    Incoming::Message(message) => self.message(message).await?,
                }
            }
            while let Ok(Framed::Message(request, used)) = parse(requests) {
                requests.advance(used);
                self.request(request).await?;
            }
            if !self.media.out.is_empty() {
                // A disk that is slow makes the camera wait.
                if retina.write_all(&self.media.out).await.is_err() {
                    return Ok(());
                }
                self.media.out.clear();
            }
            let now = Instant::now();
            let deadline = self.deadline();
            let received = async {
                if self.media.is_udp() {
                    self.media.receive(&mut datagram).await
                } else {
                    pending().await
                }
            };
            tokio::select! {
                read = self.line.read() => read?,
                read = retina.read_buf(requests) => match read {
                    Ok(1..) => {}
                    _ => return Ok(()),
                },
                (route, is_rtcp, length) = received => {
                    if let Some(packet) = datagram.get_mut(..length) {
                        self.media.datagram(route, is_rtcp, packet)?;
                    }
                }
                () = sleep_until(deadline.max(now)) => self.due().await?,
            }
        }
    }

    /// When something is due.
    fn deadline(&self) -> Instant {
        let keepalive = match (&self.asked, &self.session, &self.playing) {
            (Some(asked), _, _) => asked.since + REQUEST,
            (None, Some(session), Some(_)) => self.alive + (session.timeout / 2).min(ALIVE),
            _ => Instant::now() + ALIVE,
        };
        let reorder = self.media.deadline().map(Instant::from);
        let over = self.media.over().map(Instant::from);
        let others = [reorder, over, self.report];
        others.into_iter().flatten().fold(keepalive, Instant::min)
    }

    async fn due(&mut self) -> Result<(), SourceError> {
        let now = Instant::now();
        self.media.give_up(now.into_std())?;
        if self.media.over().is_some_and(|over| over <= now.into_std()) {
            return Err(Violation::Goodbye.into());
        }
        if self.report.is_some_and(|due| due <= now) {
            self.report = Some(now + report::EVERY);
            self.send_reports().await?;
        }
        if let Some(asked) = &self.asked {
            if now >= asked.since + REQUEST {
                if asked.by.is_some() {
                    return Err(slow("the camera's answer"));
                }
                // Some never answer. Media tells whether it lives.
                self.asked = None;
                self.alive = now;
            }
        } else if let (Some(session), Some(url)) = (&self.session, &self.playing)
            && now >= self.alive + (session.timeout / 2).min(ALIVE)
        {
            self.alive = now;
            let method = if self.get_parameter {
                "GET_PARAMETER"
            } else {
                "OPTIONS"
            };
            let request = Message::request(method, url).with("Session", &session.id);
            self.ask(request, None, false).await?;
        }
        Ok(())
    }

    /// Tells the camera what came.
    async fn send_reports(&mut self) -> Result<(), SourceError> {
        for (at, packet) in self.media.reports(self.own) {
            let Some(route) = self.media.routes.get(at) else {
                continue;
            };
            match (&route.pair, route.channels) {
                (Some(pair), _) => pair.report(&packet),
                (None, Some((_, rtcp))) => self.line.send_packet(rtcp, &packet).await?,
                (None, None) => {}
            }
        }
        Ok(())
    }

    /// Asks the camera.
    async fn ask(
        &mut self,
        mut request: Message,
        by: Option<String>,
        signed: bool,
    ) -> Result<(), SourceError> {
        let Start::Request { method, .. } = &request.start else {
            return Ok(());
        };
        let method = method.clone();
        self.cseq += 1;
        let gone = ["CSeq", "User-Agent", "Authorization"];
        request
            .headers
            .retain(|(name, _)| !gone.contains(&name.as_str()));
        let cseq = self.cseq.to_string();
        let user_agent = concat!("tapo/", env!("CARGO_PKG_VERSION"));
        let mut sent = request.clone();
        sent.headers.insert(0, ("CSeq".to_owned(), cseq));
        sent.headers
            .push(("User-Agent".to_owned(), user_agent.to_owned()));
        self.auth.sign(&mut sent);
        self.line.send(&sent).await?;
        self.asked = Some(Asked {
            request,
            method,
            cseq: self.cseq,
            since: Instant::now(),
            signed,
            by,
        });
        Ok(())
    }

    /// retina asks.
    async fn request(&mut self, request: Message) -> Result<(), SourceError> {
        let cseq = request.header("CSeq").unwrap_or("0").to_owned();
        let Start::Request { method, uri } = &request.start else {
            return Ok(());
        };
        if !matches!(method.as_str(), "DESCRIBE" | "SETUP" | "PLAY") {
            // Signs of life are ours to give.
            let answer = Message::response(200, &cseq).with("Public", "GET_PARAMETER");
            self.media.out.extend(answer.encode());
            return Ok(());
        }
        let meant = if uri.starts_with(self.url.as_str()) {
            self.camera.as_str()
        } else {
            uri
        };
        let mut asked = Message::request(method, meant);
        for (name, value) in &request.headers {
            let value = match (name.as_str(), &self.session) {
                ("Session", Some(session)) => &session.id,
                ("Transport", _) if self.transport == Transport::Udp => {
                    let failed = |e| SourceError::Connection(format!("no port for UDP: {e}"));
                    let pair = Pair::bind(self.line.local.ip(), self.line.peer.ip());
                    let pair = pair.map_err(failed)?;
                    let ports = (pair.port, pair.port + 1);
                    let wish = format!("RTP/AVP;unicast;client_port={}-{}", ports.0, ports.1);
                    self.route(value, Some(pair));
                    asked = asked.with("Transport", &wish);
                    continue;
                }
                ("Transport", _) => {
                    self.route(value, None);
                    value
                }
                _ => value,
            };
            asked = asked.with(name, value);
        }
        self.ask(asked, Some(cseq), false).await
    }

    /// A stream is being set up.
    fn route(&mut self, wish: &str, pair: Option<Pair>) {
        let channels = TransportHeader::parse(wish).interleaved.unwrap_or((0, 1));
        self.media.routes.push(Route {
            channels: pair.is_none().then_some(channels),
            pair,
            shown: channels.0,
            stream: Stream::default(),
        });
    }

    /// The camera answers, or asks.
    async fn message(&mut self, message: Message) -> Result<(), SourceError> {
        let status = match &message.start {
            Start::Response { status, .. } => *status,
            Start::Request { method, .. } => {
                let cseq = message.header("CSeq").unwrap_or("0");
                self.line.send(&Message::response(200, cseq)).await?;
                return match method.as_str() {
                    "TEARDOWN" | "REDIRECT" => {
                        let ended = "the camera ended the session".to_owned();
                        Err(SourceError::Connection(ended))
                    }
                    _ => Ok(()),
                };
            }
        };
        let Some(asked) = self.asked.take() else {
            return Ok(());
        };
        let cseq = message.header("CSeq").and_then(|c| c.parse::<u32>().ok());
        let is_other = asked.by.is_some() && cseq.is_some_and(|c| c != asked.cseq);
        if is_other || (100..200).contains(&status) {
            self.asked = Some(asked);
            return Ok(());
        }
        if status == 401 && !asked.signed && self.auth.challenged(&message) {
            return self.ask(asked.request, asked.by, true).await;
        }
        let Some(cseq) = &asked.by else {
            if status == 454 {
                return Err(forgotten());
            }
            if let Some(public) = message.header("Public") {
                self.get_parameter = public.contains("GET_PARAMETER");
            }
            return Ok(());
        };
        if (300..400).contains(&status) && asked.method == "DESCRIBE" {
            return self.redirect(&message, asked.request, cseq.clone()).await;
        }
        if !(200..300).contains(&status) {
            // One stream that cannot be had does not cost the others.
            let own = asked.method == "SETUP" && !matches!(status, 401 | 403 | 454 | 461);
            if own {
                self.media.routes.pop();
                let refused = Message::response(status, cseq);
                self.media.out.extend(refused.encode());
                return Ok(());
            }
            return Err(refusal(&asked.method, status, &message, self.transport));
        }
        let answer = match asked.method.as_str() {
            "DESCRIBE" => self.described(message, cseq)?,
            "SETUP" => self.set_up(&message, cseq).await?,
            _ => self.plays(&message, cseq, &asked.request),
        };
        self.media.out.extend(answer.encode());
        if asked.method == "PLAY" {
            self.media.play();
        }
        Ok(())
    }

    /// Goes where the camera says.
    async fn redirect(
        &mut self,
        answer: &Message,
        request: Message,
        by: String,
    ) -> Result<(), SourceError> {
        self.redirects += 1;
        let refused = |why: &str| Err(SourceError::Connection(why.to_owned()));
        if self.redirects > REDIRECTS {
            return refused("the camera sends from one address to another, without end");
        }
        let location = answer.header("Location");
        let Some(to) = location.and_then(|l| self.camera.join(l).ok()) else {
            return refused("the camera sends to another address, but does not say which");
        };
        let schemes = (self.camera.scheme(), to.scheme());
        if !matches!(schemes, ("rtsp", "rtsp" | "rtsps") | ("rtsps", "rtsps")) || !to.has_host() {
            return refused("the camera sends to an address that is not for cameras, or less safe");
        }
        tracing::info!(to = %mask(to.as_str()), "the camera sends to another address");
        if to.host() != self.camera.host() {
            self.auth.plain = false;
        }
        self.auth.forget();
        self.line = Line::open(&to, &self.trust).await?;
        self.camera = to;
        let mut again = Message::request("DESCRIBE", self.camera.as_str());
        again.headers = request.headers;
        self.ask(again, Some(by), false).await
    }

    fn described(&self, answer: Message, cseq: &str) -> Result<Message, SourceError> {
        if answer.body.is_empty() {
            let none = "the camera does not describe the stream".to_owned();
            return Err(SourceError::Connection(none));
        }
        let mut described = Message::response(200, cseq)
            .with("Content-Type", "application/sdp")
            .with("Content-Base", &base(&answer, &self.camera));
        let _ = self.description.set(Sha256::digest(&answer.body).into());
        described.body = shown(&answer.body).into_owned();
        Ok(described)
    }

    async fn set_up(&mut self, answer: &Message, cseq: &str) -> Result<Message, SourceError> {
        if let Some(session) = answer.header("Session").and_then(SessionHeader::parse) {
            self.session = Some(session);
        } else if self.session.is_none() {
            let none = "the camera does not name the session".to_owned();
            return Err(SourceError::Connection(none));
        }
        let said = TransportHeader::parse(answer.header("Transport").unwrap_or_default());
        let Some(route) = self.media.routes.last_mut() else {
            return Ok(Message::response(200, cseq));
        };
        route.stream = Stream::new(said.ssrc);
        let fits = match (&mut route.pair, &mut route.channels) {
            (Some(pair), _) => {
                pair.expect(said.source, said.server_port).await;
                !said.tcp
            }
            (None, channels) => {
                if said.interleaved.is_some() {
                    *channels = said.interleaved;
                }
                said.tcp || said.server_port.is_none()
            }
        };
        if !fits {
            return Err(no_transport(self.transport));
        }
        let shown = route.shown;
        let transport = format!(
            "RTP/AVP/TCP;unicast;interleaved={shown}-{}",
            shown.wrapping_add(1)
        );
        Ok(Message::response(200, cseq)
            .with("Session", SESSION)
            .with("Transport", &transport))
    }

    fn plays(&mut self, answer: &Message, cseq: &str, request: &Message) -> Message {
        if let Start::Request { uri, .. } = &request.start {
            self.playing = Some(uri.clone());
        }
        self.alive = Instant::now();
        self.report = Some(self.alive + report::FIRST);
        let plays = Message::response(200, cseq).with("Session", SESSION);
        match answer.header("RTP-Info").and_then(rtp_info) {
            Some(info) => plays.with("RTP-Info", &info),
            None => plays,
        }
    }

    /// Ends the session with the camera.
    async fn goodbye(&mut self) {
        let (Some(session), Some(url)) = (&self.session, &self.playing) else {
            return;
        };
        let request = Message::request("TEARDOWN", url).with("Session", &session.id);
        if self.ask(request, None, false).await.is_ok() {
            while self.asked.is_some() && self.line.read().await.is_ok() {
                while let Ok(Some(incoming)) = self.line.next() {
                    if let Incoming::Message(message) = incoming
                        && self.message(message).await.is_err()
                    {
                        return;
                    }
                }
            }
        }
    }
}

/// The SSRC of a receiver: any, but not one that another session has.
fn own() -> u32 {
    u32::try_from(random() >> 32).unwrap_or_default()
}

/// The connection that knows the word.
async fn accept(url: &Url, listener: TcpListener) -> std::io::Result<(TcpStream, BytesMut)> {
    loop {
        let (mut stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let mut bytes = BytesMut::with_capacity(4096);
        let first = timeout(Duration::from_secs(2), stream.read_buf(&mut bytes)).await;
        let word = url.path().as_bytes();
        if matches!(first, Ok(Ok(_))) && bytes.windows(word.len()).any(|w| w == word) {
            return Ok((stream, bytes));
        }
    }
}

/// What an answer that is none means.
fn refusal(method: &str, status: u16, answer: &Message, transport: Transport) -> SourceError {
    let reason = match &answer.start {
        Start::Response { reason, .. } => mask(reason),
        Start::Request { .. } => String::new(),
    };
    match status {
        401 | 403 => SourceError::Unauthorized,
        404 | 410 => SourceError::NotFound,
        461 => no_transport(transport),
        454 => forgotten(),
        _ => SourceError::Connection(format!(
            "the camera answers {method} with {status} {reason}"
        )),
    }
}

fn forgotten() -> SourceError {
    SourceError::Connection("the camera has forgotten the session (454)".to_owned())
}

fn no_transport(transport: Transport) -> SourceError {
    let text = match transport {
        Transport::Tcp => "the camera does not send RTP over TCP; try --transport udp",
        Transport::Udp => "the camera does not send RTP over UDP; try --transport tcp",
    };
    SourceError::Connection(text.to_owned())
}
