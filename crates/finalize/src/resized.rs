//! A source with another size: shorter, or longer by zeros; as it was before its last
//! box was closed.

use crate::record::{Patch, UndoRecord};
use std::path::Path;
use tapo_io::{ByteSource, Result, Span};

/// A source as it was, or will be, at another size.
pub(crate) struct Resized<'a> {
    inner: &'a dyn ByteSource,
    len: u64,
    /// Bytes that were others.
    was: Option<Patch>,
}

impl<'a> Resized<'a> {
    pub(crate) const fn new(inner: &'a dyn ByteSource, len: u64) -> Self {
        Self {
            inner,
            len,
            was: None,
        }
    }

    /// The file of this size, with bytes that were others.
    pub(crate) const fn patched(inner: &'a dyn ByteSource, len: u64, was: Patch) -> Self {
        Self {
            was: Some(was),
            ..Self::new(inner, len)
        }
    }

    /// The file that a record is of: its last box may be closed by now.
    pub(crate) fn original(inner: &'a dyn ByteSource, record: &UndoRecord) -> Self {
        Self {
            was: record.closing.map(|closing| closing.patch),
            ..Self::new(inner, record.end)
        }
    }
}

impl ByteSource for Resized<'_> {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize> {
        let here = Span::at(offset, buf.len() as u64).intersect(Span::new(0, self.len));
        if here.start != offset {
            return Ok(0);
        }
        let want = usize::try_from(here.len()).unwrap_or(usize::MAX);
        let (want, _) = buf.split_at_mut(want.min(buf.len()));
        let got = self.inner.read_at(offset, want)?;
        want.iter_mut().skip(got).for_each(|b| *b = 0);
        if let Some(was) = &self.was {
            for (at, byte) in (was.at..).zip(was.original()) {
                let index = at.checked_sub(offset).and_then(|i| usize::try_from(i).ok());
                if let Some(to) = index.and_then(|i| want.get_mut(i)) {
                    *to = *byte;
                }
            }
        }
        Ok(want.len())
    }

    fn slice(&self, span: Span) -> Option<&[u8]> {
        let inside = Span::new(0, self.len.min(self.inner.len())).contains(span);
        let other = self
            .was
            .is_some_and(|w| !w.span().intersect(span).is_empty());
        (inside && !other).then(|| self.inner.slice(span)).flatten()
    }

    fn path(&self) -> &Path {
        self.inner.path()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shorter_and_longer() {
        let bytes = vec![7_u8; 10];
        let read = |len, span| Resized::new(&bytes, len).read_span(span).unwrap();
        assert_eq!(read(4, Span::new(2, 9)), [7, 7]);
        assert_eq!(read(4, Span::new(4, 9)), []);
        assert_eq!(read(12, Span::new(8, 20)), [7, 7, 0, 0]);
        assert_eq!(Resized::new(&bytes, 12).slice(Span::new(8, 11)), None);
        let cut = Resized::new(&bytes, 4);
        assert_eq!(cut.slice(Span::new(1, 4)), Some(&[7; 3][..]));
        assert_eq!(cut.slice(Span::new(1, 5)), None);
        let was = Resized::patched(&bytes, 9, Patch::new(3, &[1, 2]));
        for (from, want) in [(0, [7, 7, 7, 1, 2, 7]), (4, [2, 7, 7, 7, 7, 0])] {
            let want = &want[..want.len() - usize::from(from == 4)];
            assert_eq!(was.read_span(Span::new(from, from + 6)).unwrap(), want);
        }
        assert_eq!(was.slice(Span::new(4, 6)), None);
        assert_eq!(was.slice(Span::new(5, 6)), Some(&[7][..]));
    }
}
