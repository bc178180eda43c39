//! Writes in an order that survives a power cut.

use crate::{Error, Result, Span, note, unnamed};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// One step on one file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Op {
    /// Writes `bytes` at an offset; grows the file where it must.
    Write {
        /// First byte, from the start of the file.
        at: u64,
        /// What to write.
        bytes: Vec<u8>,
    },
    /// Nothing after this step may reach the disk before all that stands
    /// before it has (`fdatasync`).
    Barrier,
    /// Cuts or grows the file to this many bytes.
    SetLen(u64),
    /// Asks for blocks ahead of need without changing the size
    /// (`fallocate`, `FALLOC_FL_KEEP_SIZE`). Where the file system cannot, or the
    /// disk is too small, nothing happens: the write that needs them will tell.
    Allocate(Span),
    /// Makes the file's name in its folder last.
    SyncDir,
    /// Gives the file another name on the same file system; a power cut may bring
    /// the old one back until [`Op::SyncDir`].
    Rename {
        /// The new name.
        to: PathBuf,
        /// Whether a file of this name is replaced; else [`Error::Exists`].
        replace: bool,
    },
    /// Removes the file's name from its folder: the file is gone, whole. A power
    /// cut may bring it back until [`Op::SyncDir`].
    Remove,
    /// Notes beside the file, not in it, how many bytes it has, and makes that
    /// last; or takes the note away ([`ByteSource::noted_len`](crate::ByteSource::noted_len)).
    /// Where the file system has no extended attributes, nothing happens.
    Note(Option<u64>),
}

/// Steps in the order in which they must happen.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct WritePlan {
    /// The steps.
    pub ops: Vec<Op>,
}

/// Something that carries out steps: a file, or a simulation of one.
pub trait Disk {
    /// Carries out one step.
    ///
    /// # Errors
    /// [`Error::Io`]. After a failed [`Op::Barrier`] the file must not be
    /// written again: what the system dropped, it will not report a second time.
    fn apply(&mut self, op: &Op) -> Result<()>;
}

impl WritePlan {
    /// A plan without steps.
    #[must_use]
    pub const fn new() -> Self {
        Self { ops: Vec::new() }
    }

    /// Adds a write.
    #[must_use]
    pub fn write(mut self, at: u64, bytes: Vec<u8>) -> Self {
        self.ops.push(Op::Write { at, bytes });
        self
    }

    /// Adds any step.
    #[must_use]
    pub fn then(mut self, op: Op) -> Self {
        self.ops.push(op);
        self
    }

    /// Adds a barrier.
    #[must_use]
    pub fn barrier(self) -> Self {
        self.then(Op::Barrier)
    }

    /// Carries out every step, and stops at the first that fails.
    ///
    /// # Errors
    /// As [`Disk::apply`].
    pub fn execute(&self, disk: &mut dyn Disk) -> Result<()> {
        self.ops.iter().try_for_each(|op| disk.apply(op))
    }

    /// Bytes that the plan writes.
    #[must_use]
    pub fn bytes_written(&self) -> u64 {
        let written = self.ops.iter().map(|op| match op {
            Op::Write { bytes, .. } => bytes.len() as u64,
            _ => 0,
        });
        written.sum()
    }
}

/// A file on a real disk.
#[derive(Debug)]
pub struct RealDisk {
    file: File,
    path: PathBuf,
    /// Whether the file has a name.
    named: bool,
}

impl RealDisk {
    /// Opens an existing file for writing.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::options().read(true).write(true).open(path);
        Ok(Self {
            file: file.map_err(|e| Error::io(path, "open for writing", e))?,
            path: path.to_owned(),
            named: true,
        })
    }

    /// Creates a file that did not exist.
    ///
    /// # Errors
    /// [`Error::Exists`] if it does; [`Error::Io`] otherwise.
    pub fn create_new(path: &Path) -> Result<Self> {
        let file = File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(path);
        match file {
            Ok(file) => Ok(Self {
                file,
                path: path.to_owned(),
                named: true,
            }),
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => Err(exists(path)),
            Err(e) => Err(Error::io(path, "create", e)),
        }
    }

    /// Creates a file that has no name before [`Op::Rename`], and is gone if that
    /// never comes; messages call it `target`, in whose folder it is. `None` where
    /// the system cannot.
    pub(crate) fn create_unnamed(target: &Path) -> Option<Self> {
        Some(Self {
            file: unnamed::create(crate::file::parent(target))?,
            path: target.to_owned(),
            named: false,
        })
    }

    /// Whether the file has a name.
    pub(crate) const fn is_named(&self) -> bool {
        self.named
    }

    /// The file underneath, to lock or to read.
    #[must_use]
    pub const fn file(&self) -> &File {
        &self.file
    }

    /// Its path; that of [`Op::Rename`] once it is renamed.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Disk for RealDisk {
    fn apply(&mut self, op: &Op) -> Result<()> {
        let done = match op {
            Op::Write { at, bytes } => self.file.write_all_at(bytes, *at).map_err(|e| ("write", e)),
            Op::Barrier => self.file.sync_data().map_err(|e| ("sync", e)),
            Op::SetLen(len) => self.file.set_len(*len).map_err(|e| ("set its size", e)),
            Op::Allocate(span) => {
                allocate(&self.file, *span);
                Ok(())
            }
            Op::SyncDir => return crate::sync_dir_of(&self.path),
            Op::Rename { to, replace } => {
                match self.named {
                    true => rename(&self.path, to, *replace)?,
                    false => unnamed::name(&self.file, to, *replace)?,
                }
                self.named = true;
                self.path.clone_from(to);
                return Ok(());
            }
            Op::Remove => std::fs::remove_file(&self.path).map_err(|e| ("remove", e)),
            Op::Note(len) => note::write(&self.file, *len).map_err(|e| ("sync", e)),
        };
        done.map_err(|(action, e)| Error::io(&self.path, action, e))
    }
}

fn rename(from: &Path, to: &Path, replace: bool) -> Result<()> {
    if replace {
        return std::fs::rename(from, to).map_err(|e| Error::io(to, "replace", e));
    }
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        use rustix::io::Errno;
        match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            Ok(()) => return Ok(()),
            Err(Errno::EXIST) => return Err(exists(to)),
            // Some file systems know no NOREPLACE: fall through.
            Err(Errno::INVAL | Errno::NOSYS) => {}
            Err(e) => return Err(Error::io(to, "rename into place", e.into())),
        }
    }
    // A hard link fails where the name exists, a rename would not.
    match std::fs::hard_link(from, to) {
        Ok(()) => {
            let removed = std::fs::remove_file(from);
            removed.map_err(|e| Error::io(from, "remove", e))
        }
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => Err(exists(to)),
        Err(e) => Err(Error::io(to, "rename into place", e)),
    }
}

fn exists(path: &Path) -> Error {
    let path = path.to_owned();
    Error::Exists { path }
}

#[cfg(target_os = "linux")]
fn allocate(file: &File, span: Span) {
    use rustix::fs::{FallocateFlags, fallocate};
    // Advisory: see `Op::Allocate`.
    let _ = fallocate(file, FallocateFlags::KEEP_SIZE, span.start, span.len());
}

#[cfg(not(target_os = "linux"))]
fn allocate(_file: &File, _span: Span) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allocation_ahead_leaves_the_size_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("segment.mp4");
        let mut disk = RealDisk::create_new(&path).unwrap();
        let plan = WritePlan::new()
            .then(Op::Allocate(Span::new(0, 1 << 20)))
            .write(3, b"moov".to_vec())
            .barrier()
            .then(Op::SyncDir);
        plan.execute(&mut disk).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"\0\0\0moov");
        assert_eq!(plan.bytes_written(), 4);
        disk.apply(&Op::SetLen(1)).unwrap();
        assert_eq!(disk.file().metadata().unwrap().len(), 1);
        assert!(matches!(
            RealDisk::create_new(&path),
            Err(Error::Exists { .. })
        ));
    }
}
