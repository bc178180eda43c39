//! Fragments whose samples last something else than the next fragment, and all others, say.

use crate::{Note, Result};
use std::collections::HashMap;
use tapo_movie::{Fragment, Movie, Runs, Sequence};

/// What a fragment says of a track.
struct Part {
    /// Fragment, and part of it.
    place: (usize, usize),
    time: u64,
    lasts: u64,
    /// Number of the first sample, from 1 on, and how many.
    first: u32,
    samples: u32,
}

impl Part {
    /// How long each of its samples lasts, if it is a whole number.
    fn each(&self) -> Option<u64> {
        let samples = u64::from(self.samples);
        (samples > 0 && self.lasts.is_multiple_of(samples)).then(|| self.lasts / samples)
    }
}

/// Fragments that a usual duration is learnt from, at least.
const LEAST: usize = 3;

/// Gives the samples of single fragments the duration that those of the others have, where the next fragment begins when they
/// would end then, and not as they say.
///
/// # Errors
/// Too many samples.
pub(super) fn put_right(movie: &mut Movie, fragments: &mut [Fragment]) -> Result<Vec<Note>> {
    let mut notes = Vec::new();
    for track in &mut movie.tracks {
        let id = track.header.id;
        let parts = parts(fragments, id);
        let Some(usual) = usual(&parts) else {
            continue;
        };
        let mut wrong: Vec<&Part> = Vec::new();
        for pair in parts.windows(2) {
            let [part, next] = pair else {
                continue;
            };
            let right = usual.saturating_mul(part.samples.into());
            let gap = next.time.saturating_sub(part.time);
            if part.each().is_some_and(|each| each != usual) && gap == right {
                wrong.push(part);
            }
        }
        let Ok(usual) = u32::try_from(usual) else {
            continue;
        };
        if wrong.is_empty() {
            continue;
        }
        let mut durations = Runs::default();
        let mut ranges = wrong
            .iter()
            .map(|p| p.first..p.first.saturating_add(p.samples));
        let mut range = ranges.next();
        for sample in &track.samples {
            if range.as_ref().is_some_and(|r| r.end <= sample.number) {
                range = ranges.next();
            }
            let inside = range.as_ref().is_some_and(|r| r.contains(&sample.number));
            durations.push(1, if inside { usual } else { sample.duration });
        }
        track.samples.durations = durations;
        let wrong: Vec<_> = wrong.iter().map(|p| (p.place, p.samples)).collect();
        for ((fragment, part), samples) in wrong {
            let part = fragments
                .get_mut(fragment)
                .and_then(|f| f.tracks.get_mut(part));
            if let Some(part) = part {
                part.duration = u64::from(usual) * u64::from(samples);
            }
        }
        notes.push(Note::TimesMended {
            track: id,
            sure: true,
        });
    }
    if !notes.is_empty() {
        let sequence = Sequence {
            order: (0..fragments.len()).collect(),
            repeats: Vec::new(),
        };
        sequence.apply(movie, fragments)?;
    }
    Ok(notes)
}

/// What whole fragments say of a track.
fn parts(fragments: &[Fragment], id: u32) -> Vec<Part> {
    let mut parts = Vec::new();
    for (fragment, said) in fragments.iter().enumerate().filter(|(_, f)| f.whole) {
        for (place, part) in said.tracks.iter().enumerate() {
            if let Some(time) = part.base_media_decode_time
                && part.track_id == id
                && part.samples > 0
            {
                parts.push(Part {
                    place: (fragment, place),
                    time,
                    lasts: part.duration,
                    first: part.first_sample,
                    samples: part.samples,
                });
            }
        }
    }
    parts
}

/// How long the samples of most fragments last.
fn usual(parts: &[Part]) -> Option<u64> {
    let mut counts: HashMap<u64, usize> = HashMap::new();
    for each in parts.iter().filter_map(Part::each) {
        *counts.entry(each).or_default() += 1;
    }
    let (usual, count) = counts
        .into_iter()
        .max_by_key(|(each, count)| (*count, *each))?;
    (usual > 0 && count >= LEAST && count * 2 > parts.len()).then_some(usual)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tapo_io::Span;
    use tapo_movie::{Track, TrackFragment};

    /// Five fragments of two samples, each sample of 10 ticks but for those of the third, by its own word.
    fn lying(lasts: u32) -> (Movie, Vec<Fragment>) {
        let mut track = Track::default();
        track.header.id = 1;
        let mut fragments = Vec::new();
        for number in 0..5_u32 {
            let each = if number == 2 { lasts } else { 10 };
            for at in 0..2 {
                track.samples.start_chunk(u64::from(number * 100 + at), 1);
                track.samples.push(1, each, 0, true).unwrap();
            }
            fragments.push(Fragment {
                sequence_number: Some(number + 1),
                moof: Span::at(u64::from(number), 1),
                whole: true,
                tracks: vec![TrackFragment {
                    track_id: 1,
                    base_media_decode_time: Some(u64::from(number * 20)),
                    first_sample: number * 2 + 1,
                    samples: 2,
                    duration: u64::from(each * 2),
                    bytes: 2,
                }],
            });
        }
        let movie = Movie {
            tracks: vec![track],
            ..Movie::default()
        };
        (movie, fragments)
    }

    #[test]
    fn samples_of_one_fragment_last_what_the_next_one_says() {
        for lasts in [1, 5, 160] {
            let (mut movie, mut fragments) = lying(lasts);
            let notes = put_right(&mut movie, &mut fragments).unwrap();
            assert_eq!(notes.len(), 1, "{lasts}");
            let times: Vec<u64> = movie.tracks[0].samples.iter().map(|s| s.dts).collect();
            assert_eq!(
                times,
                (0..10).map(|n| n * 10).collect::<Vec<_>>(),
                "{lasts}"
            );
        }
        let (mut movie, mut fragments) = lying(10);
        let sound = movie.clone();
        assert!(put_right(&mut movie, &mut fragments).unwrap().is_empty());
        assert_eq!(movie, sound);
    }
}
