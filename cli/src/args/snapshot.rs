//! `tapo snapshot`.

use clap::Args;
use std::path::PathBuf;

/// Write the newest keyframe of a camera's recordings as an MP4 of one picture, or as JPEG
///
/// Works while the camera is being recorded; nothing is decoded, and the recordings are only read.
/// A .jpg can be written where the camera sends JPEG (MJPEG); of others an MP4 of one picture.
#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub(crate) struct SnapshotArgs {
    /// Folder of the recordings, or one recording
    #[arg(value_name = "DIR|FILE")]
    pub(crate) source: PathBuf,
    /// The file to write [default: snapshot.jpg where the camera sends JPEG, else snapshot.mp4]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
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
