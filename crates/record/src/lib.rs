//! Cameras to segments, for months.
//!
//! The path of a picture: a [`PacketSource`](source::PacketSource) delivers
//! access units with RTP timestamps; the [`timeline`] puts the tracks on one
//! clock; a [`lane`] gives each sample its decode time and duration; the
//! [`segmenter`] gathers a second of all tracks into a fragment and says where
//! a file ends; the writer thread makes it last and finalizes the file. All
//! between source and writer knows neither clock nor file.
#![forbid(unsafe_code)]

mod attend;
mod bridge;
mod command;
pub mod config;
mod durable;
mod error;
mod files;
mod hex;
pub mod hooks;
mod http;
pub mod lane;
mod layout;
pub mod leftovers;
mod names;
mod open_file;
mod options;
mod outcome;
mod payload;
mod playlist;
mod profile;
#[cfg(test)]
mod proof;
mod relief;
mod reserve;
mod retention;
mod retry;
mod rtsp;
pub mod rule;
mod run;
mod segment;
pub mod segmenter;
mod service;
mod session;
mod snapshot;
pub mod source;
mod stamps;
mod standing;
pub mod status;
mod stop;
#[cfg(test)]
mod testing;
pub mod timeline;
pub mod url;
mod walk;
pub mod wall;
mod writer;

pub use bridge::{Transport, Trust};
pub use durable::SyncPolicy;
pub use error::{Error, Result};
pub use names::{DEFAULT_PATTERN, Namer};
pub use options::{CameraOptions, Options};
pub use outcome::{CameraRecording, Earlier, Event, Progress, RecordedSegment, Recording, State};
pub use retention::{Keep, Why};
pub use rtsp::{RtspConnector, RtspSource};
pub use run::{Changes, record};
pub use snapshot::{Snapshot, snapshot};
pub use stamps::Timing;
pub use stop::{Control, StopHandle};
pub use url::{CameraUrl, Credentials};
pub use writer::Output;
