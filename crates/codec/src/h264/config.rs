//! `AVCDecoderConfigurationRecord`, the payload of avcC (ISO/IEC 14496-15, 5.3.3.1).

use crate::error::{CodecError, Result};
use crate::nal::NalLengthSize;

const NAME: &str = "avcC";

/// The decoder configuration of an H.264 track.
///
/// The parameter sets are NAL units with their header byte, borrowed from the payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AvcConfig<'a> {
    /// `AVCProfileIndication`: `profile_idc` of the first SPS.
    pub profile_idc: u8,
    /// `profile_compatibility`: the constraint flags, `constraint_set0_flag` highest.
    pub constraint_flags: u8,
    /// `AVCLevelIndication`: ten times the level.
    pub level_idc: u8,
    /// Size of the lengths in the samples.
    pub length_size: NalLengthSize,
    /// Sequence parameter sets.
    pub sps: Vec<&'a [u8]>,
    /// Picture parameter sets.
    pub pps: Vec<&'a [u8]>,
    /// Sequence parameter set extensions (High profiles; most writers leave the whole extension out).
    pub sps_extensions: Vec<&'a [u8]>,
}

impl<'a> AvcConfig<'a> {
    /// Reads the payload of an avcC box. Anything behind the parameter sets may be missing or garbage.
    ///
    /// # Errors
    /// The payload ends before its fixed fields or within the parameter sets, or `configurationVersion` is not 1.
    pub fn parse(payload: &'a [u8]) -> Result<Self> {
        let mut input = Input(payload);
        if input.byte("configurationVersion")? != 1 {
            return Err(CodecError::Malformed {
                structure: NAME,
                element: "configurationVersion",
            });
        }
        let profile_idc = input.byte("AVCProfileIndication")?;
        let constraint_flags = input.byte("profile_compatibility")?;
        let level_idc = input.byte("AVCLevelIndication")?;
        let length_size = NalLengthSize::from_minus_one(input.byte("lengthSizeMinusOne")?);
        let sps_count = input.byte("numOfSequenceParameterSets")? & 31;
        let sps = input.sets(sps_count, "sequenceParameterSetNALUnit")?;
        let pps_count = input.byte("numOfPictureParameterSets")?;
        let pps = input.sets(pps_count, "pictureParameterSetNALUnit")?;
        let sps_extensions = if matches!(profile_idc, 100 | 110 | 122 | 144) {
            input.extensions().unwrap_or_default()
        } else {
            Vec::new()
        };
        Ok(Self {
            profile_idc,
            constraint_flags,
            level_idc,
            length_size,
            sps,
            pps,
            sps_extensions,
        })
    }

    /// The payload of an avcC box for these parameter sets, with lengths of four bytes. Profile and level are the first SPS's, and for
    /// the High profiles the extension fields are written with the chroma format and bit depths that SPS declares.
    ///
    /// # Errors
    /// There is no SPS, the first one is unreadable, or there are more than 31 SPS or 255 PPS, or one is longer than 65,535 bytes.
    pub fn build(sps: &[&[u8]], pps: &[&[u8]]) -> Result<Vec<u8>> {
        let first = sps.first().ok_or(CodecError::Truncated {
            structure: NAME,
            element: "sequenceParameterSetNALUnit",
        })?;
        let summary = super::Sps::parse(first)?;
        let mut out = vec![
            1,
            summary.profile_idc,
            summary.constraint_flags,
            summary.level_idc,
            0xFF,
        ];
        put_sets(&mut out, 0xE0, 31, sps)?;
        put_sets(&mut out, 0, 255, pps)?;
        if !matches!(summary.profile_idc, 66 | 77 | 88) {
            out.push(0xFC | summary.chroma_format_idc);
            out.push(0xF8 | (summary.bit_depth_luma - 8));
            out.push(0xF8 | (summary.bit_depth_chroma - 8));
            out.push(0);
        }
        Ok(out)
    }

    /// The codec string of RFC 6381.
    #[must_use]
    pub fn codec_string(&self, entry_type: [u8; 4]) -> String {
        super::codec_string(
            entry_type,
            self.profile_idc,
            self.constraint_flags,
            self.level_idc,
        )
    }
}

/// A count with its reserved high bits, then the sets, each behind its 16-bit length.
fn put_sets(out: &mut Vec<u8>, reserved: u8, most: u8, sets: &[&[u8]]) -> Result<()> {
    let limit = CodecError::Limit {
        structure: "parameter set list",
        bytes: usize::from(u16::MAX),
    };
    let count = u8::try_from(sets.len()).ok().filter(|&n| n <= most);
    out.push(reserved | count.ok_or(limit)?);
    for set in sets {
        let length = u16::try_from(set.len()).map_err(|_| limit)?;
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(set);
    }
    Ok(())
}

/// What is left of the payload.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, count: usize, element: &'static str) -> Result<&'a [u8]> {
        let (taken, rest) = self
            .0
            .split_at_checked(count)
            .ok_or(CodecError::Truncated {
                structure: NAME,
                element,
            })?;
        self.0 = rest;
        Ok(taken)
    }

    fn byte(&mut self, element: &'static str) -> Result<u8> {
        Ok(self.take(1, element)?.first().copied().unwrap_or_default())
    }

    /// NAL units behind 16-bit lengths. Empty ones are left out.
    fn sets(&mut self, count: u8, element: &'static str) -> Result<Vec<&'a [u8]>> {
        let mut sets = Vec::new();
        for _ in 0..count {
            let length = self.take(2, element)?;
            let length = length.iter().fold(0usize, |n, &b| n << 8 | usize::from(b));
            let set = self.take(length, element)?;
            if !set.is_empty() {
                sets.push(set);
            }
        }
        Ok(sets)
    }

    /// The fields that only the High profiles have: chroma format, bit depths, SPS extensions.
    fn extensions(&mut self) -> Result<Vec<&'a [u8]>> {
        self.take(3, "chroma_format")?;
        let count = self.byte("numOfSequenceParameterSetExt")?;
        self.sets(count, "sequenceParameterSetExtNALUnit")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Hikvision DS-2CD2032: Main 3.0, a VUI with HRD, 704x480... and an escaped SPS.
    const HIKVISION: &[u8] = &[
        0x01, 0x4D, 0x40, 0x1E, 0xFF, 0xE1, 0x00, 0x17, 0x67, 0x4D, 0x40, 0x1E, 0x9A, 0x66, 0x0A,
        0x0F, 0xFF, 0x35, 0x01, 0x01, 0x01, 0x40, 0x00, 0x00, 0xFA, 0x00, 0x00, 0x03, 0x01, 0xF4,
        0x01, 0x01, 0x00, 0x04, 0x68, 0xEE, 0x3C, 0x80,
    ];

    #[test]
    fn reads_and_rebuilds() {
        let config = AvcConfig::parse(HIKVISION).unwrap();
        assert_eq!(config.length_size, NalLengthSize::FOUR);
        assert_eq!(config.codec_string(*b"avc1"), "avc1.4D401E");
        assert_eq!((config.sps.len(), config.pps.len()), (1, 1));
        assert_eq!(
            AvcConfig::build(&config.sps, &config.pps).unwrap(),
            HIKVISION
        );
    }

    #[test]
    fn high_profile_extension_may_be_there_cut_or_missing() {
        let head = [1, 100, 0, 40, 0xFD, 0xE1, 0, 2, 0x67, 1, 1, 0, 2, 0x68, 2];
        for tail in [
            &[][..],
            &[0xFD],
            &[0xFD, 0xF8, 0xF8, 0],
            &[0xFD, 0xF8, 0xF8, 1, 0, 9, 0x6D],
            &[0; 20],
        ] {
            let payload = [&head[..], tail].concat();
            let config = AvcConfig::parse(&payload).unwrap();
            assert_eq!(config.length_size.bytes(), 2);
            assert_eq!(config.sps, [&[0x67, 1][..]]);
            assert_eq!(config.pps, [&[0x68, 2][..]]);
            assert_eq!(config.sps_extensions, [&[] as &[u8]; 0]);
        }
        let payload = [&head[..], &[0xFD, 0xF8, 0xF8, 1, 0, 1, 0x6D]].concat();
        let config = AvcConfig::parse(&payload).unwrap();
        assert_eq!(config.sps_extensions, [&[0x6D][..]]);
    }

    #[test]
    fn cut_in_the_sets_is_an_error_that_names_the_element() {
        let cut = AvcConfig::parse(HIKVISION.get(..20).unwrap());
        assert_eq!(
            cut.unwrap_err().to_string(),
            "avcC ends within sequenceParameterSetNALUnit"
        );
        assert!(AvcConfig::parse(&[]).is_err());
        assert!(AvcConfig::parse(&[0, 100, 0, 40, 255, 0xE0, 0]).is_err());
        assert!(AvcConfig::build(&[], &[]).is_err());
    }

    proptest! {
        #[test]
        fn arbitrary_bytes(payload in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(config) = AvcConfig::parse(&payload) {
                let bytes: usize = config.sps.iter().chain(&config.pps).map(|set| set.len()).sum();
                prop_assert!(bytes <= payload.len());
            }
        }
    }
}
