//! Fragments to one global `moov`, in an order of writes that no power cut can
//! break, and back.
//!
//! A fragmented MP4 plays however it was cut off, but many players and editors
//! seek badly in it or refuse it. [`finalize`] gives it one index, in place:
//!
//! - **Reveal**, for the segments of our recorder: the index goes into a reserve
//!   before the media and becomes visible by four bytes ([`layout`]).
//! - **Tail**, for all others: the index is appended, and the first box behind
//!   `ftyp` becomes the header of an `mdat` over all the rest.
//!
//! [`join`](mod@join) makes one plain file of many recordings.
//! [`Append`] is the same for a file whose index was lost and found again.
//!
//! This crate decides the order of writes; `tapo-io` carries it out. Media is
//! never moved or written, and [`undo`] gives the original bytes back. All that is
//! read of it is what stands before the slices of sync samples: parameter sets
//! that differ from those of the sample entry become a further one.
#![forbid(unsafe_code)]

mod append;
mod crc;
mod cut;
mod entry;
mod error;
mod hole;
mod in_band;
pub mod join;
pub mod layout;
mod left_out;
mod outcome;
mod plan;
mod prepare;
#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "its files are small")]
mod proof;
mod record;
mod resized;
mod reveal;
mod run;
mod state;
mod tail;
mod watch;

pub use append::{Append, take_back};
pub use error::{Error, Result};
pub use hole::Hole;
pub use layout::reveal_need;
pub use left_out::LeftOut;
pub use outcome::{Finalization, How, Options, Undone};
pub use run::{check, finalize, finalize_watched, undo};
pub use watch::Watch;
