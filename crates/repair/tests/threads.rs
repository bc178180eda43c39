//! The same bytes come out for any number of threads, and on every run.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a panic is how a test fails, and clips are small"
)]

use proptest::prelude::*;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use tapo_repair::{Options, Reconstruction, repair};

const CLIPS: [&str; 5] = [
    "demo.mp4",
    "h264_alaw.mov",
    "h264_bframes_aac.mp4",
    "h264_other_size.mp4",
    "h265_open_gop.mp4",
];

fn clip(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../testdata")
        .join(name)
}

/// The media data of a clip, over and over until there is enough of it for
/// several threads, behind the head of a recording that was cut off.
fn long(name: &str) -> Vec<u8> {
    let file = std::fs::read(clip(name)).unwrap();
    let read = tapo_movie::read(&file).unwrap();
    let media = read.top.iter().find(|b| b.kind == b"mdat").unwrap();
    let payload = &file[(media.span.start + media.header_len) as usize..media.span.end as usize];
    let head = read.file_type.is_some();
    let mut bytes = match head {
        true => file[..u32::from_be_bytes(file[..4].try_into().unwrap()) as usize].to_vec(),
        false => Vec::new(),
    };
    bytes.extend(*b"\0\0\0\0mdat");
    while bytes.len() < 1 << 20 {
        bytes.extend(payload);
    }
    bytes
}

/// Numbers of threads, one of them twice.
const THREADS: [usize; 5] = [1, 2, 3, 8, 2];

fn pools() -> &'static [rayon::ThreadPool] {
    static POOLS: OnceLock<Vec<rayon::ThreadPool>> = OnceLock::new();
    POOLS.get_or_init(|| {
        let pool = |n| rayon::ThreadPoolBuilder::new().num_threads(n).build();
        THREADS.iter().map(|n| pool(*n).unwrap()).collect()
    })
}

/// Repairs with each number of threads. What comes out, if all agree.
fn agreed(bytes: &[u8], reference: &str) -> Result<(Reconstruction, Vec<u8>), String> {
    let dir = tempfile::tempdir().unwrap();
    let broken = dir.path().join("broken.mp4");
    std::fs::write(&broken, bytes).unwrap();
    let options = Options {
        output: Some(dir.path().join("output.mp4")),
        replace: true,
        ..Options::default()
    };
    let references = [clip(reference)];
    let run = || match repair(&broken, &references, &options) {
        Ok(outcome) => {
            let bytes = std::fs::read(outcome.output.as_ref().unwrap()).unwrap();
            Ok((outcome, bytes))
        }
        Err(error) => Err(error.to_string()),
    };
    let mut all = pools().iter().map(|pool| pool.install(run));
    let first = all.next().unwrap();
    for (threads, other) in THREADS[1..].iter().zip(all) {
        assert!(first == other, "1 thread and {threads} disagree");
    }
    first
}

#[test]
fn sound_recordings_come_out_the_same() {
    for name in CLIPS {
        let bytes = long(name);
        let (outcome, _) = agreed(&bytes, name).unwrap();
        let samples = outcome.samples();
        assert!(samples > 250, "{name}: {samples} samples");
    }
}

#[test]
fn another_reference_is_refused_or_obeyed_alike() {
    for name in ["h264_other_size.mp4", "h265_open_gop.mp4"] {
        let _ = agreed(&long(name), "h264_bframes_aac.mp4");
    }
}

/// What may happen to a range of a file.
#[derive(Clone, Copy, Debug)]
enum Damage {
    Zeros,
    Noise,
    Lost,
    Inserted,
}

fn damaged(bytes: &mut Vec<u8>, at: usize, len: usize, how: Damage) {
    let at = at % bytes.len();
    let end = (at + len).min(bytes.len());
    let mut state = at as u32 | 1;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    match how {
        Damage::Zeros => bytes[at..end].fill(0),
        Damage::Noise => bytes[at..end].fill_with(noise),
        Damage::Lost => drop(bytes.drain(at..end)),
        Damage::Inserted => {
            let noise: Vec<u8> = (at..end).map(|_| noise()).collect();
            bytes.splice(at..at, noise);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(6) })]

    #[test]
    fn damaged_recordings_come_out_the_same(
        name in proptest::sample::select(CLIPS.to_vec()),
        damage in proptest::collection::vec(
            (any::<usize>(), 1..100_000_usize, proptest::sample::select(
                vec![Damage::Zeros, Damage::Noise, Damage::Lost, Damage::Inserted])),
            1..5),
    ) {
        let mut bytes = long(name);
        for (at, len, how) in damage {
            damaged(&mut bytes, at, len, how);
        }
        let _ = agreed(&bytes, name);
    }
}
