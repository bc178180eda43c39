//! Fragments that the file should have, or has where nobody looks.

use super::spots::hull;
use crate::{Finding, Form, Inspection, Problem, Result, TimeRange};
use std::collections::HashSet;
use tapo_bmff::{BoxTree, be_u32, be_u64, full_box};
use tapo_io::{ByteSource, Span};
use tapo_movie::Fragment;

/// Sizes that are told one by one.
const SIZES: usize = 16;

/// Whole fragments that no box leads to, and the size that leads past them.
pub(super) fn hidden(inspection: &Inspection, found: &mut Vec<Finding>) {
    let hidden = inspection.hidden();
    let spans = hidden.iter().map(|f| {
        let parts = f.tracks.iter().map(|t| t.bytes);
        let bytes = parts.fold(0, u64::saturating_add).saturating_add(8);
        Span::new(f.moof.start, f.moof.end.saturating_add(bytes))
    });
    let Some(span) = spans.reduce(hull) else {
        return;
    };
    let fragments = u32::try_from(hidden.len()).unwrap_or(u32::MAX);
    let span = Span::new(span.start, span.end.min(inspection.read.size));
    let mut finding = Finding::new(Problem::FragmentsHidden { fragments }).at(span);
    let first = inspection.tracks.iter().find_map(|track| {
        let times = hidden_times(inspection, track.id);
        let start = times.clone().map(|(start, _)| start).min()?;
        let end = times.map(|(_, end)| end).max()?;
        let timescale = track.timescale;
        Some(TimeRange {
            start,
            end,
            timescale,
        })
    });
    finding.time = first;
    found.push(finding);
    if inspection.form != Form::Fragmented {
        // It is meant to cover fragments.
        return;
    }
    // They are in the order of the file, and so are the boxes.
    let top = &inspection.read.top;
    let mut last = None;
    let mut told_of = 0;
    for first in hidden {
        let place = top.partition_point(|b| b.span.end <= first.moof.start);
        let mdat = top
            .get(place)
            .filter(|b| b.kind == b"mdat" && b.span.contains(first.moof));
        let Some(mdat) = mdat.filter(|_| last != Some(place) && told_of < SIZES) else {
            continue;
        };
        last = Some(place);
        told_of += 1;
        let told = |f: &Finding| {
            let size = matches!(f.problem, Problem::SizeWrong { .. });
            size && f.span.is_some_and(|s| s.start == mdat.span.start)
        };
        if !found.iter().any(told) {
            let problem = Problem::SizeWrong {
                kind: mdat.kind,
                declared: mdat.span.len(),
                next: first.moof.start,
            };
            let header = Span::at(mdat.span.start, mdat.header_len);
            found.push(Finding::new(problem).at(header));
        }
    }
}

/// Start and end of what hidden fragments hold of a track, ticks.
pub(crate) fn hidden_times(
    inspection: &Inspection,
    track: u32,
) -> impl Iterator<Item = (u64, u64)> + Clone {
    let parts = inspection.hidden().iter().flat_map(|f| &f.tracks);
    parts.filter(move |p| p.track_id == track).filter_map(|p| {
        let start = p.base_media_decode_time?;
        Some((start, start.saturating_add(p.duration)))
    })
}

/// One entry of `tfra` (§8.8.10): presentation time, and where the `moof` is.
#[derive(Copy, Clone)]
struct Entry {
    time: u64,
    moof: u64,
}

/// More fragments in the list at the end of the file (`mfra`) than there are.
pub(super) fn cut_out(
    source: &dyn ByteSource,
    tree: &BoxTree,
    inspection: &Inspection,
    found: &mut Vec<Finding>,
) -> Result<()> {
    let gone = |f: &Finding| matches!(f.problem, Problem::FragmentsMissing { .. });
    if found.iter().any(gone) {
        return Ok(());
    }
    let Some((mfra, list)) = tree.roots().filter(|(_, n)| n.kind == b"mfra").last() else {
        return Ok(());
    };
    let fragments = &inspection.read.fragments;
    for (_, tfra) in tree.children(mfra).filter(|(_, n)| n.kind == b"tfra") {
        if tfra.span.len() > tapo_bmff::limits::LOADED {
            continue;
        }
        let payload = source.read_span(tfra.payload())?;
        let Some((track, mut entries)) = entries(&payload) else {
            continue;
        };
        // GStreamer ends the list of sound with an entry for no fragment.
        entries.retain(|e| e.moof > 0);
        entries.dedup_by_key(|e| e.moof);
        let listed: &HashSet<u64> = &entries.iter().map(|e| e.moof).collect();
        let own = || {
            let all = fragments.iter().chain(inspection.hidden());
            let holds = move |f: &&Fragment| f.tracks.iter().any(|t| t.track_id == track);
            all.filter(move |f| holds(f) || listed.contains(&f.moof.start))
        };
        let count = own().count();
        let Some(lacking) = entries.len().checked_sub(count).filter(|n| *n > 0) else {
            continue;
        };
        // Those in front of the cut begin and end where the list says.
        let ends = own().skip(1).map(|f| f.moof.start).chain([list.span.start]);
        let ends = ends.zip(entries.iter().skip(1).map(|e| e.moof));
        let stays = entries
            .iter()
            .zip(own())
            .zip(ends)
            .take_while(|((entry, fragment), (end, listed))| {
                entry.moof == fragment.moof.start && end == listed
            })
            .count();
        let at = match own().nth(stays) {
            Some(fragment) => fragment.moof,
            None => list.span,
        };
        let fragments = u32::try_from(lacking).unwrap_or(u32::MAX);
        let mut finding = Finding::new(Problem::FragmentsCutOut { fragments }).at(at);
        let timescale = inspection.tracks.iter().find(|t| t.id == track);
        if let (Some(first), Some(track)) = (entries.get(stays), timescale) {
            let behind = entries.get(stays + lacking);
            let time = TimeRange {
                start: first.time,
                end: behind.map_or(first.time, |e| e.time).max(first.time),
                timescale: track.timescale,
            };
            finding = finding.during(time);
        }
        found.push(finding.on(track));
        // That says the same, and less.
        found.retain(|f| stays > 0 || !matches!(f.problem, Problem::FragmentsBefore { .. }));
    }
    Ok(())
}

/// The track and the entries of a `tfra`.
fn entries(payload: &[u8]) -> Option<(u32, Vec<Entry>)> {
    let (version, _, rest) = full_box(payload)?;
    let track = be_u32(rest, 0)?;
    let lengths = be_u32(rest, 4)?;
    // Two bits each: how long three numbers are that nobody needs here.
    let numbers = [0, 2, 4].map(|bit| (lengths >> bit & 3) as usize + 1);
    let wide = version == 1;
    let record = if wide { 16 } else { 8 } + numbers.iter().sum::<usize>();
    let count = be_u32(rest, 8)? as usize;
    let table = rest.get(12..)?;
    let all = table.chunks_exact(record).take(count).map_while(|record| {
        Some(if wide {
            Entry {
                time: be_u64(record, 0)?,
                moof: be_u64(record, 8)?,
            }
        } else {
            Entry {
                time: be_u32(record, 0)?.into(),
                moof: be_u32(record, 4)?.into(),
            }
        })
    });
    Some((track, all.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_have_as_many_bytes_as_the_box_says() {
        let mut tfra = vec![0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0b00_01_10, 0, 0, 0, 2];
        for (time, moof) in [(7_u32, 900_u32), (9, 1800)] {
            tfra.extend(time.to_be_bytes());
            tfra.extend(moof.to_be_bytes());
            tfra.extend([1; 6]);
        }
        let (track, entries) = entries(&tfra).unwrap();
        let told: Vec<_> = entries.iter().map(|e| (e.time, e.moof)).collect();
        assert_eq!((track, told), (2, vec![(7, 900), (9, 1800)]));
    }
}
