//! Reading ahead where the search goes step by step.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tapo_io::{ByteSource, Result, Span};

/// A source that reads large blocks while it is read in order, and no more than
/// it is asked for while it is hopped through.
pub(crate) struct Ahead<'a> {
    source: &'a dyn ByteSource,
    block: Mutex<Block>,
}

#[derive(Default)]
struct Block {
    at: u64,
    bytes: Vec<u8>,
}

/// What is read at once, bytes.
const BLOCK: u64 = 256 << 10;

/// A hop beyond this ends reading in order, bytes: reading what is hopped over
/// costs more than the next call.
const HOP: u64 = 24 << 10;

impl<'a> Ahead<'a> {
    pub(crate) fn new(source: &'a dyn ByteSource) -> Self {
        Self {
            source,
            block: Mutex::default(),
        }
    }

    fn block(&self) -> MutexGuard<'_, Block> {
        // What a panicking thread left is whole: it is replaced in one step.
        self.block.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Block {
    fn span(&self) -> Span {
        Span::at(self.at, self.bytes.len() as u64)
    }

    fn get(&self, at: u64, len: usize) -> Option<&[u8]> {
        let from = usize::try_from(at.checked_sub(self.at)?).ok()?;
        self.bytes.get(from..from.checked_add(len)?)
    }
}

impl ByteSource for Ahead<'_> {
    fn len(&self) -> u64 {
        self.source.len()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize> {
        let left = usize::try_from(self.len().saturating_sub(offset)).unwrap_or(usize::MAX);
        let len = buf.len().min(left);
        let buf = buf.get_mut(..len).unwrap_or_default();
        let mut block = self.block();
        if block.get(offset, len).is_none() {
            let held = block.span();
            let near = Span::new(held.start, held.end.saturating_add(HOP));
            let ahead = if near.contains(Span::new(offset, offset)) {
                BLOCK
            } else {
                0
            };
            let span = Span::at(offset, ahead.max(len as u64));
            let bytes = self.source.read_span(span)?;
            *block = Block { at: offset, bytes };
        }
        let here = block.get(offset, len).unwrap_or_default();
        let got = here.len();
        if let Some(to) = buf.get_mut(..got) {
            to.copy_from_slice(here);
        }
        Ok(got)
    }

    fn next_data(&self, from: u64) -> u64 {
        self.source.next_data(from)
    }

    fn path(&self) -> &Path {
        self.source.path()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_are_those_of_the_source_in_any_order() {
        let bytes: Vec<u8> = (0..1_000_000_u32).map(|i| (i % 253) as u8).collect();
        let ahead = Ahead::new(&bytes);
        for at in [
            0_usize, 10, 4096, 300_000, 300_100, 299_000, 999_990, 5, 1_000_000,
        ] {
            let mut buf = [0; 5000];
            let got = ahead.read_at(at as u64, &mut buf).unwrap();
            assert_eq!(buf[..got], bytes[at..(at + 5000).min(bytes.len())]);
        }
    }
}
