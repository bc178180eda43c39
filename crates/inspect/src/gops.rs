//! Groups of pictures: where decoding can start, how far that is apart, and how
//! many bytes each second takes. Worked out from the tables alone, in passes
//! over the samples that keep nothing but counts.

use crate::{Inspection, Listing, Stopped, TrackSummary};
use tapo_io::Span;
use tapo_movie::{SampleTable, SyncSamples, Track};

/// A sync sample and the samples behind it, up to the next one.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct Gop {
    /// Number of the sync sample, from 1 on.
    pub first: u32,
    /// Decode time of the sync sample, ticks of the track's timescale.
    pub dts: u64,
    /// Its composition time, ticks, before edit lists.
    pub pts: i64,
    /// Its bytes in the file.
    pub keyframe: Span,
    /// Samples, the first included.
    pub samples: u32,
    /// How long they last, ticks.
    pub duration: u64,
    /// How large they are, bytes.
    pub bytes: u64,
    /// Samples of these that do not lie in the file in full.
    pub missing: u32,
}

/// The groups of pictures of a track, one by one.
#[derive(Debug)]
pub struct Gops<'a> {
    listing: Listing<'a>,
    size: u64,
    leading: u32,
    open: Option<Gop>,
}

/// The shortest, the mean and the longest group of pictures.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq)]
pub struct GopLengths {
    /// Groups that were measured: all but the last, which the end of the
    /// recording cuts, unless it is the only one.
    pub measured: u32,
    /// Samples of the shortest.
    pub shortest: u32,
    /// Samples of the longest.
    pub longest: u32,
    /// Samples of all that were measured.
    pub samples: u64,
    /// How long those last, ticks.
    pub duration: u64,
}

/// Groups whose lengths lie between two bounds.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct LengthBin {
    /// Samples of the shortest that counts.
    pub from: u32,
    /// Samples of the longest that counts.
    pub to: u32,
    /// How many groups.
    pub gops: u32,
}

/// Bins of the histogram, at most.
const BINS: u32 = 8;

/// A track's groups of pictures in numbers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct GopSummary {
    /// Groups in all.
    pub gops: u32,
    /// Samples before the first sync sample: they cannot be decoded.
    pub leading: u32,
    /// How long the groups are.
    pub lengths: GopLengths,
    /// How many groups are how long: bins of equal width from the shortest to
    /// the longest.
    pub histogram: Vec<LengthBin>,
    /// The listing ended early.
    pub stopped: Option<Stopped>,
}

/// Bytes over time, in cells of whole seconds of media time.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rate {
    /// Seconds of a cell.
    pub seconds: u64,
    /// Bytes of the samples that start in each cell.
    pub bytes: Vec<u64>,
}

/// A track with pictures, and its groups of them.
#[derive(Copy, Clone, Debug)]
pub struct TrackGops<'a> {
    /// The track.
    pub track: &'a Track,
    /// The track in numbers.
    pub summary: &'a TrackSummary,
    size: u64,
}

impl Inspection {
    /// The tracks that hold pictures, in file order.
    pub fn gops(&self) -> impl Iterator<Item = TrackGops<'_>> {
        let movie = self.read.movie.iter();
        let tracks = movie.flat_map(|m| &m.tracks).zip(&self.tracks);
        let pictures = tracks.filter(|(track, _)| track.is_video());
        pictures.map(|(track, summary)| TrackGops {
            track,
            summary,
            size: self.read.size,
        })
    }
}

impl<'a> TrackGops<'a> {
    /// Its groups, in decode order.
    #[must_use]
    pub fn iter(&self) -> Gops<'a> {
        Gops::new(&self.track.samples, self.size)
    }

    /// Whether decoding can start at any sample.
    #[must_use]
    pub const fn is_all_intra(&self) -> bool {
        matches!(self.track.samples.sync, SyncSamples::All)
    }

    /// Its groups in numbers.
    #[must_use]
    pub fn lengths(&self) -> GopSummary {
        let mut lengths = GopLengths::default();
        let mut gops = self.iter();
        let (mut count, mut last) = (0_u32, None);
        for gop in gops.by_ref() {
            count += 1;
            if let Some(whole) = last.replace(gop) {
                lengths.add(&whole);
            }
        }
        if let (1, Some(only)) = (count, last) {
            lengths.add(&only);
        }
        GopSummary {
            gops: count,
            leading: gops.leading,
            histogram: self.histogram(&lengths),
            lengths,
            stopped: gops.stopped(),
        }
    }

    fn histogram(&self, lengths: &GopLengths) -> Vec<LengthBin> {
        if lengths.measured == 0 {
            return Vec::new();
        }
        let width = (lengths.longest - lengths.shortest) / BINS + 1;
        let starts = (lengths.shortest..=lengths.longest).step_by(width as usize);
        let mut bins: Vec<_> = starts
            .map(|from| LengthBin {
                from,
                to: from.saturating_add(width - 1).min(lengths.longest),
                gops: 0,
            })
            .collect();
        for gop in self.iter().take(lengths.measured as usize) {
            let bin = (gop.samples.saturating_sub(lengths.shortest) / width) as usize;
            if let Some(bin) = bins.get_mut(bin) {
                bin.gops += 1;
            }
        }
        bins
    }

    /// Bytes over time in `cells` cells at most, 1 at least: of one second each,
    /// or of as many as it takes.
    #[must_use]
    pub fn rate(&self, cells: usize) -> Rate {
        let table = &self.track.samples;
        let timescale = u64::from(self.track.timescale.max(1));
        let length = table.end().saturating_sub(table.start);
        let seconds = length.div_ceil(timescale).max(1);
        let cell = seconds.div_ceil(cells.max(1) as u64);
        let count = usize::try_from(seconds.div_ceil(cell)).unwrap_or(1);
        let mut rate = Rate {
            seconds: cell,
            bytes: vec![0; count],
        };
        for sample in Listing::new(table, self.size) {
            let time = sample.dts.saturating_sub(table.start) / timescale / cell;
            // A last sample that lasts no time starts where the last cell ends.
            let at = usize::try_from(time).unwrap_or(usize::MAX).min(count - 1);
            if let Some(bytes) = rate.bytes.get_mut(at) {
                *bytes = bytes.saturating_add(sample.span.len());
            }
        }
        rate
    }
}

impl GopLengths {
    fn add(&mut self, gop: &Gop) {
        let first = self.measured == 0;
        self.shortest = if first {
            gop.samples
        } else {
            self.shortest.min(gop.samples)
        };
        self.longest = self.longest.max(gop.samples);
        self.measured += 1;
        self.samples += u64::from(gop.samples);
        self.duration = self.duration.saturating_add(gop.duration);
    }
}

impl<'a> Gops<'a> {
    fn new(table: &'a SampleTable, size: u64) -> Self {
        Self {
            listing: Listing::new(table, size),
            size,
            leading: 0,
            open: None,
        }
    }

    /// Samples before the first sync sample, as far as they were passed.
    #[must_use]
    pub const fn leading(&self) -> u32 {
        self.leading
    }

    /// As [`Listing::stopped`].
    #[must_use]
    pub fn stopped(&self) -> Option<Stopped> {
        self.listing.stopped()
    }
}

impl Iterator for Gops<'_> {
    type Item = Gop;

    fn next(&mut self) -> Option<Gop> {
        loop {
            let Some(sample) = self.listing.next() else {
                return self.open.take();
            };
            let missing = u32::from(sample.span.end > self.size);
            let len = sample.span.len();
            if sample.sync {
                let gop = Gop {
                    first: sample.number,
                    dts: sample.dts,
                    pts: sample.pts(),
                    keyframe: sample.span,
                    samples: 1,
                    duration: u64::from(sample.duration),
                    bytes: len,
                    missing,
                };
                if let Some(whole) = self.open.replace(gop) {
                    return Some(whole);
                }
            } else if let Some(gop) = &mut self.open {
                gop.samples += 1;
                gop.duration = gop.duration.saturating_add(u64::from(sample.duration));
                gop.bytes = gop.bytes.saturating_add(len);
                gop.missing += missing;
            } else {
                self.leading += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tapo_bmff::FourCc;

    /// Samples of 100 bytes and 20 ms, sync where `K`.
    fn track(pattern: &str) -> Track {
        let mut track = Track {
            handler: FourCc(*b"vide"),
            timescale: 1000,
            ..Track::default()
        };
        track.samples.start_chunk(1000, 1);
        let samples = &mut track.samples;
        samples.sync = SyncSamples::Listed(Vec::new());
        for c in pattern.chars() {
            samples.push(100, 20, 0, c == 'K').unwrap();
        }
        track
    }

    fn with<T>(track: &Track, size: u64, look: impl FnOnce(TrackGops<'_>) -> T) -> T {
        let summary = &TrackSummary::of(track, size);
        look(TrackGops {
            track,
            summary,
            size,
        })
    }

    #[test]
    fn a_group_reaches_to_the_next_sync_sample() {
        let track = track("ppKppKpKpp");
        with(&track, 1 << 20, |gops| {
            let all: Vec<_> = gops.iter().map(|g| (g.first, g.samples)).collect();
            assert_eq!(all, [(3, 3), (6, 2), (8, 3)]);
            let first = gops.iter().next().unwrap();
            assert_eq!((first.dts, first.duration, first.bytes), (40, 60, 300));
            assert_eq!(first.keyframe, Span::at(1200, 100));
            let summary = gops.lengths();
            assert_eq!((summary.gops, summary.leading), (3, 2));
            // The last one, of 3, is cut by the end.
            let want = GopLengths {
                measured: 2,
                shortest: 2,
                longest: 3,
                samples: 5,
                duration: 100,
            };
            assert_eq!(summary.lengths, want);
            let bins = summary.histogram.iter().map(|b| (b.from, b.to, b.gops));
            assert_eq!(bins.collect::<Vec<_>>(), [(2, 2, 1), (3, 3, 1)]);
        });
    }

    #[test]
    fn bins_hold_every_measured_group_and_are_few() {
        let pattern: String = (0..50).map(|n| format!("K{}", "p".repeat(n))).collect();
        with(&track(&pattern), 1 << 20, |gops| {
            let summary = gops.lengths();
            assert!(summary.histogram.len() <= BINS as usize);
            let counted: u32 = summary.histogram.iter().map(|b| b.gops).sum();
            assert_eq!((counted, summary.lengths.measured), (49, 49));
            assert_eq!(summary.histogram.last().unwrap().to, 49);
        });
    }

    #[test]
    fn every_byte_is_in_one_cell() {
        with(&track(&"Kppp".repeat(100)), 1 << 20, |gops| {
            let rate = gops.rate(64);
            assert_eq!((rate.seconds, rate.bytes.clone()), (1, vec![5000; 8]));
            let coarse = gops.rate(3);
            assert_eq!(
                (coarse.seconds, coarse.bytes),
                (3, vec![15_000, 15_000, 10_000])
            );
            assert_eq!(gops.rate(0).bytes, [40_000]);
        });
    }

    #[test]
    fn what_is_not_in_the_file_is_counted() {
        with(&track("KpKp"), 1350, |gops| {
            let missing: Vec<_> = gops.iter().map(|g| g.missing).collect();
            assert_eq!(missing, [0, 1]);
        });
        with(&track("pp"), 1 << 20, |gops| {
            let summary = gops.lengths();
            assert_eq!((summary.gops, summary.leading), (0, 2));
            assert!(summary.histogram.is_empty());
        });
    }
}
