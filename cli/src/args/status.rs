//! `tapo status`.

use clap::Args;
use std::net::SocketAddr;
use tapo_record::status::ADDRESS;

/// Ask a running recorder how it stands
///
/// The recorder must serve its status: 'tapo record --status 127.0.0.1:9554', or the table 'status' in its
/// configuration file. The exit code is 3 if a camera is not being recorded.
#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub(crate) struct StatusArgs {
    /// Where it serves its status
    #[arg(value_name = "ADDRESS", default_value = ADDRESS)]
    pub(crate) address: SocketAddr,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

const AFTER: &str = "\
Examples:
  tapo status
  tapo status 127.0.0.1:9554 --json
  tapo record --demo --status 127.0.0.1:9554 & tapo status
  curl http://127.0.0.1:9554/metrics                       for Prometheus";
