//! G.726 at 16, 24, 32 and 40 kbit/s.
//!
//! Names of blocks are those of ITU-T G.726, clause 4; numbers that it writes as floating ones of eleven bits (a sign, an
//! exponent of four bits, a mantissa of six) are kept as such.

use super::sample;

/// How samples stand in octets.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Packing {
    /// The first sample in the lowest bits (RFC 3551 §4.5.4, G726-32 and its kin).
    LowFirst,
    /// The first sample in the highest bits (ITU-T I.366.2, AAL2-G726-32 and its kin).
    HighFirst,
}

/// What depends on the bits of a sample: for each magnitude, the smallest first, the logarithm of the difference, what it
/// does to the scale factor, and what to the speed (W and F of tables 7 to 10, G.726).
struct Tables {
    /// Log of the magnitude; -2048 is none.
    logarithm: &'static [i32],
    /// W, times 32.
    weight: &'static [i32],
    /// F, times 512.
    speed: &'static [i32],
}

const TABLES: [Tables; 4] = [
    Tables {
        logarithm: &[116, 365],
        weight: &[-704, 14048],
        speed: &[0, 0xE00],
    },
    Tables {
        logarithm: &[-2048, 135, 273, 373],
        weight: &[-128, 960, 4384, 18624],
        speed: &[0, 0x200, 0x400, 0xE00],
    },
    Tables {
        logarithm: &[-2048, 4, 135, 213, 273, 323, 373, 425],
        weight: &[-384, 576, 1312, 2048, 3584, 6336, 11360, 35904],
        speed: &[0, 0, 0, 0x200, 0x200, 0x200, 0x600, 0xE00],
    },
    Tables {
        logarithm: &[
            -2048, -66, 28, 104, 169, 224, 274, 318, 358, 395, 429, 459, 488, 514, 539, 566,
        ],
        weight: &[
            448, 448, 768, 1248, 1280, 1312, 1856, 3200, 4512, 5728, 7008, 8960, 11456, 14080,
            16928, 22272,
        ],
        speed: &[
            0, 0, 0, 0, 0, 0x200, 0x200, 0x200, 0x200, 0x200, 0x400, 0x600, 0x800, 0xA00, 0xC00,
            0xC00,
        ],
    },
];

/// A decoder; begins as the standard says (table 20).
#[derive(Clone, Debug)]
pub struct G726Decoder {
    bits: u8,
    /// Scale factors: fast, and slow (times 64).
    yu: i32,
    yl: i32,
    /// Averages of F, and the speed.
    dms: i32,
    dml: i32,
    ap: i32,
    /// Coefficients of the poles and of the zeros.
    a: [i32; 2],
    b: [i32; 6],
    /// Signs of the newest partially reconstructed signals: whether below 0.
    pk: [bool; 2],
    /// The newest differences and reconstructed signals, as floating numbers.
    dq: [Float; 6],
    sr: [Float; 2],
    /// A tone was there.
    td: bool,
}

/// A floating number of eleven bits.
#[derive(Copy, Clone, Debug)]
struct Float {
    negative: bool,
    exponent: i32,
    mantissa: i32,
}

impl Float {
    const ZERO: Self = Self {
        negative: false,
        exponent: 0,
        mantissa: 32,
    };

    /// FLOATA and FLOATB.
    fn new(negative: bool, magnitude: i32) -> Self {
        let exponent = bits(magnitude);
        let mantissa = if magnitude == 0 {
            32
        } else {
            (magnitude << 6) >> exponent
        };
        Self {
            negative,
            exponent,
            mantissa,
        }
    }

    /// FMULT: with a coefficient, of which the two lowest bits do not count.
    fn times(self, coefficient: i32) -> i32 {
        let coefficient = coefficient >> 2;
        let magnitude = if coefficient > 0 {
            coefficient
        } else {
            -coefficient & 0x1FFF
        };
        let exponent = bits(magnitude);
        let mantissa = if magnitude == 0 {
            32
        } else {
            (magnitude << 6) >> exponent
        };
        let shift = exponent + self.exponent - 19;
        let product = (mantissa * self.mantissa + 48) >> 4;
        let product = if shift >= 0 {
            (product << shift) & 0x7FFF
        } else {
            product >> -shift
        };
        if (coefficient < 0) == self.negative {
            product
        } else {
            -product
        }
    }
}

/// How many bits a magnitude has.
fn bits(magnitude: i32) -> i32 {
    (32 - magnitude.leading_zeros()).cast_signed()
}

impl G726Decoder {
    /// For samples of 2, 3, 4 or 5 bits; `None` for others.
    #[must_use]
    pub fn new(bits: u8) -> Option<Self> {
        (2..=5).contains(&bits).then_some(Self {
            bits,
            yu: 544,
            yl: 34816,
            dms: 0,
            dml: 0,
            ap: 0,
            a: [0; 2],
            b: [0; 6],
            pk: [false; 2],
            dq: [Float::ZERO; 6],
            sr: [Float::ZERO; 2],
            td: false,
        })
    }

    /// Decodes octets, and gives the samples (8 kHz) that are whole in them.
    pub fn decode(&mut self, octets: &[u8], packing: Packing, mut give: impl FnMut(i16)) {
        let (width, mask) = (u32::from(self.bits), (1 << self.bits) - 1);
        let (mut held, mut count) = (0_u32, 0_u32);
        for &octet in octets {
            match packing {
                Packing::LowFirst => held |= u32::from(octet) << count,
                Packing::HighFirst => held = held << 8 | u32::from(octet),
            }
            count += 8;
            while count >= width {
                count -= width;
                let code = match packing {
                    Packing::LowFirst => {
                        let code = held & mask;
                        held >>= width;
                        code
                    }
                    Packing::HighFirst => held >> count & mask,
                };
                give(self.code(code));
            }
            if packing == Packing::HighFirst {
                held &= (1 << count) - 1;
            }
        }
    }

    /// Decodes one code, of which as many bits count as a sample has.
    pub fn decode_code(&mut self, code: u8) -> i16 {
        self.code(u32::from(code) & ((1 << self.bits) - 1))
    }

    fn code(&mut self, code: u32) -> i16 {
        let half = 1 << (self.bits - 1);
        let negative = code & half != 0;
        // Codes below 0 count from the other end.
        let size = if negative { 2 * half - 1 - code } else { code };
        let at = size as usize;
        let Some(tables) = TABLES.get(usize::from(self.bits - 2)) else {
            return 0;
        };
        let of = |table: &[i32]| table.get(at).copied().unwrap_or_default();

        // The signal estimate, by the zeros alone and with the poles.
        let zeros = self.b.iter().zip(&self.dq);
        let by_zeros: i32 = zeros.map(|(b, dq)| dq.times(*b)).sum();
        let poles = self.a.iter().zip(&self.sr);
        let by_poles: i32 = poles.map(|(a, sr)| sr.times(*a)).sum();
        let (sez, se) = (by_zeros >> 1, (by_zeros + by_poles) >> 1);

        let y = self.scale();
        // RECONST, ADDA and ANTILOG: the magnitude of the difference.
        let logarithm = of(tables.logarithm) + (y >> 2);
        let dq = if logarithm < 0 {
            0
        } else {
            ((128 + (logarithm & 127)) << 7) >> (14 - (logarithm >> 7)).max(0)
        };
        let signed = if negative { -dq } else { dq };
        let sr = se + signed;
        self.adapt(
            y,
            of(tables.weight),
            of(tables.speed),
            (negative, dq),
            sr,
            signed + sez,
        );
        sample(sr << 2)
    }

    /// MIX: between the slow scale factor and the fast one.
    fn scale(&self) -> i32 {
        if self.ap >= 256 {
            return self.yu;
        }
        let slow = self.yl >> 6;
        let apart = self.yu - slow;
        let speed = self.ap >> 2;
        match apart {
            0 => slow,
            1.. => slow + ((apart * speed) >> 6),
            _ => slow + ((apart * speed + 63) >> 6),
        }
    }

    /// What becomes of the state.
    fn adapt(
        &mut self,
        y: i32,
        weight: i32,
        speed: i32,
        (negative, dq): (bool, i32),
        sr: i32,
        partial: i32,
    ) {
        // TRANS: a tone that changes.
        let (whole, fraction) = (self.yl >> 15, self.yl >> 10 & 31);
        let threshold = if whole > 9 {
            31 << 10
        } else {
            (32 + fraction) << whole
        };
        let changed = self.td && dq > (threshold + (threshold >> 1)) >> 1;
        // FILTD, LIMB, FILTE.
        self.yu = (y + ((weight - y) >> 5)).clamp(544, 5120);
        self.yl += self.yu + (-self.yl >> 6);
        let below = partial < 0;
        if changed {
            (self.a, self.b) = ([0; 2], [0; 6]);
        } else {
            self.poles(below, partial == 0);
            let leak = if self.bits == 5 { 9 } else { 8 };
            for (b, past) in self.b.iter_mut().zip(&self.dq) {
                *b -= *b >> leak;
                if dq != 0 {
                    *b += if past.negative == negative { 128 } else { -128 };
                }
            }
        }
        self.dq.rotate_right(1);
        if let Some(newest) = self.dq.first_mut() {
            *newest = Float::new(negative, dq);
        }
        let sr = Float::new(sr < 0, sr.unsigned_abs().min(0x7FFF).cast_signed());
        self.sr = [sr, self.sr[0]];
        self.pk = [below, self.pk[0]];
        // TONE, and the speed: FILTA, FILTB, SUBTC, FILTC.
        self.td = !changed && self.a[1] < -11776;
        self.dms += (speed - self.dms) >> 5;
        self.dml += ((speed << 2) - self.dml) >> 7;
        let steady = y >= 1536 && !self.td && ((self.dms << 2) - self.dml).abs() < self.dml >> 3;
        self.ap = match (changed, steady) {
            (true, _) => 256,
            (false, true) => self.ap + (-self.ap >> 4),
            (false, false) => self.ap + ((512 - self.ap) >> 4),
        };
    }

    /// UPA1, UPA2, LIMC, LIMD.
    fn poles(&mut self, below: bool, none: bool) {
        let [a1, a2] = self.a;
        let differs = below != self.pk[0];
        let mut second = a2 - (a2 >> 7);
        if !none {
            let towards = if differs { a1 } else { -a1 };
            second += match towards {
                ..-8191 => -256,
                8192.. => 255,
                _ => towards >> 5,
            };
            let step = if below == self.pk[1] { 128 } else { -128 };
            second += step;
        }
        let second = second.clamp(-12288, 12288);
        let mut first = a1 - (a1 >> 8);
        if !none {
            first += if differs { -192 } else { 192 };
        }
        let most = 15360 - second;
        self.a = [first.clamp(-most, most), second];
    }
}
