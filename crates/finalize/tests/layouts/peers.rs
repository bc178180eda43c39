//! The layouts against the programs themselves, where they are installed, and
//! what ffprobe reads of each.

use super::{CLIP, made, makers};
use crate::write::{Maker, Media};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Stdio};
use tapo_bmff::{BoxHeader, be_u32};
use tapo_finalize::{Options, finalize};

/// Whether a program is here; the test is skipped if not, unless
/// `TAPO_PEERS=require`.
fn has(tool: &str, version: &str) -> bool {
    let run = Command::new(tool)
        .arg(version)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if run.is_ok_and(|s| s.success()) {
        return true;
    }
    let required = std::env::var_os("TAPO_PEERS").is_some_and(|v| v == "require");
    assert!(!required, "{tool} not found, and TAPO_PEERS=require");
    eprintln!("skipped: {tool} not found");
    false
}

/// Packets of each stream: size, hash, keyframe, and times if they count.
fn packets(file: &Path, times: bool) -> BTreeMap<String, Vec<String>> {
    let run = Command::new("ffprobe")
        .args(["-v", "error", "-show_data_hash", "md5", "-show_entries"])
        .arg("packet=stream_index,pts,dts,size,flags,data_hash")
        .args(["-of", "compact=nk=0", "-i"])
        .arg(file)
        .output();
    let text = String::from_utf8(run.unwrap().stdout).unwrap();
    let mut streams: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in text.lines().filter(|l| l.starts_with("packet")) {
        let fields: BTreeMap<&str, &str> =
            line.split('|').filter_map(|f| f.split_once('=')).collect();
        let mut told = format!("{} {}", fields["size"], fields["data_hash"]);
        told += if fields["flags"].starts_with('K') {
            " key"
        } else {
            ""
        };
        if times {
            told += &format!(" {} {}", fields["dts"], fields["pts"]);
        }
        streams
            .entry(fields["stream_index"].to_owned())
            .or_default()
            .push(told);
    }
    streams.values_mut().for_each(|packets| packets.sort());
    streams
}

#[test]
fn ffprobe_reads_the_same_packets_before_and_after() {
    if !has("ffprobe", "-version") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    // Of a run without an offset FFmpeg takes the data from the start of the fragment.
    for maker in makers::ALL.iter().filter(|m| !m.implied) {
        let (path, _, _) = made(dir.path(), maker);
        // Of negative offsets ffprobe makes later times while the file is fragmented.
        let before = packets(&path, !maker.negative);
        assert_eq!(
            before.values().map(Vec::len).sum::<usize>(),
            131,
            "{}",
            maker.name
        );
        finalize(&path, &Options::default()).unwrap();
        let after = packets(&path, !maker.negative);
        for (stream, after) in &after {
            let differ: Vec<_> = before[stream]
                .iter()
                .zip(after)
                .filter(|(a, b)| a != b)
                .take(3)
                .collect();
            assert!(
                differ.is_empty(),
                "{}: stream {stream}: {differ:?}",
                maker.name
            );
        }
    }
}

/// Each kind of box that tells of samples, with its version and flags, and of the others the order at the
/// top level.
fn shape(bytes: &[u8]) -> (Vec<String>, BTreeSet<String>) {
    let (mut order, mut inner) = (Vec::new(), BTreeSet::new());
    walk(bytes, "", &mut |path, payload| {
        if !path.contains('/') && order.last().map(String::as_str) != Some(path) {
            order.push(path.to_owned());
        }
        if ["tfhd", "tfdt", "trun"].iter().any(|k| path.ends_with(k)) {
            inner.insert(format!("{path} {:08x}", be_u32(payload, 0).unwrap()));
        }
    });
    // Boxes about nothing, and how often fragments repeat.
    order.retain(|kind| !["uuid", "free", "udta"].contains(&kind.as_str()));
    let mut cut: Vec<String> = Vec::new();
    for kind in order {
        if cut.iter().filter(|k| **k == kind).count() < 2 || kind == "mfra" {
            cut.push(kind);
        }
    }
    (cut, inner)
}

fn walk(bytes: &[u8], path: &str, tell: &mut dyn FnMut(&str, &[u8])) {
    let mut at = 0;
    while let Some(header) = bytes
        .get(at..)
        .and_then(|rest| BoxHeader::read(at as u64, rest))
    {
        let end = header.declared_end(bytes.len() as u64).unwrap() as usize;
        let payload = &bytes[at + header.len() as usize..end];
        let own = match path {
            "" => header.kind.to_string(),
            above => format!("{above}/{}", header.kind),
        };
        tell(&own, payload);
        if header.kind == b"moof" || header.kind == b"traf" {
            walk(payload, &own, tell);
        }
        at = end;
    }
}

fn agrees(maker: &Maker, real: &Path) {
    let ours = shape(&maker.write(&Media::read(CLIP, maker.negative)));
    let theirs = shape(&std::fs::read(real).unwrap());
    assert_eq!(ours.0, theirs.0, "{}: order", maker.name);
    // They state per sample what differs, and so now and then more than we do.
    let usual: Vec<_> = ours.1.iter().filter(|b| theirs.1.contains(*b)).collect();
    let kinds = |all: &mut dyn Iterator<Item = &String>| -> BTreeSet<String> {
        all.map(|b| b.split(' ').next().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        kinds(&mut usual.into_iter()),
        kinds(&mut theirs.1.iter()),
        "{}: {:?} against {:?}",
        maker.name,
        ours.1,
        theirs.1
    );
}

fn maker(name: &str) -> &'static Maker {
    makers::ALL.iter().find(|m| m.name == name).unwrap()
}

#[test]
fn ffmpeg_writes_these_layouts() {
    if !has("ffmpeg", "-version") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (clip, out) = (dir.path().join("clip.mp4"), dir.path().join("real.mp4"));
    std::fs::write(&clip, CLIP).unwrap();
    for (name, flags) in [
        (
            "FFmpeg 5 to 8, frag_keyframe+empty_moov+default_base_moof",
            "frag_keyframe+empty_moov+default_base_moof",
        ),
        (
            "FFmpeg 5 to 8, frag_keyframe+empty_moov",
            "frag_keyframe+empty_moov",
        ),
        ("FFmpeg 5 to 8, frag_keyframe", "frag_keyframe"),
        ("FFmpeg, dash", "frag_keyframe+delay_moov+dash"),
    ] {
        let run = Command::new("ffmpeg")
            .args(["-v", "error", "-y", "-i"])
            .arg(&clip)
            .args(["-c", "copy", "-movflags", flags])
            .arg(&out)
            .status();
        assert!(run.unwrap().success());
        agrees(maker(name), &out);
    }
}

#[test]
fn gstreamer_writes_this_layout() {
    if !has("gst-launch-1.0", "--version") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (clip, out) = (dir.path().join("clip.mp4"), dir.path().join("real.mp4"));
    std::fs::write(&clip, CLIP).unwrap();
    let pipeline = format!(
        "-q filesrc location={} ! qtdemux name=d mp4mux name=m fragment-duration=1000 \
         ! filesink location={} d.video_0 ! queue ! h264parse ! m. d.audio_0 ! queue ! aacparse ! m.",
        clip.display(),
        out.display()
    );
    let run = Command::new("gst-launch-1.0")
        .args(pipeline.split_whitespace())
        .status();
    assert!(run.unwrap().success());
    agrees(maker("GStreamer, fragment-duration"), &out);
}
