//! How a running recorder stands.

use crate::{Theme, escape, json as lines, number};
use std::io::{self, Write};
use tapo_record::status::{CameraStatus, DiskStatus, Status};

/// Writes it for people.
///
/// # Errors
/// As `out` has them.
pub fn text(out: &mut dyn Write, theme: &Theme, status: &Status) -> io::Result<()> {
    let Theme { title, warning, .. } = theme;
    let number = number::count(status.cameras.len() as u64, "camera");
    let version = escape::text(&status.version);
    let up = spoken(status.uptime_s);
    writeln!(out, "tapo {version}, up for {up}, {number}")?;
    for camera in &status.cameras {
        let name = escape::text(&camera.camera);
        let state = match camera.state.as_str() {
            "blocked" => "cannot write",
            state => state,
        };
        let state = escape::text(state);
        write!(out, "{title}{name}{title:#}: ")?;
        if camera.state == "recording" {
            write!(out, "{state}")?;
        } else {
            write!(out, "{warning}{state}{warning:#}")?;
        }
        writeln!(out, " for {}{}", spoken(camera.state_s), why(camera))?;
        writeln!(out, "  {}", counts(camera))?;
        if let Some(file) = &camera.file {
            writeln!(out, "  {}", escape::text(file))?;
        }
        if let Some(notice) = &camera.notice {
            writeln!(out, "  {warning}{}{warning:#}", escape::text(notice))?;
        }
    }
    for DiskStatus { path, free, size } in &status.disks {
        let (free, size) = (number::bytes(*free), number::bytes(*size));
        writeln!(out, "disk of {}: {free} of {size} free", escape::text(path))?;
    }
    if status.hook_failures > 0 {
        let failed = number::count(status.hook_failures, "hook");
        writeln!(out, "{warning}{failed} failed{warning:#}")?;
    }
    Ok(())
}

/// Writes it as one line of JSON: schema `tapo.status/1`.
///
/// # Errors
/// As `out` has them.
pub fn json(out: &mut dyn Write, status: &Status) -> io::Result<()> {
    lines::line(out, status)
}

fn why(camera: &CameraStatus) -> String {
    let reason = camera.reason.as_ref();
    reason.map_or_else(String::new, |reason| format!(" ({})", escape::text(reason)))
}

fn counts(camera: &CameraStatus) -> String {
    let mut parts = vec![
        format!("{} recorded", spoken(camera.recorded_s)),
        number::bytes(camera.bytes),
        number::bitrate(camera.bits_per_second),
        number::count(camera.segments, "file"),
        number::count(camera.connections, "connection"),
    ];
    if camera.missed_s > 0.0 {
        parts.push(format!("{} not written", spoken(camera.missed_s)));
    }
    for (count, what, done) in [
        (camera.lost_packets, "packet", "lost"),
        (camera.dropped_frames, "picture", "left out"),
        (camera.failed_segments, "file", "not finished"),
        (camera.removed_segments, "file", "removed"),
    ] {
        if count > 0 {
            parts.push(format!("{} {done}", number::count(count, what)));
        }
    }
    parts.join(", ")
}

fn spoken(seconds: f64) -> String {
    let time = std::time::Duration::try_from_secs_f64(seconds).unwrap_or_default();
    let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    match millis {
        ..60_000 => number::spoken(millis, 1000),
        _ => number::clock(millis / 1000, 1),
    }
}
