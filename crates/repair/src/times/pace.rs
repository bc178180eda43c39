//! Durations from bounds: as few changes of pace as they allow.
//!
//! A run of samples of one duration may begin anywhere in the intersection of
//! the bounds of its samples, each moved back to the first. So the state of the
//! search is an interval of times, and where a recording begins in relation to
//! its bounds need not be known.

/// Least and greatest time.
pub(super) type Span = (i64, i64);

/// A duration that samples may have.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(super) struct Pace {
    pub(super) each: i64,
    /// How unlikely it is; a time out of bounds costs 1.
    pub(super) cost: u32,
}

/// Durations that fit.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Solved {
    /// From each sample to the next.
    pub(super) steps: Vec<i64>,
    /// Behind which samples the sound lacks how many units.
    pub(super) slips: Vec<(usize, i64)>,
    /// Where the first one may be.
    pub(super) first: Span,
    /// Times out of bounds and changes, weighted.
    pub(super) cost: u32,
}

/// Samples that are solved together.
const WINDOW: usize = 4096;

/// Of which the last are solved again with what follows.
const LOOK: usize = 512;

/// States kept from sample to sample.
const STATES: usize = 64;

/// Cost of a change of pace.
pub(super) const CHANGE: u32 = 6;

/// Cost of a sample that lasts several times as long, all others as before.
const SKIP: u32 = 5;

/// How many units of sound may be missing at one place.
const SLIPS: std::ops::RangeInclusive<i64> = 1..=8;

/// How many times.
const SKIPS: std::ops::RangeInclusive<i64> = 2..=4;

/// Samples that must fit behind a change.
const RUN: usize = 8;

/// One way to have come to a sample.
#[derive(Copy, Clone)]
struct State {
    cost: u32,
    span: Span,
    pace: usize,
    /// Duration of the step to here.
    step: i64,
    from: usize,
    /// All samples before this one are within bounds if the pace stays.
    clear: usize,
    /// This one then is not.
    misses: bool,
}

/// How many of the samples are out of bounds if all last the same, and where
/// the first may be, which `first` bounds.
pub(super) fn steady(bounds: impl Iterator<Item = Span>, each: i64, first: Span) -> (u32, Span) {
    let (mut span, mut misses) = (first, 0);
    let mut moved = 0;
    for bound in bounds {
        match within((span.0 + moved, span.1 + moved), bound) {
            Some((least, most)) => span = (least - moved, most - moved),
            None => misses += 1,
        }
        moved += each;
    }
    (misses, span)
}

/// The durations that explain the bounds best; `first` bounds the first sample,
/// by its pace. Where the sound that bounds them may lack some by itself, `unit`
/// is what it then lacks a multiple of. `None` if hardly any two last the same.
pub(super) fn solve(
    bounds: &[Span],
    paces: &[Pace],
    unit: Option<i64>,
    first: &dyn Fn(i64) -> Span,
) -> Option<Solved> {
    let mut steps: Vec<i64> = Vec::with_capacity(bounds.len());
    let mut starts: Vec<State> = Vec::new();
    for (pace, p) in paces.iter().enumerate() {
        let span = first(p.each);
        // Pictures in front of the first may have been dropped as well.
        let skips = if span.0 == span.1 { *SKIPS.end() } else { 1 };
        for skipped in 0..skips {
            let span = (span.0 + skipped * p.each, span.1 + skipped * p.each);
            let there = bounds.first().and_then(|b| within(span, *b));
            if skipped == 0 || there.is_some() {
                let cost = p.cost + u32::from(there.is_none()) + u32::from(skipped > 0) * SKIP;
                starts.push(state(cost, there.unwrap_or(span), pace, 0));
            }
        }
    }
    let mut total = 0;
    let mut slips = Vec::new();
    let mut add = |steps: &mut Vec<i64>, state: &State| {
        let each = paces.get(state.pace).map_or(state.step, |p| p.each);
        let lacks = unit
            .map_or(0, |unit| (each - state.step) / unit.max(1))
            .max(0);
        if lacks > 0 {
            slips.push((steps.len(), lacks));
        }
        steps.push(state.step + lacks * unit.unwrap_or(0));
    };
    loop {
        let rest = bounds.get(steps.len()..).unwrap_or_default();
        let part = rest.get(..WINDOW).unwrap_or(rest);
        let path = cheapest(paces, unit, part, starts);
        let last = path.last()?;
        if last.cost as usize > part.len() / 5 + 12 {
            return None;
        }
        if part.len() == rest.len() {
            total += last.cost;
            path.iter().skip(1).for_each(|s| add(&mut steps, s));
            let lacks: i64 = slips.iter().map(|(_, n)| n * unit.unwrap_or(0)).sum();
            let lasted = steps.iter().sum::<i64>() - lacks;
            return Some(Solved {
                first: (last.span.0 - lasted, last.span.1 - lasted),
                steps,
                slips,
                cost: total,
            });
        }
        let keep = path.len() - LOOK;
        let kept = path.get(keep).copied()?;
        let kept_path = path.iter().take(keep + 1).skip(1);
        kept_path.for_each(|s| add(&mut steps, s));
        total += kept.cost;
        starts = vec![state(0, kept.span, kept.pace, 0)];
    }
}

const fn state(cost: u32, span: Span, pace: usize, from: usize) -> State {
    State {
        cost,
        span,
        pace,
        step: 0,
        from,
        clear: 0,
        misses: false,
    }
}

fn within(span: Span, bound: Span) -> Option<Span> {
    let both = (span.0.max(bound.0), span.1.min(bound.1));
    (both.0 <= both.1).then_some(both)
}

/// The first sample behind `at`, where times are in `span`, that is out of
/// bounds if all last the same, or the one at `until`.
fn first_miss(bounds: &[Span], at: usize, mut span: Span, each: i64, until: usize) -> usize {
    for i in at + 1..until {
        let Some(bound) = bounds.get(i) else {
            return until;
        };
        match within((span.0 + each, span.1 + each), *bound) {
            Some(both) => span = both,
            None => return i,
        }
    }
    until
}

/// How long before a miss its cause may lie, samples.
fn horizon(bounds: &[Span], paces: &[Pace]) -> usize {
    let widths = bounds.iter().filter(|b| b.0 != i64::MIN && b.1 != i64::MAX);
    let mut widths: Vec<i64> = widths.map(|b| b.1 - b.0).collect();
    widths.sort_unstable();
    let width = widths.get(widths.len() / 2).copied().unwrap_or(0);
    let each = paces.first().map_or(1, |p| p.each.max(1));
    usize::try_from(8 * width / each).map_or(512, |n| n.clamp(32, 512))
}

/// The cheapest way through the bounds, sample by sample.
fn cheapest(paces: &[Pace], unit: Option<i64>, bounds: &[Span], starts: Vec<State>) -> Vec<State> {
    let horizon = horizon(bounds, paces);
    let mut layers: Vec<Vec<State>> = Vec::with_capacity(bounds.len());
    layers.push(starts);
    for (at, bound) in bounds.iter().enumerate().skip(1) {
        let before = layers.last_mut().map(Vec::as_mut_slice);
        let before = before.unwrap_or_default();
        let mut next: Vec<State> = Vec::with_capacity(before.len());
        let mut go = |from: usize, state: &State, pace: usize, step: i64, cost: u32| {
            let moved = (state.span.0 + step, state.span.1 + step);
            let there = within(moved, *bound);
            let stays = pace == state.pace && cost == 0 && there.is_some();
            next.push(State {
                cost: state.cost + cost + u32::from(there.is_none()),
                span: there.unwrap_or(moved),
                pace,
                step,
                from,
                clear: if stays { state.clear } else { at },
                misses: stays && state.misses,
            });
        };
        for (from, state) in before.iter_mut().enumerate() {
            let Some(each) = paces.get(state.pace).map(|p| p.each) else {
                continue;
            };
            let now = at - 1;
            if !state.misses && state.clear < at + horizon {
                let until = at + 4 * horizon;
                state.clear = first_miss(bounds, now, state.span, each, until);
                state.misses = state.clear < until;
            }
            go(from, state, state.pace, each, 0);
            if !state.misses || state.clear > at + horizon {
                continue;
            }
            let fits = |span: Span, each: i64, at: usize| {
                let until = at + RUN + 1;
                first_miss(bounds, at, span, each, until) == until
            };
            for (pace, other) in paces.iter().enumerate() {
                if pace != state.pace && fits(state.span, other.each, now) {
                    go(from, state, pace, other.each, CHANGE + other.cost);
                }
            }
            let slips = unit
                .into_iter()
                .flat_map(|unit| SLIPS.map(move |n| each - n * unit));
            for step in SKIPS.map(|n| n * each).chain(slips) {
                let moved = (state.span.0 + step, state.span.1 + step);
                if within(moved, *bound).is_some_and(|span| fits(span, each, at)) {
                    go(from, state, state.pace, step, SKIP);
                }
            }
        }
        thin(&mut next);
        layers.push(next);
    }
    let mut path = Vec::with_capacity(bounds.len());
    let mut at = 0;
    for layer in layers.iter().rev() {
        if let Some(state) = layer.get(at) {
            path.push(*state);
            at = state.from;
        }
    }
    path.reverse();
    path
}

/// Leaves the best, and none that another covers.
fn thin(states: &mut Vec<State>) {
    states.sort_by_key(|s| (s.cost, std::cmp::Reverse(s.clear)));
    let mut kept: Vec<State> = Vec::with_capacity(states.len().min(STATES));
    for state in states.iter() {
        let covers = |k: &&State| {
            k.pace == state.pace && k.span.0 <= state.span.0 && k.span.1 >= state.span.1
        };
        if !kept.iter().any(|k| covers(&k)) {
            kept.push(*state);
        }
        if kept.len() == STATES {
            break;
        }
    }
    *states = kept;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bounds of 64 around the true times.
    fn around(times: &[i64]) -> Vec<Span> {
        let floor = |t: &i64| t.div_euclid(64) * 64;
        times.iter().map(|t| (floor(t), floor(t) + 64)).collect()
    }

    fn paces(each: &[i64]) -> Vec<Pace> {
        each.iter().map(|e| Pace { each: *e, cost: 0 }).collect()
    }

    fn times(count: usize, lasts: impl Fn(usize) -> i64) -> Vec<i64> {
        let mut times = vec![0];
        for i in 1..count {
            times.push(times[i - 1] + lasts(i - 1));
        }
        times
    }

    fn steps(times: &[i64]) -> Vec<i64> {
        times.windows(2).map(|w| w[1] - w[0]).collect()
    }

    #[test]
    fn a_change_of_pace_is_found_exactly() {
        let times = times(500, |i| if (150..380).contains(&i) { 80 } else { 40 });
        let solved = solve(
            &around(&times),
            &paces(&[40, 50, 60, 80, 33]),
            None,
            &|_| (0, 0),
        );
        assert_eq!(solved.unwrap().steps, steps(&times));
    }

    #[test]
    fn without_a_known_start_the_bounds_tell_it() {
        let times = times(9000, |i| if i < 5000 { 40 } else { 67 });
        let solved = solve(&around(&times), &paces(&[40, 67]), None, &|_| (-1000, 1000)).unwrap();
        assert!(solved.first.0 <= 0 && 0 <= solved.first.1, "{solved:?}");
        assert!(solved.first.1 - solved.first.0 < 8);
        assert_eq!(solved.steps, steps(&times));
    }

    #[test]
    fn a_dropped_picture_is_no_change() {
        let times = times(400, |i| if i % 97 == 96 { 80 } else { 40 });
        let solved = solve(&around(&times), &paces(&[40, 80, 20]), None, &|_| (0, 0)).unwrap();
        let mut time = 0;
        for (step, truth) in solved.steps.iter().zip(times.iter().skip(1)) {
            time += step;
            assert!(time.abs_diff(*truth) <= 40);
        }
        assert_eq!(time, *times.last().unwrap());
    }

    #[test]
    fn a_change_shortly_before_the_end_is_found() {
        let times = times(196, |i| if i < 174 { 40 } else { 80 });
        let mut bounds = around(&times);
        bounds.last_mut().unwrap().1 = i64::MAX;
        let solved = solve(&bounds, &paces(&[40, 80, 20, 50, 60]), None, &|_| (0, 0)).unwrap();
        assert_eq!((solved.steps, solved.cost), (steps(&times), CHANGE));
        assert!(steady(bounds.into_iter(), 40, (0, 0)).0 > 15);
    }

    #[test]
    fn sound_that_lacks_some_is_no_change_of_pace() {
        // From the 200th on the sound is 128 behind.
        let truth = times(400, |_| 40);
        let heard: Vec<i64> = (0_i64..)
            .zip(&truth)
            .map(|(i, t)| if i < 200 { *t } else { t - 128 })
            .collect();
        let solved = solve(&around(&heard), &paces(&[40, 80, 20]), Some(64), &|_| {
            (0, 0)
        })
        .unwrap();
        assert!(solved.steps.iter().all(|s| *s == 40));
        assert!(
            matches!(solved.slips.as_slice(), [(190..=205, 2)]),
            "{:?}",
            solved.slips
        );
    }

    #[test]
    fn a_picture_dropped_in_front_of_the_first_is_noticed() {
        let times: Vec<i64> = times(400, |_| 40).iter().map(|t| t + 40).collect();
        let solved = solve(&around(&times), &paces(&[40, 80]), None, &|_| (0, 0)).unwrap();
        assert_eq!(solved.first, (40, 40));
        assert!(solved.steps.iter().all(|s| *s == 40));
    }

    #[test]
    fn one_pace_that_fits_has_no_misses() {
        let times = times(300, |_| 40);
        let bounds = around(&times);
        let (misses, first) = steady(bounds.iter().copied(), 40, (-99, 99));
        assert!(misses == 0 && first.0 <= 0 && first.1 >= 0);
        assert!(steady(bounds.iter().copied(), 50, (-99, 99)).0 > 100);
    }

    #[test]
    fn a_jitter_is_no_row_of_paces() {
        let times = times(300, |i| 20 + i64::try_from(i * 7919 % 223).unwrap());
        assert_eq!(
            solve(&around(&times), &paces(&[40, 130]), None, &|_| (0, 0)),
            None
        );
    }
}
