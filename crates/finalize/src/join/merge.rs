//! The samples of all recordings in one movie.

use super::fit::{Fit, Whole};
use super::lane::Nanos;
use super::layout::Places;
use super::parts::Part;
use super::seam::Placed;
use super::splice::{Piece, Source, Splice};
use crate::entry::number_of;
use crate::layout::{REVEAL, UNDO};
use crate::prepare::prepare;
use crate::{Error, Result};
use tapo_movie::{Edit, Movie, SampleTable, Track};

/// All recordings in one movie.
#[derive(Debug, Default)]
pub(super) struct Merged {
    pub(super) movie: Movie,
    /// By part: packets that are left out where it begins, of its own and of the part before it.
    pub(super) left_out: Vec<u32>,
}

/// Puts the samples one behind the other; chunk offsets are those of `places`.
pub(super) fn merge(parts: &[Part], seams: &[Placed], places: &Places) -> Result<Merged> {
    let fit = Fit::of(parts)?;
    let Some(first) = parts.first() else {
        return Ok(Merged::default());
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
    let mut left_out = vec![0; parts.len()];
    for (number, whole) in movie.tracks.iter_mut().enumerate() {
        let mut sources = Vec::new();
        for (index, (part, seam)) in parts.iter().zip(seams).enumerate() {
            let to = fit.to.get(index).map_or(&[][..], |to| to);
            for ((track, lane), to) in part.movie.tracks.iter().zip(&part.lanes).zip(to) {
                if *to == number {
                    sources.push(Source {
                        part: index,
                        track,
                        lane,
                        at: seam.at - zero,
                        path: part.path(),
                    });
                }
            }
        }
        let splice = Splice::of(&sources, whole.timescale)?;
        begin(whole, splice.first);
        for (source, piece) in sources.iter().zip(&splice.pieces) {
            go_on(whole, source, piece.gap)?;
            append(whole, source, piece, places)?;
            if let Some(left_out) = left_out.get_mut(source.part) {
                *left_out += piece.left_out;
            }
        }
    }
    movie.header.next_track_id = u32::try_from(movie.tracks.len() + 1).unwrap_or(u32::MAX);
    let movie = prepare(movie, first.path())?;
    Ok(Merged { movie, left_out })
}

/// What becomes the beginning: never later than the first sample, so that a day
/// that was counted from 1970 on does not begin with half a century of nothing. One
/// recording keeps its own times, as it does without joining.
fn zero(parts: &[Part], seams: &[Placed]) -> Nanos {
    if parts.len() == 1 {
        return 0;
    }
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

/// Makes the first sample of a track be decoded at this tick of the common timeline.
fn begin(whole: &mut Track, first: i128) {
    // `prepare` makes an empty edit of a late start.
    whole.samples.start = u64::try_from(first).unwrap_or(0);
    let skipped = u64::try_from(-first).unwrap_or(0);
    whole.edits = match skipped {
        0 => Vec::new(),
        skipped => vec![Edit::media(0, skipped)],
    };
}

/// Makes the last sample that is there last until the next is due.
fn go_on(whole: &mut Track, source: &Source<'_>, gap: i64) -> Result<()> {
    let durations = &mut whole.samples.durations;
    let does_not_fit = |why: &str| Error::DoesNotFit {
        path: source.path.to_owned(),
        why: why.to_owned(),
    };
    match u64::try_from(gap) {
        Ok(0) => Ok(()),
        Ok(gap) => durations.lengthen_last(gap).ok_or_else(|| {
            does_not_fit(
                "begins so long after the recording before it that the time between cannot be \
                 said in one file; leave it out with `--gaps close`",
            )
        }),
        Err(_) if durations.shorten_end(gap.unsigned_abs()) > 0 => Err(does_not_fit(
            "begins before the recording before it ends, which is shorter than that",
        )),
        Err(_) => Ok(()),
    }
}

/// Appends the samples of a source that are taken.
fn append(whole: &mut Track, source: &Source<'_>, piece: &Piece, places: &Places) -> Result<()> {
    let (track, index) = (source.track, source.part);
    let known = &mut whole.descriptions;
    let numbers = track.descriptions.iter().map(|d| number_of(known, d));
    let descriptions: Vec<u32> = numbers.collect();
    let times = whole.timescale / track.timescale.max(1);
    let scaled = |n: i64| n.saturating_mul(i64::from(times));
    let taken = track.samples.iter().skip(piece.skip as usize);
    for sample in taken.take(piece.take as usize) {
        let number = sample.description.saturating_sub(1) as usize;
        let description = descriptions.get(number).copied().unwrap_or(1);
        let offset = places.moved(index, sample.span);
        let lasts = u32::try_from(scaled(sample.duration.into())).unwrap_or(u32::MAX);
        let composed = scaled(sample.composition_offset.into()).saturating_add(piece.shift);
        let composed = composed.clamp(i32::MIN.into(), i32::MAX.into());
        let size = u32::try_from(sample.span.len()).unwrap_or(u32::MAX);
        whole.samples.start_chunk(offset, description);
        let composed = i32::try_from(composed).unwrap_or(0);
        whole.samples.push(size, lasts, composed, sample.sync)?;
    }
    Ok(())
}
