//! The macroblock layer of I slices (7.3.5).

use super::contexts::Category;
use super::picture::{Macroblock, Neighbours, Picture};
use super::syntax::{Block, Entropy, I_PCM, PatternsAround};
use super::{Format, Read, Violation};

/// A macroblock that is being read.
pub(super) struct Reader<'a, E> {
    pub(super) entropy: &'a mut E,
    pub(super) format: &'a Format,
    pub(super) picture: &'a Picture,
    pub(super) neighbours: Neighbours,
    /// `mb_qp_delta` of the macroblock before is not 0.
    pub(super) qp_changed: &'a mut bool,
    pub(super) current: Macroblock,
}

impl<E: Entropy> Reader<'_, E> {
    /// Reads `macroblock_layer`.
    pub(super) fn read(mut self) -> Read<Macroblock> {
        let left = self.neighbours.left().map(|at| self.picture.at(at));
        let above = self.neighbours.above.map(|at| self.picture.at(at));
        let sum = |says: fn(&Macroblock) -> bool| {
            usize::from(left.is_some_and(says)) + usize::from(above.is_some_and(says))
        };
        let kind = self.entropy.mb_type(sum(|of| !of.nxn))?;
        let qp_changed = std::mem::take(self.qp_changed);
        let sixteen = match kind {
            0 => None,
            1..I_PCM => u8::try_from(kind - 1).ok(),
            I_PCM => {
                self.entropy.pcm(self.format.pcm_bits())?;
                let Macroblock { slice, field, .. } = self.current;
                return Ok(Macroblock {
                    slice,
                    field,
                    ..Macroblock::PCM
                });
            }
            _ => return Err(Violation("mb_type")),
        };
        let chroma = self.format.has_chroma_blocks();
        let predicted = match sixteen {
            None => {
                self.current.nxn = true;
                self.current.transform_8x8 = self.format.transform_8x8
                    && self.entropy.transform_8x8(sum(|of| of.transform_8x8))?;
                self.modes()
            }
            Some(kind) => {
                self.current.luma_pattern = if kind < 12 { 0 } else { 15 };
                self.current.chroma_pattern = kind / 4 % 3;
                // Vertical, horizontal, DC, plane.
                self.predict(match kind % 4 {
                    3 => PLANE,
                    mode => mode,
                })
            }
        };
        predicted?;
        if chroma {
            let mode = self.entropy.chroma_mode(sum(|of| of.chroma_mode != 0))?;
            // DC, horizontal, vertical, plane.
            self.predict(match mode {
                0 => Macroblock::DC,
                1 => 1,
                2 => 0,
                3 => PLANE,
                _ => return Err(Violation("intra_chroma_pred_mode")),
            })?;
            self.current.chroma_mode = mode;
        }
        if self.current.nxn {
            let around = match E::ARITHMETIC {
                true => self.patterns_around(),
                false => PatternsAround::default(),
            };
            let pattern = self.entropy.coded_block_pattern(&around, chroma)?;
            self.current.luma_pattern = pattern % 16;
            self.current.chroma_pattern = pattern / 16;
        }
        if !chroma && self.current.chroma_pattern > 0 {
            return Err(Violation("mb_type"));
        }
        if sixteen.is_some() || self.current.luma_pattern > 0 || self.current.chroma_pattern > 0 {
            let most = self.format.qp_delta_range();
            let delta = self.entropy.qp_delta(qp_changed, most)?;
            if delta >= most.cast_signed() || delta < -most.cast_signed() {
                return Err(Violation("mb_qp_delta"));
            }
            *self.qp_changed = delta != 0;
            self.residual(sixteen.is_some())?;
        }
        Ok(self.current)
    }

    /// `prev_intra4x4_pred_mode_flag` and what follows, or the same of 8x8 blocks; the modes themselves (8.3.1.1, 8.3.2.1).
    fn modes(&mut self) -> Read<()> {
        let (blocks, size) = match self.current.transform_8x8 {
            true => (4, 2),
            false => (16, 1),
        };
        for index in 0..blocks {
            let (column, row) = place(index, size);
            let left = match column {
                0 => self.neighbours.left_of(4 * row, 16),
                _ => None,
            };
            let left = match left {
                Some((at, row)) => Some(self.picture.at(at).mode(3, row / 4)),
                None => (column > 0).then(|| self.current.mode(column - 1, row)),
            };
            let above = match (row, self.neighbours.above) {
                (0, above) => above.map(|at| self.picture.at(at).mode(column, 3)),
                _ => Some(self.current.mode(column, row - 1)),
            };
            let predicted = match (left, above) {
                (Some(left), Some(above)) => left.min(above),
                _ => Macroblock::DC,
            };
            let mode = match self.entropy.intra_mode()? {
                None => predicted,
                Some(rest) if rest < predicted => rest,
                Some(rest) => rest + 1,
            };
            let corner = match (column, row) {
                (0, 0) => self.neighbours.corner,
                (0, _) => left.is_some(),
                _ => above.is_some(),
            };
            allowed(mode, left.is_some(), above.is_some(), corner)?;
            for at in [0, 1, 4, 5] {
                if at > 0 && size == 1 {
                    break;
                }
                if let Some(place) = self.current.modes.get_mut(4 * row + column + at) {
                    *place = mode;
                }
            }
        }
        Ok(())
    }

    /// Checks the prediction mode of a whole macroblock.
    fn predict(&self, mode: u8) -> Read<()> {
        let Neighbours { above, corner, .. } = self.neighbours;
        allowed(
            mode,
            self.neighbours.left().is_some(),
            above.is_some(),
            corner,
        )
    }

    fn patterns_around(&self) -> PatternsAround {
        let left = |row: usize| {
            let (at, row) = self.neighbours.left_of(8 * row, 16)?;
            Some((self.picture.at(at), row / 8))
        };
        let left_uncoded = |row| left(row).is_some_and(|(of, row)| !of.is_coded(1, row));
        let above = self.neighbours.above.map(|at| self.picture.at(at));
        let above_uncoded = |column| above.is_some_and(|of| !of.is_coded(column, 1));
        PatternsAround {
            left_uncoded: (left_uncoded(0), left_uncoded(1)),
            above_uncoded: (above_uncoded(0), above_uncoded(1)),
            left_chroma: left(0).map_or(0, |(of, _)| of.chroma_pattern),
            above_chroma: above.map_or(0, |of| of.chroma_pattern),
        }
    }

    /// `residual` (7.3.5.3).
    fn residual(&mut self, sixteen: bool) -> Read<()> {
        self.luma(0, sixteen)?;
        if self.format.planes() == 3 {
            self.luma(1, sixteen)?;
            self.luma(2, sixteen)?;
        }
        let rows = self.format.chroma_rows();
        if self.current.chroma_pattern > 0 {
            for plane in 1..=2 {
                let (a, b) = self.dc_around(plane);
                let most = if rows == 4 { 8 } else { 4 };
                let block = self.chroma_block(Category::ChromaDc, most);
                let count = self.entropy.block(block, a, b)?;
                self.set_dc(plane, count);
            }
        }
        if self.current.chroma_pattern > 1 {
            for plane in 1..=2 {
                for (row, column) in (0..rows).flat_map(|row| [(row, 0), (row, 1)]) {
                    let (a, b) = self.counts_around(plane, (2, rows), (column, row));
                    let block = self.chroma_block(Category::ChromaAc, 15);
                    let count = self.entropy.block(block, a, b)?;
                    self.set_count(plane, 2 * row + column, count);
                }
            }
        }
        Ok(())
    }

    /// `residual_luma` of a plane.
    fn luma(&mut self, plane: usize, sixteen: bool) -> Read<()> {
        let block = |category, most| Block {
            category,
            plane,
            field: self.current.field,
            flagged: true,
            most,
            limit: self.format.level_limit(plane),
        };
        let (four, eight) = match sixteen {
            true => (block(Category::LumaAc, 15), None),
            false => (
                block(Category::Luma4x4, 16),
                // Variable-length codes split 8x8 blocks into four.
                (self.current.transform_8x8 && E::ARITHMETIC).then_some(Block {
                    flagged: self.format.planes() == 3,
                    ..block(Category::Luma8x8, 64)
                }),
            ),
        };
        if sixteen {
            let (a, b) = match E::ARITHMETIC {
                true => self.dc_around(plane),
                false => self.counts_around(plane, (4, 4), (0, 0)),
            };
            let count = self.entropy.block(block(Category::LumaDc, 16), a, b)?;
            self.set_dc(plane, count);
        }
        for index in 0..4 {
            if self.current.luma_pattern >> index & 1 == 0 {
                continue;
            }
            if let Some(block) = eight {
                let at = place(index, 2);
                let (a, b) = match block.flagged {
                    true => self.eights_around(plane, at),
                    false => (None, None),
                };
                let count = self.entropy.block(block, a, b)?;
                for inner in [0, 1, 4, 5] {
                    self.set_count(plane, 4 * at.1 + at.0 + inner, count);
                }
                continue;
            }
            for inner in 0..4 {
                let at = place(4 * index + inner, 1);
                let (a, b) = self.counts_around(plane, (4, 4), at);
                let count = self.entropy.block(four, a, b)?;
                self.set_count(plane, 4 * at.1 + at.0, count);
            }
        }
        Ok(())
    }

    fn chroma_block(&self, category: Category, most: u8) -> Block {
        Block {
            category,
            plane: 0,
            field: self.current.field,
            flagged: true,
            most,
            limit: self.format.level_limit(1),
        }
    }

    /// Coefficients of the DC blocks to the left and above.
    fn dc_around(&self, plane: usize) -> (Option<u8>, Option<u8>) {
        let dc = |at| self.picture.at(at).dc.get(plane).copied();
        (
            self.neighbours.left().and_then(dc),
            self.neighbours.above.and_then(dc),
        )
    }

    /// Coefficients of the blocks to the left and above, in a plane of so many blocks.
    #[inline]
    fn counts_around(
        &self,
        plane: usize,
        (width, height): (usize, usize),
        (column, row): (usize, usize),
    ) -> (Option<u8>, Option<u8>) {
        let left = match column {
            0 => self
                .neighbours
                .left_of(4 * row, 4 * height)
                .map(|(at, row)| self.picture.at(at).count(plane, width, width - 1, row / 4)),
            _ => Some(self.current.count(plane, width, column - 1, row)),
        };
        let above = match row {
            0 => self
                .neighbours
                .above
                .map(|at| self.picture.at(at).count(plane, width, column, height - 1)),
            _ => Some(self.current.count(plane, width, column, row - 1)),
        };
        (left, above)
    }

    /// The same of 8x8 blocks: those of macroblocks in 4x4 blocks count as not coded.
    fn eights_around(
        &self,
        plane: usize,
        (column, row): (usize, usize),
    ) -> (Option<u8>, Option<u8>) {
        let (mut left, mut above) = self.counts_around(plane, (4, 4), (column, row));
        let in_fours = |at: usize| {
            let of = self.picture.at(at);
            !of.transform_8x8 && !of.pcm
        };
        let at = self.neighbours.left_of(4 * row, 16);
        if column == 0 && at.is_some_and(|(at, _)| in_fours(at)) {
            left = Some(0);
        }
        if row == 0 && self.neighbours.above.is_some_and(in_fours) {
            above = Some(0);
        }
        (left, above)
    }

    #[inline]
    fn set_count(&mut self, plane: usize, at: usize, count: u8) {
        let place = self
            .current
            .counts
            .get_mut(plane)
            .and_then(|plane| plane.get_mut(at));
        if let Some(place) = place {
            *place = count;
        }
    }

    fn set_dc(&mut self, plane: usize, count: u8) {
        if let Some(place) = self.current.dc.get_mut(plane) {
            *place = count;
        }
    }
}

/// Stands for plane prediction among the modes of blocks: like `Diagonal_Down_Right` it takes all neighbours.
const PLANE: u8 = 4;

/// Column and row of a block of this size (in 4x4 blocks) by its index (6.4.3).
const fn place(index: usize, size: usize) -> (usize, usize) {
    (
        size * ((index & 1) + (index >> 1 & 2)),
        size * ((index >> 1 & 1) + (index >> 2 & 2)),
    )
}

/// The neighbours that a prediction mode takes have to be there (tables 8-2, 8-3).
fn allowed(mode: u8, left: bool, above: bool, corner: bool) -> Read<()> {
    let fits = match mode {
        0 | 3 | 7 => above,
        1 | 8 => left,
        2 => true,
        _ => left && above && corner,
    };
    if fits {
        Ok(())
    } else {
        Err(Violation("prediction mode"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_blocks() {
        let fours: Vec<_> = (0..16).map(|index| place(index, 1)).collect();
        assert_eq!(fours[..6], [(0, 0), (1, 0), (0, 1), (1, 1), (2, 0), (3, 0)]);
        assert_eq!((fours[8], fours[15]), ((0, 2), (3, 3)));
        let eights: Vec<_> = (0..4).map(|index| place(index, 2)).collect();
        assert_eq!(eights, [(0, 0), (2, 0), (0, 2), (2, 2)]);
    }
}
