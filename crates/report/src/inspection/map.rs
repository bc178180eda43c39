//! Damage over time, as bars; as JSON schema `tapo.inspect.map/1`.

use crate::{Theme, escape, json, number};
use serde::Serialize;
use std::io::{self, Write};
use std::path::Path;
use tapo_inspect::{Cell, Depth, Inspection};

/// Cells of a bar.
const CELLS: usize = 64;

/// Characters beside a bar: the track in front, how long it lasts behind.
const BESIDE: usize = 24;

/// Draws each track as a bar over time: `=` sound, `x` some of it damaged, `.`
/// not in the file, and a space where nothing was recorded. Bars fit into a
/// terminal of this many `columns`.
///
/// # Errors
/// As `out` has them.
pub fn map(
    out: &mut dyn Write,
    theme: &Theme,
    path: &Path,
    inspection: &Inspection,
    columns: Option<usize>,
) -> io::Result<()> {
    let room = columns.map_or(CELLS, |c| c.saturating_sub(BESIDE));
    let Theme {
        title, damage, dim, ..
    } = theme;
    writeln!(out, "{title}{}{title:#}", escape::path(path))?;
    for track in inspection.map(room.clamp(1, CELLS)) {
        write!(out, "track {:>3} |", track.track)?;
        for cell in &track.cells {
            match symbol(cell) {
                bad @ ('x' | '.') => write!(out, "{damage}{bad}{damage:#}")?,
                good => write!(out, "{good}")?,
            }
        }
        let end = number::clock(track.end.saturating_sub(track.start), track.timescale);
        writeln!(out, "| {end}")?;
        for harmed in inspection.harmed_of(track.track) {
            let from = number::clock(harmed.start.saturating_sub(track.start), track.timescale);
            let length = number::spoken(harmed.end.saturating_sub(harmed.start), track.timescale);
            let samples = number::count(u64::from(harmed.count), "sample");
            let at = number::grouped(harmed.span.start);
            let text = format!(
                "at {from}, {length}: {samples} from number {} on, byte {at}",
                harmed.first
            );
            let name = harmed.harm.name();
            write!(out, "    {damage}{name}{damage:#} ")?;
            wrapped(out, &text, (columns, name.len() + 5, 6))?;
        }
    }
    let looked = match inspection.depth {
        Depth::All => "every byte of the media was looked at",
        Depth::Heads => {
            "only the heads of the units in each picture were looked at; --thorough reads all"
        }
        _ => "the media was not looked at",
    };
    let legend = format!("= sound, x damaged, . not in the file; {looked}");
    write!(out, "{dim}")?;
    wrapped(out, &legend, (columns, 0, 2))?;
    write!(out, "{dim:#}")
}

/// Writes words in lines no longer than `columns`, of which `used` are taken in the first; the
/// others are indented.
fn wrapped(
    out: &mut dyn Write,
    text: &str,
    (columns, used, indent): (Option<usize>, usize, usize),
) -> io::Result<()> {
    let room = columns.unwrap_or(usize::MAX);
    let mut at = used;
    for (number, word) in text.split(' ').enumerate() {
        if number > 0 && at + 1 + word.len() > room {
            write!(out, "\n{:indent$}", "")?;
            at = indent;
        } else if number > 0 {
            out.write_all(b" ")?;
            at += 1;
        }
        out.write_all(word.as_bytes())?;
        at += word.len();
    }
    writeln!(out)
}

/// What a cell looks like: the worst in it.
const fn symbol(cell: &Cell) -> char {
    match cell {
        Cell { harmed: 1.., .. } => 'x',
        Cell { missing: 1.., .. } => '.',
        Cell { sound: 1.., .. } => '=',
        _ => ' ',
    }
}

#[derive(Serialize)]
struct MapRecord<'a> {
    schema: &'static str,
    path: std::borrow::Cow<'a, str>,
    /// How much of the media was looked at.
    depth: &'static str,
    tracks: Vec<TrackRecord>,
}

#[derive(Serialize)]
struct TrackRecord {
    track: u32,
    timescale: u32,
    start: u64,
    end: u64,
    /// Samples of each cell: sound, harmed, missing.
    cells: Vec<[u32; 3]>,
    harmed: Vec<HarmedRecord>,
}

#[derive(Serialize)]
struct HarmedRecord {
    harm: &'static str,
    first: u32,
    count: u32,
    offset: u64,
    size: u64,
    start: u64,
    end: u64,
}

/// The same as one line of JSON. Times are ticks of the track's timescale.
///
/// # Errors
/// As `out` has them.
pub fn map_json(out: &mut dyn Write, path: &Path, inspection: &Inspection) -> io::Result<()> {
    let tracks = inspection.map(CELLS).into_iter().map(|track| TrackRecord {
        track: track.track,
        timescale: track.timescale,
        start: track.start,
        end: track.end,
        cells: track
            .cells
            .iter()
            .map(|c| [c.sound, c.harmed, c.missing])
            .collect(),
        harmed: inspection
            .harmed_of(track.track)
            .map(|h| HarmedRecord {
                harm: h.harm.name(),
                first: h.first,
                count: h.count,
                offset: h.span.start,
                size: h.span.len(),
                start: h.start,
                end: h.end,
            })
            .collect(),
    });
    let record = MapRecord {
        schema: "tapo.inspect.map/1",
        path: path.to_string_lossy(),
        depth: inspection.depth.name(),
        tracks: tracks.collect(),
    };
    json::line(out, &record)
}
