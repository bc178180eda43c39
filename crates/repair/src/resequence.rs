//! Fragments that stand in another order than that of their times.

use crate::Result;
use tapo_io::{ByteSource, Span};
use tapo_movie::{Fragment, Movie, Sample, Sequence};

/// What was said again.
#[derive(Debug, Default)]
pub(crate) struct Repeated {
    /// The bytes of repetitions: they are media, and left out.
    pub(crate) bytes: Vec<Span>,
    /// Samples of which a repetition holds other bytes: which of them are right, nothing says.
    pub(crate) doubted: Vec<Span>,
}

/// Puts the samples of a fragmented movie in order of time, as far as its
/// fragments are whole, and swapped or repeated, and stand in front of their own
/// media data.
///
/// # Errors
/// The source fails.
pub(crate) fn by_time(
    source: &dyn ByteSource,
    movie: &mut Movie,
    fragments: &[Fragment],
) -> Result<Repeated> {
    let mut repeated = Repeated::default();
    let Some(sequence) = Sequence::of(fragments).filter(|_| are_whole(movie, fragments)) else {
        return Ok(repeated);
    };
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
                repeated.bytes.push(own.span);
                if !is_same {
                    repeated.doubted.push(other.span);
                }
            }
        }
    }
    sequence.apply(movie, fragments)?;
    Ok(repeated)
}

/// Whether each fragment stands together with its data: in front of the next one. Where places
/// count from the beginning of the file, they are those of another order.
fn are_whole(movie: &Movie, fragments: &[Fragment]) -> bool {
    let ends = fragments.iter().skip(1).map(|f| f.moof.start);
    let ends: Vec<u64> = ends.chain([u64::MAX]).collect();
    movie.tracks.iter().all(|track| {
        let mut samples = track.samples.iter().peekable();
        fragments.iter().zip(&ends).all(|(fragment, end)| {
            let parts = fragment
                .tracks
                .iter()
                .filter(|p| fragment.whole && p.track_id == track.header.id);
            parts.into_iter().all(|part| {
                while samples.next_if(|s| s.number < part.first_sample).is_some() {}
                let behind = part.first_sample.saturating_add(part.samples);
                let mut own = std::iter::from_fn(|| samples.next_if(|s| s.number < behind));
                own.all(|s| s.span.start > fragment.moof.start && s.span.end <= *end)
            })
        })
    })
}
