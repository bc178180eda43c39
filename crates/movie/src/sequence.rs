//! The order in which fragments follow each other by their own times.

use crate::{Fragment, Movie, Result, Sample, SampleTable, TrackFragment, moof};
use std::borrow::Borrow;
use std::collections::HashMap;

/// Fragments in order of time, where that is not the order of the file.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Sequence {
    /// Places of the fragments in the file's list, in order of time.
    pub order: Vec<usize>,
    /// Those that say again what another one in front of them says: its place,
    /// and that of the other.
    pub repeats: Vec<(usize, usize)>,
}

impl Sequence {
    /// The order in which all fragments follow each other on every track, those
    /// that repeat others left out; `None` if that is the order of the file, or
    /// if there is none.
    #[must_use]
    pub fn of<F: Borrow<Fragment>>(fragments: &[F]) -> Option<Self> {
        let fragments: Vec<&Fragment> = fragments.iter().map(Borrow::borrow).collect();
        let fragments = fragments.as_slice();
        let mut sequence = Self::default();
        let mut seen: HashMap<Key, usize> = HashMap::new();
        for (place, fragment) in fragments.iter().enumerate() {
            let other = key(fragment).map(|key| *seen.entry(key).or_insert(place));
            let same = |other: &usize| {
                let says = |f: &Fragment| f.tracks.iter().map(said).collect::<Vec<_>>();
                *other != place && fragments.get(*other).map(|f| says(f)) == Some(says(fragment))
            };
            match other.filter(same) {
                Some(other) => sequence.repeats.push((place, other)),
                None => sequence.order.push(place),
            }
        }
        if !follow(fragments, &sequence.order) {
            let leader = fragments.iter().find_map(|f| key(f))?.0;
            let mut time = 0;
            let mut times = Vec::with_capacity(sequence.order.len());
            for place in &sequence.order {
                let parts = fragments.get(*place).map_or(&[][..], |f| &f.tracks);
                // One that holds nothing of it stays behind the one in front of it.
                let own = parts.iter().find(|p| p.track_id == leader);
                time = own.and_then(|p| p.base_media_decode_time).unwrap_or(time);
                times.push((time, *place));
            }
            times.sort_by_key(|(time, _)| *time);
            sequence.order = times.into_iter().map(|(_, place)| place).collect();
            if !follow(fragments, &sequence.order) {
                return None;
            }
        } else if sequence.repeats.is_empty() {
            return None;
        }
        Some(sequence)
    }

    /// Puts the samples of the movie that was read with these fragments into
    /// this order; those of repeated fragments are left out.
    ///
    /// # Errors
    /// [`Error::TooManySamples`](crate::Error::TooManySamples).
    pub fn apply(&self, movie: &mut Movie, fragments: &[Fragment]) -> Result<()> {
        for track in &mut movie.tracks {
            let samples: Vec<Sample> = track.samples.iter().collect();
            let id = track.header.id;
            let own = |f: &Fragment| {
                let parts = f.tracks.iter().filter(|p| p.track_id == id && f.whole);
                parts.cloned().collect::<Vec<_>>()
            };
            let firsts = fragments.iter().flat_map(own).map(|p| p.first_sample);
            let first = firsts.min().map_or(samples.len(), |n| n as usize - 1);
            let mut table = SampleTable::default();
            table.start = track.samples.start;
            for sample in samples.iter().take(first) {
                append(&mut table, sample, sample.duration)?;
            }
            let mut end = table.end();
            let order = self.order.iter().filter_map(|p| fragments.get(*p));
            for part in order.flat_map(own) {
                let from = part.first_sample as usize - 1;
                let run = samples.get(from..from.saturating_add(part.samples as usize));
                let Some((last, others)) = run.and_then(<[Sample]>::split_last) else {
                    continue;
                };
                if let Some(time) = part.base_media_decode_time {
                    moof::seek(&mut table, &mut end, time);
                }
                let mut left = part.duration;
                for sample in others {
                    append(&mut table, sample, sample.duration)?;
                    left = left.saturating_sub(sample.duration.into());
                }
                // What follows it now is not what it was stretched to.
                append(&mut table, last, u32::try_from(left).unwrap_or(u32::MAX))?;
                end = end.saturating_add(part.duration);
            }
            track.samples = table;
        }
        Ok(())
    }
}

fn append(table: &mut SampleTable, sample: &Sample, duration: u32) -> Result<()> {
    table.start_chunk(sample.span.start, sample.description);
    let size = u32::try_from(sample.span.len()).unwrap_or(u32::MAX);
    table.push(size, duration, sample.composition_offset, sample.sync)
}

/// Track, time, duration and bytes: of one-sample fragments whose writer guessed, two may start at a time.
type Key = (u32, u64, u64, u64);

/// Where a fragment starts: its first track, and the time on it.
fn key(fragment: &Fragment) -> Option<Key> {
    let first = fragment.tracks.first().filter(|_| fragment.whole)?;
    let time = first.base_media_decode_time?;
    (first.samples > 0).then_some((first.track_id, time, first.duration, first.bytes))
}

type Said = (u32, Option<u64>, u32, u64, u64);

const fn said(part: &TrackFragment) -> Said {
    (
        part.track_id,
        part.base_media_decode_time,
        part.samples,
        part.duration,
        part.bytes,
    )
}

/// Whether no fragment starts well before the end of the one in front of it.
fn follow(fragments: &[&Fragment], order: &[usize]) -> bool {
    let mut ends: HashMap<u32, (u64, u64)> = HashMap::new();
    let parts = order.iter().filter_map(|place| fragments.get(*place));
    for part in parts.flat_map(|f| &f.tracks) {
        let Some(start) = part.base_media_decode_time else {
            continue;
        };
        let end = start.saturating_add(part.duration);
        let before = ends.insert(part.track_id, (end, part.duration));
        // Some writers round; none so that an eighth of a fragment is shared.
        if before.is_some_and(|(end, lasts)| start.saturating_add(lasts / 8) < end) {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use tapo_io::Span;

    fn fragments(starts: &[(u64, u64)]) -> Vec<Fragment> {
        let of = |(place, (video, audio)): (usize, &(u64, u64))| Fragment {
            sequence_number: None,
            moof: Span::at(place as u64 * 1000, 100),
            whole: true,
            tracks: [(1, *video, 100), (2, *audio, 90)]
                .map(|(track_id, start, duration)| TrackFragment {
                    track_id,
                    base_media_decode_time: Some(start),
                    first_sample: 1,
                    samples: 10,
                    duration,
                    bytes: 500 + start,
                })
                .to_vec(),
        };
        starts.iter().enumerate().map(of).collect()
    }

    #[test]
    fn swapped_and_repeated_fragments_are_put_in_order() {
        let order = |starts: &[(u64, u64)]| Sequence::of(&fragments(starts));
        assert_eq!(order(&[(0, 0), (100, 90), (300, 270)]), None);
        let swapped = order(&[(0, 0), (200, 180), (100, 90), (300, 270)]).unwrap();
        assert_eq!(swapped.order, [0, 2, 1, 3]);
        assert_eq!(swapped.repeats, []);
        let repeated = order(&[(0, 0), (100, 90), (0, 0), (200, 180), (100, 90)]).unwrap();
        assert_eq!(repeated.order, [0, 1, 3]);
        assert_eq!(repeated.repeats, [(2, 0), (4, 1)]);
    }

    #[test]
    fn fragments_that_start_alike_and_last_unlike_are_no_repetitions() {
        let mut all = fragments(&[(0, 0), (100, 90), (100, 90)]);
        for (fragment, duration) in all.iter_mut().skip(1).zip([0, 100]) {
            fragment.tracks.truncate(1);
            fragment.tracks[0].duration = duration;
        }
        assert_eq!(Sequence::of(&all), None);
        let twice = [all.clone(), all].concat();
        let sequence = Sequence::of(&twice).unwrap();
        assert_eq!(sequence.order, [0, 1, 2]);
        assert_eq!(sequence.repeats, [(3, 0), (4, 1), (5, 2)]);
    }

    #[test]
    fn a_time_that_is_wrong_on_one_track_is_no_order() {
        let wrong = fragments(&[(0, 0), (100, 90), (30, 180), (300, 270)]);
        assert_eq!(Sequence::of(&wrong), None);
    }
}
