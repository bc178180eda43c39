//! Box headers (14496-12 §4.2.2).

use crate::FourCc;
use nom::number::complete::{be_u32, be_u64};
use nom::{IResult, Parser};
use tapo_io::Span;

/// How a header states the size of its box.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum BoxSize {
    /// 32 bits, header included.
    Compact(u32),
    /// 64 bits (`size == 1`), header included.
    Large(u64),
    /// To the end of the file (`size == 0`).
    ToEnd,
}

/// A box header, where it stands and what it says.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct BoxHeader {
    /// Offset of its first byte, from the start of the file.
    pub at: u64,
    /// The box type.
    pub kind: FourCc,
    /// The size it states.
    pub size: BoxSize,
    /// The extended type of a `uuid` box.
    pub user_type: Option<[u8; 16]>,
}

impl BoxHeader {
    /// What the longest header takes, bytes: 64-bit size and a user type.
    pub const MAX_LEN: usize = 32;

    /// Reads the header at `at`; `bytes` starts there and holds up to
    /// [`BoxHeader::MAX_LEN`] bytes. `None` where they are too few.
    #[must_use]
    pub fn read(at: u64, bytes: &[u8]) -> Option<Self> {
        let (_, (kind, size, user_type)) = header(bytes).ok()?;
        Some(Self {
            at,
            kind,
            size,
            user_type,
        })
    }

    /// Bytes of the header itself: 8, 16, 24 or 32.
    #[must_use]
    pub fn len(&self) -> u64 {
        let size: u64 = match self.size {
            BoxSize::Large(_) => 16,
            BoxSize::Compact(_) | BoxSize::ToEnd => 8,
        };
        size + if self.user_type.is_some() { 16 } else { 0 }
    }

    /// A header is never empty.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        false
    }

    /// Where the box ends by its own word; `end` if it reaches to the end.
    /// `None` if the size does not even hold the header.
    #[must_use]
    pub fn declared_end(&self, end: u64) -> Option<u64> {
        let size = match self.size {
            BoxSize::Compact(size) => u64::from(size),
            BoxSize::Large(size) => size,
            BoxSize::ToEnd => return Some(end),
        };
        (size >= self.len()).then(|| self.at.saturating_add(size))
    }

    /// The bytes of the header.
    #[must_use]
    pub fn span(&self) -> Span {
        Span::at(self.at, self.len())
    }
}

type Fields = (FourCc, BoxSize, Option<[u8; 16]>);

fn header(bytes: &[u8]) -> IResult<&[u8], Fields> {
    let (rest, (size, kind)) = (be_u32, four).parse(bytes)?;
    let kind = FourCc(kind);
    let (rest, size) = match size {
        0 => (rest, BoxSize::ToEnd),
        1 => be_u64.map(BoxSize::Large).parse(rest)?,
        _ => (rest, BoxSize::Compact(size)),
    };
    let (rest, user_type) = if kind == b"uuid" {
        sixteen.map(Some).parse(rest)?
    } else {
        (rest, None)
    };
    Ok((rest, (kind, size, user_type)))
}

fn four(bytes: &[u8]) -> IResult<&[u8], [u8; 4]> {
    array(bytes)
}

fn sixteen(bytes: &[u8]) -> IResult<&[u8], [u8; 16]> {
    array(bytes)
}

fn array<const N: usize>(bytes: &[u8]) -> IResult<&[u8], [u8; N]> {
    match bytes.split_first_chunk() {
        Some((head, rest)) => Ok((rest, *head)),
        None => Err(nom::Err::Error(nom::error::Error::new(
            bytes,
            nom::error::ErrorKind::Eof,
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_ways_to_state_a_size() {
        let compact = BoxHeader::read(40, b"\0\0\0\x10mdat").unwrap();
        assert_eq!(compact.size, BoxSize::Compact(16));
        assert_eq!(compact.declared_end(1000), Some(56));
        let large = BoxHeader::read(0, b"\0\0\0\x01mdat\0\0\0\x01\0\0\0\0").unwrap();
        assert_eq!((large.len(), large.size), (16, BoxSize::Large(1 << 32)));
        let open = BoxHeader::read(8, b"\0\0\0\0mdat").unwrap();
        assert_eq!(open.declared_end(99), Some(99));
    }

    #[test]
    fn a_size_below_its_own_header_has_no_end() {
        let tiny = BoxHeader::read(0, b"\0\0\0\x07free").unwrap();
        assert_eq!(tiny.declared_end(99), None);
        let uuid = [b"\0\0\0\x14uuid".as_slice(), &[9; 16]].concat();
        let uuid = BoxHeader::read(0, &uuid).unwrap();
        assert_eq!((uuid.len(), uuid.declared_end(99)), (24, None));
    }

    #[test]
    fn half_a_header_is_none() {
        assert_eq!(BoxHeader::read(0, b"\0\0\0\x08moo"), None);
        assert_eq!(BoxHeader::read(0, b"\0\0\0\x01mdat\0\0\0"), None);
        assert_eq!(BoxHeader::read(0, b"\0\0\0\x30uuid\0\0\0"), None);
    }
}
