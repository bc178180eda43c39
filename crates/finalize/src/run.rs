//! Finalize and undo, on files.

use crate::outcome::{Finalization, Options, Undone};
use crate::plan::{self, Plan};
use crate::{Error, Result, Watch, watch};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use tapo_io::{
    ByteSource, Disk, FileStamp, Lock, NewFile, Op, PreadFile, RealDisk, Span, WritePlan,
    lock_holder,
};

/// Makes a fragmented file a plain one, or writes a plain copy of it.
///
/// In place, the file is at every instant either the valid fragmented file or
/// the valid final one, whatever is cut off when; run again, it goes on where it
/// was interrupted. It costs the heads of the fragments and of the sync samples
/// of H.264 and H.265 to be read, and little more than the final `moov` to be written.
///
/// # Errors
/// [`Error`] tells what stands in the way; see there for what is left.
pub fn finalize(path: &Path, options: &Options) -> Result<Finalization> {
    finalize_watched(path, options, &|_, _| true)
}

/// The same, under somebody's eyes: `watch` sees the copy that
/// [`output`](Options::output) asks for, and may end it. The new file appears whole
/// or not at all. In place there is nothing to watch: it is over in a moment.
///
/// # Errors
/// [`Error::Cancelled`] if `watch` said so; else as [`finalize`].
pub fn finalize_watched(path: &Path, options: &Options, watch: Watch<'_>) -> Result<Finalization> {
    let source = PreadFile::open(path)?;
    let _lock = Lock::exclusive(source.file(), path)?;
    let stamp = source.stamp()?;
    let done = plan(&source, options).and_then(|plan| match &options.output {
        Some(output) => copy(&source, stamp, plan, (output, options.replace), watch),
        None => in_place(&source, stamp, plan),
    });
    done.map_err(|error| blame(error, &source, stamp))
}

fn plan(source: &PreadFile, options: &Options) -> Result<Plan> {
    match plan::finalize(source) {
        // A plain file is what was asked for: its copy is one.
        Err(Error::NotFragmented { .. }) if options.output.is_some() => plan::nothing(source),
        plan => plan,
    }
}

/// What went wrong, said right: what a file that changes meanwhile seems to be says
/// nothing about the file.
pub(crate) fn blame(error: Error, source: &PreadFile, stamp: FileStamp) -> Error {
    let told = matches!(
        error,
        Error::Cancelled { .. }
            | Error::OntoItself { .. }
            | Error::Io(tapo_io::Error::Exists { .. })
    );
    // The size alone: that time of modification changes may be our own doing.
    match source.stamp() {
        Ok(now) if !told && now.len < stamp.len => Error::Shrinking {
            path: source.path().to_owned(),
            was: stamp.len,
            is: now.len,
        },
        _ => error,
    }
}

/// What [`finalize`] would do in place. Nothing is written.
///
/// # Errors
/// Those of [`finalize`] that show before the first write.
pub fn check(path: &Path) -> Result<Finalization> {
    let source = PreadFile::open(path)?;
    if let Some(holder) = lock_holder(path) {
        let path = path.to_owned();
        return Err(tapo_io::Error::InUse { path, holder }.into());
    }
    let stamp = source.stamp()?;
    let plan = plan::finalize(&source).map_err(|error| blame(error, &source, stamp))?;
    plan.hazard.map_or(Ok(plan.outcome), |why| {
        let path = path.to_owned();
        Err(Error::OutOfPlaceOnly { path, why })
    })
}

/// Gives a file that [`finalize`] has changed its original bytes back, also if
/// it was interrupted. Interrupted itself, it leaves a file that plays, and can
/// be run again.
///
/// # Errors
/// [`Error::NotFinal`] if there is nothing to take back; otherwise as
/// [`finalize`].
pub fn undo(path: &Path) -> Result<Undone> {
    let source = PreadFile::open(path)?;
    let _lock = Lock::exclusive(source.file(), path)?;
    let stamp = source.stamp()?;
    let plan = plan::undo(&source).map_err(|error| blame(error, &source, stamp));
    let (writes, undone) = plan?;
    writes.execute(&mut writable(path, stamp)?)?;
    Ok(undone)
}

fn in_place(source: &PreadFile, stamp: FileStamp, plan: Plan) -> Result<Finalization> {
    let path = &plan.outcome.path;
    let meta = source.file().metadata();
    if !meta.is_ok_and(|meta| meta.is_file()) {
        // What stands behind it on a disk is not its own.
        let (path, why) = (path.clone(), "is a device and no file");
        return Err(Error::OutOfPlaceOnly { path, why });
    }
    if let Some(why) = plan.hazard {
        let path = path.clone();
        return Err(Error::OutOfPlaceOnly { path, why });
    }
    if !plan.writes.ops.is_empty() {
        if source.stamp()? != stamp {
            return Err(Error::Changing { path: path.clone() });
        }
        execute(&plan, &mut writable(path, stamp)?)?;
    }
    Ok(plan.outcome)
}

/// Opens the file for writing, if it is still the one that was read.
pub(crate) fn writable(path: &Path, stamp: FileStamp) -> Result<RealDisk> {
    let disk = RealDisk::open(path)?;
    let file = disk.file().try_clone();
    let file = file.map_err(|e| tapo_io::Error::io(path, "open for writing", e))?;
    if PreadFile::from_file(file, path)?.stamp()? != stamp {
        let path = path.to_owned();
        return Err(Error::Changing { path });
    }
    Ok(disk)
}

/// Carries the writes out. If the disk refuses one of them (it is full, say),
/// the file is put back as it was; if it cannot sync, it is not touched again.
fn execute(plan: &Plan, disk: &mut dyn Disk) -> Result<()> {
    for op in &plan.writes.ops {
        if let Err(error) = disk.apply(op) {
            if matches!(op, Op::Write { .. }) {
                // What cannot be put back, the next run finds and goes on with.
                let _ = plan.rollback.execute(disk);
            }
            return Err(error.into());
        }
    }
    Ok(())
}

fn copy(
    source: &PreadFile,
    stamp: FileStamp,
    mut plan: Plan,
    (output, replace): (&Path, bool),
    watch: Watch<'_>,
) -> Result<Finalization> {
    let target = std::fs::metadata(output).map(|m| (m.dev(), m.ino())).ok();
    let own = source.file().metadata().map(|m| (m.dev(), m.ino())).ok();
    if target.is_some() && target == own {
        let path = output.to_owned();
        return Err(Error::OntoItself { path });
    }
    let mut new = NewFile::create(output, replace)?;
    let whole = Span::new(0, source.len());
    let goes_on = |copied| watch(copied, whole.len());
    watch::copy(&mut new, source, whole, 0, output, &goes_on)?;
    if source.stamp()? != stamp {
        let path = plan.outcome.path;
        return Err(Error::Changing { path });
    }
    // Nobody sees the copy before it is whole: one sync, at the end, is enough.
    let needed = |op: &Op| !matches!(op, Op::Barrier | Op::Note(_));
    let ops = plan.writes.ops.into_iter().filter(needed);
    plan.writes = WritePlan { ops: ops.collect() };
    plan.writes.execute(&mut new)?;
    let goes_on = || watch(whole.len(), whole.len());
    watch::commit(new, replace, output, &goes_on)?;
    plan.outcome.path = output.to_owned();
    Ok(plan.outcome)
}
