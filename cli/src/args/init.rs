//! `tapo init`.

use clap::Args;
use std::path::PathBuf;

/// Write a configuration file for 'tapo record --config', with comments
///
/// It holds one camera, to be filled in, and every setting there is with its default.
#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub(crate) struct InitArgs {
    /// The file; - prints it
    #[arg(value_name = "FILE", default_value = "cameras.toml")]
    pub(crate) file: PathBuf,
    /// Replace FILE if it exists
    #[arg(long)]
    pub(crate) force: bool,
}

const AFTER: &str = "\
Examples:
  tapo init
  tapo init /etc/tapo/cameras.toml
  tapo record --config cameras.toml --check-config";
