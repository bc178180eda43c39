//! One level of boxes, one after another.

use crate::{BoxHeader, Defect, Flaw, FourCc, Result};
use tapo_io::{Span, Window};

/// Walks the boxes that stand side by side in a range of a file.
///
/// The walk ends at the first place from which no next box can be found; the
/// bytes behind it are in the span of the defect that ended it.
#[derive(Debug)]
pub struct Walker {
    at: u64,
    end: u64,
    parent: Option<FourCc>,
}

/// What stands at a place.
#[derive(Clone, Debug)]
pub enum Step {
    /// A box: its header, and its bytes as far as they are there.
    Box {
        /// What the header says.
        header: BoxHeader,
        /// From the header to the declared end, cut at the end of the level.
        span: Span,
        /// The box is cut off, or its size is not allowed here.
        defect: Option<Defect>,
    },
    /// No box: the walk ends here.
    Stop(Defect),
}

impl Walker {
    /// Walks `span`, which is the payload of a box of type `parent` or, for
    /// `None`, the whole file.
    #[must_use]
    pub const fn new(span: Span, parent: Option<FourCc>) -> Self {
        Self {
            at: span.start,
            end: span.end,
            parent,
        }
    }

    /// Where the next box starts.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.at
    }

    /// The next box, or why there is none; `None` at the end.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io) if the source fails.
    pub fn next(&mut self, window: &mut Window<'_>) -> Result<Option<Step>> {
        let left = self.end - self.at;
        if left == 0 {
            return Ok(None);
        }
        let mut step = self.step(window.bytes(self.at, BoxHeader::MAX_LEN)?);
        if let Step::Box { header, span, .. } = &step
            && self.parent.is_none()
            && !header.kind.is_plausible()
            && !self.leads_on(window, span.end, header)?
        {
            step = Step::Stop(self.defect(Span::new(self.at, self.end), Flaw::NotABox));
        }
        self.at = match &step {
            Step::Box { span, .. } => span.end,
            Step::Stop(_) => self.end,
        };
        Ok(Some(step))
    }

    /// Whether a box of an odd type at the top level ends where another box
    /// starts: taggers leave such boxes behind, and `moov` may follow.
    fn leads_on(&self, window: &mut Window<'_>, at: u64, odd: &BoxHeader) -> Result<bool> {
        if odd.size == crate::BoxSize::ToEnd || at >= self.end {
            return Ok(false);
        }
        let next = BoxHeader::read(at, window.bytes(at, BoxHeader::MAX_LEN)?);
        let fits = |h: BoxHeader| h.declared_end(self.end).is_some_and(|end| end <= self.end);
        Ok(next.is_some_and(|h| h.kind.is_plausible() && fits(h)))
    }

    /// What stands here; `bytes` is what can be read, maybe beyond this level.
    fn step(&self, bytes: &[u8]) -> Step {
        let rest = Span::new(self.at, self.end);
        let left = usize::try_from(rest.len()).unwrap_or(usize::MAX);
        let bytes = bytes.get(..left).unwrap_or(bytes);
        let stop = |flaw| Step::Stop(self.defect(rest, flaw));
        let Some(header) = BoxHeader::read(self.at, bytes) else {
            return stop(match bytes {
                [0, 0, 0, 0] if self.parent.is_some() => Flaw::Terminator,
                _ => Flaw::Leftover,
            });
        };
        let kind = header.kind;
        if bytes.iter().take(8).all(|b| *b == 0) {
            return stop(Flaw::NotABox);
        }
        let Some(declared_end) = header.declared_end(self.end) else {
            let odd = self.parent.is_none() && !kind.is_plausible();
            return stop(if odd {
                Flaw::NotABox
            } else {
                Flaw::SizeBelowHeader { kind }
            });
        };
        let span = Span::new(self.at, declared_end.min(self.end));
        let flaw = if declared_end > self.end {
            Some(Flaw::Overrun { kind, declared_end })
        } else if self.parent.is_some() && header.size == crate::BoxSize::ToEnd {
            Some(Flaw::OpenInside { kind })
        } else {
            None
        };
        Step::Box {
            header,
            span,
            defect: flaw.map(|flaw| self.defect(span, flaw)),
        }
    }

    const fn defect(&self, span: Span, flaw: Flaw) -> Defect {
        Defect {
            span,
            parent: self.parent,
            flaw,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(bytes: &[u8], parent: Option<FourCc>) -> Vec<Step> {
        let mut window = Window::new(&bytes);
        let mut walker = Walker::new(Span::new(0, bytes.len() as u64), parent);
        let mut steps = Vec::new();
        while let Some(step) = walker.next(&mut window).unwrap() {
            steps.push(step);
        }
        steps
    }

    #[test]
    fn a_cut_box_keeps_the_bytes_that_are_there() {
        let bytes = b"\0\0\0\x08free\0\0\x10\0mdatabc".as_slice();
        let steps = walk(bytes, None);
        assert_eq!(steps.len(), 2);
        let Step::Box { span, defect, .. } = &steps[1] else {
            panic!("{steps:?}");
        };
        assert_eq!(*span, Span::new(8, 19));
        let flaw = &defect.as_ref().unwrap().flaw;
        let kind = FourCc(*b"mdat");
        assert_eq!(
            *flaw,
            Flaw::Overrun {
                kind,
                declared_end: 8 + 4096
            }
        );
    }

    #[test]
    fn four_zero_bytes_end_a_quicktime_list() {
        let bytes = b"\0\0\0\x08free\0\0\0\0".as_slice();
        let inside = walk(bytes, Some(FourCc(*b"udta")));
        assert!(matches!(&inside[1], Step::Stop(d) if d.flaw == Flaw::Terminator));
        let top = walk(bytes, None);
        assert!(matches!(&top[1], Step::Stop(d) if d.flaw == Flaw::Leftover));
    }

    #[test]
    fn zeros_are_no_endless_row_of_boxes() {
        let steps = walk(&[0; 4096], None);
        assert!(matches!(&steps[..], [Step::Stop(d)] if d.flaw == Flaw::NotABox));
    }

    #[test]
    fn a_box_of_an_odd_type_is_one_only_if_a_box_follows() {
        let followed = b"\0\0\0\x0a-\0\0\0ab\0\0\0\x08moov";
        assert_eq!(walk(followed, None).len(), 2);
        for alone in [&b"\0\0\0\x0a-\0\0\0ab"[..], b"\0\0\0\x0a-\0\0\0abnonsense"] {
            let steps = walk(alone, None);
            assert!(matches!(&steps[..], [Step::Stop(d)] if d.flaw == Flaw::NotABox));
        }
    }

    #[test]
    fn an_open_size_is_allowed_at_the_top_only() {
        let bytes = b"\0\0\0\0mdatxyz".as_slice();
        assert!(matches!(
            &walk(bytes, None)[..],
            [Step::Box { defect: None, .. }]
        ));
        let inside = walk(bytes, Some(FourCc(*b"trak")));
        let [
            Step::Box {
                defect: Some(d), ..
            },
        ] = &inside[..]
        else {
            panic!("{inside:?}");
        };
        assert!(matches!(d.flaw, Flaw::OpenInside { .. }));
    }
}
