//! Sample entries: the fields that kinds of them have in common (14496-12 §12,
//! QTFF "Media Data Atom Types"), in front of their boxes.

use super::rule::Cond::{Is, Left};
use super::rule::Count::Of;
use super::rule::Len::{Null, Pascal, Rest};
use super::rule::Rule::{self, Bytes, Code, If, Int, List, Skip, Text, Ufixed, Uint};
use super::rule::{Layout, plain};
use tapo_bmff::{FourCc, SampleEntry, entry::Fields};

/// The layout of a sample entry in a track with this handler.
pub(super) fn layout(kind: FourCc, handler: Option<FourCc>) -> &'static Layout {
    if let Some((_, layout)) = OTHERS.iter().find(|(k, _)| kind == *k) {
        return layout;
    }
    // An entry of this type that has room for any fields.
    let mut raw = vec![0; 128];
    for (to, from) in raw.iter_mut().zip([0, 0, 0, 128].into_iter().chain(kind.0)) {
        *to = from;
    }
    match SampleEntry::parse(raw, handler).map(|e| e.fields()) {
        Some(Fields::Visual { .. }) => &VISUAL,
        Some(Fields::Sound { .. }) => &SOUND,
        _ => &PLAIN,
    }
}

const PLAIN: Layout = plain(&[], &[Skip(48), INDEX]);

const INDEX: Rule = Uint("data_reference_index", 16);

// 12.1.3
const VISUAL: Layout = plain(
    &[],
    &[
        Skip(48),
        INDEX,
        Skip(128),
        Uint("width", 16),
        Uint("height", 16),
        Ufixed("horizresolution", 32, 16),
        Ufixed("vertresolution", 32, 16),
        Skip(32),
        Uint("frame_count", 16),
        Text("compressorname", Pascal(32)),
        Uint("depth", 16),
        Skip(16),
    ],
);

// 12.2.3; QTFF "Sound Sample Description" versions 1 and 2
const SOUND: Layout = plain(
    &[],
    &[
        Skip(48),
        INDEX,
        Uint("entry_version", 16),
        Skip(48),
        Uint("channelcount", 16),
        Uint("samplesize", 16),
        Int("compression_id", 16),
        Skip(16),
        Ufixed("samplerate", 32, 16),
        If(
            Is("entry_version", 1),
            &[If(
                Left(16),
                &[
                    Uint("samples_per_packet", 32),
                    Uint("bytes_per_packet", 32),
                    Uint("bytes_per_frame", 32),
                    Uint("bytes_per_sample", 32),
                ],
            )],
        ),
        If(
            Is("entry_version", 2),
            &[
                Uint("size_of_struct", 32),
                Rule::Double("audio_sample_rate"),
                Uint("num_audio_channels", 32),
                Skip(32),
                Uint("const_bits_per_channel", 32),
                Uint("format_specific_flags", 32),
                Uint("const_bytes_per_audio_packet", 32),
                Uint("const_lpcm_frames_per_audio_packet", 32),
            ],
        ),
    ],
);

pub(super) const OTHERS: &[(&[u8; 4], Layout)] = &[
    // QTFF "Timecode Sample Description"
    (
        b"tmcd",
        plain(
            &[],
            &[
                Skip(48),
                INDEX,
                Skip(32),
                Uint("flags", 32),
                Uint("timescale", 32),
                Uint("frame_duration", 32),
                Uint("number_of_frames", 8),
                Skip(8),
            ],
        ),
    ),
    // 3GPP TS 26.245 5.16
    (
        b"tx3g",
        plain(
            &[],
            &[
                Skip(48),
                INDEX,
                Uint("display_flags", 32),
                Int("horizontal_justification", 8),
                Int("vertical_justification", 8),
                List("background_color_rgba", Of(4), &[Uint("", 8)]),
                Int("box_top", 16),
                Int("box_left", 16),
                Int("box_bottom", 16),
                Int("box_right", 16),
                Uint("style_start_char", 16),
                Uint("style_end_char", 16),
                Uint("style_font_id", 16),
                Uint("style_face_flags", 8),
                Uint("style_font_size", 8),
                List("style_text_color_rgba", Of(4), &[Uint("", 8)]),
            ],
        ),
    ),
    // 12.3.3
    (
        b"metx",
        plain(
            &[],
            &[
                Skip(48),
                INDEX,
                Text("content_encoding", Null),
                Text("namespace", Null),
                Text("schema_location", Null),
            ],
        ),
    ),
    (
        b"mett",
        plain(
            &[],
            &[
                Skip(48),
                INDEX,
                Text("content_encoding", Null),
                Text("mime_format", Null),
            ],
        ),
    ),
    // 12.5.3, 12.6.3
    (
        b"sbtt",
        plain(
            &[],
            &[
                Skip(48),
                INDEX,
                Text("content_encoding", Null),
                Text("mime_format", Null),
            ],
        ),
    ),
    (
        b"stpp",
        plain(
            &[],
            &[
                Skip(48),
                INDEX,
                Text("namespace", Null),
                Text("schema_location", Null),
                Text("auxiliary_mime_types", Null),
            ],
        ),
    ),
    // 9.1.2
    (
        b"rtp ",
        plain(
            &[],
            &[
                Skip(48),
                INDEX,
                Uint("hint_track_version", 16),
                Uint("highest_compatible_version", 16),
                Uint("max_packet_size", 32),
                Bytes("boxes", Rest),
            ],
        ),
    ),
    // GoPro
    (
        b"fdsc",
        plain(
            &[],
            &[
                Skip(48),
                INDEX,
                If(Left(4), &[Code("brand"), Text("version", Rest)]),
            ],
        ),
    ),
];
