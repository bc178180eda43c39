//! Recordings whose pictures do not last what those of the reference do: the
//! sound beside them says how long they do.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a panic is how a test fails, and clips are small"
)]

use std::path::Path;
use tapo_movie::{Movie, SampleTable, encode_moov};
use tapo_repair::{Options, repair};

/// A recording: what stands in front of its index, and that.
struct Muxed {
    media: Vec<u8>,
    moov: Vec<u8>,
    movie: Movie,
}

/// The samples of a clip, pictures lasting what `lasts` says, written in the
/// order of their decode times.
fn muxed(lasts: impl Fn(u32) -> u32) -> Muxed {
    let clip = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/demo.mp4");
    let file = std::fs::read(clip).unwrap();
    let mut movie = tapo_movie::read(&file).unwrap().movie.unwrap();
    let timescales: Vec<u64> = movie.tracks.iter().map(|t| t.timescale.into()).collect();
    let shifts: Vec<u64> = movie
        .tracks
        .iter()
        .map(|t| t.edits.first().and_then(|e| e.media_time).unwrap_or(0))
        .collect();
    let samples: Vec<Vec<_>> = movie
        .tracks
        .iter()
        .map(|t| t.samples.iter().collect())
        .collect();
    assert!(samples[0].iter().all(|s| s.composition_offset == 0));
    for track in &mut movie.tracks {
        track.samples = SampleTable::default();
    }
    let mut media = b"\0\0\0\x10ftypisom\0\0\0\0\0\0\0\0mdat".to_vec();
    let mut next = [0_usize; 2];
    let mut times = [0_u64; 2];
    while next[0] < samples[0].len() {
        // Microseconds, a second later, so that none is negative.
        let at = |t: usize| 1_000_000 * (times[t] + timescales[t] - shifts[t]) / timescales[t];
        let track = usize::from(next[1] < samples[1].len() && at(1) < at(0));
        let sample = &samples[track][next[track]];
        let duration = match track {
            0 => lasts(next[0] as u32),
            _ => sample.duration,
        };
        let bytes = &file[sample.span.start as usize..sample.span.end as usize];
        let table = &mut movie.tracks[track].samples;
        table.start_chunk(media.len() as u64, 1);
        table
            .push(bytes.len() as u32, duration, 0, sample.sync)
            .unwrap();
        media.extend(bytes);
        next[track] += 1;
        times[track] += u64::from(duration);
    }
    let len = (media.len() - 16) as u32;
    media[16..20].copy_from_slice(&len.to_be_bytes());
    let moov = encode_moov(&movie);
    Muxed { media, moov, movie }
}

/// Decode times and sizes of a track's samples.
fn times(movie: &Movie, track: usize) -> Vec<(u64, u64)> {
    let samples = movie.tracks[track].samples.iter();
    samples.map(|s| (s.dts, s.span.len())).collect()
}

/// Repairs a recording without its index by a reference at 30 pictures a second.
fn check(lasts: impl Fn(u32) -> u32) {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let reference = muxed(|_| 512);
    std::fs::write(
        path("reference.mp4"),
        [reference.media, reference.moov].concat(),
    )
    .unwrap();
    let truth = muxed(lasts);
    std::fs::write(path("broken.mp4"), &truth.media).unwrap();
    let options = Options {
        output: Some(path("out.mp4")),
        ..Options::default()
    };
    repair(&path("broken.mp4"), &[path("reference.mp4")], &options).unwrap();
    let out = std::fs::read(path("out.mp4")).unwrap();
    let out = tapo_movie::read(&out).unwrap().movie.unwrap();
    for track in 0..2 {
        assert_eq!(times(&out, track), times(&truth.movie, track), "{track}");
    }
}

#[test]
fn the_rate_of_the_reference_holds_where_it_does() {
    check(|_| 512);
}

#[test]
fn another_rate_than_that_of_the_reference_is_heard() {
    check(|_| 1024);
}

#[test]
fn a_rate_that_changes_is_followed() {
    check(|n| if n < 55 { 512 } else { 1024 });
}
