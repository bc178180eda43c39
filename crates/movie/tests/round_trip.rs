//! Movie -> bytes -> Movie, for movies that nobody thought of.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use proptest::prelude::*;
use tapo_bmff::{BoxWriter, FourCc};
use tapo_movie::{
    Chunk, Edit, Movie, MovieHeader, RawBox, Run, RunSample, Sample, SampleDescription,
    SampleTable, Sizes, Track, TrackHeader, encode_init, encode_moof, encode_moof_at, encode_moov,
    read,
};

fn raw_box(kind: &[u8; 4], payload: &[u8]) -> RawBox {
    let mut w = BoxWriter::new();
    w.boxed(kind, |w| {
        w.raw(payload);
    });
    RawBox {
        kind: FourCc(*kind),
        bytes: w.into_bytes(),
    }
}

prop_compose! {
    fn table()(
        samples in prop::collection::vec(
            (0_u32..5000, 0_u32..4000, -500_i32..4000, any::<bool>()), 0..60),
        breaks in prop::collection::vec((any::<bool>(), 0_u64..1 << 40, 1_u32..3), 60),
        shifted in any::<bool>(),
        constant in prop::option::of((1_u32..99, 1_u32..1000)),
    ) -> SampleTable {
        let mut table = SampleTable::default();
        if let Some((size, count)) = constant {
            table.sizes = Sizes::Constant { size, count };
            table.durations = [(count, 1)].into_iter().collect();
            table.chunks = vec![Chunk { offset: 1 << 33, samples: count, description: 1 }];
            return table;
        }
        for ((size, duration, offset, sync), (chunk, at, description)) in samples.into_iter().zip(breaks) {
            if chunk || table.is_empty() {
                table.start_chunk(at, description);
            }
            let offset = if shifted { offset } else { 0 };
            table.push(size, duration, offset, sync).unwrap();
        }
        table
    }
}

prop_compose! {
    fn track()(
        samples in table(),
        id in 1_u32..9,
        timescale in 1_u32..200_000,
        sound in any::<bool>(),
        time in 0_u64..1 << 33,
        language in 1_u16..0x7fff,
        edits in prop::collection::vec((0_u64..1 << 33, prop::option::of(0_u64..1 << 33)), 0..3),
        extra in prop::collection::vec(any::<u8>(), 0..20),
    ) -> Track {
        let mut entry = BoxWriter::new();
        entry.boxed(if sound { b"mp4a" } else { b"avc1" }, |w| {
            w.zeros(if sound { 28 } else { 78 }).raw(&raw_box(b"btrt", &extra).bytes);
        });
        let handler = FourCc(if sound { *b"soun" } else { *b"vide" });
        let description = SampleDescription::parse(entry.into_bytes(), handler).unwrap();
        let edit = |(duration, media_time)| Edit { duration, media_time, rate: 0x1_0000 };
        let mut hdlr = BoxWriter::new();
        hdlr.zeros(8).four(handler).zeros(12).raw(b"Name\0");
        Track {
            header: TrackHeader { id, creation_time: time, width: 640 << 16, ..TrackHeader::default() },
            handler,
            handler_box: hdlr.into_bytes(),
            timescale,
            media_modification_time: time,
            language,
            descriptions: vec![description.clone(), description],
            samples,
            edits: edits.into_iter().map(edit).collect(),
            media_header: Some(raw_box(if sound { b"smhd" } else { b"vmhd" }, &[0; 8])),
            data_information: Some(raw_box(b"dinf", b"")),
            other: vec![raw_box(b"tref", b"")],
            other_stbl: vec![raw_box(b"sgpd", &extra)],
            ..Track::default()
        }
    }
}

prop_compose! {
    fn movie()(
        tracks in prop::collection::vec(track(), 0..3),
        timescale in 1_u32..1_000_000,
        user in prop::collection::vec(any::<u8>(), 0..50),
    ) -> Movie {
        Movie {
            header: MovieHeader { timescale, next_track_id: 9, ..MovieHeader::default() },
            tracks,
            other: vec![raw_box(b"iods", &user)],
        }
    }
}

/// What the writer works out by itself is not compared.
fn without_durations(mut movie: Movie) -> Movie {
    movie.header.declared_duration = 0;
    for track in &mut movie.tracks {
        track.header.declared_duration = 0;
        track.declared_media_duration = 0;
        track.samples.chunks.retain(|c| c.samples > 0);
    }
    movie
}

/// Equal sizes may be written as one number or as many.
fn samples(movie: &Movie) -> Vec<Vec<Sample>> {
    movie
        .tracks
        .iter()
        .map(|t| t.samples.iter().collect())
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_movie_survives_being_written_and_read(movie in movie()) {
        let bytes = encode_moov(&movie);
        let got = read(&bytes).unwrap();
        prop_assert!(got.defects.is_empty(), "{:?}", got.defects);
        let got = got.movie.unwrap();
        prop_assert_eq!(samples(&got), samples(&movie));
        let again = encode_moov(&got);
        prop_assert_eq!(&again, &bytes);
        prop_assert_eq!(without_durations(got), without_durations(movie));
    }

    #[test]
    fn fragments_give_the_samples_they_were_made_of(
        starts in prop::collection::vec(0_u64..100_000, 2),
        gap in 0_u64..1000,
        runs in prop::collection::vec(
            prop::collection::vec(
                prop::collection::vec((0_u32..300, 1_u32..4000, -500_i32..4000, any::<bool>()), 0..8),
                2),
            1..5),
    ) {
        let mut movie = Movie::default();
        for (id, handler) in [(1, b"vide"), (2, b"soun")] {
            let header = TrackHeader { id, ..TrackHeader::default() };
            movie.tracks.push(Track {
                header,
                handler: FourCc(*handler),
                timescale: 90_000,
                ..Track::default()
            });
        }
        let mut bytes = encode_init(&movie);
        let mut want: Vec<Vec<Sample>> = vec![Vec::new(); 2];
        let mut ends = starts.clone();
        for (sequence, tracks) in (1_u32..).zip(&runs) {
            let runs: Vec<Vec<RunSample>> = tracks.iter().map(|samples| {
                let sample = |(size, duration, composition_offset, sync): &(u32, u32, i32, bool)| RunSample {
                    size: *size,
                    duration: *duration,
                    composition_offset: *composition_offset,
                    sync: *sync,
                };
                samples.iter().map(sample).collect()
            }).collect();
            let described: Vec<Run<'_>> = runs.iter().zip(1_u32..).map(|(samples, track_id)| Run {
                track_id,
                base_media_decode_time: ends[track_id as usize - 1],
                description: 1,
                samples,
            }).collect();
            let moof = encode_moof(sequence, &described);
            let mut at = (bytes.len() + moof.len() + 8) as u64;
            let data: u64 = runs.iter().flatten().map(|s| u64::from(s.size)).sum();
            bytes.extend(moof);
            bytes.extend(BoxWriter::header(b"mdat", data, false));
            bytes.resize(bytes.len() + usize::try_from(data).unwrap(), 7);
            for (i, samples) in runs.iter().enumerate() {
                for s in samples {
                    let number = u32::try_from(want[i].len() + 1).unwrap();
                    want[i].push(Sample {
                        number,
                        span: tapo_io::Span::at(at, u64::from(s.size)),
                        dts: ends[i],
                        composition_offset: s.composition_offset,
                        duration: s.duration,
                        sync: s.sync || i == 1,
                        description: 1,
                    });
                    at += u64::from(s.size);
                    ends[i] += u64::from(s.duration);
                }
                // A gap behind the fragment makes the last sample longer.
                if let (Some(last), true) = (want[i].last_mut(), (sequence as usize) < tracks.len()) {
                    last.duration += u32::try_from(gap).unwrap();
                    ends[i] += gap;
                }
            }
        }
        // An empty run carries its time along, but no sample to make longer.
        let got = read(&bytes).unwrap();
        prop_assert!(got.fragments.iter().all(|f| f.whole));
        let got = samples(got.movie.as_ref().unwrap());
        for (got, want) in got.iter().zip(&want) {
            let place = |s: &Sample| (s.number, s.span, s.dts, s.composition_offset, s.sync);
            prop_assert_eq!(
                got.iter().map(place).collect::<Vec<_>>(),
                want.iter().map(place).collect::<Vec<_>>()
            );
        }
    }

    #[test]
    fn any_bytes_are_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..400), at in 0_usize..900) {
        let mut file = encode_moov(&Movie {
            tracks: vec![Track::default()],
            ..Movie::default()
        });
        let end = (at + bytes.len()).min(file.len());
        let start = at.min(end);
        let count = end - start;
        file[start..end].copy_from_slice(&bytes[..count]);
        read(&file).unwrap();
        read(&bytes).unwrap();
    }
}

/// Of a fragment of which a sector was lost no sample is made up, and none gets another's time.
#[test]
fn a_lost_sector_of_a_fragment_leaves_samples_out() {
    let mut movie = Movie::default();
    for (id, handler) in [(1, b"vide"), (2, b"soun")] {
        let header = TrackHeader {
            id,
            ..TrackHeader::default()
        };
        movie.tracks.push(Track {
            header,
            handler: FourCc(*handler),
            timescale: 90_000,
            ..Track::default()
        });
    }
    let sample = |size| RunSample {
        size,
        duration: 40,
        composition_offset: 0,
        sync: true,
    };
    let tracks: [Vec<_>; 2] = [25, 70].map(|n| (1..=n).map(sample).collect());
    let runs = [(1, &tracks[0]), (2, &tracks[1])].map(|(track_id, samples)| Run {
        track_id,
        base_media_decode_time: 7,
        description: 1,
        samples,
    });
    let head = encode_init(&movie);
    for padding in 0..128 {
        let at = head.len() + 4 * padding;
        let mut file = head.clone();
        file.extend(BoxWriter::header(b"free", 4 * padding as u64, false));
        file.resize(at + 8, 0);
        let at = file.len();
        let moof = encode_moof_at(at as u64, 1, &runs);
        let media: u32 = tracks.iter().flatten().map(|s| s.size).sum();
        let boxes = at + moof.len();
        file.extend(moof);
        file.extend(BoxWriter::header(b"mdat", media.into(), false));
        file.resize(file.len() + media as usize, 7);
        let all = samples(&read(&file).unwrap().movie.unwrap());
        assert_eq!(all.iter().map(Vec::len).collect::<Vec<_>>(), [25, 70]);
        let sectors = at / 512..boxes.div_ceil(512);
        assert!(sectors.len() >= 3);
        for lost in sectors {
            let mut left = file.clone();
            left[at.max(lost * 512)..boxes.min(lost * 512 + 512)].fill(0);
            let there = samples(&read(&left).unwrap().movie.unwrap());
            for (there, all) in there.iter().zip(&all) {
                assert_eq!(&all[..there.len()], there, "sector {lost}, from {at}");
            }
        }
    }
}
