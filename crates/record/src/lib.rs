//! Cameras to segments, for months.
//!
//! The path of a picture: a [`PacketSource`](source::PacketSource) delivers
//! access units with RTP timestamps; the [`timeline`] puts the tracks on one
//! clock; a [`lane`] gives each sample its decode time and duration; the
//! [`segmenter`] gathers a second of all tracks into a fragment and says where
//! a file ends; the writer thread makes it last and finalizes the file. All
//! between source and writer knows neither clock nor file.
#![forbid(unsafe_code)]

mod error;
pub mod lane;
pub mod source;
pub mod timeline;
pub mod url;

pub use error::{Error, Result};
