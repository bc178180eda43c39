//! Which files belong together.

use super::belongs;
use super::lane::Lane;
use crate::hole::{Hole, holes};
use crate::plan::{is_segment, times_go_back};
use crate::prepare::{check_samples, end_last_sample, refuse_encrypted};
use crate::{Error, LeftOut, Result, in_band};
use std::path::{Path, PathBuf};
use tapo_bmff::{BoxTree, leaf};
use tapo_io::{ByteSource, Files, PreadFile, Span, lock_holder};
use tapo_movie::{FileType, Movie, Read, SegmentStamp};

/// One recording: a movie, or an initial segment and its media segments.
#[derive(Debug)]
pub(super) struct Part {
    /// Its bytes.
    pub(super) source: Files,
    pub(super) file_type: Option<FileType>,
    /// Its movie, tracks with samples only; offsets are those of the source.
    pub(super) movie: Movie,
    /// Where each of its tracks lies on its timeline.
    pub(super) lanes: Vec<Lane>,
    /// Who recorded it when, if that was tapo.
    pub(super) stamp: Option<SegmentStamp>,
    /// Whether its decode times are its fragments' own word (`tfdt`).
    pub(super) fragmented: bool,
    /// What of it no index speaks of.
    pub(super) left_out: LeftOut,
    /// Time that none of its fragments is of.
    pub(super) holes: Vec<Hole>,
    /// Of a last fragment that is torn, the samples that are there, and those that are not.
    pub(super) torn_samples: Option<(u64, u64)>,
}

impl Part {
    pub(super) fn path(&self) -> &Path {
        self.source.path()
    }

    /// Checks that nobody wrote to it meanwhile.
    pub(super) fn check_unchanged(&self) -> Result<()> {
        for index in 0..self.source.pieces().len() {
            self.source.reopen(index)?;
        }
        Ok(())
    }
}

/// Reads all that is to be joined.
pub(super) fn read(files: &[PathBuf]) -> Result<Vec<Part>> {
    let groups = groups(files)?;
    groups.iter().map(|group| part(group)).collect()
}

/// The files of one recording.
struct Group {
    /// Holds the `moov`.
    movie: PathBuf,
    /// Whether it holds no sample itself: an initial segment.
    is_init: bool,
    /// Hold fragments only.
    segments: Vec<Segment>,
}

struct Segment {
    path: PathBuf,
    /// The group named before it.
    behind: Option<usize>,
    /// The first decode time in it.
    begins: Option<u64>,
    /// Whether it ends where its last box does.
    whole: bool,
}

/// Files with a `moov`, each with its media segments, these in the order of their
/// decode times: by name, `seg10` would stand before `seg2`.
fn groups(files: &[PathBuf]) -> Result<Vec<Vec<PathBuf>>> {
    let mut groups: Vec<Group> = Vec::new();
    let mut segments = Vec::new();
    for path in files {
        if let Some(holder) = lock_holder(path) {
            let path = path.clone();
            return Err(tapo_io::Error::InUse { path, holder }.into());
        }
        let source = PreadFile::open(path)?;
        let read = tapo_movie::read(&source)?;
        let path = path.clone();
        match &read.movie {
            Some(movie) => groups.push(Group {
                movie: path,
                is_init: movie.sample_count() == 0 && read.fragments.is_empty(),
                segments: Vec::new(),
            }),
            None if !is_segment(&read) => return Err(crate::plan::no_movie(&path, &read)),
            None => segments.push(Segment {
                path,
                behind: groups.len().checked_sub(1),
                begins: begins(&source, &read)?,
                whole: crate::tail::torn_at(&read).is_none(),
            }),
        }
    }
    for segment in segments {
        match init_of(&segment, &groups).and_then(|at| groups.get_mut(at)) {
            Some(group) => group.segments.push(segment),
            None => return Err(Error::NoInit { path: segment.path }),
        }
    }
    groups.into_iter().map(in_order).collect()
}

/// The initial segment that a media segment belongs to: the only one there is, or
/// the only one with a name like its own (`init-stream0` and `chunk-stream0-00001`),
/// or the one named before it.
fn init_of(segment: &Segment, groups: &[Group]) -> Option<usize> {
    let inits = || groups.iter().enumerate().filter(|(_, g)| g.is_init);
    let only = |mut all: Vec<usize>| (all.len() == 1).then(|| all.pop())?;
    let own = words(&segment.path);
    let alike = inits().filter(|(_, g)| {
        let same_folder = g.movie.parent() == segment.path.parent();
        same_folder && words(&g.movie).iter().all(|word| own.contains(word))
    });
    only(inits().map(|(at, _)| at).collect())
        .or_else(|| only(alike.map(|(at, _)| at).collect()))
        .or(segment.behind)
}

/// What tells one name from another.
fn words(path: &Path) -> Vec<String> {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let name = name.to_ascii_lowercase();
    let words = name.split(|c: char| !c.is_ascii_alphanumeric());
    let words = words.filter(|word| !word.is_empty() && *word != "init");
    words.map(str::to_owned).collect()
}

fn in_order(mut group: Group) -> Result<Vec<PathBuf>> {
    if group.segments.iter().all(|s| s.begins.is_some()) {
        group.segments.sort_by_key(|s| s.begins);
    }
    let all_but_last = group.segments.split_last().map_or(&[][..], |(_, all)| all);
    if let Some(torn) = all_but_last.iter().find(|s| !s.whole) {
        return Err(Error::Malformed {
            path: torn.path.clone(),
            what: "is cut off, and segments follow it; repair it first, or leave it out".to_owned(),
        });
    }
    let segments = group.segments.into_iter().map(|s| s.path);
    Ok(std::iter::once(group.movie).chain(segments).collect())
}

/// The first decode time of a media segment.
fn begins(source: &dyn ByteSource, read: &Read) -> Result<Option<u64>> {
    let Some(moof) = read.top.iter().find(|b| b.kind == b"moof") else {
        return Ok(None);
    };
    let inside = moof.payload();
    let tree =
        BoxTree::read_span(source, inside, Some(moof.kind)).map_err(tapo_movie::Error::from)?;
    let mut tracks = tree.roots().filter(|(_, node)| node.kind == b"traf");
    let tfdt = tracks.find_map(|(id, _)| tree.child(id, b"tfdt"));
    let Some((_, tfdt)) = tfdt else {
        return Ok(None);
    };
    let payload = source.read_span(Span::at(tfdt.payload().start, tfdt.payload().len().min(64)))?;
    Ok(leaf::decode::<leaf::Tfdt>(&payload).map(|t| t.base_media_decode_time))
}

fn part(files: &[PathBuf]) -> Result<Part> {
    let source = Files::new(files)?;
    let path = || source.path().to_owned();
    let mut read = crate::plan::read(&source)?;
    if times_go_back(&read) {
        let what = "has fragments whose decode times go back, or jump further than a sample can \
            last: is a segment missing, or one there twice?";
        return Err(Error::Unsupported { path: path(), what });
    }
    let mut movie = read.movie.take().unwrap_or_default();
    let left_out = LeftOut::of(&source, &read, &movie)?;
    refuse_encrypted(&movie, source.path())?;
    if files.len() > 1 {
        belongs::check_tracks(&source, &read.fragments, &movie)?;
    }
    if movie.sample_count() == 0 {
        return Err(Error::Empty { path: path() });
    }
    movie.tracks.retain(|t| !t.samples.is_empty());
    check_samples(&movie, &source, source.len(), &[])?;
    if !read.fragments.is_empty() {
        in_band::split(&mut movie, &source)?;
    }
    if files.len() > 1 {
        belongs::check(&source, &read.fragments, &read.top, &movie)?;
    }
    movie.tracks.iter_mut().for_each(end_last_sample);
    let lanes = movie
        .tracks
        .iter()
        .map(|t| Lane::of(t, &movie, source.path()));
    let lanes = lanes.collect::<Result<_>>()?;
    Ok(Part {
        lanes,
        stamp: SegmentStamp::of(&movie),
        fragmented: !read.fragments.is_empty(),
        holes: holes(&read.fragments, &movie),
        left_out,
        torn_samples: read.torn.map(|torn| (torn.kept, torn.lost)),
        file_type: read.file_type,
        movie,
        source,
    })
}
