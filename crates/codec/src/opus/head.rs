//! The first symbols of a packet.
//!
//! Any bytes decode to some symbols, but those of sound are alike from packet to
//! packet and from channel to channel: they tell where a packet begins. Nothing
//! of them depends on where it ends, but in packets of a few bytes.

use super::range::RangeDecoder;
use crate::recognise::Symbol;

/// Bands of CELT (RFC 6716 §4.3, table 55).
const BANDS: usize = 21;

/// Chance of 0 and decay of the coarse energy of each band (§4.3.2.1), by frame
/// size from 2.5 to 20 ms: predicted from the frame before, and not.
const ENERGY: [[[(u8, u8); BANDS]; 2]; 4] = [
    [
        [
            (72, 127),
            (65, 129),
            (66, 128),
            (65, 128),
            (64, 128),
            (62, 128),
            (64, 128),
            (64, 128),
            (92, 78),
            (92, 79),
            (92, 78),
            (90, 79),
            (116, 41),
            (115, 40),
            (114, 40),
            (132, 26),
            (132, 26),
            (145, 17),
            (161, 12),
            (176, 10),
            (177, 11),
        ],
        [
            (24, 179),
            (48, 138),
            (54, 135),
            (54, 132),
            (53, 134),
            (56, 133),
            (55, 132),
            (55, 132),
            (61, 114),
            (70, 96),
            (74, 88),
            (75, 88),
            (87, 74),
            (89, 66),
            (91, 67),
            (100, 59),
            (108, 50),
            (120, 40),
            (122, 37),
            (97, 43),
            (78, 50),
        ],
    ],
    [
        [
            (83, 78),
            (84, 81),
            (88, 75),
            (86, 74),
            (87, 71),
            (90, 73),
            (93, 74),
            (93, 74),
            (109, 40),
            (114, 36),
            (117, 34),
            (117, 34),
            (143, 17),
            (145, 18),
            (146, 19),
            (162, 12),
            (165, 10),
            (178, 7),
            (189, 6),
            (190, 8),
            (177, 9),
        ],
        [
            (23, 178),
            (54, 115),
            (63, 102),
            (66, 98),
            (69, 99),
            (74, 89),
            (71, 91),
            (73, 91),
            (78, 89),
            (86, 80),
            (92, 66),
            (93, 64),
            (102, 59),
            (103, 60),
            (104, 60),
            (117, 52),
            (123, 44),
            (138, 35),
            (133, 31),
            (97, 38),
            (77, 45),
        ],
    ],
    [
        [
            (61, 90),
            (93, 60),
            (105, 42),
            (107, 41),
            (110, 45),
            (116, 38),
            (113, 38),
            (112, 38),
            (124, 26),
            (132, 27),
            (136, 19),
            (140, 20),
            (155, 14),
            (159, 16),
            (158, 18),
            (170, 13),
            (177, 10),
            (187, 8),
            (192, 6),
            (175, 9),
            (159, 10),
        ],
        [
            (21, 178),
            (59, 110),
            (71, 86),
            (75, 85),
            (84, 83),
            (91, 66),
            (88, 73),
            (87, 72),
            (92, 75),
            (98, 72),
            (105, 58),
            (107, 54),
            (115, 52),
            (114, 55),
            (112, 56),
            (129, 51),
            (132, 40),
            (150, 33),
            (140, 29),
            (98, 35),
            (77, 42),
        ],
    ],
    [
        [
            (42, 121),
            (96, 66),
            (108, 43),
            (111, 40),
            (117, 44),
            (123, 32),
            (120, 36),
            (119, 33),
            (127, 33),
            (134, 34),
            (139, 21),
            (147, 23),
            (152, 20),
            (158, 25),
            (154, 26),
            (166, 21),
            (173, 16),
            (184, 13),
            (184, 10),
            (150, 13),
            (139, 15),
        ],
        [
            (22, 178),
            (63, 114),
            (74, 82),
            (84, 83),
            (92, 82),
            (103, 62),
            (96, 72),
            (96, 67),
            (101, 73),
            (107, 72),
            (113, 55),
            (118, 52),
            (125, 52),
            (118, 52),
            (117, 55),
            (135, 49),
            (137, 39),
            (157, 32),
            (145, 29),
            (97, 33),
            (77, 40),
        ],
    ],
];

/// Slots of the symbols; those of the energies follow each other.
mod slot {
    pub(super) const TOC: u16 = 0;
    pub(super) const SILENCE: u16 = 1;
    pub(super) const POST_FILTER: u16 = 2;
    pub(super) const OCTAVE: u16 = 3;
    pub(super) const TAPS: u16 = 4;
    pub(super) const TRANSIENT: u16 = 5;
    pub(super) const INTRA: u16 = 6;
    pub(super) const VOICE: u16 = 7;
    pub(super) const REDUNDANT: u16 = 8;
    pub(super) const SIGNAL: u16 = 9;
    pub(super) const GAIN: u16 = 10;
    pub(super) const SPREAD: u16 = 14;
    pub(super) const ENERGY: u16 = 64;
    /// Between the slots of different prediction and frame size.
    pub(super) const ENERGIES: u16 = 64;
}

/// Bits that a band's energy needs for its usual code.
const ENOUGH: u32 = 15;

/// The symbols at the beginning of a packet, its first frame being `frame`.
pub(super) fn symbols(toc: u8, frame: &[u8], into: &mut Vec<Symbol>) {
    into.push(Symbol::choice(slot::TOC, i16::from(toc), -8.0));
    let mut decoder = RangeDecoder::new(frame);
    let channels = if toc & 4 == 0 { 1 } else { 2 };
    let config = toc >> 3;
    if config < 16 {
        silk(&mut decoder, config, channels, into);
        return;
    }
    let bands = match config {
        16..=19 => 13,
        20..=23 => 17,
        24..=27 => 19,
        _ => BANDS,
    };
    celt(&mut decoder, usize::from(config & 3), bands, channels, into);
}

fn flag(decoder: &mut RangeDecoder<'_>, slot: u16, log: u32, into: &mut Vec<Symbol>) -> bool {
    let set = decoder.bit(log);
    #[expect(clippy::cast_precision_loss, reason = "at most 15")]
    let one = -(log as f32);
    let chance = if set { one } else { (1.0 - one.exp2()).log2() };
    into.push(Symbol::choice(slot, i16::from(set), chance));
    set
}

/// The beginning of a CELT frame (§4.3, table 56).
fn celt(
    decoder: &mut RangeDecoder<'_>,
    size: usize,
    bands: usize,
    channels: u16,
    into: &mut Vec<Symbol>,
) {
    if flag(decoder, slot::SILENCE, 15, into) {
        return;
    }
    if decoder.left() >= 16 && flag(decoder, slot::POST_FILTER, 1, into) {
        let octave = decoder.uniform(6);
        let octave = i16::try_from(octave).unwrap_or(0);
        into.push(Symbol::choice(slot::OCTAVE, octave, -2.585));
        let (taps, chance) = decoder.symbol(&[2, 1, 1], 4);
        let taps = i16::try_from(taps).unwrap_or(0);
        into.push(Symbol::choice(slot::TAPS, taps, chance));
    }
    let transient = size > 0 && decoder.left() >= 3 && flag(decoder, slot::TRANSIENT, 3, into);
    let intra = decoder.left() >= 3 && flag(decoder, slot::INTRA, 3, into);
    let kind = 4 * size + 2 * usize::from(transient) + usize::from(intra);
    let models = ENERGY.get(size).and_then(|m| m.get(usize::from(intra)));
    let mut at = slot::ENERGY + slot::ENERGIES * u16::try_from(kind).unwrap_or(0);
    for (zero, decay) in models.into_iter().flatten().take(bands) {
        let mut first = None;
        for _ in 0..channels {
            if decoder.left() < ENOUGH {
                return;
            }
            let (value, chance) = decoder.laplace(u32::from(*zero) << 7, u32::from(*decay) << 6);
            let number = into.len();
            into.push(Symbol::level(at, value, chance, first));
            first = Some(number);
            at += 1;
        }
    }
    // tf_change: whether the time and frequency resolution changes from band to band.
    let mut log = if transient { 2 } else { 4 };
    let reserve = u32::from(size > 0);
    let mut changed = false;
    for _ in 0..bands {
        if decoder.left() >= log + reserve {
            changed |= decoder.bit(log);
        }
        log = if transient { 4 } else { 5 };
    }
    if changed && size > 0 {
        decoder.bit(1);
    }
    if decoder.left() >= 4 {
        let (spread, chance) = decoder.symbol(&[7, 2, 21, 2], 32);
        let spread = i16::try_from(spread).unwrap_or(0);
        into.push(Symbol::choice(slot::SPREAD, spread, chance));
    }
}

/// Frequencies of the signal type and quantisation offset with voice (§4.2.7.3,
/// table 9), and without.
const SIGNAL: [&[u8]; 2] = [&[26, 230], &[24, 74, 148, 10]];

/// Frequencies of the upper half of the first gain (§4.2.7.4, table 11): inactive,
/// unvoiced, voiced.
const GAIN: [[u8; 8]; 3] = [
    [32, 112, 68, 29, 12, 1, 1, 1],
    [2, 17, 45, 60, 62, 47, 19, 4],
    [1, 3, 26, 71, 94, 50, 9, 2],
];

/// Frequencies of the other gains (§4.2.7.4, table 13).
const GAIN_CHANGE: [u8; 41] = [
    6, 5, 11, 31, 132, 21, 8, 4, 3, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
];

/// The beginning of SILK frames (§4.2.3 to §4.2.7).
fn silk(decoder: &mut RangeDecoder<'_>, config: u8, channels: u16, into: &mut Vec<Symbol>) {
    // 10 and 20 ms: one frame; 40 ms: two; 60 ms: three.
    let (frames, subframes) = match (config, config & 3) {
        (12..=15, half) => (1, if half & 1 == 0 { 2 } else { 4 }),
        (_, 0) => (1, 2),
        (_, n) => (u16::from(n), 4),
    };
    let mut voice = false;
    for channel in 0..channels {
        for frame in 0..frames {
            let set = flag(decoder, slot::VOICE, 1, into);
            if channel == 0 && frame == 0 {
                voice = set;
            }
        }
        if flag(decoder, slot::REDUNDANT, 1, into) {
            // Another frame stands in front.
            return;
        }
    }
    if channels > 1 {
        return;
    }
    let types = SIGNAL.get(usize::from(voice)).copied().unwrap_or_default();
    let (signal, chance) = decoder.symbol(types, 256);
    let number = |n: usize| i16::try_from(n).unwrap_or(0);
    let signal = if voice { signal + 2 } else { signal };
    into.push(Symbol::choice(slot::SIGNAL, number(signal), chance));
    let upper = GAIN.get(signal / 2).map_or(&[1][..], |g| g);
    let (upper, chance) = decoder.symbol(upper, 256);
    let gain = decoder.uniform(8) | u32::try_from(upper).unwrap_or(0) << 3;
    let gain = i16::try_from(gain).unwrap_or(0);
    into.push(Symbol::level(slot::GAIN, gain, chance - 3.0, None));
    for i in 1..subframes {
        let (change, chance) = decoder.symbol(&GAIN_CHANGE, 256);
        into.push(Symbol::choice(slot::GAIN + i, number(change), chance));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_of_either_coding() {
        let read = |toc: u8, frame: &[u8]| {
            let mut symbols = Vec::new();
            super::symbols(toc, frame, &mut symbols);
            symbols
        };
        // A value of the largest range: the likeliest symbols all along.
        let celt = read(0xfc, &[0; 40]);
        let of = |slot| celt.iter().find(|s| s.slot == slot).map(|s| s.value);
        assert_eq!(of(slot::SILENCE), Some(0));
        assert_eq!(of(slot::POST_FILTER), Some(0));
        assert_eq!(of(slot::INTRA), Some(0));
        let levels: Vec<_> = celt.iter().filter(|s| s.is_level).collect();
        assert_eq!(levels.len(), 2 * BANDS);
        assert!(levels.iter().all(|s| s.chance < 0.0));
        let (left, right) = (levels[0], levels[1]);
        assert_eq!(left.along, None);
        assert_eq!(right.along.map(|a| celt[a].slot), Some(left.slot));

        // Speech of one channel: voice or not, then what kind, and how loud.
        let silk = read(0x48, &[0xff; 40]);
        assert!(silk.iter().any(|s| s.slot == slot::VOICE && s.value == 1));
        let short = read(0xfc, &[0x7f, 0xff]);
        assert!(short.len() < celt.len(), "a short packet has fewer");
    }
}
