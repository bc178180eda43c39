//! NAL units in a row of bytes: length-prefixed as MP4 stores them (ISO/IEC 14496-15, 4.3.3) and with start codes (H.264 and H.265 Annex B).
//!
//! What is inside a NAL unit is for [`crate::h264`] and [`crate::h265`] to say. Nothing here copies or allocates.

use crate::{h264, h265, h266};
use std::fmt;
use std::num::NonZeroUsize;

/// A codec whose samples are made of NAL units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NalCodec {
    /// H.264.
    H264,
    /// H.265.
    H265,
    /// H.266.
    H266,
}

impl NalCodec {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::H264 => "H.264",
            Self::H265 => "H.265",
            Self::H266 => "H.266",
        }
    }

    /// The type of a NAL unit and a short name of it; `None` where there is no valid header.
    #[must_use]
    pub fn unit(self, nal: &[u8]) -> Option<(u8, &'static str)> {
        match self {
            Self::H264 => h264::NalType::of(nal).map(|t| (t.0, t.name())),
            Self::H265 => h265::NalHeader::of(nal).map(|h| (h.nal_type.0, h.nal_type.name())),
            Self::H266 => h266::NalType::of(nal).map(|t| (t.0, t.name())),
        }
    }

    /// Whether units of this type hold SEI messages.
    #[must_use]
    pub const fn is_sei(self, kind: u8) -> bool {
        match self {
            Self::H264 => kind == 6,
            Self::H265 => matches!(kind, 39 | 40),
            Self::H266 => matches!(kind, 23 | 24),
        }
    }

    /// Bytes of the header of a NAL unit.
    #[must_use]
    pub const fn header(self) -> NonZeroUsize {
        match self {
            Self::H264 => NonZeroUsize::MIN,
            Self::H265 | Self::H266 => NonZeroUsize::MIN.saturating_add(1),
        }
    }
}

/// How many bytes the length in front of each NAL unit of a sample takes: `lengthSizeMinusOne + 1` of avcC and hvcC.
///
/// The standard knows 1, 2 and 4; 3 is reserved, but read as it stands, since demuxers do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NalLengthSize(u8);

impl NalLengthSize {
    /// Four bytes, what nearly every file uses.
    pub const FOUR: Self = Self(4);

    /// From the two-bit `lengthSizeMinusOne`; higher bits are reserved and ignored.
    #[must_use]
    pub const fn from_minus_one(value: u8) -> Self {
        Self((value & 3) + 1)
    }

    /// From a number of bytes, 1 to 4.
    #[must_use]
    pub const fn new(bytes: u8) -> Option<Self> {
        match bytes {
            1..=4 => Some(Self(bytes)),
            _ => None,
        }
    }

    /// The size of the length field in bytes, 1 to 4.
    #[must_use]
    pub const fn bytes(self) -> usize {
        self.0 as usize
    }
}

/// One NAL unit (header byte included, emulation prevention still in place) and where it lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nal<'a> {
    /// Offset of the first byte behind the length or start code, in bytes from the start of the input.
    pub offset: usize,
    /// The NAL unit. Empty where a length of zero was written, which is illegal but harmless.
    pub bytes: &'a [u8],
}

/// The lengths of a sample do not add up: a field or the unit it announces reaches beyond the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NalDefect {
    /// Offset of the length field, in bytes from the start of the sample.
    pub offset: usize,
    /// The length it declares in bytes; `None` where not even the field fits.
    pub declared: Option<u32>,
    /// Bytes left behind the field (from the field on, where it does not fit).
    pub left: usize,
}

impl fmt::Display for NalDefect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { offset, left, .. } = self;
        match self.declared {
            Some(declared) => write!(
                f,
                "NAL unit at offset {offset} declares {declared} bytes, but {left} are left"
            ),
            None => write!(
                f,
                "{left} bytes left at offset {offset} are too few for a NAL unit length"
            ),
        }
    }
}

impl std::error::Error for NalDefect {}

/// The NAL units of a length-prefixed sample, see [`split`].
#[derive(Debug, Clone)]
pub struct LengthPrefixed<'a> {
    sample: &'a [u8],
    offset: usize,
    length_size: NalLengthSize,
}

/// Splits a sample into its NAL units, lazily. The first defect ends the iteration; what stands before it is good.
#[must_use]
pub const fn split(sample: &[u8], length_size: NalLengthSize) -> LengthPrefixed<'_> {
    LengthPrefixed {
        sample,
        offset: 0,
        length_size,
    }
}

impl<'a> Iterator for LengthPrefixed<'a> {
    type Item = Result<Nal<'a>, NalDefect>;

    fn next(&mut self) -> Option<Self::Item> {
        let at = self.offset;
        let rest = self.sample.get(at..).filter(|rest| !rest.is_empty())?;
        // A defect leaves nothing to go on with.
        self.offset = self.sample.len();
        let Some((field, behind)) = rest.split_at_checked(self.length_size.bytes()) else {
            return Some(Err(NalDefect {
                offset: at,
                declared: None,
                left: rest.len(),
            }));
        };
        let declared = field.iter().fold(0u32, |n, &b| n << 8 | u32::from(b));
        let length = usize::try_from(declared).unwrap_or(usize::MAX);
        let Some(bytes) = behind.get(..length) else {
            return Some(Err(NalDefect {
                offset: at,
                declared: Some(declared),
                left: behind.len(),
            }));
        };
        let offset = at + field.len();
        self.offset = offset + length;
        Some(Ok(Nal { offset, bytes }))
    }
}

impl std::iter::FusedIterator for LengthPrefixed<'_> {}

/// The NAL units of an Annex B byte stream, see [`split_annex_b`].
#[derive(Debug, Clone)]
pub struct AnnexB<'a> {
    stream: &'a [u8],
    /// Behind the start code of the next unit; the length of the stream at its end.
    offset: usize,
}

/// Splits a byte stream at its start codes (Annex B: `00 00 01`, any number of zeros before it), lazily.
///
/// Bytes in front of the first start code are no NAL unit and are left out. Zeros at the end of a unit belong to the next start code
/// (B.1.1 `trailing_zero_8bits`).
#[must_use]
pub fn split_annex_b(stream: &[u8]) -> AnnexB<'_> {
    let offset = find_start_code(stream, 0).map_or(stream.len(), |at| at + 3);
    AnnexB { stream, offset }
}

/// Offset of the next `00 00 01` at or behind `from`.
fn find_start_code(stream: &[u8], from: usize) -> Option<usize> {
    let tail = stream.get(from..)?;
    tail.windows(3)
        .position(|w| w == [0, 0, 1])
        .map(|at| from + at)
}

impl<'a> Iterator for AnnexB<'a> {
    type Item = Nal<'a>;

    fn next(&mut self) -> Option<Nal<'a>> {
        while self.offset < self.stream.len() {
            let offset = self.offset;
            let end = match find_start_code(self.stream, offset) {
                Some(code) => {
                    self.offset = code + 3;
                    code
                }
                None => {
                    self.offset = self.stream.len();
                    self.stream.len()
                }
            };
            let bytes = trim_trailing_zeros(self.stream.get(offset..end)?);
            if !bytes.is_empty() {
                return Some(Nal { offset, bytes });
            }
        }
        None
    }
}

impl std::iter::FusedIterator for AnnexB<'_> {}

/// Without the zeros at its end. A NAL unit never ends in one (7.4.1), but cameras pad parameter sets with them.
#[must_use]
pub fn trim_trailing_zeros(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|&b| b != 0).map_or(0, |at| at + 1);
    bytes.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(sample: &[u8], size: u8) -> Vec<Result<Nal<'_>, NalDefect>> {
        split(sample, NalLengthSize::new(size).unwrap()).collect()
    }

    #[test]
    fn lengths_of_every_size() {
        let expected = |offset| {
            Ok(Nal {
                offset,
                bytes: &[0x65, 0x88][..],
            })
        };
        assert_eq!(all(&[2, 0x65, 0x88], 1), [expected(1)]);
        assert_eq!(
            all(&[0, 2, 0x65, 0x88, 0, 2, 0x65, 0x88], 2),
            [expected(2), expected(6)]
        );
        assert_eq!(all(&[0, 0, 2, 0x65, 0x88], 3), [expected(3)]);
        assert_eq!(all(&[0, 0, 0, 2, 0x65, 0x88], 4), [expected(4)]);
    }

    #[test]
    fn a_zero_length_is_an_empty_unit() {
        let units = all(&[0, 0, 0, 0, 0, 0, 0, 1, 9], 4);
        assert_eq!(
            units,
            [
                Ok(Nal {
                    offset: 4,
                    bytes: &[]
                }),
                Ok(Nal {
                    offset: 8,
                    bytes: &[9]
                })
            ]
        );
    }

    #[test]
    fn defects_name_offset_length_and_rest() {
        let overrun = NalDefect {
            offset: 3,
            declared: Some(5),
            left: 1,
        };
        assert_eq!(all(&[0, 1, 9, 0, 5, 1], 2).last(), Some(&Err(overrun)));
        assert_eq!(
            overrun.to_string(),
            "NAL unit at offset 3 declares 5 bytes, but 1 are left"
        );
        let short = NalDefect {
            offset: 0,
            declared: None,
            left: 3,
        };
        assert_eq!(all(&[0, 0, 1], 4), [Err(short)]);
        let huge = NalDefect {
            offset: 0,
            declared: Some(u32::MAX),
            left: 0,
        };
        assert_eq!(all(&[255; 4], 4), [Err(huge)]);
    }

    #[test]
    fn annex_b_with_three_and_four_byte_codes_and_padding() {
        let stream = [
            7, 7, 0, 0, 0, 1, 0x67, 1, 0, 0, 1, 0x68, 2, 0, 0, 0, 0, 1, 0x65, 0, 0,
        ];
        let units: Vec<_> = split_annex_b(&stream)
            .map(|nal| (nal.offset, nal.bytes))
            .collect();
        assert_eq!(
            units,
            [(6, &[0x67, 1][..]), (11, &[0x68, 2][..]), (18, &[0x65][..])]
        );
        assert_eq!(split_annex_b(&[0, 0, 1]).count(), 0);
        assert_eq!(split_annex_b(&[0, 0, 0, 0]).count(), 0);
    }

    proptest! {
        #[test]
        fn what_was_joined_is_split_again(units in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..8), size in 1u8..=4) {
            let mut sample = Vec::new();
            for unit in &units {
                let length = u32::try_from(unit.len()).unwrap().to_be_bytes();
                sample.extend_from_slice(&length[4 - usize::from(size)..]);
                sample.extend_from_slice(unit);
            }
            let found: Vec<_> = all(&sample, size).into_iter().map(|nal| nal.unwrap().bytes.to_vec()).collect();
            prop_assert_eq!(found, units);
        }

        #[test]
        fn arbitrary_bytes_are_accounted_for(sample in proptest::collection::vec(any::<u8>(), 0..200), size in 1u8..=4) {
            let mut at = 0;
            for item in all(&sample, size) {
                match item {
                    Ok(nal) => {
                        prop_assert_eq!(nal.offset, at + usize::from(size));
                        at = nal.offset + nal.bytes.len();
                    }
                    Err(defect) => {
                        prop_assert_eq!(defect.offset, at);
                        at = sample.len();
                    }
                }
            }
            prop_assert_eq!(at, sample.len());
            for nal in split_annex_b(&sample) {
                prop_assert!(nal.bytes.last().is_some_and(|&b| b != 0));
            }
        }
    }
}
