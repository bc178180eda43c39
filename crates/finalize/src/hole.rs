//! Time that no fragment of a recording is of: fragments are missing, or the recorder paused.

use std::time::Duration;
use tapo_movie::{Fragment, Movie, Track};

/// Shorter ones are how some recorders round, or what a late packet looks like.
const SHORTEST: Duration = Duration::from_millis(100);

/// Time within a recording that a track has no sample of, by the decode times of its fragments
/// (`tfdt`, ISO/IEC 14496-12 §8.8.12). The last sample before it stands still as long.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Hole {
    /// The track's id.
    pub track: u32,
    /// When it begins, counted from the first sample of any track.
    pub at: Duration,
    /// How long it is.
    pub lasts: Duration,
    /// How many fragments are missing there by their numbers (`mfhd`); if none is, the recorder
    /// paused.
    pub missing: u32,
}

/// Where a track has been read to.
struct Read {
    /// When its next sample is due, ticks; FFmpeg may state no duration of a single one.
    end: Option<u64>,
    /// How long samples last there, ticks.
    step: u64,
    /// The fragment before, as an index.
    fragment: usize,
}

/// Finds the holes in tracks of pictures and of sound; other tracks are sparse.
pub(crate) fn holes(fragments: &[Fragment], movie: &Movie) -> Vec<Hole> {
    let gaps = numbers_left_out(fragments);
    let mut holes = Vec::new();
    let mut first = None::<Duration>;
    for track in movie.tracks.iter().filter(|t| t.is_video() || t.is_audio()) {
        let mut read = None::<Read>;
        for (index, fragment) in fragments.iter().enumerate().filter(|(_, f)| f.whole) {
            let mut runs = fragment
                .tracks
                .iter()
                .filter(|t| t.track_id == track.header.id);
            let Some(opening) = runs.next() else { continue };
            let all = || std::iter::once(opening).chain(runs.clone());
            let lasts = all().map(|run| run.duration).fold(0, u64::saturating_add);
            let samples = all().map(|run| u64::from(run.samples)).sum::<u64>();
            let due = read.as_ref().and_then(|read| read.end).unwrap_or(0);
            let step = lasts / samples.max(1);
            let begins = opening.base_media_decode_time.unwrap_or(due);
            match &read {
                None => {
                    let at = time(begins, track);
                    first = Some(first.map_or(at, |known| known.min(at)));
                }
                Some(read) if read.end.is_some() => {
                    let gap = begins.saturating_sub(due);
                    // Samples of pictures that come as they please may be late by one.
                    let late = 2 * step.max(read.step);
                    if gap > late && time(gap, track) >= SHORTEST {
                        let numbers = |index: usize| gaps.get(index).copied().unwrap_or(0);
                        holes.push(Hole {
                            track: track.header.id,
                            at: time(due, track),
                            lasts: time(gap, track),
                            missing: numbers(index).saturating_sub(numbers(read.fragment)),
                        });
                    }
                }
                Some(_) => {}
            }
            read = Some(Read {
                end: (lasts > 0).then_some(begins.saturating_add(lasts)),
                step,
                fragment: index,
            });
        }
    }
    for hole in &mut holes {
        hole.at = hole.at.saturating_sub(first.unwrap_or_default());
    }
    holes.sort_by_key(|hole| (hole.at, hole.track));
    holes
}

/// By fragment: how many numbers were left out up to it.
fn numbers_left_out(fragments: &[Fragment]) -> Vec<u32> {
    let (mut sum, mut before) = (0_u32, None::<u32>);
    let numbers = fragments.iter().map(|fragment| {
        if let (Some(before), Some(number)) = (before, fragment.sequence_number) {
            let expected = before.saturating_add(1);
            sum = sum.saturating_add(number.saturating_sub(expected));
        }
        before = fragment.sequence_number.or(before);
        sum
    });
    numbers.collect()
}

fn time(ticks: u64, track: &Track) -> Duration {
    crate::plan::seconds(ticks, track.timescale)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tapo_bmff::FourCc;
    use tapo_io::Span;
    use tapo_movie::TrackFragment;

    /// Fragments of a second each: their numbers, and when they begin, tenths of a second.
    fn found(fragments: &[(u32, u64)], kind: [u8; 4]) -> Vec<(u64, u64, u32)> {
        lasting(500, fragments, kind)
    }

    /// The same, each of two runs of so many milliseconds.
    fn lasting(ms: u64, fragments: &[(u32, u64)], kind: [u8; 4]) -> Vec<(u64, u64, u32)> {
        let mut track = Track {
            handler: FourCc(kind),
            timescale: 1000,
            ..Track::default()
        };
        track.header.id = 1;
        let movie = Movie {
            tracks: vec![track],
            ..Movie::default()
        };
        let run = |begins, first_sample| TrackFragment {
            track_id: 1,
            base_media_decode_time: Some(begins),
            first_sample,
            samples: 5,
            duration: ms,
            bytes: 1,
        };
        let fragment = |&(number, tenths): &(u32, u64)| Fragment {
            sequence_number: (number > 0).then_some(number),
            moof: Span::at(0, 8),
            whole: true,
            // Two runs, of which each says when the first begins.
            tracks: vec![run(tenths * 100, 1), run(tenths * 100, 6)],
        };
        let fragments: Vec<_> = fragments.iter().map(fragment).collect();
        let told = |hole: Hole| {
            let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(0);
            (ms(hole.at), ms(hole.lasts), hole.missing)
        };
        holes(&fragments, &movie).into_iter().map(told).collect()
    }

    #[test]
    fn time_without_fragments_is_found_and_counted_from_the_first_sample() {
        let video = *b"vide";
        assert_eq!(found(&[(1, 500), (2, 510), (3, 520)], video), []);
        // Two are missing; and the recorder paused.
        let both = [(1, 500), (4, 530), (5, 545)];
        assert_eq!(found(&both, video), [(1000, 2000, 2), (4000, 500, 0)]);
        // A sample late, overlaps, numbers that begin anew or are all one, or none at all.
        assert_eq!(found(&[(1, 0), (2, 12), (9, 20), (1, 31)], video), []);
        assert_eq!(found(&[(1, 0), (1, 30)], video), [(1000, 2000, 0)]);
        assert_eq!(found(&[(0, 0), (0, 30)], video), [(1000, 2000, 0)]);
        // A duration that is not stated is no end.
        assert_eq!(lasting(0, &[(1, 0), (2, 10), (3, 20)], video), []);
        // Texts are where they are needed.
        assert_eq!(found(&both, *b"text"), []);
    }
}
