//! `tapo finalize`.

use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Turn fragmented MP4s into plain ones that every player and editor opens
///
/// Only an index is written: no picture is touched, moved or recoded. A power cut at any moment
/// leaves a file that plays; running it again completes it. Several files, or a folder, with -o
/// become one file; breaks between them are kept as time.
#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub(crate) struct FinalizeArgs {
    /// Fragmented MP4 files, or folders of them
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Write a new file and leave FILE as it is; several become one, in the order in which they
    /// are named, and an initial segment takes its media segments (.m4s) in, by their decode times
    #[arg(short, long, value_name = "OUT", conflicts_with = "undo")]
    pub(crate) output: Option<PathBuf>,
    /// Replace OUT if it exists
    #[arg(long, requires = "output")]
    pub(crate) force: bool,
    /// Put the index in front of the media, for players that begin before they have it all
    #[arg(long, requires = "output")]
    pub(crate) faststart: bool,
    /// What becomes of the time between two recordings (what is missing within one stays as time)
    #[arg(long, value_name = "WHAT", default_value = "keep", requires = "output")]
    pub(crate) gaps: Breaks,
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

/// What becomes of the time between two recordings (what is missing within one stays as time).
#[derive(Copy, Clone, Debug, ValueEnum)]
pub(crate) enum Breaks {
    /// The last picture stands still for as long: times of day stay right
    Keep,
    /// It is left out
    Close,
}

const AFTER: &str = "\
Examples:
  tapo finalize segment.mp4                     in place
  tapo finalize -o plain.mp4 segment.mp4        into a new file
  tapo finalize --check *.mp4                   what would be done
  tapo finalize --undo segment.mp4              the original bytes back
  tapo finalize /srv/video                      all that a crash left open in a folder
  tapo finalize 08-*.mp4 09-*.mp4 -o day.mp4    one file of many
  tapo finalize init.mp4 seg*.m4s -o clip.mp4   one file of DASH or HLS segments";
