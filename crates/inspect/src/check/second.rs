//! What a second index in a file belongs to: another movie behind the first, or the same one again.

use crate::places::chunks;
use crate::{Finding, Form, Inspection, Problem, Result, Second, TimeRange};
use tapo_io::{ByteSource, Span};
use tapo_movie::{Movie, TopBox, Track};

pub(super) fn check(
    source: &dyn ByteSource,
    inspection: &Inspection,
    found: &mut Vec<Finding>,
) -> Result<()> {
    let top = &inspection.read.top;
    let Some(begin) = top.iter().skip(1).find(|b| b.kind == b"ftyp") else {
        return Ok(());
    };
    let at = begin.span.start;
    let second = |f: &Finding| matches!(f.problem, Problem::SecondMoov { .. });
    let Some(place) = found.iter().position(second) else {
        return Ok(());
    };
    if inspection.read.fragments.iter().any(|f| f.moof.start > at) {
        return fragments(source, inspection, at, place, found);
    }
    let (of, time) = if is_copy(source, at)? {
        (Second::Copy { at }, None)
    } else if let Some(time) = movie(source, at, inspection)? {
        (Second::Movie { at }, time)
    } else {
        return Ok(());
    };
    if let Some(finding) = found.get_mut(place) {
        finding.problem = Problem::SecondMoov { of };
        finding.time = time;
    }
    found.retain(|f| {
        let unused = matches!(f.problem, Problem::UnusedMedia { .. });
        !(unused && f.span.is_some_and(|s| s.start > at))
    });
    Ok(())
}

/// Fragments of another movie, coded otherwise than the first: what was said of them by the index of that is no more
/// said. Those of one that is coded alike are told as players take them, one by one.
fn fragments(
    source: &dyn ByteSource,
    inspection: &Inspection,
    at: u64,
    place: usize,
    found: &mut Vec<Finding>,
) -> Result<()> {
    let behind = Behind { source, at };
    let (Some(other), Some(first)) = (whole(&behind)?, &inspection.read.movie) else {
        return Ok(());
    };
    let alike = |track: &Track| {
        let like = first.track(track.header.id);
        like.is_some_and(|like| {
            like.descriptions == track.descriptions
                && like.timescale == track.timescale
                && like.defaults.is_some()
        })
    };
    if other.tracks.iter().all(alike) {
        return Ok(());
    }
    if let Some(finding) = found.get_mut(place) {
        let of = Second::Fragments { at };
        finding.problem = Problem::SecondMoov { of };
        finding.time = time(&other);
    }
    found.retain(|f| {
        let start = f.span.map_or(0, |s| s.start);
        let end = f.span.map_or(0, |s| s.end);
        match f.problem {
            Problem::SamplesHarmed { .. } => start < at,
            Problem::FragmentTimeBack { .. }
            | Problem::FragmentTimeWrong { .. }
            | Problem::FragmentTimeJump { .. }
            | Problem::FragmentNumber { .. } => end <= at,
            _ => true,
        }
    });
    Ok(())
}

/// Whether a file consists of its first `period` bytes, over and over.
fn is_copy(source: &dyn ByteSource, period: u64) -> Result<bool> {
    const PIECE: u64 = 1 << 20;
    let size = source.len();
    if period == 0 || !size.is_multiple_of(period) {
        return Ok(false);
    }
    let mut at = period;
    while at < size {
        let piece = Span::at(at, PIECE.min(size - at));
        let before = Span::new(piece.start - period, piece.end - period);
        if source.read_span(piece)? != source.read_span(before)? {
            return Ok(false);
        }
        at = piece.end;
    }
    Ok(true)
}

/// How long the movie is that begins at `at`, if it is one by itself: all it lists is media of its own.
fn movie(
    source: &dyn ByteSource,
    at: u64,
    inspection: &Inspection,
) -> Result<Option<Option<TimeRange>>> {
    if inspection.form == Form::NoIndex {
        return Ok(None);
    }
    let movie = whole(&Behind { source, at })?;
    Ok(movie.as_ref().map(time))
}

/// The movie that these bytes are, if they are one by themselves.
fn whole(source: &dyn ByteSource) -> Result<Option<Movie>> {
    let read = tapo_movie::read(source)?;
    let sound = |m: &Movie| read.defects.is_empty() && m.sample_count() > 0;
    Ok(read.movie.filter(|m| sound(m) && is_own(m, &read.top)))
}

fn is_own(movie: &Movie, top: &[TopBox]) -> bool {
    let mut all = movie.tracks.iter().flat_map(|t| chunks(&t.samples));
    all.all(|chunk| {
        let place = top.partition_point(|b| b.span.end <= chunk.span.start);
        let home = top.get(place).filter(|b| b.kind == b"mdat");
        chunk.span.is_empty() || home.is_some_and(|b| b.payload().contains(chunk.span))
    })
}

fn time(movie: &Movie) -> Option<TimeRange> {
    let tracks = movie.tracks.iter().filter(|t| t.timescale > 0);
    let length = |t: &&Track| tapo_movie::rescale(t.samples.duration(), t.timescale, 1_000_000);
    let longest = tracks.max_by_key(length)?;
    Some(TimeRange {
        start: 0,
        end: longest.samples.duration(),
        timescale: longest.timescale,
    })
}

/// A source from some byte on.
struct Behind<'a> {
    source: &'a dyn ByteSource,
    at: u64,
}

impl ByteSource for Behind<'_> {
    fn len(&self) -> u64 {
        self.source.len().saturating_sub(self.at)
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> tapo_io::Result<usize> {
        self.source.read_at(self.at.saturating_add(offset), buf)
    }

    fn next_data(&self, from: u64) -> u64 {
        let from = self.at.saturating_add(from);
        self.source.next_data(from).saturating_sub(self.at)
    }
}
