//! A new file that appears whole or not at all.

use crate::file::parent;
use crate::{Error, Op, RealDisk, Result, WritePlan, sync_dir_of};
use std::fs::File;
use std::path::{Path, PathBuf};

/// A file under a temporary name beside its target. It takes the target's
/// name when it is committed; dropped before that, it leaves nothing behind.
#[derive(Debug)]
pub struct NewFile {
    disk: RealDisk,
    target: PathBuf,
    committed: bool,
}

impl NewFile {
    /// Starts a file that will become `target`.
    ///
    /// # Errors
    /// [`Error::Exists`] if `target` exists and `replace` is not set.
    pub fn create(target: &Path, replace: bool) -> Result<Self> {
        if !replace && target.symlink_metadata().is_ok() {
            return Err(exists(target));
        }
        let mut name = std::ffi::OsString::from(".");
        name.push(target.file_name().unwrap_or_default());
        name.push(format!(".{}.tmp", std::process::id()));
        let path = parent(target).join(name);
        Ok(Self {
            disk: RealDisk::create_new(&path)?,
            target: target.to_owned(),
            committed: false,
        })
    }

    /// The disk to carry plans out on.
    pub const fn disk(&mut self) -> &mut RealDisk {
        &mut self.disk
    }

    /// Copies a whole file in, from its first byte on: shared blocks where the
    /// file system can (reflink), else inside the kernel, else in pieces.
    /// Returns the bytes copied.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn copy_from(&mut self, source: &File, source_path: &Path) -> Result<u64> {
        if reflink(source, self.disk.file()) {
            let meta = source.metadata();
            return Ok(meta
                .map_err(|e| Error::io(source_path, "look at", e))?
                .len());
        }
        use std::io::{Seek, SeekFrom};
        let (mut from, mut to) = (source, self.disk.file());
        from.seek(SeekFrom::Start(0))
            .map_err(|e| Error::io(source_path, "read", e))?;
        // std::io::copy uses copy_file_range on Linux.
        std::io::copy(&mut from, &mut to).map_err(|e| Error::io(self.disk.path(), "write", e))
    }

    /// Syncs the bytes, gives them the target's name, syncs the folder.
    ///
    /// # Errors
    /// [`Error::Exists`] if the target has appeared meanwhile and `replace`
    /// is not set; [`Error::Io`].
    pub fn commit(mut self, replace: bool) -> Result<()> {
        WritePlan::new().barrier().execute(&mut self.disk)?;
        let from = self.disk.path();
        if replace {
            let renamed = std::fs::rename(from, &self.target);
            renamed.map_err(|e| Error::io(&self.target, "replace", e))?;
        } else {
            rename_new(from, &self.target)?;
        }
        self.committed = true;
        sync_dir_of(&self.target)
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.committed {
            // Nothing sensible can be done if this fails too.
            let _ = std::fs::remove_file(self.disk.path());
        }
    }
}

impl crate::Disk for NewFile {
    fn apply(&mut self, op: &Op) -> Result<()> {
        self.disk.apply(op)
    }
}

fn exists(path: &Path) -> Error {
    Error::Exists {
        path: path.to_owned(),
    }
}

#[cfg(target_os = "linux")]
fn reflink(from: &File, to: &File) -> bool {
    rustix::fs::ioctl_ficlone(to, from).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn reflink(_from: &File, _to: &File) -> bool {
    false
}

/// Renames, but never over a file that exists.
fn rename_new(from: &Path, to: &Path) -> Result<()> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_file_appears_whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let (source, target) = (dir.path().join("a"), dir.path().join("b"));
        std::fs::write(&source, b"hello").unwrap();
        let names = || std::fs::read_dir(dir.path()).unwrap().count();

        let mut new = NewFile::create(&target, false).unwrap();
        let from = File::open(&source).unwrap();
        assert_eq!(new.copy_from(&from, &source).unwrap(), 5);
        drop(new);
        assert_eq!(names(), 1);

        let mut new = NewFile::create(&target, false).unwrap();
        new.copy_from(&from, &source).unwrap();
        new.commit(false).unwrap();
        assert_eq!(std::fs::read(&target).unwrap(), b"hello");
        assert_eq!(names(), 2);
        assert!(matches!(
            NewFile::create(&target, false),
            Err(Error::Exists { .. })
        ));
    }

    #[test]
    fn a_target_that_appears_meanwhile_is_not_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("b");
        let new = NewFile::create(&target, false).unwrap();
        std::fs::write(&target, b"precious").unwrap();
        assert!(matches!(new.commit(false), Err(Error::Exists { .. })));
        assert_eq!(std::fs::read(&target).unwrap(), b"precious");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
