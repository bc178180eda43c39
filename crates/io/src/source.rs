//! Where bytes come from.

use crate::{Error, Result, Span};
use std::path::Path;

/// Bytes that can be read at any offset, from several threads at once.
pub trait ByteSource: Send + Sync {
    /// Size in bytes.
    fn len(&self) -> u64;

    /// Reads from `offset` on until `buf` is full or the source ends, and says
    /// how many bytes that were.
    ///
    /// # Errors
    /// [`Error::Io`] if the system fails; the end of the source is no error.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize>;

    /// The bytes of `span` without a copy, where the source has them in memory.
    fn slice(&self, span: Span) -> Option<&[u8]> {
        let _ = span;
        None
    }

    /// The first offset at or behind `from` at which there may be anything but
    /// zeros: a source that knows of holes skips them.
    fn next_data(&self, from: u64) -> u64 {
        from
    }

    /// The length that was noted beside the file ([`Op::Note`](crate::Op::Note)):
    /// what it had before something was appended to it that may be incomplete.
    fn noted_len(&self) -> Option<u64> {
        None
    }

    /// The name to put into messages.
    fn path(&self) -> &Path {
        Path::new("(memory)")
    }

    /// Whether there is no byte at all.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes of `span`, as far as the source has them. The caller bounds
    /// the length of `span`: this allocates it.
    ///
    /// # Errors
    /// As [`ByteSource::read_at`].
    fn read_span(&self, span: Span) -> Result<Vec<u8>> {
        let span = span.intersect(Span::new(0, self.len()));
        let too_large = |_| {
            let source = std::io::Error::from(std::io::ErrorKind::OutOfMemory);
            Error::io(self.path(), "read", source)
        };
        let mut bytes = vec![0; usize::try_from(span.len()).map_err(too_large)?];
        let got = self.read_at(span.start, &mut bytes)?;
        bytes.truncate(got);
        Ok(bytes)
    }
}

/// Bytes in memory that stand at `base` in their file, so that whoever reads
/// them keeps speaking of absolute offsets.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    base: u64,
    bytes: Vec<u8>,
}

impl Loaded {
    /// `bytes`, which stand at offset `base`.
    #[must_use]
    pub const fn new(base: u64, bytes: Vec<u8>) -> Self {
        Self { base, bytes }
    }

    /// Holds a copy of `bytes`, which stand at offset `base`, in place of what it held: nothing is allocated if there
    /// is room.
    pub fn replace(&mut self, base: u64, bytes: &[u8]) {
        self.base = base;
        self.bytes.clear();
        self.bytes.extend_from_slice(bytes);
    }

    /// Reads `span` of `source`, as far as it goes. The caller bounds it.
    ///
    /// # Errors
    /// As [`ByteSource::read_at`].
    pub fn read(source: &dyn ByteSource, span: Span) -> Result<Self> {
        Ok(Self::new(span.start, source.read_span(span)?))
    }

    /// The range of the file that is in memory.
    #[must_use]
    pub fn span(&self) -> Span {
        Span::at(self.base, self.bytes.len() as u64)
    }

    /// The bytes of `span`, absolute; `None` unless all of them are here.
    #[must_use]
    pub fn get(&self, span: Span) -> Option<&[u8]> {
        let start = usize::try_from(span.start.checked_sub(self.base)?).ok()?;
        let end = usize::try_from(span.end.checked_sub(self.base)?).ok()?;
        self.bytes.get(start..end)
    }
}

impl ByteSource for Loaded {
    fn len(&self) -> u64 {
        self.span().end
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize> {
        let span = Span::at(offset, buf.len() as u64).intersect(self.span());
        let here = if span.start == offset {
            self.get(span).unwrap_or_default()
        } else {
            &[]
        };
        Ok(copy(here, buf))
    }

    fn slice(&self, span: Span) -> Option<&[u8]> {
        self.get(span)
    }
}

impl ByteSource for &[u8] {
    fn len(&self) -> u64 {
        <[u8]>::len(self) as u64
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize> {
        let rest = usize::try_from(offset).ok().and_then(|at| self.get(at..));
        Ok(copy(rest.unwrap_or_default(), buf))
    }

    fn slice(&self, span: Span) -> Option<&[u8]> {
        let start = usize::try_from(span.start).ok()?;
        self.get(start..usize::try_from(span.end).ok()?)
    }
}

impl ByteSource for Vec<u8> {
    fn len(&self) -> u64 {
        Self::len(self) as u64
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize> {
        self.as_slice().read_at(offset, buf)
    }

    fn slice(&self, span: Span) -> Option<&[u8]> {
        let start = usize::try_from(span.start).ok()?;
        self.get(start..usize::try_from(span.end).ok()?)
    }
}

/// Copies as much of `from` as `to` takes.
fn copy(from: &[u8], to: &mut [u8]) -> usize {
    let n = from.len().min(to.len());
    if let (Some(from), Some(to)) = (from.get(..n), to.get_mut(..n)) {
        to.copy_from_slice(from);
    }
    n
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loaded_bytes_keep_their_absolute_offsets() {
        let part = Loaded::new(100, vec![1, 2, 3]);
        assert_eq!(part.get(Span::new(101, 103)), Some(&[2, 3][..]));
        assert_eq!(part.get(Span::new(99, 101)), None);
        assert_eq!(part.get(Span::new(102, 104)), None);
        let mut buf = [0; 8];
        assert_eq!(part.read_at(102, &mut buf).unwrap(), 1);
        assert_eq!(part.read_at(50, &mut buf).unwrap(), 0);
    }

    #[test]
    fn a_read_past_the_end_is_short_and_no_error() {
        let bytes = vec![7_u8; 4];
        assert_eq!(bytes.read_span(Span::new(2, 99)).unwrap(), [7, 7]);
        assert_eq!(bytes.read_span(Span::new(50, 99)).unwrap(), []);
    }
}
