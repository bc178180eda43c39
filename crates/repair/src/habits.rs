//! Small statistics of a reference: durations, sync flags, runs between anchors.

use crate::cadence::Cadence;
use crate::profile::{Finding, TrackProfile};
use tapo_codec::Access;
use tapo_movie::{SampleDescription, Track};

/// How long the samples of a track last.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Durations {
    /// What most of them last, ticks; never 0.
    pub(crate) usual: u32,
    /// What they may last, the usual first; empty if they last anything.
    pub(crate) known: Vec<u32>,
    /// What they last by their number, where that is not always the same.
    pub(crate) cadence: Option<Cadence>,
}

/// Different values that are counted at all.
const KINDS: usize = 1024;

/// Durations that a track of variable rate may switch between.
const MOST_KNOWN: usize = 6;

/// How long a picture or a frame of sound lasts by the configuration of its codec,
/// ticks of the track.
fn configured(track: &Track) -> Option<u32> {
    let description = track.descriptions.first()?;
    let boxes: Vec<_> = description
        .entry
        .children()
        .map(|(kind, payload)| (kind.0, payload))
        .collect();
    let said = tapo_codec::describe(description.kind().0, &boxes);
    if let Some((ticks, each)) = said.frame_rate {
        let each = u64::from(track.timescale).checked_mul(each)?;
        return u32::try_from(each.checked_div(ticks)?).ok();
    }
    let (frame, rate) = (said.frame_length?, said.sample_rate?);
    let ticks = u64::from(frame) * u64::from(track.timescale);
    u32::try_from(ticks.checked_div(u64::from(rate))?).ok()
}

impl Durations {
    /// From the table of a track; `coded` is what the samples themselves say,
    /// ticks of the codec's clock.
    pub(crate) fn learn(track: &Track, coded: Option<u32>) -> Self {
        let rate = track
            .descriptions
            .first()
            .and_then(SampleDescription::sample_rate);
        let coded = coded.filter(|_| track.is_audio() && rate == Some(track.timescale));
        if let Some(cadence) = Cadence::learn(track) {
            let usual = coded.unwrap_or_else(|| cadence.usual()).max(1);
            return Self {
                usual,
                known: vec![usual],
                cadence: Some(cadence),
            };
        }
        let mut counts: Vec<(u64, u32)> = Vec::new();
        // The last sample's duration is often a guess of the muxer.
        let runs = track.samples.durations.runs();
        for (i, (count, duration)) in runs.iter().enumerate() {
            let count = u64::from(*count) - u64::from(i + 1 == runs.len() && runs.len() > 1);
            let room = counts.len() < KINDS;
            match counts.iter_mut().find(|(_, d)| d == duration) {
                Some((n, _)) => *n += count,
                None if room => counts.push((count, *duration)),
                None => {}
            }
        }
        counts.retain(|(n, d)| *n > 0 && *d > 0);
        counts.sort_unstable_by(|a, b| b.cmp(a));
        let total: u64 = counts.iter().map(|(n, _)| *n).sum();
        // What nearly all last by the table is right, however odd its clock.
        let tabled = counts
            .first()
            .filter(|(n, _)| *n >= 8 && *n * 10 >= total * 9);
        let usual = tabled
            .map(|(_, d)| *d)
            .or(coded)
            .or(counts.first().map(|(_, d)| *d))
            .or_else(|| configured(track))
            .unwrap_or(track.timescale / 25)
            .max(1);
        // What occurs once in two hundred is a rate, not an accident.
        let frequent = counts.iter().filter(|(n, _)| *n * 200 >= total && *n > 1);
        let mut known: Vec<u32> = frequent.map(|(_, d)| *d).collect();
        let covered: u64 = counts
            .iter()
            .filter(|(_, d)| known.contains(d))
            .map(|(n, _)| *n)
            .sum();
        let varies = !track.is_audio() && (known.len() > MOST_KNOWN || covered * 10 < total * 9);
        if track.is_audio() || known.is_empty() && !varies {
            known = vec![usual];
        }
        if !varies {
            return Self {
                usual,
                known,
                cadence: None,
            };
        }
        // Where anything goes, the mean does least harm.
        let sum = counts.iter().map(|(n, d)| n * u64::from(*d)).sum::<u64>();
        let mean = u32::try_from(sum / total.max(1)).unwrap_or(usual).max(1);
        Self {
            usual: mean,
            known: Vec::new(),
            cadence: None,
        }
    }

    /// Whether all samples last the same.
    pub(crate) fn is_constant(&self) -> bool {
        self.known.len() == 1
    }
}

/// Which samples the writer marks as sync samples.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Marking {
    /// Random access points by syntax: marked, not marked.
    random_access: (u32, u32),
    /// Others with a recovery point: marked, not marked.
    recovery: (u32, u32),
    /// The rest: marked, not marked.
    rest: (u32, u32),
}

impl Marking {
    pub(crate) const fn note(&mut self, access: &Access, marked: bool) {
        let count = match (access.sync, access.recovery_point) {
            (true, _) => &mut self.random_access,
            (false, Some(_)) => &mut self.recovery,
            (false, None) => &mut self.rest,
        };
        if marked {
            count.0 += 1;
        } else {
            count.1 += 1;
        }
    }

    /// Whether the writer would mark this sample.
    pub(crate) const fn marks(&self, access: &Access) -> bool {
        match (access.sync, access.recovery_point) {
            (true, _) => self.random_access.0 >= self.random_access.1,
            (false, Some(_)) => self.recovery.0 > self.recovery.1,
            // A table without `stss` marks all.
            (false, None) => self.rest.0 > self.rest.1,
        }
    }
}

/// One row of samples between two anchors that only their lengths tell:
/// track and samples of each part.
pub(crate) type Row = Vec<(u16, u32)>;

/// How data that has no syntax lies between samples that have one.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Runs {
    /// The rows met, the most frequent first, each with its length in bytes.
    pub(crate) rows: Vec<(Row, u64)>,
    /// The longest row, bytes.
    pub(crate) longest: u64,
    /// Whether the recording begins with a row.
    pub(crate) opens: bool,
    /// Rows for each sample that is found by its syntax.
    pub(crate) share: f64,
}

/// Rows kept.
const ROWS: usize = 64;

impl Runs {
    /// From the reference in file order: track, samples, bytes.
    pub(crate) fn learn(
        order: impl Iterator<Item = (u16, u32, u64)>,
        tracks: &[TrackProfile],
    ) -> Self {
        let mut counts: Vec<(u64, Row, u64)> = Vec::new();
        let (mut longest, mut anchors, mut rows) = (0, 0_u32, 0_u32);
        let mut row: Row = Vec::new();
        let mut len = 0;
        let mut close = |row: &mut Row, len: &mut u64| {
            if row.is_empty() {
                return;
            }
            longest = longest.max(*len);
            rows += 1;
            let room = counts.len() < KINDS;
            match counts.iter_mut().find(|(_, r, l)| r == row && l == len) {
                Some((n, ..)) => *n += 1,
                None if room => counts.push((1, row.clone(), *len)),
                None => {}
            }
            row.clear();
            *len = 0;
        };
        let mut opens = None;
        for (track, samples, bytes) in order {
            let finding = tracks.get(usize::from(track)).map(|t| t.finding);
            opens.get_or_insert(finding != Some(Finding::Syntax));
            if finding == Some(Finding::Syntax) {
                anchors += 1;
                close(&mut row, &mut len);
            } else {
                match row.last_mut() {
                    Some((last, n)) if *last == track => *n += samples,
                    _ => row.push((track, samples)),
                }
                len += bytes;
            }
        }
        close(&mut row, &mut len);
        counts.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        counts.truncate(ROWS);
        let share = f64::from(rows) / f64::from(anchors.max(1));
        let rows = counts.into_iter().map(|(_, row, len)| (row, len));
        Self {
            rows: rows.collect(),
            longest,
            // Of a recording without samples nothing else can be the beginning.
            opens: opens.unwrap_or_else(|| tracks.iter().all(|t| t.finding != Finding::Syntax)),
            share,
        }
    }
}

impl Runs {
    /// The most samples of a track that stood side by side.
    pub(crate) fn most(&self, track: u16) -> u32 {
        let parts = self.rows.iter().flat_map(|(row, _)| row);
        let own = parts.filter(|(t, _)| *t == track);
        own.map(|(_, samples)| *samples).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tapo_bmff::FourCc;

    fn durations(handler: &[u8; 4], runs: &[(u32, u32)]) -> Durations {
        let mut track = Track {
            handler: FourCc(*handler),
            timescale: 12_800,
            ..Track::default()
        };
        for (count, duration) in runs {
            for _ in 0..*count {
                track.samples.push(10, *duration, 0, true).unwrap();
            }
        }
        Durations::learn(&track, None)
    }

    #[test]
    fn a_guessed_last_duration_does_not_make_a_variable_rate() {
        let constant = durations(b"vide", &[(200, 512), (1, 77)]);
        assert!(constant.is_constant());
        assert_eq!(constant.usual, 512);
    }

    #[test]
    fn two_rates_are_known_and_a_jitter_is_anything() {
        let night = durations(b"vide", &[(150, 512), (25, 1024)]);
        assert_eq!(night.known, [512, 1024]);
        let jitter: Vec<_> = (0..60).map(|i| (1, 500 + i * 7)).collect();
        assert!(durations(b"vide", &jitter).known.is_empty());
    }

    #[test]
    fn an_empty_table_still_has_a_usual_duration() {
        assert_eq!(durations(b"vide", &[]).usual, 512);
    }

    #[test]
    fn a_track_without_samples_has_the_duration_that_its_codec_is_configured_for() {
        let clip = include_bytes!("../../../testdata/h264_bframes_aac.mp4");
        let movie = tapo_movie::read(&&clip[..]).unwrap().movie.unwrap();
        let mut sound = movie.tracks.into_iter().find(Track::is_audio).unwrap();
        sound.samples = tapo_movie::SampleTable::default();
        assert_eq!(Durations::learn(&sound, None).usual, 1024);
    }
}
