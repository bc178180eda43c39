//! What a file may make us allocate or do.

/// Boxes inside boxes, at most. Real files reach about 10.
pub const DEPTH: u8 = 32;

/// Boxes kept of one file: 2^20 nodes are 48 MiB.
pub const BOXES: usize = 1 << 20;

/// Bytes of one box that is read whole, a sample table or a `moof`: 64 MiB hold
/// the sizes of 16 million samples, three days of video at 60 frames a second.
pub const LOADED: u64 = 64 << 20;

/// Defects kept; what comes after them is counted, not kept.
pub const DEFECTS: usize = 4096;
