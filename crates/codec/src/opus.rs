//! Opus (RFC 6716): its configuration box.

use crate::describe::{CodecDescription, ConfigBoxes, config};
use crate::error::{CodecError, Result};
use crate::recognise::{Access, Delimiting, Depth, Hints, Recogniser, Verdict};
use tapo_io::Window;

/// `dOps`: version, OutputChannelCount, PreSkip and so on. The decoder puts out 48 kHz whatever went in.
pub(crate) fn describe<'a>(
    description: &mut CodecDescription<'a>,
    boxes: &ConfigBoxes<'a>,
) -> Result<()> {
    description.sample_rate = Some(48_000);
    match config(boxes, "dOps")? {
        &[_, channels, ..] => {
            description.channels = Some(channels.into());
            Ok(())
        }
        _ => Err(CodecError::Truncated {
            structure: "dOps",
            element: "OutputChannelCount",
        }),
    }
}

/// Samples at 48 kHz of one frame by the five bits of `config` (RFC 6716, table 2).
fn frame_samples(config: u8) -> u32 {
    let at = |mask| usize::from(config & mask);
    let samples: Option<&u32> = match config {
        // SILK: 10, 20, 40 and 60 ms.
        0..=11 => [480, 960, 1920, 2880].get(at(3)),
        // Hybrid: 10 and 20 ms.
        12..=15 => [480, 960].get(at(1)),
        // CELT: 2.5, 5, 10 and 20 ms.
        _ => [120, 240, 480, 960].get(at(3)),
    };
    samples.copied().unwrap_or_default()
}

/// Samples at 48 kHz and least length in bytes of a packet that begins so; `None` if none does.
fn packet(head: &[u8]) -> Option<(u32, u64)> {
    let &toc = head.first()?;
    let (count, least) = match toc & 3 {
        0 => (1, 1),
        1 | 2 => (2, 1),
        // Signalled count: M in the low six bits.
        _ => {
            let count = u32::from(*head.get(1)? & 63);
            (count, 2)
        }
    };
    let samples = frame_samples(toc >> 3) * count;
    // 120 ms at most.
    (1..=5760).contains(&samples).then_some((samples, least))
}

/// For `Opus`. The length of a packet is in none of its bytes.
pub(crate) fn recogniser(
    _: [u8; 4],
    _: &ConfigBoxes<'_>,
    _: &Hints,
) -> Option<Box<dyn Recogniser>> {
    Some(Box::new(OpusRecogniser { seen: [false; 256] }))
}

#[derive(Debug, Clone)]
struct OpusRecogniser {
    /// TOC bytes that have been seen; none means any.
    seen: [bool; 256],
}

impl OpusRecogniser {
    fn judge(&self, head: &[u8]) -> Option<(u32, u64)> {
        let toc = usize::from(*head.first()?);
        let usual = self.seen.get(toc).is_some_and(|&seen| seen) || !self.seen.contains(&true);
        packet(head).filter(|_| usual)
    }
}

impl Recogniser for OpusRecogniser {
    fn delimiting(&self) -> Delimiting {
        Delimiting::Start
    }

    fn could_start(&self, head: &[u8]) -> bool {
        head.len() < 2 || self.judge(head).is_some()
    }

    fn probe(
        &self,
        window: &mut Window<'_>,
        at: u64,
        end: u64,
        _: Depth,
    ) -> tapo_io::Result<Verdict> {
        let left = usize::try_from(end.saturating_sub(at)).unwrap_or(2);
        let Some((samples, least)) = self.judge(window.bytes(at, left.min(2))?) else {
            return Ok(Verdict::Not(CodecError::Malformed {
                structure: "Opus packet",
                element: "TOC",
            }));
        };
        let seen = self.seen.iter().filter(|&&seen| seen).count();
        let bits = if seen == 0 {
            0.2
        } else {
            8.0 - (seen as f32).log2()
        };
        Ok(Verdict::Start(Access {
            duration: Some(samples),
            ..Access::new(least, bits)
        }))
    }

    fn learn(&mut self, sample: &[u8]) {
        if let Some(&toc) = sample.first().filter(|_| packet(sample).is_some())
            && let Some(seen) = self.seen.get_mut(usize::from(toc))
        {
            *seen = true;
        }
    }

    fn fork(&self) -> Box<dyn Recogniser> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        // CELT 20 ms, one frame; SILK 60 ms, two; CELT 2.5 ms, 48 by count; more than 120 ms.
        assert_eq!(packet(&[31 << 3]), Some((960, 1)));
        assert_eq!(packet(&[3 << 3 | 1]), Some((5760, 1)));
        assert_eq!(packet(&[16 << 3 | 3, 48]), Some((5760, 2)));
        assert_eq!(packet(&[3 << 3 | 3, 3]), None);
        assert_eq!(packet(&[3 << 3 | 3, 0]), None);
        assert_eq!(packet(&[]), None);
    }
}
