//! Boxes of a sample table that speak of single samples of the reference: what
//! they say of all of them holds for those of the broken file too, and is kept.

use tapo_bmff::{BoxWriter, FourCc, be_u32};
use tapo_movie::{RawBox, Track};

/// Boxes that speak of single samples.
const PER_SAMPLE: [&[u8; 4]; 12] = [
    b"sbgp", b"sgpd", b"sdtp", b"cslg", b"stps", b"stdp", b"padb", b"subs", b"saiz", b"saio",
    b"stsh", b"csgp",
];

/// Groupings of sound that are a matter of the codec: how many frames must be
/// decoded before one is right (ISO/IEC 14496-12, 10.1; 14496-3).
const OF_CODEC: [&[u8; 4]; 2] = [b"roll", b"prol"];

/// Offsets in a box, header and version included.
const GROUPING: usize = 12;

fn speaks_of_samples(kind: FourCc) -> bool {
    PER_SAMPLE.iter().any(|known| kind == *known)
}

/// The boxes of a track's sample table for `samples` samples.
pub(super) fn kept(track: &Track, samples: u32) -> Vec<RawBox> {
    let mut all = Vec::with_capacity(track.other_stbl.len());
    for raw in &track.other_stbl {
        if !speaks_of_samples(raw.kind) {
            all.push(raw.clone());
        } else if let Some(group) = constant(track, raw) {
            all.push(raw.clone());
            all.push(mapped(group, samples));
        }
    }
    all
}

/// The kinds of boxes of a track's sample table that are left out.
pub(crate) fn left_out(track: &Track) -> Vec<FourCc> {
    let constants: Vec<_> = track
        .other_stbl
        .iter()
        .filter_map(|raw| constant(track, raw))
        .map(|group| group.grouping)
        .collect();
    let is_kept = |raw: &RawBox| grouping(raw).is_some_and(|kind| constants.contains(&kind));
    let mut kinds = Vec::new();
    for raw in &track.other_stbl {
        if speaks_of_samples(raw.kind) && !is_kept(raw) && !kinds.contains(&raw.kind) {
            kinds.push(raw.kind);
        }
    }
    kinds
}

/// A group that all samples of the reference are of.
#[derive(Copy, Clone)]
struct Group {
    grouping: u32,
    index: u32,
}

/// `grouping_type` of `sgpd` and `sbgp`.
fn grouping(raw: &RawBox) -> Option<u32> {
    let has = raw.kind == b"sgpd" || raw.kind == b"sbgp";
    be_u32(&raw.bytes, GROUPING).filter(|_| has)
}

/// The group of a description (`sgpd`, §8.9.3) that all samples are of.
fn constant(track: &Track, description: &RawBox) -> Option<Group> {
    let kind = grouping(description).filter(|_| description.kind == b"sgpd")?;
    let of_codec = OF_CODEC
        .iter()
        .any(|known| kind == u32::from_be_bytes(**known));
    if !of_codec || !track.is_audio() {
        return None;
    }
    let mut maps = track.other_stbl.iter();
    let map = maps.find(|raw| raw.kind == b"sbgp" && grouping(raw) == Some(kind))?;
    // SampleToGroupBox (§8.9.2): version 1 has a parameter, which means another grouping.
    if map.bytes.get(8) != Some(&0) {
        return None;
    }
    let count = be_u32(&map.bytes, GROUPING + 4)?;
    let (records, _) = map.bytes.get(GROUPING + 8..)?.as_chunks::<8>();
    let runs = || records.iter().take(count as usize);
    let index = |record: &[u8; 8]| be_u32(record, 4);
    let first = runs().next().and_then(index)?;
    let samples = runs().filter_map(|run| be_u32(run, 0)).map(u64::from);
    // 0 is no group, nor is what no run speaks of; above 65536 they are of a fragment.
    let all = (1..=0xFFFF).contains(&first)
        && runs().all(|run| index(run) == Some(first))
        && samples.sum::<u64>() >= u64::from(track.samples.len());
    all.then_some(Group {
        grouping: kind,
        index: first,
    })
}

fn mapped(group: Group, samples: u32) -> RawBox {
    let mut w = BoxWriter::new();
    w.boxed(b"sbgp", |w| {
        w.u32(0).u32(group.grouping).u32(1);
        w.u32(samples).u32(group.index);
    });
    RawBox {
        kind: FourCc(*b"sbgp"),
        bytes: w.into_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(kind: &[u8; 4], fields: &[u32]) -> RawBox {
        let mut w = BoxWriter::new();
        w.boxed(kind, |w| {
            for field in fields {
                w.u32(*field);
            }
        });
        RawBox {
            kind: FourCc(*kind),
            bytes: w.into_bytes(),
        }
    }

    const ROLL: u32 = u32::from_be_bytes(*b"roll");
    const RAP: u32 = u32::from_be_bytes(*b"rap ");

    #[test]
    fn what_holds_for_all_samples_is_kept() {
        let description = raw(b"sgpd", &[1 << 24, ROLL, 2, 1, 0xFFFF_0000]);
        let rap = raw(b"sgpd", &[1 << 24, RAP, 1, 1, 0]);
        let mut track = Track {
            handler: FourCc(*b"soun"),
            other_stbl: vec![
                description.clone(),
                raw(b"sbgp", &[0, ROLL, 2, 700, 1, 68, 1]),
                rap,
                raw(b"sbgp", &[0, RAP, 1, 768, 1]),
                raw(b"sdtp", &[0]),
                raw(b"abcd", &[7]),
            ],
            ..Track::default()
        };
        let now = [
            description,
            raw(b"sbgp", &[0, ROLL, 1, 99, 1]),
            raw(b"abcd", &[7]),
        ];
        assert_eq!(kept(&track, 99), now);
        let out = |track: &Track| left_out(track).iter().map(|k| k.0).collect::<Vec<_>>();
        assert_eq!(out(&track), [*b"sgpd", *b"sbgp", *b"sdtp"]);
        // Some samples are of no group.
        track.other_stbl[1] = raw(b"sbgp", &[0, ROLL, 2, 700, 1, 68, 0]);
        assert_eq!(kept(&track, 99), [raw(b"abcd", &[7])]);
        // Or no run speaks of them.
        track.other_stbl[1] = raw(b"sbgp", &[0, ROLL, 1, 1, 1]);
        track.samples.start_chunk(0, 1);
        track.samples.push(1, 1024, 0, true).unwrap();
        assert_eq!(kept(&track, 99).len(), 3);
        track.samples.push(1, 1024, 0, true).unwrap();
        assert_eq!(kept(&track, 99), [raw(b"abcd", &[7])]);
        // Of pictures it is a matter of each.
        track.other_stbl[1] = raw(b"sbgp", &[0, ROLL, 1, 768, 1]);
        track.handler = FourCc(*b"vide");
        assert_eq!(kept(&track, 99), [raw(b"abcd", &[7])]);
    }
}
