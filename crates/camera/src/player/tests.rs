use super::*;
use crate::synthetic::{aac, alaw, clip, h264};
use proptest::prelude::*;

/// The next `n` units of one track.
fn play(player: &mut Player, track: usize, n: usize) -> Vec<Due> {
    let mut units = Vec::new();
    while units.len() < n {
        let due = player.peek().unwrap();
        if due.track == track {
            units.push(due);
        }
        player.advance(due.track);
    }
    units
}

fn steps(times: impl Iterator<Item = i64>) -> Vec<i64> {
    let times: Vec<i64> = times.collect();
    times.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

#[test]
fn clocks_go_on_across_the_loop_point() {
    // 2 s of video; the audio is longer, shorter and of just that length.
    for frames in [70, 94, 100, 130] {
        let clips = [clip(vec![h264(50, 25, true, 0), aac(frames)])];
        let mut player = Player::new(&clips, 0, 0).unwrap();
        let video = play(&mut player, 0, 2000);
        assert_eq!(video[0].presentation, 0);
        let decoded = steps(
            video
                .iter()
                .map(|due| due.presentation - due.unit.composition),
        );
        assert!(decoded.iter().all(|&step| step == 3600));
        let mut presented: Vec<i64> = video.iter().map(|due| due.presentation).collect();
        presented.sort_unstable();
        assert!(
            steps(presented.into_iter())
                .iter()
                .all(|&step| step == 3600)
        );
        assert!(video.iter().enumerate().all(|(i, due)| due.index == i % 50));

        let mut player = Player::new(&clips, 0, 0).unwrap();
        let audio = play(&mut player, 1, 4000);
        // Priming is not sent: a camera has none.
        assert_eq!((audio[0].index, audio[0].presentation), (1, 0));
        assert!(
            steps(audio.iter().map(|due| due.presentation))
                .iter()
                .all(|&step| step == 1024)
        );
        // Sound starts again with the picture, within half a frame.
        for due in audio.iter().filter(|due| due.index == 1) {
            let of_loop = due.presentation.rem_euclid(96_000);
            // Sound that ends earlier starts again by itself, too.
            let wraps = frames < 95 && (512..95_488).contains(&of_loop);
            assert!(of_loop <= 512 || of_loop >= 95_488 || wraps, "{of_loop}");
        }
    }
}

#[test]
fn units_come_in_the_order_in_which_they_are_due() {
    let clips = [clip(vec![h264(50, 25, true, 0), alaw(16_000)])];
    let mut player = Player::new(&clips, 0, 0).unwrap();
    let mut last = i64::MIN;
    for _ in 0..1000 {
        let due = player.peek().unwrap();
        assert!(due.at >= last);
        last = due.at;
        player.advance(due.track);
    }
}

#[test]
fn a_late_start_is_at_a_keyframe_and_all_tracks_agree_on_zero() {
    let clips = [clip(vec![h264(50, 25, true, 0), alaw(16_000)])];
    let mut player = Player::new(&clips, 0, 400_000_000).unwrap();
    let video = play(&mut player, 0, 1)[0];
    assert_eq!((video.index, video.presentation), (25, 0));
    let mut player = Player::new(&clips, 0, 400_000_000).unwrap();
    let audio = play(&mut player, 1, 60);
    // 1 s is 25 packets of 40 ms.
    assert_eq!((audio[0].index, audio[0].presentation), (25, 0));
    assert_eq!((audio[25].index, audio[25].presentation), (0, 8000));
    // Behind the last keyframe: the next loop.
    let mut player = Player::new(&clips, 0, 1_500_000_000).unwrap();
    assert_eq!(play(&mut player, 0, 1)[0].index, 0);
}

#[test]
fn skipping_ends_at_a_keyframe_on_the_same_clock() {
    let clips = [clip(vec![h264(50, 25, true, 0), aac(94)])];
    let mut player = Player::new(&clips, 0, 0).unwrap();
    player.advance(0);
    player.skip_to(1_100_000_000);
    let video = play(&mut player, 0, 1)[0];
    assert_eq!((video.index, video.presentation), (0, 2 * 90_000));
    let mut player = Player::new(&clips, 0, 0).unwrap();
    player.skip_to(1_100_000_000);
    let audio = play(&mut player, 1, 1)[0];
    assert_eq!(audio.presentation % 1024, 0);
    assert!((52_800..53_824).contains(&audio.presentation));
}

#[test]
fn another_clip_takes_over_at_a_keyframe_without_a_seam() {
    let clips = [
        clip(vec![h264(50, 25, true, 0), aac(94)]),
        clip(vec![h264(30, 10, false, 1), aac(60)]),
    ];
    let mut player = Player::new(&clips, 0, 0).unwrap();
    let mut units = [Vec::new(), Vec::new()];
    for n in 0..3000 {
        player.switch_to(n / 700 % 2);
        let due = player.peek().unwrap();
        units[due.track].push(due);
        player.advance(due.track);
    }
    let [video, audio] = units;
    let mut switches = 0;
    for pair in video.windows(2) {
        if pair[0].clip != pair[1].clip {
            assert!(pair[1].unit.sync);
            switches += 1;
        }
    }
    assert_eq!(switches, 4);
    // What was decoded before the last keyframe is presented before it.
    let whole = video.iter().rposition(|due| due.unit.sync).unwrap();
    let mut presented: Vec<i64> = video[..whole].iter().map(|due| due.presentation).collect();
    presented.sort_unstable();
    assert!(
        steps(presented.into_iter())
            .iter()
            .all(|&step| step == 3600)
    );
    assert!(
        steps(audio.iter().map(|due| due.presentation))
            .iter()
            .all(|&step| step == 1024)
    );
    assert!(audio.iter().any(|due| due.clip == 1));
}

proptest! {
    /// Whatever the tracks: clocks never go back, and the player always has more.
    #[test]
    fn time_never_goes_back(frames in 1..80_usize, gop in 1..30_usize, sounds in 1..200_usize, skip in 0..9_i64) {
        let clips = [clip(vec![h264(frames, gop, false, 0), aac(sounds)])];
        let mut player = Player::new(&clips, 0, skip * 333_333_333).unwrap();
        let mut last = [i64::MIN; 2];
        for n in 0..600 {
            if n == 300 {
                player.skip_to(skip * 1_000_000_000);
            }
            let due = player.peek().unwrap();
            prop_assert!(due.presentation > last[due.track]);
            last[due.track] = due.presentation;
            player.advance(due.track);
        }
    }
}
