//! A file that had become final by an appended index, and lost that since: what stood in the
//! head before, where the file still tells.

use crate::record::{Patch, UndoRecord};
use crate::resized::Resized;
use crate::{Result, layout};
use tapo_bmff::{BoxHeader, BoxSize};
use tapo_io::{ByteSource, Span, zeros_from_start};
use tapo_movie::{Read, TopBox};

/// Boxes of a `moov` that are looked at.
const CHILDREN: usize = 256;

/// Children of a `moov` that stand nowhere else at its level.
const IN_MOOV: [&[u8; 4]; 8] = [
    b"mvhd", b"trak", b"mvex", b"udta", b"meta", b"iods", b"pssh", b"ctab",
];

/// Boxes that stand behind the `moov` of a fragmented file, and never in it.
const BEHIND: [&[u8; 4]; 7] = [
    b"moof", b"styp", b"sidx", b"ssix", b"prft", b"emsg", b"mdat",
];

/// What is known of a file whose index was cut off.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) struct Cut {
    /// How to go back.
    pub(crate) record: UndoRecord,
    /// Size of the file before, bytes; it may have fewer now.
    pub(crate) size: u64,
    /// Whether the bytes of the head were worked out from what follows them: no record is left.
    pub(crate) worked_out: bool,
}

/// What stood in the head of `source`, which is `read` and has no index, before tapo put the header
/// of the media data there. `None` if it did not, or nothing tells.
pub(crate) fn cut(source: &dyn ByteSource, read: &Read) -> Result<Option<Cut>> {
    let behind_ftyp = read.top.iter().find(|b| b.kind != b"ftyp");
    let Some(media) = behind_ftyp.filter(|b| b.kind == b"mdat") else {
        return Ok(None);
    };
    let Some(end) = declared_end(media) else {
        return Ok(None);
    };
    if let Some(record) = journal(source, end, media)? {
        return Ok(Some(Cut {
            record,
            size: record.end,
            worked_out: false,
        }));
    }
    let Some(original) = head(source, media)? else {
        return Ok(None);
    };
    let first = Patch::new(media.span.start, &original);
    // It is the head if a fragmented movie begins with it.
    let left = end.min(source.len());
    let was = Resized::patched(source, left, first);
    if tapo_movie::read_to_end(&was)?.fragments.is_empty() {
        return Ok(None);
    }
    Ok(Some(Cut {
        record: UndoRecord {
            end: left,
            first,
            closing: None,
            endless: false,
            moov_crc: 0,
        },
        size: end,
        worked_out: true,
    }))
}

/// Where a box ends by its own word.
pub(crate) fn declared_end(of: &TopBox) -> Option<u64> {
    match of.size {
        BoxSize::Compact(size) => of.span.start.checked_add(size.into()),
        BoxSize::Large(size) => of.span.start.checked_add(size),
        BoxSize::ToEnd => None,
    }
}

/// The record that stands at the end of the media data where the last box had to be closed.
fn journal(source: &dyn ByteSource, end: u64, media: &TopBox) -> Result<Option<UndoRecord>> {
    let Some(at) = end.checked_sub(UndoRecord::LEN) else {
        return Ok(None);
    };
    let record = UndoRecord::parse(&source.read_span(Span::new(at, end))?);
    let its = |r: &UndoRecord| r.journal().is_some_and(|j| j.end == end);
    Ok(record.filter(|r| its(r) && r.first.at == media.span.start))
}

/// The bytes whose place the header of the media data took.
fn head(source: &dyn ByteSource, media: &TopBox) -> Result<Option<Vec<u8>>> {
    let at = media.span.start;
    let inside = source.read_span(Span::at(media.payload().start, 32))?;
    let found = match (media.header_len, inside.get(4..8)) {
        (8, Some(b"mvhd")) => moov(source, at, at + 8)?,
        // An empty box was in front of it.
        (8, Some(b"moov")) => Some(b"\0\0\0\x08free".to_vec()),
        // The header of `mvhd` is gone too: its version tells its size.
        (16, _) => {
            let len = match inside.first_chunk() {
                Some([0, 0, 0, 0]) => 108_u32,
                Some([1, 0, 0, 0]) => 120,
                _ => return Ok(None),
            };
            let moov = moov(source, at, at + 8 + u64::from(len))?;
            moov.map(|m| [&m[..], &len.to_be_bytes(), b"mvhd"].concat())
        }
        (8, _) => reserve(source, at)?,
        _ => None,
    };
    Ok(found)
}

/// The header of a `moov` at `at`, whose children from `next` on are there. Where it ends must be
/// beyond doubt.
fn moov(source: &dyn ByteSource, at: u64, mut next: u64) -> Result<Option<Vec<u8>>> {
    let mut fragmented = false;
    for _ in 0..CHILDREN {
        let bytes = source.read_span(Span::at(next, BoxHeader::MAX_LEN as u64))?;
        let Some(header) = BoxHeader::read(next, &bytes) else {
            return Ok(None);
        };
        let is = |kinds: &[&[u8; 4]]| kinds.iter().any(|kind| header.kind == **kind);
        if is(&BEHIND) {
            let len = u32::try_from(next - at).ok().filter(|_| fragmented);
            return Ok(len.map(|len| [&len.to_be_bytes()[..], b"moov"].concat()));
        }
        fragmented |= header.kind == b"mvex";
        match header.declared_end(u64::MAX).filter(|_| is(&IN_MOOV)) {
            Some(end) if end > next => next = end,
            _ => return Ok(None),
        }
    }
    Ok(None)
}

/// The header of the reserve of a segment of ours: empty up to its `moov`, on a page.
fn reserve(source: &dyn ByteSource, at: u64) -> Result<Option<Vec<u8>>> {
    let window = Span::at(at + 8, tapo_bmff::limits::LOADED);
    let zeros = zeros_from_start(source, window.intersect(Span::new(0, source.len())))?;
    let page = zeros / layout::PAGE * layout::PAGE;
    let kind = source.read_span(Span::at(page + 4, 4))?;
    if at != layout::RESERVE_AT || page <= at || kind != b"moov" {
        return Ok(None);
    }
    let len = u32::try_from(page - at).ok();
    Ok(len.map(|len| [&len.to_be_bytes()[..], b"free"].concat()))
}
