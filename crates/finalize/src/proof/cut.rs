//! Files that were final, and were cut off or written to since: what of the original is there
//! comes back, and nothing is claimed that is not so.

use super::carried_out;
use super::clip::{Clip, End};
use crate::layout::reserve_len;
use crate::outcome::{How, Undone};
use crate::{Error, plan};

/// A clip before and after.
fn done(clip: &Clip) -> (Vec<u8>, Vec<u8>) {
    let original = clip.bytes();
    let plan = plan::finalize(&original).unwrap();
    let last = carried_out(&original, &plan.writes).image().to_vec();
    (original, last)
}

fn undone(file: &[u8]) -> (Vec<u8>, Undone) {
    let (writes, undone) = plan::undo(&file).unwrap();
    (carried_out(file, &writes).image().to_vec(), undone)
}

#[test]
fn an_index_that_was_cut_off_is_taken_back_and_made_again() {
    let in_a_full_reserve = Clip {
        ballast: 4000,
        reserve: Some(reserve_len(0)),
        ..Clip::default()
    };
    for clip in [Clip::default(), in_a_full_reserve] {
        let (original, last) = done(&clip);
        let behind = (original.len()..last.len()).step_by(37);
        for len in behind.chain([last.len() - 1, original.len() - 1, original.len() - 300]) {
            let cut = &last[..len];
            let told = plan::finalize(&cut).err().unwrap();
            assert!(matches!(told, Error::IndexLost { .. }), "{len}: {told}");
            let (file, undone) = undone(cut);
            let left = len.min(original.len());
            assert!(file == original[..left], "{len} of {}", original.len());
            assert_eq!((undone.how, undone.size), (How::Tail, left as u64));
            assert_eq!(undone.missing, (original.len() - left) as u64);
            assert!(undone.worked_out);
            let again = plan::finalize(&file).unwrap();
            assert_eq!(again.outcome.left_out.fragments, 0);
        }
    }
}

/// The record behind the closed box is beyond doubt.
#[test]
fn behind_a_torn_end_a_record_is_left() {
    for end in [End::Torn(300), End::Open, End::TornMoof(150)] {
        let clip = Clip {
            end,
            ..Clip::default()
        };
        let (original, last) = done(&clip);
        for len in (original.len() + 100..last.len()).step_by(61) {
            let (file, undone) = undone(&last[..len]);
            assert!(file == original, "{end:?}");
            assert_eq!((undone.missing, undone.worked_out), (0, false));
        }
    }
}

/// With the record the closed box is gone too, but in front of it stands what it was.
#[test]
fn a_box_that_was_closed_is_opened_again_without_its_record() {
    for end in [End::Torn(300), End::Open] {
        let clip = Clip {
            end,
            ..Clip::default()
        };
        let (original, last) = done(&clip);
        let size = original.len();
        for len in [size + 99, size + 50, size, size - 1, size - 100] {
            let (file, undone) = undone(&last[..len]);
            assert!(file == original[..len.min(size)], "{end:?} {len} of {size}");
            assert!(undone.worked_out);
            assert_eq!(undone.missing, size.saturating_sub(len) as u64);
            if len >= size {
                let again = plan::finalize(&file).unwrap();
                assert!(again.writes == plan::finalize(&original).unwrap().writes);
            }
        }
    }
}

#[test]
fn what_was_written_behind_an_index_is_not_taken_along() {
    for end in [End::Whole, End::Torn(300)] {
        let clip = Clip {
            end,
            ..Clip::default()
        };
        let (_, last) = done(&clip);
        for junk in [1, 7, 8, 100, 5000] {
            for byte in [0, 0x55] {
                let mut file = last.clone();
                file.resize(last.len() + junk, byte);
                let again = plan::finalize(&file).unwrap();
                assert_eq!(again.outcome.how, How::AlreadyFinal);
                assert!(again.writes.ops.is_empty());
                match plan::undo(&file) {
                    Err(error @ Error::Followed { bytes, end, .. }) => {
                        assert_eq!((bytes, end), (junk as u64, last.len() as u64));
                        assert!(error.is_refusal());
                    }
                    other => panic!("{junk} of {byte}: {:?}", other.map(|(_, u)| u)),
                }
            }
        }
    }
}

#[test]
fn a_revealed_file_knows_how_long_it_was() {
    let (original, last) = done(&Clip::segment());
    let cut = &last[..last.len() - 500];
    let told = plan::finalize(&cut).err().unwrap();
    assert!(matches!(told, Error::CutOff { missing: 500, .. }), "{told}");
    let (file, undone_cut) = undone(cut);
    assert!(file == original[..original.len() - 500]);
    assert_eq!((undone_cut.missing, undone_cut.added), (500, 0));
    assert!(
        plan::finalize(&file)
            .unwrap()
            .outcome
            .torn_samples
            .is_some()
    );

    let longer = [&last[..], b"more"].concat();
    let (file, undone) = undone(&longer);
    assert!(file == [&original[..], b"more"].concat());
    assert_eq!((undone.missing, undone.added), (0, 4));
}

/// Media data that holds something else was not put there by tapo.
#[test]
fn a_file_that_lost_its_own_index_is_not_taken_for_one() {
    let plain = [
        &b"\0\0\0\x10ftypisom\0\0\0\0"[..],
        b"\0\0\x10\0mdat",
        &[7; 3000],
    ];
    let plain = plain.concat();
    for len in [plain.len(), 2000, 40] {
        let file = &plain[..len];
        let told = plan::undo(&file).err().unwrap();
        assert!(matches!(told, Error::NoMoov { .. }), "{told}");
    }
}
