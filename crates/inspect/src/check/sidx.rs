//! Fragments that an index of segments (`sidx`) names and that the file ends before.

use crate::{Finding, Inspection, Problem, Result, TimeRange};
use tapo_bmff::{BoxTree, be_u16, be_u32, be_u64, full_box, records};
use tapo_io::ByteSource;

/// What lies behind the end of the file.
struct Lacking {
    fragments: u32,
    start: u64,
    end: u64,
    timescale: u32,
}

pub(super) fn cut_off(
    source: &dyn ByteSource,
    tree: &BoxTree,
    inspection: &Inspection,
    found: &mut Vec<Finding>,
) -> Result<()> {
    let told = |f: &Finding| {
        matches!(
            f.problem,
            Problem::FragmentsMissing { .. } | Problem::FragmentsCutOut { .. }
        )
    };
    if found.iter().any(told) {
        return Ok(());
    }
    // One index of all segments stands in front of them, for each track one; or one in front of each segment.
    let fragments = &inspection.read.fragments;
    // Of a movie without any, all of them are gone.
    let first = fragments.first().map_or(u64::MAX, |f| f.moof.start);
    let last = fragments.last().map_or(u64::MAX, |f| f.moof.start);
    let lists = tree.roots().map(|(_, n)| n).filter(|n| n.kind == b"sidx");
    let lists = lists.filter(|n| n.span.start < first || n.span.start > last);
    let mut missing = None;
    for list in lists.filter(|n| n.span.len() <= tapo_bmff::limits::LOADED) {
        let payload = source.read_span(list.payload())?;
        let unclocked = full_box(&payload).and_then(|(_, _, rest)| be_u32(rest, 4)) == Some(0);
        if unclocked {
            found.push(Finding::new(Problem::NoTimescale).at(list.span));
        }
        let in_front = list.span.start < first;
        let ahead = in_front.then(|| ahead(&payload, inspection)).flatten();
        // So many bytes are missing; which, the first time tells.
        let lacking = ahead.or_else(|| lacking(&payload, list.span.end, inspection.read.size));
        missing = lacking.map(|l| (list, l)).or(missing);
    }
    let Some((list, lacking)) = missing else {
        return Ok(());
    };
    let fragments = lacking.fragments;
    let time = TimeRange {
        start: lacking.start,
        end: lacking.end,
        timescale: lacking.timescale,
    };
    found.push(
        Finding::new(Problem::FragmentsCutOut { fragments })
            .at(list.span)
            .during(time),
    );
    Ok(())
}

/// An index of segments (§8.16.3).
struct Index<'a> {
    track: u32,
    timescale: u32,
    /// When the first begins.
    time: u64,
    /// How far behind the index the first begins, bytes.
    offset: u64,
    records: &'a [u8],
    count: u16,
}

impl<'a> Index<'a> {
    fn read(payload: &'a [u8]) -> Option<Self> {
        let (version, _, rest) = full_box(payload)?;
        let (time, offset, table) = match version {
            0 => (be_u32(rest, 8)?.into(), be_u32(rest, 12)?.into(), 16),
            _ => (be_u64(rest, 8)?, be_u64(rest, 16)?, 24),
        };
        Some(Self {
            track: be_u32(rest, 0)?,
            timescale: be_u32(rest, 4).filter(|t| *t > 0)?,
            time,
            offset,
            count: be_u16(rest, table + 2)?,
            records: rest.get(table + 4..)?,
        })
    }

    /// Bytes and duration of each segment.
    fn segments(&self) -> impl Iterator<Item = (u64, u64)> {
        let all = records::<12>(self.records, self.count.into());
        all.map_while(|record| {
            // The highest bit says that it leads to another `sidx`.
            let bytes = be_u32(record, 0)? & 0x7fff_ffff;
            Some((bytes.into(), be_u32(record, 4)?.into()))
        })
    }
}

/// Segments that end by the time at which the first fragment starts: they stood in front of it.
fn ahead(payload: &[u8], inspection: &Inspection) -> Option<Lacking> {
    let index = Index::read(payload)?;
    let mut parts = inspection.read.fragments.iter().flat_map(|f| &f.tracks);
    let first = parts.find(|p| p.track_id == index.track)?;
    let mut tracks = inspection.tracks.iter();
    let timescale = tracks.find(|t| t.id == index.track)?.timescale;
    let start = first.base_media_decode_time?;
    let start = tapo_movie::rescale(start, timescale.max(1), index.timescale);
    let (mut end, mut fragments) = (index.time, 0);
    for (_, duration) in index.segments() {
        // Pictures are shown later than they are decoded.
        if end.saturating_add(duration) > start.saturating_add(duration / 4) {
            break;
        }
        fragments += 1;
        end = end.saturating_add(duration);
    }
    (fragments > 0).then_some(Lacking {
        fragments,
        start: index.time,
        end,
        timescale: index.timescale,
    })
}

/// Segments that begin at or behind `size`; `None` if there are none.
fn lacking(payload: &[u8], anchor: u64, size: u64) -> Option<Lacking> {
    let index = Index::read(payload)?;
    let (mut at, mut time) = (anchor.saturating_add(index.offset), index.time);
    let timescale = index.timescale;
    let (mut fragments, mut start) = (0, None);
    for (bytes, duration) in index.segments() {
        if at >= size {
            fragments += 1;
            start = start.or(Some(time));
        }
        at = at.saturating_add(bytes);
        time = time.saturating_add(duration);
    }
    Some(Lacking {
        fragments,
        start: start?,
        end: time,
        timescale,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_behind_the_end_are_counted() {
        for version in [0_u8, 1] {
            let mut sidx = vec![version, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 100];
            // The first time, the first offset.
            let wide = usize::from(version) * 4;
            sidx.extend([0; 4][..wide].iter().chain(&[0, 0, 0, 7]));
            sidx.extend([0; 4][..wide].iter().chain(&[0, 0, 0, 50]));
            sidx.extend([0, 0, 0, 3]);
            for _ in 0..3 {
                sidx.extend([0, 0, 1, 0, 0, 0, 0, 200, 0x90, 0, 0, 0]);
            }
            let lacking = |size| lacking(&sidx, 1000, size);
            assert!(lacking(1050 + 3 * 256).is_none());
            // A segment that is there in part is told as torn.
            assert!(lacking(1050 + 2 * 256 + 1).is_none());
            let two = lacking(1050 + 256).unwrap();
            assert_eq!((two.fragments, two.start, two.end), (2, 207, 607));
            assert_eq!(two.timescale, 100);
        }
    }
}
