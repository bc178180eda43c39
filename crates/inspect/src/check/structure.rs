//! Boxes: sizes, order, what is missing, what should not be there.

use crate::{Finding, Form, Inspection, Problem, Result, foreign, form};
use tapo_bmff::{BoxHeader, BoxSize, Defect, Flaw, FourCc};
use tapo_io::{ByteSource, Span};

pub(super) fn check(
    source: &dyn ByteSource,
    inspection: &Inspection,
    found: &mut Vec<Finding>,
) -> Result<()> {
    let read = &inspection.read;
    let all = |kind: [u8; 4]| read.top.iter().filter(move |b| b.kind == kind);
    let unfinished = form::interrupted_media(read);
    if let Some(media) = unfinished {
        found.push(Finding::new(Problem::MdatSizeMissing).at(media));
    }
    if inspection.form == Form::NoIndex {
        found.push(Finding::new(Problem::MoovMissing));
    }
    if inspection.form == Form::Media {
        found.push(Finding::new(Problem::InitElsewhere));
    }
    if let Some(second) = all(*b"moov").nth(1) {
        found.push(Finding::new(Problem::SecondMoov).at(second.span));
    }
    if let Some(mdat) = all(*b"mdat").find(|b| b.size == BoxSize::ToEnd)
        && read.movie.is_some()
    {
        found.push(Finding::new(Problem::MdatOpen).at(mdat.span));
    }
    if let Some(movie) = &read.movie {
        let some_samples = inspection.tracks.iter().any(|t| t.samples > 0);
        if movie.other.iter().any(|b| b.kind == b"cmov") {
            found.push(Finding::new(Problem::CompressedMoov));
        } else if movie.tracks.is_empty() {
            found.push(Finding::new(Problem::NoTracks));
        } else if !some_samples && inspection.form != Form::Init && !inspection.has_torn_media() {
            found.push(Finding::new(Problem::NoSamples));
        } else if some_samples && !inspection.has_mdat() {
            found.push(Finding::new(Problem::MdatMissing));
        }
    }
    for defect in &read.defects {
        // The bytes behind an mdat without a size are its payload, not junk.
        if !unfinished.is_some_and(|media| media.contains(defect.span)) {
            found.extend(finding(source, defect)?);
        }
    }
    Ok(())
}

fn finding(source: &dyn ByteSource, defect: &Defect) -> Result<Option<Finding>> {
    let problem = match &defect.flaw {
        Flaw::Terminator => return Ok(None),
        Flaw::Overrun { kind, declared_end } => match defect.parent {
            None => Problem::Truncated {
                kind: *kind,
                missing: declared_end - defect.span.end,
            },
            Some(_) => Problem::BoxOverrun {
                kind: *kind,
                declared_end: *declared_end,
            },
        },
        Flaw::SizeBelowHeader { kind } => Problem::BoxTooSmall { kind: *kind },
        Flaw::OpenInside { kind } => Problem::OpenInside { kind: *kind },
        Flaw::Leftover | Flaw::NotABox if defect.parent.is_none() => trailing(source, defect.span)?,
        Flaw::Leftover | Flaw::NotABox => Problem::NotABox {
            parent: defect.parent,
        },
        Flaw::TooDeep => Problem::TooDeep,
        Flaw::TooMany => Problem::TooManyBoxes,
        Flaw::BadFields { kind, why } => Problem::BadFields { kind: *kind, why },
        _ => Problem::OtherFlaw,
    };
    Ok(Some(Finding::new(problem).at(defect.span)))
}

/// What bytes are that follow the last box.
fn trailing(source: &dyn ByteSource, span: Span) -> Result<Problem> {
    if foreign::is_all(source, span, 0)? {
        let (zeros, bytes) = (true, span.len());
        return Ok(Problem::TrailingBytes { zeros, bytes });
    }
    let lost = out_of_reach(source, span)?;
    let (zeros, bytes) = (false, span.len());
    let trailing = Problem::TrailingBytes { zeros, bytes };
    Ok(lost.map_or(trailing, |(kind, at)| Problem::OutOfReach { kind, at }))
}

/// Bytes that are searched for boxes.
const SEARCHED: u64 = 64 << 20;

/// The first `moov` or `moof` inside `span`, known by its type, a size that fits,
/// and the box that comes first in it.
fn out_of_reach(source: &dyn ByteSource, span: Span) -> Result<Option<(FourCc, u64)>> {
    const PIECE: u64 = 1 << 20;
    const HEAD: usize = 16;
    let mut at = span.start;
    while at < span.end.min(span.start.saturating_add(SEARCHED)) {
        // Pieces overlap: a head may lie across two.
        let piece = Span::at(at, PIECE + HEAD as u64 - 1).intersect(span);
        let bytes = source.read_span(piece)?;
        for (offset, head) in (at..).zip(bytes.windows(HEAD)) {
            let first: &[u8] = match head.get(4..8) {
                Some(b"moof") => b"mfhd",
                Some(b"moov") => b"mvhd",
                _ => continue,
            };
            let Some(header) = BoxHeader::read(offset, head) else {
                continue;
            };
            let end = header.declared_end(offset).unwrap_or(0);
            if end > offset + 16 && end <= span.end && head.get(12..) == Some(first) {
                return Ok(Some((header.kind, offset)));
            }
        }
        at += PIECE;
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tapo_bmff::BoxWriter;

    #[test]
    fn boxes_behind_damage_are_found_wherever_they_start() {
        let mut w = BoxWriter::new();
        w.boxed(b"moof", |w| {
            w.full(b"mfhd", 0, 0, |w| {
                w.u32(1);
            });
        });
        let moof = w.into_bytes();
        let pieces = [0, 1, 700, (1 << 20) - 16, (1 << 20) - 3, 1 << 20, 3 << 20];
        for before in pieces {
            let mut bytes = vec![0x11; before];
            bytes.extend(&moof);
            bytes.extend([0x22; 9]);
            let span = Span::new(0, bytes.len() as u64);
            let found = out_of_reach(&bytes, span).unwrap();
            assert_eq!(found, Some((FourCc(*b"moof"), before as u64)));
            let cut = Span::new(0, (before + moof.len() - 1) as u64);
            assert_eq!(out_of_reach(&bytes, cut).unwrap(), None);
        }
    }
}
