//! `tapo inspect`.

mod bar;
mod boxes;
mod compare;
mod extract;

use crate::args::{InspectArgs, View};
use crate::exit::Exit;
use crate::folders::{Found, files};
use crate::in_order::in_order;
use crate::printer::Printer;
use bar::Bar;
use std::io::Write;
use std::path::Path;
use tapo_inspect::{Inspection, Options, Severity, Verdict, inspect_file_with};
use tapo_io::PreadFile;
use tapo_report::inspection as report;

pub(crate) fn run(args: &InspectArgs, printer: &mut Printer) -> anyhow::Result<Exit> {
    if args.hash && args.view() != View::Summary {
        printer.error(&anyhow::anyhow!(
            "--hash goes with the summary, not with another view: ask for them one after the other"
        ));
        return Ok(Exit::Usage);
    }
    let mut exit = Exit::Fine;
    let all = files(&args.files);
    if all.is_empty() {
        printer.say("no file in there is named like a video");
    }
    if args.view() == View::Boxes {
        return boxes::run(args, &all, printer);
    }
    let options = Options {
        depth: args.depth(),
        hash: args.hash,
        outlook: true,
        now: Some(now()),
    };
    let one = |_, found: &Found| match found {
        Found::File(path) => inspect_file_with(path, options).map_err(anyhow::Error::new),
        Found::Failed(path, error) => Err(failed(path, error)),
    };
    if args.csv && !printer.is_quiet() {
        report::frame_times_head(printer)?;
    }
    let mut first = true;
    let shown = !printer.is_quiet() && !printer.is_verbose();
    let bar = Bar::new(all.len(), shown);
    in_order(&all, usize::from(args.jobs), one, |found, inspected| {
        let (Found::File(path) | Found::Failed(path, _)) = found;
        let told = bar.aside(|| tell(args, path, inspected, printer, &mut first));
        bar.done();
        exit = exit.and(told?);
        Ok(())
    })?;
    Ok(exit)
}

/// Why a folder could not be looked into.
fn failed(path: &Path, error: &std::io::Error) -> anyhow::Error {
    let error = std::io::Error::new(error.kind(), error.to_string());
    tapo_io::Error::io(path, "look into", error).into()
}

/// An empty line between two files, where people read.
fn blank(args: &InspectArgs, printer: &mut Printer, first: &mut bool) -> std::io::Result<()> {
    if !std::mem::take(first) && !args.json && !args.csv && !printer.is_quiet() {
        writeln!(printer)?;
    }
    Ok(())
}

/// Says what one file is. The error is of the output.
fn tell(
    args: &InspectArgs,
    path: &Path,
    inspected: anyhow::Result<Inspection>,
    printer: &mut Printer,
    first: &mut bool,
) -> anyhow::Result<Exit> {
    let inspection = match inspected {
        Ok(inspection) => inspection,
        Err(error) => {
            // One bad file never stops the rest.
            boxes::fail(args, path, &error, printer)?;
            return Ok(Exit::Failed);
        }
    };
    let exit = code(&inspection, args.fail_on.severity());
    if let Some(id) = args.track
        && !inspection.tracks.iter().any(|t| t.id == id)
    {
        let path = path.display();
        printer.error(&anyhow::anyhow!("{path}: has no track {id}"));
        return Ok(exit.and(Exit::Usage));
    }
    if args.view() == View::Extract {
        return Ok(exit.and(extract::run(args, path, &inspection, printer)?));
    }
    if let (View::Against | View::Diff, Some(other)) = (args.view(), args.other()) {
        blank(args, printer, first)?;
        return compare::run(args, path, &inspection, other, printer);
    }
    if printer.is_quiet() {
        return Ok(exit);
    }
    blank(args, printer, first)?;
    let shown = show(args, path, &inspection, printer).map(|()| exit);
    boxes::or_failed(args, path, shown, printer)
}

/// The schema of a line that says why a file could not be inspected.
const SCHEMA: &str = "tapo.inspect/1";

/// The exit code: the verdict's; where that is 0, "damaged" for any finding that
/// counts as a failure.
fn code(inspection: &Inspection, least: Severity) -> Exit {
    let counts = |f: &tapo_inspect::Finding| f.severity() >= least;
    match inspection.verdict {
        Verdict::Sound if inspection.findings.iter().any(counts) => Exit::Damaged,
        verdict => verdict.into(),
    }
}

/// Seconds since 1970; a clock before that is not set.
fn now() -> i64 {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

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
        (View::Gops, false) => report::gops(printer, &theme, path, inspection, args.track)?,
        (View::Gops, true) => report::gops_json(printer, path, inspection, args.track)?,
        (View::Nals, false) => {
            let file = PreadFile::open(path)?;
            report::nals(printer, &theme, path, &file, inspection, args.track)?;
        }
        (View::Nals, true) => {
            let file = PreadFile::open(path)?;
            report::nals_json(printer, path, &file, inspection, args.track)?;
        }
        (View::Fragments, false) => report::fragments(printer, &theme, path, inspection)?,
        (View::Fragments, true) => report::fragments_json(printer, path, inspection)?,
        (View::Timing, false) if args.csv => {
            let file = PreadFile::open(path)?;
            report::frame_times(printer, path, &file, inspection)?;
        }
        (View::Timing, false) => {
            let (file, now) = (PreadFile::open(path)?, now());
            report::timing(printer, &theme, path, &file, inspection, now)?;
        }
        (View::Timing, true) => {
            let file = PreadFile::open(path)?;
            report::timing_json(printer, path, &file, inspection)?;
        }
        (View::Ledger, false) => report::ledger(printer, &theme, path, inspection)?,
        (View::Ledger, true) => report::ledger_json(printer, path, inspection)?,
        (View::Map, false) => {
            report::map(printer, &theme, path, inspection, Printer::columns())?;
        }
        (View::Map, true) => report::map_json(printer, path, inspection)?,
        // They end elsewhere.
        (View::Boxes | View::Against | View::Diff | View::Extract, _) => {}
    }
    Ok(())
}
