//! AMR narrowband and wideband (3GPP TS 26.071, 26.171): fixed rates, one channel, frames of 20 ms.

use crate::describe::{CodecDescription, ConfigBoxes, config};
use crate::error::{CodecError, Result};
use crate::recognise::{Access, Depth, Hints, Recogniser, Verdict};
use tapo_io::Window;

pub(crate) fn describe<'a>(
    description: &mut CodecDescription<'a>,
    _: &ConfigBoxes<'a>,
) -> Result<()> {
    let rate = if description.entry_type == *b"sawb" {
        16_000
    } else {
        8000
    };
    description.sample_rate = Some(rate);
    description.channels = Some(1);
    description.frame_length = Some(rate / 50);
    Ok(())
}

/// Bytes behind the frame header by frame type (TS 26.101, table 1a; TS 26.201, table 2): speech, comfort noise, no data.
const NARROW: [Option<u8>; 16] = [
    Some(12),
    Some(13),
    Some(15),
    Some(17),
    Some(19),
    Some(20),
    Some(26),
    Some(31),
    Some(5),
    None,
    None,
    None,
    None,
    None,
    None,
    Some(0),
];
const WIDE: [Option<u8>; 16] = [
    Some(17),
    Some(23),
    Some(32),
    Some(36),
    Some(40),
    Some(46),
    Some(50),
    Some(58),
    Some(60),
    Some(5),
    None,
    None,
    None,
    None,
    Some(0),
    Some(0),
];

/// Frames of a sample, at most: 15 in `damr`, more in some files.
const MAX_FRAMES: u32 = 255;

/// For `samr` and `sawb`.
pub(crate) fn recogniser(
    entry_type: [u8; 4],
    boxes: &ConfigBoxes<'_>,
    _: &Hints,
) -> Option<Box<dyn Recogniser>> {
    // AMRSpecificBox (TS 26.244, 6.7): vendor, decoder_version, mode_set, mode_change_period, frames_per_sample.
    let frames = config(boxes, "damr")
        .ok()
        .and_then(|payload| payload.get(8))
        .map_or(1, |&frames| u32::from(frames).max(1));
    Some(Box::new(AmrRecogniser::new(entry_type == *b"sawb", frames)))
}

#[derive(Debug, Clone)]
struct AmrRecogniser {
    wide: bool,
    /// Frames of a sample.
    frames: u32,
    /// How often a frame of a sound file began with each byte.
    headers: [u32; 256],
    /// The bytes that a frame may begin with.
    legal: [bool; 256],
    /// Evidence of one frame's header.
    frame_bits: f32,
}

/// Frames that show which headers an encoder writes.
const ENOUGH: u32 = 50;

/// Frames among which an encoder that pauses would have paused.
const STEADY: u32 = 250;

/// Headers from which on an encoder is taken to adapt its rate, and may use any.
const ADAPTS: usize = 3;

impl AmrRecogniser {
    fn new(wide: bool, frames: u32) -> Self {
        let mut recogniser = Self {
            wide,
            frames,
            headers: [0; 256],
            legal: [false; 256],
            frame_bits: 0.0,
        };
        recogniser.settle();
        recogniser
    }

    /// Settles which headers are the encoder's. By the standard alone 0 is one: zeros would be a row of damaged frames.
    fn settle(&mut self) {
        let seen: u32 = self.headers.iter().copied().fold(0, u32::saturating_add);
        let kinds = self.headers.iter().filter(|n| **n > 0).count();
        let any = seen < ENOUGH || kinds >= ADAPTS;
        let mut legal = [false; 256];
        for ((header, count), legal) in (0..=255_u8).zip(&self.headers).zip(&mut legal) {
            let good = header & 4 != 0;
            // Comfort noise and silence may come later, but not from an encoder that never pauses.
            let quiet = header >> 3 & 15 >= if self.wide { 9 } else { 8 } && seen < STEADY;
            let own = *count > 0 || seen == 0 || good && (any || quiet);
            *legal = own && self.standard(header).is_some();
        }
        self.legal = legal;
        let passing = legal.iter().filter(|legal| **legal).count();
        self.frame_bits = 8.0 - (passing.max(1) as f32).log2();
    }

    /// Bytes of the frame that begins with this byte, if the encoder writes such frames.
    fn frame(&self, header: u8) -> Option<u64> {
        let legal = self.legal.get(usize::from(header)).copied();
        self.standard(header).filter(|_| legal.unwrap_or(false))
    }

    /// Bytes of the frame that begins with this byte by the standard.
    fn standard(&self, header: u8) -> Option<u64> {
        // The bits around type and quality are 0 (RFC 4867, 5.3).
        if header & 0x83 != 0 {
            return None;
        }
        let table = if self.wide { &WIDE } else { &NARROW };
        let len = (*table.get(usize::from(header >> 3 & 15))?)?;
        Some(1 + u64::from(len))
    }
}

impl Recogniser for AmrRecogniser {
    fn could_start(&self, head: &[u8]) -> bool {
        head.first()
            .is_none_or(|&header| self.frame(header).is_some())
    }

    fn probe(
        &self,
        window: &mut Window<'_>,
        at: u64,
        end: u64,
        _: Depth,
    ) -> tapo_io::Result<Verdict> {
        let each = if self.wide { 320 } else { 160 };
        let frame_bits = self.frame_bits;
        let mut pos = at;
        for count in 0..self.frames {
            let access = |bits| Access {
                duration: Some(each * self.frames),
                ..Access::new(end.saturating_sub(at), bits)
            };
            let bits = frame_bits * (count as f32);
            let header = if pos < end {
                window.bytes(pos, 1)?.first().copied()
            } else {
                None
            };
            let Some(header) = header else {
                if count == 0 {
                    return Ok(Verdict::Not(CodecError::Truncated {
                        structure: "AMR frame",
                        element: "frame type",
                    }));
                }
                return Ok(Verdict::Cut(access(bits)));
            };
            let Some(len) = self.frame(header) else {
                return Ok(Verdict::Not(CodecError::Malformed {
                    structure: "AMR frame",
                    element: "frame type",
                }));
            };
            pos += len;
            if pos > end {
                return Ok(Verdict::Cut(access(bits + frame_bits)));
            }
        }
        Ok(Verdict::Sample(Access {
            duration: Some(each * self.frames),
            ..Access::new(pos - at, frame_bits * self.frames as f32)
        }))
    }

    fn learn(&mut self, sample: &[u8]) {
        // Writers get frames_per_sample wrong; the samples show it.
        let (mut at, mut frames) = (0usize, 0);
        let mut headers = [0; 256];
        while let Some((&header, len)) = sample
            .get(at)
            .and_then(|header| Some((header, self.standard(*header)?)))
        {
            at = at.saturating_add(usize::try_from(len).unwrap_or(usize::MAX));
            frames += 1;
            if let Some(count) = headers.get_mut(usize::from(header)) {
                *count += 1;
            }
        }
        if at == sample.len() && (1..=MAX_FRAMES).contains(&frames) {
            self.frames = frames;
            for (sum, count) in self.headers.iter_mut().zip(headers) {
                *sum = u32::saturating_add(*sum, count);
            }
            self.settle();
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
    fn frame_lengths() {
        let narrow = AmrRecogniser::new(false, 1);
        // 12.2 kbit/s with good quality; comfort noise; reserved; a padding bit set.
        assert_eq!(narrow.frame(0x3C), Some(32));
        assert_eq!(narrow.frame(0x44), Some(6));
        assert_eq!(narrow.frame(0x4C), None);
        assert_eq!(narrow.frame(0x3D), None);
        let wide = AmrRecogniser::new(true, 1);
        assert_eq!((wide.frame(0x44), wide.frame(0x4C)), (Some(61), Some(6)));
    }

    #[test]
    fn as_many_frames_as_the_samples_have() {
        let mut amr = AmrRecogniser::new(false, 1);
        let mut sample = vec![0u8; 13];
        sample.extend_from_slice(&[0x7C, 0x44, 1, 2, 3, 4, 5]);
        amr.learn(&sample);
        assert_eq!(amr.frames, 3);
        let data = [sample.clone(), vec![0x3C; 40]].concat();
        let verdict = amr
            .probe(&mut Window::new(&data), 0, data.len() as u64, Depth::Heads)
            .unwrap();
        assert_eq!(verdict.sample().map(|access| access.len), Some(20));
    }

    #[test]
    fn zeros_are_no_frames_and_an_encoder_of_one_rate_has_one_header() {
        let mut amr = AmrRecogniser::new(false, 1);
        assert_eq!(amr.frame(0), Some(13), "nothing is known");
        for _ in 0..ENOUGH {
            amr.learn(&[&[0x3C][..], &[9; 31]].concat());
        }
        assert_eq!((amr.frame(0x3C), amr.frame(0x24)), (Some(32), None));
        assert_eq!(amr.frame(0), None);
        assert_eq!(amr.frame(0x44), Some(6), "comfort noise");
        for _ in ENOUGH..STEADY {
            amr.learn(&[&[0x3C][..], &[9; 31]].concat());
        }
        assert_eq!(amr.frame(0x44), None);
        // A writer that marks its frames as damaged is believed.
        amr.learn(&[0; 13]);
        assert_eq!(amr.frame(0), Some(13));
    }
}
