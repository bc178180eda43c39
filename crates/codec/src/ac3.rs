//! AC-3 and E-AC-3 (ETSI TS 102 366, Annex F): their configuration boxes.

use crate::describe::{CodecDescription, ConfigBoxes, config};
use crate::error::{CodecError, Result};
use crate::recognise::{Access, Depth, Hints, Recogniser, Verdict};
use tapo_io::Window;

/// Sampling rates by `fscod`; 3 is reserved.
const RATES: [u32; 3] = [48_000, 44_100, 32_000];
/// Full-range channels by `acmod`.
const CHANNELS: [u16; 8] = [2, 1, 2, 3, 3, 4, 4, 5];

fn fill(description: &mut CodecDescription<'_>, fscod: u8, acmod: u8, lfeon: u8) {
    description.sample_rate = RATES.get(usize::from(fscod)).copied();
    description.channels = CHANNELS
        .get(usize::from(acmod))
        .map(|channels| channels + u16::from(lfeon));
    description.frame_length = Some(1536);
}

/// `dac3`: fscod 2, bsid 5, bsmod 3, acmod 3, lfeon 1, bit_rate_code 5, reserved 5 bits.
pub(crate) fn describe_ac3<'a>(
    description: &mut CodecDescription<'a>,
    boxes: &ConfigBoxes<'a>,
) -> Result<()> {
    match config(boxes, "dac3")? {
        &[first, second, ..] => {
            fill(description, first >> 6, second >> 3 & 7, second >> 2 & 1);
            Ok(())
        }
        _ => Err(CodecError::Truncated {
            structure: "dac3",
            element: "acmod",
        }),
    }
}

/// `dec3`: data_rate 13, num_ind_sub 3 bits; then for the first substream fscod 2, bsid 5, reserved 1, asvc 1, bsmod 3, acmod 3, lfeon 1.
pub(crate) fn describe_eac3<'a>(
    description: &mut CodecDescription<'a>,
    boxes: &ConfigBoxes<'a>,
) -> Result<()> {
    match config(boxes, "dec3")? {
        &[_, _, first, second, ..] => {
            fill(description, first >> 6, second >> 1 & 7, second & 1);
            Ok(())
        }
        _ => Err(CodecError::Truncated {
            structure: "dec3",
            element: "acmod",
        }),
    }
}

/// Sample blocks of one frame in MP4: six of 256 samples.
const BLOCKS: u32 = 6;

/// Kilobits a second by half of `frmsizecod` (A/52, table 5.18).
const KILOBITS: [u32; 19] = [
    32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640,
];

/// What a synchronisation frame's first bytes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Frame {
    /// Bytes.
    len: u32,
    /// Blocks of 256 samples.
    blocks: u32,
    /// `fscod` (and `fscod2`), to compare with.
    rate: u8,
    /// `bsid` above 10.
    enhanced: bool,
    /// Belongs to the programme of the frame before it.
    dependent: bool,
}

impl Frame {
    /// Reads six bytes of `syncinfo` and `bsi` (A/52, 5.3, E.2).
    fn read(head: [u8; 6]) -> Option<Self> {
        let [0x0B, 0x77, b2, b3, b4, b5] = head else {
            return None;
        };
        let bsid = b5 >> 3;
        if bsid <= 10 {
            let (rate, code) = (b4 >> 6, b4 & 63);
            let kilobits = *KILOBITS.get(usize::from(code / 2))?;
            // In words of 16 bits; 44.1 kHz alternates between two lengths.
            let words = match rate {
                0 => 2 * kilobits,
                1 => 96_000 * kilobits / 44_100 + u32::from(code & 1),
                2 => 3 * kilobits,
                _ => return None,
            };
            return Some(Self {
                len: 2 * words,
                blocks: BLOCKS,
                rate,
                enhanced: false,
                dependent: false,
            });
        }
        if !(11..=16).contains(&bsid) {
            return None;
        }
        let (kind, substream) = (b2 >> 6, b2 >> 3 & 7);
        let words = 1 + (u32::from(b2 & 7) << 8 | u32::from(b3));
        let (rate, blocks) = match (b4 >> 6, b4 >> 4 & 3) {
            (3, 3) => return None,
            // Half the sampling rate, always six blocks.
            (3, half) => (4 + half, BLOCKS),
            (rate, 3) => (rate, BLOCKS),
            (rate, blocks) => (rate, u32::from(blocks) + 1),
        };
        if kind == 3 {
            return None;
        }
        Some(Self {
            len: 2 * words,
            blocks,
            rate,
            enhanced: true,
            dependent: kind == 1 || substream != 0,
        })
    }
}

/// For `ac-3` and `ec-3`.
pub(crate) fn recogniser(
    _: [u8; 4],
    _: &ConfigBoxes<'_>,
    _: &Hints,
) -> Option<Box<dyn Recogniser>> {
    Some(Box::new(Ac3Recogniser { like: None }))
}

#[derive(Debug, Clone)]
struct Ac3Recogniser {
    /// A frame of the sound file: kind and rate do not change.
    like: Option<Frame>,
}

impl Ac3Recogniser {
    fn first(&self, head: &[u8]) -> Option<Frame> {
        let frame = Frame::read(*head.first_chunk()?)?;
        let alike = self
            .like
            .is_none_or(|like| (like.rate, like.enhanced) == (frame.rate, frame.enhanced));
        (alike && !frame.dependent).then_some(frame)
    }
}

impl Recogniser for Ac3Recogniser {
    fn could_start(&self, head: &[u8]) -> bool {
        head.len() < 6 || self.first(head).is_some()
    }

    fn next_candidate(&self, bytes: &[u8]) -> Option<usize> {
        let mut found = memchr::memchr_iter(0x0B, bytes);
        found.find(|&at| self.could_start(bytes.get(at..).unwrap_or_default()))
    }

    fn probe(
        &self,
        window: &mut Window<'_>,
        at: u64,
        end: u64,
        depth: Depth,
    ) -> tapo_io::Result<Verdict> {
        let (mut pos, mut blocks) = (at, 0);
        let mut flaw = None;
        loop {
            let left = end.saturating_sub(pos);
            let head = window.bytes(pos, usize::try_from(left.min(6)).unwrap_or(6))?;
            let frame = match blocks {
                0 => self.first(head),
                // Dependent substreams follow their frame, short frames make up six blocks together.
                _ => head
                    .first_chunk()
                    .and_then(|head| Frame::read(*head))
                    .filter(|frame| frame.enhanced && (frame.dependent || blocks < BLOCKS)),
            };
            let Some(frame) = frame else {
                break;
            };
            let len = u64::from(frame.len);
            if len > left {
                // Behind a whole sample this may be anything.
                if blocks >= BLOCKS {
                    break;
                }
                return Ok(Verdict::Cut(access(end.saturating_sub(at), blocks, flaw)));
            }
            if depth == Depth::Thorough && flaw.is_none() {
                let bytes = window.bytes(pos, usize::try_from(len).unwrap_or_default())?;
                // Both kinds of frame end in a CRC over all but the sync word.
                let sound = crc16(bytes.get(2..).unwrap_or_default()) == 0;
                flaw = (!sound).then_some(pos);
            }
            if !frame.dependent {
                blocks += frame.blocks;
            }
            pos += len;
        }
        Ok(if blocks == 0 {
            Verdict::Not(CodecError::Malformed {
                structure: "AC-3 frame",
                element: "syncword",
            })
        } else {
            Verdict::Sample(access(pos - at, blocks, flaw))
        })
    }

    fn learn(&mut self, sample: &[u8]) {
        if let Some(frame) = sample.first_chunk().and_then(|head| Frame::read(*head)) {
            self.like.get_or_insert(frame);
        }
    }

    fn fork(&self) -> Box<dyn Recogniser> {
        Box::new(self.clone())
    }
}

fn access(len: u64, blocks: u32, flaw: Option<u64>) -> Access {
    Access {
        duration: Some(256 * blocks.max(1)),
        flaw,
        // Sync word, rate, kind.
        ..Access::new(len, 21.0)
    }
}

/// CRC-16 with the polynomial of A/52, 7.10.1, and of FLAC (RFC 9639, 9.3): 0 over data with its checksum behind it.
pub(crate) fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc: u16, &byte| {
        (0..8).fold(crc ^ u16::from(byte) << 8, |crc, _| {
            crc << 1 ^ if crc & 0x8000 != 0 { 0x8005 } else { 0 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::describe;

    #[test]
    fn five_point_one() {
        let ac3 = describe(*b"ac-3", &[(*b"dac3", &[0x10, 0x3D, 0xE0])]);
        assert_eq!((ac3.sample_rate, ac3.channels), (Some(48_000), Some(6)));
        let eac3 = describe(*b"ec-3", &[(*b"dec3", &[0x06, 0x00, 0x60, 0x04, 0x00])]);
        assert_eq!((eac3.sample_rate, eac3.channels), (Some(44_100), Some(2)));
        assert!(describe(*b"ac-3", &[]).defect.is_some());
    }

    #[test]
    fn frame_lengths() {
        let len = |head| Frame::read(head).map(|frame| (frame.len, frame.blocks));
        // 48 kHz, 128 kbit/s; 44.1 kHz, 192 kbit/s in its two lengths; 32 kHz, 32 kbit/s.
        assert_eq!(len([0x0B, 0x77, 0, 0, 0x10, 0x40]), Some((512, 6)));
        assert_eq!(len([0x0B, 0x77, 0, 0, 0x54, 0x40]), Some((834, 6)));
        assert_eq!(len([0x0B, 0x77, 0, 0, 0x55, 0x40]), Some((836, 6)));
        assert_eq!(len([0x0B, 0x77, 0, 0, 0x80, 0x40]), Some((192, 6)));
        // Enhanced: 0x2FF + 1 words, 48 kHz, six blocks; then two blocks.
        assert_eq!(len([0x0B, 0x77, 2, 0xFF, 0x34, 0x80]), Some((1536, 6)));
        assert_eq!(len([0x0B, 0x77, 2, 0xFF, 0x14, 0x80]), Some((1536, 2)));
        for none in [
            [0x0B, 0x77, 0, 0, 0xC0, 0x40],
            [0x0B, 0x77, 0xC0, 0, 0x34, 0x80],
            [0; 6],
        ] {
            assert_eq!(len(none), None);
        }
    }

    #[test]
    fn the_checksum_of_checked_data_is_zero() {
        let crc = crc16(b"123456789");
        let [high, low] = crc.to_be_bytes();
        assert_eq!(crc16(&[b"123456789", &[high, low][..]].concat()), 0);
        assert_eq!(crc, 0xFEE8, "CRC-16/UMTS");
    }
}
