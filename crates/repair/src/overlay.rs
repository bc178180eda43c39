//! The broken file as it would read if its structure were whole.

use tapo_io::{ByteSource, Result, Span};

/// A source with bytes put in front, small patches, and zeros behind, so that a
/// reader of whole files can read what is left of a broken one.
pub(crate) struct Overlay<'a> {
    base: &'a dyn ByteSource,
    prefix: Vec<u8>,
    /// Offsets in `base`, ascending, not overlapping.
    patches: Vec<(u64, Vec<u8>)>,
    /// Size it pretends the base has.
    base_len: u64,
}

impl<'a> Overlay<'a> {
    pub(crate) fn new(base: &'a dyn ByteSource, prefix: Vec<u8>) -> Self {
        Self {
            base,
            prefix,
            patches: Vec::new(),
            base_len: base.len(),
        }
    }

    /// Where the bytes of the base begin.
    pub(crate) fn shift(&self) -> u64 {
        self.prefix.len() as u64
    }

    /// Makes `span` of the base read as a `free` box; `span` has 8 bytes or more.
    pub(crate) fn cover(&mut self, span: Span) {
        let mut header = Vec::with_capacity(16);
        match u32::try_from(span.len()) {
            Ok(len) => {
                header.extend(len.to_be_bytes());
                header.extend(b"free");
            }
            Err(_) => {
                header.extend(1_u32.to_be_bytes());
                header.extend(b"free");
                header.extend(span.len().to_be_bytes());
            }
        }
        self.patches.push((span.start, header));
    }

    /// Puts bytes over those of the base at `at`.
    pub(crate) fn put(&mut self, at: u64, bytes: Vec<u8>) {
        self.patches.push((at, bytes));
    }

    /// Puts zeros behind the base, up to this offset of the base.
    pub(crate) fn extend(&mut self, end: u64) {
        self.base_len = self.base_len.max(end);
    }
}

impl ByteSource for Overlay<'_> {
    fn len(&self) -> u64 {
        self.shift().saturating_add(self.base_len)
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize> {
        let left = self.len().saturating_sub(offset);
        let want = usize::try_from(left).unwrap_or(usize::MAX).min(buf.len());
        let Some(buf) = buf.get_mut(..want) else {
            return Ok(0);
        };
        buf.fill(0);
        let wanted = Span::at(offset, want as u64);
        let place = |bytes: &[u8], at: u64, buf: &mut [u8]| {
            let here = Span::at(at, bytes.len() as u64).intersect(wanted);
            if here.is_empty() {
                return;
            }
            let range = |base: u64| {
                let start = usize::try_from(here.start - base).unwrap_or(usize::MAX);
                start..start.saturating_add(usize::try_from(here.len()).unwrap_or(0))
            };
            if let (Some(from), Some(to)) = (bytes.get(range(at)), buf.get_mut(range(offset))) {
                to.copy_from_slice(from);
            }
        };
        place(&self.prefix, 0, buf);
        let from_base = wanted.intersect(Span::new(self.shift(), u64::MAX));
        if !from_base.is_empty() {
            let at = usize::try_from(from_base.start - offset).unwrap_or(usize::MAX);
            if let Some(rest) = buf.get_mut(at..) {
                self.base.read_at(from_base.start - self.shift(), rest)?;
            }
        }
        for (at, bytes) in &self.patches {
            place(bytes, at + self.shift(), buf);
        }
        Ok(want)
    }

    fn path(&self) -> &std::path::Path {
        self.base.path()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_agree_wherever_they_begin_and_end() {
        let base: Vec<u8> = (0..100).collect();
        let mut overlay = Overlay::new(&base, vec![200; 10]);
        overlay.cover(Span::new(20, 60));
        overlay.extend(120);
        let mut want: Vec<u8> = vec![200; 10];
        want.extend(0..20);
        want.extend([0, 0, 0, 40, b'f', b'r', b'e', b'e']);
        want.extend(28..100);
        want.extend([0; 20]);
        assert_eq!(overlay.len(), 130);
        for start in 0..130_u8 {
            for len in [1, 7, 33, 200] {
                let mut buf = vec![9; len];
                let got = overlay.read_at(u64::from(start), &mut buf).unwrap();
                let start = usize::from(start);
                assert_eq!(buf[..got], want[start..(start + len).min(130)]);
            }
        }
    }
}
