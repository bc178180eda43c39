//! Whether as many samples of each track were found as the reference says.

use super::described_track;
use super::rates::beside;
use crate::item::{Found, Item};
use crate::profile::{Finding, Profile};
use crate::twins::unlike;
use crate::{Class, Result};
use tapo_codec::aac::FrameShape;
use tapo_codec::{Delimiting, Depth, Verdict};
use tapo_io::{ByteSource, Window};

/// In words what speaks against the tracks of the reference.
///
/// # Errors
/// The source fails.
pub(super) fn differences(
    source: &dyn ByteSource,
    found: &Found,
    profile: &Profile,
) -> Result<Vec<String>> {
    let mut words = Vec::new();
    if let Some((track, why)) = absent(found, profile) {
        let what = described_track(profile, track).unwrap_or_default();
        words.push(format!(
            "of {what} next to nothing is in the media data, and {why}"
        ));
    }
    if let Some(track) = unlikely(found, profile) {
        let what = described_track(profile, track).unwrap_or_default();
        words.push(format!(
            "most of what stands between the pictures is hardly {what}"
        ));
    }
    if let Some((times, more)) = other_number(source, found, profile)? {
        words.push(format!(
            "beside the pictures its sound lasts {times:.2} times as long as they do: it has {} tracks of \
             sound than the reference",
            if more { "more" } else { "fewer" }
        ));
    }
    Ok(words)
}

/// Part of the samples to be expected that a track must have.
const PRESENT: f64 = 0.25;

/// The same, of sound without syntax.
const NEXT_TO_NOTHING: f64 = 0.01;

/// Samples to be expected from which on that says anything.
const EXPECTED: f64 = 20.0;

/// Places between samples that hold something else, and the seconds for each, from which
/// on it is not damage.
const PLACES: f64 = 8.0;
const SECONDS: f64 = 2.0;

/// A track of the reference that is hardly there though others are, and what shows that
/// something else stands in its place.
fn absent(found: &Found, profile: &Profile) -> Option<(usize, &'static str)> {
    let leader = profile.leader();
    let of = profile.tracks.get(leader)?;
    let open = of.recogniser.as_ref()?.delimiting() == Delimiting::Start;
    if of.samples == 0 {
        return None;
    }
    let count = |track: usize| {
        let own = found.items.iter().filter(|i| usize::from(i.track) == track);
        own.map(|i| f64::from(i.samples)).sum::<f64>()
    };
    let pictures = count(leader);
    let scale = profile.movie.tracks.get(leader)?.timescale.max(1);
    let seconds = pictures * f64::from(of.durations.usual) / f64::from(scale);
    let places = found.stretches.iter().filter(|s| !s.lost.is_empty());
    let places = u32::try_from(places.count()).unwrap_or(u32::MAX);
    let why = if open {
        "without it nothing says where pictures end"
    } else if f64::from(places) >= PLACES.max(seconds / SECONDS) {
        "something else stands between the pictures"
    } else {
        return None;
    };
    let tracks = profile.tracks.iter().enumerate();
    let mut others = tracks.filter(|(i, _)| *i != leader);
    let missing = others.find(|(track, t)| {
        let expected = pictures * f64::from(t.samples) / f64::from(of.samples);
        let present = match t.finding {
            Finding::Syntax => PRESENT,
            Finding::Starts if !open => PRESENT,
            // Damage may hide what little is known of it.
            Finding::Frames { .. } if !open => NEXT_TO_NOTHING,
            _ => return false,
        };
        t.group == *track && expected >= EXPECTED && count(*track) < present * expected
    });
    missing.map(|(track, _)| (track, why))
}

/// A track whose packets are told apart by likelihood, but most of which are not likely.
fn unlikely(found: &Found, profile: &Profile) -> Option<usize> {
    let mut tracks = profile.tracks.iter().enumerate();
    let track = tracks.find(|(track, t)| {
        let own = found
            .items
            .iter()
            .filter(|i| usize::from(i.track) == *track);
        let doubted = own.clone().filter(|i| i.class == Class::C).count();
        let all = own.count();
        t.finding == Finding::Starts && all >= FRAMES && doubted * 2 > all
    });
    track.map(|(track, _)| track)
}

/// How near the time of the sound must be to a multiple of that of the pictures.
const NEAR: f64 = 0.06;

/// Frames of sound that are compared.
const COMPARED: usize = 400;

/// Frames that are enough to tell.
const FRAMES: usize = 40;

/// How much less frames resemble those next to them than those of their own track.
const APART: f64 = 1.25;

/// How many times as long as the pictures the sound lasts, and whether there are more tracks
/// of it than in the reference, or fewer: as another rate of pictures looks the same, what the
/// frames hold must say so too.
fn other_number(
    source: &dyn ByteSource,
    found: &Found,
    profile: &Profile,
) -> Result<Option<(f64, bool)>> {
    let tracks = profile.tracks.iter();
    let mut exact = tracks.map(|t| !t.is_video && t.finding == Finding::Syntax);
    let Some(first) = exact.position(|is_sound| is_sound) else {
        return Ok(None);
    };
    let group: Vec<usize> = (0..profile.tracks.len())
        .filter(|i| profile.tracks.get(*i).is_some_and(|t| t.group == first))
        .collect();
    let Some(times) = beside(found, profile, &group) else {
        return Ok(None);
    };
    let near = |whole: f64| (times / whole - 1.0).abs() < NEAR;
    let tracks = group.len() as f64;
    let fewer = group.len() > 1 && near(1.0 / tracks);
    if !fewer && !(2..=4).any(|n| near(f64::from(n))) {
        return Ok(None);
    }
    let is_sound = |item: &Item| group.contains(&usize::from(item.track));
    let row = super::rates::longest(found);
    let own = found.items.range(row).filter(is_sound).take(COMPARED);
    let shapes = shapes(source, profile, first, own)?;
    Ok(match lags(&shapes) {
        Some((next, second)) if fewer && next < second => Some((times, false)),
        Some((next, second)) if !fewer && next > second * APART => Some((times, true)),
        _ => None,
    })
}

fn shapes(
    source: &dyn ByteSource,
    profile: &Profile,
    track: usize,
    items: impl Iterator<Item = Item>,
) -> Result<Vec<FrameShape>> {
    let recogniser = profile.tracks.get(track);
    let Some(recogniser) = recogniser.and_then(|t| t.recogniser.as_ref()) else {
        return Ok(Vec::new());
    };
    let mut window = Window::new(source);
    let mut shapes = Vec::new();
    for item in items {
        let span = item.span();
        let verdict = recogniser.probe(&mut window, span.start, span.end, Depth::Heads)?;
        if let Verdict::Sample(access) = verdict {
            shapes.extend(access.shape);
        }
    }
    Ok(shapes)
}

/// How unlike frames are to the next, and to the one behind that.
fn lags(shapes: &[FrameShape]) -> Option<(f64, f64)> {
    let off = |by: usize| {
        let pairs = shapes.iter().zip(shapes.iter().skip(by));
        pairs.map(|(a, b)| f64::from(unlike(a, b))).sum::<f64>()
    };
    (shapes.len() >= FRAMES).then(|| (off(1), off(2)))
}
