//! A file served as an RTSP camera, with scripted faults.
//!
//! A [`Clip`] plays in an endless loop, as a camera sends: in real time, on RTP
//! clocks that go on across the loop point, with sender reports on one wall
//! clock, for several clients at once. A [`Fault`] makes it misbehave.
//!
//! RTSP/1.0 is RFC 2326, RTP and RTCP are RFC 3550; payload formats are those of
//! RFC 6184 (H.264), RFC 7798 (H.265), RFC 2435 (JPEG), RFC 3640 (AAC), RFC 3551 (G.711 and other sound), RFC 7587
//! (Opus) and of ONVIF (metadata). A
//! session belongs to its connection and ends with it.
//!
//! ```no_run
//! use tapo_camera::{Camera, CameraConfig, Clip, Fault};
//! # fn main() -> Result<(), tapo_camera::Error> {
//! let clip = Clip::open("garden.mp4".as_ref())?;
//! let camera = Camera::start(CameraConfig::new(clip))?;
//! let url = camera.url();
//! # let _ = url;
//! camera.apply(&Fault::DropConnections)?;
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod auth;
mod clip;
mod config;
mod connection;
mod error;
mod fault;
mod journal;
pub mod message;
mod payload;
mod player;
mod rng;
mod rtcp;
mod rtp;
mod sdp;
mod server;
mod session;
mod transport;

pub use auth::Authentication;
pub use clip::{Clip, ClipSample, CodecConfig, Law, PlainSound, TrackSource};
pub use config::{CameraConfig, Start};
pub use error::{Error, Result};
pub use fault::Fault;
pub use journal::{Counters, Sent, SessionLog, TrackCounters, TrackLog};
pub use payload::InBand;
pub use server::Camera;

#[cfg(test)]
extern crate self as tapo_camera;
#[cfg(test)]
#[path = "../tests/common/synthetic.rs"]
mod synthetic;
