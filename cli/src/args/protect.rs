//! `tapo protect`.

use clap::Args;
use std::path::PathBuf;

/// Keep recordings from being removed by 'tapo record --keep'
///
/// Takes the right to write to a file from everybody, which any other program sees, too ('ls -l'),
/// and which copies keep. A recording that is still written is refused.
#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub(crate) struct ProtectArgs {
    /// The files
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Let them be removed again: gives the owner the right to write back
    #[arg(long)]
    pub(crate) undo: bool,
}

const AFTER: &str = "\
Examples:
  tapo protect recordings/2026-11-21/07-45-00.mp4
  tapo protect --undo recordings/2026-11-21/*.mp4";
