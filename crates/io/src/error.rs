//! What can go wrong below the level of meaning.

use std::path::{Path, PathBuf};

/// The result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// An input or output that failed, with the file it failed on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused.
    #[error("{}: cannot {action}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried, as a verb phrase.
        action: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// The path is no file with bytes at offsets.
    #[error("{}: is {what}, not a regular file", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
        /// What it is instead, with its article.
        what: &'static str,
    },
    /// Somebody else holds the lock of this file.
    #[error("{}: in use by {}", path.display(), holder.map_or_else(|| "another program".to_owned(), |pid| format!("process {pid}")))]
    InUse {
        /// The file.
        path: PathBuf,
        /// The process that holds it, where the system tells.
        holder: Option<u32>,
    },
    /// Somebody wrote to a file while it was read.
    #[error("{}: is being written to", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// The file is protected ([`protect`](crate::protect)): it is neither replaced
    /// nor removed.
    #[error("{}: is protected; 'tapo protect --undo' gives it free", path.display())]
    Protected {
        /// The file.
        path: PathBuf,
    },
    /// The output exists, and nobody allowed it to be replaced.
    #[error("{}: already exists", path.display())]
    Exists {
        /// The file that would have been overwritten.
        path: PathBuf,
    },
}

impl Error {
    /// Ties a system error to the file and the action it belongs to.
    pub fn io(path: &Path, action: &'static str, source: std::io::Error) -> Self {
        Self::Io {
            path: path.to_owned(),
            action,
            source,
        }
    }

    /// Whether it was refused because it would have endangered data, rather than
    /// tried and failed.
    #[must_use]
    pub const fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::InUse { .. }
                | Self::Exists { .. }
                | Self::Protected { .. }
                | Self::Changed { .. }
        )
    }

    /// Whether the disk is full (`ENOSPC`, or the user's quota is).
    #[must_use]
    pub fn is_disk_full(&self) -> bool {
        use std::io::ErrorKind::{QuotaExceeded, StorageFull};
        matches!(self, Self::Io { source, .. } if matches!(source.kind(), StorageFull | QuotaExceeded))
    }
}
