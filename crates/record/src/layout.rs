//! The bytes of a segment: its head, and one fragment after another.

use crate::lane::Sample;
use crate::source::WallClock;
use sha2::{Digest, Sha256};
use tapo_bmff::{BoxWriter, FourCc};
use tapo_movie::{
    FragmentDefaults, FragmentStamp, Movie, MovieHeader, RawBox, Run, RunSample, SampleDescription,
    SegmentStamp, Track, TrackHeader, common_timescale, encode_init, encode_moof_at,
};

/// Largest movie timescale. In this one, start offsets of 90 kHz video against
/// sound of any usual rate are whole numbers.
const TIMESCALE_LIMIT: u32 = 10_000_000;

/// Seconds from 1904, where the times of MP4 start, to 1970.
const MAC_EPOCH: i64 = 2_082_844_800;

/// A track of a new segment.
pub(crate) struct NewTrack {
    /// The handler of its media.
    pub(crate) kind: &'static [u8; 4],
    pub(crate) timescale: u32,
    pub(crate) description: SampleDescription,
}

/// The movie of a segment that has no samples yet.
pub(crate) fn movie(tracks: Vec<NewTrack>, started: WallClock, stamp: &[u8]) -> Movie {
    let seconds = started.0.div_euclid(1_000_000_000) + MAC_EPOCH;
    let created = u64::try_from(seconds).unwrap_or(0);
    let rates = tracks.iter().map(|t| t.timescale);
    let timescale = common_timescale(rates, TIMESCALE_LIMIT);
    let count = u32::try_from(tracks.len()).unwrap_or(u32::MAX);
    let track = |(id, new): (u32, NewTrack)| Track {
        header: TrackHeader {
            id,
            creation_time: created,
            modification_time: created,
            volume: if new.kind == b"soun" { 0x100 } else { 0 },
            width: u32::from(new.description.size().map_or(0, |(w, _)| w)) << 16,
            height: u32::from(new.description.size().map_or(0, |(_, h)| h)) << 16,
            ..TrackHeader::default()
        },
        handler: FourCc(*new.kind),
        timescale: new.timescale,
        media_creation_time: created,
        media_modification_time: created,
        descriptions: vec![new.description],
        defaults: Some(FragmentDefaults {
            description: 1,
            ..FragmentDefaults::default()
        }),
        ..Track::default()
    };
    let mut udta = BoxWriter::new();
    udta.boxed(b"udta", |w| {
        w.uuid(&SegmentStamp::USER_TYPE, |w| {
            w.raw(stamp);
        });
    });
    Movie {
        header: MovieHeader {
            timescale,
            creation_time: created,
            modification_time: created,
            next_track_id: count.saturating_add(1),
            ..MovieHeader::default()
        },
        tracks: (1..).zip(tracks).map(track).collect(),
        other: vec![RawBox {
            kind: FourCc(*b"udta"),
            bytes: udta.into_bytes(),
        }],
    }
}

/// The bytes in front of the first fragment: `ftyp`, the reserve, `moov`.
pub(crate) fn head(movie: &Movie, reserve: u64) -> Vec<u8> {
    let kinds = movie.tracks.iter().flat_map(|t| &t.descriptions);
    let brand = kinds
        .map(SampleDescription::kind)
        .find_map(|kind| match &kind.0 {
            b"avc1" => Some(b"avc1"),
            b"hvc1" => Some(b"hvc1"),
            _ => None,
        });
    let mut bytes = tapo_finalize::layout::segment_head(brand.unwrap_or(b"mp42"), reserve);
    bytes.extend(encode_init(movie));
    bytes
}

/// A link of the hash chain.
pub(crate) fn link(before: &[u8; 32], this: &[u8; 32]) -> [u8; 32] {
    Sha256::new()
        .chain_update(before)
        .chain_update(this)
        .finalize()
        .into()
}

/// One run of a fragment: samples of a track that follow each other.
pub(crate) struct FragmentRun<'a> {
    pub(crate) track_id: u32,
    /// Decode time of the first sample in the segment.
    pub(crate) start: u64,
    pub(crate) samples: &'a [Sample],
}

/// The bytes of a fragment that will stand at byte `at` of the file: `prft`, our `uuid`, `moof`, `mdat`.
/// Fills in the hashes of `stamp`. Also says where in them each run's data starts.
pub(crate) fn fragment(
    at: u64,
    sequence: u32,
    runs: &[FragmentRun<'_>],
    mut stamp: FragmentStamp,
    chain: &[u8; 32],
) -> (Vec<u8>, Vec<u64>, FragmentStamp) {
    let entries: Vec<Vec<RunSample>> = runs.iter().map(|r| run_samples(r.samples)).collect();
    let described: Vec<Run<'_>> = runs
        .iter()
        .zip(&entries)
        .map(|(run, samples)| Run {
            track_id: run.track_id,
            base_media_decode_time: run.start,
            description: 1,
            samples,
        })
        .collect();
    let payload: usize = runs
        .iter()
        .flat_map(|r| r.samples)
        .map(|s| s.data.len())
        .sum();

    let media_time = runs
        .iter()
        .find(|r| r.track_id == stamp.track)
        .map_or(0, |r| r.start);
    let mut w = BoxWriter::with_capacity(4096 + payload);
    // ISO/IEC 14496-12 §8.16.5: 24 is the time of capture, 8 a time that is
    // only consistent with others like it.
    let flags = if stamp.wall_from_camera { 24 } else { 8 };
    w.full(b"prft", 1, flags, |w| {
        w.u32(stamp.track).u64(WallClock(stamp.wall_ns).to_ntp());
        w.u64(media_time);
    });
    let stamp_at = w.len();
    w.uuid(&FragmentStamp::USER_TYPE, |w| {
        w.raw(&stamp.encode());
    });
    let sealed_from = w.len();
    w.raw(&encode_moof_at(
        at + sealed_from as u64,
        sequence,
        &described,
    ));
    w.raw(&BoxWriter::header(b"mdat", payload as u64, false));
    let mut starts = Vec::with_capacity(runs.len());
    for run in runs {
        starts.push(w.len() as u64);
        for sample in run.samples {
            w.raw(&sample.data);
        }
    }
    let mut bytes = w.into_bytes();
    let sealed = bytes.get(sealed_from..).unwrap_or_default();
    stamp.sha256 = Sha256::digest(sealed).into();
    stamp.chain = link(chain, &stamp.sha256);
    // Behind the header and the extended type.
    let filled = stamp.encode();
    if let Some(place) = bytes.get_mut(stamp_at + 24..stamp_at + 24 + filled.len()) {
        place.copy_from_slice(&filled);
    }
    (bytes, starts, stamp)
}

fn run_samples(samples: &[Sample]) -> Vec<RunSample> {
    let entry = |s: &Sample| RunSample {
        size: u32::try_from(s.data.len()).unwrap_or(u32::MAX),
        duration: s.duration,
        composition_offset: composition_offset(s),
        sync: s.sync,
    };
    samples.iter().map(entry).collect()
}

/// Presentation time minus decode time, ticks.
pub(crate) fn composition_offset(sample: &Sample) -> i32 {
    i32::try_from(sample.pts.saturating_sub(sample.dts)).unwrap_or(i32::MAX)
}
