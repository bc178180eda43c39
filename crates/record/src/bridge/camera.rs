//! The connection to the camera.

use super::message::{Framed, Message, parse};
use super::tls::{self, Trust};
use super::{REQUEST, Violation};
use crate::source::SourceError;
use bytes::{Buf, BytesMut};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::{Host, Url};

/// What is read at once, bytes.
const READ: usize = 32 << 10;

/// How long a call is waited for before it is made anew: where packets vanish, the
/// system asks again ever more seldom.
const CALL: Duration = Duration::from_secs(3);

/// A stream of bytes to a camera.
pub(crate) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// A connection, and what came of a message that is not complete.
pub(crate) struct Line {
    wire: Box<dyn Wire>,
    buffer: BytesMut,
    needed: usize,
    pub(crate) local: SocketAddr,
    pub(crate) peer: SocketAddr,
}

/// What came.
pub(crate) enum Incoming {
    Packet(u8, BytesMut),
    Message(Message),
}

impl Line {
    /// Calls the host of an address.
    pub(crate) async fn open(url: &Url, trust: &Trust) -> Result<Self, SourceError> {
        let secure = url.scheme() == "rtsps";
        let port = url.port().unwrap_or(if secure { 322 } else { 554 });
        let host = url.host().map(|host| host.to_owned());
        let host = host.ok_or_else(|| SourceError::Connection("no host".to_owned()))?;
        let call = || async {
            match &host {
                Host::Domain(name) => TcpStream::connect((name.as_str(), port)).await,
                Host::Ipv4(ip) => TcpStream::connect((*ip, port)).await,
                Host::Ipv6(ip) => TcpStream::connect((*ip, port)).await,
            }
        };
        let calls = async {
            loop {
                if let Ok(answered) = timeout(CALL, call()).await {
                    return answered;
                }
            }
        };
        let stream = timeout(REQUEST, calls)
            .await
            .map_err(|_| slow("a connection"))?;
        let failed = |e: std::io::Error| SourceError::Connection(format!("cannot connect: {e}"));
        let stream = stream.map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        let local = stream.local_addr().map_err(failed)?;
        let peer = stream.peer_addr().map_err(failed)?;
        let wire: Box<dyn Wire> = if secure {
            let handshake = tls::handshake(stream, &host, trust);
            let stream = timeout(REQUEST, handshake).await;
            Box::new(stream.map_err(|_| slow("TLS with the camera"))??)
        } else {
            Box::new(stream)
        };
        Ok(Self {
            wire,
            buffer: BytesMut::new(),
            needed: 1,
            local,
            peer,
        })
    }

    /// Sends a request or an answer.
    pub(crate) async fn send(&mut self, message: &Message) -> Result<(), SourceError> {
        self.write(&message.encode()).await
    }

    /// Sends a packet between the messages (RFC 2326 §10.12).
    pub(crate) async fn send_packet(
        &mut self,
        channel: u8,
        packet: &[u8],
    ) -> Result<(), SourceError> {
        let length = u16::try_from(packet.len()).unwrap_or_default();
        let [high, low] = length.to_be_bytes();
        self.write(&[&[b'$', channel, high, low], packet].concat())
            .await
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), SourceError> {
        let sending = async {
            self.wire.write_all(bytes).await?;
            self.wire.flush().await
        };
        match timeout(REQUEST, sending).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(broken(&error)),
            Err(_) => Err(slow("the camera's reading of a request")),
        }
    }

    /// Waits for bytes. Nothing is lost if the wait is given up.
    pub(crate) async fn read(&mut self) -> Result<(), SourceError> {
        self.buffer.reserve(READ);
        match self.wire.read_buf(&mut self.buffer).await {
            Ok(0) => {
                let closed = "the camera closed the connection";
                Err(SourceError::Connection(closed.to_owned()))
            }
            Ok(_) => Ok(()),
            Err(error) => Err(broken(&error)),
        }
    }

    /// The next complete message or packet of what was read.
    pub(crate) fn next(&mut self) -> Result<Option<Incoming>, Violation> {
        while self.buffer.len() >= self.needed {
            self.needed = 1;
            match parse(&self.buffer)? {
                Framed::Incomplete(needed) => self.needed = needed,
                Framed::Blank(count) => self.buffer.advance(count),
                Framed::Packet(channel, length) => {
                    self.buffer.advance(4);
                    return Ok(Some(Incoming::Packet(
                        channel,
                        self.buffer.split_to(length),
                    )));
                }
                Framed::Message(message, length) => {
                    self.buffer.advance(length);
                    return Ok(Some(Incoming::Message(message)));
                }
            }
        }
        Ok(None)
    }
}

fn broken(error: &std::io::Error) -> SourceError {
    SourceError::Connection(format!("the connection broke: {error}"))
}

pub(crate) const fn slow(what: &'static str) -> SourceError {
    SourceError::Timeout(what, REQUEST.as_secs())
}
