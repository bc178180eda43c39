//! Movie fragments that boxes do not lead to.

use crate::Result;
use tapo_io::{ByteSource, Loaded, Span};

/// The next `moof` at or behind `from` and in front of `limit`: one whose first
/// child is its header.
///
/// # Errors
/// The source fails.
pub(crate) fn next(source: &dyn ByteSource, from: u64, limit: u64) -> Result<Option<u64>> {
    const MOST: u64 = 1 << 20;
    const HEAD: u64 = 24;
    // It is likely close.
    let mut block = 4 << 10;
    let mut at = from;
    let limit = limit.min(source.len());
    let name = memchr::memmem::Finder::new(b"mfhd");
    while at < limit {
        // A box may begin up to its fourth byte before the first that is not zero.
        at = at.max(source.next_data(at).saturating_sub(4));
        let loaded = Loaded::read(source, Span::at(at, block + HEAD))?;
        let bytes = loaded.get(loaded.span()).unwrap_or_default();
        let mut names = name.find_iter(bytes).filter_map(|at| at.checked_sub(12));
        let found = names.find(|at| bytes.get(at + 4..at + 8) == Some(b"moof"));
        if let Some(found) = found {
            return Ok(Some(at + found as u64));
        }
        at = at.saturating_add(block);
        block = (block * 16).min(MOST);
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_fragment_is_found_behind_anything() {
        let mut file = vec![0; 3 << 20];
        file.extend(b"\0\0\0\x18moof\0\0\0\x10mfhd\0\0\0\0\0\0\0\x01");
        assert_eq!(next(&file, 0, u64::MAX).unwrap(), Some(3 << 20));
        assert_eq!(next(&file, (3 << 20) + 1, u64::MAX).unwrap(), None);
        // The word alone is no box.
        assert_eq!(
            next(&b"\0\0\0\x18moof and more".to_vec(), 0, u64::MAX).unwrap(),
            None
        );
    }
}
