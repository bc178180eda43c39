//! Writing movie fragments: the one form that tapo's recorder writes.

use crate::fragment::NON_SYNC;
use tapo_bmff::BoxWriter;

/// The samples of one track in a fragment.
#[derive(Copy, Clone, Debug)]
pub struct Run<'a> {
    /// The track's id.
    pub track_id: u32,
    /// Decode time of the first sample, ticks of the track's timescale.
    pub base_media_decode_time: u64,
    /// Sample description, from 1 on.
    pub description: u32,
    /// The samples, in decode order.
    pub samples: &'a [RunSample],
}

/// One sample of a [`Run`].
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct RunSample {
    /// Bytes.
    pub size: u32,
    /// Ticks of the track's timescale.
    pub duration: u32,
    /// Composition time minus decode time, ticks.
    pub composition_offset: i32,
    /// Whether decoding can start here.
    pub sync: bool,
}

/// `sample_depends_on` of a sync sample (2: on none) and of any other (1), with
/// the bit that says which it is (§8.8.3.1).
const SYNC: u32 = 0x0200_0000;
const DEPENDENT: u32 = 0x0100_0000 | NON_SYNC;

/// What a disk writes whole or not at all, bytes.
const SECTOR: u64 = 512;
/// A `free` box without content: what cannot be filled with less.
const SMALLEST_BOX: u64 = 8;
/// Bytes of a `trun` before its records.
const TRUN_HEAD: u64 = 20;
/// Bytes of a `traf` before its first record: its header, `tfhd`, `tfdt`, and the head of the `trun`.
const TRAF_HEAD: u64 = 8 + 20 + 20 + TRUN_HEAD;

/// Writes a `moof` whose data stands right behind it, in an `mdat` with a header
/// of 8 bytes that holds the runs' bytes one behind the other. Offsets count
/// from the `moof` (`default-base-is-moof`), so that the fragment can be moved.
/// Every sample states its duration, size and flags.
#[must_use]
pub fn encode_moof(sequence_number: u32, runs: &[Run<'_>]) -> Vec<u8> {
    encode(sequence_number, runs, None)
}

/// The same for a `moof` that will stand at byte `at` of a file, where a power cut may keep one
/// sector of 512 bytes and lose the next: no `trun` counts records that stand in another sector than the
/// count, and no `tfhd` is parted. Of a sector that is lost nothing is left then but boxes without
/// content. FFmpeg refuses a whole file for one record of zeros.
#[must_use]
pub fn encode_moof_at(at: u64, sequence_number: u32, runs: &[Run<'_>]) -> Vec<u8> {
    encode(sequence_number, runs, Some(at))
}

fn encode(sequence_number: u32, runs: &[Run<'_>], at: Option<u64>) -> Vec<u8> {
    let mut patches = Vec::with_capacity(runs.len());
    let mut data = 0_u64;
    let mut w = BoxWriter::new();
    w.boxed(b"moof", |w| {
        w.full(b"mfhd", 0, 0, |w| {
            w.u32(sequence_number);
        });
        for run in runs {
            traf(w, run, at, &mut data, &mut patches);
        }
    });
    let first = w.len() as u64 + 8;
    for (place, data) in patches {
        // Fragments are seconds long; one of 2 GiB cannot be written.
        let offset = i32::try_from(first + data).unwrap_or(i32::MAX);
        w.patch(place, &offset.to_be_bytes());
    }
    w.into_bytes()
}

/// Writes a `traf`, counts its bytes of media, and says where its data offsets stand, and what they are.
fn traf(
    w: &mut BoxWriter,
    run: &Run<'_>,
    at: Option<u64>,
    data: &mut u64,
    patches: &mut Vec<(usize, u64)>,
) {
    let shifted = run.samples.iter().any(|s| s.composition_offset != 0);
    let record = if shifted { 16 } else { 12 };
    // Bytes to the end of the sector.
    let left = |w: &BoxWriter| at.map(|at| SECTOR - (at + w.len() as u64) % SECTOR);
    if let Some(left) = left(w).filter(|left| *left < TRAF_HEAD + record) {
        w.boxed(b"free", |w| {
            w.zeros(usize::try_from(left.saturating_sub(SMALLEST_BOX)).unwrap_or(0));
        });
    }
    w.boxed(b"traf", |w| {
        // 0x02: sample-description-index-present, 0x020000: default-base-is-moof.
        w.full(b"tfhd", 0, 0x02_0002, |w| {
            w.u32(run.track_id).u32(run.description);
        });
        w.full(b"tfdt", 1, 0, |w| {
            w.u64(run.base_media_decode_time);
        });
        let mut rest = run.samples;
        loop {
            // Where no record fits, the count stands in the next sector as well.
            let room = left(w).map_or(u64::MAX, |left| match left {
                0..TRUN_HEAD => left + SECTOR,
                _ => left,
            });
            let fit = usize::try_from((room - TRUN_HEAD) / record).unwrap_or(usize::MAX);
            let (samples, others) = rest.split_at(fit.min(rest.len()));
            patches.push((trun(w, samples, shifted), *data));
            *data += samples.iter().map(|s| u64::from(s.size)).sum::<u64>();
            rest = others;
            if rest.is_empty() {
                break;
            }
        }
    });
}

/// Writes a `trun` and returns where its data offset stands.
fn trun(w: &mut BoxWriter, samples: &[RunSample], shifted: bool) -> usize {
    let mut data_offset = 0;
    let fields = 0x1 | 0x100 | 0x200 | 0x400 | if shifted { 0x800 } else { 0 };
    w.full(b"trun", 1, fields, |w| {
        w.u32(u32::try_from(samples.len()).unwrap_or(u32::MAX));
        data_offset = w.len();
        w.u32(0);
        for sample in samples {
            w.u32(sample.duration).u32(sample.size);
            w.u32(if sample.sync { SYNC } else { DEPENDENT });
            if shifted {
                w.u32(sample.composition_offset.cast_unsigned());
            }
        }
    });
    data_offset
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(id: u32, count: usize, offset: i32) -> (u32, Vec<RunSample>) {
        let sample = RunSample {
            size: 100,
            duration: 40,
            composition_offset: offset,
            sync: true,
        };
        (id, vec![sample; count])
    }

    /// Which sector a `tfhd` or the records of a `trun` share with what they belong to; `None` if any does not.
    fn parted(at: u64, moof: &[u8]) -> Option<&'static str> {
        let sector = |place: usize| (at + place as u64) / SECTOR;
        let (mut place, mut records) = (8, 0);
        while let Some(head) = moof.get(place..place + 8) {
            let size = usize::try_from(u32::from_be_bytes([head[0], head[1], head[2], head[3]]));
            let size = size.unwrap();
            match &head[4..] {
                b"traf" => {
                    place += 8;
                    continue;
                }
                b"tfhd" if sector(place) != sector(place + size - 1) => return Some("tfhd"),
                b"trun" => {
                    let count = &moof[place + 12..place + 16];
                    records += u32::from_be_bytes(count.try_into().unwrap());
                    // The last byte of the count is the one that is not 0.
                    if size > 20 && sector(place + 15) != sector(place + size - 1) {
                        return Some("trun");
                    }
                }
                _ => {}
            }
            place += size;
        }
        assert_eq!(place, moof.len());
        assert_eq!(records, 25 + 47 + 3);
        None
    }

    #[test]
    fn no_count_stands_in_another_sector_than_its_records() {
        let tracks = [run(1, 25, 80), run(2, 47, 0), run(3, 3, 0)];
        let runs: Vec<_> = tracks
            .iter()
            .map(|(track_id, samples)| Run {
                track_id: *track_id,
                base_media_decode_time: 9,
                description: 1,
                samples,
            })
            .collect();
        let mut plain = 0;
        for at in 0..SECTOR {
            assert_eq!(parted(at, &encode_moof_at(at, 1, &runs)), None, "{at}");
            plain += u32::from(parted(at, &encode_moof(1, &runs)).is_some());
        }
        // The proof of the proof: one trun a track is parted wherever it stands.
        assert_eq!(plain, 512);
    }
}
