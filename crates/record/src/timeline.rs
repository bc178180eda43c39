//! RTP ticks of several streams on one timeline.
//!
//! Each stream's RTP timestamps start anywhere (RFC 3550 §5.1). Which ticks of
//! two streams mean the same instant is said by their sender reports, by
//! `RTP-Info` (RFC 2326 §12.33), or, roughly, by their arrival. It is decided
//! once, when recording starts, and stands: what drifts or jitters later moves
//! nothing. Durations are differences of RTP timestamps, never of arrival times.
//!
//! Where a clock jumps, the unit is put as far behind the one before as usual (or
//! as it arrived, if something was lost), and time goes on from there. Only with
//! pictures that are reordered it cannot be said where that is: then everything
//! starts anew.

use crate::source::{AccessUnit, TrackInfo};
use crate::wall::{Wall, WallTime};
use std::collections::VecDeque;
use std::time::Duration;

/// How long sender reports are waited for.
const PATIENCE: Duration = Duration::from_secs(1);

/// Units held back meanwhile; more make the decision at once.
const HELD_UNITS: usize = 1024;
/// Units of metadata held back before any picture or sound.
const HELD_SPARSE: usize = 16;
/// Bytes held back meanwhile.
const HELD_BYTES: usize = 32 << 20;

/// Reports and `RTP-Info` that put the streams this much further apart than
/// their arrival did are not believed.
const IMPLAUSIBLE: Duration = Duration::from_secs(2);

/// A clock that steps this much against the arrival has jumped.
const JUMP: Duration = Duration::from_secs(10);

/// What the streams are aligned by.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Basis {
    /// RTCP sender reports of all tracks.
    SenderReports,
    /// `RTP-Info` of the answer to `PLAY`.
    RtpInfo,
    /// The arrival of the first packets.
    Arrival,
}

/// What comes out.
#[derive(Clone, Debug)]
pub enum Placed {
    /// An access unit and its time.
    Unit(Timed),
    /// A clock jumped: what follows has nothing to do with what came before.
    Discontinuity,
}

/// An access unit on the common timeline.
#[derive(Clone, Debug)]
pub struct Timed {
    /// The unit.
    pub unit: AccessUnit,
    /// Presentation time, ticks of the track's clock since the common origin;
    /// below 0 if it is before the first unit that came.
    pub time: i64,
    /// When it was captured.
    pub wall: WallTime,
}

/// Places access units on the timeline.
#[derive(Debug)]
pub struct Timeline {
    clocks: Vec<Clock>,
    held: VecDeque<Timed>,
    held_bytes: usize,
    basis: Option<Basis>,
    out: VecDeque<Placed>,
}

#[derive(Debug)]
struct Clock {
    rate: u32,
    audio: bool,
    /// It may not come for long: it is neither waited for nor decides.
    sparse: bool,
    /// The RTP timestamp of the common origin.
    origin: Option<i64>,
    first: Option<Seen>,
    last: Option<Seen>,
    /// All jumps so far: RTP timestamps minus this are steady.
    shift: i64,
    /// The last step from unit to unit, and whether any went back.
    usual: Option<i64>,
    reordered: bool,
    /// The report that alignment uses.
    report: Option<Report>,
    wall: Wall,
}

#[derive(Copy, Clone, Debug)]
struct Seen {
    rtp: i64,
    since_play: i64,
    arrived: Duration,
}

#[derive(Copy, Clone, Debug)]
struct Report {
    ntp: u64,
    rtp: i64,
}

impl Timeline {
    /// For tracks with these clock rates (ticks a second, not 0); `true` says
    /// that its units come in the order of their time, as sound does.
    #[must_use]
    pub fn new(tracks: &[(u32, bool)]) -> Self {
        let clock = |&(rate, audio): &(u32, bool)| Clock {
            rate: rate.max(1),
            audio,
            sparse: false,
            origin: None,
            first: None,
            last: None,
            shift: 0,
            usual: None,
            reordered: false,
            report: None,
            wall: Wall::new(rate),
        };
        Self {
            clocks: tracks.iter().map(clock).collect(),
            held: VecDeque::new(),
            held_bytes: 0,
            basis: None,
            out: VecDeque::new(),
        }
    }

    /// For the tracks of a source.
    #[must_use]
    pub(crate) fn of(tracks: &[TrackInfo]) -> Self {
        let clock = |t: &TrackInfo| (t.clock_rate, !t.codec.is_video());
        let clocks: Vec<_> = tracks.iter().map(clock).collect();
        let mut timeline = Self::new(&clocks);
        for (clock, track) in timeline.clocks.iter_mut().zip(tracks) {
            clock.sparse = track.codec.is_sparse();
        }
        timeline
    }

    /// What the tracks are aligned by, once it is decided.
    #[must_use]
    pub const fn basis(&self) -> Option<Basis> {
        self.basis
    }

    /// Takes the next access unit. Units of unknown tracks are dropped.
    pub fn push(&mut self, unit: AccessUnit) {
        let track = unit.track;
        let reordered = self.clocks.iter().any(|clock| clock.reordered);
        let Some(clock) = self.clocks.get_mut(track) else {
            return;
        };
        let mut seen = Seen {
            rtp: unit.rtp.saturating_sub(clock.shift),
            since_play: unit.since_play,
            arrived: unit.arrived,
        };
        if clock.jumped(seen) {
            let continued = clock.continued(seen, unit.lost);
            if let Some(rtp) = continued.filter(|_| !reordered) {
                clock.shift += seen.rtp - rtp;
                seen.rtp = rtp;
            } else {
                self.restart();
                seen.rtp = unit.rtp;
            }
        }
        let Some(clock) = self.clocks.get_mut(track) else {
            return;
        };
        clock.follow(seen);
        let wall = clock.wall.time(seen.rtp, unit.arrived, unit.received);
        self.held_bytes += unit.data.len();
        self.held.push_back(Timed {
            unit,
            time: seen.rtp,
            wall,
        });
        self.release(false);
    }

    /// Takes a sender report.
    pub fn sender_report(&mut self, track: usize, ntp: u64, rtp: i64) {
        // An NTP time of 0 says: no wall clock (RFC 3550 §6.4.1).
        if ntp == 0 {
            return;
        }
        if let Some(clock) = self.clocks.get_mut(track) {
            let rtp = rtp.saturating_sub(clock.shift);
            // One of before or behind a jump says nothing.
            let far = |last: Seen| clock.seconds(rtp.saturating_sub(last.rtp)).abs();
            if clock
                .last
                .is_some_and(|last| far(last) > JUMP.as_secs_f64())
            {
                return;
            }
            let report = Report { ntp, rtp };
            clock.report.get_or_insert(report);
            clock.wall.report(ntp, rtp);
            self.release(false);
        }
    }

    /// Nothing more will come: lets go what is held.
    pub fn finish(&mut self) {
        self.release(true);
    }

    /// The next unit on its place, in the order they came.
    pub fn pop(&mut self) -> Option<Placed> {
        self.out.pop_front()
    }

    /// Forgets all clocks.
    fn restart(&mut self) {
        self.release(true);
        for clock in &mut self.clocks {
            clock.origin = None;
            clock.first = None;
            clock.last = None;
            clock.report = None;
            clock.wall = Wall::new(clock.rate);
            clock.shift = 0;
            clock.usual = None;
            clock.reordered = false;
        }
        self.basis = None;
        self.out.push_back(Placed::Discontinuity);
    }

    fn release(&mut self, now: bool) {
        if self.basis.is_none() && !self.held.is_empty() {
            if !self.steady().any(|c| c.first.is_some()) && !now {
                // What came now and then has nothing yet to go by.
                while self.held.len() > HELD_SPARSE
                    && let Some(oldest) = self.held.pop_front()
                {
                    self.held_bytes -= oldest.unit.data.len();
                }
                return;
            }
            let waited = |c: &Clock| Some(c.last?.arrived.saturating_sub(c.first?.arrived));
            let patient = !now
                && self.steady().filter_map(waited).all(|w| w < PATIENCE)
                && self.held.len() < HELD_UNITS
                && self.held_bytes < HELD_BYTES;
            let reports = self.steady().all(|c| c.report.is_some());
            let seen = self.steady().all(|c| c.first.is_some());
            if self.clocks.len() > 1 && patient && !(reports && seen) {
                return;
            }
            self.basis = Some(self.decide());
        }
        while let Some(mut timed) = self.held.pop_front() {
            self.held_bytes -= timed.unit.data.len();
            timed.time -= self.origin(timed.unit.track);
            self.out.push_back(Placed::Unit(timed));
        }
    }

    /// The clocks that decide.
    fn steady(&self) -> impl Iterator<Item = &Clock> {
        self.clocks.iter().filter(|c| !c.sparse)
    }

    /// The best basis that does not contradict the arrival.
    fn decide(&self) -> Basis {
        let plausible = |basis: Basis| {
            let Some((lead, first)) = self.lead() else {
                return false;
            };
            self.steady().filter(|c| c.first.is_some()).all(|c| {
                let Some((origin, seen)) = c.origin_by(basis, lead, first).zip(c.first) else {
                    return false;
                };
                let by_clock = c.seconds(seen.rtp - origin);
                let by_arrival = seen.arrived.as_secs_f64() - first.arrived.as_secs_f64();
                (by_clock - by_arrival).abs() < IMPLAUSIBLE.as_secs_f64()
            })
        };
        let reports = self.steady().all(|c| c.report.is_some());
        if reports && plausible(Basis::SenderReports) {
            Basis::SenderReports
        } else if plausible(Basis::RtpInfo) {
            Basis::RtpInfo
        } else {
            Basis::Arrival
        }
    }

    /// The clock whose first unit came first: its time is the origin.
    fn lead(&self) -> Option<(&Clock, Seen)> {
        let seen = self.steady().filter_map(|c| Some((c, c.first?)));
        seen.min_by_key(|(_, first)| first.arrived)
    }

    fn origin(&mut self, track: usize) -> i64 {
        let Some(clock) = self.clocks.get(track) else {
            return 0;
        };
        if let Some(origin) = clock.origin {
            return origin;
        }
        let by = |basis| {
            let (lead, first) = self.lead()?;
            clock.origin_by(basis, lead, first)
        };
        let origin = by(self.basis.unwrap_or(Basis::Arrival))
            .or_else(|| by(Basis::Arrival))
            .unwrap_or(0);
        if let Some(clock) = self.clocks.get_mut(track) {
            clock.origin = Some(origin);
        }
        origin
    }
}

impl Clock {
    fn seconds(&self, ticks: i64) -> f64 {
        // 53 bits of ticks are 3000 years at 90 kHz.
        ticks as f64 / f64::from(self.rate)
    }

    /// Whether this unit cannot follow the last on one running clock.
    fn jumped(&self, seen: Seen) -> bool {
        let Some(last) = self.last else {
            return false;
        };
        let by_clock = self.seconds(seen.rtp.saturating_sub(last.rtp));
        let by_arrival = seen.arrived.saturating_sub(last.arrived).as_secs_f64();
        (by_clock - by_arrival).abs() > JUMP.as_secs_f64() || self.audio && by_clock < -0.5
    }

    /// Where a unit stands whose clock jumped, if that can be said.
    fn continued(&self, seen: Seen, lost: u32) -> Option<i64> {
        let last = self.last?;
        let nanos = seen.arrived.saturating_sub(last.arrived).as_nanos();
        let arrival = i64::try_from(nanos * u128::from(self.rate) / 1_000_000_000).ok()?;
        let whole = |usual: &i64| lost == 0 && self.seconds(arrival - usual).abs() < 0.5;
        let step = self.usual.filter(whole).unwrap_or(arrival).max(1);
        last.rtp.checked_add(step)
    }

    fn follow(&mut self, seen: Seen) {
        self.first.get_or_insert(seen);
        if let Some(last) = self.last.replace(seen) {
            let step = seen.rtp.saturating_sub(last.rtp);
            self.reordered |= step < 0;
            self.usual = Some(step).filter(|step| *step > 0).or(self.usual);
        }
    }

    /// The RTP timestamp of the instant at which the first unit of `lead` was
    /// captured.
    fn origin_by(&self, basis: Basis, lead: &Self, first: Seen) -> Option<i64> {
        match basis {
            Basis::SenderReports => {
                let (own, other) = (self.report?, lead.report?);
                let wall = i128::from(other.ntp)
                    + (i128::from(first.rtp - other.rtp) << 32) / i128::from(lead.rate);
                let ticks = (wall - i128::from(own.ntp)) * i128::from(self.rate);
                let ticks = (ticks + (1 << 31)) >> 32;
                own.rtp.checked_add(i64::try_from(ticks).ok()?)
            }
            Basis::RtpInfo => {
                let own = self.first?;
                let start = own.rtp - own.since_play;
                let ticks = i128::from(first.since_play) * i128::from(self.rate);
                let ticks = rounded(ticks, i128::from(lead.rate));
                start.checked_add(i64::try_from(ticks).ok()?)
            }
            Basis::Arrival => {
                let own = self.first?;
                let apart =
                    own.arrived.as_nanos().cast_signed() - first.arrived.as_nanos().cast_signed();
                let ticks = rounded(apart * i128::from(self.rate), 1_000_000_000);
                own.rtp.checked_sub(i64::try_from(ticks).ok()?)
            }
        }
    }
}

/// `a / b` to the nearest.
const fn rounded(a: i128, b: i128) -> i128 {
    (a + b / 2).div_euclid(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NTP: u64 = 0xb44d_b705_0000_0000;

    fn unit(track: usize, rtp: i64, since_play: i64, arrived_ms: u64) -> AccessUnit {
        AccessUnit {
            track,
            rtp,
            since_play,
            arrived: Duration::from_millis(arrived_ms),
            ..AccessUnit::default()
        }
    }

    fn times(timeline: &mut Timeline) -> Vec<(usize, i64)> {
        let mut times = Vec::new();
        while let Some(placed) = timeline.pop() {
            match placed {
                Placed::Unit(t) => times.push((t.unit.track, t.time)),
                Placed::Discontinuity => times.push((usize::MAX, 0)),
            }
        }
        times
    }

    fn two() -> Timeline {
        Timeline::new(&[(90_000, false), (8_000, true)])
    }

    #[test]
    fn sender_reports_win_and_nothing_moves_afterwards() {
        let mut t = two();
        t.push(unit(0, 1_000_000, 0, 0));
        t.push(unit(1, 5_000, 0, 30));
        assert!(times(&mut t).is_empty(), "reports are waited for");
        // Video tick 1,000,000 was at NTP + 1 s; sound tick 5,000 at NTP + 0.9 s.
        t.sender_report(0, NTP, 910_000);
        t.sender_report(1, NTP + (1 << 32), 5_800);
        assert_eq!(t.basis(), Some(Basis::SenderReports));
        assert_eq!(times(&mut t), [(0, 0), (1, -800)]);
        // A later report that disagrees changes nothing.
        t.sender_report(1, NTP + (9 << 32), 5_801);
        t.push(unit(1, 5_160, 160, 50));
        assert_eq!(times(&mut t), [(1, -640)]);
    }

    #[test]
    fn without_reports_rtp_info_counts_and_then_arrival() {
        let mut t = two();
        t.push(unit(0, 900_000, 9_000, 0));
        t.push(unit(1, 70_000, 1_600, 10));
        t.push(unit(0, 990_000, 99_000, 1_000));
        assert_eq!(t.basis(), Some(Basis::RtpInfo));
        // 0.1 s and 0.2 s behind the start.
        assert_eq!(times(&mut t), [(0, 0), (1, 800), (0, 90_000)]);

        let mut t = two();
        t.push(unit(0, 900_000, 0, 0));
        t.push(unit(1, 70_000, 8_000_000, 10));
        t.finish();
        assert_eq!(t.basis(), Some(Basis::Arrival));
        assert_eq!(times(&mut t), [(0, 0), (1, 80)]);
    }

    #[test]
    fn reports_that_contradict_the_arrival_are_not_believed() {
        let mut t = two();
        t.push(unit(0, 0, 0, 0));
        t.push(unit(1, 0, 0, 0));
        t.sender_report(0, NTP, 0);
        t.sender_report(1, NTP + (3600 << 32), 0);
        assert_eq!(t.basis(), Some(Basis::RtpInfo));
        assert_eq!(times(&mut t), [(0, 0), (1, 0)]);
    }

    #[test]
    fn a_track_that_comes_late_takes_its_place() {
        let mut t = two();
        t.push(unit(0, 0, 0, 0));
        t.push(unit(0, 90_000, 90_000, 1_000));
        t.push(unit(1, 40_000, 12_000, 1_510));
        assert_eq!(times(&mut t), [(0, 0), (0, 90_000), (1, 12_000)]);
    }

    #[test]
    fn a_jump_of_the_clock_changes_nothing() {
        let mut t = two();
        // The numbers of RTP, and what becomes of them: +2 h, -2 h, from anywhere.
        let mut bases = [
            (0, 0),
            (648_000_000, 57_600_000),
            (-7, -5),
            (1 << 40, 1 << 33),
        ]
        .into_iter();
        let (mut base, mut due) = (bases.next().unwrap(), Vec::new());
        for n in 0..400_i64 {
            if n % 100 == 99 {
                base = bases.next().unwrap_or(base);
            }
            let arrived = 40 * n.unsigned_abs() + n.unsigned_abs() % 7;
            t.push(unit(0, base.0 + n * 3_600, 0, arrived));
            t.push(unit(1, base.1 + n * 320, 0, arrived));
            due.extend([(0, n * 3_600), (1, n * 320)]);
        }
        t.finish();
        assert_eq!(times(&mut t), due);
    }

    #[test]
    fn what_is_lost_with_a_jump_is_as_long_as_it_took() {
        let mut t = Timeline::new(&[(90_000, false)]);
        t.push(unit(0, 0, 0, 0));
        t.push(unit(0, 3_600, 0, 40));
        // A pause that the clock agrees with is no jump.
        t.push(unit(0, 90_000 * 60, 0, 60_000));
        let mut after = unit(0, 90_000 * 7_260, 0, 62_000);
        after.lost = 30;
        t.push(after);
        t.push(unit(0, 90_000 * 7_260 + 3_600, 0, 62_040));
        let seconds = |s: i64| s * 90_000;
        let expected = [
            (0, 0),
            (0, 3_600),
            (0, seconds(60)),
            (0, seconds(62)),
            (0, seconds(62) + 3_600),
        ];
        assert_eq!(times(&mut t), expected);
    }

    #[test]
    fn a_jump_amid_pictures_that_are_reordered_starts_anew() {
        let mut t = Timeline::new(&[(90_000, false)]);
        for (n, rtp) in [0, 10_800, 3_600, 7_200].into_iter().enumerate() {
            t.push(unit(0, rtp, 0, 40 * n as u64));
        }
        t.push(unit(0, 90_000 * 7_260, 0, 160));
        assert_eq!(times(&mut t)[4..], [(usize::MAX, 0), (0, 0)]);
    }
}
