//! A file against a reference for its repair, and against another file.
#![expect(clippy::unwrap_used, reason = "tests panic when they fail")]

#[path = "injected/files.rs"]
#[expect(
    dead_code,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    reason = "a part of another test"
)]
mod files;

use tapo_bmff::BoxTree;
use tapo_inspect::{Aspect, Fit, difference, inspect, reference_match};

fn without_index(name: &str) -> Vec<u8> {
    let file = files::clip(name);
    let tree = BoxTree::read(&file).unwrap();
    let moov = tree.roots().find(|(_, n)| n.kind == b"moov").unwrap().1;
    let end = usize::try_from(moov.span.start).unwrap();
    file.get(..end).unwrap().to_vec()
}

/// Its media alone, with the parameter sets of its index in front of its first picture.
fn with_sets_in_stream(file: &Vec<u8>) -> Vec<u8> {
    let movie = inspect(file).unwrap().read.movie.unwrap();
    let track = movie.tracks.iter().find(|t| t.is_video()).unwrap();
    let config = track.descriptions.first().unwrap().entry.child(b"avcC");
    let config = tapo_codec::h264::AvcConfig::parse(config.unwrap()).unwrap();
    let mut units = Vec::new();
    for set in config.sps.iter().chain(&config.pps) {
        units.extend(u32::try_from(set.len()).unwrap().to_be_bytes());
        units.extend_from_slice(set);
    }
    let tree = BoxTree::read(file).unwrap();
    let moov = tree.roots().find(|(_, n)| n.kind == b"moov").unwrap().1;
    let first = track.samples.iter().next().unwrap().span.start;
    let (first, end) = (
        usize::try_from(first).unwrap(),
        usize::try_from(moov.span.start).unwrap(),
    );
    let (head, rest) = file.get(..end).unwrap().split_at(first);
    [head, &units, rest].concat()
}

#[test]
fn a_recording_by_the_same_device_is_a_good_reference_and_another_is_not() {
    let good = files::clip("h264_bframes_aac.mp4");
    let lost = without_index("h264_bframes_aac.mp4");
    let fit = |broken: &Vec<u8>, reference: &Vec<u8>| {
        let (b, r) = (inspect(broken).unwrap(), inspect(reference).unwrap());
        reference_match((broken, &b), (reference, &r)).unwrap()
    };
    let matched = fit(&lost, &good);
    assert_eq!(matched.fit, Fit::Good, "{matched:?}");
    assert!(matched.sound && matched.recognised * 10 > matched.read * 9);
    let other = files::clip("h265_open_gop.mp4");
    assert_eq!(fit(&lost, &other).fit, Fit::Bad);
    // The same encoder with another size: headers alone may look alike.
    let other = files::clip("h264_other_size.mp4");
    assert_eq!(fit(&lost, &other).fit, Fit::Bad);
    // Cameras put their parameter sets into the media: those tell the size.
    let matched = fit(&with_sets_in_stream(&other), &good);
    assert_eq!(matched.fit, Fit::Bad);
    let compared = &matched.tracks.first().unwrap().compared;
    let format = compared.iter().find(|c| c.aspect == Aspect::Format);
    assert_eq!(format.unwrap().broken.as_deref(), Some("480x270"));
    // With its index it says itself what it is.
    let matched = fit(&good, &files::clip("h264_other_size.mp4"));
    assert_eq!(matched.fit, Fit::Bad);
    let compared = &matched.tracks.first().unwrap().compared;
    let format = compared
        .iter()
        .find(|c| c.aspect == Aspect::Format)
        .unwrap();
    assert_eq!(format.agrees(), Some(false));
    assert_eq!(fit(&good, &good).fit, Fit::Good);
}

#[test]
fn sound_that_is_not_there_and_fields_that_writers_make_up_are_judged() {
    let fit = |broken: &Vec<u8>, reference: &Vec<u8>| {
        let (b, r) = (inspect(broken).unwrap(), inspect(reference).unwrap());
        reference_match((broken, &b), (reference, &r)).unwrap().fit
    };
    let good = files::clip("h264_bframes_aac.mp4");
    let lost = without_index("h264_bframes_aac.mp4");
    // Pictures by the same encoder, and sound of 16 bits a sample where there is AAC: too little stands between them.
    let mut movie = inspect(&good).unwrap().read.movie.unwrap();
    let sound = movie.tracks.iter_mut().find(|t| t.is_audio()).unwrap();
    let entry = sound.descriptions.first().unwrap().entry.raw();
    let mut raw = entry.get(..36).unwrap().to_vec();
    raw.splice(..8, *b"\0\0\0\x24sowt");
    let sowt = tapo_movie::SampleDescription::parse(raw, sound.handler).unwrap();
    sound.descriptions = vec![sowt];
    let seconds = sound.samples.duration() / u64::from(sound.timescale) + 1;
    sound.samples = tapo_movie::SampleTable::default();
    sound.samples.start_chunk(4096, 1);
    let rate = sound.timescale;
    let count = u32::try_from(seconds).unwrap() * rate;
    sound.samples.push_run(count, 4, 1, 0, true).unwrap();
    let moov = good.windows(4).position(|w| w == b"moov").unwrap() - 4;
    let mut pcm = good.get(..moov).unwrap().to_vec();
    pcm.extend(tapo_movie::encode_moov(&movie));
    assert_eq!(fit(&lost, &pcm), Fit::Bad);
    // The channels that the sample entry states (14496-12 §12.2.3: the decoder's settings say it).
    let mut other = good.clone();
    let mp4a = other.windows(4).position(|w| w == b"mp4a").unwrap();
    let channels = other.get_mut(mp4a + 20..mp4a + 22).unwrap();
    let stated = u16::from_be_bytes([channels[0], channels[1]]);
    channels.copy_from_slice(&(3 - stated).to_be_bytes());
    assert_eq!(fit(&good, &other), Fit::Good);
    // Settings that cannot be read contradict nothing.
    let mut unset = good.clone();
    let config = unset.windows(4).position(|w| w == b"avcC").unwrap();
    *unset.get_mut(config + 12).unwrap() ^= 1;
    assert_eq!(fit(&unset, &good), Fit::Good);
}

#[test]
fn the_same_media_in_fragments_is_the_same_media() {
    let plain = files::clip("h264_bframes_aac.mp4");
    let fragments = files::in_fragments(&plain, false);
    let compare = |a: &Vec<u8>, b: &Vec<u8>| {
        let (x, y) = (inspect(a).unwrap(), inspect(b).unwrap());
        difference((a, &x), (b, &y)).unwrap()
    };
    let same = compare(&plain, &plain);
    assert!(same.same_media() && same.boxes.is_empty() && same.same_boxes > 10);
    let moved = compare(&plain, &fragments);
    assert!(moved.same_media(), "{:?}", moved.tracks);
    assert!(
        moved
            .tracks
            .iter()
            .all(|t| t.time.is_none() && t.sync.is_none())
    );
    assert!(!moved.boxes.is_empty());

    // One byte of the 41st picture.
    let movie = inspect(&plain).unwrap().read.movie.unwrap();
    let sample = movie
        .tracks
        .first()
        .unwrap()
        .samples
        .iter()
        .nth(40)
        .unwrap();
    let mut touched = plain.clone();
    *touched
        .get_mut(usize::try_from(sample.span.end).unwrap() - 3)
        .unwrap() ^= 1;
    let touched = compare(&plain, &touched);
    assert!(!touched.same_media() && touched.boxes.is_empty());
    let track = touched.tracks.first().unwrap();
    assert_eq!(
        (track.bytes, track.identical),
        (Some(41), track.samples.0 - 1)
    );
}
