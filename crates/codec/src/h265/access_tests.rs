//! Access units put together from a real encoder's units: what opens one, what stays with it.

use super::streams::{PPS, SLICES, SPS, VPS};
use crate::nal::NalLengthSize;
use crate::presentation::{Order, PresentationOrder};
use crate::recognise::{Access, Depth, Hints, Recogniser, Verdict, recogniser};
use tapo_io::Window;

const AUD: &[u8] = &[0x46, 0x01, 0x50];
const PREFIX_SEI: &[u8] = &[0x4E, 0x01, 5, 1, 0xAA, 0x80];
const SUFFIX_SEI: &[u8] = &[0x50, 0x01, 132, 1, 0xAA, 0x80];
const END_OF_SEQUENCE: &[u8] = &[0x48, 0x01];
/// What another track's samples look like.
const FOREIGN: &[u8] = &[0x21, 0x1A, 0x4F, 0xFF, 0x10, 0, 0, 0, 0, 0x77, 0, 1];

fn join(units: &[&[u8]], size: u8) -> Vec<u8> {
    let mut sample = Vec::new();
    for unit in units {
        let length = u32::try_from(unit.len()).unwrap().to_be_bytes();
        sample.extend_from_slice(&length[4 - usize::from(size)..]);
        sample.extend_from_slice(unit);
    }
    sample
}

/// With its parameter sets known, or nothing at all.
fn of(size: u8, known: bool) -> Box<dyn Recogniser> {
    let hints = Hints {
        nal_length_size: NalLengthSize::new(size),
        ..Hints::default()
    };
    let mut hevc = recogniser(*b"hvc1", &[], &hints).unwrap();
    for set in [VPS, SPS, PPS] {
        if known {
            hevc.adopt(set).unwrap();
        }
    }
    hevc
}

fn probe(hevc: &dyn Recogniser, data: &[u8]) -> Verdict {
    let mut window = Window::new(&data);
    let end = data.len() as u64;
    hevc.probe(&mut window, 0, end, Depth::Thorough).unwrap()
}

fn whole(hevc: &dyn Recogniser, data: &[u8]) -> Access {
    match probe(hevc, data) {
        Verdict::Sample(access) => access,
        other => panic!("{other:?}"),
    }
}

/// The first slice is an IDR or CRA picture, the others are not.
fn slice(i: usize) -> &'static [u8] {
    SLICES[i].1
}

#[test]
fn pictures_one_behind_the_other_in_order() {
    for size in [1, 2, 4] {
        let hevc = of(size, true);
        let data = [
            SLICES.map(|(_, nal)| join(&[nal], size)).concat(),
            FOREIGN.to_vec(),
        ]
        .concat();
        let mut order = PresentationOrder::new();
        let (mut at, mut shown) = (0usize, Vec::new());
        for (time, nal) in SLICES {
            let access = whole(&*hevc, &data[at..]);
            assert_eq!(access.len, nal.len() as u64 + u64::from(size));
            assert_eq!(access.sync, time == 0);
            shown.push((order.next(&access.order), time));
            at += usize::try_from(access.len).unwrap();
        }
        shown.sort();
        assert!(shown.is_sorted_by_key(|(_, time)| *time), "{shown:?}");
    }
}

#[test]
fn what_opens_an_access_unit_and_what_stays() {
    let hevc = of(4, true);
    let first = join(&[slice(1), SUFFIX_SEI, END_OF_SEQUENCE], 4);
    for leading in [
        &[AUD][..],
        &[PREFIX_SEI],
        &[VPS, SPS, PPS],
        &[AUD, VPS, SPS, PPS, PREFIX_SEI],
    ] {
        let second = join(&[leading, &[slice(0)]].concat(), 4);
        let data = [first.clone(), second.clone()].concat();
        let access = whole(&*hevc, &data);
        assert_eq!(access.len, first.len() as u64);
        assert!(matches!(
            access.order,
            Order::H265 {
                ends_sequence: true,
                ..
            }
        ));
        let access = whole(&*hevc, &second);
        assert_eq!((access.len, access.sync), (second.len() as u64, true));
        assert_eq!(access.parameter_sets, []);
    }
}

#[test]
fn parameter_sets_in_band_are_enough() {
    let hevc = of(4, false);
    let lone = join(&[slice(0)], 4);
    assert!(matches!(
        probe(&*hevc, &lone),
        Verdict::Not(crate::CodecError::MissingParameterSet { .. })
    ));
    let sample = join(&[VPS, SPS, PPS, slice(0)], 4);
    let access = whole(&*hevc, &sample);
    assert_eq!(access.len, sample.len() as u64);
    let sets: Vec<_> = access.parameter_sets.iter().map(|set| set.start).collect();
    assert_eq!(
        sets,
        [4, 8 + VPS.len() as u64, 12 + (VPS.len() + SPS.len()) as u64]
    );
}

#[test]
fn illegal_headers() {
    let hevc = of(4, true);
    let with = |first: u8, second: u8| {
        let mut unit = slice(0).to_vec();
        unit[0] = first;
        unit[1] = second;
        let sample = join(&[&unit], 4);
        let bad = matches!(probe(&*hevc, &sample), Verdict::Not(_));
        assert_eq!(hevc.could_start(&sample), !bad, "{first:x} {second:x}");
        bad
    };
    assert!(!with(0x28, 1));
    // Forbidden bit, no temporal layer, another layer, IRAP above the lowest, reserved type, a sub-layer that is not there.
    for (first, second) in [
        (0xA8, 1),
        (0x28, 0),
        (0x28, 9),
        (0x28, 2),
        (0x2C, 1),
        (0x02, 7),
    ] {
        assert!(with(first, second), "{first:x} {second:x}");
    }
}
