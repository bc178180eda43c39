//! Coded media: given bytes, is this a sample, how long is it, which order.
//!
//! - [`describe`]: what a sample entry's configuration says, for every codec of the registry.
//! - [`nal`], [`h264`], [`h265`], [`aac`], [`esds`]: the syntax behind it.
//! - [`order`]: decode order and presentation order.
//! - [`recogniser`]: samples in bare bytes, without a table.
//!
//! This crate sees bytes and the payloads of configuration boxes (avcC, hvcC, esds and the like) as slices, never a box tree or a file.

#![forbid(unsafe_code)]

pub mod aac;
mod ac3;
mod access;
pub mod adpcm;
mod alac;
mod amr;
mod av1;
mod bits;
mod boxed;
mod camm;
mod describe;
mod error;
pub mod esds;
mod flac;
mod gpmf;
pub mod h264;
pub mod h265;
pub mod h266;
mod held;
mod iamf;
mod jpeg;
mod mpeg4;
mod mpeg_audio;
pub mod nal;
mod opus;
pub mod order;
mod parameter_sets;
mod pcm;
mod presentation;
mod prores;
mod recognise;
mod registry;
mod reservoir;
pub mod sei;
mod several;
mod shape;
mod start_codes;
mod units;
mod variants;
mod visual;
mod vp9;

pub use describe::{CodecDescription, ConfigBoxes, MediaKind, describe};
pub use error::{CodecError, Result};
pub use opus::duration as opus_duration;
pub use parameter_sets::{ParameterSetKind, find_parameter_sets, reconfigured};
pub use presentation::{Order, OrderKey, PresentationOrder};
pub use recognise::{
    Access, Decodes, Delimiting, Depth, HEAD, Hints, Recogniser, Symbol, Verdict, recogniser,
};
pub use several::several;
pub use shape::unknown;
pub use variants::{Changes, Variant, variants};

/// A fraction in lowest terms; `None` if either side is 0.
fn reduced(numerator: u64, denominator: u64) -> Option<(u64, u64)> {
    let (mut a, mut b) = (numerator, denominator);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    (numerator != 0 && denominator != 0).then(|| (numerator / a, denominator / a))
}
