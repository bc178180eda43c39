//! In which order a muxer writes the samples of its tracks.
//!
//! Most muxers write the sample whose decode time is smallest, after the shift
//! of the edit list, the track with the lower index first where two are equal;
//! some gather samples into chunks and order those. Which it is shows in the
//! reference. The rule tells equal codecs apart, and behind a gap it tells how
//! the tracks' clocks stand to each other.

/// One write of the muxer: a sample, or a run of constant-rate data.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) struct Write {
    pub(crate) track: u16,
    /// Decode time less the edit list's shift, common clock.
    pub(crate) time: i64,
    /// Duration, common clock.
    pub(crate) duration: i64,
}

/// What a muxer orders by decode time.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) enum Rule {
    /// Each sample.
    Samples,
    /// Runs of samples of one track, by their first.
    Runs,
}

/// A rule and how often it holds, 0 to 1.
#[derive(Copy, Clone, Debug, PartialEq)]
pub(crate) struct Interleave {
    pub(crate) rule: Rule,
    pub(crate) hit_rate: f64,
}

impl Interleave {
    /// The rule that explains the reference best.
    pub(crate) fn learn(writes: &[Write]) -> Self {
        let rate = |rule| {
            let (hits, tries) = score(rule, writes, &[]);
            if tries == 0 {
                0.0
            } else {
                f64::from(hits) / f64::from(tries)
            }
        };
        let (samples, runs) = (rate(Rule::Samples), rate(Rule::Runs));
        if samples >= runs - 0.01 {
            Self {
                rule: Rule::Samples,
                hit_rate: samples,
            }
        } else {
            Self {
                rule: Rule::Runs,
                hit_rate: runs,
            }
        }
    }

    /// How many of the writes the rule explains if each track's times are moved
    /// by its `shift`.
    pub(crate) fn hits(&self, writes: &[Write], shift: &[i64]) -> u32 {
        score(self.rule, writes, shift).0
    }
}

/// How long behind the leading track's write before it each run of a track
/// begins, on average, common clock; of runs, behind the beginning of the run.
pub(crate) fn lag(rule: Rule, writes: &[Write], leader: u16, track: u16) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0.0);
    let mut last = None;
    let mut before = None;
    for write in writes {
        let opens = before != Some(write.track);
        before = Some(write.track);
        if write.track == leader && (opens || rule == Rule::Samples) {
            last = Some(write.time);
        }
        if let Some(last) = last.filter(|_| write.track == track && opens) {
            #[expect(clippy::cast_precision_loss, reason = "a statistic")]
            let lag = (write.time - last) as f64;
            sum += lag;
            count += 1.0;
        }
    }
    (count > 0.0).then(|| sum / count)
}

/// How far the leading track's writes lie before the write of `track` in front of
/// them, and behind the one that follows, at most, common clock: 0 where the rule
/// holds. Of runs only the beginnings count. One in fifty may lie further.
pub(crate) fn reach(rule: Rule, writes: &[Write], leader: u16, track: u16) -> Option<(i64, i64)> {
    let opens = |i: usize, w: &Write| {
        let before = i.checked_sub(1).and_then(|i| writes.get(i));
        rule == Rule::Samples || before.is_none_or(|b| b.track != w.track)
    };
    let own = writes.iter().enumerate();
    let own = own.filter(|(i, w)| (w.track == leader || w.track == track) && opens(*i, w));
    let own: Vec<&Write> = own.map(|(_, w)| w).collect();
    let excess = |row: &mut dyn Iterator<Item = &&Write>, sign: i64| {
        let mut last = None;
        let mut by = Vec::new();
        for write in row {
            if write.track == track {
                last = Some(write.time);
            } else if let Some(last) = last {
                by.push((sign * (last - write.time)).max(0));
            }
        }
        by.sort_unstable();
        by.get(by.len() * 49 / 50).copied()
    };
    Some((
        excess(&mut own.iter(), 1)?,
        excess(&mut own.iter().rev(), -1)?,
    ))
}

/// Hits and tries. A write is tried if another track has a write behind it.
fn score(rule: Rule, writes: &[Write], shift: &[i64]) -> (u32, u32) {
    let tracks = writes.iter().map(|w| usize::from(w.track) + 1).max();
    let tracks = tracks.unwrap_or(0);
    let shifted = |w: &Write| w.time + shift.get(usize::from(w.track)).copied().unwrap_or(0);
    // Backwards, so that the next write of each track is known.
    let mut next: Vec<Option<i64>> = vec![None; tracks];
    let (mut hits, mut tries) = (0, 0);
    for (i, write) in writes.iter().enumerate().rev() {
        let time = shifted(write);
        let own = usize::from(write.track);
        let before = i.checked_sub(1).and_then(|i| writes.get(i));
        let opens_run = before.is_none_or(|b| b.track != write.track);
        if rule == Rule::Samples || opens_run {
            let mut others = next.iter().enumerate().filter(|(track, _)| *track != own);
            let mut tried = false;
            let beaten = others.any(|(track, other)| {
                tried |= other.is_some();
                other.is_some_and(|other| other < time || other == time && track < own)
            });
            if tried {
                tries += 1;
                hits += u32::from(!beaten);
            }
        }
        if let Some(slot) = next.get_mut(own) {
            *slot = Some(time);
        }
    }
    (hits, tries)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Samples of two tracks, 40 and 64 long, merged by decode time.
    fn merged(count: usize) -> Vec<Write> {
        let mut next = [0_i64, -64];
        let lasts = [40, 64];
        (0..count)
            .map(|_| {
                let track = usize::from(next[1] < next[0]);
                let time = next[track];
                next[track] += lasts[track];
                Write {
                    track: u16::try_from(track).unwrap(),
                    time,
                    duration: lasts[track],
                }
            })
            .collect()
    }

    #[test]
    fn a_merge_by_decode_time_is_recognised() {
        let learnt = Interleave::learn(&merged(200));
        assert_eq!((learnt.rule, learnt.hit_rate), (Rule::Samples, 1.0));
    }

    #[test]
    fn chunks_of_a_second_are_recognised() {
        let mut writes = Vec::new();
        for second in 0..10 {
            for (track, lasts, n) in [(0, 40, 25), (1, 50, 20)] {
                writes.extend((0..n).map(|i| Write {
                    track,
                    time: second * 1000 + i * lasts,
                    duration: lasts,
                }));
            }
        }
        let learnt = Interleave::learn(&writes);
        assert_eq!((learnt.rule, learnt.hit_rate), (Rule::Runs, 1.0));
    }

    #[test]
    fn the_reach_is_how_far_writes_break_the_rule() {
        let mut writes = merged(300);
        assert_eq!(reach(Rule::Samples, &writes, 0, 1), Some((0, 0)));
        // Sound that is written 100 late.
        for write in writes.iter_mut().filter(|w| w.track == 1) {
            write.time -= 100;
        }
        let (early, late) = reach(Rule::Samples, &writes, 0, 1).unwrap();
        assert_eq!(early, 0);
        assert!((60..=100).contains(&late), "{late}");
    }

    #[test]
    fn the_true_shift_has_the_most_hits() {
        let writes = merged(300);
        let learnt = Interleave::learn(&writes);
        let moved: Vec<_> = writes
            .iter()
            .map(|w| Write {
                time: w.time - 5 * 64 * i64::from(w.track),
                ..*w
            })
            .collect();
        let best = (-20..20).max_by_key(|n| learnt.hits(&moved, &[0, n * 64]));
        assert_eq!(best, Some(5));
    }
}
