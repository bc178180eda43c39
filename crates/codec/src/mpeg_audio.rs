//! MPEG audio frames (ISO/IEC 11172-3, 13818-3): layers I to III, MP3 among them. Each begins with a sync word that gives its length.

use crate::describe::ConfigBoxes;
use crate::error::CodecError;
use crate::recognise::{Access, Depth, Hints, Recogniser, Verdict};
use tapo_io::Window;

const NAME: &str = "MPEG audio frame";

/// Kilobits a second by `bitrate_index`, 1 to 14, for MPEG-1 layers I, II and III and for the lower rates of MPEG-2 (2.4.2.3).
const RATES: [[u16; 14]; 5] = [
    [
        32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448,
    ],
    [
        32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384,
    ],
    [
        32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320,
    ],
    [
        32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256,
    ],
    [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
];

/// What a frame header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    /// Bytes of the frame, header included.
    pub(crate) len: u32,
    /// Samples of each channel.
    pub(crate) samples: u32,
    /// Sampling rate in hertz.
    pub(crate) rate: u32,
    /// One channel.
    pub(crate) mono: bool,
    /// 1 to 3.
    pub(crate) layer: u8,
}

impl Header {
    /// Reads the four bytes of a header; `None` if they are none, or of free format, whose length is nowhere.
    pub(crate) fn read(bytes: [u8; 4]) -> Option<Self> {
        let word = u32::from_be_bytes(bytes);
        if word >> 21 != 0x7FF {
            return None;
        }
        // 0 is MPEG-2.5, 1 is reserved, 2 is MPEG-2, 3 is MPEG-1.
        let version = word >> 19 & 3;
        let layer = 4 - u8::try_from(word >> 17 & 3).ok()?;
        let half = version != 3;
        if version == 1 || layer == 4 || word & 3 == 2 {
            return None;
        }
        let table = match (half, layer) {
            (false, layer) => usize::from(layer) - 1,
            (true, 1) => 3,
            (true, _) => 4,
        };
        let index = usize::try_from(word >> 12 & 15).ok()?.checked_sub(1)?;
        let kilobits = u32::from(*RATES.get(table)?.get(index)?);
        let rate = [44_100, 48_000, 32_000]
            .get(usize::try_from(word >> 10 & 3).ok()?)
            .map(|rate| match version {
                3 => *rate,
                2 => rate / 2,
                _ => rate / 4,
            })?;
        let padding = word >> 9 & 1;
        let samples = match (layer, half) {
            (1, _) => 384,
            (3, true) => 576,
            _ => 1152,
        };
        let len = if layer == 1 {
            (12_000 * kilobits / rate + padding) * 4
        } else {
            samples / 8 * 1000 * kilobits / rate + padding
        };
        Some(Self {
            len,
            samples,
            rate,
            mono: word >> 6 & 3 == 3,
            layer,
        })
    }
}

/// For `.mp3`, `ms\0U` and `mp4a` of MPEG-1 or -2 audio.
pub(crate) fn recogniser(
    _: [u8; 4],
    _: &ConfigBoxes<'_>,
    _: &Hints,
) -> Option<Box<dyn Recogniser>> {
    Some(new())
}

pub(crate) fn new() -> Box<dyn Recogniser> {
    Box::new(MpegAudioRecogniser { like: None })
}

#[derive(Debug, Clone)]
struct MpegAudioRecogniser {
    /// A frame of the sound file: layer, rate and channels do not change.
    like: Option<Header>,
}

impl MpegAudioRecogniser {
    fn header(&self, head: &[u8]) -> Option<Header> {
        let header = Header::read(*head.first_chunk()?)?;
        let alike = self.like.is_none_or(|like| {
            (like.layer, like.rate, like.mono) == (header.layer, header.rate, header.mono)
        });
        alike.then_some(header)
    }
}

impl Recogniser for MpegAudioRecogniser {
    fn could_start(&self, head: &[u8]) -> bool {
        head.len() < 4 || self.header(head).is_some()
    }

    fn next_candidate(&self, bytes: &[u8]) -> Option<usize> {
        let mut found = memchr::memchr_iter(0xFF, bytes);
        found.find(|&at| self.could_start(bytes.get(at..).unwrap_or_default()))
    }

    fn probe(
        &self,
        window: &mut Window<'_>,
        at: u64,
        end: u64,
        _: Depth,
    ) -> tapo_io::Result<Verdict> {
        let left = end.saturating_sub(at);
        let want = usize::try_from(left.min(4)).unwrap_or(4);
        let Some(header) = self.header(window.bytes(at, want)?) else {
            return Ok(Verdict::Not(CodecError::Malformed {
                structure: NAME,
                element: "syncword",
            }));
        };
        let len = u64::from(header.len);
        // Sync word, version, layer, rate, emphasis; and what a sound file adds.
        let bits = if self.like.is_some() { 18.0 } else { 13.5 };
        let access = Access {
            duration: Some(header.samples),
            ..Access::new(len.min(left), bits)
        };
        Ok(if len > left {
            Verdict::Cut(access)
        } else {
            Verdict::Sample(access)
        })
    }

    fn learn(&mut self, sample: &[u8]) {
        if let Some(header) = sample.first_chunk().and_then(|head| Header::read(*head)) {
            self.like.get_or_insert(header);
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
    fn headers() {
        // MPEG-1 layer III, 128 kbit/s, 44.1 kHz, joint stereo.
        let header = Header::read([0xFF, 0xFB, 0x90, 0x64]).unwrap();
        assert_eq!(
            (header.len, header.samples, header.rate),
            (417, 1152, 44_100)
        );
        assert_eq!((header.layer, header.mono), (3, false));
        // With padding.
        assert_eq!(Header::read([0xFF, 0xFB, 0x92, 0x64]).unwrap().len, 418);
        // MPEG-2 layer III, 64 kbit/s, 24 kHz, mono.
        let header = Header::read([0xFF, 0xF3, 0x84, 0xC4]).unwrap();
        assert_eq!((header.len, header.samples, header.mono), (192, 576, true));
        // MPEG-1 layer II, 192 kbit/s, 48 kHz.
        assert_eq!(Header::read([0xFF, 0xFD, 0xA4, 0]).unwrap().len, 576);
        for none in [
            [0xFF, 0xFB, 0xF0, 0],
            [0xFF, 0xFB, 0, 0],
            [0xFF, 0xEB, 0x90, 0],
            [0xFE; 4],
        ] {
            assert_eq!(Header::read(none), None);
        }
    }
}
