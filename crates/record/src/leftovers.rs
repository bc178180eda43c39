//! What an earlier run left unfinished: segments that were open when the power
//! went.

use std::path::{Path, PathBuf};
use tapo_finalize::layout::{PAGE, RESERVE_AT, REVEAL_AT};
use tapo_io::{ByteSource, Disk, Op, PreadFile, RealDisk};

/// A segment that was finished late.
#[derive(Debug)]
pub struct Leftover {
    /// The file.
    pub path: PathBuf,
    /// What became of it.
    pub result: Result<tapo_finalize::Finalization, String>,
}

/// Finds the open segments of ours in and below `folder` that nobody writes to.
/// What cannot be read is passed over.
#[must_use]
pub fn find(folder: &Path) -> Vec<PathBuf> {
    let is_left = |path: &PathBuf| is_open_segment(path) && tapo_io::lock_holder(path).is_none();
    let mut found: Vec<_> = crate::walk::files(folder).filter(is_left).collect();
    found.sort();
    found
}

/// The files with `.mp4` in and below `folder`, in order.
#[cfg(test)]
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<_> = crate::walk::files(folder).collect();
    found.sort();
    found
}

/// Finalizes one, and frees the blocks that were reserved behind its end;
/// `None` if somebody else has it by now.
#[must_use]
pub fn finish(path: PathBuf) -> Option<Leftover> {
    use tapo_finalize::Error;
    let options = tapo_finalize::Options::default();
    let freed = free_blocks(&path).map_err(Error::Io);
    let result = freed.and_then(|()| tapo_finalize::finalize(&path, &options));
    if let Err(Error::Io(tapo_io::Error::InUse { .. })) = &result {
        return None;
    }
    let result = result.map_err(|e| e.to_string());
    Some(Leftover { path, result })
}

/// Blocks allocated beyond the size outlive a crash; setting the size to what
/// it is gives them back.
fn free_blocks(path: &Path) -> tapo_io::Result<()> {
    let mut disk = RealDisk::open(path)?;
    let _lock = tapo_io::Lock::exclusive(disk.file(), path)?;
    let meta = disk.file().metadata();
    let len = meta
        .map_err(|e| tapo_io::Error::io(path, "look at", e))?
        .len();
    disk.apply(&Op::SetLen(len))
}

/// Whether the file starts as our open segments do: `ftyp` of 32 bytes, `free`
/// up to a page, `moov`.
fn is_open_segment(path: &Path) -> bool {
    let Ok(file) = PreadFile::open(path) else {
        return false;
    };
    let mut head = [0; 40];
    let Ok(40) = file.read_at(0, &mut head) else {
        return false;
    };
    let [0, 0, 0, 32, b'f', b't', b'y', b'p', ..] = head else {
        return false;
    };
    let Some((size, kind)) = head
        .last_chunk::<8>()
        .and_then(|b| Some((tapo_bmff::be_u32(b, 0)?, b.get(4..)?)))
    else {
        return false;
    };
    let init = RESERVE_AT + u64::from(size);
    if kind != b"free" || init <= REVEAL_AT || !init.is_multiple_of(PAGE) {
        return false;
    }
    let mut moov = [0; 8];
    matches!(file.read_at(init, &mut moov), Ok(8)) && moov.ends_with(b"moov")
}
