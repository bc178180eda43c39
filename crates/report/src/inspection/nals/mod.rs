//! NAL units; as JSON schema `tapo.inspect.nals/1`.

mod record;

pub use record::nals_json;

use crate::{Align, Table, Theme, date, escape, number};
use std::io::{self, Write};
use std::path::Path;
use tapo_inspect::{
    Inspection, Message, NalFormat, NalTotals, Said, SampleUnits, TimeCode, UnitFlaw, UserData,
};
use tapo_io::ByteSource;
use tapo_movie::Track;

/// Samples that are shown one by one, unless all are wanted.
const SHOWN: usize = 8;

/// Samples whose units do not add up that are shown beside these.
const FLAWED: usize = 8;

/// Characters of user data that are shown.
const TEXT: usize = 1000;

fn tracks(inspection: &Inspection, only: Option<u32>) -> impl Iterator<Item = &Track> {
    let wanted = move |t: &&Track| only.is_none_or(|id| id == t.header.id);
    inspection.nal_tracks().filter(wanted)
}

fn failed(error: tapo_inspect::Error) -> io::Error {
    io::Error::other(error)
}

/// Tells of each track made of NAL units which there are and what their SEI
/// messages say, and lists the units of the first samples.
///
/// # Errors
/// As `out` and `source` have them.
pub fn nals(
    out: &mut dyn Write,
    theme: &Theme,
    path: &Path,
    source: &dyn ByteSource,
    inspection: &Inspection,
    only: Option<u32>,
) -> io::Result<()> {
    let Theme { title, dim, .. } = theme;
    writeln!(out, "{title}{}{title:#}", escape::path(path))?;
    let mut tracks = tracks(inspection, only).peekable();
    if tracks.peek().is_none() {
        return writeln!(out, "no track with NAL units of H.264, H.265 or H.266");
    }
    for track in tracks {
        heading(out, track)?;
        let mut totals = NalTotals::default();
        let (mut shown, mut flawed) = (Vec::new(), Vec::new());
        let mut listing = inspection.nals(source, track);
        while let Some(of) = listing.next_sample().map_err(failed)? {
            totals.add(&of);
            if shown.len() < SHOWN {
                shown.push(of);
            } else if of.flaw.is_some() && flawed.len() < FLAWED {
                flawed.push(of);
            }
        }
        in_numbers(out, theme, &totals)?;
        for of in shown.iter().chain(&flawed) {
            sample(out, theme, track, of)?;
        }
        let all = track.samples.len();
        if shown.len() < all as usize {
            let all = number::grouped(all.into());
            writeln!(
                out,
                "  {dim}the first {SHOWN} of {all} samples; --json lists the rest{dim:#}"
            )?;
        }
        if let Some(stop) = listing.stopped() {
            crate::inspection::samples::stopped(out, theme, &stop)?;
        }
    }
    Ok(())
}

fn heading(out: &mut dyn Write, track: &Track) -> io::Result<()> {
    let samples = number::count(track.samples.len().into(), "sample");
    writeln!(out, "track {}: {samples}", track.header.id)?;
    for (number, description) in (1..).zip(&track.descriptions) {
        let Some(format) = NalFormat::of(description) else {
            continue;
        };
        let sets: Vec<_> = parameter_sets(track, number)
            .iter()
            .map(|(name, size)| format!("{name} of {}", number::bytes(*size)))
            .collect();
        let sets = match sets.as_slice() {
            [] => "no parameter sets".to_owned(),
            sets => sets.join(", "),
        };
        let codec = format.codec.name();
        let bytes = format.lengths.bytes();
        writeln!(
            out,
            "  {codec}, lengths of {}; in sample description {number}: {sets}",
            number::bytes(bytes as u64)
        )?;
    }
    Ok(())
}

/// Names and sizes of the parameter sets in a sample description, 32 at most.
fn parameter_sets(track: &Track, number: usize) -> Vec<(&'static str, u64)> {
    let description = track.descriptions.get(number - 1);
    description.map_or_else(Vec::new, |d| {
        tapo_inspect::parameter_sets(d)
            .into_iter()
            .take(32)
            .collect()
    })
}

fn in_numbers(out: &mut dyn Write, theme: &Theme, totals: &NalTotals) -> io::Result<()> {
    let Theme { damage, .. } = theme;
    let mut table = Table::new(&[Align::Right, Align::Left, Align::Right, Align::Right]);
    table.row(["type", "unit", "count", "bytes"]);
    for ((kind, name), count) in &totals.types {
        table.row([
            kind.map_or_else(|| "-".to_owned(), |k| k.to_string()),
            (*name).to_owned(),
            number::grouped(count.units),
            number::grouped(count.bytes),
        ]);
    }
    table.write(out, 2)?;
    if !totals.messages.is_empty() {
        let mut table = Table::new(&[Align::Right, Align::Left, Align::Right, Align::Right]);
        table.row(["type", "SEI message", "count", "bytes"]);
        for ((kind, name), count) in &totals.messages {
            table.row([
                kind_of(*kind, name),
                (*name).to_owned(),
                number::grouped(count.units),
                number::grouped(count.bytes),
            ]);
        }
        table.write(out, 2)?;
    }
    for (times, message) in totals.user_data.values() {
        let times = number::grouped(*times);
        writeln!(out, "  user data, {times}x: {}", saying(message))?;
    }
    if totals.flawed > 0 {
        let samples = number::count(totals.flawed, "sample");
        writeln!(
            out,
            "  {damage}{samples} whose units do not add up{damage:#}"
        )?;
    }
    Ok(())
}

/// A type; those without a name were counted as one.
fn kind_of(kind: u32, name: &str) -> String {
    if name == "not known" {
        "-".into()
    } else {
        kind.to_string()
    }
}

fn sample(out: &mut dyn Write, theme: &Theme, track: &Track, of: &SampleUnits) -> io::Result<()> {
    let Theme { damage, .. } = theme;
    let sample = &of.sample;
    writeln!(
        out,
        "  sample {} at {}{}",
        sample.number,
        number::clock(sample.dts, track.timescale),
        if sample.sync { ", sync" } else { "" },
    )?;
    for unit in &of.units {
        writeln!(
            out,
            "{:>14} {:>9}  {}",
            unit.span.start,
            unit.span.len(),
            unit.name
        )?;
        for message in of.messages.get(unit.messages.clone()).unwrap_or_default() {
            let short = if message.whole { "" } else { ", cut off" };
            write!(
                out,
                "{:>24}  {} ({}), {}{short}",
                "",
                message.name,
                message.kind,
                number::bytes(message.size.into())
            )?;
            match &message.said {
                Some(Said::Unregistered { uuid, owner, .. }) => {
                    writeln!(out, ": {}", owner_of(uuid, *owner))?;
                }
                Some(_) => writeln!(out, ": {}", saying(message))?,
                None => writeln!(out)?,
            }
        }
    }
    if let Some(flaw) = &of.flaw {
        writeln!(out, "{:>24}  {damage}{}{damage:#}", "", words(flaw))?;
    }
    Ok(())
}

fn words(flaw: &UnitFlaw) -> String {
    match flaw {
        UnitFlaw::Missing => "the sample is not in the file in full".into(),
        UnitFlaw::Overrun {
            offset,
            declared,
            left,
        } => format!(
            "at {offset} a unit of {} begins, and {} are left",
            number::bytes(*declared),
            number::bytes(*left)
        ),
        UnitFlaw::Leftover { offset, left } => {
            format!(
                "{} left at {offset}: too few for a length",
                number::bytes(*left)
            )
        }
        UnitFlaw::TooMany => "more units than a sample has; the rest is left out".into(),
    }
}

/// `23:59:58:24`, or `;24` where numbers are dropped; `--` for what is as before.
pub(super) fn time_code(code: &TimeCode) -> String {
    let part = |n: Option<u8>| n.map_or_else(|| "--".to_owned(), |n| format!("{n:02}"));
    let (h, m, s) = (part(code.hours), part(code.minutes), part(code.seconds));
    let separator = if code.drops { ';' } else { ':' };
    format!("{h}:{m}:{s}{separator}{:02}", code.frames)
}

fn owner_of(uuid: &[u8; 16], owner: Option<UserData>) -> String {
    match owner {
        Some(owner) => owner.name().to_owned(),
        None => number::uuid(uuid),
    }
}

/// What a message says, in words.
fn saying(message: &Message) -> String {
    match &message.said {
        None => String::new(),
        Some(Said::RecoveryPoint(count)) => format!("right after {count}"),
        Some(Said::TimeCode(code)) => time_code(code),
        Some(Said::Registered {
            country,
            provider,
            owner,
        }) => match owner {
            Some(owner) => (*owner).to_owned(),
            None => format!("country 0x{country:02x}, provider 0x{provider:04x}"),
        },
        Some(Said::Unregistered { uuid, owner, data }) => {
            let whose = owner_of(uuid, *owner);
            match text(*owner, data) {
                Some(text) => format!("{whose}: {text}"),
                None => whose,
            }
        }
    }
}

/// User data as text, escaped: if it is known to be, or all of it is ASCII.
fn text(owner: Option<UserData>, data: &[u8]) -> Option<String> {
    if let Some(ns) = owner.and_then(|o| o.time(data)) {
        return Some(date::from_1970_ns(i64::try_from(ns).unwrap_or(i64::MAX)));
    }
    let data = data.strip_suffix(b"\0").unwrap_or(data).trim_ascii_end();
    let plain = |b: &u8| b.is_ascii_graphic() || *b == b' ';
    let is_text = owner.is_some_and(UserData::is_text) || data.iter().all(plain);
    if !is_text || data.is_empty() {
        return None;
    }
    let mut text = escape::bytes(data.get(..TEXT).unwrap_or(data)).to_string();
    if data.len() > TEXT {
        text.push_str("...");
    }
    Some(text)
}
