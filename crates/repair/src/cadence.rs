//! Durations that alternate because a rate does not divide the timescale: 33,
//! 33, 34 ms. Which sample lasts how long follows from its number alone.

use tapo_movie::Track;

/// Decode times by sample number.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Cadence {
    /// Durations of the first samples, which keep to nothing.
    opening: Vec<u32>,
    /// Ticks that all later times are whole numbers of, from where they begin.
    grid: i64,
    /// Steps of the grid from sample to sample: a fraction.
    steps: i128,
    per: i128,
    /// What is added before rounding down, in parts of `per`.
    phase: i128,
    /// Presentation time of the first picture, and what is added for that of the
    /// others, where pictures are reordered: they are rounded by themselves.
    shown: Option<(i64, i128)>,
}

/// Samples learnt from.
const LEARNT: usize = 4096;

/// No codec reorders deeper.
const REORDERED: usize = 17;

/// Fewer samples show no cadence.
const LEAST: usize = 12;

/// Samples at the beginning that may last anything.
const OPENINGS: [usize; 6] = [0, 1, 2, 4, 8, 16];

/// The rates that cameras have, as numerators over 1 and over 1.001.
const RATES: [i128; 18] = [
    30, 60, 24, 25, 50, 15, 120, 240, 48, 100, 20, 12, 10, 8, 5, 16, 18, 90,
];

/// Largest denominator of a rate that is none of them.
const DENOMINATORS: i128 = 480;

impl Cadence {
    /// Learns from the durations of a track; `None` if they are all equal, or
    /// follow no rate.
    pub(crate) fn learn(track: &Track) -> Option<Self> {
        let table = &track.samples;
        // The last one's duration is often a guess of the muxer.
        let count = usize::try_from(table.len()).ok()?.saturating_sub(1);
        let samples = table.iter().take(count.min(LEARNT));
        let durations: Vec<u32> = samples.map(|s| s.duration).collect();
        let first = *durations.first()?;
        if durations.len() < LEAST || durations.iter().all(|d| *d == first) {
            return None;
        }
        let timescale = i128::from(track.timescale.max(1));
        let found = OPENINGS
            .iter()
            .find_map(|n| Self::behind(&durations, *n, timescale));
        let mut cadence = found?;
        if !table.composition_offsets.is_empty() {
            let mut shown: Vec<i64> = table.iter().take(LEARNT).map(|s| s.pts()).collect();
            shown.sort_unstable();
            // Of the last some may be missing in between.
            shown.truncate(shown.len().saturating_sub(REORDERED));
            cadence.shown = cadence.shown_phase(&shown);
        }
        Some(cadence)
    }

    /// Presentation time of the first of these, and the phase of all.
    fn shown_phase(&self, shown: &[i64]) -> Option<(i64, i128)> {
        let first = *shown.first()?;
        let on_grid = |time: &i64| {
            let since = time - first;
            (since % self.grid == 0).then_some(i128::from(since / self.grid))
        };
        let times: Option<Vec<i128>> = shown.iter().map(on_grid).collect();
        Some((first, phase(&times?, self.steps, self.per)?))
    }

    /// Presentation time of the picture of this number in presentation order,
    /// counted from 0, where that is not the decode time of another.
    pub(crate) fn shown(&self, number: i64) -> Option<i64> {
        let (first, phase) = self.shown?;
        let steps = (i128::from(number) * self.steps + phase).div_euclid(self.per);
        Some(first.saturating_add(i64::try_from(steps).ok()?.saturating_mul(self.grid)))
    }

    /// The cadence of all durations but the first `opening`.
    fn behind(durations: &[u32], opening: usize, timescale: i128) -> Option<Self> {
        let (opening, rest) = durations.split_at_checked(opening)?;
        let grid = rest.iter().fold(0, |g, d| gcd(g, *d));
        if rest.len() < LEAST || grid == 0 {
            return None;
        }
        if rest.iter().all(|d| *d == grid) {
            // Behind an opening all are equal: a rate that is only near would drift.
            return Some(Self {
                opening: opening.to_vec(),
                grid: i64::from(grid),
                steps: 1,
                per: 1,
                phase: 0,
                shown: None,
            });
        }
        // Times on the grid, the first at 0.
        let mut time = 0;
        let mut times = vec![0_i128];
        for duration in rest {
            time += i128::from(duration / grid);
            times.push(time);
        }
        let of_rate = |rate: i128, nominal: i128| {
            // Ticks of the grid in a second over the rate.
            let (steps, per) = (timescale * nominal, i128::from(grid) * rate * 1000);
            phase(&times, steps, per).map(|phase| (steps, per, phase))
        };
        let known = RATES
            .iter()
            .find_map(|rate| of_rate(*rate, 1000).or_else(|| of_rate(*rate, 1001)));
        let simple = || {
            let last = *times.last()?;
            let count = i128::try_from(rest.len()).ok()?;
            (1..=DENOMINATORS).find_map(|per| {
                let near = (last * per + count / 2) / count;
                [near, near - 1, near + 1]
                    .iter()
                    .find_map(|steps| phase(&times, *steps, per).map(|p| (*steps, per, p)))
            })
        };
        let (steps, per, phase) = known.or_else(simple)?;
        Some(Self {
            opening: opening.to_vec(),
            grid: i64::from(grid),
            steps,
            per,
            phase,
            shown: None,
        })
    }

    /// Decode time of the sample of this number, counted from 0, where the first
    /// one's is 0.
    pub(crate) fn time(&self, number: i64) -> i64 {
        let opening = i64::try_from(self.opening.len()).unwrap_or(0);
        let regular = number.max(opening) - opening;
        let steps = (i128::from(regular) * self.steps + self.phase).div_euclid(self.per);
        let opened = usize::try_from(number.max(0)).unwrap_or(usize::MAX);
        let opened: i64 = self
            .opening
            .iter()
            .take(opened)
            .map(|d| i64::from(*d))
            .sum();
        opened.saturating_add(
            i64::try_from(steps)
                .unwrap_or(i64::MAX)
                .saturating_mul(self.grid),
        )
    }

    /// The number of the sample whose decode time is nearest to `time`.
    pub(crate) fn number(&self, time: i64) -> i64 {
        let opened: i64 = self.opening.iter().map(|d| i64::from(*d)).sum();
        let opening = i64::try_from(self.opening.len()).unwrap_or(0);
        if time <= opened {
            let near = |n: &i64| self.time(*n).abs_diff(time);
            return (0..=opening).min_by_key(near).unwrap_or(0);
        }
        let each = i128::from(self.grid) * self.steps;
        let passed = i128::from(time - opened) * self.per;
        let number = (passed + each / 2) / each.max(1);
        opening.saturating_add(i64::try_from(number).unwrap_or(i64::MAX))
    }

    /// What a sample lasts on average, by a clock that `ticks` converts to.
    pub(crate) fn lasts(&self, ticks: impl Fn(i64) -> i64) -> i64 {
        let each = i128::from(ticks(self.grid)) * self.steps / self.per;
        i64::try_from(each).unwrap_or(0)
    }

    /// The usual duration, rounded.
    pub(crate) fn usual(&self) -> u32 {
        let each = i128::from(self.grid) * self.steps;
        u32::try_from((each + self.per / 2) / self.per).unwrap_or(u32::MAX)
    }
}

/// What must be added, in parts of `per`, so that rounding down gives all times;
/// nothing if that does, else a half if that does.
fn phase(times: &[i128], steps: i128, per: i128) -> Option<i128> {
    if steps <= 0 {
        return None;
    }
    // The first time is 0.
    let (mut least, mut below) = (0, per);
    for (n, time) in (0_i128..).zip(times) {
        least = least.max(per * time - steps * n);
        below = below.min(per * (time + 1) - steps * n);
        if least >= below {
            return None;
        }
    }
    let fits = |phase: &i128| (least..below).contains(phase);
    let plain = [0, per / 2].into_iter().find(fits);
    Some(plain.unwrap_or((least + below) / 2))
}

const fn gcd(mut a: u32, mut b: u32) -> u32 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;

    fn track(timescale: u32, times: impl Iterator<Item = i64>) -> Track {
        let mut track = Track {
            timescale,
            ..Track::default()
        };
        let times: Vec<i64> = times.collect();
        for pair in times.windows(2) {
            let duration = u32::try_from(pair[1] - pair[0]).unwrap();
            track.samples.push(10, duration, 0, true).unwrap();
        }
        track
    }

    #[test]
    fn rounded_times_of_a_rate_go_on_for_hours() {
        for (timescale, rate) in [
            (1000, 30_000),
            (600, 24_000),
            (1000, 60_000),
            (90_000, 17_000),
        ] {
            let time = |n: i64| (n * 1001 * timescale + rate / 2).div_euclid(rate);
            let learnt = track(u32::try_from(timescale).unwrap(), (0..900).map(time));
            let cadence = Cadence::learn(&learnt);
            let Some(cadence) = cadence else {
                panic!("{timescale} {rate}");
            };
            for n in [0, 1, 2, 7, 899, 5000, 400_000] {
                let number = cadence.number(time(n));
                assert_eq!(
                    (cadence.time(n), number),
                    (time(n), n),
                    "{timescale} {rate}"
                );
            }
        }
    }

    #[test]
    fn an_opening_of_its_own_is_kept() {
        let time = |n: i64| if n == 0 { 0 } else { 2816 + 1024 * n };
        let cadence = Cadence::learn(&track(48_000, (0..100).map(time))).unwrap();
        assert_eq!(cadence.usual(), 1024);
        for n in [0, 1, 2, 50, 5000] {
            assert_eq!((cadence.time(n), cadence.number(time(n))), (time(n), n));
        }
    }

    #[test]
    fn equal_durations_behind_an_opening_are_no_rate_nearby() {
        // 1024 at 8 kHz is nearly 8 a second: thirty of them do not tell.
        let time = |n: i64| if n < 2 { 1024 * n } else { 3 + 1024 * n };
        let cadence = Cadence::learn(&track(8000, (0..33).map(time))).unwrap();
        assert_eq!(cadence.time(5000), time(5000));
    }

    #[test]
    fn equal_durations_and_jitter_have_none() {
        assert_eq!(Cadence::learn(&track(1000, (0..100).map(|n| n * 40))), None);
        let jitter = (0..100).map(|n| n * 40 + (n * 7919) % 23);
        assert_eq!(Cadence::learn(&track(1000, jitter)), None);
        let change = (0..200).map(|n| if n < 100 { n * 40 } else { 80 * n - 4000 });
        assert_eq!(Cadence::learn(&track(1000, change)), None);
    }
}
