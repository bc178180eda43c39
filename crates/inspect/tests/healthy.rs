//! What writers do that is odd and sound: no finding that matters comes of it.
#![expect(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "tests panic when they fail"
)]

use tapo_bmff::{BoxTree, BoxWriter, FourCc};
use tapo_inspect::{Finding, Inspection, Severity, inspect};
use tapo_movie::{
    FragmentDefaults, Movie, Run, RunSample, SampleDescription, Track, encode_init, encode_moof,
};

fn worst(seen: &Inspection) -> Vec<&Finding> {
    let all = seen.findings.iter();
    all.filter(|f| f.severity() > Severity::Notice).collect()
}

fn mdat(payload: &[u8]) -> Vec<u8> {
    let mut w = BoxWriter::new();
    w.boxed(b"mdat", |w| {
        w.raw(payload);
    });
    w.into_bytes()
}

/// Fragments of one sample, of these times and durations.
fn single(fragments: impl Iterator<Item = (u64, u32)>) -> Vec<u8> {
    let mut movie = Movie::default();
    movie.header.timescale = 8000;
    let mut track = Track {
        handler: FourCc(*b"soun"),
        timescale: 8000,
        descriptions: vec![SampleDescription::g711(b"alaw").unwrap()],
        defaults: Some(FragmentDefaults::default()),
        ..Track::default()
    };
    track.header.id = 1;
    movie.tracks.push(track);
    let mut w = BoxWriter::new();
    w.boxed(b"ftyp", |w| {
        w.raw(b"isom").u32(512).raw(b"isomiso6mp41");
    });
    let mut file = w.into_bytes();
    file.extend(encode_init(&movie));
    for (number, (time, duration)) in (1..).zip(fragments) {
        let sample = RunSample {
            size: 160,
            duration,
            composition_offset: 0,
            sync: true,
        };
        let run = Run {
            track_id: 1,
            base_media_decode_time: time,
            description: 1,
            samples: &[sample],
        };
        file.extend(encode_moof(number, &[run]));
        file.extend(mdat(&[0x55; 160]));
    }
    file
}

#[test]
fn a_sample_sent_as_it_comes_need_not_know_how_long_it_lasts() {
    // As FFmpeg's `frag_every_frame` writes sound: two at a time, of which the first lasts nothing.
    let pairs = (0..50_u64).map(|n| (n / 2 * 320, if n % 2 == 0 { 0 } else { 160 }));
    let seen = inspect(&single(pairs)).unwrap();
    assert!(worst(&seen).is_empty(), "{:?}", worst(&seen));
    // Where none lasts, or a time is far from the one before, it is worth telling.
    let still = inspect(&single((0..50_u64).map(|_| (0, 0)))).unwrap();
    let first = still.read.fragments[0].moof;
    let told = worst(&still)[0];
    assert_eq!(told.problem.code(), "times-still");
    assert_eq!(told.span.unwrap().start, first.start);
    let far = (0..50_u64).map(|n| (n * 160 + n / 25 * 8000, 160));
    let seen = inspect(&single(far)).unwrap();
    assert_eq!(worst(&seen)[0].problem.code(), "fragment-time-jump");
}

#[test]
fn the_first_index_of_a_finalized_file_may_be_renamed() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata");
    let clip = std::path::Path::new(folder).join("h264_bframes_aac.mp4");
    let sound = std::fs::read(clip).unwrap();
    let tree = BoxTree::read(&sound).unwrap();
    let (_, index) = tree.roots().find(|(_, n)| n.kind == b"moov").unwrap();
    let movie = tapo_movie::read(&sound).unwrap().movie.unwrap();
    let mut offsets = movie.tracks.iter().flat_map(|t| &t.samples.chunks);
    let place = offsets.nth(3).unwrap().offset as usize;
    // As GStreamer's `qtmux` leaves it: `hoov`, `free`, and the header of an `mdat`, which may be an open one.
    for open in [false, true] {
        let at = index.span.start as usize;
        let mut old = sound[at..index.span.end as usize].to_vec();
        old[4..8].copy_from_slice(b"hoov");
        old.extend(b"\0\0\0\x08free");
        let size = if open { 0 } else { 9000_u32 };
        old.extend(size.to_be_bytes());
        old.extend(b"mdat");
        let mut file = sound.clone();
        let tables = tree.iter().filter(|(_, n)| n.kind == b"stco");
        for (_, table) in tables {
            let start = table.payload().start as usize + 8;
            for entry in file[start..table.span.end as usize].chunks_exact_mut(4) {
                let offset = u32::from_be_bytes(entry.try_into().unwrap());
                let moved = offset as usize >= place;
                let offset = offset + if moved { old.len() as u32 } else { 0 };
                entry.copy_from_slice(&offset.to_be_bytes());
            }
        }
        let media = tree.roots().find(|(_, n)| n.kind == b"mdat").unwrap().1;
        let size = media.span.len() as u32 + old.len() as u32;
        let head = media.span.start as usize;
        file[head..head + 4].copy_from_slice(&size.to_be_bytes());
        file.splice(place..place, old);
        let seen = inspect(&file).unwrap();
        assert!(worst(&seen).is_empty(), "{open}: {:?}", worst(&seen));
    }
}
