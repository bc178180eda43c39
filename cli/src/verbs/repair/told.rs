//! What is said of each file: words, JSON, a report, and an exit code.

use super::batch::{Clash, Clashes};
use super::{Outcome, is_foreign, real};
use crate::args::RepairArgs;
use crate::exit::Exit;
use crate::printer::{Printer, message};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use tapo_io::{NewFile, WritePlan};
use tapo_repair::{Error, Reconstruction};
use tapo_report::repair as report;
use tapo_report::{finalization, json};

/// Says what becomes of the files, in whatever ways were asked for.
pub(super) struct Telling<'a> {
    args: &'a RepairArgs,
    report: Option<Report>,
}

/// The report that is being written.
struct Report {
    new: NewFile,
    len: u64,
}

impl<'a> Telling<'a> {
    /// Begins the report. The inner error is why nothing at all is done.
    pub(super) fn new(
        args: &'a RepairArgs,
        clashes: &Clashes,
        printer: &mut Printer,
    ) -> io::Result<Result<Self, Exit>> {
        let mut telling = Self { args, report: None };
        let Some(path) = &args.report else {
            return Ok(Ok(telling));
        };
        let id = |path: &Path| path.metadata().map(|m| (m.dev(), m.ino())).ok();
        let own = id(path);
        let mut sources = args.files.iter().chain(&args.reference);
        if sources.any(|source| own.is_some() && id(source) == own) {
            let path = path.display();
            printer.error(&anyhow::anyhow!(
                "{path}: is a broken file or a reference; name another report"
            ));
            return Ok(Err(Exit::Refused));
        }
        if clashes.outputs.contains_key(&real(path)) {
            let path = path.display();
            printer.error(&anyhow::anyhow!("{path}: is the output as well"));
            return Ok(Err(Exit::Usage));
        }
        match NewFile::create(path, args.force) {
            Ok(new) => telling.report = Some(Report { new, len: 0 }),
            Err(error) => {
                let exists = matches!(error, tapo_io::Error::Exists { .. });
                printer.error(&error.into());
                if exists {
                    printer.say("--force replaces it");
                }
                return Ok(Err(if exists { Exit::Refused } else { Exit::Failed }));
            }
        }
        Ok(Ok(telling))
    }

    /// Gives the report its name.
    pub(super) fn finish(self, printer: &mut Printer) -> io::Result<Exit> {
        let Some(report) = self.report else {
            return Ok(Exit::Fine);
        };
        if let Err(error) = report.new.commit(self.args.force) {
            printer.error(&error.into());
            return Ok(Exit::Failed);
        }
        Ok(Exit::Fine)
    }

    /// Writes a line of JSON wherever it is wanted.
    fn line(
        &mut self,
        printer: &mut Printer,
        write: impl Fn(&mut dyn Write) -> io::Result<()>,
    ) -> anyhow::Result<()> {
        if self.args.json && !printer.is_quiet() {
            write(printer)?;
        }
        if let Some(report) = &mut self.report {
            let mut line = Vec::new();
            write(&mut line)?;
            let len = line.len() as u64;
            WritePlan::new()
                .write(report.len, line)
                .execute(&mut report.new)?;
            report.len += len;
        }
        Ok(())
    }

    /// Says what became of a file. The error is of the output.
    pub(super) fn tell(
        &mut self,
        path: &Path,
        outcome: Outcome,
        printer: &mut Printer,
    ) -> anyhow::Result<Exit> {
        let words = !self.args.json && !printer.is_quiet();
        let theme = printer.theme;
        let exit = match outcome {
            Outcome::Sound => {
                self.line(printer, |out| report::sound_json(out, path))?;
                if words {
                    report::sound(printer, &theme, path)?;
                }
                Exit::Fine
            }
            Outcome::Repaired(done) => {
                self.line(printer, |out| report::reconstruction_json(out, &done))?;
                if words {
                    report::reconstruction(printer, &theme, &done)?;
                }
                exit(&done)
            }
            Outcome::Failed(error) => self.failed(path, error, printer)?,
            Outcome::Clash(clash) => {
                let error = anyhow::anyhow!("{}: {}", path.display(), clash_words(&clash));
                self.refused(path, &error, printer)?;
                Exit::Refused
            }
            Outcome::Stopped => {
                let error = anyhow::anyhow!("{}: not begun", path.display());
                self.refused(path, &error, printer)?;
                Exit::Interrupted
            }
        };
        printer.flush()?;
        Ok(exit)
    }

    fn refused(
        &mut self,
        path: &Path,
        error: &anyhow::Error,
        printer: &mut Printer,
    ) -> anyhow::Result<()> {
        let text = message(error);
        self.line(printer, |out| {
            json::failure(out, report::SCHEMA, path, &text)
        })?;
        printer.error(error);
        Ok(())
    }

    fn failed(&mut self, path: &Path, error: Error, printer: &mut Printer) -> anyhow::Result<Exit> {
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
        self.refused(path, &error, printer)?;
        if let Some(hint) = hint {
            printer.say(hint);
        }
        Ok(exit)
    }
}

/// `tapo repair --undo`.
pub(super) fn undo(args: &RepairArgs, printer: &mut Printer) -> anyhow::Result<Exit> {
    use tapo_finalize::Error;
    let mut exit = Exit::Fine;
    for path in &args.files {
        let undone = match tapo_finalize::undo(path) {
            Ok(undone) => undone,
            Err(error) => {
                exit = exit.and(match &error {
                    error if error.is_refusal() => Exit::Refused,
                    Error::Io(_) | Error::Movie(_) => Exit::Failed,
                    Error::Malformed { .. } => Exit::Beyond,
                    // Whatever it is, there is nothing of ours in it.
                    _ => Exit::Usage,
                });
                let error = match error {
                    Error::Io(_) | Error::Movie(_) | Error::Malformed { .. } => error.into(),
                    error if error.is_refusal() => error.into(),
                    _ => anyhow::anyhow!(
                        "{}: was not repaired in place by tapo; nothing to undo",
                        path.display()
                    ),
                };
                if args.json && !printer.is_quiet() {
                    json::failure(printer, report::SCHEMA, path, &message(&error))?;
                }
                printer.error(&error);
                continue;
            }
        };
        let theme = printer.theme;
        match (printer.is_quiet(), args.json) {
            (true, _) => {}
            (_, true) => report::undone_json(printer, path, undone)?,
            (_, false) => finalization::undone(printer, &theme, path, undone)?,
        }
    }
    Ok(exit)
}

fn exit(done: &Reconstruction) -> Exit {
    if done.is_complete() {
        Exit::Fine
    } else {
        Exit::Damaged
    }
}

fn clash_words(clash: &Clash) -> String {
    match clash {
        Clash::Twice => "is named twice".to_owned(),
        Clash::SameOutput { output, other } => format!(
            "would be written to {}, as {} is; name another output with -o",
            output.display(),
            other.display()
        ),
        Clash::IntoAnother { output } => format!(
            "would be written to {}, which is one of the broken files; name another output with -o",
            output.display()
        ),
    }
}

fn code(error: &Error) -> Exit {
    match error {
        _ if error.is_refusal() => Exit::Refused,
        Error::Cancelled { .. } => Exit::Interrupted,
        Error::BadReference { .. } => Exit::Refused,
        Error::NoReference { .. } | Error::NothingRecovered { .. } => Exit::Beyond,
        _ => Exit::Failed,
    }
}

/// What to try next.
fn hint(error: &Error) -> Option<&'static str> {
    match error {
        Error::Io(tapo_io::Error::Exists { .. }) => Some("--force replaces it"),
        Error::Io(error) if error.is_disk_full() => Some(
            "The output is as large as the broken file: -o puts it elsewhere, --in-place needs no \
             copy.",
        ),
        Error::NoReference { .. } | Error::ReferenceDiffers { .. } | Error::BadReference { .. } => {
            Some(
                "Record a few seconds with the same camera and the same settings (resolution, \
                 frame rate, sound), and name that file with --reference.",
            )
        }
        _ => None,
    }
}
