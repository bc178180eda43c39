//! What a camera serves: tracks of samples on one timeline, wherever their
//! bytes are.

mod config;
mod mp4;

pub(crate) use config::{Codec, ParameterSets};
pub use config::{CodecConfig, Law, PlainSound};

use crate::{Error, Result};
use std::sync::Arc;
use tapo_io::{ByteSource, Span};

/// Longest sample that is served, in bytes.
const MAX_SAMPLE: u64 = 16 << 20;
/// Times beyond this, in RTP clock ticks, are taken for damage.
const MAX_TICKS: i128 = 1 << 53;
/// A track with more samples a second than this is taken for damage.
const MAX_RATE: i64 = 4000;
/// Most G.711 bytes a track may have: over two hours.
const MAX_G711: u64 = 64 << 20;
/// Bytes (= samples at 8 kHz) in a G.711 packet that is cut anew: 40 ms.
const G711_PACKET: usize = 320;

/// One access unit or audio frame of a [`TrackSource`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClipSample {
    /// Where its bytes are in the track's media.
    pub span: Span,
    /// Decoding time, in the timescale of the track.
    pub dts: i64,
    /// Presentation time minus decoding time, in the timescale of the track.
    pub composition_offset: i32,
    /// Time to the next sample, in the timescale of the track.
    pub duration: u32,
    /// Whether decoding can start here.
    pub sync: bool,
}

/// A track as a file has it: the input of [`Clip::new`].
#[derive(Clone)]
pub struct TrackSource {
    /// How to decode it.
    pub config: CodecConfig,
    /// Units of time per second.
    pub timescale: u32,
    /// What an edit list adds to every presentation time, in the timescale:
    /// initial empty edit minus `media_time` of the first edit.
    pub shift: i64,
    /// In decoding order.
    pub samples: Vec<ClipSample>,
    /// Where the bytes are.
    pub media: Arc<dyn ByteSource>,
}

/// Something to serve in an endless loop. Cheap to clone.
#[derive(Clone)]
pub struct Clip {
    pub(crate) tracks: Arc<[Track]>,
    /// The track that sets the length of a loop: the first video, else the first.
    pub(crate) master: usize,
}

/// A sample with its times in RTP clock ticks, from the clip's origin: the
/// presentation of the first keyframe of the master track.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unit {
    pub(crate) span: Span,
    pub(crate) decode: i64,
    pub(crate) composition: i64,
    pub(crate) duration: i64,
    pub(crate) sync: bool,
}

impl Unit {
    pub(crate) const fn presentation(&self) -> i64 {
        self.decode + self.composition
    }
}

pub(crate) struct Track {
    pub(crate) codec: Codec,
    pub(crate) units: Vec<Unit>,
    /// The unit that a loop starts with.
    pub(crate) entry: usize,
    pub(crate) media: Arc<dyn ByteSource>,
}

impl Clip {
    /// Checks the tracks and puts them on one timeline.
    ///
    /// # Errors
    /// [`Error::Malformed`] or [`Error::Unsupported`], naming the track.
    pub fn new(tracks: Vec<TrackSource>) -> Result<Self> {
        let mut tracks = tracks
            .into_iter()
            .enumerate()
            .map(|(number, track)| {
                build(track).map_err(|e| match e {
                    Error::Malformed(why) => Error::Malformed(format!("track {number}: {why}")),
                    Error::Unsupported(why) => Error::Unsupported(format!("track {number}: {why}")),
                    other => other,
                })
            })
            .collect::<Result<Vec<_>>>()?;
        let master = tracks
            .iter()
            .position(|track| track.codec.is_video())
            .unwrap_or(0);
        let Some((origin, master_rate)) = tracks.get_mut(master).and_then(|track| {
            track.entry = track.units.iter().position(|unit| unit.sync)?;
            let origin = track.units.get(track.entry)?.presentation();
            Some((origin, track.codec.clock_rate()))
        }) else {
            return Err(Error::Unsupported(
                "there is no keyframe to start at".into(),
            ));
        };
        for track in &mut tracks {
            let origin = rescale(origin, master_rate, track.codec.clock_rate());
            for unit in &mut track.units {
                unit.decode -= origin;
            }
        }
        for (number, track) in tracks.iter_mut().enumerate() {
            if number != master {
                track.entry = track.nearest(0).unwrap_or(0);
            }
        }
        Ok(Self {
            tracks: tracks.into(),
            master,
        })
    }

    /// Number of tracks.
    #[must_use]
    pub fn track_count(&self) -> usize {
        self.tracks.len()
    }

    /// How track `track` is coded; `None` if there is no such track.
    #[must_use]
    pub fn config(&self, track: usize) -> Option<&CodecConfig> {
        self.tracks.get(track).map(|track| track.codec.config())
    }

    /// Number of samples of track `track` as they are served: G.711 is cut into
    /// packets of 40 ms unless the file has such packets already.
    #[must_use]
    pub fn sample_count(&self, track: usize) -> usize {
        self.tracks.get(track).map_or(0, |track| track.units.len())
    }

    /// The bytes of one sample of one track, as they are served.
    ///
    /// # Errors
    /// [`Error::Usage`] if there is no such sample, [`Error::Read`] if it cannot
    /// be read.
    pub fn sample(&self, track: usize, sample: usize) -> Result<Vec<u8>> {
        let found = self
            .tracks
            .get(track)
            .and_then(|track| Some((track, track.units.get(sample)?)));
        let (track, unit) =
            found.ok_or_else(|| Error::Usage(format!("no sample {sample} in track {track}")))?;
        Ok(track.media.read_span(unit.span)?)
    }

    /// Whether sample `sample` of track `track` is a keyframe.
    #[must_use]
    pub fn is_sync(&self, track: usize, sample: usize) -> bool {
        self.tracks
            .get(track)
            .and_then(|track| track.units.get(sample))
            .is_some_and(|unit| unit.sync)
    }

    /// Whether `other` can take over in the middle of a session.
    pub(crate) fn can_continue_as(&self, other: &Self) -> bool {
        self.tracks.len() == other.tracks.len()
            && self.master == other.master
            && self.tracks.iter().zip(other.tracks.iter()).all(|(a, b)| {
                a.codec.encoding() == b.codec.encoding()
                    && a.codec.clock_rate() == b.codec.clock_rate()
            })
    }
}

impl std::fmt::Debug for Clip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut list = f.debug_list();
        for track in self.tracks.iter() {
            list.entry(&format_args!(
                "{} ({} samples)",
                track.codec.encoding(),
                track.units.len()
            ));
        }
        list.finish()
    }
}

impl Track {
    /// Length of one round, entry to end, in ticks. Above zero.
    pub(crate) fn period(&self) -> i64 {
        match (self.units.get(self.entry), self.units.last()) {
            (Some(first), Some(last)) => last.decode + last.duration - first.decode,
            _ => 1,
        }
    }

    /// The first unit whose middle is not before `time`.
    pub(crate) fn nearest(&self, time: i64) -> Option<usize> {
        self.units
            .iter()
            .position(|unit| unit.presentation() + unit.duration / 2 >= time)
    }
}

/// `ticks` of a clock of `from` Hz in ticks of a clock of `to` Hz, rounded.
pub(crate) fn rescale(ticks: i64, from: u32, to: u32) -> i64 {
    let wide = wide_rescale(i128::from(ticks), from, to);
    i64::try_from(wide).unwrap_or(if wide < 0 { i64::MIN } else { i64::MAX })
}

fn wide_rescale(ticks: i128, from: u32, to: u32) -> i128 {
    let from = i128::from(from.max(1));
    (ticks * i128::from(to) + from / 2).div_euclid(from)
}

fn build(source: TrackSource) -> Result<Track> {
    let codec = Codec::new(source.config.clone())?;
    if source.timescale == 0 {
        return Err(Error::Malformed("its timescale is 0".into()));
    }
    let end = source.media.len();
    for (number, sample) in source.samples.iter().enumerate() {
        if sample.span.end > end {
            let why = format!("sample {number} lies beyond the end of the file");
            return Err(Error::Malformed(why));
        }
        if sample.span.len() > MAX_SAMPLE {
            let why = format!("sample {number} has {} bytes", sample.span.len());
            return Err(Error::Unsupported(why));
        }
    }
    let source = match codec {
        Codec::G711(_) => repacket_g711(source)?,
        _ => source,
    };
    let rate = codec.clock_rate();
    let scale = |ticks: i128| {
        let ticks = wide_rescale(ticks, source.timescale, rate);
        if ticks.abs() > MAX_TICKS {
            return Err(Error::Malformed("its times are beyond reason".into()));
        }
        i64::try_from(ticks).map_err(|_| Error::Malformed("its times are beyond reason".into()))
    };
    let mut units = Vec::with_capacity(source.samples.len());
    let mut samples = source.samples.iter().peekable();
    while let Some(sample) = samples.next() {
        let dts = i128::from(sample.dts);
        let next = match samples.peek() {
            Some(next) if next.dts < sample.dts => {
                return Err(Error::Malformed("its decoding times go back".into()));
            }
            Some(next) => i128::from(next.dts),
            None => dts + i128::from(sample.duration),
        };
        let shift = i128::from(source.shift);
        let decode = scale(dts + shift)?;
        let presentation = scale(dts + shift + i128::from(sample.composition_offset))?;
        units.push(Unit {
            span: sample.span,
            decode,
            composition: presentation - decode,
            duration: scale(next + shift)? - decode,
            sync: sample.sync || !codec.is_video(),
        });
    }
    let track = Track {
        codec,
        units,
        entry: 0,
        media: source.media,
    };
    let count = i64::try_from(track.units.len()).unwrap_or(i64::MAX);
    if count == 0 {
        return Err(Error::Unsupported("it has no samples".into()));
    }
    // Also refuses a period of 0, on which a loop would never get anywhere.
    if count.saturating_mul(i64::from(rate)) / MAX_RATE >= track.period() {
        return Err(Error::Unsupported(
            "it has too many samples a second".into(),
        ));
    }
    Ok(track)
}

/// One-byte samples, or chunks of whatever length, as packets of 40 ms. Samples
/// that are packets already (10 to 120 ms each) stay as they are.
fn repacket_g711(source: TrackSource) -> Result<TrackSource> {
    let total: u64 = source.samples.iter().map(|s| s.span.len()).sum();
    let count = source.samples.len() as u64;
    let longest = source.samples.iter().map(|s| s.span.len()).max();
    if longest.is_some_and(|longest| longest <= 960) && total >= count.saturating_mul(80) {
        return Ok(source);
    }
    if total > MAX_G711 {
        return Err(Error::Unsupported(
            "it has more than 64 MiB of G.711".into(),
        ));
    }
    let mut bytes = Vec::new();
    let mut run = Span::default();
    for sample in &source.samples {
        if run.end == sample.span.start {
            run.end = sample.span.end;
        } else {
            bytes.extend(source.media.read_span(run)?);
            run = sample.span;
        }
    }
    bytes.extend(source.media.read_span(run)?);
    let start = source.samples.first().map_or(0, |sample| sample.dts);
    let start = rescale(start.saturating_add(source.shift), source.timescale, 8000);
    let mut samples = Vec::with_capacity(bytes.len() / G711_PACKET + 1);
    let mut at = 0_u64;
    for packet in bytes.chunks(G711_PACKET) {
        let len = packet.len() as u64;
        samples.push(ClipSample {
            span: Span::at(at, len),
            dts: start.saturating_add_unsigned(at),
            composition_offset: 0,
            duration: u32::try_from(len).unwrap_or(u32::MAX),
            sync: true,
        });
        at += len;
    }
    Ok(TrackSource {
        config: source.config,
        timescale: 8000,
        shift: 0,
        samples,
        media: Arc::new(bytes),
    })
}

#[cfg(test)]
mod tests;
