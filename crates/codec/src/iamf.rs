//! IAMF (Immersive Audio Model and Formats): a sample is a temporal unit, a row of OBUs that say their own lengths.

use crate::describe::ConfigBoxes;
use crate::error::CodecError;
use crate::recognise::{Access, Depth, Hints, Recogniser, Verdict};
use tapo_io::Window;

/// `obu_type` of a parameter block, a temporal delimiter, and audio frames: one with its number behind, then numbers 0 to 17.
const PARAMETER_BLOCK: u8 = 3;
const TEMPORAL_DELIMITER: u8 = 4;
const AUDIO_FRAMES: std::ops::RangeInclusive<u8> = 5..=23;

/// Largest OBU of a temporal unit: 2^21 bytes take a length of three bytes.
const LONGEST: u64 = 1 << 21;

/// OBUs of a temporal unit, at most.
const MOST: usize = 256;

/// Bytes of a head: flags, a length of up to eight bytes.
const HEAD: usize = 9;

/// For `iamf`.
pub(crate) fn recogniser(
    _: [u8; 4],
    _: &ConfigBoxes<'_>,
    _: &Hints,
) -> Option<Box<dyn Recogniser>> {
    Some(Box::<IamfRecogniser>::default())
}

#[derive(Debug, Clone, Default)]
struct IamfRecogniser {
    /// Audio frames of a temporal unit: their types in order, as a sound file had them; empty if nothing was shown or they vary.
    frames: Vec<u8>,
    varies: bool,
}

/// An OBU: its type, and its bytes with its head.
fn obu(head: &[u8]) -> Option<(u8, u64)> {
    let (flags, rest) = head.split_first()?;
    let mut size = 0_u64;
    for (i, byte) in rest.iter().take(8).enumerate() {
        size |= u64::from(byte & 0x7F) << (7 * i);
        if byte & 0x80 == 0 {
            let len = 2 + i as u64 + size;
            return (len <= LONGEST).then_some((flags >> 3, len));
        }
    }
    None
}

impl IamfRecogniser {
    /// Whether an audio frame of this type may be the one of this number.
    fn fits(&self, number: usize, kind: u8, last: Option<u8>) -> bool {
        if self.frames.is_empty() {
            // Substreams of an explicit number may repeat the type.
            return last.is_none_or(|last| kind > last || kind == 5);
        }
        self.frames.get(number) == Some(&kind)
    }
}

impl Recogniser for IamfRecogniser {
    fn could_start(&self, head: &[u8]) -> bool {
        let Some(flags) = head.first() else {
            return true;
        };
        let kind = flags >> 3;
        let first = self.frames.first();
        matches!(kind, PARAMETER_BLOCK | TEMPORAL_DELIMITER)
            || first.map_or(AUDIO_FRAMES.contains(&kind), |first| *first == kind)
    }

    fn probe(
        &self,
        window: &mut Window<'_>,
        at: u64,
        end: u64,
        _: Depth,
    ) -> tapo_io::Result<Verdict> {
        let not = |element| {
            Verdict::Not(CodecError::Malformed {
                structure: "IAMF temporal unit",
                element,
            })
        };
        let (mut pos, mut frames, mut bits) = (at, 0, 0.0);
        let mut last = None;
        for number in 0..MOST {
            let left = usize::try_from(end.saturating_sub(pos)).unwrap_or(HEAD);
            let Some((kind, len)) = obu(window.bytes(pos, left.min(HEAD))?) else {
                break;
            };
            let begins = kind == TEMPORAL_DELIMITER && number == 0 && len == 2;
            let is_frame = AUDIO_FRAMES.contains(&kind) && self.fits(frames, kind, last);
            if !(begins || is_frame || kind == PARAMETER_BLOCK) {
                break;
            }
            // A type of 32 where one is expected, and a length that the next OBU confirms.
            bits += 5.0;
            if pos + len > end {
                let cut = Access::new(end.saturating_sub(at), bits);
                return Ok(if frames > 0 || is_frame {
                    Verdict::Cut(cut)
                } else {
                    not("obu_size")
                });
            }
            pos += len;
            if is_frame {
                frames += 1;
                last = Some(kind);
                if frames == self.frames.len() {
                    break;
                }
            }
        }
        let enough = frames > 0 && (self.frames.is_empty() || frames == self.frames.len());
        Ok(if enough {
            Verdict::Sample(Access::new(pos - at, bits))
        } else {
            not("obu_type")
        })
    }

    fn learn(&mut self, sample: &[u8]) {
        let (mut at, mut frames) = (0, Vec::new());
        while let Some((kind, len)) = sample.get(at..).and_then(obu) {
            if AUDIO_FRAMES.contains(&kind) {
                frames.push(kind);
            }
            at = at.saturating_add(usize::try_from(len).unwrap_or(usize::MAX));
        }
        if at != sample.len() || frames.is_empty() || frames.len() > MOST {
            return;
        }
        self.varies |= !self.frames.is_empty() && self.frames != frames;
        self.frames = if self.varies { Vec::new() } else { frames };
    }

    fn fork(&self) -> Box<dyn Recogniser> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temporal_unit_has_a_frame_of_each_substream() {
        let frame = |kind: u8, body: &[u8]| {
            let size = u8::try_from(body.len()).unwrap();
            [&[kind << 3, size][..], body].concat()
        };
        let unit = [
            &[TEMPORAL_DELIMITER << 3, 0][..],
            &frame(6, &[1, 2, 3]),
            &frame(7, &[4; 9]),
        ]
        .concat();
        let data = [&unit[..], &unit[..], &[0xFF; 4]].concat();
        let mut iamf = IamfRecogniser::default();
        let probe = |iamf: &IamfRecogniser, at: usize, end: usize| {
            let verdict = iamf.probe(&mut Window::new(&data), at as u64, end as u64, Depth::Heads);
            match verdict.unwrap() {
                Verdict::Sample(access) => Some((access.len, true)),
                Verdict::Cut(access) => Some((access.len, false)),
                _ => None,
            }
        };
        assert_eq!(probe(&iamf, 0, data.len()), Some((18, true)));
        iamf.learn(&unit);
        assert_eq!(probe(&iamf, 18, data.len()), Some((18, true)));
        assert_eq!(probe(&iamf, 18, 33), Some((15, false)));
        assert_eq!(probe(&iamf, 36, data.len()), None);
        // The second substream alone is no unit.
        assert_eq!(probe(&iamf, 7, data.len()), None);
    }

    #[test]
    fn lengths_of_several_bytes() {
        assert_eq!(obu(&[0x30, 0xF3, 0x01]), Some((6, 3 + 243)));
        assert_eq!(obu(&[0x30, 0xFF, 0xFF, 0xFF, 0x7F]), None);
        assert_eq!(obu(&[0x30]), None);
    }
}
