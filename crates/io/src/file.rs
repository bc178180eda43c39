//! Files read by `pread`, and folders made to last.

use crate::{ByteSource, Error, Result};
use std::fs::{File, FileType, Metadata};
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// A file opened read-only and read by `pread`: never mapped, so that a file
/// that grows or shrinks underneath is no danger.
#[derive(Debug)]
pub struct PreadFile {
    file: File,
    path: PathBuf,
    len: u64,
}

/// What identifies the state of a file: if two stamps agree, nobody wrote to
/// it in between.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct FileStamp {
    /// Size, bytes.
    pub len: u64,
    /// Inode number.
    pub inode: u64,
    /// Time of last modification, nanoseconds since 1970.
    pub modified_ns: i128,
}

impl FileStamp {
    fn of(meta: &Metadata) -> Self {
        Self {
            len: meta.len(),
            inode: meta.ino(),
            modified_ns: i128::from(meta.mtime()) * 1_000_000_000 + i128::from(meta.mtime_nsec()),
        }
    }
}

impl PreadFile {
    /// Opens a regular file or a block device. Its size is what it is now.
    ///
    /// # Errors
    /// [`Error::NotAFile`] for folders, pipes, sockets and terminals (which
    /// would block), [`Error::Io`] otherwise.
    pub fn open(path: &Path) -> Result<Self> {
        let io = |e| Error::io(path, "open", e);
        let kind = std::fs::metadata(path).map_err(io)?.file_type();
        if !kind.is_file() && !kind.is_block_device() {
            return Err(Error::NotAFile {
                path: path.to_owned(),
                what: what_it_is(kind),
            });
        }
        let file = File::open(path).map_err(io)?;
        Self::from_file(file, path)
    }

    /// Takes a file that is open already.
    ///
    /// # Errors
    /// [`Error::Io`] if its size cannot be told.
    pub fn from_file(file: File, path: &Path) -> Result<Self> {
        use std::io::{Seek, SeekFrom};
        // A block device tells its size only by seeking.
        let len = (&file)
            .seek(SeekFrom::End(0))
            .map_err(|e| Error::io(path, "find the size", e))?;
        Ok(Self {
            file,
            path: path.to_owned(),
            len,
        })
    }

    /// The state of the file now, to compare with a later one.
    ///
    /// # Errors
    /// [`Error::Io`] if the system does not tell.
    pub fn stamp(&self) -> Result<FileStamp> {
        let meta = self.file.metadata();
        let meta = meta.map_err(|e| Error::io(&self.path, "look at", e))?;
        Ok(FileStamp::of(&meta))
    }

    /// Where the data at `from`, which is no hole, ends at the latest: at the next
    /// hole, or the end of the file. What was allocated and never written is a hole.
    #[must_use]
    pub fn next_hole(&self, from: u64) -> u64 {
        let end = self.len.max(from);
        #[cfg(target_os = "linux")]
        if let Ok(hole) = rustix::fs::seek(&self.file, rustix::fs::SeekFrom::Hole(from))
            && hole > from
        {
            return hole.min(end);
        }
        end
    }

    /// The open file itself.
    #[must_use]
    pub const fn file(&self) -> &File {
        &self.file
    }
}

impl ByteSource for PreadFile {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, mut buf: &mut [u8]) -> Result<usize> {
        let (mut at, mut got) = (offset, 0);
        while !buf.is_empty() {
            match self.file.read_at(buf, at) {
                Ok(0) => break,
                Ok(n) => {
                    got += n;
                    at += n as u64;
                    buf = buf.get_mut(n..).unwrap_or_default();
                }
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(e) => return Err(Error::io(&self.path, "read", e)),
            }
        }
        Ok(got)
    }

    #[cfg(target_os = "linux")]
    fn next_data(&self, from: u64) -> u64 {
        // The file's own position is used by nothing else.
        match rustix::fs::seek(&self.file, rustix::fs::SeekFrom::Data(from)) {
            Ok(data) => data.clamp(from, self.len.max(from)),
            // Only a hole follows.
            Err(rustix::io::Errno::NXIO) => self.len.max(from),
            // Not every file system knows of holes.
            Err(_) => from,
        }
    }

    fn noted_len(&self) -> Option<u64> {
        crate::note::read(&self.file)
    }

    fn path(&self) -> &Path {
        &self.path
    }
}

/// What that is no regular file is, with its article.
pub(crate) fn what_it_is(kind: FileType) -> &'static str {
    if kind.is_dir() {
        "a folder"
    } else if kind.is_fifo() {
        "a pipe"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

/// Syncs the folder that holds `path`, so that the name outlives a power cut.
///
/// # Errors
/// [`Error::Io`] if the folder cannot be opened or synced.
pub fn sync_dir_of(path: &Path) -> Result<()> {
    let dir = parent(path);
    let synced = File::open(dir).and_then(|d| d.sync_all());
    synced.map_err(|e| Error::io(dir, "sync the folder", e))
}

/// Makes `dir` and what it needs above it, each name synced in its parent.
///
/// # Errors
/// [`Error::Io`] if a folder cannot be made or synced.
pub fn create_dirs(dir: &Path) -> Result<()> {
    if dir.as_os_str().is_empty() || dir.is_dir() {
        return Ok(());
    }
    let missing: Vec<&Path> = dir
        .ancestors()
        .take_while(|d| !d.as_os_str().is_empty() && !d.is_dir())
        .collect();
    for made in missing.into_iter().rev() {
        match std::fs::create_dir(made) {
            Ok(()) => sync_dir_of(made)?,
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists && made.is_dir() => {}
            Err(e) => return Err(Error::io(made, "make the folder", e)),
        }
    }
    Ok(())
}

/// The folder that `path` stands in.
pub(crate) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_and_a_pipe_are_named_for_what_they_are() {
        let dir = tempfile::tempdir().unwrap();
        let said = PreadFile::open(dir.path()).unwrap_err().to_string();
        assert!(said.ends_with("is a folder, not a regular file"), "{said}");
        let pipe = dir.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        let said = PreadFile::open(&pipe).unwrap_err().to_string();
        assert!(said.contains("is a pipe"), "{said}");
    }

    #[test]
    fn a_hole_is_skipped_where_the_file_system_knows_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sparse");
        let file = File::create(&path).unwrap();
        file.set_len(1 << 40).unwrap();
        file.write_all_at(b"x", 1 << 39).unwrap();
        let source = PreadFile::open(&path).unwrap();
        let data = source.next_data(5);
        assert!((5..=1 << 39).contains(&data), "{data}");
        let end = source.next_data((1 << 39) + (1 << 20));
        assert!(end == 1 << 40 || end == (1 << 39) + (1 << 20), "{end}");
    }

    #[test]
    fn folders_are_made_to_any_depth_and_again() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("a/b/c");
        create_dirs(&deep).unwrap();
        create_dirs(&deep).unwrap();
        assert!(deep.is_dir());
        let file = dir.path().join("file");
        std::fs::write(&file, b"x").unwrap();
        assert!(create_dirs(&file.join("d")).is_err());
    }
}
