//! The summary as JSON: schema `tapo.inspect/1`.

use super::{advice::advice, words};
use crate::{json, number};
use serde::Serialize;
use std::io::{self, Write};
use std::path::Path;
use tapo_inspect::{
    Cadence, CodecSummary, Family, Finding, Form, Inspection, MediaKind, TimeRange, TrackSummary,
    Verdict,
};
use tapo_io::{FileStamp, Span};
use tapo_movie::Edit;

/// The schema of one summary.
const SCHEMA: &str = "tapo.inspect/1";

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    path: String,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<Evidence>,
    verdict: &'static str,
    /// How much of the media was looked at.
    depth: &'static str,
    is: String,
    family: Option<&'static str>,
    layout: &'static str,
    moov_first: Option<bool>,
    major_brand: Option<String>,
    compatible_brands: Vec<String>,
    recorded_by_tapo: Option<OwnRecord<'a>>,
    fragments: Option<FragmentCounts>,
    tracks: Vec<TrackRecord<'a>>,
    findings: Vec<FindingRecord>,
    /// How much of each track is there and not known to be damaged.
    saved: Vec<SavedRecord>,
    advice: Option<String>,
    command: Option<String>,
}

/// What shows, later and elsewhere, that this was said of these bytes, and by what.
#[derive(Serialize)]
struct Evidence {
    sha256: String,
    /// The program and its version.
    tool: &'static str,
    /// The file when it was opened, and when all was read.
    before: StampRecord,
    after: StampRecord,
    /// Whether the two are the same.
    unchanged: bool,
}

#[derive(Serialize)]
struct StampRecord {
    size: u64,
    inode: u64,
    /// Seconds since 1970 and nanoseconds of that second.
    modified_s: i64,
    modified_ns: u32,
}

impl StampRecord {
    fn of(stamp: FileStamp) -> Self {
        const SECOND: i128 = 1_000_000_000;
        let seconds = stamp.modified_ns.div_euclid(SECOND);
        Self {
            size: stamp.len,
            inode: stamp.inode,
            modified_s: i64::try_from(seconds).unwrap_or(i64::MAX),
            modified_ns: u32::try_from(stamp.modified_ns.rem_euclid(SECOND)).unwrap_or(0),
        }
    }
}

/// The evidence, where the file was hashed.
fn evidence(inspection: &Inspection) -> Option<Evidence> {
    let (sha256, (before, after)) = inspection.sha256.as_ref().zip(inspection.stamps)?;
    Some(Evidence {
        sha256: number::hex(sha256),
        tool: concat!("tapo ", env!("CARGO_PKG_VERSION")),
        unchanged: before == after,
        before: StampRecord::of(before),
        after: StampRecord::of(after),
    })
}

#[derive(Serialize)]
struct OwnRecord<'a> {
    camera: &'a str,
    recorder: &'a str,
    segment: u32,
    started_ns: i64,
}

#[derive(Serialize)]
struct FragmentCounts {
    count: u64,
    whole: u64,
}

#[derive(Serialize)]
struct TrackRecord<'a> {
    id: u32,
    kind: &'static str,
    handler: String,
    handler_name: String,
    codecs: Vec<CodecRecord<'a>>,
    timescale: u32,
    duration: u64,
    duration_s: f64,
    start: u64,
    samples: u64,
    samples_in_file: u64,
    bytes: u64,
    bits_per_second: Option<u64>,
    sync_samples: Option<u64>,
    keyframe_interval_mean: Option<u64>,
    keyframe_interval_longest: Option<u64>,
    frame_rate: Option<f64>,
    constant_rate: Option<bool>,
    language: Option<&'a str>,
    rotation: Option<u16>,
    edits: Vec<EditRecord>,
}

#[derive(Serialize)]
struct CodecRecord<'a> {
    entry: String,
    codec: &'a str,
    name: &'a str,
    width: Option<u32>,
    height: Option<u32>,
    sample_rate: Option<u32>,
    channels: Option<u32>,
    defect: Option<&'a str>,
}

/// `media_time` is null where nothing is shown.
#[derive(Serialize)]
struct EditRecord {
    duration: u64,
    media_time: Option<u64>,
    rate: f64,
}

#[derive(Serialize)]
struct SavedRecord {
    track: u32,
    seconds: f64,
    of_seconds: f64,
}

#[derive(Serialize)]
struct FindingRecord {
    code: &'static str,
    severity: &'static str,
    track: Option<u32>,
    start: Option<u64>,
    end: Option<u64>,
    from_s: Option<f64>,
    to_s: Option<f64>,
    text: String,
}

/// Writes the summary of a file as one line.
///
/// # Errors
/// As `out` has them.
pub fn summary_json(out: &mut dyn Write, path: &Path, inspection: &Inspection) -> io::Result<()> {
    let read = &inspection.read;
    let (advice, command) = advice(inspection, path).unzip();
    let (layout, moov_first) = layout(inspection.form);
    let edits = |id: usize| {
        let track = read.movie.as_ref().and_then(|m| m.tracks.get(id));
        track.map_or(&[][..], |t| t.edits.as_slice())
    };
    let file_type = read.file_type.as_ref();
    let is_foreign = matches!(inspection.form, Form::Foreign(_));
    let document = Document {
        schema: SCHEMA,
        path: path.to_string_lossy().into_owned(),
        size: read.size,
        sha256: inspection.sha256.as_ref().map(|h| number::hex(h)),
        evidence: evidence(inspection),
        depth: inspection.depth.name(),
        verdict: verdict(inspection.verdict),
        is: words::form(inspection),
        family: (!is_foreign).then(|| family(inspection.family)),
        layout,
        moov_first,
        major_brand: file_type.map(|f| f.major_brand.to_string()),
        compatible_brands: file_type.map_or_else(Vec::new, |f| {
            f.compatible_brands
                .iter()
                .map(ToString::to_string)
                .collect()
        }),
        recorded_by_tapo: inspection.own.as_ref().map(|own| OwnRecord {
            camera: &own.stamp.camera,
            recorder: &own.stamp.recorder,
            segment: own.stamp.number,
            started_ns: own.stamp.started_ns,
        }),
        fragments: (inspection.form == Form::Fragmented).then(|| FragmentCounts {
            count: read.fragments.len() as u64,
            whole: read.fragments.iter().filter(|f| f.whole).count() as u64,
        }),
        tracks: inspection
            .tracks
            .iter()
            .enumerate()
            .map(|(i, t)| track(t, edits(i)))
            .collect(),
        findings: inspection.findings.iter().map(finding).collect(),
        saved: inspection
            .saved()
            .iter()
            .map(|s| SavedRecord {
                track: s.track,
                seconds: number::seconds(s.sound, s.timescale),
                of_seconds: number::seconds(s.all, s.timescale),
            })
            .collect(),
        advice,
        command: command.flatten(),
    };
    json::line(out, &document)
}

const fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Sound => "sound",
        Verdict::Damaged => "damaged",
        Verdict::Repairable => "repairable",
        Verdict::Beyond => "beyond-repair",
        Verdict::NotMp4 => "not-mp4",
    }
}

const fn family(family: Family) -> &'static str {
    match family {
        Family::Mp4 => "mp4",
        Family::M4a => "m4a",
        Family::M4v => "m4v",
        Family::QuickTime => "quicktime",
        Family::ThreeGp => "3gp",
    }
}

const fn layout(form: Form) -> (&'static str, Option<bool>) {
    match form {
        Form::Progressive { moov_first } => ("progressive", Some(moov_first)),
        Form::Fragmented => ("fragmented", None),
        Form::Hybrid => ("hybrid", None),
        Form::Init => ("init", None),
        Form::Media => ("media-segment", None),
        Form::NoIndex => ("no-index", None),
        Form::Foreign(_) => ("foreign", None),
        _ => ("unknown", None),
    }
}

const fn kind(kind: MediaKind) -> &'static str {
    match kind {
        MediaKind::Video => "video",
        MediaKind::Audio => "audio",
        MediaKind::Text => "text",
        MediaKind::Metadata => "metadata",
        MediaKind::Timecode => "timecode",
        MediaKind::Hint => "hint",
        _ => "other",
    }
}

fn track<'a>(track: &'a TrackSummary, edits: &[Edit]) -> TrackRecord<'a> {
    let seconds = number::seconds(track.duration, track.timescale);
    #[expect(clippy::cast_precision_loss, reason = "a double is what JSON has")]
    let rate = || track.samples as f64 / seconds;
    let has_rate = track.kind == MediaKind::Video && seconds > 0.0;
    TrackRecord {
        id: track.id,
        kind: kind(track.kind),
        handler: track.handler.to_string(),
        handler_name: String::from_utf8_lossy(&track.handler_name).into_owned(),
        codecs: track.codecs.iter().map(codec).collect(),
        timescale: track.timescale,
        duration: track.duration,
        duration_s: seconds,
        start: track.start,
        samples: track.samples,
        samples_in_file: track.reachable,
        bytes: track.bytes,
        bits_per_second: number::bits_per_second(track.bytes, track.duration, track.timescale),
        sync_samples: track.sync_samples,
        keyframe_interval_mean: track.keyframes.map(|k| k.mean),
        keyframe_interval_longest: track.keyframes.map(|k| k.longest),
        frame_rate: has_rate.then(rate),
        constant_rate: track.cadence.map(|c| c == Cadence::Constant),
        language: track.language.as_deref(),
        rotation: track.rotation,
        edits: edits.iter().map(edit).collect(),
    }
}

fn edit(edit: &Edit) -> EditRecord {
    EditRecord {
        duration: edit.duration,
        media_time: edit.media_time,
        rate: f64::from(edit.rate.cast_signed()) / 65_536.0,
    }
}

fn codec(codec: &CodecSummary) -> CodecRecord<'_> {
    CodecRecord {
        entry: codec.entry.to_string(),
        codec: &codec.codec_string,
        name: &codec.name,
        width: codec.size.map(|s| s.0),
        height: codec.size.map(|s| s.1),
        sample_rate: codec.sample_rate,
        channels: codec.channels,
        defect: codec.defect.as_deref(),
    }
}

fn finding(finding: &Finding) -> FindingRecord {
    let seconds =
        |ticks: fn(TimeRange) -> u64| finding.time.map(|t| number::seconds(ticks(t), t.timescale));
    FindingRecord {
        code: finding.problem.code(),
        severity: finding.severity().name(),
        track: finding.track,
        start: finding.span.map(|s: Span| s.start),
        end: finding.span.map(|s| s.end),
        from_s: seconds(|t| t.start),
        to_s: seconds(|t| t.end),
        text: words::finding(finding),
    }
}
