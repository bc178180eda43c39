//! Composition times from presentation order.
//!
//! Within a coded video sequence the order counts of the pictures are evenly
//! spaced: the place of a picture on the display is that of its sequence plus
//! its count over the spacing. A picture is shown `delay` pictures after its
//! place, so that none is shown before it is decoded.

use super::{Part, Timed};
use crate::item::{Found, Stretch, When};
use crate::profile::Profile;
use tapo_codec::{Order, OrderKey};

/// Pictures whose place may be unknown at the end of a stretch: they follow in
/// decode order. No codec reorders deeper.
const DEEPEST: i64 = 17;

/// Whether the first sample of a track in a stretch begins a coded video
/// sequence, so that all pictures behind it in decode order are shown behind
/// those before.
pub(crate) fn begins_sequence(stretch: &Stretch, track: usize) -> bool {
    let first = stretch.ends.iter().find(|(t, ..)| usize::from(*t) == track);
    match first.map(|(_, first, _)| first) {
        Some(Order::H264 { first, .. }) => first.is_idr(),
        Some(Order::H265 { first, .. }) => first.nal.nal_type.is_irap(),
        Some(Order::Anchored { .. }) => stretch.from_start,
        Some(Order::None) | None => true,
    }
}

/// Pictures of one coded video sequence in one part: a range of the track's
/// times.
struct Sequence {
    range: std::ops::Range<usize>,
    /// Whether its beginning is there.
    begins: bool,
}

/// Sets the composition offsets of a track, and returns the delay in ticks.
/// `as_learnt` says that its samples last what they do in the reference.
pub(super) fn compose(
    found: &Found,
    profile: &Profile,
    track: usize,
    times: &mut [Timed],
    parts: &[Part],
    begins: &[bool],
    as_learnt: bool,
) -> i64 {
    let Some(of) = profile.tracks.get(track) else {
        return 0;
    };
    let usual = i64::from(of.durations.usual);
    let learnt = i64::from(of.first_offset);
    // What comes in turn is at its place: it leads by nothing.
    let whens = found.items.whens();
    let key = |time: &Timed| match whens.at(time.item) {
        Some(When::Order(key)) => Some(key),
        _ => None,
    };
    if !of.is_video {
        return 0;
    }
    let mut sequences: Vec<Vec<Sequence>> = Vec::new();
    for part in parts {
        let begins = begins.get(part.stretch).copied().unwrap_or(true);
        sequences.push(split(times, part, begins, &key));
    }
    let step = spacing(times, &sequences, &key);
    // Places on the display, less the decode index, within the part.
    let mut leads = vec![0_i64; times.len()];
    let mut ordered = false;
    for (part, sequences) in parts.iter().zip(&sequences) {
        for (n, sequence) in sequences.iter().enumerate() {
            let next = sequences.get(n + 1).map(|s| s.range.start);
            ordered |= lead(times, part, sequence, next, step, &key, &mut leads);
        }
    }
    if !ordered && learnt == 0 {
        return 0;
    }
    let floating: Vec<std::ops::Range<usize>> = sequences
        .iter()
        .filter_map(|s| s.last().filter(|s| !s.begins))
        .map(|s| s.range.clone())
        .collect();
    let fixed = |i: &usize| !floating.iter().any(|f| f.contains(i));
    let least = (0..times.len()).filter(fixed).filter_map(|i| leads.get(i));
    let needed = least.min().copied().unwrap_or(0).saturating_neg();
    let learnt_places = (learnt + usual / 2).div_euclid(usual.max(1));
    let delay = if of.samples > 0 && of.least_offset < 0 {
        learnt_places
    } else {
        learnt_places.max(needed)
    };
    // A sequence without beginning or end is moved to where the picture that is
    // shown soonest after it is decoded has no time to spare, as elsewhere.
    for range in floating {
        let leads = leads.get_mut(range).unwrap_or_default();
        let least = leads.iter().min().copied().unwrap_or(0);
        let spare = i64::from(of.least_offset).div_euclid(usual.max(1));
        leads.iter_mut().for_each(|l| *l += spare - delay - least);
    }
    let cadence = of.durations.cadence.as_ref().filter(|_| as_learnt);
    let delayed = parts.first().map_or(0, |part| {
        let at = |n: i64| {
            let n = usize::try_from(n).ok()?;
            Some(times.get(part.range.start + n)?.dts)
        };
        at(delay).zip(at(0)).map_or(delay * usual, |(b, a)| b - a)
    });
    for part in parts {
        let dts: Vec<i64> = times
            .get(part.range.clone())
            .unwrap_or_default()
            .iter()
            .map(|t| t.dts)
            .collect();
        let first = dts
            .first()
            .zip(cadence)
            .map_or(0, |(dts, c)| c.number(*dts));
        for i in part.range.clone() {
            let lead = leads.get(i).copied().unwrap_or(0);
            let Some(time) = times.get_mut(i) else {
                continue;
            };
            if let None | Some(When::Known { .. }) = whens.at(time.item) {
                continue;
            }
            let place = i64::try_from(i - part.range.start).unwrap_or(0) + lead + delay;
            let shown = cadence
                .and_then(|c| c.shown(first + place - delay))
                .unwrap_or_else(|| at_place(&dts, place, usual));
            time.offset = i32::try_from(shown - time.dts).unwrap_or(0);
        }
    }
    match cadence {
        Some(cadence) => cadence.time(delay),
        None if as_learnt => delay * usual,
        None => delayed,
    }
}

/// The decode time of the picture at a place, which may lie outside of the part.
fn at_place(dts: &[i64], place: i64, usual: i64) -> i64 {
    let last = i64::try_from(dts.len()).unwrap_or(0) - 1;
    let inside = place.clamp(0, last.max(0));
    let base = usize::try_from(inside).ok().and_then(|i| dts.get(i));
    // Beyond the end the last duration goes on.
    let duration = match dts {
        [.., a, b] if place > last => b - a,
        _ => usual,
    };
    base.copied().unwrap_or(0) + (place - inside) * duration
}

fn split(
    times: &[Timed],
    part: &Part,
    begins: bool,
    key: &dyn Fn(&Timed) -> Option<OrderKey>,
) -> Vec<Sequence> {
    let mut sequences: Vec<Sequence> = Vec::new();
    let mut current = None;
    for i in part.range.clone() {
        let Some(OrderKey { sequence, .. }) = times.get(i).and_then(key) else {
            current = None;
            continue;
        };
        match sequences.last_mut() {
            Some(last) if current == Some(sequence) => last.range.end = i + 1,
            _ => sequences.push(Sequence {
                range: i..i + 1,
                begins: begins || i > part.range.start,
            }),
        }
        current = Some(sequence);
    }
    sequences
}

/// The spacing of order counts from picture to picture: their greatest common
/// divisor.
fn spacing(
    times: &[Timed],
    parts: &[Vec<Sequence>],
    key: &dyn Fn(&Timed) -> Option<OrderKey>,
) -> i64 {
    let mut step = 0_u64;
    for sequence in parts.iter().flatten() {
        let mut last: Option<i64> = None;
        for time in times.get(sequence.range.clone()).unwrap_or_default() {
            let value = key(time).map(|k| k.value);
            if let (Some(a), Some(b)) = (last, value) {
                step = gcd(step, a.abs_diff(b));
            }
            last = value;
        }
    }
    i64::try_from(step).unwrap_or(1).max(1)
}

/// Place on the display less place in decode order, and the order count, of the
/// samples of a stretch: those of its first and of its last picture. The
/// spacing of the counts is `step`.
pub(super) fn ends(keys: &[OrderKey], begins: bool, step: i64, delay: i64) -> Option<Ends> {
    let times: Vec<Timed> = (0..keys.len())
        .map(|item| Timed {
            item,
            dts: 0,
            offset: 0,
            duration: 0,
        })
        .collect();
    let key = |t: &Timed| keys.get(t.item).copied();
    let part = Part {
        range: 0..keys.len(),
        stretch: 0,
    };
    let sequences = split(&times, &part, begins, &key);
    let mut leads = vec![0; keys.len()];
    for (n, sequence) in sequences.iter().enumerate() {
        let next = sequences.get(n + 1).map(|s| s.range.start);
        lead(&times, &part, sequence, next, step, &key, &mut leads);
    }
    if let Some(last) = sequences.last().filter(|s| !s.begins) {
        let leads = leads.get_mut(last.range.clone())?;
        let least = leads.iter().min().copied()?;
        leads.iter_mut().for_each(|l| *l -= delay + least);
    }
    Some(Ends {
        first: (*leads.first()?, keys.first()?.value),
        last: (*leads.last()?, keys.last()?.value),
    })
}

/// Lead and order count of the first and of the last picture of a stretch.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(super) struct Ends {
    pub(super) first: (i64, i64),
    pub(super) last: (i64, i64),
}

/// The greatest common divisor of the differences of neighbouring counts.
pub(super) fn spacing_of(keys: &[OrderKey]) -> u64 {
    let pairs = keys.windows(2).filter_map(|w| match w {
        [a, b] if a.sequence == b.sequence => Some(a.value.abs_diff(b.value)),
        _ => None,
    });
    pairs.fold(0, gcd)
}

/// Sets `leads` of a sequence: place on the display less place in decode order.
/// Says whether any differ.
fn lead(
    times: &[Timed],
    part: &Part,
    sequence: &Sequence,
    next: Option<usize>,
    step: i64,
    key: &dyn Fn(&Timed) -> Option<OrderKey>,
    leads: &mut [i64],
) -> bool {
    let within = times.get(sequence.range.clone()).unwrap_or_default();
    let values: Vec<i64> = within
        .iter()
        .filter_map(|t| key(t).map(|k| k.value))
        .collect();
    let (Some(least), Some(most)) = (values.iter().min(), values.iter().max()) else {
        return false;
    };
    let count = i64::try_from(values.len()).unwrap_or(i64::MAX);
    let even = (most - least) / step < count + DEEPEST;
    let mut sorted = values.clone();
    if !even {
        sorted.sort_unstable();
    }
    let place = |value: i64| {
        if even {
            (value - least) / step
        } else {
            let rank = sorted.partition_point(|v| *v < value);
            i64::try_from(rank).unwrap_or(0)
        }
    };
    let first = i64::try_from(sequence.range.start - part.range.start).unwrap_or(0);
    let base = if sequence.begins {
        first
    } else if let Some(next) = next {
        // What is left of a sequence is shown just before the next.
        let next = i64::try_from(next - part.range.start).unwrap_or(0);
        next - 1 - place(*most)
    } else {
        first
    };
    let mut differs = false;
    for (i, value) in sequence.range.clone().zip(&values) {
        let own = i64::try_from(i - part.range.start).unwrap_or(0);
        let lead = base + place(*value) - own;
        differs |= lead != 0;
        if let Some(slot) = leads.get_mut(i) {
            *slot = lead;
        }
    }
    differs
}

const fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}
