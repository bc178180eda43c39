//! Boxes: sizes, order, what is missing, what should not be there.

use crate::{Finding, Form, Inspection, Problem, Result, foreign};
use tapo_bmff::{BoxSize, Defect, Flaw};
use tapo_io::{ByteSource, Span};
use tapo_movie::TopBox;

pub(super) fn check(
    source: &dyn ByteSource,
    inspection: &Inspection,
    found: &mut Vec<Finding>,
) -> Result<()> {
    let read = &inspection.read;
    let all = |kind: [u8; 4]| read.top.iter().filter(move |b| b.kind == kind);
    let unfinished = interrupted_mdat(inspection);
    if let Some(mdat) = unfinished {
        found.push(Finding::new(Problem::MdatSizeMissing).at(mdat.span));
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
        } else if !some_samples && inspection.form != Form::Init {
            found.push(Finding::new(Problem::NoSamples));
        } else if some_samples && !inspection.has_mdat() {
            found.push(Finding::new(Problem::MdatMissing));
        }
    }
    for defect in &read.defects {
        // The bytes behind an mdat without a size are its payload, not junk.
        let explained = unfinished.is_some() && defect.parent.is_none();
        if !explained {
            found.extend(finding(source, defect)?);
        }
    }
    Ok(())
}

/// An `mdat` whose size still says nothing (0, 8 or 16: empty), and no `moov`
/// behind it: its recorder never came back to fill it in.
fn interrupted_mdat(inspection: &Inspection) -> Option<&TopBox> {
    if inspection.form != Form::NoIndex {
        return None;
    }
    let mdat = inspection
        .read
        .top
        .iter()
        .rev()
        .find(|b| b.kind == b"mdat")?;
    let open = mdat.size == BoxSize::ToEnd || mdat.payload().is_empty() && mdat.whole;
    let behind = Span::new(mdat.span.end, inspection.read.size);
    let junk = |d: &Defect| d.parent.is_none() && d.span.start == behind.start;
    let goes_on = mdat.size == BoxSize::ToEnd || inspection.read.defects.iter().any(junk);
    (open && goes_on).then_some(mdat)
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
        Flaw::Leftover | Flaw::NotABox if defect.parent.is_none() => Problem::TrailingBytes {
            zeros: foreign::is_all(source, defect.span, 0)?,
        },
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
