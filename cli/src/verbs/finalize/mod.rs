//! `tapo finalize`.

mod join;

use crate::args::FinalizeArgs;
use crate::exit::Exit;
use crate::folders::{self, Found};
use crate::printer::{Printer, message};
use crate::{progress, signals};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tapo_finalize::{Error, Finalization, Hole, How, Options, Watch};
use tapo_report::finalization::{self as report, Tense};
use tapo_report::{escape, json};

pub(crate) fn run(args: &FinalizeArgs, printer: &mut Printer) -> anyhow::Result<Exit> {
    let mut exit = Exit::Fine;
    let mut files = Vec::new();
    let from_folder = args.files.iter().any(|path| path.is_dir());
    for found in folders::files(&args.files) {
        match found {
            Found::File(path) => files.push(path),
            Found::Failed(path, error) => {
                exit = exit.and(Exit::Failed);
                failed(
                    args,
                    printer,
                    report::SCHEMA,
                    &path,
                    tapo_io::Error::io(&path, "look into", error).into(),
                )?;
            }
        }
    }
    if let Some(output) = &args.output {
        if output.as_os_str() == "-" {
            printer.error(&anyhow::anyhow!(
                "an MP4 cannot be written to a pipe, since its head is written last: name a file \
                 (one of the name - is ./-)"
            ));
            return Ok(Exit::Usage);
        }
        if files.is_empty() {
            printer.error(&anyhow::anyhow!("there is no MP4 in what was named"));
            return Ok(exit.and(Exit::Usage));
        }
        if exit != Exit::Fine {
            // A day with a hole that nobody noticed would be worse than none.
            return Ok(exit);
        }
        if from_folder || files.len() > 1 || args.faststart {
            return join::run(args, &files, output, printer);
        }
    }
    let mut told = files.len();
    for path in &files {
        // In a folder stands much that needs nothing.
        let named = args.files.contains(path);
        match one(args, path, named, printer)? {
            Ok(Some(one)) => exit = exit.and(one),
            Err(Error::Io(tapo_io::Error::InUse { .. })) if !named => {
                let path = escape::path(path);
                printer.say(&format!("{path}: a recorder is at work on it; left alone"));
            }
            Ok(None) | Err(Error::NotFinal { .. } | Error::NoInit { .. } | Error::Empty { .. })
                if !named =>
            {
                told -= 1;
            }
            Ok(None) => {}
            Err(_) if !named && holds_nothing(path) => {
                told -= 1;
                let path = escape::path(path);
                printer.say(&format!(
                    "{path}: empty, as a recorder leaves it that ended before it wrote anything; left alone"
                ));
            }
            Err(error) => {
                exit = exit.and(code(&error));
                failed(args, printer, report::SCHEMA, path, error)?;
            }
        }
    }
    if from_folder && told == 0 && exit == Exit::Fine {
        let what = if args.undo { "undo" } else { "finalize" };
        printer.say(&format!(
            "nothing to {what} in {}",
            tapo_report::number::count(files.len() as u64, "file")
        ));
    }
    Ok(exit)
}

fn holds_nothing(path: &Path) -> bool {
    path.metadata().is_ok_and(|meta| meta.len() == 0)
}

/// Says why a file was not done.
fn failed(
    args: &FinalizeArgs,
    printer: &mut Printer,
    schema: &'static str,
    path: &Path,
    error: Error,
) -> anyhow::Result<()> {
    let exists = matches!(error, Error::Io(tapo_io::Error::Exists { .. }));
    let error = anyhow::Error::new(error);
    if args.json && !printer.is_quiet() {
        json::failure(printer, schema, path, &message(&error))?;
    }
    printer.error(&error);
    if exists {
        printer.say("--force replaces it");
    }
    Ok(())
}

/// Does one file. The outer error is of the output, the inner one of the file.
/// Nothing is said, and nothing returned, of a file that needs nothing, unless it
/// was `named`.
fn one(
    args: &FinalizeArgs,
    path: &Path,
    named: bool,
    printer: &mut Printer,
) -> anyhow::Result<Result<Option<Exit>, Error>> {
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
        let all = undone.missing == 0;
        return Ok(Ok(Some(if all { Exit::Fine } else { Exit::Damaged })));
    }
    let (done, tense) = if args.check {
        (tapo_finalize::check(path), Tense::Would)
    } else {
        let options = Options {
            output: args.output.clone(),
            replace: args.force,
        };
        let done = match &args.output {
            None => tapo_finalize::finalize(path, &options),
            Some(output) => watched(output, !args.json && !printer.is_quiet(), |watch| {
                tapo_finalize::finalize_watched(path, &options, watch)
            })?,
        };
        (done, Tense::Done)
    };
    let done = match done {
        Ok(Finalization {
            how: How::AlreadyFinal,
            ..
        })
        | Err(Error::NotFragmented { .. })
            if !named =>
        {
            return Ok(Ok(None));
        }
        Ok(done) => done,
        // A plain file is what was wanted.
        Err(Error::NotFragmented { .. }) => {
            let theme = printer.theme;
            match (printer.is_quiet(), args.json) {
                (true, _) => {}
                (_, true) => report::plain_json(printer, path)?,
                (_, false) => report::plain(printer, &theme, path)?,
            }
            return Ok(Ok(Some(Exit::Fine)));
        }
        Err(error) => return Ok(Err(error)),
    };
    let theme = printer.theme;
    match (printer.is_quiet(), args.json) {
        (true, _) => {}
        (_, true) => report::finalization_json(printer, path, &done, tense)?,
        (_, false) => report::finalization(printer, &theme, path, &done, tense)?,
    }
    Ok(Ok(Some(exit(&done))))
}

/// Writes `output` with a line of progress, if it is to be `shown`; the wish to stop
/// ends it.
fn watched<T>(output: &Path, shown: bool, write: impl FnOnce(Watch<'_>) -> T) -> anyhow::Result<T> {
    let stop = Arc::new(AtomicBool::new(false));
    let asked = stop.clone();
    signals::on_end_with(
        move || asked.store(true, Ordering::Relaxed),
        Exit::Interrupted,
    )?;
    let line = progress::of_bytes("writing", output, shown);
    let written = write(&|done, total| {
        line.set_length(total);
        line.set_position(done);
        !stop.load(Ordering::Relaxed)
    });
    line.finish_and_clear();
    Ok(written)
}

/// Whether fragments that once were there are not: a pause of the recorder is no damage.
fn is_missing(holes: &[Hole]) -> bool {
    holes.iter().any(|hole| hole.missing > 0)
}

/// All fragments, or all but what the interruption tore.
fn exit(done: &Finalization) -> Exit {
    let whole = done.left_out.is_nothing() && done.torn_samples.is_none();
    if !whole || is_missing(&done.holes) {
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
        Error::NoMoov { .. } | Error::IndexLost { .. } | Error::Malformed { .. } => {
            Exit::Repairable
        }
        Error::CutOff { .. } => Exit::Damaged,
        Error::Cancelled { .. } => Exit::Interrupted,
        Error::NoInit { .. } => Exit::Usage,
        Error::Empty { .. } => Exit::Beyond,
        Error::NotFinal { .. } => Exit::Usage,
        Error::Unsupported { .. } => Exit::Refused,
        _ => Exit::Failed,
    }
}
