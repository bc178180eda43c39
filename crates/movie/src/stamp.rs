//! What a recorder writes into its segments beside the media: where a segment
//! comes from, and when each fragment was recorded.
//!
//! Both are payloads of `uuid` boxes (ISO/IEC 14496-12 §11.1). All numbers are
//! big-endian. A reader takes a payload of a later version for what it knows of
//! it: fields are only ever added behind.

use crate::Movie;
use tapo_bmff::{BoxTree, BoxWriter, FourCc, be_u32};
use tapo_io::Span;

/// What recorded a segment: stands in `moov/udta` of the open segment.
///
/// ```text
/// version u8 (1), flags u8 (0), number u32, timescale u32, start i64,
/// started_ns i64, session [16], previous [32], sdp_sha256 [32],
/// camera: length u16 + UTF-8, recorder: length u16 + UTF-8,
/// missing_ns u64 if it is not 0
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SegmentStamp {
    /// Number of the segment in its session, from 1 on.
    pub number: u32,
    /// Ticks a second of [`SegmentStamp::start`].
    pub timescale: u32,
    /// Decode time of the leading track's first sample on the timeline of the
    /// session, which goes on over segments and starts with a picture shown at
    /// 0; in the file it is 0 by `tfdt`.
    pub start: i64,
    /// When its first sample was received, nanoseconds since 1970 UTC.
    pub started_ns: i64,
    /// The same in all segments that were recorded without a break.
    pub session: [u8; 16],
    /// The last link of the hash chain of the segment before, or zeros.
    pub previous: [u8; 32],
    /// SHA-256 of the camera's session description (SDP).
    pub sdp_sha256: [u8; 32],
    /// The camera's name, as the user calls it.
    pub camera: String,
    /// Name and version of the recorder.
    pub recorder: String,
    /// How long nothing was recorded before it, nanoseconds; 0 if nothing is
    /// known to be missing.
    pub missing_ns: u64,
}

/// When a fragment was recorded, and a seal over its bytes: stands before its
/// `moof`.
///
/// ```text
/// version u8 (1), flags u8 (bit 0: the camera said wall_ns), track u32,
/// sequence u64, wall_ns i64, received_ns i64, rtp_time u32, lost_packets u32,
/// sha256 [32], chain [32]
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct FragmentStamp {
    /// Whether [`FragmentStamp::wall_ns`] is the camera's word (an RTCP sender
    /// report), not the time of arrival.
    pub wall_from_camera: bool,
    /// The track that the times are of: that of the fragment's first sample.
    pub track: u32,
    /// Number in the segment, from 1 on; as `mfhd` says.
    pub sequence: u64,
    /// When the first sample was captured, nanoseconds since 1970 UTC.
    pub wall_ns: i64,
    /// When the first sample was received, nanoseconds since 1970 UTC.
    pub received_ns: i64,
    /// RTP timestamp of the first sample.
    pub rtp_time: u32,
    /// RTP packets known to be lost before and in this fragment, since the
    /// fragment before it; all tracks.
    pub lost_packets: u32,
    /// SHA-256 of the `moof` and the `mdat` behind it, headers included.
    pub sha256: [u8; 32],
    /// SHA-256 of the link before and [`FragmentStamp::sha256`]. The link
    /// before the first is the SHA-256 of the segment's stamp (its payload).
    pub chain: [u8; 32],
}

/// Flag of [`FragmentStamp`]: the camera said the wall time.
const FROM_CAMERA: u8 = 1;

impl SegmentStamp {
    /// The extended type of its `uuid` box.
    pub const USER_TYPE: [u8; 16] = [
        0x4d, 0x9f, 0xc1, 0xbb, 0xe9, 0x7d, 0x48, 0xc4, 0xb0, 0xdd, 0x84, 0xad, 0x81, 0x4a, 0x97,
        0xff,
    ];

    /// The payload, behind the extended type. Strings are cut at 65,535 bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut w = BoxWriter::with_capacity(128);
        w.u8(1).u8(0).u32(self.number).u32(self.timescale);
        w.u64(self.start.cast_unsigned())
            .u64(self.started_ns.cast_unsigned());
        w.raw(&self.session).raw(&self.previous);
        w.raw(&self.sdp_sha256);
        for text in [&self.camera, &self.recorder] {
            let mut cut = text.len().min(usize::from(u16::MAX));
            while !text.is_char_boundary(cut) {
                cut -= 1;
            }
            let text = text.get(..cut).unwrap_or_default();
            w.u16(u16::try_from(text.len()).unwrap_or(u16::MAX));
            w.raw(text.as_bytes());
        }
        if self.missing_ns > 0 {
            w.u64(self.missing_ns);
        }
        w.into_bytes()
    }

    /// The stamp in the `udta` of a movie, if our recorder wrote it.
    #[must_use]
    pub fn of(movie: &Movie) -> Option<Self> {
        let udta = movie.other.iter().filter(|raw| raw.kind == b"udta");
        udta.filter_map(|raw| Self::in_udta(&raw.bytes)).next()
    }

    fn in_udta(udta: &[u8]) -> Option<Self> {
        let inside = Span::new(8, udta.len() as u64);
        let tree = BoxTree::read_span(&udta, inside, Some(FourCc(*b"udta"))).ok()?;
        let mut boxes = tree.roots().filter(|(_, node)| node.kind == b"uuid");
        boxes.find_map(|(_, node)| {
            let start = usize::try_from(node.span.start).ok()?;
            let bytes = udta.get(start..usize::try_from(node.span.end).ok()?)?;
            let (user_type, payload) = bytes.get(8..)?.split_first_chunk()?;
            (*user_type == Self::USER_TYPE).then(|| Self::parse(payload))?
        })
    }

    /// Reads a payload; `None` if it is too short or its version is unknown.
    #[must_use]
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let mut input = Input(payload);
        let [1..=u8::MAX, _] = input.take::<2>()? else {
            return None;
        };
        Some(Self {
            number: input.u32()?,
            timescale: input.u32()?,
            start: input.u64()?.cast_signed(),
            started_ns: input.u64()?.cast_signed(),
            session: input.take()?,
            previous: input.take()?,
            sdp_sha256: input.take()?,
            camera: input.text()?,
            recorder: input.text()?,
            missing_ns: input.u64().unwrap_or(0),
        })
    }
}

impl FragmentStamp {
    /// The extended type of its `uuid` box.
    pub const USER_TYPE: [u8; 16] = [
        0xb2, 0x88, 0x73, 0x84, 0xeb, 0x60, 0x41, 0x2f, 0xaa, 0x0f, 0x35, 0x27, 0x65, 0x7d, 0xa2,
        0x36,
    ];

    /// The payload, behind the extended type.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut w = BoxWriter::with_capacity(104);
        w.u8(1).u8(u8::from(self.wall_from_camera) * FROM_CAMERA);
        w.u32(self.track).u64(self.sequence);
        w.u64(self.wall_ns.cast_unsigned());
        w.u64(self.received_ns.cast_unsigned());
        w.u32(self.rtp_time).u32(self.lost_packets);
        w.raw(&self.sha256).raw(&self.chain);
        w.into_bytes()
    }

    /// Reads a payload; `None` if it is too short or its version is unknown.
    #[must_use]
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let mut input = Input(payload);
        let [1..=u8::MAX, flags] = input.take::<2>()? else {
            return None;
        };
        Some(Self {
            wall_from_camera: flags & FROM_CAMERA != 0,
            track: input.u32()?,
            sequence: input.u64()?,
            wall_ns: input.u64()?.cast_signed(),
            received_ns: input.u64()?.cast_signed(),
            rtp_time: input.u32()?,
            lost_packets: input.u32()?,
            sha256: input.take()?,
            chain: input.take()?,
        })
    }
}

/// What is left of a payload.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*head)
    }

    fn u32(&mut self) -> Option<u32> {
        be_u32(&self.take::<4>()?, 0)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_be_bytes)
    }

    fn text(&mut self) -> Option<String> {
        let len = usize::from(u16::from_be_bytes(self.take()?));
        let (text, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(String::from_utf8_lossy(text).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_read_as_they_were_written() {
        let segment = SegmentStamp {
            number: 7,
            timescale: 90_000,
            start: 1 << 40,
            started_ns: -5,
            session: [1; 16],
            previous: [2; 32],
            sdp_sha256: [3; 32],
            camera: "Einfahrt süd".into(),
            recorder: "tapo 0.1.0".into(),
            missing_ns: 0,
        };
        let bytes = segment.encode();
        assert_eq!(SegmentStamp::parse(&bytes).as_ref(), Some(&segment));
        let after_a_gap = SegmentStamp {
            missing_ns: 25_000_000_000,
            ..segment.clone()
        };
        assert_eq!(
            SegmentStamp::parse(&after_a_gap.encode()),
            Some(after_a_gap)
        );
        let mut w = BoxWriter::new();
        w.boxed(b"udta", |w| {
            w.boxed(b"name", |w| {
                w.raw(b"x");
            });
            w.uuid(&SegmentStamp::USER_TYPE, |w| {
                w.raw(&bytes);
            });
        });
        let udta = crate::RawBox {
            kind: FourCc(*b"udta"),
            bytes: w.into_bytes(),
        };
        let other = vec![udta];
        let movie = Movie {
            other,
            ..Movie::default()
        };
        assert_eq!(SegmentStamp::of(&movie), Some(segment));
        assert_eq!(SegmentStamp::of(&Movie::default()), None);
        assert!((0..bytes.len()).all(|n| SegmentStamp::parse(&bytes[..n]).is_none()));
        let fragment = FragmentStamp {
            wall_from_camera: true,
            track: 1,
            sequence: 9,
            wall_ns: 1_700_000_000_000_000_000,
            received_ns: 1_700_000_000_040_000_000,
            rtp_time: u32::MAX,
            lost_packets: 3,
            sha256: [4; 32],
            chain: [5; 32],
        };
        let bytes = fragment.encode();
        assert_eq!(bytes.len(), 102);
        assert_eq!(FragmentStamp::parse(&bytes), Some(fragment));
        assert!((0..bytes.len()).all(|n| FragmentStamp::parse(&bytes[..n]).is_none()));
        assert_eq!(FragmentStamp::parse(&[0; 102]), None);
    }

    #[test]
    fn a_long_name_is_cut_between_characters() {
        let long = SegmentStamp {
            camera: "ü".repeat(40_000),
            ..SegmentStamp::default()
        };
        let read = SegmentStamp::parse(&long.encode()).unwrap();
        assert_eq!(read.camera.len(), 65_534);
    }
}
