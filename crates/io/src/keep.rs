//! What tells whether a file may go: its protection, and the room that is left.

use crate::{Error, Result};
use std::fs::Metadata;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Whether a file is protected: nobody may write to it.
#[must_use]
pub fn is_protected(meta: &Metadata) -> bool {
    meta.permissions().mode() & 0o222 == 0
}

/// Protects a file: takes the right to write from everybody; or gives it back to
/// its owner. Says whether anything was to be changed.
///
/// # Errors
/// [`Error::NotAFile`] for what is no regular file; [`Error::Io`] if its owner is
/// somebody else, or the change cannot be synced.
pub fn protect(path: &Path, on: bool) -> Result<bool> {
    let io = |action| move |e| Error::io(path, action, e);
    let meta = std::fs::metadata(path).map_err(io("look at"))?;
    if !meta.is_file() {
        let what = crate::file::what_it_is(meta.file_type());
        let path = path.to_owned();
        return Err(Error::NotAFile { path, what });
    }
    if is_protected(&meta) == on {
        return Ok(false);
    }
    let mut permissions = meta.permissions();
    let mode = permissions.mode();
    permissions.set_mode(if on { mode & !0o222 } else { mode | 0o200 });
    let file = std::fs::File::open(path).map_err(io("open"))?;
    file.set_permissions(permissions)
        .map_err(io("set its permissions"))?;
    // Protection that a power cut takes away is none.
    file.sync_all().map_err(io("sync"))?;
    Ok(true)
}

/// Bytes that are free, for whoever asks, on the file system that `folder` is on;
/// `None` if the system does not tell.
#[must_use]
pub fn free_space(folder: &Path) -> Option<u64> {
    let told = rustix::fs::statvfs(folder).ok()?;
    told.f_bavail.checked_mul(told.f_frsize)
}

/// Bytes that the file system has on which `folder` is, or will be made; `None`
/// if the system does not tell.
#[must_use]
pub fn disk_size(folder: &Path) -> Option<u64> {
    let folder = std::path::absolute(folder).ok()?;
    let told = folder
        .ancestors()
        .find_map(|there| rustix::fs::statvfs(there).ok())?;
    told.f_blocks.checked_mul(told.f_frsize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_protected_until_it_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        std::fs::write(&path, b"x").unwrap();
        let is = || is_protected(&std::fs::metadata(&path).unwrap());
        for on in [true, false] {
            assert!(protect(&path, on).unwrap());
            assert_eq!((is(), protect(&path, on).unwrap()), (on, false));
        }
        assert!(matches!(
            protect(dir.path(), true),
            Err(Error::NotAFile { .. })
        ));
    }

    #[test]
    fn a_disk_has_room() {
        assert!(free_space(&std::env::temp_dir()).is_some_and(|free| free > 0));
        assert_eq!(free_space(Path::new("/none/such")), None);
        let (all, free) = (
            disk_size(Path::new("none/such")),
            free_space(Path::new(".")),
        );
        assert!(all > free, "{all:?} {free:?}");
    }
}
