//! The default view.

use super::{advice::advice, words};
use crate::{Align, Table, Theme, escape, number};
use anstyle::Style;
use std::collections::HashMap;
use std::io::{self, Write};
use std::path::Path;
use tapo_inspect::{
    Cadence, CodecSummary, Form, Inspection, MediaKind, Severity, TrackSummary, Verdict,
};
use tapo_movie::{Edit, Track};

/// Writes what a file is, its tracks, what was found and what to do.
///
/// # Errors
/// As `out` has them.
pub fn summary(
    out: &mut dyn Write,
    theme: &Theme,
    path: &Path,
    inspection: &Inspection,
) -> io::Result<()> {
    let Theme { title, dim, .. } = theme;
    writeln!(out, "{title}{}{title:#}", escape::path(path))?;
    let mut line = words::form(inspection);
    if inspection.verdict == Verdict::NotMp4 {
        line = format!("not an MP4: {line}");
        if matches!(
            inspection.form,
            Form::Foreign(tapo_inspect::Foreign::Unknown)
        ) {
            line = "not an MP4, nor of any other kind that tapo knows".into();
        }
    }
    write!(out, "  {line}; {}", number::bytes(inspection.read.size))?;
    if let Some(length) = length(inspection) {
        write!(out, "; {length}")?;
    }
    if let Some(file_type) = &inspection.read.file_type {
        // QuickTime's writers fill the list up with zeros.
        let brands = file_type.compatible_brands.iter();
        let brands = brands.filter(|b| b.0 != [0; 4]).take(8);
        let brands: Vec<_> = brands.map(ToString::to_string).collect();
        write!(
            out,
            "{dim} ({}: {}){dim:#}",
            file_type.major_brand,
            brands.join(" ")
        )?;
    }
    writeln!(out)?;
    if let Some(own) = &inspection.own {
        writeln!(
            out,
            "  camera {}, segment {}",
            escape::text(&own.stamp.camera),
            own.stamp.number
        )?;
    }
    if let Some(hash) = &inspection.sha256 {
        writeln!(out, "  SHA-256 {}", number::hex(hash))?;
        let changed = |f: &tapo_inspect::Finding| f.problem == tapo_inspect::Problem::Changed;
        if !inspection.findings.iter().any(changed) {
            let said = "read only; size, time of change and inode are as before";
            writeln!(out, "  {dim}{said}{dim:#}")?;
        }
    }
    tracks(out, inspection)?;
    findings(out, theme, inspection)?;
    let style = style(theme, inspection.verdict);
    if inspection.verdict != Verdict::NotMp4 {
        let verdict = words::verdict(inspection);
        writeln!(out, "  {style}{verdict}{style:#}")?;
    }
    if let Some(text) = words::saved(inspection) {
        writeln!(out, "  {text}")?;
    }
    if let Some((text, command)) = advice(inspection, path) {
        writeln!(out, "  {text}")?;
        if let Some(command) = command {
            let style = theme.command;
            writeln!(out, "    {style}{command}{style:#}")?;
        }
    }
    Ok(())
}

const fn style(theme: &Theme, verdict: Verdict) -> Style {
    match verdict {
        Verdict::Sound => theme.good,
        Verdict::Damaged => theme.warning,
        _ => theme.damage,
    }
}

/// The longest track's duration, and the bitrate of the file.
fn length(inspection: &Inspection) -> Option<String> {
    let longest = |t: &&TrackSummary| number::milliseconds(t.duration, t.timescale);
    let track = inspection.tracks.iter().max_by_key(longest)?;
    if track.duration == 0 || track.timescale == 0 {
        return None;
    }
    Some(number::clock(track.duration, track.timescale))
}

fn tracks(out: &mut dyn Write, inspection: &Inspection) -> io::Result<()> {
    let left = Align::Left;
    let mut table = Table::new(&[left, left, left, left, left, Align::Right, left, left, left]);
    let movie = inspection.read.movie.as_ref();
    let movie_timescale = movie.map_or(0, |m| m.header.timescale);
    let tracks = movie.map_or(&[][..], |m| m.tracks.as_slice());
    for (summary, track) in inspection.tracks.iter().zip(tracks) {
        table.row([
            format!("track {}", summary.id),
            kind(summary).to_owned(),
            codecs(summary),
            geometry(summary),
            pace(summary),
            samples(summary),
            keyframes(summary),
            bitrate(summary),
            extras(summary, track, movie_timescale),
        ]);
    }
    table.write(out, 2)
}

fn kind(track: &TrackSummary) -> &'static str {
    match track.kind {
        MediaKind::Video => "video",
        MediaKind::Audio => "sound",
        MediaKind::Text => "text",
        MediaKind::Metadata => "data",
        MediaKind::Timecode => "time code",
        MediaKind::Hint => "hints",
        _ => "other",
    }
}

fn codecs(track: &TrackSummary) -> String {
    let name = |c: &CodecSummary| {
        let (name, code) = (escape::text(&c.name), escape::text(&c.codec_string));
        if c.name == c.codec_string {
            code.to_string()
        } else {
            format!("{name} ({code})")
        }
    };
    let mut names: Vec<String> = track.codecs.iter().map(name).collect();
    names.dedup();
    if names.is_empty() {
        return escape::bytes(&track.handler.0).to_string();
    }
    names.join(", ")
}

fn geometry(track: &TrackSummary) -> String {
    let Some(codec) = track.codecs.first() else {
        return String::new();
    };
    let mut parts = Vec::new();
    if track.kind == MediaKind::Video {
        parts.extend(codec.size.map(|(w, h)| format!("{w}x{h}")));
        parts.extend(track.rotation.map(|r| format!("turned {r}°")));
    } else if track.kind == MediaKind::Audio {
        parts.extend(codec.sample_rate.map(|r| format!("{r} Hz")));
        parts.extend(codec.channels.map(|c| match c {
            1 => "mono".to_owned(),
            2 => "stereo".to_owned(),
            _ => format!("{c} channels"),
        }));
    }
    parts.join(" ")
}

fn pace(track: &TrackSummary) -> String {
    if track.kind != MediaKind::Video || track.samples < 2 {
        return String::new();
    }
    let rate = number::per_second(track.samples, track.duration, track.timescale);
    let rate = rate.filter(|_| track.timescale != 0);
    match (rate, track.cadence) {
        (None, _) => String::new(),
        (Some(rate), Some(Cadence::Variable { shortest, longest })) => {
            let ms = |d: u32| number::spoken(u64::from(d), track.timescale);
            format!("{rate} fps, variable ({} to {})", ms(shortest), ms(longest))
        }
        (Some(rate), _) => format!("{rate} fps"),
    }
}

fn samples(track: &TrackSummary) -> String {
    let noun = if track.kind == MediaKind::Video {
        "frame"
    } else {
        "sample"
    };
    let all = number::count(track.samples, noun);
    if track.reachable < track.samples {
        return format!("{} of {all}", number::grouped(track.reachable));
    }
    all
}

fn keyframes(track: &TrackSummary) -> String {
    let (MediaKind::Video, Some(interval)) = (track.kind, track.keyframes) else {
        return String::new();
    };
    let time = |ticks| number::spoken(ticks, track.timescale);
    if track.sync_samples == Some(1) {
        return "1 keyframe".into();
    }
    let mean = time(interval.mean);
    let longest = time(interval.longest);
    if mean == longest {
        format!("keyframe every {mean}")
    } else {
        format!("keyframe every {mean}, at most {longest}")
    }
}

fn bitrate(track: &TrackSummary) -> String {
    let rate = number::bits_per_second(track.bytes, track.duration, track.timescale);
    rate.map_or_else(String::new, number::bitrate)
}

/// Language, and the edit list in words.
fn extras(summary: &TrackSummary, track: &Track, movie_timescale: u32) -> String {
    let mut parts: Vec<String> = summary.language.iter().cloned().collect();
    parts.extend(edits(summary, &track.edits, movie_timescale));
    parts.join(", ")
}

fn edits(summary: &TrackSummary, edits: &[Edit], movie_timescale: u32) -> Option<String> {
    let (wait, edits) = match edits {
        [first, rest @ ..] if first.media_time.is_none() => (first.duration, rest),
        _ => (0, edits),
    };
    let late = |ticks| format!("starts {} late", number::spoken(ticks, movie_timescale));
    match edits {
        [] => (wait > 0).then(|| late(wait)),
        [one] => {
            let from = one.media_time.unwrap_or_default();
            let first = u64::try_from(summary.first_composition).unwrap_or(0);
            let skipped = from.saturating_sub(first);
            let mut parts = Vec::new();
            if wait > 0 {
                parts.push(late(wait));
            }
            if skipped > 0 {
                let time = number::spoken(skipped, summary.timescale);
                parts.push(format!("skips its first {time}"));
            }
            (!parts.is_empty()).then(|| parts.join(", "))
        }
        many => Some(format!("cut into {} pieces by its edit list", many.len())),
    }
}

/// Findings of one code that are shown; all are in the JSON.
const ALIKE: usize = 10;

fn findings(out: &mut dyn Write, theme: &Theme, inspection: &Inspection) -> io::Result<()> {
    let mut shown: HashMap<&str, usize> = HashMap::new();
    for finding in &inspection.findings {
        let alike = shown.entry(finding.problem.code()).or_default();
        *alike += 1;
        if *alike > ALIKE {
            continue;
        }
        let style = match finding.severity() {
            Severity::Notice => theme.notice,
            Severity::Warning => theme.warning,
            Severity::Damage => theme.damage,
        };
        let name = finding.severity().name();
        let text = words::finding(finding);
        let code = finding.problem.code();
        write!(out, "  {style}{name}{style:#} {code}: {text}")?;
        if let Some(span) = finding.span {
            let (first, last) = (number::grouped(span.start), number::grouped(span.end));
            let dim = theme.dim;
            write!(out, "{dim} (bytes {first} to {last}){dim:#}")?;
        }
        writeln!(out)?;
    }
    let mut more: Vec<_> = shown.into_iter().filter(|(_, n)| *n > ALIKE).collect();
    more.sort_unstable();
    for (code, n) in more {
        let rest = number::grouped((n - ALIKE) as u64);
        writeln!(out, "  and {rest} more of {code}")?;
    }
    Ok(())
}
