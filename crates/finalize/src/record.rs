//! The undo record: what a file was before a `moov` was appended to it.

use crate::crc::crc32;
use crate::layout::UNDO;
use tapo_bmff::{BoxHeader, BoxWriter, FourCc, be_u32, be_u64};
use tapo_io::Span;

/// A box header of `total` bytes in all: 8 bytes if 32 bits can say it, else 16.
pub(crate) fn header(kind: &[u8; 4], total: u64) -> Vec<u8> {
    let large = u32::try_from(total).is_err();
    BoxWriter::header(
        kind,
        total.saturating_sub(if large { 16 } else { 8 }),
        large,
    )
}

/// Bytes that were overwritten, and with what.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) struct Patch {
    /// Where they stood.
    pub(crate) at: u64,
    /// How many: up to 16.
    pub(crate) len: u8,
    /// What they were; zeros behind [`Patch::len`].
    pub(crate) original: [u8; 16],
}

impl Patch {
    /// The original bytes, `bytes`, of up to 16.
    pub(crate) fn new(at: u64, bytes: &[u8]) -> Self {
        let mut original = [0; 16];
        let mut len = 0;
        for (to, from) in original.iter_mut().zip(bytes) {
            *to = *from;
            len += 1;
        }
        Self { at, len, original }
    }

    pub(crate) fn original(&self) -> &[u8] {
        let len = usize::from(self.len);
        self.original.get(..len).unwrap_or(&self.original)
    }

    pub(crate) fn span(&self) -> Span {
        Span::at(self.at, u64::from(self.len))
    }
}

/// The last box, turned into one that ends where the file did.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) struct Closing {
    /// The bytes that its new header takes.
    pub(crate) patch: Patch,
    /// Its type from then on.
    pub(crate) kind: [u8; 4],
}

/// Everything it takes to go back, and to go on where a run was interrupted.
///
/// It is the last box of an appended `moov`, and so the last bytes of the file.
/// If the last box of the original had to be closed, or nothing in the original
/// tells where it ends, it also stands right behind the original: written before
/// the first byte of that is changed.
///
/// Payload of the [`UNDO`] box, big-endian:
/// ```text
/// version u32 (1), end u64, first at u64, close at u64,
/// first len u8, close len u8, endless u16 (0 or 1), close kind [4],
/// first original [16], close original [16], moov_crc u32,
/// crc u32 of all bytes of the box before it
/// ```
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) struct UndoRecord {
    /// Size of the file before, bytes.
    pub(crate) end: u64,
    /// The start of the first box behind `ftyp`, which became an `mdat` header.
    pub(crate) first: Patch,
    /// The last box, if it had to be closed.
    pub(crate) closing: Option<Closing>,
    /// Nothing in the original tells where it ends: its index was lost.
    pub(crate) endless: bool,
    /// CRC-32 of the appended `moov` as far as the record.
    pub(crate) moov_crc: u32,
}

impl UndoRecord {
    /// Bytes of the whole box.
    pub(crate) const LEN: u64 = 24 + 76;

    /// Where the copy behind a closed box stands. A box of less than 8 bytes was
    /// made longer to hold its header.
    pub(crate) fn journal(&self) -> Option<Span> {
        let at = match self.closing {
            Some(closing) => self.end.max(closing.patch.at.saturating_add(8)),
            None if self.endless => self.end,
            None => return None,
        };
        Some(Span::at(at, Self::LEN))
    }

    /// Where the appended `moov` starts, and the `mdat` ends.
    pub(crate) fn moov_at(&self) -> u64 {
        self.journal().map_or(self.end, |journal| journal.end)
    }

    /// The `mdat` header that makes the file final.
    pub(crate) fn mdat_header(&self) -> Vec<u8> {
        header(b"mdat", self.moov_at().saturating_sub(self.first.at))
    }

    /// The header that closes the last box.
    pub(crate) fn closing_header(&self) -> Option<(u64, Vec<u8>)> {
        let (closing, journal) = (self.closing?, self.journal()?);
        let at = closing.patch.at;
        Some((at, header(&closing.kind, journal.start.saturating_sub(at))))
    }

    /// The whole box.
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let closing = self.closing.unwrap_or(Closing {
            patch: Patch::new(0, &[]),
            kind: [0; 4],
        });
        let mut w = BoxWriter::new();
        w.uuid(&UNDO, |w| {
            w.u32(1).u64(self.end);
            w.u64(self.first.at).u64(closing.patch.at);
            w.u8(self.first.len).u8(closing.patch.len);
            w.u16(u16::from(self.endless));
            w.raw(&closing.kind);
            w.raw(&self.first.original).raw(&closing.patch.original);
            w.u32(self.moov_crc).u32(0);
        });
        let mut bytes = w.into_bytes();
        let at = bytes.len() - 4;
        let crc = crc32(bytes.get(..at).unwrap_or_default());
        bytes.truncate(at);
        bytes.extend_from_slice(&crc.to_be_bytes());
        bytes
    }

    /// The copy that stands behind a closed box: it knows of no `moov` yet.
    pub(crate) fn to_journal(self) -> Vec<u8> {
        let moov_crc = 0;
        Self { moov_crc, ..self }.to_bytes()
    }

    /// Reads a whole box; `None` if it is none of ours, torn, or its numbers
    /// cannot be.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let header = BoxHeader::read(0, bytes)?;
        if bytes.len() as u64 != Self::LEN
            || header.user_type != Some(UNDO)
            || header.declared_end(Self::LEN) != Some(Self::LEN)
        {
            return None;
        }
        let (rest, crc) = bytes.split_last_chunk::<4>()?;
        if u32::from_be_bytes(*crc) != crc32(rest) || be_u32(bytes, 24)? != 1 {
            return None;
        }
        let patch = |at: usize, len: usize, original: usize| {
            let len = *bytes.get(len)?;
            Some(Patch {
                at: be_u64(bytes, at)?,
                len: (len <= 16).then_some(len)?,
                original: *bytes.get(original..)?.first_chunk()?,
            })
        };
        let first = patch(36, 52, 60)?;
        let closed = patch(44, 53, 76)?;
        let kind: FourCc = FourCc(*bytes.get(56..)?.first_chunk()?);
        let record = Self {
            end: be_u64(bytes, 28)?,
            first,
            closing: (closed.len > 0).then_some(Closing {
                patch: closed,
                kind: kind.0,
            }),
            endless: bytes.get(54..56)? == [0, 1],
            moov_crc: be_u32(bytes, 92)?,
        };
        record.is_sound().then_some(record)
    }

    /// Whether the patches lie in the file that they are said to be of, one
    /// behind the other.
    fn is_sound(&self) -> bool {
        let in_order = match self.closing {
            Some(closing) => {
                let span = closing.patch.span();
                span.end <= self.end && self.first.span().end <= span.start
            }
            None => self.first.span().end <= self.end,
        };
        let len = self.mdat_header().len();
        in_order && usize::from(self.first.len) == len && self.moov_at() < u64::MAX / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn record(closing: Option<Closing>) -> UndoRecord {
        UndoRecord {
            end: 5000,
            first: Patch::new(24, b"\0\0\x02\x9cmoov"),
            closing,
            endless: false,
            moov_crc: 0x1234_5678,
        }
    }

    #[test]
    fn a_record_is_read_as_it_was_written_and_no_other_way() {
        let torn = Closing {
            patch: Patch::new(4000, b"\0\0\x10\0moof"),
            kind: *b"free",
        };
        let endless = UndoRecord {
            endless: true,
            ..record(None)
        };
        for record in [record(None), record(Some(torn)), endless] {
            let bytes = record.to_bytes();
            assert_eq!(bytes.len() as u64, UndoRecord::LEN);
            assert_eq!(UndoRecord::parse(&bytes), Some(record));
            for i in 0..bytes.len() {
                let mut bad = bytes.clone();
                bad[i] ^= 0x40;
                assert_eq!(UndoRecord::parse(&bad), None, "byte {i}");
            }
        }
    }

    #[test]
    fn a_record_with_impossible_numbers_is_refused() {
        let beyond = UndoRecord {
            first: Patch::new(4996, b"\0\0\x02\x9cmoov"),
            ..record(None)
        };
        assert_eq!(UndoRecord::parse(&beyond.to_bytes()), None);
        let other_length = UndoRecord {
            first: Patch::new(24, &[0; 16]),
            ..record(None)
        };
        assert_eq!(UndoRecord::parse(&other_length.to_bytes()), None);
        let far = UndoRecord {
            end: u64::MAX - 3,
            first: Patch::new(24, &[0; 16]),
            ..record(None)
        };
        assert_eq!(UndoRecord::parse(&far.to_bytes()), None);
    }

    #[test]
    fn half_a_header_is_made_whole_to_be_closed() {
        let half = Closing {
            patch: Patch::new(4997, b"\0\0\x10"),
            kind: *b"free",
        };
        let record = record(Some(half));
        assert_eq!(record.journal(), Some(Span::new(5005, 5105)));
        let header = b"\0\0\0\x08free".to_vec();
        assert_eq!(record.closing_header(), Some((4997, header)));
        assert_eq!(record.mdat_header(), header_of(5105 - 24));
    }

    fn header_of(total: u64) -> Vec<u8> {
        header(b"mdat", total)
    }

    #[test]
    fn a_header_is_as_long_as_its_size_asks_for() {
        assert_eq!(header(b"mdat", 0xffff_ffff), b"\xff\xff\xff\xffmdat");
        let large = b"\0\0\0\x01mdat\0\0\0\x01\0\0\0\0";
        assert_eq!(header(b"mdat", 1 << 32), large);
    }
}
