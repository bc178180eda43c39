//! What time it was when a picture was taken.
//!
//! A camera's sender reports say it, if its clock can be believed. Else it is
//! the earliest that packets of the last half minute arrived, by the RTP
//! clock: what comes later came late. Arrival is measured by a clock that never
//! jumps; the wall clock is added at the end, so that one that is set shows at
//! once and disturbs nothing.
//!
//! Either way times are corrected smoothly, by at most 500 ppm of what passed,
//! unless they are far off. How long a sample lasts never depends on them.
//!
//! Bound, from ten seconds after the start on: the least delay of any packet in
//! half a minute, and 30 s times the drift of the camera's clock (6 ms at
//! 200 ppm). Before that: the least delay so far.

use crate::source::WallClock;
use std::collections::VecDeque;
use std::time::Duration;

/// A camera's clock further from ours than this is not believed.
const WRONG_NS: i128 = 10_000_000_000;
/// Correction, nanoseconds for a millisecond: 500 ppm.
const SLEW: i128 = 500;
/// What is further off is corrected at once.
const FAR_NS: i128 = 1_000_000_000;
/// While so little has passed, a better estimate counts at once.
const SETTLING_NS: i128 = 10_000_000_000;
/// The length of the parts of which the least delay is kept, and their number.
const PART_NS: i128 = 1_000_000_000;
const PARTS: usize = 30;

/// A time of day, and whose word it is.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq)]
pub struct WallTime {
    /// The time.
    pub at: WallClock,
    /// Whether it is the camera's (a sender report), not that of arrival.
    pub by_camera: bool,
}

/// The time of the pictures of one RTP clock.
#[derive(Debug)]
pub(crate) struct Wall {
    rate: i128,
    /// RTP time zero of this calculation.
    origin: Option<i64>,
    /// Least of arrival minus RTP time, by parts of the time: since when, and how much.
    least: VecDeque<(i128, i128)>,
    arrival: Slewed,
    camera: Slewed,
    /// The newest report: its NTP time since 1970, and its RTP time.
    report: Option<(i128, i64)>,
}

/// What is added to RTP time, in nanoseconds.
#[derive(Copy, Clone, Debug, Default)]
struct Slewed {
    began: i128,
    at: i128,
    offset: Option<i128>,
}

impl Slewed {
    /// Goes towards `target`, as far as it may by `now` (RTP time).
    fn follow(&mut self, now: i128, target: i128) -> i128 {
        let Some(offset) = self.offset else {
            (self.began, self.at, self.offset) = (now, now, Some(target));
            return target;
        };
        let passed = (now - self.at).max(0);
        let most = passed * SLEW / 1_000_000;
        let apart = target - offset;
        let settling = now - self.began < SETTLING_NS;
        let next = if apart.abs() > FAR_NS || settling && apart < 0 {
            target
        } else {
            offset + apart.clamp(-most, most)
        };
        self.at = self.at.max(now);
        self.offset = Some(next);
        next
    }
}

impl Wall {
    /// For a clock of this many ticks a second.
    pub(crate) fn new(rate: u32) -> Self {
        Self {
            rate: i128::from(rate.max(1)),
            origin: None,
            least: VecDeque::with_capacity(PARTS + 1),
            arrival: Slewed::default(),
            camera: Slewed::default(),
            report: None,
        }
    }

    /// Takes a sender report (RFC 3550 §6.4.1).
    pub(crate) fn report(&mut self, ntp: u64, rtp: i64) {
        self.report = Some((i128::from(WallClock::from_ntp(ntp).0), rtp));
    }

    /// When the unit with this RTP time was taken, which arrived then by the clock
    /// that never jumps and by the one on the wall.
    pub(crate) fn time(&mut self, rtp: i64, arrived: Duration, received: WallClock) -> WallTime {
        let arrived = i128::try_from(arrived.as_nanos()).unwrap_or(i128::MAX);
        let origin = *self.origin.get_or_insert(rtp);
        let media = self.nanos(rtp, origin);
        let least = self.least_delay(arrived, arrived - media);
        let by_arrival = media + self.arrival.follow(media, least);
        // What the wall clock says now against the one that never jumps.
        let wall = i128::from(received.0) - arrived + by_arrival;
        if let Some((ntp, rtp)) = self.report {
            let told = ntp - self.nanos(rtp, origin);
            if (told + media - wall).abs() < WRONG_NS {
                let at = media + self.camera.follow(media, told);
                return WallTime {
                    at: clock(at),
                    by_camera: true,
                };
            }
            self.camera = Slewed::default();
        }
        WallTime {
            at: clock(wall),
            by_camera: false,
        }
    }

    fn nanos(&self, rtp: i64, origin: i64) -> i128 {
        (i128::from(rtp) - i128::from(origin)) * 1_000_000_000 / self.rate
    }

    /// The least delay of half a minute, this one included.
    fn least_delay(&mut self, arrived: i128, delay: i128) -> i128 {
        match self.least.back_mut() {
            Some((since, least)) if arrived - *since < PART_NS => *least = delay.min(*least),
            _ => {
                if self.least.len() == PARTS {
                    self.least.pop_front();
                }
                self.least.push_back((arrived, delay));
            }
        }
        let all = self.least.iter().map(|(_, least)| *least);
        all.min().unwrap_or(delay)
    }
}

fn clock(nanos: i128) -> WallClock {
    WallClock(i64::try_from(nanos).unwrap_or(i64::MAX))
}

#[cfg(test)]
#[path = "wall_tests.rs"]
mod tests;
