//! Tracks of real files with their recognisers.

#![allow(dead_code, reason = "each test uses a part of it")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "this is for tests"
)]

use std::path::{Path, PathBuf};
use tapo_bmff::entry::Fields;
use tapo_codec::{Hints, Recogniser, recogniser};
use tapo_io::{ByteSource, PreadFile, Span};

pub(crate) struct Sample {
    pub(crate) number: u32,
    pub(crate) span: Span,
    pub(crate) sync: bool,
    pub(crate) presentation: i64,
}

pub(crate) struct Track {
    pub(crate) kind: String,
    pub(crate) recogniser: Box<dyn Recogniser>,
    pub(crate) samples: Vec<Sample>,
}

/// How many samples the recogniser is shown beforehand.
const SHOWN: usize = 60;

/// The tracks of a file that have a recogniser, with the samples that lie within the file.
pub(crate) fn tracks(path: &Path) -> Vec<Track> {
    let Ok(file) = PreadFile::open(path) else {
        return Vec::new();
    };
    let Ok(read) = tapo_movie::read(&file) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for track in read.movie.map(|movie| movie.tracks).unwrap_or_default() {
        for (index, description) in (1u32..).zip(&track.descriptions) {
            let boxes: Vec<_> = description
                .entry
                .children()
                .map(|(kind, payload)| (kind.0, payload))
                .collect();
            let mut hints = Hints {
                handler: Some(track.handler.0),
                ..Hints::default()
            };
            if let Fields::Sound {
                channels,
                bits,
                rate,
                ..
            } = description.entry.fields()
            {
                hints.channels = Some(channels);
                hints.sample_bits = Some(bits);
                hints.sample_rate = Some(rate);
            }
            let Some(mut recogniser) = recogniser(description.kind().0, &boxes, &hints) else {
                continue;
            };
            let samples: Vec<Sample> = track
                .samples
                .iter()
                .filter(|s| {
                    s.description == index && !s.span.is_empty() && s.span.end <= file.len()
                })
                .take(20_000)
                .map(|s| Sample {
                    number: s.number,
                    span: s.span,
                    sync: s.sync,
                    presentation: i64::try_from(s.dts).unwrap() + i64::from(s.composition_offset),
                })
                .collect();
            for sample in samples.iter().take(SHOWN) {
                recogniser.learn(&file.read_span(sample.span).unwrap());
            }
            found.push(Track {
                kind: description.kind().to_string(),
                recogniser,
                samples,
            });
        }
    }
    found
}

/// The clips that come with the source.
pub(crate) fn clips() -> Vec<PathBuf> {
    media_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata"))
}

/// The files of the corpus, if there is one.
pub(crate) fn corpus() -> Option<Vec<PathBuf>> {
    let Some(corpus) = std::env::var_os("TAPO_CORPUS") else {
        eprintln!("skipped: TAPO_CORPUS not set");
        return None;
    };
    Some(media_in(&Path::new(&corpus).join("media")))
}

/// The files of a folder, sorted by name.
pub(crate) fn media_in(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file() && path.extension().is_some_and(|e| e != "tsv" && e != "sh"))
        .collect();
    files.sort();
    files
}
