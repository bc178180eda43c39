//! When a segment ends: by its length, its size, or the clock on the wall.

use crate::source::WallClock;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan, Zoned};
use std::time::Duration;

/// A file ends at the first keyframe at which one of these says so.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// It is at least this long.
    pub length: Duration,
    /// With another group of pictures like those it has it would be larger, bytes.
    pub size: Option<u64>,
    /// It was begun before the latest of these times; then `length` is only the
    /// most that it may have.
    pub grid: Option<Grid>,
}

impl From<Duration> for Rule {
    fn from(length: Duration) -> Self {
        Self {
            length,
            size: None,
            grid: None,
        }
    }
}

impl Rule {
    /// The longest that a file should be. On a grid the camera's clock, and when a
    /// keyframe comes, make a difference to the clock on the wall.
    pub(crate) fn longest(&self) -> Duration {
        match self.grid {
            Some(_) => self.length + self.length / 8 + Duration::from_secs(2),
            None => self.length,
        }
    }
}

/// Multiples of a length, counted from midnight.
#[derive(Clone, Debug, PartialEq)]
pub struct Grid {
    every: Duration,
    zone: TimeZone,
}

impl Grid {
    /// By the local time of the system, or by UTC; `every` is at most a day. Where
    /// it does not divide the day the last one before midnight is shorter.
    #[must_use]
    pub fn new(every: Duration, utc: bool) -> Self {
        let zone = if utc {
            TimeZone::UTC
        } else {
            TimeZone::system()
        };
        Self { every, zone }
    }

    /// The next such time behind this one. Where the zone changes its clock none is
    /// further away than they are apart.
    pub(crate) fn next(&self, time: WallClock) -> WallClock {
        let longest = i64::try_from(self.every.as_nanos()).unwrap_or(i64::MAX);
        let latest = WallClock(time.0.saturating_add(longest));
        self.on_grid(time).unwrap_or(latest).min(latest)
    }

    fn on_grid(&self, time: WallClock) -> Option<WallClock> {
        let zoned = Timestamp::from_nanosecond(time.0.into()).ok()?;
        let zoned = zoned.to_zoned(self.zone.clone());
        let date = zoned.date();
        let midnight = date.to_datetime(jiff::civil::Time::midnight());
        let passed = zoned.datetime().duration_since(midnight).as_nanos();
        let every = i128::try_from(self.every.as_nanos()).ok()?.max(1);
        let next = (passed / every + 1) * every;
        let at = midnight.checked_add(SignedDuration::try_from_nanos_i128(next)?);
        let tomorrow = midnight.checked_add(1.day()).ok()?;
        let at = at.ok()?.min(tomorrow);
        // Where the clock is set back, the same time of day comes twice.
        let by_hand = at.duration_since(zoned.datetime());
        let by_hand = zoned.checked_add(by_hand).ok()?;
        let by_zone = at.to_zoned(self.zone.clone()).ok()?;
        let ns = |z: &Zoned| i64::try_from(z.timestamp().as_nanosecond()).ok();
        let behind = [ns(&by_hand)?, ns(&by_zone)?];
        behind
            .into_iter()
            .filter(|ns| *ns > time.0)
            .min()
            .map(WallClock)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(zone: &str, every: u64, time: &str) -> String {
        let grid = Grid {
            every: Duration::from_secs(every),
            zone: TimeZone::get(zone).unwrap(),
        };
        let time: Timestamp = time.parse().unwrap();
        let next = grid.next(WallClock(i64::try_from(time.as_nanosecond()).unwrap()));
        Timestamp::from_nanosecond(next.0.into())
            .unwrap()
            .to_string()
    }

    #[test]
    fn the_next_time_on_the_grid() {
        for (every, time, want) in [
            (900, "2026-11-22T10:00:00Z", "2026-11-22T10:15:00Z"),
            (900, "2026-11-22T10:14:59.999Z", "2026-11-22T10:15:00Z"),
            (3600, "2026-11-22T23:10:00Z", "2026-11-23T00:00:00Z"),
            (86_400, "2026-11-22T23:10:00Z", "2026-11-23T00:00:00Z"),
            // The last of the day is shorter.
            (7 * 3600, "2026-11-22T21:10:00Z", "2026-11-23T00:00:00Z"),
        ] {
            assert_eq!(next("UTC", every, time), want);
        }
        // Half an hour beside the hours of UTC.
        let next = next("Asia/Kolkata", 3600, "2026-11-22T10:00:00Z");
        assert_eq!(next, "2026-11-22T10:30:00Z");
    }

    #[test]
    fn the_days_on_which_clocks_are_changed() {
        // Berlin, 2026-10-25: 03:00 is 02:00 again, at 01:00 UTC.
        for (time, want) in [
            ("2026-10-25T00:50:00Z", "2026-10-25T01:00:00Z"),
            ("2026-10-25T01:50:00Z", "2026-10-25T02:00:00Z"),
        ] {
            assert_eq!(next("Europe/Berlin", 900, time), want);
        }
        // 2026-03-29: 02:00 is 03:00, at 01:00 UTC.
        let spring = next("Europe/Berlin", 900, "2026-03-29T00:50:00Z");
        assert_eq!(spring, "2026-03-29T01:00:00Z");
        let spring = next("Europe/Berlin", 6 * 3600, "2026-03-28T23:30:00Z");
        assert_eq!(spring, "2026-03-29T04:00:00Z");
    }
}
