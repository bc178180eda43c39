//! What sound looks like that has no syntax: each sample is close to what those before it lead one to expect. Compressed data and noise
//! are not.

/// How the samples of constant-rate sound are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    /// Integers of one byte, of which 128 is silence.
    Offset,
    /// Integers of 1 to 8 bytes, two's complement.
    Integer { bytes: usize, order: ByteOrder },
    /// IEEE 754, of 4 or 8 bytes.
    Float { bytes: usize, order: ByteOrder },
    /// G.711.
    ALaw,
    /// G.711.
    MuLaw,
}

/// The order of the bytes of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ByteOrder {
    Big,
    Little,
    /// Nothing says it: that which the sound makes more sense in.
    Either,
}

const fn integer_of(bytes: usize, order: ByteOrder) -> Coding {
    Coding::Integer { bytes, order }
}

/// The codings that recorders use, by name.
pub(super) const NAMED: [(&str, Coding); 8] = [
    ("G.711 A-law", Coding::ALaw),
    ("G.711 mu-law", Coding::MuLaw),
    (
        "PCM, 16 bits, little-endian",
        integer_of(2, ByteOrder::Little),
    ),
    ("PCM, 16 bits, big-endian", integer_of(2, ByteOrder::Big)),
    (
        "PCM, 24 bits, little-endian",
        integer_of(3, ByteOrder::Little),
    ),
    ("PCM, 24 bits, big-endian", integer_of(3, ByteOrder::Big)),
    (
        "PCM, 32 bits, little-endian",
        integer_of(4, ByteOrder::Little),
    ),
    ("PCM, 32 bits, big-endian", integer_of(4, ByteOrder::Big)),
];

/// A sample: its value, the width of the interval that stands for, and the bits that are looked at.
#[derive(Clone, Copy)]
struct Level {
    value: f64,
    width: f64,
    bits: f64,
    /// Whether sound has such samples at all.
    possible: bool,
}

impl Coding {
    /// Bytes of a sample.
    pub(super) const fn bytes(self) -> usize {
        match self {
            Self::Integer { bytes, .. } | Self::Float { bytes, .. } => bytes,
            Self::Offset | Self::ALaw | Self::MuLaw => 1,
        }
    }

    /// The same in one order.
    const fn ordered(self, order: ByteOrder) -> Self {
        match self {
            Self::Integer { bytes, .. } => Self::Integer { bytes, order },
            Self::Float { bytes, .. } => Self::Float { bytes, order },
            other => other,
        }
    }

    /// Whether this is the other coding, as far as it is known.
    pub(super) fn may_be(self, other: Self) -> bool {
        self == other
            || self.is_open() && self.bytes() == other.bytes() && {
                let order = ByteOrder::Either;
                self.ordered(order) == other.ordered(order)
            }
    }

    const fn is_open(self) -> bool {
        matches!(
            self,
            Self::Integer {
                order: ByteOrder::Either,
                bytes: 2..
            } | Self::Float {
                order: ByteOrder::Either,
                ..
            }
        )
    }

    fn level(self, sample: &[u8]) -> Level {
        match self {
            Self::Offset => integer(&[sample.first().map_or(0, |b| b ^ 0x80)], ByteOrder::Big),
            Self::Integer { order, .. } => integer(sample, order),
            Self::Float { order, .. } => float(sample, order),
            Self::ALaw => a_law(sample.first().copied().unwrap_or(0)),
            Self::MuLaw => mu_law(sample.first().copied().unwrap_or(0)),
        }
    }
}

/// The bytes as a number, the highest 32 bits of it.
fn highest(sample: &[u8], order: ByteOrder) -> u32 {
    let take = |n: u32, b: &u8| n << 8 | u32::from(*b);
    let bits = match order {
        ByteOrder::Little => sample.iter().rev().take(4).fold(0, take),
        _ => sample.iter().take(4).fold(0, take),
    };
    bits << (8 * 4_usize.saturating_sub(sample.len()))
}

fn integer(sample: &[u8], order: ByteOrder) -> Level {
    let value = f64::from(highest(sample, order).cast_signed());
    let bits = if sample.len() < 3 {
        8 * sample.len()
    } else {
        24
    };
    let bits = f64::from(u8::try_from(bits).unwrap_or(24));
    let width = (32.0 - bits).exp2();
    Level {
        value,
        width,
        bits,
        possible: true,
    }
}

/// Of a float sign, exponent and the highest bits of the mantissa.
fn float(sample: &[u8], order: ByteOrder) -> Level {
    let high = highest(sample, order);
    let single = sample.len() == 4;
    // Of 64 bits those that a float of 32 has: the exponent has three more.
    let kept = if single {
        high & !0xFFFF
    } else {
        high & !0x1FFF
    };
    let value = if single {
        f64::from(f32::from_bits(kept))
    } else {
        f64::from_bits(u64::from(kept) << 32)
    };
    let bits = if single { 16.0 } else { 19.0 };
    let level = value.abs();
    Level {
        value,
        width: (level / 128.0).max(QUIETEST),
        bits,
        possible: level == 0.0 || (QUIETEST..LOUDEST).contains(&level),
    }
}

/// Sound in floating point is between these, full scale 1: most random bits are not.
const QUIETEST: f64 = 1e-9;
const LOUDEST: f64 = 100.0;

/// ITU-T G.711, table 1: eight segments of sixteen steps for each sign, even bits inverted.
fn a_law(code: u8) -> Level {
    let code = code ^ 0x55;
    let (segment, step) = (i32::from(code >> 4 & 7), f64::from(code & 15));
    let width = f64::from((segment - 1).max(0)).exp2() * 16.0;
    let base = if segment == 0 { 0.0 } else { 16.0 };
    let value = (base + step + 0.5) * width;
    Level {
        value: if code & 0x80 == 0 { -value } else { value },
        width,
        bits: 8.0,
        possible: true,
    }
}

/// ITU-T G.711, table 2: all bits inverted, the segments lie 33 steps below a power of two.
fn mu_law(code: u8) -> Level {
    let code = !code;
    let (segment, step) = (f64::from(code >> 4 & 7), f64::from(code & 15));
    let width = segment.exp2() * 8.0;
    let value = (16.5 + step) * width - 132.0;
    Level {
        value: if code & 0x80 == 0 { value } else { -value },
        width,
        bits: 8.0,
        possible: true,
    }
}

/// Predictions: the mean, the last value, the line through the last two.
const PREDICTORS: usize = 3;

/// Samples that what is expected is learnt from.
const MEMORY: f64 = 32.0;

/// Samples of a channel that say nothing, since nothing is known yet.
const OPENING: u32 = 4;

/// Shares of samples that are near what is expected and that are far from it; the rest may be anything.
const SHARES: (f64, f64) = (0.9, 0.09);

/// How much farther those are.
const FAR: f64 = 6.0;

/// What is known of a channel.
#[derive(Clone, Copy, Default)]
struct Channel {
    seen: u32,
    mean: f64,
    last: [f64; 2],
    /// Mean distance from each prediction.
    off: [f64; PREDICTORS],
}

impl Channel {
    /// Binary logarithm of the odds of a sample: as what was expected, against random bits.
    fn take(&mut self, level: Level) -> f64 {
        let (near, far) = SHARES;
        let anything = (1.0 - near - far) * (-level.bits).exp2();
        if !level.possible {
            return anything.log2() + level.bits;
        }
        let [one, two] = self.last;
        let predicted = [self.mean, one, 2.0 * one - two];
        let distances = predicted.map(|p| (level.value - p).abs());
        let nearest = self.off.iter().zip(distances);
        let (spread, distance) = nearest
            .min_by(|(a, _), (b, _)| a.total_cmp(b))
            .unwrap_or((&0.0, 0.0));
        let bits = if self.seen < OPENING {
            0.0
        } else {
            // A step of the coding is the least that can be told.
            let spread = spread.max(level.width / 3.0);
            let mass = near * mass(distance, level.width, spread)
                + far * mass(distance, level.width, spread * FAR)
                + anything;
            mass.log2() + level.bits
        };
        self.seen = self.seen.saturating_add(1);
        let part = 1.0 / f64::from(self.seen).min(MEMORY);
        for (off, distance) in self.off.iter_mut().zip(distances) {
            *off += (distance - *off) * part;
        }
        self.mean += (level.value - self.mean) * part;
        self.last = [level.value, one];
        bits
    }
}

/// Share of a Laplace distribution of this mean distance that lies in an interval, so far from its middle.
fn mass(distance: f64, width: f64, spread: f64) -> f64 {
    let (from, to) = (distance - width / 2.0, distance + width / 2.0);
    let beyond = |x: f64| (-x / spread).exp() / 2.0;
    if from >= 0.0 {
        beyond(from) - beyond(to)
    } else {
        1.0 - beyond(-from) - beyond(to)
    }
}

/// For each frame of `data`, all channels' samples of `frame` bytes, in the order of reading, the binary logarithm of the odds that it goes on as sound does, against random
/// bytes.
pub(super) fn likeness(coding: Coding, frame: usize, data: &[u8], backwards: bool) -> Vec<f32> {
    if coding.is_open() {
        let of = |order| likeness(coding.ordered(order), frame, data, backwards);
        let (big, little) = (of(ByteOrder::Big), of(ByteOrder::Little));
        let sum = |bits: &[f32]| highest_sum(bits);
        return if sum(&little) > sum(&big) {
            little
        } else {
            big
        };
    }
    let frame = frame.max(coding.bytes());
    let mut states = vec![Channel::default(); frame / coding.bytes()];
    let mut judge = |frame: &[u8]| {
        let samples = frame.chunks_exact(coding.bytes());
        let bits = states.iter_mut().zip(samples);
        let bits = bits.map(|(channel, sample)| channel.take(coding.level(sample)));
        #[expect(clippy::cast_possible_truncation, reason = "a statistic")]
        let sum = bits.sum::<f64>() as f32;
        sum
    };
    if backwards {
        data.rchunks_exact(frame).map(&mut judge).collect()
    } else {
        data.chunks_exact(frame).map(&mut judge).collect()
    }
}

/// The highest sum of the first of them, however many.
fn highest_sum(bits: &[f32]) -> f32 {
    let mut sum = 0.0;
    bits.iter().fold(0.0, |highest, b| {
        sum += b;
        sum.max(highest)
    })
}

#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "sound that the tests make")]
mod tests {
    use super::*;

    /// Noise.
    fn noise(bytes: usize) -> Vec<u8> {
        let mut state = 1_u64;
        let next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 56) as u8
        };
        std::iter::repeat_with(next).take(bytes).collect()
    }

    /// Two tones and some noise in two channels, full scale 1, as `write` writes them.
    fn sound(frames: usize, mut write: impl FnMut(f64) -> Vec<u8>) -> Vec<u8> {
        let hiss = noise(frames);
        let frame = |(i, hiss): (usize, &u8)| {
            let time = i as f64 / 48_000.0;
            let tone = |hz: f64, loud: f64| (time * hz * std::f64::consts::TAU).sin() * loud;
            let value = tone(440.0, 0.2) + tone(3000.0, 0.05) + (f64::from(*hiss) - 128.0) / 6000.0;
            [write(value), write(value * 0.7)].concat()
        };
        hiss.iter().enumerate().flat_map(frame).collect()
    }

    fn codings() -> Vec<(Coding, Vec<u8>)> {
        let big = ByteOrder::Either;
        let integer = |value: f64, bytes: usize| {
            let value = (value * 2f64.powi(31)) as i32;
            value.to_be_bytes()[..bytes].to_vec()
        };
        let reversed = |mut bytes: Vec<u8>| {
            bytes.reverse();
            bytes
        };
        let a_law = |value: f64| {
            let near = |code: &u8| ((a_law(*code).value / 32768.0 - value).abs() * 1e9) as u64;
            vec![(0..=255).min_by_key(near).unwrap()]
        };
        let mu_law = |value: f64| {
            let near = |code: &u8| ((mu_law(*code).value / 32768.0 - value).abs() * 1e9) as u64;
            vec![(0..=255).min_by_key(near).unwrap()]
        };
        let order = ByteOrder::Little;
        vec![
            (
                Coding::Integer { bytes: 2, order },
                sound(600, |v| reversed(integer(v, 2))),
            ),
            (
                Coding::Integer {
                    bytes: 3,
                    order: big,
                },
                sound(600, |v| integer(v, 3)),
            ),
            (
                Coding::Integer {
                    bytes: 4,
                    order: big,
                },
                sound(600, |v| reversed(integer(v, 4))),
            ),
            (
                Coding::Offset,
                sound(600, |v| vec![(128.0 + v * 127.0) as u8]),
            ),
            (
                Coding::Float {
                    bytes: 4,
                    order: big,
                },
                sound(600, |v| (v as f32).to_be_bytes().to_vec()),
            ),
            (
                Coding::Float {
                    bytes: 8,
                    order: big,
                },
                sound(600, |v| v.to_le_bytes().to_vec()),
            ),
            (Coding::ALaw, sound(600, a_law)),
            (Coding::MuLaw, sound(600, mu_law)),
        ]
    }

    #[test]
    fn sound_is_told_from_noise_and_where_it_ends() {
        for (coding, data) in codings() {
            let frame = coding.bytes() * 2;
            for backwards in [false, true] {
                let odds: f32 = likeness(coding, coding.bytes() * 2, &data, backwards)
                    .iter()
                    .sum();
                assert!(odds > 600.0, "{coding:?} {odds}");
                let odds: f32 = likeness(coding, coding.bytes() * 2, &noise(data.len()), backwards)
                    .iter()
                    .sum();
                assert!(odds < 20.0, "{coding:?} {odds}");
                let mixed = match backwards {
                    false => [&data[..], &noise(300 * frame)].concat(),
                    true => [&noise(300 * frame), &data[..]].concat(),
                };
                let mut sum = 0.0;
                let sums = likeness(coding, coding.bytes() * 2, &mixed, backwards);
                let sums = sums.iter().map(|bits| {
                    sum += bits;
                    sum
                });
                let most = sums.enumerate().max_by(|a, b| a.1.total_cmp(&b.1));
                let end = most.unwrap().0 + 1;
                assert!(end.abs_diff(600) <= 12, "{coding:?} {end}");
            }
        }
    }

    #[test]
    fn no_other_coding_explains_sound_as_well() {
        for (coding, data) in codings() {
            let of = |coding: Coding| -> f32 {
                let frame = coding.bytes() * 2;
                likeness(coding, frame, &data, false).iter().sum()
            };
            let own = of(coding);
            for (name, other) in NAMED.iter().filter(|(_, c)| !coding.may_be(*c)) {
                let odds = of(*other);
                assert!(odds < own * 0.7, "{coding:?}: {odds} as {name}, {own}");
            }
        }
    }

    #[test]
    fn g711_codes_have_the_values_of_its_tables() {
        let values: Vec<f64> = [0xD5, 0x55, 0xAA, 0x2A].map(|c| a_law(c).value).to_vec();
        assert_eq!(values, [8.0, -8.0, 32256.0, -32256.0]);
        let values: Vec<f64> = [0xFF, 0x7F, 0x80, 0x00].map(|c| mu_law(c).value).to_vec();
        assert_eq!(values, [0.0, 0.0, 32124.0, -32124.0]);
    }

    #[test]
    fn torn_frames_say_nothing() {
        let coding = Coding::Integer {
            bytes: 2,
            order: ByteOrder::Either,
        };
        assert!(likeness(coding, coding.bytes() * 2, &[1, 2, 3], false).is_empty());
        assert_eq!(
            likeness(coding, coding.bytes() * 2, &[1, 2, 3, 4, 5], true).len(),
            1
        );
    }
}
