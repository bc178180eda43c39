//! Recognisers of every codec, judging bytes that nobody has vouched for.

use crate::OneByOne;
use std::sync::atomic::{AtomicU64, Ordering};
use tapo_codec::{Access, Depth, HEAD, Hints, Recogniser, Verdict, recogniser};
use tapo_io::{ByteSource, Result, Span, Window};

/// A sample entry type of every recogniser, with the box that configures it and
/// one configuration that is good.
pub const CODECS: [([u8; 4], [u8; 4], &[u8]); 34] = [
    (*b"avc1", *b"avcC", AVC),
    (*b"avc3", *b"avcC", AVC),
    (*b"hvc1", *b"hvcC", HEVC),
    (*b"hev1", *b"hvcC", HEVC),
    (*b"mp4v", *b"esds", VISUAL),
    (*b"s263", *b"d263", &[]),
    (*b"mp1v", *b"none", &[]),
    (*b"mp2v", *b"none", &[]),
    (*b"xdvc", *b"none", &[]),
    (*b"hdv9", *b"none", &[]),
    (*b"ap4h", *b"none", &[]),
    (*b"apcn", *b"none", &[]),
    (*b"jpeg", *b"none", &[]),
    (*b"mjpa", *b"none", &[]),
    (*b"mp4a", *b"esds", AAC),
    (*b"mp4a", *b"esds", MP3),
    (*b".mp3", *b"none", &[]),
    (*b"ac-3", *b"dac3", &[0x10, 0x3D, 0xE0]),
    (*b"ec-3", *b"dec3", &[0x07, 0xC0, 0x20, 0x0F, 0x00]),
    (
        *b"Opus",
        *b"dOps",
        &[0, 2, 1, 0x38, 0, 0, 0xBB, 0x80, 0, 0, 0],
    ),
    (*b"alac", *b"alac", ALAC),
    (*b"fLaC", *b"dfLa", FLAC),
    (
        *b"samr",
        *b"damr",
        &[0x66, 0x66, 0x6D, 0x70, 0, 0x81, 0xFF, 0, 1],
    ),
    (
        *b"sawb",
        *b"damr",
        &[0x66, 0x66, 0x6D, 0x70, 0, 0x83, 0xFF, 0, 1],
    ),
    (*b"alaw", *b"none", &[]),
    (*b"sowt", *b"none", &[]),
    (*b"in24", *b"none", &[]),
    (*b"fl32", *b"none", &[]),
    (*b"raw ", *b"none", &[]),
    (*b"lpcm", *b"none", &[]),
    (*b"ipcm", *b"pcmC", &[0, 0, 0, 0, 1, 16]),
    (*b"fpcm", *b"pcmC", &[0, 0, 0, 0, 0, 32]),
    (*b"tmcd", *b"none", &[]),
    (*b"gpmd", *b"none", &[]),
];

/// Main profile, 320x240, CABAC, one slice.
const AVC: &[u8] = &[
    1, 0x4D, 0x40, 0x0D, 0xFF, 0xE1, 0, 0x17, 0x67, 0x4D, 0x40, 0x0D, 0xEC, 0xA0, 0xA0, 0xFD, 0x80,
    0x88, 0, 0, 3, 0, 8, 0, 0, 3, 1, 0x90, 0x78, 0xA1, 0x4C, 0xB0, 1, 0, 4, 0x68, 0xEB, 0xEC, 0xB2,
];

/// Four-byte lengths and no parameter sets: they come with the samples.
const HEVC: &[u8] = &[
    1, 1, 0x60, 0, 0, 0, 0x90, 0, 0, 0, 0, 0, 0x3C, 0xF0, 0, 0xFC, 0xFD, 0xF8, 0xF8, 0, 0, 0x0F, 0,
];

/// MPEG-4 Visual.
const VISUAL: &[u8] = &[
    0, 0, 0, 0, 3, 0x15, 0, 1, 0, 4, 0x0D, 0x20, 0x11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 6, 1, 2,
];

/// AAC-LC, 48 kHz, stereo.
const AAC: &[u8] = &[
    0, 0, 0, 0, 3, 0x19, 0, 1, 0, 4, 0x11, 0x40, 0x15, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 2, 0x11,
    0x90, 6, 1, 2,
];

/// MPEG-1 audio.
const MP3: &[u8] = &[
    0, 0, 0, 0, 3, 0x15, 0, 1, 0, 4, 0x0D, 0x6B, 0x15, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 6, 1, 2,
];

/// 16 bits, stereo, 44.1 kHz, frames of 4096.
const ALAC: &[u8] = &[
    0, 0, 0, 0, 0, 0, 0x10, 0, 0, 16, 40, 10, 14, 2, 0, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xAC,
    0x44,
];

/// 16 bits, stereo, 48 kHz, frames of 4608.
const FLAC: &[u8] = &[
    0, 0, 0, 0, 0x80, 0, 0, 34, 0x12, 0, 0x12, 0, 0, 0, 0, 0, 0, 0, 0x0B, 0xB8, 0x02, 0xF0, 0, 0,
    0, 0,
];

/// Judging any bytes as a sample of any codec: no panic, nothing outside the
/// data, the same answer however the bytes are read and by a copy, and no more
/// than a few reads of each byte.
///
/// The first byte selects the codec, the second what it is told, the third how
/// much of what follows is a configuration (0: the good one), the fourth how
/// much of the rest it learns first.
pub fn recognise(data: &[u8]) {
    let Some((&[codec, told, config, learnt], rest)) = data.split_first_chunk() else {
        return;
    };
    let Some((entry, kind, good)) = CODECS.get(usize::from(codec) % CODECS.len()) else {
        return;
    };
    let (given, rest) = rest.split_at(usize::from(config).min(rest.len()));
    let config = if given.is_empty() { good } else { given };
    let (lesson, media) = rest.split_at(usize::from(learnt).min(rest.len()));
    let some = |bit: u8, value: u32| (told & bit != 0).then_some(value);
    let hints = Hints {
        handler: Some(if told & 1 == 0 { *b"vide" } else { *b"soun" }),
        nal_length_size: None,
        channels: some(2, u32::from(told >> 6) + 1),
        sample_bits: some(4, 16),
        sample_rate: some(8, 48_000),
        sample_size: some(16, u32::from(told >> 5)),
    };
    let boxes: &[([u8; 4], &[u8])] = if *kind == *b"none" {
        &[]
    } else {
        &[(*kind, config)]
    };
    let Some(mut recogniser) = recogniser(*entry, boxes, &hints) else {
        return;
    };
    if !lesson.is_empty() {
        recogniser.learn(lesson);
        let _ = recogniser.adopt(lesson);
    }
    judge(recogniser.as_mut(), media);
}

/// What holds for one recogniser on these bytes.
pub fn judge(recogniser: &mut dyn Recogniser, media: &[u8]) {
    candidates(recogniser, media);
    let len = media.len() as u64;
    let counted = Counted {
        bytes: media,
        read: AtomicU64::new(0),
    };
    let copy = recogniser.fork();
    let mut at = 0;
    for step in 0..8_u64 {
        // A later place may be judged by what an earlier one held.
        let end = if step == 3 { at + (len - at) / 2 } else { len };
        let mut sizes = Vec::new();
        for depth in [Depth::Heads, Depth::Thorough] {
            counted.read.store(0, Ordering::Relaxed);
            let verdict = probe(recogniser, &counted, at, end, depth);
            let read = counted.read.load(Ordering::Relaxed);
            assert!(
                read <= 64 * (len - at) + (64 << 10),
                "{read} bytes read of {}",
                len - at
            );
            contained(&verdict, at, end);
            let slow = probe(recogniser, &OneByOne(media), at, end, depth);
            assert_eq!(
                format!("{verdict:?}"),
                format!("{slow:?}"),
                "read byte by byte"
            );
            let again = probe(copy.as_ref(), &media, at, end, depth);
            assert_eq!(format!("{verdict:?}"), format!("{again:?}"), "a copy");
            let from = usize::try_from(at).expect("it is in memory");
            let head = media.get(from..).unwrap_or_default();
            let head = head.get(..HEAD).unwrap_or(head);
            let not = matches!(verdict, Verdict::Not(_));
            assert!(
                not || recogniser.could_start(head),
                "could not start: {verdict:?}"
            );
            sizes.extend(verdict.sample().map(|a| a.len));
        }
        assert!(sizes.windows(2).all(|w| w.first() == w.last()), "{sizes:?}");
        at += sizes.first().copied().unwrap_or(1);
        if at >= len {
            break;
        }
    }
    let _ = recogniser.decodes(media);
}

/// The search for places to judge misses none that has all its bytes.
fn candidates(recogniser: &dyn Recogniser, media: &[u8]) {
    let bytes = media.get(..4096).unwrap_or(media);
    let slow = (0..bytes.len()).find(|&at| {
        let head = bytes.get(at..).unwrap_or_default();
        recogniser.could_start(head.get(..HEAD).unwrap_or(head))
    });
    let whole = |at: &usize| at + HEAD <= bytes.len();
    let found = recogniser.next_candidate(bytes);
    assert_eq!(found.filter(whole), slow.filter(whole));
}

fn probe(
    recogniser: &dyn Recogniser,
    source: &dyn ByteSource,
    at: u64,
    end: u64,
    depth: Depth,
) -> Verdict {
    let mut window = Window::new(source);
    recogniser
        .probe(&mut window, at, end, depth)
        .expect("memory does not fail")
}

fn contained(verdict: &Verdict, at: u64, end: u64) {
    let access: &Access = match verdict {
        Verdict::Sample(access) => {
            assert!(access.len > 0, "an empty sample");
            assert!(access.most.is_none());
            access
        }
        Verdict::Cut(access) | Verdict::Start(access) => access,
        Verdict::Not(_) => return,
    };
    assert!(access.len <= end - at, "{access:?} from {at} in {end}");
    assert!(
        access
            .most
            .is_none_or(|most| most >= access.len && most <= end - at)
    );
    assert!(access.bits.is_finite() && access.bits >= 0.0);
    let all = Span::at(at, access.len);
    for set in &access.parameter_sets {
        assert!(all.contains(*set), "{set:?} in {all:?}");
    }
    assert!(access.flaw.is_none_or(|flaw| (at..end).contains(&flaw)));
}

/// Counts what is read.
struct Counted<'a> {
    bytes: &'a [u8],
    read: AtomicU64,
}

impl ByteSource for Counted<'_> {
    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize> {
        let got = self.bytes.read_at(offset, buf)?;
        self.read.fetch_add(got as u64, Ordering::Relaxed);
        Ok(got)
    }
}
