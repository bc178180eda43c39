//! JPEG pictures (ITU-T T.81) as samples: from marker to marker, from SOI to EOI.

use crate::describe::ConfigBoxes;
use crate::error::CodecError;
use crate::recognise::{Access, Depth, Hints, Recogniser, Verdict};
use crate::units::be;
use tapo_io::Window;

/// No picture is longer.
const MAX_PICTURE: u64 = 256 << 20;

/// One read of a scan.
const PIECE: usize = 1 << 16;

/// For `jpeg`, `mjpa` and `mjpb`'s kin that keep their markers.
pub(crate) fn recogniser(
    _: [u8; 4],
    _: &ConfigBoxes<'_>,
    _: &Hints,
) -> Option<Box<dyn Recogniser>> {
    Some(Box::new(JpegRecogniser {
        pictures: 1,
        padded: false,
    }))
}

#[derive(Debug, Clone)]
struct JpegRecogniser {
    /// Pictures of a sample: two where fields are coded apart.
    pictures: u32,
    /// Zeros have been seen behind the last picture: its end is not the sample's.
    padded: bool,
}

enum End {
    At(u64),
    /// Beyond the end of the data.
    Cut,
    Not(&'static str),
}

/// The end of the picture that begins at `at`.
fn picture(window: &mut Window<'_>, at: u64, end: u64) -> tapo_io::Result<End> {
    let end = end.min(at.saturating_add(MAX_PICTURE));
    if end.saturating_sub(at) < 4 {
        return Ok(End::Not("SOI"));
    }
    if !matches!(window.bytes(at, 4)?, [0xFF, 0xD8, 0xFF, 0xC0..=0xFE]) {
        return Ok(End::Not("SOI"));
    }
    let mut pos = at + 2;
    let mut scanned = false;
    loop {
        let left = usize::try_from(end.saturating_sub(pos)).unwrap_or(4);
        let head = window.bytes(pos, left.min(16))?;
        let (marker, length) = match *head {
            // Fill bytes in front of a marker.
            [0xFF, 0xFF, ..] => {
                pos += 1;
                continue;
            }
            [0xFF, 0xD9, ..] if scanned => return Ok(End::At(pos + 2)),
            [0xFF, marker @ 0xC0..=0xFE, high, low, ..] => {
                (marker, u64::from(u16::from_be_bytes([high, low])))
            }
            [0xFF, 0xC0..=0xFE] | [0xFF, 0xC0..=0xFE, _] | [0xFF] | [] => return Ok(End::Cut),
            _ => return Ok(End::Not("marker")),
        };
        if length < 2 || matches!(marker, 0xC8 | 0xD0..=0xD9 | 0xF0..=0xFD) {
            return Ok(End::Not("marker"));
        }
        // QuickTime says in an APP1 segment how long a field is, its padding included.
        let says_its_size = marker == 0xE1 && pos == at + 2 && head.get(8..12) == Some(b"mjpg");
        if says_its_size
            && let Some(len) = be(window.bytes(pos + 16, 4)?, 0, 4).filter(|&len| len > 64)
        {
            let to = at + len;
            return Ok(if to > end { End::Cut } else { End::At(to) });
        }
        pos += 2 + length;
        if marker == 0xDA {
            scanned = true;
            match scan(window, pos, end)? {
                Some(next) => pos = next,
                None => return Ok(End::Cut),
            }
        }
        if pos >= end {
            return Ok(End::Cut);
        }
    }
}

/// The first marker behind entropy-coded data; `None` if the data ends before.
fn scan(window: &mut Window<'_>, mut pos: u64, end: u64) -> tapo_io::Result<Option<u64>> {
    while pos < end {
        let left = usize::try_from(end - pos).unwrap_or(PIECE);
        let bytes = window.bytes(pos, left.min(PIECE))?;
        let marker = memchr::memchr_iter(0xFF, bytes).find(|&at| {
            // Stuffed zeros, fill bytes and restart markers belong to the scan.
            bytes
                .get(at + 1)
                .is_some_and(|&next| !matches!(next, 0 | 0xFF | 0xD0..=0xD7))
        });
        match marker {
            Some(at) => return Ok(Some(pos + at as u64)),
            // The last byte may be half of a marker.
            None if bytes.len() > 1 => pos += bytes.len() as u64 - 1,
            None => return Ok(None),
        }
    }
    Ok(None)
}

impl Recogniser for JpegRecogniser {
    fn could_start(&self, head: &[u8]) -> bool {
        match head {
            [0xFF, 0xD8, 0xFF, marker, ..] => *marker >= 0xC0,
            [first, _, _, _, ..] => {
                *first == 0xFF && head.get(1) == Some(&0xD8) && head.get(2) == Some(&0xFF)
            }
            _ => true,
        }
    }

    fn next_candidate(&self, bytes: &[u8]) -> Option<usize> {
        let mut found = memchr::memmem::find_iter(bytes, &[0xFF, 0xD8, 0xFF]);
        let found = found.find(|&at| self.could_start(bytes.get(at..).unwrap_or_default()));
        let tail = bytes.len().saturating_sub(3);
        found.or((!bytes.is_empty()).then_some(tail))
    }

    fn probe(
        &self,
        window: &mut Window<'_>,
        at: u64,
        end: u64,
        _: Depth,
    ) -> tapo_io::Result<Verdict> {
        let mut pos = at;
        for _ in 0..self.pictures {
            match picture(window, pos, end)? {
                End::At(next) => pos = next,
                End::Cut => return Ok(Verdict::Cut(Access::new(end - at, 28.0))),
                End::Not(element) => {
                    return Ok(Verdict::Not(CodecError::Malformed {
                        structure: "JPEG picture",
                        element,
                    }));
                }
            }
        }
        let access = Access::new(pos - at, 48.0);
        Ok(if self.padded {
            Verdict::Start(access)
        } else {
            Verdict::Sample(access)
        })
    }

    fn learn(&mut self, sample: &[u8]) {
        let mut window = Window::new(&sample);
        let (mut pos, mut pictures, end) = (0, 0, sample.len() as u64);
        while let Ok(End::At(next)) = picture(&mut window, pos, end) {
            pos = next;
            pictures += 1;
        }
        if pictures == 0 {
            return;
        }
        self.pictures = pictures;
        self.padded |= pos != end;
    }

    fn fork(&self) -> Box<dyn Recogniser> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jpeg() -> Vec<u8> {
        let mut picture = vec![0xFF, 0xD8, 0xFF, 0xDB, 0, 5, 1, 2, 3];
        picture.extend([
            0xFF, 0xDA, 0, 4, 9, 9, 1, 2, 0xFF, 0, 0xFF, 0xD3, 5, 0xFF, 0xFF, 0xD9,
        ]);
        picture
    }

    #[test]
    fn a_marker_behind_the_start_of_image_is_looked_for() {
        let recogniser = JpegRecogniser {
            pictures: 1,
            padded: false,
        };
        let data = [&[0xFF, 0xD8, 0xFF, 0, 9][..], &jpeg()].concat();
        assert_eq!(recogniser.next_candidate(&data), Some(5));
    }

    #[test]
    fn from_start_to_end_of_image() {
        let one = jpeg();
        let data = [one.clone(), one.clone(), vec![0; 4]].concat();
        let mut recogniser = JpegRecogniser {
            pictures: 1,
            padded: false,
        };
        let len = |recogniser: &JpegRecogniser, end| match recogniser
            .probe(&mut Window::new(&data), 0, end, Depth::Heads)
            .unwrap()
        {
            Verdict::Sample(access) => Some(access.len),
            Verdict::Cut(access) => Some(1000 + access.len),
            _ => None,
        };
        assert_eq!(len(&recogniser, 54), Some(25));
        assert_eq!(len(&recogniser, 20), Some(1020));
        recogniser.learn(&data[..50]);
        assert_eq!(len(&recogniser, 54), Some(50), "two fields");
        recogniser.learn(&data);
        assert_eq!(len(&recogniser, 54), None, "padding without end");
    }
}
