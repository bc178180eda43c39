//! `tapo inspect --samples` says of every real file what ffprobe says.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    reason = "a panic is how a test fails"
)]

mod common;

use common::{corpus, run};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use tapo_bmff::{BoxTree, be_u32};

/// One sample or packet.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Packet {
    dts: i64,
    offset: i64,
    size: i64,
    pts: i64,
    key: bool,
}

/// Packets by track id. Edit lists and parsers are switched off: the samples of
/// a file are what its tables say, whatever is shown of them or found in them.
fn ffprobe(path: &Path) -> Option<BTreeMap<i64, Vec<Packet>>> {
    let args = "-v quiet -ignore_editlist 1 -fflags +noparse+nofillin -of json -show_entries \
        stream=index,id:packet=stream_index,pos,size,pts,dts,flags";
    let output = Command::new("ffprobe")
        .args(args.split_whitespace())
        .arg(path)
        .output();
    let output = output.expect("ffprobe is needed for this test");
    let found: Value = serde_json::from_slice(&output.stdout).ok()?;
    let number = |v: &Value| match v {
        Value::String(s) => s.parse().unwrap(),
        _ => v.as_i64().unwrap(),
    };
    let mut ids = BTreeMap::new();
    for stream in found["streams"].as_array()? {
        let id = stream["id"].as_str()?.trim_start_matches("0x");
        let id = i64::from_str_radix(id, 16).unwrap();
        // Cover pictures are streams of ffprobe, and no tracks.
        if id != 0 {
            ids.insert(number(&stream["index"]), id);
        }
    }
    let mut tracks: BTreeMap<_, Vec<Packet>> = ids.values().map(|id| (*id, Vec::new())).collect();
    for packet in found["packets"].as_array()? {
        let Some(id) = ids.get(&number(&packet["stream_index"])) else {
            continue;
        };
        let packet = Packet {
            dts: number(&packet["dts"]),
            offset: number(&packet["pos"]),
            size: number(&packet["size"]),
            pts: number(&packet["pts"]),
            key: packet["flags"].as_str().unwrap().starts_with('K'),
        };
        tracks.get_mut(id).unwrap().push(packet);
    }
    (!tracks.is_empty()).then_some(tracks)
}

fn tapo(path: &Path) -> BTreeMap<i64, Vec<Packet>> {
    let args = ["inspect", "--samples", "--json"].map(std::ffi::OsStr::new);
    let (_, out, _) = run(args.into_iter().chain([path.as_os_str()]));
    let mut tracks: BTreeMap<i64, Vec<Packet>> = BTreeMap::new();
    for line in out.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let Some(track) = line["track"].as_i64() else {
            continue;
        };
        let packets = tracks.entry(track).or_default();
        if line["sample"].is_u64() {
            let number = |name: &str| line[name].as_i64().unwrap();
            packets.push(Packet {
                dts: number("dts"),
                offset: number("offset"),
                size: number("size"),
                pts: number("pts"),
                key: line["sync"].as_bool().unwrap(),
            });
        }
    }
    tracks
}

/// Numbers of the partial sync samples of a track (`stps` of QuickTime: the
/// start of an open GOP, which is no sync sample).
fn partial_sync(file: &[u8], track: i64) -> Vec<u32> {
    let tree = BoxTree::read(&file).unwrap();
    let payload = |id| &file[tree.get(id).unwrap().payload().start as usize..];
    let numbers = tree
        .iter()
        .filter(|(_, n)| n.kind == b"trak")
        .filter_map(|(trak, _)| {
            let (tkhd, _) = tree.child(trak, b"tkhd")?;
            let (stps, _) = tree.descend(trak, &[b"mdia", b"minf", b"stbl", b"stps"])?;
            let at = if payload(tkhd)[0] == 1 { 20 } else { 12 };
            let here = be_u32(payload(tkhd), at).map(i64::from) == Some(track);
            let count = be_u32(payload(stps), 4)? as usize;
            here.then(|| (0..count).filter_map(move |i| be_u32(payload(stps), 8 + 4 * i)))
        });
    numbers.flatten().collect()
}

/// Brings samples to the form in which ffprobe shows packets, by four rules.
fn as_ffprobe_has_it(
    mut ours: Vec<Packet>,
    theirs: &[Packet],
    file: &[u8],
    track: i64,
) -> Vec<Packet> {
    let size = i64::try_from(file.len()).unwrap();
    // FFmpeg shows partial sync samples as keyframes.
    for number in partial_sync(file, track) {
        ours[number as usize - 1].key = true;
    }
    // Where composition offsets are negative, FFmpeg moves the decode times back
    // instead, so that no packet is shown before it is decoded. Of `ctts` it
    // does not look at the last two entries (`mov_read_ctts`). In fragments it
    // moves the composition times on.
    let offsets: Vec<i64> = ours.iter().map(|p| p.pts - p.dts).collect();
    let entries: Vec<_> = offsets.chunk_by(|a, b| a == b).map(|run| run[0]).collect();
    let in_fragments = BoxTree::read(&file)
        .unwrap()
        .roots()
        .any(|(_, n)| n.kind == b"moof");
    let ignored = if in_fragments { 0 } else { 2 };
    let looked_at = &entries[..entries.len().saturating_sub(ignored)];
    let shift = looked_at.iter().min().map_or(0, |o| *o.min(&0));
    for packet in &mut ours {
        if in_fragments {
            packet.pts -= shift;
        } else {
            packet.dts += shift;
        }
    }
    // Samples of one size (PCM, AMR): FFmpeg joins neighbours into packets.
    let first = ours.first().map_or(0, |p| p.size);
    if ours.iter().all(|p| p.size == first) {
        ours = joined(&ours, theirs);
    }
    // A sample of this track or of another reaches behind the end of the file:
    // FFmpeg shows what is there of the first of them, and stops.
    if ours.iter().any(|p| p.offset + p.size > size) {
        ours.truncate(theirs.len());
        ours.iter_mut()
            .for_each(|p| p.size = p.size.min(size - p.offset));
    }
    ours.sort();
    ours
}

/// Joins neighbours until they are as long as the packets of `theirs`.
fn joined(ours: &[Packet], theirs: &[Packet]) -> Vec<Packet> {
    let mut ours = ours.iter();
    let mut packets = Vec::new();
    while let Some(first) = ours.next() {
        let mut packet = first.clone();
        let want = theirs.get(packets.len()).map_or(0, |p| p.size);
        while packet.size < want
            && let Some(next) = ours.as_slice().first()
            && next.offset == packet.offset + packet.size
        {
            packet.size += next.size;
            ours.next();
        }
        packets.push(packet);
    }
    packets
}

#[test]
fn samples_are_those_of_ffprobe() {
    let Some(files) = corpus("media") else {
        return;
    };
    let (mut read, mut compared) = (0, 0);
    for path in &files {
        let Some(theirs) = ffprobe(path) else {
            println!("ffprobe does not read {}", path.display());
            continue;
        };
        let file = std::fs::read(path).unwrap();
        let mut ours = tapo(path);
        for (id, mut theirs) in theirs {
            theirs.sort();
            let ours = ours.remove(&id).unwrap_or_default();
            let ours = as_ffprobe_has_it(ours, &theirs, &file, id);
            let differs = ours.iter().zip(&theirs).find(|(a, b)| a != b);
            assert_eq!(differs, None, "{} track {id}", path.display());
            assert_eq!(ours.len(), theirs.len(), "{} track {id}", path.display());
            compared += theirs.len();
        }
        read += 1;
    }
    println!("{compared} packets of {read} files are the same");
    assert!(compared > 0);
}
