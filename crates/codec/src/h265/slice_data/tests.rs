//! Pictures of a real encoder, read by their own parameter sets and by wrong ones.

use super::*;
use crate::h265::tools::{Pcm, PpsTools, SpsTools, Tiles};
use crate::h265::{HevcConfig, Pps, Sps};
use crate::nal::{NalLengthSize, split};
use proptest::prelude::*;
use std::cell::Cell;
use std::path::Path;
use tapo_io::{ByteSource as _, PreadFile};

/// The intra pictures of a file with the parameter sets in force.
pub(super) struct Clip {
    pub(super) sets: ParameterSets,
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

    pub(super) fn ours() -> Self {
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
        // What every picture shows, if it is more than one colour.
        let shown = ["init_qp", "width", "height", "wavefront"];
        if shown.iter().any(|shown| name.starts_with(shown)) {
            assert!(yes * 1000 <= all, "{name}");
        }
    }
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
