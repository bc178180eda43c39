//! Indexes whose tables contradict each other, the samples, or the headers beside them: put right where only one thing can
//! be meant, and never passed over.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a panic is how a test fails, and clips are small"
)]

use std::path::Path;
use tapo_movie::{Movie, Track};
use tapo_repair::{Note, Options, Reconstruction, is_sound, repair};

fn bytes(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata");
    std::fs::read(folder.join(name)).unwrap()
}

fn movie(file: &Vec<u8>) -> Movie {
    tapo_movie::read(file).unwrap().movie.unwrap()
}

/// The samples of each track: bytes, decode time, composition time, duration.
type Timed = (Vec<u8>, u64, i64, u32);

fn timed(file: &Vec<u8>) -> Vec<Vec<Timed>> {
    let of = |track: &Track| {
        let samples = track.samples.iter().map(|s| {
            let bytes = file[s.span.start as usize..s.span.end as usize].to_vec();
            (bytes, s.dts, s.pts(), s.duration)
        });
        samples.collect()
    };
    movie(file).tracks.iter().map(of).collect()
}

/// What repair makes of it, and whether it takes it for sound.
fn mend(broken: &[u8]) -> (Reconstruction, Vec<u8>, bool) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("broken.mp4");
    std::fs::write(&path, broken).unwrap();
    let out = tempfile::tempdir().unwrap();
    let options = Options {
        output: Some(out.path().join("out.mp4")),
        ..Options::default()
    };
    let sound = is_sound(&path, &options).unwrap();
    let done = repair(&path, &[], &options).unwrap();
    let written = std::fs::read(done.output.clone().unwrap()).unwrap();
    (done, written, sound)
}

/// The header of the box of this type of a track, by its number from 0 on.
fn place(file: &[u8], kind: &[u8; 4], track: usize) -> usize {
    let mut traks = file.windows(4).enumerate().filter(|(_, w)| w == b"trak");
    let from = traks.nth(track).unwrap().0;
    from + file[from..].windows(4).position(|w| w == kind).unwrap() - 4
}

fn get(file: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(file[at..at + 4].try_into().unwrap())
}

fn put(file: &mut [u8], at: usize, value: u32) {
    file[at..at + 4].copy_from_slice(&value.to_be_bytes());
}

const CLIP: &str = "h264_bframes_aac.mp4";

/// The clip with a table changed, and how.
fn changed(kind: &[u8; 4], track: usize, change: impl Fn(&mut [u8], usize)) -> Vec<u8> {
    let mut file = bytes(CLIP);
    let at = place(&file, kind, track);
    change(&mut file, at);
    file
}

/// That all comes back, and that the file was not taken for sound.
fn comes_back(what: &str, broken: &[u8]) -> Reconstruction {
    let (done, written, sound) = mend(broken);
    assert!(!sound, "{what}");
    assert!(timed(&written) == timed(&bytes(CLIP)), "{what}");
    assert!(done.is_complete(), "{what}: {:?}", done.notes);
    done
}

#[test]
fn a_clip_that_is_sound_is_left_alone() {
    for name in [
        CLIP,
        "h264_alaw.mov",
        "h265_open_gop.mp4",
        "h264_other_size.mp4",
        "demo.mp4",
    ] {
        assert!(mend(&bytes(name)).2, "{name}");
    }
}

#[test]
fn chunks_that_hold_more_than_fits_or_stand_where_another_does_are_put_back() {
    for track in [0, 1] {
        let more = changed(b"stsc", track, |file, at| {
            let count = get(file, at + 20);
            put(file, at + 20, count + 1);
        });
        comes_back("one more in each chunk", &more);
        let twice = changed(b"stco", track, |file, at| {
            let before = get(file, at + 16 + 4 * 3);
            put(file, at + 16 + 4 * 4, before);
        });
        comes_back("twice", &twice);
        let half = changed(b"stco", track, |file, at| {
            let count = get(file, at + 12) as usize;
            file[at + 16 + 4 * (count / 2)..at + 16 + 4 * count].fill(0);
        });
        comes_back("half of the places", &half);
    }
}

#[test]
fn places_of_sound_without_syntax_are_those_that_the_others_leave() {
    let file = bytes("h264_alaw.mov");
    let sound = movie(&file)
        .tracks
        .iter()
        .position(Track::is_audio)
        .unwrap();
    let at = |track: usize| place(&file, b"stco", track);
    let count = |track: usize| get(&file, at(track) + 12) as usize;
    assert!(count(sound) > 4);
    let mut swapped = file.clone();
    let middle = at(sound) + 16 + 4 * (count(sound) / 2);
    let (a, b) = (get(&file, middle), get(&file, middle + 4));
    put(&mut swapped, middle, b);
    put(&mut swapped, middle + 4, a);
    let mut others = file.clone();
    for chunk in 0..count(sound).min(count(1 - sound)) {
        let there = get(&file, at(1 - sound) + 16 + 4 * chunk);
        put(&mut others, at(sound) + 16 + 4 * chunk, there);
    }
    for (what, broken) in [("swapped", swapped), ("those of the pictures", others)] {
        let (done, written, is_sound) = mend(&broken);
        assert!(!is_sound, "{what}");
        assert!(timed(&written) == timed(&file), "{what}");
        assert!(done.is_complete(), "{what}: {:?}", done.notes);
    }
}

#[test]
fn sizes_that_are_not_there_are_those_of_the_samples() {
    for track in [0, 1] {
        let one = changed(b"stsz", track, |file, at| put(file, at + 20 + 4 * 9, 0));
        comes_back("one size", &one);
        let half = changed(b"stsz", track, |file, at| {
            let count = get(file, at + 16) as usize;
            file[at + 20 + 4 * (count / 2)..at + 20 + 4 * count].fill(0);
        });
        comes_back("half of the sizes", &half);
        let all = changed(b"stsz", track, |file, at| {
            let size = get(file, at) as usize;
            file[at + 12..at + size].fill(0);
        });
        comes_back("all sizes", &all);
    }
}

#[test]
fn durations_that_headers_contradict_are_made_to_fit() {
    for track in [0, 1] {
        let id = track as u32 + 1;
        for factor in [0, 2, 1 << 20] {
            let broken = changed(b"stts", track, |file, at| {
                let lasts = get(file, at + 20);
                put(file, at + 20, lasts * factor);
            });
            let done = comes_back("durations", &broken);
            let note = Note::TimesMended {
                track: id,
                sure: true,
            };
            assert!(done.notes.contains(&note), "{:?}", done.notes);
        }
    }
}

#[test]
fn composition_times_against_the_order_of_the_pictures_follow_it() {
    let one = changed(b"ctts", 0, |file, at| {
        put(file, at + 20 + 8 * 9, 0x6000_0000);
    });
    comes_back("one offset", &one);
    let none = changed(b"ctts", 0, |file, at| {
        let size = get(file, at) as usize;
        file[at + 16..at + size].fill(0);
    });
    comes_back("no offsets", &none);
}

#[test]
fn lengths_handlers_and_types_are_what_is_in_the_samples_and_entries() {
    for minus_one in [0, 1] {
        let broken = changed(b"avcC", 0, |file, at| file[at + 12] = 0xfc | minus_one);
        comes_back("length of lengths", &broken);
    }
    let handler = changed(b"hdlr", 0, |file, at| {
        file[at + 16..at + 20].copy_from_slice(b"soun");
    });
    comes_back("handler", &handler);
    let kind = changed(b"avc1", 0, |file, at| {
        file[at + 4..at + 8].copy_from_slice(b"AAAA");
    });
    comes_back("sample entry", &kind);
}

#[test]
fn edits_of_zeros_are_those_that_show_the_track() {
    let edits = |file: &Vec<u8>| {
        let movie = movie(file);
        let first = |t: &Track| t.edits.first().and_then(|e| e.media_time);
        movie.tracks.iter().map(first).collect::<Vec<_>>()
    };
    for track in [0, 1] {
        let broken = changed(b"elst", track, |file, at| file[at + 8..at + 28].fill(0));
        let (done, written, sound) = mend(&broken);
        assert!(!sound);
        assert_eq!(edits(&written), edits(&bytes(CLIP)), "{track}");
        // How much of the sound was left out, nothing says exactly.
        assert_eq!(done.is_complete(), track == 0);
    }
}

#[test]
fn a_sample_with_a_seam_in_it_is_damaged() {
    let sound = bytes(CLIP);
    let track = &movie(&sound).tracks[0];
    let at = track.samples.iter().nth(20).unwrap().span;
    let at = (at.start + at.len() / 2) as usize;
    let missing = [&sound[..at], &sound[at + 40..]].concat();
    let more = [&sound[..at], &[0x5a; 40], &sound[at..]].concat();
    for (what, broken) in [("missing", missing), ("more", more)] {
        let (done, written, _) = mend(&broken);
        assert!(!done.is_complete(), "{what}");
        let (want, got) = (timed(&sound), timed(&written));
        let lost = |t: usize| want[t].iter().filter(|s| !got[t].contains(s)).count();
        assert!(
            lost(0) <= 1 && lost(1) == 0,
            "{what}: {} {}",
            lost(0),
            lost(1)
        );
    }
}

#[test]
fn parameter_sets_that_nothing_holds_are_those_of_the_reference() {
    let sound = bytes("h265_open_gop.mp4");
    let at = sound.windows(4).position(|w| w == b"hvcC").unwrap() + 4;
    let entry = sound.windows(4).position(|w| w == b"hvc1" || w == b"hev1");
    let mut broken = sound.clone();
    // No arrays, where the sets may be in the pictures.
    broken[at + 22] = 0;
    // The last: in front of it stands a brand of the same name.
    let entry = sound[..at].windows(4).rposition(|w| w == b"hvc1").or(entry);
    let entry = entry.unwrap();
    broken[entry..entry + 4].copy_from_slice(b"hev1");
    let dir = tempfile::tempdir().unwrap();
    let [path, reference] = ["broken.mp4", "sound.mp4"].map(|n| dir.path().join(n));
    std::fs::write(&path, &broken).unwrap();
    let options = Options {
        output: Some(dir.path().join("out.mp4")),
        alone: true,
        ..Options::default()
    };
    let alone = repair(&path, &[], &options);
    assert!(matches!(alone, Err(tapo_repair::Error::NoReference { .. })));
    // Of an entry of the same type.
    let mut like = sound.clone();
    like[entry..entry + 4].copy_from_slice(b"hev1");
    std::fs::write(&reference, &like).unwrap();
    let done = repair(&path, &[reference], &options).unwrap();
    let written = std::fs::read(done.output.unwrap()).unwrap();
    let config = |file: &Vec<u8>| {
        let movie = movie(file);
        let description = &movie.tracks[0].descriptions[0];
        description.child(b"hvcC").unwrap().to_vec()
    };
    assert_eq!(config(&written), config(&sound));
    assert_eq!(timed(&written), timed(&sound));
}
