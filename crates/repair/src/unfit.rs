//! Why a file that has an index cannot teach anything all the same.

use tapo_codec::ParameterSetKind;
use tapo_io::ByteSource;
use tapo_movie::{Read, Track};

/// Longest mean duration of the samples of a picture or sound track, seconds:
/// even a time lapse plays faster. What is longer is a damaged table.
const LONGEST: u64 = 60;

/// Reads a file. A table of more samples than the file has bytes is none: with all sizes
/// equal it takes a few bytes to name four thousand million.
///
/// # Errors
/// The source fails.
pub(crate) fn read(source: &dyn ByteSource) -> tapo_movie::Result<Read> {
    let mut read = tapo_movie::read(source)?;
    for track in read.movie.iter_mut().flat_map(|m| &mut m.tracks) {
        if u64::from(track.samples.len()) > source.len() {
            // That it was meant to last shows that something is missing.
            let meant = std::mem::take(&mut track.samples);
            track.samples.durations = meant.durations;
        }
    }
    Ok(read)
}

/// What is wrong with the index of a reference, if it must not be learnt from.
pub(crate) fn why(read: &Read) -> Option<String> {
    let torn = read.top.iter().find(|b| b.kind == b"moov" && !b.whole);
    if let Some(moov) = torn {
        let at = moov.span.end;
        return Some(format!(
            "it is broken itself: its index is cut off at byte {at}"
        ));
    }
    let movie = read.movie.as_ref()?;
    if !read.top.iter().any(|b| b.kind == b"mdat") {
        return Some("it holds no media data".to_owned());
    }
    movie.tracks.iter().find_map(|track| {
        let seconds = impossible(track)?;
        let id = track.header.id;
        Some(format!(
            "it is broken itself: by its index each sample of track {id} lasts {seconds} s"
        ))
    })
}

/// How long the samples of a track last, seconds, if they cannot.
pub(crate) fn impossible(track: &Track) -> Option<u64> {
    mean_seconds(track).filter(|mean| *mean > LONGEST)
}

/// One in so many samples may last no time.
const STILL: u64 = 10;

/// Whether more than a few samples of pictures or sound last no time: a damaged table.
pub(crate) fn is_timeless(track: &Track) -> bool {
    let count = u64::from(track.samples.len());
    let runs = track.samples.durations.runs();
    let still = runs.iter().filter(|(_, duration)| *duration == 0);
    let still: u64 = still.map(|(n, _)| u64::from(*n)).sum();
    // The last one may have no duration of its own.
    (track.is_video() || track.is_audio()) && still > 2 && still.min(count) * STILL > count
}

/// Whether a track cannot be decoded: its parameter sets should be in its description, and are not, or the description
/// of its sound cannot be read.
pub(crate) fn lacks_sets(track: &Track) -> bool {
    track.descriptions.iter().any(|description| {
        let boxes: Vec<_> = description
            .entry
            .children()
            .map(|(kind, payload)| (kind.0, payload))
            .collect();
        let kind = description.kind().0;
        let said = tapo_codec::describe(kind, &boxes);
        let has = |wanted| {
            let mut sets = said.parameter_sets.iter();
            sets.any(|set| ParameterSetKind::of(kind, set) == Some(wanted))
        };
        match &kind {
            b"avc1" | b"hvc1" => {
                !has(ParameterSetKind::Sequence) || !has(ParameterSetKind::Picture)
            }
            b"mp4a" => said.defect.is_some(),
            _ => false,
        }
    })
}

/// How long samples last on average; of pictures and sound only, since a time
/// code or a description may stand for the whole recording.
fn mean_seconds(track: &Track) -> Option<u64> {
    if !track.is_video() && !track.is_audio() {
        return None;
    }
    let runs = track.samples.durations.runs();
    let ticks = runs
        .iter()
        .map(|(count, duration)| u128::from(*count) * u128::from(*duration))
        .sum::<u128>();
    let count: u128 = runs.iter().map(|(count, _)| u128::from(*count)).sum();
    // One picture may well be a title.
    if count < 2 {
        return None;
    }
    let mean = ticks / count / u128::from(track.timescale.max(1));
    u64::try_from(mean).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clip() -> Vec<u8> {
        include_bytes!("../../../testdata/h264_bframes_aac.mp4").to_vec()
    }

    fn said(bytes: &Vec<u8>) -> Option<String> {
        why(&tapo_movie::read(bytes).unwrap())
    }

    #[test]
    fn a_torn_index_is_told() {
        let mut bytes = clip();
        assert_eq!(said(&bytes), None);
        bytes.truncate(bytes.len() - 100);
        assert!(said(&bytes).unwrap().contains("cut off at byte"));
    }

    #[test]
    fn parameter_sets_that_are_not_there_are_missed() {
        let lacks = |bytes: &Vec<u8>| {
            let movie = tapo_movie::read(bytes).unwrap().movie.unwrap();
            movie.tracks.iter().any(lacks_sets)
        };
        let mut bytes = clip();
        assert!(!lacks(&bytes));
        let at = bytes.windows(4).position(|w| w == b"avcC").unwrap();
        // An SPS longer than the box.
        bytes[at + 10..at + 12].fill(0xFF);
        assert!(lacks(&bytes));
    }

    #[test]
    fn durations_that_cannot_be_are_told() {
        let mut bytes = clip();
        let at = bytes.windows(4).position(|w| w == b"stts").unwrap();
        bytes[at + 16..at + 20].fill(0x7F);
        assert!(said(&bytes).unwrap().contains("each sample of track 1"));
    }
}
