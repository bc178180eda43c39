//! Words, tables and JSON: what the verbs found, told to people and machines.
//!
//! This crate knows words and colours and no verdicts: it renders the outcome
//! types of the verbs. All text that comes out of files passes [`escape`].
#![forbid(unsafe_code)]

pub mod camera;
pub mod date;
pub mod escape;
pub mod finalization;
mod holes;
pub mod inspection;
pub mod joined;
pub mod json;
pub mod number;
pub mod recording;
pub mod repair;
pub mod snapshot;
pub mod status;
mod table;
mod theme;
pub mod words;

pub use table::{Align, Table};
pub use theme::Theme;
