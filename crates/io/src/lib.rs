//! Bytes at offsets, and durable, ordered writes.
//!
//! This crate knows file descriptors, pages and barriers, and nothing about
//! what the bytes mean. It is the only place with `unsafe` code (one memory
//! map, [`MappedFile`]) and the only one that writes to recordings: all else
//! describes its writes as a [`WritePlan`], which [`WritePlan::execute`] carries
//! out on a [`Disk`], real or simulated.
#![deny(unsafe_op_in_unsafe_fn)]

mod error;
mod file;
mod files;
mod keep;
mod lock;
mod mapped;
mod newfile;
mod note;
mod plan;
#[cfg(any(test, feature = "sim"))]
mod sim;
mod source;
mod span;
mod unnamed;
mod window;
mod zeros;

pub use error::{Error, Result};
pub use file::{FileStamp, PreadFile, create_dirs, sync_dir_of};
pub use files::{Files, Piece};
pub use keep::{device_of, disk_size, free_space, is_protected, protect, remove_empty_dirs};
pub use lock::{Lock, lock_holder};
pub use mapped::MappedFile;
pub use newfile::{NewFile, discard_unfinished, may_replace};
pub use plan::{Disk, Op, RealDisk, WritePlan};
#[cfg(any(test, feature = "sim"))]
pub use sim::{CrashStates, Drawn, SimDisk};
pub use source::{ByteSource, Loaded};
pub use span::Span;
pub use window::Window;
pub use zeros::{zeros_from_start, zeros_to_end};
