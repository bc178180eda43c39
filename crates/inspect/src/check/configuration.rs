//! Decoder configurations: is all there that decoding needs, and does it agree.

use super::spots::TrackSpots;
use crate::{Finding, MediaKind, NalFormat, Problem, Result};
use tapo_codec::ParameterSetKind;
use tapo_io::{ByteSource, Window};
use tapo_movie::{SampleDescription, Track};

pub(super) fn check(
    source: &dyn ByteSource,
    track: &Track,
    spots: &TrackSpots,
    found: &mut Vec<Finding>,
) -> Result<()> {
    if track.samples.is_empty() {
        return Ok(());
    }
    for description in &track.descriptions {
        let entry = description.kind();
        let about = |problem| {
            let finding = Finding::new(problem).on(track.header.id);
            finding.at(spots.span(b"stsd"))
        };
        let boxes: Vec<_> = description
            .entry
            .children()
            .map(|(k, b)| (k.0, b))
            .collect();
        let said = tapo_codec::describe(entry.0, &boxes);
        if said.kind == MediaKind::Unknown {
            found.push(about(Problem::UnknownCodec { entry }));
        }
        let stated = description
            .size()
            .map(|(w, h)| (u32::from(w), u32::from(h)));
        if let (Some(entry), Some(coded)) = (stated, said.size)
            && is_other(entry, coded)
            && track.is_video()
        {
            let broken = false;
            found.push(about(Problem::SizeDisagrees {
                entry,
                coded,
                broken,
            }));
        }
        if !matches!(&entry.0, b"avc1" | b"avc3" | b"hvc1" | b"hev1") {
            continue;
        }
        let has = |wanted: ParameterSetKind| {
            let mut sets = said.parameter_sets.iter();
            sets.any(|s| ParameterSetKind::of(entry.0, s) == Some(wanted))
        };
        let whole = has(ParameterSetKind::Sequence) && has(ParameterSetKind::Picture);
        if (!whole || said.defect.is_some()) && !in_stream(source, track, description)? {
            found.push(about(Problem::ParameterSetsMissing { entry }));
        }
        // AVCProfileIndication is that of the parameter sets (14496-15 §5.3.3.1).
        let config = description.entry.child(b"avcC");
        let profile = config.and_then(|c| c.get(1).copied());
        let mut sets = said.parameter_sets.iter();
        let sps =
            sets.find(|s| ParameterSetKind::of(entry.0, s) == Some(ParameterSetKind::Sequence));
        if let (Some(profile), Some(sps)) = (profile, sps.and_then(|s| s.get(1).copied()))
            && profile != sps
        {
            found.push(about(Problem::ConfigurationContradicts { entry }));
        }
    }
    Ok(())
}

/// Whether two sizes differ by more than what coding fills blocks up with.
const fn is_other(a: (u32, u32), b: (u32, u32)) -> bool {
    a.0.abs_diff(b.0) >= 16 || a.1.abs_diff(b.1) >= 16
}

/// Samples that are searched for parameter sets.
const SAMPLES: usize = 3;

/// Whether the first sync samples bring their own parameter sets.
fn in_stream(
    source: &dyn ByteSource,
    track: &Track,
    description: &SampleDescription,
) -> Result<bool> {
    let Some(format) = NalFormat::of(description) else {
        return Ok(false);
    };
    let size = format.lengths.bytes();
    let mut window = Window::new(source);
    let samples = track
        .samples
        .iter()
        .take(1000)
        .filter(|s| s.sync)
        .take(SAMPLES);
    for sample in samples {
        let (mut at, mut units) = (sample.span.start, 0);
        let end = sample.span.end.min(source.len());
        while at < end && units < 64 {
            let head = window.bytes(at, size + 2)?;
            let (Some(field), Some(unit)) = (head.get(..size), head.get(size..)) else {
                break;
            };
            let len = field.iter().fold(0_u64, |n, b| n << 8 | u64::from(*b));
            let kind = ParameterSetKind::of(description.kind().0, unit);
            if kind == Some(ParameterSetKind::Sequence) {
                return Ok(true);
            }
            at += size as u64 + len;
            units += 1;
        }
    }
    Ok(false)
}
