//! What a healthy recording teaches about a broken one of the same camera.

use crate::basis::look::votes;
use crate::clock::Clock;
use crate::habits::{Durations, Marking, Runs};
use crate::interleave::{Interleave, Write, lag};
use crate::packets::Packets;
use crate::{Error, Result};
use tapo_codec::esds::EsDescriptor;
use tapo_codec::{Delimiting, Hints, Recogniser, Verdict};
use tapo_io::{ByteSource, Span, Window};
use tapo_movie::{Movie, Sample, SampleTable, Track};

/// Everything learnt of a recording: its tracks without their samples, and how
/// its samples look and follow each other.
#[derive(Debug)]
pub(crate) struct Profile {
    /// The movie, samples left out.
    pub(crate) movie: Movie,
    pub(crate) tracks: Vec<TrackProfile>,
    pub(crate) clock: Clock,
    pub(crate) interleave: Interleave,
    /// How long behind the leading track's writes those of each track come, on
    /// average, common clock.
    pub(crate) lags: Vec<Option<f64>>,
    /// The track of constant-rate data, and how far ahead of it the leading track
    /// is at most when its next sample is written, common clock.
    pub(crate) behind: Option<(usize, i64)>,
    /// How constant-rate data lies between the samples that can be recognised.
    pub(crate) runs: Runs,
}

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
    /// The first track with the same coding: those of a group cannot be told
    /// apart by syntax.
    pub(crate) group: usize,
    pub(crate) is_video: bool,
    pub(crate) durations: Durations,
    /// Bytes of most samples, where tracks are found by frames.
    pub(crate) unit_bytes: u32,
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

/// Largest sample that is read for it, bytes.
const SHOWN_BYTES: u64 = 8 << 20;

/// Writes that the interleaving is learnt from.
const WRITES: usize = 40_000;

impl Profile {
    /// Learns from a movie whose samples stand in `source`. A movie without
    /// samples teaches what its descriptions say.
    ///
    /// # Errors
    /// The source fails.
    pub(crate) fn learn(movie: &Movie, source: &dyn ByteSource) -> Result<Self> {
        let clock = Clock::of(movie);
        let mut tracks = Vec::with_capacity(movie.tracks.len());
        for track in &movie.tracks {
            tracks.push(TrackProfile::learn(track, movie, source)?);
        }
        for (i, track) in movie.tracks.iter().enumerate() {
            let same = |other: &&Track| coding(other) == coding(track);
            let group = movie.tracks.iter().take(i).position(|t| same(&t));
            if let Some(profile) = tracks.get_mut(i) {
                profile.group = group.unwrap_or(i);
            }
        }
        let order = file_order(movie, &tracks);
        let writes: Vec<Write> = order.iter().map(|s| s.write(&clock, &tracks)).collect();
        let runs = Runs::learn(order.iter().map(|s| (s.track, s.samples, s.bytes)), &tracks);
        let mut bare = movie.clone();
        for track in &mut bare.tracks {
            track.samples = SampleTable::default();
        }
        let mut profile = Self {
            movie: bare,
            tracks,
            clock,
            interleave: Interleave::learn(&writes),
            lags: Vec::new(),
            behind: None,
            runs,
        };
        let rule = profile.interleave.rule;
        let leader = u16::try_from(profile.leader()).unwrap_or(0);
        let all = 0..u16::try_from(profile.tracks.len()).unwrap_or(u16::MAX);
        profile.behind = profile.behind(&writes);
        profile.lags = all.map(|t| lag(rule, &writes, leader, t)).collect();
        Ok(profile)
    }

    /// The track that carries the clock of the recording: the first video
    /// track, else the first that is found by its syntax, else the first.
    pub(crate) fn leader(&self) -> usize {
        let video = |t: &TrackProfile| t.is_video && t.finding == Finding::Syntax;
        let find = |f: &dyn Fn(&TrackProfile) -> bool| self.tracks.iter().position(f);
        let syntax = |t: &TrackProfile| t.finding == Finding::Syntax;
        find(&video).or_else(|| find(&syntax)).unwrap_or(0)
    }

    fn behind(&self, writes: &[Write]) -> Option<(usize, i64)> {
        let frames = |t: &TrackProfile| matches!(t.finding, Finding::Frames { .. });
        let row = self
            .tracks
            .iter()
            .position(|t| frames(t) && t.samples > 1)?;
        let leader = self.leader();
        let last = writes.iter().rposition(|w| usize::from(w.track) == row)?;
        let (mut most, mut written) = (i64::MIN, None);
        for write in writes.get(..last).unwrap_or_default() {
            let track = usize::from(write.track);
            if track == row {
                written = Some(write.time + write.duration);
            } else if let Some(written) = written.filter(|_| track == leader) {
                most = most.max(write.time - written);
            }
        }
        (most != i64::MIN).then_some((row, most))
    }

    /// Whether tracks exist that only the clock and the content tell apart.
    pub(crate) fn has_twins(&self) -> bool {
        let twin = |(i, t): (usize, &TrackProfile)| t.finding == Finding::Syntax && t.group != i;
        self.tracks.iter().enumerate().any(twin)
    }
}

/// What a recogniser goes by: the entry without its bit rates, but of an `esds`
/// the codec's own configuration, since its identifiers and bit rates differ from
/// track to track.
pub(crate) fn coding(track: &Track) -> Option<(tapo_bmff::FourCc, Vec<u8>)> {
    let description = track.descriptions.first()?;
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
    Some((kind, config))
}

impl TrackProfile {
    fn learn(track: &Track, movie: &Movie, source: &dyn ByteSource) -> Result<Self> {
        let table = &track.samples;
        let unit_bytes = usual_size(table);
        let mut recogniser = recogniser(track, unit_bytes);
        let shown: Vec<Sample> = shown(table).collect();
        if let Some(recogniser) = &mut recogniser {
            for sample in &shown {
                if sample.span.len() <= SHOWN_BYTES {
                    recogniser.learn(&source.read_span(sample.span)?);
                }
            }
        }
        let mut marking = Marking::default();
        let mut coded = None;
        if let Some(recogniser) = &recogniser {
            let mut window = Window::new(source);
            for sample in &shown {
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
            None if unit_bytes > 0 => Finding::Frames { bytes: unit_bytes },
            None => Finding::Opaque,
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
            group: 0,
            is_video: track.is_video(),
            durations,
            unit_bytes,
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

/// The recogniser of a track's first description.
pub(crate) fn recogniser(track: &Track, unit_bytes: u32) -> Option<Box<dyn Recogniser>> {
    let description = track.descriptions.first()?;
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

/// The samples that say most: the first ones, and those around sync samples
/// later on.
fn shown(table: &SampleTable) -> impl Iterator<Item = Sample> {
    let constant = matches!(table.sizes, tapo_movie::Sizes::Constant { .. });
    let most = if constant { 8 } else { SHOWN };
    table.iter().take(most)
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

/// Samples of one track that stand side by side: one where samples are found by
/// their syntax, else all of the run.
#[derive(Copy, Clone, Debug)]
struct Stand {
    at: u64,
    track: u16,
    samples: u32,
    bytes: u64,
    dts: i64,
    duration: u64,
}

impl Stand {
    fn write(&self, clock: &Clock, tracks: &[TrackProfile]) -> Write {
        let track = usize::from(self.track);
        let shift = tracks.get(track).map_or(0, |t| t.shift);
        Write {
            track: self.track,
            time: clock.common(track, self.dts.saturating_sub(shift)),
            duration: clock.common(track, i64::try_from(self.duration).unwrap_or(i64::MAX)),
        }
    }
}

/// The samples of all tracks in the order in which they stand in the file, the
/// first [`WRITES`] of each track.
fn file_order(movie: &Movie, tracks: &[TrackProfile]) -> Vec<Stand> {
    let mut order: Vec<Stand> = Vec::new();
    for (index, (track, profile)) in movie.tracks.iter().zip(tracks).enumerate() {
        let whole_runs = matches!(profile.finding, Finding::Frames { .. });
        let Ok(number) = u16::try_from(index) else {
            break;
        };
        let first = order.len();
        for sample in &track.samples {
            let stand = Stand {
                at: sample.span.start,
                track: number,
                samples: 1,
                bytes: sample.span.len(),
                dts: i64::try_from(sample.dts).unwrap_or(i64::MAX),
                duration: u64::from(sample.duration),
            };
            let own = order.len() - first;
            match order.last_mut() {
                Some(run) if whole_runs && own > 0 && run.at + run.bytes == stand.at => {
                    run.samples += 1;
                    run.bytes += stand.bytes;
                    run.duration += stand.duration;
                }
                _ if own >= WRITES => break,
                _ => order.push(stand),
            }
        }
    }
    order.sort_by_key(|s| (s.at, s.track));
    order
}

/// A file read as a reference.
#[derive(Debug)]
pub(crate) struct Reference {
    pub(crate) path: std::path::PathBuf,
    pub(crate) profile: Profile,
    /// Its `ftyp` box, as it stands, empty if there is none.
    pub(crate) file_type: Vec<u8>,
    /// Its first sync samples: track and bytes of each.
    shown: Vec<(usize, Span)>,
}

/// Pictures of a reference that are decoded to see whether its tools are read.
const SHOWN_PICTURES: usize = 3;

impl Reference {
    /// One that has no samples.
    pub(crate) const fn new(path: std::path::PathBuf, profile: Profile) -> Self {
        Self {
            path,
            profile,
            file_type: Vec::new(),
            shown: Vec::new(),
        }
    }

    /// Whether pictures of a track that do not decode show that parameter sets
    /// are wrong: not if those of the reference itself do not, or it has none.
    pub(crate) fn is_decodable(&self, track: usize) -> bool {
        let own = self.shown.iter().filter(|(t, _)| *t == track);
        let mut own = own.map(|(_, span)| *span).peekable();
        if own.peek().is_none() {
            return false;
        }
        let recogniser = self
            .profile
            .tracks
            .get(track)
            .and_then(|t| t.recogniser.as_ref());
        let (Some(recogniser), Ok(source)) = (recogniser, tapo_io::PreadFile::open(&self.path))
        else {
            return false;
        };
        let pictures: Vec<_> = own.filter_map(|s| source.read_span(s).ok()).collect();
        votes(&**recogniser, pictures.iter().map(Vec::as_slice)).confirm()
    }

    /// Reads a healthy file.
    ///
    /// # Errors
    /// [`Error::BadReference`] if it has no movie with samples; [`Error::Io`].
    pub(crate) fn open(path: &std::path::Path) -> Result<Self> {
        let source = tapo_io::PreadFile::open(path)?;
        let read = tapo_movie::read(&source)?;
        let bad = |why: &str| Error::BadReference {
            path: path.to_owned(),
            why: why.to_owned(),
        };
        if let Some(why) = crate::unfit::why(&read) {
            return Err(bad(&why));
        }
        let movie = read.movie.ok_or_else(|| bad("it has no moov box"))?;
        if movie.sample_count() == 0 {
            return Err(bad("it holds no samples"));
        }
        let file_type = match read.top.iter().find(|b| b.kind == b"ftyp") {
            Some(ftyp) if ftyp.whole && ftyp.span.len() <= 4096 => source.read_span(ftyp.span)?,
            _ => Vec::new(),
        };
        let movie = within(&movie, source.len());
        if movie.sample_count() == 0 {
            return Err(bad("none of its samples is in the file"));
        }
        let profile = Profile::learn(&movie, &source)?;
        let mut shown = Vec::new();
        for (index, track) in movie
            .tracks
            .iter()
            .enumerate()
            .filter(|(_, t)| t.is_video())
        {
            let pictures = track.samples.iter().filter(|s| s.sync);
            let spans = pictures.map(|s| (index, s.span)).take(SHOWN_PICTURES);
            shown.extend(spans.filter(|(_, span)| span.len() <= SHOWN_BYTES));
        }
        Ok(Self {
            path: path.to_owned(),
            profile,
            file_type,
            shown,
        })
    }
}

/// The movie without the samples that do not lie in a file of `len` bytes: from
/// the first such on, each track ends.
pub(crate) fn within(movie: &Movie, len: u64) -> Movie {
    let mut movie = movie.clone();
    for track in &mut movie.tracks {
        let samples = &track.samples;
        if samples.iter().all(|s| s.span.end <= len) {
            continue;
        }
        let mut kept = SampleTable::default();
        kept.start = samples.start;
        for s in samples.iter().take_while(|s| s.span.end <= len) {
            kept.start_chunk(s.span.start, s.description);
            if kept
                .push(
                    s.span.len().try_into().unwrap_or(u32::MAX),
                    s.duration,
                    s.composition_offset,
                    s.sync,
                )
                .is_err()
            {
                break;
            }
        }
        track.samples = kept;
    }
    movie
}
