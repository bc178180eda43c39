//! Appending a `moov` to a file that has lost its own: the tail protocol for
//! `tapo repair --in-place`.
//!
//! The boxes of such a file do not tell where it ends, so the record of how to
//! go back stands at both ends of what is appended, and is there before the rest
//! is. E is the size of the file before, L the length of the `moov`:
//! ```text
//! 1  at E               the record, 100 bytes       barrier
//! 2  at E + 100 + L     the record, as last bytes   barrier
//! 3  at E + 100         the moov, but for these     barrier
//! 4  in the head        an mdat header that ends at E + 100; in one sector
//! ```
//! Until step 4 the file is what it was, and longer.

use crate::crc::crc32_on;
use crate::record::{Patch, UndoRecord, header};
use crate::run::writable;
use crate::state::{last_record, moov_is_whole};
use crate::tail::{SECTOR, flip, is_torn_write, only_grew, restore};
use crate::{Error, Result};
use std::iter;
use tapo_bmff::{BoxHeader, FourCc};
use tapo_io::{ByteSource, Disk, FileStamp, Op, PreadFile, Span, WritePlan, zeros_to_end};
use tapo_movie::{EncodedMoov, RawBox};

/// Boxes in front of the media data that are looked at.
const HEADS: usize = 64;

/// Boxes that may stand in front of the media data and hold none.
const FRONT: [&[u8; 4]; 8] = [
    b"ftyp", b"free", b"skip", b"wide", b"uuid", b"pnot", b"pdin", b"styp",
];

/// A `moov` to be appended to a file that has lost its own.
#[derive(Debug)]
pub struct Append<'a> {
    record: UndoRecord,
    /// Its last box is the record, but for the CRC.
    moov: EncodedMoov<'a>,
}

impl<'a> Append<'a> {
    /// Works out what to append to `source`, all of which stays where it is.
    /// `moov` is that of the movie in it; the bytes from `media_at` on hold
    /// samples.
    ///
    /// # Errors
    /// [`Error::OutOfPlaceOnly`] if the head of the file has no room for the
    /// header of the media data, or not within one sector.
    pub fn plan(source: &dyn ByteSource, mut moov: EncodedMoov<'a>, media_at: u64) -> Result<Self> {
        let refuse = |why| Error::OutOfPlaceOnly {
            path: source.path().to_owned(),
            why,
        };
        let end = source.len();
        let heads = heads(source)?;
        if heads.is_empty() {
            return Err(refuse("the head of the file is lost"));
        }
        let mut why = "its head has no room for the header of the media data";
        for at in heads.into_iter().rev() {
            let first = patch(source, end, at)?;
            if first.span().end > media_at {
                continue;
            }
            if at / SECTOR != (first.span().end - 1) / SECTOR {
                why = "the bytes to change lie across two sectors of the disk";
                continue;
            }
            let record = UndoRecord {
                end,
                first,
                closing: None,
                endless: true,
                moov_crc: 0,
            };
            // The same box twice would say that it is final before it is.
            if first.original() == record.mdat_header() {
                continue;
            }
            moov.add(&RawBox {
                kind: FourCc(*b"uuid"),
                bytes: record.to_bytes(),
            });
            let record = sealed(&moov, record);
            if UndoRecord::parse(&record.to_bytes()) != Some(record) {
                return Err(refuse(why));
            }
            return Ok(Self { record, moov });
        }
        Err(refuse(why))
    }

    /// The bytes that the head gets, and where.
    #[must_use]
    pub fn head(&self) -> (u64, Vec<u8>) {
        (self.record.first.at, self.record.mdat_header())
    }

    /// The bytes that follow those of the original, some at a time.
    pub fn tail(&self) -> impl Iterator<Item = Vec<u8>> {
        let record = &self.record;
        let body = body(&self.moov);
        iter::once(record.to_journal())
            .chain(body)
            .chain([record.to_bytes()])
    }

    /// Size of the file when all is done, bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.record.moov_at() + self.moov.len()
    }

    /// Writes it to the file that `source` is, in an order that no power cut
    /// breaks. The caller holds the file's lock.
    ///
    /// # Errors
    /// [`Error::Changing`] if the file is not as `stamp` says any more;
    /// [`Error::Io`]. If the disk is full, the file is what it was.
    pub fn execute(&self, source: &PreadFile, stamp: FileStamp) -> Result<()> {
        let mut disk = writable(source.path(), stamp)?;
        for op in self.steps() {
            if let Err(error) = disk.apply(&op) {
                if matches!(op, Op::Write { .. }) {
                    // What cannot be put back, undo finds.
                    let _ = restore(&self.record, self.size()).execute(&mut disk);
                }
                return Err(error.into());
            }
        }
        Ok(())
    }

    /// What is done to the file, step by step: the `moov` may be large.
    pub(crate) fn steps(&self) -> impl Iterator<Item = Op> {
        let record = &self.record;
        let begin = WritePlan::new()
            .then(Op::Allocate(Span::new(record.end, self.size())))
            .then(Op::Note(Some(record.end)))
            .write(record.end, record.to_journal())
            .barrier()
            .write(self.size() - UndoRecord::LEN, record.to_bytes())
            .barrier();
        let mut next = record.moov_at();
        let body = body(&self.moov).map(move |bytes| {
            let at = next;
            next += bytes.len() as u64;
            Op::Write { at, bytes }
        });
        let end = iter::once(Op::Barrier).chain(flip(record).ops);
        let end = end.chain([Op::Note(None)]);
        begin.ops.into_iter().chain(body).chain(end)
    }
}

/// All of a `moov` but the record that is its last box.
fn body(moov: &EncodedMoov<'_>) -> impl Iterator<Item = Vec<u8>> {
    let mut left = moov.len().saturating_sub(UndoRecord::LEN);
    moov.pieces().filter_map(move |mut piece| {
        piece.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        left -= piece.len() as u64;
        (!piece.is_empty()).then_some(piece)
    })
}

/// The record with the CRC of the `moov` that it ends.
fn sealed(moov: &EncodedMoov<'_>, record: UndoRecord) -> UndoRecord {
    UndoRecord {
        moov_crc: body(moov).fold(0, |crc, piece| crc32_on(crc, &piece)),
        ..record
    }
}

/// Takes back what an interrupted [`Append`] left in a file. The caller holds
/// the file's lock.
///
/// Returns whether there was anything; a file that is final is left alone.
///
/// # Errors
/// As [`undo`](crate::undo).
pub fn take_back(source: &PreadFile) -> Result<bool> {
    let stamp = source.stamp()?;
    let ours = |s: &Appended| matches!(s, Appended::Torn(_) | Appended::Begun(_));
    let Some(state) = state(source)?.filter(ours) else {
        return Ok(false);
    };
    let writes = state.restore(source.len());
    writes.execute(&mut writable(source.path(), stamp)?)?;
    Ok(true)
}

/// How far an [`Append`] has come.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) enum Appended {
    /// Not even the record is whole, or it is only as many zeros. The file had this many bytes.
    Torn(u64),
    /// Not to the end, or what it wrote was damaged since.
    Begun(UndoRecord),
    /// To the end.
    Done(UndoRecord),
}

impl Appended {
    /// The size of the file before, bytes.
    pub(crate) const fn end(&self) -> u64 {
        match self {
            Self::Torn(end) => *end,
            Self::Begun(record) | Self::Done(record) => record.end,
        }
    }

    /// The writes that give a file of `size` bytes its original bytes back.
    pub(crate) fn restore(&self, size: u64) -> WritePlan {
        match self {
            Self::Torn(end) => WritePlan::new()
                .then(Op::SetLen(*end))
                .barrier()
                .then(Op::Note(None)),
            Self::Begun(record) | Self::Done(record) => restore(record, size),
        }
    }
}

/// How far an [`Append`] to `source` has come; `None` if there is no sign of one.
pub(crate) fn state(source: &dyn ByteSource) -> Result<Option<Appended>> {
    if let Some(found) = recorded_last(source)? {
        return Ok(Some(found));
    }
    let size = source.len();
    // The record in front is whole, that behind is not yet: nothing but zeros,
    // or the one half of it, follows.
    let behind = size.saturating_sub(UndoRecord::LEN);
    let floor = behind.saturating_sub(4 * tapo_bmff::limits::LOADED);
    let zeros = zeros_to_end(source, Span::new(floor, behind))?;
    let crc = 4;
    for end in zeros..=(zeros + crc).min(behind) {
        let Some(at) = end.checked_sub(UndoRecord::LEN) else {
            continue;
        };
        let bytes = source.read_span(Span::at(at, UndoRecord::LEN))?;
        let record = UndoRecord::parse(&bytes).filter(|r| r.end == at);
        if let Some(record) = record
            && let Some(found) = recorded(source, &record)?
        {
            return Ok(Some(found));
        }
    }
    torn_record(source)
}

/// The same by the record that the last bytes are.
pub(crate) fn recorded_last(source: &dyn ByteSource) -> Result<Option<Appended>> {
    match last_record(source)? {
        Some(record) => recorded(source, &record),
        None => Ok(None),
    }
}

/// What a record says of the file; `None` if it speaks of another one, or is
/// finalize's.
fn recorded(source: &dyn ByteSource, record: &UndoRecord) -> Result<Option<Appended>> {
    if !record.endless || record.closing.is_some() || record.moov_at() > source.len() {
        return Ok(None);
    }
    let first = source.read_span(record.first.span())?;
    let flipped = first == record.mdat_header();
    if !flipped && first != record.first.original() {
        return Ok(None);
    }
    let whole = record.moov_at() + UndoRecord::LEN <= source.len();
    Ok(Some(
        match flipped && whole && moov_is_whole(source, record)? {
            true => Appended::Done(*record),
            false => Appended::Begun(*record),
        },
    ))
}

/// Bytes of a record that tell it from anything else: size, type, user type,
/// version.
const TELLING: usize = 28;

/// Whether the last bytes are what a power cut left of the first write.
fn torn_record(source: &dyn ByteSource) -> Result<Option<Appended>> {
    if let Some(end) = only_grew(source)? {
        return Ok(Some(Appended::Torn(end)));
    }
    let size = source.len();
    let mut heads = heads(source)?;
    heads.reverse();
    for end in size.saturating_sub(UndoRecord::LEN)..size {
        let actual = source.read_span(Span::new(end, size))?;
        let whole = actual.len() as u64 == UndoRecord::LEN;
        // Zeros alone may be the file's own.
        let zeros = actual.iter().all(|b| *b == 0);
        let told = actual.iter().take(TELLING).any(|b| *b != 0) && actual.len() >= TELLING;
        if zeros || !(told || whole) {
            continue;
        }
        for at in heads.iter().filter(|at| **at < end) {
            let record = UndoRecord {
                end,
                first: patch(source, end, *at)?,
                closing: None,
                endless: true,
                moov_crc: 0,
            };
            if is_torn_write(&record.to_journal(), end, &actual) {
                return Ok(Some(Appended::Torn(end)));
            }
        }
    }
    Ok(None)
}

/// The bytes at `at` that an `mdat` header takes if the media data ends behind
/// a record at `end`.
fn patch(source: &dyn ByteSource, end: u64, at: u64) -> Result<Patch> {
    let total = (end + UndoRecord::LEN).saturating_sub(at);
    let len = header(b"mdat", total).len() as u64;
    Ok(Patch::new(at, &source.read_span(Span::at(at, len))?))
}

/// The places where the header of the media data may stand: the starts of the
/// boxes in front of it, `ftyp` excepted, and where these end. None if the file
/// does not begin with a box that may stand there.
fn heads(source: &dyn ByteSource) -> Result<Vec<u64>> {
    let mut heads = Vec::new();
    let mut at = 0;
    while heads.len() < HEADS && at < source.len() {
        let bytes = source.read_span(Span::at(at, BoxHeader::MAX_LEN as u64))?;
        let header = BoxHeader::read(at, &bytes);
        let is = |kinds: &[&[u8; 4]]| {
            let kind = header.as_ref().map(|h| h.kind);
            kinds.iter().any(|k| kind.is_some_and(|kind| kind == **k))
        };
        if at == 0 && !is(&FRONT) && !is(&[b"mdat", b"moov"]) {
            break;
        }
        if at > 0 || !is(&[b"ftyp"]) {
            heads.push(at);
        }
        let end = header.as_ref().and_then(|h| h.declared_end(u64::MAX));
        match end.filter(|end| is(&FRONT) && *end <= source.len()) {
            Some(end) => at = end,
            None => break,
        }
    }
    Ok(heads)
}
