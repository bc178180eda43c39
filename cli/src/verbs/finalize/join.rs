//! `tapo finalize FILE... -o OUT`: one file of many.

use crate::args::{Breaks, FinalizeArgs};
use crate::exit::Exit;
use crate::printer::{Printer, message};
use crate::signals;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tapo_finalize::Error;
use tapo_finalize::join::{self, Gaps, Join};
use tapo_report::finalization::Tense;
use tapo_report::{escape, joined as report, json};

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
        let line = line(output, args.json || printer.is_quiet());
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
            let exists = matches!(error, Error::Io(tapo_io::Error::Exists { .. }));
            let error = anyhow::Error::new(error);
            if args.json && !printer.is_quiet() {
                json::failure(printer, report::SCHEMA, output, &message(&error))?;
            }
            printer.error(&error);
            if exists {
                printer.say("--force replaces it");
            }
            Ok(exit)
        }
    }
}

/// How far the copy has come; nothing unless standard error is a terminal.
fn line(output: &Path, hidden: bool) -> ProgressBar {
    if hidden || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let line = ProgressBar::new(0);
    let style = ProgressStyle::with_template(
        "{prefix} [{wide_bar}] {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec}",
    );
    if let Ok(style) = style {
        line.set_style(style.progress_chars("=> "));
    }
    let name = escape::path(Path::new(output.file_name().unwrap_or_default()));
    line.set_prefix(format!("writing {name}"));
    line
}
