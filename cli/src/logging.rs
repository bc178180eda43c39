//! Log lines, on standard error.

use crate::args::{Global, LogFormat};
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// Sends the log lines of this program, and with `-v` those of the libraries
/// under it, to standard error. `TAPO_LOG` overrides the filter.
pub(crate) fn start(global: &Global) {
    let default = match (global.quiet, global.verbose) {
        (true, _) => "off",
        (_, 0) => "off,tapo=warn",
        (_, 1) => "warn,tapo=info,retina=info",
        (_, 2) => "info,tapo=debug,retina=debug",
        _ => "trace",
    };
    // Crates of ours are `tapo_record` and the like: a prefix is a target.
    let ours = [
        "record", "camera", "finalize", "inspect", "io", "movie", "codec", "cli",
    ];
    let own = default.split(',').find_map(|d| d.strip_prefix("tapo="));
    let mut filter = default.to_owned();
    for name in ours {
        if let Some(level) = own {
            filter.push_str(&format!(",tapo_{name}={level}"));
        }
    }
    let filter = EnvFilter::try_from_env("TAPO_LOG").unwrap_or_else(|_| EnvFilter::new(filter));
    // They tell the addresses of webhooks, whose paths are as good as passwords.
    let secret = ["ureq=off", "ureq_proto=off"];
    let secret = secret.iter().filter_map(|directive| directive.parse().ok());
    let filter = secret.fold(filter, EnvFilter::add_directive);
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match global.log_format {
        LogFormat::Json => lines.json().flatten_event(true).init(),
        LogFormat::Text => lines
            .with_ansi(std::io::stderr().is_terminal())
            .with_target(global.verbose > 0)
            .init(),
    }
}
