//! Slice segments written here: what no encoder at hand makes.

use super::cabac::encoder::Encoder;
use super::tests::Clip;
use super::*;
use crate::h265::tools::{Pcm, Tiles};
use crate::h265::{Independent, Pps, Sps};

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
