//! Verdicts on fragmented and plain files that were cut or overwritten: what
//! players make of them decides.
#![expect(clippy::unwrap_used, reason = "tests panic when they fail")]

use tapo_bmff::{BoxWriter, FourCc};
use tapo_inspect::{Inspection, Problem, Verdict, inspect};
use tapo_movie::{
    FragmentDefaults, Movie, Run, RunSample, SampleDescription, Track, encode_init, encode_moof,
    encode_moov,
};

const ORDINARY: RunSample = RunSample {
    size: 160,
    duration: 160,
    composition_offset: 0,
    sync: true,
};

fn movie() -> Movie {
    let mut movie = Movie::default();
    movie.header.timescale = 8000;
    let mut track = Track {
        handler: FourCc(*b"soun"),
        timescale: 8000,
        descriptions: vec![SampleDescription::g711(b"alaw").unwrap()],
        defaults: Some(FragmentDefaults::default()),
        ..Track::default()
    };
    track.header.id = 1;
    movie.tracks.push(track);
    movie
}

fn ftyp() -> Vec<u8> {
    let mut w = BoxWriter::new();
    w.boxed(b"ftyp", |w| {
        w.raw(b"isom").u32(512).raw(b"isomiso6mp41");
    });
    w.into_bytes()
}

/// The file, and where each of its fragments starts.
fn fragmented(fragments: u32) -> (Vec<u8>, Vec<usize>) {
    let mut file = ftyp();
    file.extend(encode_init(&movie()));
    let mut starts = Vec::new();
    for number in 0..fragments {
        starts.push(file.len());
        let run = Run {
            track_id: 1,
            base_media_decode_time: u64::from(number) * 8000,
            description: 1,
            samples: &[ORDINARY; 50],
        };
        file.extend(encode_moof(number + 1, &[run]));
        file.extend(8008_u32.to_be_bytes());
        file.extend(b"mdat");
        file.extend([0x55; 8000]);
    }
    (file, starts)
}

fn codes(inspection: &Inspection) -> Vec<&'static str> {
    let problems = inspection.findings.iter().map(|f| &f.problem);
    problems.map(Problem::code).collect()
}

#[test]
fn a_torn_index_does_not_play() {
    let mut file = ftyp();
    file.extend(BoxWriter::header(b"mdat", 8000, false));
    let media = file.len() as u64;
    file.extend([0x55; 8000]);
    let mut plain = movie();
    plain.tracks[0].defaults = None;
    plain.tracks[0].samples.start_chunk(media, 1);
    for _ in 0..50 {
        plain.tracks[0].samples.push(160, 160, 0, true).unwrap();
    }
    file.extend(encode_moov(&plain));
    assert_eq!(inspect(&file).unwrap().verdict, Verdict::Sound);
    for missing in [1, 4, 60] {
        let torn = file[..file.len() - missing].to_vec();
        let inspection = inspect(&torn).unwrap();
        assert_eq!(inspection.verdict, Verdict::Repairable, "{missing}");
    }
}

#[test]
fn the_first_fragment_plays_as_far_as_it_goes() {
    let (file, starts) = fragmented(1);
    let mdat = file.len() - 8008;
    for end in [file.len() - 1, mdat + 4000, mdat + 9] {
        let inspection = inspect(&file[..end].to_vec()).unwrap();
        assert_eq!(inspection.verdict, Verdict::Damaged, "{end}");
        assert!(!codes(&inspection).contains(&"no-samples"), "{end}");
    }
    for end in [mdat + 8, mdat, starts[0] + 30] {
        let inspection = inspect(&file[..end].to_vec()).unwrap();
        assert_eq!(inspection.verdict, Verdict::Beyond, "{end}");
    }
}

#[test]
fn a_start_that_is_cut_off_does_not_play() {
    let (file, starts) = fragmented(1);
    let mut start = file[..starts[0]].to_vec();
    assert_eq!(inspect(&start).unwrap().verdict, Verdict::Sound);
    start.extend(BoxWriter::header(b"sidx", 36, false));
    assert_eq!(inspect(&start).unwrap().verdict, Verdict::Beyond);
}

#[test]
fn fragments_behind_overwritten_bytes_are_missed() {
    let (mut file, starts) = fragmented(4);
    // One `moof` is overwritten with zeros: its `mdat`, and two fragments, are lost.
    let moof = starts[2] - starts[1] - 8008;
    file[starts[1]..starts[1] + moof].fill(0);
    let inspection = inspect(&file).unwrap();
    assert_eq!(inspection.verdict, Verdict::Damaged);
    let (kind, at) = (FourCc(*b"moof"), starts[2] as u64);
    let lost = Problem::OutOfReach { kind, at };
    let mut problems = inspection.findings.iter().map(|f| &f.problem);
    assert!(problems.any(|p| *p == lost), "{:?}", inspection.findings);

    let (mut sound, _) = fragmented(2);
    sound.extend([0x11; 9]);
    let inspection = inspect(&sound).unwrap();
    assert_eq!(inspection.verdict, Verdict::Sound);
    assert_eq!(codes(&inspection), ["trailing-bytes", "g711"]);
    sound.extend([0x11; 999]);
    assert_eq!(inspect(&sound).unwrap().verdict, Verdict::Damaged);
}

#[test]
fn fragments_that_the_index_does_not_announce_are_not_played() {
    let (mut file, _) = fragmented(2);
    let trex = file.windows(4).position(|w| w == b"trex").unwrap();
    // The track that it speaks of, behind version and flags (§8.8.3).
    file[trex + 8..trex + 12].copy_from_slice(&7_u32.to_be_bytes());
    let inspection = inspect(&file).unwrap();
    assert!(codes(&inspection).contains(&"extension-missing"));
    assert_eq!(inspection.verdict, Verdict::Repairable);
    assert!(!inspection.needs_reference());
}

#[test]
fn fragments_that_end_before_the_headers_say_are_told() {
    let (sound, _) = fragmented(4);
    let named = |file: &[u8], kind: &[u8; 4]| file.windows(4).position(|w| w == kind).unwrap() - 4;
    let extended = |duration: u32| {
        let mut file = sound.clone();
        for kind in [b"moov", b"mvex"] {
            let at = named(&file, kind);
            let size = u32::from_be_bytes(*file[at..].first_chunk().unwrap()) + 16;
            file[at..at + 4].copy_from_slice(&size.to_be_bytes());
        }
        let at = named(&file, b"mvex") + 8;
        let mehd = [16, 0x6d65_6864, 0, duration]
            .map(u32::to_be_bytes)
            .concat();
        file.splice(at..at, mehd);
        file
    };
    for (duration, early) in [
        (32_000, false),
        (35_000, false),
        (40_000, true),
        (u32::MAX, false),
    ] {
        let inspection = inspect(&extended(duration)).unwrap();
        // It may be an excerpt.
        assert_eq!(inspection.verdict, Verdict::Sound, "{duration}");
        let codes = codes(&inspection);
        assert_eq!(codes.contains(&"fragments-end-early"), early, "{codes:?}");
        let saved = inspection.saved()[0];
        let all = if early { 40_000 } else { 32_000 };
        assert_eq!((saved.sound, saved.all), (32_000, all));
    }
    // So may the header of the movie say.
    let mut file = sound.clone();
    let at = named(&file, b"mvhd") + 24;
    file[at..at + 4].copy_from_slice(&40_000_u32.to_be_bytes());
    let inspection = inspect(&file).unwrap();
    assert_eq!(inspection.verdict, Verdict::Sound);
    assert!(codes(&inspection).contains(&"fragments-end-early"));
}

#[test]
fn a_run_whose_type_is_lost_stops_no_player() {
    let (mut file, starts) = fragmented(4);
    let last = starts[3]
        + file[starts[3]..]
            .windows(4)
            .position(|w| w == b"trun")
            .unwrap();
    file[last] = 0;
    let inspection = inspect(&file).unwrap();
    assert!(codes(&inspection).contains(&"bad-fields"));
    assert_eq!(inspection.verdict, Verdict::Damaged);
}

#[test]
fn fragments_of_another_movie_are_told_as_such() {
    let ((first, _), (mut second, _)) = (fragmented(3), fragmented(2));
    let entry = second.windows(4).position(|w| w == b"alaw").unwrap();
    second[entry] = b'u';
    let inspection = inspect(&[first.clone(), second].concat()).unwrap();
    let at = first.len() as u64;
    let of = tapo_inspect::Second::Fragments { at };
    let second = Problem::SecondMoov { of };
    assert!(inspection.findings.iter().any(|f| f.problem == second));
    let codes = codes(&inspection);
    assert!(!codes.contains(&"fragment-time-back"), "{codes:?}");
    assert_eq!(inspection.remedy(), tapo_inspect::Remedy::Repair);
    // One that is coded alike goes on, for a player.
    let inspection = inspect(&first.repeat(2)).unwrap();
    assert!(!inspection.findings.iter().any(|f| f.problem == second));
}

#[test]
fn fragments_behind_an_index_that_is_too_short_can_be_saved() {
    let (mut file, starts) = fragmented(4);
    // User data at the end of the index, which ends eight bytes too early.
    let mut user = BoxWriter::new();
    user.boxed(b"udta", |w| {
        w.boxed(b"name", |w| {
            w.raw(b"the yard, in winter");
        });
    });
    let user = user.into_bytes();
    let moov = ftyp().len();
    let size = u32::from_be_bytes(*file[moov..].first_chunk().unwrap());
    let short = size + u32::try_from(user.len()).unwrap() - 8;
    file[moov..moov + 4].copy_from_slice(&short.to_be_bytes());
    file.splice(starts[0]..starts[0], user);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mp4");
    std::fs::write(&path, file).unwrap();
    let options = tapo_inspect::Options {
        outlook: true,
        ..tapo_inspect::Options::default()
    };
    let inspection = tapo_inspect::inspect_file_with(&path, options).unwrap();
    assert_eq!(inspection.verdict, Verdict::Repairable);
    assert_eq!(inspection.remedy(), tapo_inspect::Remedy::Repair);
}
