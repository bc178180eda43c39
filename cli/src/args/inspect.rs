//! `tapo inspect`.

use clap::Args;
use std::path::{Path, PathBuf};
use tapo_inspect::{Depth, Severity};

/// Say what files are, what is wrong with them and what to do
///
/// Opens files read-only; reads heads, tables and, of files with up to 256 MiB of media, every
/// byte. Of a folder, all files whose names look like MP4s are inspected, and those in the folders
/// inside it. The exit code tells damage whatever is shown; that of --boxes only what boxes tell.
#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub(crate) struct InspectArgs {
    /// Files and folders
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Show the boxes with offsets, sizes and fields; neither tables nor media are looked at
    #[arg(long, group = "view")]
    boxes: bool,
    /// Show the first bytes of each box, 256 of them or as many as given
    #[arg(
        long, value_name = "BYTES", requires = "boxes", num_args = 0..=1, require_equals = true,
        default_missing_value = "256", value_parser = clap::value_parser!(u32).range(1..=65536)
    )]
    pub(crate) hex: Option<u32>,
    /// List the samples: offset, size, times (ticks, before edit lists), sync
    #[arg(long, groups = ["view", "listing"])]
    samples: bool,
    /// Show how far keyframes are apart, the bit rate over time, and each keyframe
    #[arg(long, groups = ["view", "listing"])]
    gops: bool,
    /// Show the NAL units of H.264, H.265 and H.266 and what their SEI messages say
    #[arg(long, groups = ["view", "listing"])]
    nals: bool,
    /// List the movie fragments
    #[arg(long, group = "view")]
    fragments: bool,
    /// Show every clock: dates, durations, edit lists in words, stamps of fragments
    #[arg(long, group = "view")]
    timing: bool,
    /// With --timing: the times of every frame as CSV, by all that says when it was taken
    ///
    /// That is SEI messages (MISB ST 0604, retina-record's strawlab.org/89H and o8B), the stamps of tapo's
    /// recordings, finalized or not, and prft. The column 'clock' tells by which it was taken: misb,
    /// camera, arrival, o8B, prft or 89H.
    #[arg(long, requires = "timing", conflicts_with = "json")]
    pub(crate) csv: bool,
    /// Account for every byte: boxes, samples, zeros, leftovers, unknown
    #[arg(long, group = "view")]
    ledger: bool,
    /// Show damage over time, a bar for each track
    #[arg(long, group = "view")]
    map: bool,
    /// Say whether REF would do as the reference for a repair, and why
    #[arg(long, group = "view", value_name = "REF")]
    pub(crate) against: Option<PathBuf>,
    /// Compare with OTHER: samples, times, boxes
    #[arg(long, group = "view", value_name = "OTHER")]
    pub(crate) diff: Option<PathBuf>,
    /// Copy the box or the range of the ledger that begins at byte OFFSET into a new file
    #[arg(long, group = "view", value_name = "OFFSET", requires = "output")]
    pub(crate) extract: Option<u64>,
    /// The new file; one that exists is never replaced
    #[arg(short, long, value_name = "NEW", requires = "extract")]
    pub(crate) output: Option<PathBuf>,
    /// Look at heads and tables only, not at the media
    #[arg(long, conflicts_with = "thorough")]
    quick: bool,
    /// Look at every byte of the media, also of files with more than 256 MiB of it
    #[arg(long)]
    thorough: bool,
    /// Add the SHA-256 of each file, and that it did not change while it was read
    #[arg(long)]
    pub(crate) hash: bool,
    /// Files inspected at the same time; --boxes reads one after the other
    #[arg(short, long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) jobs: u16,
    /// The least severity that makes the exit code other than 0
    #[arg(long, value_name = "SEVERITY", default_value = "damage")]
    pub(crate) fail_on: FailOn,
    /// Only this track, in a listing of samples
    #[arg(long, value_name = "ID", requires = "listing")]
    pub(crate) track: Option<u32>,
    /// Print JSON, one object a line
    #[arg(long)]
    pub(crate) json: bool,
}

const AFTER: &str = "\
Examples:
  tapo inspect video.mp4                       what it is, what is wrong, what to do
  tapo inspect --boxes video.mp4               the box tree
  tapo inspect --boxes --hex video.mp4         the same with the bytes
  tapo inspect --samples --track 1 video.mp4   where each frame stands, and when
  tapo inspect --gops video.mp4                keyframes and bit rate
  tapo inspect --nals video.mp4                NAL units, encoder settings, user data
  tapo inspect --timing video.mp4              dates, durations, edits, sound against picture
  tapo inspect --timing --csv video.mp4        when each frame was received and taken
  tapo inspect --ledger video.mp4              what every byte is, and what belongs to nothing
  tapo inspect --map --thorough video.mp4      where in time it is damaged
  tapo inspect --against good.mp4 broken.mp4   would good.mp4 do for a repair
  tapo inspect --diff copy.mp4 video.mp4       the same media in another container?
  tapo inspect --extract 48 -o old.moov v.mp4  a leftover that --ledger lists at byte 48
  tapo inspect --json /media/card              one line of JSON for each video on a card
  tapo inspect -q video.mp4 || echo damaged    only the exit code";

/// What counts as a failure.
#[derive(Copy, Clone, Debug, Eq, PartialEq, clap::ValueEnum)]
pub(crate) enum FailOn {
    /// Anything worth saying
    Notice,
    /// Anything odd
    Warning,
    /// Something is lost or cannot be reached
    Damage,
}

impl FailOn {
    /// The least severity that counts.
    pub(crate) const fn severity(self) -> Severity {
        match self {
            Self::Notice => Severity::Notice,
            Self::Warning => Severity::Warning,
            Self::Damage => Severity::Damage,
        }
    }
}

/// What to show.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) enum View {
    Summary,
    Boxes,
    Samples,
    Gops,
    Nals,
    Fragments,
    Timing,
    Ledger,
    Map,
    Against,
    Diff,
    Extract,
}

impl InspectArgs {
    pub(crate) const fn view(&self) -> View {
        // Of one group: at most one is set.
        if self.boxes {
            View::Boxes
        } else if self.samples {
            View::Samples
        } else if self.gops {
            View::Gops
        } else if self.nals {
            View::Nals
        } else if self.fragments {
            View::Fragments
        } else if self.timing {
            View::Timing
        } else if self.ledger {
            View::Ledger
        } else if self.map {
            View::Map
        } else if self.against.is_some() {
            View::Against
        } else if self.diff.is_some() {
            View::Diff
        } else if self.extract.is_some() {
            View::Extract
        } else {
            View::Summary
        }
    }

    /// The file that each is compared with.
    pub(crate) fn other(&self) -> Option<&Path> {
        self.against.as_deref().or(self.diff.as_deref())
    }

    /// How much of the media to look at: whatever is shown, the exit code tells damage.
    pub(crate) const fn depth(&self) -> Depth {
        match (self.thorough, self.quick) {
            (true, _) => Depth::All,
            (_, true) => Depth::Tables,
            _ => Depth::Usual,
        }
    }
}
