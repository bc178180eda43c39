//! Picture order count (8.2.1): the order in which the pictures are shown.

use super::slice::{Parity, SliceHeader};
use super::sps::{PocType, Sps};

/// The order count of one picture (a frame, or one field of it).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PicOrderCnt {
    /// Which coded video sequence: grows with each IDR picture and each `memory_management_control_operation` 5. All pictures of an
    /// earlier one are shown before those of a later one.
    pub sequence: u64,
    /// `TopFieldOrderCnt`; `None` for a bottom field.
    pub top: Option<i64>,
    /// `BottomFieldOrderCnt`; `None` for a top field.
    pub bottom: Option<i64>,
}

impl PicOrderCnt {
    /// `PicOrderCnt(picture)`: the lesser of the two for a frame (8-1).
    #[must_use]
    pub fn value(&self) -> i64 {
        match (self.top, self.bottom) {
            (Some(top), Some(bottom)) => top.min(bottom),
            (Some(count), None) | (None, Some(count)) => count,
            (None, None) => 0,
        }
    }

    /// Sorts pictures into presentation order.
    #[must_use]
    pub fn key(&self) -> (u64, i64) {
        (self.sequence, self.value())
    }
}

/// What the order count depends on of the pictures before. Feed it the first slice of each picture, in decode order.
#[derive(Debug, Clone, Copy, Default)]
pub struct PocState {
    sequence: u64,
    /// `prevPicOrderCntMsb` and `prevPicOrderCntLsb`, of the previous reference picture.
    prev_msb: i64,
    prev_lsb: i64,
    /// `prevFrameNum` and `prevFrameNumOffset`, of the previous picture.
    prev_frame_num: u16,
    prev_frame_num_offset: i64,
    /// There was a picture before.
    running: bool,
}

impl PocState {
    /// The order count of the next picture.
    pub fn next(&mut self, sps: &Sps, slice: &SliceHeader) -> PicOrderCnt {
        // Of two fields only the first can be an IDR picture (7.4.1.2.4).
        if slice.is_idr() {
            self.sequence += 1;
            self.prev_msb = 0;
            self.prev_lsb = 0;
        } else if !self.running {
            // In the middle of a stream the first picture is as good as any to count on from.
            self.prev_lsb = i64::from(slice.pic_order_cnt_lsb);
        }
        self.running = true;
        let (top, bottom) = match &sps.poc {
            PocType::Lsb { log2_max_lsb } => self.by_lsb(1 << log2_max_lsb, slice),
            PocType::Cycle {
                offset_for_non_ref_pic,
                offset_for_top_to_bottom_field,
                offsets,
            } => {
                let offset = self.frame_num_offset(sps, slice);
                let mut expected =
                    expected_delta(offset + i64::from(slice.frame_num), slice, offsets);
                if slice.nal_ref_idc == 0 {
                    expected = expected.saturating_add(i64::from(*offset_for_non_ref_pic));
                }
                let [delta0, delta1] = slice.delta_pic_order_cnt.map(i64::from);
                let top = expected.saturating_add(delta0);
                let to_bottom = i64::from(*offset_for_top_to_bottom_field);
                (top, top.saturating_add(to_bottom + delta1))
            }
            PocType::DecodeOrder => {
                let offset = self.frame_num_offset(sps, slice);
                let count = 2 * (offset + i64::from(slice.frame_num));
                let count = match (slice.is_idr(), slice.nal_ref_idc) {
                    (true, _) => 0,
                    (false, 0) => count - 1,
                    (false, _) => count,
                };
                (count, count)
            }
        };
        let mut poc = PicOrderCnt {
            sequence: self.sequence,
            top: (slice.field != Some(Parity::Bottom)).then_some(top),
            bottom: (slice.field != Some(Parity::Top)).then_some(bottom),
        };
        if slice.mmco5 {
            self.restart(&mut poc);
        }
        poc
    }

    /// 8.2.1.1. For a bottom field the first value is without meaning.
    fn by_lsb(&mut self, max_lsb: i64, slice: &SliceHeader) -> (i64, i64) {
        let lsb = i64::from(slice.pic_order_cnt_lsb);
        let msb = if lsb < self.prev_lsb && self.prev_lsb - lsb >= max_lsb / 2 {
            self.prev_msb + max_lsb
        } else if lsb > self.prev_lsb && lsb - self.prev_lsb > max_lsb / 2 {
            self.prev_msb - max_lsb
        } else {
            self.prev_msb
        };
        if slice.nal_ref_idc != 0 {
            self.prev_msb = msb;
            self.prev_lsb = lsb;
        }
        let count = msb + lsb;
        // delta_pic_order_cnt_bottom is 0 for fields.
        (count, count + i64::from(slice.delta_pic_order_cnt_bottom))
    }

    /// `FrameNumOffset` (8-6, 8-11).
    fn frame_num_offset(&mut self, sps: &Sps, slice: &SliceHeader) -> i64 {
        let offset = if slice.is_idr() {
            0
        } else if self.prev_frame_num > slice.frame_num {
            self.prev_frame_num_offset + (1 << sps.log2_max_frame_num)
        } else {
            self.prev_frame_num_offset
        };
        self.prev_frame_num = slice.frame_num;
        self.prev_frame_num_offset = offset;
        offset
    }

    /// After `memory_management_control_operation` 5 the picture counts as the first of a new order, its own count moved to 0 (8.2.1).
    fn restart(&mut self, poc: &mut PicOrderCnt) {
        self.sequence += 1;
        poc.sequence = self.sequence;
        let origin = poc.value();
        poc.top = poc.top.map(|count| count - origin);
        poc.bottom = poc.bottom.map(|count| count - origin);
        self.prev_msb = 0;
        // For a bottom field there is no top count, and 0 it is.
        self.prev_lsb = poc.top.unwrap_or_default();
        self.prev_frame_num = 0;
        self.prev_frame_num_offset = 0;
    }
}

/// `expectedPicOrderCnt` before `offset_for_non_ref_pic` (8-7 to 8-9).
fn expected_delta(frame_num: i64, slice: &SliceHeader, offsets: &[i32]) -> i64 {
    let Ok(length) = i64::try_from(offsets.len()) else {
        return 0;
    };
    if length == 0 {
        return 0;
    }
    let absolute = if slice.nal_ref_idc == 0 {
        frame_num - 1
    } else {
        frame_num
    };
    if absolute <= 0 {
        return 0;
    }
    let (cycles, within) = ((absolute - 1) / length, (absolute - 1) % length);
    let sum = |count: usize| -> i64 { offsets.iter().take(count).map(|&o| i64::from(o)).sum() };
    cycles
        .saturating_mul(sum(offsets.len()))
        .saturating_add(sum(usize::try_from(within).unwrap_or_default() + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::h264::{NalType, SliceType};

    fn sps(poc: PocType) -> Sps {
        Sps {
            id: 0,
            profile_idc: 77,
            constraint_flags: 0,
            level_idc: 31,
            chroma_format_idc: 1,
            bit_depth_luma: 8,
            bit_depth_chroma: 8,
            coded_width: 320,
            coded_height: 192,
            width: 320,
            height: 180,
            sample_aspect: None,
            frame_mbs_only: false,
            log2_max_frame_num: 4,
            poc,
            max_num_ref_frames: 4,
            frame_rate: None,
            fixed_frame_rate: false,
            max_num_reorder_frames: None,
        }
    }

    fn slice(kind: NalType, nal_ref_idc: u8, frame_num: u16, lsb: u32) -> SliceHeader {
        SliceHeader {
            nal_type: kind,
            nal_ref_idc,
            first_mb: 0,
            slice_type: SliceType::P,
            pps_id: 0,
            sps_id: 0,
            frame_num,
            field: None,
            idr_pic_id: None,
            pic_order_cnt_lsb: lsb,
            delta_pic_order_cnt_bottom: 0,
            delta_pic_order_cnt: [0; 2],
            redundant_pic_cnt: 0,
            mmco5: false,
            deblocking: [0; 3],
        }
    }

    const IDR: NalType = NalType::IDR;
    const P: NalType = NalType::SLICE;

    #[test]
    fn type_0_wraps_forwards_and_backwards_around_reference_pictures() {
        let sps = sps(PocType::Lsb { log2_max_lsb: 4 });
        let mut state = PocState::default();
        // (lsb, reference): lsb has 4 bits, B pictures are no reference and do not move the anchor.
        let pictures = [
            (0, 1, 0),
            (6, 1, 6),
            (2, 0, 2),
            (4, 0, 4),
            (12, 1, 12),
            (8, 0, 8),
            (2, 1, 18),
            (14, 0, 14),
            (0, 0, 16),
        ];
        for (i, (lsb, reference, expected)) in pictures.into_iter().enumerate() {
            let kind = if i == 0 { IDR } else { P };
            let poc = state.next(&sps, &slice(kind, reference, 0, lsb));
            assert_eq!((poc.value(), poc.sequence), (expected, 1), "picture {i}");
        }
        let poc = state.next(&sps, &slice(IDR, 1, 0, 0));
        assert_eq!(poc.key(), (2, 0), "an IDR picture begins anew");
        // A leading picture, shown before the IDR picture's count.
        assert_eq!(state.next(&sps, &slice(P, 0, 1, 14)).key(), (2, -2));
    }

    #[test]
    fn a_row_from_the_middle_counts_on_from_its_first_picture() {
        let sps = sps(PocType::Lsb { log2_max_lsb: 4 });
        let mut state = PocState::default();
        // None of the first two is a reference, and 0 is not near.
        let values = [(7, 0), (9, 0), (15, 1), (11, 0), (1, 1)]
            .map(|(lsb, reference)| state.next(&sps, &slice(P, reference, 5, lsb)).value());
        assert_eq!(values, [7, 9, 15, 11, 17]);
    }

    #[test]
    fn type_0_fields_and_bottom_delta() {
        let sps = sps(PocType::Lsb { log2_max_lsb: 8 });
        let mut state = PocState::default();
        let mut frame = slice(IDR, 1, 0, 2);
        frame.delta_pic_order_cnt_bottom = -1;
        let poc = state.next(&sps, &frame);
        assert_eq!((poc.top, poc.bottom, poc.value()), (Some(2), Some(1), 1));
        let mut top = slice(P, 1, 1, 4);
        top.field = Some(Parity::Top);
        let poc = state.next(&sps, &top);
        assert_eq!((poc.top, poc.bottom), (Some(4), None));
        let mut bottom = slice(P, 1, 1, 5);
        bottom.field = Some(Parity::Bottom);
        let poc = state.next(&sps, &bottom);
        assert_eq!((poc.top, poc.bottom), (None, Some(5)));
    }

    #[test]
    fn type_1_follows_the_cycle() {
        // Two reference frames a cycle, 4 apart each; non-reference frames lie 2 before their place.
        let sps = sps(PocType::Cycle {
            offset_for_non_ref_pic: -2,
            offset_for_top_to_bottom_field: 1,
            offsets: vec![4, 6],
        });
        let mut state = PocState::default();
        let mut next = |kind, reference, frame_num| {
            state.next(&sps, &slice(kind, reference, frame_num, 0)).top
        };
        assert_eq!(next(IDR, 1, 0), Some(0));
        assert_eq!(next(P, 1, 1), Some(4));
        assert_eq!(next(P, 0, 2), Some(2), "counts as frame 1, then -2");
        assert_eq!(next(P, 1, 2), Some(10));
        assert_eq!(next(P, 1, 15), Some(74));
        assert_eq!(next(P, 1, 0), Some(80), "frame_num has wrapped: frame 16");
        let mut both = slice(P, 1, 1, 0);
        both.delta_pic_order_cnt = [3, 5];
        let poc = state.next(&sps, &both);
        assert_eq!((poc.top, poc.bottom), (Some(87), Some(93)));
    }

    #[test]
    fn type_2_is_decode_order() {
        let sps = sps(PocType::DecodeOrder);
        let mut state = PocState::default();
        let pictures = [
            (IDR, 1, 0, 0),
            (P, 0, 1, 1),
            (P, 1, 1, 2),
            (P, 1, 15, 30),
            (P, 1, 0, 32),
            (P, 0, 1, 33),
        ];
        for (kind, reference, frame_num, expected) in pictures {
            let poc = state.next(&sps, &slice(kind, reference, frame_num, 0));
            assert_eq!(poc.value(), expected, "frame_num {frame_num}");
        }
    }

    #[test]
    fn operation_5_restarts_the_order() {
        let sps = sps(PocType::Lsb { log2_max_lsb: 4 });
        let mut state = PocState::default();
        state.next(&sps, &slice(IDR, 1, 0, 0));
        let mut reset = slice(P, 1, 1, 6);
        reset.mmco5 = true;
        reset.delta_pic_order_cnt_bottom = -2;
        let poc = state.next(&sps, &reset);
        assert_eq!((poc.sequence, poc.top, poc.bottom), (2, Some(2), Some(0)));
        assert_eq!(state.next(&sps, &slice(P, 1, 1, 4)).key(), (2, 4));
    }
}
