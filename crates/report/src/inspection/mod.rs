//! What `tapo inspect` found, told.

mod advice;
mod boxes;
mod compared;
mod fragment;
mod fragments;
mod gops;
mod head;
mod ledger;
mod map;
mod nals;
mod record;
mod samples;
mod summary;
mod tables;
mod timing;
mod words;

pub use advice::advice;
pub use boxes::{boxes, boxes_json};
pub use compared::{against, against_json, difference, difference_json};
pub use fragments::{fragments, fragments_json};
pub use gops::{gops, gops_json};
pub use ledger::{ledger, ledger_json};
pub use map::{map, map_json};
pub use nals::{nals, nals_json};
pub use record::summary_json;
pub use samples::{samples, samples_json};
pub use summary::summary;
pub use timing::{frame_times, frame_times_head, timing, timing_json};
pub use words::{finding, form, saved, verdict};
