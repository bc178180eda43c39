//! What can go wrong, and whose doing it is.

use std::net::SocketAddr;

/// Why a camera could not be set up. Once it runs, no client can make it fail.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The clip contradicts its format.
    #[error("the clip is malformed: {0}")]
    Malformed(String),
    /// The clip is sound, but RTSP cameras do not send such media.
    #[error("the clip cannot be served: {0}")]
    Unsupported(String),
    /// The configuration makes no sense.
    #[error("wrong use: {0}")]
    Usage(String),
    /// Bytes of the clip could not be read.
    #[error(transparent)]
    Read(#[from] tapo_io::Error),
    /// The movie structure of the clip could not be read.
    #[error(transparent)]
    Movie(#[from] tapo_movie::Error),
    /// The address is taken, or not ours.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Where the camera was to listen.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The system refused a thread or a timer.
    #[error("cannot start the camera: {0}")]
    Start(#[source] std::io::Error),
}

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
