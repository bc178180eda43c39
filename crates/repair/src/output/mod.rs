//! The new file: the bytes of the broken one, and a movie that finds them.
//!
//! Offsets stay what they were wherever the head of the file allows an `mdat`
//! header in front of the first sample; then the file is a copy (shared blocks
//! where the file system can), a patch of 16 bytes at most, and the `moov`
//! behind it. Only a file without a head gets a new one.

mod target;
mod write;

use crate::Basis;
use crate::layout::{Content, Layout};
use tapo_finalize::layout::{REVEAL, UNDO, is_own_segment};
use tapo_io::Span;
use tapo_movie::{Movie, RawBox};

pub use target::default_name;
pub(crate) use target::{Target, same_as_reference};
pub(crate) use write::{How, in_place, new_file};

/// How the output is laid out.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Plan {
    /// Bytes in front of those of the source.
    pub(crate) head: Vec<u8>,
    /// Where in the output the source begins.
    pub(crate) moved: u64,
    /// Bytes of the source that are kept: from its start to here.
    pub(crate) kept: u64,
    /// Where to write the head, in the output.
    pub(crate) head_at: u64,
}

/// Used where neither the file nor the reference says what it is.
const FILE_TYPE: [u8; 24] = *b"\0\0\0\x18ftypisom\0\0\x02\0isommp41";

impl Plan {
    /// Finds the layout; the samples lie in `samples`.
    pub(crate) fn of(layout: &Layout, samples: Span, file_type: &[u8]) -> Self {
        let kept = samples.end;
        // Its own header of media data.
        if let Some(header) = layout.media_header()
            && let Some(patch) = media_header(header.start, kept, header.len() >= 16)
            && header.start + patch.len() as u64 <= samples.start
        {
            return Self::in_place(header.start, patch, kept);
        }
        // All behind `ftyp` becomes media data.
        let behind = layout.file_type().map(|t| t.end);
        if let Some(at) = behind
            && let Some(patch) = media_header(at, kept, false)
            && at + patch.len() as u64 <= samples.start
        {
            return Self::in_place(at, patch, kept);
        }
        let file_type = if file_type.is_empty() {
            &FILE_TYPE[..]
        } else {
            file_type
        };
        let mut head = file_type.to_vec();
        if behind.is_none()
            && let Some(header) = media_header(head.len() as u64, kept, false)
            && (head.len() + header.len()) as u64 <= samples.start
        {
            head.extend(header);
            return Self::in_place(0, head, kept);
        }
        // A page, so that the file system may share the blocks behind it.
        let moved = PAGE;
        let end = moved + kept;
        let fill = PAGE.saturating_sub(head.len() as u64 + 16);
        head.extend(u32::try_from(fill.max(8)).unwrap_or(8).to_be_bytes());
        head.extend(b"free");
        head.resize(usize::try_from(PAGE - 16).unwrap_or(0), 0);
        head.extend(large_header(end - (PAGE - 16)));
        Self {
            head,
            moved,
            kept,
            head_at: 0,
        }
    }

    fn in_place(head_at: u64, head: Vec<u8>, kept: u64) -> Self {
        Self {
            head,
            moved: 0,
            kept,
            head_at,
        }
    }

    /// Bytes of the output in front of its `moov`.
    pub(crate) fn media_end(&self) -> u64 {
        self.moved + self.kept
    }
}

const PAGE: u64 = 4096;

/// An `mdat` header at `at` for data that ends at `end`: 8 bytes if that is
/// enough, 16 where asked for or needed.
fn media_header(at: u64, end: u64, large: bool) -> Option<Vec<u8>> {
    let size = end.checked_sub(at)?;
    Some(match u32::try_from(size) {
        Ok(size) if !large => {
            let mut header = size.to_be_bytes().to_vec();
            header.extend(b"mdat");
            header
        }
        _ => large_header(size),
    })
}

fn large_header(size: u64) -> Vec<u8> {
    let mut header = 1_u32.to_be_bytes().to_vec();
    header.extend(b"mdat");
    header.extend(size.to_be_bytes());
    header
}

/// Takes out of a movie what a reference, or the broken file, says of itself
/// alone: how to take its own finalization back, which segment of a recording it is.
pub(crate) fn of_its_own(movie: &mut Movie, basis: &Basis) {
    let borrowed = *basis != Basis::OwnIndex;
    movie.other.retain(|raw| {
        let record = raw
            .user_data()
            .is_some_and(|(kind, _)| [REVEAL, UNDO].contains(kind));
        !(record || borrowed && is_stamp(raw))
    });
}

/// Whether it is the recorder's stamp, or holds it.
fn is_stamp(raw: &RawBox) -> bool {
    is_own_segment(&Movie {
        other: vec![raw.clone()],
        ..Movie::default()
    })
}

/// The end of what the output keeps of the source: the media data, boxes behind
/// it left out.
pub(crate) fn media_reach(layout: &Layout, last_sample: u64) -> u64 {
    let inside = layout.pieces.iter().find(|p| {
        matches!(p.what, Content::Media { ends: true, .. })
            && p.span.end >= last_sample
            && p.span.start < last_sample
    });
    inside.map_or(last_sample, |p| p.span.end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(parts: &[(&[u8; 4], usize)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (kind, payload) in parts {
            bytes.extend(u32::try_from(payload + 8).unwrap().to_be_bytes());
            bytes.extend(*kind);
            bytes.resize(bytes.len() + payload, 9);
        }
        bytes
    }

    #[test]
    fn marks_of_the_reference_stay_behind() {
        let mark = |user_type: &[u8; 16]| {
            let mut w = tapo_bmff::BoxWriter::new();
            w.uuid(user_type, |w| {
                w.raw(&[0; 16]);
            });
            RawBox {
                kind: tapo_bmff::FourCc(*b"uuid"),
                bytes: w.into_bytes(),
            }
        };
        let others = [UNDO, REVEAL, tapo_finalize::layout::SEGMENT, [9; 16]];
        let movie = Movie {
            other: others.iter().map(mark).collect(),
            ..Movie::default()
        };
        let reference = Basis::Reference {
            path: "r.mp4".into(),
            why: String::new(),
        };
        for (basis, kept) in [(reference, 3), (Basis::OwnIndex, 2)] {
            let mut own = movie.clone();
            of_its_own(&mut own, &basis);
            assert_eq!(own.other, movie.other[kept..]);
        }
    }

    #[test]
    fn its_own_media_header_is_patched() {
        let file = file(&[(b"ftyp", 8), (b"free", 4), (b"mdat", 100)]);
        let layout = Layout::of(&file).unwrap();
        let plan = Plan::of(&layout, Span::new(36, 130), b"");
        assert_eq!((plan.head_at, plan.moved), (28, 0));
        assert_eq!(plan.head, [0, 0, 0, 102, b'm', b'd', b'a', b't']);
    }

    #[test]
    fn an_index_in_front_is_swallowed() {
        let file = file(&[(b"ftyp", 8), (b"moov", 50), (b"mdat", 100)]);
        let layout = Layout::of(&file).unwrap();
        let plan = Plan::of(&layout, Span::new(82, 182), b"");
        assert_eq!((plan.head_at, plan.head.len()), (16, 8));
    }

    #[test]
    fn a_missing_head_moves_the_data_by_a_page() {
        let plan = Plan::of(&Layout::default(), Span::new(0, 500), b"");
        assert_eq!((plan.moved, plan.head.len()), (4096, 4096));
        let tail = &plan.head[4080..];
        assert_eq!(&tail[4..8], b"mdat");
        assert_eq!(tail[8..], 516_u64.to_be_bytes());
        let walked = Layout::of(&plan.head).unwrap();
        assert_eq!(walked.media_header(), Some(Span::new(4080, 4096)));
    }

    #[test]
    fn a_destroyed_head_leaves_the_offsets_as_they_are() {
        let plan = Plan::of(&Layout::default(), Span::new(48, 500), b"");
        assert_eq!((plan.moved, plan.head_at, plan.head.len()), (0, 0, 32));
        let walked = Layout::of(&plan.head).unwrap();
        assert_eq!(walked.media_header(), Some(Span::new(24, 32)));
    }

    #[test]
    fn large_data_needs_a_large_header() {
        assert_eq!(media_header(28, 5 << 30, false).unwrap().len(), 16);
        assert_eq!(media_header(28, 1000, true).unwrap().len(), 16);
    }
}
