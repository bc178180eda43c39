//! What a track's configuration says about its coding, for people and for the rest of the program.

use crate::error::{CodecError, Result};
use crate::nal::NalLengthSize;
use crate::order::ReorderDepth;
use crate::registry;

/// What kind of media a sample entry holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MediaKind {
    /// Pictures.
    Video,
    /// Sound.
    Audio,
    /// Subtitles and captions.
    Text,
    /// Timed metadata.
    Metadata,
    /// QuickTime time code.
    Timecode,
    /// Hints for a streaming server.
    Hint,
    /// Not in the registry.
    Unknown,
}

/// The child boxes of a sample entry: type and payload (without the box header) of each.
///
/// QuickTime nests `esds`, `alac` and others in a `wave` box: pass those in here too.
pub type ConfigBoxes<'a> = [([u8; 4], &'a [u8])];

/// What the sample entry type and its configuration boxes say. Fields are `None` where the configuration is silent; the sample entry's
/// own fields (width, sample rate and so on) are not looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CodecDescription<'a> {
    /// The sample entry type.
    pub entry_type: [u8; 4],
    /// Kind of media.
    pub kind: MediaKind,
    /// RFC 6381 codec string, as far as the configuration allows: `avc1.640028`, `mp4a.40.2`, `twos`. Always printable ASCII.
    pub codec_string: String,
    /// For people: "H.264 High 4.0", "AAC-LC"; an unknown type is its escaped FourCC.
    pub name: String,
    /// Picture width and height in luma samples, after cropping.
    pub size: Option<(u32, u32)>,
    /// Width and height of a luma sample.
    pub sample_aspect: Option<(u16, u16)>,
    /// Nominal frames per second, numerator and denominator.
    pub frame_rate: Option<(u64, u64)>,
    /// Sound samples per second that come out of the decoder.
    pub sample_rate: Option<u32>,
    /// Sound channels that come out of the decoder.
    pub channels: Option<u16>,
    /// Bits of a sound sample, or of a luma sample.
    pub bits: Option<u8>,
    /// Sound samples per channel in one coded frame, at `sample_rate`.
    pub frame_length: Option<u32>,
    /// Size of the lengths in front of NAL units.
    pub nal_length_size: Option<NalLengthSize>,
    /// Parameter sets as NAL units with their headers, in the order of the configuration.
    pub parameter_sets: Vec<&'a [u8]>,
    /// How deep frames may be reordered, where the codec reorders at all.
    pub reorder_depth: Option<ReorderDepth>,
    /// Why the configuration could not be read in full.
    pub defect: Option<CodecError>,
}

/// Describes a track by its sample entry type and the child boxes of the sample entry. Never fails: what cannot be read is missing in
/// the description, and [`CodecDescription::defect`] says why.
///
/// ```
/// let esds = [0, 0, 0, 0, 4, 17, 0x40, 0x15, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 2, 0x12, 0x10];
/// let sound = tapo_codec::describe(*b"mp4a", &[(*b"esds", &esds)]);
/// assert_eq!(sound.codec_string, "mp4a.40.2");
/// assert_eq!((sound.sample_rate, sound.channels), (Some(44_100), Some(2)));
/// ```
#[must_use]
pub fn describe<'a>(entry_type: [u8; 4], boxes: &ConfigBoxes<'a>) -> CodecDescription<'a> {
    let codec = registry::find(entry_type);
    let mut description = CodecDescription {
        entry_type,
        kind: codec.map_or(MediaKind::Unknown, |codec| codec.kind),
        codec_string: printable(entry_type),
        name: codec.map_or_else(|| printable(entry_type), |codec| codec.name.to_owned()),
        size: None,
        sample_aspect: None,
        frame_rate: None,
        sample_rate: None,
        channels: None,
        bits: None,
        frame_length: None,
        nal_length_size: None,
        parameter_sets: Vec::new(),
        reorder_depth: None,
        defect: None,
    };
    if let Some(codec) = codec {
        description.defect = (codec.describe)(&mut description, boxes).err();
    }
    description
}

/// The payload of the first box of this type, four characters.
pub(crate) fn config<'a>(boxes: &ConfigBoxes<'a>, kind: &'static str) -> Result<&'a [u8]> {
    boxes
        .iter()
        .find(|(found, _)| found == kind.as_bytes())
        .map(|&(_, payload)| payload)
        .ok_or(CodecError::MissingConfiguration { kind })
}

/// A FourCC as text: padding spaces off the end, everything that does not print escaped.
fn printable(entry_type: [u8; 4]) -> String {
    let text = entry_type.escape_ascii().to_string();
    let trimmed = text.trim_end();
    if trimmed.is_empty() {
        text
    } else {
        trimmed.to_owned()
    }
}
