//! NAL units as JSON.

use super::{failed, parameter_sets, time_code, tracks, words};
use crate::inspection::head::Head;
use crate::inspection::samples::StoppedRecord;
use crate::{json, number};
use serde::Serialize;
use std::io::{self, Write};
use std::path::Path;
use tapo_inspect::{Inspection, Message, NalFormat, Said, SampleUnits, UserData};
use tapo_io::ByteSource;
use tapo_movie::Track;

#[derive(Serialize)]
struct TrackHead {
    track: u32,
    timescale: u32,
    samples: u32,
    descriptions: Vec<DescriptionRecord>,
}

#[derive(Serialize)]
struct DescriptionRecord {
    description: usize,
    codec: &'static str,
    length_size: usize,
    parameter_sets: Vec<SetRecord>,
}

#[derive(Serialize)]
struct SetRecord {
    name: &'static str,
    size: u64,
}

#[derive(Serialize)]
struct SampleRecord {
    track: u32,
    sample: u32,
    dts: u64,
    sync: bool,
    units: Vec<UnitRecord>,
    flaw: Option<String>,
}

#[derive(Serialize)]
struct UnitRecord {
    r#type: Option<u8>,
    name: &'static str,
    offset: u64,
    size: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sei: Vec<MessageRecord>,
}

#[derive(Serialize)]
struct MessageRecord {
    r#type: u32,
    name: &'static str,
    size: u32,
    whole: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery_point: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uuid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    country: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// MISB ST 0604, nanoseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    time_ns: Option<u64>,
}

/// Lists the units of all samples as JSON Lines: an object for the file, one
/// for each track, and one for each sample.
///
/// # Errors
/// As `out` and `source` have them.
pub fn nals_json(
    out: &mut dyn Write,
    path: &Path,
    source: &dyn ByteSource,
    inspection: &Inspection,
    only: Option<u32>,
) -> io::Result<()> {
    let head = Head::of("tapo.inspect.nals/1", path, inspection.read.size);
    json::line(out, &head)?;
    for track in tracks(inspection, only) {
        let id = track.header.id;
        json::line(out, &track_head(track))?;
        let mut listing = inspection.nals(source, track);
        while let Some(of) = listing.next_sample().map_err(failed)? {
            json::line(out, &sample_record(id, &of))?;
        }
        if let Some(stopped) = listing.stopped() {
            json::line(out, &StoppedRecord::new(id, &stopped))?;
        }
    }
    Ok(())
}

fn track_head(track: &Track) -> TrackHead {
    let descriptions = (1..).zip(&track.descriptions);
    let descriptions = descriptions.filter_map(|(number, description)| {
        let format = NalFormat::of(description)?;
        let sets = parameter_sets(track, number).into_iter();
        Some(DescriptionRecord {
            description: number,
            codec: format.codec.name(),
            length_size: format.lengths.bytes(),
            parameter_sets: sets.map(|(name, size)| SetRecord { name, size }).collect(),
        })
    });
    TrackHead {
        track: track.header.id,
        timescale: track.timescale,
        samples: track.samples.len(),
        descriptions: descriptions.collect(),
    }
}

fn sample_record(track: u32, of: &SampleUnits) -> SampleRecord {
    let messages = |range| of.messages.get::<std::ops::Range<usize>>(range);
    let units = of.units.iter().map(|unit| UnitRecord {
        r#type: unit.kind,
        name: unit.name,
        offset: unit.span.start,
        size: unit.span.len(),
        sei: messages(unit.messages.clone())
            .unwrap_or_default()
            .iter()
            .map(message_record)
            .collect(),
    });
    SampleRecord {
        track,
        sample: of.sample.number,
        dts: of.sample.dts,
        sync: of.sample.sync,
        units: units.collect(),
        flaw: of.flaw.as_ref().map(words),
    }
}

fn message_record(message: &Message) -> MessageRecord {
    let mut record = MessageRecord {
        r#type: message.kind,
        name: message.name,
        size: message.size,
        whole: message.whole,
        recovery_point: None,
        time_code: None,
        uuid: None,
        country: None,
        provider: None,
        owner: None,
        text: None,
        time_ns: None,
    };
    match &message.said {
        None => {}
        Some(Said::RecoveryPoint(count)) => record.recovery_point = Some(*count),
        Some(Said::TimeCode(code)) => record.time_code = Some(time_code(code)),
        Some(Said::Registered {
            country,
            provider,
            owner,
        }) => {
            record.country = Some(*country);
            record.provider = Some(*provider);
            record.owner = *owner;
        }
        Some(Said::Unregistered { uuid, owner, data }) => {
            record.uuid = Some(number::uuid(uuid));
            record.owner = owner.map(UserData::name);
            record.time_ns = owner.and_then(|o| o.time(data));
            record.text = owner.filter(|o| o.is_text()).map(|_| {
                let data = data.strip_suffix(b"\0").unwrap_or(data);
                String::from_utf8_lossy(data).into_owned()
            });
        }
    }
    record
}
