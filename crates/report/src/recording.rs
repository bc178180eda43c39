//! Recording, told while it goes on and in the end; as JSON schema
//! `tapo.record/1`.

use crate::{Theme, escape, json, number};
use serde::Serialize;
use std::borrow::Cow;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;
use tapo_record::{
    CameraOptions, CameraRecording, Changes, Event, Output, Progress, RecordedSegment, Recording,
    State,
};

/// An event as a line, without its end; `None` for progress, which comes every
/// second.
#[must_use]
pub fn event(event: &Event) -> Option<String> {
    Some(match event {
        Event::State { camera, state } => {
            format!("{}: {}", escape::text(camera), self::state(state))
        }
        Event::Progress { .. } => return None,
        Event::Opened { camera, path } => {
            format!(
                "{}: recording into {}",
                escape::text(camera),
                escape::path(path)
            )
        }
        Event::Closed { camera, segment } => {
            format!("{}: {}", escape::text(camera), closed(segment))
        }
        Event::Leftover { path, result } => leftover(path, result),
        Event::Removed {
            camera,
            path,
            bytes,
            why,
            ..
        } => format!(
            "{}: removed {} ({}): {}",
            escape::text(camera),
            escape::path(path),
            number::bytes(*bytes),
            why.as_str()
        ),
        Event::Reloaded { result } => reloaded(result),
        Event::Serving { address } => {
            format!("status at http://{address}/status.json and /metrics")
        }
        Event::DiskLow { path, free, limit } => format!(
            "little of the disk is free: {} for {} (less than {})",
            number::bytes(*free),
            escape::path(path),
            number::bytes(*limit)
        ),
        Event::HookFailed { hook, text, .. } => {
            format!("hook {}: {}", escape::text(hook), escape::text(text))
        }
        Event::Gap { camera, missing } => format!(
            "{}: {:.1} s are missing",
            escape::text(camera),
            missing.as_secs_f64()
        ),
        Event::Notice { camera, text } => {
            format!("{}: {}", escape::text(camera), escape::text(text))
        }
        _ => return None,
    })
}

fn reloaded(result: &Result<Changes, String>) -> String {
    let done = match result {
        Ok(done) => done,
        Err(why) => return format!("nothing is changed: {}", escape::text(why)),
    };
    let Changes {
        begun,
        changed,
        adjusted,
        ended,
        unchanged,
    } = done;
    let named = |what: &str, names: &[String]| {
        let names: Vec<_> = names.iter().map(|n| escape::text(n).to_string()).collect();
        (!names.is_empty()).then(|| format!("{what} {}", names.join(", ")))
    };
    let parts = [
        named("new:", begun),
        named("changed:", changed),
        named("other rules, without a gap:", adjusted),
        named("ended:", ended),
        named("as before:", unchanged),
    ];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    format!("configuration read again; {}", parts.join("; "))
}

/// A state in words.
#[must_use]
pub fn state(state: &State) -> Cow<'static, str> {
    match state {
        State::Connecting => "connecting".into(),
        State::Connected => "connected, waiting for a keyframe".into(),
        State::Recording => "recording".into(),
        State::Blocked { reason } => format!("cannot write: {}", escape::text(reason)).into(),
        State::Waiting { reason, retry_in } => format!(
            "no connection ({}), next attempt in {}",
            escape::text(reason),
            time(*retry_in)
        )
        .into(),
        State::Stopped => "stopped".into(),
    }
}

/// How it goes, in one line: time, bitrate, frames, losses, file.
#[must_use]
pub fn progress(progress: &Progress) -> String {
    let mut parts = vec![
        clock(progress.recorded),
        number::bitrate(progress.bit_rate),
        number::count(progress.frames, "frame"),
    ];
    if progress.lost_packets > 0 {
        parts.push(number::count(progress.lost_packets, "packet") + " lost");
    }
    if progress.dropped > 0 {
        parts.push(number::count(progress.dropped, "frame") + " left out");
    }
    if !progress.missed.is_zero() {
        parts.push(clock(progress.missed) + " not written");
    }
    parts.extend(progress.file.iter().map(|f| escape::path(f).to_string()));
    parts.join("  ")
}

fn closed(segment: &RecordedSegment) -> String {
    let RecordedSegment {
        path,
        summary,
        finalized,
        problem,
        ..
    } = segment;
    let finished = match (problem, finalized) {
        (Some(problem), None) => format!("not finished: {}", escape::text(problem)),
        (Some(problem), Some(_)) => format!("finished before its time: {}", escape::text(problem)),
        (None, Some(_)) => "finished".into(),
        (None, None) => "closed".into(),
    };
    let lost = match summary.lost_packets {
        0 => String::new(),
        n => format!(", {} lost", number::count(n, "packet")),
    };
    format!(
        "{} {finished}: {}, {}{lost}",
        escape::path(path),
        clock(summary.duration),
        number::bytes(summary.bytes)
    )
}

fn leftover(path: &Path, result: &Result<u64, String>) -> String {
    let path = escape::path(path);
    match result {
        Ok(samples) => format!(
            "finished what an earlier run left open: {path}, {}",
            number::count(*samples, "sample")
        ),
        Err(why) => format!("left open by an earlier run: {path}: {}", escape::text(why)),
    }
}

fn clock(time: Duration) -> String {
    number::clock(u64::try_from(time.as_millis()).unwrap_or(u64::MAX), 1000)
}

fn time(time: Duration) -> String {
    number::spoken(u64::try_from(time.as_millis()).unwrap_or(u64::MAX), 1000)
}

/// Files that are listed one by one in the end.
const LISTED: usize = 100;

/// Writes what was recorded.
///
/// # Errors
/// As `out` has them.
pub fn recording(out: &mut dyn Write, theme: &Theme, done: &Recording) -> io::Result<()> {
    let Theme { title, warning, .. } = theme;
    for camera in &done.cameras {
        let CameraRecording {
            camera: name,
            segments,
            lost_packets,
            gaps,
            problem: lost,
            ..
        } = camera;
        let name = escape::text(name);
        write!(
            out,
            "{title}{name}{title:#}: {} in {}, {}",
            clock(camera.duration()),
            number::count(camera.count(), "file"),
            number::bytes(camera.bytes())
        )?;
        if *lost_packets > 0 {
            write!(out, ", {} lost", number::count(*lost_packets, "packet"))?;
        }
        if *gaps > 0 {
            write!(out, ", {}", number::count(u64::from(*gaps), "interruption"))?;
        }
        let removed = segments.iter().filter(|s| s.removed).count();
        if removed > 0 {
            write!(out, ", {removed} of them removed since")?;
        }
        writeln!(out)?;
        let listed: Vec<_> = segments.iter().filter(|s| !s.removed).collect();
        let more = listed.len().saturating_sub(LISTED) as u64 + camera.earlier.segments;
        if more > 0 {
            writeln!(out, "  {} before these", number::count(more, "file"))?;
        }
        for segment in listed.iter().rev().take(LISTED).rev() {
            writeln!(out, "  {}", escape::path(&segment.path))?;
            if let Some(problem) = &segment.problem {
                writeln!(out, "    {warning}{}{warning:#}", escape::text(problem))?;
            }
        }
        if let Some(why) = lost {
            let why = escape::text(why);
            writeln!(out, "  {warning}media was lost: {why}{warning:#}")?;
        }
    }
    Ok(())
}

/// Says what a camera is recorded from, and to where. No password is in it.
///
/// # Errors
/// As `out` has them.
pub fn camera(out: &mut dyn Write, camera: &CameraOptions) -> io::Result<()> {
    let name = escape::text(&camera.name);
    let (from, to) = (camera.url.to_string(), escape::path(folder(camera)));
    writeln!(out, "{name}: from {} to {to}", escape::text(&from))
}

/// The same as one line of JSON.
///
/// # Errors
/// As `out` has them.
pub fn camera_json(out: &mut dyn Write, camera: &CameraOptions) -> io::Result<()> {
    let url = camera.url.to_string();
    let line = Line {
        schema: SCHEMA,
        event: "camera",
        camera: Some(&camera.name),
        text: Some(&url),
        path: Some(folder(camera).to_string_lossy()),
        ..Line::default()
    };
    json::line(out, &line)
}

fn folder(camera: &CameraOptions) -> &Path {
    match &camera.output {
        Output::Folder(path) | Output::File { path, .. } => path,
    }
}

const SCHEMA: &str = "tapo.record/1";

/// One line of JSON; fields that an event does not have are left out.
#[derive(Default, Serialize)]
struct Line<'a> {
    schema: &'static str,
    event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    camera: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    missed_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bits_per_second: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frames: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    samples: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lost_packets: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dropped_frames: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    segments: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gaps: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finalized: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_in_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    begun: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    changed: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    adjusted: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unchanged: Option<&'a [String]>,
}

/// Writes an event as one line of JSON.
///
/// # Errors
/// As `out` has them.
pub fn event_json(out: &mut dyn Write, event: &Event) -> io::Result<()> {
    let line = |event| Line {
        schema: SCHEMA,
        event,
        ..Line::default()
    };
    let mut served = None::<String>;
    let line = match event {
        Event::State { camera, state } => {
            let (text, retry_in) = match state {
                State::Waiting { reason, retry_in } => (Some(reason.as_str()), Some(*retry_in)),
                State::Blocked { reason } => (Some(reason.as_str()), None),
                _ => (None, None),
            };
            Line {
                camera: Some(camera),
                state: Some(state.as_str()),
                text,
                retry_in_s: retry_in.map(|r| r.as_secs_f64()),
                ..line("state")
            }
        }
        Event::Progress { camera, progress } => Line {
            camera: Some(camera),
            duration_s: Some(progress.recorded.as_secs_f64()),
            bytes: Some(progress.bytes),
            bits_per_second: Some(progress.bit_rate),
            frames: Some(progress.frames),
            lost_packets: Some(progress.lost_packets),
            dropped_frames: Some(progress.dropped).filter(|n| *n > 0),
            missed_s: Some(progress.missed.as_secs_f64()).filter(|s| *s > 0.0),
            path: progress.file.as_ref().map(|f| f.to_string_lossy()),
            ..line("progress")
        },
        Event::Opened { camera, path } => Line {
            camera: Some(camera),
            path: Some(path.to_string_lossy()),
            ..line("opened")
        },
        Event::Closed { camera, segment } => Line {
            camera: Some(camera),
            path: Some(segment.path.to_string_lossy()),
            duration_s: Some(segment.summary.duration.as_secs_f64()),
            bytes: Some(segment.summary.bytes),
            samples: Some(
                segment
                    .summary
                    .tracks
                    .iter()
                    .map(|(_, n)| u64::from(*n))
                    .sum(),
            ),
            lost_packets: Some(segment.summary.lost_packets),
            finalized: Some(segment.finalized.is_some()),
            text: segment.problem.as_deref(),
            ..line("closed")
        },
        Event::Leftover { path, result } => Line {
            path: Some(path.to_string_lossy()),
            samples: result.as_ref().ok().copied(),
            text: result.as_ref().err().map(String::as_str),
            finalized: Some(result.is_ok()),
            ..line("leftover")
        },
        Event::Removed {
            camera,
            path,
            bytes,
            why,
            ..
        } => Line {
            camera: Some(camera),
            path: Some(path.to_string_lossy()),
            bytes: Some(*bytes),
            text: Some(why.as_str()),
            ..line("removed")
        },
        Event::Reloaded { result } => Line {
            begun: result.as_ref().ok().map(|done| done.begun.as_slice()),
            changed: result.as_ref().ok().map(|done| done.changed.as_slice()),
            adjusted: result.as_ref().ok().map(|done| done.adjusted.as_slice()),
            ended: result.as_ref().ok().map(|done| done.ended.as_slice()),
            unchanged: result.as_ref().ok().map(|done| done.unchanged.as_slice()),
            text: result.as_ref().err().map(String::as_str),
            ..line("reloaded")
        },
        Event::Serving { address } => Line {
            text: Some(served.insert(address.to_string())),
            ..line("serving")
        },
        Event::DiskLow { path, free, .. } => Line {
            path: Some(path.to_string_lossy()),
            bytes: Some(*free),
            ..line("disk-low")
        },
        Event::HookFailed { camera, hook, text } => Line {
            camera: Some(camera),
            path: Some(hook.into()),
            text: Some(text),
            ..line("hook-failed")
        },
        Event::Gap { camera, missing } => Line {
            camera: Some(camera),
            duration_s: Some(missing.as_secs_f64()),
            ..line("gap")
        },
        Event::Notice { camera, text } => Line {
            camera: Some(camera),
            text: Some(text),
            ..line("notice")
        },
        _ => return Ok(()),
    };
    json::line(out, &line)
}

/// Writes what was recorded, a line of JSON for each camera.
///
/// # Errors
/// As `out` has them.
pub fn recording_json(out: &mut dyn Write, done: &Recording) -> io::Result<()> {
    for camera in &done.cameras {
        let line = Line {
            schema: SCHEMA,
            event: "recorded",
            camera: Some(&camera.camera),
            duration_s: Some(camera.duration().as_secs_f64()),
            bytes: Some(camera.bytes()),
            lost_packets: Some(camera.lost_packets),
            segments: Some(camera.count()),
            gaps: Some(camera.gaps),
            text: camera.problem.as_deref(),
            ..Line::default()
        };
        json::line(out, &line)?;
    }
    Ok(())
}
