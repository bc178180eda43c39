//! `tapo repair`.

use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Rebuild the index of broken MP4s by searching their media ("untrunc")
///
/// The broken file is only read. What is recovered goes into a new file, every sample with its
/// own bytes and its own time; nothing is recoded and nothing is invented. A healthy recording of
/// the same camera with the same settings tells how the media is laid out; a second of it is
/// enough.
#[derive(Debug, Args)]
#[command(visible_alias = "untrunc", after_help = AFTER)]
pub(crate) struct RepairArgs {
    /// Broken files
    #[arg(required = true, value_name = "BROKEN")]
    pub(crate) files: Vec<PathBuf>,
    /// A healthy recording of the same camera, or a folder of them; may be given several times:
    /// the one that fits best is taken
    #[arg(short, long, value_name = "REF")]
    pub(crate) reference: Vec<PathBuf>,
    /// Where to write: a file, or a folder that exists; without it beside the broken file. The
    /// name is BROKEN.repaired.mp4 where none is given
    #[arg(short, long, value_name = "OUT")]
    pub(crate) output: Option<PathBuf>,
    /// Append the index to the broken file itself instead: no copy, and --undo takes it back. Run
    /// it again if it was interrupted
    #[arg(long, conflicts_with = "output")]
    pub(crate) in_place: bool,
    /// Give files that were repaired in place their original bytes back
    #[arg(long, conflicts_with_all = ["reference", "output", "in_place", "force", "dry_run", "gaps", "thorough", "hash", "report"])]
    pub(crate) undo: bool,
    /// Replace the output and the report if they exist; broken files and references never are
    #[arg(long)]
    pub(crate) force: bool,
    /// Find out everything, write nothing, and say what would be written
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// What becomes of the time in which samples are missing
    #[arg(long, value_name = "WHAT", default_value = "keep")]
    pub(crate) gaps: Gaps,
    /// Look for damage within samples too: every byte is read, and pictures that need no others
    /// are decoded
    #[arg(long)]
    pub(crate) thorough: bool,
    /// Work out the SHA-256 of the broken file and of the output
    #[arg(long)]
    pub(crate) hash: bool,
    /// Write the JSON report to a file, beside what is printed
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// Files repaired at the same time
    #[arg(short, long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) jobs: u16,
    /// Print JSON, one object a line
    #[arg(long)]
    pub(crate) json: bool,
}

/// What becomes of a gap.
#[derive(Copy, Clone, Debug, ValueEnum)]
pub(crate) enum Gaps {
    /// The picture before it stands still: clock and sound stay right
    Keep,
    /// It is cut out as far as all tracks miss the same time
    Close,
}

const AFTER: &str = "\
Examples:
  tapo repair --reference good.mp4 broken.mp4     into broken.repaired.mp4
  tapo repair broken.mp4                          by what is left in it, or a good file beside it
  tapo repair -r good.mp4 -o saved.mp4 broken.mp4
  tapo repair -r good.mp4 --in-place broken.mp4   no copy; back with: tapo repair --undo broken.mp4
  tapo repair -r folder/ --dry-run *.mp4          what could be saved
  tapo repair -r good.mp4 -o saved/ -j 4 *.mp4    many, into a folder

Exit codes: 0 all that is in the file is recovered, also if the data ends within a sample or sound
that only the clock delimits; 3 recovered in part: samples are missing, damaged or guessed; 5 nothing
recovered; 6 not an MP4; 7 refused: the output exists, the reference does not fit, the file is in use,
no room to repair in place; 130 stopped by Ctrl-C, nothing was left behind.";
