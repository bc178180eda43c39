//! Groups of pictures; as JSON schema `tapo.inspect.gops/1`.

use super::samples::StoppedRecord;
use crate::inspection::head::Head;
use crate::{Theme, escape, json, number};
use serde::Serialize;
use std::io::{self, Write};
use std::path::Path;
use tapo_inspect::{Cadence, Gop, GopSummary, Inspection, Rate, TrackGops};

/// Columns of the sparkline.
const COLUMNS: usize = 64;

/// Cells of the rate in JSON: one second each up to 27 hours.
const CELLS: usize = 100_000;

/// Columns of the longest bar of a histogram.
const BAR: u64 = 32;

fn tracks(inspection: &Inspection, only: Option<u32>) -> impl Iterator<Item = TrackGops<'_>> {
    let wanted = move |t: &TrackGops<'_>| only.is_none_or(|id| id == t.track.header.id);
    inspection.gops().filter(wanted)
}

/// Tells of each video track how far its keyframes are apart, how its bytes
/// spread over time, and where each keyframe stands.
///
/// # Errors
/// As `out` has them.
pub fn gops(
    out: &mut dyn Write,
    theme: &Theme,
    path: &Path,
    inspection: &Inspection,
    only: Option<u32>,
) -> io::Result<()> {
    let Theme { title, .. } = theme;
    writeln!(out, "{title}{}{title:#}", escape::path(path))?;
    let mut tracks = tracks(inspection, only).peekable();
    if tracks.peek().is_none() {
        return writeln!(out, "no track with pictures");
    }
    for track in tracks {
        let summary = track.lengths();
        heading(out, theme, &track, &summary)?;
        rate(out, &track, &track.rate(COLUMNS))?;
        if !track.is_all_intra() {
            histogram(out, &summary)?;
            list(out, theme, &track)?;
        }
        if let Some(stopped) = &summary.stopped {
            super::samples::stopped(out, theme, stopped)?;
        }
    }
    Ok(())
}

fn heading(
    out: &mut dyn Write,
    theme: &Theme,
    track: &TrackGops<'_>,
    summary: &GopSummary,
) -> io::Result<()> {
    let Theme {
        notice, warning, ..
    } = theme;
    let timescale = track.track.timescale;
    let frames = number::count(u64::from(track.track.samples.len()), "frame");
    write!(out, "track {}: {frames}, ", track.track.header.id)?;
    if track.is_all_intra() {
        writeln!(out, "each a keyframe")?;
    } else {
        writeln!(
            out,
            "{}",
            number::count(u64::from(summary.gops), "keyframe")
        )?;
    }
    let lengths = &summary.lengths;
    let measured = u64::from(lengths.measured);
    if !track.is_all_intra()
        && let Some(duration) = lengths.duration.checked_div(measured)
    {
        let mean = lengths.samples.saturating_mul(10) / measured;
        writeln!(
            out,
            "  frames from one keyframe to the next: shortest {}, mean {}.{} ({}), longest {}",
            number::grouped(u64::from(lengths.shortest)),
            number::grouped(mean / 10),
            mean % 10,
            number::spoken(duration, timescale),
            number::grouped(u64::from(lengths.longest)),
        )?;
    }
    if summary.leading > 0 {
        let frames = number::count(u64::from(summary.leading), "frame");
        writeln!(
            out,
            "  {warning}{frames} before the first keyframe cannot be decoded{warning:#}"
        )?;
    }
    if let Some(Cadence::Variable { shortest, longest }) = track.summary.cadence {
        let spoken = |ticks: u32| number::spoken(u64::from(ticks), timescale);
        writeln!(
            out,
            "  {notice}variable frame rate: a frame lasts {} to {}{notice:#}",
            spoken(shortest),
            spoken(longest)
        )?;
    }
    Ok(())
}

fn rate(out: &mut dyn Write, track: &TrackGops<'_>, rate: &Rate) -> io::Result<()> {
    let peak = rate.bytes.iter().copied().max().unwrap_or_default();
    let bytes = rate.bytes.iter().copied().fold(0, u64::saturating_add);
    let table = &track.track.samples;
    let mean = number::bits_per_second(bytes, table.duration(), track.track.timescale);
    let line: String = rate.bytes.iter().map(|b| block(*b, peak)).collect();
    let seconds = u32::try_from(rate.seconds).unwrap_or(u32::MAX);
    let highest = number::bits_per_second(peak, u64::from(seconds), 1);
    writeln!(
        out,
        "  |{line}| {} a column; mean {}, highest {}",
        number::spoken(rate.seconds, 1),
        number::bitrate(mean.unwrap_or_default()),
        number::bitrate(highest.unwrap_or_default()),
    )
}

/// A block as high as `n` is of `peak`; a space for nothing.
fn block(n: u64, peak: u64) -> char {
    const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    if n == 0 {
        return ' ';
    }
    let eighth = u128::from(n) * 8 / u128::from(peak.max(1));
    let at = usize::try_from(eighth).unwrap_or_default().min(7);
    BLOCKS.get(at).copied().unwrap_or('█')
}

fn histogram(out: &mut dyn Write, summary: &GopSummary) -> io::Result<()> {
    let most = summary.histogram.iter().map(|b| b.gops).max().unwrap_or(0);
    for bin in summary.histogram.iter().filter(|b| b.gops > 0) {
        let range = if bin.from == bin.to {
            bin.from.to_string()
        } else {
            format!("{} to {}", bin.from, bin.to)
        };
        let bar = (u64::from(bin.gops) * BAR).div_ceil(u64::from(most.max(1)));
        let bar = "#".repeat(usize::try_from(bar).unwrap_or_default());
        writeln!(out, "  {range:>14} frames {:>8}  {bar}", bin.gops)?;
    }
    Ok(())
}

fn list(out: &mut dyn Write, theme: &Theme, track: &TrackGops<'_>) -> io::Result<()> {
    let Theme { damage, .. } = theme;
    let timescale = track.track.timescale;
    writeln!(
        out,
        "{:>8} {:>14} {:>14} {:>14} {:>9} {:>8} {:>12}",
        "keyframe", "decoded at", "shown at", "offset", "size", "frames", "bytes"
    )?;
    for gop in track.iter() {
        write!(
            out,
            "{:>8} {:>14} {:>14} {:>14} {:>9} {:>8} {:>12}",
            gop.first,
            number::clock(gop.dts, timescale),
            number::signed_clock(gop.pts, timescale),
            gop.keyframe.start,
            gop.keyframe.len(),
            gop.samples,
            gop.bytes,
        )?;
        match gop.missing {
            0 => {}
            all if all == gop.samples => write!(out, "  {damage}not in the file{damage:#}")?,
            some => write!(out, "  {damage}{some} not in the file{damage:#}")?,
        }
        writeln!(out)?;
    }
    Ok(())
}

#[derive(Serialize)]
struct TrackHead {
    track: u32,
    timescale: u32,
    samples: u32,
    all_intra: bool,
    gops: u32,
    /// Samples before the first sync sample.
    leading: u32,
    /// Groups that the lengths are of.
    measured: u32,
    shortest: u32,
    longest: u32,
    measured_samples: u64,
    measured_duration: u64,
    /// From, to (samples, both included), groups.
    histogram: Vec<[u32; 3]>,
    /// The shortest and the longest duration of a sample, if they vary.
    variable: Option<[u32; 2]>,
    seconds_per_cell: u64,
    bytes_per_cell: Vec<u64>,
}

#[derive(Serialize)]
struct GopRecord {
    track: u32,
    sample: u32,
    dts: u64,
    pts: i64,
    offset: u64,
    size: u64,
    samples: u32,
    duration: u64,
    bytes: u64,
    missing: u32,
}

/// The same as JSON Lines: an object for the file, and for each track one in
/// numbers and one for each group of pictures. Times are ticks.
///
/// # Errors
/// As `out` has them.
pub fn gops_json(
    out: &mut dyn Write,
    path: &Path,
    inspection: &Inspection,
    only: Option<u32>,
) -> io::Result<()> {
    let head = Head::of("tapo.inspect.gops/1", path, inspection.read.size);
    json::line(out, &head)?;
    for track in tracks(inspection, only) {
        let summary = track.lengths();
        json::line(out, &track_head(&track, &summary))?;
        let id = track.track.header.id;
        for gop in track.iter() {
            json::line(out, &record(id, &gop))?;
        }
        if let Some(stopped) = &summary.stopped {
            json::line(out, &StoppedRecord::new(id, stopped))?;
        }
    }
    Ok(())
}

fn track_head(track: &TrackGops<'_>, summary: &GopSummary) -> TrackHead {
    let rate = track.rate(CELLS);
    let bins = summary.histogram.iter().map(|b| [b.from, b.to, b.gops]);
    TrackHead {
        track: track.track.header.id,
        timescale: track.track.timescale,
        samples: track.track.samples.len(),
        all_intra: track.is_all_intra(),
        gops: summary.gops,
        leading: summary.leading,
        measured: summary.lengths.measured,
        shortest: summary.lengths.shortest,
        longest: summary.lengths.longest,
        measured_samples: summary.lengths.samples,
        measured_duration: summary.lengths.duration,
        histogram: bins.collect(),
        variable: match track.summary.cadence {
            Some(Cadence::Variable { shortest, longest }) => Some([shortest, longest]),
            _ => None,
        },
        seconds_per_cell: rate.seconds,
        bytes_per_cell: rate.bytes,
    }
}

const fn record(track: u32, gop: &Gop) -> GopRecord {
    GopRecord {
        track,
        sample: gop.first,
        dts: gop.dts,
        pts: gop.pts,
        offset: gop.keyframe.start,
        size: gop.keyframe.len(),
        samples: gop.samples,
        duration: gop.duration,
        bytes: gop.bytes,
        missing: gop.missing,
    }
}
