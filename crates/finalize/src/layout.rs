//! Our segments on disk: what stands where, and the marks we leave.
//!
//! ```text
//! 0     ftyp   32 bytes, never changed afterwards
//! 32    free   the reserve: R bytes, R = n * 4096 - 32
//! 32+R  moov   mvex and trex, no samples
//! ...   fragments
//! ```
//! Finalizing writes the final `moov` and an `mdat` header into the reserve, at
//! 40, and then changes the size of the `free` box from R to 8: see [`reveal`].
//!
//! Boxes of ours are `uuid` boxes with these extended types:
//!
//! | Name | Extended type | Where |
//! |---|---|---|
//! | [`SEGMENT`] | `4d9fc1bb-e97d-48c4-b0dd-84ad814a97ff` | `moov/udta` of an open segment |
//! | [`FRAGMENT`] | `b2887384-eb60-412f-aa0f-3527657da236` | before each `moof` |
//! | [`REVEAL`] | `3b1d0eb2-95dd-48a2-9ea8-74f95c67d6c6` | in the `moov` that was revealed |
//! | [`UNDO`] | `937f82c4-2b17-44a8-a421-cc10b4af6b86` | last in a `moov` that was appended |
//!
//! [`reveal`]: crate::finalize

use tapo_bmff::{BoxWriter, FourCc, be_u32};
use tapo_io::Span;

use tapo_movie::{FragmentStamp, Movie, RawBox, SegmentStamp, encoded_moov_len};

/// Bytes of the `ftyp` box at the start of a segment.
pub const FTYP_LEN: u64 = 32;
/// Where the `free` box of the reserve starts, bytes from the start of the file.
pub const RESERVE_AT: u64 = FTYP_LEN;
/// Where the final `moov` of a revealed segment starts.
pub const REVEAL_AT: u64 = RESERVE_AT + 8;
/// The initial `moov` starts at a multiple of this.
pub const PAGE: u64 = 4096;

/// Extended type: the recorder's stamp on a segment ([`SegmentStamp`]).
pub const SEGMENT: [u8; 16] = SegmentStamp::USER_TYPE;
/// Extended type: the recorder's stamp on a fragment ([`FragmentStamp`]).
pub const FRAGMENT: [u8; 16] = FragmentStamp::USER_TYPE;
/// Extended type: how to take a reveal back.
pub const REVEAL: [u8; 16] = [
    0x3b, 0x1d, 0x0e, 0xb2, 0x95, 0xdd, 0x48, 0xa2, 0x9e, 0xa8, 0x74, 0xf9, 0x5c, 0x67, 0xd6, 0xc6,
];
/// Extended type: how to take an appended `moov` back.
pub const UNDO: [u8; 16] = [
    0x93, 0x7f, 0x82, 0xc4, 0x2b, 0x17, 0x44, 0xa8, 0xa4, 0x21, 0xcc, 0x10, 0xb4, 0xaf, 0x6b, 0x86,
];

/// The longest header of an `mdat` box, bytes.
const MDAT_HEADER: u64 = 16;

/// The size of the reserve (R, bytes of the whole `free` box) for a final
/// `moov` of up to `final_moov` bytes: the smallest `n * 4096 - 32` that holds it.
#[must_use]
pub fn reserve_len(final_moov: u64) -> u64 {
    let need = final_moov.saturating_add(8 + MDAT_HEADER + RESERVE_AT);
    // A `free` box with an 8-byte header ends below 2^32.
    let pages = need.div_ceil(PAGE).min(u64::from(u32::MAX) / PAGE);
    pages * PAGE - RESERVE_AT
}

/// The bytes that the reserve of a segment must have for `movie` to be finalized
/// in place as it is now: `8 + L + 16`, L being the length of the final `moov`.
///
/// `movie` is the segment's movie with the samples recorded so far. L is never
/// too small; it counts the longest edit lists that finalizing could write
/// (about 100 bytes a track), not those it will.
#[must_use]
pub fn reveal_need(movie: &Movie) -> u64 {
    // `edts`, `elst` and one more entry than there is, all with 64 bits, and
    // the same for the durations in `tkhd` and `mvhd`.
    let edits = |edits: usize| 8 + 16 + 20 * (edits as u64 + 2) + 12;
    let more: u64 = movie.tracks.iter().map(|t| edits(t.edits.len())).sum();
    8 + encoded_moov_len(movie) + 12 + more + RevealRecord::LEN + MDAT_HEADER
}

/// The start of a segment: `ftyp` and the reserve, an empty `free` box of
/// `reserve` bytes (from [`reserve_len`]). `brand` names the video codec, `avc1`
/// or `hvc1`. The `moov` of [`encode_init`](tapo_movie::encode_init) follows.
#[must_use]
pub fn segment_head(brand: &[u8; 4], reserve: u64) -> Vec<u8> {
    let mut w = BoxWriter::new();
    w.boxed(b"ftyp", |w| {
        w.raw(b"isom").u32(0x200);
        w.raw(b"isom").raw(b"iso6").raw(b"mp41").raw(brand);
    });
    let body = reserve.saturating_sub(8);
    w.raw(&BoxWriter::header(b"free", body, false));
    w.zeros(usize::try_from(body).unwrap_or(0));
    w.into_bytes()
}

/// Whether the movie carries our recorder's stamp.
#[must_use]
pub fn is_own_segment(movie: &Movie) -> bool {
    let bare = |raw: &RawBox| raw.user_data().is_some_and(|(kind, _)| *kind == SEGMENT);
    SegmentStamp::of(movie).is_some() || movie.other.iter().any(bare)
}

/// What a revealed `moov` says about how to take the reveal back: payload of the
/// [`REVEAL`] box, `version u32 (1), reserve u32, init_len u32, init_crc u32`.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) struct RevealRecord {
    /// R: the size of the `free` box before.
    pub(crate) reserve: u32,
    /// Length of the `moov` that stood behind the reserve, and still does.
    pub(crate) init_len: u32,
    /// CRC-32 of that `moov`.
    pub(crate) init_crc: u32,
}

impl RevealRecord {
    /// Bytes of the whole box.
    pub(crate) const LEN: u64 = 8 + 16 + 16;

    pub(crate) fn to_box(self) -> RawBox {
        let mut w = BoxWriter::new();
        w.uuid(&REVEAL, |w| {
            w.u32(1).u32(self.reserve);
            w.u32(self.init_len).u32(self.init_crc);
        });
        RawBox {
            kind: FourCc(*b"uuid"),
            bytes: w.into_bytes(),
        }
    }

    /// The record of a movie that was revealed.
    pub(crate) fn of(movie: &Movie) -> Option<Self> {
        let mut boxes = movie.other.iter().filter_map(RawBox::user_data);
        let (_, payload) = boxes.find(|(user_type, _)| **user_type == REVEAL)?;
        let [version, reserve, init_len, init_crc] = words(payload)?;
        (version == 1).then_some(Self {
            reserve,
            init_len,
            init_crc,
        })
    }

    /// Where the initial `moov` starts.
    pub(crate) fn init_span(self) -> Span {
        let at = RESERVE_AT + u64::from(self.reserve);
        Span::at(at, u64::from(self.init_len))
    }
}

fn words(payload: &[u8]) -> Option<[u32; 4]> {
    let at = |i: usize| be_u32(payload, 4 * i);
    Some([at(0)?, at(1)?, at(2)?, at(3)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_initial_moov_starts_on_a_page() {
        for (moov, pages) in [(0, 1), (4096 - 56, 1), (4096 - 55, 2), (1 << 20, 257)] {
            let reserve = reserve_len(moov);
            assert_eq!(RESERVE_AT + reserve, pages * PAGE, "{moov}");
            let head = segment_head(b"avc1", reserve);
            assert_eq!(head.len() as u64, pages * PAGE);
        }
        let largest = reserve_len(u64::MAX);
        assert!(largest <= u64::from(u32::MAX) && (RESERVE_AT + largest).is_multiple_of(PAGE));
    }

    #[test]
    fn the_head_is_ftyp_and_free() {
        let head = segment_head(b"hvc1", reserve_len(0));
        assert_eq!(&head[..12], b"\0\0\0\x20ftypisom");
        assert_eq!(&head[28..40], b"hvc1\0\0\x0f\xe0free");
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let record = RevealRecord {
            reserve: 4064,
            init_len: 999,
            init_crc: 0xdead_beef,
        };
        let raw = record.to_box();
        assert_eq!(raw.bytes.len() as u64, RevealRecord::LEN);
        let movie = Movie {
            other: vec![raw],
            ..Movie::default()
        };
        assert_eq!(RevealRecord::of(&movie), Some(record));
        assert_eq!(RevealRecord::of(&Movie::default()), None);
    }

    #[test]
    fn the_stamp_is_found_in_udta() {
        let stamp = SegmentStamp::default().encode();
        let mut w = BoxWriter::new();
        w.boxed(b"udta", |w| {
            w.boxed(b"name", |_| {});
            w.uuid(&SEGMENT, |w| {
                w.raw(&stamp);
            });
        });
        let mut movie = Movie::default();
        assert!(!is_own_segment(&movie));
        movie.other.push(RawBox {
            kind: FourCc(*b"udta"),
            bytes: w.into_bytes(),
        });
        assert!(is_own_segment(&movie));
    }
}
