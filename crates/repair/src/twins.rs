//! Tracks of equal coding, told apart by clock and content.
//!
//! Where their clocks tie, the muxer's order among them may change at any time;
//! but a track's frames resemble each other more than those of its twin.

use crate::item::Found;
use crate::profile::{Finding, Profile};
use tapo_codec::aac::{ChannelShape, FrameShape};

/// Cost of a change of order from one pair of frames to the next.
const CHANGE: u32 = 24;

/// Cost of beginning in the order that is not that of the reference.
const UNUSUAL: u32 = 16;

/// How little `next` looks like the frame after `before`, 0 and up.
pub(crate) fn unlike(before: &FrameShape, next: &FrameShape) -> u32 {
    let mut cost = channel(&before.first, &next.first);
    if let (Some(a), Some(b)) = (&before.second, &next.second) {
        cost += channel(a, b);
    }
    cost += 2 * u32::from(before.common_window != next.common_window);
    cost + u32::from(before.mid_side != next.mid_side)
}

fn channel(before: &ChannelShape, next: &ChannelShape) -> u32 {
    let mut cost = u32::from(before.global_gain.abs_diff(next.global_gain)) / 4;
    cost += u32::from(before.max_sfb.abs_diff(next.max_sfb)).min(6);
    cost += 3 * u32::from(before.kaiser_bessel != next.kaiser_bessel);
    let may = before.window_sequence.may_precede(next.window_sequence);
    cost.min(20) + 6 * u32::from(!may)
}

/// Gives each item of a group of twins its track.
pub(crate) fn tell_apart(found: &mut Found, profile: &Profile) {
    for group in 0..profile.tracks.len() {
        let tracks: Vec<u16> = profile
            .tracks
            .iter()
            .enumerate()
            .filter(|(_, t)| t.group == group && t.finding == Finding::Syntax && !t.is_video)
            .filter_map(|(i, _)| u16::try_from(i).ok())
            .collect();
        if tracks.len() < 2 {
            continue;
        }
        let mut last: Vec<Option<FrameShape>> = vec![None; tracks.len()];
        let rows: Vec<_> = found.rows().map(|(_, row)| row).collect();
        for row in rows {
            let own: Vec<usize> = row
                .clone()
                .zip(found.items.range(row))
                .filter(|(_, item)| usize::from(item.track) == group)
                .map(|(i, _)| i)
                .collect();
            stretch(found, &own, &tracks, &mut last);
        }
    }
}

/// Assigns the items of one stretch, round by round: in each, every track has
/// one. Two twins may change places from round to round, more keep their order.
fn stretch(found: &mut Found, own: &[usize], tracks: &[u16], last: &mut [Option<FrameShape>]) {
    let shape = |found: &Found, i: usize| found.shapes.get(i).copied().flatten();
    let orders = if tracks.len() == 2 {
        let shapes: Vec<Option<FrameShape>> = own.iter().map(|i| shape(found, *i)).collect();
        pair_orders(&shapes, last)
    } else {
        Vec::new()
    };
    for (k, index) in own.iter().enumerate() {
        let round = k / tracks.len();
        let place = k % tracks.len();
        let swapped = orders.get(round).copied().unwrap_or(false);
        let place = if swapped { 1 - place } else { place };
        let seen = shape(found, *index);
        if let Some(track) = tracks.get(place) {
            found.items.set_track(*index, *track);
        }
        if let Some(slot) = last.get_mut(place) {
            *slot = seen.or(*slot);
        }
    }
}

/// For each pair of frames whether the second track's comes first: the row of
/// orders of least cost.
fn pair_orders(shapes: &[Option<FrameShape>], last: &[Option<FrameShape>]) -> Vec<bool> {
    let pairs: Vec<[Option<FrameShape>; 2]> = shapes
        .chunks(2)
        .map(|c| [c.first().copied().flatten(), c.get(1).copied().flatten()])
        .collect();
    let in_order = |pair: &[Option<FrameShape>; 2], swapped: bool| {
        let [a, b] = *pair;
        if swapped { [b, a] } else { [a, b] }
    };
    let cost = |before: [Option<FrameShape>; 2], next: [Option<FrameShape>; 2]| -> u32 {
        let sides = before.iter().zip(&next);
        sides
            .map(|(a, b)| match (a, b) {
                (Some(a), Some(b)) => unlike(a, b),
                _ => 0,
            })
            .sum()
    };
    let before = [
        last.first().copied().flatten(),
        last.get(1).copied().flatten(),
    ];
    let mut layers: Vec<[(u32, bool); 2]> = Vec::with_capacity(pairs.len());
    for (k, pair) in pairs.iter().enumerate() {
        let previous = k.checked_sub(1).and_then(|k| pairs.get(k));
        let costs = [false, true].map(|swapped| {
            let next = in_order(pair, swapped);
            let Some((previous, layer)) = previous.zip(layers.last()) else {
                let begin = if swapped { UNUSUAL } else { 0 };
                return (begin + cost(before, next), false);
            };
            let ways = [false, true].map(|was| {
                let (so_far, _) = if was { layer[1] } else { layer[0] };
                let change = if was == swapped { 0 } else { CHANGE };
                let here = cost(in_order(previous, was), next);
                (so_far.saturating_add(change + here), was)
            });
            if ways[1].0 < ways[0].0 {
                ways[1]
            } else {
                ways[0]
            }
        });
        layers.push(costs);
    }
    let mut orders = vec![false; layers.len()];
    let mut swapped = layers.last().is_some_and(|l| l[1].0 < l[0].0);
    for (layer, order) in layers.iter().zip(&mut orders).rev() {
        *order = swapped;
        swapped = if swapped { layer[1].1 } else { layer[0].1 };
    }
    orders
}

#[cfg(test)]
mod tests {
    use super::*;
    use tapo_codec::aac::WindowSequence;

    fn frame(gain: u8) -> Option<FrameShape> {
        Some(FrameShape {
            first: ChannelShape {
                window_sequence: WindowSequence::OnlyLong,
                kaiser_bessel: false,
                max_sfb: 40,
                global_gain: gain,
            },
            second: None,
            common_window: false,
            mid_side: false,
        })
    }

    #[test]
    fn content_shows_where_the_order_changes() {
        let mut shapes = Vec::new();
        let mut want = Vec::new();
        for pair in 0..60_u8 {
            let (loud, quiet) = (frame(180 + pair % 5), frame(100 + pair % 7));
            let swapped = (20..45).contains(&pair);
            shapes.extend(if swapped {
                [quiet, loud]
            } else {
                [loud, quiet]
            });
            want.push(swapped);
        }
        assert_eq!(pair_orders(&shapes, &[None, None]), want);
    }

    #[test]
    fn equal_content_keeps_the_order_of_the_reference() {
        let shapes = vec![frame(120); 41];
        assert_eq!(pair_orders(&shapes, &[None, None]), vec![false; 21]);
    }
}
