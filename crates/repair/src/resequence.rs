//! Fragments that stand in another order than that of their times.

use crate::Result;
use tapo_io::{ByteSource, Span};
use tapo_movie::{Fragment, Movie, Sample, Sequence};

/// Puts the samples of a fragmented movie in order of time, as far as its
/// fragments are whole, and swapped or repeated. Returns the bytes of the
/// repetitions: they are media, and the same as others.
///
/// # Errors
/// The source fails.
pub(crate) fn by_time(
    source: &dyn ByteSource,
    movie: &mut Movie,
    fragments: &[Fragment],
) -> Result<Vec<Span>> {
    let Some(sequence) = Sequence::of(fragments) else {
        return Ok(Vec::new());
    };
    let mut same = Vec::new();
    for track in &movie.tracks {
        let samples: Vec<Sample> = track.samples.iter().collect();
        let part = |place: usize| {
            let parts = &fragments.get(place)?.tracks;
            let part = parts.iter().find(|p| p.track_id == track.header.id)?;
            let from = (part.first_sample as usize).checked_sub(1)?;
            samples.get(from..from.saturating_add(part.samples as usize))
        };
        for (place, of) in &sequence.repeats {
            let (Some(own), Some(other)) = (part(*place), part(*of)) else {
                continue;
            };
            for (own, other) in own.iter().zip(other) {
                let is_same = own.span.len() == other.span.len()
                    && source.read_span(own.span)? == source.read_span(other.span)?;
                if !is_same {
                    // Only one of the two can be right: which, their times do not say.
                    return Ok(Vec::new());
                }
                same.push(own.span);
            }
        }
    }
    sequence.apply(movie, fragments)?;
    Ok(same)
}
