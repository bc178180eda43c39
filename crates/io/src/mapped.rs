//! The one memory map, and so the one piece of unsafe code.

use crate::{ByteSource, Error, PreadFile, Result, Span};
use memmap2::Mmap;
use std::path::{Path, PathBuf};

/// A closed, regular file mapped read-only, for random access to one that
/// nobody writes (a reference, a clip).
///
/// A shared lock is held while it is mapped, which keeps our own writers away.
/// Another program that shortens the file all the same makes the next access
/// end the process (SIGBUS): use [`PreadFile`] for files that may still be
/// recorded to.
#[derive(Debug)]
pub struct MappedFile {
    map: Mmap,
    path: PathBuf,
    _file: std::fs::File,
}

impl MappedFile {
    /// Maps the file as long as it is now.
    ///
    /// # Errors
    /// As [`PreadFile::open`]; [`Error::InUse`] while a writer holds its lock;
    /// [`Error::Io`] if the system does not map it.
    pub fn open(path: &Path) -> Result<Self> {
        let opened = PreadFile::open(path)?;
        let file = opened.file().try_clone();
        let file = file.map_err(|e| Error::io(path, "open", e))?;
        crate::lock::try_shared(&file, path)?;
        // SAFETY: the map is read-only and lives as long as the file in the same
        // struct. Our writers are kept away by the shared lock; that no other
        // program truncates the file is what the type's documentation asks.
        #[expect(unsafe_code, reason = "the only memory map of the project")]
        let map = unsafe { Mmap::map(&file) }.map_err(|e| Error::io(path, "map", e))?;
        Ok(Self {
            map,
            path: path.to_owned(),
            _file: file,
        })
    }
}

impl ByteSource for MappedFile {
    fn len(&self) -> u64 {
        self.map.len() as u64
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize> {
        (&*self.map).read_at(offset, buf)
    }

    fn slice(&self, span: Span) -> Option<&[u8]> {
        let start = usize::try_from(span.start).ok()?;
        self.map.get(start..usize::try_from(span.end).ok()?)
    }

    fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_reads_as_the_file_and_an_empty_file_maps_empty() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("clip");
        std::fs::write(&path, b"moov").unwrap();
        let mapped = MappedFile::open(&path).unwrap();
        assert_eq!(mapped.slice(Span::new(1, 3)), Some(&b"oo"[..]));
        assert_eq!(mapped.slice(Span::new(1, 9)), None);
        std::fs::write(&path, b"").unwrap();
        assert_eq!(MappedFile::open(&path).unwrap().len(), 0);
    }
}
