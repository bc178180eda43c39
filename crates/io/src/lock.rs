//! Who may write: one advisory lock (`flock`) a file.

use crate::{Error, Result};
use std::fs::{File, TryLockError};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// An exclusive lock on a file, held until it is dropped. A recorder holds
/// one on the segment it writes, finalize on the file it turns.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

impl Lock {
    /// Takes the exclusive lock of an open file, without waiting.
    ///
    /// # Errors
    /// [`Error::InUse`] if another process (or another open of this one) holds it.
    pub fn exclusive(file: &File, path: &Path) -> Result<Self> {
        let file = file.try_clone();
        let file = file.map_err(|e| Error::io(path, "lock", e))?;
        taken(file.try_lock(), &file, path)?;
        Ok(Self { file })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing is not enough: a process that is just being started by another
        // thread has the file open too, for a moment. Nothing to do if it fails.
        let _ = self.file.unlock();
    }
}

/// Takes the shared lock, which goes along with other readers.
pub(crate) fn try_shared(file: &File, path: &Path) -> Result<()> {
    taken(file.try_lock_shared(), file, path)
}

fn taken(got: std::result::Result<(), TryLockError>, file: &File, path: &Path) -> Result<()> {
    match got {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(Error::InUse {
            path: path.to_owned(),
            holder: holder_of(file),
        }),
        // A file system without locks (some network ones) is no reason to refuse.
        Err(TryLockError::Error(e)) if e.kind() == std::io::ErrorKind::Unsupported => Ok(()),
        Err(TryLockError::Error(e)) => Err(Error::io(path, "lock", e)),
    }
}

/// The process that holds the lock of `path` exclusively, if there is one:
/// `Some(None)` where the system does not tell which.
#[must_use]
pub fn lock_holder(path: &Path) -> Option<Option<u32>> {
    // To open a pipe waits for whoever writes to it.
    if !std::fs::metadata(path).ok()?.is_file() {
        return None;
    }
    let file = File::open(path).ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Some(holder_of(&file)),
        Ok(()) => {
            // As when a lock is dropped.
            let _ = file.unlock();
            None
        }
        Err(TryLockError::Error(_)) => None,
    }
}

/// Looks the holder up in `/proc/locks`, where `flock` itself does not tell.
fn holder_of(file: &File) -> Option<u32> {
    let inode = file.metadata().ok()?.ino().to_string();
    let table = std::fs::read_to_string("/proc/locks").ok()?;
    holder_in(&table, &inode)
}

/// Finds `N: FLOCK ADVISORY WRITE pid major:minor:inode 0 EOF`, or else a reader (`READ`): they keep a
/// writer out as well.
fn holder_in(table: &str, inode: &str) -> Option<u32> {
    let holder = |kind: &str| {
        table.lines().find_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [_, "FLOCK", _, access, pid, place, ..] = words[..] else {
                return None;
            };
            let is_its = access == kind && place.rsplit(':').next() == Some(inode);
            is_its.then(|| pid.parse().ok())?
        })
    };
    holder("WRITE").or_else(|| holder("READ"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_lock_is_free_even_if_a_duplicate_is_open() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let held = File::open(file.path()).unwrap();
        // What a child process has between fork and exec.
        let duplicate = held.try_clone().unwrap();
        drop(Lock::exclusive(&held, file.path()).unwrap());
        drop(held);
        assert_eq!(lock_holder(file.path()), None);
        let other = File::open(file.path()).unwrap();
        Lock::exclusive(&other, file.path()).unwrap();
        drop(duplicate);
    }

    #[test]
    fn the_second_lock_is_refused_and_names_the_holder() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("segment.mp4");
        let file = File::create(&path).unwrap();
        let lock = Lock::exclusive(&file, &path).unwrap();
        let other = File::open(&path).unwrap();
        match Lock::exclusive(&other, &path) {
            Err(Error::InUse { holder, .. }) => {
                // Where /proc/locks can be read it names this process.
                assert!(holder.is_none_or(|pid| pid == std::process::id()));
            }
            other => panic!("{other:?}"),
        }
        assert!(lock_holder(&path).is_some());
        drop((lock, file));
        assert!(Lock::exclusive(&other, &path).is_ok());
    }

    #[test]
    fn a_pipe_is_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        assert_eq!(lock_holder(&pipe), None);
    }

    #[test]
    fn the_table_of_locks_is_read() {
        let table = "1: POSIX  ADVISORY  WRITE 77 fe:00:42 0 EOF\n\
                     2: FLOCK  ADVISORY  READ 78 fe:00:42 0 EOF\n\
                     3: FLOCK  ADVISORY  WRITE 79 fe:00:42 0 EOF\n";
        assert_eq!(holder_in(table, "42"), Some(79));
        assert_eq!(holder_in(table, "2"), None);
        let readers = &table[..table.find("3:").unwrap()];
        assert_eq!(holder_in(readers, "42"), Some(78));
    }
}
