//! The samples of all recordings in one movie.

use super::fit::{Fit, Whole};
use super::lane::{Lane, Nanos, OVERLAP, duration, ticks};
use super::layout::Places;
use super::parts::Part;
use super::seam::Placed;
use crate::entry::number_of;
use crate::layout::{REVEAL, UNDO};
use crate::prepare::prepare;
use crate::{Error, Result};
use std::path::Path;
use tapo_movie::{Edit, Movie, SampleTable, Track};

/// Puts the samples one behind the other; chunk offsets are those of `places`.
pub(super) fn merge(parts: &[Part], seams: &[Placed], places: &Places) -> Result<Movie> {
    let fit = Fit::of(parts)?;
    let Some(first) = parts.first() else {
        return Ok(Movie::default());
    };
    let mut movie = Movie {
        tracks: fit.tracks.iter().map(|whole| empty(whole, parts)).collect(),
        ..first.movie.clone()
    };
    // How to take back what was done to a part does not hold for the whole.
    movie.other.retain(|raw| {
        let user_type = raw.user_data().map(|(user_type, _)| *user_type);
        user_type != Some(REVEAL) && user_type != Some(UNDO)
    });
    for (id, track) in (1..).zip(&mut movie.tracks) {
        track.header.id = id;
    }
    let zero = zero(parts, seams);
    for (index, (part, seam)) in parts.iter().zip(seams).enumerate() {
        let to = fit.to.get(index).map_or(&[][..], |to| to);
        for ((track, lane), to) in part.movie.tracks.iter().zip(&part.lanes).zip(to) {
            if let Some(whole) = movie.tracks.get_mut(*to) {
                begin(whole, lane, seam.at - zero, part.path())?;
                append(whole, track, index, places)?;
            }
        }
    }
    movie.header.next_track_id = u32::try_from(movie.tracks.len() + 1).unwrap_or(u32::MAX);
    prepare(movie, first.path())
}

/// What becomes the beginning: never later than the first sample, so that a day
/// that was counted from 1970 on does not begin with half a century of nothing.
fn zero(parts: &[Part], seams: &[Placed]) -> Nanos {
    let lanes = |(part, seam): (&Part, &Placed)| {
        let at = seam.at;
        let firsts: Vec<Nanos> = part.lanes.iter().map(|l| at + l.first).collect();
        firsts
    };
    let firsts = parts.iter().zip(seams).flat_map(lanes);
    firsts.min().unwrap_or(0).max(0)
}

/// A track of the whole without samples.
fn empty(whole: &Whole, parts: &[Part]) -> Track {
    let (part, track) = whole.like;
    let like = parts.get(part).and_then(|p| p.movie.tracks.get(track));
    Track {
        timescale: whole.timescale,
        samples: SampleTable::default(),
        edits: Vec::new(),
        descriptions: Vec::new(),
        ..like.cloned().unwrap_or_default()
    }
}

/// Makes the samples that are there last until those of a part whose timeline
/// begins at `at`.
fn begin(whole: &mut Track, lane: &Lane, at: Nanos, path: &Path) -> Result<()> {
    let first = ticks(at + lane.first, whole.timescale);
    if whole.samples.is_empty() {
        // `prepare` makes an empty edit of a late start.
        whole.samples.start = u64::try_from(first).unwrap_or(0);
        let skipped = u64::try_from(-first).unwrap_or(0);
        whole.edits = match skipped {
            0 => Vec::new(),
            skipped => vec![Edit::media(0, skipped)],
        };
        return Ok(());
    }
    let skipped = whole.edits.first().and_then(|e| e.media_time);
    let origin = i128::from(whole.samples.start) - i128::from(skipped.unwrap_or(0));
    let end = origin + i128::from(whole.samples.duration());
    let does_not_fit = |why| {
        let path = path.to_owned();
        Error::DoesNotFit { path, why }
    };
    match u64::try_from(first - end) {
        Ok(gap) => whole.samples.durations.lengthen_last(gap).ok_or_else(|| {
            does_not_fit(
                "begins so long after the recording before it that the time between cannot be \
                 said in one file; leave it out with `--gaps close`"
                    .to_owned(),
            )
        }),
        Err(_) => {
            let by = u64::try_from(end - first).unwrap_or(u64::MAX);
            let time = super::lane::nanos(i128::from(by), whole.timescale);
            if time > OVERLAP || whole.samples.durations.shorten_end(by) > 0 {
                let by = duration(time).as_secs_f64();
                let kind = if whole.is_video() { "picture" } else { "sound" };
                return Err(does_not_fit(format!(
                    "its {kind} begins {by:.3} s before that of the recording before it ends"
                )));
            }
            Ok(())
        }
    }
}

/// Appends the samples of a track, which is one of part `index`.
fn append(whole: &mut Track, track: &Track, index: usize, places: &Places) -> Result<()> {
    let known = &mut whole.descriptions;
    let numbers = track.descriptions.iter().map(|d| number_of(known, d));
    let descriptions: Vec<u32> = numbers.collect();
    let times = whole.timescale / track.timescale.max(1);
    let scaled = |n: i64| n.saturating_mul(i64::from(times));
    for sample in &track.samples {
        let number = sample.description.saturating_sub(1) as usize;
        let description = descriptions.get(number).copied().unwrap_or(1);
        let offset = places.moved(index, sample.span);
        let lasts = u32::try_from(scaled(sample.duration.into())).unwrap_or(u32::MAX);
        let composed = scaled(sample.composition_offset.into());
        let composed = composed.clamp(i32::MIN.into(), i32::MAX.into());
        let size = u32::try_from(sample.span.len()).unwrap_or(u32::MAX);
        whole.samples.start_chunk(offset, description);
        let composed = i32::try_from(composed).unwrap_or(0);
        whole.samples.push(size, lasts, composed, sample.sync)?;
    }
    Ok(())
}
