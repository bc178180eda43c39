//! The times of frames, as CSV (RFC 4180): a line each, times of day in UTC to the
//! nanosecond.

use crate::{date, escape};
use std::io::{self, Write};
use std::path::Path;
use tapo_inspect::{FrameTime, Inspection};
use tapo_io::ByteSource;

/// The first line.
const HEAD: &str = "file,track,sample,dts,pts,timescale,rtp,received,reported,taken,clock";

/// The names of the columns.
///
/// # Errors
/// As `out` has them.
pub fn frame_times_head(out: &mut dyn Write) -> io::Result<()> {
    write!(out, "{HEAD}\r\n")
}

/// The frames of all tracks for which anything says when they were taken, and those of
/// pictures in any case.
///
/// # Errors
/// As `out` and `source` have them.
pub fn frame_times(
    out: &mut dyn Write,
    path: &Path,
    source: &dyn ByteSource,
    inspection: &Inspection,
) -> io::Result<()> {
    let file = field(&escape::path(path).to_string());
    let movie = inspection.read.movie.iter();
    for track in movie.flat_map(|m| &m.tracks) {
        let times = inspection.frame_times(source, track);
        let mut times = times.map_err(super::failed)?;
        let (id, timescale) = (track.header.id, track.timescale);
        let mut told = track.is_video();
        while let Some(frame) = times.next_frame().map_err(super::failed)? {
            // Sound comes to have times with the first stamp, or never.
            told |= frame.taken.is_some() || frame.received.is_some();
            if !told {
                break;
            }
            let FrameTime {
                sample, dts, pts, ..
            } = frame;
            write!(out, "{file},{id},{sample},{dts},{pts},{timescale},")?;
            if let Some(rtp) = frame.rtp {
                write!(out, "{rtp}")?;
            }
            let taken = frame.taken.map(|(time, _)| time);
            for time in [frame.received, frame.reported, taken] {
                write!(out, ",")?;
                if let Some(time) = time {
                    write!(out, "{}", date::rfc3339_ns(time))?;
                }
            }
            let clock = frame.taken.map_or("", |(_, clock)| clock.name());
            write!(out, ",{clock}\r\n")?;
        }
    }
    Ok(())
}

/// A field, in quotes where it needs them.
fn field(text: &str) -> String {
    if text.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_written_so_that_others_read_them() {
        assert_eq!(field("a b.mp4"), "a b.mp4");
        assert_eq!(field("a\",b"), "\"a\"\",b\"");
    }
}
