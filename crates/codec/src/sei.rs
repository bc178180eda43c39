//! Supplemental enhancement information: the messages of an SEI NAL unit (H.264 7.3.2.3, H.265 7.3.2.4, H.266 7.3.2.13), their names, and user data that
//! is known from elsewhere.

use crate::nal::NalCodec;
use h264_reader::rbsp::{BitRead, BitReader, ByteReader};
use std::io::Read as _;
use std::num::NonZeroUsize;

/// One SEI message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeiMessage<'a> {
    /// `payloadType`.
    pub kind: u32,
    /// `payloadSize`, bytes.
    pub declared: u32,
    /// The payload, as much of it as is there.
    pub payload: &'a [u8],
}

/// The messages of the payload of an SEI NAL unit, see [`messages`].
#[derive(Debug, Clone)]
pub struct SeiMessages<'a>(&'a [u8]);

/// Takes the header and the emulation prevention bytes (H.264 7.4.1) off a NAL unit, into a buffer that can be used again.
pub fn rbsp(nal: &[u8], header: NonZeroUsize, into: &mut Vec<u8>) {
    into.clear();
    // Three bytes that must not stand in a NAL unit end it; what was read is kept.
    let _ = ByteReader::skipping_bytes(nal, header).read_to_end(into);
}

/// The messages of an SEI payload without header and emulation prevention. One that is cut off comes last.
#[must_use]
pub const fn messages(rbsp: &[u8]) -> SeiMessages<'_> {
    SeiMessages(rbsp)
}

impl<'a> Iterator for SeiMessages<'a> {
    type Item = SeiMessage<'a>;

    fn next(&mut self) -> Option<SeiMessage<'a>> {
        // What is left is rbsp_trailing_bits, and zeros that some encoders put behind it.
        let rest = self.0;
        let (first, behind) = rest.split_first()?;
        if *first == 0x80 && behind.iter().all(|b| *b == 0) {
            return None;
        }
        let (kind, rest) = number(rest)?;
        let (declared, rest) = number(rest)?;
        let len = usize::try_from(declared).unwrap_or(usize::MAX);
        let (payload, rest) = rest.split_at(len.min(rest.len()));
        self.0 = rest;
        Some(SeiMessage {
            kind,
            declared,
            payload,
        })
    }
}

/// A number written as bytes of 255 and one that is less.
fn number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let full = bytes.iter().take_while(|b| **b == 255).count();
    let (last, rest) = bytes.get(full..)?.split_first()?;
    let sum = u32::try_from(full).ok()?.checked_mul(255)?;
    Some((sum.checked_add(u32::from(*last))?, rest))
}

/// What a message is, for listings (H.264 table D.1.1, H.265 D.2.1, H.266 D.2.1 and H.274).
#[must_use]
pub const fn name(kind: u32, codec: NalCodec) -> &'static str {
    if matches!(codec, NalCodec::H266)
        && let Some(name) = name_of_h266(kind)
    {
        return name;
    }
    match (kind, !matches!(codec, NalCodec::H264)) {
        (0, _) => "buffering period",
        (1, _) => "picture timing",
        (2, _) => "pan-scan rectangle",
        (3, _) => "filler payload",
        (4, _) => "registered user data (T.35)",
        (5, _) => "unregistered user data",
        (6, _) => "recovery point",
        (7, false) => "reference picture marking repetition",
        (8, false) => "spare picture",
        (9, _) => "scene information",
        (10, false) => "sub-sequence information",
        (11, false) => "sub-sequence layer characteristics",
        (12, false) => "sub-sequence characteristics",
        (13, false) => "full-frame freeze",
        (14, false) => "full-frame freeze release",
        (15, false) => "full-frame snapshot",
        (15, true) => "picture snapshot",
        (16, _) => "progressive refinement start",
        (17, _) => "progressive refinement end",
        (18, false) => "motion-constrained slice group set",
        (19, _) => "film grain characteristics",
        (20, false) => "deblocking filter display preference",
        (21, false) => "stereo video information",
        (22, _) => "post-filter hint",
        (23, _) => "tone mapping information",
        (24, false) => "scalability information",
        (30, false) => "scalable nesting",
        (37, false) => "multiview scalable nesting",
        (38, false) => "view scalability information",
        (45, _) => "frame packing arrangement",
        (47, _) => "display orientation",
        (56, _) => "green metadata",
        (128, true) => "structure of pictures",
        (129, true) => "active parameter sets",
        (130, true) => "decoding unit information",
        (131, true) => "temporal sub-layer zero index",
        (132, true) => "decoded picture hash",
        (133, true) => "scalable nesting",
        (134, true) => "region refresh information",
        (135, true) => "no display",
        (136, true) => "time code",
        (137, _) => "mastering display colour volume",
        (138, true) => "segmented rectangular frame packing",
        (139, true) => "motion-constrained tile sets",
        (140, true) => "chroma resampling filter hint",
        (141, true) => "knee function",
        (142, _) => "colour remapping",
        (143, true) => "deinterlaced field identification",
        (144, _) => "content light level",
        (145, true) => "dependent random access point",
        (146, true) => "coded region completion",
        (147, _) => "alternative transfer characteristics",
        (148, _) => "ambient viewing environment",
        (149, _) => "content colour volume",
        (150, _) => "equirectangular projection",
        (151, _) => "cubemap projection",
        (154, _) => "sphere rotation",
        (155, _) => "region-wise packing",
        (156, _) => "omnidirectional viewport",
        (165, true) => "alpha channel information",
        (200, _) => "SEI manifest",
        (201, _) => "SEI prefix indication",
        (202, _) => "annotated regions",
        (205, _) => "shutter interval",
        _ => "not known",
    }
}

/// What H.266 calls otherwise than H.265, or knows alone.
const fn name_of_h266(kind: u32) -> Option<&'static str> {
    Some(match kind {
        // These went with H.265.
        2 | 6..=18 | 20..=24 | 128 | 131 | 134..=136 | 138..=141 | 143 | 146 => "not known",
        129 => "parameter sets inclusion indication",
        142 => "colour transform information",
        153 => "generalised cubemap projection",
        168 => "frame-field information",
        177 => "depth representation information",
        179 => "multiview acquisition information",
        180 => "multiview view position",
        203 => "subpicture level information",
        204 => "sample aspect ratio",
        206 => "extended dependent random access point",
        207 => "constrained RASL encoding",
        208 => "scalability dimension information",
        _ => return None,
    })
}

/// What a message says, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SeiContent<'a> {
    /// `recovery_frame_cnt` (H.264) or `recovery_poc_cnt` (H.265): pictures until what is shown is right.
    RecoveryPoint(i64),
    /// A time code, of the first field or frame that has one.
    TimeCode(TimeCode),
    /// User data under a UUID.
    Unregistered {
        /// The UUID.
        uuid: [u8; 16],
        /// Whose it is.
        owner: Option<UserData>,
        /// The bytes behind it.
        data: &'a [u8],
    },
    /// User data under a country and a provider of Rec. ITU-T T.35.
    Registered {
        /// `itu_t_t35_country_code`.
        country: u8,
        /// The provider: the two bytes behind the country.
        provider: u16,
        /// Who is known to write so.
        owner: Option<&'static str>,
    },
}

/// A clock in a picture: a time of day or of a recording (H.264 D.2.3, H.265 D.2.27). What it does not say is as in the picture before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TimeCode {
    /// `hours_value`, 0 to 23.
    pub hours: Option<u8>,
    /// `minutes_value`, 0 to 59.
    pub minutes: Option<u8>,
    /// `seconds_value`, 0 to 59.
    pub seconds: Option<u8>,
    /// `n_frames`.
    pub frames: u16,
    /// `cnt_dropped_flag`: frame numbers are dropped to keep up with the clock.
    pub drops: bool,
}

/// Reads `time_code()` up to its first clock.
fn time_code(payload: &[u8]) -> Option<TimeCode> {
    let mut bits = BitReader::new(payload);
    let clocks = bits.read::<2, u8>("num_clock_ts").ok()?;
    for _ in 0..clocks {
        if bits.read_bit("clock_timestamp_flag").ok()? {
            return clock(&mut bits, 1 + 5, 9);
        }
    }
    None
}

/// Reads a clock, which H.264 and H.265 write alike: behind `kind` bits that say how frames are counted, with their
/// number in `frames` bits.
pub(crate) fn clock<R: BitRead + ?Sized>(bits: &mut R, kind: u32, frames: u32) -> Option<TimeCode> {
    bits.skip(kind, "counting_type").ok()?;
    let full = bits.read_bit("full_timestamp_flag").ok()?;
    bits.skip(1, "discontinuity_flag").ok()?;
    let mut code = TimeCode {
        drops: bits.read_bit("cnt_dropped_flag").ok()?,
        frames: bits.read_var(frames, "n_frames").ok()?,
        ..TimeCode::default()
    };
    // Seconds, minutes and hours, each only behind the one before.
    for (value, width) in [
        (&mut code.seconds, 6),
        (&mut code.minutes, 6),
        (&mut code.hours, 5),
    ] {
        if !full && !bits.read_bit("seconds_flag").ok()? {
            break;
        }
        *value = Some(bits.read_var(width, "seconds_value").ok()?);
    }
    Some(code)
}

/// Unregistered user data that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum UserData {
    /// The encoder's version and settings, text.
    X264,
    /// The encoder's version and settings, text.
    X265,
    /// MISB ST 0604, microseconds since 1970.
    Microseconds,
    /// MISB ST 0604, nanoseconds since 1970.
    Nanoseconds,
    /// Reception time and RTP timestamp of a frame, JSON text.
    Strawlab89h,
    /// An RTCP sender report, JSON text.
    StrawlabO8b,
    /// A signature over pictures, by ONVIF's media signing.
    OnvifSigning,
    /// A signature over pictures, by Axis.
    AxisSigning,
}

/// The UUIDs that are known.
const OWNERS: [(&[u8; 16], UserData); 9] = [
    (
        b"\xdc\x45\xe9\xbd\xe6\xd9\x48\xb7\x96\x2c\xd8\x20\xd9\x23\xee\xef",
        UserData::X264,
    ),
    (
        b"\x2c\xa2\xde\x09\xb5\x17\x47\xdb\xbb\x55\xa4\xfe\x7f\xc2\xfc\x4e",
        UserData::X265,
    ),
    (b"MISPmicrosectime", UserData::Microseconds),
    (
        b"\xa8\x68\x7d\xd4\xd7\x59\x37\x58\xa5\xce\xf0\x33\x8b\x65\x45\xf1",
        UserData::Microseconds,
    ),
    (
        b"\xcf\x84\x82\x78\xee\x23\x30\x6c\x92\x65\xe8\xfe\xf2\x2f\xb8\xb8",
        UserData::Nanoseconds,
    ),
    (b"strawlab.org/89H", UserData::Strawlab89h),
    (b"strawlab.org/o8B", UserData::StrawlabO8b),
    (
        b"\x00\x5b\xc9\x3f\x2d\x71\x5e\x95\xad\xa4\x79\x6f\x90\x87\x7a\x6f",
        UserData::OnvifSigning,
    ),
    (b"Signed Video...0", UserData::AxisSigning),
];

impl UserData {
    /// Whose user data this UUID marks.
    #[must_use]
    pub fn of(uuid: &[u8; 16]) -> Option<Self> {
        let known = OWNERS.iter().find(|(known, _)| *known == uuid);
        known.map(|(_, owner)| *owner)
    }

    /// A name, for listings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::X264 => "x264 settings",
            Self::X265 => "x265 settings",
            Self::Microseconds => "MISB ST 0604 time, microseconds",
            Self::Nanoseconds => "MISB ST 0604 time, nanoseconds",
            Self::Strawlab89h => "strawlab.org/89H, reception time",
            Self::StrawlabO8b => "strawlab.org/o8B, RTCP sender report",
            Self::OnvifSigning => "ONVIF media signing",
            Self::AxisSigning => "Axis signed video",
        }
    }

    /// Whether the data is text.
    #[must_use]
    pub const fn is_text(self) -> bool {
        matches!(
            self,
            Self::X264 | Self::X265 | Self::Strawlab89h | Self::StrawlabO8b
        )
    }

    /// The time that MISB ST 0604 data states, nanoseconds since 1970: a status byte, then two bytes at a time with a byte of 0xFF
    /// between them.
    #[must_use]
    pub fn time(self, data: &[u8]) -> Option<u64> {
        let unit = match self {
            Self::Microseconds => 1000,
            Self::Nanoseconds => 1,
            _ => return None,
        };
        let [_, a, b, 0xFF, c, d, 0xFF, e, f, 0xFF, g, h, ..] = *data else {
            return None;
        };
        u64::from_be_bytes([a, b, c, d, e, f, g, h]).checked_mul(unit)
    }
}

impl<'a> SeiMessage<'a> {
    /// What it says, if it is of a kind that is looked into and long enough.
    #[must_use]
    pub fn content(&self, codec: NalCodec) -> Option<SeiContent<'a>> {
        match self.kind {
            5 => {
                let (uuid, data) = self.payload.split_first_chunk()?;
                Some(SeiContent::Unregistered {
                    uuid: *uuid,
                    owner: UserData::of(uuid),
                    data,
                })
            }
            4 => {
                let [country, p, q, rest @ ..] = self.payload else {
                    return None;
                };
                let provider = u16::from_be_bytes([*p, *q]);
                Some(SeiContent::Registered {
                    country: *country,
                    provider,
                    owner: registered(*country, provider, rest),
                })
            }
            6 => {
                let mut bits = BitReader::new(self.payload);
                let count = match codec {
                    NalCodec::H264 => i64::from(bits.read_ue("recovery_frame_cnt").ok()?),
                    NalCodec::H265 => i64::from(bits.read_se("recovery_poc_cnt").ok()?),
                    // H.266 has none: pictures say so themselves.
                    NalCodec::H266 => return None,
                };
                Some(SeiContent::RecoveryPoint(count))
            }
            136 if codec == NalCodec::H265 => time_code(self.payload).map(SeiContent::TimeCode),
            _ => None,
        }
    }
}

/// Who writes registered user data so: ANSI/SCTE 128 (closed captions, active format), SMPTE ST 2094-40.
const fn registered(country: u8, provider: u16, rest: &[u8]) -> Option<&'static str> {
    match (country, provider, rest) {
        (0xB5, 0x0031, [b'G', b'A', b'9', b'4', 3, ..]) => Some("closed captions (A/53)"),
        (0xB5, 0x0031, [b'D', b'T', b'G', b'1', ..]) => Some("active format description"),
        (0xB5, 0x003C, [0, 1, ..]) => Some("HDR10+ (ST 2094-40)"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(nal: &[u8], header: usize) -> Vec<(u32, u32, Vec<u8>)> {
        let mut bytes = Vec::new();
        rbsp(nal, NonZeroUsize::new(header).unwrap(), &mut bytes);
        let all = messages(&bytes).take(10);
        all.map(|m| (m.kind, m.declared, m.payload.to_vec()))
            .collect()
    }

    #[test]
    fn messages_follow_each_other_without_emulation_prevention() {
        let nal = [6, 6, 2, 0xC4, 0x80, 1, 3, 0, 0, 3, 1, 0x80];
        assert_eq!(
            of(&nal, 1),
            [(6, 2, vec![0xC4, 0x80]), (1, 3, vec![0, 0, 1])]
        );
        assert_eq!(
            of(&[0x4E, 1, 132, 1, 7, 0x80, 0, 0], 2),
            [(132, 1, vec![7])]
        );
    }

    #[test]
    fn large_numbers_and_what_is_cut_off() {
        let mut nal = vec![6, 255, 2, 255, 45];
        nal.extend([9; 300]);
        assert_eq!(of(&nal, 1), [(257, 300, vec![9; 300])]);
        assert_eq!(of(&nal[..10], 1), [(257, 300, vec![9; 5])]);
        for len in 0..5 {
            assert!(of(&nal[..len], 1).is_empty(), "{len}");
        }
    }

    #[test]
    fn recovery_points_are_told_by_the_codec() {
        let of = |payload, codec| {
            let message = SeiMessage {
                kind: RECOVERY,
                declared: 1,
                payload,
            };
            message.content(codec)
        };
        // ue(3) = 00100, se(2) = 00100.
        assert_eq!(
            of(&[0x20], NalCodec::H264),
            Some(SeiContent::RecoveryPoint(3))
        );
        assert_eq!(
            of(&[0x20], NalCodec::H265),
            Some(SeiContent::RecoveryPoint(2))
        );
        assert_eq!(of(&[0], NalCodec::H265), None);
        assert_eq!(of(&[0; 9], NalCodec::H264), None);
        assert_eq!(of(&[0x20], NalCodec::H266), None);
    }
    const RECOVERY: u32 = 6;

    #[test]
    #[expect(clippy::unusual_byte_groupings, reason = "a group is a field")]
    fn time_codes_say_what_changed_or_all() {
        // One clock: full, 25 frames; 59 seconds, 58 minutes, 23 hours, no offset.
        let full = 0b01_1_0_00000_1_0_0_000011001_111011_111010_10111_00000_u64 << (64 - 43);
        let want = TimeCode {
            hours: Some(23),
            minutes: Some(58),
            seconds: Some(59),
            frames: 25,
            drops: false,
        };
        let bytes = full.to_be_bytes();
        assert_eq!(time_code(&bytes), Some(want));
        // The second of two: dropped numbers, frame 3, 7 seconds and no more.
        let short = 0b10_0_1_0_00000_0_0_1_000000011_1_000111_0_u64 << (64 - 30);
        let want = TimeCode {
            seconds: Some(7),
            frames: 3,
            drops: true,
            ..TimeCode::default()
        };
        assert_eq!(time_code(&short.to_be_bytes()), Some(want));
        assert_eq!(time_code(&[0]), None);
        assert!((0..4).all(|len| time_code(&bytes[..len]).is_none()));
    }

    #[test]
    fn names_are_those_of_the_codec() {
        assert_eq!(name(6, NalCodec::H264), "recovery point");
        assert_eq!(name(6, NalCodec::H266), "not known");
        assert_eq!(name(129, NalCodec::H265), "active parameter sets");
        assert_eq!(name(132, NalCodec::H266), "decoded picture hash");
    }

    #[test]
    fn user_data_is_known_by_its_uuid() {
        let mut payload = b"MISPmicrosectime\x1f".to_vec();
        payload.extend([0, 6, 0xFF, 0x2A, 0x1B, 0xFF, 0x3C, 0x4D, 0xFF, 0x5E, 0x6F]);
        let message = SeiMessage {
            kind: 5,
            declared: 28,
            payload: &payload,
        };
        let Some(SeiContent::Unregistered {
            owner: Some(owner),
            data,
            ..
        }) = message.content(NalCodec::H264)
        else {
            panic!("not known");
        };
        assert_eq!(owner, UserData::Microseconds);
        assert_eq!(owner.time(data), Some(0x0006_2A1B_3C4D_5E6F * 1000));
        assert_eq!(owner.time(&data[..10]), None);
        assert_eq!(
            UserData::of(b"strawlab.org/89H"),
            Some(UserData::Strawlab89h)
        );
        assert_eq!(UserData::of(&[0; 16]), None);
    }

    #[test]
    fn captions_are_told_from_other_registered_data() {
        let owner = |payload: &[u8]| {
            let message = SeiMessage {
                kind: 4,
                declared: 8,
                payload,
            };
            match message.content(NalCodec::H265) {
                Some(SeiContent::Registered { owner, .. }) => owner,
                _ => None,
            }
        };
        assert_eq!(owner(b"\xb5\0\x31GA94\x03"), Some("closed captions (A/53)"));
        assert_eq!(owner(b"\xb5\0\x31GA94\x06"), None);
        assert_eq!(owner(b"\xb5"), None);
    }
}
