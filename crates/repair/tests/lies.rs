//! Indexes that lie: about where samples stand, how large they are, how they are decoded and when they are shown.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a panic is how a test fails, and clips are small"
)]

use std::path::{Path, PathBuf};
use tapo_movie::Movie;
use tapo_repair::{Basis, Error, Note, Options, Reconstruction, repair};

const CLIP: &str = "h264_bframes_aac.mp4";

fn clip(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../testdata")
        .join(name)
}

fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(clip(name)).unwrap()
}

fn movie(file: &Vec<u8>) -> Movie {
    tapo_movie::read(file).unwrap().movie.unwrap()
}

/// Bytes of a sample, and when it is shown.
type Timed = (Vec<u8>, i64);

/// The samples of each track, times in ticks behind its edits.
fn timed(file: &Vec<u8>) -> Vec<Vec<Timed>> {
    let movie = movie(file);
    let tracks = movie.tracks.iter().map(|track| {
        let start = track.edits.iter().find_map(|e| e.media_time).unwrap_or(0);
        let samples = track.samples.iter().map(|s| {
            let bytes = file[s.span.start as usize..s.span.end as usize].to_vec();
            (bytes, s.pts() - start as i64)
        });
        samples.collect()
    });
    tracks.collect()
}

fn mend(broken: &[u8], references: &[PathBuf]) -> Result<(Reconstruction, Vec<u8>), Error> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("broken.mp4");
    std::fs::write(&path, broken).unwrap();
    let options = Options {
        output: Some(dir.path().join("out").join("out.mp4")),
        ..Options::default()
    };
    std::fs::create_dir(dir.path().join("out")).unwrap();
    let done = repair(&path, references, &options)?;
    let written = std::fs::read(done.output.clone().unwrap()).unwrap();
    Ok((done, written))
}

/// The header of the first box of this type in the file.
fn place(file: &[u8], kind: &[u8; 4]) -> usize {
    file.windows(4).position(|w| w == kind).unwrap() - 4
}

fn get(file: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(file[at..at + 4].try_into().unwrap())
}

fn put(file: &mut [u8], at: usize, value: u32) {
    file[at..at + 4].copy_from_slice(&value.to_be_bytes());
}

#[test]
fn wrong_sizes_and_offsets_are_put_right_by_the_samples() {
    let sound = bytes(CLIP);
    let truth = timed(&sound);
    let (stco, stsz) = (place(&sound, b"stco"), place(&sound, b"stsz"));
    let mut swapped = sound.clone();
    let (a, b) = (stco + 16 + 4 * 5, stco + 16 + 4 * 6);
    put(&mut swapped, a, get(&sound, b));
    put(&mut swapped, b, get(&sound, a));
    let mut longer = sound.clone();
    let size = stsz + 20 + 4 * 9;
    put(&mut longer, size, get(&sound, size) + 7);
    let mut alike = sound.clone();
    put(&mut alike, stsz + 12, 100);
    for (what, file) in [("swapped", swapped), ("longer", longer), ("alike", alike)] {
        let (done, written) = mend(&file, &[]).unwrap();
        assert_eq!(done.basis, Basis::OwnIndex, "{what}");
        assert!(timed(&written) == truth, "{what}");
    }
}

#[test]
fn bytes_too_many_or_too_few_move_what_is_behind_them() {
    let sound = bytes(CLIP);
    let truth = timed(&sound);
    let mdat = place(&sound, b"mdat");
    // In front of all media, as a tool does that does not know of offsets.
    for extra in [16_usize, 5000] {
        let mut free = (extra as u32).to_be_bytes().to_vec();
        free.extend(b"free");
        free.resize(extra, 0);
        let file = [&sound[..mdat], &free, &sound[mdat..]].concat();
        let (done, written) = mend(&file, &[]).unwrap();
        assert_eq!(done.basis, Basis::OwnIndex, "{extra}");
        assert!(timed(&written) == truth, "{extra}");
    }
    // And in front of an index that is first, with the media as far from it.
    let track = &movie(&sound).tracks[0];
    let cut = track.samples.iter().nth(20).unwrap().span.start as usize + 9;
    let file = [&sound[..cut], &sound[cut + 1500..]].concat();
    let (_, written) = mend(&file, &[]).unwrap();
    for (got, truth) in timed(&written).iter().zip(&truth) {
        let there = truth.iter().filter(|s| got.contains(s)).count();
        assert!(there + 8 >= truth.len(), "{there} of {}", truth.len());
    }
}

#[test]
fn a_decoder_without_settings_gets_those_of_a_good_recording() {
    let sound = bytes(CLIP);
    let truth = timed(&sound);
    let mut unset = sound.clone();
    let sps = place(&sound, b"avcC") + 8 + 8;
    assert_eq!(unset[sps] & 0x1f, 7);
    unset[sps] ^= 1;
    let mut deaf = sound.clone();
    let esds = place(&sound, b"esds");
    deaf[esds + 12..esds + 20].fill(0xff);
    for (what, file, track) in [("avcC", &unset, 1), ("esds", &deaf, 2)] {
        let (done, written) = mend(file, &[clip(CLIP)]).unwrap();
        let from = clip(CLIP);
        let by_trial = |n: &Note| matches!(n, Note::SetsByTrial { track: 1, .. });
        let told = match what {
            // One bit of it is wrong: that is found without.
            "avcC" => done.notes.iter().any(by_trial),
            _ => done.notes.contains(&Note::SettingsTaken { track, from }),
        };
        assert!(told, "{what}: {:?}", done.notes);
        assert!(timed(&written) == truth, "{what}");
        let described = |file| {
            movie(file)
                .tracks
                .iter()
                .map(|t| t.descriptions.clone())
                .collect::<Vec<_>>()
        };
        assert!(described(&written) == described(&sound), "{what}");
        match (what, mend(file, &[])) {
            ("avcC", Ok((_, alone))) => assert!(described(&alone) == described(&sound)),
            (_, alone) => assert!(matches!(alone, Err(Error::NoReference { .. })), "{what}"),
        }
    }
    // More than a byte of it is wrong.
    unset[sps..sps + 9].fill(0xff);
    let other = mend(&unset, &[clip("h264_other_size.mp4")]);
    assert!(matches!(other, Err(Error::ReferenceDiffers { .. })));
}

#[test]
fn times_that_stand_still_and_edits_that_show_nothing_are_replaced() {
    let sound = bytes(CLIP);
    let truth = timed(&sound);
    let mut hidden = sound.clone();
    put(&mut hidden, place(&sound, b"elst") + 20, 50_000_000);
    let (_, written) = mend(&hidden, &[]).unwrap();
    assert!(timed(&written) == truth);
    let mut still = sound.clone();
    put(&mut still, place(&sound, b"stts") + 20, 0);
    let (_, written) = mend(&still, &[]).unwrap();
    let pictures = |file: &Vec<u8>| {
        timed(file)[0]
            .iter()
            .map(|(b, _)| b.clone())
            .collect::<Vec<_>>()
    };
    assert!(pictures(&written) == pictures(&sound));
    let ends = |file: &Vec<u8>| {
        let movie = movie(file);
        let track = &movie.tracks[0];
        track.samples.duration() * 1000 / u64::from(track.timescale)
    };
    assert!(
        ends(&written).abs_diff(ends(&sound)) <= 40,
        "{} {}",
        ends(&written),
        ends(&sound)
    );
}
