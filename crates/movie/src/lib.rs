//! Movies: tracks and samples on a timeline, read from `moov` and `moof`, and
//! written back by the one encoder of the project.
//!
//! This crate knows which sample stands where and when, and not what its bytes
//! mean. [`Movie`] is the hinge of the project: inspect reads it, finalize and
//! repair produce it, [`encode_moov`] writes it. What it does not model it keeps
//! as [`RawBox`]es and writes back verbatim. Terms and clauses are those of
//! ISO/IEC 14496-12:2022.
#![forbid(unsafe_code)]

mod columns;
mod description;
mod encode;
mod encode_moof;
mod encode_tables;
mod error;
mod find;
mod fragment;
mod loader;
mod moof;
mod movie;
mod read;
mod runs;
mod sequence;
mod stamp;
mod table;
mod timescale;
mod torn;
mod track;
mod trak;
mod trun;

pub use columns::{Column, Columns, SizeColumn};
pub use description::SampleDescription;
pub use encode::{EncodedMoov, encode_init, encode_moov, encoded_moov_len};
pub use encode_moof::{Run, RunSample, encode_moof, encode_moof_at};
pub use error::{Error, Result};
pub use find::{next_moof, next_root};
pub use fragment::{Fragment, FragmentDefaults, TrackFragment};
pub use moof::{BASE_MISFITS, COUNT_MISFITS, RUN_LOST, TIME_MISFITS};
pub use movie::{FileType, Movie, MovieHeader, RawBox};
pub use read::{Read, TopBox, read, read_fragments, read_to_end};
pub use runs::Runs;
pub use sequence::Sequence;
pub use stamp::{FragmentStamp, SegmentStamp};
pub use table::{Chunk, Sample, SampleTable, Samples, Sizes, SyncSamples};
pub use timescale::{common_timescale, rescale};
pub use torn::Torn;
pub use track::{Edit, Track, TrackHeader};
