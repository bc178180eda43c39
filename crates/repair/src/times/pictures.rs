//! How many pictures a gap has lost.
//!
//! Each picture counts itself modulo some number; where sync samples come at a
//! constant distance, that is another count; and the bytes that were lost say
//! about how many there can have been.

use super::order::{self, begins_sequence};
use crate::item::{Found, Item, When};
use crate::profile::{Profile, TrackProfile};
use std::ops::Range;
use tapo_codec::{Order, OrderKey, h264};

/// Pictures that a gap may have lost, at most.
const MOST_LOST: i64 = 1 << 20;

/// What it costs to contradict a count, in pictures more or less than the bytes
/// say.
const CONTRADICTION: u64 = 30;

/// What it costs if a sync sample in the gap does not come when most do, in the
/// same.
const UNUSUAL: u64 = 3;

/// Pictures that are looked at on either side of a gap.
const LOOK: usize = 2000;

/// A count modulo `modulus` of the pictures that are missing.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
struct Residue {
    modulus: i64,
    rest: i64,
}

impl Residue {
    fn holds(self, n: i64) -> bool {
        n.rem_euclid(self.modulus.max(1)) == self.rest
    }
}

/// Samples of the leading track that are missing in front of stretch `number`.
/// `apart` is what it costs to contradict the clocks of the tracks.
pub(super) fn lost(
    found: &Found,
    profile: &Profile,
    number: usize,
    range: Range<usize>,
    apart: &dyn Fn(i64) -> u64,
) -> i64 {
    judged(found, profile, number, range, apart).0
}

/// The same, and what it costs to say so, in pictures more or less than the bytes
/// say.
pub(super) fn judged(
    found: &Found,
    profile: &Profile,
    number: usize,
    range: Range<usize>,
    apart: &dyn Fn(i64) -> u64,
) -> (i64, u64) {
    let leader = profile.leader();
    let gap = Gap {
        found,
        profile,
        leader,
        number,
        before: previous(found, number, leader),
        behind: keys(found, range, leader),
    };
    let estimate = gap.estimate();
    let distance = gap.sync_distance();
    let by_sync = distance.and_then(|d| gap.by_sync(d));
    let by_count = gap.by_count();
    let since = gap.since_sync();
    // The next sync sample, if it lies in the gap, and the pictures behind it.
    let begun = gap.since_last_sequence();
    let habit = gap.of().map(|of| of.sync_distance).unwrap_or_default();
    // Where distances vary, encoders keep to the longest unless a scene changes.
    let usual = habit.usual.or(habit.longest).map(i64::from).zip(begun);
    let usual = usual.map(|(usual, begun)| usual - since + begun);
    let longest = habit.longest.map_or(i64::MAX, i64::from);
    let runs_on = runs_on(&gap.before) || runs_on(&gap.behind);
    let cost = |n: i64| {
        let within = runs_on || distance.map_or(since + n < longest, |d| since + n < d);
        let sync_fits = by_sync.is_none_or(|r| r.holds(n));
        let count_fits = if within {
            by_count.is_none_or(|r| r.holds(n))
        } else {
            begun.is_none_or(|begun| n >= begun)
        };
        let wrong = u64::from(!sync_fits) + u64::from(!count_fits);
        let odd = !within && distance.is_none() && usual.is_some_and(|u| u != n);
        let counts = n.abs_diff(estimate) + wrong * CONTRADICTION + u64::from(odd) * UNUSUAL;
        counts + apart(n)
    };
    let moduli = by_sync.map_or(0, |r| r.modulus) + by_count.map_or(0, |r| r.modulus);
    let most = (2 * estimate + moduli.min(4096) + 64).min(MOST_LOST);
    let best = (0..=most).map(|n| (n, cost(n))).min_by_key(|(_, c)| *c);
    best.unwrap_or((estimate, 0))
}

/// A picture as far as its place is concerned.
#[derive(Copy, Clone)]
struct Picture {
    key: OrderKey,
    sync: bool,
}

struct Gap<'a> {
    found: &'a Found,
    profile: &'a Profile,
    leader: usize,
    number: usize,
    /// Pictures of the stretch before.
    before: Vec<Picture>,
    /// Pictures of the stretch behind.
    behind: Vec<Picture>,
}

fn keys(found: &Found, range: Range<usize>, leader: usize) -> Vec<Picture> {
    let items = found.items.range(range);
    items
        .filter(|i| usize::from(i.track) == leader)
        .filter_map(picture)
        .take(LOOK)
        .collect()
}

fn previous(found: &Found, number: usize, leader: usize) -> Vec<Picture> {
    let range = number.checked_sub(1).and_then(|before| {
        let first = found.stretches.get(before)?.first;
        Some(first..found.stretches.get(number)?.first)
    });
    let items = found.items.range(range.unwrap_or_default());
    let mut pictures: Vec<Picture> = items
        .rev()
        .filter(|i| usize::from(i.track) == leader)
        .filter_map(picture)
        .take(LOOK)
        .collect();
    pictures.reverse();
    pictures
}

const fn picture(item: Item) -> Option<Picture> {
    let none = OrderKey {
        sequence: 0,
        value: 0,
    };
    match item.when {
        When::InTurn => Some(Picture {
            key: none,
            sync: item.sync,
        }),
        When::Order(key) => Some(Picture {
            key,
            sync: item.sync,
        }),
        When::Known { .. } => None,
    }
}

impl Gap<'_> {
    fn of(&self) -> Option<&TrackProfile> {
        self.profile.tracks.get(self.leader)
    }

    /// Pictures that the lost bytes held, going by the sizes around them.
    fn estimate(&self) -> i64 {
        let Some(stretch) = self.found.stretches.get(self.number) else {
            return 0;
        };
        let from = stretch.first.saturating_sub(LOOK);
        let around = self.found.items.range(from..self.found.items.len());
        let (mut bytes, mut pictures) = (0_u64, 0_u64);
        for item in around.take(2 * LOOK) {
            bytes += u64::from(item.size);
            pictures += u64::from(usize::from(item.track) == self.leader);
        }
        let each = (bytes / pictures.max(1)).max(1);
        let lost = (stretch.lost.len() + each / 2) / each;
        i64::try_from(lost).unwrap_or(MOST_LOST).min(MOST_LOST)
    }

    /// The distance of sync samples, if it holds in this file as well.
    fn sync_distance(&self) -> Option<i64> {
        let habit = self.of()?.sync_distance;
        let distance = i64::from(habit.usual.filter(|_| habit.always)?);
        let holds = |pictures: &[Picture]| {
            let syncs: Vec<usize> = pictures
                .iter()
                .enumerate()
                .filter(|(_, p)| p.sync)
                .map(|(i, _)| i)
                .collect();
            syncs.windows(2).all(|w| match w {
                [a, b] => i64::try_from(b - a) == Ok(distance),
                _ => true,
            })
        };
        (holds(&self.before) && holds(&self.behind)).then_some(distance)
    }

    /// Pictures since the last sync sample before the gap, that included.
    fn since_sync(&self) -> i64 {
        let since = self.before.iter().rev().position(|p| p.sync);
        let since = since.map_or(self.before.len(), |n| n + 1);
        i64::try_from(since).unwrap_or(i64::MAX / 2)
    }

    fn by_sync(&self, distance: i64) -> Option<Residue> {
        let until = self.behind.iter().position(|p| p.sync)?;
        let rest = -(self.since_sync() + i64::try_from(until).ok()?);
        Some(Residue {
            modulus: distance,
            rest: rest.rem_euclid(distance.max(1)),
        })
    }

    /// The spacing of counts, and place on the display less place in decode
    /// order and count of the first picture behind the gap, if it does not begin
    /// a sequence itself.
    fn behind(&self) -> Option<(i64, (i64, i64))> {
        let stretch = self.found.stretches.get(self.number)?;
        let mut ends = stretch.ends.iter();
        let first = ends.find(|(t, ..)| usize::from(*t) == self.leader);
        // A CRA picture in the middle of a stream goes on counting.
        let goes_on = match first.map(|(_, first, _)| first) {
            Some(Order::H265 { first, .. }) => {
                let kind = first.nal.nal_type;
                !kind.is_idr() && !kind.is_bla()
            }
            _ => !begins_sequence(stretch, self.leader),
        };
        if !goes_on {
            return None;
        }
        let (before, behind) = (only(&self.before), only(&self.behind));
        let step = match (order::spacing_of(&before), order::spacing_of(&behind)) {
            (0, step) | (step, 0) => step,
            (a, b) => a.min(b),
        };
        let step = i64::try_from(step).ok().filter(|s| *s > 0)?;
        let first = order::ends(&behind, false, step, self.delay()?)?.first;
        Some((step, first))
    }

    fn delay(&self) -> Option<i64> {
        let of = self.of()?;
        Some(i64::from(of.first_offset - of.least_offset) / i64::from(of.durations.usual))
    }

    fn modulus(&self, step: i64) -> Option<i64> {
        let ends = &self.found.stretches.get(self.number)?.ends;
        let first = ends.iter().find(|(t, ..)| usize::from(*t) == self.leader)?;
        Some(modulus(&first.1)? / step).filter(|m| *m > 1)
    }

    /// Pictures that are missing at least since the last sequence began, that
    /// picture included, if it began in the gap.
    fn since_last_sequence(&self) -> Option<i64> {
        let (step, (lead, count)) = self.behind()?;
        let modulus = self.modulus(step)?;
        Some((count / step - lead).rem_euclid(modulus))
    }

    /// By the pictures' own counts, which go on within a coded video sequence.
    fn by_count(&self) -> Option<Residue> {
        let (step, (lead, count)) = self.behind()?;
        let modulus = self.modulus(step)?;
        let begun = self
            .number
            .checked_sub(1)
            .and_then(|n| self.found.stretches.get(n));
        let rest = match begun {
            // In front of everything stands the first picture of a sequence.
            None => count / step - lead,
            Some(stretch) => {
                let begins = begins_sequence(stretch, self.leader);
                let before = only(&self.before);
                let (last_lead, last) = order::ends(&before, begins, step, self.delay()?)?.last;
                (count - last) / step - lead + last_lead - 1
            }
        };
        Some(Residue {
            modulus,
            rest: rest.rem_euclid(modulus),
        })
    }
}

/// Whether counts go on through a sync sample: then one in the gap changes
/// nothing.
fn runs_on(pictures: &[Picture]) -> bool {
    let on = |w: &[Picture]| matches!(w, [a, b] if b.sync && a.key.sequence == b.key.sequence);
    pictures.windows(2).any(on)
}

fn only(pictures: &[Picture]) -> Vec<OrderKey> {
    pictures.iter().map(|p| p.key).collect()
}

/// After how much the order count of a picture begins anew.
fn modulus(order: &Order) -> Option<i64> {
    match order {
        Order::H264 { sps, .. } => match &sps.poc {
            h264::PocType::Lsb { log2_max_lsb } => Some(1 << log2_max_lsb),
            h264::PocType::DecodeOrder => Some(2 << sps.log2_max_frame_num),
            h264::PocType::Cycle { .. } => None,
        },
        Order::H265 { sps, .. } => Some(1 << sps.log2_max_poc_lsb),
        Order::Anchored { .. } | Order::None => None,
    }
}
