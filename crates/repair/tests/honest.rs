//! Damage that leaves heads and lengths as they were: it is not kept silent.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a panic is how a test fails, and clips are small"
)]

use std::path::{Path, PathBuf};
use tapo_repair::{Note, Options, Reconstruction, is_sound, repair};

const SECTOR: usize = 512;

fn clip(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../testdata")
        .join(name)
}

/// Places of the samples of a track: offset and length.
fn places(file: &Vec<u8>, video: bool) -> Vec<(usize, usize)> {
    let movie = tapo_movie::read(file).unwrap().movie.unwrap();
    let track = movie.tracks.iter().find(|t| t.is_video() == video).unwrap();
    let samples = track.samples.iter();
    samples
        .map(|s| (s.span.start as usize, s.span.len() as usize))
        .collect()
}

/// The index begins with the last box of these clips, or is made `free`.
fn without_index(file: &[u8]) -> Vec<u8> {
    let mut bytes = file.to_vec();
    let top = tapo_movie::read(&bytes).unwrap().top;
    let moov = top.iter().find(|b| b.kind == b"moov").unwrap().span;
    let (start, end) = (moov.start as usize, moov.end as usize);
    if end == bytes.len() {
        bytes.truncate(start);
    } else {
        bytes[start..end].fill(0);
        bytes[start..start + 4].copy_from_slice(&((end - start) as u32).to_be_bytes());
        bytes[start + 4..start + 8].copy_from_slice(b"free");
    }
    bytes
}

fn noise(len: usize) -> Vec<u8> {
    let mut state = 7_u64;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..len).map(|_| next()).collect()
}

fn repaired(bytes: &[u8], reference: &str) -> (Reconstruction, Vec<u8>) {
    repaired_as(bytes, reference, false)
}

fn repaired_as(bytes: &[u8], reference: &str, thorough: bool) -> (Reconstruction, Vec<u8>) {
    let dir = tempfile::tempdir().unwrap();
    let (path, out) = (dir.path().join("broken.mp4"), dir.path().join("out.mp4"));
    std::fs::write(&path, bytes).unwrap();
    let options = Options {
        output: Some(out.clone()),
        thorough,
        ..Options::default()
    };
    let done = repair(&path, &[clip(reference)], &options).unwrap();
    (done, std::fs::read(&out).unwrap())
}

/// An aligned sector within a sample, with room around it.
fn sector(places: &[(usize, usize)], nth: usize) -> (usize, usize) {
    let inside = |&(at, len): &(usize, usize)| {
        let sector = (at + 64).next_multiple_of(SECTOR);
        (sector + SECTOR + 64 <= at + len).then_some(sector)
    };
    let numbered = places.iter().enumerate();
    let mut fit = numbered.filter_map(|(n, place)| Some((n, inside(place)?)));
    fit.nth(nth).unwrap()
}

#[test]
fn a_filled_sector_within_a_picture_is_noticed() {
    for name in ["demo.mp4", "h264_alaw.mov", "h264_bframes_aac.mp4"] {
        let whole = std::fs::read(clip(name)).unwrap();
        let places = places(&whole, true);
        assert!(repaired(&without_index(&whole), name).0.is_complete());
        for byte in [0, 0xFF] {
            let (number, at) = sector(&places, 1);
            let mut broken = without_index(&whole);
            broken[at..at + SECTOR].fill(byte);
            let (done, _) = repaired(&broken, name);
            assert!(!done.is_complete(), "{name} {byte}");
            let video = done.tracks.iter().find(|t| t.handler == *b"vide").unwrap();
            assert_eq!(video.samples as usize, places.len(), "{name} {byte}");
            let damaged: Vec<u64> = video.damaged.iter().map(|d| d.number).collect();
            assert_eq!(damaged, [number as u64 + 1], "{name} {byte}");
        }
    }
}

#[test]
fn what_an_index_speaks_of_and_is_not_there_is_said() {
    let whole = std::fs::read(clip("demo.mp4")).unwrap();
    let places = places(&whole, true);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("broken.mp4");
    std::fs::write(&path, &whole).unwrap();
    let thorough = Options {
        thorough: true,
        ..Options::default()
    };
    assert!(is_sound(&path, &thorough).unwrap());

    // Within a picture.
    let (number, at) = sector(&places, 2);
    let mut broken = whole.clone();
    broken[at..at + SECTOR].fill(0xFF);
    std::fs::write(&path, &broken).unwrap();
    assert!(!is_sound(&path, &Options::default()).unwrap());
    let (done, _) = repaired(&broken, "demo.mp4");
    let video = done.tracks.iter().find(|t| t.handler == *b"vide").unwrap();
    let damaged: Vec<u64> = video.damaged.iter().map(|d| d.number).collect();
    assert_eq!(damaged, [number as u64 + 1]);

    // Over the heads of others.
    let mut broken = whole;
    let (at, len) = places[places.len() / 2];
    broken[at..at + len + 2000].fill(0);
    std::fs::write(&path, &broken).unwrap();
    assert!(!is_sound(&path, &Options::default()).unwrap());
    let (done, _) = repaired(&broken, "demo.mp4");
    assert!(!done.is_complete());
    assert!(!done.gaps.is_empty());
    assert!(done.tracks.iter().any(|t| t.lost_samples > 0));
}

#[test]
fn the_index_of_another_recording_is_not_believed() {
    let whole = std::fs::read(clip("h264_alaw.mov")).unwrap();
    let read = tapo_movie::read(&whole).unwrap();
    let mut movie = read.movie.unwrap();
    let count = movie.sample_count();
    // As of a recording whose pictures have other sizes.
    for track in movie.tracks.iter_mut() {
        for chunk in track.samples.chunks.iter_mut().skip(1) {
            chunk.offset += 777;
        }
    }
    let mut broken = without_index(&whole);
    broken.extend(tapo_movie::encode_moov(&movie));
    let (done, out) = repaired(&broken, "h264_alaw.mov");
    assert_eq!(done.samples(), count);
    let of = |file: &Vec<u8>| -> Vec<Vec<u8>> {
        let places = places(file, true).into_iter();
        places
            .map(|(at, len)| file[at..at + len].to_vec())
            .collect()
    };
    assert!(of(&out) == of(&whole), "pictures differ");
}

#[test]
fn noise_amid_sound_is_noticed() {
    let whole = std::fs::read(clip("h264_alaw.mov")).unwrap();
    let sound = places(&whole, false);
    // What of a sector lies in a row of samples.
    let rows = sound.chunk_by(|(a, len), (b, _)| a + len == *b);
    let parts = rows.skip(20).filter_map(|row| {
        let (start, end) = (row.first()?.0, row.last()?.0 + row.last()?.1);
        let sector = start.next_multiple_of(SECTOR);
        (sector >= start + 64 && end >= sector + 192).then_some(sector..end)
    });
    let parts: Vec<_> = parts.collect();
    assert!(parts.len() > 3);
    for part in parts {
        let mut broken = without_index(&whole);
        broken[part.clone()].copy_from_slice(&noise(part.len()));
        let (done, _) = repaired(&broken, "h264_alaw.mov");
        let sound = done.tracks.iter().find(|t| t.handler == *b"soun").unwrap();
        assert!(sound.classes[3] > 0 && !done.is_complete(), "{part:?}");
    }
}

#[test]
fn a_part_of_the_recording_in_the_wrong_place_is_left_out() {
    const CLUSTER: usize = 32 << 10;
    let whole = std::fs::read(clip("demo.mp4")).unwrap();
    let mut broken = without_index(&whole);
    let old = broken[8 * 4096..8 * 4096 + CLUSTER].to_vec();
    let at = 40 * 4096;
    broken[at..at + CLUSTER].copy_from_slice(&old);
    let (done, out) = repaired(&broken, "demo.mp4");
    let foreign = |n: &Note| matches!(n, Note::Foreign { bytes, .. } if bytes.start >= at as u64);
    assert!(done.notes.iter().any(foreign), "{:?}", done.notes);
    // What stands behind it is shown when it was.
    let last = |file: &Vec<u8>| {
        let movie = tapo_movie::read(file).unwrap().movie.unwrap();
        let track = movie
            .tracks
            .into_iter()
            .find(tapo_movie::Track::is_video)
            .unwrap();
        let last = track.samples.iter().map(|s| s.pts()).max().unwrap();
        last * 1000 / i64::from(track.timescale)
    };
    assert_eq!(last(&out), last(&whole));
}

#[test]
fn decoding_shows_what_nothing_else_does() {
    let whole = std::fs::read(clip("demo.mp4")).unwrap();
    let movie = tapo_movie::read(&whole).unwrap().movie.unwrap();
    let track = movie.tracks.iter().find(|t| t.is_video()).unwrap();
    let intra = track.samples.iter().filter(|s| s.sync).nth(1).unwrap();
    let mut broken = without_index(&whole);
    let at = (intra.span.start as usize + 700).next_multiple_of(SECTOR);
    assert!(at + SECTOR < intra.span.end as usize);
    let mut other = noise(SECTOR);
    // Nothing that emulation prevention forbids.
    other.iter_mut().for_each(|b| *b |= 1);
    broken[at..at + SECTOR].copy_from_slice(&other);
    let (done, _) = repaired_as(&broken, "demo.mp4", true);
    let video = done.tracks.iter().find(|t| t.handler == *b"vide").unwrap();
    let damaged: Vec<u64> = video.damaged.iter().map(|d| d.number).collect();
    assert_eq!(damaged, [u64::from(intra.number)]);
    let (sound, _) = repaired_as(&without_index(&whole), "demo.mp4", true);
    assert!(sound.is_complete());
}

#[test]
fn media_that_stands_twice_is_recovered_once() {
    for name in ["h264_bframes_aac.mp4", "h264_alaw.mov"] {
        let whole = std::fs::read(clip(name)).unwrap();
        let top = tapo_movie::read(&whole).unwrap().top;
        let mdat = top.iter().find(|b| b.kind == b"mdat").unwrap().span;
        let (start, end) = (mdat.start as usize, mdat.end as usize);
        let once = &whole[..end];
        let twice = [once, &whole[start + 8..end]].concat();
        let (want, _) = repaired(once, name);
        let (done, _) = repaired(&twice, name);
        let counts = |done: &Reconstruction| {
            let tracks = done.tracks.iter();
            tracks.map(|t| (t.id, t.samples)).collect::<Vec<_>>()
        };
        assert_eq!(counts(&done), counts(&want), "{name}");
        let told = done.notes.iter().any(|n| matches!(n, Note::Foreign { .. }));
        assert!(told, "{name}: {:?}", done.notes);
    }
}
