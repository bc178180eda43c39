//! Transform trees and units of intra coding units (7.3.8.8, 7.3.8.10).

use super::Stop;
use super::coding_tree::CodingUnit;
use super::contexts::{CBF_CHROMA, CBF_LUMA, CU_QP_DELTA, SPLIT_TRANSFORM};
use super::intra::Scan;
use super::reader::Reader;
use super::residual::{Block, Component};

/// `cbf_cb` and `cbf_cr` of a node. 4:2:2 has two chroma blocks one above the other, else the second is never set.
type ChromaFlags = [[bool; 2]; 2];

/// A node of the transform tree.
#[derive(Debug, Clone, Copy)]
struct Node {
    log2_size: u32,
    depth: u8,
    /// `blkIdx`: which quarter of the node above.
    block: usize,
    /// Which quarter of the coding unit has its prediction mode.
    part: usize,
    chroma: ChromaFlags,
}

impl Reader<'_> {
    /// The transform tree of a coding unit.
    pub(super) fn transform_units(&mut self, unit: &CodingUnit) -> Result<(), Stop> {
        let root = Node {
            log2_size: unit.log2_size,
            depth: 0,
            block: 0,
            part: 0,
            // As if there were a node above with both set.
            chroma: [[true; 2]; 2],
        };
        self.transform_tree(unit, root)
    }

    /// `node` comes with the chroma flags of the node above. Goes down to 4 luma samples at most.
    fn transform_tree(&mut self, unit: &CodingUnit, mut node: Node) -> Result<(), Stop> {
        let Node {
            log2_size, depth, ..
        } = node;
        let params = self.params;
        let quarters = unit.divided && depth == 0;
        let deepest = params.max_transform_depth + u32::from(unit.divided);
        let splits = if log2_size <= params.max_tb
            && log2_size > params.min_tb
            && u32::from(depth) < deepest
            && !quarters
        {
            // 32 and less, 8 and more.
            let number = u8::try_from(5 - log2_size).unwrap_or_default();
            self.bin(SPLIT_TRANSFORM + number)
        } else {
            log2_size > params.max_tb || quarters
        };
        let has_chroma = params.chroma == 3 || params.chroma != 0 && log2_size > 2;
        if has_chroma {
            let two = params.chroma == 2 && (!splits || log2_size == 3);
            for flags in &mut node.chroma {
                if !flags.contains(&true) {
                    continue;
                }
                flags[0] = self.bin(CBF_CHROMA + depth);
                flags[1] = two && self.bin(CBF_CHROMA + depth);
            }
        } else if params.chroma == 0 {
            node.chroma = ChromaFlags::default();
        }
        if !splits {
            return self.transform_unit(unit, &node);
        }
        for block in 0..4 {
            let below = Node {
                log2_size: log2_size - 1,
                depth: depth + 1,
                block,
                part: if quarters { block } else { node.part },
                chroma: node.chroma,
            };
            self.transform_tree(unit, below)?;
        }
        Ok(())
    }

    fn transform_unit(&mut self, unit: &CodingUnit, node: &Node) -> Result<(), Stop> {
        let luma = self.bin(CBF_LUMA + u8::from(node.depth == 0));
        let chroma = node.chroma.as_flattened().contains(&true);
        if !luma && !chroma {
            return Ok(());
        }
        if std::mem::take(&mut self.qp_delta_due) {
            self.cu_qp_delta()?;
        }
        let format = self.params.chroma;
        let mode = |modes: &[u8; 4]| modes.get(node.part).copied().unwrap_or_default();
        let scan = |small: bool, mode: u8| match small {
            true => Scan::of_mode(mode),
            false => Scan::Diagonal,
        };
        if luma {
            let small = node.log2_size <= 3;
            self.residual_coding(&Block {
                log2_size: node.log2_size,
                component: Component::Luma,
                scan: scan(small, mode(&unit.modes.luma)),
                lossless: unit.lossless,
            })?;
        }
        // Four luma blocks of 4x4 have one chroma block, with the last of them.
        let log2_size = match format {
            3 => node.log2_size,
            _ if node.log2_size > 2 => node.log2_size - 1,
            _ if node.block == 3 => 2,
            _ => return Ok(()),
        };
        let small = log2_size == 2 || format == 3 && log2_size == 3;
        let block = Block {
            log2_size,
            component: Component::Chroma,
            scan: scan(small, mode(&unit.modes.chroma)),
            lossless: unit.lossless,
        };
        for _ in node.chroma.as_flattened().iter().filter(|&&flag| flag) {
            self.residual_coding(&block)?;
        }
        Ok(())
    }

    /// `cu_qp_delta_abs` and its sign (9.3.3.10).
    fn cu_qp_delta(&mut self) -> Result<(), Stop> {
        let mut value = 0;
        while value < 5 && self.bin(CU_QP_DELTA + u8::from(value > 0)) {
            value += 1;
        }
        if value == 5 {
            // EG0; 6 bits reach beyond any legal value.
            let mut length = 0;
            while self.engine.bypass() {
                length += 1;
                if length > 6 {
                    return Err(Stop::Broken);
                }
            }
            let suffix = (1 << length) - 1 + self.engine.bypass_bits(length);
            value += i32::try_from(suffix).map_err(|_| Stop::Broken)?;
        }
        let negative = value != 0 && self.engine.bypass();
        // -(26 + QpBdOffsetY / 2) to 25 + QpBdOffsetY / 2.
        let most = 25 + self.params.qp_bd_offset / 2;
        match value <= most + i32::from(negative) {
            true => Ok(()),
            false => Err(Stop::Broken),
        }
    }
}
