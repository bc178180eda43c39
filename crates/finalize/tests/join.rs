//! Recordings joined: every sample once, with its own bytes, when it was.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a panic is how a test fails, and its files are small"
)]

use std::path::{Path, PathBuf};
use std::time::Duration;
use tapo_bmff::{BoxWriter, FourCc};
use tapo_finalize::Error;
use tapo_finalize::join::{Clock, Gaps, Join, Joined, Seam, check_join, join};
use tapo_io::{ByteSource, PreadFile};
use tapo_movie::{
    FragmentDefaults, Movie, RawBox, Run, RunSample, SampleDescription, SegmentStamp, Track,
    encode_init, encode_moof,
};
use tempfile::TempDir;

/// Pictures a second, and ticks of one.
const RATE: u32 = 25;
const STEP: u32 = 90_000 / RATE;

/// A recording to be made.
#[derive(Clone)]
struct Clip {
    /// Fills every sample, so that each is told from all others.
    mark: u8,
    /// Parameters of the pictures, as bytes of their `avcC`.
    avcc: u8,
    pictures: u32,
    /// Sound, 50 ms a packet, of 8000 Hz.
    packets: u32,
    /// Decode times that it begins with, pictures and sound.
    begins: (u64, u64),
    stamp: Option<SegmentStamp>,
}

impl Clip {
    /// Two seconds.
    fn new(mark: u8) -> Self {
        Self {
            mark,
            avcc: 1,
            pictures: 2 * RATE,
            packets: 40,
            begins: (0, 0),
            stamp: None,
        }
    }

    fn movie(&self) -> Movie {
        let mut movie = Movie::default();
        let kinds = [
            (b"vide", 90_000, avc1(self.avcc)),
            (b"soun", 8000, SampleDescription::g711(b"alaw").unwrap()),
        ];
        let counts = [self.pictures, self.packets];
        for (id, ((handler, timescale, entry), count)) in (1..).zip(kinds.into_iter().zip(counts)) {
            if count == 0 {
                continue;
            }
            let mut track = Track {
                handler: FourCc(*handler),
                timescale,
                descriptions: vec![entry],
                defaults: Some(FragmentDefaults::default()),
                ..Track::default()
            };
            track.header.id = id;
            movie.tracks.push(track);
        }
        if let Some(stamp) = &self.stamp {
            let mut w = BoxWriter::new();
            w.boxed(b"udta", |w| {
                w.uuid(&SegmentStamp::USER_TYPE, |w| {
                    w.raw(&stamp.encode());
                });
            });
            let (kind, bytes) = (FourCc(*b"udta"), w.into_bytes());
            movie.other.push(RawBox { kind, bytes });
        }
        movie
    }

    fn init(&self) -> Vec<u8> {
        let mut file = BoxWriter::new();
        file.boxed(b"ftyp", |w| {
            w.raw(b"isom").u32(0).raw(b"isomiso6");
        });
        file.raw(&encode_init(&self.movie()));
        file.into_bytes()
    }

    /// One fragment with all of it.
    fn fragment(&self) -> Vec<u8> {
        let samples = |count: u32, duration, size| {
            let sample = move |n: u32| RunSample {
                size: size + n % 7,
                duration,
                composition_offset: 0,
                sync: n.is_multiple_of(RATE),
            };
            (0..count).map(sample).collect::<Vec<_>>()
        };
        let (pictures, sound) = (
            samples(self.pictures, STEP, 300),
            samples(self.packets, 400, 400),
        );
        let all = [(1, self.begins.0, &pictures), (2, self.begins.1, &sound)];
        let runs: Vec<Run<'_>> = all
            .into_iter()
            .filter(|(.., samples)| !samples.is_empty())
            .map(|(track_id, base_media_decode_time, samples)| Run {
                track_id,
                base_media_decode_time,
                description: 1,
                samples,
            })
            .collect();
        let mut file = encode_moof(1, &runs);
        let mut data = Vec::new();
        for (n, sample) in runs.iter().flat_map(|r| r.samples).enumerate() {
            let from = data.len();
            data.resize(from + sample.size as usize, n as u8);
            data[from] = self.mark;
        }
        file.extend(BoxWriter::header(b"mdat", data.len() as u64, false));
        file.extend(data);
        file
    }

    fn file(&self) -> Vec<u8> {
        [self.init(), self.fragment()].concat()
    }

    fn stamped(mut self, session: u8, started_ms: i64, start: i64) -> Self {
        self.stamp = Some(SegmentStamp {
            number: 1,
            timescale: 90_000,
            start,
            started_ns: started_ms * 1_000_000,
            session: [session; 16],
            camera: "yard".to_owned(),
            ..SegmentStamp::default()
        });
        self
    }
}

fn avc1(avcc: u8) -> SampleDescription {
    let mut w = BoxWriter::new();
    w.boxed(b"avc1", |w| {
        w.zeros(6).u16(1).zeros(16).u16(64).u16(48);
        w.u32(72 << 16).u32(72 << 16).zeros(4).u16(1);
        w.zeros(32).u16(24).u16(0xffff);
        w.boxed(b"avcC", |w| {
            w.raw(&[1, 66, 0, 10, 0xff, 0xe0, 0, avcc]);
        });
    });
    SampleDescription::parse(w.into_bytes(), FourCc(*b"vide")).unwrap()
}

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn clips(&self, clips: &[Clip]) -> Vec<PathBuf> {
        let write = |(n, clip): (usize, &Clip)| self.write(&format!("{n}.mp4"), &clip.file());
        clips.iter().enumerate().map(write).collect()
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        std::fs::write(self.path(name), bytes).unwrap();
        self.path(name)
    }

    fn join(&self, clips: &[Clip], options: &Join) -> (Joined, Vec<Heard>) {
        let files = self.clips(clips);
        let out = self.path("out.mp4");
        let before = std::fs::read(&out).ok();
        let would = check_join(&files, &out, options).unwrap();
        assert_eq!(std::fs::read(&out).ok(), before);
        let done = join(&files, &out, options, &|_, _| true).unwrap();
        assert_eq!(would, done);
        assert_eq!(std::fs::metadata(&out).unwrap().len(), done.size);
        for (clip, file) in clips.iter().zip(&files) {
            assert_eq!(std::fs::read(file).unwrap(), clip.file());
        }
        (done, heard(&out))
    }
}

/// A sample: its track, its clip's mark and its number in the clip's run, when it
/// is decoded and how long it lasts (ms), its sample description.
type Heard = (u32, u8, u8, u64, u64, u32);

fn heard(path: &Path) -> Vec<Heard> {
    let source = PreadFile::open(path).unwrap();
    let read = tapo_movie::read(&source).unwrap();
    assert_eq!(read.defects, []);
    let movie = read.movie.unwrap();
    let mut all = Vec::new();
    for track in &movie.tracks {
        let ms = |ticks: u64| ticks * 1000 / u64::from(track.timescale);
        let late: u64 = track
            .edits
            .iter()
            .filter(|e| e.media_time.is_none())
            .map(|e| e.duration)
            .sum();
        let late = late * 1000 / u64::from(movie.header.timescale);
        for s in &track.samples {
            let bytes = source.read_span(s.span).unwrap();
            let number = bytes[1];
            assert!(bytes[1..].iter().all(|b| *b == number));
            all.push((
                track.header.id,
                bytes[0],
                number,
                late + ms(s.dts),
                ms(s.duration.into()),
                s.description,
            ));
        }
    }
    all
}

/// What the clips would give if they began at these times.
fn expected(clips: &[(&Clip, u64)]) -> Vec<(u32, u8, u8, u64)> {
    let mut all = Vec::new();
    for (clip, at) in clips {
        for n in 0..clip.pictures {
            all.push((1, clip.mark, n as u8, at + u64::from(n * 1000 / RATE)));
        }
    }
    for (clip, at) in clips {
        for n in 0..clip.packets {
            all.push((
                2,
                clip.mark,
                (clip.pictures + n) as u8,
                at + u64::from(n * 50),
            ));
        }
    }
    all
}

fn times(heard: &[Heard]) -> Vec<(u32, u8, u8, u64)> {
    heard.iter().map(|h| (h.0, h.1, h.2, h.3)).collect()
}

fn seams(joined: &Joined) -> Vec<Seam> {
    joined.parts.iter().map(|p| p.seam).collect()
}

#[test]
fn a_recording_that_was_cut_goes_on_without_a_break() {
    let folder = Folder::new();
    let cut = |n: u8| Clip::new(n).stamped(7, i64::from(n) * 2011, i64::from(n) * 180_000);
    let clips = [cut(0), cut(1), cut(2)];
    for faststart in [false, true] {
        let options = Join {
            faststart,
            replace: true,
            ..Join::default()
        };
        let (joined, heard) = folder.join(&clips, &options);
        let gapless = Seam::Gapless(Clock::Session);
        assert_eq!(seams(&joined), [Seam::First, gapless, gapless]);
        assert_eq!(
            times(&heard),
            expected(&[(&clips[0], 0), (&clips[1], 2000), (&clips[2], 4000)])
        );
        assert!(heard.iter().all(|h| h.5 == 1 && [40, 50].contains(&h.4)));
        assert_eq!((joined.tracks, joined.samples), (2, 270));
        assert_eq!(joined.entries, [(1, 1), (2, 1)]);
        assert_eq!(joined.duration, Duration::from_secs(6));
        let source = PreadFile::open(&folder.path("out.mp4")).unwrap();
        let top: Vec<_> = tapo_movie::read(&source).unwrap().top;
        let kinds: Vec<_> = top.iter().map(|b| b.kind.0).collect();
        let front: [&[u8; 4]; 4] = [b"ftyp", b"moov", b"free", b"mdat"];
        let back: [&[u8; 4]; 4] = [b"ftyp", b"free", b"mdat", b"moov"];
        assert_eq!(kinds, if faststart { front } else { back }.map(|k| *k));
    }
}

#[test]
fn a_break_stays_as_time_or_is_left_out() {
    let folder = Folder::new();
    // The session's clock says 3 s, whatever the time of day.
    let clips = [
        Clip::new(1).stamped(7, 0, 0),
        Clip::new(2).stamped(7, 9000, 450_000),
    ];
    let (joined, heard) = folder.join(&clips, &Join::default());
    let gap = Duration::from_secs(3);
    assert_eq!(seams(&joined)[1], Seam::Gap(Clock::Session, gap));
    assert_eq!(joined.parts[1].start, Duration::from_secs(5));
    assert_eq!(
        times(&heard),
        expected(&[(&clips[0], 0), (&clips[1], 5000)])
    );
    // The last picture stands still, the last packet too.
    let last = |track| heard.iter().rfind(|h| h.0 == track && h.1 == 1).unwrap().4;
    assert_eq!((last(1), last(2)), (3040, 3050));

    let options = Join {
        gaps: Gaps::Close,
        replace: true,
        ..Join::default()
    };
    let (joined, heard) = folder.join(&clips, &options);
    assert_eq!(seams(&joined)[1], Seam::Closed(Clock::Session, gap));
    assert_eq!(
        times(&heard),
        expected(&[(&clips[0], 0), (&clips[1], 2000)])
    );
}

#[test]
fn another_session_goes_by_the_time_of_day_and_decode_times_by_themselves() {
    let folder = Folder::new();
    let clips = [
        Clip::new(1).stamped(7, 0, 0),
        Clip::new(2).stamped(8, 62_000, 0),
    ];
    let (joined, _) = folder.join(&clips, &Join::default());
    let minute = Duration::from_secs(60);
    assert_eq!(seams(&joined)[1], Seam::Gap(Clock::WallClock, minute));

    let replace = Join {
        replace: true,
        ..Join::default()
    };
    // Counted from another day on.
    let mut clips = [Clip::new(1), Clip::new(2), Clip::new(3)];
    for (clip, s) in clips.iter_mut().zip([86_400, 86_402, 86_407]) {
        clip.begins = (s * 90_000, s * 8000);
    }
    let (joined, heard) = folder.join(&clips, &replace);
    let gap = Seam::Gap(Clock::DecodeTimes, Duration::from_secs(3));
    assert_eq!(
        seams(&joined),
        [Seam::First, Seam::Gapless(Clock::DecodeTimes), gap]
    );
    assert_eq!(
        times(&heard),
        expected(&[(&clips[0], 0), (&clips[1], 2000), (&clips[2], 7000)])
    );

    // Nothing says anything: at once.
    let clips = [Clip::new(1), Clip::new(2)];
    let (joined, heard) = folder.join(&clips, &replace);
    assert_eq!(seams(&joined)[1], Seam::Unknown);
    assert_eq!(
        times(&heard),
        expected(&[(&clips[0], 0), (&clips[1], 2000)])
    );
}

#[test]
fn sound_that_overlaps_is_left_out_packet_by_packet_where_a_recording_goes_on() {
    let folder = Folder::new();
    let mut first = Clip::new(1).stamped(7, 0, 0);
    first.packets = 42;
    let clips = [first, Clip::new(2).stamped(7, 2000, 180_000)];
    let (joined, heard) = folder.join(&clips, &Join::default());
    let of = |track, mark| {
        heard
            .iter()
            .find(|h| h.0 == track && h.1 == mark)
            .unwrap()
            .3
    };
    assert_eq!((of(1, 2), of(2, 2)), (2000, 2000));
    // 100 ms are two packets; none lasts shorter or longer than it did.
    assert_eq!(heard.iter().filter(|h| h.0 == 2).count(), 80);
    assert_eq!(joined.parts[1].overlapping, 2);
    assert!(heard.iter().all(|h| h.4 == if h.0 == 1 { 40 } else { 50 }));
}

/// Nothing says that these continue each other: the last picture stands still until all sound
/// has been heard.
#[test]
fn sound_of_unrelated_recordings_is_all_there() {
    let folder = Folder::new();
    let with = |mark, packets| Clip {
        packets,
        ..Clip::new(mark)
    };
    // Sound of 2.1 s, 2.25 s, 2 s, 1.95 s, 2.05 s beside pictures of 2 s.
    let clips: Vec<Clip> = (1..)
        .zip([42, 45, 40, 39, 41, 40])
        .map(|(n, p)| with(n, p))
        .collect();
    let (joined, heard) = folder.join(&clips, &Join::default());
    assert!(joined.parts.iter().all(|p| p.overlapping == 0));
    let starts: Vec<_> = joined.parts.iter().map(|p| p.start.as_millis()).collect();
    assert_eq!(starts, [0, 2100, 4350, 6350, 8350, 10_400]);
    let at: Vec<_> = clips.iter().zip(starts.iter().map(|s| *s as u64)).collect();
    assert_eq!(times(&heard), expected(&at));
    assert!(seams(&joined)[1..].iter().all(|s| *s == Seam::Unknown));
}

#[test]
fn a_file_is_named_once_and_in_order() {
    let folder = Folder::new();
    let at = |mark, s: u64| Clip {
        begins: (s * 90_000, s * 8000),
        ..Clip::new(mark)
    };
    let names = ["0.mp4", "1.mp4", "2.mp4"];
    let clips = [at(1, 0), at(2, 2), at(3, 4)];
    let files = folder.clips(&clips);
    let linked = folder.path("hard.mp4");
    std::fs::hard_link(&files[0], &linked).unwrap();
    let pointed = folder.path("soft.mp4");
    std::os::unix::fs::symlink(&files[0], &pointed).unwrap();
    let copied = folder.write("copy.mp4", &clips[0].file());
    let anew = folder.write("anew.mp4", &at(9, 0).file());
    let earlier = folder.write("earlier.mp4", &at(8, 1).file());

    let out = folder.path("out.mp4");
    let check = |files: &[&PathBuf]| {
        let files: Vec<PathBuf> = files.iter().map(|p| (*p).clone()).collect();
        check_join(&files, &out, &Join::default())
    };
    let why = |files: &[&PathBuf]| {
        let error = check(files).unwrap_err();
        assert!(error.is_refusal() && matches!(error, Error::DoesNotFit { .. }));
        error.to_string()
    };
    let [a, b, c] = [&files[0], &files[1], &files[2]];
    assert!(why(&[a, b, a]).contains("0.mp4: is named twice"));
    for other in [&linked, &pointed] {
        assert!(why(&[a, other]).contains("is the same file as"));
    }
    let mut shorter = clips[0].clone();
    shorter.packets -= 5;
    let shorter = folder.write("shorter.mp4", &shorter.file());
    for copy in [&copied, &shorter] {
        let told = why(&[a, b, copy]);
        let names_both = told.contains("same times as") && told.contains("0.mp4");
        assert!(names_both, "{told}");
    }
    for wrong in [[a, c, b], [b, a, c], [c, b, a], [c, a, b], [b, c, a]] {
        let told = why(&wrong);
        let order = told.split("here that is ").nth(1).unwrap();
        let order: Vec<_> = order.split(' ').collect();
        let is_right = order.iter().zip(names).all(|(o, n)| o.ends_with(n));
        assert!(is_right && order.len() == 3, "{told}");
    }
    let gapless = Seam::Gapless(Clock::DecodeTimes);
    let right = check(&[a, b, c]).unwrap();
    assert_eq!(seams(&right), [Seam::First, gapless, gapless]);
    // Two recordings of a scene in which nothing moves, with other sound.
    let mut still = clips[0].clone();
    still.packets = 20;
    let still = folder.write("still.mp4", &still.file());
    let mut loud = std::fs::read(&still).unwrap();
    let len = loud.len();
    loud[len - 3..].fill(0xEE);
    let loud = folder.write("loud.mp4", &loud);
    check(&[&still, &loud]).unwrap();
    // A camera that started anew: sessions of the same lengths meet everywhere.
    let two = check(&[a, b, c, &anew]).unwrap();
    assert_eq!(seams(&two)[3], Seam::Earlier);
    // Decode times that go back, and meet nothing.
    let back = check(&[c, &earlier]).unwrap();
    assert_eq!(seams(&back)[1], Seam::Earlier);
}

/// The index in front changes no time: one recording keeps those it had.
#[test]
fn one_recording_keeps_its_times_with_its_index_in_front() {
    let folder = Folder::new();
    let mut late = Clip::new(1);
    late.begins = (30_600, 112);
    let faststart = Join {
        faststart: true,
        ..Join::default()
    };
    let (_, heard) = folder.join(&[late], &faststart);
    let first = |track| heard.iter().find(|h| h.0 == track).unwrap().3;
    assert_eq!((first(1), first(2)), (340, 14));
}

#[test]
fn other_parameters_become_another_sample_description() {
    let folder = Folder::new();
    let mut other = Clip::new(2);
    other.avcc = 9;
    let clips = [Clip::new(1), other, Clip::new(3)];
    let (joined, heard) = folder.join(&clips, &Join::default());
    assert_eq!(joined.entries, [(1, 2), (2, 1)]);
    for h in heard {
        assert_eq!(h.5, if h.0 == 1 && h.1 == 2 { 2 } else { 1 });
    }
}

#[test]
fn a_track_may_begin_late_and_end_early() {
    let folder = Folder::new();
    let silent = |mark| Clip {
        packets: 0,
        ..Clip::new(mark)
    };
    let clips = [silent(1), Clip::new(2), silent(3)];
    let (joined, heard) = folder.join(&clips, &Join::default());
    assert_eq!(joined.tracks, 2);
    assert_eq!(
        times(&heard),
        expected(&[(&clips[0], 0), (&clips[1], 2000), (&clips[2], 4000)])
    );
}

#[test]
fn media_segments_find_their_initial_segment_and_their_order() {
    let folder = Folder::new();
    let only = |mark, pictures, packets, s: u64| Clip {
        pictures,
        packets,
        begins: (s * 90_000, s * 8000),
        ..Clip::new(mark)
    };
    let mut files = Vec::new();
    for (stream, pictures, packets) in [(0, 50, 0), (1, 0, 40)] {
        // By name, 10 stands before 9; and all stand before the initial segments.
        for (number, mark) in [(10, 2), (9, 1)] {
            let clip = only(mark, pictures, packets, 2 * (number - 9));
            files.push(folder.write(&format!("chunk-s{stream}-{number}.m4s"), &clip.fragment()));
        }
    }
    for (stream, pictures, packets) in [(0, 50, 0), (1, 0, 40)] {
        let init = only(0, pictures, packets, 0).init();
        files.push(folder.write(&format!("init-s{stream}.mp4"), &init));
    }
    let out = folder.path("out.mp4");
    let joined = join(&files, &out, &Join::default(), &|_, _| true).unwrap();
    assert_eq!(seams(&joined), [Seam::First, Seam::Beside]);
    let clips = [
        only(1, 50, 0, 0),
        only(2, 50, 0, 0),
        only(1, 0, 40, 0),
        only(2, 0, 40, 0),
    ];
    let want = [
        (&clips[0], 0),
        (&clips[1], 2000),
        (&clips[2], 0),
        (&clips[3], 2000),
    ];
    assert_eq!(times(&heard(&out)), expected(&want));

    let alone = join(&files[..2], &folder.path("x"), &Join::default(), &|_, _| {
        true
    });
    assert!(matches!(alone, Err(Error::NoInit { .. })));
    // One that is cut off amid the others.
    let torn = only(1, 50, 0, 0).fragment();
    folder.write("chunk-s0-9.m4s", &torn[..torn.len() - 5]);
    let refused = join(&files, &folder.path("x"), &Join::default(), &|_, _| true);
    assert!(
        matches!(refused, Err(Error::Malformed { .. })),
        "{refused:?}"
    );
    // One that is missing.
    folder.write("chunk-s0-9.m4s", &torn);
    let late = only(2, 50, 0, 3600 * 24).fragment();
    folder.write("chunk-s0-10.m4s", &late);
    let refused = join(&files, &folder.path("x"), &Join::default(), &|_, _| true);
    assert!(
        matches!(refused, Err(Error::Unsupported { .. })),
        "{refused:?}"
    );
    assert!(!folder.path("x").exists());
}

/// Segments behind an initial segment that is not theirs.
#[test]
fn segments_of_another_track_or_clock_are_refused() {
    let folder = Folder::new();
    let pictures = Clip {
        packets: 0,
        ..Clip::new(1)
    };
    let init = folder.write("init.mp4", &pictures.init());
    let out = folder.path("out.mp4");
    let why = |segment: &[u8]| {
        let segment = folder.write("1.m4s", segment);
        let files = [init.clone(), segment];
        match join(&files, &out, &Join::default(), &|_, _| true) {
            Ok(_) => String::new(),
            Err(error) => {
                assert!(error.is_refusal() && !out.exists(), "{error}");
                error.to_string()
            }
        }
    };
    let sound = Clip {
        pictures: 0,
        ..Clip::new(1)
    };
    let told = why(&sound.fragment());
    assert!(
        told.contains("holds a track 2") && told.contains("init.mp4"),
        "{told}"
    );

    // Two seconds of 90 kHz; by the index of the segment too, or not.
    let indexed = |timescale: u32| {
        let mut w = BoxWriter::new();
        w.boxed(b"sidx", |w| {
            w.u32(0).u32(1).u32(timescale).u32(0).u32(0);
            w.u16(0).u16(1).u32(1000).u32(180_000).u32(0x9000_0000);
        });
        [w.into_bytes(), pictures.fragment()].concat()
    };
    let told = why(&indexed(12_800));
    assert!(told.contains("14.06 s by its index, and 2.00 s"), "{told}");
    assert_eq!(why(&indexed(90_000)), "");
}

#[test]
fn what_does_not_fit_is_refused_with_the_reason() {
    let folder = Folder::new();
    let why = |clips: &[Clip]| {
        let files = folder.clips(clips);
        match join(&files, &folder.path("out"), &Join::default(), &|_, _| true) {
            Err(error @ (Error::DoesNotFit { .. } | Error::OntoItself { .. })) => {
                assert!(error.is_refusal() && !folder.path("out").exists());
                error.to_string()
            }
            other => panic!("{other:?}"),
        }
    };
    let early = [
        Clip::new(1).stamped(7, 0, 180_000),
        Clip::new(2).stamped(7, 0, 0),
    ];
    assert!(why(&early).contains("name recordings in the order"));
    let twice = [Clip::new(1).stamped(7, 0, 0), Clip::new(1).stamped(7, 0, 0)];
    assert!(why(&twice).contains("each once"));
    let mut door = Clip::new(2).stamped(7, 0, 180_000);
    door.stamp.as_mut().unwrap().camera = "door\x1b".to_owned();
    let told = why(&[Clip::new(1).stamped(7, 0, 0), door]);
    assert!(
        told.contains("\"yard\"") && !told.contains('\x1b'),
        "{told}"
    );
    // Far longer than a duration of 32 bits can say.
    let years = Clip::new(2).stamped(8, 3_000_000_000_000, 0);
    assert!(why(&[Clip::new(1).stamped(7, 0, 0), years]).contains("--gaps close"));

    let files = folder.clips(&[Clip::new(1), Clip::new(2)]);
    let onto = join(&files, &files[1], &Join::default(), &|_, _| true);
    assert!(matches!(onto, Err(Error::OntoItself { .. })));
}

#[test]
fn it_ends_when_asked_and_keeps_what_exists() {
    let folder = Folder::new();
    let files = folder.clips(&[Clip::new(1), Clip::new(2)]);
    let out = folder.write("out.mp4", b"precious");
    let exists = join(&files, &out, &Join::default(), &|_, _| true);
    assert!(matches!(
        exists,
        Err(Error::Io(tapo_io::Error::Exists { .. }))
    ));
    let replace = Join {
        replace: true,
        ..Join::default()
    };
    // Whenever it is asked: after each file, and when all is on the disk.
    for asked in 1..=3 {
        let calls = std::cell::Cell::new(0);
        let goes_on = |_, _| {
            calls.set(calls.get() + 1);
            calls.get() < asked
        };
        let ended = join(&files, &out, &replace, &goes_on);
        assert!(matches!(ended, Err(Error::Cancelled { .. })), "{asked}");
        assert_eq!(std::fs::read(&out).unwrap(), b"precious");
        assert_eq!(std::fs::read_dir(folder.0.path()).unwrap().count(), 3);
    }

    let held = std::fs::File::open(&files[1]).unwrap();
    held.lock().unwrap();
    let busy = join(&files, &out, &replace, &|_, _| true);
    assert!(matches!(busy, Err(Error::Io(tapo_io::Error::InUse { .. }))));
}

/// What of a recording no index speaks of is not in the joined file either, and that is told.
#[test]
fn a_part_that_lost_the_head_of_a_fragment_is_told() {
    let folder = Folder::new();
    let stamped = |mark, s: i64| Clip::new(mark).stamped(7, s * 1000, s * 90_000);
    let (first, second) = (stamped(1, 0), stamped(2, 2));
    let mut lost = first.file();
    let media = lost.len();
    lost.extend(first.fragment());
    let moof = lost[media..].windows(4).position(|w| w == b"moof").unwrap() + media;
    lost[moof..moof + 4].fill(0);
    let files = [
        folder.write("lost.mp4", &lost),
        folder.write("second.mp4", &second.file()),
    ];
    let out = folder.path("out.mp4");
    let joined = check_join(&files, &out, &Join::default()).unwrap();
    let [lost, whole] = [0, 1].map(|part| joined.parts[part].left_out);
    assert!(lost.media > 0 && whole.is_nothing(), "{lost:?} {whole:?}");
}
