//! Every recogniser over any bytes: no panic, nothing beyond the end, the same on every call.

use proptest::prelude::*;
use tapo_codec::{Depth, Hints, Recogniser, Verdict, recogniser};
use tapo_io::Window;

/// x264, 176x144, High: what the slices below refer to.
const AVC: &[u8] = &[
    0x01, 0x64, 0x00, 0x0B, 0xFF, 0xE1, 0x00, 0x18, 0x67, 0x64, 0x00, 0x0B, 0xAC, 0xD9, 0x42, 0xC4,
    0xEC, 0x04, 0x40, 0x00, 0x00, 0x03, 0x00, 0x40, 0x00, 0x00, 0x0C, 0x83, 0xC5, 0x0A, 0x65, 0x80,
    0x01, 0x00, 0x06, 0x68, 0xEB, 0xE3, 0xCB, 0x22, 0xC0,
];

/// AAC-LC, 44.1 kHz, stereo.
const AAC: &[u8] = &[
    0, 0, 0, 0, 4, 17, 0x40, 0x15, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 2, 0x12, 0x10,
];

/// MPEG-4 Visual, without its layer.
const VISUAL: &[u8] = &[
    0, 0, 0, 0, 4, 13, 0x20, 0x11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
];

/// ALAC, 16 bits, stereo, 4096 samples a frame.
const ALAC: &[u8] = &[
    0, 0, 0, 0, 0, 0, 16, 0, 0, 16, 40, 10, 14, 2, 0, 255, 0, 0, 64, 8, 0, 4, 226, 0, 0, 0, 172, 68,
];

const TYPES: [&[u8; 4]; 22] = [
    b"avc1", b"hvc1", b"mp4a", b"mp4v", b"s263", b"mp2v", b"apch", b"jpeg", b".mp3", b"ac-3",
    b"ec-3", b"Opus", b"samr", b"sawb", b"alac", b"alaw", b"sowt", b"ipcm", b"tmcd", b"gpmd",
    b"mjpa", b"fLaC",
];

fn of(kind: [u8; 4]) -> Option<Box<dyn Recogniser>> {
    let esds = if kind == *b"mp4v" { VISUAL } else { AAC };
    let boxes: [([u8; 4], &[u8]); 4] = [
        (*b"avcC", AVC),
        (*b"esds", esds),
        (*b"alac", ALAC),
        (*b"pcmC", &[0, 0, 0, 0, 1, 16]),
    ];
    recogniser(kind, &boxes, &Hints::default())
}

/// Bytes that begin like something, changed and followed by anything.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let beginnings: Vec<Vec<u8>> = vec![
        vec![],
        vec![
            0, 0, 0, 20, 0x65, 0x88, 0x84, 0x01, 0x7F, 0xD4, 0x57, 0x6D, 0x62, 0x78,
        ],
        vec![0, 0, 0, 6, 6, 5, 2, 0xAA, 0xBB, 0x80],
        vec![
            0, 0, 0, 12, 0x40, 1, 0x0C, 1, 0xFF, 0xFF, 1, 0x60, 0, 0, 3, 0,
        ],
        vec![0x21, 0x10, 0x05, 0x20, 0xA4, 0x1B],
        vec![0, 0, 1, 0xB3, 1, 2, 3, 4, 0, 0, 1, 0],
        vec![0, 0, 0x80, 2, 8],
        vec![0, 0, 0, 60, b'i', b'c', b'p', b'f', 0, 20, 0, 0],
        vec![0xFF, 0xD8, 0xFF, 0xDA, 0, 4, 1, 1],
        b"DEVC\0\x01\0\x1CDVIDL\x04\0\x01".to_vec(),
        vec![0x0B, 0x77, 0, 0, 0x10, 0x40],
        vec![0xFF, 0xFB, 0x90, 0x64],
        // FLAC: 64 samples, one channel; a fixed predictor.
        vec![0xFF, 0xF8, 0x60, 0x08, 0x05, 63, 0x47, 0x10, 0, 0x3F],
        vec![0x20, 0, 0, 0],
    ];
    (
        proptest::sample::select(beginnings),
        proptest::collection::vec(prop_oneof![2 => any::<u8>(), 1 => Just(0u8)], 0..300),
    )
        .prop_map(|(beginning, rest)| [beginning, rest].concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes(data in bytes(), lesson in bytes(), kind in proptest::sample::select(TYPES.to_vec()), at in 0u64..8, short in 0u64..20) {
        let Some(mut recogniser) = of(*kind) else { return Ok(()) };
        recogniser.learn(&lesson);
        let _ = recogniser.adopt(&lesson);
        let end = (data.len() as u64).saturating_sub(short);
        let mut window = Window::new(&data);
        for depth in [Depth::Heads, Depth::Thorough] {
            let verdict = recogniser.probe(&mut window, at, end, depth).unwrap();
            let again = recogniser.fork().probe(&mut window, at, end, depth).unwrap();
            prop_assert_eq!(format!("{verdict:?}"), format!("{again:?}"));
            let head = data.get(usize::try_from(at).unwrap()..).unwrap_or_default();
            match verdict {
                Verdict::Sample(access) | Verdict::Cut(access) => {
                    prop_assert!(at + access.len <= end.max(at), "{:?} beyond {}", access, end);
                    prop_assert!(access.len > 0 && access.bits.is_finite());
                    prop_assert!(access.parameter_sets.iter().all(|set| set.end <= at + access.len));
                    prop_assert!(recogniser.could_start(head.get(..16).unwrap_or(head)), "could not start");
                }
                Verdict::Start(access) => {
                    prop_assert!(access.most.is_none_or(|most| most >= access.len && at + most <= end));
                }
                Verdict::Not(_) => {}
            }
        }
    }

    #[test]
    fn no_sample_is_in_front_of_the_first_candidate(data in bytes(), kind in proptest::sample::select(TYPES.to_vec())) {
        let Some(recogniser) = of(*kind) else { return Ok(()) };
        let starts = |at: usize| {
            let head = &data[at..];
            recogniser.could_start(head.get(..16).unwrap_or(head))
        };
        let found = recogniser.next_candidate(&data);
        // At the very end too little is there to tell.
        let inside = |at: &usize| at + 16 <= data.len();
        prop_assert!(found.filter(inside).is_none_or(starts));
        let mut window = Window::new(&data);
        for at in (0..found.unwrap_or(data.len())).filter(inside) {
            let verdict = recogniser.probe(&mut window, at as u64, data.len() as u64, Depth::Heads).unwrap();
            prop_assert!(verdict.sample().is_none(), "a sample at {at}");
        }
    }
}

/// A silent pair of channels behind a fill element of `count` bytes.
fn behind_fill(count: usize) -> Vec<u8> {
    let escape = match count {
        15.. => format!("{:08b}", count - 14),
        _ => String::new(),
    };
    let fill = format!("110{:04b}{escape}{}", count.min(15), "0".repeat(8 * count));
    let bits = format!("{fill}0010000{}111", "0".repeat(45));
    let bytes = bits.as_bytes().chunks(8);
    bytes
        .map(|byte| {
            let bit = |n: usize| u8::from(byte.get(n) == Some(&b'1')) << (7 - n);
            (0..8).map(bit).sum()
        })
        .collect()
}

#[test]
fn a_frame_behind_a_fill_element_is_a_candidate() {
    let recogniser = of(*b"mp4a").unwrap();
    for count in [0, 1, 7, 14, 15, 16, 100, 269] {
        let frame = behind_fill(count);
        let end = frame.len() as u64;
        let verdict = recogniser.probe(&mut Window::new(&frame), 0, end, Depth::Heads);
        assert!(
            verdict.unwrap().sample().is_some_and(|a| a.len == end),
            "{count}"
        );
        assert_eq!(recogniser.next_candidate(&frame), Some(0), "{count}");
    }
}
