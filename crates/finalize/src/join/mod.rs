//! Join: recordings one behind the other become one plain file.
//!
//! The media is copied as it stands, every file to a multiple of the block size,
//! so that a file system that can share blocks need not copy at all; then one
//! index is written over all of it. Where the recording went on without a break
//! the joined file does too, and a break is kept as time: the last picture
//! before it stands still.
//!
//! ```text
//! parts   which files belong together: a movie, or an initial segment and its media segments
//! belongs whether media segments are of their initial segment
//! lane    where the tracks of a part lie on its own timeline
//! order   whether each is named once, and in the order in which they were made
//! seam    when each part begins on the common timeline
//! fit     which track of a part goes on with which track of the whole
//! splice  how the samples of one part go on behind those of another
//! merge   the samples of all parts in one movie
//! layout  what stands where in the new file
//! ```

mod belongs;
mod fit;
mod lane;
mod layout;
mod merge;
mod order;
mod parts;
mod seam;
mod splice;

use crate::{Error, Hole, LeftOut, Result, Watch};
use layout::Layout;
use parts::Part;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tapo_io::{NewFile, Op, Span, WritePlan};
use tapo_movie::Movie;

pub use seam::{Clock, Seam};

/// How to join.
#[derive(Clone, Debug, Default)]
pub struct Join {
    /// What becomes of the time between two recordings.
    pub gaps: Gaps,
    /// Whether the index stands in front of the media, for players that begin
    /// before they have all of the file.
    pub faststart: bool,
    /// Whether an output that exists may be replaced.
    pub replace: bool,
}

/// What becomes of the time between two recordings.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq)]
pub enum Gaps {
    /// It stays: the last picture before it stands still.
    #[default]
    Keep,
    /// It is left out.
    Close,
}

/// What was joined, or would be.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Joined {
    /// The new file.
    pub path: PathBuf,
    /// What it was made of, in order.
    pub parts: Vec<JoinedPart>,
    /// Tracks.
    pub tracks: usize,
    /// Sample entries of each track, with its id: more than one where parameters
    /// changed on the way.
    pub entries: Vec<(u32, usize)>,
    /// Samples of all tracks.
    pub samples: u64,
    /// How long the longest track shows.
    pub duration: Duration,
    /// Length of the `moov`, bytes.
    pub moov_len: u64,
    /// Size of the new file, bytes.
    pub size: u64,
}

/// One recording of those that were joined.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct JoinedPart {
    /// Its file, or its initial segment.
    pub path: PathBuf,
    /// How many files it consists of.
    pub files: usize,
    /// Samples of all tracks.
    pub samples: u64,
    /// When it begins in the joined file.
    pub start: Duration,
    /// How it goes on behind the one before it.
    pub seam: Seam,
    /// What of its file is not in the joined one.
    pub left_out: LeftOut,
    /// Packets of sound that are left out where it begins, because its sound overlaps with that
    /// of the recording before it: first those that nobody is to hear.
    pub overlapping: u32,
    /// Time within it that none of its fragments is of, counted from where it begins.
    pub holes: Vec<Hole>,
    /// Of a last fragment that is torn: how many of its samples are there, and how
    /// many are not.
    pub torn_samples: Option<(u64, u64)>,
}

/// Joins recordings into a new file, in the order in which they are named. A file
/// without a `moov` belongs to the initial segment named before it.
///
/// The sources are only read. The new file appears whole or not at all.
///
/// # Errors
/// [`Error::DoesNotFit`] if two of them cannot be one recording;
/// [`Error::Cancelled`] if `watch` said so; else as [`finalize`](crate::finalize).
pub fn join(files: &[PathBuf], output: &Path, options: &Join, watch: Watch<'_>) -> Result<Joined> {
    if let Some(path) = files.iter().find(|f| is_same_file(f, output)) {
        return Err(Error::OntoItself { path: path.clone() });
    }
    let planned = Planned::of(files, output, options)?;
    let mut new = NewFile::create(output, options.replace)?;
    let total = planned.layout.places.iter().map(|p| p.from.len()).sum();
    let mut done = 0;
    for place in &planned.layout.places {
        let Some(part) = planned.parts.get(place.part) else {
            continue;
        };
        let file = part.source.open(place.piece)?;
        let goes_on = |copied| watch(done + copied, total);
        crate::watch::copy(&mut new, &file, place.from, place.to, output, &goes_on)?;
        done += place.from.len();
    }
    for part in &planned.parts {
        part.check_unchanged()?;
    }
    let plan = WritePlan::new().then(Op::SetLen(planned.layout.data.end));
    let plan = plan.write(0, planned.layout.head);
    let plan = plan.write(planned.layout.data.end, planned.layout.tail);
    plan.execute(&mut new)?;
    let goes_on = || watch(total, total);
    crate::watch::commit(new, options.replace, output, &goes_on)?;
    Ok(planned.joined)
}

/// What [`join`] would do. Nothing is written.
///
/// # Errors
/// Those of [`join`] that show before the first write.
pub fn check_join(files: &[PathBuf], output: &Path, options: &Join) -> Result<Joined> {
    Planned::of(files, output, options).map(|planned| planned.joined)
}

/// All that is known before the first write.
struct Planned {
    parts: Vec<Part>,
    layout: Layout,
    joined: Joined,
}

impl Planned {
    fn of(files: &[PathBuf], output: &Path, options: &Join) -> Result<Self> {
        order::each_once(files)?;
        let parts = parts::read(files)?;
        order::check(&parts)?;
        let seams = seam::seams(&parts, options.gaps)?;
        let placed = layout::places(&parts)?;
        let merged = merge::merge(&parts, &seams, &placed)?;
        let left_out = merged.left_out;
        let layout = Layout::of(&parts, placed, merged.movie, options.faststart);
        let begins = |(part, seam): (&Part, &seam::Placed)| {
            let firsts = part.lanes.iter().map(|lane| lane.first.max(0));
            seam.at + firsts.min().unwrap_or(0)
        };
        let first = parts.iter().zip(&seams).map(begins).min().unwrap_or(0);
        let told = |((part, seam), overlapping): ((&Part, &seam::Placed), u32)| JoinedPart {
            overlapping,
            path: part.path().to_owned(),
            files: part.source.pieces().len(),
            samples: part.movie.sample_count(),
            start: lane::duration(begins((part, seam)) - first),
            seam: seam.seam,
            left_out: part.left_out,
            holes: part.holes.clone(),
            torn_samples: part.torn_samples,
        };
        let movie: &Movie = &layout.movie;
        let joined = Joined {
            path: output.to_owned(),
            parts: parts.iter().zip(&seams).zip(left_out).map(told).collect(),
            tracks: movie.tracks.len(),
            entries: crate::plan::entries(movie),
            samples: movie.sample_count(),
            duration: crate::plan::shown_for(movie),
            moov_len: layout.moov_len,
            size: layout.data.end + layout.tail.len() as u64,
        };
        Ok(Self {
            parts,
            layout,
            joined,
        })
    }
}

fn is_same_file(a: &Path, b: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let id = |path| std::fs::metadata(path).map(|m| (m.dev(), m.ino())).ok();
    id(a).is_some() && id(a) == id(b)
}

/// Whole blocks of most file systems: what can be shared and not copied.
const BLOCK: u64 = 4096;

/// The blocks around a span.
fn blocks(span: Span) -> Span {
    Span::new(span.start / BLOCK * BLOCK, span.end.next_multiple_of(BLOCK))
}
