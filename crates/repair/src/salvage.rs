//! What an index that is still there says: it is the authority on its samples.

use crate::item::{Dropped, Found, Item, Stretch, Turns, When};
use crate::layout::{Layout, top};
use crate::overlay::Overlay;
use crate::profile::{Finding, Profile, entry};
use crate::{Class, Result, verify};
use std::collections::BTreeSet;
use tapo_bmff::BoxSize;
use tapo_codec::{Depth, Verdict};
use tapo_io::{ByteSource, Loaded, Span, Window};
use tapo_movie::{Movie, Sample, SampleTable};

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
}

/// Whether fragments stand in the file.
pub(crate) fn is_fragmented(layout: &Layout) -> bool {
    layout.kinds().any(|kind| kind == b"moof")
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
    let plain = tapo_movie::read(source)?;
    let open = |m: &Movie| m.tracks.iter().any(|t| t.defaults.is_some());
    let fragmented =
        init.is_some() || is_fragmented(layout) || plain.movie.as_ref().is_some_and(open);
    if !fragmented {
        // Half an index would be taken for the whole of it.
        let whole = plain.top.iter().any(|b| b.kind == b"moov" && b.whole);
        let movie = plain.movie.filter(|_| whole);
        return Ok(movie.filter(|m| m.sample_count() > 0).map(|movie| Own {
            movie,
            fragmented: false,
            boxes: Vec::new(),
            named: Vec::new(),
        }));
    }
    let mut overlay = Overlay::new(source, prefix);
    let boxes = mend(source, &mut overlay)?;
    let shift = overlay.shift();
    let read = tapo_movie::read(&overlay)?;
    let Some(mut movie) = read.movie else {
        return Ok(None);
    };
    let named = named(&read.fragments);
    for track in &mut movie.tracks {
        for chunk in &mut track.samples.chunks {
            chunk.offset = chunk.offset.saturating_sub(shift);
        }
    }
    Ok(Some(Own {
        movie,
        fragmented: true,
        boxes,
        named,
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
/// Returns the boxes that are no media data.
fn mend(source: &dyn ByteSource, overlay: &mut Overlay<'_>) -> Result<Vec<Span>> {
    let len = source.len();
    let mut window = Window::new(source);
    let mut boxes = Vec::new();
    let mut at = 0;
    while at < len {
        let header = top(&mut window, at)?;
        let end = header.as_ref().and_then(|h| h.declared_end(len));
        match (header, end) {
            (Some(header), Some(end)) if end <= len && header.size != BoxSize::ToEnd => {
                let media = header.kind == b"mdat";
                let head = Span::new(at, at + header.len());
                boxes.push(if media { head } else { Span::new(at, end) });
                at = end;
            }
            (Some(header), Some(end)) if header.kind == b"mdat" => {
                // Torn, or its size is damaged: then a fragment stands behind it.
                let payload = at + header.len();
                boxes.push(Span::new(at, payload.min(len)));
                match next_fragment(source, payload, len)? {
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
                let next = next_fragment(source, at + 1, len)?.unwrap_or(len);
                if next >= at + 16 {
                    overlay.cover(Span::new(at, next));
                }
                at = next;
            }
        }
    }
    Ok(boxes)
}

/// Bytes by which a torn fragment's data may be longer than the file.
const LONGEST_TAIL: u64 = 1 << 32;

/// The next `moof` at or behind `from` and in front of `limit`: one whose first
/// child is its header.
///
/// # Errors
/// The source fails.
pub(crate) fn next_fragment(source: &dyn ByteSource, from: u64, limit: u64) -> Result<Option<u64>> {
    const MOST: u64 = 1 << 20;
    const HEAD: u64 = 24;
    // It is likely close.
    let mut block = 4 << 10;
    let mut at = from;
    let limit = limit.min(source.len());
    let name = memchr::memmem::Finder::new(b"mfhd");
    while at < limit {
        // A box may begin up to its fourth byte before the first that is not zero.
        at = at.max(source.next_data(at).saturating_sub(4));
        let loaded = Loaded::read(source, Span::at(at, block + HEAD))?;
        let bytes = loaded.get(loaded.span()).unwrap_or_default();
        let mut names = name.find_iter(bytes).filter_map(|at| at.checked_sub(12));
        let found = names.find(|at| bytes.get(at + 4..at + 8) == Some(b"moof"));
        if let Some(found) = found {
            return Ok(Some(at + found as u64));
        }
        at = at.saturating_add(block);
        block = (block * 16).min(MOST);
    }
    Ok(None)
}

/// The samples of the index that are whole in the file, and the stretches of
/// media data that it does not speak of.
///
/// # Errors
/// The source fails.
pub(crate) fn samples(
    own: &Own,
    profile: &Profile,
    layout: &Layout,
    source: &dyn ByteSource,
) -> Result<Indexed> {
    let len = source.len();
    let mut items = Vec::new();
    let mut lost = Vec::new();
    let mut placed = Vec::new();
    let mut dropped = Vec::new();
    for (index, track) in own.movie.tracks.iter().enumerate() {
        let Ok(number) = u16::try_from(index) else {
            break;
        };
        let frames = profile.tracks.get(index).map(|t| t.finding);
        let frames = matches!(frames, Some(Finding::Frames { .. }));
        let several = track.descriptions.len() > 1;
        // An index that names another is damaged there.
        let last_entry = entry(u32::try_from(track.descriptions.len()).unwrap_or(u32::MAX));
        let group = profile.tracks.get(index).map_or(index, |t| t.group);
        let group = u16::try_from(group).unwrap_or(u16::MAX);
        let mut before = 0;
        let doubtful = doubtful(&track.samples, index, profile, source)?;
        let mut wrong = doubtful.wrong.into_iter().peekable();
        let mut suspect = doubtful.suspect.into_iter().peekable();
        for sample in &track.samples {
            let damaged = wrong.next_if_eq(&sample.number).is_some();
            let suspected = suspect.next_if_eq(&sample.number).is_some();
            let dts = i64::try_from(sample.dts).unwrap_or(i64::MAX);
            let lasts = lasts(sample.duration, profile, index);
            if sample.span.end > len || damaged {
                lost.push(sample.span);
                if sample.span.end <= len {
                    dropped.push(Dropped {
                        track: number,
                        span: sample.span,
                        dts,
                        duration: lasts,
                    });
                }
                continue;
            }
            let of_entry = entry(sample.description).min(last_entry);
            if several {
                placed.push((sample.span.start, group, of_entry));
            }
            let size = u32::try_from(sample.span.len()).unwrap_or(u32::MAX);
            // Constant-rate data: a run of equal samples is one item.
            let sum = |duration: u32| duration.checked_add(lasts).filter(|_| size > 0);
            if let Some(Item {
                at,
                size: row,
                samples,
                track,
                when: When::Known { duration, .. },
                ..
            }) = items.last_mut()
                && frames
                && *track == number
                && *at + u64::from(*row) == sample.span.start
                && *row / *samples == size
                && *duration / *samples == lasts
                && before == of_entry
                && u64::from(*row) + u64::from(size) <= MOST_ROW
                && let Some(sum) = sum(*duration)
            {
                *row += size;
                *samples += 1;
                *duration = sum;
                continue;
            }
            before = of_entry;
            items.push(Item {
                at: sample.span.start,
                size,
                samples: 1,
                track: number,
                sync: sample.sync,
                class: if suspected { Class::D } else { Class::A },
                when: When::Known {
                    dts,
                    composition_offset: sample.composition_offset,
                    duration: lasts,
                },
            });
        }
    }
    items.sort_by_key(|i| (i.at, i.track));
    let boxes = layout.pieces.iter().filter(|p| !p.is_media());
    let mut boxes: Vec<Span> = boxes.map(|p| p.span).chain(own.boxes.clone()).collect();
    boxes.sort_unstable();
    // What seems damaged is elsewhere if it stands in a box.
    lost.retain(|span| {
        let next = boxes.partition_point(|b| b.end <= span.start);
        boxes.get(next).is_none_or(|b| b.start >= span.end)
    });
    keep_apart(&mut items, boxes);
    beside(&mut items, &dropped, &own.movie);
    placed.sort_unstable();
    let mut turns = Turns::default();
    for (at, track, entry) in placed {
        turns.note(track, at, entry);
    }
    Ok(Indexed {
        items,
        lost,
        dropped,
        turns,
    })
}

/// What an index says.
pub(crate) struct Indexed {
    pub(crate) items: Vec<Item>,
    /// Samples that are damaged, or that the file ends within or before.
    pub(crate) lost: Vec<Span>,
    /// Those of them that are in the file.
    pub(crate) dropped: Vec<Dropped>,
    /// The sample entries it names.
    pub(crate) turns: Turns,
}

/// Doubts pictures that end where what is no sample begins: lengths lead through
/// them whatever stands there, and damage hardly begins just where they end.
fn beside(items: &mut [Item], dropped: &[Dropped], movie: &Movie) {
    let tracks = movie.tracks.iter();
    let units: Vec<bool> = tracks.map(|t| verify::units(t).is_some()).collect();
    for dropped in dropped {
        let behind = items.partition_point(|i| i.at < dropped.span.start);
        let before = behind.checked_sub(1).and_then(|n| items.get_mut(n));
        if let Some(item) = before
            && item.span().end == dropped.span.start
            && units.get(usize::from(item.track)) == Some(&true)
        {
            item.class = Class::D;
        }
    }
}

/// Drops what cannot be where a damaged index says: within boxes, and over parts
/// of each other. Tracks may share a sample, but it is all of it.
fn keep_apart(items: &mut Vec<Item>, boxes: Vec<Span>) {
    let mut taken = boxes;
    taken.extend(items.iter().map(Item::span));
    taken.sort_unstable();
    let mut misplaced = BTreeSet::new();
    // What reaches furthest so far.
    let mut furthest: Option<Span> = None;
    for span in taken {
        if let Some(before) = furthest
            && span.start < before.end
            && span != before
        {
            misplaced.extend([span, before]);
        }
        if furthest.is_none_or(|before| span.end > before.end) {
            furthest = Some(span);
        }
    }
    items.retain(|item| !misplaced.contains(&item.span()));
}

/// How long a sample lasts by itself: where fragments are missing, the last
/// sample before them was stretched over the gap.
fn lasts(stated: u32, profile: &Profile, track: usize) -> u32 {
    match profile.tracks.get(track).map(|t| &t.durations) {
        Some(known) if known.is_constant() && stated / 2 > known.usual => known.usual,
        Some(known) if stated / 8 > known.usual => known.usual,
        _ => stated,
    }
}

/// Bytes of constant-rate data in one item.
const MOST_ROW: u64 = 1 << 16;

/// Samples of a track that are not what its other samples are.
#[derive(Default)]
struct Doubtful {
    /// Overwritten with zeros, or with what is no such sample: numbers.
    wrong: Vec<u32>,
    /// As the latter, where many are so that the syntax may be what is not known.
    suspect: Vec<u32>,
}

/// Of so many samples one that is no such sample is damaged. Where more are, all
/// of them are only suspected; and none where more than half are.
const FEW: u64 = 10;

fn doubtful(
    table: &SampleTable,
    index: usize,
    profile: &Profile,
    source: &dyn ByteSource,
) -> Result<Doubtful> {
    let mut doubtful = Doubtful::default();
    let of = profile.tracks.get(index);
    let exact = of.filter(|t| t.finding == Finding::Syntax);
    let Some(recogniser) = exact.and_then(|t| t.recogniser.as_ref()) else {
        return Ok(doubtful);
    };
    let mut recogniser = recogniser.fork();
    let mut window = Window::new(source);
    let units = profile.movie.tracks.get(index).and_then(verify::units);
    let fill = |window: &mut Window<'_>, span| match units {
        Some(size) => verify::lead_through(window, span, size, 1),
        None => Ok(false),
    };
    let (mut probed, mut zeros) = (0_u64, Vec::new());
    let whole = |s: &Sample| !s.span.is_empty() && s.span.end <= source.len();
    for sample in table.iter().filter(whole) {
        let span = sample.span;
        recogniser.turn(entry(sample.description));
        let verdict = recogniser.probe(&mut window, span.start, span.end, Depth::Heads)?;
        probed += 1;
        match verdict {
            Verdict::Sample(access) if access.len == span.len() => {
                for set in access.parameter_sets {
                    let bytes = source.read_span(set)?;
                    // What cannot be read leaves the others in force.
                    let _ = recogniser.adopt(&bytes);
                }
            }
            // Where the next begins says how long it is: the index does.
            Verdict::Start(_) => {}
            // Messages alone, or two pictures in one: the index may say so.
            _ if fill(&mut window, span)? => {}
            _ if zeroed(source, span)? => zeros.push(sample.number),
            _ => doubtful.wrong.push(sample.number),
        }
    }
    let count = doubtful.wrong.len() as u64;
    if count * FEW > probed {
        let suspect = std::mem::take(&mut doubtful.wrong);
        if count * 2 <= probed {
            doubtful.suspect = suspect;
        }
    }
    doubtful.wrong.extend(zeros);
    doubtful.wrong.sort_unstable();
    Ok(doubtful)
}

/// Whether a long row of zeros stands in a range.
pub(crate) fn zeroed(source: &dyn ByteSource, span: Span) -> Result<bool> {
    const LOOKED_AT: u64 = 1 << 20;
    const ROW: usize = 64;
    let span = Span::at(span.start, span.len().min(LOOKED_AT));
    let bytes = source.read_span(span)?;
    let row = ROW.min(bytes.len()).max(1);
    Ok(bytes
        .chunk_by(|a, b| *a == 0 && *b == 0)
        .any(|c| c.len() >= row && c.first() == Some(&0)))
}

/// The ranges of media data that neither samples nor boxes fill.
pub(crate) fn unindexed(own: &Own, index: &Indexed, layout: &Layout, len: u64) -> Vec<Span> {
    let mut used: Vec<Span> = index.items.iter().map(Item::span).collect();
    used.extend(&own.boxes);
    if !own.fragmented {
        let boxes = layout.pieces.iter().filter(|p| !p.is_media());
        used.extend(boxes.map(|p| p.span));
        // Samples that were found damaged are not to be found again.
        used.extend(&index.lost);
    }
    used.sort_unstable();
    let mut free = Vec::new();
    let mut at = 0;
    for span in used {
        if span.start > at {
            free.push(Span::new(at, span.start.min(len)));
        }
        at = at.max(span.end);
    }
    free.push(Span::new(at.min(len), len));
    free.retain(|s| s.len() >= SMALLEST);
    free
}

/// Bytes that are too few to hold anything worth a search.
const SMALLEST: u64 = 64;

/// Puts what the index says and what the search found into one row.
pub(crate) fn merge(index: Indexed, found: &Found, profile: &Profile) -> Found {
    let known = index.items;
    let mut dropped = index.dropped;
    // What the search found again is not lost.
    dropped.sort_unstable_by_key(|d| d.span.start);
    let mut refound = found.items.iter().peekable();
    dropped.retain(|d| {
        while refound.next_if(|i| i.span().end <= d.span.start).is_some() {}
        refound.peek().is_none_or(|i| i.at >= d.span.end)
    });
    let mut merged = Found {
        boxes: found.boxes.clone(),
        cut: found.cut,
        dropped,
        ..Found::default()
    };
    let mut searched = Vec::new();
    for (stretch, row) in found.rows() {
        let items = found.items.range(row);
        if let Some(first) = items.clone().next() {
            searched.push((first.at, stretch.clone(), items));
        }
    }
    searched.sort_by_key(|(at, ..)| *at);
    let mut searched = searched.into_iter().peekable();
    let mut open = false;
    for item in known {
        while let Some((_, stretch, items)) = searched.next_if(|(at, ..)| *at < item.at) {
            let first = merged.items.len();
            merged.stretches.push(Stretch { first, ..stretch });
            merged.turn(items.clone(), &found.turns, profile);
            merged.items.extend(items);
            open = false;
        }
        if !open {
            merged.stretches.push(Stretch {
                first: merged.items.len(),
                from_start: merged.items.is_empty(),
                ..Stretch::default()
            });
            open = true;
        }
        merged.turn(std::iter::once(item), &index.turns, profile);
        merged.items.push(item);
    }
    for (_, stretch, items) in searched {
        let first = merged.items.len();
        merged.stretches.push(Stretch { first, ..stretch });
        merged.turn(items.clone(), &found.turns, profile);
        merged.items.extend(items);
    }
    merged
}

impl Found {
    /// Takes the sample entries of items behind all others.
    fn turn(&mut self, items: impl Iterator<Item = Item>, turns: &Turns, profile: &Profile) {
        if turns.is_empty() && self.turns.is_empty() {
            return;
        }
        for item in items {
            let track = usize::from(item.track);
            let group = profile.tracks.get(track).map_or(track, |t| t.group);
            let group = u16::try_from(group).unwrap_or(u16::MAX);
            self.turns.note(group, item.at, turns.entry(group, item.at));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_over_boxes_or_parts_of_others_are_dropped() {
        let item = |at, size, track| Item {
            at,
            size,
            samples: 1,
            track,
            sync: true,
            class: Class::A,
            when: When::Known {
                dts: 0,
                composition_offset: 0,
                duration: 1,
            },
        };
        // In a box; two over each other; one shared; one inside another; sound.
        let mut items = vec![
            item(10, 20, 0),
            item(100, 50, 0),
            item(120, 60, 1),
            item(200, 50, 0),
            item(200, 50, 1),
            item(260, 20, 0),
            item(260, 20, 1),
            item(260, 30, 0),
            item(300, 90, 0),
            item(310, 10, 1),
            item(390, 10, 0),
        ];
        keep_apart(&mut items, vec![Span::new(0, 32)]);
        let left: Vec<_> = items.iter().map(|i| (i.at, i.track)).collect();
        assert_eq!(left, [(200, 0), (200, 1), (390, 0)]);
    }

    #[test]
    fn an_index_that_the_file_ends_within_ends_the_walk() {
        let mut file = b"\0\0\0\xfcmoof\0\0\0\x10mfhd".to_vec();
        file.resize(100, 0);
        let layout = Layout::of(&file).unwrap();
        let own = own(&file, &layout, Some(&Movie::default())).unwrap();
        assert_eq!(own.map(|o| o.movie.sample_count()), Some(0));
    }

    #[test]
    fn the_next_fragment_is_found_behind_anything() {
        let mut file = vec![0; 3 << 20];
        file.extend(b"\0\0\0\x18moof\0\0\0\x10mfhd\0\0\0\0\0\0\0\x01");
        assert_eq!(next_fragment(&file, 0, u64::MAX).unwrap(), Some(3 << 20));
        assert_eq!(next_fragment(&file, (3 << 20) + 1, u64::MAX).unwrap(), None);
        // The word alone is no box.
        assert_eq!(
            next_fragment(&b"\0\0\0\x18moof and more".to_vec(), 0, u64::MAX).unwrap(),
            None
        );
    }
}
