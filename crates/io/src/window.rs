//! Small reads out of a large file.

use crate::{ByteSource, Result, Span};

/// Two pieces of a source, kept for the next small read nearby.
///
/// Headers take a few bytes in one place, and the next ones stand somewhere
/// behind it: who looks there first often comes back. Who hops over more than it
/// costs to read gets a page for each hop; who goes step by step gets pieces that
/// grow with the way gone.
pub struct Window<'a> {
    source: &'a dyn ByteSource,
    /// The piece that was looked at last.
    now: Piece,
    /// The one before.
    before: Piece,
    /// What the next refill reads at least, bytes.
    refill: usize,
}

struct Piece {
    buf: Vec<u8>,
    at: u64,
    /// Bytes of `buf` that hold the source's, from `at` on.
    held: usize,
}

impl Piece {
    const EMPTY: Self = Self {
        buf: Vec::new(),
        at: 0,
        held: 0,
    };

    const fn span(&self) -> Span {
        Span::at(self.at, self.held as u64)
    }
}

/// What a refill reads behind a hop, bytes: enough for the boxes of a typical
/// `moof`, or for the end of a sample and the head of the next.
const PAGE: usize = 4096;

/// What a refill reads at most unless more is wanted, bytes.
const MOST: usize = 128 << 10;

/// A hop beyond this ends reading step by step, bytes: to read what is hopped
/// over costs more than another call.
const HOP: u64 = 8 << 10;

impl<'a> Window<'a> {
    /// A window that has read nothing yet.
    #[must_use]
    pub const fn new(source: &'a dyn ByteSource) -> Self {
        Self {
            source,
            now: Piece::EMPTY,
            before: Piece::EMPTY,
            refill: PAGE,
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
        let held = self.now.span();
        if !held.contains(span) {
            std::mem::swap(&mut self.now, &mut self.before);
        }
        let piece = &mut self.now;
        if !piece.span().contains(span) {
            let near = held.start..=held.end.saturating_add(HOP);
            self.refill = match near.contains(&at) && !held.is_empty() {
                true => (self.refill * 2).min(MOST),
                false => PAGE,
            };
            let read = want.max(self.refill);
            if piece.buf.len() < read {
                piece.buf.resize(read, 0);
            }
            // Nothing is held if the read fails.
            piece.held = 0;
            let buf = piece.buf.get_mut(..read).unwrap_or_default();
            piece.held = self.source.read_at(at, buf)?;
            piece.at = at;
        }
        let from = usize::try_from(span.start.saturating_sub(piece.at)).unwrap_or(usize::MAX);
        let rest = piece.buf.get(from..piece.held).unwrap_or_default();
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
            (9001, 20),
            (14_000, 4000),
            (17_900, 4000),
            (30_000, 4),
            (100, 3),
        ] {
            let start = usize::from(at).min(plain.0.len());
            let end = (start + want).min(plain.0.len());
            let got = window.bytes(u64::from(at), want).unwrap();
            assert_eq!(got, &plain.0[start..end]);
        }
    }

    /// Counts what is read.
    struct Counting(Vec<u8>, std::sync::Mutex<Vec<usize>>);

    impl ByteSource for Counting {
        fn len(&self) -> u64 {
            ByteSource::len(&self.0)
        }
        fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize> {
            self.1.lock().unwrap().push(buf.len());
            self.0.read_at(offset, buf)
        }
    }

    #[test]
    fn steps_are_read_in_growing_pieces_and_hops_in_pages() {
        let source = Counting(vec![0; 4 << 20], std::sync::Mutex::default());
        let mut window = Window::new(&source);
        for at in (0..2_u64 << 20).step_by(300) {
            window.bytes(at, 100).unwrap();
        }
        let reads = std::mem::take(&mut *source.1.lock().unwrap());
        assert!(reads.len() < 30, "{}", reads.len());
        for at in ((2_u64 << 20)..4 << 20).step_by(40_000) {
            window.bytes(at, 100).unwrap();
        }
        let reads = std::mem::take(&mut *source.1.lock().unwrap());
        assert!(reads.iter().all(|len| *len == PAGE), "{reads:?}");
        for at in (0..2_u64 << 20).step_by(40_000) {
            for place in [at + 40_000, at + 500, at + 40_000] {
                window.bytes(place, 100).unwrap();
            }
        }
        let hops = (2 << 20) / 40_000 + 2;
        assert_eq!(source.1.lock().unwrap().len(), hops, "each place once");
    }
}
