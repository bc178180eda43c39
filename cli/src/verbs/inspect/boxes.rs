//! `tapo inspect --boxes`: boxes as they are read, without their tables and media.

use super::{SCHEMA, blank};
use crate::args::InspectArgs;
use crate::exit::Exit;
use crate::folders::Found;
use crate::printer::{Printer, message};
use std::path::Path;
use tapo_inspect::Boxes;
use tapo_io::{ByteSource, PreadFile};
use tapo_report::{inspection as report, json};

/// Shows the boxes of each file. The exit code is that of what boxes alone tell.
pub(super) fn run(
    args: &InspectArgs,
    all: &[Found],
    printer: &mut Printer,
) -> anyhow::Result<Exit> {
    let mut exit = Exit::Fine;
    let mut first = true;
    for found in all {
        let (path, file) = match found {
            Found::File(path) => (path, PreadFile::open(path).map_err(anyhow::Error::new)),
            Found::Failed(path, error) => (path, Err(super::failed(path, error))),
        };
        let shown = match file {
            Ok(file) => {
                blank(args, printer, &mut first)?;
                let shown = one(args, &file, printer);
                or_failed(args, path, shown, printer)?
            }
            Err(error) => {
                fail(args, path, &error, printer)?;
                Exit::Failed
            }
        };
        exit = exit.and(shown);
    }
    Ok(exit)
}

/// What was shown of a file; if it could not be read to its end, that is told and the next one follows. The error is of
/// the output.
pub(super) fn or_failed(
    args: &InspectArgs,
    path: &Path,
    shown: anyhow::Result<Exit>,
    printer: &mut Printer,
) -> anyhow::Result<Exit> {
    match shown {
        Err(error) if is_of_source(&error) => {
            fail(args, path, &error, printer)?;
            Ok(Exit::Failed)
        }
        shown => shown,
    }
}

/// Whether a file could not be read, rather than something not be written.
fn is_of_source(error: &anyhow::Error) -> bool {
    let inner = error
        .downcast_ref::<std::io::Error>()
        .and_then(std::io::Error::get_ref);
    inner.is_some_and(|e| e.is::<tapo_inspect::Error>() || e.is::<tapo_io::Error>())
        || error.is::<tapo_inspect::Error>()
        || error.is::<tapo_io::Error>()
}

/// Says why a file could not be read.
pub(super) fn fail(
    args: &InspectArgs,
    path: &Path,
    error: &anyhow::Error,
    printer: &mut Printer,
) -> anyhow::Result<()> {
    if args.json && !printer.is_quiet() {
        json::failure(printer, SCHEMA, path, &message(error))?;
    }
    printer.error(error);
    Ok(())
}

fn one(args: &InspectArgs, file: &PreadFile, printer: &mut Printer) -> anyhow::Result<Exit> {
    let before = file.stamp()?;
    let mut boxes = Boxes::new(file);
    let theme = printer.theme;
    match (printer.is_quiet(), args.json) {
        (true, _) => while boxes.step()?.is_some() {},
        (_, true) => report::boxes_json(printer, file, &mut boxes, args.hex)?,
        (_, false) => report::boxes(printer, &theme, file, &mut boxes, args.hex)?,
    }
    if file.stamp()? != before {
        let path = tapo_report::escape::path(file.path());
        printer.say(&format!(
            "{path}: it changed while it was read; run it again"
        ));
    }
    let exit = Exit::from(boxes.verdict()?);
    let counts = boxes.worst() >= Some(args.fail_on.severity());
    Ok(match exit {
        Exit::Fine if counts => Exit::Damaged,
        exit => exit,
    })
}
