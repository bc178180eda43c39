//! The ledger: what every byte of a file is; as JSON schema
//! `tapo.inspect.ledger/1`.

use crate::table::{Align, Table};
use crate::{Theme, escape, json, number};
use serde::Serialize;
use std::io::{self, Write};
use std::path::Path;
use tapo_inspect::{Entry, Holding, Inspection};

/// Ranges that are listed one by one in text.
const LISTED: usize = 200;

/// Sums up what the bytes of a file are, and lists those that are neither
/// structure in use nor samples.
///
/// # Errors
/// As `out` has them.
pub fn ledger(
    out: &mut dyn Write,
    theme: &Theme,
    path: &Path,
    inspection: &Inspection,
) -> io::Result<()> {
    let Theme {
        title,
        notice,
        warning,
        ..
    } = theme;
    writeln!(out, "{title}{}{title:#}", escape::path(path))?;
    // In one pass: there may be millions.
    let mut totals = [(0_u64, 0_u64); KINDS.len()];
    let (mut spare, mut spare_ranges) = (Vec::new(), 0_usize);
    for entry in inspection.ledger.entries() {
        let name = entry.what.name();
        let of = KINDS.iter().zip(&mut totals).find(|((n, _), _)| *n == name);
        if let Some((_, (bytes, ranges))) = of {
            *bytes += entry.span.len();
            *ranges += 1;
        }
        if entry.what.is_spare() {
            spare_ranges += 1;
            if spare.len() < LISTED {
                spare.push(entry);
            }
        }
    }
    let mut sums = Table::new(&[Align::Left, Align::Right, Align::Right, Align::Right]);
    for ((_, words), (bytes, ranges)) in KINDS.iter().zip(totals) {
        if bytes > 0 {
            let ranges = number::count(ranges, "range");
            let share = share(bytes, inspection.read.size);
            sums.row([(*words).to_owned(), number::grouped(bytes), share, ranges]);
        }
    }
    let size = inspection.read.size;
    sums.row([
        "all".to_owned(),
        number::grouped(size),
        share(size, size),
        String::new(),
    ]);
    sums.write(out, 2)?;
    let mut list = Table::new(&[Align::Right, Align::Right, Align::Left]);
    for entry in &spare {
        let (start, len) = (entry.span.start, entry.span.len());
        let start = number::grouped(start);
        list.row([start, number::grouped(len), words(entry)]);
    }
    if !spare.is_empty() {
        writeln!(
            out,
            "  neither structure in use nor samples: {notice}offset, bytes{notice:#}"
        )?;
        list.write(out, 4)?;
    }
    let more = spare_ranges.saturating_sub(LISTED) as u64;
    if more > 0 {
        let more = number::count(more, "more range");
        writeln!(
            out,
            "    {warning}and {more}; --json lists them all{warning:#}"
        )?;
    }
    Ok(())
}

const KINDS: &[(&str, &str)] = &[
    ("box-header", "box headers"),
    ("box-payload", "fields of boxes"),
    ("samples", "samples"),
    ("zeros", "zeros"),
    ("filler", "known filler"),
    ("leftover", "boxes that nothing leads to"),
    ("unknown", "unknown"),
];

fn share(bytes: u64, size: u64) -> String {
    let tenths = u128::from(bytes) * 1000 / u128::from(size.max(1));
    match (tenths, bytes) {
        (0, 1..) => "<0.1 %".to_owned(),
        _ => format!("{}.{} %", tenths / 10, tenths % 10),
    }
}

fn words(entry: &Entry) -> String {
    let place = |inside: Option<tapo_bmff::FourCc>| match inside {
        Some(kind) => format!(" in '{kind}'"),
        None => " between boxes".to_owned(),
    };
    match entry.what {
        Holding::Zeros { inside } => format!("zeros{}", place(inside)),
        Holding::Filler { name } => format!("filler of {name}"),
        Holding::Leftover { kind } => format!("a box '{kind}' that nothing leads to"),
        Holding::Unknown { inside } => format!("unknown{}", place(inside)),
        Holding::BoxHeader { kind } | Holding::BoxPayload { kind } => format!("box '{kind}'"),
        Holding::Samples { track, .. } => format!("samples of track {track}"),
    }
}

#[derive(Serialize)]
struct Head<'a> {
    schema: &'static str,
    path: std::borrow::Cow<'a, str>,
    size: u64,
    ranges: usize,
    /// Bytes that more than one sample claims.
    overlapping: u64,
}

#[derive(Serialize)]
struct Range<'a> {
    offset: u64,
    size: u64,
    what: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    r#box: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    track: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    writer: Option<&'a str>,
}

/// The ledger as JSON Lines: an object for the file, and one for each range, in
/// order and without a gap.
///
/// # Errors
/// As `out` has them.
pub fn ledger_json(out: &mut dyn Write, path: &Path, inspection: &Inspection) -> io::Result<()> {
    let entries = inspection.ledger.entries();
    let head = Head {
        schema: "tapo.inspect.ledger/1",
        path: path.to_string_lossy(),
        size: inspection.read.size,
        ranges: entries.len(),
        overlapping: inspection.ledger.overlapping_bytes(),
    };
    let mut lines = json::Lines::new(out);
    lines.put(&head)?;
    for entry in entries {
        let mut range = Range {
            offset: entry.span.start,
            size: entry.span.len(),
            what: entry.what.name(),
            r#box: None,
            track: None,
            first: None,
            count: None,
            writer: None,
        };
        match entry.what {
            Holding::BoxHeader { kind }
            | Holding::BoxPayload { kind }
            | Holding::Leftover { kind } => range.r#box = Some(kind.to_string()),
            Holding::Zeros { inside } | Holding::Unknown { inside } => {
                range.r#box = inside.map(|kind| kind.to_string());
            }
            Holding::Filler { name } => range.writer = Some(name),
            Holding::Samples {
                track,
                first,
                count,
            } => {
                range.track = Some(track);
                (range.first, range.count) = (Some(first), Some(count));
            }
        }
        lines.put(&range)?;
    }
    Ok(())
}
