//! Fragments to one global `moov`, in an order of writes that no power cut can
//! break, and back.
#![forbid(unsafe_code)]

mod error;
pub mod layout;
mod outcome;

pub use error::{Error, Result};
pub use layout::reveal_need;
pub use outcome::{Finalization, How, Options, Undone};
