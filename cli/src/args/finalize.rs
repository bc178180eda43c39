//! `tapo finalize`.

use clap::Args;
use std::path::PathBuf;

/// Turn fragmented MP4s into plain ones that every player and editor opens
///
/// Only an index is written: no picture is touched, moved or recoded. A power cut at any moment
/// leaves a file that plays; running it again completes it.
#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub(crate) struct FinalizeArgs {
    /// Fragmented MP4 files
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Write a new file and leave FILE as it is
    #[arg(short, long, value_name = "OUT", conflicts_with_all = ["undo", "check"])]
    pub(crate) output: Option<PathBuf>,
    /// Replace OUT if it exists
    #[arg(long, requires = "output")]
    pub(crate) force: bool,
    /// Give a finalized file its original bytes back
    #[arg(long)]
    pub(crate) undo: bool,
    /// Write nothing, say what would be done
    #[arg(long, visible_alias = "dry-run", conflicts_with = "undo")]
    pub(crate) check: bool,
    /// Print JSON, one object a line
    #[arg(long)]
    pub(crate) json: bool,
}

const AFTER: &str = "\
Examples:
  tapo finalize segment.mp4               in place
  tapo finalize -o plain.mp4 segment.mp4  into a new file
  tapo finalize --check *.mp4             what would be done
  tapo finalize --undo segment.mp4        the original bytes back";
