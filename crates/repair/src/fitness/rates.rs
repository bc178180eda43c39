//! Whether sound runs at the rate of the reference: the syntax of AAC is the same
//! at rates that share a table, so only the pictures beside it tell.

use crate::item::{Found, Item};
use crate::profile::{Finding, Profile};
use std::ops::Range;

/// Rates of AAC whose coding cannot be told apart (ISO/IEC 14496-3, tables
/// 4.129 and on: they share their scale factor bands), hertz.
const ALIKE: [&[u32]; 3] = [
    &[48_000, 44_100, 32_000],
    &[24_000, 22_050],
    &[16_000, 12_000, 11_025],
];

/// Frame rates of cameras: their ratios are no sign of another rate of sound.
const FRAME_RATES: [f64; 11] = [
    5.0, 10.0, 12.0, 12.5, 15.0, 20.0, 24.0, 25.0, 30.0, 50.0, 60.0,
];

/// How near a ratio must be.
const NEAR: f64 = 0.025;

/// Seconds that each part must last.
const LEAST: f64 = 3.0;

/// The rate at which a track of sound runs beside the pictures, and that of the
/// reference, hertz, if they differ beyond doubt: in both halves alike, and by a
/// ratio that no two frame rates have.
pub(crate) fn other_rate(found: &Found, profile: &Profile) -> Option<(u32, u32)> {
    let video = profile.leader();
    let pictures = profile.tracks.get(video).filter(|t| t.is_video)?;
    if !pictures.durations.is_constant() || pictures.finding != Finding::Syntax {
        return None;
    }
    let of = profile.tracks.iter().zip(&profile.movie.tracks).enumerate();
    let mut sound = of.filter(|(_, (t, track))| {
        let kind = track
            .descriptions
            .first()
            .map(tapo_movie::SampleDescription::kind);
        t.finding == Finding::Syntax && kind.is_some_and(|k| k == b"mp4a")
    });
    let (audio, (_, track)) = sound.next()?;
    // With several the order says nothing of one.
    if sound.next().is_some() {
        return None;
    }
    let rate = track.descriptions.first()?.sample_rate()?;
    let alike = ALIKE.iter().find(|group| group.contains(&rate))?;
    let each = [seconds(profile, video)?, seconds(profile, audio)?];
    let row = longest(found);
    let middle = row.start + row.len() / 2;
    let ratio = |part| ratio(found, part, video, &[audio], each, NEAR);
    let (a, b) = (ratio(row.start..middle)?, ratio(middle..row.end)?);
    let other = |true_rate: &&u32| {
        let expected = f64::from(**true_rate) / f64::from(rate);
        let near = |r: f64| (r / expected - 1.0).abs() < NEAR;
        **true_rate != rate && near(a) && near(b) && !is_of_frames(expected)
    };
    alike.iter().find(other).map(|found| (*found, rate))
}

/// The same, where whole multiples are looked for.
const COARSE: f64 = 0.1;

/// How many times as long as the pictures the tracks of a group last together, by the
/// numbers of the reference: the same in both halves, or `None`.
pub(super) fn beside(found: &Found, profile: &Profile, group: &[usize]) -> Option<f64> {
    let video = profile.leader();
    let pictures = profile.tracks.get(video).filter(|t| t.is_video)?;
    if !pictures.durations.is_constant() {
        return None;
    }
    let each = [seconds(profile, video)?, seconds(profile, *group.first()?)?];
    let row = longest(found);
    let middle = row.start + row.len() / 2;
    let ratio = |part| ratio(found, part, video, group, each, COARSE);
    let (a, b) = (ratio(row.start..middle)?, ratio(middle..row.end)?);
    let tracks = group.len().max(1) as f64;
    ((a / b - 1.0).abs() < COARSE).then(|| a / tracks)
}

/// How long a sample of a track of the reference lasts.
fn seconds(profile: &Profile, track: usize) -> Option<f64> {
    let usual = profile.tracks.get(track)?.durations.usual;
    let scale = profile.movie.tracks.get(track)?.timescale;
    Some(f64::from(usual) / f64::from(scale.max(1)))
}

/// Whether two frame rates have this ratio.
fn is_of_frames(ratio: f64) -> bool {
    let near = |a: f64, b: f64| (a / b / ratio - 1.0).abs() < NEAR;
    FRAME_RATES
        .iter()
        .any(|a| FRAME_RATES.iter().any(|b| near(*a, *b)))
}

/// The longest stretch, as a range of items.
pub(super) fn longest(found: &Found) -> Range<usize> {
    let rows = found.rows().map(|(_, row)| row);
    rows.max_by_key(ExactSizeIterator::len).unwrap_or_default()
}

/// How long the sound lasts beside the pictures, by the numbers of the reference, to
/// within `near`; `None` if the row is too short, or its parts too coarse, to say.
fn ratio(
    found: &Found,
    row: Range<usize>,
    video: usize,
    sound: &[usize],
    each: [f64; 2],
    near: f64,
) -> Option<f64> {
    let is_sound = |item: Item| sound.contains(&usize::from(item.track));
    let items = || found.items.range(row.clone());
    let first = items().position(is_sound)?;
    let last = items().rposition(is_sound)?;
    let (mut pictures, mut frames) = (0_u32, 0_u32);
    let (mut run, mut longest) = (0_u32, 0_u32);
    for item in items().take(last).skip(first) {
        if usize::from(item.track) == video {
            pictures += 1;
            run += 1;
            longest = longest.max(run);
        } else if is_sound(item) {
            frames += 1;
            run = 0;
        }
    }
    let shown = f64::from(pictures) * each[0];
    let coarse = f64::from(longest) * each[0] * 2.0;
    (shown >= LEAST && coarse < near * shown).then(|| f64::from(frames) * each[1] / shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_of_sound_are_told_from_rates_of_pictures() {
        assert!(!is_of_frames(44_100.0 / 48_000.0));
        assert!(!is_of_frames(32_000.0 / 44_100.0));
        // 30 pictures a second instead of 20 look the same.
        assert!(is_of_frames(48_000.0 / 32_000.0));
    }
}
