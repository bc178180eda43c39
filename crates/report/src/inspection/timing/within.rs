//! Clocks within the media: in messages of pictures, and beside fragments.

use super::failed;
use crate::{date, escape, number};
use std::io::{self, Write};
use tapo_inspect::{
    Inspection, SeiClock, SeiTime, Stamp, StampKind, StampSpan, TrackTiming, UserData,
};
use tapo_io::ByteSource;

/// Bytes of a clock that is text that are told.
const TEXT: usize = 300;

/// Clocks inside the pictures of a track.
pub(super) fn sei(
    out: &mut dyn Write,
    source: &dyn ByteSource,
    inspection: &Inspection,
    timing: &TrackTiming<'_>,
) -> io::Result<()> {
    let track = timing.track;
    for clocks in inspection.sei_clocks(source, track).map_err(failed)? {
        let name = clocks.first.owner.map_or("time code", UserData::name);
        writeln!(
            out,
            "track {} has clocks in its pictures: {name}",
            track.header.id
        )?;
        let mut say = |which, clock: &SeiClock| {
            let at = number::signed_clock(clock.pts, track.timescale);
            writeln!(out, "  {which} shown at {at}: {}", says(&clock.says))
        };
        say("first:", &clocks.first)?;
        if clocks.last != clocks.first {
            say("last: ", &clocks.last)?;
        }
    }
    Ok(())
}

fn says(time: &SeiTime) -> String {
    match time {
        SeiTime::Wall(ns) => date::from_1970_ns(i64::try_from(*ns).unwrap_or(i64::MAX)),
        SeiTime::Code(code) => crate::inspection::nals::time_code(code),
        SeiTime::Text(text) => {
            let text = text.strip_suffix(b"\0").unwrap_or(text).trim_ascii_end();
            escape::bytes(text.get(..TEXT).unwrap_or(text)).to_string()
        }
    }
}

/// Clocks beside fragments: reference times (`prft`), and our own stamps.
pub(super) fn stamps(
    out: &mut dyn Write,
    source: &dyn ByteSource,
    inspection: &Inspection,
) -> io::Result<()> {
    let (mut reference, mut own) = (StampSpan::default(), StampSpan::default());
    let mut lost = 0_u64;
    for stamp in inspection.stamps(source) {
        let stamp = stamp.map_err(failed)?;
        match &stamp.said {
            StampKind::Reference { .. } => reference.add(stamp),
            StampKind::Own(said) => {
                lost += u64::from(said.lost_packets);
                own.add(stamp);
            }
        }
    }
    for span in [&reference, &own] {
        let Some((first, last)) = &span.ends else {
            continue;
        };
        let what = match first.said {
            StampKind::Reference { .. } => "reference time",
            StampKind::Own(_) => "stamp",
        };
        let count = number::count(span.count, what);
        writeln!(out, "{count} beside fragments")?;
        writeln!(out, "  first: {}", stamp(first))?;
        if span.count > 1 {
            writeln!(out, "  last:  {}", stamp(last))?;
        }
    }
    if lost > 0 {
        writeln!(out, "  {} lost", number::count(lost, "RTP packet"))?;
    }
    Ok(())
}

fn stamp(stamp: &Stamp) -> String {
    match &stamp.said {
        StampKind::Reference {
            track,
            flags,
            wall_ns,
            media_time,
        } => {
            let wall = date::from_1970_ns(*wall_ns);
            let what = match flags {
                24 => "captured",
                0 | 1 | 2 | 4 => "written",
                _ => "by a clock of its own",
            };
            format!("track {track}, tick {media_time}: {wall}, {what}")
        }
        StampKind::Own(own) => {
            let clock = match own.wall_from_camera {
                true => "by the camera's clock",
                false => "by its arrival",
            };
            format!(
                "fragment {}, track {}: captured {} {clock}, received {}, RTP time {}",
                own.sequence,
                own.track,
                date::from_1970_ns(own.wall_ns),
                date::from_1970_ns(own.received_ns),
                own.rtp_time
            )
        }
    }
}
