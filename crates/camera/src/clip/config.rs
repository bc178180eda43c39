//! Codec configurations: what the SDP and the packetizers need of them.

use crate::payload::aggregate;
use crate::{Error, Result};

/// The logarithm of ITU-T G.711.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Law {
    /// A-law: PCMA, static payload type 8.
    A,
    /// µ-law: PCMU, static payload type 0.
    Mu,
}

/// How a track is coded, as an MP4 file says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CodecConfig {
    /// The payload of an `avcC` box (ISO/IEC 14496-15, 5.3.3.1).
    H264(Vec<u8>),
    /// The payload of an `hvcC` box (ISO/IEC 14496-15, 8.3.3.1).
    H265(Vec<u8>),
    /// An `AudioSpecificConfig` (ISO/IEC 14496-3, 1.6.2.1).
    Aac(Vec<u8>),
    /// G.711, one channel at 8 kHz.
    G711(Law),
    /// Sound that is sent as it stands, a sample of the clip in a packet.
    Plain(PlainSound),
    /// JPEG pictures (ITU-T T.81), baseline, 4:2:2 or 4:2:0, at most 2040 pixels wide and high.
    Jpeg,
    /// Documents of metadata, by the name of their format (`vnd.onvif.metadata`).
    Message(String),
}

/// What a session description says of a format that needs no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlainSound {
    /// The name of the format (`L16`, `opus`, `G722`, `G726-32`, ...).
    pub encoding: String,
    /// Ticks of its clock per second.
    pub clock_rate: u32,
    /// Channels that are stated.
    pub channels: u16,
}

/// A configuration that was read and found sound.
pub(crate) enum Codec {
    H264(ParameterSets),
    H265(ParameterSets),
    Aac(Aac),
    G711(Law),
    Plain(PlainSound, CodecConfig),
    Jpeg,
    Message(CodecConfig),
}

/// What `avcC` and `hvcC` have in common.
pub(crate) struct ParameterSets {
    pub(crate) record: CodecConfig,
    /// Bytes of a NAL unit's length: 1, 2 or 4.
    pub(crate) length_size: usize,
    /// H.265 only.
    pub(crate) vps: Vec<Vec<u8>>,
    pub(crate) sps: Vec<Vec<u8>>,
    pub(crate) pps: Vec<Vec<u8>>,
    /// All of them in one STAP-A (RFC 6184, 5.7.1) or AP (RFC 7798, 4.4.2).
    pub(crate) aggregated: Vec<u8>,
}

impl ParameterSets {
    /// VPS, SPS, PPS, in the order in which they are sent.
    pub(crate) fn all(&self) -> impl Iterator<Item = &[u8]> {
        let all = self.vps.iter().chain(&self.sps).chain(&self.pps);
        all.map(Vec::as_slice)
    }

    /// The payload of `avcC` or `hvcC`.
    pub(crate) fn record(&self) -> &[u8] {
        match &self.record {
            CodecConfig::H264(bytes) | CodecConfig::H265(bytes) => bytes,
            _ => &[],
        }
    }
}

pub(crate) struct Aac {
    record: CodecConfig,
    pub(crate) rate: u32,
    pub(crate) channels: u8,
}

impl Aac {
    pub(crate) fn config(&self) -> &[u8] {
        match &self.record {
            CodecConfig::Aac(bytes) => bytes,
            _ => &[],
        }
    }
}

impl Codec {
    pub(crate) fn new(config: CodecConfig) -> Result<Self> {
        let truncated = |what| Error::Malformed(format!("its {what} is cut short"));
        Ok(match config {
            CodecConfig::H264(ref bytes) => {
                let sets = avcc(bytes).ok_or_else(|| truncated("avcC"))?;
                Self::H264(sets.finish(config, 24, "avcC")?)
            }
            CodecConfig::H265(ref bytes) => {
                let sets = hvcc(bytes).ok_or_else(|| truncated("hvcC"))?;
                Self::H265(sets.finish(config, 48, "hvcC")?)
            }
            CodecConfig::Aac(ref bytes) => {
                let (rate, channels) =
                    audio_specific_config(bytes).ok_or_else(|| truncated("AudioSpecificConfig"))?;
                if rate == 0 || channels == 0 {
                    let why = "its AudioSpecificConfig gives no sampling rate or channels";
                    return Err(Error::Unsupported(why.into()));
                }
                Self::Aac(Aac {
                    record: config,
                    rate,
                    channels,
                })
            }
            CodecConfig::G711(law) => Self::G711(law),
            CodecConfig::Plain(ref sound) => {
                if sound.clock_rate == 0 || !is_token(&sound.encoding) {
                    return Err(Error::Unsupported("it has no name, or no clock".into()));
                }
                Self::Plain(sound.clone(), config)
            }
            CodecConfig::Jpeg => Self::Jpeg,
            CodecConfig::Message(ref name) => {
                if !is_token(name) {
                    return Err(Error::Unsupported("its format has no name".into()));
                }
                Self::Message(config)
            }
        })
    }

    pub(crate) const fn config(&self) -> &CodecConfig {
        match self {
            Self::H264(sets) | Self::H265(sets) => &sets.record,
            Self::Aac(aac) => &aac.record,
            Self::G711(Law::A) => &CodecConfig::G711(Law::A),
            Self::G711(Law::Mu) => &CodecConfig::G711(Law::Mu),
            Self::Plain(_, config) | Self::Message(config) => config,
            Self::Jpeg => &CodecConfig::Jpeg,
        }
    }

    pub(crate) const fn is_video(&self) -> bool {
        matches!(self, Self::H264(_) | Self::H265(_) | Self::Jpeg)
    }

    /// Ticks of the RTP timestamp per second.
    pub(crate) const fn clock_rate(&self) -> u32 {
        match self {
            Self::H264(_) | Self::H265(_) | Self::Jpeg | Self::Message(_) => 90_000,
            Self::Plain(sound, _) => sound.clock_rate,
            Self::Aac(aac) => aac.rate,
            Self::G711(_) => 8000,
        }
    }

    /// The encoding name of the payload format.
    pub(crate) fn encoding(&self) -> &str {
        match self {
            Self::H264(_) => "H264",
            Self::H265(_) => "H265",
            Self::Aac(_) => "mpeg4-generic",
            Self::G711(Law::A) => "PCMA",
            Self::G711(Law::Mu) => "PCMU",
            Self::Jpeg => "JPEG",
            Self::Plain(sound, _) => &sound.encoding,
            Self::Message(CodecConfig::Message(name)) => name,
            Self::Message(_) => "",
        }
    }

    /// The RTP payload type: static for G.711 and JPEG (RFC 3551, 6), else dynamic.
    pub(crate) const fn payload_type(&self) -> u8 {
        match self {
            Self::H264(_) | Self::H265(_) => 96,
            Self::Aac(_) | Self::Plain(..) => 97,
            Self::Jpeg => 26,
            Self::Message(_) => 107,
            Self::G711(Law::A) => 8,
            Self::G711(Law::Mu) => 0,
        }
    }
}

/// Whether it can stand in a session description (RFC 8866, `token`).
fn is_token(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._+".contains(&byte);
    !name.is_empty() && name.bytes().all(plain)
}

#[derive(Default)]
struct Sets {
    length_size: usize,
    vps: Vec<Vec<u8>>,
    sps: Vec<Vec<u8>>,
    pps: Vec<Vec<u8>>,
}

impl Sets {
    /// `aggregate_type` is the NAL unit type of an aggregation packet.
    fn finish(self, record: CodecConfig, aggregate_type: u8, what: &str) -> Result<ParameterSets> {
        if self.length_size == 3 {
            return Err(Error::Malformed(format!("its {what} has 3-byte lengths")));
        }
        let mut sets = ParameterSets {
            record,
            length_size: self.length_size,
            vps: self.vps,
            sps: self.sps,
            pps: self.pps,
            aggregated: Vec::new(),
        };
        sets.aggregated = aggregate(aggregate_type, sets.all());
        Ok(sets)
    }
}

/// `n` length-prefixed NAL units off the front of `bytes`.
fn take_nals(bytes: &mut &[u8], n: usize) -> Option<Vec<Vec<u8>>> {
    let mut nals = Vec::new();
    for _ in 0..n {
        let (length, rest) = bytes.split_first_chunk()?;
        let (nal, rest) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
        *bytes = rest;
        if !nal.is_empty() {
            nals.push(nal.to_vec());
        }
    }
    Some(nals)
}

/// `AVCDecoderConfigurationRecord`, ISO/IEC 14496-15, 5.3.3.1.2.
fn avcc(bytes: &[u8]) -> Option<Sets> {
    let (&[_version, _profile, _compatibility, _level, length, sps], mut rest) =
        bytes.split_first_chunk()?;
    let sps = take_nals(&mut rest, usize::from(sps & 0x1f))?;
    let (&pps, mut rest) = rest.split_first()?;
    Some(Sets {
        length_size: usize::from(length & 3) + 1,
        vps: Vec::new(),
        sps,
        pps: take_nals(&mut rest, pps.into())?,
    })
}

/// `HEVCDecoderConfigurationRecord`, ISO/IEC 14496-15, 8.3.3.1.2.
fn hvcc(bytes: &[u8]) -> Option<Sets> {
    let (head, mut rest) = bytes.split_first_chunk::<23>()?;
    let &[.., length, arrays] = head;
    let mut sets = Sets {
        length_size: usize::from(length & 3) + 1,
        ..Sets::default()
    };
    for _ in 0..arrays {
        let (&[kind, high, low], after) = rest.split_first_chunk()?;
        rest = after;
        let nals = take_nals(&mut rest, u16::from_be_bytes([high, low]).into())?;
        match kind & 0x3f {
            32 => sets.vps.extend(nals),
            33 => sets.sps.extend(nals),
            34 => sets.pps.extend(nals),
            _ => {}
        }
    }
    Some(sets)
}

/// Sampling rate and number of channels: ISO/IEC 14496-3, 1.6.2.1 and tables
/// 1.18 and 1.19. 0 stands for reserved values.
fn audio_specific_config(bytes: &[u8]) -> Option<(u32, u8)> {
    const RATES: [u32; 13] = [
        96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025,
        8000, 7350,
    ];
    let mut head = [0; 8];
    let n = bytes.len().min(8);
    head.get_mut(..n)?.copy_from_slice(bytes.get(..n)?);
    let mut bits = u64::from_be_bytes(head);
    let mut left = n * 8;
    let mut take = |count: u32| {
        left = left.checked_sub(count as usize)?;
        let value = bits >> (64 - count);
        bits <<= count;
        u32::try_from(value).ok()
    };
    if take(5)? == 31 {
        take(6)?;
    }
    let rate = match take(4)? {
        15 => take(24)?,
        index => RATES.get(index as usize).copied().unwrap_or(0),
    };
    let channels = match take(4)? {
        n @ 1..=6 => u8::try_from(n).ok()?,
        7 => 8,
        _ => 0,
    };
    Some((rate, channels))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_sampling_rates() {
        assert_eq!(audio_specific_config(&[0x11, 0x90]), Some((48_000, 2)));
        assert_eq!(audio_specific_config(&[0x14, 0x08]), Some((16_000, 1)));
        // 24 bits of explicit rate.
        let explicit = [0x17, 0x80, 0x1f, 0x40, 0x08];
        assert_eq!(audio_specific_config(&explicit), Some((16_000, 1)));
        assert_eq!(audio_specific_config(&[0x17, 0x80]), None);
        assert_eq!(audio_specific_config(&[]), None);
    }

    #[test]
    fn cut_records_are_refused_and_never_panic() {
        let avcc = [1, 66, 0, 30, 0xff, 0xe1, 0, 2, 0x67, 1, 1, 0, 1, 0x68];
        for n in 0..avcc.len() {
            assert!(Codec::new(CodecConfig::H264(avcc[..n].to_vec())).is_err());
        }
        let Ok(Codec::H264(sets)) = Codec::new(CodecConfig::H264(avcc.to_vec())) else {
            panic!("a sound record");
        };
        assert_eq!(sets.length_size, 4);
        assert_eq!(sets.all().collect::<Vec<_>>(), [&[0x67, 1][..], &[0x68]]);
        assert_eq!(sets.aggregated, [24 | 0x60, 0, 2, 0x67, 1, 0, 1, 0x68]);
    }
}
