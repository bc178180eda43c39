//! Further codecs and tracks: recordings lose their index and are repaired by
//! another of the same making. Where samples of some coding cannot be known, none
//! are made up.
//!
//! Tests that need FFmpeg are skipped where it is missing, unless
//! `TAPO_PEERS=require` says that none may be.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::print_stderr,
    reason = "a panic is how a test fails, clips are small, and what is skipped is told"
)]

use std::path::Path;
use std::process::Command;
use tapo_bmff::{BoxWriter, FourCc};
use tapo_movie::{Movie, SampleDescription, SampleTable, Track};
use tapo_repair::{Options, Reconstruction, repair};

fn clip(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata");
    std::fs::read(folder.join(name)).unwrap()
}

fn movie(file: &Vec<u8>) -> Movie {
    tapo_movie::read(file).unwrap().movie.unwrap()
}

/// A sample on its way into a file.
struct Sample {
    bytes: Vec<u8>,
    duration: u32,
    offset: i32,
    sync: bool,
}

/// A track with its samples.
fn taken(file: &[u8], track: &Track) -> (Track, Vec<Sample>) {
    let samples = track.samples.iter().map(|s| Sample {
        bytes: file[s.span.start as usize..s.span.end as usize].to_vec(),
        duration: s.duration,
        offset: s.composition_offset,
        sync: s.sync,
    });
    (track.clone(), samples.collect())
}

/// A file of these tracks, its samples in the order of time: up to where its
/// media data ends, and all of it.
fn woven(header: &Movie, tracks: Vec<(Track, Vec<Sample>)>) -> (usize, Vec<u8>) {
    ordered(header, tracks, |_, micros| micros)
}

/// The same in an order of its own: by a key made of each sample's track and time in
/// microseconds, track by track where keys are equal.
fn ordered(
    header: &Movie,
    tracks: Vec<(Track, Vec<Sample>)>,
    key: impl Fn(usize, u64) -> u64,
) -> (usize, Vec<u8>) {
    let mut order: Vec<(u64, usize, usize)> = Vec::new();
    for (index, (track, samples)) in tracks.iter().enumerate() {
        let mut ticks = 0;
        for (number, sample) in samples.iter().enumerate() {
            let micros = ticks * 1_000_000 / u64::from(track.timescale);
            order.push((key(index, micros), index, number));
            ticks += u64::from(sample.duration);
        }
    }
    order.sort_unstable();
    let mut file = b"\0\0\0\x10ftypisom\0\0\0\0\0\0\0\0mdat".to_vec();
    let mut tables: Vec<SampleTable> = tracks.iter().map(|_| SampleTable::default()).collect();
    for (_, index, number) in order {
        let sample = &tracks[index].1[number];
        let table = &mut tables[index];
        table.start_chunk(file.len() as u64, 1);
        let size = sample.bytes.len() as u32;
        let (offset, sync) = (sample.offset, sample.sync);
        table.push(size, sample.duration, offset, sync).unwrap();
        file.extend(&sample.bytes);
    }
    let end = file.len();
    let size = (end - 16) as u32;
    file[16..20].copy_from_slice(&size.to_be_bytes());
    let mut movie = header.clone();
    movie.tracks = tracks.into_iter().map(|(track, _)| track).collect();
    for (number, (track, table)) in (1..).zip(movie.tracks.iter_mut().zip(tables)) {
        track.samples = table;
        track.header.id = number;
        movie.header.next_track_id = number + 1;
    }
    file.extend(tapo_movie::encode_moov(&movie));
    (end, file)
}

/// The samples of each track: where they stand, and their bytes.
fn samples(file: &Vec<u8>) -> Vec<Vec<Vec<u8>>> {
    let all = movie(file);
    let tracks = all.tracks.iter();
    let bytes = tracks.map(|t| taken(file, t).1.into_iter().map(|s| s.bytes).collect());
    bytes.collect()
}

fn repaired(broken: &[u8], reference: &[u8]) -> (Reconstruction, Vec<u8>) {
    let dir = tempfile::tempdir().unwrap();
    let [at, by, out] = ["broken.mp4", "reference.mp4", "out.mp4"].map(|n| dir.path().join(n));
    std::fs::write(&at, broken).unwrap();
    std::fs::write(&by, reference).unwrap();
    let options = Options {
        output: Some(out.clone()),
        ..Options::default()
    };
    let done = repair(&at, &[by], &options).unwrap();
    (done, std::fs::read(out).unwrap())
}

/// Bytes that look like noise, others for each seed.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u8 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = self.0.wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as u8
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next()).collect()
    }
}

/// A sample entry of this type, with these bytes behind its common fields.
fn entry(kind: &[u8; 4], more: &[u8]) -> SampleDescription {
    let mut w = BoxWriter::new();
    w.boxed(kind, |w| {
        w.zeros(6).u16(1).raw(more);
    });
    SampleDescription::parse(w.into_bytes(), FourCc(*b"meta")).unwrap()
}

/// The clip with a track of metadata, of which `make` makes each sample.
fn with_metadata(
    entry: &SampleDescription,
    seed: u64,
    make: &dyn Fn(&mut Noise, usize) -> Vec<u8>,
) -> (usize, Vec<u8>) {
    let file = clip("h264_bframes_aac.mp4");
    let movie = movie(&file);
    let mut tracks: Vec<_> = movie.tracks.iter().map(|t| taken(&file, t)).collect();
    let video = movie.tracks.iter().find(|t| t.is_video()).unwrap();
    let metadata = Track {
        handler: FourCc(*b"meta"),
        timescale: video.timescale,
        language: video.language,
        descriptions: vec![entry.clone()],
        ..Track::default()
    };
    let mut noise = Noise(seed);
    let own = video.samples.iter().enumerate().map(|(i, s)| Sample {
        bytes: make(&mut noise, i),
        duration: s.duration,
        offset: 0,
        sync: true,
    });
    tracks.push((metadata, own.collect()));
    woven(&movie, tracks)
}

/// A kind of metadata: its sample entry, and how a sample is made.
type Kind = (
    &'static str,
    SampleDescription,
    fn(&mut Noise, usize) -> Vec<u8>,
);

fn kinds() -> Vec<Kind> {
    let key = |n: u8| [&[0, 0, 0, 16, 0, 0, 0, n][..], b"keydmdta"].concat();
    let inside = [key(1), key(2)].concat();
    let size = (8 + inside.len() as u32).to_be_bytes();
    let keys = [&size[..], b"keys", &inside].concat();
    vec![
        ("camm", entry(b"camm", &[]), |noise, i| {
            let kind = [2, 3, 2, 5][i % 4];
            let body = if kind == 5 { 24 } else { 12 };
            [vec![0, 0, kind, 0], noise.bytes(body)].concat()
        }),
        ("mebx", entry(b"mebx", &keys), |noise, i| {
            let mut sample = Vec::new();
            for kind in 1..=1 + (i % 2) as u8 {
                let body = 4 + usize::from(noise.next() % 3) * 4;
                sample.extend((8 + body as u32).to_be_bytes());
                sample.extend([0, 0, 0, kind]);
                sample.extend(noise.bytes(body));
            }
            sample
        }),
        ("forms", entry(b"xxxx", &[]), |noise, i| match i {
            0 => [&b"HEAD"[..], &[7; 40]].concat(),
            _ => [&b"BODY"[..], &noise.bytes(28)].concat(),
        }),
        ("length", entry(b"xxxx", &[]), |noise, _| {
            let len = 20 + u16::from(noise.next());
            let body = noise.bytes(len.into());
            [&len.to_le_bytes()[..], &body].concat()
        }),
        ("mark", entry(b"mett", b"\0text/plain\0"), |noise, _| {
            let digits = "7".repeat(1 + usize::from(noise.next() % 30));
            format!("<gps n='{digits}'/>\n").into_bytes()
        }),
        ("text", entry(b"tx3g", &[0; 30]), |noise, i| {
            let text = "word ".repeat(i % 3 * (1 + usize::from(noise.next() % 3)));
            [&(text.len() as u16).to_be_bytes()[..], text.as_bytes()].concat()
        }),
    ]
}

#[test]
fn metadata_is_told_from_pictures_and_sound() {
    for (name, entry, make) in kinds() {
        let (_, reference) = with_metadata(&entry, 1, &make);
        let (end, whole) = with_metadata(&entry, 2, &make);
        let (done, written) = repaired(&whole[..end], &reference);
        assert_eq!(samples(&written), samples(&whole), "{name}");
        assert!(done.is_complete(), "{name}: {:?}", done.tracks);
    }
}

#[test]
fn of_noise_no_samples_are_made_up() {
    let entry = entry(b"xxxx", &[]);
    let make = |noise: &mut Noise, _: usize| {
        let len = 30 + usize::from(noise.next());
        noise.bytes(len)
    };
    let (_, reference) = with_metadata(&entry, 1, &make);
    let (end, whole) = with_metadata(&entry, 2, &make);
    let (done, written) = repaired(&whole[..end], &reference);
    let (got, true_ones) = (samples(&written), samples(&whole));
    assert_eq!(got[..2], true_ones[..2]);
    let metadata = done.tracks.iter().find(|t| t.id == 3).unwrap();
    assert_eq!(metadata.classes[2], metadata.samples, "inferred, all of it");
    assert!(got[2].len() <= true_ones[2].len());
    assert!(!done.is_complete());
}

#[test]
fn two_video_tracks_of_one_codec_are_kept_apart() {
    let (main, sub) = (clip("h264_bframes_aac.mp4"), clip("h264_other_size.mp4"));
    let weave = |swapped: bool| {
        let video = |file: &Vec<u8>| {
            let movie = movie(file);
            let track = movie.tracks.iter().find(|t| t.is_video()).unwrap();
            taken(file, track)
        };
        let mut tracks = vec![video(&main), video(&sub)];
        if swapped {
            tracks.reverse();
        }
        woven(&movie(&main), tracks)
    };
    for swapped in [false, true] {
        let (end, whole) = weave(swapped);
        let (done, written) = repaired(&whole[..end], &whole);
        assert_eq!(samples(&written), samples(&whole), "{swapped}");
        assert!(done.is_complete());
    }
}

#[test]
fn chunks_at_multiples_of_bytes_are_found_behind_their_padding() {
    let file = clip("h264_bframes_aac.mp4");
    let header = movie(&file);
    let tracks = || header.tracks.iter().map(|t| taken(&file, t));
    for multiple in [8_usize, 64] {
        // Padded samples first; then the index says how long they really are.
        let padded = tracks().map(|(track, mut samples)| {
            for s in &mut samples {
                s.bytes.resize(s.bytes.len().next_multiple_of(multiple), 0);
            }
            (track, samples)
        });
        let (end, mut whole) = woven(&header, padded.collect());
        let mut index = movie(&whole);
        whole.truncate(end);
        let room = multiple * 2 - 24 % multiple;
        let free = [&(room as u32).to_be_bytes()[..], b"free"].concat();
        whole.splice(16..16, [free, vec![0; room - 8]].concat());
        for (track, (_, samples)) in index.tracks.iter_mut().zip(tracks()) {
            let mut table = SampleTable::default();
            for (at, s) in track.samples.iter().zip(samples) {
                table.start_chunk(at.span.start + room as u64, 1);
                let size = s.bytes.len() as u32;
                table.push(size, s.duration, s.offset, s.sync).unwrap();
            }
            track.samples = table;
        }
        let end = whole.len();
        whole.extend(tapo_movie::encode_moov(&index));
        let (done, written) = repaired(&whole[..end], &whole);
        for (got, want) in samples(&written).iter().zip(&samples(&whole)) {
            let differs = got.iter().zip(want).position(|(got, want)| got != want);
            let count = (got.len(), want.len());
            assert_eq!((differs, count.0), (None, count.1), "{multiple}");
        }
        assert!(done.is_complete(), "{multiple}: {:?}", done.gaps);
    }
}

/// Where the media data ends.
fn boxed_end(file: &Vec<u8>) -> usize {
    let read = tapo_movie::read(file).unwrap();
    let found = read.top.iter().find(|b| b.kind == b"mdat").unwrap();
    found.span.end as usize
}

/// A clip of two seconds by FFmpeg; `None` where it or the encoder is missing.
fn encoded(source: &str, extension: &str, codecs: &str) -> Option<Vec<u8>> {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join(format!("clip.{extension}"));
    let pictures = format!("{source}=size=176x144:rate=25");
    let tone = "aevalsrc=0.3*sin(400*t*(3+sin(t))):s=8000:c=mono";
    let made = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-f", "lavfi", "-t", "2", "-i"])
        .args([&pictures, "-f", "lavfi", "-t", "2", "-i", tone])
        .args(codecs.split_whitespace())
        .arg(&out)
        .output();
    if made.is_ok_and(|made| made.status.success()) {
        return std::fs::read(out).ok();
    }
    let required = std::env::var_os("TAPO_PEERS").is_some_and(|v| v == "require");
    assert!(
        !required,
        "ffmpeg with {codecs} not found, and TAPO_PEERS=require"
    );
    eprintln!("skipped: ffmpeg with {codecs} not found");
    None
}

#[test]
fn codecs_that_only_the_next_picture_ends() {
    for (extension, codecs) in [
        ("mp4", "-c:v mpeg4 -g 12 -pix_fmt yuv420p -c:a aac"),
        ("mp4", "-c:v mpeg2video -g 12 -pix_fmt yuv420p -c:a aac"),
        ("3gp", "-c:v h263 -g 12 -pix_fmt yuv420p -c:a aac"),
        ("mov", "-c:v mjpeg -pix_fmt yuvj420p -c:a pcm_s16le"),
        ("mov", "-c:v prores -c:a pcm_s16le"),
    ] {
        let made = |source| encoded(source, extension, codecs);
        let (Some(reference), Some(whole)) = (made("testsrc2"), made("mandelbrot")) else {
            continue;
        };
        let (done, written) = repaired(&whole[..boxed_end(&whole)], &reference);
        let (got, want) = (samples(&written), samples(&whole));
        for (got, want) in got.iter().zip(&want) {
            assert_eq!(got.len(), want.len(), "{codecs}");
            assert!(got == want, "{codecs}");
        }
        assert_eq!(done.tracks.len(), 2, "{codecs}");
    }
}

/// A sample's track, and its bytes.
type Placed = (usize, std::ops::Range<usize>);

/// Opus beside pictures: a reference, a recording, and where its samples stand,
/// in file order, each with its track.
fn opus() -> Option<(Vec<u8>, Vec<u8>, Vec<Placed>)> {
    let codecs = "-c:v libx264 -preset fast -bf 0 -pix_fmt yuv420p -c:a libopus -b:a 48k";
    let made = |source| encoded(source, "mp4", codecs);
    let (reference, whole) = made("testsrc2").zip(made("mandelbrot"))?;
    let tracks = movie(&whole).tracks;
    let span = |s: tapo_movie::Sample| s.span.start as usize..s.span.end as usize;
    let of = |(i, t): (usize, &Track)| t.samples.iter().map(|s| (i, span(s))).collect::<Vec<_>>();
    let mut order: Vec<_> = tracks.iter().enumerate().flat_map(of).collect();
    order.sort_by_key(|(_, span)| span.start);
    Some((reference, whole, order))
}

/// Pictures of some size in the middle of a recording with packets on both sides,
/// by their place in the order.
fn pictures(order: &[Placed]) -> Vec<usize> {
    let places = order.len() / 4..order.len() * 3 / 4;
    let is_large = |i: &usize| order[*i].0 == 0 && order[*i].1.len() > 700;
    let between = |i: &usize| order[i - 1].0 == 1 && order[i + 1].0 == 1;
    places.filter(is_large).filter(between).collect()
}

#[test]
fn packets_in_front_of_a_picture_that_has_lost_its_end_are_kept() {
    let Some((reference, whole, order)) = opus() else {
        return;
    };
    let tried = pictures(&order);
    assert!(tried.len() > 4);
    for place in tried.into_iter().take(6) {
        let picture = order[place].1.clone();
        let mut broken = whole[..boxed_end(&whole)].to_vec();
        broken[picture.start + 400..picture.end + 40].fill(0);
        let (done, written) = repaired(&broken, &reference);
        assert!(!done.is_complete());
        let got = &samples(&written)[1];
        let front = order[..place].iter().filter(|(track, _)| *track == 1);
        for (_, span) in front {
            let packet = &whole[span.clone()];
            assert!(
                got.iter().any(|p| p == packet),
                "picture {place} {picture:?} {span:?}"
            );
        }
    }
}

#[test]
fn a_picture_that_runs_into_packets_is_not_taken_for_whole() {
    let Some((reference, whole, order)) = opus() else {
        return;
    };
    let (mut tried, mut wrong) = (0, 0);
    for place in pictures(&order) {
        // So many bytes of the picture are gone that it seems to end in the middle of
        // the last packet behind it.
        let next = (place + 1..order.len()).find(|i| order[*i].0 == 0).unwrap();
        let (picture, packet) = (order[place].1.clone(), order[next - 1].1.clone());
        let cut = packet.start + packet.len() / 2 - picture.end;
        if next == place + 2 || cut + 300 > picture.len() {
            continue;
        }
        tried += 1;
        let from = picture.end - cut - 100;
        let broken = [&whole[..from], &whole[from + cut..boxed_end(&whole)]].concat();
        let (done, written) = repaired(&broken, &reference);
        assert!(!done.is_complete(), "picture {place}");
        let got = samples(&written);
        let is_true = |track: usize, sample: &Vec<u8>| {
            let mut own = order.iter().filter(|(t, _)| *t == track);
            own.any(|(_, span)| whole[span.clone()] == sample[..])
        };

        let invented = got[1].iter().filter(|s| !is_true(1, s)).count();
        wrong += usize::from(invented > 0);
    }
    // Packets are told by likelihood.
    assert!(tried > 4 && wrong * 4 < tried, "{wrong} of {tried}");
}

#[test]
fn pictures_that_damage_has_hit_are_not_those_of_another_encoder() {
    let whole = clip("h264_bframes_aac.mp4");
    let track = &movie(&whole).tracks[0];
    let mut broken = whole[..boxed_end(&whole)].to_vec();
    for (number, sample) in track.samples.iter().enumerate() {
        let end = sample.span.end as usize;
        if number % 9 == 5 {
            broken[end - 20..end].fill(0);
        }
    }
    let (done, _) = repaired(&broken, &whole);
    assert!(!done.is_complete());
    let kept = done.tracks[0].samples;
    assert!(kept >= track.samples.len() as u64 * 8 / 9, "{kept}");
}

#[test]
fn sound_goes_on_behind_a_gap_within_one_run_of_pictures() {
    let clip = clip("h264_bframes_aac.mp4");
    let header = movie(&clip);
    let thrice = header.tracks.iter().map(|track| {
        let once = || taken(&clip, track).1;
        let samples = once().into_iter().chain(once()).chain(once());
        (track.clone(), samples.collect())
    });
    // Runs of a second; those of the sound begin early, but for the first.
    let run = |track: usize, micros| (micros + if track == 1 { 600_000 } else { 0 }) / 1_000_000;
    let (end, whole) = ordered(&header, thrice.collect(), run);
    let pictures = &movie(&whole).tracks[0];
    for hit in [85_usize, 110, 135] {
        let hit = pictures.samples.iter().nth(hit).unwrap().span;
        let mut broken = whole[..end].to_vec();
        broken[hit.start as usize..hit.end as usize + 9].fill(0);
        let (done, _) = repaired(&broken, &whole);
        assert!(done.tracks[0].lost_samples > 0, "{hit:?}");
        assert_eq!(done.tracks[1].lost_samples, 0, "{hit:?}");
    }
}
