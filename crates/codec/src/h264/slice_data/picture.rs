//! Macroblocks of a picture and their neighbours (6.4).

/// What later macroblocks ask of an earlier one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Macroblock {
    /// Number of its slice, from 1 on; 0: not read yet.
    pub(super) slice: u32,
    /// `mb_field_decoding_flag`.
    pub(super) field: bool,
    /// `mb_type` is `I_NxN`.
    pub(super) nxn: bool,
    /// `mb_type` is `I_PCM`.
    pub(super) pcm: bool,
    pub(super) transform_8x8: bool,
    /// `intra_chroma_pred_mode`, 0 of `I_PCM`.
    pub(super) chroma_mode: u32,
    /// `CodedBlockPatternLuma`, 15 of `I_PCM`.
    pub(super) luma_pattern: u8,
    /// `CodedBlockPatternChroma`, 2 of `I_PCM`.
    pub(super) chroma_pattern: u8,
    /// `Intra4x4PredMode` or `Intra8x8PredMode` of each 4x4 block in raster order; 2 (DC) of other types.
    pub(super) modes: [u8; 16],
    /// Coefficients of each 4x4 block of each plane in raster order: chroma is two blocks wide but in 4:4:4.
    pub(super) counts: [[u8; 16]; 3],
    /// Coefficients of the DC blocks.
    pub(super) dc: [u8; 3],
}

impl Macroblock {
    /// The prediction mode where there is none.
    pub(super) const DC: u8 = 2;

    /// Nothing in it.
    pub(super) const EMPTY: Self = Self {
        slice: 0,
        field: false,
        nxn: false,
        pcm: false,
        transform_8x8: false,
        chroma_mode: 0,
        luma_pattern: 0,
        chroma_pattern: 0,
        modes: [Self::DC; 16],
        counts: [[0; 16]; 3],
        dc: [0; 3],
    };

    /// `I_PCM`: everything counts as coded.
    pub(super) const PCM: Self = Self {
        pcm: true,
        luma_pattern: 15,
        chroma_pattern: 2,
        counts: [[16; 16]; 3],
        dc: [16; 3],
        ..Self::EMPTY
    };

    /// The mode of the block in this column and row.
    pub(super) fn mode(&self, column: usize, row: usize) -> u8 {
        let mode = self.modes.get(4 * row + column);
        mode.copied().unwrap_or(Self::DC)
    }

    /// Coefficients of the block in this column and row of a plane that is `width` blocks wide.
    #[inline]
    pub(super) fn count(&self, plane: usize, width: usize, column: usize, row: usize) -> u8 {
        let count = self
            .counts
            .get(plane)
            .and_then(|plane| plane.get(width * row + column));
        count.copied().unwrap_or_default()
    }

    /// Whether this 8x8 block is coded.
    pub(super) const fn is_coded(&self, column: usize, row: usize) -> bool {
        self.luma_pattern >> (2 * row + column) & 1 == 1
    }
}

/// The macroblocks of a picture: a frame, or one field of it.
#[derive(Debug)]
pub(super) struct Picture {
    /// By address (7.3.4): pair by pair in macroblock-adaptive frames.
    macroblocks: Vec<Macroblock>,
    /// In macroblocks.
    width: usize,
    /// 1 in macroblock-adaptive frames (`MbaffFrameFlag`), where addresses count in pairs, else 0.
    paired: u32,
}

/// Where the neighbours of a macroblock lie (6.4.12), so far as they belong to its slice.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Neighbours {
    left: Option<(usize, Left)>,
    /// The macroblock above: its lowest row borders on this one.
    pub(super) above: Option<usize>,
    /// There is one to the left of the one above.
    pub(super) corner: bool,
}

/// What borders on the left (table 6-4).
#[derive(Debug, Clone, Copy)]
enum Left {
    /// That macroblock, row by row.
    Same,
    /// The top field macroblock of a pair: every row of a field is two of this frame macroblock, the lower one of its pair or not.
    Field { lower: bool },
    /// A pair of frame macroblocks: every row of this field macroblock is the second next there.
    Frames,
}

impl Picture {
    pub(super) fn new(width: usize, size: usize, paired: bool) -> Self {
        Self {
            macroblocks: vec![Macroblock::EMPTY; size],
            width: width.max(1),
            paired: u32::from(paired),
        }
    }

    /// `PicSizeInMbs`.
    pub(super) const fn size(&self) -> usize {
        self.macroblocks.len()
    }

    pub(super) const fn is_paired(&self) -> bool {
        self.paired == 1
    }

    pub(super) fn at(&self, address: usize) -> &Macroblock {
        self.macroblocks.get(address).unwrap_or(&Macroblock::EMPTY)
    }

    pub(super) fn put(&mut self, address: usize, macroblock: Macroblock) {
        if let Some(place) = self.macroblocks.get_mut(address) {
            *place = macroblock;
        }
    }

    /// The first addresses of the macroblocks or pairs to the left, above, and left of that, as far as they belong to the slice.
    fn around(&self, address: usize, slice: u32) -> [Option<usize>; 3] {
        let unit = address >> self.paired;
        let inner = !unit.is_multiple_of(self.width);
        let back = |distance: usize| {
            let address = unit.checked_sub(distance)? << self.paired;
            (self.at(address).slice == slice).then_some(address)
        };
        [
            back(1).filter(|_| inner),
            back(self.width),
            back(self.width + 1).filter(|_| inner),
        ]
    }

    /// How many of the pairs to the left and above are field pairs.
    pub(super) fn field_pairs_around(&self, address: usize, slice: u32) -> usize {
        let [left, above, _] = self.around(address, slice);
        let pairs = [left, above].into_iter().flatten();
        pairs.filter(|&pair| self.at(pair).field).count()
    }

    /// The neighbours of the macroblock at `address`, which is a field macroblock or not.
    pub(super) fn neighbours(&self, address: usize, slice: u32, field: bool) -> Neighbours {
        let [left, above, corner] = self.around(address, slice);
        if self.paired == 0 {
            return Neighbours {
                left: left.map(|address| (address, Left::Same)),
                above,
                corner: corner.is_some(),
            };
        }
        let lower = address % 2 == 1;
        let own = usize::from(lower);
        let borders = |pair: usize| match (field, self.at(pair).field) {
            (false, true) => (pair, Left::Field { lower }),
            (true, false) => (pair, Left::Frames),
            _ => (pair + own, Left::Same),
        };
        let own_pair = !field && lower;
        Neighbours {
            left: left.map(borders),
            above: if own_pair {
                address.checked_sub(1)
            } else {
                // The top field goes on in the top field above.
                let same_field = |pair| field && !lower && self.at(pair).field;
                above.map(|pair| if same_field(pair) { pair } else { pair + 1 })
            },
            corner: if own_pair { left } else { corner }.is_some(),
        }
    }
}

impl Neighbours {
    /// The macroblock to the left of the first row.
    pub(super) fn left(&self) -> Option<usize> {
        self.left_of(0, 16).map(|(address, _)| address)
    }

    /// The macroblock to the left of a row of samples, of `height`, and the row there.
    #[inline]
    pub(super) fn left_of(&self, row: usize, height: usize) -> Option<(usize, usize)> {
        let (address, left) = self.left?;
        Some(match left {
            Left::Same => (address, row),
            Left::Field { lower } => (address, (row + if lower { height } else { 0 }) / 2),
            Left::Frames if row < height / 2 => (address, 2 * row),
            Left::Frames => (address + 1, 2 * row - height),
        })
    }
}
