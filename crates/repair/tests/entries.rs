//! Tracks with several sample entries: each sample is of the one it was of.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a panic is how a test fails, and clips are small"
)]

use std::path::Path;
use tapo_movie::{Movie, Sample, SampleTable};
use tapo_repair::{Options, repair};

fn clip(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata");
    std::fs::read(folder.join(name)).unwrap()
}

fn movie(file: &Vec<u8>) -> Movie {
    tapo_movie::read(file).unwrap().movie.unwrap()
}

/// A picture track of two sizes, and sound: `parts` says of which clip, from 0
/// on, and which of its groups of pictures are taken. Where the media data ends,
/// and the file.
fn recording(parts: &[(usize, usize)]) -> (usize, Vec<u8>) {
    let clips = ["h264_bframes_aac.mp4", "h264_other_size.mp4"].map(clip);
    let movies = clips.each_ref().map(movie);
    let mut file = b"\0\0\0\x10ftypisom\0\0\0\0\0\0\0\0mdat".to_vec();
    let mut whole = movies[0].clone();
    for (index, track) in whole.tracks.iter_mut().enumerate() {
        track.samples = SampleTable::default();
        track.edits.clear();
        if track.is_video() {
            let other = movies[1].tracks[index].descriptions[0].clone();
            track.descriptions.push(other);
        }
    }
    let sound: Vec<Sample> = movies[0].tracks[1].samples.iter().collect();
    let mut sound = sound.into_iter();
    let mut put = |track: usize, from: usize, sample: &Sample, whole: &mut Movie| {
        let bytes = &clips[from][sample.span.start as usize..sample.span.end as usize];
        let entry = if track == 0 { from as u32 + 1 } else { 1 };
        let table = &mut whole.tracks[track].samples;
        table.start_chunk(file.len() as u64, entry);
        let (size, sync) = (bytes.len() as u32, sample.sync);
        table.push(size, sample.duration, 0, sync).unwrap();
        file.extend(bytes);
    };
    for (from, group) in parts {
        let video = &movies[*from].tracks[0];
        let starts: Vec<u32> = video
            .samples
            .iter()
            .filter(|s| s.sync)
            .map(|s| s.number)
            .collect();
        let last = starts.get(group + 1).copied().unwrap_or(u32::MAX);
        let of = |s: &Sample| s.number >= starts[*group] && s.number < last;
        for sample in video.samples.iter().filter(of) {
            put(0, *from, &sample, &mut whole);
            if let Some(sample) = sound.next() {
                put(1, 0, &sample, &mut whole);
            }
        }
    }
    let end = file.len();
    file[16..20].copy_from_slice(&((end - 16) as u32).to_be_bytes());
    file.extend(tapo_movie::encode_moov(&whole));
    (end, file)
}

/// Where each picture stands, and its entry.
fn entries(file: &Vec<u8>) -> Vec<(u64, u32)> {
    let movie = movie(file);
    let samples = movie.tracks[0].samples.iter();
    samples.map(|s| (s.span.start, s.description)).collect()
}

fn repaired(broken: &[u8], reference: Option<&[u8]>) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let [at, by, out] = ["broken.mp4", "reference.mp4", "out.mp4"].map(|n| dir.path().join(n));
    std::fs::write(&at, broken).unwrap();
    let named: Vec<_> = reference
        .map(|bytes| {
            std::fs::write(&by, bytes).unwrap();
            by
        })
        .into_iter()
        .collect();
    let options = Options {
        output: Some(out.clone()),
        ..Options::default()
    };
    repair(&at, &named, &options).unwrap();
    std::fs::read(out).unwrap()
}

const RECORDED: [(usize, usize); 4] = [(0, 1), (1, 0), (0, 0), (1, 1)];

#[test]
fn pictures_without_an_index_find_their_entry() {
    let (_, reference) = recording(&[(0, 0), (1, 0)]);
    let (end, whole) = recording(&RECORDED);
    let done = repaired(&whole[..end], Some(&reference));
    let (true_ones, found) = (entries(&whole), entries(&done));
    assert!(true_ones.iter().any(|(_, entry)| *entry == 2));
    assert_eq!(found.len(), true_ones.len());
    let moved = found[0].0 - true_ones[0].0;
    for (was, is) in true_ones.iter().zip(&found) {
        assert_eq!((was.0 + moved, was.1), *is);
    }
}

#[test]
fn an_index_that_is_left_keeps_its_entries() {
    let (end, mut whole) = recording(&RECORDED);
    let all = entries(&whole);
    whole[end / 2..end / 2 + 3000].fill(0);
    let found = entries(&repaired(&whole, None));
    assert!(found.len() < all.len() && found.len() * 2 > all.len());
    let moved = found[0].0 - all[0].0;
    for (at, entry) in found {
        assert!(all.contains(&(at - moved, entry)), "{at} {entry}");
    }
}
