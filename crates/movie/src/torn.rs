//! What is there of a fragment that the file ends in.

use crate::{Fragment, Result, TopBox, Track};
use tapo_bmff::BoxSize;
use tapo_io::{ByteSource, Span, zeros_to_end};

/// The last fragment of a file that ends before all its samples do.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq)]
pub struct Torn {
    /// Samples that are there, and in the tables.
    pub kept: u64,
    /// Samples that are not, or not all of their bytes.
    pub lost: u64,
    /// Where the last byte of those that are there ends, from the start of the file.
    pub end: u64,
}

/// The unit in which a disk that lost power leaves zeros instead of what was written, bytes.
const SECTOR: u64 = 512;

/// As many zeros end no coded sample.
const MANY: u64 = 16;

/// Which bytes behind a `moof` hold samples.
#[derive(Copy, Clone, Debug)]
pub(crate) struct There {
    data: Span,
    /// From here on only zeros follow: the size of the file reached the disk, the bytes did not.
    zeros: u64,
}

impl There {
    pub(crate) fn of(source: &dyn ByteSource, moof: Span) -> Result<Self> {
        let data = Span::new(moof.end, source.len().max(moof.end));
        let zeros = zeros_to_end(source, data)?.next_multiple_of(SECTOR);
        Ok(Self { data, zeros })
    }

    /// Whether all bytes of a sample are there. Silence of uncompressed sound is zeros too.
    pub(crate) fn holds(&self, sample: Span, raw: bool) -> bool {
        let zeros = sample.end.saturating_sub(self.zeros.max(sample.start));
        let gone = zeros >= MANY.min(sample.len()) && !sample.is_empty();
        self.data.contains(sample) && (raw || !gone)
    }
}

/// Whether the samples of a track are numbers that nobody coded.
pub(crate) fn is_raw(track: &Track) -> bool {
    let mut kinds = track.descriptions.iter().map(|d| d.kind().0);
    kinds.any(|kind| {
        matches!(
            &kind,
            b"sowt"
                | b"twos"
                | b"lpcm"
                | b"ipcm"
                | b"fpcm"
                | b"in24"
                | b"in32"
                | b"fl32"
                | b"fl64"
                | b"raw "
                | b"NONE"
        )
    })
}

/// Whether the last fragment ends where the file does, and before its samples do.
pub(crate) fn ends_amid(fragments: &[Fragment], top: &[TopBox]) -> bool {
    let (Some(fragment), Some(last)) = (fragments.last(), top.last()) else {
        return false;
    };
    let open = !last.whole || last.size == BoxSize::ToEnd;
    !fragment.whole && open && last.kind == b"mdat" && last.span.start >= fragment.moof.end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_there_up_to_the_end_and_up_to_the_zeros() {
        let mut bytes = vec![7; 4000];
        bytes[1000..].fill(0);
        let there = There::of(&bytes, Span::new(0, 100)).unwrap();
        let holds = |start, end| {
            let span = Span::new(start, end);
            (there.holds(span, false), there.holds(span, true))
        };
        assert_eq!(holds(100, 1000), (true, true));
        assert_eq!(holds(90, 200), (false, false), "amid the moof");
        assert_eq!(holds(900, 1024 + 15), (true, true));
        assert_eq!(holds(900, 1024 + 16), (false, true));
        assert_eq!(holds(2000, 2008), (false, true));
        assert_eq!(holds(3000, 4001), (false, false));
        assert_eq!(holds(2000, 2000), (true, true), "of no bytes");
    }
}
