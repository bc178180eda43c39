//! Coding tree units, coding quadtrees and coding units of I slices (7.3.8.2, 7.3.8.4, 7.3.8.5).

use super::Stop;
use super::contexts::{PART_MODE, SPLIT_CU, TRANSQUANT_BYPASS};
use super::intra::{DC, Modes};
use super::layout::Place;
use super::reader::Reader;
use crate::h265::tools::Pcm;

/// What coding units tell those to the right and below. Where there is no neighbour, what stands for none.
#[derive(Debug)]
pub(super) struct Neighbours {
    /// `CtDepth`, by 8 luma samples along the picture and down the coding tree block.
    depth_above: Vec<u8>,
    depth_left: [u8; 8],
    /// `IntraPredModeY`, by 4 luma samples of the coding tree block.
    mode_above: [u8; 16],
    mode_left: [u8; 16],
}

impl Neighbours {
    /// For a picture of this many coding tree blocks across.
    pub(super) fn new(width: usize) -> Self {
        Self {
            depth_above: vec![0; width * 8],
            depth_left: [0; 8],
            mode_above: [DC; 16],
            mode_left: [DC; 16],
        }
    }
}

/// Sets `count` elements from `at` on.
fn put(list: &mut [u8], at: usize, count: usize, value: u8) {
    if let Some(part) = list.get_mut(at..at + count) {
        part.fill(value);
    }
}

/// A small array's element.
fn at(list: &[u8], at: usize) -> u8 {
    list.get(at).copied().unwrap_or_default()
}

impl Reader<'_> {
    /// `coding_tree_unit()`.
    pub(super) fn coding_tree_unit(&mut self, place: &Place) -> Result<(), Stop> {
        let (left, above) = (self.in_slice(place.left), self.in_slice(place.above));
        let around = &mut self.picture.neighbours;
        if !left {
            around.depth_left = [0; 8];
            around.mode_left = [DC; 16];
        }
        let blocks = 1 << (self.params.ctb - 3);
        if !above {
            put(&mut around.depth_above, place.x * blocks, blocks, 0);
        }
        // Modes are not taken from the row above.
        around.mode_above = [DC; 16];
        if self.picture.fields.sao_luma || self.picture.fields.sao_chroma {
            self.sao(left, above);
        }
        let corner = |at: usize| u32::try_from(at << self.params.ctb).map_err(|_| Stop::Broken);
        let (x, y) = (corner(place.x)?, corner(place.y)?);
        self.coding_quadtree(x, y, self.params.ctb, 0)
    }

    /// Goes down to 8 luma samples at most: `log2_size` is 6 or less.
    fn coding_quadtree(&mut self, x: u32, y: u32, log2_size: u32, depth: u8) -> Result<(), Stop> {
        let size = 1 << log2_size;
        let (width, height) = (self.params.width, self.params.height);
        let inside = x + size <= width && y + size <= height;
        let splits = log2_size > self.params.min_cb && (!inside || self.split_cu_flag(x, y, depth));
        if self
            .params
            .min_cu_qp_delta
            .is_some_and(|least| log2_size >= least)
        {
            self.qp_delta_due = true;
        }
        if !splits {
            return self.coding_unit(x, y, log2_size, depth);
        }
        let half = size / 2;
        for (x, y) in [(x, y), (x + half, y), (x, y + half), (x + half, y + half)] {
            if x < width && y < height {
                self.coding_quadtree(x, y, log2_size - 1, depth + 1)?;
            }
        }
        Ok(())
    }

    /// Places of `CtDepth` above and to the left.
    fn depth_places(&self, x: u32, y: u32) -> (usize, usize) {
        let mask = (1 << self.params.ctb) - 1;
        ((x >> 3) as usize, ((y & mask) >> 3) as usize)
    }

    fn split_cu_flag(&mut self, x: u32, y: u32, depth: u8) -> bool {
        let (column, row) = self.depth_places(x, y);
        let around = &self.picture.neighbours;
        let deeper = u8::from(at(&around.depth_left, row) > depth)
            + u8::from(at(&around.depth_above, column) > depth);
        self.bin(SPLIT_CU + deeper)
    }

    fn coding_unit(&mut self, x: u32, y: u32, log2_size: u32, depth: u8) -> Result<(), Stop> {
        let (column, row) = self.depth_places(x, y);
        let blocks = 1 << (log2_size - 3);
        let around = &mut self.picture.neighbours;
        put(&mut around.depth_above, column, blocks, depth);
        put(&mut around.depth_left, row, blocks, depth);
        let lossless = self.params.transquant_bypass && self.bin(TRANSQUANT_BYPASS);
        let divided = log2_size == self.params.min_cb && !self.bin(PART_MODE);
        let pcm = self.params.pcm.filter(|pcm| {
            let sizes = u32::from(pcm.min_log2)..=u32::from(pcm.max_log2);
            !divided && sizes.contains(&log2_size)
        });
        if let Some(pcm) = pcm
            && self.engine.terminate()
        {
            self.set_mode(x, y, 1 << log2_size, DC);
            return self.pcm_sample(pcm, log2_size);
        }
        let modes = self.intra_modes(x, y, log2_size, divided)?;
        self.transform_units(&CodingUnit {
            log2_size,
            lossless,
            divided,
            modes,
        })?;
        match self.engine.overrun() {
            true => Err(Stop::Broken),
            false => Ok(()),
        }
    }

    fn pcm_sample(&mut self, pcm: Pcm, log2_size: u32) -> Result<(), Stop> {
        let luma = 1usize << (2 * log2_size);
        let chroma = match self.params.chroma {
            0 => 0,
            1 => luma / 2,
            2 => luma,
            _ => luma * 2,
        };
        let bits = luma * usize::from(pcm.luma_bits) + chroma * usize::from(pcm.chroma_bits);
        self.restart(bits / 8)
    }

    /// Places of `IntraPredModeY` above and to the left.
    fn mode_places(&self, x: u32, y: u32) -> (usize, usize) {
        let mask = (1 << self.params.ctb) - 1;
        (((x & mask) >> 2) as usize, ((y & mask) >> 2) as usize)
    }

    /// `IntraPredModeY` to the left and above.
    pub(super) fn modes_around(&self, x: u32, y: u32) -> (u8, u8) {
        let (column, row) = self.mode_places(x, y);
        let around = &self.picture.neighbours;
        (at(&around.mode_left, row), at(&around.mode_above, column))
    }

    /// Sets it for a square.
    pub(super) fn set_mode(&mut self, x: u32, y: u32, size: u32, mode: u8) {
        let (column, row) = self.mode_places(x, y);
        let blocks = (size >> 2) as usize;
        let around = &mut self.picture.neighbours;
        put(&mut around.mode_above, column, blocks, mode);
        put(&mut around.mode_left, row, blocks, mode);
    }
}

/// A coding unit with transform coefficients.
#[derive(Debug, Clone, Copy)]
pub(super) struct CodingUnit {
    pub(super) log2_size: u32,
    /// `cu_transquant_bypass_flag`.
    pub(super) lossless: bool,
    /// `PART_NxN`: every quarter has its own mode.
    pub(super) divided: bool,
    pub(super) modes: Modes,
}
