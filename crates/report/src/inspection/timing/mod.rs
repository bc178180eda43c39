//! Every clock of a file; as JSON schema `tapo.inspect.timing/1`.

mod frames;
mod record;
mod within;

pub use frames::{frame_times, frame_times_head};
pub use record::timing_json;

use crate::{Align, Table, Theme, date, escape, number};
use std::io::{self, Write};
use std::path::Path;
use tapo_inspect::{Dates, Inspection, TrackTiming};
use tapo_io::ByteSource;
use tapo_movie::{Edit, MovieHeader, rescale};

/// Edits that are told of one track.
const EDITS: usize = 16;

/// Durations that differ by less are rounding and priming, milliseconds.
const SLACK: u64 = 50;

fn failed(error: tapo_inspect::Error) -> io::Error {
    io::Error::other(error)
}

/// Puts all clocks side by side, says edit lists in words, and how the sound
/// starts against the picture. `now` is the time, seconds since 1970.
///
/// # Errors
/// As `out` and `source` have them.
pub fn timing(
    out: &mut dyn Write,
    theme: &Theme,
    path: &Path,
    source: &dyn ByteSource,
    inspection: &Inspection,
    now: i64,
) -> io::Result<()> {
    let Theme { title, .. } = theme;
    writeln!(out, "{title}{}{title:#}", escape::path(path))?;
    let tracks = inspection.timing(source).map_err(failed)?;
    if let Some(movie) = &inspection.read.movie {
        table(out, &movie.header, &tracks)?;
        odd_dates(out, theme, &movie.header, &tracks, now)?;
        for track in &tracks {
            of_track(out, theme, &movie.header, track)?;
        }
    }
    for timing in &tracks {
        within::sei(out, source, inspection, timing)?;
    }
    if let Some(offset) = sound_offset(&tracks) {
        let by = number::spoken(offset.unsigned_abs(), 1_000_000);
        let how = match offset {
            // Less than half a millisecond.
            -499..=499 => "with the picture".to_owned(),
            ..-499 => format!("{by} before the picture"),
            _ => format!("{by} after the picture"),
        };
        writeln!(out, "the sound starts {how}")?;
    }
    if let Some(own) = &inspection.own {
        writeln!(
            out,
            "segment {} of camera '{}': first sample received {}",
            own.stamp.number,
            escape::text(&own.stamp.camera),
            date::from_1970_ns(own.stamp.started_ns)
        )?;
    }
    within::stamps(out, source, inspection)
}

fn table(out: &mut dyn Write, movie: &MovieHeader, tracks: &[TrackTiming<'_>]) -> io::Result<()> {
    let columns = [
        Align::Left,
        Align::Right,
        Align::Left,
        Align::Left,
        Align::Right,
    ];
    let mut table = Table::new(&columns);
    table.row(["clock", "ticks/s", "created", "changed", "duration"]);
    let mut row = |clock: String, timescale: u32, dates: Option<Dates>, duration: String| {
        let date = |of: fn(Dates) -> u64| dates.map_or_else(String::new, |d| of_1904(of(d)));
        table.row([
            clock,
            timescale.to_string(),
            date(|d| d.created),
            date(|d| d.modified),
            duration,
        ]);
    };
    let dates = Some(dates_of(movie));
    let duration = declared(movie.declared_duration, movie.timescale);
    row("mvhd".into(), movie.timescale, dates, duration);
    for timing in tracks {
        let track = timing.track;
        let id = track.header.id;
        let duration = declared(track.header.declared_duration, movie.timescale);
        row(
            format!("track {id} tkhd"),
            movie.timescale,
            Some(timing.header),
            duration,
        );
        if let Some(edits) = edited(&track.edits) {
            let duration = number::clock(edits, movie.timescale);
            row(format!("track {id} edits"), movie.timescale, None, duration);
        }
        let duration = declared(track.declared_media_duration, track.timescale);
        row(
            format!("track {id} mdhd"),
            track.timescale,
            Some(timing.media),
            duration,
        );
        let duration = number::clock(timing.samples, track.timescale);
        row(
            format!("track {id} samples"),
            track.timescale,
            None,
            duration,
        );
    }
    table.write(out, 2)
}

const fn dates_of(movie: &MovieHeader) -> Dates {
    Dates {
        created: movie.creation_time,
        modified: movie.modification_time,
    }
}

/// A date counted from 1904.
fn of_1904(seconds: u64) -> String {
    match since_1970(seconds) {
        None => "not set".into(),
        Some(seconds) => date::from_1970(seconds),
    }
}

/// `None` where a date is not set.
fn since_1970(seconds: u64) -> Option<i64> {
    let seconds = (seconds != 0).then_some(seconds)?;
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    Some(seconds.saturating_sub_unsigned(date::EPOCH_1904))
}

fn declared(duration: u64, timescale: u32) -> String {
    match duration {
        // §8.2.2.3: all ones, if it cannot be determined.
        u64::MAX => "unknown".into(),
        _ => number::clock(duration, timescale),
    }
}

/// How long all edits last, ticks of the movie's timescale; `None` without any.
fn edited(edits: &[Edit]) -> Option<u64> {
    let durations = edits.iter().map(|e| e.duration);
    (!edits.is_empty()).then(|| durations.fold(0, u64::saturating_add))
}

fn odd_dates(
    out: &mut dyn Write,
    theme: &Theme,
    movie: &MovieHeader,
    tracks: &[TrackTiming<'_>],
    now: i64,
) -> io::Result<()> {
    let Theme { warning, .. } = theme;
    let mut clocks = vec![("mvhd".to_owned(), dates_of(movie))];
    for timing in tracks {
        let id = timing.track.header.id;
        clocks.push((format!("track {id} tkhd"), timing.header));
        clocks.push((format!("track {id} mdhd"), timing.media));
    }
    for (clock, dates) in clocks {
        for (what, seconds) in [("created", dates.created), ("changed", dates.modified)] {
            if let Some(odd) = odd(seconds, now) {
                writeln!(out, "  {warning}{clock}: {what} {odd}{warning:#}")?;
            }
        }
    }
    Ok(())
}

/// What is odd about a date counted from 1904. Clocks of the world differ by
/// a day at most.
fn odd(seconds: u64, now: i64) -> Option<String> {
    let since = since_1970(seconds)?;
    if since > now.saturating_add(86_400) {
        return Some("in the future".into());
    }
    let unix = i64::try_from(seconds).ok()?;
    (since < 0).then(|| {
        let date = date::from_1970(unix);
        format!("before 1970; counted from 1970, as some cameras do, it is {date}")
    })
}

fn of_track(
    out: &mut dyn Write,
    theme: &Theme,
    movie: &MovieHeader,
    timing: &TrackTiming<'_>,
) -> io::Result<()> {
    let Theme { warning, .. } = theme;
    let track = timing.track;
    let (id, timescale) = (track.header.id, track.timescale);
    if !track.edits.is_empty() {
        writeln!(out, "track {id} {}", edits(timing, movie.timescale))?;
    }
    if let Some((first, last)) = timing.decode_times {
        let (first, last) = (
            number::clock(first, timescale),
            number::clock(last, timescale),
        );
        writeln!(
            out,
            "track {id} has fragments from {first} to {last} (tfdt)"
        )?;
    }
    if let Some(code) = timing.timecode {
        let separator = if code.drop_frame { ';' } else { ':' };
        match code.clock() {
            Some([h, m, s, f]) => writeln!(
                out,
                "track {id} is a time code that starts at {h:02}:{m:02}:{s:02}{separator}{f:02}, {} frames a second",
                code.rate
            )?,
            None => writeln!(
                out,
                "track {id} is a time code that starts at {}",
                code.counter
            )?,
        }
    }
    let ms = |ticks, timescale| number::milliseconds(ticks, timescale);
    let media = track.declared_media_duration;
    let samples = ms(timing.samples, timescale);
    let plays = edited(&track.edits).filter(|e| *e != 0);
    let plays = plays.map_or(samples, |e| ms(e, movie.timescale));
    let header = track.header.declared_duration;
    let declared = [
        (
            "mdhd",
            media,
            ms(media, timescale),
            samples,
            "its samples last",
        ),
        (
            "tkhd",
            header,
            ms(header, movie.timescale),
            plays,
            "it plays",
        ),
    ];
    for (clock, ticks, says, is, what) in declared {
        // 0 leaves it to the fragments.
        if ticks == 0 || ticks == u64::MAX || says.abs_diff(is) <= SLACK {
            continue;
        }
        let by = number::spoken(says.abs_diff(is), 1000);
        let more = if says > is { "more" } else { "less" };
        writeln!(
            out,
            "  {warning}track {id}: {clock} says {by} {more} than {what}{warning:#}"
        )?;
    }
    Ok(())
}

/// An edit list in words.
fn edits(timing: &TrackTiming<'_>, movie_timescale: u32) -> String {
    let timescale = timing.track.timescale;
    let all = &timing.track.edits;
    let first_media = all.iter().position(|e| e.media_time.is_some());
    let word = |(number, edit): (usize, &Edit)| {
        let duration = match edit.duration {
            0 => "to the end".to_owned(),
            ticks => format!("for {}", number::spoken(ticks, movie_timescale)),
        };
        let Some(time) = edit.media_time else {
            let late = first_media.is_some_and(|m| number < m) && number == 0;
            return if late {
                let by = number::spoken(edit.duration, movie_timescale);
                format!("starts {by} late")
            } else {
                format!("shows nothing {duration}")
            };
        };
        let at = number::clock(time, timescale);
        if edit.rate == 0 {
            return format!("holds what is shown at {at} {duration}");
        }
        let speed = match edit.rate {
            0x1_0000 => String::new(),
            rate => format!(
                " at {:.2} times the speed",
                f64::from(rate.cast_signed()) / 65_536.0
            ),
        };
        let skipped = i128::from(time) - i128::from(timing.first_composition);
        let by = u64::try_from(skipped.unsigned_abs()).unwrap_or(u64::MAX);
        let by = number::spoken(by, timescale);
        let from = match (Some(number) == first_media, skipped) {
            (false, _) => format!("plays from {at} on"),
            (true, 0) => "plays from its first sample on".to_owned(),
            (true, ..0) => format!("starts {by} before its first sample and plays"),
            (true, _) => format!("skips its first {by} and plays"),
        };
        format!("{from} {duration}{speed}")
    };
    let mut words: Vec<_> = all.iter().enumerate().take(EDITS).map(word).collect();
    if all.len() > EDITS {
        words.push(format!("and {} more edits", all.len() - EDITS));
    }
    words.join(", then ")
}

/// How long after the picture the sound starts, microseconds; `None` unless
/// there are both.
fn sound_offset(tracks: &[TrackTiming<'_>]) -> Option<i64> {
    let start = |timing: &&TrackTiming<'_>| {
        let us = rescale(
            timing.shown_from.unsigned_abs(),
            timing.track.timescale,
            1_000_000,
        );
        let us = i64::try_from(us).unwrap_or(i64::MAX);
        if timing.shown_from < 0 { -us } else { us }
    };
    let mut with_samples = tracks.iter().filter(|t| !t.track.samples.is_empty());
    let picture = with_samples.clone().find(|t| t.track.is_video())?;
    let sound = with_samples.find(|t| t.track.is_audio())?;
    Some(start(&sound).saturating_sub(start(&picture)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tapo_movie::Track;

    fn said(edits_of: &[Edit], first: i32) -> String {
        let mut track = Track {
            timescale: 1000,
            edits: edits_of.to_vec(),
            ..Track::default()
        };
        track.samples.push(1, 40, first, true).unwrap();
        let none = Dates {
            created: 0,
            modified: 0,
        };
        let timing = TrackTiming {
            track: &track,
            header: none,
            media: none,
            samples: 40,
            first_composition: i64::from(first),
            shown_from: 0,
            decode_times: None,
            timecode: None,
        };
        edits(&timing, 1000)
    }

    #[test]
    fn edit_lists_are_told_in_words() {
        for (edits, first, want) in [
            (
                vec![Edit::media(3200, 80)],
                80,
                "plays from its first sample on for 3.2 s",
            ),
            (
                vec![Edit::media(0, 64)],
                0,
                "skips its first 64 ms and plays to the end",
            ),
            (
                vec![Edit::empty(500), Edit::media(1000, 0)],
                0,
                "starts 500 ms late, then plays from its first sample on for 1 s",
            ),
            (
                vec![Edit::media(40, 0), Edit::empty(9), Edit::media(40, 20)],
                20,
                "starts 20 ms before its first sample and plays for 40 ms, then shows nothing for \
                 9 ms, then plays from 0:00:00.020 on for 40 ms",
            ),
            (
                vec![Edit {
                    rate: 0,
                    ..Edit::media(2000, 0)
                }],
                0,
                "holds what is shown at 0:00:00.000 for 2 s",
            ),
            (
                vec![Edit {
                    rate: 0x8000,
                    ..Edit::media(2000, 0)
                }],
                0,
                "plays from its first sample on for 2 s at 0.50 times the speed",
            ),
        ] {
            assert_eq!(said(&edits, first), want);
        }
        let many = vec![Edit::media(1, 0); 20];
        assert!(said(&many, 0).ends_with("and 4 more edits"));
    }

    #[test]
    fn dates_that_cannot_be_are_told() {
        let now = 1_795_262_829;
        let at = |unix: u64| odd(unix + date::EPOCH_1904, now);
        assert_eq!(odd(0, now), None);
        assert_eq!(of_1904(0), "not set");
        assert_eq!(at(1_795_262_829), None);
        assert_eq!(at(1_795_262_829 + 90_000).as_deref(), Some("in the future"));
        assert_eq!(odd(u64::MAX, now).as_deref(), Some("in the future"));
        let wrong = odd(1_700_000_000, now).unwrap();
        assert!(wrong.ends_with("it is 2023-11-14 22:13:20 UTC"), "{wrong}");
    }
}
