//! Every layout, every crash state.

use super::clip::{Base, Clip, End};
use super::{Invariant, carried_out, packets, packets_to_end, prove};
use crate::layout::reserve_len;
use crate::outcome::How;
use crate::{Error, plan};
use tapo_movie::Edit;

/// What finalizing reads of the media it reads again after a crash: the same.
#[test]
fn parameter_sets_that_change_on_the_way() {
    for (clip, how) in [(Clip::segment(), How::Reveal), (Clip::default(), How::Tail)] {
        for end in [End::Whole, End::Torn(500), End::Open] {
            let clip = Clip {
                changes: true,
                fragments: 4,
                end,
                ..clip.clone()
            };
            let bytes = clip.bytes();
            let plan = plan::finalize(&bytes).unwrap();
            let done = carried_out(&bytes, &plan.writes).image().to_vec();
            let movie = tapo_movie::read(&done).unwrap().movie.unwrap();
            assert_eq!(movie.tracks[0].descriptions.len(), 2, "{end:?}");
            prove(&bytes, how);
        }
    }
}

#[test]
fn reveal_of_a_segment() {
    prove(&Clip::segment().bytes(), How::Reveal);
    let larger = Clip {
        reserve: Some(reserve_len(9000)),
        ballast: 6000,
        b_frames: true,
        start: 4001,
        ..Clip::segment()
    };
    prove(&larger.bytes(), How::Reveal);
}

#[test]
fn reveal_of_a_segment_with_a_torn_end() {
    for end in [
        End::Torn(1),
        End::Torn(500),
        End::TornMoof(20),
        End::TornMoof(5),
    ] {
        let torn = Clip {
            end,
            ..Clip::segment()
        };
        prove(&torn.bytes(), How::Reveal);
    }
}

#[test]
fn a_reserve_that_is_too_small_leaves_the_tail() {
    let full = Clip {
        ballast: 4000,
        ..Clip::segment()
    };
    prove(&full.bytes(), How::Tail);
    let torn = Clip {
        end: End::Torn(500),
        ..full
    };
    prove(&torn.bytes(), How::Tail);
}

#[test]
fn tail_behind_whole_boxes() {
    for base in [Base::Moof, Base::Implicit, Base::Offset] {
        for extras in [false, true] {
            let clip = Clip {
                base,
                extras,
                b_frames: extras,
                ..Clip::default()
            };
            prove(&clip.bytes(), How::Tail);
        }
    }
}

#[test]
fn tail_at_every_place_in_a_sector() {
    // The appended header is torn in every way, and so is the record.
    for ballast in (0..512).step_by(5).chain(500..512) {
        let clip = Clip {
            ballast,
            fragments: 1,
            ..Clip::default()
        };
        let bytes = clip.bytes();
        let plan = plan::finalize(&bytes).unwrap();
        let invariant = Invariant::amid(&bytes, &plan.writes);
        invariant.holds_amid(&bytes, &plan.writes).unwrap();
    }
}

#[test]
fn tail_behind_a_torn_end() {
    let ends = [
        End::Torn(101),
        End::Torn(700),
        End::TornMoof(150),
        End::TornMoof(9),
        End::Open,
        End::TornIndex,
    ];
    for end in ends {
        for ballast in [0, 77, 400] {
            let clip = Clip {
                end,
                ballast,
                ..Clip::default()
            };
            prove(&clip.bytes(), How::Tail);
        }
    }
}

/// Torn files that end in zeros, in as many as our record has bytes among them:
/// these are the file's own, and none is cut off.
#[test]
fn a_torn_file_that_ends_in_zeros_keeps_them() {
    for zeros in [9, 99, 100, 101, 200, 300] {
        let clip = Clip {
            end: End::Zeros(zeros),
            ..Clip::default()
        };
        let bytes = clip.bytes();
        assert!(bytes.ends_with(&vec![0; zeros]));
        let undone = plan::undo(&bytes);
        let refused = matches!(undone, Err(Error::NotFinal { .. }));
        assert!(refused, "{zeros} zeros are taken for a run of ours");
        prove(&bytes, How::Tail);
    }
}

#[test]
fn a_torn_end_at_every_place_in_a_sector() {
    for ballast in (0..512).step_by(7) {
        let clip = Clip {
            end: End::Torn(200),
            ballast,
            fragments: 2,
            ..Clip::default()
        };
        let bytes = clip.bytes();
        let plan = plan::finalize(&bytes).unwrap();
        let invariant = Invariant::amid(&bytes, &plan.writes);
        invariant.holds_amid(&bytes, &plan.writes).unwrap();
    }
}

#[test]
fn first_decode_times_and_edit_lists_keep_their_packets() {
    let lists: [&[Edit]; 4] = [
        &[],
        &[Edit::media(0, 0)],
        &[Edit::media(17, 800)],
        &[Edit::empty(250), Edit::media(0, 400)],
    ];
    for edits in lists {
        for start in [0, 1, 800, 10_345] {
            for reserve in [None, Some(reserve_len(0))] {
                let clip = Clip {
                    edits: edits.to_vec(),
                    // Whole ticks at 90 kHz as well.
                    start: start * 8,
                    b_frames: true,
                    fragments: 2,
                    reserve,
                    ..Clip::default()
                };
                let bytes = clip.bytes();
                let invariant = Invariant::of(bytes.clone());
                invariant.holds(&bytes).unwrap();
            }
        }
    }
}

#[test]
fn what_cannot_be_done_in_place_is_done_on_a_copy() {
    let across = Clip {
        ftyp: 508,
        ..Clip::default()
    };
    let nearly = Clip {
        end: End::Torn(40),
        ..Clip::default()
    };
    let amid_header = Clip {
        end: End::TornMoof(5),
        ..Clip::default()
    };
    for (clip, why) in [
        (across, "two sectors"),
        (nearly, "100 bytes or fewer"),
        (amid_header, "amid the header"),
    ] {
        let bytes = clip.bytes();
        let plan = plan::finalize(&bytes).unwrap();
        assert!(plan.hazard.is_some_and(|h| h.contains(why)), "{why}");
        let copy = carried_out(&bytes, &plan.writes).image().to_vec();
        assert_eq!(packets(&copy), packets_to_end(&bytes));
        assert!(super::is_plain(&copy));
        let (undo, _) = plan::undo(&copy).unwrap();
        assert_eq!(carried_out(&copy, &undo).image(), bytes);
    }
}

#[test]
fn what_is_there_of_a_torn_fragment_is_kept_and_the_rest_is_said() {
    // 900, 120, 120 and 120 bytes of pictures, then 80 and 70 of sound.
    let torn = |missing, clip| {
        let torn = Clip {
            end: End::Torn(missing),
            ..clip
        };
        let bytes = torn.bytes();
        let outcome = plan::finalize(&bytes).unwrap().outcome;
        (bytes, outcome)
    };
    for clip in [Clip::segment(), Clip::default()] {
        for (missing, kept, rest) in [(150, 4, 0), (151, 3, 119), (500, 1, 10), (101, 4, 49)] {
            let (_, outcome) = torn(missing, clip.clone());
            assert_eq!((outcome.fragments, outcome.left_out.fragments), (2, 0));
            assert_eq!((outcome.samples, outcome.tracks), (12 + kept, 2));
            assert_eq!(outcome.torn_samples, Some((kept, 6 - kept)));
            assert_eq!(outcome.left_out.tail, rest, "{missing}");
        }
        let (bytes, outcome) = torn(600, clip);
        assert_eq!((outcome.fragments, outcome.left_out.fragments), (2, 1));
        assert_eq!((outcome.samples, outcome.torn_samples), (12, None));
        assert_eq!(outcome.duration.as_millis(), 800);
        let moof = bytes.windows(4).rposition(|w| w == b"moof").unwrap() - 4;
        assert_eq!(outcome.left_out.tail, (bytes.len() - moof) as u64);
    }
}

/// Also if no fragment is whole.
#[test]
fn the_first_fragment_may_be_the_torn_one() {
    for clip in [Clip::segment(), Clip::default()] {
        let clip = Clip {
            fragments: 1,
            end: End::Torn(300),
            ..clip
        };
        let how = match clip.reserve {
            Some(_) => How::Reveal,
            None => How::Tail,
        };
        prove(&clip.bytes(), how);
    }
}

/// The size reached the disk, the bytes did not.
#[test]
fn zeros_in_the_place_of_samples_are_none() {
    let clip = Clip {
        end: End::Torn(200),
        fragments: 2,
        ..Clip::default()
    };
    let mut bytes = clip.bytes();
    let sound = plan::finalize(&bytes).unwrap().outcome.torn_samples;
    assert_eq!(sound, Some((3, 3)));
    let from = (bytes.len() - 700) / 512 * 512;
    bytes[from..].fill(0);
    let outcome = plan::finalize(&bytes).unwrap().outcome;
    assert_eq!(
        (outcome.torn_samples, outcome.left_out.fragments),
        (None, 1)
    );
    prove(&bytes, How::Tail);
}

#[test]
fn the_head_of_a_segment_is_all_that_changes() {
    let bytes = Clip::segment().bytes();
    let plan = plan::finalize(&bytes).unwrap();
    let file = carried_out(&bytes, &plan.writes).image().to_vec();
    assert_eq!(file.len(), bytes.len());
    assert_eq!(file[4096..], bytes[4096..]);
    assert_eq!(file[..32], bytes[..32]);
    assert_eq!(super::barriers(&plan.writes), 2);
}

#[test]
fn reveal_need_is_never_too_little() {
    for (edits, start) in [
        (vec![], 8),
        (vec![Edit::empty(3), Edit::media(0, 1)], 80_000),
    ] {
        let clip = Clip {
            edits,
            start,
            b_frames: true,
            ..Clip::segment()
        };
        let bytes = clip.bytes();
        let movie = tapo_movie::read(&bytes).unwrap().movie.unwrap();
        let need = crate::reveal_need(&movie);
        let used = plan::finalize(&bytes).unwrap().outcome.moov_len + 8 + 16;
        assert!((used..used + 300).contains(&need), "{used} {need}");
    }
}

#[test]
fn files_that_are_none_of_ours() {
    let refused = |bytes: &[u8]| plan::finalize(&bytes).err().unwrap();
    assert!(matches!(
        refused(b"RIFF\0\0\0\0AVI "),
        Error::NotAnMp4 { .. }
    ));
    assert!(matches!(refused(b""), Error::NotAnMp4 { .. }));
    let bytes = Clip::default().bytes();
    assert!(matches!(refused(&bytes[..32]), Error::NoMoov { .. }));
    let moof = bytes.windows(4).position(|w| w == b"moof").unwrap();
    assert!(matches!(refused(&bytes[..moof - 4]), Error::Empty { .. }));
    let plan = plan::finalize(&bytes).unwrap();
    let last = carried_out(&bytes, &plan.writes).image().to_vec();
    // A plain movie of somebody else: the same without our record.
    let mut plain = last;
    let record = plain.len() - 100;
    plain[record + 8..record + 24].fill(1);
    assert!(matches!(refused(&plain), Error::NotFragmented { .. }));
    assert!(matches!(
        plan::undo(&plain).err().unwrap(),
        Error::NotFinal { .. }
    ));
}
