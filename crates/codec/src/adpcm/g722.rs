//! G.722 at 64 kbit/s (mode 1): two bands of 8 kHz each, coded in six bits and two.
//!
//! Names of blocks are those of ITU-T G.722, clauses 3 and 4, and of its tables 14 to 21.

use super::{sample, saturated};

/// The taps of the receiving quadrature mirror filter, every other one (table 11).
const TAPS: [i32; 12] = [3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11];
/// Of the lower band: what six bits mean, and four.
const QM6: [i32; 64] = [
    -136, -136, -136, -136, -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232,
    -9360, -8576, -7856, -7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776,
    -2400, -2032, -1688, -1360, -1040, -728, 24808, 21904, 19008, 16704, 14984, 13512, 12280,
    11192, 10232, 9360, 8576, 7856, 7192, 6576, 6000, 5456, 4944, 4464, 4008, 3576, 3168, 2776,
    2400, 2032, 1688, 1360, 1040, 728, 432, 136, -432, -136,
];
const QM4: [i32; 16] = [
    0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584,
    1200, 0,
];
/// Of the higher band: what two bits mean.
const QM2: [i32; 4] = [-7408, -1616, 7408, 1616];
/// What four bits, and two, do to the logarithm of the step.
const WL: [i32; 16] = [
    -60, 3042, 1198, 538, 334, 172, 58, -30, 3042, 1198, 538, 334, 172, 58, -30, -60,
];
const WH: [i32; 4] = [798, -214, 798, -214];
/// 2 to the power of n/32, times 2048.
const ILB: [i32; 32] = [
    2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834,
    2896, 2960, 3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
];

/// A decoder; begins as the standard says (all zeros, the least steps).
#[derive(Clone, Debug)]
pub struct G722Decoder {
    lower: Band,
    higher: Band,
    /// What the filter remembers, the newest last: sums and differences in turn.
    sums: [i32; 12],
    differences: [i32; 12],
}

/// The predictor and the step of a band.
#[derive(Clone, Debug)]
struct Band {
    /// Signal estimate, and that by the zeros alone.
    s: i32,
    sz: i32,
    /// The newest reconstructed signals, and the coefficients of the poles.
    r: [i32; 2],
    a: [i32; 2],
    /// Signs of the newest partially reconstructed signals: whether below 0.
    p: [bool; 2],
    /// The newest differences, and the coefficients of the zeros.
    d: [i32; 6],
    b: [i32; 6],
    /// Logarithm of the step, and the step.
    nb: i32,
    det: i32,
}

impl Default for G722Decoder {
    fn default() -> Self {
        Self {
            lower: Band::new(32),
            higher: Band::new(8),
            sums: [0; 12],
            differences: [0; 12],
        }
    }
}

impl G722Decoder {
    /// Decodes octets, and gives two samples (16 kHz) for each.
    pub fn decode(&mut self, octets: &[u8], mut give: impl FnMut(i16)) {
        for &octet in octets {
            let [first, second] = self.octet(octet);
            give(first);
            give(second);
        }
    }

    fn octet(&mut self, octet: u8) -> [i16; 2] {
        let (six, two) = (usize::from(octet & 63), usize::from(octet >> 6));
        let of = |table: &[i32], at: usize| table.get(at).copied().unwrap_or_default();

        // INVQBL, RECONS, LIMIT: six bits are heard; four make the state.
        let heard = (self.lower.det * of(&QM6, six)) >> 15;
        let low = (self.lower.s + heard).clamp(-16384, 16383);
        let kept = (self.lower.det * of(&QM4, six >> 2)) >> 15;
        // LOGSCL and SCALEL, LOGSCH and SCALEH.
        self.lower.rescale(of(&WL, six >> 2), 18432, 8);
        self.lower.predict(kept);

        let kept = (self.higher.det * of(&QM2, two)) >> 15;
        let high = (self.higher.s + kept).clamp(-16384, 16383);
        self.higher.rescale(of(&WH, two), 22528, 10);
        self.higher.predict(kept);

        // The receiving filter (clause 4.4).
        push(&mut self.sums, low + high);
        push(&mut self.differences, low - high);
        let sum = |of: &[i32; 12], taps: &mut dyn Iterator<Item = &i32>| {
            of.iter().zip(taps).map(|(x, tap)| x * tap).sum::<i32>() >> 11
        };
        let first = sum(&self.differences, &mut TAPS.iter().rev());
        let second = sum(&self.sums, &mut TAPS.iter());
        [sample(first), sample(second)]
    }
}

/// The oldest goes, the newest comes last.
fn push(memory: &mut [i32; 12], value: i32) {
    memory.rotate_left(1);
    if let Some(last) = memory.last_mut() {
        *last = value;
    }
}

impl Band {
    const fn new(det: i32) -> Self {
        Self {
            s: 0,
            sz: 0,
            r: [0; 2],
            a: [0; 2],
            p: [false; 2],
            d: [0; 6],
            b: [0; 6],
            nb: 0,
            det,
        }
    }

    fn rescale(&mut self, weight: i32, most: i32, shift: i32) {
        self.nb = (((self.nb * 127) >> 7) + weight).clamp(0, most);
        let at = usize::try_from(self.nb >> 6 & 31).unwrap_or_default();
        let power = ILB.get(at).copied().unwrap_or_default();
        let shift = shift - (self.nb >> 11);
        self.det = if shift < 0 {
            power << -shift
        } else {
            power >> shift
        } << 2;
    }

    /// Takes a quantized difference, adapts, and predicts the next signal.
    fn predict(&mut self, d: i32) {
        // RECONS and PARREC.
        let r = saturated(self.s + d);
        let p = saturated(self.sz + d) < 0;
        let [a1, a2] = self.a;
        let [p1, p2] = self.p;
        // UPPOL2.
        let four = saturated(a1 << 2);
        let four = if p == p1 { -four } else { four };
        let second = (four.min(32767) >> 7) + if p == p2 { 128 } else { -128 };
        let second = (second + ((a2 * 32512) >> 15)).clamp(-12288, 12288);
        // UPPOL1.
        let first = if p == p1 { 192 } else { -192 };
        let most = saturated(15360 - second);
        let first = saturated(first + ((a1 * 32640) >> 15)).clamp(-most, most);
        self.a = [first, second];
        // UPZERO.
        let gain = if d == 0 { 0 } else { 128 };
        for (b, past) in self.b.iter_mut().zip(&self.d) {
            let toward = if (*past < 0) == (d < 0) { gain } else { -gain };
            *b = saturated(toward + ((*b * 32640) >> 15));
        }
        // DELAYA.
        self.d.rotate_right(1);
        if let Some(newest) = self.d.first_mut() {
            *newest = d;
        }
        self.r = [r, self.r[0]];
        self.p = [p, p1];
        // FILTEP, FILTEZ, PREDIC.
        let doubled = |value: i32| saturated(value + value);
        let by_poles =
            saturated(((first * doubled(self.r[0])) >> 15) + ((second * doubled(self.r[1])) >> 15));
        let zeros = self.b.iter().zip(&self.d);
        let by_zeros = zeros.map(|(b, d)| (b * doubled(*d)) >> 15).sum();
        self.sz = saturated(by_zeros);
        self.s = saturated(by_poles + self.sz);
    }
}
