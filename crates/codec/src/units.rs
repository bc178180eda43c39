//! What the recognisers of H.264 and H.265 have in common: length-prefixed NAL units at places of a file.

use crate::error::CodecError;
use memchr::memmem;
use tapo_io::{Span, Window};

/// Slice headers, SEI messages and the like are looked at no further than this.
pub(crate) const UNIT_HEAD: usize = 1024;

/// No NAL unit is taken to be longer where no parameter set bounds it: the greatest picture of level 6.2 hardly takes more.
pub(crate) const MAX_UNIT: u64 = 64 << 20;

/// One piece of [`first_forbidden`]'s work.
const PIECE: u64 = 1 << 16;

const NAME: &str = "NAL unit";

/// A NAL unit as its length field declares it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unit {
    /// The unit without its length field. May reach beyond the end of the data.
    pub(crate) span: Span,
}

impl Unit {
    /// Reads the length field at `at`. The inner error says why no unit of `least..=most` bytes starts there.
    pub(crate) fn read(
        window: &mut Window<'_>,
        at: u64,
        end: u64,
        length_size: usize,
        least: u64,
        most: u64,
    ) -> tapo_io::Result<Result<Self, CodecError>> {
        let left = usize::try_from(end.saturating_sub(at)).unwrap_or(usize::MAX);
        let field = window.bytes(at, length_size.min(left))?;
        if field.len() < length_size {
            return Ok(Err(CodecError::Truncated {
                structure: NAME,
                element: "length",
            }));
        }
        let length = field.iter().fold(0u64, |n, &b| n << 8 | u64::from(b));
        if !(least..=most).contains(&length) {
            return Ok(Err(malformed("length")));
        }
        Ok(Ok(Self {
            span: Span::at(at + field.len() as u64, length),
        }))
    }

    /// Its first bytes, [`UNIT_HEAD`] at most, as far as they lie before `end`.
    pub(crate) fn head<'w>(
        &self,
        window: &'w mut Window<'_>,
        end: u64,
    ) -> tapo_io::Result<&'w [u8]> {
        let there = self.span.end.min(end).saturating_sub(self.span.start);
        let want = usize::try_from(there).unwrap_or(UNIT_HEAD).min(UNIT_HEAD);
        window.bytes(self.span.start, want)
    }

    /// Whether it ends as a NAL unit must: not in a zero, unless in `cabac_zero_words` (H.264 and H.265 7.4.2.10, 7.4.9.14).
    pub(crate) fn ends_well(&self, window: &mut Window<'_>) -> tapo_io::Result<bool> {
        let take = self.span.len().min(3);
        let from = self.span.end.saturating_sub(take);
        let tail = window.bytes(from, usize::try_from(take).unwrap_or(3))?;
        Ok(tail.last().is_some_and(|&b| b != 0))
    }
}

pub(crate) const fn malformed(element: &'static str) -> CodecError {
    CodecError::Malformed {
        structure: NAME,
        element,
    }
}

/// A big-endian number of `count` bytes at an offset of these.
pub(crate) fn be(bytes: &[u8], at: usize, count: usize) -> Option<u64> {
    let field = bytes.get(at..at.checked_add(count)?)?;
    Some(field.iter().fold(0, |n, &b| n << 8 | u64::from(b)))
}

/// The first place in a NAL unit at which emulation prevention (7.4.1) is violated: `00 00` with 00, 01 or 02 behind it, or `00 00 03`
/// with more than 03 behind it. Zeros at the very end are passed over if `padded`.
pub(crate) fn first_forbidden(
    window: &mut Window<'_>,
    unit: Span,
    padded: bool,
) -> tapo_io::Result<Option<u64>> {
    let mut at = unit.start;
    while at < unit.end {
        // Three bytes more, so that a pair of zeros at the end of a piece is seen with what follows it.
        let want = (unit.end - at).min(PIECE + 3);
        let bytes = window.bytes(at, usize::try_from(want).unwrap_or(0))?;
        if let Some(found) = forbidden(bytes) {
            let found = at + found as u64;
            if !padded || !rest_is_zero(window, Span::new(found, unit.end))? {
                return Ok(Some(found));
            }
            return Ok(None);
        }
        at += PIECE;
    }
    Ok(None)
}

/// The bytes in front of the first violation of emulation prevention: a header before the damage can still be read.
pub(crate) fn sound_part(head: &[u8]) -> &[u8] {
    let end = forbidden(head).unwrap_or(head.len());
    head.get(..end).unwrap_or(head)
}

fn forbidden(bytes: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(found) = memmem::find(bytes.get(from..)?, &[0, 0]) {
        let at = from + found;
        match bytes.get(at + 2..) {
            Some(&[0..=2, ..] | &[3, 4..=255, ..]) => return Some(at),
            _ => from = at + 2,
        }
        // What stands behind 00 00 03 is no zero of this pair; otherwise the second zero may begin another pair only with a third.
    }
    None
}

fn rest_is_zero(window: &mut Window<'_>, rest: Span) -> tapo_io::Result<bool> {
    if rest.len() > PIECE {
        return Ok(false);
    }
    let bytes = window.bytes(rest.start, usize::try_from(rest.len()).unwrap_or(0))?;
    Ok(bytes.iter().all(|&b| b == 0))
}

/// Whether SEI messages (7.3.2.3) fill this NAL unit: types and sizes add up to its end. Where only its head is there, as far as that
/// goes. `header` is the length of the NAL unit header, `whole` the length of the unit.
pub(crate) fn sei_adds_up(head: &[u8], header: usize, whole: u64) -> bool {
    let mut payload = Unescaped::new(head.get(header..).unwrap_or_default());
    let cut = (head.len() as u64) < whole;
    loop {
        let mut number = || -> Option<usize> {
            let mut sum = 0usize;
            loop {
                let byte = payload.next()?;
                sum += usize::from(byte);
                if byte != 255 {
                    return Some(sum);
                }
            }
        };
        let (Some(_), Some(size)) = (number(), number()) else {
            return cut;
        };
        if size as u64 > whole {
            return false;
        }
        for _ in 0..size {
            if payload.next().is_none() {
                return cut;
            }
        }
        // Behind the last message stand the trailing bits, and what an encoder has left there. Type 128 is not in use.
        match payload.clone().next() {
            Some(0x80) => return true,
            Some(_) => {}
            None => return cut,
        }
    }
}

/// Whether filler data (7.3.2.7): `FF` and one `80`.
pub(crate) fn is_filler(head: &[u8], header: usize, whole: u64) -> bool {
    let body = head.get(header..).unwrap_or_default();
    match body.split_last() {
        Some((&0x80, fill)) if head.len() as u64 == whole => fill.iter().all(|&b| b == 0xFF),
        Some(_) if (head.len() as u64) < whole => body.iter().all(|&b| b == 0xFF),
        _ => false,
    }
}

/// Bytes without emulation prevention.
#[derive(Clone)]
struct Unescaped<'a> {
    bytes: std::slice::Iter<'a, u8>,
    zeros: u8,
}

impl<'a> Unescaped<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes: bytes.iter(),
            zeros: 0,
        }
    }
}

impl Iterator for Unescaped<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        let mut byte = *self.bytes.next()?;
        if self.zeros >= 2 && byte == 3 {
            self.zeros = 0;
            byte = *self.bytes.next()?;
        }
        self.zeros = if byte == 0 {
            self.zeros.saturating_add(1)
        } else {
            0
        };
        Some(byte)
    }
}

/// The first offset at which a length field of `length_size` bytes of at most `most` stands, followed by bytes that `legal` accepts.
/// Places at the very end, of which too little is there, count.
pub(crate) fn next_unit(
    bytes: &[u8],
    length_size: usize,
    most: u64,
    legal: impl Fn(&[u8]) -> bool,
) -> Option<usize> {
    let fits = |at: usize| {
        let Some(field) = bytes.get(at..at + length_size) else {
            return true;
        };
        let length = field.iter().fold(0u64, |n, &b| n << 8 | u64::from(b));
        length >= 2 && length <= most && bytes.get(at + length_size..).is_none_or(&legal)
    };
    let zero_first = length_size == 4 && most < 1 << 24;
    let mut from = 0;
    while from < bytes.len() {
        let at = if zero_first {
            from + memchr::memchr(0, bytes.get(from..)?)?
        } else {
            from
        };
        if fits(at) {
            return Some(at);
        }
        from = at + 1;
        if zero_first {
            // A row of zeros is passed over up to where a length could begin in it.
            let run = bytes.get(at..)?.iter().position(|&b| b != 0);
            let run = run.unwrap_or(bytes.len() - at);
            from = from.max((at + run).saturating_sub(length_size - 1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_message_of_many_zeros_is_read() {
        let zeroed = [&[6, 5, 255, 255][..], &[0; 600], &[0x80]].concat();
        let whole = zeroed.len() as u64;
        assert!(!sei_adds_up(&zeroed, 1, whole));
        let bytes = Unescaped::new(&[0; 600]);
        assert_eq!(bytes.count(), 600);
    }

    #[test]
    fn emulation_prevention() {
        assert_eq!(forbidden(&[1, 0, 0, 3, 1, 0, 0, 3, 0, 0, 3]), None);
        assert_eq!(forbidden(&[1, 0, 0, 1]), Some(1));
        assert_eq!(forbidden(&[0, 0, 3, 4]), Some(0));
        assert_eq!(forbidden(&[5, 0, 0, 0]), Some(1));
        assert_eq!(forbidden(&[0, 0, 4, 0, 0, 2]), Some(3));
        assert_eq!(forbidden(&[9, 0, 0]), None);
    }

    #[test]
    fn a_violation_across_pieces_is_found() {
        let piece = usize::try_from(PIECE).unwrap();
        for at in piece - 4..piece + 4 {
            let mut bytes = vec![7u8; piece * 2];
            bytes[at..at + 3].fill(0);
            let mut window = Window::new(&bytes);
            let span = Span::new(0, bytes.len() as u64);
            let found = first_forbidden(&mut window, span, false).unwrap();
            assert_eq!(found, Some(at as u64));
        }
    }

    #[test]
    fn padding_at_the_end() {
        let bytes = vec![7u8, 7, 0, 0, 0, 0];
        let mut window = Window::new(&bytes);
        let unit = Span::new(0, 6);
        assert_eq!(first_forbidden(&mut window, unit, true).unwrap(), None);
        assert_eq!(first_forbidden(&mut window, unit, false).unwrap(), Some(2));
    }

    #[test]
    fn sei_messages() {
        // Header, type 5, two bytes, type 6, one byte, trailing bits.
        let sei = [6, 5, 2, 0xAA, 0xBB, 6, 1, 0x1F, 0x80];
        assert!(sei_adds_up(&sei, 1, 9));
        assert!(!sei_adds_up(&sei[..8], 1, 8));
        assert!(sei_adds_up(&sei[..7], 1, 9), "cut");
        assert!(!sei_adds_up(&[6, 5, 200, 1, 2, 0x80], 1, 6));
        // An emulation prevention byte within the payload does not count.
        assert!(sei_adds_up(&[6, 5, 4, 0, 0, 3, 1, 9, 0x80], 1, 9));
    }

    #[test]
    fn filler() {
        assert!(is_filler(&[12, 255, 255, 0x80], 1, 4));
        assert!(is_filler(&[12, 255, 255], 1, 9));
        assert!(!is_filler(&[12, 255, 254, 0x80], 1, 4));
        assert!(!is_filler(&[12, 255, 255], 1, 3));
    }

    proptest! {
        #[test]
        fn candidates_are_those_of_the_plain_search(mut bytes in proptest::collection::vec(prop_oneof![3 => Just(0u8), 1 => any::<u8>()], 0..80), size in 1usize..=4, most in prop_oneof![Just(1u64 << 20), Just(1 << 26)]) {
            bytes.push(1);
            let legal = |b: u8| b & 3 == 1;
            let starts = |rest: &[u8]| rest.first().is_none_or(|&b| legal(b));
            let plain = (0..bytes.len()).find(|&at| match bytes.get(at..at + size) {
                None => true,
                Some(field) => {
                    let length = field.iter().fold(0u64, |n, &b| n << 8 | u64::from(b));
                    (2..=most).contains(&length) && bytes.get(at + size).is_none_or(|&b| legal(b))
                }
            });
            let found = next_unit(&bytes, size, most, starts);
            // At the very end a zero must lead where the fast search is used.
            if plain.is_some_and(|at| at + size <= bytes.len()) {
                prop_assert_eq!(found, plain);
            }
        }
    }
}
