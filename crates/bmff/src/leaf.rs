//! Leaf boxes, decoded by mp4-atom.
//!
//! mp4-atom must never see a container: its recursion on nested `meta` boxes
//! overflows the stack, and it drops children it does not know. [`LeafBox`] is
//! therefore implemented for leaves only, and nothing else can be decoded.

use mp4_atom::Atom;
pub use mp4_atom::{
    Btrt, Colr, Elst, ElstEntry, Emsg, Mdhd, Mehd, Mfhd, Mfro, Mvhd, Pasp, Prft, Sidx, Tfdt, Tfhd,
    Tfra, Tkhd, Trex,
};

/// A box that holds no boxes and that mp4-atom decodes without allocating more
/// than the box is long.
pub trait LeafBox: Atom {}

macro_rules! leaves {
    ($($kind:ty),* $(,)?) => { $(impl LeafBox for $kind {})* };
}

leaves!(
    Btrt, Colr, Elst, Emsg, Mdhd, Mehd, Mfhd, Mfro, Mvhd, Pasp, Prft, Sidx, Tfdt, Tfhd, Tfra, Tkhd,
    Trex,
);

/// Decodes the payload of a leaf box. Bytes behind the fields are allowed:
/// dashcams write an `mvhd` with a tail.
#[must_use]
pub fn decode<T: LeafBox>(payload: &[u8]) -> Option<T> {
    T::decode_body(&mut &*payload).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tail_behind_the_fields_is_allowed_and_a_cut_is_not() {
        let tfdt = [1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 99];
        let read = decode::<Tfdt>(&tfdt).unwrap();
        assert_eq!(read.base_media_decode_time, 0x1_0000_0002);
        assert!(decode::<Tfdt>(&tfdt[..11]).is_none());
    }
}
