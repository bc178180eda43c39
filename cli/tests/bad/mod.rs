//! Files that break parsers, one a class of bug, made from a clip of testdata.
//!
//! Names and classes are those of the set that repair is judged by, so that one
//! table serves for both.

#![allow(unreachable_pub, reason = "parts of a test")]

pub mod table;

use crate::common::ftyp;
use std::path::Path;
use tapo_bmff::BoxWriter;
use tapo_io::ByteSource;
use tapo_movie::{FragmentDefaults, Movie, Run, RunSample, SampleTable};

/// A file: its name, its bytes, and its length if what is missing is a hole.
pub struct Bad {
    pub name: &'static str,
    bytes: Vec<u8>,
    len: Option<u64>,
}

impl Bad {
    pub fn write(&self, path: &Path) {
        std::fs::write(path, &self.bytes).unwrap();
        if let Some(len) = self.len {
            let file = std::fs::File::options().write(true).open(path).unwrap();
            file.set_len(len).unwrap();
        }
    }
}

/// A recording with pictures and sound, its index behind the media.
pub fn plain() -> Vec<u8> {
    include_bytes!("../../../testdata/h264_bframes_aac.mp4").to_vec()
}

/// The same cut off before its index.
pub fn without_index() -> Vec<u8> {
    let plain = plain();
    plain[..at(&plain, "moov").0].to_vec()
}

/// The same in fragments of 20 samples a track, with an `mfra` at the end.
fn fragmented() -> Vec<u8> {
    let plain = plain();
    let full = tapo_movie::read(&plain).unwrap().movie.unwrap();
    let mut init = Movie::clone(&full);
    for track in &mut init.tracks {
        track.samples = SampleTable::default();
        track.defaults = Some(FragmentDefaults::default());
    }
    let mut file = ftyp();
    file.extend(tapo_movie::encode_init(&init));
    for number in 0.. {
        let mut data = Vec::new();
        let tracks = full.tracks.iter().map(|track| {
            let part = track.samples.iter().skip(20 * number).take(20);
            let mut start = 0;
            let samples: Vec<_> = part
                .map(|s| {
                    start = if s.number as usize == 20 * number + 1 {
                        s.dts
                    } else {
                        start
                    };
                    data.extend(plain.read_span(s.span).unwrap());
                    RunSample {
                        size: u32::try_from(s.span.len()).unwrap(),
                        duration: s.duration,
                        composition_offset: s.composition_offset,
                        sync: s.sync,
                    }
                })
                .collect();
            (track.header.id, start, samples)
        });
        let tracks: Vec<_> = tracks.filter(|(.., samples)| !samples.is_empty()).collect();
        if tracks.is_empty() {
            break;
        }
        let runs: Vec<_> = tracks
            .iter()
            .map(|(track_id, start, samples)| Run {
                track_id: *track_id,
                base_media_decode_time: *start,
                description: 1,
                samples,
            })
            .collect();
        file.extend(tapo_movie::encode_moof(
            u32::try_from(number).unwrap() + 1,
            &runs,
        ));
        file.extend(boxed(b"mdat", &data));
    }
    let mfro = full_box(b"mfro", 0, &24_u32.to_be_bytes());
    file.extend(boxed(b"mfra", &mfro));
    file
}

fn boxed(kind: &[u8; 4], payload: &[u8]) -> Vec<u8> {
    let mut file = BoxWriter::header(kind, payload.len() as u64, false);
    file.extend(payload);
    file
}

fn full_box(kind: &[u8; 4], flags: u32, payload: &[u8]) -> Vec<u8> {
    boxed(kind, &[&flags.to_be_bytes()[..], payload].concat())
}

/// Where the first box at this path stands, and how long it is.
fn at(file: &[u8], path: &str) -> (usize, usize) {
    let (mut from, mut size) = (0, file.len());
    for (depth, kind) in path.split('/').enumerate() {
        from += if depth > 0 { 8 } else { 0 };
        loop {
            let field: [u8; 4] = file[from..from + 4].try_into().unwrap();
            size = u32::from_be_bytes(field) as usize;
            if &file[from + 4..from + 8] == kind.as_bytes() {
                break;
            }
            from += size;
        }
    }
    (from, size)
}

fn tag(file: &[u8], kind: &[u8; 4]) -> usize {
    file.windows(4).position(|w| w == kind).unwrap()
}

fn patched(file: &[u8], at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut file = file.to_vec();
    file[at..at + bytes.len()].copy_from_slice(bytes);
    file
}

/// `moov` with more boxes in it, and nothing but `ftyp` in front.
fn with_more(plain: &[u8], more: &[u8]) -> Vec<u8> {
    let (from, size) = at(plain, "moov");
    let moov = boxed(b"moov", &[&plain[from + 8..from + size], more].concat());
    [ftyp(), moov].concat()
}

fn nested(kinds: &[&[u8; 4]], times: usize) -> Vec<u8> {
    let depth = times * kinds.len();
    let total = 8 * depth;
    let mut file = Vec::new();
    for level in 0..depth {
        let size = u32::try_from(total - 8 * level).unwrap();
        file.extend(size.to_be_bytes());
        file.extend(kinds[level % kinds.len()]);
    }
    file
}

const MAX: [u8; 4] = [0xFF; 4];
const ZERO: [u8; 4] = [0; 4];

/// All of them.
pub fn files() -> Vec<Bad> {
    let plain = plain();
    let mut all = Vec::new();
    let mut add = |name, bytes| {
        all.push(Bad {
            name,
            bytes,
            len: None,
        });
    };
    controls_and_sizes(&plain, &mut add);
    counts(&plain, &mut add);
    meanings(&plain, &mut add);
    configurations(&plain, &mut add);
    fragments(&mut add);
    rest(&plain, &mut add);
    let header = [
        &ftyp()[..],
        &[0, 0, 0, 1],
        b"mdat",
        &((1_u64 << 40) - 32).to_be_bytes(),
    ]
    .concat();
    all.push(Bad {
        name: "81_sparse_1TiB",
        bytes: header,
        len: Some(1 << 40),
    });
    all
}

type Add<'a> = &'a mut dyn FnMut(&'static str, Vec<u8>);

fn controls_and_sizes(plain: &[u8], add: Add<'_>) {
    let (moov, moov_len) = at(plain, "moov");
    add("00_control", plain.to_vec());
    add("00_control_frag", fragmented());
    add(
        "01_deep_nest_12500",
        [ftyp(), nested(&[b"moov"], 12_500)].concat(),
    );
    add(
        "02_deep_nest_moof_traf_3000",
        [ftyp(), nested(&[b"moof", b"traf"], 3000)].concat(),
    );
    let udta = nested(&[b"udta"], 20_000);
    add(
        "03_deep_udta_20000",
        [ftyp(), boxed(b"moov", &udta)].concat(),
    );
    let behind = |head: &[u8], rest: &[u8]| [&ftyp()[..], head, rest].concat();
    add("04_size_lt8", behind(b"\0\0\0\x04moov", &plain[28..]));
    let free = [&b"\0\0\0\0free"[..], &[b'x'; 100]].concat();
    add("05_size0_mid", behind(&free, &plain[moov..]));
    let large =
        |kind: &[u8; 4], size: u64| [&[0, 0, 0, 1], &kind[..], &size.to_be_bytes()].concat();
    add(
        "06_size1_large_lt16",
        behind(&large(b"free", 8), &plain[moov..]),
    );
    let data = [&large(b"mdat", u64::MAX)[..], &[b'x'; 64]].concat();
    add("07_size1_huge", behind(&data, &plain[moov..]));
    let data = large(b"mdat", u64::MAX >> 1);
    add("08_size1_int63", behind(&data, &[b'x'; 64]));
    let (trak, trak_len) = at(plain, "moov/trak");
    let size = u32::try_from(trak_len * 4).unwrap().to_be_bytes();
    add("09_child_gt_parent", patched(plain, trak, &size));
    add(
        "10_size0_child",
        patched(plain, at(plain, "moov/trak/mdia").0, &ZERO),
    );
    let tail = |bytes: &[u8]| [plain, bytes].concat();
    add("11_header_truncated", tail(&[0; 3]));
    add("12_trailing_zeros", tail(&[0; 4096]));
    let garbage: Vec<u8> = (0..4096_u32)
        .map(|i| (i * 197 + 13).to_be_bytes()[3])
        .collect();
    add("13_trailing_garbage", tail(&garbage));
    // Fewer than a million: tests run without optimization.
    let free = |count| b"\0\0\0\x08free".repeat(count);
    add("14_million_boxes", behind(&[], &free(100_000)));
    add(
        "15_million_boxes_in_udta",
        with_more(plain, &boxed(b"udta", &free(50_000))),
    );
    let mdat = at(plain, "mdat").0;
    add("46_no_moov", plain[..moov].to_vec());
    add("47_trunc_moov", plain[..moov + moov_len / 2].to_vec());
    add(
        "49_mdat_size_unpatched",
        patched(&plain[..moov], mdat, &ZERO),
    );
}

fn counts(plain: &[u8], add: Add<'_>) {
    let table = |kind: &str| at(plain, &format!("moov/trak/mdia/minf/stbl/{kind}")).0;
    let mut hit = |name, kind: &str, behind: usize, bytes: &[u8]| {
        add(name, patched(plain, table(kind) + behind, bytes));
    };
    hit("20_stsz_count_max", "stsz", 16, &MAX);
    hit(
        "21_stsz_const_count_max",
        "stsz",
        12,
        &[0, 0, 0, 1, 0xFF, 0xFF, 0xFF, 0xFF],
    );
    hit("22_stts_bomb", "stts", 16, &[0xFF; 8]);
    hit("23_stts_count_max", "stts", 12, &MAX);
    hit("24_stsc_spc_max", "stsc", 20, &MAX);
    hit("25_stsc_zero", "stsc", 20, &ZERO);
    hit("26_stsc_first_chunk_0", "stsc", 16, &ZERO);
    hit("27_stsc_sdi_max", "stsc", 24, &MAX);
    hit("28_stco_count_max", "stco", 12, &MAX);
    hit("29_stco_beyond_eof", "stco", 16, &[0xFF, 0xFF, 0xFF, 0xF0]);
    let inside = u32::try_from(at(plain, "moov").0 + 8)
        .unwrap()
        .to_be_bytes();
    hit("30_stco_in_moov", "stco", 16, &inside);
    hit("31_stco_zero", "stco", 16, &ZERO);
    hit("32_stsd_count_max", "stsd", 12, &MAX);
    hit("33_stsd_entry_size0", "stsd", 16, &ZERO);
    hit("34_ctts_bomb", "ctts", 16, &MAX);
    hit("36_stss_unsorted", "stss", 16, &MAX);
    let elst = at(plain, "moov/trak/edts/elst").0;
    add("35_elst_count_max", patched(plain, elst + 12, &MAX));
    let (stco, len) = at(plain, "moov/trak/mdia/minf/stbl/stco");
    let first = plain[stco + 16..stco + 20].repeat((len - 16) / 4);
    add("77_overlap_chunks", patched(plain, stco + 16, &first));
}

fn meanings(plain: &[u8], add: Add<'_>) {
    let (moov, len) = at(plain, "moov");
    let (trak, trak_len) = at(plain, "moov/trak");
    add(
        "40_mvhd_timescale0",
        patched(plain, at(plain, "moov/mvhd").0 + 20, &ZERO),
    );
    let mdhd = at(plain, "moov/trak/mdia/mdhd").0;
    add("41_mdhd_timescale0", patched(plain, mdhd + 20, &ZERO));
    let twice = [&plain[moov + 8..moov + len], &plain[trak..trak + trak_len]].concat();
    add(
        "42_dup_track_id",
        [&plain[..moov], &boxed(b"moov", &twice)].concat(),
    );
    add("43_two_moov", [plain, &plain[moov..moov + len]].concat());
    add("44_two_ftyp", [&ftyp()[..], plain].concat());
    add("45_no_ftyp", plain[at(plain, "ftyp").1..].to_vec());
    let front = faststart(plain);
    add(
        "48_trunc_mdat_faststart",
        front[..front.len() - 20_000].to_vec(),
    );
}

/// The file with its index in front of the media data.
fn faststart(plain: &[u8]) -> Vec<u8> {
    let mut movie = tapo_movie::read(&plain).unwrap().movie.unwrap();
    let (mdat, mdat_len) = at(plain, "mdat");
    let build = |movie: &Movie| [ftyp(), tapo_movie::encode_moov(movie)].concat();
    let moved = build(&movie).len() as u64;
    for chunk in movie.tracks.iter_mut().flat_map(|t| &mut t.samples.chunks) {
        chunk.offset = chunk.offset + moved - mdat as u64;
    }
    [&build(&movie), &plain[mdat..mdat + mdat_len]].concat()
}

fn configurations(plain: &[u8], add: Add<'_>) {
    let avcc = tag(plain, b"avcC");
    add("50_avcC_sps_len", patched(plain, avcc + 4 + 6, &[0xFF; 2]));
    add("51_avcC_nsps31", patched(plain, avcc + 4 + 5, &[0xFF]));
    add(
        "52_avcC_empty",
        patched(plain, avcc - 4, &8_u32.to_be_bytes()),
    );
    let esds = tag(plain, b"esds");
    add("53_esds_len_loop", patched(plain, esds + 4 + 4 + 1, &MAX));
    add("54_esds_zero", patched(plain, esds + 8, &[0; 20]));
}

fn fragments(add: Add<'_>) {
    let frag = fragmented();
    let traf = |kind: &str| at(&frag, &format!("moof/traf/{kind}")).0;
    add("60_trun_count_max", patched(&frag, traf("trun") + 12, &MAX));
    let moof = at(&frag, "moof").0;
    let flags = (0x02_0000_u32 | 0x8 | 0x10).to_be_bytes();
    let one = 1_u32.to_be_bytes();
    let tfhd = boxed(b"tfhd", &[flags, one, one, one].concat());
    let inside = [
        tfhd,
        full_box(b"tfdt", 0, &ZERO),
        full_box(b"trun", 0, &MAX),
    ]
    .concat();
    let bomb = boxed(
        b"moof",
        &[full_box(b"mfhd", 0, &one), boxed(b"traf", &inside)].concat(),
    );
    let data = boxed(b"mdat", &[b'x'; 64]);
    add("61_trun_bomb", [&frag[..moof], &bomb, &data].concat());
    add(
        "62_trun_bomb_x200",
        [&frag[..moof], &bomb.repeat(200), &data].concat(),
    );
    add(
        "63_tfhd_unknown_track",
        patched(&frag, traf("tfhd") + 12, &[0xDE, 0xAD, 0xBE, 0xEF]),
    );
    add(
        "64_trun_dataoffset_neg",
        patched(&frag, traf("trun") + 16, &[0x80, 0, 0, 0]),
    );
    add("65_moof_no_moov", frag[moof..].to_vec());
    let numbers = [1, 1000, 0, 0, 1, 0x8000_0000, 1000, 0_u32];
    let sidx = full_box(b"sidx", 0, &numbers.map(u32::to_be_bytes).concat());
    add(
        "66_sidx_self_loop",
        [&frag[..moof], &sidx, &frag[moof..]].concat(),
    );
    add("67_frag_trunc_mdat", frag[..frag.len() - 3000].to_vec());
    add("68_mfro_bad", patched(&frag, frag.len() - 4, &MAX));
}

fn rest(plain: &[u8], add: Add<'_>) {
    let ftyp_len = at(plain, "ftyp").1;
    let hdlr = boxed(b"hdlr", &[0; 24]);
    add("70_meta_qt_style", [plain, &boxed(b"meta", &hdlr)].concat());
    let meta = |ilst: &[u8]| {
        let hdlr = full_box(b"hdlr", 0, &[&ZERO[..], b"mdir", &[0; 13]].concat());
        boxed(b"udta", &full_box(b"meta", 0, &[&hdlr, ilst].concat()))
    };
    let item = [&[0xFF, 0xFF, 0xFF, 0xF0][..], b"\xA9nam", &MAX, b"data"].concat();
    add(
        "71_ilst_bad",
        with_more(plain, &meta(&boxed(b"ilst", &item))),
    );
    let cmov = |size: u32, data: &[u8]| {
        let cmvd = boxed(b"cmvd", &[&size.to_be_bytes()[..], data].concat());
        let inside = [boxed(b"dcom", b"zlib"), cmvd].concat();
        [ftyp(), boxed(b"moov", &boxed(b"cmov", &inside))].concat()
    };
    add("72_cmov_bomb", cmov(256 << 20, &[0x78; 4000]));
    add("73_cmov_liar", cmov(u32::MAX, &[0x78; 4000]));
    let local = tag(plain, b"url ");
    add("74_dref_external", patched(plain, local + 4, &ZERO));
    let iloc = full_box(b"iloc", 0x0100_0000, &[0x44, 0x40, 0xFF, 0xFF]);
    let picture = full_box(b"hdlr", 0, &[&ZERO[..], b"pict", &[0; 13]].concat());
    let items = full_box(b"meta", 0, &[picture, iloc].concat());
    add("75_iloc_huge", [ftyp(), items].concat());
    let behind = |head: &[u8]| [&ftyp()[..], head, &plain[ftyp_len..]].concat();
    add("76_uuid_short", behind(&boxed(b"uuid", b"1234")));
    let name = plain
        .windows(13)
        .position(|w| w == b"VideoHandler\0")
        .unwrap();
    add("78_hdlr_no_nul", patched(plain, name + 12, b"X"));
    let odd = [
        boxed(b"\xFF\xFE\0\x01", &[b'x'; 16]),
        boxed(b"\x1B[2J", &[b'y'; 16]),
    ]
    .concat();
    add("79_nonascii_types", behind(&odd));
    let words = [
        &1_u32.to_be_bytes()[..],
        &ZERO,
        b"\x1B]0;pwn\x07<script>\x1B[31m",
    ]
    .concat();
    let title = boxed(b"\xA9nam", &boxed(b"data", &words));
    add(
        "80_title_escape",
        with_more(plain, &meta(&boxed(b"ilst", &title))),
    );
    add("82_empty", Vec::new());
    add("83_seven_bytes", b"\0\0\0\x08fty".to_vec());
    add(
        "84_jpeg_named_mp4",
        [&[0xFF, 0xD8, 0xFF, 0xE0][..], &[0; 500]].concat(),
    );
    add("85_all_zero_1MiB", vec![0; 1 << 20]);
    add("86_all_ff_1MiB", vec![0xFF; 1 << 20]);
}
