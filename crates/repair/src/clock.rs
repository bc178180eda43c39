//! One clock for tracks of different timescales.

use tapo_movie::Movie;

/// Converts ticks of each track to ticks of a common clock, so that decode
/// times of different tracks can be compared without rounding.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    hz: u64,
    timescales: Vec<u32>,
}

/// A common clock beyond this many ticks a second would overflow within a year.
const FASTEST: u64 = 1 << 36;

impl Clock {
    pub(crate) fn of(movie: &Movie) -> Self {
        let timescales: Vec<u32> = movie.tracks.iter().map(|t| t.timescale.max(1)).collect();
        let mut hz = u64::from(movie.header.timescale.max(1));
        for t in timescales.iter().map(|t| u64::from(*t)) {
            let common = hz / gcd(hz, t) * t;
            // Beyond that, half a tick of error does no harm.
            hz = if common > FASTEST { hz.max(t) } else { common };
        }
        Self { hz, timescales }
    }

    /// Ticks of a track on the common clock.
    pub(crate) fn common(&self, track: usize, ticks: i64) -> i64 {
        let timescale = self.timescales.get(track).copied().unwrap_or(1);
        scale(ticks, u64::from(timescale), self.hz)
    }

    /// Ticks of the common clock in those of a track, rounded to the nearest.
    pub(crate) fn track(&self, track: usize, common: i64) -> i64 {
        let timescale = self.timescales.get(track).copied().unwrap_or(1);
        scale(common, self.hz, u64::from(timescale))
    }

    /// Ticks of another timescale on the common clock.
    pub(crate) fn of_timescale(&self, ticks: i64, timescale: u32) -> i64 {
        scale(ticks, u64::from(timescale.max(1)), self.hz)
    }

    /// Ticks of the common clock in those of another timescale.
    pub(crate) fn in_timescale(&self, common: i64, timescale: u32) -> i64 {
        scale(common, self.hz, u64::from(timescale))
    }

    /// Ticks a second.
    pub(crate) const fn hz(&self) -> u64 {
        self.hz
    }
}

fn scale(ticks: i64, from: u64, to: u64) -> i64 {
    let (from, to) = (i128::from(from.max(1)), i128::from(to));
    let exact = i128::from(ticks) * to;
    let rounded = (exact + from / 2).div_euclid(from);
    i64::try_from(rounded).unwrap_or(if rounded < 0 { i64::MIN } else { i64::MAX })
}

const fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;
    use tapo_movie::Track;

    fn clock(timescales: &[u32]) -> Clock {
        let tracks = timescales.iter().map(|t| Track {
            timescale: *t,
            ..Track::default()
        });
        Clock::of(&Movie {
            tracks: tracks.collect(),
            ..Movie::default()
        })
    }

    #[test]
    fn ticks_of_all_tracks_are_whole_on_the_common_clock() {
        let clock = clock(&[12_800, 16_000]);
        assert_eq!(clock.common(0, 512), clock.common(1, 640));
        for ticks in [-1024, -1, 0, 1, 77, 1 << 40] {
            assert_eq!(clock.track(1, clock.common(1, ticks)), ticks);
        }
    }

    #[test]
    fn odd_timescales_neither_overflow_nor_divide_by_zero() {
        let clock = clock(&[u32::MAX, u32::MAX - 1, 0]);
        assert!(clock.hz() <= FASTEST);
        assert_eq!(clock.common(2, i64::MAX), i64::MAX);
        assert_eq!(clock.common(9, 0), 0);
    }
}
