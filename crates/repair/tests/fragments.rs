//! Fragments that are whole and stand in another order, twice, or where no box
//! leads to: every sample comes back, in its place.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "tests panic when they fail"
)]

use std::path::Path;
use tapo_bmff::BoxWriter;
use tapo_io::{ByteSource, Span};
use tapo_movie::{FragmentDefaults, Run, RunSample, Sample, SampleTable};
use tapo_repair::{Options, repair};

/// A clip in fragments of `each` seconds, and where these stand.
fn in_fragments(plain: &Vec<u8>, each: u64) -> (Vec<u8>, Vec<Span>) {
    let full = tapo_movie::read(plain).unwrap().movie.unwrap();
    let mut init = full.clone();
    init.other.clear();
    for track in &mut init.tracks {
        track.samples = SampleTable::default();
        track.defaults = Some(FragmentDefaults::default());
    }
    let mut w = BoxWriter::new();
    w.boxed(b"ftyp", |w| {
        w.raw(b"iso6").u32(512).raw(b"iso6mp41");
    });
    let mut file = w.into_bytes();
    file.extend(tapo_movie::encode_init(&init));
    let mut spans = Vec::new();
    for number in 0.. {
        let mut data = Vec::new();
        let mut parts = Vec::new();
        for track in &full.tracks {
            let inside = |s: &Sample| s.dts / u64::from(track.timescale) / each == number;
            let samples: Vec<Sample> = track.samples.iter().filter(inside).collect();
            let run = samples.iter().map(|s| {
                data.extend(plain.read_span(s.span).unwrap());
                RunSample {
                    size: s.span.len() as u32,
                    duration: s.duration,
                    composition_offset: s.composition_offset,
                    sync: s.sync,
                }
            });
            let run: Vec<RunSample> = run.collect();
            if let Some(first) = samples.first() {
                parts.push((track.header.id, first.dts, run));
            }
        }
        if parts.is_empty() {
            break;
        }
        let runs: Vec<Run<'_>> = parts
            .iter()
            .map(|(track_id, time, samples)| Run {
                track_id: *track_id,
                base_media_decode_time: *time,
                description: 1,
                samples,
            })
            .collect();
        let start = file.len() as u64;
        file.extend(tapo_movie::encode_moof(number as u32 + 1, &runs));
        file.extend(BoxWriter::header(b"mdat", data.len() as u64, false));
        file.extend(data);
        spans.push(Span::new(start, file.len() as u64));
    }
    (file, spans)
}

/// A sample: its bytes, times, duration and sync flag.
type Content = (Vec<u8>, u64, i32, u32, bool);

fn content(file: &Vec<u8>) -> Vec<Vec<Content>> {
    let movie = tapo_movie::read(file).unwrap().movie.unwrap();
    let of = |s: Sample| {
        let bytes = file.read_span(s.span).unwrap();
        (bytes, s.dts, s.composition_offset, s.duration, s.sync)
    };
    let tracks = movie.tracks.iter();
    tracks.map(|t| t.samples.iter().map(of).collect()).collect()
}

fn repaired(folder: &Path, broken: &[u8]) -> Vec<Vec<Content>> {
    let (from, to) = (folder.join("broken.mp4"), folder.join("out.mp4"));
    std::fs::write(&from, broken).unwrap();
    let options = Options {
        output: Some(to.clone()),
        replace: true,
        ..Options::default()
    };
    repair(&from, &[], &options).unwrap();
    content(&std::fs::read(&to).unwrap())
}

fn clip(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata");
    std::fs::read(folder.join(name)).unwrap()
}

#[test]
fn fragments_come_back_in_order_and_once() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["h264_bframes_aac.mp4", "h265_open_gop.mp4", "h264_alaw.mov"] {
        let (file, spans) = in_fragments(&clip(name), 1);
        let last = spans.len() - 1;
        assert!(last >= 2, "{name}");
        let want = content(&file);
        let head = &file[..spans[0].start as usize];
        let swapped: Vec<usize> = (0..last - 1).chain([last, last - 1]).collect();
        let backward: Vec<usize> = (0..=last).rev().collect();
        let repeated: Vec<usize> = (0..=last).chain([1]).chain([0]).collect();
        for order in [swapped, backward, repeated] {
            let mut broken = head.to_vec();
            for place in &order {
                let span = spans[*place];
                broken.extend(&file[span.start as usize..span.end as usize]);
            }
            assert!(repaired(folder.path(), &broken) == want, "{name} {order:?}");
        }
    }
}

#[test]
fn of_a_repetition_that_differs_the_first_is_kept_and_doubted() {
    let folder = tempfile::tempdir().unwrap();
    let (file, spans) = in_fragments(&clip("h264_bframes_aac.mp4"), 1);
    let want = content(&file);
    let mut broken = file.clone();
    let mut again = file[spans[1].start as usize..spans[1].end as usize].to_vec();
    *again.last_mut().unwrap() ^= 1;
    broken.splice(spans[2].start as usize..spans[2].start as usize, again);
    let [from, to] = ["differs.mp4", "differs.out.mp4"].map(|n| folder.path().join(n));
    std::fs::write(&from, &broken).unwrap();
    let options = Options {
        output: Some(to.clone()),
        ..Options::default()
    };
    let done = repair(&from, &[], &options).unwrap();
    assert!(content(&std::fs::read(&to).unwrap()) == want);
    assert!(!done.is_complete());
    let damaged: usize = done.tracks.iter().map(|t| t.damaged.len()).sum();
    assert_eq!(damaged, 1);
}

#[test]
fn fragments_behind_a_size_that_is_wrong_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let (file, spans) = in_fragments(&clip("h264_bframes_aac.mp4"), 1);
    let want = content(&file);
    let moofs = tapo_movie::read(&file).unwrap().fragments;
    let header = moofs[1].moof.end as usize;
    let len = spans[1].end - header as u64;
    for size in [0, len + spans[2].len(), len + 40, len - 40] {
        let mut broken = file.clone();
        broken[header..header + 4].copy_from_slice(&(size as u32).to_be_bytes());
        assert!(repaired(folder.path(), &broken) == want, "{size}");
    }
}

/// The payload of the box of this type within a fragment, of its track number from 0 on.
fn inside(file: &[u8], fragment: Span, kind: &[u8; 4], track: usize) -> usize {
    let bytes = &file[fragment.start as usize..fragment.end as usize];
    let mut all = bytes.windows(4).enumerate().filter(|(_, w)| w == kind);
    fragment.start as usize + all.nth(track).unwrap().0 + 4
}

/// What is told, and what comes out, of a file that is not taken for sound.
fn told(broken: &[u8]) -> (tapo_repair::Reconstruction, Vec<Vec<Content>>) {
    let (sound, done, content) = judged(broken);
    assert!(!sound);
    (done, content)
}

/// Whether it is taken for sound, what is told, and what comes out.
fn judged(broken: &[u8]) -> (bool, tapo_repair::Reconstruction, Vec<Vec<Content>>) {
    let folder = tempfile::tempdir().unwrap();
    let [from, to] = ["told.mp4", "told.out.mp4"].map(|n| folder.path().join(n));
    std::fs::write(&from, broken).unwrap();
    let options = Options {
        output: Some(to.clone()),
        ..Options::default()
    };
    let sound = tapo_repair::is_sound(&from, &options).unwrap();
    let done = repair(&from, &[], &options).unwrap();
    (sound, done, content(&std::fs::read(&to).unwrap()))
}

#[test]
fn headers_of_fragments_that_lie_are_put_right() {
    let (file, spans) = in_fragments(&clip("h264_bframes_aac.mp4"), 1);
    let want = content(&file);
    for track in [0, 1] {
        for by in [1_u32, u32::MAX] {
            let mut broken = file.clone();
            let at = inside(&file, spans[1], b"trun", track) + 4;
            let count = u32::from_be_bytes(file[at..at + 4].try_into().unwrap());
            broken[at..at + 4].copy_from_slice(&count.wrapping_add(by).to_be_bytes());
            let (done, got) = told(&broken);
            assert!(got == want && done.is_complete(), "count {track} {by}");
        }
        let mut broken = file.clone();
        let at = inside(&file, spans[1], b"tfhd", track) + 4;
        broken[at..at + 4].copy_from_slice(&(2 - track as u32).to_be_bytes());
        let (done, got) = told(&broken);
        assert!(got == want && done.is_complete(), "track {track}");
        for time in [0_u64, 100_000_000] {
            let mut broken = file.clone();
            let at = inside(&file, spans[1], b"tfdt", track) + 4;
            broken[at..at + 8].copy_from_slice(&time.to_be_bytes());
            let (done, got) = told(&broken);
            assert!(got == want && done.is_complete(), "time {track} {time}");
        }
    }
}

#[test]
fn times_that_no_order_explains_are_a_guess() {
    let (file, spans) = in_fragments(&clip("h264_bframes_aac.mp4"), 1);
    let mut broken = file.clone();
    for span in &spans {
        let at = inside(&file, *span, b"tfdt", 0) + 4;
        broken[at..at + 8].fill(0);
    }
    let (_, done, _) = judged(&broken);
    let note = tapo_repair::Note::TimesMended {
        track: 1,
        sure: false,
    };
    assert!(done.notes.contains(&note) && !done.is_complete());
}

#[test]
fn fragments_that_are_missing_are_told() {
    let (file, spans) = in_fragments(&clip("h264_bframes_aac.mp4"), 1);
    let mut broken = file.clone();
    broken.drain(spans[1].start as usize..spans[1].end as usize);
    let (done, _) = told(&broken);
    let note = tapo_repair::Note::FragmentsMissing { fragments: 1 };
    assert!(
        done.notes.contains(&note) && !done.is_complete(),
        "{:?}",
        done.notes
    );
}

#[test]
fn a_fragment_that_lost_its_head_alone_is_not_missing() {
    for name in ["h264_bframes_aac.mp4", "h264_alaw.mov"] {
        let (file, spans) = in_fragments(&clip(name), 1);
        let moofs = tapo_movie::read(&file).unwrap().fragments;
        let moof = moofs
            .iter()
            .map(|f| f.moof)
            .find(|m| m.start == spans[1].start);
        let moof = moof.unwrap();
        assert!(moofs.len() > 2);
        let mut broken = file.clone();
        broken[moof.start as usize..moof.end as usize].fill(0);
        let (done, got) = told(&broken);
        for (track, (got, want)) in got.iter().zip(&content(&file)).enumerate() {
            let times = |c: &[Content]| c.iter().map(|c| (c.1, c.2)).collect::<Vec<_>>();
            assert_eq!(times(got), times(want), "{name} {track}");
            assert!(got == want, "{name} {track}");
        }
        assert!(done.gaps.is_empty(), "{name}: {:?}", done.gaps);
        assert!(done.notes.is_empty(), "{name}: {:?}", done.notes);
    }
}

#[test]
fn fragments_that_are_missing_in_front_are_told() {
    let (file, spans) = in_fragments(&clip("h264_bframes_aac.mp4"), 1);
    let mut broken = file.clone();
    broken.drain(spans[0].start as usize..spans[0].end as usize);
    let (_, done, _) = judged(&broken);
    let note = tapo_repair::Note::FragmentsMissing { fragments: 1 };
    assert!(done.notes.contains(&note), "{:?}", done.notes);
    assert!(!done.is_complete());
    let (_, done, _) = judged(&file);
    assert!(done.notes.is_empty(), "{:?}", done.notes);
}

#[test]
fn what_a_wrong_size_hides_keeps_the_times_of_its_fragment() {
    let (file, spans) = in_fragments(&clip("h264_bframes_aac.mp4"), 1);
    let movie = tapo_movie::read(&file).unwrap().movie.unwrap();
    let inside_of = |s: &Sample| spans[1].contains(s.span);
    let last = movie.tracks[0].samples.iter().filter(inside_of).last();
    let size = last.unwrap().span.len() as u32;
    let mut broken = file.clone();
    let from = inside(&file, spans[1], b"trun", 0);
    let place = file[from..]
        .windows(4)
        .position(|w| w == size.to_be_bytes());
    let at = from + place.unwrap();
    broken[at..at + 4].copy_from_slice(&(size ^ 0x20).to_be_bytes());
    let (_, got) = told(&broken);
    assert!(got[0] == content(&file)[0]);
}

#[test]
fn a_sample_with_bytes_put_in_is_doubted_where_nothing_stands_behind_it() {
    let (file, spans) = in_fragments(&clip("h264_bframes_aac.mp4"), 1);
    let at = spans[1].end as usize - 30;
    let broken = [&file[..at], &[0x5a; 50], &file[at..]].concat();
    let (done, _) = told(&broken);
    assert!(!done.is_complete());
}

#[test]
fn fragments_of_another_recording_keep_their_own_description() {
    let (file, _) = in_fragments(&clip("h264_bframes_aac.mp4"), 1);
    let (other, spans) = in_fragments(&clip("h264_other_size.mp4"), 1);
    let (done, got) = told(&[&file[..], &other[..]].concat());
    let pictures = content(&file)[0].len() + content(&other)[0].len();
    assert_eq!(got[0].len(), pictures);
    assert!(done.is_complete(), "{:?}", done.notes);
    // Without its index, they are doubted.
    let bare = &other[spans[0].start as usize..];
    let (done, _) = told(&[&file[..], bare].concat());
    assert!(!done.is_complete());
}

/// What stood in front of its media was no media: all tracks go on where they ended.
#[test]
fn the_last_fragment_goes_on_without_its_head() {
    for name in ["h264_bframes_aac.mp4", "h265_open_gop.mp4", "h264_alaw.mov"] {
        let (file, spans) = in_fragments(&clip(name), 1);
        let want = content(&file);
        let last = tapo_movie::read(&file).unwrap().fragments.pop().unwrap();
        assert_eq!(last.moof.start, spans.last().unwrap().start);
        let moof = last.moof.start as usize..last.moof.end as usize;
        for lost in [moof.clone(), moof.start + 4..moof.start + 8] {
            let mut broken = file.clone();
            broken[lost.clone()].fill(0);
            let (done, content) = told(&broken);
            for (track, (content, want)) in content.iter().zip(&want).enumerate() {
                let times = |c: &[Content]| c.iter().map(|c| (c.1, c.2)).collect::<Vec<_>>();
                assert_eq!(times(content), times(want), "{name} {lost:?} {track}");
                assert!(content == want, "{name} {lost:?} {track}");
            }
            let lost: u64 = done.tracks.iter().map(|t| t.lost_samples).sum();
            assert_eq!(lost, 0, "{name}");
        }
    }
}
