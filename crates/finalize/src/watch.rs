//! Copying under somebody's eyes, who may end it.

use crate::{Error, Result};
use std::path::Path;
use tapo_io::{Disk, NewFile, Op, PreadFile, Span};

/// Watches a copy: told how many bytes of how many are copied; `false` ends it.
pub type Watch<'a> = &'a dyn Fn(u64, u64) -> bool;

/// Copies a span of `source` to `at` in `new`, which is going to be `output`.
/// `goes_on` is told how many bytes of it are copied; `false` ends it.
pub(crate) fn copy(
    new: &mut NewFile,
    source: &PreadFile,
    span: Span,
    at: u64,
    output: &Path,
    goes_on: &dyn Fn(u64) -> bool,
) -> Result<()> {
    let mut ended = false;
    let copied = new.copy_span_from(source, span, at, &mut |copied| {
        ended = !goes_on(copied);
        match ended {
            false => Ok(()),
            true => Err(interrupted(output)),
        }
    });
    if ended {
        let path = output.to_owned();
        return Err(Error::Cancelled { path });
    }
    Ok(copied?)
}

/// Gives `new` its name, `output`, unless somebody wants it to end while its bytes go to the disk:
/// of a slow one that is most of the time.
pub(crate) fn commit(
    mut new: NewFile,
    replace: bool,
    output: &Path,
    goes_on: &dyn Fn() -> bool,
) -> Result<()> {
    new.apply(&Op::Barrier)?;
    if !goes_on() {
        let path = output.to_owned();
        return Err(Error::Cancelled { path });
    }
    Ok(new.commit(replace)?)
}

fn interrupted(path: &Path) -> tapo_io::Error {
    tapo_io::Error::io(path, "write", std::io::ErrorKind::Interrupted.into())
}
