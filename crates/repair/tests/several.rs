//! Damage of several kinds, at places that a seed picks: nothing but what was
//! there comes out, unless it is said that not all is well.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a panic is how a test fails, and clips are small"
)]

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use tapo_repair::{Options, repair};

/// Recordings, and another of the same camera, or as good as one.
const CLIPS: [(&str, &str); 4] = [
    ("h264_bframes_aac.mp4", "h264_bframes_aac.mp4"),
    ("h264_alaw.mov", "h264_alaw.mov"),
    ("h265_open_gop.mp4", "h265_open_gop.mp4"),
    ("demo.mp4", "demo.mp4"),
];

const SECTOR: usize = 512;

#[derive(Clone, Copy, Debug)]
enum Damage {
    /// Several holes of zeros.
    Holes,
    /// Erased flash memory.
    Ones,
    /// A cluster is missing.
    Missing,
    /// Sectors of the same recording's beginning: old data of the same camera.
    Stale,
    /// Two clusters have changed places.
    Swapped,
    /// Bytes that are none of a recording.
    Noise,
}

struct Seed(u64);

impl Seed {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }

    fn noise(&mut self, bytes: usize) -> Vec<u8> {
        (0..bytes).map(|_| self.below(256) as u8).collect()
    }
}

fn clip(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../testdata")
        .join(name)
}

/// The bytes of each sample, constant-rate sound left out.
fn samples(file: &Vec<u8>) -> Vec<Vec<u8>> {
    let movie = tapo_movie::read(file).unwrap().movie.unwrap();
    let own =
        |t: &&tapo_movie::Track| !matches!(t.samples.sizes, tapo_movie::Sizes::Constant { .. });
    let tracks = movie.tracks.iter().filter(own);
    let bytes = |s: tapo_movie::Sample| file[s.span.start as usize..s.span.end as usize].to_vec();
    tracks.flat_map(|t| t.samples.iter().map(bytes)).collect()
}

/// The recording without its index, and where its media data is.
fn without_index(file: &Vec<u8>) -> (Vec<u8>, std::ops::Range<usize>) {
    let read = tapo_movie::read(file).unwrap();
    let mut kept = Vec::new();
    let mut media = 0..0;
    for top in read.top.iter().filter(|b| b.kind != b"moov") {
        let at = kept.len();
        kept.extend(&file[top.span.start as usize..top.span.end as usize]);
        if top.kind == b"mdat" {
            media = at + top.header_len as usize..kept.len();
        }
    }
    (kept, media)
}

/// Damages `file`, and says how many bytes that hit.
fn harm(file: &mut Vec<u8>, media: &std::ops::Range<usize>, how: Damage, seed: &mut Seed) -> usize {
    let len = media.len();
    let place =
        |seed: &mut Seed, room: usize| media.start + len / 8 + seed.below(len * 3 / 4 - room);
    match how {
        Damage::Holes => {
            for _ in 0..3 {
                let at = place(seed, 800);
                file[at..at + 800].fill(0);
            }
            2400
        }
        Damage::Ones => {
            let at = place(seed, 2048);
            file[at..at + 2048].fill(0xFF);
            2048
        }
        Damage::Missing => {
            let at = place(seed, 4096) / SECTOR * SECTOR;
            file.drain(at..at + 4096);
            4096
        }
        Damage::Stale => {
            let at = place(seed, 3 * SECTOR).next_multiple_of(SECTOR);
            let old = (media.start + seed.below(len / 16)).next_multiple_of(SECTOR);
            file.copy_within(old..old + 2 * SECTOR, at);
            2 * SECTOR
        }
        Damage::Swapped => {
            let at = place(seed, 5 * 2048) / SECTOR * SECTOR;
            let (first, second) = file[at..at + 4096].split_at_mut(2048);
            first.swap_with_slice(second);
            4096
        }
        Damage::Noise => {
            let at = place(seed, 700);
            let noise = seed.noise(700);
            file[at..at + 700].copy_from_slice(&noise);
            700
        }
    }
}

#[test]
fn damage_of_every_kind_is_survived_and_said() {
    let all = [
        Damage::Holes,
        Damage::Ones,
        Damage::Missing,
        Damage::Stale,
        Damage::Swapped,
        Damage::Noise,
    ];
    for (name, reference) in CLIPS {
        let whole = std::fs::read(clip(name)).unwrap();
        let truth = samples(&whole);
        let known: HashSet<&[u8]> = truth.iter().map(Vec::as_slice).collect();
        let mean = truth.iter().map(Vec::len).sum::<usize>() / truth.len();
        for how in all {
            for number in 0..3 {
                let mut seed = Seed(number * 31 + 5);
                let (mut broken, media) = without_index(&whole);
                let hit = harm(&mut broken, &media, how, &mut seed);
                let dir = tempfile::tempdir().unwrap();
                let (path, out) = (dir.path().join("broken.mp4"), dir.path().join("out.mp4"));
                std::fs::write(&path, &broken).unwrap();
                let options = Options {
                    output: Some(out.clone()),
                    ..Options::default()
                };
                let outcome = repair(&path, &[clip(reference)], &options).unwrap();
                let found = samples(&std::fs::read(&out).unwrap());
                let strange = found
                    .iter()
                    .filter(|s| !known.contains(s.as_slice()))
                    .count();
                let right: HashSet<&[u8]> = found.iter().map(Vec::as_slice).collect();
                let lost = known.iter().filter(|s| !right.contains(*s)).count();
                let at = format!("{name} {how:?} {number}: {lost} lost, {strange} strange");
                // A sample in front of each hit, and one behind, and what lay between.
                assert!(lost <= 3 * hit / mean + 12, "{at}");
                assert!(strange <= 6, "{at}");
                // One damaged sample may be sound by all that its syntax says.
                assert!(!outcome.is_complete() || strange <= 1 && lost <= 1, "{at}");
            }
        }
    }
}
