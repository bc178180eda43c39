//! Elementary stream descriptors, the payload of esds (ISO/IEC 14496-1, 7.2.6; 14496-14, 5.6).

use crate::error::{CodecError, Result};

const NAME: &str = "esds";

/// `ES_DescrTag`, `DecoderConfigDescrTag`, `DecSpecificInfoTag` (table 1).
const ES_DESCRIPTOR: u8 = 3;
const DECODER_CONFIG: u8 = 4;
const DECODER_SPECIFIC_INFO: u8 = 5;

/// What an esds says about the decoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EsDescriptor<'a> {
    /// `objectTypeIndication`: what is coded (0x40 MPEG-4 audio, 0x20 MPEG-4 visual, 0x6B MP3; mp4ra.org lists them).
    pub object_type: u8,
    /// `streamType`: 4 visual, 5 audio.
    pub stream_type: u8,
    /// `bufferSizeDB` in bytes.
    pub buffer_size: u32,
    /// `maxBitrate` in bit/s.
    pub max_bitrate: u32,
    /// `avgBitrate` in bit/s, 0 for variable.
    pub avg_bitrate: u32,
    /// `DecoderSpecificInfo`: for MPEG-4 audio the AudioSpecificConfig.
    pub specific_info: Option<&'a [u8]>,
}

impl<'a> EsDescriptor<'a> {
    /// Reads the payload of an esds box, the four bytes of version and flags included.
    ///
    /// Descriptors that reach beyond the end are cut to what is there, unknown ones are passed over, and a DecoderConfigDescriptor that
    /// stands without the ES_Descriptor around it is taken.
    ///
    /// # Errors
    /// There is no complete DecoderConfigDescriptor.
    pub fn parse(payload: &'a [u8]) -> Result<Self> {
        let truncated = |element| CodecError::Truncated {
            structure: NAME,
            element,
        };
        let (_, mut rest) = payload
            .split_at_checked(4)
            .ok_or(truncated("version and flags"))?;
        // Each turn takes at least the two bytes of tag and size, or goes inside.
        while let Some((tag, body, behind)) = descriptor(rest) {
            rest = match tag {
                ES_DESCRIPTOR => es_body(body).ok_or(truncated("ES_Descriptor"))?,
                DECODER_CONFIG => {
                    return decoder_config(body).ok_or(truncated("DecoderConfigDescriptor"));
                }
                _ => behind,
            };
        }
        Err(truncated("DecoderConfigDescriptor"))
    }

    /// The codec string of RFC 6381 for object types whose own configuration adds nothing: `mp4a.6B`.
    #[must_use]
    pub fn codec_string(&self, entry_type: [u8; 4]) -> String {
        format!("{}.{:02X}", entry_type.escape_ascii(), self.object_type)
    }

    /// What is coded, by name; `None` for object types that are private, reserved or out of use.
    #[must_use]
    pub const fn name(&self) -> Option<&'static str> {
        Some(match self.object_type {
            0x08 => "3GPP timed text",
            0x20 => "MPEG-4 Visual",
            0x21 => "H.264",
            0x23 => "H.265",
            0x40 => "MPEG-4 audio",
            0x60 => "MPEG-2 video Simple",
            0x61 => "MPEG-2 video Main",
            0x62 => "MPEG-2 video SNR",
            0x63 => "MPEG-2 video Spatial",
            0x64 => "MPEG-2 video High",
            0x65 => "MPEG-2 video 4:2:2",
            0x66 => "MPEG-2 AAC Main",
            0x67 => "MPEG-2 AAC-LC",
            0x68 => "MPEG-2 AAC SSR",
            0x69 => "MPEG-2 audio",
            0x6A => "MPEG-1 video",
            0x6B => "MPEG-1 audio",
            0x6C => "JPEG",
            0x6D => "PNG",
            0x6E => "JPEG 2000",
            0xA3 => "VC-1",
            0xA5 => "AC-3",
            0xA6 => "E-AC-3",
            0xA9 | 0xAC => "DTS",
            0xAA | 0xAB => "DTS-HD",
            0xAD => "Opus",
            0xB1 => "VP9",
            0xDD => "Vorbis",
            0xE1 => "QCELP",
            _ => return None,
        })
    }
}

/// Splits off one descriptor: tag, contents (cut to what is there), and what stands behind.
fn descriptor(input: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, mut rest) = input.split_first()?;
    let mut size = 0usize;
    // Expandable size (8.3.3): seven bits a byte, four bytes at most.
    for _ in 0..4 {
        let (&byte, behind) = rest.split_first()?;
        rest = behind;
        size = size << 7 | usize::from(byte & 0x7F);
        if byte & 0x80 == 0 {
            break;
        }
    }
    let (body, behind) = rest.split_at(size.min(rest.len()));
    Some((tag, body, behind))
}

/// The descriptors inside an ES_Descriptor, behind its optional fields.
fn es_body(body: &[u8]) -> Option<&[u8]> {
    let (&[_, _, flags], mut rest) = body.split_first_chunk::<3>()?;
    if flags & 0x80 != 0 {
        rest = rest.get(2..)?;
    }
    if flags & 0x40 != 0 {
        let (&length, url) = rest.split_first()?;
        rest = url.get(usize::from(length)..)?;
    }
    if flags & 0x20 != 0 {
        rest = rest.get(2..)?;
    }
    Some(rest)
}

fn decoder_config(body: &[u8]) -> Option<EsDescriptor<'_>> {
    let (&[object_type, kind, b0, b1, b2, ref rates @ ..], mut rest) =
        body.split_first_chunk::<13>()?;
    let [m0, m1, m2, m3, a0, a1, a2, a3] = *rates;
    let mut specific_info = None;
    while let Some((tag, inner, behind)) = descriptor(rest) {
        if tag == DECODER_SPECIFIC_INFO {
            specific_info = Some(inner);
            break;
        }
        rest = behind;
    }
    Some(EsDescriptor {
        object_type,
        stream_type: kind >> 2,
        buffer_size: u32::from_be_bytes([0, b0, b1, b2]),
        max_bitrate: u32::from_be_bytes([m0, m1, m2, m3]),
        avg_bitrate: u32::from_be_bytes([a0, a1, a2, a3]),
        specific_info,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// As ffmpeg writes it, with four-byte sizes: AAC-LC, 44.1 kHz, stereo.
    const LONG: &[u8] = &[
        0, 0, 0, 0, 3, 0x80, 0x80, 0x80, 0x22, 0, 2, 0, 4, 0x80, 0x80, 0x80, 0x14, 0x40, 0x15, 0,
        0, 0, 0, 1, 0xF4, 0, 0, 1, 0xF3, 0xF9, 5, 0x80, 0x80, 0x80, 2, 0x12, 0x10, 6, 0x80, 0x80,
        0x80, 1, 2,
    ];

    #[test]
    fn four_byte_sizes() {
        let es = EsDescriptor::parse(LONG).unwrap();
        assert_eq!((es.object_type, es.stream_type), (0x40, 5));
        assert_eq!((es.max_bitrate, es.avg_bitrate), (128_000, 127_993));
        assert_eq!(es.specific_info, Some(&[0x12, 0x10][..]));
    }

    #[test]
    fn optional_fields_and_unknown_descriptors_are_passed_over() {
        let mut payload = vec![0, 0, 0, 0, 0x7F, 1, 9, 3, 28];
        // ES_ID, all three flags, dependsOn, URL "ab", OCR.
        payload.extend([0, 1, 0xE0, 0, 9, 2, b'a', b'b', 0, 7]);
        payload.extend([4, 13, 0x6B, 0x15, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        let es = EsDescriptor::parse(&payload).unwrap();
        assert_eq!(es.codec_string(*b"mp4a"), "mp4a.6B");
        assert_eq!(es.name(), Some("MPEG-1 audio"));
        assert_eq!(es.specific_info, None);
    }

    #[test]
    fn sizes_beyond_the_end_are_cut() {
        let mut payload = LONG.to_vec();
        payload.truncate(37);
        let es = EsDescriptor::parse(&payload).unwrap();
        assert_eq!(es.specific_info, Some(&[0x12, 0x10][..]));
        payload.truncate(36);
        let es = EsDescriptor::parse(&payload).unwrap();
        assert_eq!(es.specific_info, Some(&[0x12][..]));
        payload.truncate(20);
        assert_eq!(
            EsDescriptor::parse(&payload).unwrap_err().to_string(),
            "esds ends within DecoderConfigDescriptor"
        );
    }

    proptest! {
        #[test]
        fn arbitrary_bytes(payload in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = EsDescriptor::parse(&payload);
        }
    }
}
