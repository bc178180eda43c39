//! Media data and a reference to a movie, with confidence.
#![forbid(unsafe_code)]

mod assemble;
mod choose;
mod clock;
mod engine;
mod error;
mod fitness;
mod habits;
mod interleave;
mod item;
mod layout;
mod options;
mod outcome;
mod output;
mod overlay;
mod packets;
mod profile;
mod report;
mod salvage;
mod scan;
mod times;
mod twins;

pub use engine::repair;
pub use error::{Error, Result};
pub use options::{Gaps, Options};
pub use outcome::{Basis, Class, Gap, LedgerEntry, Reconstruction, Stretch, TrackOutcome, Use};
