//! The one table of codecs. A new codec is a file (or folder) and a line here.

use crate::describe::{CodecDescription, ConfigBoxes, MediaKind};
use crate::error::Result;
use crate::recognise::{Hints, Recogniser};
use crate::{
    aac, ac3, alac, amr, av1, boxed, camm, flac, gpmf, h264, h265, h266, iamf, jpeg, mpeg_audio,
    opus, pcm, prores, shape, start_codes, visual, vp9,
};
use MediaKind::{Audio, Hint, Metadata, Text, Timecode, Video};

/// Fills in a description from configuration boxes; an error becomes its defect.
pub(crate) type Describe = for<'a> fn(&mut CodecDescription<'a>, &ConfigBoxes<'a>) -> Result<()>;

/// Makes a recogniser of a sample entry's type, its configuration boxes and what else is known.
pub(crate) type Recognise = fn([u8; 4], &ConfigBoxes<'_>, &Hints) -> Option<Box<dyn Recogniser>>;

/// A line of the table.
pub(crate) struct Codec {
    /// Sample entry types.
    types: &'static [&'static [u8; 4]],
    pub(crate) kind: MediaKind,
    /// The name where the configuration adds nothing.
    pub(crate) name: &'static str,
    pub(crate) describe: Describe,
    pub(crate) recognise: Option<Recognise>,
}

/// The codec of a sample entry type.
pub(crate) fn find(entry_type: [u8; 4]) -> Option<&'static Codec> {
    CODECS
        .iter()
        .find(|codec| codec.types.contains(&&entry_type))
}

const fn codec(
    types: &'static [&'static [u8; 4]],
    kind: MediaKind,
    name: &'static str,
    describe: Describe,
) -> Codec {
    Codec {
        types,
        kind,
        name,
        describe,
        recognise: None,
    }
}

impl Codec {
    const fn recognised(mut self, by: Recognise) -> Self {
        self.recognise = Some(by);
        self
    }
}

/// For codecs that are known by their name alone.
fn plain<'a>(_: &mut CodecDescription<'a>, _: &ConfigBoxes<'a>) -> Result<()> {
    Ok(())
}

static CODECS: &[Codec] = &[
    // Video.
    codec(
        &[b"avc1", b"avc2", b"avc3", b"avc4", b"dva1", b"dvav"],
        Video,
        "H.264",
        h264::describe,
    )
    .recognised(h264::recogniser),
    codec(
        &[b"hvc1", b"hev1", b"hvc2", b"hev2", b"dvh1", b"dvhe"],
        Video,
        "H.265",
        h265::describe,
    )
    .recognised(h265::recogniser),
    codec(&[b"vvc1", b"vvi1"], Video, "H.266", h266::describe),
    codec(&[b"av01", b"dav1"], Video, "AV1", av1::describe),
    codec(&[b"vp08"], Video, "VP8", vp9::describe),
    codec(&[b"vp09"], Video, "VP9", vp9::describe),
    codec(&[b"mp4v"], Video, "MPEG-4 Visual", visual::describe).recognised(start_codes::mp4v),
    codec(&[b"s263", b"h263", b"H263"], Video, "H.263", plain).recognised(start_codes::h263),
    codec(&[b"mp1v", b"m1v "], Video, "MPEG-1 video", plain).recognised(start_codes::mpeg2),
    codec(&[b"mp2v", b"m2v1", b"mpeg"], Video, "MPEG-2 video", plain)
        .recognised(start_codes::mpeg2),
    codec(
        &[
            b"xdv1", b"xdv2", b"xdv3", b"xdv4", b"xdv5", b"xdv6", b"xdv7", b"xdv8", b"xdv9",
            b"xdva", b"xdvb", b"xdvc", b"xdvd", b"xdve", b"xdvf",
        ],
        Video,
        "MPEG-2 video (XDCAM)",
        plain,
    )
    .recognised(start_codes::mpeg2),
    codec(
        &[
            b"xd51", b"xd54", b"xd55", b"xd59", b"xd5a", b"xd5b", b"xd5c", b"xd5d", b"xd5e",
            b"xd5f",
        ],
        Video,
        "MPEG-2 video (XDCAM HD422)",
        plain,
    )
    .recognised(start_codes::mpeg2),
    codec(
        &[
            b"hdv1", b"hdv2", b"hdv3", b"hdv4", b"hdv5", b"hdv6", b"hdv7", b"hdv8", b"hdv9",
            b"hdva",
        ],
        Video,
        "MPEG-2 video (HDV)",
        plain,
    )
    .recognised(start_codes::mpeg2),
    codec(
        &[b"mx3n", b"mx3p", b"mx4n", b"mx4p", b"mx5n", b"mx5p"],
        Video,
        "MPEG-2 video (IMX)",
        plain,
    )
    .recognised(start_codes::mpeg2),
    codec(&[b"ap4h"], Video, "ProRes 4444", plain).recognised(prores::recogniser),
    codec(&[b"ap4x"], Video, "ProRes 4444 XQ", plain).recognised(prores::recogniser),
    codec(&[b"apch"], Video, "ProRes 422 HQ", plain).recognised(prores::recogniser),
    codec(&[b"apcn"], Video, "ProRes 422", plain).recognised(prores::recogniser),
    codec(&[b"apcs"], Video, "ProRes 422 LT", plain).recognised(prores::recogniser),
    codec(&[b"apco"], Video, "ProRes 422 Proxy", plain).recognised(prores::recogniser),
    codec(&[b"aprn", b"aprh"], Video, "ProRes RAW", plain),
    codec(&[b"AVdn", b"AVdh"], Video, "DNxHD", plain),
    codec(&[b"CFHD"], Video, "CineForm", plain),
    codec(&[b"jpeg"], Video, "JPEG", plain).recognised(jpeg::recogniser),
    codec(&[b"mjpa", b"mjpb"], Video, "Motion JPEG", plain).recognised(jpeg::recogniser),
    codec(&[b"mjp2"], Video, "JPEG 2000", plain),
    codec(&[b"png "], Video, "PNG", plain),
    codec(
        &[
            b"dvc ", b"dvcp", b"dvpp", b"dv5n", b"dv5p", b"dvh5", b"dvh6",
        ],
        Video,
        "DV",
        plain,
    ),
    codec(&[b"SVQ1", b"SVQ3"], Video, "Sorenson Video", plain),
    codec(
        &[b"2vuy", b"yuv2", b"v210", b"uncv"],
        Video,
        "uncompressed video",
        plain,
    ),
    codec(&[b"encv"], Video, "encrypted video", plain),
    codec(&[b"resv"], Video, "restricted video", plain),
    // Sound.
    codec(&[b"mp4a"], Audio, "MPEG-4 audio", aac::describe).recognised(aac::recogniser),
    codec(&[b".mp3", b"mp3 ", b"ms\0U"], Audio, "MP3", plain).recognised(mpeg_audio::recogniser),
    codec(&[b"ac-3"], Audio, "AC-3", ac3::describe_ac3).recognised(ac3::recogniser),
    codec(&[b"ec-3"], Audio, "E-AC-3", ac3::describe_eac3).recognised(ac3::recogniser),
    codec(&[b"ac-4"], Audio, "AC-4", plain),
    codec(&[b"dtsc", b"dtsh", b"dtsl", b"dtse"], Audio, "DTS", plain),
    codec(&[b"Opus"], Audio, "Opus", opus::describe).recognised(opus::recogniser),
    codec(&[b"fLaC"], Audio, "FLAC", flac::describe).recognised(flac::recogniser),
    codec(&[b"alac"], Audio, "ALAC", alac::describe).recognised(alac::recogniser),
    codec(&[b"samr"], Audio, "AMR-NB", amr::describe).recognised(amr::recogniser),
    codec(&[b"sawb"], Audio, "AMR-WB", amr::describe).recognised(amr::recogniser),
    codec(&[b"alaw"], Audio, "G.711 A-law", pcm::describe).recognised(pcm::recogniser),
    codec(&[b"ulaw"], Audio, "G.711 mu-law", pcm::describe).recognised(pcm::recogniser),
    codec(&[b"sowt"], Audio, "PCM, little-endian", pcm::describe).recognised(pcm::recogniser),
    codec(&[b"twos"], Audio, "PCM, big-endian", pcm::describe).recognised(pcm::recogniser),
    codec(&[b"in24"], Audio, "PCM, 24 bits", pcm::describe).recognised(pcm::recogniser),
    codec(&[b"in32"], Audio, "PCM, 32 bits", pcm::describe).recognised(pcm::recogniser),
    codec(&[b"fl32"], Audio, "PCM, 32-bit float", pcm::describe).recognised(pcm::recogniser),
    codec(&[b"fl64"], Audio, "PCM, 64-bit float", pcm::describe).recognised(pcm::recogniser),
    codec(
        &[b"raw "],
        Audio,
        "PCM, unsigned, or uncompressed video",
        pcm::describe,
    )
    .recognised(pcm::recogniser),
    codec(&[b"lpcm"], Audio, "PCM", pcm::describe).recognised(pcm::recogniser),
    codec(&[b"ipcm"], Audio, "PCM, integer", pcm::describe).recognised(pcm::recogniser),
    codec(&[b"fpcm"], Audio, "PCM, float", pcm::describe).recognised(pcm::recogniser),
    codec(&[b"ima4"], Audio, "IMA ADPCM", plain),
    codec(&[b"mha1", b"mhm1"], Audio, "MPEG-H 3D audio", plain),
    codec(&[b"iamf"], Audio, "IAMF", plain).recognised(iamf::recogniser),
    codec(&[b"enca"], Audio, "encrypted audio", plain),
    // The rest.
    codec(&[b"tx3g"], Text, "3GPP timed text", plain).recognised(shape::text),
    codec(&[b"text"], Text, "QuickTime text", plain).recognised(shape::text),
    codec(&[b"wvtt"], Text, "WebVTT", plain).recognised(boxed::wvtt),
    codec(&[b"stpp"], Text, "TTML", plain),
    codec(&[b"c608", b"c708"], Text, "closed captions", plain),
    codec(&[b"tmcd"], Timecode, "time code", plain).recognised(pcm::time_code),
    codec(&[b"gpmd"], Metadata, "GoPro telemetry", plain).recognised(gpmf::recogniser),
    codec(&[b"fdsc"], Metadata, "GoPro file description", plain),
    codec(&[b"camm"], Metadata, "camera motion", plain).recognised(camm::recogniser),
    codec(&[b"mebx"], Metadata, "QuickTime metadata", plain).recognised(boxed::mebx),
    codec(
        &[b"mett", b"metx", b"urim"],
        Metadata,
        "timed metadata",
        plain,
    ),
    codec(&[b"mp4s"], Metadata, "MPEG-4 systems", plain),
    codec(&[b"rtp ", b"rrtp", b"srtp"], Hint, "RTP hints", plain),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::describe;
    use proptest::prelude::*;

    #[test]
    fn no_type_stands_twice() {
        let mut types: Vec<_> = CODECS.iter().flat_map(|codec| codec.types).collect();
        types.sort_unstable();
        assert!(types.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn unknown_types_are_escaped() {
        let unknown = describe(*b"\x1B[2J", &[]);
        assert_eq!(unknown.kind, MediaKind::Unknown);
        assert_eq!(unknown.name, "\\x1b[2J");
        assert_eq!(unknown.codec_string, "\\x1b[2J");
        assert_eq!(describe(*b"    ", &[]).name, "    ");
        assert_eq!(describe(*b"rtp ", &[]).codec_string, "rtp");
    }

    #[test]
    fn a_missing_or_broken_configuration_leaves_the_name() {
        let bare = describe(*b"avc1", &[]);
        assert_eq!(
            (bare.name.as_str(), bare.codec_string.as_str()),
            ("H.264", "avc1")
        );
        let broken = describe(*b"avc1", &[(*b"avcC", &[1, 2])]);
        assert_eq!(broken.name, "H.264");
        assert_eq!(
            broken.defect.unwrap().to_string(),
            "avcC ends within profile_compatibility"
        );
    }

    proptest! {
        #[test]
        fn any_configuration_of_any_codec(
            line in 0..CODECS.len(),
            kind in proptest::sample::select(vec![*b"avcC", *b"hvcC", *b"esds", *b"dac3", *b"dec3", *b"dOps", *b"dfLa", *b"alac", *b"av1C", *b"vpcC", *b"pcmC", *b"vvcC"]),
            payload in proptest::collection::vec(any::<u8>(), 0..120),
        ) {
            for entry_type in CODECS.get(line).into_iter().flat_map(|codec| codec.types) {
                let found = describe(**entry_type, &[(kind, &payload)]);
                prop_assert!(found.codec_string.is_ascii() && !found.name.is_empty());
            }
        }
    }
}
