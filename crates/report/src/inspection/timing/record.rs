//! Clocks as JSON.

use super::{dates_of, failed, sound_offset};
use crate::inspection::nals::time_code;
use crate::json;
use serde::Serialize;
use std::io::{self, Write};
use std::path::Path;
use tapo_inspect::{Dates, Inspection, SeiClock, SeiTime, Stamp, StampKind, TrackTiming, UserData};
use tapo_io::ByteSource;

#[derive(Serialize)]
struct Head<'a> {
    schema: &'static str,
    path: std::borrow::Cow<'a, str>,
    movie: Option<ClockRecord>,
    /// How long after the picture the sound starts.
    sound_offset_us: Option<i64>,
    /// When our recorder began this segment, nanoseconds since 1970.
    started_ns: Option<i64>,
}

/// Dates are seconds since 1904, 0 where they are not set.
#[derive(Serialize)]
struct ClockRecord {
    timescale: u32,
    created: u64,
    modified: u64,
    duration: u64,
}

#[derive(Serialize)]
struct TrackRecord {
    track: u32,
    tkhd: ClockRecord,
    mdhd: ClockRecord,
    samples_duration: u64,
    first_composition: i64,
    /// Ticks of the track's timescale from the beginning of the movie.
    shown_from: i64,
    /// Duration (movie ticks), media time (track ticks; `null` shows nothing),
    /// rate (16.16).
    edits: Vec<(u64, Option<u64>, u32)>,
    first_tfdt: Option<u64>,
    last_tfdt: Option<u64>,
    timecode: Option<TimecodeRecord>,
}

#[derive(Serialize)]
struct TimecodeRecord {
    counter: u32,
    frames_per_second: u8,
    drop_frame: bool,
}

#[derive(Serialize)]
struct StampRecord {
    stamp: &'static str,
    offset: u64,
    track: u32,
    wall_ns: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    flags: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    media_time: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    received_ns: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wall_from_camera: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rtp_time: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lost_packets: Option<u32>,
}

/// A clock in a picture: the first or the last of its kind on a track.
#[derive(Serialize)]
struct SeiRecord {
    sei: &'static str,
    track: u32,
    sample: u32,
    pts: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    wall_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

/// The same as JSON Lines: an object for the movie, one for each track, one for
/// the first and the last clock of a kind in its pictures, one for each stamp beside
/// a fragment.
///
/// # Errors
/// As `out` and `source` have them.
pub fn timing_json(
    out: &mut dyn Write,
    path: &Path,
    source: &dyn ByteSource,
    inspection: &Inspection,
) -> io::Result<()> {
    let tracks = inspection.timing(source).map_err(failed)?;
    let movie = inspection.read.movie.as_ref().map(|m| &m.header);
    let head = Head {
        schema: "tapo.inspect.timing/1",
        path: path.to_string_lossy(),
        movie: movie.map(|m| clock(m.timescale, dates_of(m), m.declared_duration)),
        sound_offset_us: sound_offset(&tracks),
        started_ns: inspection.own.as_ref().map(|o| o.stamp.started_ns),
    };
    json::line(out, &head)?;
    let movie_timescale = movie.map_or(0, |m| m.timescale);
    for timing in &tracks {
        json::line(out, &track_record(timing, movie_timescale))?;
        let track = timing.track;
        for clocks in inspection.sei_clocks(source, track).map_err(failed)? {
            json::line(out, &sei_record(&clocks.first))?;
            if clocks.last != clocks.first {
                json::line(out, &sei_record(&clocks.last))?;
            }
        }
    }
    for stamp in inspection.stamps(source) {
        json::line(out, &stamp_record(&stamp.map_err(failed)?))?;
    }
    Ok(())
}

const fn clock(timescale: u32, dates: Dates, duration: u64) -> ClockRecord {
    ClockRecord {
        timescale,
        created: dates.created,
        modified: dates.modified,
        duration,
    }
}

fn track_record(timing: &TrackTiming<'_>, movie_timescale: u32) -> TrackRecord {
    let track = timing.track;
    let edits = track.edits.iter();
    let (header, media) = (
        track.header.declared_duration,
        track.declared_media_duration,
    );
    TrackRecord {
        track: track.header.id,
        tkhd: clock(movie_timescale, timing.header, header),
        mdhd: clock(track.timescale, timing.media, media),
        samples_duration: timing.samples,
        first_composition: timing.first_composition,
        shown_from: timing.shown_from,
        edits: edits.map(|e| (e.duration, e.media_time, e.rate)).collect(),
        first_tfdt: timing.decode_times.map(|t| t.0),
        last_tfdt: timing.decode_times.map(|t| t.1),
        timecode: timing.timecode.map(|code| TimecodeRecord {
            counter: code.counter,
            frames_per_second: code.rate,
            drop_frame: code.drop_frame,
        }),
    }
}

fn sei_record(clock: &SeiClock) -> SeiRecord {
    let mut record = SeiRecord {
        sei: clock.owner.map_or("time code", UserData::name),
        track: clock.track,
        sample: clock.sample,
        pts: clock.pts,
        wall_ns: None,
        time_code: None,
        text: None,
    };
    match &clock.says {
        SeiTime::Wall(ns) => record.wall_ns = Some(*ns),
        SeiTime::Code(code) => record.time_code = Some(time_code(code)),
        SeiTime::Text(text) => {
            let text = text.strip_suffix(b"\0").unwrap_or(text);
            record.text = Some(String::from_utf8_lossy(text).into_owned());
        }
    }
    record
}

fn stamp_record(stamp: &Stamp) -> StampRecord {
    let mut record = StampRecord {
        stamp: "prft",
        offset: stamp.offset,
        track: 0,
        wall_ns: 0,
        flags: None,
        media_time: None,
        sequence: None,
        received_ns: None,
        wall_from_camera: None,
        rtp_time: None,
        lost_packets: None,
    };
    match &stamp.said {
        StampKind::Reference {
            track,
            flags,
            wall_ns,
            media_time,
        } => {
            record.track = *track;
            record.wall_ns = *wall_ns;
            record.flags = Some(*flags);
            record.media_time = Some(*media_time);
        }
        StampKind::Own(own) => {
            record.stamp = "tapo";
            record.track = own.track;
            record.wall_ns = own.wall_ns;
            record.sequence = Some(own.sequence);
            record.received_ns = Some(own.received_ns);
            record.wall_from_camera = Some(own.wall_from_camera);
            record.rtp_time = Some(own.rtp_time);
            record.lost_packets = Some(own.lost_packets);
        }
    }
    record
}
