//! `tapo finalize FILE... -o OUT`: one file of many.

use crate::args::{Breaks, FinalizeArgs};
use crate::exit::Exit;
use crate::printer::Printer;
use std::path::{Path, PathBuf};
use tapo_finalize::join::{self, Gaps, Join, JoinedPart};
use tapo_report::finalization::Tense;
use tapo_report::joined as report;

/// Joins `files` into `output`.
pub(super) fn run(
    args: &FinalizeArgs,
    files: &[PathBuf],
    output: &Path,
    printer: &mut Printer,
) -> anyhow::Result<Exit> {
    let options = Join {
        gaps: match args.gaps {
            Breaks::Keep => Gaps::Keep,
            Breaks::Close => Gaps::Close,
        },
        faststart: args.faststart,
        replace: args.force,
    };
    let (done, tense) = if args.check {
        (join::check_join(files, output, &options), Tense::Would)
    } else {
        let shown = !args.json && !printer.is_quiet();
        let done = super::watched(output, shown, |watch| {
            join::join(files, output, &options, watch)
        })?;
        (done, Tense::Done)
    };
    match done {
        Ok(done) => {
            let theme = printer.theme;
            match (printer.is_quiet(), args.json) {
                (true, _) => {}
                (_, true) => report::joined_json(printer, &done, tense)?,
                (_, false) => report::joined(printer, &theme, &done, tense)?,
            }
            let is_whole = |p: &JoinedPart| {
                let missing = super::is_missing(&p.holes);
                p.left_out.is_nothing() && p.torn_samples.is_none() && !missing
            };
            let whole = done.parts.iter().all(is_whole);
            Ok(if whole { Exit::Fine } else { Exit::Damaged })
        }
        Err(error) => {
            let exit = super::code(&error);
            super::failed(args, printer, report::SCHEMA, output, error)?;
            Ok(exit)
        }
    }
}
