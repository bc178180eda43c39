//! How to repair.

use std::path::PathBuf;

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
    /// Where to write; beside the broken file as `NAME.repaired.EXT` if `None`.
    pub output: Option<PathBuf>,
    /// Whether an output that exists may be replaced.
    pub replace: bool,
    /// Find out everything and write nothing.
    pub dry_run: bool,
    /// What to do about gaps.
    pub gaps: Gaps,
}
