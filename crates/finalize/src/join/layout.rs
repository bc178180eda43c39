//! What stands where in the new file.
//!
//! ```text
//! ftyp | [moov] | free | mdat { blocks of the first file | blocks of the second | ... } | [moov]
//! ```
//! The media starts at a multiple of 4096, and so does that of every file.

use super::parts::Part;
use super::{BLOCK, blocks};
use crate::{Error, Result};
use tapo_bmff::BoxWriter;
use tapo_io::Span;
use tapo_movie::{FileType, Movie, encode_moov};

/// What is copied where, offsets from the start of the media data.
#[derive(Debug, Default)]
pub(super) struct Places {
    all: Vec<Place>,
    /// Index of the first place of each part.
    parts: Vec<usize>,
    len: u64,
}

/// Bytes that are copied.
#[derive(Copy, Clone, Debug)]
pub(super) struct Place {
    pub(super) part: usize,
    /// The file of the part.
    pub(super) piece: usize,
    /// Offsets in that file.
    pub(super) from: Span,
    /// Where they go.
    pub(super) to: u64,
    /// Offset of that file in its part.
    base: u64,
}

/// Finds what is to be copied: of each file the blocks that hold samples.
pub(super) fn places(parts: &[Part]) -> Result<Places> {
    let mut places = Places::default();
    for (index, part) in parts.iter().enumerate() {
        places.parts.push(places.all.len());
        let pieces = part.source.pieces();
        let mut used = vec![None::<Span>; pieces.len()];
        for sample in part.movie.tracks.iter().flat_map(|t| &t.samples) {
            if sample.span.is_empty() {
                continue;
            }
            let at = part.source.piece_at(sample.span.start);
            let (Some(used), Some(piece)) = (
                at.and_then(|at| used.get_mut(at)),
                at.and_then(|at| pieces.get(at)),
            ) else {
                continue;
            };
            if sample.span.end > piece.span.end {
                return Err(Error::Malformed {
                    path: piece.path.clone(),
                    what: "ends within a sample, and another segment follows".to_owned(),
                });
            }
            let span = used.unwrap_or(sample.span);
            *used = Some(Span::new(
                span.start.min(sample.span.start),
                span.end.max(sample.span.end),
            ));
        }
        for (piece, (used, of)) in used.into_iter().zip(pieces).enumerate() {
            let Some(used) = used else { continue };
            let base = of.span.start;
            let within = Span::new(used.start - base, used.end - base);
            let from = blocks(within).intersect(Span::new(0, of.span.len()));
            places.all.push(Place {
                part: index,
                piece,
                from,
                to: places.len,
                base,
            });
            places.len = (places.len + from.len()).next_multiple_of(BLOCK);
        }
    }
    Ok(places)
}

impl Places {
    /// Where the bytes at `span` of a part go.
    pub(super) fn moved(&self, part: usize, span: Span) -> u64 {
        let from = self.parts.get(part).copied().unwrap_or(0);
        let to = self.parts.get(part + 1).copied();
        let of_part = self.all.get(from..to.unwrap_or(self.all.len()));
        let of_part = of_part.unwrap_or_default();
        let behind = of_part.partition_point(|p| p.base + p.from.start <= span.start);
        let place = behind.checked_sub(1).and_then(|at| of_part.get(at));
        place.map_or(0, |p| {
            p.to + (span.start - p.base).saturating_sub(p.from.start)
        })
    }
}

/// The new file.
#[derive(Debug)]
pub(super) struct Layout {
    /// What is copied, offsets of the new file.
    pub(super) places: Vec<Place>,
    /// What stands before the media data, to the header of `mdat`.
    pub(super) head: Vec<u8>,
    /// Where the media data stands.
    pub(super) data: Span,
    /// What stands behind it.
    pub(super) tail: Vec<u8>,
    pub(super) moov_len: u64,
    pub(super) movie: Movie,
}

impl Layout {
    pub(super) fn of(parts: &[Part], places: Places, mut movie: Movie, faststart: bool) -> Self {
        let file_type = file_type(parts, &movie);
        let shift = |movie: &mut Movie, from: u64, to: u64| {
            for chunk in movie.tracks.iter_mut().flat_map(|t| &mut t.samples.chunks) {
                chunk.offset = chunk.offset - from + to;
            }
        };
        // An index in front moves the media, and that can make the index longer,
        // once: when offsets need 64 bits.
        let (mut start, mut moov) = (0, Vec::new());
        loop {
            let before = file_type.len() + if faststart { moov.len() } else { 0 };
            // The longest header of `mdat`, and a `free` box before it.
            let needed = (before as u64 + 8 + 16).next_multiple_of(BLOCK);
            if needed == start {
                break;
            }
            shift(&mut movie, start, needed);
            start = needed;
            moov = encode_moov(&movie);
        }
        let data = Span::at(start, places.len);
        let header = BoxWriter::header(b"mdat", data.len(), false);
        let mut head = file_type;
        if faststart {
            head.extend(&moov);
        }
        let free = start - head.len() as u64 - header.len() as u64;
        head.extend(BoxWriter::header(b"free", free - 8, false));
        head.resize(head.len() + usize::try_from(free - 8).unwrap_or(0), 0);
        head.extend(header);
        let moved = |place: Place| Place {
            to: place.to + start,
            ..place
        };
        Self {
            places: places.all.into_iter().map(moved).collect(),
            head,
            data,
            moov_len: moov.len() as u64,
            tail: if faststart { Vec::new() } else { moov },
            movie,
        }
    }
}

/// What the new file claims to be: not a fragmented one any more. QuickTime stays
/// QuickTime.
fn file_type(parts: &[Part], movie: &Movie) -> Vec<u8> {
    let first = parts.first().and_then(|p| p.file_type.as_ref());
    let quick_time = |f: &FileType| f.major_brand == b"qt  ";
    let mut w = BoxWriter::new();
    w.boxed(b"ftyp", |w| {
        if first.is_some_and(quick_time) {
            w.raw(b"qt  ").u32(0x200).raw(b"qt  ");
            return;
        }
        w.raw(b"isom")
            .u32(0x200)
            .raw(b"isom")
            .raw(b"iso6")
            .raw(b"mp41");
        let kinds = || movie.tracks.iter().flat_map(|t| &t.descriptions);
        if kinds().any(|d| d.kind() == b"avc1") {
            w.raw(b"avc1");
        }
    });
    w.into_bytes()
}
