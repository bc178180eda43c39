//! `tapo protect`.

use crate::args::ProtectArgs;
use crate::exit::Exit;
use crate::printer::Printer;
use std::path::Path;
use tapo_report::escape;

pub(crate) fn run(args: &ProtectArgs, printer: &mut Printer) -> anyhow::Result<Exit> {
    let mut exit = Exit::Fine;
    for path in &args.files {
        match protect(path, !args.undo) {
            Ok(changed) => {
                let state = match (args.undo, changed) {
                    (false, true) => "protected",
                    (false, false) => "was protected already",
                    (true, true) => "not protected any more",
                    (true, false) => "was not protected",
                };
                printer.say(&format!("{}: {state}", escape::path(path)));
            }
            Err(error) => {
                exit = exit.and(if error.is_refusal() {
                    Exit::Refused
                } else {
                    Exit::Failed
                });
                printer.error(&error.into());
            }
        }
    }
    Ok(exit)
}

/// What a recorder still writes to cannot be protected: the recorder keeps the
/// right that it has, and the end of the file would differ from what was meant.
fn protect(path: &Path, on: bool) -> tapo_io::Result<bool> {
    match tapo_io::lock_holder(path) {
        Some(holder) if on => Err(tapo_io::Error::InUse {
            path: path.to_owned(),
            holder,
        }),
        _ => tapo_io::protect(path, on),
    }
}
