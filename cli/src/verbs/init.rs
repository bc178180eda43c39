//! `tapo init`.

use crate::args::InitArgs;
use crate::exit::Exit;
use crate::printer::Printer;
use std::io::Write;
use std::path::Path;
use tapo_io::{Disk, NewFile, Op};
use tapo_record::config::EXAMPLE;
use tapo_report::escape;

pub(crate) fn run(args: &InitArgs, printer: &mut Printer) -> anyhow::Result<Exit> {
    let path = &args.file;
    if path.as_os_str() == "-" {
        printer.write_all(EXAMPLE.as_bytes())?;
        return Ok(Exit::Fine);
    }
    match write(path, args.force) {
        Ok(()) => {
            let shown = escape::path(path);
            printer.say(&format!("{shown}: fill in your cameras, then:"));
            printer.say(&format!("  tapo record --config {shown} --check-config"));
            Ok(Exit::Fine)
        }
        Err(error) => {
            let exit = if error.is_refusal() {
                Exit::Refused
            } else {
                Exit::Failed
            };
            let exists = matches!(error, tapo_io::Error::Exists { .. });
            printer.error(&error.into());
            if exists {
                printer.say("--force replaces it");
            }
            Ok(exit)
        }
    }
}

fn write(path: &Path, replace: bool) -> tapo_io::Result<()> {
    let mut file = NewFile::create(path, replace)?;
    let bytes = EXAMPLE.as_bytes().to_vec();
    file.apply(&Op::Write { at: 0, bytes })?;
    file.commit(replace)
}
