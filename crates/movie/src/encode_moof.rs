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

/// Writes a `moof` whose data stands right behind it, in an `mdat` with a header
/// of 8 bytes that holds the runs' bytes one behind the other. Offsets count
/// from the `moof` (`default-base-is-moof`), so that the fragment can be moved.
/// Every sample states its duration, size and flags.
#[must_use]
pub fn encode_moof(sequence_number: u32, runs: &[Run<'_>]) -> Vec<u8> {
    let mut patches = Vec::with_capacity(runs.len());
    let mut data = 0_u64;
    let mut w = BoxWriter::new();
    w.boxed(b"moof", |w| {
        w.full(b"mfhd", 0, 0, |w| {
            w.u32(sequence_number);
        });
        for run in runs {
            patches.push((traf(w, run), data));
            data += run.samples.iter().map(|s| u64::from(s.size)).sum::<u64>();
        }
    });
    let first = w.len() as u64 + 8;
    for (at, data) in patches {
        // Fragments are seconds long; one of 2 GiB cannot be written.
        let offset = i32::try_from(first + data).unwrap_or(i32::MAX);
        w.patch(at, &offset.to_be_bytes());
    }
    w.into_bytes()
}

/// Writes a `traf` and returns where its data offset stands.
fn traf(w: &mut BoxWriter, run: &Run<'_>) -> usize {
    let mut data_offset = 0;
    let shifted = run.samples.iter().any(|s| s.composition_offset != 0);
    let fields = 0x1 | 0x100 | 0x200 | 0x400 | if shifted { 0x800 } else { 0 };
    w.boxed(b"traf", |w| {
        // 0x02: sample-description-index-present, 0x020000: default-base-is-moof.
        w.full(b"tfhd", 0, 0x02_0002, |w| {
            w.u32(run.track_id).u32(run.description);
        });
        w.full(b"tfdt", 1, 0, |w| {
            w.u64(run.base_media_decode_time);
        });
        w.full(b"trun", 1, fields, |w| {
            w.u32(u32::try_from(run.samples.len()).unwrap_or(u32::MAX));
            data_offset = w.len();
            w.u32(0);
            for sample in run.samples {
                w.u32(sample.duration).u32(sample.size);
                w.u32(if sample.sync { SYNC } else { DEPENDENT });
                if shifted {
                    w.u32(sample.composition_offset.cast_unsigned());
                }
            }
        });
    });
    data_offset
}
