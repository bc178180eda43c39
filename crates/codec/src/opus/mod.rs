//! Opus (RFC 6716).

mod head;
mod range;

use crate::describe::{CodecDescription, ConfigBoxes, config};
use crate::error::{CodecError, Result};
use crate::recognise::{Access, Delimiting, Depth, Hints, Recogniser, Symbol, Verdict};
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

/// Samples at 48 kHz of a packet; `None` if it is none (§3.4).
#[must_use]
pub fn duration(packet: &[u8]) -> Option<u32> {
    self::packet(packet).map(|(samples, _)| samples)
}

/// Bytes of a frame at most (§3.4, R2).
const LARGEST: usize = 1275;

/// A length in front of a frame (§3.2.1), and the bytes behind it.
fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    if first < 252 {
        return Some((first.into(), rest));
    }
    let (&second, rest) = rest.split_first()?;
    Some((usize::from(second) * 4 + usize::from(first), rest))
}

/// The bytes that the first frame begins with, and whether this can be a whole packet (§3.4).
fn first_frame(packet: &[u8]) -> Option<(&[u8], bool)> {
    let (toc, rest) = packet.split_first()?;
    match toc & 3 {
        0 => Some((rest, rest.len() <= LARGEST)),
        1 => Some((
            rest,
            rest.len().is_multiple_of(2) && rest.len() / 2 <= LARGEST,
        )),
        2 => {
            let (first, rest) = length(rest)?;
            let second = rest.len().checked_sub(first);
            Some((rest, second.is_some_and(|len| len <= LARGEST)))
        }
        _ => {
            let (&count, mut rest) = rest.split_first()?;
            let mut padding = 0;
            let mut more = if count & 0x40 == 0 { 0 } else { 255 };
            while more == 255 {
                (more, rest) = rest.split_first().map(|(m, r)| (*m, r))?;
                padding += usize::from(more.min(254));
            }
            let frames = usize::from(count & 63);
            let mut others = 0;
            if count & 0x80 != 0 {
                for _ in 1..frames {
                    let (len, behind) = length(rest)?;
                    others += len;
                    rest = behind;
                }
                let last = rest.len().checked_sub(others + padding);
                return Some((rest, last.is_some_and(|len| len <= LARGEST)));
            }
            let data = rest.len().checked_sub(padding);
            let fits = |len: usize| len.is_multiple_of(frames.max(1)) && len <= LARGEST * frames;
            Some((rest, data.is_some_and(fits)))
        }
    }
}

/// For `Opus`. The length of a packet is in none of its bytes.
pub(crate) fn recogniser(
    _: [u8; 4],
    boxes: &ConfigBoxes<'_>,
    _: &Hints,
) -> Option<Box<dyn Recogniser>> {
    // ChannelMappingFamily: 0 is one stream of one or two channels.
    let family = config(boxes, "dOps").ok().and_then(|b| b.get(10).copied());
    Some(Box::new(OpusRecogniser {
        seen: [false; 256],
        lasts: Vec::new(),
        one_stream: family.unwrap_or(0) == 0,
    }))
}

#[derive(Debug, Clone)]
struct OpusRecogniser {
    /// TOC bytes that have been seen; none means any.
    seen: [bool; 256],
    /// What packets that have been seen last, samples at 48 kHz.
    lasts: Vec<u32>,
    /// Packets hold a single stream: others nest packets of another syntax.
    one_stream: bool,
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
        match head {
            [] => true,
            // How many frames it has is not to be seen.
            [toc] if toc & 3 == 3 => self.seen.get(usize::from(*toc)).is_some_and(|&s| s),
            _ => self.judge(head).is_some(),
        }
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

    fn could_be(&self, sample: &[u8]) -> bool {
        // Bandwidth and coding may change, but not what a packet lasts.
        let lasts = packet(sample).map(|(samples, _)| samples);
        let known = lasts.is_some_and(|samples| self.lasts.contains(&samples));
        known && (!self.one_stream || first_frame(sample).is_some_and(|(_, fits)| fits))
    }

    fn symbols(&self, sample: &[u8], into: &mut Vec<Symbol>) {
        if let (Some(toc), Some((frame, _))) = (sample.first(), first_frame(sample))
            && self.one_stream
        {
            head::symbols(*toc, frame, into);
        }
    }

    fn learn(&mut self, sample: &[u8]) {
        let (Some(&toc), Some((samples, _))) = (sample.first(), packet(sample)) else {
            return;
        };
        if let Some(seen) = self.seen.get_mut(usize::from(toc)) {
            *seen = true;
        }
        if !self.lasts.contains(&samples) {
            self.lasts.push(samples);
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

    #[test]
    fn lengths_of_frames_within_a_packet() {
        let fits = |packet: &[u8]| first_frame(packet).is_some_and(|(_, fits)| fits);
        assert!(fits(&[0xfc]) && fits(&[0xfc, 1, 2]));
        assert!(!fits(&[0xfc; 1277]));
        assert!(fits(&[0xfd, 1, 2]) && !fits(&[0xfd, 1, 2, 3]));
        assert!(fits(&[0xfe, 2, 1, 1]) && !fits(&[0xfe, 3, 1, 1]));
        // Three frames of the same length, one byte of padding.
        assert!(fits(&[0xff, 0x43, 1, 1, 2, 3, 0]) && !fits(&[0xff, 0x43, 1, 1, 2, 3]));
        // Three frames: 1, 2, and what is left.
        assert!(fits(&[0xff, 0x83, 1, 2, 9, 9, 9]) && !fits(&[0xff, 0x83, 1, 2, 9, 9]));
    }
}
