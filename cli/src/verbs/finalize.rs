//! `tapo finalize`.

use crate::args::FinalizeArgs;
use crate::exit::Exit;
use crate::printer::{Printer, message};
use std::path::Path;
use tapo_finalize::{Error, Finalization, Options};
use tapo_report::finalization::{self as report, Tense};
use tapo_report::json;

pub(crate) fn run(args: &FinalizeArgs, printer: &mut Printer) -> anyhow::Result<Exit> {
    if args.output.is_some() && args.files.len() > 1 {
        let error = anyhow::anyhow!("-o takes one FILE; without it files are finalized in place");
        printer.error(&error);
        return Ok(Exit::Usage);
    }
    let mut exit = Exit::Fine;
    for path in &args.files {
        match one(args, path, printer)? {
            Ok(one) => exit = exit.and(one),
            Err(error) => {
                exit = exit.and(code(&error));
                let exists = matches!(error, Error::Io(tapo_io::Error::Exists { .. }));
                let error = anyhow::Error::new(error);
                if args.json && !printer.is_quiet() {
                    json::failure(printer, "tapo.finalize/1", path, &message(&error))?;
                }
                printer.error(&error);
                if exists {
                    printer.say("--force replaces it");
                }
            }
        }
    }
    Ok(exit)
}

/// Does one file. The outer error is of the output, the inner one of the file.
fn one(
    args: &FinalizeArgs,
    path: &Path,
    printer: &mut Printer,
) -> anyhow::Result<Result<Exit, Error>> {
    if args.undo {
        let undone = match tapo_finalize::undo(path) {
            Ok(undone) => undone,
            Err(error) => return Ok(Err(error)),
        };
        let theme = printer.theme;
        match (printer.is_quiet(), args.json) {
            (true, _) => {}
            (_, true) => report::undone_json(printer, path, undone)?,
            (_, false) => report::undone(printer, &theme, path, undone)?,
        }
        return Ok(Ok(Exit::Fine));
    }
    let (done, tense) = if args.check {
        (tapo_finalize::check(path), Tense::Would)
    } else {
        let options = Options {
            output: args.output.clone(),
            replace: args.force,
        };
        (tapo_finalize::finalize(path, &options), Tense::Done)
    };
    let done = match done {
        Ok(done) => done,
        // A plain file is what was wanted.
        Err(Error::NotFragmented { .. }) => {
            let theme = printer.theme;
            match (printer.is_quiet(), args.json) {
                (true, _) => {}
                (_, true) => report::plain_json(printer, path)?,
                (_, false) => report::plain(printer, &theme, path)?,
            }
            return Ok(Ok(Exit::Fine));
        }
        Err(error) => return Ok(Err(error)),
    };
    let theme = printer.theme;
    match (printer.is_quiet(), args.json) {
        (true, _) => {}
        (_, true) => report::finalization_json(printer, path, &done, tense)?,
        (_, false) => report::finalization(printer, &theme, path, &done, tense)?,
    }
    Ok(Ok(exit(&done)))
}

/// All fragments, or all but what the interruption tore.
const fn exit(done: &Finalization) -> Exit {
    if done.fragments_left_out > 0 || done.torn_bytes > 0 {
        Exit::Damaged
    } else {
        Exit::Fine
    }
}

const fn code(error: &Error) -> Exit {
    if error.is_refusal() {
        return Exit::Refused;
    }
    match error {
        Error::NotAnMp4 { .. } => Exit::NotMp4,
        Error::NoMoov { .. } => Exit::Repairable,
        Error::Empty { .. } | Error::Malformed { .. } => Exit::Beyond,
        Error::NotFinal { .. } => Exit::Usage,
        Error::Unsupported { .. } => Exit::Refused,
        _ => Exit::Failed,
    }
}
