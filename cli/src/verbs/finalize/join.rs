//! `tapo finalize FILE... -o OUT`: one file of many.

use crate::args::{Breaks, FinalizeArgs};
use crate::exit::Exit;
use crate::printer::Printer;
use crate::{progress, signals};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tapo_finalize::join::{self, Gaps, Join};
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
        let stop = Arc::new(AtomicBool::new(false));
        let asked = stop.clone();
        signals::on_end_with(
            move || asked.store(true, Ordering::Relaxed),
            Exit::Interrupted,
        )?;
        let line = progress::of_bytes("writing", output, !args.json && !printer.is_quiet());
        let watch = |done, total| {
            line.set_length(total);
            line.set_position(done);
            !stop.load(Ordering::Relaxed)
        };
        let done = join::join(files, output, &options, &watch);
        line.finish_and_clear();
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
            let whole = done.parts.iter().all(|p| p.fragments_left_out == 0);
            Ok(if whole { Exit::Fine } else { Exit::Damaged })
        }
        Err(error) => {
            let exit = super::code(&error);
            super::failed(args, printer, report::SCHEMA, output, error)?;
            Ok(exit)
        }
    }
}
