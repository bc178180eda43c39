//! Whether a reference stands in for the lost `moov` of a fragmented file.

use super::described_track;
use crate::basis::view::View;
use crate::profile::{Finding, Profile, Reference};
use crate::{Error, Result};
use tapo_movie::{Movie, Track};

/// Refuses a reference in place of the lost `moov` of a fragmented file, where its
/// fragments speak of other samples.
///
/// # Errors
/// [`Error::ReferenceDiffers`].
pub(crate) fn check(view: View<'_>, reference: &Reference) -> Result<()> {
    let profile = &reference.profile;
    let tracks = view.tracks(profile)?;
    let mut differences = Vec::new();
    let unknown: Vec<_> = tracks.unknown.iter().map(u32::to_string).collect();
    if !unknown.is_empty() {
        differences.push(format!(
            "its fragments speak of track {}, which the reference does not have",
            unknown.join(" and ")
        ));
    }
    for (index, share) in tracks.unlike {
        let id = profile.movie.tracks.get(index).map_or(0, |t| t.header.id);
        differences.push(format!(
            "{:.0} % of the samples of track {id} can be read as those of {}",
            share * 100.0,
            described_track(profile, index).unwrap_or_default()
        ));
    }
    differences.extend(sizes(&tracks.movie, profile));
    differences.extend(units(&tracks.movie, profile));
    if differences.is_empty() {
        return Ok(());
    }
    Err(Error::ReferenceDiffers {
        path: view.path().to_owned(),
        reference: reference.path.clone(),
        differences,
    })
}

/// Samples of a track that are looked at.
const SAMPLES: usize = 100;

/// How far the bytes of a tick may be apart: rates that are in use differ by more.
const APART: f64 = 0.03;

/// Tracks of constant-rate sound whose samples have other sizes than their durations ask for.
fn sizes(movie: &Movie, profile: &Profile) -> Vec<String> {
    let tracks = movie.tracks.iter().zip(&profile.tracks).enumerate();
    let words = tracks.filter_map(|(index, (track, of))| {
        let Finding::Frames { bytes } = of.finding else {
            return None;
        };
        let usual = of.tick_bytes?;
        let (mut right, mut all) = (0, 0);
        // The last one of a fragment may be stretched over a gap.
        for sample in track.samples.iter().take(SAMPLES) {
            let expected = usual * f64::from(sample.duration);
            let apart = (sample.span.len() as f64 - expected).abs();
            right += usize::from(apart <= (expected * APART).max(f64::from(bytes)));
            all += 1;
        }
        (right * 2 < all).then(|| {
            format!(
                "the samples of track {} are not as long as {} of that duration would be",
                track.header.id,
                described_track(profile, index).unwrap_or_default()
            )
        })
    });
    words.collect()
}

/// Seconds from which on the times of tracks are compared.
const LEAST: f64 = 3.0;

/// How many times as long as another a track may last.
const LONGER: f64 = 1.5;

/// Pictures a second that cameras make.
const RATES: std::ops::RangeInclusive<f64> = 0.9..=240.5;

/// Whether tracks count time in other units than the reference: then they last longer or
/// shorter than each other, or have a frame rate that no camera has.
fn units(movie: &Movie, profile: &Profile) -> Option<String> {
    // One may begin later than another, or end before it.
    let tracks = || movie.tracks.iter().filter(|t| !t.samples.is_empty());
    let from = tracks().filter_map(|t| Some(t.samples.chunks.first()?.offset));
    let to = tracks().filter_map(|t| Some(t.samples.chunks.last()?.offset));
    let together = from.max()?..to.min()?;
    let lasts = |track: &Track| {
        let samples = track.samples.iter();
        let samples = samples.filter(|s| together.contains(&s.span.start));
        seconds(samples.map(|s| u64::from(s.duration)).sum(), track)
    };
    let all: Vec<(f64, &Track)> = tracks().map(|t| (lasts(t), t)).collect();
    let (short, brief) = all.iter().min_by(|a, b| a.0.total_cmp(&b.0))?;
    let (long, _) = all.iter().max_by(|a, b| a.0.total_cmp(&b.0))?;
    if *short > 0.0 && *long >= LEAST && *long > short * LONGER {
        return Some(format!(
            "in the units of the reference (1/{} s) track {} lasts {short:.1} s beside {long:.1} s of another",
            brief.timescale, brief.header.id
        ));
    }
    let (track, of) = movie
        .tracks
        .iter()
        .zip(&profile.tracks)
        .find(|(_, t)| t.is_video)?;
    let usual = track.samples.iter().nth(1)?.duration;
    let rate = 1.0 / seconds(usual.into(), track);
    (of.durations.is_constant() && usual != of.durations.usual && !is_rate(rate)).then(|| {
        format!(
            "in the units of the reference (1/{} s) it has {rate:.2} pictures a second",
            track.timescale
        )
    })
}

/// Whether it is a whole number of pictures a second, or as broadcasters count them.
fn is_rate(rate: f64) -> bool {
    let near = |rate: f64| (rate - rate.round()).abs() < 0.02;
    RATES.contains(&rate) && (near(rate) || near(rate * 2.0) || near(rate * 1.001))
}

fn seconds(ticks: u64, track: &Track) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a ratio")]
    let ticks = ticks as f64;
    ticks / f64::from(track.timescale.max(1))
}
