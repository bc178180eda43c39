//! Fragments that became the payload of an `mdat` when their recording was
//! finalized: by tapo (reveal, tail), OBS Studio (Hybrid MP4) or FFmpeg
//! (`hybrid_fragmented`).

use crate::Result;
use tapo_bmff::{Flaw, FourCc, Step, Walker};
use tapo_io::{ByteSource, Span, Window};
use tapo_movie::Read;

/// Boxes looked at inside an `mdat`.
const STEPS: usize = 64;

/// Bytes of a reserve that are looked through for its end.
const RESERVE: u64 = 64 << 20;

/// Pages, on which tapo's reserve ends.
const PAGE: u64 = 4096;

/// Whether some `mdat` holds movie fragments.
pub(crate) fn is_hybrid(source: &dyn ByteSource, read: &Read) -> Result<bool> {
    let mut window = Window::new(source);
    for mdat in read.top.iter().filter(|b| b.kind == b"mdat") {
        let payload = mdat.payload();
        if holds_fragments(&mut window, payload)? {
            return Ok(true);
        }
        // Blocks of a joined recording may begin in the middle of a box.
        if payload.start.is_multiple_of(PAGE)
            && holds_fragments(&mut window, joined(source, read, payload)?)?
        {
            return Ok(true);
        }
        // A 16-byte header took the first half of an `mvhd` with it, too: what
        // follows it is known by its place.
        if mdat.header_len == 16 && holds_fragments(&mut window, behind_mvhd(source, payload)?)? {
            return Ok(true);
        }
        // What is left of a reserve is zeros up to the page where moov stood.
        let at = first_nonzero(source, payload)? & !(PAGE - 1);
        if at > payload.start && holds_fragments(&mut window, Span::new(at, payload.end))? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The bytes of `payload` from the first `moof` on that stands in front of the first sample, no further than the
/// index of one recording reaches; none if there is none.
fn joined(source: &dyn ByteSource, read: &Read, payload: Span) -> Result<Span> {
    const HEAD: u64 = 2 * PAGE;
    let tracks = read.movie.iter().flat_map(|m| &m.tracks);
    let chunks = tracks.filter_map(|t| t.samples.chunks.first());
    let first = chunks.map(|c| c.offset).min().unwrap_or(payload.end);
    let head = payload.intersect(Span::new(payload.start, first.min(payload.start + HEAD)));
    let bytes = source.read_span(head)?;
    let place = bytes
        .windows(16)
        .position(|w| w.get(4..8) == Some(b"moof") && w.get(12..) == Some(b"mfhd"));
    let start = place.map_or(payload.end, |at| payload.start + at as u64);
    Ok(Span::new(start, payload.end))
}

/// The bytes of `payload` from the box behind an `mvhd` on, of which only the
/// fields are left (§8.2.2: 100 bytes, or 112 in version 1).
fn behind_mvhd(source: &dyn ByteSource, payload: Span) -> Result<Span> {
    let version = source.read_span(Span::at(payload.start, 1).intersect(payload))?;
    let len = if version == [1] { 112 } else { 100 };
    Ok(Span::new(
        payload.start.saturating_add(len).min(payload.end),
        payload.end,
    ))
}

/// Whether the bytes of `span` are boxes among which there is a `moof`. The
/// first need not be one: a tail-finalized file has its old `moov` header
/// overwritten, so that its children, or half of the first, stand in front.
fn holds_fragments(window: &mut Window<'_>, span: Span) -> Result<bool> {
    let mut walker = Walker::new(span, None);
    for _ in 0..STEPS {
        match walker.next(window)? {
            Some(Step::Box { header, defect, .. }) => {
                let cut = defect.is_some_and(|d| matches!(d.flaw, Flaw::Overrun { .. }));
                if header.kind == b"moof" {
                    return Ok(!cut);
                }
                if cut || !belongs(header.kind) {
                    return Ok(false);
                }
            }
            _ => return Ok(false),
        }
    }
    Ok(false)
}

/// Boxes that stand before the first fragment, or in `moov`.
fn belongs(kind: FourCc) -> bool {
    matches!(
        &kind.0,
        b"ftyp"
            | b"moov"
            | b"mvhd"
            | b"trak"
            | b"mvex"
            | b"udta"
            | b"meta"
            | b"iods"
            | b"free"
            | b"skip"
            | b"uuid"
            | b"prft"
            | b"sidx"
            | b"styp"
            | b"emsg"
            | b"mdat"
    )
}

/// Where the first byte stands that is not zero; the start of `span` if that is
/// further away than a reserve is long.
fn first_nonzero(source: &dyn ByteSource, span: Span) -> Result<u64> {
    const PIECE: u64 = 1 << 20;
    let mut at = span.start;
    while at < span.end.min(span.start.saturating_add(RESERVE)) {
        let bytes = source.read_span(Span::at(at, PIECE))?;
        if let Some(n) = bytes.iter().position(|b| *b != 0) {
            return Ok(at + n as u64);
        }
        at += PIECE;
    }
    Ok(span.start)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tapo_bmff::BoxWriter;

    #[test]
    fn fragments_are_found_behind_half_a_moov() {
        for (version, len, long) in [(0, 100, true), (1, 112, true), (0, 100, false)] {
            let mut old = BoxWriter::new();
            old.boxed(b"moov", |w| {
                w.boxed(b"mvhd", |w| {
                    w.u8(version).zeros(len - 1);
                });
                w.boxed(b"trak", |_| {});
            });
            old.boxed(b"moof", |w| {
                w.zeros(16);
            });
            let mut bytes = old.into_bytes();
            let total = bytes.len() as u64;
            let header = BoxWriter::header(b"mdat", total - if long { 16 } else { 8 }, long);
            bytes.splice(..header.len(), header);
            let read = tapo_movie::read(&bytes).unwrap();
            assert!(is_hybrid(&bytes, &read).unwrap(), "{version} {long}");
        }
    }
}
