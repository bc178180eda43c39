use super::*;
use crate::source::{AccessUnit, Codec};
use crate::testing::h264;
use tapo_bmff::{BoxWriter, FourCc};

fn video() -> Lane {
    Lane::new(&TrackInfo {
        codec: Codec::H264,
        clock_rate: 90_000,
    })
}

fn push(lane: &mut Lane, time: i64, sync: bool, lost: u32) {
    lane.push(Timed {
        unit: AccessUnit {
            rtp: time,
            random_access: sync,
            lost,
            ..AccessUnit::default()
        },
        time,
        wall: WallTime::default(),
    });
}

fn drain(lane: &mut Lane) -> Vec<Sample> {
    std::iter::from_fn(|| lane.pop()).collect()
}

#[test]
fn nothing_is_taken_before_a_keyframe_and_its_loss_is_not_counted() {
    let mut lane = video();
    lane.describe(h264(0));
    push(&mut lane, 0, false, 7);
    push(&mut lane, 3_600, true, 3);
    push(&mut lane, 7_200, false, 2);
    lane.finish();
    let samples = drain(&mut lane);
    let seen: Vec<_> = samples.iter().map(|s| (s.dts, s.lost)).collect();
    assert_eq!(seen, [(3_600, 0), (7_200, 2)]);
    assert_eq!(samples[0].boundary, Some(Boundary::Start));
    assert_eq!(lane.missing(), Missing::default());
}

#[test]
fn an_unknown_depth_is_observed_and_a_deeper_one_starts_anew() {
    let mut lane = video();
    // No avcC at all would be known; an avcC without a readable SPS is not.
    let mut w = BoxWriter::new();
    w.boxed(b"avc1", |w| {
        w.zeros(6).u16(1).zeros(16).u16(320).u16(240).zeros(50);
        w.boxed(b"avcC", |w| {
            w.raw(&[1, 77, 0, 30, 0xff, 0xe0, 0]);
        });
    });
    lane.describe(SampleDescription::parse(w.into_bytes(), FourCc(*b"vide")).unwrap());
    // I P b P b ...: depth 1.
    let mut times = vec![0];
    for k in 0..20 {
        times.extend([k * 7_200 + 7_200, k * 7_200 + 3_600]);
    }
    for (i, t) in times.iter().enumerate() {
        push(&mut lane, *t, i == 0, 0);
    }
    let first = drain(&mut lane);
    assert!(!first.is_empty());
    assert!(first.iter().all(|s| s.duration == 3_600 && s.pts >= s.dts));
    assert_eq!(first[0].dts, -3_600);
    // Depth 2 from here: taken, and mended with the next keyframe.
    for t in [45, 43, 42, 44] {
        push(&mut lane, t * 3_600, false, 0);
    }
    push(&mut lane, 46 * 3_600, true, 0);
    push(&mut lane, 47 * 3_600, false, 0);
    lane.finish();
    let rest = drain(&mut lane);
    let at = rest.iter().position(|s| s.boundary.is_some()).unwrap();
    assert_eq!(rest[at].boundary, Some(Boundary::Reordering));
    assert_eq!(rest[at].pts, 46 * 3_600);
    assert!(rest[..at].is_sorted_by(|a, b| a.dts < b.dts));
    assert_eq!(first.len() + rest.len(), times.len() + 6);
}

#[test]
fn a_gap_with_loss_ends_the_run_and_a_pause_does_not() {
    let mut lane = video();
    lane.describe(h264(0));
    for i in 0..5 {
        push(&mut lane, i * 3_600, i == 0, 0);
    }
    // The camera shows nothing for two seconds, and no packet is missing.
    push(&mut lane, 194_400, false, 0);
    push(&mut lane, 198_000, false, 0);
    // Now packets are missing.
    push(&mut lane, 398_000, false, 9);
    push(&mut lane, 401_600, false, 0);
    push(&mut lane, 405_200, true, 0);
    push(&mut lane, 408_800, false, 0);
    lane.finish();
    let samples = drain(&mut lane);
    let times: Vec<_> = samples.iter().map(|s| (s.dts, s.duration)).collect();
    assert_eq!(
        times[4..],
        [
            (14_400, 180_000),
            (194_400, 3_600),
            (198_000, 3_600),
            (405_200, 3_600),
            (408_800, 3_600)
        ]
    );
    assert_eq!(samples[7].boundary, Some(Boundary::Gap { ticks: 207_200 }));
    assert_eq!(lane.missing().gaps, 2);
    assert_eq!(lane.missing().undecodable, 2);
}

#[test]
fn new_parameters_begin_with_their_keyframe() {
    let mut lane = video();
    lane.describe(h264(0));
    push(&mut lane, 0, true, 0);
    push(&mut lane, 3_600, false, 0);
    lane.describe(h264(0));
    push(&mut lane, 7_200, false, 0);
    lane.describe(h264(2));
    push(&mut lane, 10_800, true, 0);
    assert!(lane.description() == Some(&h264(2)));
    lane.finish();
    let samples = drain(&mut lane);
    assert_eq!(samples.len(), 4);
    assert_eq!(samples[2].duration, 3_600);
    assert_eq!(samples[0].description.as_deref(), Some(&h264(0)));
    assert_eq!(samples[3].description.as_deref(), Some(&h264(2)));
    assert_eq!(samples[3].boundary, Some(Boundary::Parameters));
}

#[test]
fn sound_lasts_until_the_next_and_never_goes_back() {
    let mut lane = Lane::new(&TrackInfo {
        codec: Codec::Pcma,
        clock_rate: 8_000,
    });
    for (time, duration) in [(0, 160), (160, 160), (150, 160), (400, 160)] {
        let unit = AccessUnit {
            duration: Some(duration),
            ..AccessUnit::default()
        };
        lane.push(Timed {
            unit,
            time,
            wall: WallTime::default(),
        });
    }
    assert!(lane.passed(0, 400) && !lane.passed(0, 401));
    lane.finish();
    let times: Vec<_> = drain(&mut lane)
        .iter()
        .map(|s| (s.dts, s.duration))
        .collect();
    assert_eq!(times, [(0, 160), (160, 1), (161, 239), (400, 160)]);
}
