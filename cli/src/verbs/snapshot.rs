//! `tapo snapshot`.

use super::record::code;
use crate::args::SnapshotArgs;
use crate::exit::Exit;
use crate::printer::Printer;
use tapo_record::{Error, snapshot};
use tapo_report::snapshot as report;

pub(crate) fn run(args: &SnapshotArgs, printer: &mut Printer) -> anyhow::Result<Exit> {
    let done = snapshot(
        &args.source,
        args.camera.as_deref(),
        args.output.as_deref(),
        args.force,
    );
    match done {
        Ok(done) => {
            if !printer.is_quiet() {
                if args.json {
                    report::json(printer, &done.output, &done)?;
                } else {
                    report::text(printer, &done.output, &done)?;
                }
            }
            Ok(Exit::Fine)
        }
        Err(error) => {
            let exit = match &error {
                Error::NoPicture { .. } => Exit::Beyond,
                error => code(error),
            };
            let exists = matches!(error, Error::Io(tapo_io::Error::Exists { .. }));
            printer.error(&error.into());
            if exists {
                printer.say("--force replaces it");
            }
            Ok(exit)
        }
    }
}
