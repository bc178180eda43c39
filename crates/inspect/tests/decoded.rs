//! What reads as it should and decodes to something else: sectors that were written over, times and settings that are lost.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "tests panic when they fail"
)]

use tapo_inspect::{Inspection, Remedy, Severity, Verdict, inspect};
use tapo_io::Span;

fn named(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata");
    std::fs::read(std::path::Path::new(folder).join(name)).unwrap()
}

fn damage(seen: &Inspection) -> Vec<(&'static str, Option<Span>)> {
    let all = seen.findings.iter();
    let damage = all.filter(|f| f.severity() == Severity::Damage);
    damage.map(|f| (f.problem.code(), f.span)).collect()
}

/// Sectors that lie within one sample of the first track.
fn sectors(file: &Vec<u8>) -> Vec<usize> {
    let movie = inspect(file).unwrap().read.movie.unwrap();
    let samples: Vec<Span> = movie.tracks[0].samples.iter().map(|s| s.span).collect();
    let within = |at: &usize| {
        // Behind its headers.
        let around = Span::new(*at as u64 - 64, *at as u64 + 512 + 1);
        samples.iter().any(|s| s.contains(around))
    };
    (512..file.len()).step_by(512).filter(within).collect()
}

#[test]
fn sectors_of_pictures_that_hold_what_others_do_are_found() {
    let sound = named("h264_bframes_aac.mp4");
    let all = sectors(&sound);
    // The first ones hold the settings of the encoder, which is text.
    let coded = |at: &&usize| !sound[**at..**at + 512].is_ascii() && **at > all[2];
    let (from, to) = (*all.iter().find(coded).unwrap(), all[all.len() - 1]);
    let mut file = sound.clone();
    file.copy_within(from..from + 512, to);
    let hole = Span::at(to as u64, 512);
    let told = damage(&inspect(&file).unwrap());
    assert_eq!(told, [("samples-repeated", Some(hole))]);
}

#[test]
fn ones_are_found_in_a_law() {
    let sound = named("h264_alaw.mov");
    let movie = inspect(&sound).unwrap().read.movie.unwrap();
    let at = movie.tracks[1].samples.chunks[0].offset;
    let hole = Span::at(at + 20, 300);
    let mut file = sound.clone();
    file[hole.start as usize..hole.end as usize].fill(0xff);
    let told = damage(&inspect(&file).unwrap());
    assert_eq!(told, [("samples-erased", Some(hole))]);
}

#[test]
fn pictures_that_lost_the_times_they_are_shown_at_are_damaged() {
    let mut file = named("h264_bframes_aac.mp4");
    let at = file.windows(4).position(|w| w == b"ctts").unwrap();
    file[at..at + 4].copy_from_slice(b"free");
    let seen = inspect(&file).unwrap();
    let told = damage(&seen);
    assert!(
        told.iter().any(|(c, _)| *c == "composition-order"),
        "{told:?}"
    );
    assert_eq!(
        (seen.verdict, seen.remedy()),
        (Verdict::Damaged, Remedy::Repair)
    );
}

#[test]
fn settings_that_fit_neither_the_size_nor_the_pictures_are_damaged() {
    let sound = named("h264_bframes_aac.mp4");
    let sps = sound.windows(4).position(|w| w == b"avcC").unwrap() + 12;
    // Profile, level and picture size come first; this makes another picture size of it, and other fields behind.
    let mut file = sound.clone();
    file[sps + 5] ^= 33;
    let told = damage(&inspect(&file).unwrap());
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].0, "size-disagrees");
    // What merely says another size is odd: recorders do that.
    let mut file = sound.clone();
    let entry = sound.windows(4).position(|w| w == b"avc1").unwrap();
    let entry = sound[entry + 4..]
        .windows(4)
        .position(|w| w == b"avc1")
        .map_or(entry, |p| entry + 4 + p);
    file[entry + 28..entry + 30].copy_from_slice(&1000_u16.to_be_bytes());
    let seen = inspect(&file).unwrap();
    assert_eq!(damage(&seen), []);
    assert!(
        seen.findings
            .iter()
            .any(|f| f.problem.code() == "size-disagrees")
    );
}
