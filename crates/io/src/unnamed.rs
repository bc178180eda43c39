//! Files without a name (`O_TMPFILE`): the system removes them when the process that
//! holds them ends, however it ends.

use crate::{Error, Result};
use std::fs::File;
use std::path::{Path, PathBuf};

/// Makes a file without a name that can get one in `folder`; `None` where the system
/// or the file system cannot.
#[cfg(target_os = "linux")]
pub(crate) fn create(folder: &Path) -> Option<File> {
    use rustix::fs::{CWD, Mode, OFlags, openat};
    // Without it no name could be given in the end.
    if !Path::new("/proc/self/fd").is_dir() {
        return None;
    }
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let mode = Mode::from_raw_mode(0o666);
    openat(CWD, folder, flags, mode).ok().map(File::from)
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn create(_folder: &Path) -> Option<File> {
    None
}

/// Gives it its name. A file that has it already is replaced or stays as it is
/// ([`Error::Exists`]), and is never missing in between.
pub(crate) fn name(file: &File, to: &Path, replace: bool) -> Result<()> {
    if !replace {
        return link(file, to);
    }
    // A link replaces nothing, a rename does.
    let mut linked = Err(Error::Exists {
        path: to.to_owned(),
    });
    for n in 0..ATTEMPTS {
        let between = temporary_name(to, n);
        linked = link(file, &between);
        if linked.is_ok() {
            return std::fs::rename(&between, to).map_err(|e| {
                // What fails here failed already.
                let _ = std::fs::remove_file(&between);
                Error::io(to, "replace", e)
            });
        }
        if !matches!(linked, Err(Error::Exists { .. })) {
            break;
        }
    }
    linked
}

#[cfg(target_os = "linux")]
fn link(file: &File, to: &Path) -> Result<()> {
    use rustix::fs::{AtFlags, CWD, linkat};
    use rustix::io::Errno;
    use std::os::fd::AsRawFd;
    let from = format!("/proc/self/fd/{}", file.as_raw_fd());
    match linkat(CWD, from.as_str(), CWD, to, AtFlags::SYMLINK_FOLLOW) {
        Ok(()) => Ok(()),
        Err(Errno::EXIST) => Err(Error::Exists {
            path: to.to_owned(),
        }),
        Err(e) => Err(Error::io(to, "name", e.into())),
    }
}

#[cfg(not(target_os = "linux"))]
fn link(_file: &File, to: &Path) -> Result<()> {
    let unsupported = std::io::ErrorKind::Unsupported.into();
    Err(Error::io(to, "name", unsupported))
}

/// Names that are tried.
pub(crate) const ATTEMPTS: u32 = 100;

/// A name beside `target` for the time being.
pub(crate) fn temporary_name(target: &Path, n: u32) -> PathBuf {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    // Of a long name the first letters: a name has at most 255 bytes.
    let name: String = name.chars().take(50).collect();
    let id = std::process::id();
    let number = match n {
        0 => String::new(),
        n => format!(".{n}"),
    };
    target.with_file_name(format!(".{name}.{id}{number}.tmp"))
}
