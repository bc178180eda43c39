use super::*;
use proptest::prelude::*;
use tapo_bmff::{BoxTree, BoxWriter};
use tapo_movie::{SampleTable, Track};

fn ledger(file: &Vec<u8>, movie: Option<&Movie>) -> Ledger {
    let mut account = Account::new(file, movie, None);
    account.boxes(BoxTree::read(file).unwrap().nodes()).unwrap();
    account.close().unwrap()
}

/// The names and lengths of a file's ranges.
fn ranges(file: &Vec<u8>, movie: Option<&Movie>) -> Vec<(&'static str, u64)> {
    let ledger = ledger(file, movie);
    adds_up(&ledger, file.len());
    let entries = ledger.entries();
    entries.map(|e| (e.what.name(), e.span.len())).collect()
}

fn adds_up(ledger: &Ledger, size: usize) {
    let mut at = 0;
    for entry in ledger.entries() {
        assert_eq!(entry.span.start, at, "{entry:?}");
        assert!(!entry.span.is_empty());
        at = entry.span.end;
    }
    assert_eq!(at, size as u64);
}

/// A movie of tracks with chunks of these offsets and sizes.
fn movie(tracks: &[&[(u64, &[u32])]]) -> Movie {
    let mut movie = Movie::default();
    for (id, chunks) in (1..).zip(tracks) {
        let mut track = Track::default();
        track.header.id = id;
        let mut table = SampleTable::default();
        for (offset, sizes) in *chunks {
            table.start_chunk(*offset, 1);
            for size in *sizes {
                table.push(*size, 1, 0, true).unwrap();
            }
        }
        track.samples = table;
        movie.tracks.push(track);
    }
    movie
}

fn boxes(boxes: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut w = BoxWriter::new();
    for (kind, payload) in boxes {
        w.boxed(kind, |w| {
            w.raw(payload);
        });
    }
    w.into_bytes()
}

#[test]
fn samples_and_what_lies_between_them() {
    let mut media = vec![9; 100];
    media[40..80].fill(0);
    let file = boxes(&[(b"ftyp", b"isom\0\0\0\0"), (b"mdat", &media)]);
    let movie = movie(&[&[(24, &[10, 10]), (104, &[20])], &[(44, &[5])]]);
    assert_eq!(
        ranges(&file, Some(&movie)),
        [
            ("box-header", 8),
            ("box-payload", 8),
            ("box-header", 8),
            ("samples", 20),
            ("samples", 5),
            ("unknown", 15),
            ("zeros", 40),
            ("samples", 20),
        ]
    );
}

#[test]
fn what_is_left_over_in_free_is_named() {
    let mut stale = vec![0; 21];
    stale.extend(boxes(&[(b"moov", &[7; 30]), (b"udta", &[])]));
    stale.extend([0; 17]);
    let gpac = b"IsoMedia File Produced with GPAC 2.2\0";
    let file = boxes(&[
        (b"free", &stale),
        (b"free", gpac),
        (b"free", &[b'0'; 100]),
        (b"skip", b"a secret that nobody should see"),
    ]);
    let ledger = ledger(&file, None);
    adds_up(&ledger, file.len());
    let spare = ledger.entries().filter(|e| e.what.is_spare());
    let spare: Vec<_> = spare.map(|e| (e.what, e.span.len())).collect();
    let inside = Some(FourCc(*b"free"));
    let moov = FourCc(*b"moov");
    let udta = FourCc(*b"udta");
    assert_eq!(
        spare,
        [
            (Holding::Zeros { inside }, 21),
            (Holding::Leftover { kind: moov }, 38),
            (Holding::Leftover { kind: udta }, 8),
            (Holding::Zeros { inside }, 17),
            (Holding::Filler { name: "GPAC" }, 37),
            (Holding::Filler { name: "Android" }, 100),
            (
                Holding::Unknown {
                    inside: Some(FourCc(*b"skip"))
                },
                31
            ),
        ]
    );
}

#[test]
fn bytes_that_two_samples_claim_go_to_the_first_and_are_told() {
    let file = boxes(&[(b"mdat", &[9; 60])]);
    let movie = movie(&[&[(8, &[20, 20])], &[(38, &[5, 20])]]);
    let ledger = ledger(&file, Some(&movie));
    adds_up(&ledger, file.len());
    let samples = |track, first, count| Holding::Samples {
        track,
        first,
        count,
    };
    let all: Vec<_> = ledger.entries().map(|e| e.what).collect();
    assert_eq!(all[1..3], [samples(1, 1, 2), samples(2, 2, 1)]);
    assert_eq!(ledger.overlapping_bytes(), 10);
    let overlap = Overlap {
        span: Span::new(38, 48),
        track: 2,
        number: 1,
    };
    assert_eq!(ledger.overlaps(), [overlap]);
}

#[test]
fn a_chunk_that_a_box_cuts_is_told_by_its_samples() {
    let file = boxes(&[(b"mdat", &[9; 20]), (b"mdat", &[9; 20])]);
    let movie = movie(&[&[(8, &[8, 8, 8, 8])]]);
    let ledger = ledger(&file, Some(&movie));
    adds_up(&ledger, file.len());
    let all: Vec<_> = ledger.entries().map(|e| e.what).collect();
    let samples = |first, count| Holding::Samples {
        track: 1,
        first,
        count,
    };
    assert_eq!(all[1], samples(1, 3));
    assert_eq!(all[3], samples(4, 1));
}

#[test]
fn nothing_is_nothing() {
    assert!(ranges(&Vec::new(), None).is_empty());
    assert_eq!(ranges(&vec![0; 5], None), [("zeros", 5)]);
    assert_eq!(ranges(&b"hello".to_vec(), None), [("unknown", 5)]);
}

proptest! {
    #[test]
    fn the_ranges_add_up_whatever_the_bytes(
        bytes in prop::collection::vec(any::<u8>(), 0..400),
        chunks in prop::collection::vec((0_u64..500, prop::collection::vec(0_u32..60, 1..6)), 0..8),
    ) {
        let chunks: Vec<(u64, &[u32])> = chunks.iter().map(|(o, s)| (*o, s.as_slice())).collect();
        let (one, two) = chunks.split_at(chunks.len() / 2);
        let movie = movie(&[one, two]);
        // Behind a sound header, so that all goes deeper than the first byte.
        for head in [&b""[..], b"\0\0\x01\0mdat", b"\0\0\0\x40free\0\0\0\x10mdat", b"\0\0\0\x80moov\0\0\0\x60trak"] {
            let mut file = head.to_vec();
            file.extend(&bytes);
            let ledger = ledger(&file, Some(&movie));
            adds_up(&ledger, file.len());
        }
    }
}
