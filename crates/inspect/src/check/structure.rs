//! Boxes: sizes, order, what is missing, what should not be there.

use crate::{Finding, Form, Inspection, Problem, Result, foreign, form};
use tapo_bmff::{BoxSize, Defect, Flaw};
use tapo_io::ByteSource;

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
        } else if !some_samples && inspection.form != Form::Init {
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
