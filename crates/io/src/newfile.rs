//! A new file that appears whole or not at all.

use crate::file::{parent, what_it_is};
use crate::{Error, Op, RealDisk, Result, WritePlan, sync_dir_of};
use std::fs::{File, Metadata};
use std::os::unix::fs::PermissionsExt;
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
    /// [`Error::Exists`] if `target` exists and `replace` is not set;
    /// [`Error::NotAFile`] if it is something that must not be replaced;
    /// [`Error::Io`] if there is no such folder, or nothing may be made in it.
    pub fn create(target: &Path, replace: bool) -> Result<Self> {
        // What can be replaced is a file: not a folder, and never `/dev/null`.
        if let Ok(meta) = target.metadata()
            && !meta.is_file()
        {
            let what = what_it_is(meta.file_type());
            let path = target.to_owned();
            return Err(Error::NotAFile { path, what });
        }
        if !replace && target.symlink_metadata().is_ok() {
            return Err(exists(target));
        }
        Ok(Self {
            disk: temporary(target)?,
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
    /// Returns the bytes copied. Who may not read the source may not read the copy.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn copy_from(&mut self, source: &File, source_path: &Path) -> Result<u64> {
        let meta = source.metadata();
        let meta = meta.map_err(|e| Error::io(source_path, "look at", e))?;
        restrict(self.disk.file(), &meta)
            .map_err(|e| Error::io(&self.target, "set its permissions", e))?;
        if reflink(source, self.disk.file()) {
            return Ok(meta.len());
        }
        use std::io::{Seek, SeekFrom};
        let (mut from, mut to) = (source, self.disk.file());
        from.seek(SeekFrom::Start(0))
            .map_err(|e| Error::io(source_path, "read", e))?;
        // std::io::copy uses copy_file_range on Linux.
        std::io::copy(&mut from, &mut to).map_err(|e| Error::io(&self.target, "write", e))
    }

    /// Syncs the bytes, gives them the target's name, syncs the folder.
    ///
    /// # Errors
    /// [`Error::Exists`] if the target has appeared meanwhile and `replace`
    /// is not set; [`Error::Io`].
    pub fn commit(mut self, replace: bool) -> Result<()> {
        WritePlan::new().barrier().execute(&mut self)?;
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
        let done = self.disk.apply(op);
        done.map_err(|e| named(e, &self.target))
    }
}

/// Makes the file under its temporary name. A name that a killed process left
/// behind is not taken again.
fn temporary(target: &Path) -> Result<RealDisk> {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    // Of a long name the first letters: a name has at most 255 bytes.
    let name: String = name.chars().take(50).collect();
    let id = std::process::id();
    let mut made = Err(exists(target));
    for n in 0..100 {
        let number = if n == 0 {
            String::new()
        } else {
            format!(".{n}")
        };
        let path = parent(target).join(format!(".{name}.{id}{number}.tmp"));
        made = RealDisk::create_new(&path);
        if !matches!(made, Err(Error::Exists { .. })) {
            break;
        }
    }
    made.map_err(|e| named(e, target))
}

/// The user knows the target, not its name for the time being.
fn named(error: Error, target: &Path) -> Error {
    match error {
        Error::Io { action, source, .. } => Error::io(target, action, source),
        other => other,
    }
}

/// Takes the permissions away that the source does not give.
fn restrict(file: &File, source: &Metadata) -> std::io::Result<()> {
    let mut permissions = file.metadata()?.permissions();
    let mode = permissions.mode() & (source.permissions().mode() | 0o200);
    if mode == permissions.mode() {
        return Ok(());
    }
    permissions.set_mode(mode);
    file.set_permissions(permissions)
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

    #[test]
    fn only_a_file_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        for target in [dir.path(), Path::new("/dev/null")] {
            for replace in [false, true] {
                let error = NewFile::create(target, replace).unwrap_err();
                assert!(matches!(error, Error::NotAFile { .. }), "{error}");
            }
        }
    }

    #[test]
    fn a_copy_is_no_more_public_than_its_source() {
        let dir = tempfile::tempdir().unwrap();
        let (source, target) = (dir.path().join("a"), dir.path().join("b"));
        std::fs::write(&source, b"private").unwrap();
        std::fs::set_permissions(&source, std::fs::Permissions::from_mode(0o600)).unwrap();
        let mut new = NewFile::create(&target, false).unwrap();
        let from = File::open(&source).unwrap();
        new.copy_from(&from, &source).unwrap();
        new.commit(false).unwrap();
        let mode = std::fs::metadata(&target).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn long_names_and_leftover_names_are_no_obstacle() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("a".repeat(255));
        let first = NewFile::create(&target, false).unwrap();
        let second = NewFile::create(&target, false).unwrap();
        assert_ne!(first.disk.path(), second.disk.path());
        second.commit(false).unwrap();
        assert!(target.is_file());
    }

    #[test]
    fn a_file_that_cannot_be_made_goes_by_the_name_that_was_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("missing/b");
        let said = NewFile::create(&target, false).unwrap_err().to_string();
        assert!(said.starts_with(&target.display().to_string()), "{said}");
    }
}
