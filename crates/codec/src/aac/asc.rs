//! `AudioSpecificConfig` (1.6.2.1), the DecoderSpecificInfo of MPEG-4 audio and the `config` of RFC 3640.

use super::bits::Bits;
use crate::error::{CodecError, Result};

/// Sampling rates by `samplingFrequencyIndex` (table 1.18).
const RATES: [u32; 13] = [
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000,
    7_350,
];

/// Audio object types (table 1.17).
const AAC_LC: u8 = 2;
const SBR: u8 = 5;
const ER_BSAC: u8 = 22;
const AAC_LD: u8 = 23;
const PS: u8 = 29;
const AAC_ELD: u8 = 39;
const USAC: u8 = 42;

/// Spectral band replication and parametric stereo on top of the core codec.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extension {
    /// `extensionSamplingFrequency` in Hz: what the decoder puts out.
    pub sampling_rate: u32,
    /// Parametric stereo: one coded channel becomes two.
    pub parametric_stereo: bool,
}

/// What the configuration of an MPEG-4 audio track says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AudioSpecificConfig {
    /// `audioObjectType` of the core codec: 2 for AAC-LC, also under SBR.
    pub object_type: u8,
    /// `audioObjectType` as it stands first: 5 (SBR) or 29 (PS) where the extension is signalled explicitly. The codec string's.
    pub signalled_object_type: u8,
    /// `samplingFrequency` of the core codec in Hz.
    pub sampling_rate: u32,
    /// `channelConfiguration`, 0 to 15; 0 where a program configuration element or the codec's own configuration describes them.
    pub channel_configuration: u8,
    /// Coded channels; `None` if the configuration does not say.
    pub channels: Option<u8>,
    /// Samples per channel in a frame of the core codec: 1024 or 960, 512 or 480 for the low delay types, `None` where unknown.
    pub frame_length: Option<u32>,
    /// SBR, signalled explicitly or behind the configuration (sync extension 0x2B7). Without it a decoder may still find SBR in the
    /// data (implicit signalling).
    pub extension: Option<Extension>,
}

impl AudioSpecificConfig {
    /// Reads the configuration. What follows it does not matter; a part behind the channel configuration that is cut off is left out.
    ///
    /// # Errors
    /// The configuration ends before the channel configuration, or has a reserved sampling frequency index.
    pub fn parse(data: &[u8]) -> Result<Self> {
        const NAME: &str = "AudioSpecificConfig";
        let truncated = |element| CodecError::Truncated {
            structure: NAME,
            element,
        };
        let reserved = CodecError::Malformed {
            structure: NAME,
            element: "samplingFrequencyIndex",
        };
        let mut bits = Bits::new(data);
        let signalled = object_type(&mut bits).ok_or(truncated("audioObjectType"))?;
        let rate = sampling_rate(&mut bits).ok_or(truncated("samplingFrequencyIndex"))?;
        let channel_configuration = bits
            .read(4)
            .and_then(|c| u8::try_from(c).ok())
            .ok_or(truncated("channelConfiguration"))?;
        let mut config = Self {
            object_type: signalled,
            signalled_object_type: signalled,
            sampling_rate: rate.ok_or(reserved)?,
            channel_configuration,
            channels: channels(channel_configuration),
            frame_length: None,
            extension: None,
        };
        if matches!(signalled, SBR | PS) {
            let rate =
                sampling_rate(&mut bits).ok_or(truncated("extensionSamplingFrequencyIndex"))?;
            config.extension = Some(Extension {
                sampling_rate: rate.ok_or(reserved)?,
                parametric_stereo: signalled == PS,
            });
            config.object_type = object_type(&mut bits).ok_or(truncated("audioObjectType"))?;
            if config.object_type == ER_BSAC {
                // extensionChannelConfiguration; cut off, there is nothing behind it either.
                bits.skip(4);
            }
        }
        let whole = config.specific(&mut bits).is_some();
        if whole && config.extension.is_none() {
            config.extension = sync_extension(&mut bits);
        }
        Ok(config)
    }

    /// The sampling rate that comes out of a decoder that knows the extension, in Hz.
    #[must_use]
    pub fn output_rate(&self) -> u32 {
        self.extension
            .map_or(self.sampling_rate, |e| e.sampling_rate)
    }

    /// The channels that come out of a decoder that knows the extension.
    #[must_use]
    pub fn output_channels(&self) -> Option<u8> {
        match (self.extension, self.channels) {
            (Some(e), Some(1)) if e.parametric_stereo => Some(2),
            (_, channels) => channels,
        }
    }

    /// The codec string of RFC 6381: `mp4a.40.2`.
    #[must_use]
    pub fn codec_string(&self, entry_type: [u8; 4]) -> String {
        let entry = entry_type.escape_ascii();
        format!("{entry}.40.{}", self.signalled_object_type)
    }

    /// The object type as people call it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match (self.object_type, self.extension) {
            (AAC_LC, Some(e)) if e.parametric_stereo => "HE-AAC v2",
            (AAC_LC, Some(_)) => "HE-AAC",
            (1, _) => "AAC Main",
            (AAC_LC, None) => "AAC-LC",
            (3, _) => "AAC SSR",
            (4, _) => "AAC LTP",
            (6, _) => "AAC Scalable",
            (8, _) => "CELP",
            (9, _) => "HVXC",
            (17, _) => "ER AAC-LC",
            (19, _) => "ER AAC LTP",
            (20, _) => "ER AAC Scalable",
            (ER_BSAC, _) => "ER BSAC",
            (AAC_LD, _) => "AAC-LD",
            (32, _) => "MPEG audio Layer I",
            (33, _) => "MPEG audio Layer II",
            (34, _) => "MP3",
            (36, _) => "MPEG-4 ALS",
            (AAC_ELD, _) => "AAC-ELD",
            (USAC, _) => "xHE-AAC",
            _ => "MPEG-4 audio",
        }
    }

    /// The part that depends on the object type; `None` where it ends early or is not understood.
    fn specific(&mut self, bits: &mut Bits<'_>) -> Option<()> {
        match self.object_type {
            1..=4 | 6 | 7 | 17 | 19..=23 => self.general_audio(bits)?,
            AAC_ELD => {
                // ELDSpecificConfig (4.6.20.3) goes on, but ends in no sync extension.
                self.frame_length = Some(if bits.flag()? { 480 } else { 512 });
                return None;
            }
            _ => return None,
        }
        if matches!(self.object_type, 17 | 19..=23) {
            bits.skip(2)?; // epConfig
        }
        Some(())
    }

    /// `GASpecificConfig` (4.4.1).
    fn general_audio(&mut self, bits: &mut Bits<'_>) -> Option<()> {
        let short = bits.flag()?;
        self.frame_length = Some(match (self.object_type, short) {
            (AAC_LD, false) => 512,
            (AAC_LD, true) => 480,
            (_, false) => 1024,
            (_, true) => 960,
        });
        if bits.flag()? {
            bits.skip(14)?; // coreCoderDelay
        }
        let extension = bits.flag()?;
        if self.channel_configuration == 0 {
            self.channels = Some(program_config_element(bits)?);
        }
        if matches!(self.object_type, 6 | 20) {
            bits.skip(3)?; // layerNr
        }
        if extension {
            match self.object_type {
                ER_BSAC => bits.skip(16)?,
                17 | 19 | 20 | AAC_LD => bits.skip(3)?,
                _ => {}
            }
            bits.skip(1)?; // extensionFlag3
        }
        Some(())
    }
}

/// `GetAudioObjectType()`.
fn object_type(bits: &mut Bits<'_>) -> Option<u8> {
    let value = match bits.read(5)? {
        31 => 32 + bits.read(6)?,
        value => value,
    };
    u8::try_from(value).ok()
}

/// Index or explicit rate: the outer `None` is the end of the data, the inner one a reserved index or a rate of 0.
fn sampling_rate(bits: &mut Bits<'_>) -> Option<Option<u32>> {
    let index = bits.read(4)?;
    if index == 15 {
        return Some(Some(bits.read(24)?).filter(|&rate| rate != 0));
    }
    let index = usize::try_from(index).ok()?;
    Some(RATES.get(index).copied())
}

/// Channels by `channelConfiguration` (table 1.19).
const fn channels(configuration: u8) -> Option<u8> {
    match configuration {
        n @ 1..=6 => Some(n),
        7 | 12 | 14 => Some(8),
        11 => Some(7),
        13 => Some(24),
        _ => None,
    }
}

/// Counts the channels of a `program_config_element()` (4.4.1.1).
fn program_config_element(bits: &mut Bits<'_>) -> Option<u8> {
    bits.skip(10)?; // element_instance_tag, object_type, sampling_frequency_index
    let mut elements = 0;
    for _ in 0..3 {
        elements += bits.read(4)?; // front, side, back
    }
    let lfe = bits.read(2)?;
    let data = bits.read(3)?;
    let coupling = bits.read(4)?;
    for length in [4, 4, 3] {
        // mono_mixdown, stereo_mixdown, matrix_mixdown
        if bits.flag()? {
            bits.skip(length)?;
        }
    }
    let mut channels = lfe;
    for _ in 0..elements {
        channels += if bits.flag()? { 2 } else { 1 };
        bits.skip(4)?;
    }
    bits.skip(usize::try_from(4 * lfe + 4 * data + 5 * coupling).ok()?)?;
    bits.align();
    let comment = bits.read(8)?;
    bits.skip(8 * usize::try_from(comment).ok()?)?;
    u8::try_from(channels).ok()
}

/// The backward compatible signalling behind the configuration: SBR (0x2B7), then PS (0x548).
fn sync_extension(bits: &mut Bits<'_>) -> Option<Extension> {
    if bits.read(11)? != 0x2B7 || object_type(bits)? != SBR || !bits.flag()? {
        return None;
    }
    let sampling_rate = sampling_rate(bits)??;
    let parametric_stereo = bits.read(11) == Some(0x548) && bits.flag().unwrap_or_default();
    Some(Extension {
        sampling_rate,
        parametric_stereo,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(data: &[u8]) -> AudioSpecificConfig {
        AudioSpecificConfig::parse(data).unwrap()
    }

    #[test]
    fn plain_lc() {
        let config = parse(&[0x12, 0x10]);
        assert_eq!((config.object_type, config.sampling_rate), (2, 44_100));
        assert_eq!(
            (config.channels, config.frame_length),
            (Some(2), Some(1024))
        );
        assert_eq!(config.codec_string(*b"mp4a"), "mp4a.40.2");
        assert_eq!(config.name(), "AAC-LC");
        // What cameras send: 8 kHz and 16 kHz mono.
        assert_eq!(parse(&[0x15, 0x88]).sampling_rate, 8000);
        assert_eq!(parse(&[0x14, 0x08]).sampling_rate, 16_000);
        assert_eq!(parse(&[0x12, 0x14]).frame_length, Some(960));
    }

    #[test]
    fn sbr_behind_the_configuration_and_in_front() {
        // As faac and ffmpeg's libfdk write it: LC 22.05 kHz, then 0x2B7, SBR, 44.1 kHz.
        let config = parse(&[0x13, 0x90, 0x56, 0xE5, 0xA0]);
        assert_eq!(
            (config.sampling_rate, config.output_rate()),
            (22_050, 44_100)
        );
        assert_eq!((config.name(), config.signalled_object_type), ("HE-AAC", 2));
        // The sync extension may say that there is no SBR, which is what AAC-LC encoders append.
        assert_eq!(parse(&[0x12, 0x10, 0x56, 0xE5, 0x00]).extension, None);
        // Hierarchical: object type 5, core 24 kHz, 48 kHz out, stereo; then 29 with one channel.
        let config = parse(&[0x2B, 0x11, 0x88, 0x00]);
        assert_eq!(config.codec_string(*b"mp4a"), "mp4a.40.5");
        assert_eq!((config.object_type, config.sampling_rate), (2, 24_000));
        assert_eq!(config.output_rate(), 48_000);
        let config = parse(&[0xEB, 0x09, 0x88, 0x00]);
        assert_eq!((config.name(), config.channels), ("HE-AAC v2", Some(1)));
        assert_eq!(config.output_channels(), Some(2));
        // With parametric stereo behind: 0x548 and a flag.
        let config = parse(&[0x13, 0x88, 0x56, 0xE5, 0xA5, 0x48, 0x80]);
        assert_eq!(config.name(), "HE-AAC v2");
    }

    #[test]
    fn explicit_rates_escapes_and_low_delay() {
        // Rate 15: 24 bits follow, 44,056 Hz.
        let config = parse(&[0x17, 0x80, 0x56, 0x0C, 0x10]);
        assert_eq!((config.sampling_rate, config.channels), (44_056, Some(2)));
        // 31 and 7: ELD, 16 kHz mono, 512 samples.
        let config = parse(&[0xF8, 0xF0, 0x20, 0x00]);
        assert_eq!((config.object_type, config.sampling_rate), (39, 16_000));
        assert_eq!((config.channels, config.frame_length), (Some(1), Some(512)));
        // LD, 480.
        let config = parse(&[0xBC, 0x0C, 0x00]);
        assert_eq!((config.name(), config.frame_length), ("AAC-LD", Some(480)));
    }

    #[test]
    fn channels_of_a_program_config_element() {
        // As ffmpeg writes it, 48 kHz: a comment, and a sync extension at a byte boundary that says there is no SBR.
        let quad = b"\x11\x80\x04\xC4\x04\x00\x21\x10\x0DLavc59.37.100\x56\xE5\x00";
        assert_eq!(parse(quad).channels, Some(4));
        assert_eq!(
            (parse(quad).channel_configuration, parse(quad).extension),
            (0, None)
        );
        let with_lfe = b"\x11\x80\x04\xC4\x01\x00\x20\x00\x0DLavc59.37.100\x56\xE5\x00";
        assert_eq!(parse(with_lfe).channels, Some(3));
        let sbr = [&quad[..22], &[0x56, 0xE5, 0x80]].concat();
        assert_eq!(
            parse(&sbr).output_rate(),
            96_000,
            "found behind the comment"
        );
        // Cut within the element, its channels stay unknown.
        assert_eq!(parse(&quad[..5]).channels, None);
    }

    #[test]
    fn cut_and_reserved() {
        assert!(AudioSpecificConfig::parse(&[]).is_err());
        assert_eq!(
            AudioSpecificConfig::parse(&[0x12]).unwrap_err().to_string(),
            "AudioSpecificConfig ends within samplingFrequencyIndex"
        );
        assert_eq!(
            AudioSpecificConfig::parse(&[0x16, 0x90]).unwrap_err(),
            CodecError::Malformed {
                structure: "AudioSpecificConfig",
                element: "samplingFrequencyIndex"
            }
        );
    }

    proptest! {
        #[test]
        fn arbitrary_bytes(data in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(config) = AudioSpecificConfig::parse(&data) {
                prop_assert!(config.sampling_rate > 0 && config.output_rate() > 0);
            }
        }
    }
}
