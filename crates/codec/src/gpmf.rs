//! GoPro telemetry (GPMF): keys, types, sizes and repeats, nested, each padded to four bytes.

use crate::describe::ConfigBoxes;
use crate::error::CodecError;
use crate::recognise::{Access, Depth, Hints, Recogniser, Verdict};
use crate::units::be;
use tapo_io::Window;

/// A device's data of one second takes a few kilobytes; with all raw sensors some hundred.
const MAX_DEVICE: u64 = 16 << 20;

/// Levels of nesting: device, stream, and what may come.
const MAX_DEPTH: usize = 8;

/// For `gpmd`.
pub(crate) fn recogniser(
    _: [u8; 4],
    _: &ConfigBoxes<'_>,
    _: &Hints,
) -> Option<Box<dyn Recogniser>> {
    Some(Box::new(GpmfRecogniser { devices: 1 }))
}

#[derive(Debug, Clone)]
struct GpmfRecogniser {
    /// Devices of a sample.
    devices: u32,
}

/// One key: whether it nests, and its bytes with head and padding.
fn item(head: &[u8]) -> Option<(bool, u64)> {
    let key = head.get(..4)?;
    let named = key
        .iter()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b' ' | b'_' | b'!' | b'#' | b'?'));
    let kind = *head.get(4)?;
    let size = be(head, 5, 1)? * be(head, 6, 2)?;
    (named && (kind == 0 || kind.is_ascii_alphabetic() || kind == b'?'))
        .then(|| (kind == 0, 8 + size.next_multiple_of(4)))
}

/// Bytes of the device at `at`, if all its items add up; the inner error is whether data ends within.
fn device(window: &mut Window<'_>, at: u64, end: u64) -> tapo_io::Result<Result<u64, bool>> {
    let mut ends = [0u64; MAX_DEPTH];
    let mut depth = 0usize;
    let mut pos = at;
    loop {
        let head = window.bytes(pos, 8)?;
        let Some((nests, len)) = item(head) else {
            return Ok(Err(false));
        };
        let to = pos + len;
        let outer = depth
            .checked_sub(1)
            .and_then(|level| ends.get(level))
            .copied();
        match outer {
            None if !head.starts_with(b"DEVC") || !nests || len > MAX_DEVICE => {
                return Ok(Err(false));
            }
            None if to > end => return Ok(Err(true)),
            Some(outer) if to > outer => return Ok(Err(false)),
            _ => {}
        }
        if nests {
            let Some(slot) = ends.get_mut(depth) else {
                return Ok(Err(false));
            };
            *slot = to;
            depth += 1;
            pos += 8;
        } else {
            pos = to;
        }
        // Every level that is full ends here.
        while let Some(&full) = depth.checked_sub(1).and_then(|level| ends.get(level)) {
            if pos < full {
                break;
            }
            depth -= 1;
        }
        if depth == 0 {
            return Ok(Ok(pos - at));
        }
    }
}

impl Recogniser for GpmfRecogniser {
    fn could_start(&self, head: &[u8]) -> bool {
        head.len() < 5 || head.starts_with(b"DEVC\0")
    }

    fn next_candidate(&self, bytes: &[u8]) -> Option<usize> {
        let found = memchr::memmem::find(bytes, b"DEVC\0");
        let tail = bytes.len().saturating_sub(4);
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
        for _ in 0..self.devices {
            match device(window, pos, end)? {
                Ok(len) => pos += len,
                Err(true) => return Ok(Verdict::Cut(Access::new(end.saturating_sub(at), 40.0))),
                Err(false) => {
                    return Ok(Verdict::Not(CodecError::Malformed {
                        structure: "GPMF device",
                        element: "key",
                    }));
                }
            }
        }
        Ok(Verdict::Sample(Access::new(pos - at, 60.0)))
    }

    fn learn(&mut self, sample: &[u8]) {
        let mut window = Window::new(&sample);
        let (mut pos, mut devices, end) = (0, 0, sample.len() as u64);
        while let Ok(Ok(len)) = device(&mut window, pos, end) {
            pos += len;
            devices += 1;
        }
        if pos == end && devices > 0 {
            self.devices = devices;
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
    fn nested_items_add_up() {
        // DEVC of 28 bytes: DVID (4), STRM of 8: TICK without data; nothing behind.
        let mut data =
            b"DEVC\0\x01\0\x1CDVIDL\x04\0\x01\0\0\0\x01STRM\0\x01\0\x08TICKL\x04\0\0".to_vec();
        let recogniser = recogniser(*b"gpmd", &[], &Hints::default()).unwrap();
        data.extend_from_slice(b"other data");
        let len = |data: &Vec<u8>, end| match recogniser
            .probe(&mut Window::new(data), 0, end, Depth::Heads)
            .unwrap()
        {
            Verdict::Sample(access) => Some(access.len),
            Verdict::Cut(_) => Some(0),
            _ => None,
        };
        assert_eq!(len(&data, 46), Some(36));
        assert_eq!(len(&data, 30), Some(0));
        data[27] = 16;
        assert_eq!(len(&data, 46), None, "an item beyond its parent");
    }
}
