//! Coded media: given bytes, is this a sample, how long is it, which order.
//!
//! This crate sees bytes and the payloads of configuration boxes (avcC, hvcC, esds and the like) as slices, never a box tree or a file.

#![forbid(unsafe_code)]

mod bits;
mod error;
pub mod nal;
pub mod order;

pub use error::{CodecError, Result};
