//! Sample descriptions: how the bytes of a track's samples are to be read.

use tapo_bmff::entry::Fields;
use tapo_bmff::{BoxWriter, FourCc, SampleEntry};

/// One sample description: a sample entry, kept verbatim, and what its fields
/// say. What the configuration in it means is the codec's to know.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SampleDescription {
    /// The entry, with its child boxes.
    pub entry: SampleEntry,
}

/// `mdhd` language "und" (undetermined), packed.
pub(crate) const UNDETERMINED: u16 = 0x55c4;

impl SampleDescription {
    /// Takes a sample entry, header included; `handler` is the track's. `None`
    /// if it is too short to be one.
    #[must_use]
    pub fn parse(raw: Vec<u8>, handler: FourCc) -> Option<Self> {
        let entry = SampleEntry::parse(raw, Some(handler))?;
        Some(Self { entry })
    }

    /// G.711 as `alaw` or `ulaw`: one byte a sample, 8000 a second, mono, as
    /// every player tested reads it.
    #[must_use]
    pub fn g711(kind: &[u8; 4]) -> Option<Self> {
        let mut w = BoxWriter::new();
        w.boxed(kind, |w| {
            w.zeros(6).u16(1).zeros(8).u16(1).u16(16).zeros(4);
            w.u32(8000 << 16);
        });
        Self::parse(w.into_bytes(), FourCc(*b"soun"))
    }

    /// Linear samples of 16 bits, the high octet first, as `twos`: QuickTime's, and read by
    /// more players than `ipcm` (ISO/IEC 23003-5) is.
    #[must_use]
    pub fn pcm16(rate: u16, channels: u16) -> Option<Self> {
        let mut w = BoxWriter::new();
        w.boxed(b"twos", |w| {
            w.zeros(6).u16(1).zeros(8).u16(channels).u16(16).zeros(4);
            w.u32(u32::from(rate) << 16);
        });
        Self::parse(w.into_bytes(), FourCc(*b"soun"))
    }

    /// Opus of one or two channels that begins amid a stream: nothing of it is to be
    /// skipped ("Encapsulation of Opus in ISO Base Media File Format", 4.3).
    #[must_use]
    pub fn opus(channels: u8) -> Option<Self> {
        const RATE: u16 = 48_000;
        let mut w = BoxWriter::new();
        w.boxed(b"Opus", |w| {
            w.zeros(6)
                .u16(1)
                .zeros(8)
                .u16(channels.into())
                .u16(16)
                .zeros(4);
            w.u32(u32::from(RATE) << 16);
            w.boxed(b"dOps", |w| {
                // Version, channels, PreSkip, InputSampleRate, gain, mapping family.
                w.raw(&[0, channels])
                    .u16(0)
                    .u32(RATE.into())
                    .u16(0)
                    .raw(&[0]);
            });
        });
        Self::parse(w.into_bytes(), FourCc(*b"soun"))
    }

    /// XML documents of this namespace, packed by the method of this MIME type or, if it is
    /// empty, not at all, as `metx` (ISO/IEC 14496-12, 12.3.3.2).
    #[must_use]
    pub fn xml(encoding: &str, namespace: &str) -> Option<Self> {
        let mut w = BoxWriter::new();
        w.boxed(b"metx", |w| {
            w.zeros(6).u16(1);
            // The third is where its schema is.
            for text in [encoding, namespace, ""] {
                w.raw(text.as_bytes()).zeros(1);
            }
        });
        Self::parse(w.into_bytes(), FourCc(*b"meta"))
    }

    /// The sample entry type: `avc1`, `mp4a`, ...
    #[must_use]
    pub const fn kind(&self) -> FourCc {
        self.entry.kind()
    }

    /// The payload of the first child box of this type.
    #[must_use]
    pub fn child(&self, kind: &[u8; 4]) -> Option<&[u8]> {
        self.entry.child(kind)
    }

    /// Width and height, pixels, of a visual entry.
    #[must_use]
    pub const fn size(&self) -> Option<(u16, u16)> {
        match self.entry.fields() {
            Fields::Visual { width, height } => Some((width, height)),
            _ => None,
        }
    }

    /// Sampling rate, hertz, of a sound entry, unless it leaves it to the codec.
    #[must_use]
    pub const fn sample_rate(&self) -> Option<u32> {
        match self.entry.fields() {
            Fields::Sound { rate, .. } if rate != 0 => Some(rate),
            _ => None,
        }
    }

    /// Channels of a sound entry.
    #[must_use]
    pub const fn channels(&self) -> Option<u32> {
        match self.entry.fields() {
            Fields::Sound { channels, .. } => Some(channels),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g711_is_36_bytes_without_children() {
        let alaw = SampleDescription::g711(b"alaw").unwrap();
        assert_eq!(alaw.entry.raw().len(), 36);
        assert_eq!(alaw.sample_rate(), Some(8000));
        assert_eq!(alaw.channels(), Some(1));
        assert_eq!(alaw.entry.children().count(), 0);
    }

    #[test]
    fn pcm_and_opus_say_what_their_boxes_must() {
        let pcm = SampleDescription::pcm16(44_100, 2).unwrap();
        assert_eq!((pcm.sample_rate(), pcm.channels()), (Some(44_100), Some(2)));
        assert_eq!((pcm.kind().0, pcm.entry.raw().len()), (*b"twos", 36));
        let xml = SampleDescription::xml("", "urn:x").unwrap();
        assert_eq!(
            xml.entry.raw(),
            b"\0\0\0\x18metx\0\0\0\0\0\0\0\x01\0urn:x\0\0"
        );
        let opus = SampleDescription::opus(1).unwrap();
        assert_eq!(
            (opus.sample_rate(), opus.channels()),
            (Some(48_000), Some(1))
        );
        let head = [0, 1, 0, 0, 0, 0, 0xbb, 0x80, 0, 0, 0];
        assert_eq!(opus.child(b"dOps"), Some(&head[..]));
    }
}
