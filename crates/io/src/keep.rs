//! What tells whether a file may go: its protection, and the room that is left.

use crate::{Error, Result};
use std::fs::Metadata;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

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
    let told = rustix::fs::statvfs(&*nearest(folder)?).ok()?;
    told.f_bavail.checked_mul(told.f_frsize)
}

/// Bytes that the file system has on which `folder` is, or will be made; `None`
/// if the system does not tell.
#[must_use]
pub fn disk_size(folder: &Path) -> Option<u64> {
    let told = rustix::fs::statvfs(&*nearest(folder)?).ok()?;
    told.f_blocks.checked_mul(told.f_frsize)
}

/// The number of the file system on which `folder` is, or will be made.
#[must_use]
pub fn device_of(folder: &Path) -> Option<u64> {
    use std::os::unix::fs::MetadataExt;
    Some(nearest(folder)?.metadata().ok()?.dev())
}

/// The folder, or the nearest above it that is there.
fn nearest(folder: &Path) -> Option<PathBuf> {
    let folder = std::path::absolute(folder).ok()?;
    let there = folder.ancestors().find(|there| there.exists())?;
    Some(there.to_owned())
}

/// Removes the folder that `path` was in if nothing is left in it, and those above it that
/// become empty by that, up to `below`, which stays.
pub fn remove_empty_dirs(path: &Path, below: &Path) {
    let inside = |dir: &&Path| *dir != below && dir.starts_with(below);
    for dir in path.ancestors().skip(1).take_while(inside) {
        // One that holds something, or is in use, stays.
        if std::fs::remove_dir(dir).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_that_have_become_empty_go_up_to_the_one_that_stays() {
        let dir = tempfile::tempdir().unwrap();
        let below = dir.path().join("camera");
        let day = |name: &str| below.join("2026").join(name);
        for name in ["21", "22"] {
            std::fs::create_dir_all(day(name)).unwrap();
        }
        let file = day("22").join("a");
        std::fs::write(&file, b"x").unwrap();
        remove_empty_dirs(&file, &below);
        assert!(file.exists());
        remove_empty_dirs(&day("21").join("gone"), &below);
        assert!(!day("21").exists() && file.exists());
        std::fs::remove_file(&file).unwrap();
        remove_empty_dirs(&file, &below);
        assert!(below.exists() && !below.join("2026").exists());
        // One outside is nobody's business.
        remove_empty_dirs(&dir.path().join("other").join("b"), &below);
        remove_empty_dirs(&below.join("b"), &below);
        assert!(below.exists());
    }

    #[test]
    fn a_folder_that_is_still_to_be_made_is_on_the_disk_of_the_one_above() {
        let dir = tempfile::tempdir().unwrap();
        let later = dir.path().join("a").join("b");
        assert_eq!(disk_size(&later), disk_size(dir.path()));
        assert_eq!(device_of(&later), device_of(dir.path()));
        assert!(free_space(&later).is_some() && device_of(&later).is_some());
    }

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
        let (all, free) = (
            disk_size(Path::new("none/such")),
            free_space(Path::new(".")),
        );
        assert!(all > free, "{all:?} {free:?}");
    }
}
