//! Packets that say where they start, but not where they end: what is likely.

use crate::Result;
use tapo_io::ByteSource;
use tapo_movie::SampleTable;

/// How the sizes and the first bytes of packets are spread.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Packets {
    /// Mean logarithm of sizes.
    pub(crate) usual: f64,
    /// Standard deviation of the logarithm from packet to packet.
    step: f64,
    /// Surprise of the high half of the second byte, against random bytes.
    second: Vec<f64>,
}

/// Packets learnt from.
const LEARNT: usize = 2000;

/// Part of the latest packet in the running mean.
const FOLLOWS: f64 = 0.4;

fn log(size: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a statistic")]
    let size = size.max(1) as f64;
    size.ln()
}

impl Packets {
    /// Learns from the packets of a track.
    ///
    /// # Errors
    /// The source fails.
    pub(crate) fn learn(table: &SampleTable, source: &dyn ByteSource) -> Result<Self> {
        let mut second = vec![1.0; 16];
        let (mut sum, mut count, mut squares) = (0.0, 0.0, 0.0);
        let mut recent = None;
        for sample in table.iter().take(LEARNT) {
            let mut head = [0; 2];
            if source.read_at(sample.span.start, &mut head)? == 2
                && let Some(slot) = second.get_mut(usize::from(head[1] >> 4))
            {
                *slot += 1.0;
            }
            let size = usize::try_from(sample.span.len()).unwrap_or(usize::MAX);
            let own = log(size);
            let before = *recent.get_or_insert(own);
            squares += (own - before) * (own - before);
            recent = Some(Self::follow(before, size));
            sum += own;
            count += 1.0;
        }
        let all: f64 = second.iter().sum();
        for slot in &mut second {
            *slot = -(*slot * 16.0 / all).ln();
        }
        Ok(Self {
            usual: if count > 0.0 { sum / count } else { 0.0 },
            step: if count > 1.0 {
                (squares / count).sqrt().max(0.03)
            } else {
                0.3
            },
            second,
        })
    }

    /// The running mean behind a packet of this size.
    pub(crate) fn follow(recent: f64, size: usize) -> f64 {
        recent + FOLLOWS * (log(size) - recent)
    }

    /// How unlikely a size is behind packets of the running mean `recent`.
    pub(crate) fn size_cost(&self, size: usize, recent: f64) -> f64 {
        // Jumps are rarer than small steps, but not as rare as a bell curve has it.
        let off = ((log(size) - recent) / self.step).abs();
        if off < 2.0 {
            off * off / 2.0
        } else {
            2.0 * off - 2.0
        }
    }

    /// How unlikely the first bytes are, against random ones.
    pub(crate) fn head_cost(&self, head: &[u8]) -> f64 {
        let bin = head.get(1).map(|b| usize::from(b >> 4));
        bin.and_then(|b| self.second.get(b)).copied().unwrap_or(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_learnt_is_likelier_than_what_was_not() {
        let mut bytes = Vec::new();
        let mut table = SampleTable::default();
        for i in 0..200_u32 {
            let size = 100 + i % 9;
            table.start_chunk(bytes.len() as u64, 1);
            table.push(size, 960, 0, true).unwrap();
            bytes.extend([0xfc, 0x70 + (i % 16) as u8]);
            bytes.resize(bytes.len() + size as usize - 2, 0x55);
        }
        let packets = Packets::learn(&table, &bytes).unwrap();
        assert!(packets.size_cost(104, packets.usual) < packets.size_cost(60, packets.usual));
        assert!(packets.head_cost(&[0xfc, 0x7f]) < packets.head_cost(&[0xfc, 0x20]));
        assert!(packets.head_cost(&[0xfc]) == 0.0, "nothing is known");
    }
}
