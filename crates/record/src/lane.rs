//! One track: from access units with presentation times to samples with
//! decode times and durations.
//!
//! A sample is ready when the next one of its track is known, for its duration
//! is the distance to that. Where a track cannot go on in the same file (new
//! parameter sets, a gap, a deeper reordering) the next sample is marked, and
//! it is a keyframe.

use crate::source::{TrackInfo, WallClock};
use crate::timeline::Timed;
use crate::wall::WallTime;
use std::collections::VecDeque;
use std::time::Duration;
use tapo_codec::order::{DecodeTimes, OrderDefect, ReorderDepth, observed_depth};
use tapo_movie::SampleDescription;

/// A sample that is ready to be written.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Its bytes.
    pub data: Vec<u8>,
    /// Decode time, ticks of the track on the session's timeline.
    pub dts: i64,
    /// Presentation time, ticks.
    pub pts: i64,
    /// Ticks to the next sample of the track.
    pub duration: u32,
    /// Whether decoding can start here.
    pub sync: bool,
    /// The RTP timestamp as the packet carried it.
    pub rtp_time: u32,
    /// When it was received.
    pub received: WallClock,
    /// When it was captured.
    pub wall: WallTime,
    /// When its last packet came, since the source was opened.
    pub arrived: Duration,
    /// RTP packets lost before and in it.
    pub lost: u32,
    /// Why it cannot stand in one file with the sample before it.
    pub boundary: Option<Boundary>,
    /// What describes it and what follows, if it is the first such sample.
    pub description: Option<Box<SampleDescription>>,
    /// Times of samples with different epochs cannot be compared: the clock
    /// jumped in between.
    pub epoch: u32,
}

/// Why a sample must be the first of a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Boundary {
    /// Nothing came before it.
    Start,
    /// The sample description changed.
    Parameters,
    /// Pictures are reordered deeper than was known.
    Reordering,
    /// Something is missing before it.
    Gap {
        /// Ticks from the last picture that was kept to this one.
        ticks: i64,
    },
    /// The clock jumped.
    Discontinuity,
}

/// What has gone missing on the way.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq)]
pub struct Missing {
    /// Pictures that could not be decoded for want of a keyframe: they came
    /// after a gap, or with new parameter sets, and before a keyframe.
    pub undecodable: u64,
    /// Gaps: longer than a second, and than twice the usual distance.
    pub gaps: u32,
}

/// The sizes of what is remembered to know the usual distance of pictures.
const RECENT: usize = 31;

/// Pictures looked at where the parameter sets do not tell the reorder depth.
const OBSERVED: usize = 64;

/// Seconds without a picture that are a gap even if no packet is missing.
const LONG_GAP: i64 = 10;

/// One track on its way.
#[derive(Debug)]
pub struct Lane {
    rate: i64,
    video: bool,
    reorders: bool,
    sparse: bool,
    description: Option<SampleDescription>,
    /// Comes into force with the next unit.
    next_description: Option<SampleDescription>,
    /// Why nothing can be taken before a keyframe; and what begins with it.
    wanted: Option<Boundary>,
    order: Order,
    /// The depth that turned out to be needed.
    deeper: Option<usize>,
    /// Without decode time, in decode order.
    waiting: VecDeque<Sample>,
    /// With decode time, without duration.
    held: Option<Sample>,
    ready: VecDeque<Sample>,
    newest: Option<i64>,
    recent: VecDeque<u32>,
    nominal: u32,
    missing: Missing,
    epoch: u32,
    /// Nothing came for long.
    silent: bool,
}

#[derive(Debug)]
enum Order {
    /// The depth is not known yet: presentation times so far.
    Observing(Vec<i64>),
    Known(DecodeTimes),
}

impl Lane {
    /// For a track as the source describes it.
    #[must_use]
    pub fn new(info: &TrackInfo) -> Self {
        Self {
            rate: i64::from(info.clock_rate.max(1)),
            video: info.codec.is_video(),
            reorders: info.codec.reorders(),
            sparse: info.codec.is_sparse(),
            description: None,
            next_description: None,
            wanted: Some(Boundary::Start),
            order: Order::Known(DecodeTimes::new(0)),
            deeper: None,
            waiting: VecDeque::new(),
            held: None,
            ready: VecDeque::new(),
            newest: None,
            recent: VecDeque::with_capacity(RECENT),
            nominal: info.clock_rate / if info.codec.is_video() { 25 } else { 50 },
            missing: Missing::default(),
            epoch: 0,
            silent: false,
        }
    }

    /// Whether it is pictures.
    #[must_use]
    pub const fn is_video(&self) -> bool {
        self.video
    }

    /// What its media is called in a file (ISO/IEC 14496-12 §12).
    #[must_use]
    pub const fn kind(&self) -> &'static [u8; 4] {
        match (self.video, self.sparse) {
            (true, _) => b"vide",
            (false, true) => b"meta",
            (false, false) => b"soun",
        }
    }

    /// Ticks a second.
    #[must_use]
    pub const fn rate(&self) -> i64 {
        self.rate
    }

    /// What describes the samples, as far as it is known.
    #[must_use]
    pub const fn description(&self) -> Option<&SampleDescription> {
        self.description.as_ref()
    }

    /// What has gone missing so far.
    #[must_use]
    pub const fn missing(&self) -> Missing {
        self.missing
    }

    /// The presentation time of the newest unit, ticks.
    #[must_use]
    pub const fn newest(&self) -> Option<i64> {
        self.newest
    }

    /// The next sample that is ready.
    #[must_use]
    pub fn front(&self) -> Option<&Sample> {
        self.ready.front()
    }

    /// Takes it.
    pub fn pop(&mut self) -> Option<Sample> {
        self.ready.pop_front()
    }

    /// How many samples are ready.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ready.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ready.is_empty()
    }

    /// Whether every sample of this epoch before `time` (ticks) is ready: a
    /// later one is known.
    #[must_use]
    pub fn passed(&self, epoch: u32, time: i64) -> bool {
        let last = self.held.as_ref().or(self.ready.back());
        self.epoch > epoch || last.is_some_and(|s| s.dts >= time)
    }

    /// Takes a new sample description; the next unit is the first it describes.
    pub fn describe(&mut self, description: SampleDescription) {
        if self.description.is_none() {
            self.description = Some(description);
        } else if self.description.as_ref() == Some(&description) {
            // It changed back before a unit came.
            self.next_description = None;
        } else {
            self.next_description = Some(description);
        }
    }

    /// The clock jumped: what comes next is a new beginning.
    pub fn discontinuity(&mut self) {
        self.end_run();
        self.newest = None;
        self.epoch += 1;
        if self.wanted != Some(Boundary::Start) {
            self.want(Boundary::Discontinuity);
        }
    }

    /// Nothing has come for long.
    pub const fn falls_silent(&mut self) {
        self.silent = true;
    }

    /// If nothing has come for long, lets the last sample go, as long as usual: what
    /// comes later is for another file.
    pub fn let_go(&mut self) {
        if self.silent
            && let Some(mut held) = self.held.take()
        {
            held.duration = self.usual();
            self.ready.push_back(held);
        }
    }

    /// Of what comes now and then, lets the last sample go if it is before this time,
    /// ticks, and lasts until then: the next may be long in coming.
    pub fn let_go_before(&mut self, time: i64) {
        if self.sparse
            && self.held.as_ref().is_some_and(|held| held.dts < time)
            && let Some(mut held) = self.held.take()
        {
            held.duration = u32::try_from(time - held.dts).unwrap_or(u32::MAX);
            self.ready.push_back(held);
        }
    }

    /// No more units will come: everything becomes ready.
    pub fn finish(&mut self) {
        self.end_run();
    }

    /// Takes the next unit.
    pub fn push(&mut self, timed: Timed) {
        self.silent = false;
        if let Some(duration) = timed.unit.duration.filter(|d| *d > 0) {
            self.nominal = duration;
        }
        let mut sample = Sample {
            dts: timed.time,
            pts: timed.time,
            duration: 0,
            sync: timed.unit.random_access || !self.video,
            // The low 32 bits are the timestamp of the packet.
            rtp_time: u32::try_from(timed.unit.rtp & 0xffff_ffff).unwrap_or_default(),
            received: timed.unit.received,
            wall: timed.wall,
            arrived: timed.unit.arrived,
            lost: timed.unit.lost,
            boundary: None,
            description: None,
            epoch: self.epoch,
            data: timed.unit.data,
        };
        if self.wanted.is_none()
            && !self.sparse
            && let Some(gap) = self.gap(&sample)
        {
            self.missing.gaps += 1;
            let ended = sample.sync || sample.lost > 0 || gap > LONG_GAP * self.rate;
            if self.video && ended {
                self.want(Boundary::Gap { ticks: gap });
            }
        }
        if let Some(description) = self.next_description.take() {
            self.description = Some(description);
            self.want(Boundary::Parameters);
        }
        if sample.sync && self.deeper.is_some() {
            self.want(Boundary::Reordering);
        }
        if self.wanted.is_some() {
            if !sample.sync {
                self.missing.undecodable += u64::from(self.wanted != Some(Boundary::Start));
                return;
            }
            self.begin(&mut sample);
        }
        self.newest = Some(self.newest.unwrap_or(sample.pts).max(sample.pts));
        if self.video {
            self.order(sample);
        } else {
            // Sound is decoded in the order it is heard.
            let after = self.held.as_ref().map_or(i64::MIN, |h| h.dts + 1);
            sample.dts = sample.dts.max(after);
            sample.pts = sample.dts;
            self.timed(sample);
        }
    }

    /// The distance to the picture before, ticks, if it is a gap.
    fn gap(&self, sample: &Sample) -> Option<i64> {
        let distance = sample.pts - self.newest?;
        if distance <= self.rate {
            return None;
        }
        let mut recent: Vec<u32> = self.recent.iter().copied().collect();
        recent.sort_unstable();
        let median = recent.get(recent.len() / 2).copied()?;
        // A picture that is decoded early is ahead by the depth.
        let depth = match &self.order {
            Order::Known(times) if self.video => times.depth(),
            _ => 0,
        };
        let usual = i64::from(median) * i64::try_from(depth + 2).unwrap_or(2);
        (distance > usual).then_some(distance)
    }

    /// Nothing can follow in this file; the next keyframe begins anew.
    fn want(&mut self, why: Boundary) {
        match (&self.wanted, &why) {
            // A parameter change says more than a gap does.
            (Some(Boundary::Start), _) => {}
            (Some(Boundary::Parameters), why) if *why != Boundary::Parameters => {}
            _ => self.wanted = Some(why),
        }
    }

    /// Begins a new run of samples with a keyframe.
    fn begin(&mut self, sample: &mut Sample) {
        self.end_run();
        let mut why = self.wanted.take();
        if let (Some(Boundary::Gap { ticks }), Some(newest)) = (&mut why, self.newest) {
            *ticks = sample.pts - newest;
        }
        if why == Some(Boundary::Start) {
            // The first packets of a connection are no loss: they were never
            // for us.
            sample.lost = 0;
        }
        if why == Some(Boundary::Parameters) {
            self.deeper = None;
        }
        sample.boundary = why;
        sample.description = self.description.clone().map(Box::new);
        self.newest = None;
        self.recent.clear();
        if self.video {
            let said = self.description.as_ref().map(reorder_depth);
            self.order = match (self.deeper.take(), said.and_then(ReorderDepth::known)) {
                (Some(needed), _) => Order::Known(DecodeTimes::new(needed)),
                _ if !self.reorders => Order::Known(DecodeTimes::new(0)),
                (None, Some(depth)) => Order::Known(DecodeTimes::new(usize::from(depth))),
                (None, None) if said.is_some_and(|s| s.at_most() == 0) => {
                    Order::Known(DecodeTimes::new(0))
                }
                (None, None) => Order::Observing(Vec::with_capacity(OBSERVED)),
            };
        }
    }

    /// Puts a picture into the queue of those that wait for a decode time.
    fn order(&mut self, sample: Sample) {
        let pts = sample.pts;
        self.waiting.push_back(sample);
        match &mut self.order {
            Order::Observing(seen) => {
                seen.push(pts);
                let first = seen.first().copied().unwrap_or(pts);
                if pts - first >= self.rate || seen.len() >= OBSERVED {
                    self.observed();
                }
            }
            Order::Known(times) => {
                let pushed = times.push(pts);
                self.note(pushed);
            }
        }
        self.give_decode_times();
    }

    /// The reorder depth has been seen.
    fn observed(&mut self) {
        if let Order::Observing(seen) = &self.order {
            let mut times = DecodeTimes::new(observed_depth(seen));
            let pushed: Vec<_> = seen.iter().map(|pts| times.push(*pts)).collect();
            self.order = Order::Known(times);
            pushed.into_iter().for_each(|p| self.note(p));
        }
    }

    fn note(&mut self, pushed: Result<(), OrderDefect>) {
        match pushed {
            Ok(()) | Err(OrderDefect::Repeated) => {}
            Err(OrderDefect::DepthTooSmall { needed }) => {
                self.deeper = Some(self.deeper.map_or(needed, |d| d.max(needed)));
            }
            // No depth helps: the same one, from the next keyframe on.
            Err(OrderDefect::WentBack { .. }) => {
                if let Order::Known(times) = &self.order {
                    self.deeper.get_or_insert(times.depth());
                }
            }
        }
    }

    fn give_decode_times(&mut self) {
        loop {
            let Order::Known(times) = &mut self.order else {
                return;
            };
            let Some(dts) = times.next() else {
                return;
            };
            let Some(mut sample) = self.waiting.pop_front() else {
                return;
            };
            sample.dts = dts;
            self.timed(sample);
        }
    }

    /// A sample got its decode time: the one before gets its duration.
    fn timed(&mut self, sample: Sample) {
        if let Some(mut held) = self.held.take() {
            let distance = sample.dts - held.dts;
            held.duration = match u32::try_from(distance) {
                Ok(distance) if sample.boundary.is_none() => distance.max(1),
                _ => self.usual(),
            };
            if sample.boundary.is_none() {
                if self.recent.len() == RECENT {
                    self.recent.pop_front();
                }
                self.recent.push_back(held.duration);
            }
            self.ready.push_back(held);
        }
        self.held = Some(sample);
    }

    /// How long a sample lasts that has no successor.
    fn usual(&self) -> u32 {
        let last = self.recent.back().copied();
        let usual = if self.video {
            last.unwrap_or(self.nominal)
        } else {
            self.nominal
        };
        usual.max(1)
    }

    /// Gives all that wait their times.
    fn end_run(&mut self) {
        self.observed();
        if let Order::Known(times) = &mut self.order {
            let finished = times.finish();
            self.note(finished);
        }
        self.give_decode_times();
        if let Some(mut held) = self.held.take() {
            held.duration = self.usual();
            self.ready.push_back(held);
        }
        if let Order::Known(times) = &self.order {
            self.order = Order::Known(DecodeTimes::new(times.depth()));
        }
    }
}

/// How many pictures a decoder of this stream holds back, by its parameter
/// sets.
#[must_use]
pub fn reorder_depth(description: &SampleDescription) -> ReorderDepth {
    let boxes: Vec<_> = description
        .entry
        .children()
        .map(|(k, p)| (k.0, p))
        .collect();
    let said = tapo_codec::describe(description.kind().0, &boxes);
    let unknown = ReorderDepth::Unknown { at_most: 16 };
    said.reorder_depth.unwrap_or(unknown)
}

#[cfg(test)]
#[path = "lane_tests.rs"]
mod tests;
