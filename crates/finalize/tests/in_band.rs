//! A recording whose encoder was set up anew on the way: two clips of different
//! settings in one fragmented file, the second's parameter sets in its samples.
#![expect(
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a panic is how a test fails, and its files are small"
)]

use std::path::{Path, PathBuf};
use std::process::Command;
use tapo_bmff::{BoxWriter, FourCc};
use tapo_codec::h264::AvcConfig;
use tapo_finalize::join::{Join, join};
use tapo_finalize::{How, Options, check, finalize, layout, undo};
use tapo_io::{ByteSource, PreadFile};
use tapo_movie::{
    FragmentDefaults, Movie, RawBox, Run, RunSample, SampleDescription, SegmentStamp, Track,
    encode_init, encode_moof,
};

/// Pictures of a group, in both clips.
const GROUP: usize = 30;

/// The first group of pictures of a clip.
struct Clip {
    entry: SampleDescription,
    pictures: Vec<Vec<u8>>,
}

impl Clip {
    fn of(name: &str) -> Self {
        let path = Path::new("../../testdata").join(name);
        let source = PreadFile::open(&path).unwrap();
        let movie = tapo_movie::read(&source).unwrap().movie.unwrap();
        let track = movie.tracks.iter().find(|t| t.is_video()).unwrap();
        let pictures = track.samples.iter().take(GROUP);
        Self {
            entry: track.descriptions[0].clone(),
            pictures: pictures
                .map(|s| source.read_span(s.span).unwrap())
                .collect(),
        }
    }

    /// The parameter sets, as they stand in a sample.
    fn sets(&self) -> Vec<u8> {
        let config = AvcConfig::parse(self.entry.child(b"avcC").unwrap()).unwrap();
        let mut bytes = Vec::new();
        for set in config.sps.iter().chain(&config.pps) {
            bytes.extend((set.len() as u32).to_be_bytes());
            bytes.extend_from_slice(set);
        }
        bytes
    }

    fn fragment(&self, number: u32, with_sets: bool) -> Vec<u8> {
        let mut pictures = self.pictures.clone();
        if with_sets {
            pictures[0].splice(0..0, self.sets());
        }
        let sample = |(n, picture): (usize, &Vec<u8>)| RunSample {
            size: picture.len() as u32,
            duration: 1,
            composition_offset: 0,
            sync: n == 0,
        };
        let samples: Vec<_> = pictures.iter().enumerate().map(sample).collect();
        let run = Run {
            track_id: 1,
            base_media_decode_time: u64::from(number) * GROUP as u64,
            description: 1,
            samples: &samples,
        };
        let mut bytes = encode_moof(number + 1, &[run]);
        let media = pictures.concat();
        bytes.extend(BoxWriter::header(b"mdat", media.len() as u64, false));
        bytes.extend(media);
        bytes
    }
}

/// One, the other, the other without saying so again, the one again; a segment of
/// ours if it has a reserve.
fn recording(kind: &[u8; 4], reserve: Option<u64>) -> Vec<u8> {
    let (one, other) = (Clip::of("demo.mp4"), Clip::of("h264_other_size.mp4"));
    let mut entry = one.entry.entry.raw().to_vec();
    entry[4..8].copy_from_slice(kind);
    let mut track = Track {
        handler: FourCc(*b"vide"),
        timescale: 15,
        descriptions: vec![SampleDescription::parse(entry, FourCc(*b"vide")).unwrap()],
        defaults: Some(FragmentDefaults::default()),
        ..Track::default()
    };
    (track.header.width, track.header.height) = (640 << 16, 360 << 16);
    let mut movie = Movie {
        tracks: vec![track],
        ..Movie::default()
    };
    let mut file = match reserve {
        Some(reserve) => {
            let mut udta = BoxWriter::new();
            udta.boxed(b"udta", |w| {
                w.uuid(&layout::SEGMENT, |w| {
                    w.raw(&SegmentStamp::default().encode());
                });
            });
            let (kind, bytes) = (FourCc(*b"udta"), udta.into_bytes());
            movie.other.push(RawBox { kind, bytes });
            layout::segment_head(b"avc1", reserve)
        }
        None => b"\0\0\0\x18ftypisom\0\0\x02\0isomiso6".to_vec(),
    };
    file.extend(encode_init(&movie));
    file.extend(one.fragment(0, true));
    file.extend(other.fragment(1, true));
    file.extend(other.fragment(2, false));
    file.extend(one.fragment(3, true));
    file
}

fn written(dir: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

fn track(path: &Path) -> Track {
    let read = tapo_movie::read(&PreadFile::open(path).unwrap()).unwrap();
    assert_eq!(read.defects, []);
    read.movie.unwrap().tracks.remove(0)
}

/// Each entry by the size it says, and by which entry how many samples go.
type Entries = (Vec<(u16, u16)>, Vec<(u32, usize)>);

fn entries(path: &Path) -> Entries {
    let track = track(path);
    let mut runs: Vec<(u32, usize)> = Vec::new();
    for sample in &track.samples {
        match runs.last_mut() {
            Some((description, count)) if *description == sample.description => *count += 1,
            _ => runs.push((sample.description, 1)),
        }
    }
    (
        track
            .descriptions
            .iter()
            .map(|d| d.size().unwrap())
            .collect(),
        runs,
    )
}

fn changed() -> Entries {
    let runs = vec![(1, GROUP), (2, 2 * GROUP), (1, GROUP)];
    (vec![(640, 360), (480, 270)], runs)
}

#[test]
fn other_settings_become_a_further_entry_by_every_way() {
    let dir = tempfile::tempdir().unwrap();
    let other = Clip::of("h264_other_size.mp4");
    for (reserve, how) in [
        (Some(4064), How::Reveal),
        (Some(1024 - 32), How::Tail),
        (None, How::Tail),
    ] {
        let bytes = recording(b"avc1", reserve);
        let path = written(dir.path(), "a.mp4", &bytes);
        let would = check(&path).unwrap();
        let done = finalize(&path, &Options::default()).unwrap();
        assert_eq!((done.how, would.moov_len), (how, done.moov_len));
        assert_eq!(entries(&path), changed());
        let sets = |d: &SampleDescription| {
            let config = AvcConfig::parse(d.child(b"avcC").unwrap()).unwrap();
            [config.sps, config.pps]
                .concat()
                .iter()
                .map(|s| s.to_vec())
                .collect::<Vec<_>>()
        };
        assert_eq!(sets(&track(&path).descriptions[1]), sets(&other.entry));
        undo(&path).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), bytes);

        let out = dir.path().join("b.mp4");
        let copy = Options {
            output: Some(out.clone()),
            replace: true,
        };
        finalize(&path, &copy).unwrap();
        assert_eq!(entries(&out), changed());
        let joined = dir.path().join("c.mp4");
        let options = Join {
            replace: true,
            ..Join::default()
        };
        let done = join(&[path], &joined, &options, &|_, _| true).unwrap();
        assert_eq!(done.entries.iter().map(|(_, n)| n).sum::<usize>(), 2);
        assert_eq!(entries(&joined), changed());
    }
}

#[test]
fn an_entry_that_leaves_the_sets_to_the_samples_stays_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = written(dir.path(), "a.mp4", &recording(b"avc3", None));
    finalize(&path, &Options::default()).unwrap();
    assert_eq!(entries(&path), (vec![(640, 360)], vec![(1, 4 * GROUP)]));
}

/// Whether FFmpeg is here; the test is skipped if not, unless `TAPO_PEERS=require`.
fn has_ffmpeg() -> bool {
    let has = |tool: &str| Command::new(tool).arg("-version").output().is_ok();
    if has("ffprobe") && has("ffmpeg") {
        return true;
    }
    let required = std::env::var_os("TAPO_PEERS").is_some_and(|v| v == "require");
    assert!(!required, "FFmpeg not found, and TAPO_PEERS=require");
    eprintln!("skipped: FFmpeg not found");
    false
}

fn told(tool: &str, args: &[&str], path: &Path) -> String {
    let run = Command::new(tool)
        .args(["-v", "error"])
        .args(args)
        .arg(path)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&run.stderr), "", "{tool} {args:?}");
    String::from_utf8(run.stdout).unwrap()
}

/// FFmpeg finds the same packets, the new settings with the first of theirs, and
/// decodes every picture at its size; so it does when it begins in the middle.
#[test]
fn ffmpeg_plays_on_with_the_new_settings() {
    if !has_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    for reserve in [Some(4064), None] {
        let path = written(dir.path(), "a.mp4", &recording(b"avc1", reserve));
        let hashes = |path| -> Vec<String> {
            let show = "packet=data_hash";
            let args = ["-show_data_hash", "md5", "-show_entries", show];
            let text = told("ffprobe", &args, path);
            let lines = text.lines().filter(|l| l.contains("MD5:"));
            lines.map(str::to_owned).collect()
        };
        let before = hashes(&path);
        let told_anew = |path| {
            let args = [
                "-show_entries",
                "packet=pts_time:packet_side_data=side_data_type",
                "-of",
                "json",
            ];
            told("ffprobe", &args, path)
                .matches("New Extradata")
                .count()
        };
        assert_eq!(told_anew(&path), 0);
        finalize(&path, &Options::default()).unwrap();
        assert_eq!(hashes(&path), before);
        assert_eq!(before.len(), 4 * GROUP);
        assert_eq!(told_anew(&path), 2);
        let sizes = |args: &[&str]| {
            let all = ["-show_entries", "frame=width,height", "-of", "csv=p=0"];
            let text = told("ffprobe", &[args, &all].concat(), &path);
            let count = |size: &str| text.lines().filter(|l| l.starts_with(size)).count();
            (count("640,360"), count("480,270"))
        };
        assert_eq!(sizes(&[]), (2 * GROUP, 2 * GROUP));
        // From the third group on, whose samples say nothing of their settings.
        let (one, other) = sizes(&["-read_intervals", "4.5%+0.5"]);
        assert!(one == 0 && other > 0, "{one} {other}");
    }
}
