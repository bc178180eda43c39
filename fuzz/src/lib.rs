//! Properties that hold for any bytes.
//!
//! Each function panics if its property does not hold; the fuzz targets call
//! them with bytes that libFuzzer makes up, the tests with seeds and a corpus.
#![forbid(unsafe_code)]
#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a broken property panics"
)]

mod inspect;
mod recognise;
mod repair;

pub use inspect::inspect;
pub use recognise::{CODECS, judge, recognise};
pub use repair::{CLIPS, holds, repair};

use tapo_bmff::{BoxTree, FourCc, SampleEntry, limits};
use tapo_io::{ByteSource, Result, Span};

/// The boxes of a file (the atom parser): nodes lie inside their parents and in
/// file order, nothing is deeper than the limit, and the result does not depend
/// on how the bytes are read.
pub fn box_walk(data: &[u8]) {
    let file = Span::new(0, data.len() as u64);
    let tree = BoxTree::read(&data).expect("memory does not fail");
    for defect in tree.defects() {
        assert!(file.contains(defect.span), "{defect:?}");
    }
    let mut roots = tree.roots();
    let mut last = roots.next();
    for next in roots {
        let before = last.expect("it is not the first").1.span;
        assert!(before.end <= next.1.span.start);
        last = Some(next);
    }
    assert!(tree.nodes().len() <= data.len() / 8 + 1);
    for (id, root) in tree.roots() {
        assert!(file.contains(root.span));
        let mut stack = vec![(id, root.payload())];
        while let Some((id, inside)) = stack.pop() {
            for (child, node) in tree.children(id) {
                assert!(inside.contains(node.span), "{node:?} in {inside:?}");
                assert!(node.depth <= limits::DEPTH);
                stack.push((child, node.payload()));
            }
        }
    }
    let slow = BoxTree::read(&OneByOne(data)).expect("memory does not fail");
    assert_eq!(tree.nodes(), slow.nodes());
    assert_eq!(tree.defects(), slow.defects());
}

/// A movie read from any bytes: what it says can be written, and reading that
/// gives the same samples again.
pub fn movie_read(data: &[u8]) {
    let read = tapo_movie::read(&data).expect("memory does not fail");
    let Some(movie) = read.movie else { return };
    // Tables of one constant size claim billions of samples in a few bytes.
    const ENOUGH: usize = 100_000;
    for track in &movie.tracks {
        let placed = track.samples.iter().take(ENOUGH);
        assert!(placed.map(|s| s.number).is_sorted());
    }
    let bytes = tapo_movie::encode_moov(&movie);
    let again = tapo_movie::read(&bytes).expect("memory does not fail");
    let again = again.movie.expect("a moov was written");
    assert_eq!(movie.tracks.len(), again.tracks.len());
    for (before, after) in movie.tracks.iter().zip(&again.tracks) {
        let mut start = before.samples.clone();
        start.start = 0;
        let before = start.iter().take(ENOUGH);
        assert!(before.eq(after.samples.iter().take(ENOUGH)));
    }
}

/// A sample entry of any bytes, as a track of any kind.
pub fn sample_entry(data: &[u8]) {
    for handler in [None, Some(FourCc(*b"vide")), Some(FourCc(*b"soun"))] {
        let Some(entry) = SampleEntry::parse(data.to_vec(), handler) else {
            continue;
        };
        assert_eq!(entry.raw(), data);
        let bytes: usize = entry.children().map(|(_, payload)| payload.len()).sum();
        // Those of a `wave` are counted again.
        assert!(bytes <= 2 * data.len());
    }
}

/// A source that never has more than one byte at hand.
struct OneByOne<'a>(&'a [u8]);

impl ByteSource for OneByOne<'_> {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize> {
        let mut got = 0;
        for (at, byte) in (offset..).zip(buf) {
            match self.0.read_at(at, std::slice::from_mut(byte))? {
                0 => break,
                n => got += n,
            }
        }
        Ok(got)
    }
}

#[cfg(test)]
mod tests;
