//! Clock ticks from one timescale to another.

/// `ticks` of `from` a second, in ticks of `to` a second, rounded to the
/// nearest (halves up); cut at 64 bits. A timescale of 0 counts as 1.
#[must_use]
pub fn rescale(ticks: u64, from: u32, to: u32) -> u64 {
    let from = u128::from(from.max(1));
    let exact = u128::from(ticks) * u128::from(to);
    u64::try_from((exact + from / 2) / from).unwrap_or(u64::MAX)
}

/// A timescale in which whole ticks of all of `timescales` are whole: their
/// least common multiple, or the largest of them if that passes `limit`.
#[must_use]
pub fn common_timescale(timescales: impl IntoIterator<Item = u32>, limit: u32) -> u32 {
    let (mut common, mut largest) = (1_u64, 1);
    for t in timescales.into_iter().filter(|t| *t != 0) {
        largest = largest.max(t);
        common = common / gcd(common, u64::from(t)) * u64::from(t);
        if common > u64::from(limit) {
            return largest;
        }
    }
    u32::try_from(common).unwrap_or(largest)
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

    #[test]
    fn ticks_round_to_the_nearest_and_never_overflow() {
        assert_eq!(rescale(1, 90_000, 1000), 0);
        assert_eq!(rescale(45, 90_000, 1000), 1);
        assert_eq!(rescale(u64::MAX, 1, u32::MAX), u64::MAX);
        assert_eq!(rescale(5, 0, 7), 35);
    }

    #[test]
    fn a_common_timescale_has_room_for_both_clocks() {
        assert_eq!(common_timescale([90_000, 16_000], 1 << 24), 720_000);
        assert_eq!(common_timescale([90_000, 44_100], 1 << 24), 4_410_000);
        assert_eq!(common_timescale([90_001, 44_101], 1 << 24), 90_001);
        assert_eq!(common_timescale([0], 99), 1);
    }
}
