//! Stretches that do not belong where they stand: storage has given back a sector
//! of another recording, or another part of this one.
//!
//! Pictures count themselves, and the bytes between them say about how many there
//! can be. If what stands in front of a stretch and what stands behind it fit each
//! other as if it were not there, and do not with it between them, it is foreign.

use super::pictures::judged;
use crate::Result;
use crate::item::{Found, Stretch};
use crate::profile::Profile;
use std::ops::{Range, RangeInclusive};
use tapo_io::{ByteSource, Span};

/// Bytes of a foreign stretch, at most: what is read from the wrong place is a
/// cluster, or a few.
const MOST: u64 = 8 << 20;

/// Foreign stretches that follow each other, at most.
const TOGETHER: usize = 4;

/// By how much the pictures must fit better without it, in pictures more or less
/// than the bytes say.
const BETTER: u64 = 8;

/// How well they must fit, in the same.
const WELL: u64 = 4;

/// Pictures that must stand on either side, at least.
const SIDE: usize = 12;

/// Items that are looked at on either side.
const LOOK: usize = 4000;

/// Numbers of the stretches that are foreign, in order.
///
/// # Errors
/// The source fails.
pub(crate) fn foreign(
    source: &dyn ByteSource,
    found: &Found,
    profile: &Profile,
) -> Result<Vec<usize>> {
    let rows: Vec<(&Stretch, Range<usize>)> = found.rows().collect();
    let mut foreign = Vec::new();
    // The last stretch that stands where it belongs.
    let mut before = 0;
    let mut number = 1;
    while number + 1 < rows.len() {
        let runs = 1..=TOGETHER.min(rows.len() - 1 - number);
        let most = runs.rev().filter_map(|run| {
            let gain = gain(found, profile, &rows, before, number..number + run)?;
            (gain >= BETTER).then_some((gain, run))
        });
        // As few as explain it.
        let best = most.max_by_key(|(gain, run)| (*gain, TOGETHER - run));
        let best = match best {
            Some((_, run)) if !is_hole(source, &rows, number..=number + run)? => Some(run),
            _ => None,
        };
        match best {
            Some(run) => {
                foreign.extend(number..number + run);
                number += run;
            }
            None => {
                before = number;
                number += 1;
            }
        }
    }
    Ok(foreign)
}

/// Whether what was lost around stretches was filled with zeros or ones: then
/// sectors were lost, and what lies between them is right.
fn is_hole(
    source: &dyn ByteSource,
    rows: &[(&Stretch, Range<usize>)],
    gaps: RangeInclusive<usize>,
) -> Result<bool> {
    const LOOKED_AT: u64 = 1 << 20;
    const ROW: usize = 16;
    for (stretch, _) in rows.get(gaps).unwrap_or_default() {
        let lost = Span::at(stretch.lost.start, stretch.lost.len().min(LOOKED_AT));
        let bytes = source.read_span(lost)?;
        let rows = bytes.chunk_by(|a, b| a == b);
        let filled = |row: &[u8]| row.len() >= ROW && matches!(row.first(), Some(0 | 0xFF));
        if rows.into_iter().any(filled) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// How much better the pictures on either side of `island` fit without it; `None`
/// if nothing says that it does not belong there.
fn gain(
    found: &Found,
    profile: &Profile,
    rows: &[(&Stretch, Range<usize>)],
    before: usize,
    island: Range<usize>,
) -> Option<u64> {
    let (behind, _) = rows.get(island.end)?;
    let (first, first_items) = rows.get(island.start)?;
    let start = first.lost.start;
    let is_lost = rows.get(island.start..=island.end)?;
    let is_lost = is_lost.iter().all(|(s, _)| !s.lost.is_empty());
    if !is_lost || behind.lost.end.saturating_sub(start) > MOST {
        return None;
    }
    let leader = profile.leader();
    let own = |range: &Range<usize>| {
        let items = found.items.range(range.clone());
        items.filter(|i| usize::from(i.track) == leader).count()
    };
    let pictures: usize = rows.get(island.clone())?.iter().map(|(_, r)| own(r)).sum();
    // Little is known where damage is everywhere.
    let sides = [rows.get(before), rows.get(island.end)];
    let known =
        |side: &Option<&(&Stretch, Range<usize>)>| side.is_some_and(|(_, r)| own(r) >= SIDE);
    if pictures == 0 || first_items.is_empty() || !sides.iter().all(known) {
        return None;
    }
    let alone = |_: i64| 0;
    let (mut with, mut cost_with) = (i64::try_from(pictures).ok()?, 0);
    let mut front = before;
    for next in island.clone().chain([island.end]) {
        let beside = beside(found, rows, front, next)?;
        let range = beside.stretches.get(1)?.first..beside.items.len();
        let (lost, cost) = judged(&beside, profile, 1, range, &alone);
        with += lost;
        cost_with += cost;
        front = next;
    }
    let beside = beside(found, rows, before, island.end)?;
    let range = beside.stretches.get(1)?.first..beside.items.len();
    let (without, cost_without) = judged(&beside, profile, 1, range, &alone);
    if with == without || cost_without > WELL {
        return None;
    }
    cost_with.checked_sub(cost_without)
}

/// Two stretches as if nothing usable stood between them.
fn beside(
    found: &Found,
    rows: &[(&Stretch, Range<usize>)],
    front: usize,
    behind: usize,
) -> Option<Found> {
    let ((a, before), (b, after)) = (rows.get(front)?, rows.get(behind)?);
    let mut two = Found::default();
    let from = before.end.saturating_sub(LOOK).max(before.start);
    two.stretches.push(Stretch {
        first: 0,
        ..(*a).clone()
    });
    let mut end = a.lost.end;
    for item in found.items.range(from..before.end) {
        end = item.span().end;
        two.items.push(item);
    }
    let mut second = Stretch {
        first: two.items.len(),
        ..(*b).clone()
    };
    second.lost.start = end.min(second.lost.end);
    two.stretches.push(second);
    two.items.extend(
        found
            .items
            .range(after.start..after.end.min(after.start + LOOK)),
    );
    Some(two)
}
