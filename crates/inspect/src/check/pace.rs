//! How long samples last, against what their coding and the edit list allow.

use super::spots::TrackSpots;
use crate::saved::is_stated;
use crate::{Finding, Problem};
use tapo_movie::{Movie, Track, rescale};

/// Samples below which a track says too little.
const SOME: u32 = 10;

/// Samples of a frame of AAC: 1024, and 2048 where its bandwidth is doubled (ISO/IEC 14496-3 §4.5.1.1, §4.6.18).
const FRAME: u64 = 1024;

pub(super) fn check(track: &Track, movie: &Movie, spots: &TrackSpots) -> Option<Finding> {
    let samples = &track.samples;
    let usual = samples.durations.runs().iter().max_by_key(|(n, _)| *n)?.1;
    if samples.len() < SOME || usual == 0 || track.timescale == 0 {
        return None;
    }
    let listed = rescale(usual.into(), track.timescale, 1_000_000);
    let wanted = coded(track, listed)
        .or_else(|| shown(track, movie, listed))
        .or_else(|| headed(track, movie, listed))?;
    let problem = Problem::ClockDisagrees { listed, wanted };
    let span = spots.hull(&[b"mdhd", b"stsd"]);
    Some(Finding::new(problem).on(track.header.id).at(span))
}

/// Microseconds that a frame of AAC lasts, if that is another time. Frames of 960 samples, and sound that was cut
/// or stretched a little, are near enough.
fn coded(track: &Track, listed: u64) -> Option<u64> {
    let description = track.descriptions.first()?;
    let boxes = description.entry.children();
    let boxes: Vec<_> = boxes.map(|(k, b)| (k.0, b)).collect();
    let said = tapo_codec::describe(description.kind().0, &boxes);
    // AAC LC, SBR and PS (14496-3 table 1.17): others have frames of other lengths.
    let plain = ["mp4a.40.2", "mp4a.40.5", "mp4a.40.29"];
    let rate = said.sample_rate.filter(|r| *r > 0)?;
    if !plain.contains(&said.codec_string.as_str()) || said.defect.is_some() {
        return None;
    }
    let frame = FRAME * 1_000_000 / u64::from(rate);
    let near = |frame: u64| listed * 5 >= frame * 4 && listed * 4 <= frame * 5;
    (!near(frame) && !near(frame * 2)).then_some(frame)
}

/// How many times as long as its samples a track may last by its header.
const STRETCH: u64 = 16;

/// Microseconds that a sample would last for the track to be as long as its header and its edit list say, both of
/// which the samples contradict.
fn headed(track: &Track, movie: &Movie, listed: u64) -> Option<u64> {
    let samples = &track.samples;
    let scale = movie.header.timescale;
    let edits = track.edits.iter().filter(|e| e.media_time.is_some());
    let shown = edits.map(|e| e.duration).reduce(u64::saturating_add);
    let header = track.header.declared_duration;
    let stated = shown.unwrap_or(header).min(header);
    let most = rescale(samples.duration(), track.timescale, 1_000_000).saturating_mul(STRETCH);
    let whole = rescale(stated, scale, 1_000_000);
    let pictures = track.is_video() || track.is_audio();
    let wanted = whole / u64::from(samples.len()).max(1);
    // Without a clock of the movie its headers say nothing.
    let stretched =
        scale > 0 && is_stated(header) && whole > most && whole > 1_000_000 && wanted > listed;
    (pictures && stretched).then_some(wanted)
}

/// Microseconds that the edit list shows of all samples, if one of them lasts longer.
fn shown(track: &Track, movie: &Movie, listed: u64) -> Option<u64> {
    let edits = track.edits.iter().filter(|e| e.media_time.is_some());
    let ticks = edits.map(|e| e.duration).reduce(u64::saturating_add)?;
    let shown = rescale(ticks, movie.header.timescale, 1_000_000);
    let pictures = track.is_video() || track.is_audio();
    (pictures && shown > 0 && shown < listed).then_some(shown)
}
