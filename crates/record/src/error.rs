//! Errors, by who is to blame.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// The result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why recording could not start, or had to stop. None of them ever holds a
/// password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An option that makes no sense; the user can mend it.
    #[error("{0}")]
    Usage(String),
    /// The configuration file.
    #[error("{}:{line}: {message}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// The line, from 1 on.
        line: usize,
        /// What is wrong there.
        message: String,
    },
    /// The disk.
    #[error(transparent)]
    Io(#[from] tapo_io::Error),
    /// A segment could not be laid out.
    #[error(transparent)]
    Movie(#[from] tapo_movie::Error),
    /// The camera refuses the name or the password, or wants one.
    #[error("{camera}: the camera refuses the user name or the password{}", if *given { "" } else { "; none was given: --username NAME and --password-file FILE" })]
    Unauthorized {
        /// The camera's name.
        camera: String,
        /// Whether a password was given.
        given: bool,
    },
    /// The camera has no stream of this name.
    #[error("{camera}: the camera has no stream at {url}")]
    NoSuchStream {
        /// The camera's name.
        camera: String,
        /// The address, without credentials.
        url: String,
    },
    /// Nothing that the camera offers can be recorded.
    #[error("{camera}: the camera offers nothing that can be recorded: {offered}")]
    Unsupported {
        /// The camera's name.
        camera: String,
        /// What it offers.
        offered: String,
    },
    /// There is no keyframe to take a snapshot of.
    #[error("{}: no recording with a keyframe is there", path.display())]
    NoPicture {
        /// The folder or file.
        path: PathBuf,
    },
    /// No recorder told how it stands.
    #[error("{address}: no recorder tells its status there: {why}")]
    NoStatus {
        /// Where it was asked.
        address: SocketAddr,
        /// Why not.
        why: String,
    },
    /// The system would not start a thread or a runtime.
    #[error("cannot start: {0}")]
    System(std::io::Error),
}

impl Error {
    /// Ties a system error to a file.
    pub(crate) fn io(path: &Path, action: &'static str, source: std::io::Error) -> Self {
        Self::Io(tapo_io::Error::io(path, action, source))
    }
}
