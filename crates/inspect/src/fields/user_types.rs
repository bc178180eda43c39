//! What stands in `uuid` boxes (14496-12 §11.1): ours, and those of others that are
//! documented.

use super::rule::Cond::{Flag, Left};
use super::rule::Count::By;
use super::rule::Len::{self, Null, Prefixed, Rest};
use super::rule::Rule::{Bytes, Code, If, Int, List, Text, Ticks, Uint, Uuid};
use super::rule::{Layout, full, plain};

/// The layout of a box with this extended type, if it is known.
pub(super) fn layout(id: &[u8; 16]) -> Option<&'static Layout> {
    let mut all = LAYOUTS.iter();
    let found = all.find(|(known, _)| u128::from_be_bytes(*id) == *known);
    found.map(|(_, layout)| layout)
}

pub(super) const LAYOUTS: &[(u128, Layout)] = &[
    // docs/formats.md: SEGMENT
    (
        u128::from_be_bytes(tapo_movie::SegmentStamp::USER_TYPE),
        plain(
            &[],
            &[
                Uint("version", 8),
                Uint("flags", 8),
                Uint("segment", 32),
                Uint("timescale", 32),
                Int("start", 64),
                Int("started_ns", 64),
                Uuid("session"),
                Bytes("previous_chain", Len::Of(32)),
                Bytes("sdp_sha256", Len::Of(32)),
                Text("camera", Prefixed(16)),
                Text("recorder", Prefixed(16)),
                If(Left(8), &[Uint("missing_ns", 64)]),
            ],
        ),
    ),
    // FRAGMENT
    (
        u128::from_be_bytes(tapo_movie::FragmentStamp::USER_TYPE),
        plain(
            &[],
            &[
                Uint("version", 8),
                Uint("flags", 8),
                Uint("track_id", 32),
                Uint("sequence", 64),
                Int("wall_ns", 64),
                Int("received_ns", 64),
                Uint("rtp_time", 32),
                Uint("lost_packets", 32),
                Bytes("sha256", Len::Of(32)),
                Bytes("chain", Len::Of(32)),
            ],
        ),
    ),
    // REVEAL
    (
        0x3b1d0eb2_95dd_48a2_9ea8_74f95c67d6c6,
        plain(
            &[],
            &[
                Uint("version", 32),
                Uint("reserve", 32),
                Uint("moov_length", 32),
                Uint("moov_crc32", 32),
            ],
        ),
    ),
    // UNDO
    (
        0x937f82c4_2b17_44a8_a421_cc10b4af6b86,
        plain(
            &[],
            &[
                Uint("version", 32),
                Uint("end", 64),
                Uint("first_at", 64),
                Uint("close_at", 64),
                Uint("first_length", 8),
                Uint("close_length", 8),
                Uint("endless", 16),
                Code("close_type"),
                Bytes("first_original", Len::Of(16)),
                Bytes("close_original", Len::Of(16)),
                Uint("moov_crc32", 32),
                Uint("crc32", 32),
            ],
        ),
    ),
    // XMP specification part 3
    (
        0xbe7acfcb_97a9_42e8_9c71_999491e3afac,
        plain(&[], &[Text("xmp", Rest)]),
    ),
    // Spherical Video V1
    (
        0xffcc8263_f855_4a93_8814_587a02521fdd,
        plain(&[], &[Text("xml", Rest)]),
    ),
    // C2PA technical specification, "Embedding manifests into BMFF-based assets"
    (
        0xd8fec3d6_1b0e_483c_9297_5828877ec481,
        full(&[], &[Text("box_purpose", Null), Bytes("data", Rest)]),
    ),
    // MS-SSTR 2.2.4.4, 2.2.4.5
    (
        0x6d1d9b05_42d5_44e6_80e2_141daff757b2,
        full(
            &[],
            &[Ticks("fragment_absolute_time"), Ticks("fragment_duration")],
        ),
    ),
    (
        0xd4807ef2_ca39_4695_8e54_26cb9e46a79f,
        full(
            &[],
            &[
                Uint("fragment_count", 8),
                List(
                    "fragments",
                    By("fragment_count"),
                    &[Ticks("fragment_absolute_time"), Ticks("fragment_duration")],
                ),
            ],
        ),
    ),
    // PIFF 1.1 5.3
    (
        0xa2394f52_5a9b_4f14_a244_6c427c648df4,
        full(
            &[],
            &[
                If(
                    Flag(1),
                    &[Uint("algorithm_id", 24), Uint("iv_size", 8), Uuid("kid")],
                ),
                Uint("sample_count", 32),
                Bytes("samples", Rest),
            ],
        ),
    ),
    (
        0x8974dbce_7be7_4c51_84f9_7148f9882554,
        full(
            &[],
            &[
                Uint("default_algorithm_id", 24),
                Uint("default_iv_size", 8),
                Uuid("default_kid"),
            ],
        ),
    ),
    (
        0xd08a4f18_10f3_4a82_b6c8_32d8aba183d3,
        full(&[], &[Uuid("system_id"), Bytes("data", Prefixed(32))]),
    ),
];
