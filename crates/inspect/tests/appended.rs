//! What is behind a movie, or left of one: another movie, the same again, a text, the head of a picture.
#![expect(clippy::unwrap_used, reason = "tests panic when they fail")]

use tapo_inspect::{
    Finding, Inspection, Options, Problem, Remedy, Second, Severity, Verdict, inspect,
    inspect_file_with,
};

fn named(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata");
    std::fs::read(std::path::Path::new(folder).join(name)).unwrap()
}

fn damage(seen: &Inspection) -> Vec<&'static str> {
    let damage = |f: &&Finding| f.severity() == Severity::Damage;
    let all = seen.findings.iter().filter(damage);
    all.map(|f| f.problem.code()).collect()
}

/// As `tapo inspect` sees it: finalize and repair are asked.
fn asked(bytes: &[u8]) -> Inspection {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mp4");
    std::fs::write(&path, bytes).unwrap();
    let options = Options {
        outlook: true,
        ..Options::default()
    };
    inspect_file_with(&path, options).unwrap()
}

#[test]
fn another_movie_behind_the_first_is_told_where_it_begins() {
    let (first, second) = (named("h264_bframes_aac.mp4"), named("h265_open_gop.mp4"));
    let seen = asked(&[first.clone(), second.clone()].concat());
    assert_eq!(damage(&seen), ["second-moov"]);
    let at = first.len() as u64;
    assert_eq!(seen.remedy(), Remedy::Split { at });
    let alone = inspect(&first).unwrap();
    let lasts =
        |seen: &Inspection| -> Vec<_> { seen.saved().iter().map(|s| (s.sound, s.all)).collect() };
    assert_eq!(lasts(&seen), lasts(&alone));
    let time = seen.findings[0].time.unwrap();
    let whole = inspect(&second).unwrap();
    let longest = whole.tracks.iter().find(|t| t.timescale == time.timescale);
    assert_eq!(time.end, longest.unwrap().duration);
    // Of one that is not whole nobody knows.
    let torn = second.len() - second.len() / 3;
    let seen = asked(&[&first, &second[..torn]].concat());
    assert!(!matches!(seen.remedy(), Remedy::Split { .. }));
}

#[test]
fn the_same_movie_again_is_none_that_is_lost() {
    let clip = named("h264_bframes_aac.mp4");
    for times in [2, 3] {
        let seen = asked(&clip.repeat(times));
        let at = clip.len() as u64;
        let of = Second::Copy { at };
        assert_eq!(seen.findings[0].problem, Problem::SecondMoov { of });
        assert_eq!(damage(&seen), ["second-moov"]);
        assert_eq!(seen.remedy(), Remedy::Nothing);
    }
}

#[test]
fn what_was_copied_as_text_is_beyond_repair() {
    let clip = named("h264_bframes_aac.mp4");
    let coded: String = clip.iter().map(|b| char::from(*b)).collect();
    let seen = asked(coded.as_bytes());
    assert!(
        damage(&seen).contains(&"copied-as-text"),
        "{:?}",
        damage(&seen)
    );
    assert_eq!(
        (seen.verdict, seen.remedy()),
        (Verdict::Beyond, Remedy::Nothing)
    );
    let lines: Vec<u8> = clip
        .iter()
        .flat_map(|b| [b'\r', *b].into_iter().skip(usize::from(*b != b'\n')))
        .collect();
    let seen = asked(&lines);
    assert!(
        damage(&seen).contains(&"copied-as-text"),
        "{:?}",
        damage(&seen)
    );
    assert_eq!(seen.remedy(), Remedy::Nothing);
}

#[test]
fn the_head_of_a_picture_is_nothing_to_save() {
    let clip = named("h264_bframes_aac.mp4");
    let mdat = clip.windows(4).position(|w| w == b"mdat").unwrap() + 4;
    for (len, verdict) in [(60, Verdict::Beyond), (40_000, Verdict::Repairable)] {
        let seen = asked(&clip[..mdat + len]);
        assert_eq!(seen.verdict, verdict, "{len}");
    }
}

#[test]
fn pictures_without_their_keyframe_are_not_saved() {
    let clip = named("h264_bframes_aac.mp4");
    let sound = inspect(&clip).unwrap();
    let table = &sound.read.movie.as_ref().unwrap().tracks[0].samples;
    let first = table.iter().next().unwrap();
    let second = table.iter().skip(1).find(|s| s.sync).unwrap();
    let mut zeroed = clip.clone();
    let place =
        usize::try_from(first.span.start).unwrap()..usize::try_from(first.span.end).unwrap();
    zeroed[place].fill(0);
    let seen = asked(&zeroed);
    let pictures = seen.saved()[0];
    assert_eq!(pictures.all - pictures.sound, second.dts - first.dts);
}

#[test]
fn a_movie_whose_first_sector_is_lost_is_one() {
    let clip = named("h264_bframes_aac.mp4");
    // With its index first.
    let moov = clip.windows(4).rposition(|w| w == b"moov").unwrap() - 4;
    let mut front = [&clip[moov..], &clip[..moov]].concat();
    front[..512].fill(0);
    let seen = inspect(&front).unwrap();
    assert_eq!(seen.verdict, Verdict::Repairable);
    // What merely speaks of tables is none.
    let words = b"stbl and stsd ".repeat(1000);
    assert_eq!(inspect(&words).unwrap().verdict, Verdict::NotMp4);
}
