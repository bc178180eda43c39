//! Boxes: sizes, order, what is missing, what should not be there.

use super::lost;
use crate::{Finding, Form, Inspection, Problem, Result, Second, foreign, form};
use tapo_bmff::{BoxNode, BoxSize, BoxTree, Defect, Flaw};
use tapo_io::{ByteSource, Span};
use tapo_movie::{BASE_MISFITS, Read, TIME_MISFITS, TopBox};

pub(super) fn check(
    source: &dyn ByteSource,
    tree: &BoxTree,
    inspection: &Inspection,
    found: &mut Vec<Finding>,
) -> Result<()> {
    let read = &inspection.read;
    let all = |kind: [u8; 4]| read.top.iter().filter(move |b| b.kind == kind);
    let unfinished = form::interrupted_media(read);
    match (&inspection.astray, unfinished) {
        (Some(astray), _) => {
            found.push(Finding::new(Problem::MoovAstray).at(astray.span));
            found.extend(open_in_front(read, astray.span));
        }
        (None, Some(media)) => found.push(Finding::new(Problem::MdatSizeMissing).at(media)),
        (None, None) => {}
    }
    if inspection.form == Form::NoIndex && inspection.astray.is_none() {
        found.push(Finding::new(Problem::MoovMissing));
    }
    if inspection.form == Form::Media {
        found.push(Finding::new(Problem::InitElsewhere));
    }
    if let Some(second) = all(*b"moov").nth(1) {
        let of = Second::Unknown;
        found.push(Finding::new(Problem::SecondMoov { of }).at(second.span));
    }
    let hides = |b: &TopBox| inspection.hidden().iter().any(|f| b.span.contains(f.moof));
    if let Some(mdat) = all(*b"mdat").find(|b| b.size == BoxSize::ToEnd)
        && read.movie.is_some()
        && !hides(mdat)
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
            // The header of what stands where the media should.
            let at = inspection.first_sample().and_then(|at| {
                let home = read
                    .top
                    .iter()
                    .find(|b| b.span.start <= at && at < b.span.end);
                let home = home.map(|b| Span::at(b.span.start, b.header_len));
                let stray = read.defects.iter().map(|d| d.span);
                let stray = stray.filter(|s| s.start <= at && at < s.end);
                home.or(stray.map(|s| Span::new(s.start, at)).next())
            });
            let finding = Finding::new(Problem::MdatMissing);
            found.push(at.map_or(finding.clone(), |at| finding.at(at)));
        }
    }
    let cut = read.defects.iter().find(|d| {
        let overrun = matches!(d.flaw, Flaw::Overrun { .. });
        d.parent.is_none() && overrun
    });
    let mut homes = Homes {
        source,
        tree,
        top: &read.top,
        fragment: (Span::default(), BoxTree::default()),
    };
    for defect in &read.defects {
        // The bytes behind an mdat without a size are its payload, not junk; what the last box holds ends where it
        // ends.
        let leads_to = |a: &crate::Astray| is_stray(defect) && defect.span.end <= a.span.end;
        let told = cut.is_some_and(|cut| is_cut_with(defect, cut))
            || inspection.astray.as_ref().is_some_and(leads_to);
        if !told && !unfinished.is_some_and(|media| media.contains(defect.span)) {
            let home = homes.of(defect)?;
            found.extend(finding(source, home, defect)?);
            found.extend(around(home, defect));
        }
    }
    lost::check(source, inspection, found)?;
    if read.movie.is_some() && all(*b"ftyp").next().is_none() {
        let first = read.top.first();
        let finding = Finding::new(Problem::FileTypeMissing);
        let head = first.map(|b| Span::at(b.span.start, b.header_len));
        found.push(head.map_or(finding.clone(), |head| finding.at(head)));
    }
    if let Some(second) = all(*b"ftyp").nth(1) {
        found.push(Finding::new(Problem::SecondFileType).at(second.span));
    }
    Ok(())
}

/// The boxes around what is wrong.
struct Homes<'a> {
    source: &'a dyn ByteSource,
    /// All that are kept.
    tree: &'a BoxTree,
    top: &'a [TopBox],
    /// The fragment that was read last: most defects stand in order.
    fragment: (Span, BoxTree),
}

impl Homes<'_> {
    /// The boxes among which a defect is.
    fn of(&mut self, defect: &Defect) -> Result<&BoxTree> {
        let start = defect.span.start;
        let place = self.top.partition_point(|b| b.span.end <= start);
        let home = self.top.get(place).filter(|b| b.kind == b"moof");
        let inner = defect.parent.is_some();
        let Some(moof) = home.filter(|b| inner && b.span.start <= start) else {
            return Ok(self.tree);
        };
        if self.fragment.0 != moof.span {
            let tree = BoxTree::read_span(self.source, moof.span, None)?;
            self.fragment = (moof.span, tree);
        }
        Ok(&self.fragment.1)
    }
}

/// What a defect is, for people; `None` where it is harmless.
pub(crate) fn finding(
    source: &dyn ByteSource,
    tree: &BoxTree,
    defect: &Defect,
) -> Result<Option<Finding>> {
    let problem = match &defect.flaw {
        // That is told with the fragments.
        Flaw::Terminator
        | Flaw::BadFields {
            why: TIME_MISFITS, ..
        } => return Ok(None),
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
        Flaw::OpenInside { kind } => Problem::OpenInside {
            kind: *kind,
            listed: defect.parent.is_some_and(|p| p == b"stsd" || p == b"dref"),
        },
        Flaw::Leftover | Flaw::NotABox if defect.parent.is_none() => trailing(source, defect.span)?,
        Flaw::Leftover | Flaw::NotABox => Problem::NotABox {
            parent: defect.parent,
        },
        Flaw::TooDeep => Problem::TooDeep,
        Flaw::TooMany => Problem::TooManyBoxes,
        Flaw::BadFields {
            why: BASE_MISFITS, ..
        } => Problem::FragmentMoved,
        Flaw::BadFields { kind, why } => Problem::BadFields { kind: *kind, why },
        Flaw::TableShort {
            kind,
            entries,
            room,
        } => Problem::TableShort {
            kind: *kind,
            entries: *entries,
            room: *room,
        },
        _ => Problem::OtherFlaw,
    };
    let mut span = defect.span;
    if let Problem::OutOfReach { at, .. } = problem {
        span.end = at;
    }
    if defect.parent.is_some() && is_of_size(&defect.flaw) {
        // The size of the box in front may be what is wrong.
        let before = tree.ending_at(span.start);
        span.start = before.map_or(span.start, |n| n.span.start);
    }
    Ok(Some(Finding::new(problem).at(span)))
}

/// An `mdat` without a size, in front of an index that it must not cover.
fn open_in_front(read: &Read, index: Span) -> Option<Finding> {
    let open = |b: &&TopBox| b.kind == b"mdat" && b.size == BoxSize::ToEnd;
    let mdat = read.top.iter().find(open)?;
    let problem = Problem::SizeWrong {
        kind: mdat.kind,
        declared: mdat.span.len(),
        next: index.start,
    };
    let head = Span::at(mdat.span.start, mdat.header_len);
    Some(Finding::new(problem).at(head))
}

/// Bytes of the file that no box leads through.
const fn is_stray(defect: &Defect) -> bool {
    let stray = matches!(defect.flaw, Flaw::NotABox | Flaw::Leftover);
    defect.parent.is_none() && stray
}

/// Whether a box ends too early for no other reason than that the last box of the file does, which it stands in.
fn is_cut_with(inner: &Defect, last: &Defect) -> bool {
    let (
        Flaw::Overrun { declared_end, .. },
        Flaw::Overrun {
            declared_end: end, ..
        },
    ) = (&inner.flaw, &last.flaw)
    else {
        return false;
    };
    let at_the_end = last.span.contains(inner.span) && inner.span.end == last.span.end;
    inner.parent.is_some() && at_the_end && declared_end <= end
}

/// The box around one that reaches behind it, where that is one of the top level:
/// the size of either may be wrong.
fn around(tree: &BoxTree, defect: &Defect) -> Option<Finding> {
    let Flaw::Overrun { declared_end, .. } = defect.flaw else {
        return None;
    };
    let parent = defect.parent?;
    let holds = |n: &&BoxNode| n.kind == parent && n.span.contains(defect.span);
    let node = tree.root_at(defect.span.start).filter(holds)?;
    let problem = Problem::SizeWrong {
        kind: node.kind,
        declared: node.span.len(),
        next: declared_end,
    };
    let span = Span::at(node.span.start, node.header_len());
    Some(Finding::new(problem).at(span))
}

const fn is_of_size(flaw: &Flaw) -> bool {
    matches!(
        flaw,
        Flaw::Overrun { .. }
            | Flaw::SizeBelowHeader { .. }
            | Flaw::OpenInside { .. }
            | Flaw::Leftover
            | Flaw::NotABox
    )
}

/// What bytes are that follow the last box.
fn trailing(source: &dyn ByteSource, span: Span) -> Result<Problem> {
    if foreign::is_all(source, span, 0)? {
        let (zeros, bytes) = (true, span.len());
        return Ok(Problem::TrailingBytes { zeros, bytes });
    }
    let lost = lost::first(source, span)?;
    let (zeros, bytes) = (false, span.len());
    let trailing = Problem::TrailingBytes { zeros, bytes };
    Ok(lost.map_or(trailing, |(kind, at)| Problem::OutOfReach { kind, at }))
}
