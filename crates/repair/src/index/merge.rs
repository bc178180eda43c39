//! What the index says and what the search finds, in one row.

use super::{Indexed, Own};
use crate::Class;
use crate::item::{Dropped, Found, Item, Stretch, Turns, When};
use crate::layout::{Content, Layout};
use crate::profile::Profile;
use std::collections::HashMap;
use tapo_io::Span;

/// The ranges of media data that neither samples nor boxes fill.
pub(crate) fn unindexed(own: &Own, index: &Indexed, layout: &Layout, len: u64) -> Vec<Span> {
    let mut used: Vec<Span> = index.items.iter().map(Item::span).collect();
    used.extend(&own.boxes);
    let mut heads = layout.pieces.iter().peekable();
    while let Some(head) = heads.next() {
        // Media goes on behind it: nothing is lost.
        if head.what == Content::LostHead {
            used.push(head.span);
            used.extend(heads.peek().map(|header| header.span));
        }
    }
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
    // What the search found again is not lost; one of two over each other is.
    dropped.sort_unstable_by_key(|d| d.span.start);
    let mut timed: HashMap<u64, When> = HashMap::new();
    let mut refound = found.items.iter().peekable();
    dropped.retain(|d| {
        while refound.next_if(|i| i.span().end <= d.span.start).is_some() {}
        let Some(there) = refound
            .peek()
            .filter(|i| i.at < d.span.end && !d.span.is_empty())
        else {
            return true;
        };
        if is_slot_of(d, there) {
            let when = When::Known {
                dts: d.dts,
                composition_offset: d.composition_offset,
                duration: d.duration,
            };
            timed.insert(there.at, when);
        }
        if there.samples <= 1 {
            refound.next();
        }
        false
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
        let items = placed(items, &timed);
        if let Some(first) = items.first() {
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
            merged.turn(items.iter().copied(), &found.turns, profile);
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
        merged.turn(items.iter().copied(), &found.turns, profile);
        merged.items.extend(items);
    }
    merged
}

/// Whether a sample that the search found is, by its place and track, the one that the index means there: most of either is the
/// other.
fn is_slot_of(dropped: &Dropped, item: &Item) -> bool {
    let both = dropped.span.intersect(item.span()).len();
    let longer = dropped.span.len().max(item.span().len());
    item.track == dropped.track && item.samples == 1 && both * 2 > longer
}

/// Items of one stretch with the times that an index has for them. Pictures without one are placed by those of their stretch
/// alone: up to the first that decoding can start at, their group has lost its beginning, and when they are shown is a guess.
fn placed(items: impl Iterator<Item = Item>, timed: &HashMap<u64, When>) -> Vec<Item> {
    let mut begun: Vec<u16> = Vec::new();
    let place = |mut item: Item| {
        if let Some(when) = timed.get(&item.at) {
            item.when = *when;
        }
        if let When::Order(_) = item.when {
            if item.sync && !begun.contains(&item.track) {
                begun.push(item.track);
            }
            if !begun.contains(&item.track) {
                item.class = Class::D;
            }
        }
        item
    };
    items.map(place).collect()
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
