use crate::source::{AccessUnit, WallClock};
use crate::timeline::{Placed, Timeline};
use std::time::Duration;

const RATE: i64 = 90_000;
const FPS: i64 = 15;
const FRAME_NS: i64 = 1_000_000_000 / FPS;
const HOURS: i64 = 24;
const START: i64 = 1_800_000_000_000_000_000;

/// A day of a camera, by a clock of ours.
struct Day {
    /// How much faster its clock is, ppm.
    drift: i64,
    /// The most that a packet is late, ms.
    jitter: u64,
    reports: bool,
    /// Our wall clock is set by so much at noon, ms.
    step: i64,
}

/// The largest error of a frame's wall time after the first ten seconds, and how
/// many came out; checks that media adds up.
fn simulate(day: &Day) -> (i64, u64) {
    let mut timeline = Timeline::new(&[(90_000, false)]);
    let (mut seed, mut worst, mut count) = (7_u64, 0, 0_u64);
    let (mut first, mut last) = (None, 0);
    let begin = i64::from(u32::MAX) - 5_000;
    for frame in 0..HOURS * 3600 * FPS {
        let taken = frame * FRAME_NS;
        // xorshift: the same jitter each time.
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        let late = seed % (day.jitter * 1_000_000 + 1);
        let arrived = taken.unsigned_abs() + late;
        let set = if frame >= HOURS * 1800 * FPS {
            day.step
        } else {
            0
        };
        let wall = START + set * 1_000_000;
        let camera = taken + taken / 1_000_000 * day.drift;
        let rtp =
            begin + i64::try_from(i128::from(camera) * i128::from(RATE) / 1_000_000_000).unwrap();
        if day.reports && frame % (5 * FPS) == 0 {
            // The camera keeps right time by NTP, whatever its RTP clock does.
            timeline.sender_report(0, WallClock(START + taken).to_ntp(), rtp);
        }
        timeline.push(AccessUnit {
            rtp,
            arrived: Duration::from_nanos(arrived),
            received: WallClock(wall + arrived.cast_signed()),
            ..AccessUnit::default()
        });
        while let Some(placed) = timeline.pop() {
            let Placed::Unit(timed) = placed else {
                panic!("the clock jumped at {frame}");
            };
            first.get_or_insert(timed.time);
            last = timed.time;
            count += 1;
            if frame >= 10 * FPS {
                let right = if day.reports && timed.wall.by_camera {
                    START
                } else {
                    wall
                };
                worst = worst.max((timed.wall.at.0 - right - taken).abs());
            }
        }
    }
    // What was recorded is as long as what passed, by the camera's own clock.
    let camera_ns = i128::from(last - first.unwrap()) * 1_000_000_000 / i128::from(RATE);
    let passed = i128::from((HOURS * 3600 * FPS - 1) * FRAME_NS);
    let expected = passed + passed * i128::from(day.drift) / 1_000_000;
    assert!(
        (camera_ns - expected).abs() < 1_000_000,
        "{camera_ns} {expected}"
    );
    (worst, count)
}

#[test]
fn for_a_day_each_frame_has_its_time_within_one_frame() {
    for (drift, reports, step) in [
        (200, false, 0),
        (-200, false, 3_600_000),
        (200, true, 0),
        (-200, true, 3_600_000),
        (0, false, -7_200_000),
    ] {
        let day = Day {
            drift,
            jitter: 500,
            reports,
            step,
        };
        let (worst, count) = simulate(&day);
        assert_eq!(count, (HOURS * 3600 * FPS).unsigned_abs());
        // 6 ms of drift, and the least of 450 delays of up to 500 ms.
        let bound = FRAME_NS + 20_000_000;
        assert!(
            worst < bound,
            "{drift} ppm, reports: {reports}, step {step}: {worst} ns"
        );
    }
}

#[test]
fn a_camera_with_a_wrong_clock_is_not_believed_and_one_that_is_set_right_is() {
    let mut timeline = Timeline::new(&[(90_000, false)]);
    let mut times = Vec::new();
    for frame in 0..40 * FPS {
        let taken = frame * FRAME_NS;
        let rtp = frame * RATE / FPS;
        // Set right after 20 s.
        let ahead = if frame < 20 * FPS {
            86_400_000_000_000
        } else {
            300_000_000
        };
        if frame % FPS == 0 {
            timeline.sender_report(0, WallClock(START + taken + ahead).to_ntp(), rtp);
        }
        timeline.push(AccessUnit {
            rtp,
            arrived: Duration::from_nanos(taken.unsigned_abs()),
            received: WallClock(START + taken),
            ..AccessUnit::default()
        });
        if let Some(Placed::Unit(timed)) = timeline.pop() {
            times.push((timed.wall.by_camera, timed.wall.at.0 - START - taken));
        }
    }
    let (wrong, right) = times.split_at(usize::try_from(20 * FPS).unwrap());
    assert!(
        wrong
            .iter()
            .all(|(camera, off)| !camera && off.abs() < 1_000_000)
    );
    assert!(
        right
            .iter()
            .all(|(camera, off)| *camera && (off - 300_000_000).abs() < 1_000_000)
    );
}

#[test]
fn what_is_a_little_off_is_corrected_by_500_ppm() {
    let mut timeline = Timeline::new(&[(90_000, false)]);
    let mut before: Option<(i64, i64)> = None;
    for frame in 0..600 * FPS {
        let (taken, rtp) = (frame * FRAME_NS, frame * RATE / FPS);
        // Half a second is put right after a minute.
        let ahead = if frame < 60 * FPS { 0 } else { 500_000_000 };
        timeline.sender_report(0, WallClock(START + taken + ahead).to_ntp(), rtp);
        timeline.push(AccessUnit {
            rtp,
            received: WallClock(START + taken),
            arrived: Duration::from_nanos(taken.unsigned_abs()),
            ..AccessUnit::default()
        });
        if let Some(Placed::Unit(timed)) = timeline.pop() {
            if let Some((at, wall)) = before {
                let apart = (timed.wall.at.0 - wall) - (taken - at);
                assert!(apart.abs() <= FRAME_NS / 2000 + 20, "{frame}: {apart}");
            }
            before = Some((taken, timed.wall.at.0));
        }
    }
}
