//! Parameter sets and slice headers of a real encoder, and what becomes of them when they are broken.

use super::*;
use crate::error::CodecError;
use crate::order::{ReorderDepth, observed_depth};
use proptest::prelude::*;

/// x265, 176x144, 25 frames a second, open GOP.
pub(super) const VPS: &[u8] = &[
    0x40, 0x01, 0x0C, 0x01, 0xFF, 0xFF, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03,
    0x00, 0x00, 0x03, 0x00, 0x3C, 0x95, 0x98, 0x09,
];
pub(super) const SPS: &[u8] = &[
    0x42, 0x01, 0x01, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03, 0x00, 0x00, 0x03,
    0x00, 0x3C, 0xA0, 0x16, 0x20, 0x24, 0x59, 0x65, 0x66, 0x92, 0x4C, 0xAF, 0x01, 0x68, 0x08, 0x00,
    0x00, 0x03, 0x00, 0x08, 0x00, 0x00, 0x03, 0x00, 0xC8, 0x40,
];
pub(super) const PPS: &[u8] = &[0x44, 0x01, 0xC1, 0x72, 0xB4, 0x62, 0x40];

/// The same encoder at 1920x1080, 10 bits, 30000/1001, with scaling lists and HRD.
const SPS_1080: &[u8] = &[
    0x42, 0x01, 0x01, 0x02, 0x20, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03, 0x00, 0x00, 0x03,
    0x00, 0x78, 0xA0, 0x03, 0xC0, 0x80, 0x11, 0x07, 0xCA, 0xD9, 0x65, 0x65, 0x4A, 0x4E, 0x17, 0x80,
    0xB4, 0x04, 0x00, 0x00, 0x0F, 0xA4, 0x00, 0x01, 0xD4, 0xC1, 0x82, 0x72, 0x59, 0xB8, 0x00, 0x3D,
    0x09, 0x00, 0x07, 0xA1, 0x22,
];

/// The heads of its first slice segments with their presentation times in frames.
pub(super) const SLICES: [(i64, &[u8]); 9] = [
    (0, &[0x28, 0x01, 0xAF, 0x1D, 0x62, 0xEE]),
    (3, &[0x02, 0x01, 0xD0, 0x19, 0x5F, 0x84]),
    (2, &[0x02, 0x01, 0xE0, 0x44, 0x97, 0xE1]),
    (1, &[0x00, 0x01, 0xE0, 0x24, 0xFF, 0xFA]),
    (5, &[0x02, 0x01, 0xD0, 0x28, 0x95, 0xD7]),
    (4, &[0x00, 0x01, 0xE0, 0x82, 0x2F, 0x5F]),
    (9, &[0x02, 0x01, 0xD0, 0x48, 0xB2, 0x57]),
    (7, &[0x02, 0x01, 0xE0, 0xE2, 0x25, 0x5D]),
    (6, &[0x00, 0x01, 0xE0, 0xC6, 0xF7, 0xD7]),
];

fn sets() -> ParameterSets {
    let mut sets = ParameterSets::new();
    for nal in [VPS, SPS, PPS] {
        assert!(sets.add(nal).unwrap().is_some());
    }
    sets
}

#[test]
fn sps_summary() {
    let sps = Sps::parse(SPS).unwrap();
    assert_eq!((sps.width, sps.height), (176, 144));
    assert_eq!(
        (sps.sample_aspect, sps.frame_rate),
        (Some((1, 1)), Some((25, 1)))
    );
    assert_eq!((sps.ctb_log2_size, sps.size_in_ctbs()), (6, 9));
    assert_eq!(sps.reorder_depth(), ReorderDepth::Known(2));
    let sps = Sps::parse(SPS_1080).unwrap();
    assert_eq!(
        (sps.width, sps.height, sps.coded_height),
        (1920, 1080, 1088)
    );
    assert_eq!(
        (sps.bit_depth_luma, sps.profile.name()),
        (10, "Main 10 4.0".to_owned())
    );
    assert_eq!(sps.frame_rate, Some((30_000, 1001)));
    assert_eq!(
        Vps::parse(VPS).unwrap().profile,
        Sps::parse(SPS).unwrap().profile
    );
}

#[test]
fn order_from_slice_headers() {
    let sets = sets();
    let mut state = PocState::default();
    for (pts, nal) in SLICES {
        let slice = sets.slice_header(nal).unwrap();
        assert!(slice.first_in_picture);
        let poc = state.next(sets.sps(slice.sps_id).unwrap(), &slice).unwrap();
        assert_eq!(poc.key(), (1, pts));
    }
    assert_eq!(observed_depth(&SLICES.map(|(pts, _)| pts)), 2);
}

#[test]
fn order_count_wraps_and_restarts() {
    let sets = sets();
    let sps = sets.sps(0).unwrap();
    let header = |kind: u8, temporal_id: u8, lsb: u32| SliceHeader {
        nal: NalHeader {
            nal_type: NalType(kind),
            layer_id: 0,
            temporal_id,
        },
        first_in_picture: true,
        pps_id: 0,
        sps_id: 0,
        address: 0,
        independent: Some(Independent {
            slice_type: SliceType::P,
            pic_order_cnt_lsb: lsb,
        }),
    };
    let mut state = PocState::default();
    let mut next = |kind, temporal_id, lsb| {
        state
            .next(sps, &header(kind, temporal_id, lsb))
            .unwrap()
            .key()
    };
    assert_eq!(sps.log2_max_poc_lsb, 8);
    // A CRA picture at the start begins a sequence with its own low bits; its leading pictures lie before it.
    assert_eq!(next(21, 0, 200), (1, 200));
    assert_eq!(next(8, 0, 196), (1, 196));
    assert_eq!(next(1, 0, 250), (1, 250));
    assert_eq!(next(1, 0, 4), (1, 260), "wrapped");
    // Neither a higher sub-layer nor a picture without reference moves the anchor.
    assert_eq!(next(1, 1, 130), (1, 386));
    assert_eq!(next(0, 0, 131), (1, 387));
    assert_eq!(next(1, 0, 2), (1, 258));
    assert_eq!(next(21, 0, 20), (1, 276), "a CRA picture within goes on");
    assert_eq!(next(20, 0, 0), (2, 0), "an IDR picture begins anew");
    assert_eq!(next(16, 0, 9), (3, 9), "and so does a BLA picture");
    state.end_of_sequence();
    assert_eq!(state.next(sps, &header(21, 0, 30)).unwrap().key(), (4, 30));
    // A row from the middle counts on from its first picture, even one that nothing refers to.
    let mut state = PocState::default();
    assert_eq!(state.next(sps, &header(0, 1, 149)).unwrap().key(), (1, 149));
    assert_eq!(state.next(sps, &header(1, 0, 155)).unwrap().key(), (1, 155));
}

#[test]
fn configuration_is_built_and_read_again() {
    let payload = HevcConfig::build(&[VPS], &[SPS], &[PPS], true).unwrap();
    let config = HevcConfig::parse(&payload).unwrap();
    assert_eq!(config.profile.codec_string(*b"hvc1"), "hvc1.1.6.L60.90");
    assert_eq!(config.nal_units, [VPS, SPS, PPS]);
    assert_eq!(
        (config.length_size, config.temporal_layers),
        (NalLengthSize::FOUR, 1)
    );
    assert_eq!((config.chroma_format_idc, config.bit_depth_luma), (1, 8));
    assert!(config.of_type(NalType::PPS).eq([PPS]));
    assert!(HevcConfig::build(&[VPS], &[], &[PPS], true).is_err());
    let described = crate::describe(*b"hvc1", &[(*b"hvcC", &payload)]);
    assert_eq!(
        (described.name.as_str(), described.size),
        ("H.265 Main 2.0", Some((176, 144)))
    );
    assert_eq!(described.parameter_sets.len(), 3);
    let cut = HevcConfig::parse(&payload[..payload.len() - 1]);
    assert_eq!(cut.unwrap_err().to_string(), "hvcC ends within nalUnit");
    assert!(HevcConfig::parse(&payload[..22]).is_err());
}

#[test]
fn an_unreadable_vui_costs_only_what_it_says() {
    // Cut within the VUI, behind the sample aspect.
    let sps = Sps::parse(&SPS[..30]).unwrap();
    assert_eq!(
        (sps.width, sps.sample_aspect, sps.frame_rate),
        (176, Some((1, 1)), None)
    );
    // Cut before the coding block sizes.
    assert!(matches!(
        Sps::parse(&SPS[..20]),
        Err(CodecError::Truncated { .. })
    ));
}

#[test]
fn what_a_slice_lacks_is_named() {
    let (_, idr) = SLICES[0];
    let error = ParameterSets::new().slice_header(idr).unwrap_err();
    assert_eq!(
        error,
        CodecError::MissingParameterSet { kind: "PPS", id: 0 }
    );
    let mut enhancement = idr.to_vec();
    enhancement[1] |= 8;
    assert!(matches!(
        sets().slice_header(&enhancement),
        Err(CodecError::Unsupported { .. })
    ));
    assert!(matches!(
        sets().slice_header(&SLICES[1].1[..3]),
        Err(CodecError::Truncated { .. })
    ));
    assert!(sets().slice_header(PPS).is_err());
}

proptest! {
    #[test]
    fn mutated_parameter_sets_and_slices(
        which in any::<bool>(),
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..4),
        slices in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..4),
    ) {
        let mut sps = if which { SPS } else { SPS_1080 }.to_vec();
        let mut pps = PPS.to_vec();
        for (at, value) in changes {
            let at = at.index(sps.len() + pps.len());
            match at.checked_sub(sps.len()) {
                Some(at) => pps[at] = value,
                None => sps[at] = value,
            }
        }
        let mut sets = ParameterSets::new();
        let _ = sets.add(&sps);
        let _ = sets.add(&pps);
        let mut state = PocState::default();
        for sps in sets.all_sps() {
            prop_assert!(sps.width > 0 && sps.height > 0 && sps.size_in_ctbs() > 0);
            prop_assert!(sps.reorder_depth().at_most() <= 16);
        }
        for nal in SLICES.iter().map(|(_, nal)| *nal).chain(slices.iter().map(Vec::as_slice)) {
            if let Ok(slice) = sets.slice_header(nal) {
                let sps = sets.sps(slice.sps_id).unwrap();
                prop_assert!(slice.address < sps.size_in_ctbs());
                state.next(sps, &slice);
            }
        }
    }

    #[test]
    fn arbitrary_bytes(mut nal in proptest::collection::vec(any::<u8>(), 2..300), kind in proptest::sample::select(vec![32u8, 33, 34, 1, 19, 21])) {
        nal[0] = kind << 1;
        nal[1] = 1;
        let mut sets = sets();
        let _ = sets.add(&nal);
        let _ = sets.slice_header(&nal);
        let _ = HevcConfig::parse(&nal);
    }
}
