use super::*;
use crate::synthetic::{aac, alaw, h264};

/// Why a clip of one track is refused, after a change.
fn refused(mut track: TrackSource, change: impl FnOnce(&mut TrackSource)) -> String {
    change(&mut track);
    Clip::new(vec![track]).unwrap_err().to_string()
}

#[test]
fn what_cannot_be_played_is_refused() {
    let video = || h264(50, 25, false, 0);
    assert!(refused(video(), |t| t.timescale = 0).contains("timescale"));
    assert!(refused(video(), |t| t.samples.clear()).contains("no samples"));
    assert!(
        refused(video(), |t| t.samples[7].span.end = u64::MAX).contains("sample 7 lies beyond")
    );
    assert!(refused(video(), |t| t.samples[7].dts = 0).contains("go back"));
    assert!(refused(video(), |t| t.shift = i64::MAX).contains("beyond reason"));
    assert!(refused(video(), |t| t.timescale = u32::MAX).contains("too many samples"));
    assert!(refused(video(), |t| t.config = CodecConfig::H264(vec![1])).contains("cut short"));
    let all_delta = |t: &mut TrackSource| t.samples.iter_mut().for_each(|s| s.sync = false);
    assert!(refused(video(), all_delta).contains("no keyframe"));
    assert!(Clip::new(Vec::new()).is_err());
    // Times that do not move would make a loop of no length.
    let frozen = |t: &mut TrackSource| {
        for sample in &mut t.samples {
            (sample.dts, sample.duration) = (0, 0);
        }
    };
    assert!(refused(aac(3), frozen).contains("too many samples"));
}

#[test]
fn g711_is_cut_into_packets_unless_it_has_some() {
    let clip = Clip::new(vec![alaw(1000)]).unwrap();
    let sizes: Vec<usize> = (0..4).map(|i| clip.sample(0, i).unwrap().len()).collect();
    assert_eq!(
        (clip.sample_count(0), &sizes[..]),
        (4, &[320, 320, 320, 40][..])
    );
    assert!(clip.sample(0, 4).is_err() && clip.sample(1, 0).is_err());
    let mut packets = alaw(1000);
    packets.samples = (0..5)
        .map(|i| ClipSample {
            span: Span::at(i * 200, 200),
            dts: i64::try_from(i * 200).unwrap(),
            composition_offset: 0,
            duration: 200,
            sync: true,
        })
        .collect();
    assert_eq!(Clip::new(vec![packets]).unwrap().sample_count(0), 5);
}

#[test]
fn times_are_rounded_without_a_sum_of_errors() {
    // 30000/1001 frames a second in a timescale that 90 kHz does not divide.
    let mut track = h264(3000, 30, false, 0);
    track.timescale = 44_100;
    for (sample, i) in track.samples.iter_mut().zip(0_i64..) {
        sample.dts = i * 1471;
        sample.duration = 1471;
    }
    let clip = Clip::new(vec![track]).unwrap();
    for (unit, i) in clip.tracks[0].units.iter().zip(0_i64..) {
        let exact = i * 1471 * 90_000;
        assert!((unit.decode * 44_100 - exact).abs() * 2 <= 44_100);
    }
}
