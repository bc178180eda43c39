//! The samples that an index names.

use super::Own;
use crate::item::{Dropped, Item, Turns, When};
use crate::layout::Layout;
use crate::profile::{Finding, Profile, entry};
use crate::{Class, Result, verify};
use std::collections::BTreeSet;
use tapo_io::{ByteSource, Span};
use tapo_movie::Movie;

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
        let doubtful = verify::doubtful(&track.samples, index, profile, source)?;
        let mut wrong = doubtful.wrong.into_iter().peekable();
        let mut suspect = doubtful.suspect.into_iter().peekable();
        // Samples that the file ends in front of: behind its last one, or lost amid it.
        let mut beyond: Vec<(i64, u32)> = Vec::new();
        for sample in &track.samples {
            let doubted = own.doubted.binary_search(&sample.span).is_ok();
            let damaged = wrong.next_if_eq(&sample.number).is_some() && !doubted;
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
                        composition_offset: sample.composition_offset,
                        duration: lasts,
                    });
                } else {
                    beyond.push((dts, lasts));
                }
                continue;
            }
            let at = Span::at(sample.span.start, 0);
            dropped.extend(beyond.drain(..).map(|(dts, duration)| Dropped {
                track: number,
                span: at,
                dts,
                composition_offset: 0,
                duration,
            }));
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
                class: if suspected || doubted {
                    Class::D
                } else {
                    Class::A
                },
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
    for item in keep_apart(&mut items, boxes) {
        if let When::Known {
            dts,
            composition_offset,
            duration,
        } = item.when
        {
            dropped.push(Dropped {
                track: item.track,
                span: item.span(),
                dts,
                composition_offset,
                duration,
            });
        }
    }
    doubt_twice(&mut items);
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
/// of each other. Tracks may share a sample, but it is all of it. Returns what was dropped.
fn keep_apart(items: &mut Vec<Item>, boxes: Vec<Span>) -> Vec<Item> {
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
    let is_misplaced = |item: &mut Item| misplaced.contains(&item.span());
    items.extract_if(.., is_misplaced).collect()
}

/// Doubts what a track names twice: one of the two stands elsewhere.
fn doubt_twice(items: &mut [Item]) {
    let same = |a: &Item, b: &Item| a.size > 0 && (a.at, a.track) == (b.at, b.track);
    for same in items.chunk_by_mut(same).filter(|same| same.len() > 1) {
        same.iter_mut().for_each(|item| item.class = Class::D);
    }
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
        let dropped = keep_apart(&mut items, vec![Span::new(0, 32)]);
        assert_eq!(dropped.len(), 8);
        let left: Vec<_> = items.iter().map(|i| (i.at, i.track)).collect();
        assert_eq!(left, [(200, 0), (200, 1), (390, 0)]);
    }
}
