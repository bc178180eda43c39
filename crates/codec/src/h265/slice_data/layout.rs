//! The order in which a picture's coding tree blocks are coded, and its tiles (6.5.1).

use crate::h265::Sps;
use crate::h265::tools::{PpsTools, Tiles};

/// Coding tree blocks in raster order and in tile scan.
#[derive(Debug)]
pub(super) struct Layout {
    /// `PicWidthInCtbsY`.
    pub(super) width: usize,
    /// `CtbAddrTsToRs`, of every coding tree block of the picture.
    order: Vec<u32>,
    /// `CtbAddrRsToTs`; empty where there is but one tile.
    place: Vec<u32>,
    /// First columns and first rows of the tiles.
    columns: Vec<usize>,
    rows: Vec<usize>,
}

/// A coding tree block and its neighbours in its tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// In coding tree blocks, from the left of the picture.
    pub(super) x: usize,
    /// In coding tree blocks, from the top of the picture.
    pub(super) y: usize,
    /// The same, from the left of its tile.
    pub(super) x_in_tile: usize,
    /// Address in tile scan of the block to the left in the same tile.
    pub(super) left: Option<usize>,
    /// The one above.
    pub(super) above: Option<usize>,
    /// The one above and to the right, where contexts are taken from.
    pub(super) above_right: Option<usize>,
    /// It is the first of its tile.
    pub(super) begins_tile: bool,
}

impl Layout {
    /// `None` if the tiles do not fit the picture.
    pub(super) fn new(sps: &Sps, pps: &PpsTools) -> Option<Self> {
        let size = 1 << sps.ctb_log2_size;
        let width = sps.coded_width.div_ceil(size);
        let height = sps.coded_height.div_ceil(size);
        let (columns, rows) = match &pps.tiles {
            None => (vec![0], vec![0]),
            Some(tiles) => starts(tiles, width, height)?,
        };
        let whole = usize::try_from(width).ok()?;
        let mut layout = Self {
            width: whole,
            order: Vec::new(),
            place: Vec::new(),
            columns,
            rows,
        };
        layout.scan(whole, usize::try_from(height).ok()?);
        Some(layout)
    }

    fn scan(&mut self, width: usize, height: usize) {
        let count = width * height;
        self.order.reserve_exact(count);
        let ends = |starts: &[usize], end| {
            let next = starts.iter().skip(1).copied().chain([end]);
            starts.iter().copied().zip(next).collect::<Vec<_>>()
        };
        let columns = ends(&self.columns, width);
        for (top, bottom) in ends(&self.rows, height) {
            for &(left, right) in &columns {
                for y in top..bottom {
                    let row = (left..right).filter_map(|x| u32::try_from(y * width + x).ok());
                    self.order.extend(row);
                }
            }
        }
        if self.columns.len() > 1 {
            self.place = vec![0; count];
            for (place, &at) in (0..).zip(&self.order) {
                if let Some(slot) = self.place.get_mut(at as usize) {
                    *slot = place;
                }
            }
        }
    }

    /// `PicSizeInCtbsY`.
    pub(super) const fn len(&self) -> usize {
        self.order.len()
    }

    /// Address in tile scan from one in raster order.
    pub(super) fn in_tile_scan(&self, raster: usize) -> usize {
        // Whole rows of tiles are in the same order.
        self.place.get(raster).map_or(raster, |&at| at as usize)
    }

    /// What lies around a coding tree block, by its address in tile scan.
    pub(super) fn place(&self, address: usize) -> Option<Place> {
        let raster = *self.order.get(address)? as usize;
        let (x, y) = (raster % self.width, raster / self.width);
        let column = self.columns.partition_point(|&start| start <= x);
        let row = self.rows.partition_point(|&start| start <= y);
        let first_x = *self.columns.get(column.checked_sub(1)?)?;
        let first_y = *self.rows.get(row.checked_sub(1)?)?;
        let end_x = self.columns.get(column).copied().unwrap_or(self.width);
        let neighbour = |inside: bool, back: usize| {
            let raster = inside.then(|| raster.checked_sub(back))??;
            Some(self.in_tile_scan(raster))
        };
        let below_top = y > first_y;
        Some(Place {
            x,
            y,
            x_in_tile: x - first_x,
            left: neighbour(x > first_x, 1),
            above: neighbour(below_top, self.width),
            above_right: neighbour(below_top && x + 1 < end_x, self.width.saturating_sub(1)),
            begins_tile: (x, y) == (first_x, first_y),
        })
    }
}

/// First columns and rows of the tiles, in coding tree blocks (6-3, 6-4).
fn starts(tiles: &Tiles, width: u32, height: u32) -> Option<(Vec<usize>, Vec<usize>)> {
    let (widths, heights) = match &tiles.sizes {
        Some((widths, heights)) => (Some(&widths[..]), Some(&heights[..])),
        None => (None, None),
    };
    Some((
        along(tiles.columns, widths, width)?,
        along(tiles.rows, heights, height)?,
    ))
}

fn along(count: u8, sizes: Option<&[u16]>, length: u32) -> Option<Vec<usize>> {
    let count = u32::from(count);
    if count > length {
        return None;
    }
    let mut starts = Vec::new();
    let mut at = 0;
    for index in 0..count {
        if at >= length {
            return None;
        }
        starts.push(usize::try_from(at).ok()?);
        at = match sizes {
            Some(sizes) => at + u32::from(*sizes.get(usize::try_from(index).ok()?)?),
            None => (index + 1) * length / count,
        };
    }
    Some(starts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(width: usize, height: usize, columns: &[usize], rows: &[usize]) -> Layout {
        let mut layout = Layout {
            width,
            order: Vec::new(),
            place: Vec::new(),
            columns: columns.to_vec(),
            rows: rows.to_vec(),
        };
        layout.scan(width, height);
        layout
    }

    #[test]
    fn one_tile_is_in_raster_order() {
        let layout = layout(3, 2, &[0], &[0]);
        assert!(layout.order.iter().copied().eq(0..6));
        let first = layout.place(0).unwrap();
        assert!(first.begins_tile && first.left.is_none() && first.above.is_none());
        let last = layout.place(5).unwrap();
        assert_eq!((last.x, last.y, last.x_in_tile), (2, 1, 2));
        assert_eq!(
            (last.left, last.above, last.above_right),
            (Some(4), Some(2), None)
        );
        assert_eq!(layout.place(4).unwrap().above_right, Some(2));
        assert_eq!(layout.place(6), None);
    }

    #[test]
    fn tiles_come_one_after_the_other() {
        // Columns of 1 and 2, rows of 1 and 2.
        let layout = layout(3, 3, &[0, 1], &[0, 1]);
        assert_eq!(layout.order, [0, 1, 2, 3, 6, 4, 5, 7, 8]);
        for (place, &raster) in layout.order.iter().enumerate() {
            assert_eq!(layout.in_tile_scan(raster as usize), place);
        }
        let begins = (0..9).filter(|&at| layout.place(at).unwrap().begins_tile);
        assert!(begins.eq([0, 1, 3, 5]));
        let at = layout.place(7).unwrap();
        assert_eq!((at.x, at.y, at.x_in_tile), (1, 2, 0));
        assert_eq!(
            (at.left, at.above, at.above_right),
            (None, Some(5), Some(6))
        );
    }

    #[test]
    fn sizes_of_tiles() {
        assert_eq!(along(3, None, 8), Some(vec![0, 2, 5]));
        assert_eq!(along(3, Some(&[1, 4, 0]), 8), Some(vec![0, 1, 5]));
        assert_eq!(along(3, Some(&[1, 7, 0]), 8), None);
        assert_eq!(along(3, None, 2), None);
    }
}
