//! Small fragmented files, in every shape that recorders give them.

use crate::layout::{self, SEGMENT};
use tapo_bmff::{BoxWriter, FourCc};
use tapo_codec::h264::AvcConfig;
use tapo_movie::{
    Edit, FragmentDefaults, Movie, RawBox, Run, RunSample, SampleDescription, SegmentStamp, Track,
    TrackHeader, encode_init, encode_moof,
};

/// How a fragment says where its data is.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(super) enum Base {
    /// `default-base-is-moof`, as our recorder writes it.
    Moof,
    /// Nothing is said: the first `traf` counts from the `moof`, each other one
    /// from where the one before ended.
    Implicit,
    /// `base-data-offset`, from the start of the file.
    Offset,
}

/// How the file ends.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(super) enum End {
    /// With a whole fragment.
    Whole,
    /// With an `mdat` that lacks this many bytes.
    Torn(usize),
    /// Amid a `moof`: this many bytes of it are there.
    TornMoof(usize),
    /// With an `mdat` of size 0.
    Open,
    /// With this many zeros, as preallocation leaves them.
    Zeros(usize),
    /// With a torn box that is no fragment.
    TornIndex,
}

/// What to make.
#[derive(Clone, Debug)]
pub(super) struct Clip {
    pub(super) base: Base,
    pub(super) end: End,
    /// R, if the file is a segment of ours.
    pub(super) reserve: Option<u64>,
    /// `styp`, `sidx`, `prft` and `mfra` in between.
    pub(super) extras: bool,
    /// First decode time, in seconds of both tracks times 8000.
    pub(super) start: u64,
    pub(super) edits: Vec<Edit>,
    pub(super) b_frames: bool,
    pub(super) fragments: u32,
    /// Bytes of `ftyp`.
    pub(super) ftyp: usize,
    /// The pictures are of H.264, and have other parameter sets from the last
    /// keyframe on.
    pub(super) changes: bool,
    /// Bytes of `udta` in the initial `moov`: makes the final one longer.
    pub(super) ballast: usize,
}

impl Default for Clip {
    fn default() -> Self {
        Self {
            base: Base::Moof,
            end: End::Whole,
            reserve: None,
            extras: false,
            start: 0,
            edits: Vec::new(),
            b_frames: false,
            fragments: 3,
            ftyp: 32,
            changes: false,
            ballast: 0,
        }
    }
}

const SPS: &[u8] = &[
    0x67, 0x64, 0x00, 0x0d, 0xac, 0xb4, 0x0a, 0x0f, 0xd8, 0x08, 0x80, 0x00, 0x00, 0x03, 0x00, 0x80,
    0x00, 0x00, 0x19, 0x07, 0x8a, 0x15, 0x50,
];
const PPS: &[u8] = &[0x68, 0xef, 0x3c, 0xb0];
const OTHER_PPS: &[u8] = &[0x68, 0xef, 0x04, 0xf2, 0xc0];

fn avc1() -> SampleDescription {
    let mut w = BoxWriter::new();
    w.boxed(b"avc1", |w| {
        w.zeros(6).u16(1).zeros(16).u16(320).u16(240);
        w.u32(72 << 16).u32(72 << 16).zeros(4).u16(1);
        w.zeros(32).u16(24).u16(0xffff);
        w.boxed(b"avcC", |w| {
            w.raw(&AvcConfig::build(&[SPS], &[PPS]).unwrap());
        });
    });
    SampleDescription::parse(w.into_bytes(), FourCc(*b"vide")).unwrap()
}

const VIDEO: u32 = 1;
const SOUND: u32 = 2;

impl Clip {
    /// A segment of ours with a reserve of a page.
    pub(super) fn segment() -> Self {
        Self {
            reserve: Some(layout::reserve_len(0)),
            ..Self::default()
        }
    }

    /// The bytes of the file.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut file = match self.reserve {
            Some(reserve) => layout::segment_head(b"avc1", reserve),
            None => {
                let brands = b"isom\0\0\x02\0".iter().chain(b"isom".iter().cycle());
                let payload: Vec<u8> = brands.take(self.ftyp - 8).copied().collect();
                small_box(b"ftyp", &payload)
            }
        };
        file.extend(encode_init(&self.movie()));
        for number in 1..=self.fragments {
            if self.extras {
                file.extend(small_box(b"styp", b"msdh\0\0\0\0msdh"));
                file.extend(small_box(b"sidx", &[0; 32]));
                file.extend(small_box(b"prft", &[0; 24]));
            }
            let last = number == self.fragments;
            self.fragment(&mut file, number, last);
        }
        match self.end {
            End::Torn(missing) => file.truncate(file.len() - missing),
            End::Zeros(count) => file.resize(file.len() + count, 0),
            End::TornIndex => file.extend(&small_box(b"mfra", &[7; 300])[..120]),
            _ if self.extras => file.extend(small_box(b"mfra", &[1; 40])),
            _ => {}
        }
        file
    }

    fn movie(&self) -> Movie {
        let track = |id: u32, kind: &[u8; 4], timescale: u32| Track {
            header: TrackHeader {
                id,
                ..TrackHeader::default()
            },
            handler: FourCc(*kind),
            timescale,
            // Any entry will do: nobody decodes it.
            descriptions: vec![match self.changes && id == VIDEO {
                true => avc1(),
                false => SampleDescription::g711(b"alaw").unwrap(),
            }],
            edits: self.edits.clone(),
            defaults: Some(FragmentDefaults {
                description: 1,
                ..FragmentDefaults::default()
            }),
            other_stbl: vec![RawBox {
                kind: FourCc(*b"sdtp"),
                bytes: small_box(b"sdtp", &[0; 4]),
            }],
            ..Track::default()
        };
        let mut udta = BoxWriter::new();
        udta.boxed(b"udta", |w| {
            if self.reserve.is_some() {
                w.uuid(&SEGMENT, |w| {
                    w.raw(&SegmentStamp::default().encode());
                });
            }
            w.boxed(b"note", |w| {
                w.raw(&vec![0xa5; self.ballast]);
            });
        });
        let mut movie = Movie {
            tracks: vec![track(VIDEO, b"vide", 90_000), track(SOUND, b"soun", 8000)],
            other: vec![RawBox {
                kind: FourCc(*b"udta"),
                bytes: udta.into_bytes(),
            }],
            ..Movie::default()
        };
        movie.header.next_track_id = 3;
        movie
    }

    fn fragment(&self, file: &mut Vec<u8>, number: u32, last: bool) {
        let video = self.pictures(number);
        let sound = [sample(80, 1600, 0, true), sample(70, 1600, 0, true)];
        let earlier = u64::from(number - 1);
        let runs = [
            Run {
                track_id: VIDEO,
                base_media_decode_time: self.start * 90 / 8 + earlier * 4 * 9000,
                description: 1,
                samples: &video,
            },
            Run {
                track_id: SOUND,
                base_media_decode_time: self.start + earlier * 3200,
                description: 1,
                samples: &sound,
            },
        ];
        let at = file.len() as u64;
        let moof = match self.base {
            Base::Moof => encode_moof(number, &runs),
            Base::Implicit | Base::Offset => foreign_moof(number, &runs, self.base, at),
        };
        match self.end {
            End::TornMoof(there) if last => {
                // A zero at the end would be a case of its own.
                let zeros = moof[..there].iter().rev().take_while(|b| **b == 0);
                let there = there - zeros.count();
                return file.extend(&moof[..there]);
            }
            _ => file.extend(moof),
        }
        let len: u32 = runs.iter().flat_map(|r| r.samples).map(|s| s.size).sum();
        let size = if last && self.end == End::Open {
            0
        } else {
            len + 8
        };
        file.extend(size.to_be_bytes());
        file.extend(b"mdat");
        // No zeros, and no two fragments alike.
        let media = (0..len).map(|i| ((i * 7 + number * 31) % 255) as u8 + 1);
        let mut media: Vec<u8> = media.collect();
        if self.changes && number % 2 == 1 {
            let pps = if number == 1 { PPS } else { OTHER_PPS };
            let units = [
                &[0, 0, 0, SPS.len() as u8],
                SPS,
                &[0, 0, 0, pps.len() as u8],
                pps,
            ];
            media.splice(..units.concat().len(), units.concat());
        }
        file.extend(media);
    }

    fn pictures(&self, number: u32) -> Vec<RunSample> {
        let offsets = if self.b_frames {
            [18_000, 27_000, 0, 9000]
        } else {
            [0; 4]
        };
        let picture = |(i, offset)| {
            let sync = i == 0 && number % 2 == 1;
            sample(if i == 0 { 900 } else { 120 }, 9000, offset, sync)
        };
        offsets.into_iter().enumerate().map(picture).collect()
    }
}

const fn sample(size: u32, duration: u32, composition_offset: i32, sync: bool) -> RunSample {
    RunSample {
        size,
        duration,
        composition_offset,
        sync,
    }
}

pub(super) fn small_box(kind: &[u8; 4], payload: &[u8]) -> Vec<u8> {
    let mut w = BoxWriter::new();
    w.boxed(kind, |w| {
        w.raw(payload);
    });
    w.into_bytes()
}

/// A `moof` as others write it, at offset `at`.
fn foreign_moof(number: u32, runs: &[Run<'_>], base: Base, at: u64) -> Vec<u8> {
    // Written twice: the first time to know how long it is.
    let mut first = 8_u64;
    let mut bytes = Vec::new();
    for _ in 0..2 {
        let mut w = BoxWriter::new();
        w.boxed(b"moof", |w| {
            w.full(b"mfhd", 0, 0, |w| {
                w.u32(number);
            });
            let mut data = first;
            for (i, run) in runs.iter().enumerate() {
                w.boxed(b"traf", |w| foreign_traf(w, run, base, at, data, i));
                data += run.samples.iter().map(|s| u64::from(s.size)).sum::<u64>();
            }
        });
        bytes = w.into_bytes();
        first = bytes.len() as u64 + 8;
    }
    bytes
}

fn foreign_traf(w: &mut BoxWriter, run: &Run<'_>, base: Base, at: u64, data: u64, i: usize) {
    match base {
        Base::Offset => w.full(b"tfhd", 0, 1, |w| {
            w.u32(run.track_id).u64(at);
        }),
        _ => w.full(b"tfhd", 0, 0, |w| {
            w.u32(run.track_id);
        }),
    }
    w.full(b"tfdt", 0, 0, |w| {
        w.u32(run.base_media_decode_time as u32);
    });
    let offset = match base {
        Base::Implicit if i > 0 => 0,
        _ => data as u32,
    };
    w.full(b"trun", 1, 0xf01, |w| {
        w.u32(run.samples.len() as u32).u32(offset);
        for s in run.samples {
            w.u32(s.duration).u32(s.size);
            w.u32(if s.sync { 0 } else { 0x1_0000 });
            w.u32(s.composition_offset as u32);
        }
    });
}
