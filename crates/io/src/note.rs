//! What is noted beside a file, not in it: an extended attribute.

use std::fs::File;
use std::io::Result;

/// How many bytes the file had before anything was appended to it, decimal.
#[cfg(target_os = "linux")]
const LEN: &str = "user.tapo.len";

/// Notes a length and syncs it, or takes the note away.
#[cfg(target_os = "linux")]
pub(crate) fn write(file: &File, len: Option<u64>) -> Result<()> {
    use rustix::fs::{XattrFlags, fremovexattr, fsetxattr};
    let Some(len) = len else {
        // Without attributes there was none. It need not last: see `read`.
        let _ = fremovexattr(file, LEN);
        return Ok(());
    };
    match fsetxattr(file, LEN, len.to_string().as_bytes(), XattrFlags::empty()) {
        // `fdatasync` does not care for attributes.
        Ok(()) => file.sync_all(),
        // Advisory: see `Op::Note`.
        Err(_) => Ok(()),
    }
}

/// The length that is noted. Whoever asks holds it against the file: the note may
/// be older than what was done to it since.
#[cfg(target_os = "linux")]
pub(crate) fn read(file: &File) -> Option<u64> {
    let mut text = [0; 20];
    let got = rustix::fs::fgetxattr(file, LEN, &mut text[..]).ok()?;
    std::str::from_utf8(text.get(..got)?).ok()?.parse().ok()
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn write(_file: &File, _len: Option<u64>) -> Result<()> {
    Ok(())
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn read(_file: &File) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_read_until_it_is_taken_away() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let file = file.as_file();
        assert_eq!(read(file), None);
        write(file, None).unwrap();
        for len in [0, 7, u64::MAX] {
            write(file, Some(len)).unwrap();
            // `None` where the file system has no attributes.
            assert!(read(file).is_none_or(|noted| noted == len));
        }
        assert_eq!(file.metadata().unwrap().len(), 0);
        write(file, None).unwrap();
        assert_eq!(read(file), None);
    }
}
