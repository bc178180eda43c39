//! The segments of a camera, read from the files of its folder.

use super::{Segment, Shelf, said};
use crate::names::Namer;
use crate::walk::files;
use crate::writer::Output;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use tapo_bmff::BoxHeader;
use tapo_io::{
    ByteSource, Lock, Op, PreadFile, RealDisk, Span, WritePlan, free_space, is_protected,
    remove_empty_dirs,
};
use tapo_movie::SegmentStamp;

/// Boxes looked at in a file, and in its `moov`, for the stamp.
const BOXES: usize = 64;
/// Files take whole blocks of the disk, bytes.
const BLOCK: u64 = 4096;
/// The longest stamp that is read, bytes.
const STAMP: u64 = 1 << 18;

/// The output folder of a camera.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
    pub(crate) camera: String,
    pub(crate) namer: Namer,
}

impl Shelf for Folder {
    fn each(&self, take: &mut dyn FnMut(Segment)) {
        files(&self.path)
            .filter_map(|path| self.segment(path, true))
            .for_each(take);
    }

    fn free(&self) -> Option<u64> {
        free_space(&self.path)
    }

    fn remove(&mut self, segment: &Segment) -> tapo_io::Result<bool> {
        // What has changed since the look at the folder is left alone.
        let now = self.segment(segment.path.clone(), false);
        if now.is_none_or(|now| !now.is_as(segment)) {
            return Ok(false);
        }
        let mut disk = RealDisk::open(&segment.path)?;
        let _lock = match Lock::exclusive(disk.file(), &segment.path) {
            Err(tapo_io::Error::InUse { .. }) => return Ok(false),
            lock => lock?,
        };
        let plan = WritePlan::new().then(Op::Remove).then(Op::SyncDir);
        plan.execute(&mut disk)?;
        remove_empty_dirs(&segment.path, &self.path);
        Ok(true)
    }
}

impl Folder {
    /// Where a camera's segments go; `None` if they go into one file.
    pub(crate) fn of(camera: &str, output: &Output, namer: &Namer) -> Option<Self> {
        Some(Self {
            path: output.folder()?.to_owned(),
            camera: camera.to_owned(),
            namer: namer.clone(),
        })
    }

    /// The segment that a file is, if it is one of this camera under the name
    /// that it was given. By what it said before, if that will do and it has not changed since.
    fn segment(&self, path: PathBuf, before: bool) -> Option<Segment> {
        let meta = path
            .symlink_metadata()
            .ok()
            .filter(std::fs::Metadata::is_file)?;
        let known = before.then(|| said::of(&path, &meta)).flatten();
        let said = known.or_else(|| {
            let stamp = stamp_of(&PreadFile::open(&path).ok()?);
            Some(said::keep(&path, &meta, stamp.as_ref()))
        })?;
        let started = said.of_camera(&self.camera)?;
        let relative = path.strip_prefix(&self.path).ok()?;
        if !self.namer.is_path(relative, started) {
            return None;
        }
        Some(Segment {
            started,
            // What is allocated ahead of the file that is written is given back.
            bytes: (meta.blocks() * 512).min(meta.len().next_multiple_of(BLOCK)),
            held: is_protected(&meta),
            camera: 0,
            path,
        })
    }
}

/// What our recorder wrote into the `moov` of a segment. The tables of the index
/// are not read.
pub(crate) fn stamp_of(file: &PreadFile) -> Option<SegmentStamp> {
    let all = Span::new(0, file.len());
    let moov = find(file, all, |h| h.kind == b"moov")?;
    let udta = find(file, moov, |h| h.kind == b"udta")?;
    let stamp = find(file, udta, |h| h.user_type == Some(SegmentStamp::USER_TYPE))?;
    let payload = file.read_span(stamp.intersect(Span::at(stamp.start, STAMP)));
    SegmentStamp::parse(&payload.ok()?)
}

/// What is in the first box that is meant among those that `within` holds.
pub(crate) fn find(
    file: &PreadFile,
    within: Span,
    meant: impl Fn(&BoxHeader) -> bool,
) -> Option<Span> {
    let mut at = within.start;
    for _ in 0..BOXES {
        let head = Span::at(at, BoxHeader::MAX_LEN as u64).intersect(within);
        let header = BoxHeader::read(at, &file.read_span(head).ok()?)?;
        let end = header.declared_end(within.end)?;
        if meant(&header) {
            let inside = Span::new(at + header.len(), end);
            return within.contains(inside).then_some(inside);
        }
        at = end;
    }
    None
}
