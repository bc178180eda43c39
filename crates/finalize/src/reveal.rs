//! Reveal: the final `moov` goes into the reserve of our own segment, unseen,
//! and becomes visible by four bytes.

use crate::Result;
use crate::crc::crc32;
use crate::layout::{FTYP_LEN, RESERVE_AT, REVEAL_AT, RevealRecord, is_own_segment};
use crate::prepare::check_samples;
use crate::record::header;
use tapo_bmff::{BoxSize, limits};
use tapo_io::{ByteSource, Span, WritePlan};
use tapo_movie::{Movie, Read, encode_moov};

/// An open segment of ours: its reserve and its initial `moov`.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) struct Segment {
    /// R: the size of the `free` box.
    reserve: u32,
    /// The initial `moov`.
    init: Span,
}

impl Segment {
    /// The segment, if the file is one that is open.
    pub(crate) fn of(read: &Read) -> Option<Self> {
        let [ftyp, free, moov, ..] = &read.top[..] else {
            return None;
        };
        let BoxSize::Compact(reserve) = free.size else {
            return None;
        };
        let ours = ftyp.kind == b"ftyp"
            && ftyp.span == Span::at(0, FTYP_LEN)
            && free.kind == b"free"
            && reserve > 8
            && u64::from(reserve) <= limits::LOADED
            && moov.kind == b"moov"
            && moov.whole
            && u32::try_from(moov.span.len()).is_ok()
            && read.movie.as_ref().is_some_and(is_own_segment);
        ours.then_some(Self {
            reserve,
            init: moov.span,
        })
    }

    /// The bytes that a reveal may overwrite.
    const fn spare(self) -> Span {
        Span::new(REVEAL_AT, self.init.start)
    }

    /// Whether a reveal was begun and interrupted, as far as one look tells.
    pub(crate) fn was_begun(self, source: &dyn ByteSource) -> Result<bool> {
        let head = Span::at(REVEAL_AT, 8).intersect(self.spare());
        Ok(source.read_span(head)?.iter().any(|b| *b != 0))
    }

    /// Whether bytes of the reserve are not zero: a reveal, or taking it back,
    /// was interrupted.
    pub(crate) fn is_touched(self, source: &dyn ByteSource) -> Result<bool> {
        let mut at = self.spare().start;
        while at < self.spare().end {
            let piece = Span::at(at, 1 << 20).intersect(self.spare());
            if source.read_span(piece)?.iter().any(|b| *b != 0) {
                return Ok(true);
            }
            at = piece.end;
        }
        Ok(false)
    }

    /// The writes that finalize the segment, and the length of its `moov`; `None`
    /// if the reserve is too small. `movie` is the final one.
    pub(crate) fn reveal(
        self,
        movie: &Movie,
        source: &dyn ByteSource,
    ) -> Result<Option<(WritePlan, u64)>> {
        let size = source.len();
        check_samples(movie, source, size, &[Span::new(0, self.init.end)])?;
        let init = source.read_span(self.init)?;
        let record = RevealRecord {
            reserve: self.reserve,
            init_len: u32::try_from(self.init.len()).unwrap_or(u32::MAX),
            init_crc: crc32(&init),
        };
        let mut movie = movie.clone();
        movie.other.push(record.to_box());
        let mut bytes = encode_moov(&movie);
        let moov_len = bytes.len() as u64;
        let mdat_at = REVEAL_AT + moov_len;
        bytes.extend(header(b"mdat", size.saturating_sub(mdat_at)));
        if bytes.len() as u64 > self.spare().len() {
            return Ok(None);
        }
        let plan = WritePlan::new()
            .write(REVEAL_AT, bytes)
            .barrier()
            .write(RESERVE_AT, 8_u32.to_be_bytes().to_vec())
            .barrier();
        Ok(Some((plan, moov_len)))
    }

    /// Makes the reserve empty again, after a reveal that never became visible.
    pub(crate) fn clear(self) -> WritePlan {
        zero(self.spare())
    }
}

/// The record of a segment that was revealed, if the file is one.
pub(crate) fn revealed(read: &Read) -> Option<RevealRecord> {
    let [ftyp, free, moov, ..] = &read.top[..] else {
        return None;
    };
    let at = ftyp.span.end == RESERVE_AT && free.span == Span::at(RESERVE_AT, 8);
    let shape = ftyp.kind == b"ftyp" && free.kind == b"free" && moov.kind == b"moov";
    let record = RevealRecord::of(read.movie.as_ref()?)?;
    (at && shape).then_some(record)
}

/// The writes that take a reveal back; `None` if the initial `moov` that would
/// come back is not the one that was hidden.
pub(crate) fn conceal(record: RevealRecord, source: &dyn ByteSource) -> Result<Option<WritePlan>> {
    let init = record.init_span();
    if init.len() > limits::LOADED || u64::from(record.reserve) > limits::LOADED {
        return Ok(None);
    }
    if crc32(&source.read_span(init)?) != record.init_crc || init.end > source.len() {
        return Ok(None);
    }
    let mut plan = WritePlan::new()
        .write(RESERVE_AT, record.reserve.to_be_bytes().to_vec())
        .barrier();
    let spare = Span::new(REVEAL_AT, init.start);
    plan.ops.extend(zero(spare).ops);
    Ok(Some(plan))
}

/// Writes zeros.
fn zero(span: Span) -> WritePlan {
    let zeros = vec![0; usize::try_from(span.len()).unwrap_or(0)];
    WritePlan::new().write(span.start, zeros).barrier()
}
