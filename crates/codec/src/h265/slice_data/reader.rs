//! Slice segments: where arithmetic decoding begins, goes on and ends (7.3.8.1, 9.3.1).

use super::cabac::Engine;
use super::contexts::{self, Contexts};
use super::header::Sets;
use super::layout::Place;
use super::{Picture, Stop};
use crate::h265::tools::Pcm;

/// Reads one slice segment.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    pub(super) params: Params,
    pub(super) picture: &'a mut Picture,
    pub(super) engine: Engine<'a>,
    pub(super) contexts: Contexts,
    /// A dependent slice segment.
    dependent: bool,
    /// A `cu_qp_delta_abs` is still to come in this quantisation group.
    pub(super) qp_delta_due: bool,
}

/// The parameter sets, in the terms of slice data. Sizes are log2 of luma samples.
#[derive(Debug, Clone, Copy)]
pub(super) struct Params {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) ctb: u32,
    pub(super) min_cb: u32,
    pub(super) min_tb: u32,
    pub(super) max_tb: u32,
    pub(super) max_transform_depth: u32,
    /// `ChromaArrayType`.
    pub(super) chroma: u8,
    pub(super) qp_bd_offset: i32,
    /// `Log2MinCuQpDeltaSize`.
    pub(super) min_cu_qp_delta: Option<u32>,
    pub(super) sign_data_hiding: bool,
    pub(super) transform_skip: bool,
    pub(super) transquant_bypass: bool,
    tiles: bool,
    wavefront: bool,
    pub(super) pcm: Option<Pcm>,
    /// The greatest `sao_offset_abs`.
    pub(super) sao_most_luma: u32,
    pub(super) sao_most_chroma: u32,
}

impl Params {
    fn new(sets: &Sets<'_>) -> Self {
        let (sps, sps_tools, pps) = (sets.sps, sets.sps_tools, sets.pps_tools);
        let ctb = u32::from(sps.ctb_log2_size);
        let sao_most = |depth: u8| (1 << (depth.min(10) - 5)) - 1;
        Self {
            width: sps.coded_width,
            height: sps.coded_height,
            ctb,
            min_cb: sps_tools.min_cb_log2.into(),
            min_tb: sps_tools.min_tb_log2.into(),
            max_tb: sps_tools.max_tb_log2.into(),
            max_transform_depth: sps_tools.max_transform_depth.into(),
            chroma: sps.chroma_format_idc,
            qp_bd_offset: sets.qp_bd_offset(),
            min_cu_qp_delta: pps.cu_qp_delta_depth.map(|depth| ctb - u32::from(depth)),
            sign_data_hiding: pps.sign_data_hiding,
            transform_skip: pps.transform_skip,
            transquant_bypass: pps.transquant_bypass,
            tiles: pps.tiles.is_some(),
            wavefront: pps.wavefront,
            pcm: sps_tools.pcm,
            sao_most_luma: sao_most(sps.bit_depth_luma),
            sao_most_chroma: sao_most(sps.bit_depth_chroma),
        }
    }
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        sets: &Sets<'_>,
        picture: &'a mut Picture,
        data: &'a [u8],
        dependent: bool,
    ) -> Result<Self, Stop> {
        Ok(Self {
            params: Params::new(sets),
            picture,
            engine: Engine::new(data, 0).ok_or(Stop::Broken)?,
            contexts: [0; 256],
            dependent,
            qp_delta_due: false,
        })
    }

    /// `slice_segment_data()`, to the last byte.
    pub(super) fn slice_segment_data(&mut self) -> Result<(), Stop> {
        let mut next = self.picture.layout.place(self.picture.next);
        let mut first = true;
        loop {
            // None behind the last coding tree unit, where the slice segment should have ended.
            let place = next.ok_or(Stop::Broken)?;
            self.set_contexts(&place, first);
            self.coding_tree_unit(&place)?;
            first = false;
            self.picture.next += 1;
            if self.params.wavefront && place.x_in_tile == 1 {
                self.picture.row_contexts = self.contexts;
            }
            if self.engine.terminate() {
                break;
            }
            next = self.picture.layout.place(self.picture.next);
            let restarts = next.is_some_and(|next| {
                self.params.tiles && next.begins_tile
                    || self.params.wavefront && next.x_in_tile == 0
            });
            // end_of_subset_one_bit
            if restarts {
                if !self.engine.terminate() {
                    return Err(Stop::Broken);
                }
                self.restart(0)?;
            }
        }
        self.picture.contexts = self.contexts;
        let behind = self.engine.terminated().ok_or(Stop::Broken)?;
        // cabac_zero_words, or what cameras pad with.
        let rest = self.engine.data().get(behind..).unwrap_or_default();
        match rest.iter().all(|&byte| byte == 0) {
            true => Ok(()),
            false => Err(Stop::Broken),
        }
    }

    /// Begins arithmetic decoding again behind a terminating bin and `bytes` more.
    pub(super) fn restart(&mut self, bytes: usize) -> Result<(), Stop> {
        let at = self.engine.terminated().ok_or(Stop::Broken)?;
        self.engine = Engine::new(self.engine.data(), at + bytes).ok_or(Stop::Broken)?;
        Ok(())
    }

    /// Context variables at the beginning of a coding tree unit (9.3.1).
    fn set_contexts(&mut self, place: &Place, first: bool) {
        let row = self.params.wavefront && place.x_in_tile == 0;
        if !(first || row || place.begins_tile) {
            return;
        }
        self.contexts = if place.begins_tile {
            contexts::initial(self.picture.fields.qp)
        } else if row && self.in_slice(place.above_right) {
            self.picture.row_contexts
        } else if !row && self.dependent {
            self.picture.contexts
        } else {
            contexts::initial(self.picture.fields.qp)
        };
    }

    /// Whether a neighbour is there and of the same slice.
    pub(super) fn in_slice(&self, neighbour: Option<usize>) -> bool {
        neighbour.is_some_and(|address| address >= self.picture.slice_address)
    }

    /// Decodes a bin with the context variable of this number.
    #[inline]
    pub(super) fn bin(&mut self, context: u8) -> bool {
        match self.contexts.get_mut(usize::from(context)) {
            Some(context) => self.engine.bin(context),
            None => false,
        }
    }
}
