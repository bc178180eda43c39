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

    #[inline]
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
        let state = usize::from(context.state);
        let column = (self.range >> 6 & 3) as usize;
        // The state is below 64 always.
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
