//! Picture order count (8.3.1).

use super::ps::Sps;
use super::slice::SliceHeader;

/// The order count of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PicOrderCnt {
    /// Which coded video sequence: grows with each IDR and BLA picture and each CRA picture that begins one. All pictures of an earlier
    /// one are shown before those of a later one.
    pub sequence: u64,
    /// `PicOrderCntVal`.
    pub value: i64,
}

impl PicOrderCnt {
    /// Sorts pictures into presentation order.
    #[must_use]
    pub const fn key(&self) -> (u64, i64) {
        (self.sequence, self.value)
    }
}

/// What the order count depends on of the pictures before. Feed it the first slice segment of each picture, in decode order.
#[derive(Debug, Clone, Copy, Default)]
pub struct PocState {
    sequence: u64,
    /// The next IRAP picture begins a coded video sequence: at the start and behind an end of sequence NAL unit.
    running: bool,
    /// Order count of `prevTid0Pic`.
    previous: i64,
}

impl PocState {
    /// An end of sequence NAL unit (type 36): the next picture is handled like the first of the stream.
    pub const fn end_of_sequence(&mut self) {
        self.running = false;
    }

    /// The order count of the next picture; `None` for a dependent slice segment, which begins no picture.
    pub fn next(&mut self, sps: &Sps, slice: &SliceHeader) -> Option<PicOrderCnt> {
        let lsb = i64::from(slice.independent?.pic_order_cnt_lsb);
        let kind = slice.nal.nal_type;
        // NoRaslOutputFlag, for IRAP pictures; a stream cut into its middle begins anew just as well.
        let begins = kind.is_idr() || kind.is_bla() || !self.running;
        self.running = true;
        let msb = if begins {
            self.sequence += 1;
            0
        } else {
            let max_lsb = 1i64 << sps.log2_max_poc_lsb;
            let previous_lsb = self.previous & (max_lsb - 1);
            let previous_msb = self.previous - previous_lsb;
            if lsb < previous_lsb && previous_lsb - lsb >= max_lsb / 2 {
                previous_msb + max_lsb
            } else if lsb > previous_lsb && lsb - previous_lsb > max_lsb / 2 {
                previous_msb - max_lsb
            } else {
                previous_msb
            }
        };
        let value = msb + lsb;
        // In the middle of a stream the first picture is as good as any to count on from.
        let counts =
            slice.nal.temporal_id == 0 && !kind.is_leading() && !kind.is_sub_layer_non_reference();
        if begins || counts {
            self.previous = value;
        }
        Some(PicOrderCnt {
            sequence: self.sequence,
            value,
        })
    }
}
