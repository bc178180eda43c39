//! A file that had become final by an appended index, and lost that since: what stood in the
//! head before, where the file still tells.

use crate::record::{Closing, Patch, UndoRecord};
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
    let was = Resized::patched(source, end.min(source.len()), first);
    let read = tapo_movie::read_to_end(&was)?;
    let closing = closed(source, &read, end)?;
    // It is the head if a fragmented movie begins with it.
    if read.fragments.is_empty() && closing.is_none() {
        return Ok(None);
    }
    // The record stood behind what it had closed.
    let size = end - closing.map_or(0, |_| UndoRecord::LEN);
    Ok(Some(Cut {
        record: UndoRecord {
            end: size.min(source.len()),
            first,
            closing,
            endless: false,
            moov_crc: 0,
        },
        size,
        worked_out: true,
    }))
}

/// The last box, if it ends where the record of its closing stood: a `moof` whose media was torn,
/// or a box without a size. `end` is that of the media data.
fn closed(source: &dyn ByteSource, read: &Read, end: u64) -> Result<Option<Closing>> {
    let journal = end.checked_sub(UndoRecord::LEN);
    // Behind it a piece of the record may be left.
    let ends_there = |b: &&TopBox| b.header_len == 8 && declared_end(b) == journal;
    let Some(last) = read.top.iter().rev().find(ends_there) else {
        return Ok(None);
    };
    let at = last.span.start;
    let original = match &last.kind.0 {
        b"free" => moof(source, at)?,
        kind => Some([&[0; 4][..], kind].concat()),
    };
    Ok(original.map(|original| Closing {
        patch: Patch::new(at, &original),
        kind: last.kind.0,
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
/// beyond doubt, and it must be that of a fragmented movie.
fn moov(source: &dyn ByteSource, at: u64, next: u64) -> Result<Option<Vec<u8>>> {
    let (mut fragmented, mut ends) = (false, None);
    for_each_child(source, next, |child| {
        fragmented |= child.kind == b"mvex";
        let is = |kinds: &[&[u8; 4]]| kinds.iter().any(|kind| child.kind == **kind);
        ends = (is(&BEHIND) && fragmented).then_some(child.at);
        is(&IN_MOOV)
    })?;
    Ok(ends.and_then(|end| short_header(at, end, *b"moov")))
}

/// The header of a `moof` at `at`, in front of its media.
fn moof(source: &dyn ByteSource, at: u64) -> Result<Option<Vec<u8>>> {
    let (mut first, mut ends) = (true, None);
    for_each_child(source, at + 8, |child| {
        let opens = std::mem::take(&mut first);
        ends = (child.kind == b"mdat" && !opens).then_some(child.at);
        match &child.kind.0 {
            b"mfhd" => opens,
            b"traf" | b"free" | b"uuid" | b"pssh" => !opens,
            _ => false,
        }
    })?;
    Ok(ends.and_then(|end| short_header(at, end, *b"moof")))
}

/// Goes from box to box from `next` on, as long as `goes_on`.
fn for_each_child(
    source: &dyn ByteSource,
    mut next: u64,
    mut goes_on: impl FnMut(&BoxHeader) -> bool,
) -> Result<()> {
    for _ in 0..CHILDREN {
        let bytes = source.read_span(Span::at(next, BoxHeader::MAX_LEN as u64))?;
        let Some(header) = BoxHeader::read(next, &bytes).filter(|h| goes_on(h)) else {
            break;
        };
        match header.declared_end(u64::MAX) {
            Some(end) if end > next => next = end,
            _ => break,
        }
    }
    Ok(())
}

fn short_header(at: u64, end: u64, kind: [u8; 4]) -> Option<Vec<u8>> {
    let len = u32::try_from(end - at).ok()?;
    Some([len.to_be_bytes(), kind].concat())
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
    Ok(short_header(at, page, *b"free"))
}
