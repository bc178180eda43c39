//! A snapshot that was written.

use crate::{date, escape, json as lines, number};
use serde::Serialize;
use std::borrow::Cow;
use std::io::{self, Write};
use std::path::Path;
use tapo_record::Snapshot;

/// Writes it for people.
///
/// # Errors
/// As `out` has them.
pub fn text(out: &mut dyn Write, output: &Path, done: &Snapshot) -> io::Result<()> {
    let size = done
        .size
        .map_or_else(String::new, |(w, h)| format!("{w}x{h}, "));
    let (to, from) = (escape::path(output), escape::path(&done.source));
    writeln!(out, "{to}: {size}{}", number::bytes(done.bytes))?;
    write!(
        out,
        "  of {from} at {}",
        number::clock(done.at, done.timescale)
    )?;
    if let Some(time) = done.received {
        write!(out, ", received about {}", date::from_1970_ns(time.0))?;
    }
    writeln!(out)
}

#[derive(Serialize)]
struct Line<'a> {
    schema: &'static str,
    path: Cow<'a, str>,
    source: Cow<'a, str>,
    at_s: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    received_ns: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<u16>,
    bytes: u64,
}

/// Writes it as one line of JSON.
///
/// # Errors
/// As `out` has them.
pub fn json(out: &mut dyn Write, output: &Path, done: &Snapshot) -> io::Result<()> {
    let (width, height) = done.size.unzip();
    let line = Line {
        schema: "tapo.snapshot/1",
        path: output.to_string_lossy(),
        source: done.source.to_string_lossy(),
        at_s: number::seconds(done.at, done.timescale),
        received_ns: done.received.map(|time| time.0),
        width,
        height,
        bytes: done.bytes,
    };
    lines::line(out, &line)
}
