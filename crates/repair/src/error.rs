//! What can stop a repair, and whose fault it is.

use std::path::PathBuf;

/// The result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why nothing was repaired. The broken file is what it was, unless it was to be
/// repaired in place and this is [`Error::Append`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The system failed, a file is in use, or the output exists.
    #[error(transparent)]
    Io(#[from] tapo_io::Error),
    /// A movie could not be read or built.
    #[error(transparent)]
    Movie(#[from] tapo_movie::Error),
    /// A file that was named as a reference cannot serve as one.
    #[error("{}: cannot serve as a reference: {why}", path.display())]
    BadReference {
        /// The reference.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// There is nothing to tell what the tracks are.
    #[error("{}: no reference: name a healthy recording of the same camera and settings with --reference", path.display())]
    NoReference {
        /// The broken file.
        path: PathBuf,
    },
    /// The reference was recorded with other settings.
    #[error("{}: the reference {} does not fit: {}", path.display(), reference.display(), differences.join("; "))]
    ReferenceDiffers {
        /// The broken file.
        path: PathBuf,
        /// The reference.
        reference: PathBuf,
        /// What differs, in words.
        differences: Vec<String>,
    },
    /// Not a single sample was found.
    #[error("{}: nothing could be recovered: {why}", path.display())]
    NothingRecovered {
        /// The broken file.
        path: PathBuf,
        /// What was seen instead.
        why: String,
    },
    /// The output would replace what it is made from.
    #[error("{}: is {what}; name another output", path.display())]
    OntoItself {
        /// The output.
        path: PathBuf,
        /// Which of the sources it is, with its article.
        what: &'static str,
    },
    /// There is no folder for the output.
    #[error("{}: cannot be written: there is no folder {}", path.display(), folder.display())]
    NoFolder {
        /// The output.
        path: PathBuf,
        /// The folder.
        folder: PathBuf,
    },
    /// The file has no room for its index in place, or a power cut could do harm.
    #[error("{}: cannot be repaired in place: {why}; without --in-place it goes into a new file", path.display())]
    OutOfPlaceOnly {
        /// The broken file.
        path: PathBuf,
        /// Why.
        why: &'static str,
    },
    /// The index could not be appended. The file is what it was or the repaired
    /// one, and `undo` or another repair in place goes on.
    #[error(transparent)]
    Append(tapo_finalize::Error),
    /// [`Progress`](crate::Progress) asked for the end. Nothing was written.
    #[error("{}: stopped; nothing was written", path.display())]
    Cancelled {
        /// The broken file.
        path: PathBuf,
    },
    /// Somebody wrote to the file while it was looked at.
    #[error("{}: is being written to", path.display())]
    Changing {
        /// The file.
        path: PathBuf,
    },
}

impl Error {
    /// Whether it was refused because it would have endangered data (the output
    /// exists, a file is in use, the reference does not fit).
    #[must_use]
    pub const fn is_refusal(&self) -> bool {
        match self {
            Self::Io(error) => error.is_refusal(),
            _ => matches!(
                self,
                Self::ReferenceDiffers { .. }
                    | Self::OntoItself { .. }
                    | Self::OutOfPlaceOnly { .. }
                    | Self::Changing { .. }
            ),
        }
    }
}

impl From<tapo_finalize::Error> for Error {
    fn from(error: tapo_finalize::Error) -> Self {
        use tapo_finalize::Error as Append;
        match error {
            Append::Io(error) => Self::Io(error),
            Append::Movie(error) => Self::Movie(error),
            Append::OutOfPlaceOnly { path, why } => Self::OutOfPlaceOnly { path, why },
            Append::Changing { path } => Self::Changing { path },
            other => Self::Append(other),
        }
    }
}
