//! A segment while it is written: what is gathered of each track, and the bytes
//! that it becomes.

use crate::command::{Ended, Head};
use crate::lane::{Lane, Sample};
use crate::layout::{self, FragmentRun};
use crate::reserve::Reserve;
use crate::rule::Rule;
use crate::segmenter::Settings;
use crate::source::WallClock;
use std::time::Duration;
use tapo_movie::{FragmentStamp, Movie, rescale};

/// Length of a segment that is assumed for the reserve where there is no limit.
const UNLIMITED: Duration = Duration::from_secs(900);
/// Bytes allowed for what describes the samples of a group.
const DESCRIBED: u64 = 4096;

#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) number: u32,
    pub(crate) epoch: u32,
    /// Decode time of the first sample of the leading track, ticks.
    pub(crate) start: i64,
    /// Sound before its start is nobody's loss: there is no file before.
    pub(crate) first: bool,
    pub(crate) started: WallClock,
    /// How long nothing was recorded before it.
    pub(crate) missing: Duration,
    pub(crate) movie: Movie,
    pub(crate) parts: Vec<Option<Part>>,
    pub(crate) reserve: Option<Reserve>,
    pub(crate) position: u64,
    pub(crate) sequence: u32,
    pub(crate) chain: [u8; 32],
    /// Ticks of the leading track taken, those not yet written among them.
    pub(crate) ticks: i64,
    pub(crate) gathered_bytes: usize,
    pub(crate) keyframe: i64,
    /// The longest distance of keyframes, ticks.
    pub(crate) group: i64,
    /// Bytes of samples taken; those up to the last keyframe; the most between two.
    pub(crate) media: u64,
    pub(crate) keyframe_media: u64,
    pub(crate) group_media: u64,
    /// The time on the wall at which it ends.
    pub(crate) until: Option<WallClock>,
    pub(crate) lost: u64,
    pub(crate) short: bool,
    pub(crate) cut: Option<Cut>,
}

/// What a segment has of one track.
#[derive(Debug)]
pub(crate) struct Part {
    /// Decode time that is 0 in the file, ticks.
    pub(crate) base: i64,
    /// Samples before this time do not belong here.
    pub(crate) from: i64,
    pub(crate) gathered: Vec<Sample>,
    pub(crate) ticks: i64,
}

#[derive(Copy, Clone, Debug)]
pub(crate) struct Cut {
    /// Presentation time of the keyframe, ticks of the leading track; `None`
    /// if times before and after cannot be compared.
    pub(crate) at: Option<i64>,
    pub(crate) why: Ended,
}

impl Part {
    pub(crate) fn take(&mut self, sample: Sample) {
        self.ticks += i64::from(sample.duration);
        self.gathered.push(sample);
    }
}

impl Segment {
    /// A keyframe is next: counts the group of pictures before it.
    pub(crate) fn count_group(&mut self) {
        self.group = self.group.max(self.ticks - self.keyframe);
        self.keyframe = self.ticks;
        self.group_media = self.group_media.max(self.media - self.keyframe_media);
        self.keyframe_media = self.media;
    }

    /// Bytes that the file would have with another group as large as the largest;
    /// what describes it takes a 32nd more at most where samples are of some size.
    pub(crate) const fn next_size(&self) -> u64 {
        let more = self.gathered_bytes as u64 + self.group_media;
        self.position + more + more / 32 + DESCRIBED
    }

    /// The head, now that the first samples tell the rates.
    pub(crate) fn open(&mut self, settings: &Settings, lanes: &[Lane], lead: usize) -> Head {
        let rate = lanes.get(lead).map_or(1, Lane::rate);
        let millis = duration(self.ticks, rate).as_millis();
        let rule = settings.segment.as_ref();
        let seconds = rule.map_or(UNLIMITED, Rule::longest).as_secs();
        let tracks: Vec<(bool, &[Sample])> = lanes
            .iter()
            .zip(&self.parts)
            .filter_map(|(lane, part)| Some((lane.is_video(), part.as_ref()?.gathered.as_slice())))
            .collect();
        let millis = u64::try_from(millis).unwrap_or(u64::MAX);
        // The first second has a keyframe: the rate is a quarter of it at least.
        let a_second = self.gathered_bytes as u64 * 1000 / millis.max(100) / 4;
        let by_size = rule.and_then(|rule| rule.size).map(|s| s / a_second.max(1));
        let seconds = by_size.map_or(seconds, |by_size| seconds.min(by_size));
        let reserve = Reserve::estimate(seconds, millis, &tracks);
        let bytes = layout::head(&self.movie, reserve.len);
        self.position = bytes.len() as u64;
        self.reserve = Some(reserve);
        Head {
            number: self.number,
            started: self.started,
            missing: self.missing,
            bytes,
        }
    }

    /// The bytes of the samples gathered, and the packets lost in them.
    pub(crate) fn fragment(&mut self, lead: usize) -> (Vec<u8>, u32) {
        self.sequence = self.sequence.wrapping_add(1);
        let (mut runs, mut ids) = (Vec::new(), Vec::new());
        let mut of = (0, None::<&Sample>);
        let mut lost = 0_u32;
        let mut id = 0;
        for (index, part) in self.parts.iter().enumerate() {
            let Some(part) = part else {
                continue;
            };
            id += 1;
            lost = part
                .gathered
                .iter()
                .fold(lost, |n, s| n.saturating_add(s.lost));
            let Some(first) = part.gathered.first() else {
                continue;
            };
            if of.1.is_none() || index == lead {
                of = (id, Some(first));
            }
            ids.push(id);
            runs.push(FragmentRun {
                track_id: id,
                start: u64::try_from(first.dts - part.base).unwrap_or(0),
                samples: &part.gathered,
            });
        }
        let (track, Some(first)) = of else {
            return (Vec::new(), 0);
        };
        let stamp = FragmentStamp {
            wall_from_camera: first.wall.by_camera,
            track,
            sequence: u64::from(self.sequence),
            wall_ns: first.wall.at.0,
            received_ns: first.received.0,
            rtp_time: first.rtp_time,
            lost_packets: lost,
            ..FragmentStamp::default()
        };
        let (bytes, starts, stamp) =
            layout::fragment(self.position, self.sequence, &runs, stamp, &self.chain);
        self.chain = stamp.chain;
        for ((run, id), start) in runs.iter().zip(&ids).zip(starts) {
            let track = self.movie.tracks.iter_mut().find(|t| t.header.id == *id);
            let Some(track) = track else {
                continue;
            };
            if track.samples.is_empty() {
                track.samples.start = run.start;
            }
            track.samples.start_chunk(self.position + start, 1);
            for s in run.samples {
                let size = u32::try_from(s.data.len()).unwrap_or(u32::MAX);
                let offset = layout::composition_offset(s);
                if track
                    .samples
                    .push(size, s.duration, offset, s.sync)
                    .is_err()
                {
                    // 2^32 samples: this file is full.
                    self.short = true;
                }
            }
        }
        self.position += bytes.len() as u64;
        self.lost += u64::from(lost);
        (bytes, lost)
    }

    /// Keeps count of the reserve; `group` is the length of a group of pictures
    /// in fragments.
    pub(crate) fn count(&mut self, lanes: &[Lane], group: u64) {
        let (mut pictures, mut sounds, mut chunks) = (0, 0, 0);
        for (lane, part) in lanes.iter().zip(&self.parts) {
            let samples = part.as_ref().map_or(0, |p| p.gathered.len());
            let kind = if lane.is_video() {
                &mut pictures
            } else {
                &mut sounds
            };
            *kind += samples;
            chunks += usize::from(samples > 0);
        }
        if let Some(reserve) = &mut self.reserve {
            reserve.add(pictures, sounds, chunks);
            // One more group, and what is under way.
            self.short = self.short || reserve.is_short(&self.movie, group + 3);
        }
    }
}

/// `ticks` of one clock in ticks of another, rounded down, or up.
pub(crate) fn convert(ticks: i64, from: i64, to: i64, up: bool) -> i64 {
    let (from, exact) = (i128::from(from.max(1)), i128::from(ticks) * i128::from(to));
    let up = if up { from - 1 } else { 0 };
    i64::try_from((exact + up).div_euclid(from)).unwrap_or(i64::MAX)
}

/// A time in ticks of `rate` a second.
pub(crate) fn ticks(time: Duration, rate: i64) -> i64 {
    let exact = time.as_nanos() * rate.unsigned_abs() as u128 / 1_000_000_000;
    i64::try_from(exact).unwrap_or(i64::MAX)
}

/// Ticks of `rate` a second as a time.
pub(crate) fn duration(ticks: i64, rate: i64) -> Duration {
    let ticks = u64::try_from(ticks).unwrap_or(0);
    let rate = u32::try_from(rate).unwrap_or(u32::MAX);
    Duration::from_nanos(rescale(ticks, rate, 1_000_000_000))
}
