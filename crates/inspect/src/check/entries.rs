//! Tables one by one: do their counts fit their boxes, do chunk runs make sense.
//!
//! What is read of a table forgives a lot; this looks at the bytes again.

use super::spots::TrackSpots;
use crate::{Finding, Problem, Result};
use tapo_bmff::{BoxNode, be_u32, full_box, records};
use tapo_io::ByteSource;
use tapo_movie::Track;

/// Bytes of a table that are read again: 64 MiB, as of any table.
const MOST: u64 = tapo_bmff::limits::LOADED;

pub(super) fn check(
    source: &dyn ByteSource,
    spots: &TrackSpots,
    track: &Track,
    found: &mut Vec<Finding>,
) -> Result<()> {
    let about = |problem, node: &BoxNode| {
        let finding = Finding::new(problem).on(track.header.id);
        finding.at(node.span)
    };
    let load = |node: Option<&BoxNode>| -> Result<Vec<u8>> {
        let payload = node.map(BoxNode::payload).filter(|p| p.len() <= MOST);
        Ok(payload.map_or(Ok(Vec::new()), |p| source.read_span(p))?)
    };
    for kind in TABLES {
        let Some(node) = spots.node(kind) else {
            continue;
        };
        let head = source.read_span(tapo_io::Span::at(node.payload().start, 20))?;
        let Some(problem) = room(kind, &head, node.payload().len()) else {
            continue;
        };
        found.push(about(problem, node));
    }
    let (stsc, offsets) = (
        spots.node(b"stsc"),
        spots.node(b"stco").or(spots.node(b"co64")),
    );
    let (Some(stsc), Some(offsets)) = (stsc, offsets) else {
        return Ok(());
    };
    let bytes = load(Some(stsc))?;
    let declared = be_u32(&bytes, 4).unwrap_or(0);
    let width = if offsets.kind == b"stco" { 4 } else { 8 };
    let head = source.read_span(tapo_io::Span::at(offsets.payload().start, 8))?;
    let room = offsets.payload().len().saturating_sub(8) / width;
    let chunks = u64::from(be_u32(&head, 4).unwrap_or(0)).min(room);
    let runs = records::<12>(bytes.get(8..).unwrap_or_default(), declared);
    let samples = u64::from(track.samples.len());
    match sum(runs, chunks) {
        Err(why) => found.push(about(Problem::ChunkRuns { why }, stsc)),
        Ok(held) if held != samples && samples > 0 => {
            let tables = spots.layout();
            let problem = Problem::ChunksDisagree { held, samples };
            let finding = Finding::new(problem).on(track.header.id);
            found.push(finding.at(tables));
        }
        Ok(_) => {}
    }
    let mut places = track.samples.chunks.iter().map(|c| c.offset);
    let mut last = places.next().unwrap_or(0);
    let back = places.filter(|at| {
        let back = *at < last;
        last = *at;
        back
    });
    let back = back.count();
    if back > 0 {
        found.push(about(
            Problem::ChunksUnordered {
                chunks: back as u64,
            },
            offsets,
        ));
    }
    Ok(())
}

/// Tables of entries of one length behind a count.
const TABLES: [&[u8; 4]; 8] = [
    b"stts", b"ctts", b"stss", b"stsc", b"stsz", b"stco", b"co64", b"elst",
];

/// A count that leaves room behind the last entry, or a version or flags that
/// the table does not have.
fn room(kind: &[u8; 4], head: &[u8], payload: u64) -> Option<Problem> {
    let (version, flags, rest) = full_box(head)?;
    let highest = u8::from(matches!(kind, b"ctts" | b"elst"));
    let kind_ = tapo_bmff::FourCc(*kind);
    if version > highest || flags != 0 {
        return Some(Problem::VersionUnknown {
            kind: kind_,
            version,
            flags,
        });
    }
    let (record, fixed) = match (kind, version) {
        (b"stts" | b"ctts" | b"co64", _) => (8, 8),
        (b"stss" | b"stco", _) => (4, 8),
        (b"stsc", _) | (b"elst", 0) => (12, 8),
        (b"elst", _) => (20, 8),
        (b"stsz", _) if be_u32(rest, 0)? != 0 => (0, 12),
        (b"stsz", _) => (4, 12),
        _ => return None,
    };
    let count = be_u32(rest, fixed - 8)?;
    let wanted = record * u64::from(count) + fixed as u64;
    (wanted < payload).then(|| Problem::TableRoom {
        kind: kind_,
        entries: count,
        spare: payload - wanted,
    })
}

/// Samples in `chunks` chunks, by runs of `stsc` (§8.7.4).
fn sum<'a>(
    runs: impl Iterator<Item = &'a [u8; 12]>,
    chunks: u64,
) -> std::result::Result<u64, &'static str> {
    let mut held = 0_u64;
    let mut open: Option<(u32, u32)> = None;
    for run in runs {
        let (Some(first), Some(samples)) = (be_u32(run, 0), be_u32(run, 4)) else {
            break;
        };
        match open {
            None if first != 1 => return Err("the first run does not begin with chunk 1"),
            Some((before, _)) if first <= before => return Err("chunk numbers do not ascend"),
            Some((before, each)) => held += u64::from(first - before) * u64::from(each),
            None => {}
        }
        if u64::from(first) > chunks {
            return Err("a run begins behind the last chunk");
        }
        if samples == 0 {
            return Err("chunks without samples");
        }
        open = Some((first, samples));
    }
    let Some((first, each)) = open else {
        return Ok(0);
    };
    Ok(held + (chunks + 1 - u64::from(first)) * u64::from(each))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_chunks_are_summed_or_refused() {
        let run = |first: u32, each: u32| {
            let mut r = [0; 12];
            r[..4].copy_from_slice(&first.to_be_bytes());
            r[4..8].copy_from_slice(&each.to_be_bytes());
            r
        };
        let sum = |runs: &[[u8; 12]], chunks| sum(runs.iter(), chunks);
        assert_eq!(sum(&[run(1, 2), run(3, 5)], 4), Ok(14));
        assert_eq!(sum(&[], 4), Ok(0));
        for bad in [
            [run(0, 2), run(3, 5)],
            [run(1, 2), run(1, 5)],
            [run(1, 2), run(5, 5)],
            [run(1, 0), run(2, 5)],
        ] {
            assert!(sum(&bad, 4).is_err());
        }
    }

    #[test]
    fn spare_bytes_behind_a_table_are_seen() {
        let mut stts = vec![0; 8];
        stts[7] = 2;
        assert_eq!(room(b"stts", &stts, 24), None);
        assert!(room(b"stts", &stts, 32).is_some());
        stts[3] = 1;
        assert!(room(b"stts", &stts, 24).is_some());
        let stsz = [0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 4];
        assert_eq!(room(b"stsz", &stsz, 12), None);
    }
}
