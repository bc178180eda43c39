//! A camera's profile: what its recordings look like, kept beside them as JSON,
//! so that a file that lost its beginning can be rebuilt. It holds parameter
//! sets, no pictures, and nothing of the address.

use crate::hex::hex;
use crate::names::component;
use crate::source::{StreamInfo, TrackInfo};
use serde::Serialize;
use std::path::{Path, PathBuf};
use tapo_movie::SampleDescription;

/// Version of the form; fields may be added without a new one.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Profile<'a> {
    version: u32,
    camera: &'a str,
    recorder: &'a str,
    /// SHA-256 of the session description.
    sdp_sha256: String,
    interleaving: Interleaving,
    tracks: Vec<Track>,
}

#[derive(Serialize)]
struct Interleaving {
    /// Boxes of a fragment, in order.
    fragment: [&'static str; 4],
    /// Media in one, milliseconds of the first video track.
    milliseconds: u64,
    /// What `mdat` holds: one run of samples for each track, in track order.
    mdat: &'static str,
}

#[derive(Serialize)]
struct Track {
    id: u32,
    kind: &'static str,
    timescale: u32,
    sample_entry: String,
    /// All bytes of the sample entry, hexadecimal.
    sample_entry_hex: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    channels: Option<u32>,
    /// RFC 6381.
    codec: String,
    /// Bytes of the length before each NAL unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    nal_length_size: Option<usize>,
    /// Parameter sets as NAL units, hexadecimal, in the order of the sample
    /// entry.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parameter_sets_hex: Vec<String>,
}

/// The profile as JSON; `None` while not all tracks are described.
pub(crate) fn encode<'a>(
    camera: &str,
    info: &StreamInfo,
    descriptions: impl Iterator<Item = Option<&'a SampleDescription>>,
) -> Option<Vec<u8>> {
    let mut tracks = Vec::new();
    for ((id, track), description) in (1..).zip(&info.tracks).zip(descriptions) {
        tracks.push(describe(id, track, description?));
    }
    let profile = Profile {
        version: VERSION,
        camera,
        recorder: concat!("tapo ", env!("CARGO_PKG_VERSION")),
        sdp_sha256: hex(&info.sdp_sha256),
        interleaving: Interleaving {
            fragment: ["prft", "uuid", "moof", "mdat"],
            milliseconds: 1000,
            mdat: "one run per track",
        },
        tracks,
    };
    let mut bytes = serde_json::to_vec_pretty(&profile).ok()?;
    bytes.push(b'\n');
    Some(bytes)
}

/// Where the profile of a camera stands.
pub(crate) fn path(folder: &Path, camera: &str) -> PathBuf {
    let name = component(&camera.replace('/', "_")).unwrap_or_else(|| "camera".to_owned());
    folder.join(".tapo").join(format!("{name}.profile.json"))
}

fn describe(id: u32, track: &TrackInfo, description: &SampleDescription) -> Track {
    let (width, height) = description.size().unzip();
    let boxes: Vec<_> = description
        .entry
        .children()
        .map(|(k, p)| (k.0, p))
        .collect();
    let said = tapo_codec::describe(description.kind().0, &boxes);
    Track {
        id,
        kind: match track.codec {
            codec if codec.is_video() => "video",
            codec if codec.is_sparse() => "metadata",
            _ => "audio",
        },
        timescale: track.clock_rate,
        sample_entry: description.kind().to_string(),
        sample_entry_hex: hex(description.entry.raw()),
        width,
        height,
        channels: description.channels(),
        codec: said.codec_string,
        nal_length_size: said
            .nal_length_size
            .map(tapo_codec::nal::NalLengthSize::bytes),
        parameter_sets_hex: said.parameter_sets.iter().map(|set| hex(set)).collect(),
    }
}
