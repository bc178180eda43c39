#![expect(
    clippy::cast_possible_truncation,
    reason = "the numbers of a test are small"
)]

use super::*;
use crate::source::{AccessUnit, Codec, WallClock};
use crate::testing::h264;
use proptest::prelude::*;
use sha2::Sha256;
use tapo_bmff::FourCc;
use tapo_movie::{FragmentStamp, Movie, RawBox, Read};

const FRAME: i64 = 3_600;
const PACKET: i64 = 160;

/// A camera on paper.
#[derive(Clone, Debug)]
struct Camera {
    frames: usize,
    /// Frames from one keyframe to the next.
    group: usize,
    /// B-frames between two others; the depth is 1 if there are any.
    b_frames: usize,
    /// Sound comes this many milliseconds after the picture of its time.
    audio_late: i64,
    /// Sound's time minus the picture's, milliseconds, at the start.
    audio_skew: i64,
    audio: bool,
}

impl Camera {
    fn new() -> Self {
        Self {
            frames: 1000,
            group: 50,
            b_frames: 0,
            audio_late: 20,
            audio_skew: 0,
            audio: true,
        }
    }

    fn infos(&self) -> Vec<TrackInfo> {
        let track = |codec, clock_rate| TrackInfo { codec, clock_rate };
        let mut tracks = vec![track(Codec::H264, 90_000)];
        if self.audio {
            tracks.push(track(Codec::Pcma, 8_000));
        }
        tracks
    }

    /// Presentation time of each frame, in decode order.
    fn pictures(&self) -> Vec<i64> {
        let mut times = Vec::new();
        for group in (0..self.frames).step_by(self.group) {
            let end = (group + self.group).min(self.frames);
            times.push(group);
            let mut at = group + 1;
            while at < end {
                // The anchor first, then those shown before it.
                let anchor = (at + self.b_frames).min(end - 1);
                times.push(anchor);
                times.extend(at..anchor);
                at = anchor + 1;
            }
        }
        times.iter().map(|t| *t as i64 * FRAME).collect()
    }

    /// All units in the order of their arrival.
    fn units(&self) -> Vec<Timed> {
        let mut units = Vec::new();
        for (i, time) in self.pictures().into_iter().enumerate() {
            let arrived = i as i64 * 40;
            units.push((arrived, timed(0, time, i % self.group == 0, i)));
        }
        if self.audio {
            for i in 0..self.frames as i64 * 2 {
                let time = i * PACKET + self.audio_skew * 8;
                let arrived = i * 20 + self.audio_skew + self.audio_late;
                units.push((arrived, timed(1, time, false, i as usize)));
            }
        }
        units.sort_by_key(|(arrived, _)| *arrived);
        units.into_iter().map(|(_, unit)| unit).collect()
    }
}

/// A unit whose bytes say which it is.
fn timed(track: usize, time: i64, random_access: bool, index: usize) -> Timed {
    let mut data = (index as u32).to_be_bytes().to_vec();
    data.resize(8 + index % 23, track as u8);
    Timed {
        unit: AccessUnit {
            track,
            data,
            rtp: time,
            random_access,
            duration: (track == 1).then_some(PACKET as u32),
            received: WallClock(1_800_000_000_000_000_000 + time),
            ..AccessUnit::default()
        },
        time,
        wall: crate::wall::WallTime::default(),
    }
}

fn settings(segment: u64) -> Settings {
    by_rule(Duration::from_secs(segment).into())
}

fn by_rule(rule: Rule) -> Settings {
    Settings {
        segment: Some(rule),
        fragment: Duration::from_secs(1),
        camera: "yard".into(),
        session: [7; 16],
        after: None,
        sdp_sha256: [8; 32],
    }
}

fn segmenter(camera: &Camera, segment: u64) -> Segmenter {
    segmenter_by(camera, settings(segment))
}

fn segmenter_by(camera: &Camera, settings: Settings) -> Segmenter {
    let mut segmenter = Segmenter::new(settings, &camera.infos(), 0);
    segmenter.describe(0, h264(u8::from(camera.b_frames > 0)));
    segmenter.describe(1, SampleDescription::g711(b"alaw").unwrap());
    segmenter
}

/// A segment as it would stand on disk.
struct File {
    bytes: Vec<u8>,
    /// Where each fragment starts.
    fragments: Vec<usize>,
    summary: Summary,
}

fn files(segmenter: &mut Segmenter) -> Vec<File> {
    let mut files: Vec<File> = Vec::new();
    while let Some(command) = segmenter.pop() {
        match command {
            Command::Open(head) => files.push(File {
                bytes: head.bytes,
                fragments: Vec::new(),
                summary: Summary::default(),
            }),
            Command::Fragment(fragment) => {
                let file = files.last_mut().unwrap();
                file.fragments.push(file.bytes.len());
                file.bytes.extend(fragment.bytes);
            }
            Command::Close(summary) => {
                let file = files.last_mut().unwrap();
                assert_eq!(summary.bytes, file.bytes.len() as u64);
                file.summary = summary;
            }
        }
    }
    files
}

fn record(camera: &Camera, segment: u64) -> Vec<File> {
    record_by(camera, Duration::from_secs(segment).into())
}

fn record_by(camera: &Camera, rule: Rule) -> Vec<File> {
    let mut segmenter = segmenter_by(camera, by_rule(rule));
    for unit in camera.units() {
        segmenter.push(Placed::Unit(unit));
    }
    segmenter.finish();
    assert_eq!(segmenter.late(), 0);
    files(&mut segmenter)
}

fn read(bytes: &[u8]) -> Read {
    let read = tapo_movie::read(&bytes).unwrap();
    assert!(read.defects.is_empty(), "{:?}", read.defects);
    read
}

fn boxes(movie: &Movie) -> SegmentStamp {
    let udta = movie.other.iter().find(|b| b.kind == b"udta").unwrap();
    let inside = RawBox {
        kind: FourCc(*b"uuid"),
        bytes: udta.bytes[8..].to_vec(),
    };
    let (user_type, payload) = inside.user_data().unwrap();
    assert_eq!(*user_type, SegmentStamp::USER_TYPE);
    SegmentStamp::parse(payload).unwrap()
}

/// `(index, presentation time on the session's timeline)` of all samples of a
/// track, over all files; checks what holds within each.
fn samples(files: &[File], track: usize) -> Vec<(u32, i64)> {
    let mut all = Vec::new();
    for file in files {
        let read = read(&file.bytes);
        let movie = read.movie.unwrap();
        let stamp = boxes(&movie);
        let Some(track) = movie.tracks.get(track) else {
            continue;
        };
        let rate = i64::from(track.timescale);
        let base = stamp.start * rate / i64::from(stamp.timescale);
        let mut last = None;
        for sample in track.samples.iter() {
            assert!(last.is_none_or(|last| last < sample.dts), "decode times");
            assert!(sample.duration > 0);
            last = Some(sample.dts);
            let span = sample.span.start as usize..sample.span.end as usize;
            let index = u32::from_be_bytes(*file.bytes[span].first_chunk().unwrap());
            all.push((index, sample.pts() + base));
        }
        if track.is_video() {
            assert!(
                track.samples.iter().next().unwrap().sync,
                "a keyframe first"
            );
            assert_eq!(track.samples.start, 0);
        }
    }
    all
}

/// Checks that all that was fed came out, on time.
fn nothing_lost(camera: &Camera, files: &[File]) {
    let pictures: Vec<_> = (0..).zip(camera.pictures()).collect();
    assert_eq!(samples(files, 0), pictures);
    if camera.audio {
        let sounds = samples(files, 1);
        let from = sounds[0].0;
        assert_eq!(
            from,
            (-camera.audio_skew.min(0)).unsigned_abs().div_ceil(20) as u32
        );
        for (i, sound) in sounds.iter().enumerate() {
            assert_eq!(sound.0, from + i as u32, "sound in order, once");
        }
        assert_eq!(sounds.len() as u32 + from, camera.frames as u32 * 2);
    }
}

#[test]
fn segments_are_cut_at_keyframes_and_nothing_is_lost() {
    let camera = Camera::new();
    let files = record(&camera, 10);
    // 40 s, a keyframe every 2 s.
    assert_eq!(files.len(), 4);
    for file in &files {
        assert_eq!(file.summary.duration, Duration::from_secs(10));
        // The last holds the sound that came behind the cut.
        assert!(matches!(file.fragments.len(), 10..=11));
        assert_eq!(file.summary.tracks[0].1, 250);
        assert_eq!(file.summary.tracks[1].1, 500);
    }
    assert_eq!(files[0].summary.ended, Ended::Length);
    assert_eq!(files[3].summary.ended, Ended::Stopped);
    nothing_lost(&camera, &files);
    let sound: Vec<_> = (0..2000).map(|i| (i, i64::from(i) * PACKET)).collect();
    assert_eq!(samples(&files, 1), sound);
}

#[test]
fn segments_end_before_they_are_too_large_and_nothing_is_lost() {
    for size in [150_000, 300_000, 700_000] {
        let camera = Camera::new();
        let rule = Rule {
            size: Some(size),
            ..Duration::from_secs(900).into()
        };
        let mut segmenter = segmenter_by(&camera, by_rule(rule));
        for mut timed in camera.units() {
            if timed.unit.track == 0 {
                timed.unit.data.resize(2000, 0);
            }
            segmenter.push(Placed::Unit(timed));
        }
        segmenter.finish();
        let files = files(&mut segmenter);
        nothing_lost(&camera, &files);
        assert!(files.len() > 1, "{size}");
        let (last, others) = files.split_last().unwrap();
        assert_eq!(last.summary.ended, Ended::Stopped);
        for file in others {
            let groups = file.summary.tracks[0].1 / 50;
            let whole = file.bytes.len() as u64;
            assert!(whole <= size || groups == 1, "{whole} of {size}");
            assert!(
                matches!(file.summary.ended, Ended::Size),
                "{:?}",
                file.summary.ended
            );
        }
    }
}

#[test]
fn segments_end_by_the_clock_and_nothing_is_lost() {
    let camera = Camera::new();
    let every = Duration::from_secs(10);
    let rule = Rule {
        grid: Some(crate::rule::Grid::new(every, true)),
        ..every.into()
    };
    let mut segmenter = segmenter_by(&camera, by_rule(rule));
    // Three seconds past a full ten; keyframes come every two.
    let begin = WallClock(1_800_000_003_000_000_000);
    for mut timed in camera.units() {
        timed.unit.received = WallClock(begin.0 + timed.time * 1_000_000_000 / 90_000);
        if timed.unit.track == 1 {
            timed.unit.received = begin;
        }
        segmenter.push(Placed::Unit(timed));
    }
    segmenter.finish();
    let files = files(&mut segmenter);
    nothing_lost(&camera, &files);
    let starts: Vec<_> = files
        .iter()
        .map(|f| f.summary.started.0 / 1_000_000_000 - 1_800_000_000)
        .collect();
    assert_eq!(starts, [3, 11, 21, 31, 41]);
    // A clock that stands does not make a file longer than a little more than asked for.
    let mut segmenter = segmenter_by(
        &camera,
        by_rule(Rule {
            grid: Some(crate::rule::Grid::new(every, true)),
            ..every.into()
        }),
    );
    for mut timed in camera.units() {
        timed.unit.received = begin;
        segmenter.push(Placed::Unit(timed));
    }
    segmenter.finish();
    let files = self::files(&mut segmenter);
    assert_eq!(files[0].summary.duration, Duration::from_secs(14));
}

#[test]
fn a_fragment_is_a_second_whatever_the_group() {
    let camera = Camera {
        group: 250,
        b_frames: 1,
        ..Camera::new()
    };
    let files = record(&camera, 10);
    nothing_lost(&camera, &files);
    for file in &files {
        let read = read(&file.bytes);
        for fragment in &read.fragments[..10] {
            assert_eq!(fragment.tracks.len(), 2);
            assert_eq!(fragment.tracks[0].samples, 25);
        }
    }
}

#[test]
fn presentation_starts_with_the_keyframe_and_keeps_the_tracks_together() {
    // A depth of one frame: the keyframe shows 40 ms in, and so does the sound
    // of its time.
    let camera = Camera {
        b_frames: 2,
        ..Camera::new()
    };
    let files = record(&camera, 8);
    for (i, file) in files.iter().enumerate() {
        let movie = read(&file.bytes).movie.unwrap();
        let video = movie.tracks[0].samples.iter().next().unwrap();
        assert_eq!((video.dts, video.composition_offset), (0, 3600), "{i}");
        let sound = movie.tracks[1].samples.iter().next().unwrap();
        assert_eq!(sound.dts, 320, "{i}");
    }
    nothing_lost(&camera, &files);
}

#[test]
fn sound_that_comes_late_is_waited_for_at_the_cut() {
    for late in [-700, 500, 1_900] {
        let camera = Camera {
            audio_late: late,
            ..Camera::new()
        };
        let files = record(&camera, 10);
        assert_eq!(files.len(), 4);
        nothing_lost(&camera, &files);
        for file in &files {
            assert_eq!(file.summary.tracks[1].1, 500, "{late}");
        }
    }
}

#[test]
fn sound_that_stops_holds_nothing_up() {
    let camera = Camera::new();
    let mut segmenter = segmenter(&camera, 10);
    let mut open = 0;
    for unit in camera.units() {
        if unit.unit.track == 1 && unit.time > 8_000 * 3 {
            continue;
        }
        segmenter.push(Placed::Unit(unit));
        while let Some(command) = segmenter.pop() {
            if let Command::Open(_) = command {
                open += 1;
            }
        }
    }
    assert_eq!(open, 4);
}

#[test]
fn new_parameters_make_a_new_file() {
    let camera = Camera {
        audio: false,
        ..Camera::new()
    };
    let mut segmenter = segmenter(&camera, 60);
    for (i, unit) in camera.units().into_iter().enumerate() {
        if i == 300 {
            segmenter.describe(0, h264(1));
        }
        segmenter.push(Placed::Unit(unit));
    }
    segmenter.finish();
    let files = files(&mut segmenter);
    assert_eq!(files.len(), 2);
    assert_eq!(files[0].summary.ended, Ended::Parameters);
    assert_eq!(files[0].summary.tracks[0].1, 300);
    let movie = |f: &File| read(&f.bytes).movie.unwrap();
    assert!(movie(&files[0]).tracks[0].descriptions[0] == h264(0));
    assert!(movie(&files[1]).tracks[0].descriptions[0] == h264(1));
    assert_eq!(samples(&files, 0).len(), 1000);
}

#[test]
fn the_reserve_lasts_for_what_is_in_the_file() {
    // The first second promises little; then the rate of sound grows tenfold.
    let camera = Camera::new();
    let mut segmenter = segmenter(&camera, 3600);
    let mut index = 0;
    for second in 0..2000_i64 {
        for i in 0..2 {
            let time = second * 90_000 + i * 45_000 + index % 7;
            segmenter.push(Placed::Unit(timed(0, time, i == 0, index as usize)));
            index += 1;
        }
        let packets: i64 = if second < 2 { 2 } else { 160 };
        for i in 0..packets {
            let time = second * 8_000 + i * 8_000 / packets + i % 2;
            segmenter.push(Placed::Unit(timed(1, time, true, i as usize)));
        }
    }
    segmenter.finish();
    let files = files(&mut segmenter);
    assert!(files.len() > 1);
    for (i, file) in files.iter().enumerate() {
        let read = read(&file.bytes);
        let reserve = read.top[1].size;
        let need = tapo_finalize::reveal_need(&read.movie.unwrap());
        let len = read.top[1].span.len();
        assert!(need <= len, "{i}: {need} of {len} ({reserve:?})");
        if file.summary.ended == Ended::Reserve {
            assert!(need > len / 2, "{i}: cut too early, {need} of {len}");
        }
    }
    assert!(files.iter().any(|f| f.summary.ended == Ended::Reserve));
}

#[test]
fn each_fragment_is_stamped_and_sealed() {
    let camera = Camera {
        frames: 300,
        ..Camera::new()
    };
    let files = record(&camera, 4);
    let mut previous = [0; 32];
    for (number, file) in (1..).zip(&files) {
        let read = read(&file.bytes);
        let stamp = boxes(&read.movie.unwrap());
        assert_eq!((stamp.number, stamp.previous), (number, previous));
        assert_eq!((stamp.camera.as_str(), stamp.session), ("yard", [7; 16]));
        let mut chain: [u8; 32] = Sha256::digest(stamp.encode()).into();
        let kinds: Vec<_> = read.top.iter().map(|t| t.kind.to_string()).collect();
        assert_eq!(kinds[..3], ["ftyp", "free", "moov"]);
        assert_eq!(read.top[2].span.start % 4096, 0);
        for (sequence, four) in (1..).zip(read.top[3..].chunks(4)) {
            let bytes = |i: usize| {
                let span = four[i].span;
                &file.bytes[span.start as usize..span.end as usize]
            };
            assert_eq!(four[0].kind, b"prft");
            assert_eq!(bytes(0).len(), 32);
            let raw = RawBox {
                kind: four[1].kind,
                bytes: bytes(1).to_vec(),
            };
            let (user_type, payload) = raw.user_data().unwrap();
            assert_eq!(*user_type, FragmentStamp::USER_TYPE);
            let stamp = FragmentStamp::parse(payload).unwrap();
            // The last may hold nothing but the sound that came behind the cut.
            assert!(stamp.track == 1 || sequence == 5);
            assert_eq!(stamp.sequence, sequence);
            let seal = Sha256::new().chain_update(bytes(2)).chain_update(bytes(3));
            assert_eq!(stamp.sha256, <[u8; 32]>::from(seal.finalize()));
            chain = layout::link(&chain, &stamp.sha256);
            assert_eq!(stamp.chain, chain);
        }
        previous = chain;
    }
}

#[test]
fn a_jump_of_the_clock_makes_a_new_file() {
    let camera = Camera::new();
    let mut segmenter = segmenter(&camera, 60);
    for unit in camera.units().into_iter().take(700) {
        segmenter.push(Placed::Unit(unit));
    }
    segmenter.push(Placed::Discontinuity);
    for unit in camera.units().into_iter().take(600) {
        segmenter.push(Placed::Unit(unit));
    }
    segmenter.finish();
    assert_eq!(segmenter.late(), 0);
    let files = files(&mut segmenter);
    assert_eq!(files.len(), 2);
    assert_eq!(files[0].summary.ended, Ended::Clock);
    let all = files.iter().flat_map(|f| &f.summary.tracks);
    assert_eq!(all.map(|t| t.1).sum::<u32>(), 1300);
}

#[test]
fn sound_alone_is_recorded_too() {
    let infos = [TrackInfo {
        codec: Codec::Pcma,
        clock_rate: 8_000,
    }];
    let mut segmenter = Segmenter::new(settings(5), &infos, 0);
    segmenter.describe(0, SampleDescription::g711(b"alaw").unwrap());
    for i in 0..1000 {
        segmenter.push(Placed::Unit(timed(0, i * PACKET, false, i as usize)));
    }
    segmenter.finish();
    let files = files(&mut segmenter);
    assert_eq!(files.len(), 4);
    let expected: Vec<_> = (0..1000).map(|i| (i, i64::from(i) * PACKET)).collect();
    assert_eq!(samples(&files, 0), expected);
}

#[test]
fn without_a_limit_there_is_one_file_and_asking_cuts_it() {
    let camera = Camera::new();
    let mut segmenter = segmenter(&camera, 1);
    segmenter.settings.segment = None;
    for (i, unit) in camera.units().into_iter().enumerate() {
        if i == 1000 {
            segmenter.cut();
        }
        segmenter.push(Placed::Unit(unit));
    }
    segmenter.finish();
    let files = files(&mut segmenter);
    let ended: Vec<_> = files.iter().map(|f| f.summary.ended).collect();
    assert_eq!(ended, [Ended::Asked, Ended::Stopped]);
    nothing_lost(&camera, &files);
}

#[test]
fn an_event_begins_a_file_at_the_next_keyframe() {
    let camera = Camera::new();
    let mut segmenter = segmenter(&camera, 60);
    for (i, unit) in camera.units().into_iter().enumerate() {
        if i == 1000 {
            segmenter.event();
        }
        segmenter.push(Placed::Unit(unit));
    }
    segmenter.finish();
    let files = files(&mut segmenter);
    let ended: Vec<_> = files.iter().map(|f| f.summary.ended).collect();
    assert_eq!(ended, [Ended::Event, Ended::Stopped]);
    nothing_lost(&camera, &files);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn nothing_is_lost_or_repeated(
        frames in 120_usize..600,
        group in 1_usize..90,
        b_frames in 0_usize..4,
        audio_late in -400_i64..1_900,
        audio_skew in -200_i64..400,
        audio in any::<bool>(),
        segment in 1_u64..9,
    ) {
        let camera = Camera { frames, group, b_frames, audio_late, audio_skew, audio };
        let files = record(&camera, segment);
        nothing_lost(&camera, &files);
        // Times go on over the cuts.
        let mut last = None;
        for file in &files {
            let movie = read(&file.bytes).movie.unwrap();
            let start = boxes(&movie).start;
            prop_assert!(last.is_none_or(|last| last == start));
            last = Some(start + movie.tracks[0].samples.duration() as i64);
        }
    }
}
