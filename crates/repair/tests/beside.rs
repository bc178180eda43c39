//! Constant-rate sound right beside damage: its waveform says how far it goes.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a panic is how a test fails, and clips are small"
)]

use std::path::Path;
use tapo_movie::Movie;
use tapo_repair::{Options, repair};

/// Bytes that may be taken for sound by chance, or missed.
const CHANCE: usize = 64;

fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 7_u64;
    let next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 56) as u8
    };
    std::iter::repeat_with(next).take(bytes).collect()
}

/// Which bytes are sound.
fn sound(movie: &Movie, len: usize) -> Vec<bool> {
    let track = movie.tracks.iter().find(|t| t.is_audio()).unwrap();
    let mut is_sound = vec![false; len];
    for sample in &track.samples {
        is_sound[sample.span.start as usize..sample.span.end as usize].fill(true);
    }
    is_sound
}

fn media(file: &Vec<u8>) -> std::ops::Range<usize> {
    let read = tapo_movie::read(file).unwrap();
    let mdat = read.top.iter().find(|b| b.kind == b"mdat").unwrap();
    (mdat.span.start + mdat.header_len) as usize..mdat.span.end as usize
}

/// Bytes of sound of the clip in front of and behind `hole` that are not in the
/// output, and bytes of the output that are no sound of it.
fn off(hole: std::ops::Range<usize>, fill: Option<Vec<u8>>) -> (usize, usize) {
    let clip = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/h264_alaw.mov");
    let whole = std::fs::read(&clip).unwrap();
    let truth = sound(
        &tapo_movie::read(&whole).unwrap().movie.unwrap(),
        whole.len(),
    );
    let data = media(&whole);
    let (mut broken, mut kept) = (whole[..data.end].to_vec(), truth[..data.end].to_vec());
    kept[hole.clone()].fill(false);
    match fill {
        Some(fill) => broken[hole].copy_from_slice(&fill),
        None => {
            broken.drain(hole.clone());
            kept.drain(hole);
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let (path, out) = (dir.path().join("broken.mov"), dir.path().join("out.mov"));
    std::fs::write(&path, &broken).unwrap();
    let options = Options {
        output: Some(out.clone()),
        ..Options::default()
    };
    let outcome = repair(&path, &[clip], &options).unwrap();
    assert!(!outcome.is_complete(), "the loss is said");
    let repaired = std::fs::read(&out).unwrap();
    let movie = tapo_movie::read(&repaired).unwrap().movie.unwrap();
    let found = sound(&movie, repaired.len());
    // What is kept stands together: a piece of it shows how far it moved.
    let to = media(&repaired).start;
    let piece = &repaired[to + 9_000..to + 9_100];
    let from = broken.windows(100).position(|w| w == piece).unwrap() - 9_000;
    let at = |i: usize| found.get((i + to).wrapping_sub(from)) == Some(&true);
    let lost = (0..kept.len()).filter(|i| kept[*i] && !at(*i)).count();
    let extra = (0..kept.len()).filter(|i| !kept[*i] && at(*i)).count();
    (lost, extra)
}

#[test]
fn sound_is_kept_up_to_where_the_damage_begins() {
    for start in (9_000..50_000).step_by(4_111) {
        let hole = start..start + 2_500;
        for fill in [Some(noise(2_500)), None] {
            let is_lost = fill.is_none();
            let (lost, extra) = off(hole.clone(), fill);
            assert!(
                lost <= CHANCE && extra <= CHANCE,
                "{start} {is_lost}: {lost} lost, {extra} extra"
            );
        }
    }
}

#[test]
fn sound_behind_a_missing_head_is_kept() {
    let (lost, extra) = off(0..6_000, None);
    assert!(
        lost <= CHANCE && extra <= CHANCE,
        "{lost} lost, {extra} extra"
    );
}

#[test]
fn only_the_last_row_of_a_recording_may_have_a_length_of_its_own() {
    let clip = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/h264_alaw.mov");
    let whole = std::fs::read(&clip).unwrap();
    let data = media(&whole);
    let is_sound = sound(
        &tapo_movie::read(&whole).unwrap().movie.unwrap(),
        whole.len(),
    );
    let edge = |from: usize, kind: bool| {
        let rest = is_sound[from..].iter();
        from + rest.take_while(|s| **s != kind).count()
    };
    // A row in the middle, and where the one behind the pictures begins.
    let row = edge(data.start + data.len() / 2, true);
    let row = edge(edge(row, false), true);
    let (end, next) = (edge(row, false), edge(edge(row, false), true));
    for (to, complete) in [(next, true), (data.end, false)] {
        let broken = [&whole[..end - 200], &whole[end..to]].concat();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("broken.mov");
        std::fs::write(&path, broken).unwrap();
        let options = Options {
            dry_run: true,
            ..Options::default()
        };
        let outcome = repair(&path, std::slice::from_ref(&clip), &options).unwrap();
        assert_eq!(outcome.is_complete(), complete);
    }
}

#[test]
fn no_sound_is_made_of_what_leads_the_first_picture() {
    let clip = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/h264_alaw.mov");
    let whole = std::fs::read(&clip).unwrap();
    let data = media(&whole);
    // All boxes, and the length of the message in front of the picture.
    let head = data.start + 12;
    assert_eq!(whole[data.start + 4] & 31, 6, "a message");
    let (lost, extra) = off(0..head, Some(vec![0; head]));
    assert_eq!((lost, extra), (0, 0));
}
