//! Where a file begins, what is in it, where it ends. Access units in, bytes to
//! write out; no clock, no file.
//!
//! A file begins with a keyframe of the leading track (the video, if there is
//! any) and ends before another one. Every second of media becomes a fragment
//! with what all tracks have by then. A cut is made at the presentation time of
//! the keyframe: samples of other tracks before it go into the old file, even
//! if they come later; the old file stays open until they have come, or cannot
//! be expected any more.

pub use crate::command::{Command, Ended, Fragment, Head, Summary};

use crate::lane::{Boundary, Lane, Missing, Sample};
use crate::layout::{self, NewTrack};
use crate::rule::Rule;
use crate::segment::{Cut, Part, Segment, convert, duration, ticks};
use crate::source::{TrackInfo, lead};
use crate::timeline::{Placed, Timed};
use sha2::{Digest, Sha256};
use std::collections::VecDeque;
use std::time::Duration;
use tapo_movie::{SampleDescription, SegmentStamp};

/// Seconds of the leading track that a file is held open for the other tracks
/// to reach the cut.
const PATIENCE: i64 = 2;
/// Gathered bytes that become a fragment before their time.
const FRAGMENT_BYTES: usize = 32 << 20;
/// Samples of other tracks kept while the leading one has not begun.
const EARLY: usize = 1024;

/// How to segment.
#[derive(Clone, Debug)]
pub struct Settings {
    /// When a file ends; `None`: never for its length or size, nor because the
    /// reserve is full.
    pub segment: Option<Rule>,
    /// Media in a fragment.
    pub fragment: Duration,
    /// The camera's name.
    pub camera: String,
    /// A number of its own for this recording.
    pub session: [u8; 16],
    /// SHA-256 of the session description.
    pub sdp_sha256: [u8; 32],
    /// How long before the source was opened the last recording of this camera
    /// ended, if there was one.
    pub after: Option<Duration>,
}

/// The segmenter of one connection.
#[derive(Debug)]
pub struct Segmenter {
    settings: Settings,
    lanes: Vec<Lane>,
    /// Index of the track that keyframes are looked for in.
    lead: usize,
    description: Option<SampleDescription>,
    current: Option<Segment>,
    number: u32,
    previous: [u8; 32],
    asked: bool,
    event: bool,
    late: u64,
    finishing: bool,
    out: VecDeque<Command>,
}

impl Segmenter {
    /// For the tracks of a source; `number` segments were written before.
    #[must_use]
    pub fn new(settings: Settings, tracks: &[TrackInfo], number: u32) -> Self {
        Self {
            settings,
            lanes: tracks.iter().map(Lane::new).collect(),
            lead: lead(tracks),
            description: None,
            current: None,
            number,
            previous: [0; 32],
            asked: false,
            event: false,
            late: 0,
            finishing: false,
            out: VecDeque::new(),
        }
    }

    /// Takes a track's sample description; its next unit is the first that it
    /// describes.
    pub fn describe(&mut self, track: usize, description: SampleDescription) {
        if let Some(lane) = self.lanes.get_mut(track) {
            lane.describe(description);
        }
    }

    /// Takes what the timeline gives.
    pub fn push(&mut self, placed: Placed) {
        match placed {
            Placed::Unit(timed) => self.unit(timed),
            Placed::Discontinuity => {
                for lane in &mut self.lanes {
                    lane.discontinuity();
                }
            }
        }
        self.advance();
    }

    /// Nothing has come of this track for long: the file ends at the next
    /// keyframe, and what comes later begins in another one.
    pub fn silent(&mut self, track: usize) {
        if let Some(lane) = self.lanes.get_mut(track) {
            lane.falls_silent();
            self.asked = true;
        }
    }

    /// Ends the file at the next keyframe.
    pub const fn cut(&mut self) {
        self.asked = true;
    }

    /// Something has happened: the same, if there is a rule by which files end.
    pub const fn event(&mut self) {
        self.event = self.settings.segment.is_some();
    }

    /// Nothing more will come: writes what is there and closes the file.
    pub fn finish(&mut self) {
        for lane in &mut self.lanes {
            lane.finish();
        }
        self.advance();
        self.finishing = true;
        self.advance();
        while self.current.is_some() {
            self.close(Ended::Stopped);
            self.advance();
        }
    }

    /// The next thing to write.
    pub fn pop(&mut self) -> Option<Command> {
        self.out.pop_front()
    }

    /// Number of the newest segment.
    #[must_use]
    pub const fn number(&self) -> u32 {
        self.number
    }

    /// Samples that came too late for the file they belong to.
    #[must_use]
    pub const fn late(&self) -> u64 {
        self.late
    }

    /// What went missing, in all tracks.
    #[must_use]
    pub fn missing(&self) -> Missing {
        self.lanes.iter().fold(Missing::default(), |sum, lane| {
            let missing = lane.missing();
            Missing {
                undecodable: sum.undecodable + missing.undecodable,
                gaps: sum.gaps + missing.gaps,
            }
        })
    }

    /// The descriptions of all tracks, as far as they are known.
    pub fn descriptions(&self) -> impl Iterator<Item = Option<&SampleDescription>> {
        self.lanes.iter().map(Lane::description)
    }

    fn unit(&mut self, timed: Timed) {
        let track = timed.unit.track;
        let epoch = self.current.as_ref().map(|s| s.epoch);
        if let Some(lane) = self.lanes.get_mut(track) {
            lane.push(timed);
            let early = |s: &Sample| epoch.is_none_or(|epoch| s.epoch > epoch);
            while track != self.lead && lane.len() > EARLY && lane.front().is_some_and(early) {
                lane.pop();
            }
        }
    }

    /// Does all that can be done with the samples that are ready.
    fn advance(&mut self) {
        while self.current.is_some() || self.begin() {
            if self.take_lead() {
                self.take_others();
                self.flush();
                continue;
            }
            self.take_others();
            if let Some(cut) = self.current.as_ref().and_then(|s| s.cut)
                && self.drained(cut)
            {
                self.close(cut.why);
                continue;
            }
            if self.overdue() {
                self.flush();
            }
            return;
        }
    }

    /// Begins a segment with the sample that is first in the leading track.
    fn begin(&mut self) -> bool {
        let Some(lane) = self.lanes.get(self.lead) else {
            return false;
        };
        let Some(first) = lane.front() else {
            return false;
        };
        if let Some(description) = &first.description {
            self.description = Some(description.as_ref().clone());
        }
        let Some(description) = self.description.clone() else {
            // The codec sends its parameters before its first picture.
            self.lanes.get_mut(self.lead).map(Lane::pop);
            return false;
        };
        self.number = self.number.saturating_add(1);
        let missing = match first.boundary {
            Some(Boundary::Gap { ticks }) => duration(ticks, lane.rate()),
            Some(Boundary::Start) => self
                .settings
                .after
                .take()
                .map_or(Duration::ZERO, |after| after + first.arrived),
            _ => Duration::ZERO,
        };
        let stamp = SegmentStamp {
            number: self.number,
            timescale: u32::try_from(lane.rate()).unwrap_or(u32::MAX),
            start: first.dts,
            started_ns: first.received.0,
            session: self.settings.session,
            previous: self.previous,
            sdp_sha256: self.settings.sdp_sha256,
            camera: self.settings.camera.clone(),
            recorder: concat!("tapo ", env!("CARGO_PKG_VERSION")).to_owned(),
            missing_ns: u64::try_from(missing.as_nanos()).unwrap_or(u64::MAX),
        };
        let (mut tracks, mut parts) = (Vec::new(), Vec::new());
        for (index, other) in self.lanes.iter().enumerate() {
            let described = if index == self.lead {
                Some(description.clone())
            } else {
                other.description().cloned()
            };
            parts.push(described.map(|description| {
                tracks.push(NewTrack {
                    kind: other.kind(),
                    timescale: u32::try_from(other.rate()).unwrap_or(u32::MAX),
                    description,
                });
                Part {
                    base: convert(first.dts, lane.rate(), other.rate(), false),
                    from: convert(first.pts, lane.rate(), other.rate(), true),
                    gathered: Vec::new(),
                    ticks: 0,
                }
            }));
        }
        let stamp = stamp.encode();
        let grid = self.settings.segment.as_ref().and_then(|r| r.grid.as_ref());
        self.current = Some(Segment {
            number: self.number,
            epoch: first.epoch,
            start: first.dts,
            first: matches!(
                first.boundary,
                Some(Boundary::Start | Boundary::Discontinuity)
            ),
            started: first.received,
            missing,
            movie: layout::movie(tracks, first.received, &stamp),
            parts,
            chain: Sha256::digest(&stamp).into(),
            reserve: None,
            position: 0,
            sequence: 0,
            ticks: 0,
            gathered_bytes: 0,
            keyframe: 0,
            group: 0,
            media: 0,
            keyframe_media: 0,
            group_media: 0,
            until: grid.map(|grid| grid.next(first.received)),
            lost: 0,
            short: false,
            cut: None,
        });
        true
    }

    /// Takes samples of the leading track, up to a fragment or to a cut; `true`
    /// if a fragment is full.
    fn take_lead(&mut self) -> bool {
        let (Some(segment), Some(lane)) = (&mut self.current, self.lanes.get_mut(self.lead)) else {
            return false;
        };
        let full = ticks(self.settings.fragment, lane.rate());
        let rule = self.settings.segment.as_ref();
        let limit = rule.map(|rule| ticks(rule.longest(), lane.rate()));
        let size = rule.and_then(|rule| rule.size);
        while segment.cut.is_none() {
            let Some(sample) = lane.front() else {
                return false;
            };
            if segment.ticks > 0 && sample.sync {
                segment.count_group();
                let length = limit.is_some_and(|l| segment.ticks >= l)
                    || segment.until.is_some_and(|until| sample.received >= until);
                let why = match sample.boundary {
                    Some(Boundary::Parameters) => Some(Ended::Parameters),
                    Some(Boundary::Gap { ticks }) => Some(Ended::Gap(duration(ticks, lane.rate()))),
                    Some(_) => Some(Ended::Clock),
                    None if self.asked => Some(Ended::Asked),
                    None if self.event => Some(Ended::Event),
                    None if length => Some(Ended::Length),
                    None if size.is_some_and(|s| segment.next_size() > s) => Some(Ended::Size),
                    None if segment.short => Some(Ended::Reserve),
                    None => None,
                };
                if let Some(why) = why {
                    let at = (sample.epoch == segment.epoch).then_some(sample.pts);
                    segment.cut = Some(Cut { at, why });
                    (self.asked, self.event) = (false, false);
                    return false;
                }
            }
            let Some(Some(part)) = segment.parts.get_mut(self.lead) else {
                return false;
            };
            if let Some(sample) = lane.pop() {
                segment.ticks += i64::from(sample.duration);
                segment.gathered_bytes += sample.data.len();
                segment.media += sample.data.len() as u64;
                part.take(sample);
                if part.ticks >= full || segment.gathered_bytes >= FRAGMENT_BYTES {
                    return true;
                }
            }
        }
        false
    }

    /// Takes what the other tracks have for this segment.
    fn take_others(&mut self) {
        let Some(segment) = &mut self.current else {
            return;
        };
        let lead_rate = self.lanes.get(self.lead).map_or(1, Lane::rate);
        for (index, lane) in self.lanes.iter_mut().enumerate() {
            if index == self.lead {
                continue;
            }
            if let Some(cut) = segment.cut {
                lane.let_go();
                if let Some(at) = cut.at {
                    lane.let_go_before(convert(at, lead_rate, lane.rate(), true));
                }
            }
            let end = match segment.cut {
                _ if self.finishing => i64::MAX,
                Some(Cut { at: Some(at), .. }) => convert(at, lead_rate, lane.rate(), true),
                Some(Cut { at: None, .. }) => i64::MAX,
                // No cut can come before this; or, if the leading track stands,
                // it is not waited for.
                None => convert(segment.start + segment.ticks, lead_rate, lane.rate(), false)
                    .max(lane.newest().unwrap_or(0) - PATIENCE * lane.rate()),
            };
            while let Some(sample) = lane.front() {
                let now = sample.epoch == segment.epoch;
                if sample.epoch > segment.epoch || now && sample.dts >= end {
                    break;
                }
                let Some(sample) = lane.pop() else {
                    break;
                };
                match segment.parts.get_mut(index) {
                    Some(Some(part)) if now && sample.dts >= part.from => {
                        segment.gathered_bytes += sample.data.len();
                        segment.media += sample.data.len() as u64;
                        part.take(sample);
                    }
                    Some(Some(_)) if segment.first => {}
                    _ => self.late += 1,
                }
            }
        }
    }

    /// Whether the other tracks have passed the cut, or are not waited for.
    fn drained(&self, cut: Cut) -> bool {
        let (Some(segment), Some(lead)) = (&self.current, self.lanes.get(self.lead)) else {
            return true;
        };
        let Some(at) = cut.at else {
            return true;
        };
        let patience = PATIENCE * lead.rate();
        if lead.newest().is_none_or(|newest| newest - at >= patience) {
            return true;
        }
        self.lanes.iter().enumerate().all(|(index, lane)| {
            let end = convert(at, lead.rate(), lane.rate(), true);
            // Nothing came of it for long before the cut: it is not there.
            let from = convert(segment.start, lead.rate(), lane.rate(), false);
            let newest = lane.newest().unwrap_or(from);
            index == self.lead
                || lane.passed(segment.epoch, end)
                || end - newest > 2 * PATIENCE * lane.rate()
        })
    }

    /// Whether other tracks have gathered more than a fragment while the leading
    /// one stands.
    fn overdue(&self) -> bool {
        let Some(segment) = &self.current else {
            return false;
        };
        let full = |(lane, part): (&Lane, &Option<Part>)| {
            let limit = 2 * ticks(self.settings.fragment, lane.rate());
            part.as_ref().is_some_and(|p| p.ticks >= limit)
        };
        segment.gathered_bytes >= FRAGMENT_BYTES || self.lanes.iter().zip(&segment.parts).any(full)
    }

    /// Closes the segment.
    fn close(&mut self, ended: Ended) {
        self.flush();
        let Some(segment) = self.current.take() else {
            return;
        };
        self.previous = segment.chain;
        if segment.reserve.is_none() {
            // Nothing was ever written of it.
            self.number = self.number.saturating_sub(1);
            return;
        }
        let rate = self.lanes.get(self.lead).map_or(1, Lane::rate);
        let count = |t: &tapo_movie::Track| Some((t.descriptions.first()?.kind(), t.samples.len()));
        self.out.push_back(Command::Close(Summary {
            number: segment.number,
            started: segment.started,
            duration: duration(segment.ticks, rate),
            bytes: segment.position,
            tracks: segment.movie.tracks.iter().filter_map(count).collect(),
            lost_packets: segment.lost,
            ended,
        }));
    }

    /// Writes what is gathered as a fragment.
    fn flush(&mut self) {
        let Some(segment) = &mut self.current else {
            return;
        };
        if segment
            .parts
            .iter()
            .flatten()
            .all(|p| p.gathered.is_empty())
        {
            return;
        }
        if segment.reserve.is_none() {
            let head = segment.open(&self.settings, &self.lanes, self.lead);
            self.out.push_back(Command::Open(head));
        }
        let rate = self.lanes.get(self.lead).map_or(1, Lane::rate);
        let lead = segment.parts.get(self.lead).and_then(Option::as_ref);
        let (frames, lead_ticks) = lead.map_or((0, 0), |p| (p.gathered.len(), p.ticks));
        let (bytes, lost) = segment.fragment(self.lead);
        self.out.push_back(Command::Fragment(Fragment {
            bytes,
            frames: u32::try_from(frames).unwrap_or(u32::MAX),
            lost,
            duration: duration(lead_ticks, rate),
        }));
        if self.settings.segment.is_some() {
            let full = ticks(self.settings.fragment, rate).max(1);
            let group = u64::try_from(segment.group.max(segment.ticks - segment.keyframe) / full);
            segment.count(&self.lanes, group.unwrap_or(0));
        }
        for part in segment.parts.iter_mut().flatten() {
            part.gathered.clear();
            part.ticks = 0;
        }
        segment.gathered_bytes = 0;
    }
}

#[cfg(test)]
#[path = "segmenter_tests.rs"]
mod tests;
