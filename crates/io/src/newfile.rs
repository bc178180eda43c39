//! A new file that appears whole or not at all.

use crate::file::what_it_is;
use crate::unnamed::{ATTEMPTS, temporary_name};
use crate::{
    ByteSource, Disk, Error, Op, PreadFile, RealDisk, Result, Span, WritePlan, is_protected,
};
use std::fs::{File, Metadata};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// A file without a name, or under a temporary one beside its target where the
/// system has no such files. It takes the target's name when it is committed; dropped
/// before that, it leaves nothing behind. Without a name it leaves nothing if the
/// process is killed, either.
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
    /// [`Error::Protected`] if it may not be replaced ([`protect`](crate::protect));
    /// [`Error::InUse`] if somebody writes to it;
    /// [`Error::Io`] if there is no such folder, or nothing may be made in it.
    pub fn create(target: &Path, replace: bool) -> Result<Self> {
        if !replace && target.symlink_metadata().is_ok() {
            // A folder or a device is none that `replace` would help with.
            is_file(target)?;
            return Err(exists(target));
        }
        may_replace(target)?;
        // What a link leads to is replaced, as if it had been written to.
        let is_link = target.symlink_metadata().is_ok_and(|m| m.is_symlink());
        let real = target.canonicalize().ok().filter(|_| is_link);
        let target = real.unwrap_or_else(|| target.to_owned());
        let disk = unfinished(&target)?;
        // What takes the place of a private file is no more public than that was.
        if let Ok(meta) = target.metadata() {
            restrict(disk.file(), &meta)
                .map_err(|e| Error::io(&target, "set its permissions", e))?;
        }
        Ok(Self {
            disk,
            target,
            committed: false,
        })
    }

    /// The disk to carry plans out on.
    pub const fn disk(&mut self) -> &mut RealDisk {
        &mut self.disk
    }

    /// Makes the file no more public than `source`: who may not read that may
    /// not read this.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn restrict_to(&mut self, source: &File, source_path: &Path) -> Result<()> {
        let meta = source.metadata();
        let meta = meta.map_err(|e| Error::io(source_path, "look at", e))?;
        restrict(self.disk.file(), &meta)
            .map_err(|e| Error::io(&self.target, "set its permissions", e))
    }

    /// Copies `span` of a file to `at`: shared blocks where the file system can
    /// (reflink), else inside the kernel, else by hand. It goes in pieces, holes
    /// left out, and each begins to go to the disk when it is there, so that the
    /// sync at the end is short. `step` is told how many bytes are done, and may
    /// end it with an error. Who may not read the source may not read the copy.
    ///
    /// # Errors
    /// [`Error::Io`]; that of `step`.
    pub fn copy_span_from(
        &mut self,
        source: &PreadFile,
        span: Span,
        at: u64,
        step: &mut dyn FnMut(u64) -> Result<()>,
    ) -> Result<()> {
        use std::io::{Read, Seek, SeekFrom};
        const PIECE: u64 = 8 << 20;
        self.restrict_to(source.file(), source.path())?;
        if span.start == 0 && at == 0 && reflink(source.file(), self.disk.file()) {
            self.disk.apply(&Op::SetLen(span.end))?;
            return step(span.len());
        }
        let (mut from, mut to) = (source.file(), self.disk.file());
        let mut next = source.next_data(span.start);
        while next < span.end {
            let data = source.next_hole(next).min(span.end);
            let piece = PIECE.min(data - next);
            from.seek(SeekFrom::Start(next))
                .map_err(|e| Error::io(source.path(), "read", e))?;
            to.seek(SeekFrom::Start(at + (next - span.start)))
                .map_err(|e| Error::io(&self.target, "write", e))?;
            // std::io::copy uses copy_file_range on Linux.
            let copied = std::io::copy(&mut from.take(piece), &mut to)
                .map_err(|e| Error::io(&self.target, "write", e))?;
            if copied < piece {
                let short = std::io::ErrorKind::UnexpectedEof.into();
                return Err(Error::io(source.path(), "read", short));
            }
            write_behind(to, Span::at(at + (next - span.start), piece));
            step(next + piece - span.start)?;
            next = match next + piece {
                end if end < data => end,
                end => source.next_data(end),
            };
        }
        self.disk.apply(&Op::SetLen(at + span.len()))
    }

    /// Syncs the bytes, gives them the target's name, syncs the folder.
    ///
    /// # Errors
    /// [`Error::Exists`] if the target has appeared meanwhile and `replace`
    /// is not set; as [`may_replace`] if it is; [`Error::Io`].
    pub fn commit(mut self, replace: bool) -> Result<()> {
        // It may have been protected while this was written.
        if replace {
            may_replace(&self.target)?;
        }
        let temporary = self.disk.path().to_owned();
        let published = publish(&self.target, replace).execute(&mut self);
        if self.disk.is_named() && self.disk.path() == self.target {
            self.committed = true;
            forget(&temporary);
        }
        published
    }
}

/// The bytes are there before the name is: a power cut leaves the target as it
/// was, or whole.
fn publish(target: &Path, replace: bool) -> WritePlan {
    let to = target.to_owned();
    WritePlan::new()
        .barrier()
        .then(Op::Rename { to, replace })
        .then(Op::SyncDir)
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.committed && self.disk.is_named() {
            // Nothing sensible can be done if this fails too.
            let _ = std::fs::remove_file(self.disk.path());
            forget(self.disk.path());
        }
    }
}

/// Whether what has this name, if anything has, may be replaced.
///
/// # Errors
/// [`Error::NotAFile`] for a folder, and never `/dev/null`; [`Error::Protected`];
/// [`Error::InUse`]: who writes to it would go on with a file that nobody finds.
pub fn may_replace(target: &Path) -> Result<()> {
    let path = || target.to_owned();
    is_file(target)?;
    if target.metadata().is_ok_and(|meta| is_protected(&meta)) {
        return Err(Error::Protected { path: path() });
    }
    match crate::lock_holder(target) {
        Some(holder) => Err(Error::InUse {
            path: path(),
            holder,
        }),
        None => Ok(()),
    }
}

fn is_file(target: &Path) -> Result<()> {
    match target.metadata() {
        Ok(meta) if !meta.is_file() => Err(Error::NotAFile {
            path: target.to_owned(),
            what: what_it_is(meta.file_type()),
        }),
        _ => Ok(()),
    }
}

/// The temporary names of this process.
static UNFINISHED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

fn forget(temporary: &Path) {
    let mut all = UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner);
    all.retain(|path| path != temporary);
}

/// Removes all that [`NewFile`]s have begun and not committed, for a process
/// that has to end at once. No file can be begun or committed afterwards.
pub fn discard_unfinished() {
    let all = UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner);
    for path in &*all {
        // There is nobody left to tell.
        let _ = std::fs::remove_file(path);
    }
    // Never unlocked.
    std::mem::forget(all);
}

impl Disk for NewFile {
    fn apply(&mut self, op: &Op) -> Result<()> {
        let done = self.disk.apply(op);
        done.map_err(|e| named(e, &self.target))
    }
}

/// Makes the file without a name or, where that cannot be, under a temporary one.
fn unfinished(target: &Path) -> Result<RealDisk> {
    RealDisk::create_unnamed(target).map_or_else(|| temporary(target), Ok)
}

/// Makes the file under its temporary name. A name that a killed process left
/// behind is not taken again.
fn temporary(target: &Path) -> Result<RealDisk> {
    let mut made = Err(exists(target));
    for n in 0..ATTEMPTS {
        let path = temporary_name(target, n);
        let mut all = UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner);
        made = RealDisk::create_new(&path);
        if made.is_ok() {
            all.push(path);
        }
        drop(all);
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

/// Begins to write a range to the disk, and does not wait for it.
#[cfg(target_os = "linux")]
fn write_behind(file: &File, written: Span) {
    use rustix::fs::{Advice, fadvise};
    // Linux starts with pages that are not needed any more if they are dirty. It
    // is advice: the sync at the end does what this has not.
    let len = std::num::NonZeroU64::new(written.len());
    let _ = fadvise(file, written.start, len, Advice::DontNeed);
}

#[cfg(not(target_os = "linux"))]
fn write_behind(_file: &File, _written: Span) {}

#[cfg(target_os = "linux")]
fn reflink(from: &File, to: &File) -> bool {
    rustix::fs::ioctl_ficlone(to, from).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn reflink(_from: &File, _to: &File) -> bool {
    false
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
        let from = PreadFile::open(&source).unwrap();
        let copy = |new: &mut NewFile| {
            let all = Span::new(0, from.len());
            new.copy_span_from(&from, all, 0, &mut |_| Ok(())).unwrap();
        };
        copy(&mut new);
        drop(new);
        assert_eq!(names(), 1);

        let mut new = NewFile::create(&target, false).unwrap();
        copy(&mut new);
        new.commit(false).unwrap();
        assert_eq!(std::fs::read(&target).unwrap(), b"hello");
        assert_eq!(names(), 2);
        assert!(matches!(
            NewFile::create(&target, false),
            Err(Error::Exists { .. })
        ));
    }

    #[test]
    fn a_span_is_copied_and_holes_are_not() {
        let dir = tempfile::tempdir().unwrap();
        let (source, target) = (dir.path().join("a"), dir.path().join("b"));
        let file = File::create(&source).unwrap();
        use std::os::unix::fs::{FileExt, MetadataExt};
        file.write_all_at(&[7; 5000], 0).unwrap();
        file.write_all_at(b"end", 100 << 20).unwrap();
        file.set_len(200 << 20).unwrap();
        let from = PreadFile::open(&source).unwrap();
        for (span, at) in [
            (Span::new(0, (100 << 20) + 2), 0),
            (Span::new(4096, 200 << 20), 512),
        ] {
            let mut new = NewFile::create(&target, true).unwrap();
            let mut told = 0;
            let mut step = |done| {
                told = done;
                Ok(())
            };
            new.copy_span_from(&from, span, at, &mut step).unwrap();
            assert!(told <= span.len() && told >= 100 << 20);
            new.commit(true).unwrap();
            let copy = PreadFile::open(&target).unwrap();
            assert_eq!(copy.len(), at + span.len());
            for place in [0, 4090, 4999, (100 << 20) - 1] {
                let want = from.read_span(Span::at(place, 3).intersect(span)).unwrap();
                if place >= span.start {
                    let there = Span::at(place - span.start + at, want.len() as u64);
                    assert_eq!(copy.read_span(there).unwrap(), want, "{place}");
                }
            }
            let blocks = copy.file().metadata().unwrap().blocks();
            assert!(blocks * 512 < 1 << 20, "{blocks}");
        }
        let mut new = NewFile::create(&target, true).unwrap();
        let mut stop = |_| Err(exists(&target));
        let span = Span::new(0, 5000);
        assert!(new.copy_span_from(&from, span, 0, &mut stop).is_err());
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
    fn a_file_that_somebody_writes_to_is_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("recording.mp4");
        let file = File::create(&target).unwrap();
        file.lock().unwrap();
        let error = NewFile::create(&target, true).unwrap_err();
        assert!(matches!(error, Error::InUse { .. }), "{error}");
        drop(file);
        NewFile::create(&target, true).unwrap();
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_that_is_not_finished_has_no_name_that_could_stay() {
        let dir = tempfile::tempdir().unwrap();
        let names = || std::fs::read_dir(dir.path()).unwrap().count();
        let target = dir.path().join("b");
        let write = |replace: bool, byte: u8| {
            let mut new = NewFile::create(&target, replace).unwrap();
            if new.disk.is_named() {
                return println!("skipped: no files without a name here");
            }
            let before = names();
            let bytes = vec![byte];
            new.apply(&Op::Write { at: 0, bytes }).unwrap();
            assert_eq!(names(), before);
            new.commit(replace).unwrap();
            assert_eq!((names(), std::fs::read(&target).unwrap()), (1, vec![byte]));
        };
        write(false, 1);
        write(true, 2);
        // What appeared meanwhile stays.
        let other = dir.path().join("c");
        let new = NewFile::create(&other, false).unwrap();
        std::fs::write(&other, b"theirs").unwrap();
        assert!(matches!(new.commit(false), Err(Error::Exists { .. })));
        assert_eq!(std::fs::read(&other).unwrap(), b"theirs");
        assert_eq!(names(), 2);
    }

    #[test]
    fn what_a_link_leads_to_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let (real, link) = (dir.path().join("a"), dir.path().join("b"));
        std::fs::write(&real, b"old").unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let mut new = NewFile::create(&link, true).unwrap();
        let bytes = b"new".to_vec();
        new.apply(&Op::Write { at: 0, bytes }).unwrap();
        new.commit(true).unwrap();
        assert!(link.is_symlink());
        assert_eq!(std::fs::read(&real).unwrap(), b"new");
    }

    #[test]
    fn a_protected_file_is_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("b");
        std::fs::write(&target, b"old").unwrap();
        let early = NewFile::create(&target, true).unwrap();
        crate::protect(&target, true).unwrap();
        let late = early.commit(true).unwrap_err();
        assert!(matches!(late, Error::Protected { .. }), "{late}");
        let error = NewFile::create(&target, true).unwrap_err();
        assert!(matches!(error, Error::Protected { .. }) && error.is_refusal());
        crate::protect(&target, false).unwrap();
        NewFile::create(&target, true).unwrap();
    }

    #[test]
    fn no_power_cut_leaves_a_part_under_the_target_s_name() {
        let target = Path::new("b");
        let writes = WritePlan::new()
            .write(0, vec![1; 5000])
            .write(5000, vec![2; 9000]);
        let torn = |publish: &WritePlan| {
            let mut disk = crate::SimDisk::default();
            writes.execute(&mut disk).unwrap();
            publish.execute(&mut disk).unwrap();
            let whole = disk.image().to_vec();
            let named = disk.draw(2000, 7).filter(|state| state.renamed);
            let named: Vec<_> = named.filter_map(|state| state.left).collect();
            assert!(named.len() > 300);
            named.into_iter().filter(|left| *left != whole).count()
        };
        let mut plan = publish(target, true);
        assert_eq!(torn(&plan), 0);
        // Mutant: the name before the bytes.
        plan.ops.retain(|op| *op != Op::Barrier);
        assert!(torn(&plan) > 0);
    }

    #[test]
    fn a_copy_is_no_more_public_than_its_source() {
        let dir = tempfile::tempdir().unwrap();
        let (source, target) = (dir.path().join("a"), dir.path().join("b"));
        std::fs::write(&source, b"private").unwrap();
        std::fs::set_permissions(&source, std::fs::Permissions::from_mode(0o600)).unwrap();
        let mut new = NewFile::create(&target, false).unwrap();
        let from = PreadFile::open(&source).unwrap();
        let none = Span::default();
        new.copy_span_from(&from, none, 0, &mut |_| Ok(())).unwrap();
        new.commit(false).unwrap();
        let mode = std::fs::metadata(&target).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_private_file_stays_private() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("b");
        std::fs::write(&target, b"old").unwrap();
        let private = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(&target, private).unwrap();
        let new = NewFile::create(&target, true).unwrap();
        new.commit(true).unwrap();
        let mode = std::fs::metadata(&target).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn long_names_and_leftover_names_are_no_obstacle() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("a".repeat(255));
        let named = || NewFile {
            disk: temporary(&target).unwrap(),
            target: target.clone(),
            committed: false,
        };
        let (first, second) = (named(), named());
        assert_ne!(first.disk.path(), second.disk.path());
        second.commit(false).unwrap();
        drop(first);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
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
