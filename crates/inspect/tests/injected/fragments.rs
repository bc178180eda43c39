//! Fragments that are cut out, swapped, repeated, or that a size hides: each with
//! the finding that is its own, the bytes, the time and what can be saved.

use super::files::{clip, in_fragments};
use tapo_bmff::BoxWriter;
use tapo_inspect::{Finding, Inspection, Problem, Severity, Verdict, inspect};
use tapo_io::Span;

/// Four fragments, and where each stands, its `mdat` included.
fn file() -> (Vec<u8>, Vec<Span>) {
    let file = in_fragments(&clip("h264_bframes_aac.mp4"), false);
    let spans = places(&file);
    assert_eq!(spans.len(), 4);
    (file, spans)
}

fn places(file: &Vec<u8>) -> Vec<Span> {
    let read = tapo_movie::read(file).unwrap();
    let mut starts: Vec<u64> = read.fragments.iter().map(|f| f.moof.start).collect();
    let end = read.top.iter().rfind(|b| b.kind == b"mdat").unwrap();
    starts.push(end.span.end);
    starts.windows(2).map(|w| Span::new(w[0], w[1])).collect()
}

/// The file with its fragments in this order.
fn ordered(order: &[usize]) -> (Vec<u8>, Vec<Span>) {
    let (file, spans) = file();
    let mut made = file[..spans[0].start as usize].to_vec();
    for place in order {
        let span = spans[*place];
        made.extend(&file[span.start as usize..span.end as usize]);
    }
    let spans = places(&made);
    (made, spans)
}

/// The findings that matter.
fn worst(seen: &Inspection) -> Vec<&Finding> {
    let all = seen.findings.iter();
    all.filter(|f| f.severity() > Severity::Notice).collect()
}

/// Seconds of the pictures: sound, and all.
fn seconds(seen: &Inspection) -> (u64, u64) {
    let saved = seen.saved()[0];
    let whole = |ticks: u64| (ticks + u64::from(saved.timescale) / 2) / u64::from(saved.timescale);
    (whole(saved.sound), whole(saved.all))
}

fn moof(file: &Vec<u8>, number: usize) -> Span {
    tapo_movie::read(file).unwrap().fragments[number].moof
}

/// Where the fields of the first `tfdt` of a fragment stand, behind its version and flags.
fn tfdt(file: &Vec<u8>, number: usize) -> usize {
    let moof = moof(file, number);
    let bytes = &file[moof.start as usize..moof.end as usize];
    let at = bytes.windows(4).position(|w| w == b"tfdt").unwrap();
    moof.start as usize + at + 8
}

#[test]
fn a_size_that_swallows_fragments_is_damage() {
    let (sound, spans) = file();
    let (_, all) = seconds(&inspect(&sound).unwrap());
    let header = moof(&sound, 1).end;
    let len = spans[1].end - header;
    // Open to the end, as long as two fragments, a few bytes too long, and too short.
    let exact = len + spans[2].len();
    for size in [0, exact, len + 40, len - 40] {
        let mut file = sound.clone();
        let field = u32::try_from(size).unwrap().to_be_bytes();
        file[header as usize..header as usize + 4].copy_from_slice(&field);
        let seen = inspect(&file).unwrap();
        assert_eq!(seen.verdict, Verdict::Damaged, "{size}");
        let hidden = if size == exact { 1 } else { 2 };
        let found = seen.findings.iter().find_map(|f| match f.problem {
            Problem::FragmentsHidden { fragments } => Some((fragments, f.span?, f.time?)),
            _ => None,
        });
        let (fragments, span, time) = found.unwrap();
        assert_eq!(fragments, hidden, "{size}");
        assert_eq!(span.start, spans[2].start, "{size}");
        assert_eq!(span.end, spans[1 + hidden as usize].end, "{size}");
        assert!(time.start > 0 && time.end > time.start, "{size}");
        let of_size = |f: &&Finding| matches!(f.problem, Problem::SizeWrong { .. });
        let wrong = seen.findings.iter().find(of_size).unwrap();
        assert_eq!(wrong.span.unwrap().start, header, "{size}");
        assert!(!seen.findings.iter().any(|f| f.problem == Problem::MdatOpen));
        assert_eq!(seconds(&seen), (all, all), "{size}");
    }
}

#[test]
fn the_open_media_of_the_last_fragment_is_sound() {
    let (mut file, _) = file();
    let header = moof(&file, 3).end as usize;
    file[header..header + 4].fill(0);
    let seen = inspect(&file).unwrap();
    assert_eq!(seen.verdict, Verdict::Sound);
    assert!(worst(&seen).is_empty(), "{:?}", worst(&seen));
}

#[test]
fn a_fragment_that_was_taken_out_is_missed_on_every_track() {
    let (file, spans) = ordered(&[0, 2, 3]);
    let seen = inspect(&file).unwrap();
    let found = worst(&seen);
    assert_eq!(found.len(), 2, "{found:?}");
    for (finding, track) in found.iter().zip(&seen.tracks) {
        let (before, after) = (1, 3);
        assert_eq!(finding.problem, Problem::FragmentsMissing { before, after });
        assert_eq!(finding.track, Some(track.id));
        assert_eq!(finding.span.unwrap().start, spans[1].start);
    }
    let (sound, all) = seconds(&seen);
    assert!(sound < all, "{sound} {all}");
    let missing = |n: usize| {
        let map = seen.map(64);
        map[n].cells.iter().filter(|c| c.missing > 0).count()
    };
    assert!(missing(0) > 10 && missing(1) > 10);
}

#[test]
fn fragments_that_were_swapped_are_not_missing() {
    let (file, spans) = ordered(&[0, 2, 1, 3]);
    let seen = inspect(&file).unwrap();
    let found = worst(&seen);
    assert_eq!(found.len(), 1, "{found:?}");
    let fragments = 2;
    assert_eq!(found[0].problem, Problem::FragmentsUnordered { fragments });
    let place = Span::new(spans[1].start, spans[2].end);
    assert_eq!(found[0].span, Some(place));
    let (sound, all) = seconds(&seen);
    assert_eq!((sound, all), seconds(&inspect(&self::file().0).unwrap()));
}

#[test]
fn a_fragment_that_stands_twice_is_told_once() {
    let (file, spans) = ordered(&[0, 1, 1, 2, 3]);
    let seen = inspect(&file).unwrap();
    let found = worst(&seen);
    assert_eq!(found.len(), 1, "{found:?}");
    let (number, of) = (3, 2);
    assert_eq!(found[0].problem, Problem::FragmentRepeated { number, of });
    assert_eq!(found[0].span, Some(spans[2]));
    assert_eq!(seen.verdict, Verdict::Damaged);
    let (sound, all) = seconds(&seen);
    assert_eq!((sound, all), seconds(&inspect(&self::file().0).unwrap()));
}

#[test]
fn one_wrong_time_is_told_where_it_is() {
    let (sound, _) = file();
    let at = tfdt(&sound, 2);
    for later in [false, true] {
        let mut file = sound.clone();
        let field: [u8; 8] = file[at..at + 8].try_into().unwrap();
        let time = u64::from_be_bytes(field);
        let wrong = if later { time * 2 } else { time / 4 };
        file[at..at + 8].copy_from_slice(&wrong.to_be_bytes());
        let seen = inspect(&file).unwrap();
        let found = worst(&seen);
        assert_eq!(found.len(), 1, "{found:?}");
        let ticks = wrong.cast_signed() - time.cast_signed();
        assert_eq!(found[0].problem, Problem::FragmentTimeWrong { ticks });
        assert_eq!(found[0].span, Some(moof(&file, 2)));
        assert_eq!(seen.verdict, Verdict::Damaged);
    }
}

/// The list of fragments that a muxer writes last.
fn mfra(file: &Vec<u8>) -> Vec<u8> {
    let read = tapo_movie::read(file).unwrap();
    let mut w = BoxWriter::new();
    w.boxed(b"mfra", |w| {
        w.full(b"tfra", 1, 0, |w| {
            let all = &read.fragments;
            w.u32(1).u32(0).u32(all.len() as u32);
            for fragment in all {
                let time = fragment.tracks[0].base_media_decode_time.unwrap();
                w.u64(time).u64(fragment.moof.start).raw(&[1, 1, 1]);
            }
        });
    });
    w.into_bytes()
}

#[test]
fn the_list_at_the_end_tells_what_was_cut_off_at_either_end() {
    let (mut sound, spans) = file();
    let list = mfra(&sound);
    let time = |n: usize| {
        let read = tapo_movie::read(&sound).unwrap();
        read.fragments[n].tracks[0].base_media_decode_time.unwrap()
    };
    let times: Vec<u64> = (0..4).map(time).collect();
    for (kept, at, start) in [
        (&[1, 2, 3][..], spans[0].start, times[0]),
        (&[0, 1][..], spans[2].start, times[2]),
    ] {
        let (mut file, _) = ordered(kept);
        file.extend(&list);
        let seen = inspect(&file).unwrap();
        let found = worst(&seen);
        assert_eq!(found.len(), 1, "{found:?}");
        let fragments = 4 - kept.len() as u32;
        assert_eq!(found[0].problem, Problem::FragmentsCutOut { fragments });
        assert_eq!(found[0].span.unwrap().start, at);
        assert_eq!(found[0].time.unwrap().start, start);
        assert_eq!(seen.verdict, Verdict::Damaged);
    }
    sound.extend(list);
    let seen = inspect(&sound).unwrap();
    assert!(worst(&seen).is_empty(), "{:?}", worst(&seen));
}

#[test]
fn a_first_fragment_that_is_not_number_one_is_worth_a_notice() {
    let (file, _) = ordered(&[1, 2, 3]);
    let seen = inspect(&file).unwrap();
    assert!(worst(&seen).is_empty(), "{:?}", worst(&seen));
    let before = Problem::FragmentsBefore { number: 2 };
    assert!(seen.findings.iter().any(|f| f.problem == before));
}

#[test]
fn a_fragment_that_lost_its_table_or_its_clock_is_told() {
    let (sound, _) = file();
    // Of the first run all but its header is zeroed: no sample has a byte.
    let mut file = sound.clone();
    let span = moof(&file, 1);
    let bytes = &file[span.start as usize..span.end as usize];
    let at = bytes.windows(4).position(|w| w == b"trun").unwrap() + span.start as usize;
    file[at + 16..at + 16 + 400].fill(0);
    let seen = inspect(&file).unwrap();
    assert_eq!(seen.verdict, Verdict::Damaged);
    let lost = |f: &Finding| matches!(f.problem, Problem::UnusedMedia { amid: true, .. });
    assert!(seen.findings.iter().any(lost), "{:?}", seen.findings);
    // Without a time it goes on where the one before ended.
    let mut file = sound.clone();
    let at = tfdt(&file, 2) - 8;
    file[at..at + 4].copy_from_slice(b"free");
    let seen = inspect(&file).unwrap();
    let found = worst(&seen);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(matches!(found[0].problem, Problem::BoxMissing { .. }));
    assert_eq!(found[0].span, Some(moof(&file, 2)));
}
