//! What a file may make us allocate or do.

/// Boxes inside boxes, at most. Real files reach about 10.
pub const DEPTH: u8 = 32;

/// Boxes kept of one file: 2^20 nodes are 48 MiB.
pub const BOXES: usize = 1 << 20;

/// Bytes of one box that is read whole (`moov`, `moof`). A `moov` of 24 hours
/// at 60 frames a second with two audio tracks takes about 120 MB.
pub const LOADED: u64 = 256 << 20;

/// Defects kept; what comes after them is counted, not kept.
pub const DEFECTS: usize = 4096;
