//! `tapo`: records, finalizes and inspects video that must not be lost.
//!
//! Arguments become options, a verb does the work in its crate, the report finds
//! the words, and the outcome becomes an exit code: nothing else happens here.
#![forbid(unsafe_code)]

mod args;
mod docs;
mod exit;
mod folders;
mod in_order;
mod logging;
mod printer;
mod progress;
mod signals;
mod verbs;

use args::{Args, Command};
use clap::Parser;
use exit::Exit;
use printer::Printer;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args = Args::parse();
    logging::start(&args.global);
    signals::survive_file_limits();
    let mut printer = Printer::new(&args.global);
    let outcome = run(&args, &mut printer);
    printer.finish(outcome).into()
}

fn run(args: &Args, printer: &mut Printer) -> anyhow::Result<Exit> {
    match &args.command {
        Command::Record(args) => verbs::record::run(args, printer),
        Command::Inspect(args) => verbs::inspect::run(args, printer),
        Command::Snapshot(args) => verbs::snapshot::run(args, printer),
        Command::Status(args) => verbs::status::run(args, printer),
        Command::Protect(args) => verbs::protect::run(args, printer),
        Command::Init(args) => verbs::init::run(args, printer),
        Command::Camera(args) => verbs::camera::run(args, printer),
        Command::Finalize(args) => verbs::finalize::run(args, printer),
        Command::Repair(args) => verbs::repair::run(args, printer),
        Command::Completions { shell } => docs::completions(*shell, printer),
        Command::Man { dir } => docs::man(dir),
        Command::Docs => docs::markdown(printer),
    }
}
