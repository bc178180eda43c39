//! What can stop finalize, and what to do about it.

use std::path::PathBuf;

/// The result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a file was not finalized, or not taken back. The file is as it was,
/// unless this is [`Error::Io`] and the words say `write` or `sync`: then it is
/// still either the fragmented file or the final one, and finalize goes on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The system failed, the file is in use, or the output exists.
    #[error(transparent)]
    Io(#[from] tapo_io::Error),
    /// The movie could not be read.
    #[error(transparent)]
    Movie(#[from] tapo_movie::Error),
    /// Not an MP4 or QuickTime file.
    #[error("{}: not an MP4 file", path.display())]
    NotAnMp4 {
        /// The file.
        path: PathBuf,
    },
    /// There is no `moov`, or only a part of one, so there is nothing that says
    /// what the fragments are.
    #[error("{}: has no whole moov box; try `tapo repair`", path.display())]
    NoMoov {
        /// The file.
        path: PathBuf,
    },
    /// A media segment, without the initial segment that says what is in it.
    #[error("{}: is a media segment; name its initial segment (often init.mp4) before it", path.display())]
    NoInit {
        /// The file.
        path: PathBuf,
    },
    /// It cannot be joined with what stands before it.
    #[error("{}: {why}", path.display())]
    DoesNotFit {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// Whoever watched wanted it to end.
    #[error("{}: interrupted; nothing was written", path.display())]
    Cancelled {
        /// The file that would have been written.
        path: PathBuf,
    },
    /// A plain movie: there is nothing to do.
    #[error("{}: already a plain MP4, not a fragmented one; nothing to do", path.display())]
    NotFragmented {
        /// The file.
        path: PathBuf,
    },
    /// A fragmented file in which not one fragment is whole.
    #[error("{}: holds no whole fragment; nothing to finalize", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The file was not finalized by us.
    #[error("{}: was not finalized by tapo; nothing to undo", path.display())]
    NotFinal {
        /// The file.
        path: PathBuf,
    },
    /// It was final, and its end was cut off since.
    #[error("{}: {missing} bytes were cut off its end since it was finalized; `tapo finalize --undo` gives back what is left of the original, and `tapo finalize` then indexes that", path.display())]
    CutOff {
        /// The file.
        path: PathBuf,
        /// How many, at least.
        missing: u64,
    },
    /// It was final, and the index that was appended to it was cut off since.
    #[error("{}: the index that tapo appended was cut off since; `tapo finalize --undo` gives the fragmented file back, and `tapo finalize` then makes the index again", path.display())]
    IndexLost {
        /// The file.
        path: PathBuf,
    },
    /// It is final, and somebody wrote behind the index: taking the index back would
    /// take that along.
    #[error("{}: {bytes} bytes were written behind its index since it was finalized, and undo would take them along; if nobody needs them, `truncate -s {end} FILE` cuts them off, and `--undo` works again", path.display())]
    Followed {
        /// The file.
        path: PathBuf,
        /// How many.
        bytes: u64,
        /// Size of the file without them, bytes.
        end: u64,
    },
    /// The file contradicts itself.
    #[error("{}: {what}; what can be saved of it `tapo repair` finds", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The file uses something that finalize would lose.
    #[error("{}: {what}", path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// In place a power cut could do harm; a copy is safe.
    #[error("{}: {why}; write a new file with `-o`", path.display())]
    OutOfPlaceOnly {
        /// The file.
        path: PathBuf,
        /// Why.
        why: &'static str,
    },
    /// The output is the source.
    #[error("{}: is the file itself; without `-o` it is finalized in place", path.display())]
    OntoItself {
        /// The file.
        path: PathBuf,
    },
    /// Somebody wrote to the file while it was looked at.
    #[error("{}: is being written to", path.display())]
    Changing {
        /// The file.
        path: PathBuf,
    },
    /// Somebody cut the file off while it was looked at.
    #[error("{}: became shorter while it was read ({was} bytes, then {is}): something else writes to it", path.display())]
    Shrinking {
        /// The file.
        path: PathBuf,
        /// Its size at first, bytes.
        was: u64,
        /// Its size then.
        is: u64,
    },
}

impl Error {
    /// Whether it was refused because it would have endangered data (the output
    /// exists, the file is in use or cannot be changed in place, two do not fit).
    #[must_use]
    pub const fn is_refusal(&self) -> bool {
        match self {
            Self::Io(error) => error.is_refusal(),
            _ => matches!(
                self,
                Self::OutOfPlaceOnly { .. }
                    | Self::OntoItself { .. }
                    | Self::DoesNotFit { .. }
                    | Self::Changing { .. }
                    | Self::Shrinking { .. }
                    | Self::Followed { .. }
            ),
        }
    }
}
