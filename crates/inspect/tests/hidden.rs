//! Files that hide damage or data, made from a sound one: each gets the finding
//! that is its own, and the sound one none.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "tests panic when they fail"
)]

use tapo_bmff::BoxTree;
use tapo_inspect::{Inspection, Severity, Verdict, inspect};
use tapo_io::Span;

fn clip() -> Vec<u8> {
    named("h264_bframes_aac.mp4")
}

fn named(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata");
    std::fs::read(std::path::Path::new(folder).join(name)).unwrap()
}

/// Where the first box at the end of a path of types stands.
fn place(file: &Vec<u8>, path: &[&[u8; 4]]) -> Span {
    let tree = BoxTree::read(file).unwrap();
    let (first, rest) = path.split_first().unwrap();
    let (id, _) = tree.roots().find(|(_, n)| n.kind == **first).unwrap();
    tree.descend(id, rest).unwrap().1.span
}

/// Adds to every chunk offset from `from` on.
fn shift(file: &mut [u8], from: u32, delta: u32) {
    let tables: Vec<usize> = (0..file.len() - 4)
        .filter(|at| &file[*at..at + 4] == b"stco")
        .collect();
    for at in tables {
        let word =
            |file: &[u8], at: usize| u32::from_be_bytes(file[at..at + 4].try_into().unwrap());
        for entry in 0..word(file, at + 8) as usize {
            let place = at + 12 + 4 * entry;
            let offset = word(file, place);
            if offset >= from {
                file[place..place + 4].copy_from_slice(&offset.wrapping_add(delta).to_be_bytes());
            }
        }
    }
}

fn boxed(kind: &[u8; 4], payload: &[u8]) -> Vec<u8> {
    let size = u32::try_from(payload.len() + 8).unwrap();
    [&size.to_be_bytes()[..], kind, payload].concat()
}

/// Whether it found this, of this severity, in this file.
fn finds(inspection: &Inspection, code: &str, severity: Severity) -> bool {
    let mut findings = inspection.findings.iter();
    findings.any(|f| f.problem.code() == code && f.severity() == severity)
}

#[test]
fn a_sound_file_is_sound() {
    let seen = inspect(&clip()).unwrap();
    assert_eq!(seen.verdict, Verdict::Sound);
    let worst = seen
        .findings
        .iter()
        .map(tapo_inspect::Finding::severity)
        .max();
    assert_eq!(worst, Some(Severity::Notice));
    assert!(
        !seen
            .ledger
            .entries()
            .any(|e| e.what.is_spare() && e.span.len() > 16)
    );
}

#[test]
fn what_is_hidden_is_found() {
    let sound = clip();
    let mdat = place(&sound, &[b"mdat"]);
    let moov = place(&sound, &[b"moov"]);
    let middle = mdat.start as usize + 20_000;
    let seen = inspect(&sound).unwrap();
    let chunks = &seen.read.movie.as_ref().unwrap().tracks[0].samples.chunks;
    let chunk = chunks[chunks.len() / 2].offset as usize;

    let mut cases: Vec<(&str, &str, Severity, Vec<u8>)> = Vec::new();
    let mut garbage = sound.clone();
    garbage.extend((0..4096_u32).map(|i| (i * 91 + 7) as u8));
    cases.push((
        "garbage behind the end",
        "trailing-bytes",
        Severity::Damage,
        garbage,
    ));

    let mut free = sound.clone();
    free.extend(boxed(b"free", &b"what nobody should see ".repeat(99)));
    cases.push(("text in free", "free-in-use", Severity::Notice, free));

    let mut hidden = sound.clone();
    shift(&mut hidden, chunk as u32, 5000);
    hidden.splice(
        chunk..chunk,
        b"UNREFERENCED".iter().copied().cycle().take(5000),
    );
    let at = mdat.start as usize;
    let size = u32::try_from(mdat.len() + 5000).unwrap();
    hidden[at..at + 4].copy_from_slice(&size.to_be_bytes());
    cases.push((
        "bytes among the samples",
        "unused-media",
        Severity::Damage,
        hidden,
    ));

    let mut moved = sound.clone();
    shift(&mut moved, 0, 1);
    cases.push((
        "offsets that are off by one",
        "samples-lengths",
        Severity::Damage,
        moved,
    ));

    let mut unknown = sound.clone();
    unknown.extend(boxed(b"uuid", &[0x5a; 80]));
    cases.push((
        "a uuid box of nobody's",
        "unknown-box",
        Severity::Notice,
        unknown,
    ));

    let mut twice = sound.clone();
    twice.extend(&sound);
    cases.push((
        "a movie behind the movie",
        "second-moov",
        Severity::Damage,
        twice,
    ));

    let mut times = sound.clone();
    let path: [&[u8; 4]; 6] = [b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stts"];
    let stts = place(&times, &path).start as usize;
    times[stts + 16 + 3] -= 1;
    cases.push(("a time too few", "times-disagree", Severity::Damage, times));

    let headless = sound[..moov.start as usize].to_vec();
    cases.push(("no index", "moov-missing", Severity::Damage, headless));

    let mut zeroed = sound.clone();
    zeroed[chunk..chunk + 60].fill(0);
    cases.push((
        "zeros in a sample",
        "samples-lengths",
        Severity::Damage,
        zeroed,
    ));

    let mut blank = sound.clone();
    blank[middle..middle + 8000].fill(0);
    cases.push((
        "samples of zeros",
        "samples-zeroed",
        Severity::Damage,
        blank,
    ));

    let mut short = sound.clone();
    let size = u32::try_from(mdat.len() - 100).unwrap();
    short[at..at + 4].copy_from_slice(&size.to_be_bytes());
    cases.push(("a size that lies", "moov-astray", Severity::Damage, short));

    let mut overlapping = sound.clone();
    shift(&mut overlapping, chunk as u32, u32::MAX - 99);
    cases.push((
        "samples on samples",
        "samples-overlap",
        Severity::Warning,
        overlapping,
    ));

    for (what, code, severity, file) in cases {
        let seen = inspect(&file).unwrap();
        assert!(finds(&seen, code, severity), "{what}: {:?}", seen.findings);
        let damaged = seen
            .findings
            .iter()
            .any(|f| f.severity() == Severity::Damage);
        assert_eq!(damaged, seen.verdict != Verdict::Sound, "{what}");
    }
}

/// Numbers that look random, the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below as u64) as usize
    }
}

#[test]
fn zeros_anywhere_in_the_pictures_are_found_where_they_are() {
    for name in ["h264_bframes_aac.mp4", "h265_open_gop.mp4", "h264_alaw.mov"] {
        zeros_are_found(&named(name));
    }
}

fn zeros_are_found(sound: &Vec<u8>) {
    let seen = inspect(sound).unwrap();
    let track = &seen.read.movie.as_ref().unwrap().tracks[0];
    let pictures: Vec<Span> = track.samples.iter().map(|s| s.span).collect();
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    for case in 0..300 {
        // Eight zeros at least: fewer may be what was there.
        let picture = pictures[dice.roll(pictures.len())];
        let len = 8 + dice.roll(900);
        let room = (picture.len() as usize).saturating_sub(9).max(1);
        let start = picture.start as usize + dice.roll(room);
        let end = (start + len).min(picture.end as usize);
        let mut file = sound.clone();
        file[start..end].fill(0);
        let hole = Span::new(start as u64, end as u64);
        let seen = inspect(&file).unwrap();
        let told = seen
            .findings
            .iter()
            .filter(|f| f.severity() == Severity::Damage);
        let spans: Vec<Span> = told.filter_map(|f| f.span).collect();
        assert!(
            spans.iter().any(|s| s.contains(hole)),
            "case {case}: {hole:?} in {picture:?} told as {spans:?}"
        );
        let all: u64 = spans.iter().map(|s| s.len()).sum();
        assert!(
            all <= picture.len(),
            "case {case}: no more than the picture"
        );
    }
}
