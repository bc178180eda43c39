//! Indexes and fragments that no box leads to.

use tapo_bmff::FourCc;
use tapo_io::{ByteSource, Result, Span};

/// The largest piece that is read in one go, bytes.
const MOST: u64 = 1 << 20;
/// Bytes that tell one: its header, and that of its first child.
const HEAD: u64 = 16;

/// The next `moov` or `moof` in `span`, by its type and the header box that stands
/// first in it (ISO/IEC 14496-12 §8.2.2, §8.8.5), with its offset. Its size is not
/// looked at; its first 16 bytes are in `span`.
///
/// # Errors
/// The source fails.
pub fn next_root(source: &dyn ByteSource, span: Span) -> Result<Option<(FourCc, u64)>> {
    // It is likely close.
    let mut piece = 4 << 10;
    let end = span.end.min(source.len());
    let name = memchr::memmem::Finder::new(b"moo");
    let mut at = span.start;
    while at.saturating_add(HEAD) <= end {
        // Only its size may begin in a hole.
        at = at.max(source.next_data(at).saturating_sub(3));
        // Pieces overlap: a head may lie across two.
        let bytes =
            source.read_span(Span::at(at, piece + HEAD - 1).intersect(Span::new(at, end)))?;
        for found in name
            .find_iter(&bytes)
            .filter_map(|name| name.checked_sub(4))
        {
            let head = bytes.get(found + 4..found + 16);
            let kind = match head.and_then(|head| head.split_first_chunk::<4>()) {
                Some((kind @ b"moov", rest)) if rest.ends_with(b"mvhd") => *kind,
                Some((kind @ b"moof", rest)) if rest.ends_with(b"mfhd") => *kind,
                _ => continue,
            };
            return Ok(Some((FourCc(kind), at + found as u64)));
        }
        at = at.saturating_add(piece);
        piece = (piece * 16).min(MOST);
    }
    Ok(None)
}

/// The next `moof` in `span`, as [`next_root`] finds it.
///
/// # Errors
/// The source fails.
pub fn next_moof(source: &dyn ByteSource, span: Span) -> Result<Option<u64>> {
    let mut from = span.start;
    while let Some((kind, at)) = next_root(source, Span::new(from, span.end))? {
        if kind == b"moof" {
            return Ok(Some(at));
        }
        from = at + 1;
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MOOF: &[u8] = b"\0\0\0\x18moof\0\0\0\x10mfhd\0\0\0\0\0\0\0\x01";
    const MOOV: &[u8] = b"\0\0\0\x74moov\0\0\0\x6cmvhd";

    #[test]
    fn the_next_one_is_found_behind_anything() {
        let mut file = vec![0; 3 << 20];
        file.extend(MOOV);
        file.extend(MOOF);
        let all = Span::new(0, u64::MAX);
        assert_eq!(
            next_root(&file, all).unwrap(),
            Some((FourCc(*b"moov"), 3 << 20))
        );
        assert_eq!(next_moof(&file, all).unwrap(), Some((3 << 20) + 16));
        let behind = Span::new((3 << 20) + 17, u64::MAX);
        assert_eq!(next_root(&file, behind).unwrap(), None);
        // Its head must be inside, and the word alone is no box.
        let cut = Span::new(0, (3 << 20) + 15);
        assert_eq!(next_root(&file, cut).unwrap(), None);
        let words = b"\0\0\0\x18moof and moov\0\0\0\0mfhd".to_vec();
        assert_eq!(next_root(&words, all).unwrap(), None);
    }

    #[test]
    fn one_behind_a_hole_is_found() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(1 << 40).unwrap();
        std::os::unix::fs::FileExt::write_at(file.as_file(), MOOF, (1 << 30) - 2).unwrap();
        let source = tapo_io::PreadFile::open(file.path()).unwrap();
        let found = next_moof(&source, Span::new(0, u64::MAX)).unwrap();
        assert_eq!(found, Some((1 << 30) - 2));
    }

    proptest! {
        /// Wherever it stands, also across two pieces.
        #[test]
        fn no_place_hides_one(at in 0..200_000_usize, from in 0..200_000_usize, noise: u8) {
            let mut file = vec![noise; at];
            file.extend(MOOF);
            file.extend(vec![noise; 64]);
            let found = next_moof(&file, Span::new(from as u64, u64::MAX)).unwrap();
            prop_assert_eq!(found, (from <= at).then_some(at as u64));
        }
    }
}
