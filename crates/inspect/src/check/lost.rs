//! Boxes that nothing leads to, and what their place tells: a size that lies, or
//! bytes that are missing in front of them.

use crate::media::{self, Examined};
use crate::places::chunks;
use crate::{Depth, Finding, Form, Harm, Inspection, Listing, Problem, Result, names};
use tapo_bmff::{BoxHeader, BoxSize, Flaw, FourCc};
use tapo_io::{ByteSource, Span};
use tapo_movie::{Movie, Sample, TopBox};

/// Bytes that are searched for boxes, from each end of a stretch.
const SEARCHED: u64 = 64 << 20;

/// The first `moov` or `moof` inside `span`, known by its type, a size that fits,
/// and the box that comes first in it.
pub(crate) fn first(source: &dyn ByteSource, span: Span) -> Result<Option<(FourCc, u64)>> {
    let searched = Span::at(span.start, SEARCHED).intersect(span);
    let mut from = searched.start;
    while let Some((kind, at)) = tapo_movie::next_root(source, Span::new(from, searched.end))? {
        let head = source.read_span(Span::at(at, BoxHeader::MAX_LEN as u64))?;
        let end = BoxHeader::read(at, &head).and_then(|header| header.declared_end(at));
        if end.is_some_and(|end| end > at + 16 && end <= span.end) {
            return Ok(Some((kind, at)));
        }
        from = at + 1;
    }
    Ok(None)
}

/// A box whose size leads past others that are there, and bytes that are missing
/// in the media.
pub(super) fn check(
    source: &dyn ByteSource,
    inspection: &Inspection,
    found: &mut Vec<Finding>,
) -> Result<()> {
    let read = &inspection.read;
    let Some((top, declared_end)) = misleading(inspection) else {
        return Ok(());
    };
    let lost = match lost_index(source, inspection, &top)? {
        Some((kind, at)) => {
            let problem = Problem::SizeWrong {
                kind: top.kind,
                declared: declared_end - top.span.start,
                next: at,
            };
            // In fragments, what was cut out may be anywhere in the media; what destroyed the boxes behind one that
            // is no media may have begun inside it.
            let behind = top.whole && top.kind != b"mdat" && top.span.end <= at;
            let end = if inspection.form == Form::Fragmented || behind {
                top.span.end.min(at)
            } else {
                top.span.start + top.header_len
            };
            let span = Span::new(top.span.start, end);
            found.push(Finding::new(problem).at(span));
            Some((kind, at))
        }
        None => {
            // The samples of a torn fragment are in no table.
            let plain = top.kind == b"mdat" && inspection.form != Form::Fragmented;
            let movie = read.movie.as_ref().filter(|_| plain);
            let end = match movie {
                Some(movie) if top.whole => samples_behind(movie, &top, read.size),
                // It reaches behind the end of the file, and no sample does.
                Some(movie) => last_end(movie).filter(|end| *end <= read.size),
                None => None,
            };
            if let Some(end) = end {
                let problem = Problem::SizeWrong {
                    kind: top.kind,
                    declared: declared_end - top.span.start,
                    next: end,
                };
                let span = Span::at(top.span.start, top.header_len);
                found.push(Finding::new(problem).at(span));
            }
            None
        }
    };
    if inspection.depth == Depth::Tables {
        return Ok(());
    }
    let (bytes, end) = match (lost, &read.movie) {
        // The index is nearer than the size of the media says: so much is missing.
        (Some((kind, at)), None) if kind == b"moov" && at < declared_end => (declared_end - at, at),
        (None, Some(_)) if declared_end > read.size => (declared_end - read.size, read.size),
        _ => return Ok(()),
    };
    let place = match (&read.movie, lost) {
        (Some(movie), _) => cut(source, movie, &inspection.harmed, bytes, end, false)?,
        (None, Some((_, at))) => {
            let moov = source.read_span(Span::at(at, MOOV))?;
            let Some(movie) = tapo_movie::read(&moov)?.movie else {
                return Ok(());
            };
            let Examined { harmed, .. } = media::examine(source, &movie, inspection.depth)?;
            let displaced = last_end(&movie) > Some(end);
            cut(source, &movie, &harmed, bytes, end, displaced)?
        }
        (None, None) => None,
    };
    found.extend(place.map(|span| Finding::new(Problem::MediaCut { bytes }).at(span)));
    Ok(())
}

/// Bytes of an index that are read.
const MOOV: u64 = 64 << 20;

/// The last box that a size leads to, if what stands behind it is no box, or if
/// it reaches behind the end of the file; and where it should end.
fn misleading(inspection: &Inspection) -> Option<(TopBox, u64)> {
    let read = &inspection.read;
    let media = read.top.iter().rfind(|b| b.kind == b"mdat");
    if let Some(media) = media.filter(|_| read.movie.is_none()) {
        // All that is known is the media, whatever is made of what is behind it.
        return Some((*media, media.span.start.checked_add(declared(media)?)?));
    }
    let stray = |d: &&tapo_bmff::Defect| {
        let stray = matches!(
            d.flaw,
            Flaw::Overrun { .. } | Flaw::NotABox | Flaw::Leftover | Flaw::SizeBelowHeader { .. }
        );
        d.parent.is_none() && stray
    };
    let defect = read.defects.iter().find(stray)?;
    let top = match defect.flaw {
        // What is not known may be no box at all.
        Flaw::Overrun { kind, .. } if names::name(kind).is_some() => read
            .top
            .iter()
            .find(|b| b.span.start == defect.span.start)?,
        _ => read.top.iter().rfind(|b| b.span.end <= defect.span.start)?,
    };
    Some((*top, top.span.start.checked_add(declared(top)?)?))
}

/// The size of a box by its own word.
fn declared(top: &TopBox) -> Option<u64> {
    match top.size {
        BoxSize::Compact(size) => Some(u64::from(size)),
        BoxSize::Large(size) => Some(size),
        BoxSize::ToEnd => None,
    }
}

/// Where the last sample ends.
fn last_end(movie: &Movie) -> Option<u64> {
    let tables = movie.tracks.iter().map(|t| &t.samples);
    let ends = tables.flat_map(chunks).filter(|c| !c.span.is_empty());
    ends.map(|c| c.span.end).max()
}

/// Where the last sample ends that stands behind `top`, where no box leads to.
fn samples_behind(movie: &Movie, top: &TopBox, size: u64) -> Option<u64> {
    let tables = movie.tracks.iter().map(|t| &t.samples);
    let behind = tables.flat_map(chunks).filter(|c| {
        let there = !c.span.is_empty() && c.span.end <= size;
        there && c.span.end > top.span.end && c.span.start >= top.span.start
    });
    behind.map(|c| c.span.end).max()
}

/// A `moov` or `moof` behind the header of a box, in what it covers or behind it.
fn lost_index(
    source: &dyn ByteSource,
    inspection: &Inspection,
    top: &TopBox,
) -> Result<Option<(FourCc, u64)>> {
    let size = inspection.read.size;
    let from = top.span.start + top.header_len;
    // Fragments follow soon; an index stands at the end.
    if inspection.read.movie.is_some() {
        if inspection.form != Form::Fragmented && top.span.end < size {
            return first(source, Span::new(top.span.end, size));
        }
        return first(source, Span::new(from, size));
    }
    let from = from.max(size.saturating_sub(SEARCHED));
    first(source, Span::new(from, size))
}

/// Where `bytes` are missing in media that ends at `end`: there is a sample from
/// which on all are damaged where the index says they are, and sound so many
/// bytes earlier. If samples are `displaced`, bytes are known to be missing.
fn cut(
    source: &dyn ByteSource,
    movie: &Movie,
    harmed: &[crate::Harmed],
    bytes: u64,
    end: u64,
    displaced: bool,
) -> Result<Option<Span>> {
    let mut place: Option<Span> = None;
    for (index, track) in movie.tracks.iter().enumerate() {
        let mut of_track = harmed.iter().filter(|h| h.track == index);
        let Some(first) = of_track.find(|h| h.harm > Harm::Repeated) else {
            continue;
        };
        let moved = |mut s: Sample| {
            s.span.start = s.span.start.checked_sub(bytes)?;
            s.span.end -= bytes;
            (s.span.end <= end).then_some(s)
        };
        // The last ones: those next to the cut may be gone.
        let listing = Listing::new(&track.samples, source.len().saturating_add(bytes));
        let mut behind = std::collections::VecDeque::with_capacity(TRIED + 1);
        for sample in listing.filter(|s| s.number > first.first).filter_map(moved) {
            behind.push_back(sample);
            if behind.len() > TRIED {
                behind.pop_front();
            }
        }
        let behind = behind.make_contiguous();
        let sound = behind.len() >= LEAST && media::are_sound(source, track, behind)?;
        if !sound && !displaced {
            continue;
        }
        let sample = track
            .samples
            .iter()
            .nth(first.first.saturating_sub(1) as usize);
        if let Some(sample) = sample.filter(|s| place.is_none_or(|p| s.span.start < p.start)) {
            place = Some(sample.span);
        }
    }
    let Some(mut place) = place.or(displaced.then_some(Span::at(end, bytes))) else {
        return Ok(None);
    };
    // It may be in the last sample that seems sound, of any track: what takes the
    // place of missing bytes looks the same.
    let tables = movie.tracks.iter().map(|t| t.samples.iter());
    let before = tables.filter_map(|samples| {
        let before = samples.map(|s| s.span).filter(|s| s.end <= place.start);
        before.max_by_key(|s| s.end).map(|s| s.start)
    });
    if let Some(start) = before.min() {
        place.start = start;
    }
    Ok(Some(place))
}

/// Samples behind a cut that are tried, and how many it takes.
const TRIED: usize = 3;
const LEAST: usize = 1;

#[cfg(test)]
mod tests {
    use super::*;
    use tapo_bmff::BoxWriter;

    #[test]
    fn boxes_behind_damage_are_found_wherever_they_start() {
        let mut w = BoxWriter::new();
        w.boxed(b"moof", |w| {
            w.full(b"mfhd", 0, 0, |w| {
                w.u32(1);
            });
        });
        let moof = w.into_bytes();
        let pieces = [0, 1, 700, (1 << 20) - 16, (1 << 20) - 3, 1 << 20, 3 << 20];
        for before in pieces {
            let mut bytes = vec![0x11; before];
            bytes.extend(&moof);
            bytes.extend([0x22; 9]);
            let span = Span::new(0, bytes.len() as u64);
            let found = first(&bytes, span).unwrap();
            assert_eq!(found, Some((FourCc(*b"moof"), before as u64)));
            let cut = Span::new(0, (before + moof.len() - 1) as u64);
            assert_eq!(first(&bytes, cut).unwrap(), None);
        }
    }
}
