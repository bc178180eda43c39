//! The arithmetic decoding engine (9.3.1.2, 9.3.3.2).

use super::bits::Bits;
use super::{Read, Violation};

/// `rangeTabLPS` (table 9-44) by `pStateIdx` and `qCodIRangeIdx`.
const RANGE_LPS: [[u8; 4]; 64] = [
    [128, 176, 208, 240],
    [128, 167, 197, 227],
    [128, 158, 187, 216],
    [123, 150, 178, 205],
    [116, 142, 169, 195],
    [111, 135, 160, 185],
    [105, 128, 152, 175],
    [100, 122, 144, 166],
    [95, 116, 137, 158],
    [90, 110, 130, 150],
    [85, 104, 123, 142],
    [81, 99, 117, 135],
    [77, 94, 111, 128],
    [73, 89, 105, 122],
    [69, 85, 100, 116],
    [66, 80, 95, 110],
    [62, 76, 90, 104],
    [59, 72, 86, 99],
    [56, 69, 81, 94],
    [53, 65, 77, 89],
    [51, 62, 73, 85],
    [48, 59, 69, 80],
    [46, 56, 66, 76],
    [43, 53, 63, 72],
    [41, 50, 59, 69],
    [39, 48, 56, 65],
    [37, 45, 54, 62],
    [35, 43, 51, 59],
    [33, 41, 48, 56],
    [32, 39, 46, 53],
    [30, 37, 43, 50],
    [29, 35, 41, 48],
    [27, 33, 39, 45],
    [26, 31, 37, 43],
    [24, 30, 35, 41],
    [23, 28, 33, 39],
    [22, 27, 32, 37],
    [21, 26, 30, 35],
    [20, 24, 29, 33],
    [19, 23, 27, 31],
    [18, 22, 26, 30],
    [17, 21, 25, 28],
    [16, 20, 23, 27],
    [15, 19, 22, 25],
    [14, 18, 21, 24],
    [14, 17, 20, 23],
    [13, 16, 19, 22],
    [12, 15, 18, 21],
    [12, 14, 17, 20],
    [11, 14, 16, 19],
    [11, 13, 15, 18],
    [10, 12, 15, 17],
    [10, 12, 14, 16],
    [9, 11, 13, 15],
    [9, 11, 12, 14],
    [8, 10, 12, 14],
    [8, 9, 11, 13],
    [7, 9, 11, 12],
    [7, 9, 10, 12],
    [7, 8, 10, 11],
    [6, 8, 9, 11],
    [6, 7, 9, 10],
    [6, 7, 8, 9],
    [2, 2, 2, 2],
];

/// `transIdxLPS` (table 9-45).
const NEXT_LPS: [u8; 64] = [
    0, 0, 1, 2, 2, 4, 4, 5, 6, 7, 8, 9, 9, 11, 11, 12, 13, 13, 15, 15, 16, 16, 18, 18, 19, 19, 21,
    21, 22, 22, 23, 24, 24, 25, 26, 26, 27, 27, 28, 29, 29, 30, 30, 30, 31, 32, 32, 33, 33, 33, 34,
    34, 35, 35, 35, 36, 36, 36, 37, 37, 37, 38, 38, 63,
];

/// A context variable: `pStateIdx` and `valMPS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Context {
    state: u8,
    mps: bool,
}

impl Context {
    /// Initialisation (9.3.1.1) with `m` and `n` of its table for a `SliceQPY`.
    pub(super) fn new((m, n): (i8, i8), qp: i32) -> Self {
        let state = ((i32::from(m) * qp.clamp(0, 51)) >> 4) + i32::from(n);
        let state = u8::try_from(state.clamp(1, 126)).unwrap_or(1);
        Self {
            state: if state < 64 { 63 - state } else { state - 64 },
            mps: state >= 64,
        }
    }
}

/// `codIRange` and `codIOffset`, the latter with bits read ahead.
#[derive(Debug, Clone)]
pub(super) struct Engine<'a> {
    data: &'a [u8],
    /// The next byte to be read, counted on behind the end.
    next: usize,
    range: u32,
    /// `codIOffset` and behind it `ahead` bits that are not its yet.
    offset: u64,
    ahead: u32,
}

impl<'a> Engine<'a> {
    /// Starts where `bits` stands, at a byte boundary.
    pub(super) fn new(bits: &Bits<'a>) -> Read<Self> {
        let mut engine = Self {
            data: bits.data(),
            next: bits.position() / 8,
            range: 510,
            offset: 0,
            ahead: 0,
        };
        engine.refill();
        // The register itself has nine bits.
        engine.ahead -= 9;
        if engine.offset >> engine.ahead >= 510 {
            return Err(Violation("codIOffset"));
        }
        Ok(engine)
    }

    /// The number of bits up to the last one that the nine-bit register has taken.
    pub(super) const fn position(&self) -> usize {
        self.next * 8 - self.ahead as usize
    }

    #[cold]
    fn refill(&mut self) {
        while self.ahead <= 40 {
            let byte = self.data.get(self.next).copied().unwrap_or_default();
            self.offset = self.offset << 8 | u64::from(byte);
            self.ahead += 8;
            self.next += 1;
        }
    }

    /// `DecodeDecision` (9.3.3.2.1).
    #[inline]
    pub(super) fn decision(&mut self, context: &mut Context) -> bool {
        if self.ahead < 8 {
            self.refill();
        }
        // The masks only tell the compiler what is so.
        let state = usize::from(context.state & 63);
        let column = (self.range >> 6 & 3) as usize;
        let lps = RANGE_LPS.get(state).and_then(|row| row.get(column));
        let lps = lps.copied().map_or(2, u32::from);
        self.range -= lps;
        let scaled = u64::from(self.range) << self.ahead;
        if self.offset < scaled {
            if context.state < 62 {
                context.state += 1;
            }
            if self.range < 256 {
                self.range <<= 1;
                self.ahead -= 1;
            }
            return context.mps;
        }
        let value = !context.mps;
        self.offset -= scaled;
        let shift = lps.leading_zeros() - 23;
        self.range = lps << shift;
        self.ahead -= shift;
        if state == 0 {
            context.mps = value;
        }
        context.state = NEXT_LPS.get(state).copied().unwrap_or_default();
        value
    }

    /// `DecodeBypass` (9.3.3.2.3).
    #[inline]
    pub(super) fn bypass(&mut self) -> bool {
        if self.ahead < 8 {
            self.refill();
        }
        self.ahead -= 1;
        let scaled = u64::from(self.range) << self.ahead;
        let value = self.offset >= scaled;
        if value {
            self.offset -= scaled;
        }
        value
    }

    /// `DecodeTerminate` (9.3.3.2.2.3). After `true`, the bit before [`position`](Self::position) is the last one of the code.
    #[inline]
    pub(super) fn terminate(&mut self) -> bool {
        if self.ahead < 8 {
            self.refill();
        }
        self.range -= 2;
        if self.offset >= u64::from(self.range) << self.ahead {
            return true;
        }
        if self.range < 256 {
            self.range <<= 1;
            self.ahead -= 1;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The states stand for probabilities 0.5 * alpha^state that reach 0.01875 at 62.
    #[test]
    fn tables_follow_the_probabilities() {
        let alpha = (0.01875f64 / 0.5).powf(1.0 / 63.0);
        let lps = |state: usize| 0.5 * alpha.powi(i32::try_from(state).unwrap());
        for (state, row) in RANGE_LPS.iter().enumerate().take(63) {
            for (column, &range) in row.iter().enumerate() {
                let middle = 256.0 + 64.0 * (column as f64 + 0.5);
                // No more than half of the smallest range.
                let most = if column == 0 { 128.0 } else { 256.0 };
                let ideal = (lps(state) * middle).clamp(6.0, most);
                let tolerance = 2.0 + 0.04 * ideal;
                assert!(
                    (f64::from(range) - ideal).abs() < tolerance,
                    "{state} {column}"
                );
            }
            assert!(row.is_sorted());
            let next = usize::from(NEXT_LPS[state]);
            let ideal = lps(state) * alpha + 1.0 - alpha;
            let least =
                (0..63).min_by(|&a, &b| (lps(a) - ideal).abs().total_cmp(&(lps(b) - ideal).abs()));
            assert!(least.unwrap().abs_diff(next) <= 1, "{state}");
        }
        assert!(RANGE_LPS.is_sorted_by(|a, b| a >= b) && NEXT_LPS.is_sorted());
    }

    /// A bin to be written.
    #[derive(Debug, Clone, Copy)]
    enum Bin {
        Context(usize, bool),
        Bypass(bool),
        Terminate,
    }

    /// The encoder of 9.3.4.
    struct Encoder {
        low: u32,
        range: u32,
        outstanding: u32,
        first: bool,
        bits: Vec<bool>,
    }

    impl Encoder {
        fn put(&mut self, bit: bool) {
            if !std::mem::take(&mut self.first) {
                self.bits.push(bit);
            }
            for _ in 0..std::mem::take(&mut self.outstanding) {
                self.bits.push(!bit);
            }
        }

        fn renormalise(&mut self) {
            while self.range < 256 {
                match self.low {
                    0..256 => self.put(false),
                    512.. => {
                        self.low -= 512;
                        self.put(true);
                    }
                    _ => {
                        self.low -= 256;
                        self.outstanding += 1;
                    }
                }
                self.range <<= 1;
                self.low <<= 1;
            }
        }

        fn encode(&mut self, bin: Bin, contexts: &mut [Context]) {
            match bin {
                Bin::Context(index, value) => {
                    let context = &mut contexts[index];
                    let state = usize::from(context.state);
                    let lps = u32::from(RANGE_LPS[state][(self.range >> 6 & 3) as usize]);
                    self.range -= lps;
                    if value == context.mps {
                        context.state = (context.state + 1).min(62);
                    } else {
                        self.low += self.range;
                        self.range = lps;
                        context.mps ^= state == 0;
                        context.state = NEXT_LPS[state];
                    }
                    self.renormalise();
                }
                Bin::Bypass(value) => {
                    self.low = 2 * self.low + if value { self.range } else { 0 };
                    match self.low {
                        1024.. => {
                            self.put(true);
                            self.low -= 1024;
                        }
                        0..512 => self.put(false),
                        _ => {
                            self.low -= 512;
                            self.outstanding += 1;
                        }
                    }
                }
                Bin::Terminate => {
                    self.range -= 2;
                    self.renormalise();
                }
            }
        }

        /// The last bit written is the stop bit.
        fn finish(mut self) -> Vec<bool> {
            self.range -= 2;
            self.low += self.range;
            self.range = 2;
            self.renormalise();
            self.put(self.low >> 9 & 1 == 1);
            self.bits.extend([self.low >> 8 & 1 == 1, true]);
            self.bits
        }
    }

    fn bin() -> impl Strategy<Value = Bin> {
        prop_oneof![
            6 => (0..4usize, any::<bool>()).prop_map(|(index, value)| Bin::Context(index, value)),
            4 => (0..4usize).prop_map(|index| Bin::Context(index, false)),
            2 => any::<bool>().prop_map(Bin::Bypass),
            1 => Just(Bin::Terminate),
        ]
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(bins in proptest::collection::vec(bin(), 0..600), qp in 0..52) {
            let new = [(20, -15), (-28, 127), (0, 41), (-3, 70)].map(|pair| Context::new(pair, qp));
            let mut encoder = Encoder { low: 0, range: 510, outstanding: 0, first: true, bits: Vec::new() };
            let mut contexts = new;
            for &bin in &bins {
                encoder.encode(bin, &mut contexts);
            }
            let written = encoder.finish();
            let mut bytes = vec![0; written.len().div_ceil(8)];
            for (at, _) in written.iter().enumerate().filter(|(_, bit)| **bit) {
                bytes[at / 8] |= 128 >> (at % 8);
            }
            let bits = Bits::new(&bytes, 0).unwrap();
            let mut engine = Engine::new(&bits).unwrap();
            let mut read = new;
            for bin in bins {
                match bin {
                    Bin::Context(index, value) => prop_assert_eq!(engine.decision(&mut read[index]), value),
                    Bin::Bypass(value) => prop_assert_eq!(engine.bypass(), value),
                    Bin::Terminate => prop_assert!(!engine.terminate()),
                }
            }
            prop_assert!(engine.terminate());
            prop_assert_eq!((engine.position(), read), (written.len(), contexts));
        }
    }
}
