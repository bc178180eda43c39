//! How far a file has come: open, final, or interrupted on the way.

use crate::crc::crc32;
use crate::layout::{RevealRecord, UNDO};
use crate::record::UndoRecord;
use crate::resized::Resized;
use crate::reveal::revealed;
use crate::tail::{SECTOR, Tail, only_grew};
use crate::{Error, Result};
use tapo_bmff::{BoxHeader, FourCc};
use tapo_io::{ByteSource, Span};
use tapo_movie::Read;

/// What finalize finds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum State {
    /// Final, by reveal.
    Revealed(RevealRecord),
    /// Final, by an appended `moov`.
    Tailed(UndoRecord),
    /// Final, by an appended `moov` that ended here: somebody wrote behind it.
    Followed {
        /// Size of the file when it was final.
        end: u64,
    },
    /// The `moov` is appended and whole; all that is missing is the flip.
    Appended(UndoRecord),
    /// Open.
    Open {
        /// Size of the file before anybody finalized it.
        end: u64,
        /// What an interrupted run wrote down before it closed the last box.
        journal: Option<UndoRecord>,
    },
}

impl State {
    /// The state of `source`, which is `read`.
    pub(crate) fn of(source: &dyn ByteSource, read: &Read) -> Result<Self> {
        if let Some(record) = revealed(read) {
            return Ok(Self::Revealed(record));
        }
        if let Some(record) = last_record(source)?
            && let Some(state) = recorded(source, &record)?
        {
            return Ok(state);
        }
        if let Some(end) = followed(source, read)? {
            return Ok(Self::Followed { end });
        }
        if let Some(record) = top_level_record(source, read)? {
            return Ok(Self::Open {
                end: record.end,
                journal: Some(record),
            });
        }
        Ok(Self::Open {
            end: original_end(source, read)?,
            journal: None,
        })
    }
}

/// The record that the last bytes of the file are.
pub(crate) fn last_record(source: &dyn ByteSource) -> Result<Option<UndoRecord>> {
    let Some(at) = source.len().checked_sub(UndoRecord::LEN) else {
        return Ok(None);
    };
    let bytes = source.read_span(Span::at(at, UndoRecord::LEN))?;
    Ok(UndoRecord::parse(&bytes))
}

/// What a record at the end of the file says about it; `None` if it speaks of
/// another file.
fn recorded(source: &dyn ByteSource, record: &UndoRecord) -> Result<Option<State>> {
    let size = source.len();
    let open = State::Open {
        end: record.end,
        journal: record.closing.map(|_| *record),
    };
    let first = source.read_span(record.first.span())?;
    let untouched = first == record.first.original();
    let flipped = first == record.mdat_header();
    if record.journal().is_some_and(|journal| journal.end == size) {
        return Ok(untouched.then_some(open));
    }
    if record.moov_at().saturating_add(UndoRecord::LEN) > size || !(untouched || flipped) {
        return Ok(None);
    }
    if moov_is_whole(source, record)? {
        let state = if flipped {
            State::Tailed
        } else {
            State::Appended
        };
        return Ok(Some(state(*record)));
    }
    if flipped {
        return Err(Error::Malformed {
            path: source.path().to_owned(),
            what: "the index that tapo appended is damaged; try `tapo repair`".to_owned(),
        });
    }
    Ok(Some(open))
}

/// Whether the `moov` that ends in the record is there to its last byte.
pub(crate) fn moov_is_whole(source: &dyn ByteSource, record: &UndoRecord) -> Result<bool> {
    let span = Span::new(record.moov_at(), source.len());
    let head = source.read_span(Span::at(span.start, BoxHeader::MAX_LEN as u64))?;
    let spans = |h: BoxHeader| h.kind == b"moov" && h.declared_end(0) == Some(span.end);
    if !BoxHeader::read(span.start, &head).is_some_and(spans) {
        return Ok(false);
    }
    let bytes = source.read_span(Span::new(span.start, span.end - UndoRecord::LEN))?;
    Ok(crc32(&bytes) == record.moov_crc)
}

/// Where a final file ended that something was appended to.
fn followed(source: &dyn ByteSource, read: &Read) -> Result<Option<u64>> {
    let size = source.len();
    let moovs = read.top.iter().rev().filter(|b| b.kind == b"moov");
    for end in moovs.map(|b| b.span.end).filter(|end| *end < size).take(4) {
        let was = Resized::new(source, end);
        let Some(record) = last_record(&was)? else {
            continue;
        };
        if let Ok(Some(State::Tailed(_))) = recorded(&was, &record) {
            return Ok(Some(end));
        }
    }
    Ok(None)
}

/// The record that stands behind a closed box, with a torn `moov` behind it.
fn top_level_record(source: &dyn ByteSource, read: &Read) -> Result<Option<UndoRecord>> {
    let ours =
        |b: &&tapo_movie::TopBox| b.user_type == Some(UNDO) && b.span.len() == UndoRecord::LEN;
    for found in read.top.iter().rev().filter(ours).take(4) {
        let record = UndoRecord::parse(&source.read_span(found.span)?);
        if let Some(record) = record.filter(|r| r.journal() == Some(found.span)) {
            return Ok(Some(record));
        }
    }
    Ok(None)
}

/// The size the file had before an interrupted run appended to it; its size now,
/// if none did.
fn original_end(source: &dyn ByteSource, read: &Read) -> Result<u64> {
    let size = source.len();
    if read.fragments.is_empty() {
        return Ok(size);
    }
    if let Some(end) = only_grew(source)? {
        return Ok(end);
    }
    // Behind a torn box a record comes first, behind whole ones the `moov`.
    let mut head = b"\0\0\0\0uuid".to_vec();
    head.extend(UNDO);
    let record = size.saturating_sub(UndoRecord::LEN);
    let moov = last_start(read).map(|at| (at, &b"\0\0\0\0moov"[..]));
    for (end, head) in moov.into_iter().chain([(record, &head[..])]) {
        if starts_like(source, end, head)? && append_was_torn(source, end)? {
            return Ok(end);
        }
    }
    Ok(size)
}

/// Whether the bytes at `at` can be the start of a box of ours, or of what a
/// power cut left of one. The size, which stands first, may be any.
fn starts_like(source: &dyn ByteSource, at: u64, head: &[u8]) -> Result<bool> {
    let sector = source.read_span(Span::at(at, SECTOR - at % SECTOR))?;
    let zero = sector.iter().all(|b| *b == 0);
    let mut pairs = sector.iter().zip(head).skip(4);
    Ok(zero || pairs.all(|(got, want)| got == want))
}

/// Where the last thing at the top level starts that can be a torn `moov`.
fn last_start(read: &Read) -> Option<u64> {
    let last = read.top.last()?;
    if last.span.end < read.size {
        return Some(last.span.end);
    }
    let first_moov = read.top.iter().find(|b| b.kind == b"moov")?.span;
    let later = last.kind == FourCc(*b"moov") && last.span != first_moov;
    (later || !last.whole).then_some(last.span.start)
}

/// Whether the bytes behind `end` are what an interrupted run left.
fn append_was_torn(source: &dyn ByteSource, end: u64) -> Result<bool> {
    let original = Resized::new(source, end);
    let read = tapo_movie::read_to_end(&original)?;
    if read.fragments.is_empty() {
        return Ok(false);
    }
    match Tail::of(&original, &read, None) {
        Ok(tail) => tail.is_torn_append(source),
        // A file that cannot be finalized never was.
        Err(Error::Malformed { .. } | Error::Unsupported { .. }) => Ok(false),
        Err(other) => Err(other),
    }
}
