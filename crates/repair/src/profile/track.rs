//! What is learnt of one track: how its samples are found, how large they are,
//! how long they last.

use crate::Result;
use crate::clock::Clock;
use crate::habits::{Durations, Marking};
use crate::packets::Packets;
use tapo_codec::esds::EsDescriptor;
use tapo_codec::{Delimiting, Hints, Recogniser, Verdict};
use tapo_io::{ByteSource, Window};
use tapo_movie::{Movie, Sample, SampleDescription, SampleTable, Track};

/// How the samples of a track can be found.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) enum Finding {
    /// By their syntax.
    Syntax,
    /// They lie between others; the start of one can be told.
    Starts,
    /// They lie between others: any whole number of frames.
    Frames {
        /// Bytes of a frame.
        bytes: u32,
    },
    /// They lie between others, and nothing is known of their bytes.
    Opaque,
}

/// What was learnt of a track.
#[derive(Debug)]
pub(crate) struct TrackProfile {
    pub(crate) finding: Finding,
    pub(crate) recogniser: Option<Box<dyn Recogniser>>,
    /// Of data that is not of a constant rate: tells its samples apart where they
    /// lie between others.
    pub(crate) shape: Option<Box<dyn Recogniser>>,
    /// The first track with the same coding: those of a group cannot be told
    /// apart by syntax.
    pub(crate) group: usize,
    pub(crate) is_video: bool,
    pub(crate) durations: Durations,
    /// Bytes of most samples, where tracks are found by frames.
    pub(crate) unit_bytes: u32,
    /// Bytes of a tick of its clock, of half the samples no less and of half no more.
    pub(crate) tick_bytes: Option<f64>,
    /// Largest sample, bytes.
    pub(crate) largest: u32,
    /// Mean sample, bytes.
    pub(crate) mean: f64,
    /// How sizes and first bytes are spread, for tracks whose packets must be
    /// told apart by likelihood.
    pub(crate) packets: Packets,
    /// Decode time that is shown first: media time of the edit list less its
    /// empty edits, ticks of the track.
    pub(crate) shift: i64,
    /// Composition offset of the first sample, ticks.
    pub(crate) first_offset: i32,
    /// Smallest composition offset, ticks.
    pub(crate) least_offset: i32,
    /// Samples from one sync sample to the next.
    pub(crate) sync_distance: SyncDistance,
    /// Sync samples the reference had.
    pub(crate) syncs: u32,
    pub(crate) marking: Marking,
    /// Samples the reference had.
    pub(crate) samples: u32,
}

/// Samples of a track that a recogniser is shown, and that sync flags are
/// learnt from.
const SHOWN: usize = 400;

/// Samples of one small size are those of constant-rate sound, bytes.
const SMALL: u32 = 16;

/// Largest sample that is read for it, bytes.
pub(super) const SHOWN_BYTES: u64 = 8 << 20;

/// What a recogniser goes by: the entry without its bit rates, but of an `esds`
/// the codec's own configuration, since its identifiers and bit rates differ from
/// track to track.
pub(crate) fn coding(track: &Track) -> Vec<(tapo_bmff::FourCc, Vec<u8>)> {
    track.descriptions.iter().map(coding_of).collect()
}

fn coding_of(description: &SampleDescription) -> (tapo_bmff::FourCc, Vec<u8>) {
    let kind = description.kind();
    let config = match description.child(b"esds").map(EsDescriptor::parse) {
        Some(Ok(EsDescriptor {
            object_type,
            specific_info: Some(info),
            ..
        })) => [&[object_type][..], info].concat(),
        _ => {
            let without = description.entry.with_payload(b"btrt", &[]);
            without.unwrap_or_else(|| description.entry.raw().to_vec())
        }
    };
    (kind, config)
}

impl TrackProfile {
    pub(super) fn learn(track: &Track, movie: &Movie, source: &dyn ByteSource) -> Result<Self> {
        let table = &track.samples;
        let unit_bytes = usual_size(table);
        let mut learning = recogniser(track, unit_bytes).unwrap_or_else(tapo_codec::unknown);
        let shown: Vec<Sample> = shown(table).collect();
        for sample in &shown {
            if sample.span.len() <= SHOWN_BYTES {
                learning.turn(entry(sample.description));
                learning.learn(&source.read_span(sample.span)?);
            }
        }
        learning.turn(entry(shown.first().map_or(1, |s| s.description)));
        let (recogniser, shape) = match learning.delimiting() {
            Delimiting::Between => (None, Some(learning)),
            _ => (Some(learning), None),
        };
        let mut marking = Marking::default();
        let mut coded = None;
        if let Some(recogniser) = &recogniser {
            let mut window = Window::new(source);
            let mut recogniser = recogniser.fork();
            for sample in &shown {
                recogniser.turn(entry(sample.description));
                let depth = tapo_codec::Depth::Heads;
                let span = sample.span;
                let verdict = recogniser.probe(&mut window, span.start, span.end, depth)?;
                let access = match verdict {
                    Verdict::Sample(access) => Some(access),
                    Verdict::Start(access) if track.is_video() => Some(access),
                    _ => None,
                };
                if let Some(access) = access {
                    marking.note(&access, sample.sync);
                    coded = coded.or(access.duration);
                }
            }
        }
        let finding = match recogniser.as_ref().map(|r| r.delimiting()) {
            Some(Delimiting::Exact) => Finding::Syntax,
            // The next picture, and what lies in front of it, show where one ends.
            Some(Delimiting::Start) if track.is_video() => Finding::Syntax,
            Some(Delimiting::Start) => Finding::Starts,
            Some(Delimiting::Constant { frame_bytes }) => Finding::Frames {
                bytes: frame_bytes.max(1),
            },
            Some(Delimiting::Between) | None if unit_bytes > 0 => {
                Finding::Frames { bytes: unit_bytes }
            }
            Some(Delimiting::Between) | None => Finding::Opaque,
        };
        let packets = match &recogniser {
            Some(recogniser) if finding == Finding::Starts => {
                Packets::learn(table, source, recogniser.as_ref())?
            }
            _ => Packets::default(),
        };
        let mut durations = Durations::learn(track, coded);
        if matches!(finding, Finding::Frames { .. }) {
            // Rows of any number of samples are one item.
            durations.cadence = None;
        }
        let count = table.len();
        let largest = table.iter().map(|s| s.span.len()).max().unwrap_or(0);
        Ok(Self {
            finding,
            recogniser,
            shape,
            group: 0,
            is_video: track.is_video(),
            durations,
            unit_bytes,
            tick_bytes: tick_bytes(table),
            largest: u32::try_from(largest).unwrap_or(u32::MAX),
            mean: mean(table),
            packets,
            shift: shift(track, movie.header.timescale),
            first_offset: table.composition_offsets.iter().next().unwrap_or(0),
            least_offset: least(&table.composition_offsets),
            sync_distance: SyncDistance::learn(table),
            syncs: match &table.sync {
                tapo_movie::SyncSamples::All => count,
                tapo_movie::SyncSamples::Listed(numbers) => {
                    u32::try_from(numbers.len()).unwrap_or(u32::MAX)
                }
            },
            marking,
            samples: count,
        })
    }
}

/// A tick need not be a frame: the clock of G.722 counts half of them.
fn tick_bytes(table: &SampleTable) -> Option<f64> {
    let samples = table.iter().take(SHOWN).filter(|s| s.duration > 0);
    let each = samples.map(|s| s.span.len() as f64 / f64::from(s.duration));
    let mut each: Vec<f64> = each.collect();
    each.sort_unstable_by(f64::total_cmp);
    each.get(each.len() / 2).copied()
}

impl TrackProfile {
    /// What a sample of this track, the one of that number, lasts on average,
    /// common clock.
    pub(crate) fn step(&self, clock: &Clock, track: usize) -> i64 {
        let common = |ticks| clock.common(track, ticks);
        match &self.durations.cadence {
            Some(cadence) => cadence.lasts(common),
            None => common(i64::from(self.durations.usual)),
        }
    }

    /// Whether its data is of a constant rate, so that any number of bytes may
    /// follow each other: sound, a time code.
    pub(crate) const fn is_constant_rate(&self) -> bool {
        matches!(self.finding, Finding::Frames { .. }) && self.shape.is_none()
    }

    /// How long a row of constant-rate data lasts, ticks of the track.
    pub(crate) fn row_ticks(&self, bytes: u64, samples: u32) -> i64 {
        let each = i64::from(self.durations.usual);
        let unit = u64::from(self.unit_bytes);
        if unit == 0 || !matches!(self.finding, Finding::Frames { .. }) {
            return each * i64::from(samples);
        }
        let ticks = i128::from(each) * i128::from(bytes) / i128::from(unit);
        i64::try_from(ticks).unwrap_or(i64::MAX)
    }
}

/// The smallest of runs, however long they claim to be.
fn least(offsets: &tapo_movie::Runs<i32>) -> i32 {
    let values = offsets.runs().iter().map(|(_, offset)| *offset);
    values.min().unwrap_or(0)
}

/// Samples from one sync sample to the next.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct SyncDistance {
    /// What most distances are, if that many are alike.
    pub(crate) usual: Option<u32>,
    /// Whether all are.
    pub(crate) always: bool,
    /// The longest.
    pub(crate) longest: Option<u32>,
}

impl SyncDistance {
    fn learn(table: &SampleTable) -> Self {
        let tapo_movie::SyncSamples::Listed(numbers) = &table.sync else {
            return Self::default();
        };
        let pairs = numbers.windows(2).filter_map(|w| match w {
            [a, b] => b.checked_sub(*a),
            _ => None,
        });
        let mut distances: Vec<u32> = pairs.collect();
        distances.sort_unstable();
        // In the middle stands what most are.
        let middle = distances.get(distances.len() / 2).copied();
        let alike = |m: &u32| 2 * distances.iter().filter(|d| *d == m).count() > distances.len();
        Self {
            usual: middle.filter(alike),
            always: distances.first() == distances.last(),
            longest: distances.last().copied(),
        }
    }
}

fn mean(table: &SampleTable) -> f64 {
    let total = table.sizes.total();
    #[expect(clippy::cast_precision_loss, reason = "a statistic")]
    let total = total as f64;
    total / f64::from(table.len().max(1))
}

/// The size of at least nine samples in ten, or 0.
fn usual_size(table: &SampleTable) -> u32 {
    match &table.sizes {
        tapo_movie::Sizes::Constant { size, .. } => *size,
        tapo_movie::Sizes::Each(sizes) => {
            let middle = sizes.get(sizes.len() / 2).copied().unwrap_or(0);
            let equal = sizes.iter().filter(|s| **s == middle).count();
            if equal * 10 >= sizes.len() * 9 {
                middle
            } else {
                0
            }
        }
    }
}

/// Descriptions that are told apart.
const ENTRIES: usize = 16;

/// The recogniser of a track's descriptions: of the first, where they cannot be
/// told apart.
pub(crate) fn recogniser(track: &Track, unit_bytes: u32) -> Option<Box<dyn Recogniser>> {
    let (first, others) = track.descriptions.split_first()?;
    let of = |description: &SampleDescription| recogniser_of(track, description, unit_bytes);
    if others.is_empty() || others.len() >= ENTRIES {
        return of(first);
    }
    let each = |d: &SampleDescription| Some((d.kind().0, of(d)?));
    let all: Option<Vec<_>> = track.descriptions.iter().map(each).collect();
    all.and_then(tapo_codec::several).or_else(|| of(first))
}

/// The number of a description as samples say it, as recognisers count them.
pub(crate) fn entry(description: u32) -> u16 {
    u16::try_from(description.saturating_sub(1)).unwrap_or(u16::MAX)
}

fn recogniser_of(
    track: &Track,
    description: &SampleDescription,
    unit_bytes: u32,
) -> Option<Box<dyn Recogniser>> {
    let boxes: Vec<_> = description
        .entry
        .children()
        .map(|(kind, payload)| (kind.0, payload))
        .collect();
    let hints = Hints {
        handler: Some(track.handler.0),
        channels: description.channels(),
        sample_bits: sample_bits(description.entry.raw()),
        sample_rate: description.sample_rate(),
        sample_size: (unit_bytes > 0).then_some(unit_bytes),
        ..Hints::default()
    };
    tapo_codec::recogniser(description.kind().0, &boxes, &hints)
}

/// `samplesize` of a sound sample entry (§12.2.3): behind its header, the common
/// fields and the channel count.
fn sample_bits(entry: &[u8]) -> Option<u32> {
    tapo_bmff::be_u16(entry, 8 + 8 + 8 + 2).map(u32::from)
}

/// The samples that say most: the first ones of each description.
fn shown(table: &SampleTable) -> impl Iterator<Item = Sample> {
    let small = |size: u32| size <= SMALL;
    let constant = matches!(table.sizes, tapo_movie::Sizes::Constant { size, .. } if small(size));
    let most = if constant { 8 } else { SHOWN };
    let others = table.chunks.iter().any(|c| c.description != 1);
    let all = if others { usize::MAX } else { most };
    let mut counts: Vec<(u32, usize)> = Vec::new();
    table.iter().take(all).filter(move |sample| {
        let room = counts.len() < ENTRIES;
        let known = counts.iter_mut().find(|(d, _)| *d == sample.description);
        match known {
            Some((_, count)) => {
                *count += 1;
                *count <= most
            }
            None if room => {
                counts.push((sample.description, 1));
                true
            }
            None => false,
        }
    })
}

/// Where in the media the presentation starts, ticks of the track: decode times
/// less this are comparable between tracks.
fn shift(track: &Track, movie_timescale: u32) -> i64 {
    let mut empty = 0;
    for edit in &track.edits {
        match edit.media_time {
            None => empty += tapo_movie::rescale(edit.duration, movie_timescale, track.timescale),
            Some(time) => {
                let time = i64::try_from(time).unwrap_or(i64::MAX);
                return time.saturating_sub_unsigned(empty);
            }
        }
    }
    0
}
