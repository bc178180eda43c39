//! What a repair goes by: what is left in the file, a camera's profile, several
//! references, none.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a panic is how a test fails, and clips are small"
)]

use std::path::{Path, PathBuf};
use tapo_movie::{Movie, Runs, SampleTable};
use tapo_repair::{Basis, Error, Note, Options, Reconstruction, repair};
use tempfile::TempDir;

fn clip(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../testdata")
        .join(name)
}

fn movie(file: &Vec<u8>) -> Movie {
    tapo_movie::read(file).unwrap().movie.unwrap()
}

/// The bytes of all samples, by track.
fn samples(file: &Vec<u8>) -> Vec<Vec<Vec<u8>>> {
    let bytes = |table: &SampleTable| {
        let all = table.iter();
        all.map(|s| file[s.span.start as usize..s.span.end as usize].to_vec())
            .collect()
    };
    movie(file)
        .tracks
        .iter()
        .map(|t| bytes(&t.samples))
        .collect()
}

/// Sample bytes and presentation times, in ticks of the track behind its edits.
fn timed(file: &Vec<u8>) -> Vec<Vec<(Vec<u8>, i64)>> {
    let movie = movie(file);
    let shown = |(track, samples): (&tapo_movie::Track, Vec<Vec<u8>>)| {
        let start = track.edits.iter().find_map(|e| e.media_time).unwrap_or(0);
        let times = track.samples.iter().map(|s| s.pts() - start as i64);
        samples.into_iter().zip(times.collect::<Vec<_>>()).collect()
    };
    movie.tracks.iter().zip(samples(file)).map(shown).collect()
}

/// Where the boxes of a kind stand.
fn boxed(file: &Vec<u8>, kind: &[u8; 4]) -> std::ops::Range<usize> {
    let read = tapo_movie::read(file).unwrap();
    let found = read.top.iter().find(|b| b.kind == kind).unwrap().span;
    found.start as usize..found.end as usize
}

/// A folder with a broken file.
struct Place {
    dir: TempDir,
    broken: PathBuf,
}

impl Place {
    fn with(bytes: &[u8]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let broken = dir.path().join("broken.mp4");
        std::fs::write(&broken, bytes).unwrap();
        Self { dir, broken }
    }

    fn add(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn repair(&self, references: &[PathBuf]) -> Result<(Reconstruction, Vec<u8>), Error> {
        let out = tempfile::tempdir().unwrap();
        let options = Options {
            output: Some(out.path().join("out.mp4")),
            ..Options::default()
        };
        let done = repair(&self.broken, references, &options)?;
        let written = std::fs::read(done.output.clone().unwrap()).unwrap();
        Ok((done, written))
    }
}

const SOUND: [&str; 3] = ["demo.mp4", "h264_bframes_aac.mp4", "h265_open_gop.mp4"];

/// The file with its `moov` behind everything.
fn index_last(name: &str) -> Vec<u8> {
    let file = std::fs::read(clip(name)).unwrap();
    let mut movie = movie(&file);
    let moov = boxed(&file, b"moov");
    let front = moov.start < boxed(&file, b"mdat").start;
    let mut moved = [&file[..moov.start], &file[moov.end..]].concat();
    for chunk in movie.tracks.iter_mut().flat_map(|t| &mut t.samples.chunks) {
        chunk.offset -= if front { moov.len() as u64 } else { 0 };
    }
    moved.extend(tapo_movie::encode_moov(&movie));
    moved
}

#[test]
fn half_an_index_says_what_the_tracks_are() {
    for name in SOUND {
        let file = index_last(name);
        let truth = timed(&file);
        // The last table, which is where the sound stands, is cut off.
        let stco = file.windows(4).rposition(|w| w == b"stco").unwrap();
        let torn = &file[..stco + 20];
        let place = Place::with(torn);
        let (done, written) = place.repair(&[]).unwrap();
        assert_eq!(done.basis, Basis::OwnDescriptions { completed: None });
        assert!(samples(&written) == samples(&file), "{name}");
        assert!(timed(&written) == truth, "{name}");
    }
}

#[test]
fn what_the_index_lacks_a_reference_adds() {
    for name in SOUND {
        let file = index_last(name);
        let moov = boxed(&file, b"moov");
        let size = moov.len();
        for part in [15, 35, 60, 85] {
            let place = Place::with(&file[..moov.start + size * part / 100]);
            let (_, written) = place.repair(&[clip(name)]).unwrap();
            assert!(timed(&written) == timed(&file), "{name} {part}");
        }
        let mut zeroed = file.clone();
        zeroed[moov.start + size / 2..].fill(0);
        let (_, written) = Place::with(&zeroed).repair(&[clip(name)]).unwrap();
        assert!(timed(&written) == timed(&file), "{name}: half of it zeros");
    }
}

#[test]
fn an_index_of_a_part_keeps_its_samples_and_the_rest_is_found() {
    for name in SOUND {
        let file = index_last(name);
        let truth = timed(&file);
        let mut stale = movie(&file);
        let mdat = boxed(&file, b"mdat");
        let middle = (mdat.start + mdat.len() / 2) as u64;
        for track in &mut stale.tracks {
            let all: Vec<_> = track.samples.iter().collect();
            track.samples = SampleTable::default();
            for s in all.iter().take_while(|s| s.span.end < middle) {
                track.samples.start_chunk(s.span.start, 1);
                let len = s.span.len() as u32;
                let (duration, offset) = (s.duration, s.composition_offset);
                track.samples.push(len, duration, offset, s.sync).unwrap();
            }
        }
        let mut broken = file[..mdat.end].to_vec();
        broken.extend(tapo_movie::encode_moov(&stale));
        let (done, written) = Place::with(&broken).repair(&[]).unwrap();
        assert_eq!(done.basis, Basis::OwnIndex);
        assert!(samples(&written) == samples(&file), "{name}");
        assert!(timed(&written) == truth, "{name}: times");
    }
}

#[test]
fn an_index_behind_a_wrong_size_is_still_an_index() {
    let name = "h264_bframes_aac.mp4";
    let mut file = index_last(name);
    let truth = timed(&file);
    let mdat = boxed(&file, b"mdat");
    for size in [8_u32, 0, 999] {
        file[mdat.start..mdat.start + 4].copy_from_slice(&size.to_be_bytes());
        let (done, written) = Place::with(&file).repair(&[]).unwrap();
        assert_eq!(done.basis, Basis::OwnIndex, "{size}");
        assert!(timed(&written) == truth, "{size}");
    }
}

#[test]
fn an_index_whose_offsets_are_all_off_is_still_an_index() {
    let name = "h264_bframes_aac.mp4";
    let file = index_last(name);
    // A box in front of the samples is missing.
    let free = boxed(&file, b"free");
    let broken = [&file[..free.start], &file[free.end..]].concat();
    let (done, written) = Place::with(&broken).repair(&[]).unwrap();
    // The samples show by how much all of them are off.
    assert_eq!(done.basis, Basis::OwnIndex);
    assert!(timed(&written) == timed(&file));
}

#[test]
fn several_pieces_of_media_data_are_one_recording() {
    let name = "h264_bframes_aac.mp4";
    let file = index_last(name);
    let truth = timed(&file);
    let movie = movie(&file);
    let mut starts: Vec<u64> = movie
        .tracks
        .iter()
        .flat_map(|t| t.samples.chunks.iter().map(|c| c.offset))
        .collect();
    starts.sort_unstable();
    let (head, end) = (boxed(&file, b"mdat").start, boxed(&file, b"mdat").end);
    let cuts = [starts[starts.len() / 3], starts[starts.len() * 2 / 3]];
    let mut broken = file[..head].to_vec();
    let edges = [starts[0] as usize, cuts[0] as usize, cuts[1] as usize, end];
    for piece in edges.windows(2) {
        broken.extend((8 + (piece[1] - piece[0]) as u32).to_be_bytes());
        broken.extend(b"mdat");
        broken.extend(&file[piece[0]..piece[1]]);
    }
    let (_, written) = Place::with(&broken).repair(&[clip(name)]).unwrap();
    assert!(timed(&written) == truth);
}

/// A fragmented file: its `moov`, and the rest.
fn fragmented(name: &str) -> (Vec<u8>, Vec<u8>) {
    let file = std::fs::read(clip(name)).unwrap();
    let movie = movie(&file);
    let init = tapo_movie::encode_init(&movie);
    let mut rest = Vec::new();
    for (number, (track, samples)) in movie.tracks.iter().zip(samples(&file)).enumerate() {
        let run: Vec<tapo_movie::RunSample> = track
            .samples
            .iter()
            .map(|s| tapo_movie::RunSample {
                size: s.span.len() as u32,
                duration: s.duration,
                composition_offset: s.composition_offset,
                sync: s.sync,
            })
            .collect();
        let run = tapo_movie::Run {
            track_id: track.header.id,
            base_media_decode_time: 0,
            description: 1,
            samples: &run,
        };
        rest.extend(tapo_movie::encode_moof(number as u32 + 1, &[run]));
        let data = samples.concat();
        rest.extend((data.len() as u32 + 8).to_be_bytes());
        rest.extend(b"mdat");
        rest.extend(data);
    }
    (init, rest)
}

#[test]
fn a_reference_in_place_of_a_lost_init_segment_must_fit() {
    for name in SOUND {
        let (_, rest) = fragmented(name);
        let place = Place::with(&rest);
        let (_, written) = place.repair(&[clip(name)]).unwrap();
        let file = std::fs::read(clip(name)).unwrap();
        assert!(samples(&written) == samples(&file), "{name}");
    }
    let (_, rest) = fragmented("h264_bframes_aac.mp4");
    for wrong in ["h265_open_gop.mp4", "h264_other_size.mp4"] {
        let error = Place::with(&rest).repair(&[clip(wrong)]).unwrap_err();
        assert!(
            matches!(error, Error::ReferenceDiffers { .. }),
            "{wrong}: {error}"
        );
    }
}

/// A clip whose index was changed.
fn changed(name: &str, change: impl FnOnce(&mut Movie)) -> Vec<u8> {
    let mut file = index_last(name);
    let mut movie = movie(&file);
    file.truncate(boxed(&file, b"moov").start);
    change(&mut movie);
    file.extend(tapo_movie::encode_moov(&movie));
    file
}

#[test]
fn a_reference_in_place_of_a_lost_init_segment_must_count_alike() {
    let name = "h264_bframes_aac.mp4";
    let (_, rest) = fragmented(name);
    let place = Place::with(&rest);
    // The same pictures at the same rate, in other units.
    let units = changed(name, |movie| {
        let video = movie.tracks.iter_mut().find(|t| t.is_video()).unwrap();
        let samples = video.samples.len();
        video.samples.durations = Runs::default();
        video.samples.durations.push(samples, 3003);
        video.timescale = 90_000;
    });
    // Sound of one byte a sample.
    let law = changed(name, |movie| {
        let other = std::fs::read(clip("h264_alaw.mov")).unwrap();
        let other = self::movie(&other);
        let law = other.tracks.iter().find(|t| t.is_audio()).unwrap();
        let sound = movie.tracks.iter_mut().find(|t| t.is_audio()).unwrap();
        let id = sound.header.id;
        *sound = law.clone();
        sound.header.id = id;
    });
    for (name, wrong) in [("units.mp4", units), ("law.mp4", law)] {
        let error = place.repair(&[place.add(name, &wrong)]).unwrap_err();
        assert!(
            matches!(error, Error::ReferenceDiffers { .. }),
            "{name}: {error}"
        );
    }
}

#[test]
fn a_damaged_file_beside_it_is_no_reference() {
    let broken = index_last("demo.mp4");
    let broken = &broken[..boxed(&broken, b"moov").start];
    let damaged = changed("demo.mp4", |movie| {
        for chunk in movie.tracks.iter_mut().flat_map(|t| &mut t.samples.chunks) {
            chunk.offset += 100;
        }
    });
    let place = Place::with(broken);
    place.add("damaged.mp4", &damaged);
    let basis = place.repair(&[]).map(|(done, _)| done.basis);
    assert!(!matches!(basis, Ok(Basis::Sibling { .. })), "{basis:?}");
    place.add("healthy.mp4", &index_last("demo.mp4"));
    let (done, _) = place.repair(&[]).unwrap();
    assert!(matches!(done.basis, Basis::Sibling { path, .. } if path.ends_with("healthy.mp4")));
}

/// The profile that `record` leaves of a camera with these tracks.
fn profile(movie: &Movie) -> String {
    let tracks: Vec<String> = movie
        .tracks
        .iter()
        .map(|t| {
            let entry = t.descriptions[0].entry.raw();
            let hex: String = entry.iter().map(|b| format!("{b:02x}")).collect();
            let kind = if t.is_video() { "video" } else { "audio" };
            format!(
                r#"{{"id":{},"kind":"{kind}","timescale":{},"sample_entry_hex":"{hex}"}}"#,
                t.header.id, t.timescale
            )
        })
        .collect();
    format!(
        r#"{{"version":1,"camera":"c","tracks":[{}]}}"#,
        tracks.join(",")
    )
}

#[test]
fn the_profile_of_the_camera_comes_before_a_sibling() {
    let name = "h264_bframes_aac.mp4";
    let file = std::fs::read(clip(name)).unwrap();
    let (_, rest) = fragmented(name);
    let place = Place::with(&rest);
    place.add("sibling.mp4", &file);
    let (done, _) = place.repair(&[]).unwrap();
    assert!(
        matches!(done.basis, Basis::Sibling { .. }),
        "{:?}",
        done.basis
    );
    place.add(".tapo/broken.profile.json", b"{ no profile");
    let other = std::fs::read(clip("h265_open_gop.mp4")).unwrap();
    place.add(".tapo/a.profile.json", profile(&movie(&other)).as_bytes());
    let (done, _) = place.repair(&[]).unwrap();
    assert!(
        matches!(done.basis, Basis::Sibling { .. }),
        "{:?}",
        done.basis
    );
    let own = place.add(".tapo/b.profile.json", profile(&movie(&file)).as_bytes());
    let (done, written) = place.repair(&[]).unwrap();
    let Basis::CameraProfile { path, .. } = &done.basis else {
        panic!("{:?}", done.basis);
    };
    assert_eq!(path.canonicalize().unwrap(), own.canonicalize().unwrap());
    assert!(samples(&written) == samples(&file));
}

#[test]
fn of_several_references_the_best_is_taken() {
    let name = "h264_bframes_aac.mp4";
    let file = index_last(name);
    let cut = boxed(&file, b"mdat").end - 5000;
    let place = Place::with(&file[..cut]);
    let all = [
        clip("h265_open_gop.mp4"),
        clip(name),
        clip("demo.mp4"),
        clip(name),
    ];
    let (done, written) = place.repair(&all).unwrap();
    let Basis::Reference { path, why } = &done.basis else {
        panic!("{:?}", done.basis);
    };
    assert_eq!((path, why.contains("of 3")), (&clip(name), true), "{why}");
    // A folder may hold anything, the broken file and other broken ones too.
    place.add("refs/1.mp4", &file[..cut]);
    place.add("refs/2.mp4", b"nothing of the kind");
    place.add("refs/3.mp4", &std::fs::read(clip(name)).unwrap());
    let (_, by_folder) = place.repair(&[place.dir.path().join("refs")]).unwrap();
    assert_eq!(by_folder, written);
}

#[test]
fn what_cannot_serve_is_refused_with_the_reason() {
    let file = index_last("demo.mp4");
    let place = Place::with(&file[..boxed(&file, b"mdat").end]);
    let why = |reference: PathBuf| {
        let error = place.repair(&[reference]).unwrap_err();
        assert!(matches!(error, Error::BadReference { .. }), "{error}");
        error.to_string()
    };
    assert!(why(place.broken.clone()).contains("the broken file itself"));
    let torn = place.add("torn.mp4", &file[..1000]);
    assert!(why(torn).contains("no moov"));
    let empty = tempfile::tempdir().unwrap();
    assert!(why(empty.path().to_owned()).contains("no healthy recording"));
    let missing = place
        .repair(&[place.dir.path().join("none.mp4")])
        .unwrap_err();
    assert!(matches!(missing, Error::Io(_)), "{missing}");
}

#[test]
fn a_track_that_nothing_describes_is_told_of() {
    let file = index_last("h264_bframes_aac.mp4");
    let mut movie = movie(&file);
    movie.tracks.truncate(1);
    movie.header.next_track_id = 3;
    let mut broken = file[..boxed(&file, b"mdat").end].to_vec();
    let mut moov = tapo_movie::encode_moov(&movie);
    moov.truncate(moov.len() - 9);
    broken.extend(moov);
    match Place::with(&broken).repair(&[]) {
        Ok((done, _)) => assert_eq!(done.notes, [Note::TracksUnknown { tracks: 1 }]),
        Err(error) => assert!(matches!(error, Error::NoReference { .. }), "{error}"),
    }
}

#[test]
fn parameter_sets_in_the_data_are_enough_for_the_pictures() {
    for name in ["h264_bframes_aac.mp4", "h265_open_gop.mp4"] {
        let file = std::fs::read(clip(name)).unwrap();
        let movie = movie(&file);
        let video = movie
            .tracks
            .iter()
            .position(tapo_movie::Track::is_video)
            .unwrap();
        let track = &movie.tracks[video];
        let entry = &track.descriptions[0];
        let boxes: Vec<_> = entry.entry.children().map(|(k, b)| (k.0, b)).collect();
        let said = tapo_codec::describe(entry.kind().0, &boxes);
        let mut sets = Vec::new();
        for set in &said.parameter_sets {
            sets.extend((set.len() as u32).to_be_bytes());
            sets.extend(*set);
        }
        let media = boxed(&file, b"mdat");
        let first = track.samples.iter().next().unwrap().span.start as usize;
        let head = b"\0\0\0\x10ftypisom\0\0\0\0\0\0\0\0mdat";
        let front = &file[media.start + 8..first];
        let broken = [head, front, &sets, &file[first..media.end]].concat();
        let (done, written) = Place::with(&broken).repair(&[]).unwrap();
        assert!(matches!(done.basis, Basis::ParameterSets { .. }), "{name}");
        let mut want = samples(&file)[video].clone();
        want[0].splice(0..0, sets.iter().copied());
        let got = samples(&written);
        assert_eq!((got.len(), got[0] == want), (1, true), "{name}");
        assert_eq!(done.tracks[0].classes[2], want.len() as u64);
        assert!(!done.is_complete());
        // Without them there is nothing to go by.
        let bare = [head, front, &file[first..media.end]].concat();
        let error = Place::with(&bare).repair(&[]).unwrap_err();
        assert!(matches!(error, Error::NoReference { .. }), "{error}");
    }
}
