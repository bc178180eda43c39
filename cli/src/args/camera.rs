//! `tapo camera`.

use clap::Args;
use std::net::IpAddr;
use std::path::PathBuf;

/// Serve an MP4 as an RTSP camera: try your recorder without a camera
///
/// Plays the file in a loop, over TCP and UDP, until Ctrl-C. H.264, H.265, MJPEG, AAC, Opus and G.711.
#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub(crate) struct CameraArgs {
    /// The MP4
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Port to listen on; 0 takes any that is free
    #[arg(long, default_value_t = 8554)]
    pub(crate) port: u16,
    /// Address to listen on; 0.0.0.0 for all
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub(crate) bind: IpAddr,
    /// Play this many times faster than it was recorded, 0.01 to 1000
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0)]
    pub(crate) speed: f64,
    /// Ask for this user name
    #[arg(long, value_name = "NAME")]
    pub(crate) user: Option<String>,
    /// Ask for this password
    #[arg(
        long,
        value_name = "TEXT",
        requires = "user",
        conflicts_with = "password_file"
    )]
    pub(crate) password: Option<String>,
    /// Ask for the password in this file
    #[arg(long, value_name = "FILE", requires = "user")]
    pub(crate) password_file: Option<PathBuf>,
    /// Print JSON, one object a line
    #[arg(long)]
    pub(crate) json: bool,
}

const AFTER: &str = "\
Examples:
  tapo camera clip.mp4                              at rtsp://127.0.0.1:8554/stream1
  tapo camera --user admin --password test clip.mp4
  tapo camera clip.mp4 & tapo record --duration 10s -o test.mp4 rtsp://127.0.0.1:8554/stream1";
