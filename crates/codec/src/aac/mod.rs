//! MPEG-4 audio (ISO/IEC 14496-3): its configuration.

mod asc;
mod bits;
mod describe;
mod shape;

pub(crate) use describe::describe;

pub use asc::{AudioSpecificConfig, Extension};
pub use shape::{ChannelShape, FrameShape, WindowSequence};
