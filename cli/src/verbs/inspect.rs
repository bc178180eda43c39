//! `tapo inspect`.

use crate::args::{InspectArgs, View};
use crate::exit::Exit;
use crate::printer::{Printer, message};
use std::io::Write;
use std::path::Path;
use tapo_bmff::BoxTree;
use tapo_inspect::{Found, Inspection, files, inspect_file};
use tapo_io::PreadFile;
use tapo_report::{inspection as report, json};

pub(crate) fn run(args: &InspectArgs, printer: &mut Printer) -> anyhow::Result<Exit> {
    let mut exit = Exit::Fine;
    let all = files(&args.files);
    if all.is_empty() {
        printer.say("no file in there is named like a video");
    }
    for (i, found) in all.into_iter().enumerate() {
        let (path, inspected) = match found {
            Found::File(path) => {
                let inspected = inspect_file(&path).map_err(anyhow::Error::new);
                (path, inspected)
            }
            Found::Failed(path, error) => {
                let error = tapo_io::Error::io(&path, "look into", error);
                (path, Err(error.into()))
            }
        };
        let inspection = match inspected {
            Ok(inspection) => inspection,
            Err(error) => {
                // One bad file never stops the rest.
                if args.json && !printer.is_quiet() {
                    json::failure(printer, SCHEMA, &path, &message(&error))?;
                }
                printer.error(&error);
                exit = exit.and(Exit::Failed);
                continue;
            }
        };
        exit = exit.and(inspection.verdict.into());
        if let Some(id) = args.track
            && !inspection.tracks.iter().any(|t| t.id == id)
        {
            let path = path.display();
            printer.error(&anyhow::anyhow!("{path}: has no track {id}"));
            exit = exit.and(Exit::Usage);
            continue;
        }
        if printer.is_quiet() {
            continue;
        }
        if i > 0 && !args.json {
            writeln!(printer)?;
        }
        show(args, &path, &inspection, printer)?;
    }
    Ok(exit)
}

/// The schema of a line that says why a file could not be inspected.
const SCHEMA: &str = "tapo.inspect/1";

fn show(
    args: &InspectArgs,
    path: &Path,
    inspection: &Inspection,
    printer: &mut Printer,
) -> anyhow::Result<()> {
    let theme = printer.theme;
    match (args.view(), args.json) {
        (View::Summary, false) => report::summary(printer, &theme, path, inspection)?,
        (View::Summary, true) => report::summary_json(printer, path, inspection)?,
        (View::Samples, false) => report::samples(printer, &theme, path, inspection, args.track)?,
        (View::Samples, true) => report::samples_json(printer, path, inspection, args.track)?,
        (View::Fragments, false) => report::fragments(printer, &theme, path, inspection)?,
        (View::Fragments, true) => report::fragments_json(printer, path, inspection)?,
        (View::Boxes, json) => {
            let file = PreadFile::open(path)?;
            let tree = BoxTree::read(&file)?;
            if json {
                report::boxes_json(printer, &file, &tree)?;
            } else {
                report::boxes(printer, &theme, &file, &tree)?;
            }
        }
    }
    Ok(())
}
