//! Slice data of I slices (7.3.4), read through to its end without making a picture.
//!
//! Every bit of it depends on what was read before and on the parameter sets: under wrong ones, reading soon meets what the standard
//! forbids, or does not end where the data ends. So does damage. Read are CAVLC and CABAC (9.2, 9.3), frames, fields and
//! macroblock-adaptive frames, all chroma formats and bit depths; not read are SI slices, slice groups, data partitions, and pictures of
//! separate colour planes.
//!
//! - [`sample`]: the slices of a sample.
//! - [`start`]: where a slice's data begins.
//! - [`macroblock`]: the macroblock layer, with [`picture`] for the neighbours.
//! - [`syntax`]: the syntax elements, by [`cavlc`] (tables in [`vlc`]) and [`arithmetic`] (engine in [`cabac`], tables in [`contexts`]).
//!
//! What CAVLC data does not depend on cannot be noticed by it: the quantiser, above all.

mod arithmetic;
mod bits;
mod cabac;
mod cavlc;
mod contexts;
mod macroblock;
mod picture;
mod sample;
mod start;
mod syntax;
#[cfg(test)]
mod tests;
mod vlc;

pub(super) use sample::decodes;

use arithmetic::Cabac;
use bits::Bits;
use cavlc::Cavlc;
use macroblock::Reader;
use picture::{Macroblock, Picture};
use start::Start;
use syntax::Entropy;

/// The syntax element that has a value it cannot have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Violation(&'static str);

type Read<T> = Result<T, Violation>;

/// What the parameter sets say of the macroblocks of a slice.
#[derive(Debug, Clone, Copy)]
struct Format {
    /// 0 monochrome, 1 4:2:0, 2 4:2:2, 3 4:4:4 (`ChromaArrayType`).
    chroma_array_type: u8,
    /// Bits of a luma sample, 8 to 14.
    bit_depth_luma: u8,
    /// Bits of a chroma sample, 8 to 14.
    bit_depth_chroma: u8,
    /// `transform_8x8_mode_flag`.
    transform_8x8: bool,
    /// `level_prefix` may be greater than 15: any profile but Baseline, Main and Extended.
    long_levels: bool,
}

impl Format {
    /// Planes coded like luma.
    const fn planes(&self) -> usize {
        if self.chroma_array_type == 3 { 3 } else { 1 }
    }

    /// Chroma has blocks and a prediction mode of its own.
    const fn has_chroma_blocks(&self) -> bool {
        matches!(self.chroma_array_type, 1 | 2)
    }

    /// Rows of 4x4 blocks of a chroma plane.
    const fn chroma_rows(&self) -> usize {
        if self.chroma_array_type == 2 { 4 } else { 2 }
    }

    /// Bits of the samples of a macroblock.
    fn pcm_bits(&self) -> usize {
        let chroma = [0, 128, 256, 512].get(usize::from(self.chroma_array_type));
        256 * usize::from(self.bit_depth_luma)
            + chroma.copied().unwrap_or_default() * usize::from(self.bit_depth_chroma)
    }

    /// The greatest magnitude of a level in a plane (7.4.5.3.2).
    fn level_limit(&self, plane: usize) -> u32 {
        let depth = match plane {
            0 => self.bit_depth_luma,
            _ => self.bit_depth_chroma,
        };
        1 << (7 + u32::from(depth))
    }

    /// The greatest magnitude of `mb_qp_delta`, reached by negative ones only (7.4.5).
    fn qp_delta_range(&self) -> u32 {
        26 + 3 * u32::from(self.bit_depth_luma.saturating_sub(8))
    }
}

/// Reads the data of an I slice into `picture`, as the slice of this number from 1 on. Counts macroblocks in `done`. The address behind
/// its last macroblock.
fn read(start: &Start<'_>, picture: &mut Picture, slice: u32, done: &mut u32) -> Read<usize> {
    let bits = Bits::new(&start.rbsp, start.position).ok_or(Violation("rbsp_stop_one_bit"))?;
    if start.arithmetic {
        let entropy = Cabac::new(bits, start.qp, start.format.planes())?;
        macroblocks(entropy, start, picture, slice, done)
    } else {
        let entropy = Cavlc::new(bits, start.format.long_levels);
        macroblocks(entropy, start, picture, slice, done)
    }
}

/// `slice_data`.
fn macroblocks(
    mut entropy: impl Entropy,
    start: &Start<'_>,
    picture: &mut Picture,
    slice: u32,
    done: &mut u32,
) -> Read<usize> {
    let mut address = start.first_mb;
    let mut field = start.field;
    let mut qp_changed = false;
    loop {
        if address >= picture.size() {
            return Err(Violation("end_of_slice_flag"));
        }
        if picture.is_paired() && address.is_multiple_of(2) {
            field = entropy.field_flag(picture.field_pairs_around(address, slice))?;
        }
        let macroblock = Reader {
            entropy: &mut entropy,
            format: &start.format,
            neighbours: picture.neighbours(address, slice, field),
            picture,
            qp_changed: &mut qp_changed,
            current: Macroblock {
                slice,
                field,
                ..Macroblock::EMPTY
            },
        }
        .read()?;
        if entropy.is_past_end() {
            return Err(Violation("macroblock_layer"));
        }
        picture.put(address, macroblock);
        *done = done.saturating_add(1);
        address += 1;
        let within_pair = picture.is_paired() && address % 2 == 1;
        if !within_pair && entropy.ends()? {
            return Ok(address);
        }
    }
}
