//! The file of a segment, from a name that is free to its end.

use crate::durable::{AHEAD, Growing, SyncPolicy};
use crate::names::{ATTEMPTS, Namer, numbered};
use crate::segmenter::{Head, Summary};
use crate::source::WallClock;
use crate::writer::Output;
use crate::{Error, Result};
use std::path::Path;
use std::time::Duration;
use tapo_io::{Disk, Lock, NewFile, Op, RealDisk, disk_size};

/// Of a small disk no more than this part is asked for ahead of need, for a file.
const SHARE: u64 = 512;

/// A file that is being written.
pub(crate) struct OpenFile {
    pub(crate) file: Growing<RealDisk>,
    _lock: Lock,
    pub(crate) number: u32,
    started: WallClock,
    /// Whether it holds no media yet.
    pub(crate) empty: bool,
    /// Media of the leading track that was written.
    pub(crate) duration: Duration,
    pub(crate) frames: u64,
    pub(crate) lost_packets: u64,
}

impl OpenFile {
    /// Creates the file of a segment under a name that is free; `first` if it is the
    /// first of this recording.
    pub(crate) fn create(
        output: &Output,
        namer: &Namer,
        sync: SyncPolicy,
        head: &Head,
        first: bool,
    ) -> Result<Self> {
        let mut taken = None;
        for attempt in 0..ATTEMPTS {
            let path = match output {
                Output::Folder(folder) => folder.join(namer.path(head.started, attempt)?),
                Output::File { path, replace } => {
                    if *replace && attempt == 0 && first {
                        remove(path)?;
                    }
                    numbered(path, head.started, attempt)
                }
            };
            match new_file(&path) {
                Ok(disk) => return Self::begin(disk, sync, head),
                Err(exists @ tapo_io::Error::Exists { .. }) => {
                    // One file was asked for, and it is there.
                    if matches!(output, Output::File { .. }) && first {
                        return Err(exists.into());
                    }
                    taken = Some(exists);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(taken.map_or_else(|| Error::Usage("no name is free".to_owned()), Error::Io))
    }

    fn begin(disk: RealDisk, sync: SyncPolicy, head: &Head) -> Result<Self> {
        let path = disk.path().to_owned();
        let begun = Lock::exclusive(disk.file(), &path).and_then(|lock| {
            let ahead = disk_size(&path).map_or(AHEAD, |size| AHEAD.min(size / SHARE));
            let file = Growing::begin(disk, head.bytes.clone(), sync, ahead)?;
            Ok((lock, file))
        });
        match begun {
            Ok((lock, file)) => Ok(Self {
                file,
                _lock: lock,
                number: head.number,
                started: head.started,
                empty: true,
                duration: Duration::ZERO,
                frames: 0,
                lost_packets: 0,
            }),
            Err(error) => {
                remove_empty(&path);
                Err(error.into())
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.file.disk.path()
    }

    /// Whether somebody has removed it: what is written into it is in no file any more.
    pub(crate) fn is_removed(&self) -> bool {
        use std::os::unix::fs::MetadataExt;
        let meta = self.file.disk.file().metadata();
        // Some file systems count no names.
        meta.is_ok_and(|meta| meta.nlink() == 0) && self.path().symlink_metadata().is_err()
    }

    /// What is in the file, as far as the writer knows.
    pub(crate) fn summary(&self) -> Summary {
        Summary {
            number: self.number,
            started: self.started,
            duration: self.duration,
            bytes: self.file.position,
            lost_packets: self.lost_packets,
            ..Summary::default()
        }
    }
}

/// Creates a file, and the folders that it is in.
fn new_file(path: &Path) -> tapo_io::Result<RealDisk> {
    const ATTEMPTS: u32 = 3;
    let mut attempt = 0;
    loop {
        attempt += 1;
        let folder = path.parent().map_or(Ok(()), tapo_io::create_dirs);
        match folder.and_then(|()| RealDisk::create_new(path)) {
            // A folder that was empty has just been removed, as retention does.
            Err(tapo_io::Error::Io { source, .. })
                if source.kind() == std::io::ErrorKind::NotFound && attempt < ATTEMPTS => {}
            made => return made,
        }
    }
}

/// Finalizes a segment that was just closed. Whoever looks for unfinished ones
/// may have taken it in this moment: then it is final soon.
pub(crate) fn finalize(path: &Path) -> tapo_finalize::Result<tapo_finalize::Finalization> {
    let options = tapo_finalize::Options::default();
    for _ in 0..20 {
        match tapo_finalize::finalize(path, &options) {
            Err(tapo_finalize::Error::Io(tapo_io::Error::InUse { .. })) => {
                std::thread::sleep(Duration::from_millis(50));
            }
            done => return done,
        }
    }
    tapo_finalize::finalize(path, &options)
}

/// Whether there is no room for more: on the disk, or in a file of a file system
/// such as FAT.
pub(crate) fn is_full(error: &tapo_io::Error) -> bool {
    use std::io::ErrorKind::FileTooLarge;
    let large = matches!(error, tapo_io::Error::Io { source, .. } if source.kind() == FileTooLarge);
    large || error.is_disk_full()
}

/// Removes a file without media. What fails here failed already.
pub(crate) fn remove_empty(path: &Path) {
    let _ = RealDisk::open(path).and_then(|mut disk| disk.apply(&Op::Remove));
}

/// Removes a file that may be replaced, if it is there.
fn remove(path: &Path) -> Result<()> {
    tapo_io::may_replace(path)?;
    match path.symlink_metadata() {
        Ok(_) => Ok(RealDisk::open(path)?.apply(&Op::Remove)?),
        Err(_) => Ok(()),
    }
}

/// Replaces a small file, whole or not at all.
pub(crate) fn replace(path: &Path, bytes: Vec<u8>) -> tapo_io::Result<()> {
    if let Some(folder) = path.parent() {
        tapo_io::create_dirs(folder)?;
    }
    let mut file = NewFile::create(path, true)?;
    file.apply(&Op::Write { at: 0, bytes })?;
    file.commit(true)
}
