//! Reading a `trak` box.

use crate::loader::{Loader, Times, matrix};
use crate::{
    Chunk, Edit, MovieHeader, Result, SampleDescription, SampleTable, Sizes, SyncSamples, Track,
    TrackHeader,
};
use tapo_bmff::{
    BoxNode, BoxTree, Flaw, FourCc, NodeId, be_u16, be_u32, be_u64, full_box, records,
};

/// Reads the track below the `trak` box `id`.
pub(crate) fn read(loader: &mut Loader<'_>, tree: &BoxTree, id: NodeId) -> Result<Track> {
    let mut track = Track::default();
    for (child, node) in tree.children(id) {
        match &node.kind.0 {
            b"tkhd" => {
                let payload = loader.node(node)?;
                match header(&payload) {
                    Some(header) => track.header = header,
                    None => loader.bad(node.kind, node.span, TOO_SHORT),
                }
            }
            b"edts" => track.edits = edits(loader, tree, child)?,
            b"mdia" => media(loader, tree, child, &mut track)?,
            _ => track.other.extend(loader.raw(node)?),
        }
    }
    Ok(track)
}

const TOO_SHORT: &str = "too short for its fields";

fn header(payload: &[u8]) -> Option<TrackHeader> {
    let (_, flags, _) = full_box(payload)?;
    let (times, rest) = Times::read(payload, 4)?;
    Some(TrackHeader {
        id: times.timescale,
        flags,
        creation_time: times.creation,
        modification_time: times.modification,
        declared_duration: times.duration,
        layer: be_u16(rest, 8)?,
        alternate_group: be_u16(rest, 10)?,
        volume: be_u16(rest, 12)?,
        matrix: matrix(rest, 16).unwrap_or(MovieHeader::UNITY),
        width: be_u32(rest, 52).unwrap_or(0),
        height: be_u32(rest, 56).unwrap_or(0),
    })
}

fn edits(loader: &mut Loader<'_>, tree: &BoxTree, edts: NodeId) -> Result<Vec<Edit>> {
    let Some((_, node)) = tree.child(edts, b"elst") else {
        return Ok(Vec::new());
    };
    let payload = loader.node(node)?;
    let Some((version, _, rest)) = full_box(&payload) else {
        loader.bad(node.kind, node.span, TOO_SHORT);
        return Ok(Vec::new());
    };
    let mut declared = be_u32(rest, 0).unwrap_or(0);
    let table = rest.get(4..).unwrap_or_default();
    if declared == 0 && table.len() >= 12 {
        // The size of the box says that there is one.
        loader.bad(node.kind, node.span, "no edits, and room for some");
        declared = 1;
    }
    let edit = |duration, media_time: i64, rate| Edit {
        duration,
        media_time: u64::try_from(media_time).ok(),
        rate,
    };
    let edits: Vec<Edit> = if version == 1 {
        let wide = |r: &[u8; 20]| {
            let media_time = be_u64(r, 8)?.cast_signed();
            Some(edit(be_u64(r, 0)?, media_time, be_u32(r, 16)?))
        };
        records::<20>(table, declared).filter_map(wide).collect()
    } else {
        let narrow = |r: &[u8; 12]| {
            let media_time = i64::from(be_u32(r, 4)?.cast_signed());
            Some(edit(u64::from(be_u32(r, 0)?), media_time, be_u32(r, 8)?))
        };
        records::<12>(table, declared).filter_map(narrow).collect()
    };
    complete(loader, node, declared, edits.len());
    Ok(edits)
}

/// Notes a table that is shorter than it says.
fn complete(loader: &mut Loader<'_>, node: &BoxNode, declared: u32, got: usize) {
    let room = u32::try_from(got).unwrap_or(u32::MAX);
    if declared > room {
        loader.flaw(
            node.span,
            Flaw::TableShort {
                kind: node.kind,
                entries: declared,
                room,
            },
        );
    }
}

fn media(loader: &mut Loader<'_>, tree: &BoxTree, mdia: NodeId, track: &mut Track) -> Result<()> {
    // The handler tells how sample entries of unknown types are laid out.
    if let Some((_, node)) = tree.child(mdia, b"hdlr") {
        track.handler_box = loader.node(node)?;
        let handler = be_u32(&track.handler_box, 8);
        track.handler = FourCc(handler.unwrap_or_default().to_be_bytes());
    }
    for (id, node) in tree.children(mdia) {
        match &node.kind.0 {
            b"hdlr" => {}
            b"mdhd" => {
                let payload = loader.node(node)?;
                let Some((times, rest)) = Times::read(&payload, 0) else {
                    loader.bad(node.kind, node.span, TOO_SHORT);
                    continue;
                };
                track.timescale = times.timescale;
                track.media_creation_time = times.creation;
                track.media_modification_time = times.modification;
                track.declared_media_duration = times.duration;
                track.language = be_u16(rest, 0).unwrap_or_default();
                track.quality = be_u16(rest, 2).unwrap_or_default();
            }
            b"minf" => information(loader, tree, id, track)?,
            _ => track.other_mdia.extend(loader.raw(node)?),
        }
    }
    Ok(())
}

fn information(
    loader: &mut Loader<'_>,
    tree: &BoxTree,
    minf: NodeId,
    track: &mut Track,
) -> Result<()> {
    for (id, node) in tree.children(minf) {
        match &node.kind.0 {
            b"vmhd" | b"smhd" | b"hmhd" | b"sthd" | b"nmhd" | b"gmhd"
                if track.media_header.is_none() =>
            {
                track.media_header = loader.raw(node)?;
            }
            b"dinf" if track.data_information.is_none() => {
                track.data_information = loader.raw(node)?;
            }
            b"stbl" => table(loader, tree, id, track)?,
            _ => track.other_minf.extend(loader.raw(node)?),
        }
    }
    Ok(())
}

fn table(loader: &mut Loader<'_>, tree: &BoxTree, stbl: NodeId, track: &mut Track) -> Result<()> {
    let mut tables = Tables::default();
    for (id, node) in tree.children(stbl) {
        if node.kind == b"stsd" {
            descriptions(loader, tree, id, track)?;
            continue;
        }
        if !is_table(node.kind) {
            track.other_stbl.extend(loader.raw(node)?);
            continue;
        }
        let payload = loader.node(node)?;
        let Some((_, _, rest)) = full_box(&payload) else {
            loader.bad(node.kind, node.span, TOO_SHORT);
            continue;
        };
        let (declared, got) = tables.take(node.kind, rest);
        complete(loader, node, declared, got);
        if let SyncSamples::Listed(numbers) = &mut tables.samples.sync
            && !numbers.is_sorted()
        {
            loader.bad(node.kind, node.span, "sample numbers do not ascend");
            numbers.sort_unstable();
        }
    }
    track.samples = tables.into_samples();
    let samples = u64::from(track.samples.len());
    let placed = track.samples.chunks.iter().map(|c| u64::from(c.samples));
    if placed.sum::<u64>() < samples
        && let Some((_, node)) = tree.child(stbl, b"stsc")
    {
        let why = "chunks hold fewer samples than have sizes";
        loader.bad(node.kind, node.span, why);
    }
    Ok(())
}

fn descriptions(
    loader: &mut Loader<'_>,
    tree: &BoxTree,
    stsd: NodeId,
    track: &mut Track,
) -> Result<()> {
    for (_, entry) in tree.children(stsd) {
        let raw = loader.payload(entry.kind, entry.span)?;
        match SampleDescription::parse(raw, track.handler) {
            Some(description) => track.descriptions.push(description),
            None => loader.bad(entry.kind, entry.span, TOO_SHORT),
        }
    }
    Ok(())
}

fn is_table(kind: FourCc) -> bool {
    matches!(
        &kind.0,
        b"stts" | b"ctts" | b"stss" | b"stsc" | b"stsz" | b"stz2" | b"stco" | b"co64"
    )
}

/// The tables of an `stbl`, before they are put together.
#[derive(Default)]
struct Tables {
    samples: SampleTable,
    offsets: Vec<u64>,
    per_chunk: Vec<(u32, u32, u32)>,
}

impl Tables {
    /// Takes one table, version and flags gone: how many entries it declares,
    /// and how many there are.
    fn take(&mut self, kind: FourCc, rest: &[u8]) -> (u32, usize) {
        let samples = &mut self.samples;
        let declared = be_u32(rest, 0).unwrap_or(0);
        let entries = rest.get(4..).unwrap_or_default();
        let got = match &kind.0 {
            b"stts" => {
                let runs = records::<8>(entries, declared);
                let got = runs.len();
                samples.durations = runs.filter_map(pair).collect();
                got
            }
            b"ctts" => {
                // Writers put negative offsets into version 0 as well.
                let signed = |r| pair(r).map(|(n, v)| (n, v.cast_signed()));
                let runs = records::<8>(entries, declared);
                let got = runs.len();
                samples.composition_offsets = runs.filter_map(signed).collect();
                got
            }
            b"stss" => {
                let numbers = records::<4>(entries, declared);
                let numbers: Vec<u32> = numbers.map(|n| u32::from_be_bytes(*n)).collect();
                let got = numbers.len();
                samples.sync = SyncSamples::Listed(numbers);
                got
            }
            b"stsc" => {
                let runs = records::<12>(entries, declared);
                self.per_chunk = runs.filter_map(triple).collect();
                self.per_chunk.len()
            }
            b"stco" => {
                let all = records::<4>(entries, declared);
                self.offsets = all.map(|o| u64::from(u32::from_be_bytes(*o))).collect();
                self.offsets.len()
            }
            b"co64" => {
                let all = records::<8>(entries, declared);
                self.offsets = all.map(|o| u64::from_be_bytes(*o)).collect();
                self.offsets.len()
            }
            _ => {
                let (declared, sizes) = sizes(kind, rest);
                samples.sizes = sizes;
                return (declared, samples.sizes.len() as usize);
            }
        };
        (declared, got)
    }

    fn into_samples(self) -> SampleTable {
        let mut samples = self.samples;
        (samples.chunks, samples.unused) = chunks(&self.offsets, &self.per_chunk, samples.len());
        samples
    }
}

fn pair(record: &[u8; 8]) -> Option<(u32, u32)> {
    Some((be_u32(record, 0)?, be_u32(record, 4)?))
}

fn triple(record: &[u8; 12]) -> Option<(u32, u32, u32)> {
    Some((be_u32(record, 0)?, be_u32(record, 4)?, be_u32(record, 8)?))
}

/// Sizes of `stsz` (§8.7.3.2), or of `stz2` (§8.7.3.3) with 4, 8 or 16 bits
/// each, and how many the box declares.
fn sizes(kind: FourCc, rest: &[u8]) -> (u32, Sizes) {
    let first = be_u32(rest, 0).unwrap_or(0);
    let declared = be_u32(rest, 4).unwrap_or(0);
    let table = rest.get(8..).unwrap_or_default();
    let each: Vec<u32> = if kind == b"stsz" {
        if first != 0 {
            let (size, count) = (first, declared);
            return (declared, Sizes::Constant { size, count });
        }
        let all = records::<4>(table, declared);
        all.map(|s| u32::from_be_bytes(*s)).collect()
    } else {
        let count = usize::try_from(declared).unwrap_or(usize::MAX);
        match first & 0xff {
            4 => {
                let halves = table.iter().flat_map(|b| [b >> 4, b & 15]);
                halves.take(count).map(u32::from).collect()
            }
            8 => table.iter().take(count).map(|b| u32::from(*b)).collect(),
            16 => {
                let all = records::<2>(table, declared);
                all.map(|s| u32::from(u16::from_be_bytes(*s))).collect()
            }
            _ => Vec::new(),
        }
    };
    (declared, Sizes::Each(each))
}

/// Puts `stco` and `stsc` (first chunk, samples per chunk, description)
/// together, for no more samples than have a size; and those behind them.
fn chunks(
    offsets: &[u64],
    per_chunk: &[(u32, u32, u32)],
    samples: u32,
) -> (Vec<Chunk>, Vec<Chunk>) {
    let mut chunks = Vec::with_capacity(offsets.len());
    let mut unused = Vec::new();
    let (mut left, mut run) = (samples, 0);
    for (i, offset) in offsets.iter().enumerate() {
        let number = u32::try_from(i).unwrap_or(u32::MAX).saturating_add(1);
        while per_chunk.get(run + 1).is_some_and(|next| next.0 <= number) {
            run += 1;
        }
        let Some((first, count, description)) = per_chunk.get(run).copied() else {
            break;
        };
        if first > number {
            break;
        }
        let of = |samples| Chunk {
            offset: *offset,
            samples,
            description,
        };
        if left == 0 {
            unused.push(of(count));
            continue;
        }
        let samples = count.min(left);
        left -= samples;
        chunks.push(of(samples));
    }
    (chunks, unused)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tapo_bmff::{BoxWriter, leaf};

    #[test]
    fn chunk_runs_expand_up_to_the_sizes() {
        let runs = [(1, 2, 1), (3, 5, 2)];
        let (got, unused) = chunks(&[10, 20, 30, 40, 50], &runs, 11);
        let counts: Vec<_> = got.iter().map(|c| (c.samples, c.description)).collect();
        assert_eq!(counts, [(2, 1), (2, 1), (5, 2), (2, 2)]);
        let rest = unused.iter().map(|c| (c.offset, c.samples));
        assert_eq!(rest.collect::<Vec<_>>(), [(50, 5)]);
        assert!(chunks(&[10], &[(2, 9, 1)], 11).0.is_empty());
    }

    #[test]
    fn compact_sizes_have_4_8_or_16_bits() {
        let stz2 = FourCc(*b"stz2");
        let table = |bits: u32, bytes: &[u8]| {
            let mut w = BoxWriter::new();
            w.u32(bits).u32(3).raw(bytes);
            sizes(stz2, &w.into_bytes()).1
        };
        assert_eq!(table(4, &[0x12, 0x3f]), Sizes::Each(vec![1, 2, 3]));
        assert_eq!(table(8, &[9, 8, 7]), Sizes::Each(vec![9, 8, 7]));
        assert_eq!(table(16, &[1, 0, 0, 2]), Sizes::Each(vec![256, 2]));
    }

    #[test]
    fn track_headers_of_both_versions_agree_with_mp4_atom() {
        for version in [0, 1] {
            let mut w = BoxWriter::new();
            w.u8(version).raw(&[0, 0, 7]);
            for value in [11_u32, 12] {
                if version == 1 {
                    w.u32(0);
                }
                w.u32(value);
            }
            w.u32(5).u32(0);
            if version == 1 {
                w.u32(0);
            }
            w.u32(900).zeros(8).u16(0).u16(1).u16(0x100).u16(0);
            for value in MovieHeader::UNITY {
                w.u32(value.cast_unsigned());
            }
            w.u32(640 << 16).u32(360 << 16);
            let bytes = w.into_bytes();
            let ours = header(&bytes).unwrap();
            let theirs: leaf::Tkhd = leaf::decode(&bytes).unwrap();
            assert_eq!(ours.id, theirs.track_id);
            assert_eq!(ours.declared_duration, theirs.duration);
            assert_eq!(ours.modification_time, theirs.modification_time);
            assert_eq!(ours.alternate_group, theirs.alternate_group);
            assert_eq!(ours.width >> 16, u32::from(theirs.width.integer()));
            assert_eq!(ours.matrix[8], theirs.matrix.w);
        }
    }
}
