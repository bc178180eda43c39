//! Files with bytes that are wrong: refused, or treated as well as sound ones.

use super::carried_out;
use super::clip::{Base, Clip, End};
use crate::plan;

/// xorshift64*: the same draws in every run.
fn next(seed: &mut u64) -> usize {
    *seed ^= *seed >> 12;
    *seed ^= *seed << 25;
    *seed ^= *seed >> 27;
    (seed.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize
}

/// Track, composition offset, sync flag, bytes.
type Sample = (u32, i32, bool, Vec<u8>);

/// The samples, times left out: what an edit list of odd numbers shows is not
/// for us to say.
fn samples(file: &[u8]) -> Option<Vec<Sample>> {
    let movie = tapo_movie::read_to_end(&file).unwrap().movie?;
    let all = movie.tracks.iter().flat_map(|track| {
        track.samples.iter().map(|s| {
            let bytes = file.get(s.span.start as usize..s.span.end as usize);
            let bytes = bytes.unwrap_or_default().to_vec();
            (track.header.id, s.composition_offset, s.sync, bytes)
        })
    });
    Some(all.collect())
}

/// Finalizes and takes it back, if it can be. Returns whether it could.
fn there_and_back(file: &[u8]) -> bool {
    let _ = plan::undo(&file);
    let Ok(done) = plan::finalize(&file) else {
        return false;
    };
    if done.writes.ops.is_empty() {
        return false;
    }
    let after = carried_out(file, &done.writes).image().to_vec();
    assert_eq!(samples(file), samples(&after));
    let (undo, _) = plan::undo(&after.as_slice()).unwrap();
    assert!(carried_out(&after, &undo).image() == file);
    true
}

#[test]
fn wrong_bytes_cost_no_sample_and_no_byte() {
    let clips = [
        Clip::segment(),
        Clip {
            base: Base::Offset,
            extras: true,
            ..Clip::default()
        },
        Clip {
            base: Base::Implicit,
            end: End::Torn(300),
            b_frames: true,
            ..Clip::default()
        },
    ];
    let mut seed = 0x9e37_79b9_7f4a_7c15;
    let (mut done, mut refused) = (0, 0);
    for clip in clips {
        let sound = clip.bytes();
        let heads: Vec<usize> = (0..sound.len())
            // The reserve of a segment is empty: undo leaves it so.
            .filter(|i| clip.reserve.is_none() || !(40..4096).contains(i))
            .filter(|i| sound[*i] == 0 || *i < 6000)
            .collect();
        for _ in 0..1500 {
            let mut file = sound.clone();
            for _ in 0..=next(&mut seed) % 3 {
                let at = heads[next(&mut seed) % heads.len()];
                file[at] = match next(&mut seed) % 3 {
                    0 => 0,
                    1 => 0xff,
                    _ => next(&mut seed) as u8,
                };
            }
            if next(&mut seed).is_multiple_of(4) {
                file.truncate(next(&mut seed) % file.len());
            }
            match there_and_back(&file) {
                true => done += 1,
                false => refused += 1,
            }
        }
    }
    assert!(done > 500 && refused > 100, "{done} {refused}");
}

/// Also where they hit a file that is final, or on the way.
#[test]
fn wrong_bytes_in_a_final_file_are_survived() {
    let mut seed = 0x2545_f491_4f6c_dd1d;
    for clip in [Clip::segment(), Clip::default()] {
        let bytes = clip.bytes();
        let writes = plan::finalize(&bytes).unwrap().writes;
        let last = carried_out(&bytes, &writes).image().to_vec();
        for _ in 0..1000 {
            let mut file = last.clone();
            let from_end = next(&mut seed).is_multiple_of(2);
            let near = next(&mut seed) % 2500;
            let at = if from_end {
                file.len() - 1 - near
            } else {
                near
            };
            file[at] ^= 1 << (next(&mut seed) % 8);
            if let Ok(plan) = plan::finalize(&file) {
                carried_out(&file, &plan.writes);
            }
            if let Ok((undo, _)) = plan::undo(&file) {
                carried_out(&file, &undo);
            }
        }
    }
}
