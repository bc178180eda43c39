//! MPEG-4 audio (ISO/IEC 14496-3): its configuration.

mod asc;
mod bits;

pub use asc::{AudioSpecificConfig, Extension};
