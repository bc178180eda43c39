//! What tapo writes, read by another parser (`re_mp4`): the same tracks, and of each
//! sample the same place, size, times and sync flag.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a panic is how a test fails"
)]

mod common;

use common::{Folder, fragments_of};
use std::path::Path;

/// Place, size, decode time from the first sample on, composition offset from the
/// first sample's on, sync.
type Sample = (u64, u64, i128, i128, bool);

/// A track: id, timescale, samples.
type Track = (u32, u64, Vec<Sample>);

/// Times count from the first sample, since `re_mp4` moves them to where the first
/// picture is shown at 0.
fn counted(all: impl Iterator<Item = (u64, u64, i128, i128, bool)>) -> Vec<Sample> {
    let mut first = None;
    let samples = all.map(|(at, size, dts, pts, sync)| {
        let (start, offset) = *first.get_or_insert((dts, pts - dts));
        (at, size, dts - start, pts - dts - offset, sync)
    });
    samples.collect()
}

fn ours(path: &Path) -> Vec<Track> {
    let file = tapo_io::PreadFile::open(path).unwrap();
    let read = tapo_movie::read(&file).unwrap();
    assert!(read.defects.is_empty(), "{:?}", read.defects);
    let tracks = read.movie.unwrap().tracks;
    let track = |track: &tapo_movie::Track| {
        let samples = track.samples.iter().map(|s| {
            let (dts, pts) = (i128::from(s.dts), i128::from(s.pts()));
            (s.span.start, s.span.len(), dts, pts, s.sync)
        });
        let id = track.header.id;
        (id, u64::from(track.timescale), counted(samples))
    };
    tracks.iter().map(track).collect()
}

fn theirs(path: &Path) -> Vec<Track> {
    let (file, _) = re_mp4::Mp4::read_file(path).unwrap();
    let track = |track: &re_mp4::Track| {
        let samples = track.samples.iter().map(|s| {
            let (dts, pts) = (s.decode_timestamp, s.composition_timestamp);
            (s.offset, s.size, dts.into(), pts.into(), s.is_sync)
        });
        (track.track_id, track.timescale, counted(samples))
    };
    file.tracks().values().map(track).collect()
}

/// Compares a file, and returns its samples in all.
fn agree(folder: &Folder, name: &str) -> usize {
    let path = folder.path(name);
    let (ours, theirs) = (ours(&path), theirs(&path));
    let heads = |all: &[Track]| -> Vec<_> {
        let head = all.iter().map(|t| (t.0, t.1, t.2.len()));
        head.collect()
    };
    assert_eq!(heads(&ours), heads(&theirs), "{name}");
    assert!(ours == theirs, "{name}: samples differ");
    ours.iter().map(|t| t.2.len()).sum()
}

fn done(folder: &Folder, args: &[&str]) {
    let (code, out, err) = folder.run(args);
    assert_eq!(code, 0, "{args:?}: {out}{err}");
}

fn clip(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata");
    std::fs::read(folder.join(name)).unwrap()
}

#[test]
fn finalized_and_joined() {
    let folder = Folder::new();
    // The packet of AAC that the second file's edit list hides (priming) is left out of a join.
    let clips = [
        ("h264_bframes_aac.mp4", 131, 1),
        ("h265_open_gop.mp4", 80, 0),
    ];
    for (name, count, hidden) in clips {
        let clip = clip(name);
        folder.write("clip.mp4", &clip);
        assert_eq!(agree(&folder, "clip.mp4"), count, "{name}");
        folder.write("open.mp4", &fragments_of(&clip));
        // Not the same recording again.
        let mut other = fragments_of(&clip);
        let media = other.windows(4).position(|w| w == b"mdat").unwrap();
        other[media + 100] ^= 1;
        folder.write("tail.mp4", &other);
        done(&folder, &["finalize", "tail.mp4"]);
        assert_eq!(agree(&folder, "tail.mp4"), count, "{name}");
        let to = |out, more: &[&'static str]| {
            let args = [&["finalize", "open.mp4", "--force", "-o", out], more];
            done(&folder, &args.concat());
            assert_eq!(agree(&folder, out), count, "{name}: {out}");
        };
        to("new.mp4", &[]);
        to("first.mp4", &["--faststart"]);
        for more in [&[][..], &["--faststart"]] {
            let args = [
                "finalize", "open.mp4", "tail.mp4", "--force", "-o", "two.mp4",
            ];
            done(&folder, &[&args, more].concat());
            assert_eq!(agree(&folder, "two.mp4"), 2 * count - hidden, "{name}");
        }
        done(&folder, &["finalize", "tail.mp4", "--undo"]);
        assert!(std::fs::read(folder.path("tail.mp4")).unwrap() == other);
    }
}

#[test]
fn recorded_and_revealed() {
    let folder = Folder::new();
    let args = ["record", "--demo", "--duration", "2s", "-o", "demo.mp4"];
    done(&folder, &args);
    assert!(agree(&folder, "demo.mp4") > 60);
}

#[test]
fn repaired() {
    let folder = Folder::new();
    for (name, count) in [("h264_bframes_aac.mp4", 131), ("h265_open_gop.mp4", 80)] {
        let clip = clip(name);
        folder.write("clip.mp4", &clip);
        let moov = clip.windows(4).rposition(|w| w == b"moov").unwrap() - 4;
        folder.write("lost.mp4", &clip[..moov]);
        let args = ["repair", "--reference", "clip.mp4", "lost.mp4"];
        done(
            &folder,
            &[&args[..], &["--force", "-o", "new.mp4"]].concat(),
        );
        assert_eq!(agree(&folder, "new.mp4"), count, "{name}");
        done(&folder, &[&args[..], &["--in-place"]].concat());
        assert_eq!(agree(&folder, "lost.mp4"), count, "{name}");
    }
}
