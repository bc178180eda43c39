//! The range decoder (RFC 6716 §4.1), as far as symbols are read from the front.

/// Reads symbols from the front of a frame. Behind its end stand zeros.
#[derive(Debug, Clone)]
pub(super) struct RangeDecoder<'a> {
    bytes: std::slice::Iter<'a, u8>,
    last: u8,
    range: u32,
    value: u32,
    /// Bits taken from the frame so far, those not decided yet included.
    taken: u32,
    /// Bits of the frame.
    budget: u32,
}

/// Normalised ranges are larger than this.
const SMALLEST: u32 = 1 << 23;

impl<'a> RangeDecoder<'a> {
    pub(super) fn new(frame: &'a [u8]) -> Self {
        let mut bytes = frame.iter();
        let first = bytes.next().copied().unwrap_or(0);
        let mut decoder = Self {
            bytes,
            last: first,
            range: 128,
            value: u32::from(127 - (first >> 1)),
            taken: 9,
            budget: u32::try_from(frame.len())
                .unwrap_or(u32::MAX)
                .saturating_mul(8),
        };
        decoder.normalise();
        decoder
    }

    fn normalise(&mut self) {
        while self.range <= SMALLEST {
            self.range <<= 8;
            self.taken = self.taken.saturating_add(8);
            let next = self.bytes.next().copied().unwrap_or(0);
            // The byte straddles two: one bit of the last, seven of the next.
            let byte = self.last << 7 | next >> 1;
            self.last = next;
            self.value = (self.value << 8 | u32::from(!byte)) & 0x7fff_ffff;
        }
    }

    /// Bits that are left, no more than there are (§4.1.6.1).
    pub(super) fn left(&self) -> u32 {
        let tell = self.taken - (u32::BITS - self.range.leading_zeros());
        self.budget.saturating_sub(tell)
    }

    /// Takes the symbol `low..high` of `total`, where `step` is the range of 1.
    fn take(&mut self, step: u32, low: u32, high: u32, total: u32) {
        let above = step * (total - high);
        self.value -= above;
        self.range = if low > 0 {
            step * (high - low)
        } else {
            self.range - above
        };
        self.normalise();
    }

    /// Where in a distribution of `total` the symbol lies, and the range of 1.
    fn place(&self, total: u32) -> (u32, u32) {
        let step = self.range / total;
        (total - total.min(self.value / step + 1), step)
    }

    /// A bit that is set with a chance of 2 to the power of -`log` (§4.1.3.2).
    pub(super) fn bit(&mut self, log: u32) -> bool {
        let part = self.range >> log;
        let set = self.value < part;
        if set {
            self.range = part;
        } else {
            self.value -= part;
            self.range -= part;
        }
        self.normalise();
        set
    }

    /// A symbol of these frequencies, whose sum is `total` (§4.1.2).
    pub(super) fn symbol(&mut self, frequencies: &[u8], total: u32) -> (usize, f32) {
        let (place, step) = self.place(total);
        let mut low = 0;
        let mut at = 0;
        for (i, frequency) in frequencies.iter().enumerate() {
            at = i;
            if place < low + u32::from(*frequency) || i + 1 == frequencies.len() {
                break;
            }
            low += u32::from(*frequency);
        }
        let own = frequencies.get(at).map_or(1, |f| u32::from(*f)).max(1);
        let high = (low + own).min(total);
        self.take(step, low.min(high - 1), high, total);
        (at, log2_share(own, total))
    }

    /// One of `total` equally likely numbers, fewer than 256 (§4.1.5).
    pub(super) fn uniform(&mut self, total: u32) -> u32 {
        let (place, step) = self.place(total);
        self.take(step, place, place + 1, total);
        place
    }

    /// A number that is 0 with a chance of `zero` of 32768, others ever less
    /// likely by `decay` of 16384 (§4.3.2.1); and its binary logarithm of chance.
    pub(super) fn laplace(&mut self, zero: u32, decay: u32) -> (i16, f32) {
        /// Frequency that every number has at least.
        const LEAST: u32 = 1;
        /// Numbers of either sign that this is kept for.
        const KEPT: u32 = 16;
        const TOTAL: u32 = 32768;
        let (place, step) = self.place(TOTAL);
        let (mut number, mut low, mut own) = (0_i16, 0, zero);
        if place >= zero {
            number = 1;
            low = zero;
            own = (((TOTAL - 2 * LEAST * KEPT - zero) * (16384 - decay)) >> 15) + LEAST;
            while own > LEAST && place >= low + 2 * own {
                own *= 2;
                low += own;
                own = (((own - 2 * LEAST) * decay) >> 15) + LEAST;
                number += 1;
            }
            if own <= LEAST {
                let further = (place - low) / (2 * LEAST);
                number += i16::try_from(further).unwrap_or(i16::MAX / 2);
                low += 2 * further * LEAST;
            }
            if place < low + own {
                number = -number;
            } else {
                low += own;
            }
        }
        let high = (low + own).min(TOTAL);
        let low = low.min(high - 1);
        self.take(step, low, high, TOTAL);
        (number, log2_share(high - low, TOTAL))
    }
}

/// Binary logarithm of a share.
#[expect(clippy::cast_precision_loss, reason = "at most 32768")]
fn log2_share(part: u32, total: u32) -> f32 {
    (part as f32 / total as f32).log2()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_of_even_chance_are_those_of_the_frame() {
        // Ones are the lower half of the range: the value counts from its top.
        let mut decoder = RangeDecoder::new(&[0b1011_0010, 0b0111_0001]);
        let bits: Vec<bool> = (0..15).map(|_| decoder.bit(1)).collect();
        let expected = [1, 0, 1, 1, 0, 0, 1, 0, 0, 1, 1, 1, 0, 0, 0].map(|b| b == 1);
        assert_eq!(bits, expected);
        assert_eq!(decoder.left(), 0);
    }

    #[test]
    fn any_bytes_decode_to_something() {
        for seed in 0..2000_u32 {
            let byte = |i: u32| seed.wrapping_mul(2_654_435_761).wrapping_add(i * 40_503);
            let frame: Vec<u8> = (0..seed % 40).map(|i| byte(i).to_be_bytes()[1]).collect();
            let mut decoder = RangeDecoder::new(&frame);
            for i in 0..60 {
                let (_, chance) = decoder.laplace(42 << 7, 121 << 6);
                assert!(chance < 0.0, "{seed} {i}");
                assert!(decoder.uniform(6) < 6);
                assert!(decoder.symbol(&[2, 1, 1], 4).0 < 3);
            }
        }
    }
}
