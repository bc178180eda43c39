//! Runs the binary, and makes small files to run it on.
#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "each test uses its own part"
)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a panic is how a test fails"
)]

mod running;

pub use running::{Camera, Events, signal};

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tapo_bmff::{BoxWriter, FourCc};
use tapo_movie::{Movie, Run, RunSample, SampleDescription, Track};

/// The binary, ready for arguments, its surroundings made plain.
pub fn tapo() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tapo"));
    command.env_remove("TAPO_LOG").env("NO_COLOR", "1");
    command
}

/// Runs it; the exit code, standard output and standard error.
pub fn run<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> (i32, String, String) {
    outcome(tapo().args(args).output().unwrap())
}

pub fn outcome(output: Output) -> (i32, String, String) {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let code = output.status.code().expect("ended by a signal");
    (code, text(output.stdout), text(output.stderr))
}

/// The corpus of real files, if there is one on this machine.
pub fn corpus(folder: &str) -> Option<Vec<PathBuf>> {
    let Some(corpus) = std::env::var_os("TAPO_CORPUS") else {
        println!("skipped: TAPO_CORPUS not set");
        return None;
    };
    let folder = Path::new(&corpus).join(folder);
    let entries = std::fs::read_dir(&folder).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|e| e.unwrap().path()).collect();
    files.retain(|f| f.is_file() && f.extension().is_none_or(|e| e != "tsv" && e != "md"));
    files.sort();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    Some(files)
}

pub fn ftyp() -> Vec<u8> {
    let mut w = BoxWriter::new();
    w.boxed(b"ftyp", |w| {
        w.raw(b"isom").u32(512).raw(b"isomiso6mp41");
    });
    w.into_bytes()
}

/// A movie of two G.711 tracks: its timescale is theirs.
pub fn movie() -> Movie {
    let mut movie = Movie::default();
    movie.header.timescale = 8000;
    for (id, kind) in [(1, b"alaw"), (2, b"ulaw")] {
        let mut track = Track {
            handler: FourCc(*b"soun"),
            timescale: 8000,
            descriptions: vec![SampleDescription::g711(kind).unwrap()],
            defaults: Some(tapo_movie::FragmentDefaults::default()),
            ..Track::default()
        };
        track.header.id = id;
        movie.tracks.push(track);
    }
    movie.header.next_track_id = 3;
    movie
}

/// A fragmented file: `fragments` of half a second, one packet of 400 bytes
/// every 50 ms on each track.
pub fn fragmented(fragments: u32) -> Vec<u8> {
    let packet = RunSample {
        size: 400,
        duration: 400,
        composition_offset: 0,
        sync: true,
    };
    let samples = [packet; 10];
    let mut file = ftyp();
    file.extend(tapo_movie::encode_init(&movie()));
    for number in 0..fragments {
        let run = |track_id| Run {
            track_id,
            base_media_decode_time: u64::from(number) * 4000,
            description: 1,
            samples: &samples,
        };
        file.extend(tapo_movie::encode_moof(number + 1, &[run(1), run(2)]));
        file.extend(BoxWriter::header(b"mdat", 8000, false));
        file.extend(std::iter::repeat_n(0x55, 8000));
    }
    file
}

/// A plain clip as a fragmented file: as many samples in a fragment as there are to
/// the next half second of the first track.
pub fn fragments_of(clip: &[u8]) -> Vec<u8> {
    let mut movie = tapo_movie::read(&clip).unwrap().movie.unwrap();
    let samples: Vec<Vec<_>> = movie
        .tracks
        .iter_mut()
        .map(|track| {
            let samples = track.samples.iter().collect();
            track.defaults = Some(tapo_movie::FragmentDefaults::default());
            track.samples = tapo_movie::SampleTable::default();
            samples
        })
        .collect();
    let mut file = ftyp();
    file.extend(tapo_movie::encode_init(&movie));
    let mut next = vec![0; samples.len()];
    for number in 1.. {
        let mut runs = Vec::new();
        let mut media: Vec<u8> = Vec::new();
        for ((track, all), next) in movie.tracks.iter().zip(&samples).zip(&mut next) {
            let until = u64::from(track.timescale) * u64::from(number) / 2;
            let part = all[*next..].iter().take_while(|s| s.dts < until);
            let part: Vec<_> = part.collect();
            *next += part.len();
            for s in &part {
                let (from, to) = (s.span.start, s.span.end);
                let (from, to) = (usize::try_from(from), usize::try_from(to));
                media.extend_from_slice(&clip[from.unwrap()..to.unwrap()]);
            }
            let run = part.iter().map(|s| RunSample {
                size: u32::try_from(s.span.len()).unwrap(),
                duration: s.duration,
                composition_offset: s.composition_offset,
                sync: s.sync,
            });
            if let Some(first) = part.first() {
                runs.push((track.header.id, first.dts, run.collect::<Vec<_>>()));
            }
        }
        if runs.is_empty() {
            break;
        }
        let runs: Vec<_> = runs
            .iter()
            .map(|(track_id, dts, samples)| Run {
                track_id: *track_id,
                base_media_decode_time: *dts,
                description: 1,
                samples,
            })
            .collect();
        file.extend(tapo_movie::encode_moof(number, &runs));
        file.extend(BoxWriter::header(b"mdat", media.len() as u64, false));
        file.extend(media);
    }
    file
}

/// A plain file with its index in front of the media, or behind it.
pub fn progressive(moov_first: bool) -> Vec<u8> {
    let build = |offset: u64| {
        let mut movie = movie();
        for (i, track) in movie.tracks.iter_mut().enumerate() {
            track.samples.start_chunk(offset + 4000 * i as u64, 1);
            for _ in 0..10 {
                track.samples.push(400, 400, 0, true).unwrap();
            }
        }
        tapo_movie::encode_moov(&movie)
    };
    let mut mdat = BoxWriter::header(b"mdat", 8000, false);
    mdat.extend(std::iter::repeat_n(0x55, 8000));
    let mut file = ftyp();
    if moov_first {
        let offset = file.len() + build(0).len() + 8;
        file.extend(build(offset as u64));
        file.extend(mdat);
    } else {
        let offset = file.len() + 8;
        file.extend(mdat);
        file.extend(build(offset as u64));
    }
    file
}

/// The same with a stamp of our recorder in it, and an open segment.
pub fn segment(fragments: u32) -> Vec<u8> {
    let stamp = tapo_movie::SegmentStamp {
        number: 3,
        camera: "yard".into(),
        recorder: "tapo 0.1.0".into(),
        ..Default::default()
    };
    let mut w = BoxWriter::new();
    w.boxed(b"udta", |w| {
        w.uuid(&tapo_movie::SegmentStamp::USER_TYPE, |w| {
            w.raw(&stamp.encode());
        });
    });
    let mut movie = movie();
    movie.other.push(tapo_movie::RawBox {
        kind: FourCc(*b"udta"),
        bytes: w.into_bytes(),
    });
    let plain = fragmented(fragments);
    let init = ftyp().len() + tapo_movie::encode_init(&self::movie()).len();
    [&ftyp(), &tapo_movie::encode_init(&movie), &plain[init..]].concat()
}

/// A folder with files in it, in which the binary runs: what it prints holds no
/// path that changes from run to run.
pub struct Folder(tempfile::TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path(name), bytes).unwrap();
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = tapo();
        command.current_dir(self.0.path()).args(args);
        command
    }

    pub fn run(&self, args: &[&str]) -> (i32, String, String) {
        outcome(self.command(args).output().unwrap())
    }

    /// All that a run says, for a snapshot.
    pub fn transcript(&self, args: &[&str]) -> String {
        let (code, out, err) = self.run(args);
        format!("$ tapo {}\n{out}{err}exit code {code}\n", args.join(" "))
    }
}
