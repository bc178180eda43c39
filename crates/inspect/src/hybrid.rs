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
        // What is left of a reserve is zeros up to the page where moov stood.
        let at = first_nonzero(source, payload)? & !(PAGE - 1);
        if at > payload.start && holds_fragments(&mut window, Span::new(at, payload.end))? {
            return Ok(true);
        }
    }
    Ok(false)
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
        b"moov"
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
