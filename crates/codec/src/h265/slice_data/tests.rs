//! Pictures of a real encoder, read by their own parameter sets and by wrong ones.

use super::cabac::encoder::Encoder;
use super::*;
use crate::h265::tools::{Pcm, PpsTools, SpsTools, Tiles};
use crate::h265::{HevcConfig, Independent, Pps, Sps};
use crate::nal::{NalLengthSize, split};
use proptest::prelude::*;
use std::cell::Cell;
use std::path::Path;
use tapo_io::{ByteSource as _, PreadFile};

/// The intra pictures of a file with the parameter sets in force.
struct Clip {
    sets: ParameterSets,
    parameter_sets: Vec<Vec<u8>>,
    pictures: Vec<Vec<Vec<u8>>>,
}

impl Clip {
    fn open(path: &Path) -> Option<Self> {
        let file = PreadFile::open(path).ok()?;
        let movie = tapo_movie::read(&file).ok()?.movie?;
        let (track, entry) = movie.tracks.iter().find_map(|track| {
            let description = track.descriptions.first()?;
            let hvcc = description.entry.child(b"hvcC")?;
            Some((track, hvcc.to_vec()))
        })?;
        let config = HevcConfig::parse(&entry).ok()?;
        let mut sets = ParameterSets::of_config(&config);
        let mut pictures = Vec::new();
        for sample in track.samples.iter().filter(|sample| sample.sync) {
            let data = file.read_span(sample.span).ok()?;
            let nals: Vec<Vec<u8>> = split(&data, NalLengthSize::FOUR)
                .map_while(Result::ok)
                .map(|nal| nal.bytes.to_vec())
                .collect();
            for nal in &nals {
                let _ = sets.add(nal);
            }
            pictures.push(nals);
        }
        let parameter_sets = config.nal_units.iter().map(|nal| nal.to_vec()).collect();
        Some(Self {
            sets,
            parameter_sets,
            pictures,
        })
    }

    fn ours() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        Self::open(&root.join("../../testdata/h265_open_gop.mp4")).unwrap()
    }

    fn read(&self) -> Vec<Decodes> {
        self.read_changed(|_, _| {}).unwrap_or_default()
    }

    /// Reads it with other parameter sets; `None` where they are illegal.
    fn read_changed(&self, change: impl Fn(&mut Sps, &mut Pps)) -> Option<Vec<Decodes>> {
        let mut sets = self.sets.clone();
        let legal = Cell::new(true);
        sets.change(|sps, pps| {
            change(sps, pps);
            let t = sps.tools.unwrap();
            let fits = t.min_tb_log2 < t.min_cb_log2
                && (t.min_tb_log2..=sps.ctb_log2_size.min(5)).contains(&t.max_tb_log2)
                && (3..=sps.ctb_log2_size).contains(&t.min_cb_log2);
            legal.set(legal.get() && fits);
        });
        if !legal.get() {
            return None;
        }
        let read = |nals: &Vec<Vec<u8>>| decodes(&sets, nals.iter().map(Vec::as_slice));
        Some(self.pictures.iter().map(read).collect())
    }
}

type Change = (String, Box<dyn Fn(&mut Sps, &mut Pps)>);

fn of_sps(name: &str, change: impl Fn(&mut Sps, &mut SpsTools) + 'static) -> Change {
    let change = move |sps: &mut Sps, _: &mut Pps| {
        let mut tools = sps.tools.unwrap();
        change(sps, &mut tools);
        sps.tools = Some(tools);
    };
    (name.to_owned(), Box::new(change))
}

fn of_pps(name: &str, change: impl Fn(&mut PpsTools) + 'static) -> Change {
    let change = move |_: &mut Sps, pps: &mut Pps| change(pps.tools.as_mut().unwrap());
    (name.to_owned(), Box::new(change))
}

/// Wrong parameter sets. Some of them do not matter to some pictures.
fn changes() -> Vec<Change> {
    let mut all = Vec::new();
    for by in (-10..=10).filter(|&by| by != 0) {
        all.push(of_pps(&format!("init_qp {by:+}"), move |p| {
            p.init_qp = p.init_qp.saturating_add(by);
        }));
    }
    for by in [-2, -1, 1, 2] {
        let blocks = move |length: u32, sps: &Sps| {
            length.saturating_add_signed(by << sps.ctb_log2_size).max(8)
        };
        all.push(of_sps(&format!("width {by:+} CTB"), move |sps, _| {
            sps.coded_width = blocks(sps.coded_width, sps);
        }));
        all.push(of_sps(&format!("height {by:+} CTB"), move |sps, _| {
            sps.coded_height = blocks(sps.coded_height, sps);
        }));
        let less = move |length: u32| length.saturating_add_signed(by * 8).max(8);
        all.push(of_sps(&format!("width {by:+} CB"), move |sps, _| {
            sps.coded_width = less(sps.coded_width);
        }));
        all.push(of_sps(&format!("height {by:+} CB"), move |sps, _| {
            sps.coded_height = less(sps.coded_height);
        }));
    }
    all.push(of_pps("sign_data_hiding", |p| p.sign_data_hiding ^= true));
    all.push(of_pps("transform_skip", |p| p.transform_skip ^= true));
    all.push(of_pps("transquant_bypass", |p| p.transquant_bypass ^= true));
    all.push(of_pps("cu_qp_delta", |p| {
        p.cu_qp_delta_depth = match p.cu_qp_delta_depth {
            None => Some(0),
            Some(_) => None,
        };
    }));
    all.push(of_pps("cu_qp_delta_depth", |p| {
        p.cu_qp_delta_depth = p.cu_qp_delta_depth.map(|depth| depth ^ 1);
    }));
    all.push(of_pps("wavefront", |p| p.wavefront ^= true));
    all.push(of_pps("tiles", |p| {
        p.tiles = Some(Tiles {
            columns: 2,
            rows: 1,
            sizes: None,
        });
    }));
    all.push(of_pps("slice_chroma_qp_offsets", |p| {
        p.slice_chroma_qp_offsets ^= true;
    }));
    all.push(of_pps("deblocking_override", |p| {
        p.deblocking_override ^= true;
    }));
    all.push(of_sps("sao", |_, t| t.sao ^= true));
    all.push(of_sps("max_tb", |_, t| t.max_tb_log2 -= 1));
    all.push(of_sps("min_tb", |_, t| t.min_tb_log2 ^= 1));
    all.push(of_sps("min_cb", |_, t| t.min_cb_log2 ^= 7));
    all.push(of_sps("depth", |_, t| t.max_transform_depth ^= 1));
    all.push(of_sps("ctb", |sps, _| sps.ctb_log2_size ^= 1));
    all.push(of_sps("bit_depth", |sps, _| sps.bit_depth_luma ^= 2));
    all.push(of_sps("chroma 4:2:2", |sps, _| sps.chroma_format_idc ^= 3));
    all.push(of_sps("pcm", |_, t| {
        t.pcm = Some(Pcm {
            luma_bits: 8,
            chroma_bits: 8,
            min_log2: 3,
            max_log2: 5,
        });
    }));
    all
}

#[test]
fn a_clip_is_read_by_its_own_parameter_sets_only() {
    let clip = Clip::ours();
    assert_eq!(clip.read(), [Decodes::Yes; 4]);
    let mut tried = 0;
    for (name, change) in changes() {
        for said in clip.read_changed(change).unwrap_or_default() {
            assert!(matches!(said, Decodes::No(_)), "{name}: {said:?}");
            tried += 1;
        }
    }
    assert!(tried > 200);
}

#[test]
fn what_is_missing_or_too_much() {
    let clip = Clip::ours();
    let said = |nals: &[&[u8]]| decodes(&clip.sets, nals.iter().copied());
    let slice = clip.pictures[1]
        .iter()
        .find(|nal| NalHeader::of(nal).unwrap().nal_type.is_slice())
        .unwrap();
    assert_eq!(said(&[slice]), Decodes::Yes);
    assert_eq!(said(&[]), Decodes::Unknown);
    assert_eq!(said(&[slice, slice]), Decodes::No(15));
    let without = ParameterSets::new();
    assert_eq!(
        decodes(&without, [&slice[..]].into_iter()),
        Decodes::Unknown
    );
    let cut = said(&[&slice[..slice.len() - 1]]);
    assert!(matches!(cut, Decodes::No(10..)), "{cut:?}");
    let padded = [slice, &[0, 0, 3, 0, 0, 3][..]].concat();
    assert_eq!(said(&[&padded]), Decodes::Yes);
    let longer = [slice, &[1][..]].concat();
    assert_eq!(said(&[&longer]), Decodes::No(15));
    // Bits of the arithmetic code.
    let mut damaged = slice.clone();
    damaged[slice.len() / 3] ^= 0x55;
    assert!(matches!(said(&[&damaged]), Decodes::No(1..15)));
}

#[test]
fn emulation_prevention() {
    assert_eq!(unescape(&[1, 0, 0, 3, 1, 0, 0, 3]), [1, 0, 0, 1, 0, 0]);
    assert_eq!(unescape(&[0, 0, 3, 0, 0, 3, 3]), [0, 0, 0, 0, 3]);
    assert_eq!(unescape(&[0, 3, 0, 0]), [0, 3, 0, 0]);
}

/// What wrong parameter sets are taken for right, in the clips of a folder.
#[test]
fn other_clips() {
    let Some(folder) = std::env::var_os("TAPO_SAMPLES") else {
        return;
    };
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    let mut table = std::collections::BTreeMap::<String, (usize, usize, String)>::new();
    for path in paths {
        let Some(clip) = Clip::open(&path) else {
            continue;
        };
        for (name, change) in changes() {
            let row = table.entry(name).or_default();
            for said in clip.read_changed(change).unwrap_or_default() {
                row.0 += 1;
                if said == Decodes::Yes {
                    row.1 += 1;
                    row.2 += &format!(" {}", path.file_name().unwrap().to_string_lossy());
                }
            }
        }
    }
    for (name, (all, yes, which)) in table {
        eprintln!("{name}: {yes} of {all}:{which}");
    }
}

/// Writes coding tree units of one coding unit without coefficients.
struct Writer {
    encoder: Encoder,
    contexts: Contexts,
    done: Vec<u8>,
    random: u32,
}

impl Writer {
    fn new() -> Self {
        Self {
            encoder: Encoder::new(),
            contexts: contexts::initial(30),
            done: Vec::new(),
            random: 1,
        }
    }

    fn bin(&mut self, context: u8, bin: bool) {
        self.encoder
            .bin(&mut self.contexts[usize::from(context)], bin);
    }

    /// Mostly unset.
    fn rarely(&mut self) -> bool {
        self.random = self
            .random
            .wrapping_mul(1_664_525)
            .wrapping_add(1_013_904_223);
        self.random >> 29 == 0
    }

    fn unit(&mut self, pcm: Option<&[u8]>, end: bool) {
        self.bin(contexts::PART_MODE, true);
        if let Some(samples) = pcm {
            self.encoder.terminate(!samples.is_empty());
        }
        if let Some(samples) = pcm.filter(|samples| !samples.is_empty()) {
            self.restart();
            self.done.extend(samples);
        } else {
            let candidate = self.rarely();
            self.bin(contexts::PREV_INTRA_LUMA, candidate);
            // mpm_idx 0 or rem_intra_luma_pred_mode.
            for _ in 0..if candidate { 1 } else { 5 } {
                self.encoder.bypass(false);
            }
            let chroma = self.rarely();
            self.bin(contexts::INTRA_CHROMA, chroma);
            if chroma {
                self.encoder.bypass(true);
                self.encoder.bypass(false);
            }
            for context in [
                contexts::CBF_CHROMA,
                contexts::CBF_CHROMA,
                contexts::CBF_LUMA + 1,
            ] {
                self.bin(context, false);
            }
        }
        self.encoder.terminate(end);
    }

    /// Behind a terminating bin: the rest of the byte, and from the beginning.
    fn restart(&mut self) {
        self.done.extend(self.encoder.bytes());
        self.encoder = Encoder::new();
    }

    fn end_of_subset(&mut self) {
        self.encoder.terminate(true);
        self.restart();
    }
}

/// Reads slice segments of a picture of 6x3 coding tree units of 16x16 samples, of which all but the first are dependent.
fn read_segments(segments: &[&[u8]], change: impl Fn(&mut Sps, &mut Pps)) -> Result<usize, Stop> {
    let mut parameters = Clip::ours().sets;
    parameters.change(|sps, pps| {
        (sps.coded_width, sps.coded_height, sps.ctb_log2_size) = (96, 48, 4);
        let tools = sps.tools.as_mut().unwrap();
        (tools.min_cb_log2, tools.min_tb_log2, tools.max_tb_log2) = (4, 2, 4);
        tools.max_transform_depth = 0;
        let tools = pps.tools.as_mut().unwrap();
        (tools.wavefront, tools.cu_qp_delta_depth) = (false, None);
        change(sps, pps);
    });
    let pps = parameters.pps(0).unwrap();
    let sets = Sets::new(parameters.sps(0).unwrap(), pps).unwrap();
    let mut picture = None;
    for (number, data) in segments.iter().enumerate() {
        let dependent = number > 0;
        let slice = SliceHeader {
            nal: NalHeader::of(&[0x28, 1]).unwrap(),
            first_in_picture: !dependent,
            pps_id: 0,
            sps_id: 0,
            address: picture
                .as_ref()
                .map_or(0, |p: &Picture| p.next)
                .try_into()
                .unwrap(),
            independent: (!dependent).then_some(Independent {
                slice_type: SliceType::I,
                pic_order_cnt_lsb: 0,
            }),
        };
        let begun = begin(&sets, &slice, &mut picture)?;
        begun.fields.qp = 30;
        Reader::new(&sets, begun, data, dependent)?.slice_segment_data()?;
    }
    Ok(picture.unwrap().next)
}

#[test]
fn rows_take_contexts_from_the_row_above() {
    let wavefront = |_: &mut Sps, pps: &mut Pps| pps.tools.as_mut().unwrap().wavefront = true;
    let mut writer = Writer::new();
    let mut second = writer.contexts;
    for row in 0..3 {
        writer.contexts = second;
        for column in 0..6 {
            writer.unit(None, (row, column) == (2, 5));
            if column == 1 {
                second = writer.contexts;
            }
        }
        match row {
            2 => writer.restart(),
            _ => writer.end_of_subset(),
        }
    }
    assert_eq!(read_segments(&[&writer.done], wavefront), Ok(18));
    assert!(read_segments(&[&writer.done], |_, _| {}).is_err());
    let wide = |sps: &mut Sps, pps: &mut Pps| {
        sps.coded_width += 16;
        wavefront(sps, pps);
    };
    assert!(read_segments(&[&writer.done], wide).is_err());
}

#[test]
fn dependent_slice_segments_go_on() {
    let mut writer = Writer::new();
    let mut segments = Vec::new();
    for at in 0..18 {
        let end = [3, 10, 17].contains(&at);
        writer.unit(None, end);
        if end {
            writer.restart();
            segments.push(std::mem::take(&mut writer.done));
        }
    }
    let segments: Vec<&[u8]> = segments.iter().map(Vec::as_slice).collect();
    assert_eq!(read_segments(&segments, |_, _| {}), Ok(18));
    assert!(read_segments(&segments[..2], |_, _| {}).is_ok_and(|read| read == 11));
    assert!(read_segments(&[segments[0], segments[2]], |_, _| {}).is_err());
}

#[test]
fn tiles_begin_anew() {
    let tiled = |_: &mut Sps, pps: &mut Pps| {
        pps.tools.as_mut().unwrap().tiles = Some(Tiles {
            columns: 2,
            rows: 1,
            sizes: None,
        });
    };
    let mut writer = Writer::new();
    for at in 0..18 {
        writer.unit(None, at == 17);
        if at == 8 {
            writer.end_of_subset();
            writer.contexts = contexts::initial(30);
        }
    }
    writer.restart();
    assert_eq!(read_segments(&[&writer.done], tiled), Ok(18));
    assert!(read_segments(&[&writer.done], |_, _| {}).is_err());
}

#[test]
fn samples_without_coding() {
    let pcm = |luma_bits: u8| {
        move |sps: &mut Sps, _: &mut Pps| {
            sps.tools.as_mut().unwrap().pcm = Some(Pcm {
                luma_bits,
                chroma_bits: 4,
                min_log2: 3,
                max_log2: 5,
            });
        }
    };
    let mut writer = Writer::new();
    // 16x16 of 7 bits and twice 8x8 of 4 bits.
    let samples = [0xA5; 224 + 64];
    for at in 0..18 {
        writer.unit(Some(if at % 5 == 2 { &samples } else { &[] }), at == 17);
    }
    writer.restart();
    assert_eq!(read_segments(&[&writer.done], pcm(7)), Ok(18));
    assert!(read_segments(&[&writer.done], pcm(8)).is_err());
    assert!(read_segments(&[&writer.done], |_, _| {}).is_err());
}

proptest! {
    #[test]
    fn whatever_is_changed(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), 0usize..8, any::<u8>()), 1..6),
        which in 0usize..4,
    ) {
        // VPS, SPS, PPS and slices of the first picture, one as likely as the other.
        let clip = Clip::ours();
        let mut nals = clip.parameter_sets;
        nals.extend(clip.pictures[which].clone());
        for (at, nal, value) in changes {
            let count = nals.len();
            let nal = &mut nals[nal % count];
            let at = at.index(nal.len());
            nal[at] = value;
        }
        let mut sets = clip.sets;
        for nal in &nals {
            let _ = sets.add(nal);
        }
        decodes(&sets, nals.iter().map(Vec::as_slice));
    }
}
