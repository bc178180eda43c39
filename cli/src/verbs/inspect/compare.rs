//! `tapo inspect --against` and `--diff`.

use super::SCHEMA;
use crate::args::{InspectArgs, View};
use crate::exit::Exit;
use crate::printer::{Printer, message};
use std::path::Path;
use tapo_inspect::{Fit, Inspection, Options, difference, inspect_file_with, reference_match};
use tapo_io::PreadFile;
use tapo_report::{inspection as report, json};

/// Compares a file with another. Exit code 0: the reference will do, or may; the
/// media is the same. 7: it will not do. 3: the media differs.
pub(super) fn run(
    args: &InspectArgs,
    path: &Path,
    inspection: &Inspection,
    other: &Path,
    printer: &mut Printer,
) -> anyhow::Result<Exit> {
    let options = Options {
        depth: args.depth(),
        hash: false,
        outlook: false,
        now: None,
    };
    let theirs = match inspect_file_with(other, options) {
        Ok(theirs) => theirs,
        Err(error) => {
            let error = anyhow::Error::new(error);
            if args.json && !printer.is_quiet() {
                json::failure(printer, SCHEMA, other, &message(&error))?;
            }
            printer.error(&error);
            return Ok(Exit::Failed);
        }
    };
    let (file, second) = (PreadFile::open(path)?, PreadFile::open(other)?);
    let theme = printer.theme;
    let paths = (path, other);
    if args.view() == View::Against {
        let matched = reference_match((&file, inspection), (&second, &theirs))?;
        match (printer.is_quiet(), args.json) {
            (true, _) => {}
            (_, true) => report::against_json(printer, paths, &matched)?,
            (_, false) => report::against(printer, &theme, paths, &matched)?,
        }
        return Ok(if matched.fit == Fit::Bad {
            Exit::Refused
        } else {
            Exit::Fine
        });
    }
    let found = difference((&file, inspection), (&second, &theirs))?;
    match (printer.is_quiet(), args.json) {
        (true, _) => {}
        (_, true) => report::difference_json(printer, paths, &found)?,
        (_, false) => report::difference(printer, &theme, paths, &found)?,
    }
    Ok(if found.same_media() {
        Exit::Fine
    } else {
        Exit::Damaged
    })
}
