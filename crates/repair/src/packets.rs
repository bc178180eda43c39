//! Packets that say where they start, but not where they end: what is likely.
//!
//! Any bytes decode to some first symbols, but those of real packets resemble
//! each other, much more than those of bytes within a packet do. How much is
//! learnt from the reference, and goes on being learnt in the broken file.

use crate::Result;
use std::collections::BTreeMap;
use tapo_codec::{Recogniser, Symbol};
use tapo_io::ByteSource;
use tapo_movie::SampleTable;

/// How the sizes and the first symbols of packets are spread, and what the
/// latest were like. Costs are natural logarithms of chances.
#[derive(Clone, Debug, Default)]
pub(crate) struct Packets {
    /// Running mean of the logarithms of sizes.
    recent: f64,
    /// Mean difference of a logarithm from the running mean.
    step: f64,
    /// Packets with a packet before, and those of its size.
    repeats: (f64, f64),
    last_size: usize,
    /// By slot.
    levels: Vec<Level>,
    /// How far a level follows that of the other channel: products, squares.
    along: (f64, f64),
    /// How often a value follows another, by slot, value before and value.
    choices: BTreeMap<(u16, i16, i16), f64>,
    /// Sums of these.
    totals: BTreeMap<(u16, i16), f64>,
    /// The latest value of each slot.
    latest: BTreeMap<u16, i16>,
    scratch: Vec<Symbol>,
}

/// A number that changes little from packet to packet.
#[derive(Copy, Clone, Debug, Default)]
struct Level {
    mean: f64,
    /// Sum of differences from what was expected, and their number.
    off: f64,
    seen: f64,
    /// Packets since the last break.
    run: f64,
}

/// Packets learnt from.
const LEARNT: usize = 2000;

/// Bytes at the beginning of a packet that its first symbols lie in.
pub(crate) const FIRST: usize = 64;

/// Part of the latest packet in the running mean of sizes.
const FOLLOWS: f64 = 0.4;

/// Steps that the latest packet counts for at most.
const STRIDE: f64 = 4.0;

/// Part of the latest value in the running mean of a level.
const SETTLES: f64 = 0.2;

/// What is assumed of a choice before anything is known: packets' worth of it,
/// and the share of those that repeat the packet before.
const ASSUMED: (f64, f64) = (2.0, 0.75);

/// Part of what was learnt of a level that is left after the next packet.
const REMEMBERED: f64 = 0.99;

/// Share of symbols that are like nothing learnt.
const ODD: f64 = 0.1;

/// Share of sizes that jump, and how much farther than others.
const JUMPS: (f64, f64) = (0.05, 6.0);

/// Share of packets at an onset, and how much farther than others their levels
/// are from what is expected.
const ONSETS: (f64, f64) = (0.05, 3.0);

/// Share of sizes that may be any, and how far their logarithms lie from others.
const ANY: (f64, f64) = (0.01, 0.7);

/// How much farther than others levels are from what is expected, where that is
/// of another time.
const OLD: f64 = 2.0;

/// Slots that are kept.
const SLOTS: usize = 2048;

fn log(size: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a statistic")]
    let size = size.max(1) as f64;
    size.ln()
}

/// Density of a difference whose mean size is `mean`.
fn laplace(off: f64, mean: f64) -> f64 {
    (-off.abs() / mean).exp() / (2.0 * mean)
}

impl Level {
    /// Takes a value `own` above the mean, and `off` from what was expected.
    fn note(&mut self, own: f64, off: f64) {
        if self.run > 0.0 || self.seen == 0.0 {
            self.off = self.off * REMEMBERED + off.abs();
            self.seen = self.seen * REMEMBERED + 1.0;
        }
        self.run += 1.0;
        self.mean += own * SETTLES.max(1.0 / self.run);
    }

    fn spread(&self) -> f64 {
        // A mean difference of 1 counts for two packets before anything is known.
        (0.72 * (self.off + 2.0) / (self.seen + 2.0)).max(0.12)
    }

    /// Chance of a whole number so far from what is expected.
    fn chance(&self, off: f64, farther: f64) -> f64 {
        let spread = self.spread() * farther;
        let below = |x: f64| 1.0 / (1.0 + (-x / spread).exp());
        let off = -off.abs();
        below(off + 0.5) - below(off - 0.5)
    }
}

impl Packets {
    /// Learns from the packets of a track.
    ///
    /// # Errors
    /// The source fails.
    pub(crate) fn learn(
        table: &SampleTable,
        source: &dyn ByteSource,
        recogniser: &dyn Recogniser,
    ) -> Result<Self> {
        let mut packets = Self {
            step: 0.3,
            ..Self::default()
        };
        let (mut off, mut count) = (0.0, 0.0);
        for sample in table.iter().take(LEARNT) {
            let mut head = [0; FIRST];
            let size = usize::try_from(sample.span.len()).unwrap_or(usize::MAX);
            let wanted = head.get_mut(..size.min(FIRST)).unwrap_or_default();
            let got = source.read_at(sample.span.start, wanted)?;
            let own = log(size);
            if count > 0.0 {
                off += (own - packets.recent).abs();
            }
            count += 1.0;
            packets.note_size(size);
            packets.note_head(head.get(..got).unwrap_or_default(), recogniser);
        }
        if count > 2.0 {
            packets.step = (off / (count - 1.0)).max(0.01);
        }
        Ok(packets)
    }

    /// Forgets what the latest packets were like: what comes next is of another
    /// time.
    pub(crate) fn pause(&mut self) {
        for level in &mut self.levels {
            level.run = 0.0;
        }
    }

    /// Takes the size of a packet.
    pub(crate) fn note_size(&mut self, size: usize) {
        if self.last_size == 0 {
            self.recent = log(size);
        } else {
            self.repeats.0 += 1.0;
            self.repeats.1 += f64::from(u8::from(size == self.last_size));
            // A single odd one hardly moves the mean.
            let most = STRIDE * self.step;
            self.recent += FOLLOWS * (log(size) - self.recent).clamp(-most, most);
        }
        self.last_size = size;
    }

    /// Takes the beginning of a packet.
    pub(crate) fn note_head(&mut self, head: &[u8], recogniser: &dyn Recogniser) {
        let mut symbols = std::mem::take(&mut self.scratch);
        symbols.clear();
        recogniser.symbols(head, &mut symbols);
        let expected = self.expected(&symbols);
        for (symbol, off) in symbols.iter().zip(&expected) {
            if !symbol.is_level {
                if let Some(before) = self.latest.insert(symbol.slot, symbol.value) {
                    let key = (symbol.slot, before, symbol.value);
                    *self.choices.entry(key).or_default() += 1.0;
                    *self.totals.entry((symbol.slot, before)).or_default() += 1.0;
                }
                continue;
            }
            let slot = usize::from(symbol.slot);
            if slot >= SLOTS {
                continue;
            }
            if self.levels.len() <= slot {
                self.levels.resize(slot + 1, Level::default());
            }
            let other = symbol.along.and_then(|a| expected.get(a)).copied();
            if let Some(level) = self.levels.get_mut(slot) {
                let own = f64::from(symbol.value) - level.mean;
                if let Some(other) = other.filter(|_| level.run > 0.0) {
                    self.along.0 = self.along.0 * 0.999 + own * other;
                    self.along.1 = self.along.1 * 0.999 + other * other;
                }
                level.note(own, *off);
            }
        }
        self.scratch = symbols;
    }

    /// How far levels are from what is expected of them, 0 for others.
    fn expected(&self, symbols: &[Symbol]) -> Vec<f64> {
        let follows = self.along.0 / (self.along.1 + 1.0);
        let mut off = Vec::with_capacity(symbols.len());
        for symbol in symbols {
            let level = self.levels.get(usize::from(symbol.slot));
            let level = level.filter(|l| symbol.is_level && l.seen > 0.0);
            let other = symbol.along.and_then(|a| off.get(a)).copied();
            let own = level.map_or(0.0, |l| {
                f64::from(symbol.value) - l.mean - follows * other.unwrap_or(0.0)
            });
            off.push(own);
        }
        off
    }

    /// How unlikely a size is.
    pub(crate) fn size_cost(&self, size: usize) -> f64 {
        let off = log(size) - self.recent;
        let (share, farther) = JUMPS;
        let near = laplace(off, self.step) * (1.0 - share);
        let far = laplace(off, self.step * farther) * share;
        let any = laplace(off, ANY.1) * ANY.0;
        #[expect(clippy::cast_precision_loss, reason = "a statistic")]
        let varied = (near + far + any) / size.max(1) as f64;
        let repeats = (self.repeats.1 / (self.repeats.0 + 2.0)).min(0.98);
        let same = if size == self.last_size { repeats } else { 0.0 };
        -(same + (1.0 - repeats) * varied).ln()
    }

    /// How unlikely it is that a packet is cut off behind `size` bytes.
    pub(crate) fn rest_cost(&self, size: usize) -> f64 {
        let beyond = (log(size) - self.recent).max(0.0);
        let (share, farther) = JUMPS;
        let longer = (1.0 - share) * (-beyond / self.step).exp()
            + share * (-beyond / (self.step * farther)).exp()
            + ANY.0 * (-beyond / ANY.1).exp();
        self.recent - longer.min(1.0).ln()
    }

    /// How unlikely the first symbols are, against those of random bytes.
    pub(crate) fn head_cost(&self, symbols: &[Symbol]) -> f64 {
        let (mut choices, mut usual, mut onset) = (0.0, 0.0, 0.0);
        for (symbol, off) in symbols.iter().zip(self.expected(symbols)) {
            let random = f64::from(symbol.chance).exp2().max(1e-12);
            if symbol.is_level {
                let level = self.levels.get(usize::from(symbol.slot));
                if let Some(level) = level.filter(|l| l.seen > 0.0) {
                    let old = if level.run > 0.0 { 1.0 } else { OLD };
                    let odds = |farther: f64| {
                        let farther = farther * old;
                        let chance = level.chance(off, farther);
                        ((1.0 - ODD) * chance / random + ODD).ln()
                    };
                    usual += odds(1.0);
                    onset += odds(ONSETS.1);
                }
                continue;
            }
            let before = self.latest.get(&symbol.slot).copied().unwrap_or(0);
            let seen = self.choices.get(&(symbol.slot, before, symbol.value));
            let total = self.totals.get(&(symbol.slot, before));
            let (assumed, repeats) = ASSUMED;
            let own = f64::from(u8::from(symbol.value == before)) * repeats;
            let own = own + (1.0 - repeats) * random;
            let seen = seen.copied().unwrap_or(0.0) + assumed * own;
            choices += (seen / (total.copied().unwrap_or(0.0) + assumed) / random).ln();
        }
        let levels = (1.0 - ONSETS.0) * usual.exp() + ONSETS.0 * onset.exp();
        -choices - levels.max(1e-300).ln()
    }

    /// Packets that so many bytes hold, about.
    pub(crate) fn number_in(&self, bytes: usize) -> i64 {
        #[expect(clippy::cast_possible_truncation, reason = "a small number")]
        let number = (log(bytes) - self.recent).exp().round() as i64;
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tapo_codec::{Depth, Verdict};
    use tapo_io::Window;

    /// Its packets have two symbols: a choice of 16, a level of 16.
    #[derive(Debug)]
    struct Nibbles;

    impl Recogniser for Nibbles {
        fn could_start(&self, _: &[u8]) -> bool {
            true
        }

        fn probe(&self, _: &mut Window<'_>, _: u64, _: u64, _: Depth) -> tapo_io::Result<Verdict> {
            unreachable!()
        }

        fn symbols(&self, sample: &[u8], into: &mut Vec<Symbol>) {
            for (slot, value) in (0..).zip(sample.iter().take(2)) {
                into.push(Symbol {
                    slot,
                    value: (*value).into(),
                    chance: -4.0,
                    is_level: slot == 1,
                    along: None,
                });
            }
        }

        fn fork(&self) -> Box<dyn Recogniser> {
            Box::new(Self)
        }
    }

    fn learnt() -> Packets {
        let mut bytes = Vec::new();
        let mut table = SampleTable::default();
        for i in 0..200_u32 {
            let size = 100 + i % 9;
            table.start_chunk(bytes.len() as u64, 1);
            table.push(size, 960, 0, true).unwrap();
            bytes.extend([3, 7 + u8::from(i % 3 == 0)]);
            bytes.resize(bytes.len() + size as usize - 2, 0x55);
        }
        Packets::learn(&table, &bytes, &Nibbles).unwrap()
    }

    #[test]
    fn what_was_learnt_is_likelier_than_what_was_not() {
        let packets = learnt();
        assert!(packets.size_cost(104) < packets.size_cost(60));
        let cost = |head: [u8; 2]| {
            let mut symbols = Vec::new();
            Nibbles.symbols(&head, &mut symbols);
            packets.head_cost(&symbols)
        };
        assert!(cost([3, 7]) < -3.0, "likelier than random bytes");
        assert!(cost([4, 7]) > cost([3, 7]) + 2.0, "another choice");
        assert!(cost([3, 14]) > cost([3, 8]) + 2.0, "a level far off");
        assert!(packets.head_cost(&[]) < 0.1, "nothing is known");
        assert_eq!(packets.number_in(312), 3);
    }

    #[test]
    fn an_odd_packet_hardly_moves_what_is_expected() {
        let mut packets = learnt();
        let before = packets.size_cost(104);
        packets.note_size(2);
        assert!(packets.size_cost(104) < before + 3.0);
        packets.pause();
        packets.note_head(&[3, 12], &Nibbles);
        let mut symbols = Vec::new();
        Nibbles.symbols(&[3, 12], &mut symbols);
        assert!(
            packets.head_cost(&symbols) < 0.0,
            "what came behind a pause counts at once"
        );
    }
}
