//! Media data and a reference to a movie, with confidence.
//!
//! A recording whose index is lost is a text without spaces. [`repair`] reads it
//! with a grammar: hard syntax for each sample (`tapo_codec`), and the habits of
//! the muxer, learnt from a healthy recording of the same camera, for what
//! syntax leaves open.
//!
//! - What is known: the file's own structure and what is left of its index,
//!   which is the authority on its samples, or at least on its tracks; parameter
//!   sets in the media data; a reference, chosen among those named or found
//!   beside the file, or the profile that a recorder left of the camera. Pictures
//!   must decode with what is gone by: other settings are refused, or the right
//!   parameter sets found.
//! - The search: greedy where syntax decides; data without syntax (PCM, G.711)
//!   lies between samples that have one; behind damage a chain of items must
//!   vouch for the place to go on from, and sound is completed backwards from it.
//! - Times: constant durations, composition times from picture order counts,
//!   gaps from the pictures' own counts and from the order in which the muxer
//!   wrote, variable rates bracketed by the other tracks.
//! - The output: a new file in which the bytes stand where they stood, and a
//!   [`Reconstruction`] that says how sure each stretch is and what became of
//!   every byte. The source is written only if it is to be repaired in place, by
//!   finalize's tail protocol, which can be taken back. The same bytes come out
//!   for any number of threads.
#![forbid(unsafe_code)]

mod assemble;
mod basis;
mod cadence;
mod clock;
mod doubled;
mod engine;
mod error;
mod fitness;
mod habits;
mod index;
mod interleave;
mod item;
mod layout;
mod nothing;
mod options;
mod outcome;
mod output;
mod overlay;
mod packets;
mod profile;
mod progress;
mod report;
mod resequence;
mod scan;
mod times;
mod twins;
mod unfit;
mod verify;

pub use engine::{basis, is_sound, repair};
pub use error::{Error, Result};
pub use options::{Gaps, Options};
pub use outcome::{
    Basis, Class, Damaged, Gap, Hashes, LedgerEntry, Note, Reconstruction, Stretch, TrackOutcome,
    Use,
};
pub use output::default_name;
pub use progress::{Progress, Stage, Step};
