//! NAL units of clips, of made files and of broken ones.

use super::*;
use crate::inspect;

fn all(file: &Vec<u8>) -> (Vec<SampleUnits>, NalTotals) {
    let inspection = inspect(file).unwrap();
    let track = inspection.nal_tracks().next().unwrap();
    let mut listing = inspection.nals(file, track);
    let (mut samples, mut totals) = (Vec::new(), NalTotals::default());
    while let Some(sample) = listing.next_sample().unwrap() {
        totals.add(&sample);
        samples.push(sample);
    }
    assert_eq!(listing.stopped(), None);
    (samples, totals)
}

fn clip(name: &str) -> Vec<u8> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/");
    std::fs::read(format!("{path}{name}")).unwrap()
}

#[test]
fn units_and_their_lengths_are_all_of_each_sample() {
    for name in ["h264_bframes_aac.mp4", "h265_open_gop.mp4", "h264_alaw.mov"] {
        let (samples, totals) = all(&clip(name));
        assert!(samples.len() > 10 && totals.flawed == 0, "{name}");
        for of in &samples {
            let sum: u64 = of.units.iter().map(|u| u.span.len() + 4).sum();
            assert_eq!(sum, of.sample.span.len(), "{name}");
            let slices = of.units.iter().filter(|u| u.name.contains("slice"));
            assert!(
                of.format.codec == NalCodec::H265 || slices.count() > 0,
                "{name}"
            );
        }
        let units: u64 = totals.types.values().map(|c| c.units).sum();
        let listed: usize = samples.iter().map(|s| s.units.len()).sum();
        assert_eq!(units, listed as u64);
    }
}

#[test]
fn lengths_that_do_not_add_up_end_the_sample_not_the_listing() {
    let mut file = clip("h264_bframes_aac.mp4");
    let (before, _) = all(&file);
    let second = before[1].sample.span;
    let at = usize::try_from(second.start).unwrap();
    file[at..at + 4].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff]);
    let (samples, totals) = all(&file);
    let want = UnitFlaw::Overrun {
        offset: second.start,
        declared: 0x7fff_ffff,
        left: second.len() - 4,
    };
    assert_eq!((samples[1].flaw, totals.flawed), (Some(want), 1));
    assert_eq!(samples.len(), before.len());
    assert_eq!(samples[2].units, before[2].units);
    // Zeros are empty units, and too many of them are not kept.
    let len = usize::try_from(second.len()).unwrap();
    file[at..at + len].fill(0);
    let (samples, _) = all(&file);
    assert!(samples[1].units.len() <= UNITS);
    assert!(samples[1].units.iter().all(|u| u.name == "empty"));
}

/// A picture of H.266: delimiter, SEI, slice.
fn vvc() -> Vec<u8> {
    let config = [
        0, 0, 0, 0, 0xFF, 0x00, 0x15, 0x5F, 1, 2, 51, 0xC0, 0, 5, 0, 2, 0xD0, 0, 0, 1, 0x8F, 0, 1,
        0, 3, 0, 0x79, 7,
    ];
    let mut w = tapo_bmff::BoxWriter::new();
    w.boxed(b"vvc1", |w| {
        w.zeros(78);
        w.boxed(b"vvcC", |w| {
            w.raw(&config);
        });
    });
    let handler = tapo_bmff::FourCc(*b"vide");
    let description = SampleDescription::parse(w.into_bytes(), handler).unwrap();
    let mut sei = vec![0, 23 << 3 | 1, 5, 20];
    sei.extend(b"strawlab.org/89H{\"\"}\x80");
    let units = [vec![0, 20 << 3 | 1, 0x80], sei, vec![0, 8 << 3 | 1, 0xAA]];
    let sample: Vec<u8> = units
        .iter()
        .flat_map(|u| [&u32::try_from(u.len()).unwrap().to_be_bytes()[..], u].concat())
        .collect();
    let mut track = Track {
        handler,
        timescale: 25,
        descriptions: vec![description],
        ..Track::default()
    };
    track.header.id = 1;
    track.samples.start_chunk(8, 1);
    let len = u32::try_from(sample.len()).unwrap();
    track.samples.push(len, 1, 0, true).unwrap();
    let mut movie = tapo_movie::Movie::default();
    movie.header.timescale = 25;
    movie.tracks.push(track);
    let mut file = tapo_bmff::BoxWriter::header(b"mdat", sample.len() as u64, false);
    file.extend(sample);
    file.extend(tapo_movie::encode_moov(&movie));
    file
}

#[test]
fn units_of_h266_are_named_and_their_messages_read() {
    let file = vvc();
    let (samples, totals) = all(&file);
    let names: Vec<_> = samples[0].units.iter().map(|u| u.name).collect();
    assert_eq!(names, ["AUD", "prefix SEI", "slice, IDR_N_LP"]);
    assert_eq!(totals.flawed, 0);
    let said = samples[0].messages[0].said.as_ref();
    assert!(
        matches!(said, Some(Said::Unregistered { owner: Some(UserData::Strawlab89h), data, .. }) if data == b"{\"\"}"),
        "{said:?}"
    );
    let inspection = inspect(&file).unwrap();
    let track = inspection.nal_tracks().next().unwrap();
    assert_eq!(parameter_sets(&track.descriptions[0]), [("SPS", 3)]);
}

#[test]
fn settings_of_the_encoder_are_found() {
    let (_, totals) = all(&clip("h264_alaw.mov"));
    let owners: Vec<_> = totals
        .user_data
        .values()
        .filter_map(|(_, message)| match &message.said {
            Some(Said::Unregistered { owner, data, .. }) => Some((*owner, data.clone())),
            _ => None,
        })
        .collect();
    let [(owner, data)] = owners.as_slice() else {
        panic!("{owners:?}");
    };
    assert_eq!(*owner, Some(UserData::X264));
    assert!(data.starts_with(b"x264 - core "), "{data:?}");
}
