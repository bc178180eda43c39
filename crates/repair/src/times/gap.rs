//! How much is missing in front of a stretch.
//!
//! The leading track's headers count pictures modulo some number, and where the
//! distance of its sync samples is constant, that is another count; together
//! with the bytes that were lost they say how many samples are missing. The
//! other tracks follow by the order in which the muxer wrote.

use crate::habits::Durations;
use crate::interleave::Write;
use crate::item::{Found, Stretch, When};
use crate::profile::{Profile, TrackProfile};
use std::ops::Range;
use tapo_codec::{Order, h264};

/// What is missing in front of a stretch.
#[derive(Clone, Debug, Default)]
pub(crate) struct Missing {
    /// Decode time of the first sample behind it: by track, ticks.
    pub(crate) starts: Vec<i64>,
    /// Samples that are missing: by track.
    pub(crate) samples: Vec<u64>,
}

/// Writes behind a gap that the clocks are aligned by.
const ALIGNED: usize = 600;

/// Samples that a gap may have lost, at most.
const MOST_LOST: i64 = 1 << 20;

/// Solves the gap in front of stretch `number`, whose items are `range`.
pub(super) fn solve(
    found: &Found,
    profile: &Profile,
    number: usize,
    range: Range<usize>,
    ends: &[i64],
) -> Missing {
    let count = profile.tracks.len();
    let mut missing = Missing {
        starts: ends.to_vec(),
        samples: vec![0; count],
    };
    let Some(stretch) = found.stretches.get(number) else {
        return missing;
    };
    if number == 0 && stretch.from_start || known(found, range.clone()) {
        return missing;
    }
    let leader = profile.leader();
    let Some(of) = profile.tracks.get(leader) else {
        return missing;
    };
    let lost = lost_pictures(found, profile, number, range.clone(), leader);
    let usual = i64::from(of.durations.usual);
    let end = ends.get(leader).copied().unwrap_or(0);
    if let Some(start) = missing.starts.get_mut(leader) {
        *start = end + lost * usual;
    }
    let base = profile.clock.common(leader, end + lost * usual - of.shift);
    for track in (0..count).filter(|t| *t != leader) {
        let own_end = ends.get(track).copied().unwrap_or(0);
        let start = align(found, profile, range.clone(), leader, track, base)
            .map_or(own_end, |start| start.max(own_end));
        if let Some(slot) = missing.starts.get_mut(track) {
            *slot = start;
        }
    }
    count_missing(&mut missing, profile, ends);
    missing
}

/// Whether an index says when the items are.
fn known(found: &Found, range: Range<usize>) -> bool {
    let first = found.items.get(range).and_then(|items| items.first());
    matches!(first.map(|i| i.when), Some(When::Known { .. }))
}

fn count_missing(missing: &mut Missing, profile: &Profile, ends: &[i64]) {
    let tracks = profile.tracks.iter().zip(&missing.starts).zip(ends);
    let samples = tracks.map(|((of, start), end)| {
        let usual = i64::from(of.durations.usual).max(1);
        u64::try_from((start - end) / usual).unwrap_or(0)
    });
    missing.samples = samples.collect();
}

/// Samples of the leading track that are missing.
fn lost_pictures(
    found: &Found,
    profile: &Profile,
    number: usize,
    range: Range<usize>,
    leader: usize,
) -> i64 {
    let Some(stretch) = found.stretches.get(number) else {
        return 0;
    };
    let of_leader = |i: &&crate::item::Item| usize::from(i.track) == leader;
    let before = found.items.get(..range.start).unwrap_or_default();
    let behind = found.items.get(range).unwrap_or_default();
    let estimate = estimate(profile, stretch, leader);
    let gop = profile
        .tracks
        .get(leader)
        .and_then(|t| t.sync_distance)
        .map(i64::from);
    // Pictures since the last sync sample before the gap, and up to the first behind it.
    let position = |n: usize| i64::try_from(n).unwrap_or(0);
    let since = before.iter().rev().filter(of_leader).position(|i| i.sync);
    let total = position(before.iter().filter(of_leader).count());
    let since = since.map_or(total, |n| position(n) + 1);
    let until = behind.iter().filter(of_leader).position(|i| i.sync);
    let by_gop = gop.zip(until).map(|(gop, until)| {
        let behind = position(until);
        (gop, (-(since + behind)).rem_euclid(gop))
    });
    let by_count = pictures_by_count(found, number, leader);
    let window = 2 * estimate + by_gop.map_or(0, |(gop, _)| gop) + by_count.map_or(0, |(m, _)| m);
    let most = (window + 8).min(MOST_LOST);
    let fits = |n: i64| {
        let gop_fits = by_gop.is_none_or(|(gop, rest)| n.rem_euclid(gop) == rest);
        let same_sequence = match (gop, until) {
            (Some(gop), _) => since + n < gop,
            (None, until) => until != Some(0),
        };
        let count_fits =
            by_count.is_none_or(|(modulus, rest)| !same_sequence || n.rem_euclid(modulus) == rest);
        (gop_fits, count_fits)
    };
    let cost = |n: i64| {
        let (gop_fits, count_fits) = fits(n);
        let off = n.abs_diff(estimate);
        (u8::from(!gop_fits) + u8::from(!count_fits), off)
    };
    (0..=most).min_by_key(|n| cost(*n)).unwrap_or(estimate)
}

/// Samples of the leading track that the lost bytes held, going by sizes.
fn estimate(profile: &Profile, stretch: &Stretch, leader: usize) -> i64 {
    let Some(of) = profile.tracks.get(leader) else {
        return 0;
    };
    let seconds = |t: &TrackProfile, track: usize| {
        let hz = profile.clock.hz();
        let ticks = profile.clock.common(track, i64::from(t.durations.usual));
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let seconds = ticks as f64 / hz.max(1) as f64;
        seconds.max(1e-9)
    };
    let own = seconds(of, leader);
    let tracks = profile.tracks.iter().enumerate();
    let rate: f64 = tracks.map(|(i, t)| t.mean / seconds(t, i) * own).sum();
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    let lost = stretch.lost.len() as f64;
    let n = (lost / rate.max(1.0)).round();
    #[expect(clippy::cast_possible_truncation, reason = "bounded")]
    let n = n.clamp(0.0, 1e6) as i64;
    n.min(MOST_LOST)
}

/// By the pictures' own counts: modulus, and missing pictures modulo that. The
/// counts go on within a coded video sequence only.
fn pictures_by_count(found: &Found, number: usize, leader: usize) -> Option<(i64, i64)> {
    let ends = |n: usize| {
        let stretch = found.stretches.get(n)?;
        let mut ends = stretch.ends.iter();
        ends.find(|(t, ..)| usize::from(*t) == leader)
    };
    let (_, first, _) = ends(number)?;
    let Some(before) = number.checked_sub(1) else {
        // In front of everything stands the first picture of a sequence.
        return from_zero(first);
    };
    let (_, _, last) = ends(before)?;
    match (last, first) {
        (
            Order::H264 { sps, first: a, .. },
            Order::H264 { first: b, .. },
        ) if !b.is_idr() => {
            let modulus = 1_i64 << sps.log2_max_frame_num;
            let counted = a.nal_ref_idc != 0;
            // Pictures that nothing refers to do not count: with them only a bound is known.
            if !counted || b.nal_ref_idc == 0 || sps.max_num_ref_frames > 1 && reorders(sps) {
                return None;
            }
            let step = i64::from(b.frame_num) - i64::from(a.frame_num);
            Some((modulus, (step - 1).rem_euclid(modulus)))
        }
        (Order::H265 { sps, first: a, .. }, Order::H265 { first: b, .. })
            if sps.max_num_reorder_pics == 0 && !b.nal.nal_type.is_idr() =>
        {
            let modulus = 1_i64 << sps.log2_max_poc_lsb;
            let lsb = |h: &tapo_codec::h265::SliceHeader| {
                h.independent.map(|i| i64::from(i.pic_order_cnt_lsb))
            };
            Some((modulus, (lsb(b)? - lsb(a)? - 1).rem_euclid(modulus)))
        }
        _ => None,
    }
}

fn reorders(sps: &h264::Sps) -> bool {
    !matches!(sps.poc, h264::PocType::DecodeOrder)
        && sps.reorder_depth().at_most() > 0
}

/// Pictures missing between the start of a sequence and this one.
fn from_zero(first: &Order) -> Option<(i64, i64)> {
    match first {
        Order::H264 { sps, first, .. } if !first.is_idr() && !reorders(sps) => {
            let modulus = 1_i64 << sps.log2_max_frame_num;
            Some((modulus, i64::from(first.frame_num)))
        }
        _ => None,
    }
}

/// Where a track starts behind a gap so that the muxer's rule holds, ticks of
/// the track. The leading track starts at `base` on the common clock.
fn align(
    found: &Found,
    profile: &Profile,
    range: Range<usize>,
    leader: usize,
    track: usize,
    base: i64,
) -> Option<i64> {
    let of = profile.tracks.get(track)?;
    let items = found.items.get(range)?;
    let mut writes = Vec::new();
    let mut next = [0_i64; 2];
    let mut first = None;
    for item in items {
        let own = usize::from(item.track);
        let which = match own {
            t if t == leader => 0,
            t if t == track => 1,
            _ => continue,
        };
        let ticks = profile.tracks.get(own)?.row_ticks(u64::from(item.size), item.samples);
        let duration = profile.clock.common(own, ticks);
        if which == 1 && first.is_none() {
            first = Some(next_leader(&writes));
        }
        let slot = next.get_mut(which)?;
        writes.push(Write {
            track: item.track,
            time: *slot,
            duration,
        });
        *slot += duration;
        if writes.len() >= ALIGNED {
            break;
        }
    }
    first?;
    let step = grid(profile, track, &of.durations);
    let second = i64::try_from(profile.clock.hz()).ok()?;
    let near = first.flatten().unwrap_or(0);
    let reach = 3 * second / step.max(1);
    let mut best: (u32, i64, i64) = (0, 0, 0);
    for n in -reach..=reach {
        let shift = near + n * step;
        let mut shifts = vec![0; profile.tracks.len()];
        if let Some(slot) = shifts.get_mut(track) {
            *slot = shift;
        }
        let hits = profile.interleave.hits(&writes, &shifts);
        match hits.cmp(&best.0) {
            std::cmp::Ordering::Greater => best = (hits, shift, shift),
            std::cmp::Ordering::Equal if best.2 + step == shift => best.2 = shift,
            _ => {}
        }
    }
    // The middle of what the rule allows.
    let middle = best.1 + (best.2 - best.1) / 2 / step.max(1) * step;
    let start = base + middle;
    Some(profile.clock.track(track, start) + of.shift)
}

/// The leading track's time where the other track's first write stands.
fn next_leader(writes: &[Write]) -> Option<i64> {
    writes.last().map(|w| w.time + w.duration)
}

/// Steps in which a track's start is tried, common clock: its samples, but of
/// constant-rate data no finer than a millisecond.
fn grid(profile: &Profile, track: usize, durations: &Durations) -> i64 {
    let sample = profile.clock.common(track, i64::from(durations.usual));
    let finest = i64::try_from(profile.clock.hz() / 1000).unwrap_or(1);
    sample.max(finest).max(1)
}
