//! Indexes that can be read and that players refuse: each is damage, with a verdict and what can be saved.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests panic when they fail"
)]

use tapo_inspect::{Inspection, Severity, Verdict, inspect};

fn clip() -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata");
    std::fs::read(std::path::Path::new(folder).join("h264_bframes_aac.mp4")).unwrap()
}

/// Where the headers of all boxes of this type stand.
fn places(file: &[u8], kind: &[u8; 4]) -> Vec<usize> {
    let all = file.windows(4).enumerate().filter(|(_, w)| w == kind);
    all.map(|(at, _)| at - 4).collect()
}

/// The file with four bytes of the `number`th box of a type written over, counted from its header.
fn with(kind: &[u8; 4], number: usize, at: usize, value: &[u8; 4]) -> Vec<u8> {
    let mut file = clip();
    let at = places(&file, kind)[number] + at;
    file[at..at + 4].copy_from_slice(value);
    file
}

fn has(seen: &Inspection, code: &str, track: Option<u32>) -> bool {
    let mut all = seen.findings.iter();
    all.any(|f| {
        let own = f.problem.code() == code && f.track == track;
        own && f.severity() == Severity::Damage
    })
}

#[test]
fn what_players_refuse_is_damage() {
    let (lost, plays) = (Verdict::Repairable, Verdict::Damaged);
    let (none, one, two) = (None, Some(1), Some(2));
    let zero = &[0; 4];
    let far = &0x7fff_ffff_u32.to_be_bytes();
    let few = &40_u32.to_be_bytes();
    let many = &1000_u32.to_be_bytes();
    let cases = [
        (with(b"stsd", 0, 12, zero), "list-miscounted", one, lost),
        (with(b"dref", 0, 12, zero), "list-miscounted", one, lost),
        (with(b"stsd", 1, 12, zero), "list-miscounted", two, plays),
        (with(b"mvhd", 0, 4, b"mvhx"), "no-movie-header", none, lost),
        (
            with(b"hdlr", 0, 16, b"soun"),
            "handler-disagrees",
            one,
            lost,
        ),
        (
            with(b"hdlr", 0, 16, b"v\xff\0e"),
            "handler-disagrees",
            one,
            lost,
        ),
        (with(b"stsz", 0, 4, b"stsx"), "table-lost", one, lost),
        (with(b"stsz", 1, 4, b"stsx"), "table-lost", two, plays),
        (with(b"minf", 0, 4, b"xxxx"), "table-lost", one, lost),
        (with(b"stbl", 1, 4, b"xxxx"), "table-lost", two, plays),
        (with(b"mdia", 1, 4, b"xxxx"), "table-lost", two, plays),
        (with(b"trak", 1, 4, b"xxxx"), "track-renamed", two, plays),
        // No time for any sample: no player has a picture to show.
        (with(b"stts", 0, 4, b"xxxx"), "times-disagree", one, lost),
        (with(b"stts", 1, 4, b"xxxx"), "times-disagree", two, plays),
        // More entries than the box holds: of chunks none are taken, of the others only if the file ends before them.
        (with(b"stsc", 0, 12, many), "table-short", one, lost),
        (with(b"stss", 0, 12, few), "table-short", one, plays),
        (with(b"stss", 0, 12, far), "table-short", one, lost),
        // The entry of `dref` has no size.
        (with(b"dref", 0, 16, zero), "box-open-inside", none, lost),
        (with(b"tkhd", 1, 20, zero), "track-id-zero", Some(0), plays),
        (with(b"tkhd", 1, 4, b"xxxx"), "box-missing", none, plays),
        (with(b"mdhd", 0, 20, far), "clock-disagrees", one, plays),
        // The size of sample 4, alone in its chunk.
        (with(b"stsz", 0, 32, zero), "sizes-disagree", one, plays),
        // The media time of its only edit.
        (
            with(b"elst", 1, 20, &[0xff; 4]),
            "edit-shows-nothing",
            two,
            plays,
        ),
        // Nobody but us asks what the box is called.
        (with(b"mdat", 0, 4, b"mdau"), "mdat-missing", none, plays),
    ];
    for (file, code, track, verdict) in cases {
        let seen = inspect(&file).unwrap();
        assert!(has(&seen, code, track), "{code}: {:?}", seen.findings);
        assert_eq!(seen.verdict, verdict, "{code} {track:?}");
        assert!(!seen.needs_reference(), "{code} {track:?}");
    }
}

#[test]
fn the_length_of_a_track_without_its_table_is_told() {
    let seen = inspect(&with(b"stsz", 1, 4, b"stsx")).unwrap();
    let lost = seen.findings.iter().find(|f| f.track == Some(2));
    let time = lost.unwrap().time.unwrap();
    let whole = inspect(&clip()).unwrap();
    assert_eq!(time.end - time.start, whole.tracks[1].duration);
}

#[test]
fn a_track_beside_the_index_is_damage() {
    let mut file = clip();
    let (moov, trak) = (places(&file, b"moov")[0], places(&file, b"trak")[1]);
    let word = |file: &[u8], at: usize| u32::from_be_bytes(file[at..at + 4].try_into().unwrap());
    let (size, len) = (word(&file, moov), word(&file, trak));
    let cut: Vec<u8> = file.splice(trak..trak + len as usize, []).collect();
    file[moov..moov + 4].copy_from_slice(&(size - len).to_be_bytes());
    let end = moov + (size - len) as usize;
    file.splice(end..end, cut);
    let seen = inspect(&file).unwrap();
    assert!(has(&seen, "track-astray", None), "{:?}", seen.findings);
    assert_eq!(seen.verdict, Verdict::Damaged);
}

#[test]
fn clocks_and_keyframes_that_cannot_be_are_odd() {
    let sound = inspect(&clip()).unwrap();
    assert_eq!(sound.verdict, Verdict::Sound);
    let codes = |seen: &Inspection| -> Vec<_> {
        let odd = seen
            .findings
            .iter()
            .filter(|f| f.severity() > Severity::Notice);
        odd.map(|f| (f.problem.code(), f.track)).collect()
    };
    assert!(codes(&sound).is_empty());
    // Of the sound a clock eight times as slow or more; of the pictures one of a tick a second.
    let cases = [
        (
            with(b"mdhd", 1, 20, &1000_u32.to_be_bytes()),
            "clock-disagrees",
            2,
        ),
        (
            with(b"mdhd", 0, 20, &1_u32.to_be_bytes()),
            "clock-disagrees",
            1,
        ),
        (with(b"stss", 0, 4, b"free"), "sync-not-keyframe", 1),
        (with(b"stss", 0, 12, &[0; 4]), "keyframe-unlisted", 1),
    ];
    for (file, code, track) in cases {
        let seen = inspect(&file).unwrap();
        let told = codes(&seen);
        assert!(told.contains(&(code, Some(track))), "{code}: {told:?}");
    }
}

#[test]
fn uncompressed_pictures_are_named_as_sound_is() {
    let seen = inspect(&with(b"stsd", 0, 20, b"raw ")).unwrap();
    let codes = seen.findings.iter().map(|f| f.problem.code());
    let codes: Vec<_> = codes.collect();
    assert!(!codes.contains(&"handler-disagrees"), "{codes:?}");
    assert_eq!(seen.verdict, Verdict::Sound, "{codes:?}");
}
