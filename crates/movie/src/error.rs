//! Errors, by who is to blame.

use tapo_bmff::FourCc;

/// The result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a movie could not be read or written. What is merely wrong inside a
/// file is a [`Defect`](tapo_bmff::Defect).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The source failed.
    #[error(transparent)]
    Io(#[from] tapo_io::Error),
    /// A limit of ours was reached.
    #[error("{what} of {size} bytes: more than tapo reads at once ({limit} bytes)")]
    TooLarge {
        /// The box type.
        what: FourCc,
        /// Its size, bytes.
        size: u64,
        /// Our limit, bytes.
        limit: u64,
    },
    /// More samples in a track than tapo keeps.
    #[error("more samples in a track than a week of video has")]
    TooManySamples,
}

impl From<tapo_bmff::Error> for Error {
    fn from(error: tapo_bmff::Error) -> Self {
        match error {
            tapo_bmff::Error::Io(e) => Self::Io(e),
            tapo_bmff::Error::Limit { limit, .. } => Self::TooLarge {
                what: FourCc(*b"moov"),
                size: limit,
                limit,
            },
            // The enum is open; what comes later is no memory of ours.
            _ => Self::TooManySamples,
        }
    }
}
