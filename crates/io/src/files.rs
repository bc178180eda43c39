//! Several files, read as if they were one.

use crate::{ByteSource, Error, FileStamp, PreadFile, Result, Span};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Files one behind the other. One of them is open at a time, however many they
/// are, and none may change after the start.
#[derive(Debug)]
pub struct Files {
    pieces: Vec<Piece>,
    len: u64,
    open: Mutex<Option<(usize, Arc<PreadFile>)>>,
}

/// One file among [`Files`].
#[derive(Clone, Debug)]
pub struct Piece {
    /// The file.
    pub path: PathBuf,
    /// Its bytes, offsets in the whole.
    pub span: Span,
    stamp: FileStamp,
}

impl Files {
    /// Puts files one behind the other. The first one names the whole.
    ///
    /// # Errors
    /// As [`PreadFile::open`] has them.
    pub fn new(paths: &[PathBuf]) -> Result<Self> {
        let mut pieces = Vec::with_capacity(paths.len());
        let mut len = 0;
        for path in paths {
            let file = PreadFile::open(path)?;
            let span = Span::at(len, file.len());
            len = span.end;
            let (path, stamp) = (path.clone(), file.stamp()?);
            pieces.push(Piece { path, span, stamp });
        }
        let open = Mutex::new(None);
        Ok(Self { pieces, len, open })
    }

    /// The files, in order.
    #[must_use]
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// Opens one of them, which must be as it was at the start.
    ///
    /// # Errors
    /// [`Error::Changed`]; as [`PreadFile::open`] has them.
    pub fn open(&self, index: usize) -> Result<Arc<PreadFile>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, file)) = &*open
            && *at == index
        {
            return Ok(file.clone());
        }
        let missing = || Error::io(self.path(), "open", std::io::ErrorKind::NotFound.into());
        let piece = self.pieces.get(index).ok_or_else(missing)?;
        let file = Arc::new(PreadFile::open(&piece.path)?);
        if file.stamp()? != piece.stamp {
            let path = piece.path.clone();
            return Err(Error::Changed { path });
        }
        *open = Some((index, file.clone()));
        Ok(file)
    }

    /// Opens one of them again, whether it is open or not: only so it shows that a
    /// file was replaced by another of its name.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn reopen(&self, index: usize) -> Result<Arc<PreadFile>> {
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.open(index)
    }

    /// The file that holds the byte at `offset`.
    #[must_use]
    pub fn piece_at(&self, offset: u64) -> Option<usize> {
        let behind = self.pieces.partition_point(|p| p.span.end <= offset);
        (behind < self.pieces.len()).then_some(behind)
    }
}

impl ByteSource for Files {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, mut buf: &mut [u8]) -> Result<usize> {
        let (mut at, mut got) = (offset, 0);
        while let Some(index) = self.piece_at(at).filter(|_| !buf.is_empty()) {
            let file = self.open(index)?;
            let start = self.pieces.get(index).map_or(0, |p| p.span.start);
            let left = file.len().saturating_sub(at - start);
            let here = usize::try_from(left).unwrap_or(usize::MAX).min(buf.len());
            let (into, rest) = buf.split_at_mut(here);
            let n = file.read_at(at - start, into)?;
            got += n;
            at += n as u64;
            if n < here {
                break;
            }
            buf = rest;
        }
        Ok(got)
    }

    fn path(&self) -> &Path {
        let first = self.pieces.first();
        first.map_or(Path::new("(nothing)"), |p| &p.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_read_as_one_and_must_not_change() {
        let dir = tempfile::tempdir().unwrap();
        let paths = ["a", "empty", "b"].map(|name| dir.path().join(name));
        for (path, bytes) in paths.iter().zip([&b"hello "[..], b"", b"world"]) {
            std::fs::write(path, bytes).unwrap();
        }
        let files = Files::new(&paths).unwrap();
        assert_eq!(files.len(), 11);
        assert_eq!(files.read_span(Span::new(0, 99)).unwrap(), b"hello world");
        assert_eq!(files.read_span(Span::new(4, 8)).unwrap(), b"o wo");
        assert_eq!(files.piece_at(6), Some(2));
        assert_eq!(files.piece_at(11), None);
        assert_eq!(files.path(), paths[0]);
        std::fs::write(&paths[0], b"other, longer").unwrap();
        assert!(matches!(
            files.read_span(Span::new(0, 2)),
            Err(Error::Changed { .. })
        ));
    }
}
