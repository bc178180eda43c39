//! The bytes of the output, written and hashed.

use super::Plan;
use crate::progress::{Stage, Watched};
use crate::{Error, Hashes, Result};
use sha2::{Digest, Sha256};
use std::os::unix::fs::FileExt;
use std::path::Path;
use tapo_finalize::Append;
use tapo_io::{ByteSource, Disk, FileStamp, NewFile, Op, PreadFile, Span};
use tapo_movie::EncodedMoov;

/// Bytes read, hashed and written at a time.
const PIECE: usize = 1 << 20;

/// What was written.
#[derive(Debug)]
pub(crate) struct Written {
    /// Size of the output, bytes.
    pub(crate) size: u64,
    pub(crate) hashes: Option<Hashes>,
}

/// The output before it is written: the source with other bytes in its head, or
/// behind a new one, and what follows.
pub(crate) struct Image<'a> {
    plan: &'a Plan,
    /// What follows, some bytes at a time.
    tail: &'a dyn Fn() -> Pieces<'a>,
}

type Pieces<'a> = Box<dyn Iterator<Item = Vec<u8>> + 'a>;

/// How to write.
pub(crate) struct How<'a> {
    pub(crate) watched: &'a Watched<'a>,
    /// The source as it was when it was searched.
    pub(crate) stamp: FileStamp,
    pub(crate) hash: bool,
    pub(crate) dry_run: bool,
}

/// Writes a new file at `target`, or only works out what it would be.
///
/// # Errors
/// [`Error::Io`], also if the output exists; [`Error::Changing`] if the source
/// was written to meanwhile. Nothing is left behind.
pub(crate) fn new_file(
    source: &PreadFile,
    plan: &Plan,
    moov: &EncodedMoov<'_>,
    target: (&Path, bool),
    how: &How<'_>,
) -> Result<Written> {
    let (target, replace) = target;
    let image = Image {
        plan,
        tail: &|| Box::new(moov.pieces()),
    };
    let size = plan.media_end() + moov.len();
    if how.dry_run {
        let hashes = how.hash.then(|| image.hash(how.watched, None));
        let hashes = hashes.transpose()?;
        return Ok(Written { size, hashes });
    }
    let mut new = NewFile::create(target, replace)?;
    let hashes = if how.hash {
        new.restrict_to(source.file(), source.path())?;
        Some(image.hash(how.watched, Some((new.disk().file(), target)))?)
    } else {
        let kept = Span::new(0, plan.kept);
        let mut step = |done| how.watched.step(Stage::Write, done);
        new.copy_span_from(source, kept, plan.moved, &mut step)?;
        None
    };
    let (at, bytes) = (plan.head_at, plan.head.clone());
    new.apply(&Op::Write { at, bytes })?;
    let mut at = plan.media_end();
    for bytes in moov.pieces() {
        let end = at + bytes.len() as u64;
        new.apply(&Op::Write { at, bytes })?;
        at = end;
    }
    unchanged(source, how.stamp)?;
    how.watched.step(Stage::Write, source.len())?;
    new.commit(replace)?;
    Ok(Written { size, hashes })
}

/// Appends to the source itself, or only works out what that would give. The
/// caller holds its lock.
///
/// # Errors
/// As [`Append::execute`].
pub(crate) fn in_place(source: &PreadFile, append: &Append<'_>, how: &How<'_>) -> Result<Written> {
    let size = append.size();
    let mut hashes = None;
    if how.hash {
        let (head_at, head) = append.head();
        let plan = Plan {
            head,
            moved: 0,
            kept: source.len(),
            head_at,
        };
        let image = Image {
            plan: &plan,
            tail: &|| Box::new(append.tail()),
        };
        hashes = Some(image.hash(how.watched, None)?);
    }
    unchanged(source, how.stamp)?;
    if !how.dry_run {
        how.watched.step(Stage::Write, source.len())?;
        append.execute(source, how.stamp)?;
    }
    Ok(Written { size, hashes })
}

fn unchanged(source: &PreadFile, stamp: FileStamp) -> Result<()> {
    if source.stamp()? == stamp {
        return Ok(());
    }
    Err(Error::Changing {
        path: source.path().to_owned(),
    })
}

impl Image<'_> {
    /// Reads the source once: its hash, that of the output, and, where there is
    /// one, its bytes into the file `to`.
    fn hash(&self, watched: &Watched<'_>, to: Option<(&std::fs::File, &Path)>) -> Result<Hashes> {
        let plan = self.plan;
        let (mut input, mut output) = (Sha256::new(), Sha256::new());
        if plan.moved > 0 {
            output.update(&plan.head);
        }
        let mut piece = vec![0; PIECE];
        let mut at = 0;
        loop {
            let got = watched.read_at(at, &mut piece)?;
            if got == 0 {
                break;
            }
            let bytes = piece.get_mut(..got).unwrap_or_default();
            input.update(&*bytes);
            if plan.moved == 0 {
                patch(bytes, at, plan.head_at, &plan.head);
            }
            let kept = usize::try_from(plan.kept.saturating_sub(at)).unwrap_or(usize::MAX);
            let kept = bytes.get(..kept.min(got)).unwrap_or_default();
            output.update(kept);
            if let Some((file, path)) = to {
                let written = file.write_all_at(kept, plan.moved + at);
                written.map_err(|e| tapo_io::Error::io(path, "write", e))?;
            }
            at += got as u64;
            watched.step(Stage::Write, at)?;
        }
        (self.tail)().for_each(|piece| output.update(piece));
        Ok(Hashes {
            input: input.finalize().into(),
            output: output.finalize().into(),
        })
    }
}

/// Puts those of the bytes `new`, which belong at `place`, that lie in `bytes`,
/// which stand at `at`.
fn patch(bytes: &mut [u8], at: u64, place: u64, new: &[u8]) {
    let here = Span::at(at, bytes.len() as u64);
    let inside = here.intersect(Span::at(place, new.len() as u64));
    let range = |base: u64| {
        let start = usize::try_from(inside.start.saturating_sub(base)).ok()?;
        let len = usize::try_from(inside.len()).ok()?;
        Some(start..start + len)
    };
    if let (false, Some(to), Some(from)) = (inside.is_empty(), range(at), range(place))
        && let (Some(to), Some(from)) = (bytes.get_mut(to), new.get(from))
    {
        to.copy_from_slice(from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_reaches_over_pieces() {
        let mut all = [0; 30];
        for (i, piece) in all.chunks_mut(10).enumerate() {
            patch(
                piece,
                10 * i as u64,
                8,
                &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13],
            );
        }
        assert_eq!(all[..9], [0, 0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(all[9..22], [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 0]);
    }
}
