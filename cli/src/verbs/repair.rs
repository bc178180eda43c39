//! `tapo repair`.

use crate::args::{Gaps, RepairArgs};
use crate::exit::Exit;
use crate::printer::{Printer, message};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use tapo_inspect::Verdict;
use tapo_repair::{Error, Options, Reconstruction};
use tapo_report::{json, repair as report};

pub(crate) fn run(args: &RepairArgs, printer: &mut Printer) -> anyhow::Result<Exit> {
    if args.output.is_some() && args.files.len() > 1 {
        let error = anyhow::anyhow!("-o takes one BROKEN; without it each gets a name of its own");
        printer.error(&error);
        return Ok(Exit::Usage);
    }
    let options = Options {
        output: args.output.clone(),
        replace: args.force,
        dry_run: args.dry_run,
        gaps: match args.gaps {
            Gaps::Keep => tapo_repair::Gaps::Keep,
            Gaps::Close => tapo_repair::Gaps::Close,
        },
    };
    let mut exit = Exit::Fine;
    in_order(args, &options, |path, outcome| {
        exit = exit.and(tell(args, path, outcome, printer)?);
        Ok(())
    })?;
    Ok(exit)
}

/// What became of a file.
enum Outcome {
    /// There was nothing to repair.
    Sound,
    Repaired(Box<Reconstruction>),
    Failed(Error),
}

impl From<Result<Reconstruction, Error>> for Outcome {
    fn from(result: Result<Reconstruction, Error>) -> Self {
        match result {
            Ok(done) => Self::Repaired(Box::new(done)),
            Err(error) => Self::Failed(error),
        }
    }
}

/// Whether a file plays as it is, all of it.
fn is_sound(path: &Path) -> bool {
    tapo_inspect::inspect_file(path).is_ok_and(|seen| seen.verdict == Verdict::Sound)
}

/// Whether nothing in a file says that it is an MP4.
fn is_foreign(path: &Path) -> bool {
    tapo_inspect::inspect_file(path).is_ok_and(|seen| seen.verdict == Verdict::NotMp4)
}

/// Repairs the files, some at the same time, and hands the outcomes over in the
/// order in which the files were named.
fn in_order(
    args: &RepairArgs,
    options: &Options,
    mut told: impl FnMut(&Path, Outcome) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let next = AtomicUsize::new(0);
    let (send, receive) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..usize::from(args.jobs).min(args.files.len()) {
            let (next, send) = (&next, send.clone());
            scope.spawn(move || {
                loop {
                    let i = next.fetch_add(1, Ordering::Relaxed);
                    let Some(path) = args.files.get(i) else { break };
                    let outcome = if is_sound(path) {
                        Outcome::Sound
                    } else {
                        tapo_repair::repair(path, &args.reference, options).into()
                    };
                    if send.send((i, outcome)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(send);
        let mut waiting = BTreeMap::new();
        let mut due = 0;
        for (i, outcome) in receive {
            waiting.insert(i, outcome);
            while let (Some(outcome), Some(path)) = (waiting.remove(&due), args.files.get(due)) {
                told(path, outcome)?;
                due += 1;
            }
        }
        Ok(())
    })
}

/// Says what became of a file. The error is of the output.
fn tell(
    args: &RepairArgs,
    path: &Path,
    outcome: Outcome,
    printer: &mut Printer,
) -> anyhow::Result<Exit> {
    match outcome {
        Outcome::Sound => {
            let theme = printer.theme;
            match (printer.is_quiet(), args.json) {
                (true, _) => {}
                (_, true) => report::sound_json(printer, path)?,
                (_, false) => report::sound(printer, &theme, path)?,
            }
            Ok(Exit::Fine)
        }
        Outcome::Repaired(done) => {
            let theme = printer.theme;
            match (printer.is_quiet(), args.json) {
                (true, _) => {}
                (_, true) => report::reconstruction_json(printer, &done)?,
                (_, false) => report::reconstruction(printer, &theme, &done)?,
            }
            Ok(if done.is_complete() {
                Exit::Fine
            } else {
                Exit::Damaged
            })
        }
        Outcome::Failed(error) => {
            let foreign = matches!(error, Error::NoReference { .. }) && is_foreign(path);
            let exit = if foreign { Exit::NotMp4 } else { code(&error) };
            let hint = hint(&error);
            let mut error = anyhow::Error::new(error);
            if foreign {
                let path = path.display();
                error = anyhow::anyhow!(
                    "{path}: not an MP4; `tapo inspect` says what it is. If it is one that lost \
                     its start:"
                );
            }
            if args.json && !printer.is_quiet() {
                json::failure(printer, "tapo.repair/1", path, &message(&error))?;
            }
            printer.error(&error);
            if let Some(hint) = hint {
                printer.say(hint);
            }
            Ok(exit)
        }
    }
}

fn code(error: &Error) -> Exit {
    match error {
        _ if error.is_refusal() => Exit::Refused,
        Error::BadReference { .. } => Exit::Refused,
        Error::NoReference { .. } | Error::NothingRecovered { .. } => Exit::Beyond,
        _ => Exit::Failed,
    }
}

/// What to try next.
const fn hint(error: &Error) -> Option<&'static str> {
    match error {
        Error::Io(tapo_io::Error::Exists { .. }) => Some("--force replaces it"),
        Error::NoReference { .. } | Error::ReferenceDiffers { .. } | Error::BadReference { .. } => {
            Some(
                "Record a few seconds with the same camera and the same settings (resolution, \
                 frame rate, sound), and name that file with --reference.",
            )
        }
        _ => None,
    }
}
