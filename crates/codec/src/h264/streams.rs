//! Parameter sets and slice headers of real encoders, and what becomes of them when they are broken.

use super::*;
use crate::error::CodecError;
use crate::order::{DecodeTimes, ReorderDepth, observed_depth};
use h264_reader::rbsp::{BitWrite as _, BitWriter, ByteWriter};
use proptest::prelude::*;
use std::io::Write as _;

/// x264, 176x144, B-pyramid: one SPS, one PPS, the fields of the High profiles.
const PYRAMID: &[u8] = &[
    0x01, 0x64, 0x00, 0x0B, 0xFF, 0xE1, 0x00, 0x18, 0x67, 0x64, 0x00, 0x0B, 0xAC, 0xD9, 0x42, 0xC4,
    0xEC, 0x04, 0x40, 0x00, 0x00, 0x03, 0x00, 0x40, 0x00, 0x00, 0x0C, 0x83, 0xC5, 0x0A, 0x65, 0x80,
    0x01, 0x00, 0x06, 0x68, 0xEB, 0xE3, 0xCB, 0x22, 0xC0, 0xFD, 0xF8, 0xF8, 0x00,
];

/// The heads of its first slices with their presentation times in frames.
const PYRAMID_SLICES: [(i64, &[u8]); 9] = [
    (
        0,
        &[
            0x65, 0x88, 0x84, 0x01, 0x7F, 0xD4, 0x57, 0x6D, 0x62, 0x78, 0xAD, 0x3E, 0x89, 0xB4,
            0xB5, 0x2A,
        ],
    ),
    (
        4,
        &[
            0x41, 0x9A, 0x24, 0x6C, 0x7F, 0xD7, 0xBD, 0x52, 0x46, 0x1C, 0x72, 0x1D, 0xAA, 0x9C,
            0x65, 0xA4,
        ],
    ),
    (
        2,
        &[
            0x41, 0x9E, 0x42, 0x78, 0x84, 0x3F, 0xFD, 0x20, 0x73, 0x1E, 0xDD, 0x31, 0xD4, 0x1C,
            0x91, 0x92,
        ],
    ),
    (
        1,
        &[
            0x01, 0x9E, 0x61, 0x74, 0x42, 0xDF, 0xF0, 0x22, 0x04, 0x5B, 0x07, 0x6A, 0xB2, 0x4E,
            0x6C, 0x88,
        ],
    ),
    (
        3,
        &[
            0x01, 0x9E, 0x63, 0x6A, 0x42, 0xDF, 0xB6, 0xB6, 0x3C, 0xDF, 0xFC, 0x3E, 0xD7, 0xF3,
            0x87, 0xF9,
        ],
    ),
    (
        8,
        &[
            0x41, 0x9A, 0x68, 0x49, 0xA8, 0x41, 0x68, 0x99, 0x4C, 0x0F, 0xFF, 0x95, 0x64, 0xD8,
            0xF9, 0xF1,
        ],
    ),
    (
        6,
        &[
            0x41, 0x9E, 0x86, 0x45, 0x11, 0x2C, 0x25, 0xFF, 0xEE, 0xFA, 0x99, 0x1A, 0x72, 0xBB,
            0xED, 0x7E,
        ],
    ),
    (
        5,
        &[
            0x01, 0x9E, 0xA5, 0x74, 0x42, 0xDF, 0xB6, 0x69, 0x49, 0x06, 0x5A, 0x53, 0x1D, 0xD0,
            0xFF, 0xE8,
        ],
    ),
    (
        7,
        &[
            0x01, 0x9E, 0xA7, 0x6A, 0x42, 0xDF, 0xBC, 0x5A, 0x9F, 0x1F, 0xF8, 0x75, 0x3F, 0xED,
            0x45, 0xEF,
        ],
    ),
];

fn sets() -> ParameterSets {
    ParameterSets::of_config(&AvcConfig::parse(PYRAMID).unwrap())
}

#[test]
fn order_of_a_pyramid_from_slice_headers() {
    let sets = sets();
    let mut state = PocState::default();
    let mut depth_seen = Vec::new();
    for (pts, nal) in PYRAMID_SLICES {
        let slice = sets.slice_header(nal).unwrap();
        let poc = state.next(sets.sps(slice.sps_id).unwrap(), &slice);
        assert_eq!(poc.key(), (1, 2 * pts), "two fields a frame");
        assert_eq!((slice.first_mb, slice.field), (0, None));
        depth_seen.push(pts);
    }
    let depth = sets.sps(0).unwrap().reorder_depth();
    assert_eq!(depth, ReorderDepth::Known(2));
    assert_eq!(observed_depth(&depth_seen), 2);
    let mut times = DecodeTimes::new(2);
    for (pts, _) in PYRAMID_SLICES {
        times.push(pts).unwrap();
    }
    times.finish().unwrap();
    let dts: Vec<_> = std::iter::from_fn(|| times.next()).collect();
    assert_eq!(dts, [-2, -1, 0, 1, 2, 3, 4, 5, 6]);
}

#[test]
fn slice_fields() {
    let sets = sets();
    let slice = |i: usize| sets.slice_header(PYRAMID_SLICES[i].1).unwrap();
    assert!(slice(0).is_idr());
    assert_eq!(
        (slice(0).slice_type, slice(0).idr_pic_id),
        (SliceType::I, Some(0))
    );
    assert_eq!((slice(1).slice_type, slice(1).frame_num), (SliceType::P, 1));
    assert_eq!(
        (slice(3).slice_type, slice(3).nal_ref_idc),
        (SliceType::B, 0)
    );
}

#[test]
fn sps_summary() {
    let config = AvcConfig::parse(PYRAMID).unwrap();
    let sps = Sps::parse(config.sps[0]).unwrap();
    assert_eq!((sps.width, sps.height, sps.coded_width), (176, 144, 176));
    assert_eq!(sps.profile_level(), "High 1.1");
    assert_eq!(
        (sps.sample_aspect, sps.frame_rate),
        (Some((1, 1)), Some((25, 1)))
    );
    assert_eq!(sps.poc, PocType::Lsb { log2_max_lsb: 6 });
    assert_eq!(sps.codec_string(*b"avc1"), "avc1.64000B");
    assert_eq!(AvcConfig::build(&config.sps, &config.pps).unwrap(), PYRAMID);
}

#[test]
fn a_level_too_low_for_the_picture_does_not_matter() {
    // x264 told to write level 3.0 for 1920x1080.
    let sps = Sps::parse(&[
        0x67, 0x64, 0x00, 0x1E, 0xAC, 0xD9, 0x40, 0x78, 0x02, 0x27, 0xE5, 0xC0, 0x44, 0x00, 0x00,
        0x03, 0x00, 0x04, 0x00, 0x00, 0x03, 0x00, 0xC8, 0x3C, 0x58, 0xB6, 0x58,
    ])
    .unwrap();
    assert_eq!(
        (sps.width, sps.height, sps.coded_height),
        (1920, 1080, 1088)
    );
    assert_eq!(
        (sps.level_idc, sps.profile_level()),
        (30, "High 3.0".to_owned())
    );
    assert_eq!(sps.reorder_depth(), ReorderDepth::Known(2));
}

#[test]
fn fields_double_the_height() {
    // x264, macroblock-adaptive, 176x144.
    let sps = Sps::parse(&[
        0x67, 0x64, 0x00, 0x15, 0xAC, 0xD9, 0x42, 0xCA, 0xFC, 0xB8, 0x08, 0x80, 0x00, 0x00, 0x03,
        0x00, 0x80, 0x00, 0x00, 0x19, 0x0F, 0x8A, 0x14, 0xCB,
    ])
    .unwrap();
    assert!(!sps.frame_mbs_only);
    assert_eq!((sps.width, sps.height, sps.coded_height), (176, 144, 160));
}

/// A Main SPS of 352x288, level 3.0, four reference frames, with the given VUI.
fn main_sps(profile: u8, flags: u8, vui: impl FnOnce(&mut BitWriter<&mut Vec<u8>>)) -> Vec<u8> {
    let mut rbsp = Vec::new();
    let mut w = BitWriter::new(&mut rbsp);
    for byte in [profile, flags, 30] {
        w.write::<8, u8>(byte).unwrap();
    }
    // Identifier, log2_max_frame_num_minus4, POC type 0, log2_max_pic_order_cnt_lsb_minus4, max_num_ref_frames.
    for value in [0, 0, 0, 2, 4] {
        w.write_ue(value).unwrap();
    }
    w.write_bit(false).unwrap();
    w.write_ue(21).unwrap();
    w.write_ue(17).unwrap();
    // frame_mbs_only, direct_8x8_inference, no cropping.
    for bit in [true, true, false] {
        w.write_bit(bit).unwrap();
    }
    vui(&mut w);
    w.write_rbsp_trailing_bits().unwrap();
    let mut nal = vec![0x67];
    ByteWriter::new(&mut nal).write_all(&rbsp).unwrap();
    nal
}

/// A VUI with 25 frames a second and these reorder and buffer sizes.
fn restricted(w: &mut BitWriter<&mut Vec<u8>>, reorder: u32, buffering: u32) {
    for bit in [true, false, false, false, false, true] {
        w.write_bit(bit).unwrap();
    }
    w.write::<32, u32>(1).unwrap();
    w.write::<32, u32>(50).unwrap();
    // fixed_frame_rate, no HRD, no pic_struct, bitstream_restriction, motion_vectors_over_pic_boundaries.
    for bit in [true, false, false, false, true, true] {
        w.write_bit(bit).unwrap();
    }
    for value in [0, 0, 10, 10, reorder, buffering] {
        w.write_ue(value).unwrap();
    }
}

#[test]
fn reorder_depth_by_profile_and_vui() {
    let depth = |profile, flags, vui: Option<(u32, u32)>| {
        let nal = main_sps(profile, flags, |w| match vui {
            None => w.write_bit(false).unwrap(),
            Some((reorder, buffering)) => restricted(w, reorder, buffering),
        });
        Sps::parse(&nal).unwrap().reorder_depth()
    };
    assert_eq!(depth(66, 0, None), ReorderDepth::Known(0));
    // Level 3.0: 8100 macroblocks hold 20 frames of 396, of which 16 count.
    assert_eq!(depth(77, 0, None), ReorderDepth::Unknown { at_most: 16 });
    assert_eq!(depth(77, 0, Some((1, 4))), ReorderDepth::Known(1));
    assert_eq!(depth(77, 0, Some((0, 4))), ReorderDepth::Known(0));
}

#[test]
fn a_contradiction_in_the_vui_costs_nothing() {
    // Cameras write a buffer smaller than their reference frames.
    let sps = Sps::parse(&main_sps(77, 0, |w| restricted(w, 0, 1))).unwrap();
    assert_eq!(sps.reorder_depth(), ReorderDepth::Known(0));
    assert_eq!(
        (sps.frame_rate, sps.fixed_frame_rate),
        (Some((25, 1)), true)
    );
    // And some end within it.
    let mut nal = main_sps(77, 0, |w| restricted(w, 0, 4));
    nal.truncate(12);
    let sps = Sps::parse(&nal).unwrap();
    assert_eq!((sps.width, sps.frame_rate), (352, None));
    nal.truncate(7);
    assert!(matches!(
        Sps::parse(&nal),
        Err(CodecError::Truncated { .. })
    ));
}

#[test]
fn padding_behind_a_parameter_set() {
    let mut sets = ParameterSets::new();
    let config = AvcConfig::parse(PYRAMID).unwrap();
    for nal in config.sps.iter().chain(&config.pps) {
        let padded = [nal, &[0, 0, 0, 0][..]].concat();
        assert!(sets.add(&padded).unwrap().is_some());
    }
    assert!(sets.has_pps() && sets.sps(0).is_some());
    assert_eq!(
        sets.add(&[0x67; 5000]).unwrap_err().to_string(),
        "H.264 SPS is longer than 4096 bytes"
    );
}

#[test]
fn what_a_slice_lacks_is_named() {
    let (_, idr) = PYRAMID_SLICES[0];
    let none = ParameterSets::new().slice_header(idr);
    assert_eq!(
        none,
        Err(CodecError::MissingParameterSet { kind: "PPS", id: 0 })
    );
    assert!(matches!(
        sets().slice_header(&idr[..3]),
        Err(CodecError::Truncated { .. })
    ));
    assert!(sets().slice_header(&[]).is_err());
    assert!(sets().slice_header(&[0x68, 1, 2]).is_err());
}

/// Once an overflow in the slice reader: it adds `slice_qp_delta` to others unchecked.
#[test]
fn an_absurd_qp_delta_is_an_error() {
    let mut rbsp = Vec::new();
    let mut w = BitWriter::new(&mut rbsp);
    // An IDR slice like the pyramid's: first_mb, slice_type 7, PPS; frame_num of 4 bits; idr_pic_id; lsb of 6 bits.
    for value in [0, 7, 0] {
        w.write_ue(value).unwrap();
    }
    w.write::<4, u8>(0).unwrap();
    w.write_ue(0).unwrap();
    w.write::<6, u8>(0).unwrap();
    w.write::<2, u8>(0).unwrap();
    w.write_ue(u32::MAX - 2).unwrap();
    w.write_rbsp_trailing_bits().unwrap();
    let mut nal = vec![0x65];
    ByteWriter::new(&mut nal).write_all(&rbsp).unwrap();
    assert_eq!(
        sets().slice_header(&nal),
        Err(CodecError::Malformed {
            structure: "H.264 slice header",
            element: "slice_qp_delta"
        })
    );
}

proptest! {
    #[test]
    fn mutated_parameter_sets_and_slices(
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..4),
        slices in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..4),
    ) {
        let mut payload = PYRAMID.to_vec();
        for (at, value) in changes {
            let at = at.index(payload.len());
            payload[at] = value;
        }
        let Ok(config) = AvcConfig::parse(&payload) else { return Ok(()) };
        let sets = ParameterSets::of_config(&config);
        let mut state = PocState::default();
        for sps in sets.all_sps() {
            prop_assert!(sps.width > 0 && sps.reorder_depth().at_most() <= 16);
        }
        for nal in PYRAMID_SLICES.iter().map(|(_, nal)| *nal).chain(slices.iter().map(Vec::as_slice)) {
            if let Ok(slice) = sets.slice_header(nal) {
                state.next(sets.sps(slice.sps_id).unwrap(), &slice);
            }
        }
    }

    #[test]
    fn arbitrary_nal_units(mut nal in proptest::collection::vec(any::<u8>(), 1..200), kind in proptest::sample::select(vec![0x67u8, 0x68, 0x65, 0x41, 0x06])) {
        nal[0] = kind;
        let mut sets = sets();
        let _ = sets.add(&nal);
        let _ = sets.slice_header(&nal);
        let size = NalLengthSize::new(1).unwrap();
        let _ = random_access(&[&[u8::try_from(nal.len()).unwrap()], &nal[..]].concat(), size);
    }
}
