//! Between the camera and retina: all bytes of a session pass here.
//!
//! retina speaks RTSP over plain TCP, believes what it is sent, and waits for
//! ever. A bridge listens on a port of 127.0.0.1 for it, calls the camera, and
//! passes on what keeps to the limits below: complete messages, packets of the
//! streams that were set up, pictures that end. It answers passwords, follows
//! redirects, keeps the session alive and says goodbye; it speaks TLS
//! ([`tls`]) and receives UDP ([`udp`], [`reorder`]), which retina then gets
//! between the RTSP messages (RFC 2326 §10.12).
//!
//! What it holds is bounded: a message ([`message`]), a packet, a window of
//! packets out of order. It reads no faster than retina does.

mod auth;
mod camera;
mod describe;
mod media;
mod message;
mod proxy;
mod reorder;
mod report;
mod rtp;
mod setup;
pub(crate) mod tls;
mod udp;

use crate::source::SourceError;
use crate::url::CameraUrl;
use proxy::Proxy;
use std::hash::{BuildHasher, Hasher};
use std::net::Ipv4Addr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use url::Url;

pub use tls::Trust;

/// How long connecting, and each request, may take.
pub(crate) const REQUEST: Duration = Duration::from_secs(10);
/// How long saying goodbye may take.
pub(crate) const GOODBYE: Duration = Duration::from_millis(500);

/// How media travels.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq)]
pub enum Transport {
    /// Between the RTSP messages: nothing is lost on the way.
    #[default]
    Tcp,
    /// In datagrams: late, doubled and swapped ones are put in order, lost ones
    /// are counted.
    Udp,
}

impl std::str::FromStr for Transport {
    type Err = crate::Error;

    /// `tcp` or `udp`.
    fn from_str(text: &str) -> crate::Result<Self> {
        match text {
            "tcp" => Ok(Self::Tcp),
            "udp" => Ok(Self::Udp),
            _ => {
                let why = format!("{text:?} is neither tcp nor udp");
                Err(crate::Error::Usage(why))
            }
        }
    }
}

/// What a camera sends that cannot be RTSP or RTP, or is more than one sends.
#[derive(Copy, Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum Violation {
    #[error("the camera sends something that is no RTSP")]
    NotRtsp,
    #[error(
        "the camera sends a message whose headers are longer than {} bytes",
        message::HEAD
    )]
    LongHead,
    #[error("the camera sends a message of more than {} bytes", message::BODY)]
    LongBody,
    #[error("the camera sends a message whose length makes no sense")]
    Length,
    #[error("the camera sends packets that are no RTP")]
    NotRtp,
    #[error("the camera ended the stream")]
    Goodbye,
    #[error("the camera sends a picture of more than 16 MiB")]
    LongUnit,
}

impl From<Violation> for SourceError {
    fn from(violation: Violation) -> Self {
        Self::Connection(violation.to_string())
    }
}

/// A bridge that stands. Dropped, it falls at once.
#[derive(Debug)]
pub(crate) struct Bridge {
    /// What retina is to call.
    pub(crate) url: Url,
    task: JoinHandle<Result<(), SourceError>>,
    /// SHA-256 of the description as the camera sent it.
    description: Arc<OnceLock<[u8; 32]>>,
}

impl Bridge {
    /// Calls the camera, and waits for retina.
    pub(crate) async fn open(
        camera: &CameraUrl,
        transport: Transport,
        trust: &Trust,
    ) -> Result<Self, SourceError> {
        let line = camera::Line::open(camera.url(), trust).await?;
        let failed = |e: std::io::Error| SourceError::Connection(format!("no local port: {e}"));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        // Others on this machine can call the port, but not know the word.
        let word = format!("/{:016x}{:016x}", random(), random());
        let url = Url::parse(&format!("rtsp://{address}{word}"));
        let url = url.map_err(|e| SourceError::Connection(e.to_string()))?;
        let proxy = Proxy::new(camera, line, transport, trust.clone(), url.clone());
        let description = proxy.description();
        let task = tokio::spawn(async move { proxy.run(listener).await });
        Ok(Self {
            url,
            task,
            description,
        })
    }

    /// SHA-256 of the session description, as the camera sent it; zeros while there is none.
    pub(crate) fn description(&self) -> [u8; 32] {
        self.description.get().copied().unwrap_or_default()
    }

    /// Why it fell, if it did: a better reason than retina knows.
    pub(crate) async fn reason(&mut self) -> Option<SourceError> {
        let ended = tokio::time::timeout(Duration::from_millis(100), &mut self.task).await;
        ended.ok()?.ok()?.err()
    }

    /// Says goodbye to the camera. retina must be gone.
    pub(crate) async fn close(mut self) {
        if !self.task.is_finished() {
            let _ = tokio::time::timeout(2 * GOODBYE, &mut self.task).await;
        }
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A number that nobody can guess: keys of `RandomState` come from the system.
fn random() -> u64 {
    std::hash::RandomState::new().build_hasher().finish()
}
