//! `tapo snapshot`.

use clap::Args;
use std::path::PathBuf;

/// Write the newest keyframe of a camera's recordings as an MP4 of one picture
///
/// Works while the camera is being recorded; nothing is decoded, and the recordings are only read.
#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub(crate) struct SnapshotArgs {
    /// Folder of the recordings, or one recording
    #[arg(value_name = "DIR|FILE")]
    pub(crate) source: PathBuf,
    /// The file to write
    #[arg(short, long, value_name = "FILE", default_value = "snapshot.mp4")]
    pub(crate) output: PathBuf,
    /// Only of this camera
    #[arg(long, value_name = "NAME")]
    pub(crate) camera: Option<String>,
    /// Replace the file if it exists
    #[arg(long)]
    pub(crate) force: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

const AFTER: &str = "\
Examples:
  tapo snapshot /srv/video/yard
  tapo snapshot /srv/video --camera yard -o yard.mp4 --force
  tapo snapshot /srv/video/yard && ffmpeg -i snapshot.mp4 snapshot.jpg";
