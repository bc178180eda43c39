//! Metrics in the text format of Prometheus, version 0.0.4.

use super::{CameraStatus, DiskStatus, Status};
use std::fmt::Write;

/// The content type.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

type OfCamera = fn(&CameraStatus) -> f64;

/// Name, type, help, value.
#[expect(clippy::cast_precision_loss, reason = "metrics are floating point")]
const CAMERA: [(&str, &str, &str, OfCamera); 14] = [
    (
        "tapo_camera_recording",
        "gauge",
        "Whether its media is being written",
        |c| f64::from(u8::from(c.state == "recording")),
    ),
    (
        "tapo_camera_blocked",
        "gauge",
        "Whether its media comes and no file can be written",
        |c| f64::from(u8::from(c.state == "blocked")),
    ),
    (
        "tapo_camera_state_seconds",
        "gauge",
        "Time in the present state",
        |c| c.state_s,
    ),
    (
        "tapo_recorded_seconds_total",
        "counter",
        "Media recorded",
        |c| c.recorded_s,
    ),
    (
        "tapo_missed_seconds_total",
        "counter",
        "Media that came and is in no file, since none could be written",
        |c| c.missed_s,
    ),
    (
        "tapo_written_bytes_total",
        "counter",
        "Bytes written",
        |c| c.bytes as f64,
    ),
    (
        "tapo_bits_per_second",
        "gauge",
        "Bit rate over the last second",
        |c| c.bits_per_second as f64,
    ),
    ("tapo_frames_total", "counter", "Pictures recorded", |c| {
        c.frames as f64
    }),
    (
        "tapo_lost_packets_total",
        "counter",
        "RTP packets lost",
        |c| c.lost_packets as f64,
    ),
    (
        "tapo_dropped_frames_total",
        "counter",
        "Pictures left out since the disk was too slow",
        |c| c.dropped_frames as f64,
    ),
    (
        "tapo_connections_total",
        "counter",
        "Connections made",
        |c| c.connections as f64,
    ),
    ("tapo_segments_total", "counter", "Segments closed", |c| {
        c.segments as f64
    }),
    (
        "tapo_failed_segments_total",
        "counter",
        "Segments that could not be finished",
        |c| c.failed_segments as f64,
    ),
    (
        "tapo_removed_bytes_total",
        "counter",
        "Bytes of recordings removed by retention",
        |c| c.removed_bytes as f64,
    ),
];

/// All metrics.
#[expect(clippy::cast_precision_loss, reason = "metrics are floating point")]
pub(super) fn encode(status: &Status) -> String {
    let mut out = String::new();
    head(&mut out, "tapo_info", "gauge", "The recorder");
    line(
        &mut out,
        "tapo_info",
        Some(("version", &status.version)),
        1.0,
    );
    let single = [
        (
            "tapo_uptime_seconds",
            "gauge",
            "Time since recording began",
            status.uptime_s,
        ),
        (
            "tapo_hook_failures_total",
            "counter",
            "Times that a hook failed",
            status.hook_failures as f64,
        ),
        (
            "tapo_reloads_total",
            "counter",
            "Times that other options were given",
            status.reloads as f64,
        ),
    ];
    for (name, kind, help, value) in single {
        head(&mut out, name, kind, help);
        line(&mut out, name, None, value);
    }
    for (name, kind, help, value) in CAMERA {
        head(&mut out, name, kind, help);
        for camera in &status.cameras {
            line(
                &mut out,
                name,
                Some(("camera", &camera.camera)),
                value(camera),
            );
        }
    }
    let disk = |out: &mut String, name: &str, help: &str, value: fn(&DiskStatus) -> u64| {
        head(out, name, "gauge", help);
        for disk in &status.disks {
            line(out, name, Some(("path", &disk.path)), value(disk) as f64);
        }
    };
    disk(
        &mut out,
        "tapo_disk_free_bytes",
        "Free bytes of the disk",
        |d| d.free,
    );
    disk(&mut out, "tapo_disk_size_bytes", "Bytes of the disk", |d| {
        d.size
    });
    out
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    // Writing into a string cannot fail.
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn line(out: &mut String, name: &str, label: Option<(&str, &str)>, value: f64) {
    let _ = match label {
        Some((label, of)) => writeln!(out, "{name}{{{label}=\"{}\"}} {value}", escaped(of)),
        None => writeln!(out, "{name} {value}"),
    };
}

/// A value of a label.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            c => out.push(c),
        }
    }
    out
}
