//! A recording as it was while it was open, whether or not it is final by now: the
//! fragments are not moved, and the initial `moov` still stands in front of them.

use crate::retention::find;
use std::path::Path;
use tapo_bmff::be_u32;
use tapo_finalize::layout::{FTYP_LEN, RESERVE_AT, REVEAL};
use tapo_io::{ByteSource, PreadFile, Result, Span};

/// The bytes of `ftyp`, and those from the initial `moov` on.
pub(super) struct Opened {
    file: PreadFile,
    /// Bytes between the two.
    reserve: u64,
}

impl Opened {
    /// Of a recording of ours; `None` for others, and for those that were not
    /// finalized in place.
    pub(super) fn open(path: &Path) -> Option<Self> {
        let file = PreadFile::open(path).ok()?;
        let all = Span::new(0, file.len());
        let moov = find(&file, all, |h| h.kind == b"moov")?;
        let reserve = match find(&file, moov, |h| h.user_type == Some(REVEAL)) {
            // version u32, reserve u32, ...
            Some(record) => {
                let record = file.read_span(record.intersect(Span::at(record.start, 8)));
                be_u32(&record.ok()?, 4)?
            }
            None => {
                let head = file.read_span(Span::at(RESERVE_AT, 8)).ok()?;
                let size = be_u32(&head, 0).filter(|_| head.ends_with(b"free"))?;
                (RESERVE_AT + u64::from(size) + 8 == moov.start).then_some(size)?
            }
        };
        let reserve = u64::from(reserve);
        (RESERVE_AT + reserve <= file.len()).then_some(Self { file, reserve })
    }

    /// Where in the file a place of this is.
    pub(super) const fn in_file(&self, offset: u64) -> u64 {
        if offset < FTYP_LEN {
            offset
        } else {
            offset + self.reserve
        }
    }
}

impl ByteSource for Opened {
    fn len(&self) -> u64 {
        self.file.len() - self.reserve
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize> {
        let head = usize::try_from(FTYP_LEN.saturating_sub(offset)).unwrap_or(0);
        let head = head.min(buf.len());
        let (front, back) = buf.split_at_mut(head);
        let read = if front.is_empty() {
            0
        } else {
            self.file.read_at(offset, front)?
        };
        if read < head || back.is_empty() {
            return Ok(read);
        }
        let from = offset.max(FTYP_LEN) + self.reserve;
        Ok(read + self.file.read_at(from, back)?)
    }

    fn path(&self) -> &Path {
        self.file.path()
    }
}
