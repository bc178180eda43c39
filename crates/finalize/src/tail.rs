//! Tail: the final `moov` is appended to a fragmented file, and the first box
//! behind `ftyp` becomes the header of an `mdat` that ends where the `moov` starts.

use crate::crc::crc32;
use crate::in_band::final_movie;
use crate::prepare::check_samples;
use crate::record::{Closing, Patch, UndoRecord, header};
use crate::resized::Resized;
use crate::{Error, Result};
use tapo_bmff::{BoxSize, FourCc};
use tapo_io::{ByteSource, Op, Span, WritePlan};
use tapo_movie::{Movie, RawBox, Read, encode_moov};

/// What a disk writes in one go, at least.
pub(crate) const SECTOR: u64 = 512;

/// A file that gets its `moov` appended.
pub(crate) struct Tail {
    /// How to go back.
    pub(crate) record: UndoRecord,
    /// The `moov`, the record inside.
    pub(crate) moov: Vec<u8>,
    /// The movie in it.
    pub(crate) movie: Movie,
    /// Why it must not be done in place.
    pub(crate) hazard: Option<&'static str>,
    /// An earlier run has written the record behind the last box.
    journaled: bool,
}

/// Where the bytes start, at the end of the file, that belong to no whole
/// fragment and no whole box.
pub(crate) fn torn_at(read: &Read) -> Option<u64> {
    let torn = read.top.iter().find(|b| !b.whole).map(|b| b.span.start);
    let walked = read.top.last().map_or(0, |b| b.span.end);
    let garbage = (walked < read.size).then_some(walked);
    let fragment = read.fragments.last().filter(|f| is_broken(f));
    let fragment = fragment.map(|f| f.moof.start);
    [torn, garbage, fragment].into_iter().flatten().min()
}

/// Whether a fragment speaks of samples that are not (all) in the file.
pub(crate) const fn is_broken(fragment: &tapo_movie::Fragment) -> bool {
    !fragment.whole && !fragment.tracks.is_empty()
}

impl Tail {
    /// Works out what to append to `source`, which is `read`. `known` is the
    /// record of a run that was interrupted after it had closed the last box.
    pub(crate) fn of(
        source: &dyn ByteSource,
        read: &Read,
        known: Option<UndoRecord>,
    ) -> Result<Self> {
        let (record, mut hazard) = match known {
            Some(record) => (record, None),
            None => record_of(source, read)?,
        };
        let malformed = |what: &str| Error::Malformed {
            path: source.path().to_owned(),
            what: what.to_owned(),
        };
        let first = record.first.span();
        if hazard.is_none() && first.start / SECTOR != (first.end - 1) / SECTOR {
            hazard = Some("the bytes to change lie across two sectors of the disk");
        }
        let movie = final_movie(source, read)?;
        let mut spare = vec![first];
        spare.extend(record.closing.map(|c| c.patch.span()));
        check_samples(&movie, source, record.end, &spare)?;

        let Some((record, moov)) = sealed(&movie, record) else {
            return Err(malformed("its first and its last box are the same"));
        };
        Ok(Self {
            record,
            moov,
            movie,
            hazard,
            journaled: known.is_some(),
        })
    }

    /// The writes, for a file of `size` bytes: larger than it was before only
    /// if an earlier run was interrupted.
    pub(crate) fn writes(&self, size: u64) -> WritePlan {
        let record = &self.record;
        let journal = record.journal().filter(|_| self.journaled);
        let kept = journal.map_or(record.end, |journal| journal.end);
        let mut plan = WritePlan::new();
        if size > kept {
            plan = plan.then(Op::SetLen(kept)).barrier();
        }
        let end = record.moov_at() + self.moov.len() as u64;
        plan = plan.then(Op::Allocate(Span::new(kept, end)));
        if let (Some(journal), Some((at, header))) = (record.journal(), record.closing_header()) {
            if !self.journaled {
                plan = plan.then(Op::Note(Some(record.end)));
                plan = plan.write(journal.start, record.to_journal()).barrier();
            }
            plan = plan.write(at, header).barrier();
        }
        plan = plan.write(record.moov_at(), self.moov.clone()).barrier();
        plan.ops.extend(flip(record).ops);
        match record.journal() {
            Some(_) => plan.then(Op::Note(None)),
            None => plan,
        }
    }

    /// Whether the last bytes of `source`, from the end of the original on, are
    /// what a write of ours left behind when it was interrupted.
    pub(crate) fn is_torn_append(&self, source: &dyn ByteSource) -> Result<bool> {
        let (at, expected) = match self.record.journal() {
            Some(journal) => (journal.start, self.record.to_journal()),
            None => (self.record.end, self.moov.clone()),
        };
        let tail = Span::new(at, source.len());
        if tail.len() > expected.len() as u64 {
            return Ok(false);
        }
        let actual = source.read_span(tail)?;
        if actual.iter().any(|b| *b != 0) {
            return Ok(is_torn_write(&expected, at, &actual));
        }
        // The size reached the disk and the bytes did not; or the zeros are the
        // recorder's own. Exactly as many as this `moov` has bytes, behind a whole
        // box, are ours; for a record's there is a note ([`only_grew`]).
        Ok(self.record.journal().is_none() && actual.len() == expected.len())
    }
}

/// The `moov` of `movie` with `record` as its last box, and the record as it is
/// there; `None` if its numbers cannot be.
pub(crate) fn sealed(movie: &Movie, record: UndoRecord) -> Option<(UndoRecord, Vec<u8>)> {
    let mut with_record = movie.clone();
    with_record.other.push(RawBox {
        kind: FourCc(*b"uuid"),
        bytes: record.to_bytes(),
    });
    let mut moov = encode_moov(&with_record);
    let at = moov.len().saturating_sub(record.to_bytes().len());
    let record = UndoRecord {
        moov_crc: crc32(moov.get(..at).unwrap_or_default()),
        ..record
    };
    moov.truncate(at);
    moov.extend(record.to_bytes());
    (UndoRecord::parse(&record.to_bytes()) == Some(record)).then_some((record, moov))
}

/// Makes the file final: one write inside one sector.
pub(crate) fn flip(record: &UndoRecord) -> WritePlan {
    WritePlan::new()
        .write(record.first.at, record.mdat_header())
        .barrier()
}

/// The writes that give a file of `size` bytes its original bytes back. The
/// record that says how stays on the disk until nothing is left to restore.
pub(crate) fn restore(record: &UndoRecord, size: u64) -> WritePlan {
    let mut plan = WritePlan::new()
        .write(record.first.at, record.first.original().to_vec())
        .barrier();
    if let (Some(closing), Some(journal)) = (record.closing, record.journal()) {
        if size > journal.end {
            plan = plan.then(Op::SetLen(journal.end)).barrier();
        }
        let original = closing.patch.original().to_vec();
        plan = plan.write(closing.patch.at, original).barrier();
    }
    plan = plan.then(Op::SetLen(record.end)).barrier();
    match record.journal() {
        Some(_) => plan.then(Op::Note(None)),
        None => plan,
    }
}

/// The size of the file before, if a run was interrupted when the size of its
/// record had reached the disk, and nothing else. Zeros alone may be the file's
/// own: a note beside it tells.
pub(crate) fn only_grew(source: &dyn ByteSource) -> Result<Option<u64>> {
    let Some(end) = source.noted_len() else {
        return Ok(None);
    };
    // A box of less than a header is made longer first.
    let added = Span::new(end, source.len());
    if added.is_empty() || added.len() > UndoRecord::LEN + 8 {
        return Ok(None);
    }
    let zeros = source.read_span(added)?.iter().all(|b| *b == 0);
    Ok(zeros.then_some(end))
}

/// Whether `actual`, at `at`, can be what a power cut left of writing `expected`
/// there: sector by sector it was written, or it is still zero.
pub(crate) fn is_torn_write(expected: &[u8], at: u64, actual: &[u8]) -> bool {
    let (mut at, mut expected_left, mut left) = (at, expected, actual);
    while !left.is_empty() {
        let piece = usize::try_from(SECTOR - at % SECTOR).unwrap_or(512);
        let piece = piece.min(left.len());
        let (got, rest) = left.split_at(piece);
        let Some((want, want_rest)) = expected_left.split_at_checked(piece) else {
            return false;
        };
        let zero = got.iter().all(|b| *b == 0);
        if !zero && got != want {
            return false;
        }
        at += piece as u64;
        (left, expected_left) = (rest, want_rest);
    }
    true
}

/// What has to be changed, and whether it can be done in place.
fn record_of(source: &dyn ByteSource, read: &Read) -> Result<(UndoRecord, Option<&'static str>)> {
    let mut hazard = None;
    let all_but_last = read
        .fragments
        .split_last()
        .map_or(&[][..], |(_, rest)| rest);
    if all_but_last.iter().any(is_broken) {
        hazard = Some("a fragment amid the file points behind its end");
    }
    let mut record = UndoRecord {
        end: read.size,
        first: Patch::new(first_at(read), &[0; 8]),
        closing: None,
        endless: false,
        moov_crc: 0,
    };
    if let Some(at) = torn_at(read) {
        record.closing = Some(closing(source, read.size, at, *b"free")?);
        if read.size - at < 8 {
            hazard = Some("it ends amid the header of a box");
        }
        let grown = Resized::new(source, read.size + UndoRecord::LEN);
        let whole = |read: &Read| read.fragments.iter().filter(|f| f.whole).count();
        if whole(&tapo_movie::read(&grown)?) != whole(read) {
            // It would look whole as soon as the record stands behind it, with bytes that
            // are no media in its last sample, and nothing could be written before the
            // record: what it says is how to go back. No order of writes avoids that.
            hazard = Some(
                "of its last fragment 100 bytes or fewer are missing, and while the index is \
                 appended it would look whole and play wrong",
            );
        }
    } else if let Some(open) = read.top.last().filter(|b| b.size == BoxSize::ToEnd) {
        let kept = closing(source, read.size, open.span.start, open.kind.0)?;
        if kept.patch.len == 8 {
            record.closing = Some(kept);
        } else {
            hazard = Some("its last box is larger than 4 GiB and does not say so");
        }
    }
    let at = record.first.at;
    let header = Span::at(at, record.mdat_header().len() as u64);
    record.first = Patch::new(at, &source.read_span(header)?);
    Ok((record, hazard))
}

fn closing(source: &dyn ByteSource, end: u64, at: u64, kind: [u8; 4]) -> Result<Closing> {
    let len = header(&kind, end - at).len() as u64;
    let bytes = source.read_span(Span::at(at, len))?;
    Ok(Closing {
        patch: Patch::new(at, &bytes),
        kind,
    })
}

/// Where the first box behind `ftyp` starts.
fn first_at(read: &Read) -> u64 {
    let first = read.top.first().filter(|b| b.kind == b"ftyp");
    first.map_or(0, |b| b.span.end)
}
