//! What `tapo inspect` advises for a damaged file is what works: the command succeeds, needs no other recording than
//! it says, and saves as much as was told.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a panic is how a test fails"
)]

mod common;

use common::{Folder, fragments_of};
use serde_json::Value;

fn clip() -> Vec<u8> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../testdata/h264_bframes_aac.mp4"
    );
    std::fs::read(path).unwrap()
}

/// Where the header of the `number`th box of a type stands, by its type's first bytes.
fn place(file: &[u8], kind: &[u8; 4], number: usize) -> usize {
    let mut all = file.windows(4).enumerate().filter(|(_, w)| w == kind);
    all.nth(number).unwrap().0 - 4
}

fn with(file: &[u8], at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut file = file.to_vec();
    file[at..at + bytes.len()].copy_from_slice(bytes);
    file
}

/// The file with another type in the header of a box, which hides it and all that it holds.
fn hidden(file: &[u8], kind: &[u8; 4], number: usize) -> Vec<u8> {
    with(file, place(file, kind, number) + 4, b"zzzz")
}

/// The file with a number of 32 bits at a place inside a box, counted from its header.
fn patched(file: &[u8], kind: &[u8; 4], number: usize, at: usize, value: u32) -> Vec<u8> {
    with(file, place(file, kind, number) + at, &value.to_be_bytes())
}

/// The size of a box, by so many bytes another.
fn resized(file: &[u8], kind: &[u8; 4], number: usize, by: i32) -> Vec<u8> {
    let at = place(file, kind, number);
    let size = u32::from_be_bytes(file[at..at + 4].try_into().unwrap());
    patched(file, kind, number, 0, size.checked_add_signed(by).unwrap())
}

fn damages() -> Vec<(&'static str, Vec<u8>)> {
    let (plain, open) = (&clip()[..], &fragments_of(&clip())[..]);
    let moov = place(plain, b"moov", 0);
    let mid = place(open, b"moof", 2);
    vec![
        ("head_zeroed", with(plain, 0, &[0; 512])),
        ("head_erased", with(plain, 0, &[0xff; 512])),
        ("cut_amid_media", plain[..moov * 6 / 10].to_vec()),
        ("cut_at_index", plain[..moov].to_vec()),
        (
            "index_end_zeroed",
            with(plain, plain.len() - 600, &[0; 600]),
        ),
        ("moov_long", resized(plain, b"moov", 0, 9)),
        ("moov_short", resized(plain, b"moov", 0, -7)),
        ("moov_hidden", hidden(plain, b"moov", 0)),
        ("mdat_hidden", hidden(plain, b"mdat", 0)),
        ("mvhd_hidden", hidden(plain, b"mvhd", 0)),
        ("mdia_hidden", hidden(plain, b"mdia", 0)),
        ("stbl_hidden", hidden(plain, b"stbl", 0)),
        ("mdhd_hidden", hidden(plain, b"mdhd", 0)),
        ("stsd_of_pictures_hidden", hidden(plain, b"stsd", 0)),
        ("stsd_of_sound_hidden", hidden(plain, b"stsd", 1)),
        ("stts_hidden", hidden(plain, b"stts", 0)),
        ("stsz_of_pictures_hidden", hidden(plain, b"stsz", 0)),
        ("stsz_of_sound_hidden", hidden(plain, b"stsz", 1)),
        ("stsc_of_pictures_hidden", hidden(plain, b"stsc", 0)),
        ("stsc_of_sound_hidden", hidden(plain, b"stsc", 1)),
        ("stco_of_pictures_hidden", hidden(plain, b"stco", 0)),
        ("stco_of_sound_hidden", hidden(plain, b"stco", 1)),
        ("dref_empty", patched(plain, b"dref", 0, 12, 0)),
        ("dref_entry_open", patched(plain, b"dref", 0, 16, 0)),
        (
            "dref_entry_open_of_fragments",
            patched(open, b"dref", 0, 16, 0),
        ),
        ("minf_of_pictures_hidden", hidden(plain, b"minf", 0)),
        ("size_of_one_zeroed", patched(plain, b"stsz", 0, 32, 0)),
        ("id_zeroed", patched(plain, b"tkhd", 1, 20, 0)),
        ("edit_empty", patched(plain, b"elst", 1, 20, u32::MAX)),
        ("header_of_track_hidden", hidden(open, b"tkhd", 0)),
        ("stbl_of_fragments_hidden", hidden(open, b"stbl", 0)),
        ("head_of_fragments_zeroed", with(open, 0, &[0; 512])),
        ("edit_far", patched(plain, b"elst", 0, 20, 0x00ff_ffff)),
        ("clock_stopped", patched(plain, b"mdhd", 0, 20, 0)),
        ("fragment_hidden", hidden(open, b"moof", 2)),
        ("fragment_zeroed", with(open, mid, &[0; 64])),
        ("fragment_of_no_track", patched(open, b"tfhd", 2, 12, 9)),
        ("run_endless", patched(open, b"trun", 2, 12, 0x00ff_ffff)),
        ("run_empty", patched(open, b"trun", 2, 12, 0)),
        ("time_far", patched(open, b"tfdt", 2, 12, 0x7fff_ffff)),
        ("media_open", patched(open, b"mdat", 2, 0, 0)),
        ("extensions_hidden", hidden(open, b"mvex", 0)),
        ("fragments_cut_off", open[..open.len() * 7 / 10].to_vec()),
    ]
}

/// How long each track of a file lasts from where decoding can start, by id.
fn lengths(file: &[u8]) -> Vec<(u64, f64)> {
    let movie = tapo_movie::read(&file).unwrap().movie.unwrap();
    let tracks = movie.tracks.iter().map(|t| {
        let mut samples = t.samples.iter();
        let first = samples
            .find(|s| s.sync)
            .map_or(0, |s| s.dts - t.samples.start);
        let ticks = u32::try_from(t.samples.duration() - first).unwrap();
        (
            u64::from(t.header.id),
            f64::from(ticks) / f64::from(t.timescale),
        )
    });
    tracks.collect()
}

/// What is wrong with the advice for one file.
fn wrong(name: &str, file: &[u8]) -> Option<String> {
    let folder = Folder::new();
    folder.write("d.mp4", file);
    let (code, out, err) = folder.run(&["inspect", "--json", "d.mp4"]);
    let seen: Value = serde_json::from_str(&out).unwrap();
    let Some(command) = seen["command"].as_str() else {
        return Some(format!("{name}: exit {code}, no command: {out}{err}"));
    };
    let good = tempfile::tempdir().unwrap();
    let good = good.path().join("GOOD.mp4");
    std::fs::write(&good, clip()).unwrap();
    let words = command.split(' ').skip(1);
    let words = words.map(|w| {
        if w == "GOOD.mp4" {
            good.to_str().unwrap()
        } else {
            w
        }
    });
    let (done, said, failed) = folder.run(&words.collect::<Vec<_>>());
    if !matches!(code, 3 | 4) || !matches!(done, 0 | 3) {
        return Some(format!(
            "{name}: exit {code}, {command}: exit {done} {said}{failed}"
        ));
    }
    let repaired = std::fs::read(folder.path("d.repaired.mp4"));
    let got = lengths(&repaired.unwrap_or_else(|_| std::fs::read(folder.path("d.mp4")).unwrap()));
    let saved = seen["saved"].as_array().unwrap();
    let right = |track: &Value| {
        let (id, seconds) = (track["track"].as_u64(), track["seconds"].as_f64().unwrap());
        let written = got
            .iter()
            .find(|(t, _)| Some(*t) == id)
            .map_or(0.0, |(_, s)| *s);
        (written - seconds).abs() <= (written / 20.0).max(0.3)
    };
    // Without an index nothing says how long it is.
    let unknown = saved.is_empty() && command.contains("--reference");
    let all = saved.len() == got.len() && saved.iter().all(right);
    (!unknown && !all).then(|| format!("{name}: {command} saves {got:?}, told {saved:?}"))
}

#[test]
fn the_command_that_is_advised_saves_what_is_told() {
    let wrong: Vec<_> = damages()
        .iter()
        .filter_map(|(name, file)| wrong(name, file))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
