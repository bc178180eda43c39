//! Sound of another coding than the reference says: the bytes fit, the waveform
//! does not.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a panic is how a test fails, and clips are small"
)]

use std::path::Path;
use tapo_repair::{Error, Options, repair};

/// Values of the G.711 codes (ITU-T G.711, tables 1 and 2).
fn a_law(code: u8) -> i32 {
    let code = code ^ 0x55;
    let (segment, step) = (i32::from(code >> 4 & 7), i32::from(code & 15));
    let base = if segment == 0 { 0 } else { 16 };
    let value = (2 * (base + step) + 1) << (segment - 1).max(0) << 3;
    if code & 0x80 == 0 { -value } else { value }
}

fn mu_law(code: u8) -> i32 {
    let code = !code;
    let (segment, step) = (code >> 4 & 7, i32::from(code & 15));
    let value = ((2 * step + 33) << segment << 2) - 132;
    if code & 0x80 == 0 { value } else { -value }
}

/// The clip with A-law sound, a copy of it with the same sound in mu-law that
/// says so, and one that says A-law all the same.
fn clips() -> [Vec<u8>; 3] {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata");
    let clip = std::fs::read(folder.join("h264_alaw.mov")).unwrap();
    let movie = tapo_movie::read(&clip).unwrap().movie.unwrap();
    let sound = movie.tracks.iter().find(|t| t.is_audio()).unwrap();
    let nearest = |code: u8| {
        let value = a_law(code);
        (0..=255)
            .min_by_key(|c| mu_law(*c).abs_diff(value))
            .unwrap()
    };
    let codes: Vec<u8> = (0..=255).map(nearest).collect();
    let mut silent = clip.clone();
    for sample in &sound.samples {
        let bytes = &mut silent[sample.span.start as usize..sample.span.end as usize];
        bytes.iter_mut().for_each(|b| *b = codes[usize::from(*b)]);
    }
    let mut said = silent.clone();
    let entry = said.windows(4).rposition(|w| w == b"alaw").unwrap();
    said[entry..entry + 4].copy_from_slice(b"ulaw");
    [clip, said, silent]
}

fn repaired(broken: &[u8], reference: &[u8]) -> Result<u64, Error> {
    let dir = tempfile::tempdir().unwrap();
    let [at, by, out] = ["broken.mov", "reference.mov", "out.mov"].map(|n| dir.path().join(n));
    let top = tapo_movie::read(&broken.to_vec()).unwrap().top;
    let moov = top.iter().find(|b| b.kind == b"moov").unwrap().span;
    assert_eq!(moov.end, broken.len() as u64);
    std::fs::write(&at, &broken[..moov.start as usize]).unwrap();
    std::fs::write(&by, reference).unwrap();
    let options = Options {
        output: Some(out),
        ..Options::default()
    };
    repair(&at, &[by], &options).map(|done| done.samples())
}

#[test]
fn sound_of_the_other_law_is_refused() {
    let [a_law, mu_law, silent] = clips();
    for (broken, reference, name) in [
        (&mu_law, &a_law, "G.711 mu-law"),
        (&a_law, &mu_law, "G.711 A-law"),
    ] {
        let Err(Error::ReferenceDiffers { differences, .. }) = repaired(broken, reference) else {
            panic!("{name} is not refused");
        };
        assert!(
            differences.iter().any(|d| d.contains(name)),
            "{differences:?}"
        );
    }
    // A camera that always says the wrong one goes on doing so.
    assert!(repaired(&silent, &silent).is_ok());
    assert!(repaired(&mu_law, &mu_law).is_ok());
}
