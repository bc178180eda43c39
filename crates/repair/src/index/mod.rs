//! What an index that is still there says: it is the authority on its samples.

mod amiss;
mod holes;
mod lasting;
mod merge;
mod samples;

pub(crate) use holes::{Hole, bridge};
pub(crate) use merge::{merge, unindexed};
pub(crate) use samples::{Indexed, samples};

use crate::layout::{Layout, top};
use crate::overlay::Overlay;
use crate::{Note, Result, resequence};
use tapo_bmff::BoxSize;
use tapo_io::{ByteSource, Span, Window};
use tapo_movie::{BASE_MISFITS, COUNT_MISFITS, Movie, RUN_LOST, Sequence, next_moof};

/// The movie that a file's own index describes, offsets those of the file.
#[derive(Debug)]
pub(crate) struct Own {
    pub(crate) movie: Movie,
    /// Whether movie fragments describe its samples.
    pub(crate) fragmented: bool,
    /// Boxes at the top level that hold no media data.
    pub(crate) boxes: Vec<Span>,
    /// The tracks that most of its fragments name: ids, each once.
    pub(crate) named: Vec<u32>,
    /// Samples that a repeated fragment says otherwise, by their places.
    pub(crate) doubted: Vec<Span>,
    /// Whether it was put right, so that the file says something else.
    pub(crate) changed: bool,
    /// What there is to say of that.
    pub(crate) notes: Vec<Note>,
    /// Where fragments begin anew, so that they may be of another recording.
    pub(crate) restarts: Vec<u64>,
    /// Where fragments are missing between others.
    pub(crate) holes: Vec<Hole>,
    /// Fragments that are missing in front of all others.
    pub(crate) missing_in_front: u64,
}

/// Reads what is left of the index. `init` stands in for the `moov` of a
/// fragmented file that has lost its own.
///
/// # Errors
/// The source fails.
pub(crate) fn own(
    source: &dyn ByteSource,
    layout: &Layout,
    init: Option<&Movie>,
) -> Result<Option<Own>> {
    let prefix = init.map(tapo_movie::encode_init).unwrap_or_default();
    let plain = crate::unfit::read(source)?;
    let open = |m: &Movie| m.tracks.iter().any(|t| t.defaults.is_some());
    let fragmented =
        init.is_some() || layout.is_fragmented() || plain.movie.as_ref().is_some_and(open);
    if !fragmented {
        // Half an index would be taken for the whole of it.
        let whole = plain.top.iter().any(|b| b.kind == b"moov" && b.whole);
        let movie = plain.movie.filter(|_| whole);
        return Ok(movie.filter(|m| m.sample_count() > 0).map(|movie| Own {
            movie,
            fragmented: false,
            boxes: Vec::new(),
            named: Vec::new(),
            doubted: Vec::new(),
            changed: false,
            notes: Vec::new(),
            restarts: Vec::new(),
            holes: Vec::new(),
            missing_in_front: 0,
        }));
    }
    let mut overlay = Overlay::new(source, prefix);
    let heads = init.or(plain.movie.as_ref());
    let (mut boxes, breaks) = mend(source, heads, &mut overlay)?;
    let shift = overlay.shift();
    let mut read = crate::unfit::read(&overlay)?;
    let misnamed = amiss::misnamed(&overlay, &read)?;
    for (at, id) in &misnamed {
        overlay.put(at.saturating_sub(shift), id.to_be_bytes().to_vec());
    }
    if !misnamed.is_empty() {
        read = crate::unfit::read(&overlay)?;
    }
    let Some(mut movie) = read.movie.take() else {
        return Ok(None);
    };
    let further = init.is_none() && amiss::further(&overlay, &read, &mut movie)?;
    let named = named(&read.fragments);
    let mut notes = lasting::put_right(&mut movie, &mut read.fragments)?;
    notes.extend(amiss::straighten(&mut movie, &mut read.fragments)?);
    let put_right = |d: &tapo_bmff::Defect| {
        let flaw = &d.flaw;
        matches!(
            flaw,
            tapo_bmff::Flaw::BadFields {
                why: COUNT_MISFITS | RUN_LOST | BASE_MISFITS,
                ..
            }
        )
    };
    let changed =
        further || !misnamed.is_empty() || !notes.is_empty() || read.defects.iter().any(put_right);
    let restarts = amiss::restarts(&read.fragments).into_iter();
    let restarts = restarts.map(|at| at.saturating_sub(shift)).collect();
    let repeated = resequence::by_time(&overlay, &mut movie, &read.fragments)?;
    let sorted = Sequence::of(&read.fragments).map(|sequence| {
        let order = sequence.order.iter();
        let sorted = order.filter_map(|place| read.fragments.get(*place).cloned());
        sorted.collect::<Vec<_>>()
    });
    if sorted.is_none() {
        let guessed = amiss::goes_back(&read).into_iter();
        notes.extend(guessed.map(|track| Note::TimesMended { track, sure: false }));
    }
    let row = sorted.as_deref().unwrap_or(&read.fragments);
    let mut holes = amiss::holes(row);
    let missing_in_front = amiss::missing_in_front(row);
    let of_file = |s: &Span| Span::new(s.start.saturating_sub(shift), s.end.saturating_sub(shift));
    for hole in &mut holes {
        hole.bytes = of_file(&hole.bytes);
    }
    boxes.extend(repeated.bytes.iter().map(of_file));
    let mut doubted: Vec<Span> = repeated.doubted.iter().map(of_file).collect();
    for track in &mut movie.tracks {
        for chunk in &mut track.samples.chunks {
            chunk.offset = chunk.offset.saturating_sub(shift);
        }
        // Its own end may be what follows.
        let last = |s: &tapo_movie::Sample| breaks.binary_search(&s.span.end).is_ok();
        if !breaks.is_empty() {
            doubted.extend(track.samples.iter().filter(last).map(|s| s.span));
        }
    }
    doubted.sort_unstable();
    Ok(Some(Own {
        movie,
        fragmented: true,
        boxes,
        named,
        doubted,
        changed: changed || !holes.is_empty(),
        notes,
        restarts,
        holes,
        missing_in_front,
    }))
}

/// Track ids that are counted.
const MOST_NAMED: usize = 64;

/// The track ids that at least half of the fragments name: damage names others.
fn named(fragments: &[tapo_movie::Fragment]) -> Vec<u32> {
    let mut counts: Vec<(u32, usize)> = Vec::new();
    for part in fragments.iter().flat_map(|f| &f.tracks) {
        let room = counts.len() < MOST_NAMED;
        match counts.iter_mut().find(|(id, _)| *id == part.track_id) {
            Some((_, count)) => *count += 1,
            None if room => counts.push((part.track_id, 1)),
            None => {}
        }
    }
    counts.retain(|(_, count)| count * 2 >= fragments.len());
    counts.into_iter().map(|(id, _)| id).collect()
}

/// Walks the boxes of a fragmented file. Where the row breaks, what stands up to
/// the next fragment is covered; a torn end is made as long as it should be.
/// Returns the boxes that are no media data, and where media data ends that something else than a box follows, and a fragment
/// behind that: bytes were put in, there or amid the data.
fn mend(
    source: &dyn ByteSource,
    heads: Option<&Movie>,
    overlay: &mut Overlay<'_>,
) -> Result<(Vec<Span>, Vec<u64>)> {
    let len = source.len();
    let mut window = Window::new(source);
    let (mut boxes, mut breaks) = (Vec::new(), Vec::new());
    let mut media_end = None;
    let mut at = 0;
    let mut moof = None;
    while at < len {
        let header = top(&mut window, at)?;
        let end = header.as_ref().and_then(|h| h.declared_end(len));
        match (header, end) {
            (Some(header), Some(end)) if end <= len && header.size != BoxSize::ToEnd => {
                let media = header.kind == b"mdat";
                let head = Span::new(at, at + header.len());
                boxes.push(if media { head } else { Span::new(at, end) });
                let swallowed = match (heads, moof.take()) {
                    (Some(heads), Some(moof)) if media => {
                        swallowed(source, heads, moof, Span::new(head.end, end))?
                    }
                    _ => None,
                };
                moof = (header.kind == b"moof").then_some(Span::new(at, end));
                if let Some(next) = swallowed {
                    overlay.cover(Span::new(at, next));
                    at = next;
                    continue;
                }
                at = end;
                media_end = media.then_some(end);
            }
            (Some(header), Some(end)) if header.kind == b"mdat" => {
                // Torn, or its size is damaged: then a fragment stands behind it.
                let payload = at + header.len();
                boxes.push(Span::new(at, payload.min(len)));
                match next_moof(source, Span::new(payload, len))? {
                    None => {
                        overlay.extend(end.min(len.saturating_add(LONGEST_TAIL)));
                        at = len;
                    }
                    Some(next) => {
                        overlay.cover(Span::new(at, next));
                        at = next;
                    }
                }
            }
            _ => {
                let next = next_moof(source, Span::new(at + 1, len))?.unwrap_or(len);
                let filled = window.bytes(at, 16)?.iter().any(|byte| *byte != 0);
                if media_end == Some(at) && next < len && filled {
                    breaks.push(at);
                }
                if next >= at + 16 {
                    overlay.cover(Span::new(at, next));
                }
                at = next;
            }
        }
    }
    Ok((boxes, breaks))
}

/// The fragment that begins in the media of another one, right behind the samples of that: the size
/// that leads past it is wrong.
fn swallowed(
    source: &dyn ByteSource,
    heads: &Movie,
    moof: Span,
    media: Span,
) -> Result<Option<u64>> {
    let read = tapo_movie::read_fragments(source, heads, &[moof])?;
    let parts = read.iter().flat_map(|f| &f.tracks).map(|t| t.bytes);
    let samples = parts.fold(0, u64::saturating_add);
    let behind = media.start.saturating_add(samples);
    let limit = media.end.min(behind.saturating_add(FILLER));
    if samples == 0 || behind >= media.end {
        return Ok(None);
    }
    let next = next_moof(source, Span::new(behind, limit))?;
    Ok(next.filter(|next| *next < media.end))
}

/// Bytes that a writer may leave behind the samples of a fragment.
const FILLER: u64 = 4 << 10;

/// Bytes by which a torn fragment's data may be longer than the file.
const LONGEST_TAIL: u64 = 1 << 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_that_the_file_ends_within_ends_the_walk() {
        let mut file = b"\0\0\0\xfcmoof\0\0\0\x10mfhd".to_vec();
        file.resize(100, 0);
        let layout = Layout::of(&file).unwrap();
        let own = own(&file, &layout, Some(&Movie::default())).unwrap();
        assert_eq!(own.map(|o| o.movie.sample_count()), Some(0));
    }
}
