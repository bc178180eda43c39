//! From a file as it stands to the writes that finalize it, or take that back.
//! Nothing here writes.

use crate::append::{self, Appended};
use crate::cut::{Cut, cut, declared_end};
use crate::in_band::final_movie;
use crate::outcome::{Finalization, How, Undone};
use crate::prepare::lead;
use crate::resized::Resized;
use crate::reveal::{Segment, conceal};
use crate::state::State;
use crate::tail::{Tail, flip, restore};
use crate::{Error, LeftOut, Result};
use std::path::Path;
use std::time::Duration;
use tapo_bmff::{Flaw, FourCc};
use tapo_io::{ByteSource, Op, WritePlan};
use tapo_movie::{Movie, Read, Track};

/// What is to be done to a file.
pub(crate) struct Plan {
    /// The writes; none if the file is final.
    pub(crate) writes: WritePlan,
    /// How to leave it if a write fails.
    pub(crate) rollback: WritePlan,
    /// What will have been done.
    pub(crate) outcome: Finalization,
    /// Why the writes must not be done in place, only on a copy.
    pub(crate) hazard: Option<&'static str>,
}

/// Plans to finalize `source`.
pub(crate) fn finalize(source: &dyn ByteSource) -> Result<Plan> {
    let read = match read(source) {
        Err(Error::NoMoov { path }) => {
            return Err(match cut(source, &tapo_movie::read(source)?)? {
                Some(_) => Error::IndexLost { path },
                None => Error::NoMoov { path },
            });
        }
        read => read?,
    };
    match State::of(source, &read)? {
        State::Revealed(_) if missing(&read) > 0 => Err(Error::CutOff {
            path: source.path().to_owned(),
            missing: missing(&read),
        }),
        State::Revealed(_) | State::Tailed(_) | State::Followed { .. } => {
            let movie = read.movie.clone().unwrap_or_default();
            let outcome = outcome(source, &read, &movie, How::AlreadyFinal)?;
            Ok(Plan::new(WritePlan::new(), outcome, None))
        }
        State::Appended(record) => {
            let original = Resized::original(source, &record);
            let read = tapo_movie::read_to_end(&original)?;
            let movie = final_movie(&original, &read)?;
            let outcome = Finalization {
                moov_len: source.len() - record.moov_at(),
                resumed: true,
                ..outcome(source, &read, &movie, How::Tail)?
            };
            Ok(Plan::new(flip(&record), outcome, None))
        }
        State::Open { end, journal } if end == source.len() => {
            open(source, source.len(), &read, journal)
        }
        State::Open { end, journal } => {
            let original = match &journal {
                Some(record) => Resized::original(source, record),
                None => Resized::new(source, end),
            };
            let read = tapo_movie::read_to_end(&original)?;
            open(&original, source.len(), &read, journal)
        }
    }
}

/// Plans nothing for `source`, which is not fragmented.
pub(crate) fn nothing(source: &dyn ByteSource) -> Result<Plan> {
    let read = read(source)?;
    let movie = read.movie.clone().unwrap_or_default();
    let outcome = outcome(source, &read, &movie, How::AlreadyFinal)?;
    Ok(Plan::new(WritePlan::new(), outcome, None))
}

/// Plans to take a finalization of `source` back.
pub(crate) fn undo(source: &dyn ByteSource) -> Result<(WritePlan, Undone)> {
    if let Some(state) = append::recorded_last(source)? {
        return Ok(taken_back(state, source));
    }
    undo_finalize(source).or_else(|error| match error {
        Error::Io(_) => Err(error),
        // Only the beginning of a record, or none that is whole.
        _ => match append::state(source)? {
            Some(state) => Ok(taken_back(state, source)),
            None => Err(error),
        },
    })
}

fn taken_back(state: Appended, source: &dyn ByteSource) -> (WritePlan, Undone) {
    let writes = state.restore(source.len());
    let undone = Undone::exact(How::Tail, state.end(), &writes);
    (writes, undone)
}

/// Bytes that a revealed file lacks at its end: its media data goes on to where it ended.
fn missing(read: &Read) -> u64 {
    let end = read.top.get(3).and_then(declared_end);
    end.map_or(0, |end| end.saturating_sub(read.size))
}

fn undo_finalize(source: &dyn ByteSource) -> Result<(WritePlan, Undone)> {
    let read = match read(source) {
        Err(error @ Error::NoMoov { .. }) => {
            return match cut(source, &tapo_movie::read(source)?)? {
                Some(cut) => Ok(uncut(&cut, source)),
                None => Err(error),
            };
        }
        read => read?,
    };
    let path = || source.path().to_owned();
    let not_final = || Error::NotFinal { path: path() };
    let size = source.len();
    let exact = |writes: WritePlan, how, size| {
        let undone = Undone::exact(how, size, &writes);
        Ok((writes, undone))
    };
    match State::of(source, &read)? {
        State::Revealed(record) => {
            let concealed = conceal(record, source)?;
            let writes = concealed.ok_or_else(|| Error::Malformed {
                path: path(),
                what: "what undo would bring back has changed since".to_owned(),
            })?;
            let end = read.top.get(3).and_then(declared_end);
            let undone = Undone {
                missing: missing(&read),
                added: end.map_or(0, |end| size.saturating_sub(end)),
                ..Undone::exact(How::Reveal, size, &writes)
            };
            Ok((writes, undone))
        }
        State::Followed { end } => Err(Error::Followed {
            path: path(),
            bytes: size - end,
            end,
        }),
        State::Tailed(record)
        | State::Appended(record)
        | State::Open {
            journal: Some(record),
            ..
        } => exact(restore(&record, size), How::Tail, record.end),
        State::Open { end, journal: None } if end < size => {
            let plan = WritePlan::new().then(Op::SetLen(end)).barrier();
            exact(plan.then(Op::Note(None)), How::Tail, end)
        }
        State::Open { .. } => {
            let segment = Segment::of(&read).ok_or_else(not_final)?;
            if !segment.is_touched(source)? {
                return Err(not_final());
            }
            exact(segment.clear(), How::Reveal, size)
        }
    }
}

/// Takes back what is left of a finalization whose index was cut off.
fn uncut(cut: &Cut, source: &dyn ByteSource) -> (WritePlan, Undone) {
    let writes = restore(&cut.record, source.len());
    let undone = Undone {
        missing: cut.size - cut.record.end,
        worked_out: cut.worked_out,
        ..Undone::exact(How::Tail, cut.record.end, &writes)
    };
    (writes, undone)
}

/// Reads the movie of a file that has one.
pub(crate) fn read(source: &dyn ByteSource) -> Result<Read> {
    let path = || source.path().to_owned();
    let read = tapo_movie::read_to_end(source)?;
    let cut = |d: &tapo_bmff::Defect| d.parent.is_none() && d.flaw == Flaw::TooMany;
    if read.defects.iter().any(cut) {
        let what = "has more boxes than tapo reads";
        return Err(Error::Unsupported { path: path(), what });
    }
    let torn = read.top.iter().find(|b| b.kind == b"moov");
    if torn.is_some_and(|moov| !moov.whole) {
        return Err(Error::NoMoov { path: path() });
    }
    match &read.movie {
        Some(movie) if !movie.tracks.is_empty() => Ok(read),
        Some(_) => Err(Error::Malformed {
            path: path(),
            what: "its moov holds no track".to_owned(),
        }),
        None => Err(no_movie(source.path(), &read)),
    }
}

/// Whether decode times go back, or jump further than a sample can last.
pub(crate) fn times_go_back(read: &Read) -> bool {
    let moved =
        |d: &tapo_bmff::Defect| matches!(d.flaw, Flaw::BadFields { kind, .. } if kind == b"tfdt");
    read.defects.iter().any(moved)
}

/// Whether it can be a media segment of DASH or HLS (ISO/IEC 23009-1 §6.3.4): it
/// begins with one, and what its samples are is said elsewhere.
pub(crate) fn is_segment(read: &Read) -> bool {
    let first = read.top.first().map(|b| b.kind);
    let begins = |kind: FourCc| [b"styp", b"sidx", b"emsg", b"prft", b"moof"].contains(&&kind.0);
    read.movie.is_none()
        && first.is_some_and(begins)
        && read.top.iter().any(|b| b.kind == b"moof" && b.whole)
}

/// Why there is no movie in a file.
pub(crate) fn no_movie(path: &Path, read: &Read) -> Error {
    let path = path.to_owned();
    let known =
        |b: &tapo_movie::TopBox| [b"ftyp", b"mdat", b"moof", b"styp", b"wide"].contains(&&b.kind.0);
    if is_segment(read) {
        Error::NoInit { path }
    } else if read.top.iter().any(known) {
        Error::NoMoov { path }
    } else {
        Error::NotAnMp4 { path }
    }
}

/// Plans for `source`, which is open and `read`. The file has `size` bytes:
/// more than `source` if an earlier run was interrupted.
fn open(
    source: &dyn ByteSource,
    size: u64,
    read: &Read,
    journal: Option<crate::record::UndoRecord>,
) -> Result<Plan> {
    let path = || source.path().to_owned();
    let mut tracks = read.movie.iter().flat_map(|movie| &movie.tracks);
    let is_empty = tracks.clone().all(|t| t.samples.is_empty());
    let expects_fragments = tracks.any(|t| t.defaults.is_some());
    if is_empty && (expects_fragments || !read.fragments.is_empty()) {
        return Err(Error::Empty { path: path() });
    }
    if read.fragments.is_empty() {
        return Err(Error::NotFragmented { path: path() });
    }
    if times_go_back(read) {
        let what = "has fragments whose decode times go back, or jump further than a sample can \
            last; one index cannot say so, and what follows would be shifted";
        return Err(Error::Unsupported { path: path(), what });
    }
    let interrupted = size > source.len();
    if let Some(segment) = Segment::of(read).filter(|_| !interrupted) {
        let movie = final_movie(source, read)?;
        if let Some((writes, moov_len)) = segment.reveal(&movie, source)? {
            let outcome = Finalization {
                moov_len,
                bytes_written: writes.bytes_written(),
                resumed: segment.was_begun(source)?,
                ..outcome(source, read, &movie, How::Reveal)?
            };
            return Ok(Plan::new(writes, outcome, None));
        }
    }
    let tail = Tail::of(source, read, journal)?;
    let writes = tail.writes(size);
    let moov_len = tail.moov.len() as u64;
    let outcome = Finalization {
        moov_len,
        bytes_written: writes.bytes_written(),
        size: tail.record.moov_at() + moov_len,
        resumed: interrupted,
        ..outcome(source, read, &tail.movie, How::Tail)?
    };
    Ok(Plan {
        rollback: restore(&tail.record, tail.record.moov_at() + moov_len),
        ..Plan::new(writes, outcome, tail.hazard)
    })
}

impl Plan {
    fn new(writes: WritePlan, outcome: Finalization, hazard: Option<&'static str>) -> Self {
        let bytes_written = writes.bytes_written();
        Self {
            writes,
            rollback: WritePlan::new(),
            outcome: Finalization {
                bytes_written,
                ..outcome
            },
            hazard,
        }
    }
}

/// What there is to say about the `movie` of a final file.
fn outcome(source: &dyn ByteSource, read: &Read, movie: &Movie, how: How) -> Result<Finalization> {
    let mut chunks = movie.tracks.iter().flat_map(|t| &t.samples.chunks);
    Ok(Finalization {
        path: source.path().to_owned(),
        how,
        tracks: movie.tracks.len(),
        entries: entries(movie),
        samples: movie.sample_count(),
        duration: shown_for(movie),
        lead_left_out: Duration::from_secs(read.movie.as_ref().map_or(0, lead)),
        fragments: read.fragments.iter().filter(|f| f.whole).count(),
        torn_samples: read.torn.map(|torn| (torn.kept, torn.lost)),
        left_out: LeftOut::of(source, read, movie)?,
        holes: crate::hole::holes(&read.fragments, movie),
        moov_len: 0,
        large_offsets: chunks.any(|c| c.offset > u64::from(u32::MAX)),
        bytes_written: 0,
        size: source.len(),
        resumed: false,
    })
}

/// How many sample entries each track has, by its id.
pub(crate) fn entries(movie: &Movie) -> Vec<(u32, usize)> {
    let tracks = movie.tracks.iter();
    tracks
        .map(|t| (t.header.id, t.descriptions.len()))
        .collect()
}

/// How long the longest track shows.
pub(crate) fn shown_for(movie: &Movie) -> Duration {
    let shown = |track: &Track| {
        let (ticks, scale) = match &track.edits[..] {
            [] => (track.samples.duration(), track.timescale),
            edits => {
                let lengths = edits.iter().map(|e| e.duration);
                (lengths.fold(0, u64::saturating_add), movie.header.timescale)
            }
        };
        seconds(ticks, scale)
    };
    movie.tracks.iter().map(shown).max().unwrap_or_default()
}

pub(crate) fn seconds(ticks: u64, scale: u32) -> Duration {
    let scale = u64::from(scale.max(1));
    let nanos = (ticks % scale) * 1_000_000_000 / scale;
    Duration::new(ticks / scale, u32::try_from(nanos).unwrap_or(0))
}
