//! Apple ProRes frames (SMPTE RDD 36): a frame says how long it is.

use crate::describe::ConfigBoxes;
use crate::error::CodecError;
use crate::recognise::{Access, Depth, Hints, Recogniser, Verdict};
use crate::units::be;
use tapo_io::Window;

/// `frame_size`, `frame_identifier` and a frame header without matrices.
const HEAD_LEN: usize = 8 + 20;

/// Longer than any frame of 16K at the highest rate.
const MAX_FRAME: u64 = 256 << 20;

/// For `apch` and its like.
pub(crate) fn recogniser(
    _: [u8; 4],
    _: &ConfigBoxes<'_>,
    _: &Hints,
) -> Option<Box<dyn Recogniser>> {
    Some(Box::new(ProResRecogniser { size: None }))
}

#[derive(Debug, Clone)]
struct ProResRecogniser {
    /// `horizontal_size` and `vertical_size` of the sound file.
    size: Option<(u64, u64)>,
}

/// What a frame header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Frame {
    len: u64,
    header_len: u64,
    size: (u64, u64),
    /// Two fields.
    interlaced: bool,
}

impl Frame {
    fn read(head: &[u8]) -> Option<Self> {
        let frame = Self {
            len: be(head, 0, 4)?,
            header_len: be(head, 8, 2)?,
            size: (be(head, 16, 2)?, be(head, 18, 2)?),
            interlaced: be(head, 20, 1)? >> 2 & 3 != 0,
        };
        let version = be(head, 10, 2)?;
        let sound = head.get(4..8) == Some(b"icpf")
            && version <= 1
            && (20..=148).contains(&frame.header_len)
            && (8 + frame.header_len..=MAX_FRAME).contains(&frame.len)
            && frame.size.0 != 0
            && frame.size.1 != 0;
        sound.then_some(frame)
    }
}

impl Recogniser for ProResRecogniser {
    fn could_start(&self, head: &[u8]) -> bool {
        head.len() < 8 || head.get(4..8) == Some(b"icpf")
    }

    fn next_candidate(&self, bytes: &[u8]) -> Option<usize> {
        // The identifier stands behind the size. At the end it may be cut.
        let found = memchr::memmem::find_iter(bytes, b"icpf").find_map(|at| at.checked_sub(4));
        let tail = bytes.len().saturating_sub(7);
        found.or((!bytes.is_empty()).then_some(tail))
    }

    fn probe(
        &self,
        window: &mut Window<'_>,
        at: u64,
        end: u64,
        _: Depth,
    ) -> tapo_io::Result<Verdict> {
        let left = end.saturating_sub(at);
        let want = usize::try_from(left).unwrap_or(HEAD_LEN).min(HEAD_LEN);
        let frame = Frame::read(window.bytes(at, want)?)
            .filter(|frame| self.size.is_none_or(|size| size == frame.size));
        let malformed = |element| {
            Verdict::Not(CodecError::Malformed {
                structure: "ProRes frame",
                element,
            })
        };
        let Some(frame) = frame else {
            return Ok(malformed("frame_header"));
        };
        if frame.len > left {
            return Ok(Verdict::Cut(Access::new(left, 48.0)));
        }
        // The pictures, one or two, must fit into the frame; stuffing may follow them.
        let mut pos = 8 + frame.header_len;
        for _ in 0..if frame.interlaced { 2 } else { 1 } {
            let picture = be(window.bytes(at + pos + 1, 4)?, 0, 4).filter(|&size| size >= 8);
            pos += picture.unwrap_or(MAX_FRAME);
            if pos > frame.len {
                return Ok(malformed("picture_size"));
            }
        }
        Ok(Verdict::Sample(Access::new(frame.len, 60.0)))
    }

    fn learn(&mut self, sample: &[u8]) {
        if let Some(frame) = Frame::read(sample) {
            self.size.get_or_insert(frame.size);
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
    fn a_frame_and_its_picture() {
        let mut frame = vec![0u8; 60];
        frame[..12].copy_from_slice(b"\0\0\0\x3Cicpf\0\x14\0\0");
        frame[16..20].copy_from_slice(&[2, 0x80, 1, 0x68]);
        // picture_header_size 8 bytes, picture_size 30.
        frame[28..33].copy_from_slice(&[0x40, 0, 0, 0, 30]);
        let data = [frame.clone(), vec![7; 9]].concat();
        let recogniser = recogniser(*b"apch", &[], &Hints::default()).unwrap();
        let probe = |data: &Vec<u8>, end| {
            recogniser
                .probe(&mut Window::new(data), 0, end, Depth::Heads)
                .unwrap()
        };
        assert_eq!(probe(&data, 69).sample().map(|access| access.len), Some(60));
        assert!(matches!(probe(&data, 50), Verdict::Cut(access) if access.len == 50));
        let mut broken = data.clone();
        broken[32] = 60;
        assert!(matches!(probe(&broken, 69), Verdict::Not(_)));
        let behind = [&[1, 2, 3][..], &data].concat();
        assert_eq!(recogniser.next_candidate(&behind), Some(3));
    }
}
