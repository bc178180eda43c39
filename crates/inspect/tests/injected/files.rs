//! The sound files: the clips of testdata, the same in fragments, and one as our
//! recorder writes it.

use sha2::{Digest, Sha256};
use tapo_bmff::{BoxTree, BoxWriter};
use tapo_inspect::{Finding, inspect};
use tapo_io::ByteSource;
use tapo_movie::{
    FragmentDefaults, FragmentStamp, Movie, RawBox, Run, RunSample, SampleTable, SegmentStamp,
    SyncSamples,
};

/// A sound file.
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    pub(crate) bytes: Vec<u8>,
    pub(crate) tree: BoxTree,
    pub(crate) movie: Movie,
    pub(crate) findings: Vec<Finding>,
    /// Bytes of the longest group of pictures.
    pub(crate) gop: u64,
    /// A hash chain covers its media.
    pub(crate) sealed: bool,
}

const CLIPS: [&str; 5] = [
    "demo.mp4",
    "h264_bframes_aac.mp4",
    "h265_open_gop.mp4",
    "h264_alaw.mov",
    "h264_other_size.mp4",
];

pub(crate) fn subjects() -> Vec<Subject> {
    let mut all: Vec<Subject> = CLIPS.map(|n| subject(n, clip(n), false)).into();
    let fragments = |name| in_fragments(&clip(name), false);
    let pictures = fragments("h264_bframes_aac.mp4");
    all.push(subject("h264_bframes_aac in fragments", pictures, false));
    let pictures = fragments("h265_open_gop.mp4");
    all.push(subject("h265_open_gop in fragments", pictures, false));
    let ours = in_fragments(&clip("demo.mp4"), true);
    all.push(subject("a recording of tapo", ours, true));
    all
}

pub(crate) fn clip(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata");
    std::fs::read(std::path::Path::new(folder).join(name)).unwrap()
}

fn subject(name: &'static str, bytes: Vec<u8>, sealed: bool) -> Subject {
    let seen = inspect(&bytes).unwrap();
    let movie = seen.read.movie.clone().unwrap();
    let pictures = movie.tracks.iter().find(|t| t.is_video()).unwrap();
    // From keyframe to keyframe, with all that stands between.
    let keyframes = pictures
        .samples
        .iter()
        .filter(|s| s.sync)
        .map(|s| s.span.start);
    let ends: Vec<u64> = keyframes.chain([bytes.len() as u64]).collect();
    let gop = ends.windows(2).map(|w| w[1] - w[0]).max().unwrap();
    let moofs = seen.read.fragments.iter().map(|f| f.moof.len());
    let gop = gop + moofs.max().unwrap_or(0);
    Subject {
        tree: BoxTree::read(&bytes).unwrap(),
        findings: seen.findings,
        name,
        bytes,
        movie,
        gop,
        sealed,
    }
}

/// A clip as a fragmented movie, a group of pictures a fragment; with our own
/// stamps and hashes.
pub(crate) fn in_fragments(plain: &Vec<u8>, ours: bool) -> Vec<u8> {
    let full = tapo_movie::read(plain).unwrap().movie.unwrap();
    let mut init = full.clone();
    init.other.clear();
    let stamp = SegmentStamp {
        number: 1,
        timescale: 1000,
        camera: "yard".into(),
        ..SegmentStamp::default()
    };
    if ours {
        let mut w = BoxWriter::new();
        w.boxed(b"udta", |w| {
            w.uuid(&SegmentStamp::USER_TYPE, |w| {
                w.raw(&stamp.encode());
            });
        });
        let bytes = w.into_bytes();
        init.other.push(RawBox {
            kind: tapo_bmff::FourCc(*b"udta"),
            bytes,
        });
    }
    for track in &mut init.tracks {
        track.samples = SampleTable::default();
        track.defaults = Some(FragmentDefaults::default());
        track.edits.clear();
    }
    let mut w = BoxWriter::new();
    w.boxed(b"ftyp", |w| {
        w.raw(b"iso6").u32(512).raw(b"iso6mp41");
    });
    let mut file = w.into_bytes();
    file.extend(tapo_movie::encode_init(&init));
    let pictures = full
        .tracks
        .iter()
        .position(tapo_movie::Track::is_video)
        .unwrap();
    let SyncSamples::Listed(sync) = &full.tracks[pictures].samples.sync else {
        unreachable!("pictures are not all keyframes")
    };
    let timescale = u64::from(full.tracks[pictures].timescale);
    let starts: Vec<u64> = full.tracks[pictures]
        .samples
        .iter()
        .filter(|s| sync.contains(&s.number))
        .map(|s| s.dts)
        .collect();
    let mut chain: [u8; 32] = Sha256::digest(stamp.encode()).into();
    for (number, start) in (1_u32..).zip(&starts) {
        let next = starts
            .get(number as usize)
            .copied()
            .unwrap_or(u64::MAX / timescale);
        let mut data = Vec::new();
        let parts: Vec<(u32, u64, Vec<RunSample>)> = full
            .tracks
            .iter()
            .filter_map(|track| {
                let rate = u64::from(track.timescale);
                let inside = |dts: u64| {
                    let scaled = u128::from(dts) * u128::from(timescale) / u128::from(rate);
                    (u128::from(*start)..u128::from(next)).contains(&scaled)
                };
                let mut first = None;
                let mut run = Vec::new();
                for s in track.samples.iter().filter(|s| inside(s.dts)) {
                    first = first.or(Some(s.dts));
                    data.extend(plain.read_span(s.span).unwrap());
                    run.push(RunSample {
                        size: s.span.len() as u32,
                        duration: s.duration,
                        composition_offset: s.composition_offset,
                        sync: s.sync,
                    });
                }
                Some((track.header.id, first?, run))
            })
            .collect();
        let runs: Vec<Run<'_>> = parts
            .iter()
            .map(|(track_id, first, samples)| Run {
                track_id: *track_id,
                base_media_decode_time: *first,
                description: 1,
                samples,
            })
            .collect();
        let mut fragment = tapo_movie::encode_moof(number, &runs);
        fragment.extend(BoxWriter::header(b"mdat", data.len() as u64, false));
        fragment.extend(data);
        if ours {
            let sha256: [u8; 32] = Sha256::digest(&fragment).into();
            let link = Sha256::new().chain_update(chain).chain_update(sha256);
            chain = link.finalize().into();
            let stamp = FragmentStamp {
                track: 1,
                sequence: u64::from(number),
                sha256,
                chain,
                ..FragmentStamp::default()
            };
            let mut w = BoxWriter::new();
            w.uuid(&FragmentStamp::USER_TYPE, |w| {
                w.raw(&stamp.encode());
            });
            file.extend(w.into_bytes());
        }
        file.extend(fragment);
    }
    file
}
