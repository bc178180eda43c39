//! `tapo status`.

use crate::args::StatusArgs;
use crate::exit::Exit;
use crate::printer::Printer;
use tapo_record::status::ask;
use tapo_report::status as report;

pub(crate) fn run(args: &StatusArgs, printer: &mut Printer) -> anyhow::Result<Exit> {
    let status = match ask(args.address) {
        Ok(status) => status,
        Err(error) => {
            printer.error(&error.into());
            return Ok(Exit::Failed);
        }
    };
    let theme = printer.theme;
    if !printer.is_quiet() {
        if args.json {
            report::json(printer, &status)?;
        } else {
            report::text(printer, &theme, &status)?;
        }
    }
    let recorded = status.cameras.iter().all(|c| c.state == "recording");
    Ok(if recorded { Exit::Fine } else { Exit::Damaged })
}
