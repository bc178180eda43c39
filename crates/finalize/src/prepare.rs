//! From the movie of a fragmented file to the movie of a plain one: edit lists
//! that put the samples where they were, and no table that no longer fits.

use crate::{Error, Result};
use std::ops::Range;
use std::path::Path;
use tapo_io::{ByteSource, Span};
use tapo_movie::{Edit, Movie, Track, common_timescale, rescale};

/// Children of `stbl` that speak of samples by number, or of all of them: they
/// were written for the samples of the initial `moov` alone.
const BY_SAMPLE: [&[u8; 4]; 9] = [
    b"sbgp", b"sdtp", b"subs", b"saiz", b"saio", b"stdp", b"cslg", b"padb", b"stsh",
];

/// Normal playback rate, 16.16.
pub(crate) const NORMAL: u32 = 0x1_0000;

/// Timescales stay below 2^31: not every reader takes them as unsigned.
pub(crate) const LARGEST_TIMESCALE: u32 = i32::MAX.cast_unsigned();

/// Nothing for up to this long, seconds, may stand in front of all tracks: GStreamer
/// 1.22 waits for 10 s, and refuses a file in which a minute is empty.
const LONGEST_LEAD: u64 = 10;

/// Turns the movie of a fragmented file into that of the final one. Packets keep
/// their decode and presentation times, but for [whole seconds](lead) that come
/// before all of them.
pub(crate) fn prepare(mut movie: Movie, path: &Path) -> Result<Movie> {
    refuse_encrypted(&movie, path)?;
    movie.tracks.iter_mut().for_each(end_last_sample);
    let mut plans: Vec<Vec<Part>> = movie.tracks.iter().map(parts).collect();
    let lead = common_lead(&movie, &plans);
    for (track, parts) in movie.tracks.iter().zip(&mut plans) {
        if let Some(Part::Late(ticks)) = parts.first_mut() {
            *ticks -= lead * u64::from(track.timescale);
        }
    }
    let old = movie.header.timescale;
    let timescale = movie_timescale(&movie, &plans);
    movie.header.timescale = timescale;
    for (track, parts) in movie.tracks.iter_mut().zip(plans) {
        track.edits = edits(&parts, track, old, timescale);
        track.samples.start = 0;
        track.defaults = None;
        let fits = |kind| !BY_SAMPLE.iter().any(|by| kind == **by);
        track.other_stbl.retain(|raw| fits(raw.kind));
    }
    Ok(movie)
}

/// Whole seconds before the first sample of any track that [`prepare`] leaves out:
/// of a stream that had been running for hours, an offset that all its tracks
/// have in common, and no gap. Whole, since each timescale can say that.
pub(crate) fn lead(movie: &Movie) -> u64 {
    let plans: Vec<Vec<Part>> = movie.tracks.iter().map(parts).collect();
    common_lead(movie, &plans)
}

fn common_lead(movie: &Movie, plans: &[Vec<Part>]) -> u64 {
    let tracks = movie.tracks.iter().zip(plans);
    let leads = tracks.filter(|(track, _)| !track.samples.is_empty());
    let leads = leads.map(|(track, parts)| match parts.first() {
        Some(Part::Late(ticks)) => ticks / u64::from(track.timescale.max(1)),
        _ => 0,
    });
    leads.min().filter(|lead| *lead > LONGEST_LEAD).unwrap_or(0)
}

/// Checks that every sample lies in the file, and none in `spare`: bytes that
/// are going to be overwritten.
pub(crate) fn check_samples(
    movie: &Movie,
    source: &dyn ByteSource,
    end: u64,
    spare: &[Span],
) -> Result<()> {
    let malformed = |what| Error::Malformed {
        path: source.path().to_owned(),
        what,
    };
    for track in &movie.tracks {
        let id = track.header.id;
        for chunk in &track.samples.chunks {
            if chunk.description == 0 || chunk.description as usize > track.descriptions.len() {
                let which = chunk.description;
                let what = format!("track {id} uses sample description {which}, which is missing");
                return Err(malformed(what));
            }
        }
        let mut found = 0;
        for sample in &track.samples {
            let (span, number) = (sample.span, sample.number);
            if span.end > end {
                let what = format!("sample {number} of track {id} lies outside of the file");
                return Err(malformed(what));
            }
            if spare.iter().any(|s| !s.intersect(span).is_empty()) {
                let what = format!("sample {number} of track {id} lies where no media can be");
                return Err(malformed(what));
            }
            found = number;
        }
        if found != track.samples.len() {
            let what = format!(
                "sample {} of track {id} has no place in the file",
                found + 1
            );
            return Err(malformed(what));
        }
    }
    Ok(())
}

/// Refuses a movie that a plain one cannot stand for.
pub(crate) fn refuse_encrypted(movie: &Movie, path: &Path) -> Result<()> {
    if movie.tracks.iter().any(is_encrypted) {
        return Err(Error::Unsupported {
            path: path.to_owned(),
            what: "is encrypted; a plain MP4 would lose what its fragments say about the keys",
        });
    }
    Ok(())
}

/// A sample entry of an encrypted track is `encv`, `enca`, ... (ISO/IEC
/// 23001-7 §4.1).
fn is_encrypted(track: &Track) -> bool {
    let mut kinds = track.descriptions.iter().map(|d| d.kind().0);
    kinds.any(|kind| kind.starts_with(b"enc"))
}

/// A recorder that was killed had no time to say how long the last sample lasts
/// (GStreamer writes 0 then): as long as the one before. Without a duration,
/// players would not show it.
pub(crate) fn end_last_sample(track: &mut Track) {
    let durations = &mut track.samples.durations;
    if let [.., (_, before), (1, 0)] = *durations.runs() {
        durations.replace_last(before);
    }
}

/// A stretch of the presentation, before its lengths are put into a timescale.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
enum Part {
    /// Nothing is shown; ticks of the old movie timescale.
    Empty(u64),
    /// Nothing is shown, because the media starts later; ticks of the track.
    Late(u64),
    /// An edit that is not the last, or not at normal rate; its duration in
    /// ticks of the old movie timescale, its media time on the final timeline.
    Fixed(Edit),
    /// From this media time, on the final timeline, to the end.
    Rest(u64),
}

/// The edit list of a track (§8.6.6) on the timeline of the final file, which
/// starts with the first sample and not with the time that its `tfdt` says.
///
/// In a fragmented file an edit list says where the presentation starts; how
/// long it lasts could not be known when it was written. Where the presentation
/// starts before the first picture does, the time until then becomes an empty
/// edit: FFmpeg leaves out what is covered by neither a picture nor an empty
/// edit. Without a list the presentation would last as long as the media does in
/// decode time, and GStreamer would not show pictures that are composed later.
fn parts(track: &Track) -> Vec<Part> {
    let start = track.samples.start;
    let implied = [Edit::media(0, 0)];
    let edits = match &track.edits[..] {
        [] => &implied,
        edits => edits,
    };
    let Some(shown) = shown(track) else {
        return Vec::new();
    };
    // From the first sample to the last: no list says the same.
    let from_start = matches!(edits, [e] if e.media_time == Some(start) && e.rate == NORMAL);
    if from_start && shown.start == 0 && shown.end <= track.samples.duration() {
        return Vec::new();
    }
    let mut parts = Vec::with_capacity(edits.len() + 1);
    for (i, edit) in edits.iter().enumerate() {
        let last = i + 1 == edits.len();
        let Some(time) = edit.media_time else {
            parts.push(Part::Empty(edit.duration));
            continue;
        };
        if !last || edit.rate != NORMAL {
            parts.push(Part::Fixed(Edit {
                media_time: Some(time.saturating_sub(start)),
                ..*edit
            }));
            continue;
        }
        let first = start.saturating_add(shown.start);
        if time < first {
            parts.push(Part::Late(first - time));
        }
        parts.push(Part::Rest(time.max(first) - start));
    }
    parts
}

/// A timescale in which every length of nothing is whole.
fn movie_timescale(movie: &Movie, plans: &[Vec<Part>]) -> u32 {
    let old = movie.header.timescale.max(1);
    let all = || movie.tracks.iter().zip(plans);
    let late = |(track, parts): (&Track, &Vec<Part>)| {
        let scale = track.timescale.max(1);
        let inexact = parts.iter().any(|part| match part {
            Part::Late(ticks) => u128::from(*ticks) * u128::from(old) % u128::from(scale) != 0,
            _ => false,
        });
        inexact.then_some(scale)
    };
    let mut needed = all().filter_map(late).peekable();
    if needed.peek().is_none() {
        return old;
    }
    let fixed = |part: &Part| matches!(part, Part::Empty(ticks) if *ticks != 0);
    let keep = plans.iter().flatten().any(fixed).then_some(old);
    common_timescale(needed.chain(keep), LARGEST_TIMESCALE)
}

/// Puts the parts into the movie's new timescale.
fn edits(parts: &[Part], track: &Track, old: u32, new: u32) -> Vec<Edit> {
    let edit = |part: &Part| match *part {
        Part::Empty(ticks) => Edit::empty(rescale(ticks, old, new)),
        Part::Late(ticks) => Edit::empty(rescale(ticks, track.timescale, new)),
        Part::Fixed(edit) => Edit {
            duration: rescale(edit.duration, old, new),
            ..edit
        },
        Part::Rest(time) => {
            let shown = shown(track).map_or(0, |s| s.end.saturating_sub(time));
            Edit::media(rescale_up(shown, track.timescale, new), time)
        }
    };
    let edits = parts.iter().map(edit);
    // Nothing for no time is nothing.
    edits
        .filter(|e| e.media_time.is_some() || e.duration != 0)
        .collect()
}

/// From when to when pictures are shown, in composition order: ticks of the track
/// on the final timeline. `None` if there is no sample.
pub(crate) fn shown(track: &Track) -> Option<Range<u64>> {
    let start = i64::try_from(track.samples.start).unwrap_or(i64::MAX);
    let mut shown: Option<(i64, i64)> = None;
    for sample in &track.samples {
        let from = sample.pts();
        let to = from.saturating_add(i64::from(sample.duration));
        shown = Some(shown.map_or((from, to), |(a, b)| (a.min(from), b.max(to))));
    }
    let on_timeline = |t: i64| u64::try_from(t.saturating_sub(start)).unwrap_or(0);
    shown.map(|(from, to)| on_timeline(from)..on_timeline(to))
}

/// As [`rescale`], rounded up: an edit that is a tick short hides a sample.
fn rescale_up(ticks: u64, from: u32, to: u32) -> u64 {
    let exact = u128::from(ticks) * u128::from(to);
    u64::try_from(exact.div_ceil(u128::from(from.max(1)))).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tapo_bmff::FourCc;
    use tapo_movie::{RawBox, SampleDescription};

    /// Three samples of 3000 ticks at 90 kHz, the first shown 3000 ticks late.
    fn track(start: u64, edits: &[Edit]) -> Track {
        composed(start, edits, [3000, 6000, 0])
    }

    fn composed(start: u64, edits: &[Edit], offsets: [i32; 3]) -> Track {
        let mut track = Track {
            timescale: 90_000,
            edits: edits.to_vec(),
            ..Track::default()
        };
        track.samples.start = start;
        track.samples.start_chunk(100, 1);
        for offset in offsets {
            track.samples.push(10, 3000, offset, true).unwrap();
        }
        track
    }

    fn prepared(timescale: u32, track: Track) -> (u32, Vec<Edit>) {
        let mut movie = Movie {
            tracks: vec![track],
            ..Movie::default()
        };
        movie.header.timescale = timescale;
        let movie = prepare(movie, Path::new("x")).unwrap();
        (movie.header.timescale, movie.tracks[0].edits.clone())
    }

    #[test]
    fn a_movie_from_zero_needs_no_list() {
        let plain = |edits| composed(0, edits, [0; 3]);
        assert_eq!(prepared(1000, plain(&[])), (1000, vec![]));
        let whole = [Edit::media(0, 0)];
        assert_eq!(prepared(1000, plain(&whole)), (1000, vec![]));
        let same_start = composed(7, &[Edit::media(0, 7)], [0; 3]);
        assert_eq!(prepared(1000, same_start), (1000, vec![]));
    }

    #[test]
    fn pictures_composed_late_are_shown_to_the_last() {
        // Decoded from 0 to 9000, shown from 3000 to 12,000.
        let list = vec![Edit::empty(3000), Edit::media(9000, 3000)];
        assert_eq!(prepared(90_000, track(0, &[])), (90_000, list));
        let list = vec![Edit::media(10_000, 0)];
        let last = composed(0, &[], [0, 0, 1000]);
        assert_eq!(prepared(90_000, last), (90_000, list));
    }

    #[test]
    fn a_last_sample_without_a_duration_gets_one() {
        let mut cut = composed(0, &[], [0; 3]);
        cut.samples.durations.replace_last(0);
        let movie = Movie {
            tracks: vec![cut],
            ..Movie::default()
        };
        let done = prepare(movie, Path::new("x")).unwrap();
        assert_eq!(done.tracks[0].samples.duration(), 9000);
    }

    #[test]
    fn a_late_start_becomes_an_empty_edit_in_whole_ticks() {
        // The last picture ends 12,000 ticks after the first is decoded.
        let late = vec![Edit::empty(3001), Edit::media(9000, 3000)];
        assert_eq!(prepared(1000, track(1, &[])), (90_000, late));
        let late = vec![Edit::empty(500), Edit::media(100, 3000)];
        assert_eq!(prepared(1000, track(42_000, &[])), (1000, late));
    }

    #[test]
    fn a_media_time_behind_the_start_is_moved_to_it() {
        let list = [Edit::media(7, 48_000)];
        let want = vec![Edit::media(9000, 3000)];
        assert_eq!(prepared(90_000, track(45_000, &list)), (90_000, want));
        let list = [Edit::empty(9), Edit::media(0, 3000)];
        let want = vec![Edit::empty(9), Edit::media(100, 3000)];
        assert_eq!(prepared(1000, track(0, &list)), (1000, want));
        // Later than the first picture: it is cut off.
        let want = vec![Edit::media(90, 3900)];
        let list = [Edit::media(0, 3900)];
        assert_eq!(prepared(1000, track(0, &list)), (1000, want));
    }

    #[test]
    fn whole_seconds_before_all_tracks_are_left_out_if_they_are_many() {
        let late = |seconds: u64, ticks: u64| track(seconds * 90_000 + ticks, &[]);
        let edits = |tracks: Vec<Track>| -> Vec<Option<Edit>> {
            let mut movie = Movie {
                tracks,
                ..Movie::default()
            };
            movie.header.timescale = 90_000;
            let lead = lead(&movie);
            let done = prepare(movie, Path::new("x")).unwrap();
            let first = |t: &Track| t.edits.first().copied().filter(|e| e.media_time.is_none());
            assert_eq!(super::lead(&done), 0);
            assert!(lead == 0 || lead > LONGEST_LEAD);
            done.tracks.iter().map(first).collect()
        };
        // Pictures are composed 3000 ticks late.
        let empty = |ticks: u64| Some(Edit::empty(ticks + 3000));
        let kept = edits(vec![late(10, 89_999 - 3000)]);
        assert_eq!(kept, [empty(990_000 - 1 - 3000)]);
        let hours = edits(vec![late(18_000, 0), late(18_002, 45_000)]);
        assert_eq!(hours, [empty(0), empty(2 * 90_000 + 45_000)]);
        // One that starts at once makes it a gap of the others.
        let gap = edits(vec![late(18_000, 0), late(0, 0)]);
        assert_eq!(gap, [empty(18_000 * 90_000), empty(0)]);
        // A list that says so is what somebody wants.
        let list = [Edit::empty(18_000 * 90_000), Edit::media(0, 0)];
        let wanted = edits(vec![track(0, &list)]);
        assert_eq!(wanted, [Some(list[0])]);
        // A track without samples says nothing.
        let none = Track {
            timescale: 8000,
            ..Track::default()
        };
        assert_eq!(edits(vec![late(60, 7), none])[0], empty(7));
    }

    #[test]
    fn an_empty_edit_keeps_its_length_in_a_new_timescale() {
        let list = [Edit::empty(1), Edit::media(0, 0)];
        let want = vec![Edit::empty(90), Edit::empty(3001), Edit::media(9000, 3000)];
        assert_eq!(prepared(1000, track(1, &list)), (90_000, want));
    }

    #[test]
    fn tables_by_sample_go_and_encryption_is_refused() {
        let raw = |kind: &[u8; 4]| RawBox {
            kind: FourCc(*kind),
            bytes: Vec::new(),
        };
        let mut plain = track(0, &[]);
        plain.other_stbl = vec![raw(b"sdtp"), raw(b"sgpd"), raw(b"saiz")];
        let movie = Movie {
            tracks: vec![plain],
            ..Movie::default()
        };
        let done = prepare(movie.clone(), Path::new("x")).unwrap();
        assert_eq!(done.tracks[0].other_stbl, [raw(b"sgpd")]);

        let mut secret = movie;
        let mut entry = SampleDescription::g711(b"alaw")
            .unwrap()
            .entry
            .raw()
            .to_vec();
        entry[4..8].copy_from_slice(b"enca");
        let entry = SampleDescription::parse(entry, FourCc(*b"soun")).unwrap();
        secret.tracks[0].descriptions.push(entry);
        let error = prepare(secret, Path::new("x")).unwrap_err();
        assert!(matches!(error, Error::Unsupported { .. }));
    }

    #[test]
    fn samples_outside_of_the_file_are_found() {
        let mut movie = Movie {
            tracks: vec![track(0, &[])],
            ..Movie::default()
        };
        let alaw = SampleDescription::g711(b"alaw").unwrap();
        movie.tracks[0].descriptions.push(alaw);
        let bytes = vec![0; 130];
        let check = |end, spare: &[Span]| check_samples(&movie, &bytes, end, spare);
        assert!(check(130, &[Span::new(0, 100)]).is_ok());
        let said = check(129, &[]).unwrap_err().to_string();
        assert!(said.contains("sample 3 of track 1 lies outside"), "{said}");
        assert!(check(130, &[Span::new(110, 111)]).is_err());
        movie.tracks[0].samples.chunks[0].description = 2;
        assert!(check_samples(&movie, &bytes, 130, &[]).is_err());
    }
}
