//! MPEG-4 Visual (ISO/IEC 14496-2): what the video object layer says, and whether an intra picture reads by it.
//!
//! Pictures name no parameter set and repeat none of it, so what they are decoded by shows in their entropy-coded data alone.

mod bits;
mod intra;
mod layer;
mod tables;

pub(crate) use bits::Bits;
pub(crate) use layer::Layer;

use crate::recognise::Decodes;

/// `vop_start_code` behind 00 00 01.
pub(crate) const VOP: u8 = 0xB6;

/// Whether a sample that begins with an intra picture, headers in front of it or none, reads by this layer, or by its own.
pub(crate) fn decodes(sample: &[u8], layer: Option<&Layer>) -> Decodes {
    let own = Layer::find(sample);
    let Some(layer) = own.as_ref().or(layer) else {
        return Decodes::Unknown;
    };
    let mut starts = memchr::memmem::find_iter(sample, &[0, 0, 1]);
    let picture = starts.find(|at| sample.get(at + 3) == Some(&VOP));
    let Some(body) = picture.and_then(|at| sample.get(at + 4..)) else {
        return Decodes::Unknown;
    };
    match intra::read(body, layer) {
        None => Decodes::Unknown,
        Some(Ok(())) => Decodes::Yes,
        Some(Err(blocks)) => Decodes::No(blocks),
    }
}

#[cfg(test)]
mod tests;
