//! MPEG-4 audio (ISO/IEC 14496-3): its configuration, and frames of AAC in bare bytes.

mod access;
mod asc;
mod bands;
mod bits;
mod channel;
mod describe;
mod huffman;
mod shape;
mod start;
mod tables;
mod walk;

pub(crate) use access::recogniser;
pub(crate) use describe::describe;

pub use asc::{AudioSpecificConfig, Extension};
pub use shape::{ChannelShape, FrameShape, WindowSequence};
