//! An index that stands where no box leads to: the size of a box in front of it is wrong.

use crate::check::lost;
use crate::media::{self, Depth, Examined};
use crate::{Result, TrackSummary};
use tapo_bmff::BoxHeader;
use tapo_io::{ByteSource, Span};
use tapo_movie::{Movie, Read};

/// Bytes at the end of a file in which it is looked for.
const TAIL: u64 = 64 << 20;

/// Largest one that is read, bytes.
const LARGEST: u64 = 64 << 20;

/// One sample in so many is sound, if it is the index of this file.
const SOUND: u64 = 10;

/// A `moov` that no box leads to, of a file without another.
#[derive(Clone, Debug)]
pub struct Astray {
    /// Where it stands.
    pub span: Span,
    /// The tracks it lists.
    pub tracks: Vec<TrackSummary>,
    /// The movie itself.
    pub(crate) movie: Movie,
    /// Stretches of its samples that are damaged, by track and number.
    pub(crate) harmed: Vec<crate::Harmed>,
}

/// Looks for the index of a file whose boxes lead to none.
///
/// # Errors
/// The source fails.
pub(crate) fn find(source: &dyn ByteSource, read: &Read, depth: Depth) -> Result<Option<Astray>> {
    if read.movie.is_some() || read.top.iter().any(|b| b.kind == b"moof") {
        return Ok(None);
    }
    let mut start = source.len().saturating_sub(TAIL);
    // What looks like one may be none; the next may be.
    for _ in 0..TRIED {
        let Some((kind, at)) = lost::first(source, Span::new(start, source.len()))? else {
            return Ok(None);
        };
        if kind == b"moov"
            && let Some(found) = at_place(source, at, depth)?
        {
            return Ok(Some(found));
        }
        start = at + 8;
    }
    Ok(None)
}

/// Whether a fragment stands in a file that does not begin as a movie does: a `moof` with an `mdat` behind it.
///
/// # Errors
/// The source fails.
pub(crate) fn has_fragment(source: &dyn ByteSource) -> Result<bool> {
    let mut start = 0;
    for _ in 0..TRIED {
        let Some((kind, at)) = lost::first(source, Span::new(start, source.len()))? else {
            return Ok(false);
        };
        let head = source.read_span(Span::at(at, BoxHeader::MAX_LEN as u64))?;
        let end = BoxHeader::read(at, &head).and_then(|header| header.declared_end(at));
        if let Some(end) = end.filter(|_| kind == b"moof")
            && source.read_span(Span::at(end, 8))?.get(4..8) == Some(b"mdat")
        {
            return Ok(true);
        }
        start = at + 8;
    }
    Ok(false)
}

/// Whether tables of samples stand in a file that does not begin as a movie does: an `stbl` that begins with an `stsd`
/// (§8.5.1), in its first or its last bytes.
pub(crate) fn has_tables(source: &dyn ByteSource) -> Result<bool> {
    const PIECE: u64 = 1 << 20;
    const SIGNATURE: usize = 12;
    let end = source.len();
    let tail = end.saturating_sub(TAIL);
    for part in [
        Span::new(0, end.min(TAIL)),
        Span::new(tail.max(TAIL).min(end), end),
    ] {
        let mut at = part.start;
        while at < part.end {
            let bytes = source.read_span(Span::at(at, PIECE + SIGNATURE as u64).intersect(part))?;
            let tables = |w: &[u8]| w.starts_with(b"stbl") && w.ends_with(b"stsd");
            if bytes.windows(SIGNATURE).any(tables) {
                return Ok(true);
            }
            at = at.saturating_add(PIECE);
        }
    }
    Ok(false)
}

/// Places that are tried.
const TRIED: usize = 8;

fn at_place(source: &dyn ByteSource, at: u64, depth: Depth) -> Result<Option<Astray>> {
    let bytes = source.read_span(Span::new(at, source.len().min(at.saturating_add(LARGEST))))?;
    let read = tapo_movie::read(&bytes)?;
    let first = read.top.first().filter(|b| b.whole);
    let (Some(moov), Some(movie)) = (first, read.movie) else {
        return Ok(None);
    };
    let Examined { harmed, .. } = media::examine(source, &movie, depth)?;
    let tracks = movie.tracks.iter();
    let tracks: Vec<_> = tracks.map(|t| TrackSummary::of(t, source.len())).collect();
    let reachable: u64 = tracks.iter().map(|t| t.reachable).sum();
    let bad: u64 = harmed.iter().map(|h| u64::from(h.count)).sum();
    let sound = reachable.saturating_sub(bad);
    let is_of_this_file = sound > 0 && sound.saturating_mul(SOUND) >= reachable;
    Ok(is_of_this_file.then(|| Astray {
        span: Span::at(at, moov.span.len()),
        tracks,
        movie,
        harmed,
    }))
}
