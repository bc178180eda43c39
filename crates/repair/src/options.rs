//! How to repair.

use crate::Progress;
use std::path::PathBuf;
use std::sync::Arc;

/// What to do about the time in which samples are missing.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq)]
pub enum Gaps {
    /// Keep it: the sample before a gap lasts until the one behind it, so that
    /// picture and sound stay together and the clock of the recording holds.
    #[default]
    Keep,
    /// Close it as far as all tracks miss the same time.
    Close,
}

/// Options of a repair.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Where to write: a file, or a folder that gets
    /// [`default_name`](crate::default_name). Beside the broken file if `None`.
    pub output: Option<PathBuf>,
    /// Append the index to the broken file itself, so that
    /// [`tapo_finalize::undo`] can take it back. `output` is not looked at.
    pub in_place: bool,
    /// Whether an output that exists may be replaced. The broken file and the
    /// references never are.
    pub replace: bool,
    /// Find out everything and write nothing.
    pub dry_run: bool,
    /// Go by nothing but the file itself and the references that are named: look at
    /// no file beside it.
    pub alone: bool,
    /// What to do about gaps.
    pub gaps: Gaps,
    /// Look at every byte of the samples, and decode what can be decoded: damage
    /// that leaves a sample's head and length as they were.
    pub thorough: bool,
    /// Work out the SHA-256 of the broken file and of the output.
    pub hash: bool,
    /// Who watches, and may end it.
    pub progress: Option<Arc<dyn Progress>>,
}
