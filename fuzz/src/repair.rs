//! Repairs of small clips that were damaged in ways that fuzzing makes up.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tapo_movie::Movie;
use tapo_repair::{Basis, Error, Gaps, Options, Reconstruction, Use};

/// Small clips of three codings, two of the same camera.
pub const CLIPS: [&[u8]; 4] = [
    include_bytes!("../../testdata/h264_bframes_aac.mp4"),
    include_bytes!("../../testdata/h264_alaw.mov"),
    include_bytes!("../../testdata/h265_open_gop.mp4"),
    include_bytes!("../../testdata/h264_other_size.mp4"),
];

/// What no repair of so small a file may take.
const LONGEST: Duration = Duration::from_secs(20);

/// Mutations of one input.
const MUTATIONS: usize = 16;

/// Repairing any damage of a clip: no panic, no hang, the sources unchanged, no
/// file left behind by a failure, and an output that holds what the outcome says
/// and no sample that is not in the broken file.
///
/// The first byte selects clip and reference, the second the options; each six
/// bytes behind them damage the clip, or the reference.
pub fn repair(data: &[u8]) {
    let Some((&[clips, how], mutations)) = data.split_first_chunk() else {
        return;
    };
    let clip = |index: u8| {
        CLIPS
            .get(usize::from(index) % CLIPS.len())
            .map_or(Vec::new(), |c| c.to_vec())
    };
    let mut broken = clip(clips);
    let mut reference = clip(clips >> 2);
    let on_reference = how & 1 != 0;
    if how & 2 != 0 {
        drop_index(&mut broken);
    }
    for mutation in mutations.chunks_exact(6).take(MUTATIONS) {
        if let &[op, a, b, c, d, e] = mutation {
            let file = if on_reference && op & 0x80 != 0 {
                &mut reference
            } else {
                &mut broken
            };
            mutate(file, op & 0x7F, [a, b, c], [d, e]);
        }
    }
    let options = Options {
        dry_run: how & 4 != 0,
        gaps: if how & 8 != 0 {
            Gaps::Close
        } else {
            Gaps::Keep
        },
        ..Options::default()
    };
    let named = how & 16 == 0;
    holds(&broken, &reference, named, options);
}

/// Cuts off the index, as a recorder that lost its power does.
fn drop_index(file: &mut Vec<u8>) {
    let read = tapo_movie::read(file).expect("memory does not fail");
    let moov = read.top.iter().find(|b| b.kind == b"moov");
    let start = moov.and_then(|b| usize::try_from(b.span.start).ok());
    file.truncate(start.unwrap_or(usize::MAX));
}

/// Damages a file: `place` is a part of 2^24 of its length, `amount` a count.
fn mutate(file: &mut Vec<u8>, op: u8, place: [u8; 3], amount: [u8; 2]) {
    let [a, b, c] = place.map(usize::from);
    let at = ((a << 16 | b << 8 | c) * file.len()) >> 24;
    let [high, low] = amount;
    let n = usize::from(u16::from_be_bytes(amount));
    let end = (at + n).min(file.len());
    let hit = at..end;
    match op % 8 {
        0 => file.truncate(at),
        1 => file.get_mut(hit).unwrap_or_default().fill(0),
        2 => {
            let mut noise = u32::from(low) | 1;
            for byte in file.get_mut(hit).unwrap_or_default() {
                noise ^= noise << 13;
                noise ^= noise >> 17;
                noise ^= noise << 5;
                *byte = noise.to_be_bytes()[0];
            }
        }
        3 => drop(file.drain(hit)),
        4 => {
            let copy = file.get(hit).unwrap_or_default().to_vec();
            let to = (usize::from(high) * file.len()) >> 8;
            file.splice(to..to, copy);
        }
        5 => file.extend(std::iter::repeat_n(low, n)),
        6 => {
            if let Some(byte) = file.get_mut(at) {
                *byte ^= high | 1;
            }
        }
        _ => {
            // Sizes, counts and offsets are four bytes wide.
            let field = u32::from_be_bytes([0, 0, high, low]).wrapping_sub(0x8000);
            if let Some(bytes) = file.get_mut(at..at + 4) {
                bytes.copy_from_slice(&field.to_be_bytes());
            }
        }
    }
}

/// What holds for the repair of these files.
pub fn holds(broken: &[u8], reference: &[u8], named: bool, mut options: Options) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let (source, other, out) = (path("broken.mp4"), path("other.mp4"), path("out.mp4"));
    std::fs::write(&source, broken).expect("room");
    std::fs::write(&other, reference).expect("room");
    let before = files(folder.path());
    options.output = Some(out.clone());
    let start = Instant::now();
    let references: &[PathBuf] = if named {
        std::slice::from_ref(&other)
    } else {
        &[]
    };
    let result = tapo_repair::repair(&source, references, &options);
    assert!(start.elapsed() < LONGEST, "{:?}", start.elapsed());
    let mut after = files(folder.path());
    let written = after.remove(&out);
    assert_eq!(
        before, after,
        "the sources are as they were, and nothing else is there"
    );
    match result {
        Ok(done) => {
            sums(&done, broken.len() as u64);
            assert_eq!(written.is_some(), !options.dry_run);
            if let Some(output) = written {
                matches(&done, broken, &output);
            }
        }
        Err(error) => {
            assert!(written.is_none(), "{error}");
            assert!(
                !matches!(error, Error::Changing { .. }),
                "nobody writes to it"
            );
        }
    }
}

fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = std::fs::read_dir(folder).expect("the folder is there");
    let read = |path: PathBuf| {
        let bytes = std::fs::read(&path).expect("it is a file");
        (path, bytes)
    };
    entries.map(|e| read(e.expect("an entry").path())).collect()
}

/// The numbers of an outcome agree with each other.
fn sums(done: &Reconstruction, len: u64) {
    let mut at = 0;
    for entry in &done.ledger {
        assert!(
            entry.span.start == at && !entry.span.is_empty(),
            "{entry:?}"
        );
        at = entry.span.end;
    }
    assert_eq!(at, len, "the ledger names every byte once");
    for track in &done.tracks {
        assert_eq!(track.classes.iter().sum::<u64>(), track.samples);
        let mut next = 1;
        for stretch in &track.stretches {
            assert_eq!(stretch.first, next);
            next += stretch.samples;
        }
        assert_eq!(next, track.samples + 1);
    }
    for gap in &done.gaps {
        assert!(gap.span.end <= len, "{gap:?}");
    }
}

/// Boxes that are always built anew.
const WRITTEN: [&[u8; 4]; 5] = [b"moov", b"trak", b"mdia", b"minf", b"stbl"];

/// The output holds what the outcome says, and nothing that the source has not.
fn matches(done: &Reconstruction, broken: &[u8], output: &[u8]) {
    assert_eq!(done.size, output.len() as u64);
    let read = tapo_movie::read(&output).expect("memory does not fail");
    // What is not modelled is kept as it was, broken or not.
    let ours = |parent: tapo_bmff::FourCc| WRITTEN.iter().any(|kind| parent == *kind);
    let mut wrong = read.defects.iter();
    let wrong = wrong.find(|defect| defect.parent.is_none_or(ours));
    assert!(wrong.is_none(), "{wrong:?}");
    let movie = read.movie.expect("it was written");
    assert_eq!(movie.sample_count(), done.samples());
    for (track, told) in movie.tracks.iter().zip(&done.tracks) {
        assert_eq!(track.header.id, told.id);
        assert_eq!(track.samples.len() as u64, told.samples);
    }
    let whole = |moved: usize| kept(&movie, broken, output, moved);
    assert!(
        whole(0) || whole(4096),
        "a sample that the broken file has not"
    );
    // An index may name a byte twice; the search takes it once.
    if done.basis != Basis::OwnIndex {
        let all: u64 = movie
            .tracks
            .iter()
            .flat_map(|t| &t.samples)
            .map(|s| s.span.len())
            .sum();
        let used = done.ledger.iter().filter(|e| e.what == Use::Samples);
        assert!(all <= used.map(|e| e.span.len()).sum(), "samples overlap");
    }
}

/// Whether every sample has the bytes of the source at its place, less `moved`.
fn kept(movie: &Movie, broken: &[u8], output: &[u8], moved: usize) -> bool {
    let range = |at: u64, len: u64, less: usize| {
        let start = usize::try_from(at).ok()?.checked_sub(less)?;
        Some(start..start + usize::try_from(len).ok()?)
    };
    movie.tracks.iter().flat_map(|t| &t.samples).all(|sample| {
        let (at, len) = (sample.span.start, sample.span.len());
        let theirs = range(at, len, moved).and_then(|r| broken.get(r));
        let ours = range(at, len, 0).and_then(|r| output.get(r));
        theirs.is_some() && theirs == ours
    })
}
