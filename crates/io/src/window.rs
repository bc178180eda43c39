//! Small reads out of a large file.

use crate::{ByteSource, Result, Span};

/// A page or two of a source, kept for the next small read nearby.
///
/// Reading box headers touches a few bytes in one place and then jumps; the
/// window turns neighbouring reads into one.
pub struct Window<'a> {
    source: &'a dyn ByteSource,
    buf: Vec<u8>,
    at: u64,
}

/// What one refill reads, bytes: enough for the boxes of a typical `moof`.
const REFILL: usize = 4096;

impl<'a> Window<'a> {
    /// A window that has read nothing yet.
    #[must_use]
    pub const fn new(source: &'a dyn ByteSource) -> Self {
        Self {
            source,
            buf: Vec::new(),
            at: 0,
        }
    }

    /// The source it looks at.
    #[must_use]
    pub const fn source(&self) -> &'a dyn ByteSource {
        self.source
    }

    /// Up to `want` bytes from `at` on; fewer where the source ends.
    ///
    /// # Errors
    /// As [`ByteSource::read_at`].
    pub fn bytes(&mut self, at: u64, want: usize) -> Result<&[u8]> {
        let span = Span::at(at, want as u64).intersect(Span::new(0, self.source.len()));
        if let Some(here) = self.source.slice(span) {
            return Ok(here);
        }
        let held = Span::at(self.at, self.buf.len() as u64);
        if !held.contains(span) {
            self.buf.resize(want.max(REFILL), 0);
            let got = self.source.read_at(at, &mut self.buf)?;
            self.buf.truncate(got);
            self.at = at;
        }
        let from = usize::try_from(span.start.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let rest = self.buf.get(from..).unwrap_or_default();
        Ok(rest.get(..want).unwrap_or(rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A source without `slice`, as a file is.
    struct Plain(Vec<u8>);

    impl ByteSource for Plain {
        fn len(&self) -> u64 {
            ByteSource::len(&self.0)
        }
        fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize> {
            self.0.read_at(offset, buf)
        }
    }

    #[test]
    fn reads_agree_with_the_source_wherever_the_window_stands() {
        let plain = Plain((0..20_000_u32).map(|i| (i % 251) as u8).collect());
        let mut window = Window::new(&plain);
        for (at, want) in [
            (0_u16, 8_usize),
            (4090, 32),
            (19_995, 16),
            (8, 1),
            (0, 9000),
            (30_000, 4),
        ] {
            let start = usize::from(at).min(plain.0.len());
            let end = (start + want).min(plain.0.len());
            let got = window.bytes(u64::from(at), want).unwrap();
            assert_eq!(got, &plain.0[start..end]);
        }
    }
}
