//! Presentation order of pictures that are known by their headers alone.

use crate::{h264, h265};
use std::sync::Arc;

/// What a picture's headers say about its place in presentation order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Nothing: presentation order is decode order.
    None,
    /// An H.264 frame, or the one or two fields of it that one sample holds.
    H264 {
        /// The parameter set in force.
        sps: Arc<h264::Sps>,
        /// First slice header of the frame or of its first field.
        first: h264::SliceHeader,
        /// First slice header of the second field.
        second: Option<h264::SliceHeader>,
    },
    /// An H.265 picture.
    H265 {
        /// The parameter set in force.
        sps: Arc<h265::Sps>,
        /// Header of its first slice segment.
        first: h265::SliceHeader,
        /// An end of sequence NAL unit follows it in its sample.
        ends_sequence: bool,
    },
    /// A picture of MPEG-1, -2 or -4 Visual, where only B pictures are shown as they come, and all others when the next of them comes.
    Anchored {
        /// It is a B picture.
        bidirectional: bool,
    },
}

/// Sorts pictures into presentation order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderKey {
    /// Which coded video sequence: all pictures of an earlier one are shown before those of a later one.
    pub sequence: u64,
    /// Order within it; the step from picture to picture is the codec's own (`PicOrderCnt` for H.264 and H.265).
    pub value: i64,
}

/// Turns the [`Order`]s of a row of samples, in decode order and without a gap, into keys to sort by.
///
/// Behind a gap begin with a new one, and let the keys of the new row come behind those of the old.
#[derive(Debug, Clone, Default)]
pub struct PresentationOrder {
    h264: h264::PocState,
    h265: h265::PocState,
    /// Pictures so far.
    count: i64,
    anchors: i64,
}

/// Room for the B pictures between two others.
const ANCHOR_STEP: i64 = 1 << 20;

impl PresentationOrder {
    /// At the start of a row.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The key of the next sample. Samples without an order are shown as they come.
    pub fn next(&mut self, order: &Order) -> OrderKey {
        self.count += 1;
        match order {
            Order::None => OrderKey {
                sequence: 0,
                value: self.count,
            },
            Order::H264 { sps, first, second } => {
                let mut count = self.h264.next(sps, first);
                if let Some(second) = second {
                    // A frame is shown when the earlier of its fields is. An operation 5 in the second field moves it with its sequence.
                    let other = self.h264.next(sps, second);
                    count = match other.sequence == count.sequence {
                        true if other.value() > count.value() => count,
                        _ => other,
                    };
                }
                let (sequence, value) = count.key();
                OrderKey { sequence, value }
            }
            Order::H265 {
                sps,
                first,
                ends_sequence,
            } => {
                let key = self.h265.next(sps, first).map(|count| count.key());
                if *ends_sequence {
                    self.h265.end_of_sequence();
                }
                let (sequence, value) = key.unwrap_or_default();
                OrderKey { sequence, value }
            }
            Order::Anchored { bidirectional } => {
                let value = if *bidirectional {
                    (self.anchors - 1) * ANCHOR_STEP + self.count % ANCHOR_STEP
                } else {
                    self.anchors += 1;
                    self.count = 0;
                    self.anchors * ANCHOR_STEP
                };
                OrderKey { sequence: 0, value }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b_pictures_are_shown_before_the_anchor_they_follow() {
        let mut order = PresentationOrder::new();
        let keys: Vec<_> = [false, false, true, true, false, true, false]
            .map(|bidirectional| order.next(&Order::Anchored { bidirectional }))
            .into();
        let mut shown: Vec<_> = (0..keys.len()).collect();
        shown.sort_by_key(|&i| keys[i]);
        assert_eq!(shown, [0, 2, 3, 1, 5, 4, 6]);
    }

    #[test]
    fn samples_without_order_come_as_they_are() {
        let mut order = PresentationOrder::new();
        assert!(order.next(&Order::None) < order.next(&Order::None));
    }
}
