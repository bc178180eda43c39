//! `repair --reference REF... BROKEN -o OUT`: a repair from the command line.

use std::path::PathBuf;
use std::process::ExitCode;
use tapo_repair::{Options, repair};

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line")]
fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let (mut references, mut broken, mut options) = (Vec::new(), None, Options::default());
    while let Some(argument) = arguments.next() {
        match argument.to_str() {
            Some("--reference") => references.extend(arguments.next().map(PathBuf::from)),
            Some("-o") => options.output = arguments.next().map(PathBuf::from),
            Some("--replace") => options.replace = true,
            Some("--dry-run") => options.dry_run = true,
            _ => broken = Some(PathBuf::from(argument)),
        }
    }
    let Some(broken) = broken else {
        eprintln!("usage: repair [--reference REF]... BROKEN [-o OUT]");
        return ExitCode::from(2);
    };
    match repair(&broken, &references, &options) {
        Ok(outcome) => {
            for track in &outcome.tracks {
                println!("{track:?}");
            }
            for gap in &outcome.gaps {
                println!("{gap:?}");
            }
            ExitCode::from(if outcome.is_complete() { 0 } else { 3 })
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(if error.is_refusal() { 7 } else { 5 })
        }
    }
}
