//! Scale factor bands (ISO/IEC 14496-3, tables 4.129 to 4.147): where each begins, in spectral lines.

/// The bands of one sampling rate and frame length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bands {
    /// Beginnings of the bands of a long window, and the end of the last.
    pub(super) long: Vec<u16>,
    /// The same of one of eight short windows.
    pub(super) short: Vec<u16>,
}

impl Bands {
    /// For a sampling rate in hertz and a frame of 1024 or 960 samples.
    pub(super) fn new(rate: u32, frame_length: u32) -> Self {
        // Rates between those of the tables use the nearest (table 4.82).
        let (long, short): (&[u16], &[u16]) = match rate {
            92_017.. => (&LONG_96, &SHORT_64),
            75_132.. => (&LONG_96, &SHORT_64),
            55_426.. => (&LONG_64, &SHORT_64),
            37_566.. => (&LONG_48, &SHORT_48),
            27_713.. => (&LONG_32, &SHORT_48),
            18_783.. => (&LONG_24, &SHORT_24),
            9391.. => (&LONG_16, &SHORT_16),
            _ => (&LONG_8, &SHORT_8),
        };
        let length = u16::try_from(frame_length).unwrap_or(1024);
        // With 960 samples the bands are the same up to the last, which ends earlier.
        let cut = |bands: &[u16], end: u16| {
            let mut bands: Vec<u16> = bands.iter().copied().filter(|&at| at < end).collect();
            bands.push(end);
            bands
        };
        Self {
            long: cut(long, length),
            short: cut(short, length / 8),
        }
    }
}

static LONG_96: [u16; 42] = [
    0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 64, 72, 80, 88, 96, 108, 120, 132,
    144, 156, 172, 188, 212, 240, 276, 320, 384, 448, 512, 576, 640, 704, 768, 832, 896, 960, 1024,
];
static LONG_64: [u16; 48] = [
    0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 64, 72, 80, 88, 100, 112, 124, 140,
    156, 172, 192, 216, 240, 268, 304, 344, 384, 424, 464, 504, 544, 584, 624, 664, 704, 744, 784,
    824, 864, 904, 944, 984, 1024,
];
static LONG_48: [u16; 50] = [
    0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 48, 56, 64, 72, 80, 88, 96, 108, 120, 132, 144, 160,
    176, 196, 216, 240, 264, 292, 320, 352, 384, 416, 448, 480, 512, 544, 576, 608, 640, 672, 704,
    736, 768, 800, 832, 864, 896, 928, 1024,
];
static LONG_32: [u16; 52] = [
    0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 48, 56, 64, 72, 80, 88, 96, 108, 120, 132, 144, 160,
    176, 196, 216, 240, 264, 292, 320, 352, 384, 416, 448, 480, 512, 544, 576, 608, 640, 672, 704,
    736, 768, 800, 832, 864, 896, 928, 960, 992, 1024,
];
static LONG_24: [u16; 48] = [
    0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 52, 60, 68, 76, 84, 92, 100, 108, 116, 124, 136,
    148, 160, 172, 188, 204, 220, 240, 260, 284, 308, 336, 364, 396, 432, 468, 508, 552, 600, 652,
    704, 768, 832, 896, 960, 1024,
];
static LONG_16: [u16; 44] = [
    0, 8, 16, 24, 32, 40, 48, 56, 64, 72, 80, 88, 100, 112, 124, 136, 148, 160, 172, 184, 196, 212,
    228, 244, 260, 280, 300, 320, 344, 368, 396, 424, 456, 492, 532, 572, 616, 664, 716, 772, 832,
    896, 960, 1024,
];
static LONG_8: [u16; 41] = [
    0, 12, 24, 36, 48, 60, 72, 84, 96, 108, 120, 132, 144, 156, 172, 188, 204, 220, 236, 252, 268,
    288, 308, 328, 348, 372, 396, 420, 448, 476, 508, 544, 580, 620, 664, 712, 764, 820, 880, 944,
    1024,
];
static SHORT_64: [u16; 13] = [0, 4, 8, 12, 16, 20, 24, 32, 40, 48, 64, 92, 128];
static SHORT_48: [u16; 15] = [0, 4, 8, 12, 16, 20, 28, 36, 44, 56, 68, 80, 96, 112, 128];
static SHORT_24: [u16; 16] = [
    0, 4, 8, 12, 16, 20, 24, 28, 36, 44, 52, 64, 76, 92, 108, 128,
];
static SHORT_16: [u16; 16] = [
    0, 4, 8, 12, 16, 20, 24, 28, 32, 40, 48, 60, 72, 88, 108, 128,
];
static SHORT_8: [u16; 16] = [
    0, 4, 8, 12, 16, 20, 24, 28, 36, 44, 52, 60, 72, 88, 108, 128,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_rise_in_steps_of_four_to_the_end_of_the_window() {
        for rate in [
            7350, 8000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 64_000, 96_000,
        ] {
            for (length, short) in [(1024, 128), (960, 120)] {
                let bands = Bands::new(rate, length);
                assert_eq!(bands.long.last(), Some(&u16::try_from(length).unwrap()));
                assert_eq!(bands.short.last(), Some(&short));
                for list in [&bands.long, &bands.short] {
                    assert!(list.is_sorted_by(|a, b| a < b) && list.iter().all(|at| at % 4 == 0));
                }
            }
        }
        // num_swb of tables 4.129 and 4.130.
        assert_eq!(Bands::new(48_000, 1024).long.len(), 50);
        assert_eq!(Bands::new(44_100, 960).long.len(), 50);
        assert_eq!(Bands::new(32_000, 960).long.len(), 50);
    }
}
