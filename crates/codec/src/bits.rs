//! Reading bits of a raw byte sequence payload (H.264 7.3.1, H.265 7.3.1.1), shared by H.264 and H.265.
//!
//! Emulation prevention and Exp-Golomb codes are `h264_reader::rbsp`'s. [`Guarded`] stands between it and hostile or sloppy input.

use crate::error::CodecError;
use h264_reader::rbsp::{BitRead, BitReader, BitReaderError, ByteReader, Integer, Primitive};
use std::io::{BufRead, ErrorKind};
use std::num::NonZeroUsize;

/// Parameter sets longer than this are refused; with scaling lists and full HRD the longest legal ones stay below 3 KiB.
pub(crate) const MAX_PARAMETER_SET: usize = 4096;

/// A slice header lies within this many bytes of its NAL unit; the longest (32 weights for each of two lists) takes about 700.
pub(crate) const MAX_SLICE_HEADER: usize = 1024;

/// Names the structure for errors of the bit reader.
pub(crate) fn blame(structure: &'static str) -> impl Fn(BitReaderError) -> CodecError {
    move |error| match error {
        BitReaderError::ReaderError(element, e)
            if matches!(e.kind(), ErrorKind::UnexpectedEof | ErrorKind::WouldBlock) =>
        {
            CodecError::Truncated { structure, element }
        }
        BitReaderError::ReaderError(element, _) | BitReaderError::ExpGolombTooLarge(element) => {
            CodecError::Malformed { structure, element }
        }
        BitReaderError::RemainingData => CodecError::Malformed {
            structure,
            element: "rbsp_trailing_bits",
        },
    }
}

/// Bits of a NAL unit behind a header of `header` bytes, without emulation prevention bytes.
pub(crate) fn rbsp_bits(nal: &[u8], header: NonZeroUsize) -> Guarded<ByteReader<&[u8]>> {
    Guarded::new(BitReader::new(ByteReader::skipping_bytes(nal, header)))
}

/// Goes to the payload of the recovery point message (type 6 in H.264 D.1.1 and H.265 D.2.1) of an SEI NAL unit.
pub(crate) fn find_recovery_point<R: BufRead + Clone>(mut r: &mut Guarded<R>) -> Option<()> {
    loop {
        let mut number = || -> Option<u32> {
            let mut sum = 0u32;
            loop {
                let byte: u8 = r.read::<8, u8>("sei_message").ok()?;
                sum = sum.checked_add(u32::from(byte))?;
                if byte != 255 {
                    return Some(sum);
                }
            }
        };
        let (kind, size) = (number()?, number()?);
        if kind == 6 {
            return Some(());
        }
        r.skip(size.checked_mul(8)?, "sei_payload").ok()?;
        if !r.has_more_rbsp_data("sei_message").ok()? {
            return None;
        }
    }
}

/// A bit reader that keeps `h264_reader`'s parsers safe and useful on real input.
///
/// - Signed Exp-Golomb values of 30 bits and more are refused: `slice_qp_delta` is added to unchecked.
/// - A flag of a given name can be made to read as 0, so that a parameter set with a broken tail still gives its head.
/// - `level_idc` can be made to read as 6.2: cameras understate it, and the parser refuses pictures beyond the level's limit.
/// - Trailing bits are not checked: encoders leave garbage there.
pub(crate) struct Guarded<R: BufRead + Clone> {
    inner: BitReader<R>,
    hidden_flag: Option<&'static str>,
    any_level: bool,
    /// `max_num_reorder_frames` as read, kept where a strict check behind it fails the whole VUI.
    pub(crate) max_num_reorder_frames: Option<u32>,
}

impl<R: BufRead + Clone> Guarded<R> {
    pub(crate) const fn new(inner: BitReader<R>) -> Self {
        Self {
            inner,
            hidden_flag: None,
            any_level: false,
            max_num_reorder_frames: None,
        }
    }

    /// Makes the flag of this name read as 0.
    pub(crate) const fn hiding(mut self, flag: Option<&'static str>) -> Self {
        self.hidden_flag = flag;
        self
    }

    /// Makes `level_idc` read as the highest level.
    pub(crate) const fn at_any_level(mut self) -> Self {
        self.any_level = true;
        self
    }

    /// The bytes that have not been read, where the reader is at a byte boundary.
    pub(crate) fn rest(&mut self) -> Option<&mut R> {
        self.inner.reader()
    }
}

impl<R: BufRead + Clone> BitRead for &mut Guarded<R> {
    fn read_ue(&mut self, name: &'static str) -> Result<u32, BitReaderError> {
        let value = self.inner.read_ue(name)?;
        if name == "max_num_reorder_frames" {
            self.max_num_reorder_frames = Some(value);
        }
        Ok(value)
    }

    fn read_se(&mut self, name: &'static str) -> Result<i32, BitReaderError> {
        let value = self.inner.read_se(name)?;
        if value.unsigned_abs() >= 1 << 30 {
            return Err(BitReaderError::ExpGolombTooLarge(name));
        }
        Ok(value)
    }

    fn read_bit(&mut self, name: &'static str) -> Result<bool, BitReaderError> {
        let bit = self.inner.read_bit(name)?;
        Ok(bit && self.hidden_flag != Some(name))
    }

    fn read<const BITS: u32, I: Integer>(
        &mut self,
        name: &'static str,
    ) -> Result<I, BitReaderError> {
        let value = self.inner.read::<BITS, I>(name)?;
        if self.any_level && name == "level_idc" {
            return BitReader::new(&[62u8][..]).read::<BITS, I>(name);
        }
        Ok(value)
    }

    fn read_var<I: Integer>(
        &mut self,
        bit_count: u32,
        name: &'static str,
    ) -> Result<I, BitReaderError> {
        self.inner.read_var(bit_count, name)
    }

    fn read_to<V: Primitive>(&mut self, name: &'static str) -> Result<V, BitReaderError> {
        self.inner.read_to(name)
    }

    fn skip(&mut self, bit_count: u32, name: &'static str) -> Result<(), BitReaderError> {
        self.inner.skip(bit_count, name)
    }

    fn byte_aligned(&self) -> bool {
        self.inner.byte_aligned()
    }

    fn has_more_rbsp_data(&mut self, name: &'static str) -> Result<bool, BitReaderError> {
        self.inner.has_more_rbsp_data(name)
    }

    fn finish_rbsp(self) -> Result<(), BitReaderError> {
        Ok(())
    }

    fn finish_sei_payload(self) -> Result<(), BitReaderError> {
        Ok(())
    }
}
