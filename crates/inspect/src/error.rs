//! Errors, by who is to blame.

/// The result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a file could not be inspected. What is wrong inside it is a
/// [`Finding`](crate::Finding).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file could not be read.
    #[error(transparent)]
    Io(#[from] tapo_io::Error),
    /// Its boxes could not be read.
    #[error(transparent)]
    Boxes(#[from] tapo_bmff::Error),
    /// Its movie could not be read.
    #[error(transparent)]
    Movie(#[from] tapo_movie::Error),
}
