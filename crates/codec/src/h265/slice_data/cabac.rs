//! The arithmetic decoding engine (9.3.4.3).

#[cfg(test)]
pub(super) mod encoder;

/// Decodes bins. Behind the end of the data it reads zeros; [`overrun`](Self::overrun) tells.
#[derive(Debug)]
pub(super) struct Engine<'a> {
    data: &'a [u8],
    /// Offset of the next byte to go into `value`; may lie beyond the end.
    next: usize,
    /// `ivlOffset`, with [`spare`](Self::spare) bits read ahead below it.
    value: u64,
    spare: u32,
    /// `ivlCurrRange`, 256 to 510 between bins.
    range: u32,
}

/// Bits of `ivlOffset`.
const OFFSET_BITS: u32 = 9;

/// The most bits that [`Engine::bypass_bits`] takes at once.
const MOST_BYPASS: u32 = 24;

impl<'a> Engine<'a> {
    /// Begins at a byte offset of the data (9.3.2.5); `None` where no encoder begins so.
    pub(super) fn new(data: &'a [u8], at: usize) -> Option<Self> {
        let mut engine = Self {
            data,
            next: at,
            value: 0,
            spare: 0,
            range: 510,
        };
        let (high, low) = (engine.load(), engine.load());
        engine.value = high << 32 | low;
        engine.spare = 64 - OFFSET_BITS;
        (engine.value >> engine.spare < 510).then_some(engine)
    }

    /// The data that it decodes.
    pub(super) const fn data(&self) -> &'a [u8] {
        self.data
    }

    /// Decodes a bin with a context variable: `pStateIdx` times 2 plus `valMps` (9.3.4.3.2).
    #[inline]
    pub(super) fn bin(&mut self, context: &mut u8) -> bool {
        self.fill(8);
        let state = usize::from(*context >> 1);
        let quarter = (self.range >> 6 & 3) as usize;
        let lps = RANGE_LPS.get(state).and_then(|row| row.get(quarter));
        let lps = u32::from(lps.copied().unwrap_or_default());
        let mps_range = self.range - lps;
        let scaled = u64::from(mps_range) << self.spare;
        let mps = *context & 1 == 1;
        if self.value < scaled {
            *context = NEXT_MPS.get(usize::from(*context)).copied().unwrap_or(0);
            // The range more than halves only with the less probable symbol.
            let shift = u32::from(mps_range < 256);
            self.range = mps_range << shift;
            self.spare -= shift;
            mps
        } else {
            self.value -= scaled;
            *context = NEXT_LPS.get(usize::from(*context)).copied().unwrap_or(0);
            let shift = lps.leading_zeros() - (u32::BITS - OFFSET_BITS);
            self.range = lps << shift;
            self.spare -= shift;
            !mps
        }
    }

    /// Decodes a bin of probability one half (9.3.4.3.4).
    #[inline]
    pub(super) fn bypass(&mut self) -> bool {
        self.fill(8);
        self.spare -= 1;
        let scaled = u64::from(self.range) << self.spare;
        let bin = self.value >= scaled;
        if bin {
            self.value -= scaled;
        }
        bin
    }

    /// Decodes several of them, 24 at most, highest bit first: a long division.
    #[inline]
    pub(super) fn bypass_bits(&mut self, count: u32) -> u32 {
        debug_assert!(count <= MOST_BYPASS);
        self.fill(MOST_BYPASS);
        self.spare -= count;
        let scaled = u64::from(self.range) << self.spare;
        let bits = self.value / scaled;
        self.value -= bits * scaled;
        u32::try_from(bits).unwrap_or(u32::MAX)
    }

    /// Decodes a bin before termination (9.3.4.3.5): `end_of_slice_segment_flag` and its like.
    pub(super) fn terminate(&mut self) -> bool {
        self.fill(8);
        self.range -= 2;
        let scaled = u64::from(self.range) << self.spare;
        if self.value >= scaled {
            return true;
        }
        let shift = u32::from(self.range < 256);
        self.range <<= shift;
        self.spare -= shift;
        false
    }

    /// Behind a terminating bin that is set: the offset of the byte behind it. The last bit read must be the stop bit, or the
    /// alignment bit equal to one, and the rest of its byte zero; `None` otherwise.
    pub(super) fn terminated(&self) -> Option<usize> {
        let consumed = self.consumed();
        let last = *self.data.get(consumed.checked_sub(1)? / 8)?;
        (last << ((consumed - 1) % 8) == 0x80).then_some(consumed.div_ceil(8))
    }

    /// More bits have been decoded than there are.
    pub(super) fn overrun(&self) -> bool {
        self.consumed() > self.data.len().saturating_mul(8)
    }

    /// Bits taken so far, by the reckoning of the standard.
    const fn consumed(&self) -> usize {
        self.next * 8 - self.spare as usize
    }

    /// Sees to it that `least` bits are read ahead, 24 at most.
    #[inline]
    fn fill(&mut self, least: u32) {
        if self.spare < least {
            self.value = self.value << 32 | self.load();
            self.spare += 32;
        }
    }

    #[inline]
    fn load(&mut self) -> u64 {
        let at = self.next;
        self.next += 4;
        let whole = self.data.get(at..self.next);
        if let Some(bytes) = whole.and_then(|bytes| <[u8; 4]>::try_from(bytes).ok()) {
            return u64::from(u32::from_be_bytes(bytes));
        }
        (at..self.next).fold(0, |word, at| {
            word << 8 | u64::from(self.data.get(at).copied().unwrap_or_default())
        })
    }
}

/// Table 9-52: `rangeTabLps`.
#[rustfmt::skip]
const RANGE_LPS: [[u8; 4]; 64] = [
    [128, 176, 208, 240], [128, 167, 197, 227], [128, 158, 187, 216], [123, 150, 178, 205],
    [116, 142, 169, 195], [111, 135, 160, 185], [105, 128, 152, 175], [100, 122, 144, 166],
    [95, 116, 137, 158], [90, 110, 130, 150], [85, 104, 123, 142], [81, 99, 117, 135],
    [77, 94, 111, 128], [73, 89, 105, 122], [69, 85, 100, 116], [66, 80, 95, 110],
    [62, 76, 90, 104], [59, 72, 86, 99], [56, 69, 81, 94], [53, 65, 77, 89],
    [51, 62, 73, 85], [48, 59, 69, 80], [46, 56, 66, 76], [43, 53, 63, 72],
    [41, 50, 59, 69], [39, 48, 56, 65], [37, 45, 54, 62], [35, 43, 51, 59],
    [33, 41, 48, 56], [32, 39, 46, 53], [30, 37, 43, 50], [29, 35, 41, 48],
    [27, 33, 39, 45], [26, 31, 37, 43], [24, 30, 35, 41], [23, 28, 33, 39],
    [22, 27, 32, 37], [21, 26, 30, 35], [20, 24, 29, 33], [19, 23, 27, 31],
    [18, 22, 26, 30], [17, 21, 25, 28], [16, 20, 23, 27], [15, 19, 22, 25],
    [14, 18, 21, 24], [14, 17, 20, 23], [13, 16, 19, 22], [12, 15, 18, 21],
    [12, 14, 17, 20], [11, 14, 16, 19], [11, 13, 15, 18], [10, 12, 15, 17],
    [10, 12, 14, 16], [9, 11, 13, 15], [9, 11, 12, 14], [8, 10, 12, 14],
    [8, 9, 11, 13], [7, 9, 11, 12], [7, 9, 10, 12], [7, 8, 10, 11],
    [6, 8, 9, 11], [6, 7, 9, 10], [6, 7, 8, 9], [2, 2, 2, 2],
];

/// Table 9-53: `transIdxLps`.
#[rustfmt::skip]
const TRANS_IDX_LPS: [u8; 64] = [
    0, 0, 1, 2, 2, 4, 4, 5, 6, 7, 8, 9, 9, 11, 11, 12,
    13, 13, 15, 15, 16, 16, 18, 18, 19, 19, 21, 21, 22, 22, 23, 24,
    24, 25, 26, 26, 27, 27, 28, 29, 29, 30, 30, 30, 31, 32, 32, 33,
    33, 33, 34, 34, 35, 35, 35, 36, 36, 36, 37, 37, 37, 38, 38, 63,
];

/// The context variable behind the more probable symbol.
const NEXT_MPS: [u8; 128] = transitions(true);

/// The context variable behind the less probable symbol.
const NEXT_LPS: [u8; 128] = transitions(false);

#[expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a constant: whatever is wrong does not compile"
)]
const fn transitions(mps: bool) -> [u8; 128] {
    let mut next = [0; 128];
    let mut context = 0;
    while context < 128 {
        let (state, value) = ((context / 2) as u8, (context % 2) as u8);
        next[context] = if mps {
            let last = if state < 62 { state + 1 } else { state };
            last << 1 | value
        } else {
            let flipped = if state == 0 { 1 - value } else { value };
            TRANS_IDX_LPS[context / 2] << 1 | flipped
        };
        context += 1;
    }
    next
}

#[cfg(test)]
mod tests {
    use super::encoder::Encoder;
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, Clone)]
    enum Bin {
        Context(usize, bool),
        Bypass(bool),
        Bits(u32, u32),
        More,
    }

    fn bin() -> impl Strategy<Value = Bin> {
        prop_oneof![
            6 => (0usize..4, proptest::bool::weighted(0.2)).prop_map(|(at, bin)| Bin::Context(at, bin)),
            2 => any::<bool>().prop_map(Bin::Bypass),
            1 => (0u32..=24, any::<u32>()).prop_map(|(count, bits)| {
                Bin::Bits(count, bits & ((1 << count) - 1))
            }),
            1 => Just(Bin::More),
        ]
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_decoded(bins in proptest::collection::vec(bin(), 0..600), states in any::<[u8; 4]>()) {
            // States 0 to 62.
            let start = states.map(|state| state % 126);
            let mut contexts = start;
            let mut encoder = Encoder::new();
            for bin in &bins {
                match *bin {
                    Bin::Context(at, bin) => encoder.bin(&mut contexts[at], bin),
                    Bin::Bypass(bin) => encoder.bypass(bin),
                    Bin::Bits(count, bits) => (0..count)
                        .rev()
                        .for_each(|bit| encoder.bypass(bits >> bit & 1 == 1)),
                    Bin::More => encoder.terminate(false),
                }
            }
            encoder.terminate(true);
            let mut data = encoder.bytes();
            let end = data.len();
            data.extend([0xFF, 0xFF]);
            contexts = start;
            let mut engine = Engine::new(&data, 0).unwrap();
            for bin in &bins {
                match *bin {
                    Bin::Context(at, bin) => prop_assert_eq!(engine.bin(&mut contexts[at]), bin),
                    Bin::Bypass(bin) => prop_assert_eq!(engine.bypass(), bin),
                    Bin::Bits(count, bits) => prop_assert_eq!(engine.bypass_bits(count), bits),
                    Bin::More => prop_assert!(!engine.terminate()),
                }
            }
            prop_assert!(engine.terminate());
            prop_assert_eq!(engine.terminated(), Some(end));
            prop_assert!(!engine.overrun());
            data.truncate(end - 1);
            let mut engine = Engine::new(&data, 0).unwrap();
            contexts = start;
            for bin in &bins {
                match *bin {
                    Bin::Context(at, _) => _ = engine.bin(&mut contexts[at]),
                    Bin::Bypass(_) => _ = engine.bypass(),
                    Bin::Bits(count, _) => _ = engine.bypass_bits(count),
                    Bin::More => _ = engine.terminate(),
                }
            }
            engine.terminate();
            prop_assert!(engine.terminated().is_none_or(|at| at <= data.len()));
        }
    }

    #[test]
    fn the_probabilities_fall() {
        for (fewer, more) in RANGE_LPS.iter().zip(&RANGE_LPS[1..]) {
            assert!(fewer.iter().zip(more).all(|(fewer, more)| fewer >= more));
        }
        assert!(RANGE_LPS.iter().all(|row| row.is_sorted()));
        // The states follow one another by a factor of (0.01875 / 0.5)^(1/63).
        for (state, row) in RANGE_LPS.iter().enumerate().take(63) {
            let probability = 0.5 * 0.0375f64.powf(state as f64 / 63.0);
            for (quarter, &lps) in row.iter().enumerate() {
                let range = 288.0 + 64.0 * quarter as f64;
                // What is left of the least range must not be less probable.
                let exact = (probability * range).min(if quarter == 0 { 128.0 } else { 256.0 });
                assert!((f64::from(lps) - exact).abs() < 3.5, "{state} {quarter}");
            }
        }
    }

    #[test]
    fn a_wrong_beginning_or_end() {
        assert!(Engine::new(&[0xFF, 0x80], 0).is_none());
        assert!(Engine::new(&[0xFE, 0xFF], 0).is_some());
        let mut engine = Engine::new(&[0xFE, 0x80, 1], 0).unwrap();
        assert!(engine.terminate());
        // Nine bits were read, of which the last is the stop bit.
        assert_eq!(engine.terminated(), Some(2));
        let mut engine = Engine::new(&[0xFE, 0x81], 0).unwrap();
        assert!(engine.terminate());
        assert_eq!(engine.terminated(), None);
        let mut engine = Engine::new(&[0], 0).unwrap();
        assert!(engine.overrun());
        assert!(!engine.terminate());
    }
}
