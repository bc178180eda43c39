//! What a second index in a file belongs to: another movie behind the first, or the same one again.

use crate::places::chunks;
use crate::{Finding, Form, Inspection, Problem, Result, Second, TimeRange};
use tapo_io::{ByteSource, Span};
use tapo_movie::{Movie, TopBox};

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
    // What players make of fragments behind fragments is told of each.
    if inspection.read.fragments.iter().any(|f| f.moof.start > at) {
        return Ok(());
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
    let behind = Behind { source, at };
    let read = tapo_movie::read(&behind)?;
    let Some(movie) = read
        .movie
        .filter(|m| read.defects.is_empty() && m.sample_count() > 0)
    else {
        return Ok(None);
    };
    Ok(is_own(&movie, &read.top).then(|| time(&movie)))
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
    let length =
        |t: &&tapo_movie::Track| tapo_movie::rescale(t.samples.duration(), t.timescale, 1_000_000);
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
