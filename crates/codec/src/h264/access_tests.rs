//! Access units put together from written slice headers: fields, slices, parameter sets in-band, every size of length, cuts.

use super::AvcConfig;
use crate::nal::NalLengthSize;
use crate::presentation::{Order, PresentationOrder};
use crate::recognise::{Access, Depth, Hints, Recogniser, Verdict, recogniser};
use h264_reader::rbsp::{BitWrite as _, BitWriter, ByteWriter};
use std::io::Write as _;
use tapo_io::Window;

/// A NAL unit with this header byte.
pub(super) fn nal(header: u8, write: impl FnOnce(&mut BitWriter<&mut Vec<u8>>)) -> Vec<u8> {
    let mut rbsp = Vec::new();
    let mut w = BitWriter::new(&mut rbsp);
    write(&mut w);
    w.write_rbsp_trailing_bits().unwrap();
    let mut nal = vec![header];
    ByteWriter::new(&mut nal).write_all(&rbsp).unwrap();
    nal
}

/// Main, 320x192, fields allowed unless `frames`, `frame_num` and order count of 4 bits.
fn sps(id: u32, frames: bool) -> Vec<u8> {
    nal(0x67, |w| {
        for byte in [77, 0, 31] {
            w.write::<8, u8>(byte).unwrap();
        }
        // Identifier, log2_max_frame_num_minus4, POC type 0, log2_max_pic_order_cnt_lsb_minus4, references.
        for value in [id, 0, 0, 0, 4] {
            w.write_ue(value).unwrap();
        }
        w.write_bit(false).unwrap();
        w.write_ue(19).unwrap();
        w.write_ue(if frames { 11 } else { 5 }).unwrap();
        w.write_bit(frames).unwrap();
        if !frames {
            w.write_bit(false).unwrap(); // macroblock-adaptive
        }
        // direct_8x8_inference, no cropping, no VUI.
        for bit in [true, false, false] {
            w.write_bit(bit).unwrap();
        }
    })
}

/// CAVLC, no weights, no deblocking control.
pub(super) fn pps(id: u32, sps: u32) -> Vec<u8> {
    nal(0x68, |w| {
        w.write_ue(id).unwrap();
        w.write_ue(sps).unwrap();
        w.write::<2, u8>(0).unwrap(); // CAVLC, bottom_field_pic_order_in_frame_present_flag
        for _ in 0..3 {
            w.write_ue(0).unwrap(); // slice groups, active references
        }
        w.write::<3, u8>(0).unwrap(); // weights
        for _ in 0..3 {
            w.write_se(0).unwrap(); // QP, QS, chroma offset
        }
        w.write::<3, u8>(0).unwrap();
    })
}

#[derive(Clone, Copy)]
struct Slice {
    header: u8,
    first_mb: u32,
    frame_num: u8,
    lsb: u8,
    /// `None` for streams of frames only, else `field_pic_flag` and `bottom_field_flag`.
    field: Option<(bool, bool)>,
}

const FRAME: Slice = Slice {
    header: 0x41,
    first_mb: 0,
    frame_num: 1,
    lsb: 2,
    field: None,
};

/// A slice of `len` bytes or a few more.
fn slice(s: Slice, len: usize) -> Vec<u8> {
    let idr = s.header & 31 == 5;
    let mut unit = nal(s.header, |w| {
        w.write_ue(s.first_mb).unwrap();
        w.write_ue(if idr { 7 } else { 5 }).unwrap();
        w.write_ue(0).unwrap();
        w.write::<4, u8>(s.frame_num).unwrap();
        if let Some((field, bottom)) = s.field {
            w.write_bit(field).unwrap();
            if field {
                w.write_bit(bottom).unwrap();
            }
        }
        if idr {
            w.write_ue(0).unwrap();
        }
        w.write::<4, u8>(s.lsb).unwrap();
        if !idr {
            w.write::<2, u8>(0).unwrap(); // no override, no modification
        }
        if s.header & 0x60 != 0 {
            w.write::<1, u8>(0).unwrap();
            if idr {
                w.write::<1, u8>(0).unwrap();
            }
        }
        w.write_se(0).unwrap();
    });
    unit.resize(unit.len().max(len), 0xA5);
    unit
}

fn join(units: &[Vec<u8>], size: u8) -> Vec<u8> {
    let mut sample = Vec::new();
    for unit in units {
        let length = u32::try_from(unit.len()).unwrap().to_be_bytes();
        sample.extend_from_slice(&length[4 - usize::from(size)..]);
        sample.extend_from_slice(unit);
    }
    sample
}

fn of(frames: bool, size: u8) -> Box<dyn Recogniser> {
    let avcc = AvcConfig::build(&[&sps(0, frames)], &[&pps(0, 0)]).unwrap();
    let hints = Hints {
        nal_length_size: NalLengthSize::new(size),
        ..Hints::default()
    };
    recogniser(*b"avc1", &[(*b"avcC", &avcc)], &hints).unwrap()
}

fn probe(recogniser: &dyn Recogniser, data: &[u8], end: usize) -> Verdict {
    let mut window = Window::new(&data);
    recogniser
        .probe(&mut window, 0, end as u64, Depth::Thorough)
        .unwrap()
}

fn whole(recogniser: &dyn Recogniser, data: &[u8]) -> Access {
    match probe(recogniser, data, data.len()) {
        Verdict::Sample(access) => access,
        other => panic!("{other:?}"),
    }
}

#[test]
fn units_behind_start_codes_in_a_prefix_unit() {
    let mut avc = of(true, 4);
    let prefixed = |header: u8, slice: Vec<u8>| {
        let unit = [&[header, 0x83, 0x80, 0x6F, 0, 0, 0, 1][..], &slice].concat();
        join(&[unit], 4)
    };
    let sample = prefixed(0x0E, slice(FRAME, 60));
    let data = [sample.clone(), FOREIGN.to_vec()].concat();
    assert!(matches!(probe(&*avc, &data, data.len()), Verdict::Not(_)));
    avc.learn(&sample);
    let access = whole(&*avc, &data);
    assert_eq!((access.len, access.flaw), (sample.len() as u64, None));
    assert!(matches!(access.order, Order::H264 { .. }));
    assert!(avc.could_start(&data[..16]));
}

#[test]
fn messages_alone_end_the_data_where_the_writer_has_it_so() {
    let mut avc = of(true, 4);
    let message = join(&[vec![6, 5, 1, 0xAA, 0x80]], 4);
    let end = message.len();
    assert!(matches!(probe(&*avc, &message, end), Verdict::Not(_)));
    avc.learn(&message);
    assert_eq!(whole(&*avc, &message).len, end as u64);
    let data = [message, FOREIGN.to_vec()].concat();
    assert!(matches!(probe(&*avc, &data, data.len()), Verdict::Not(_)));
}

/// What another track's samples look like: no NAL unit.
const FOREIGN: [u8; 12] = [0x21, 0x1A, 0x4F, 0xFF, 0x10, 0, 0, 0, 0, 0x77, 0, 1];

#[test]
fn lengths_of_every_size_end_at_foreign_data() {
    for size in [1u8, 2, 4] {
        let avc = of(true, size);
        let sample = join(&[vec![6, 5, 1, 0xAA, 0x80], slice(FRAME, 40)], size);
        let data = [sample.clone(), FOREIGN.to_vec()].concat();
        let access = whole(&*avc, &data);
        assert_eq!(
            (access.len, access.sync, access.flaw),
            (sample.len() as u64, false, None)
        );
        assert!(avc.could_start(&data[..16]));
        let moved = [vec![0xFF; 5], data].concat();
        assert_eq!(avc.next_candidate(&moved), Some(5), "size {size}");
    }
}

#[test]
fn a_unit_of_nothing_but_its_header_begins_no_sample() {
    let avc = of(true, 4);
    // An SPS extension of one byte, then a unit that the data ends within.
    let data = [0, 0, 0, 1, 0x2D, 0, 6, 0xDF, 0, 1, 0, 0, 6, 0xDF, 0];
    assert!(!avc.could_start(&data));
    assert!(matches!(probe(&*avc, &data, data.len()), Verdict::Not(_)));
}

#[test]
fn slices_of_one_picture_belong_together() {
    let avc = of(true, 4);
    let part = |first_mb| slice(Slice { first_mb, ..FRAME }, 30);
    let picture = join(&[part(0), part(80), part(160)], 4);
    let next = join(
        &[slice(
            Slice {
                frame_num: 2,
                lsb: 4,
                ..FRAME
            },
            30,
        )],
        4,
    );
    let data = [picture.clone(), next].concat();
    assert_eq!(whole(&*avc, &data).len, picture.len() as u64);
    // A second picture that differs in nothing but its first macroblock begins anew.
    let twice = [picture.clone(), picture.clone()].concat();
    assert_eq!(whole(&*avc, &twice).len, picture.len() as u64);
    // In the middle of a picture none begins.
    let middle = join(&[part(80), part(160)], 4);
    assert!(matches!(
        probe(&*avc, &middle, middle.len()),
        Verdict::Not(_)
    ));
}

#[test]
fn what_stands_before_a_picture_belongs_to_it() {
    let avc = of(true, 4);
    let (aud, sei) = (vec![9, 0x10], vec![6, 5, 1, 0xAA, 0x80]);
    let idr = slice(
        Slice {
            header: 0x65,
            frame_num: 0,
            lsb: 0,
            ..FRAME
        },
        50,
    );
    let first = join(&[slice(FRAME, 20), vec![12, 0xFF, 0xFF, 0x80]], 4);
    for leading in [
        vec![aud.clone()],
        vec![sei.clone()],
        vec![sps(0, true), pps(0, 0)],
        vec![aud, sps(0, true), pps(0, 0), sei],
    ] {
        let second = join(&[leading, vec![idr.clone()]].concat(), 4);
        let data = [first.clone(), second.clone()].concat();
        assert_eq!(
            whole(&*avc, &data).len,
            first.len() as u64,
            "filler stays with its picture"
        );
        let access = whole(&*avc, &second);
        assert_eq!((access.len, access.sync), (second.len() as u64, true));
        assert_eq!(access.parameter_sets, [], "known ones");
    }
}

#[test]
fn new_parameter_sets_are_used_and_shown() {
    let mut avc = of(true, 4);
    // The same identifiers, but with fields: the slice header has a bit more.
    let changed = Slice {
        header: 0x65,
        frame_num: 0,
        lsb: 0,
        field: Some((false, false)),
        ..FRAME
    };
    let sample = join(&[sps(0, false), pps(0, 0), slice(changed, 40)], 4);
    let access = whole(&*avc, &sample);
    assert_eq!(access.len, sample.len() as u64);
    let Order::H264 { sps: used, .. } = &access.order else {
        panic!()
    };
    assert!(!used.frame_mbs_only);
    // Only the SPS is new. Behind it, slices of the next pictures need it.
    let [set] = access.parameter_sets[..] else {
        panic!("{access:?}")
    };
    let bytes = &sample[usize::try_from(set.start).unwrap()..usize::try_from(set.end).unwrap()];
    assert_eq!(bytes, sps(0, false));
    avc.adopt(bytes).unwrap();
    assert_eq!(whole(&*avc, &sample).parameter_sets, []);
}

#[test]
fn fields_of_a_frame_are_one_sample() {
    let mut avc = of(false, 4);
    let field = |header, frame_num, lsb, bottom| {
        slice(
            Slice {
                header,
                frame_num,
                lsb,
                field: Some((true, bottom)),
                ..FRAME
            },
            30,
        )
    };
    // An IDR field with its P field, each behind a delimiter; then two pairs that are no reference and share frame_num.
    let aud = vec![9, 0x10];
    let idr = join(
        &[
            aud.clone(),
            field(0x65, 0, 0, false),
            aud,
            field(0x41, 0, 1, true),
        ],
        4,
    );
    let b1 = join(&[field(0x01, 1, 4, false), field(0x01, 1, 5, true)], 4);
    let b2 = join(&[field(0x01, 1, 2, false), field(0x01, 1, 3, true)], 4);
    let data = [&idr[..], &b1, &b2, &FOREIGN].concat();
    let mut at = 0;
    let mut order = PresentationOrder::new();
    let mut values = Vec::new();
    for expected in [&idr, &b1, &b2] {
        let access = whole(&*avc, &data[at..]);
        assert_eq!(access.len, expected.len() as u64);
        assert!(matches!(
            access.order,
            Order::H264 {
                second: Some(_),
                ..
            }
        ));
        values.push(order.next(&access.order).value);
        at += expected.len();
    }
    assert_eq!(values, [0, 4, 2]);
    // A writer that keeps fields apart is believed.
    avc.learn(&join(&[field(0x01, 1, 4, false)], 4));
    assert_eq!(whole(&*avc, &b1).len, b1.len() as u64 / 2);
}

#[test]
fn cut_by_the_end_of_the_data() {
    let mut avc = of(true, 4);
    let part = |first_mb| slice(Slice { first_mb, ..FRAME }, 30);
    let sample = join(&[part(0), part(80)], 4);
    let len = |verdict| match verdict {
        Verdict::Cut(Access { len, .. }) => len,
        other => panic!("{other:?}"),
    };
    assert_eq!(len(probe(&*avc, &sample, 20)), 20, "within the first slice");
    assert_eq!(
        len(probe(&*avc, &sample, 60)),
        60,
        "within the second, which is known for one"
    );
    // Between them only the habit of two slices tells.
    assert!(matches!(probe(&*avc, &sample, 34), Verdict::Sample(access) if access.len == 34));
    avc.learn(&sample);
    assert_eq!(len(probe(&*avc, &sample, 34)), 34);
}

#[test]
fn damage_inside_is_found_when_looked_for() {
    let avc = of(true, 4);
    let mut sample = join(&[slice(FRAME, 60)], 4);
    sample[30..36].fill(0);
    let access = whole(&*avc, &sample);
    assert_eq!((access.len, access.flaw), (sample.len() as u64, Some(30)));
    let mut window = Window::new(&sample);
    let heads = avc
        .probe(&mut window, 0, sample.len() as u64, Depth::Heads)
        .unwrap();
    assert_eq!(heads.sample().unwrap().flaw, None);
}

#[test]
fn what_noise_gets_wrong() {
    let avc = of(true, 4);
    let not = |unit: Vec<u8>| {
        let sample = join(&[unit], 4);
        assert!(
            matches!(probe(&*avc, &sample, sample.len()), Verdict::Not(_)),
            "{sample:x?}"
        );
    };
    not(slice(
        Slice {
            header: 0x65,
            frame_num: 3,
            ..FRAME
        },
        30,
    ));
    not(slice(
        Slice {
            header: 0x05,
            frame_num: 0,
            ..FRAME
        },
        30,
    ));
    not(slice(
        Slice {
            first_mb: 7,
            ..FRAME
        },
        30,
    ));
    not(vec![0x41, 0x9A]);
    let mut zero = slice(FRAME, 30);
    *zero.last_mut().unwrap() = 0;
    not(zero);
}
