//! Decode order and presentation order: decode times for frames that arrive in decode order with presentation times only.
//!
//! RTP carries presentation times, MP4 wants decode times and composition offsets (ISO/IEC 14496-12, 8.6.1). A decoder that may hold back
//! N frames (H.264 `max_num_reorder_frames`, H.265 `sps_max_num_reorder_pics`) shows the frames in the order of their times, N frames
//! late. The decode time of frame i is therefore the (i - N)-th smallest presentation time, counted from 0, and it is known as soon as
//! frame i is there. The first N have none of their own and are extrapolated back.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// The greatest reorder depth of H.264 and H.265 in frames (`MaxDpbFrames`, `MaxDpbSize`).
pub const MAX_REORDER_DEPTH: usize = 16;

/// Presentation times beyond this are clamped to it: 2^60 ticks are 400,000 years at 90 kHz.
const MAX_TIME: i64 = 1 << 60;

/// Frames looked at beyond the depth before the frame distance at the start is judged.
const LOOKAHEAD: usize = 8;

/// How many frames a decoder may have to hold back before it can show one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReorderDepth {
    /// The parameter sets say it, or the profile leaves no choice.
    Known(u8),
    /// The parameter sets do not say. Most such cameras send no B-frames at all, so that [`observed_depth`] over the first GOP is the
    /// better guide than the bound.
    Unknown {
        /// No legal stream needs more (the size of the decoded picture buffer in frames).
        at_most: u8,
    },
}

impl ReorderDepth {
    /// The depth, where it is known.
    #[must_use]
    pub const fn known(self) -> Option<u8> {
        match self {
            Self::Known(depth) => Some(depth),
            Self::Unknown { .. } => None,
        }
    }

    /// The depth or its upper bound.
    #[must_use]
    pub const fn at_most(self) -> u8 {
        match self {
            Self::Known(depth) | Self::Unknown { at_most: depth } => depth,
        }
    }

    /// What holds for a stream that uses both.
    #[must_use]
    pub fn deeper(self, other: Self) -> Self {
        let depth = self.at_most().max(other.at_most());
        match (self, other) {
            (Self::Known(_), Self::Known(_)) => Self::Known(depth),
            _ => Self::Unknown { at_most: depth },
        }
    }
}

/// What is wrong with a presentation time. The frame has been taken all the same, see [`DecodeTimes::push`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OrderDefect {
    /// A decode time later than this presentation time has already been given to an earlier frame.
    #[error("frames are reordered by {needed}, deeper than announced")]
    DepthTooSmall {
        /// The depth that would have done so far, at most [`MAX_REORDER_DEPTH`].
        needed: usize,
    },
    /// Two frames have the same presentation time, or the frames before left no tick free.
    #[error("two frames have the same presentation time")]
    Repeated,
    /// No legal reordering explains this: the clock has jumped back.
    #[error("presentation times went back by {by} ticks")]
    WentBack {
        /// From the last decode time to this presentation time, in ticks.
        by: u64,
    },
}

/// Turns presentation times in decode order into decode times.
///
/// All times are in ticks of one timescale, whichever it is. The decode times are strictly increasing, always; and none is later than
/// its frame's presentation time unless [`push`](Self::push) reported that frame.
///
/// With depth 0 the decode time is the presentation time, at once. With depth N > 0 the first decode times come with frame N + 8 (or
/// [`finish`](Self::finish)), since the frame distance for the extrapolation has to be seen first; from then on each frame gets its own
/// when it is pushed.
///
/// ```
/// use tapo_codec::order::DecodeTimes;
/// let mut times = DecodeTimes::new(1);
/// for pts in [0, 120, 40, 80, 240, 160, 200] {
///     times.push(pts)?;
/// }
/// times.finish()?;
/// let dts: Vec<i64> = std::iter::from_fn(|| times.next()).collect();
/// assert_eq!(dts, [-40, 0, 40, 80, 120, 160, 200]);
/// # Ok::<(), tapo_codec::order::OrderDefect>(())
/// ```
#[derive(Debug, Clone)]
pub struct DecodeTimes {
    depth: usize,
    /// Times of the frames before the extrapolation, in decode order.
    start: Vec<i64>,
    started: bool,
    /// The `depth` greatest times so far.
    heap: BinaryHeap<Reverse<i64>>,
    /// The presentation times that left the heap last, to tell how deep the order really goes.
    left: VecDeque<i64>,
    last: Option<i64>,
    ready: VecDeque<i64>,
}

impl DecodeTimes {
    /// For a stream with this reorder depth in frames; more than [`MAX_REORDER_DEPTH`] counts as that.
    #[must_use]
    pub fn new(depth: usize) -> Self {
        let depth = depth.min(MAX_REORDER_DEPTH);
        Self {
            depth,
            start: Vec::with_capacity(if depth == 0 { 0 } else { depth + LOOKAHEAD + 1 }),
            started: depth == 0,
            heap: BinaryHeap::with_capacity(depth + 1),
            left: VecDeque::with_capacity(MAX_REORDER_DEPTH + 1),
            last: None,
            ready: VecDeque::with_capacity(depth + LOOKAHEAD + 1),
        }
    }

    /// The depth in use, in frames.
    #[must_use]
    pub const fn depth(&self) -> usize {
        self.depth
    }

    /// Takes the presentation time of the next frame in decode order. Call [`next`](Self::next) for what has become known.
    ///
    /// # Errors
    /// The time does not fit the order. The frame counts nevertheless: it gets a decode time one tick after its predecessor's at least,
    /// which is later than its presentation time, so its composition offset is negative (legal in `ctts` and `trun` version 1). Nothing
    /// is lost, and the recorder starts a new segment with the depth that is needed at the next keyframe. While the first frames are
    /// being gathered the report may be about any of them.
    pub fn push(&mut self, pts: i64) -> Result<(), OrderDefect> {
        let pts = pts.clamp(-MAX_TIME, MAX_TIME);
        if self.started {
            return self.advance(pts);
        }
        self.start.push(pts);
        if self.start.len() <= self.depth + LOOKAHEAD {
            return Ok(());
        }
        self.begin()
    }

    /// The next decode time, in the order of [`push`](Self::push); `None` until more frames are there.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator that goes on after None would mislead"
    )]
    pub fn next(&mut self) -> Option<i64> {
        self.ready.pop_front()
    }

    /// No more frames will come: makes the decode times of a start shorter than the lookahead known. Later ones are known already.
    ///
    /// # Errors
    /// As for [`push`](Self::push).
    pub fn finish(&mut self) -> Result<(), OrderDefect> {
        if self.started { Ok(()) } else { self.begin() }
    }

    /// Extrapolates the first decode times and passes what was gathered through.
    fn begin(&mut self) -> Result<(), OrderDefect> {
        self.started = true;
        let start = std::mem::take(&mut self.start);
        let distance = frame_distance(&start);
        // The decode time of frame `depth`, before which the extrapolated ones stand.
        let Some(&first) = start.iter().take(self.depth + 1).min() else {
            return Ok(());
        };
        let mut back = i64::try_from(self.depth).unwrap_or_default();
        let mut result = Ok(());
        for pts in start {
            if back > 0 {
                self.heap.push(Reverse(pts));
                self.give(first - back * distance);
                back -= 1;
            } else {
                result = result.and(self.advance(pts));
            }
        }
        result
    }

    /// One frame in, one decode time out.
    fn advance(&mut self, pts: i64) -> Result<(), OrderDefect> {
        let defect = self.last.filter(|&last| pts <= last).map(|last| {
            let later = self.heap.iter().filter(|held| held.0 > pts).count()
                + self.left.iter().filter(|&&shown| shown > pts).count();
            if later <= self.depth {
                OrderDefect::Repeated
            } else if later <= MAX_REORDER_DEPTH {
                OrderDefect::DepthTooSmall { needed: later }
            } else {
                OrderDefect::WentBack {
                    by: last.abs_diff(pts),
                }
            }
        });
        self.heap.push(Reverse(pts));
        if let Some(Reverse(smallest)) = self.heap.pop() {
            if self.left.len() > MAX_REORDER_DEPTH {
                self.left.pop_front();
            }
            self.left.push_back(smallest);
            self.give(self.last.map_or(smallest, |last| smallest.max(last + 1)));
        }
        defect.map_or(Ok(()), Err)
    }

    fn give(&mut self, dts: i64) {
        self.last = Some(dts);
        self.ready.push_back(dts);
    }
}

/// The median distance of neighbours in presentation order, at least one tick. The frames at the end may have gaps between them that
/// frames yet to come will fill, which the median passes over.
fn frame_distance(times: &[i64]) -> i64 {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let mut distances: Vec<i64> = sorted
        .iter()
        .zip(sorted.iter().skip(1))
        .map(|(a, b)| b - a)
        .filter(|&d| d > 0)
        .collect();
    distances.sort_unstable();
    // 2^56 * depth stays within 64 bits, whatever the times were.
    distances
        .get(distances.len().saturating_sub(1) / 2)
        .map_or(1, |&d| d.min(1 << 56))
}

/// The reorder depth that these presentation times, given in decode order, need: the greatest number of frames that are decoded before
/// a frame and shown after it.
///
/// Counted over the frames given, so a lower bound for the stream; one whole GOP shows it in practice. At most [`MAX_REORDER_DEPTH`]
/// is reported, and frames that far back are not looked at: a clock that jumps back is no reordering.
#[must_use]
pub fn observed_depth(pts: &[i64]) -> usize {
    let mut depth = 0;
    // The greatest times so far, ascending.
    let mut greatest: Vec<i64> = Vec::with_capacity(MAX_REORDER_DEPTH + 1);
    for &time in pts {
        let at = greatest.partition_point(|&t| t <= time);
        depth = depth.max(greatest.len() - at);
        greatest.insert(at, time);
        if greatest.len() > MAX_REORDER_DEPTH {
            greatest.remove(0);
        }
    }
    depth
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn run(depth: usize, pts: &[i64]) -> (Vec<i64>, Vec<OrderDefect>) {
        let mut times = DecodeTimes::new(depth);
        let mut defects: Vec<_> = pts.iter().filter_map(|&t| times.push(t).err()).collect();
        defects.extend(times.finish().err());
        (std::iter::from_fn(|| times.next()).collect(), defects)
    }

    #[test]
    fn without_reordering_decode_is_presentation() {
        assert_eq!(run(0, &[5, 9, 13]), (vec![5, 9, 13], vec![]));
        let mut times = DecodeTimes::new(0);
        times.push(7).unwrap();
        assert_eq!(
            (times.next(), times.next()),
            (Some(7), None),
            "known at once"
        );
    }

    #[test]
    fn pyramid_of_depth_two() {
        let pts = [0, 4, 2, 1, 3, 8, 6, 5, 7, 12, 10, 9, 11].map(|t| t * 40);
        assert_eq!(observed_depth(&pts), 2);
        let (dts, defects) = run(2, &pts);
        assert_eq!(defects, []);
        assert_eq!(
            dts,
            [-2, -1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map(|t| t * 40)
        );
    }

    #[test]
    fn open_gop_starts_with_leading_pictures() {
        // The first frame is a CRA picture with leading pictures: the earliest time comes second.
        let (dts, defects) = run(2, &[200, 120, 40, 80, 160, 360, 280, 240, 320]);
        assert_eq!(defects, []);
        assert_eq!(dts.get(..4), Some(&[-40, 0, 40, 80][..]));
    }

    #[test]
    fn too_small_a_depth_is_reported_and_survived() {
        let (dts, defects) = run(0, &[0, 160, 80, 40, 120, 320]);
        assert_eq!(
            defects,
            [
                OrderDefect::DepthTooSmall { needed: 1 },
                OrderDefect::DepthTooSmall { needed: 2 },
                OrderDefect::DepthTooSmall { needed: 1 },
            ]
        );
        assert_eq!(dts, [0, 160, 161, 162, 163, 320]);
    }

    #[test]
    fn repeated_and_backward_times_are_told_apart() {
        assert_eq!(run(0, &[0, 40, 40]).1, [OrderDefect::Repeated]);
        let mut long: Vec<i64> = (0..40).map(|i| i * 40).collect();
        long.push(-1000);
        assert_eq!(run(0, &long).1, [OrderDefect::WentBack { by: 2560 }]);
    }

    #[test]
    fn fewer_frames_than_the_depth() {
        assert_eq!(run(3, &[]), (vec![], vec![]));
        assert_eq!(run(3, &[100]).0, [97]);
        assert_eq!(run(3, &[100, 140]).0, [-20, 20]);
    }

    #[test]
    fn extreme_times_do_not_overflow() {
        let (dts, _) = run(16, &[i64::MIN, i64::MAX, 0, i64::MAX, i64::MIN]);
        assert!(dts.is_sorted_by(|a, b| a < b), "{dts:?}");
    }

    /// A stream of GOPs, each reordered by a random hierarchy, with times of a variable rate: presentation times in decode order.
    fn streams() -> impl Strategy<Value = Vec<i64>> {
        let mini_gop = (1usize..8, any::<bool>());
        (
            proptest::collection::vec(mini_gop, 1..30),
            proptest::collection::vec(1i64..5000, 240),
            -100_000i64..100_000,
        )
            .prop_map(|(mini_gops, distances, origin)| {
                let mut at = origin;
                let mut time = vec![at];
                time.extend(distances.iter().map(|d| {
                    at += d;
                    at
                }));
                let mut order = vec![0];
                let mut base = 0;
                for (length, pyramid) in mini_gops {
                    let anchor = base + length;
                    order.push(anchor);
                    let mut spans = VecDeque::from([(base + 1, anchor)]);
                    while let Some((from, to)) = spans.pop_front() {
                        if from >= to {
                            continue;
                        }
                        let middle = if pyramid {
                            from + (to - from) / 2
                        } else {
                            from
                        };
                        order.push(middle);
                        // Depth first, as encoders do.
                        spans.push_front((middle + 1, to));
                        spans.push_front((from, middle));
                    }
                    base = anchor;
                }
                order
                    .into_iter()
                    .filter_map(|i| time.get(i).copied())
                    .collect()
            })
    }

    proptest! {
        #[test]
        fn decode_times_are_the_sorted_presentation_times_late_by_the_depth(pts in streams(), extra in 0usize..3) {
            let depth = (observed_depth(&pts) + extra).min(MAX_REORDER_DEPTH);
            let (dts, defects) = run(depth, &pts);
            prop_assert_eq!(&defects, &[]);
            prop_assert_eq!(dts.len(), pts.len());
            prop_assert!(dts.is_sorted_by(|a, b| a < b));
            prop_assert!(dts.iter().zip(&pts).all(|(d, p)| d <= p));
            let mut sorted = pts.clone();
            sorted.sort_unstable();
            prop_assert!(dts.iter().skip(depth).eq(sorted.iter().take(pts.len().saturating_sub(depth))));
        }

        #[test]
        fn a_smaller_depth_is_noticed_and_the_needed_one_named(pts in streams()) {
            let depth = observed_depth(&pts);
            prop_assume!(depth > 0);
            let (dts, defects) = run(depth - 1, &pts);
            prop_assert!(dts.is_sorted_by(|a, b| a < b));
            let needed = defects.iter().filter_map(|d| match d {
                OrderDefect::DepthTooSmall { needed } => Some(*needed),
                _ => None,
            }).max();
            prop_assert_eq!(needed, Some(depth));
        }

        #[test]
        fn any_times_give_strictly_increasing_decode_times(pts in proptest::collection::vec(any::<i64>(), 0..60), depth in 0usize..20) {
            let (dts, _) = run(depth, &pts);
            prop_assert_eq!(dts.len(), pts.len());
            prop_assert!(dts.is_sorted_by(|a, b| a < b));
        }
    }
}
