//! Linear PCM and G.711: no frames, a constant number of bytes a sample.

mod waveform;

use crate::describe::{CodecDescription, ConfigBoxes, config};
use crate::error::{CodecError, Result};
use crate::recognise::{Access, Delimiting, Depth, Hints, Recogniser, Verdict};
use tapo_io::Window;
use waveform::{ByteOrder, Coding};

pub(crate) fn describe<'a>(
    description: &mut CodecDescription<'a>,
    boxes: &ConfigBoxes<'a>,
) -> Result<()> {
    // sowt, twos, raw and lpcm leave the size to the sample entry.
    description.bits = match &description.entry_type {
        b"alaw" | b"ulaw" => Some(8),
        b"in24" => Some(24),
        b"in32" | b"fl32" => Some(32),
        b"fl64" => Some(64),
        b"ipcm" | b"fpcm" => {
            // PCMConfig (ISO/IEC 23003-5): version and flags, format_flags, PCM_sample_size.
            let payload = config(boxes, "pcmC")?;
            let &[_, _, _, _, flags, bits, ..] = payload else {
                return Err(CodecError::Truncated {
                    structure: "pcmC",
                    element: "PCM_sample_size",
                });
            };
            let order = if flags & 1 == 1 { "little" } else { "big" };
            description.name = format!("{}, {order}-endian", description.name);
            Some(bits)
        }
        _ => None,
    };
    Ok(())
}

/// For PCM and G.711: any bytes are good, a whole number of frames of them.
pub(crate) fn recogniser(
    entry_type: [u8; 4],
    boxes: &ConfigBoxes<'_>,
    hints: &Hints,
) -> Option<Box<dyn Recogniser>> {
    // `raw ` is also uncompressed video.
    if hints.handler.is_some_and(|handler| handler != *b"soun") {
        return None;
    }
    let declared = hints.sample_bits.filter(|bits| (1..=64).contains(bits));
    let bits = match &entry_type {
        b"alaw" | b"ulaw" => 8,
        b"in24" => 24,
        b"in32" | b"fl32" => 32,
        b"fl64" => 64,
        b"ipcm" | b"fpcm" => u32::from(*config(boxes, "pcmC").ok()?.get(5)?),
        b"raw " => declared.unwrap_or(8),
        _ => declared.unwrap_or(16),
    };
    let channels = hints.channels.unwrap_or(1).clamp(1, 256);
    let bytes = bits.div_ceil(8).clamp(1, 8);
    Some(Box::new(ConstantRate {
        frame_bytes: bytes * channels,
        sound: coding(entry_type, boxes, bytes),
    }))
}

/// How samples are written. The byte order of QuickTime's wider entries stands in an extension (`enda`) that not all writers give; that
/// of `lpcm` in fields of the entry itself.
fn coding(entry_type: [u8; 4], boxes: &ConfigBoxes<'_>, bytes: u32) -> Option<Coding> {
    let flags = config(boxes, "pcmC").ok().and_then(|b| b.get(4).copied());
    let order = match (&entry_type, flags) {
        (b"sowt", _) => ByteOrder::Little,
        (b"twos", _) => ByteOrder::Big,
        (b"ipcm" | b"fpcm", Some(flags)) if flags & 1 == 1 => ByteOrder::Little,
        (b"ipcm" | b"fpcm", Some(_)) => ByteOrder::Big,
        _ => ByteOrder::Either,
    };
    let bytes = usize::try_from(bytes).ok()?;
    match &entry_type {
        b"alaw" => Some(Coding::ALaw),
        b"ulaw" => Some(Coding::MuLaw),
        b"fl32" | b"fl64" | b"fpcm" if matches!(bytes, 4 | 8) => {
            Some(Coding::Float { bytes, order })
        }
        b"fl32" | b"fl64" | b"fpcm" => None,
        b"raw " if bytes == 1 => Some(Coding::Offset),
        _ => Some(Coding::Integer { bytes, order }),
    }
}

/// For `tmcd`: a frame counter of 32 bits, which may have any value.
pub(crate) fn time_code(_: [u8; 4], _: &ConfigBoxes<'_>, _: &Hints) -> Option<Box<dyn Recogniser>> {
    Some(Box::new(ConstantRate {
        frame_bytes: 4,
        sound: None,
    }))
}

/// For data without any syntax, of a constant number of bytes for each tick.
#[derive(Debug, Clone)]
struct ConstantRate {
    frame_bytes: u32,
    sound: Option<Coding>,
}

impl Recogniser for ConstantRate {
    fn delimiting(&self) -> Delimiting {
        Delimiting::Constant {
            frame_bytes: self.frame_bytes,
        }
    }

    fn could_start(&self, _: &[u8]) -> bool {
        true
    }

    fn probe(&self, _: &mut Window<'_>, at: u64, end: u64, _: Depth) -> tapo_io::Result<Verdict> {
        let len = u64::from(self.frame_bytes);
        let left = end.saturating_sub(at);
        if left == 0 {
            return Ok(Verdict::Not(CodecError::Truncated {
                structure: "sound",
                element: "sample",
            }));
        }
        let access = Access {
            duration: Some(1),
            ..Access::new(len.min(left), 0.0)
        };
        Ok(if left < len {
            Verdict::Cut(access)
        } else {
            Verdict::Start(access)
        })
    }

    fn likeness(&self, data: &[u8], backwards: bool) -> Vec<f32> {
        let frame = usize::try_from(self.frame_bytes).unwrap_or(usize::MAX);
        self.sound.map_or_else(Vec::new, |coding| {
            waveform::likeness(coding, frame, data, backwards)
        })
    }

    fn rivals(&self) -> Vec<(&'static str, Box<dyn Recogniser>)> {
        let Some(own) = self.sound else {
            return Vec::new();
        };
        let bytes = u32::try_from(own.bytes()).unwrap_or(1).max(1);
        let channels = self.frame_bytes / bytes;
        let others = waveform::NAMED.iter().filter(|(_, c)| !own.may_be(*c));
        let recogniser = |coding: Coding| -> Box<dyn Recogniser> {
            let bytes = u32::try_from(coding.bytes()).unwrap_or(1);
            Box::new(Self {
                frame_bytes: bytes * channels,
                sound: Some(coding),
            })
        };
        others
            .map(|(name, coding)| (*name, recogniser(*coding)))
            .collect()
    }

    fn fork(&self) -> Box<dyn Recogniser> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_a_frame() {
        let bytes = |kind: &[u8; 4], channels, bits| {
            let hints = Hints {
                handler: Some(*b"soun"),
                channels: Some(channels),
                sample_bits: Some(bits),
                ..Hints::default()
            };
            recogniser(*kind, &[(*b"pcmC", &[0, 0, 0, 0, 1, 24])], &hints).map(|r| r.delimiting())
        };
        let frames = |frame_bytes| Some(Delimiting::Constant { frame_bytes });
        assert_eq!(bytes(b"alaw", 1, 16), frames(1));
        assert_eq!(bytes(b"sowt", 2, 16), frames(4));
        assert_eq!(bytes(b"in24", 6, 16), frames(18));
        assert_eq!(bytes(b"ipcm", 2, 16), frames(6));
        assert_eq!(bytes(b"lpcm", 2, 32), frames(8));
        let video = Hints {
            handler: Some(*b"vide"),
            ..Hints::default()
        };
        assert!(recogniser(*b"raw ", &[], &video).is_none());
    }
}
