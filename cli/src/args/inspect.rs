//! `tapo inspect`.

use clap::Args;
use std::path::PathBuf;

/// Say what files are, what is wrong with them and what to do
///
/// Opens files read-only and reads heads and tables, not media. Of a folder, all files whose names
/// look like MP4s are inspected, and those in the folders inside it.
#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub(crate) struct InspectArgs {
    /// Files and folders
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Show the boxes with offsets, sizes and fields
    #[arg(long, group = "view")]
    boxes: bool,
    /// List the samples: offset, size, times (ticks, before edit lists), sync
    #[arg(long, group = "view")]
    samples: bool,
    /// List the movie fragments
    #[arg(long, group = "view")]
    fragments: bool,
    /// Only the samples of this track
    #[arg(long, value_name = "ID", requires = "samples")]
    pub(crate) track: Option<u32>,
    /// Print JSON, one object a line
    #[arg(long)]
    pub(crate) json: bool,
}

const AFTER: &str = "\
Examples:
  tapo inspect video.mp4                       what it is, what is wrong, what to do
  tapo inspect --boxes video.mp4               the box tree
  tapo inspect --samples --track 1 video.mp4   where each frame stands, and when
  tapo inspect --json /media/card              one line of JSON for each video on a card
  tapo inspect -q video.mp4 || echo damaged    only the exit code";

/// What to show.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) enum View {
    Summary,
    Boxes,
    Samples,
    Fragments,
}

impl InspectArgs {
    pub(crate) const fn view(&self) -> View {
        match (self.boxes, self.samples, self.fragments) {
            (true, _, _) => View::Boxes,
            (_, true, _) => View::Samples,
            (_, _, true) => View::Fragments,
            _ => View::Summary,
        }
    }
}
