//! `tapo repair`.

mod batch;
mod told;

use crate::args::{Gaps, RepairArgs};
use crate::exit::Exit;
use crate::in_order::in_order;
use crate::printer::Printer;
use crate::progress::Watch;
use crate::signals;
use batch::Clash;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tapo_inspect::Verdict;
use tapo_repair::{Error, Options, Reconstruction};
use told::Telling;

pub(crate) fn run(args: &RepairArgs, printer: &mut Printer) -> anyhow::Result<Exit> {
    if args.undo {
        return told::undo(args, printer);
    }
    let folder = args.output.as_deref().is_some_and(Path::is_dir);
    if args.output.is_some() && !folder && args.files.len() > 1 {
        let error = anyhow::anyhow!(
            "-o takes one BROKEN, or a folder that exists; without it each gets a name of its own"
        );
        printer.error(&error);
        return Ok(Exit::Usage);
    }
    let clashes = batch::clashes(args);
    let mut telling = match Telling::new(args, &clashes, printer)? {
        Ok(telling) => telling,
        Err(exit) => return Ok(exit),
    };
    let stop = Arc::new(AtomicBool::new(false));
    let asked = stop.clone();
    // The report that is begun goes too: asked twice, there is no time.
    let stopped = move || asked.store(true, Ordering::Relaxed);
    signals::on_end_with(stopped, Exit::Interrupted)?;
    let shown = !printer.is_quiet() && !printer.is_verbose() && !args.json;
    let watch = Arc::new(Watch::new(shown, stop));
    let options = Options {
        output: args.output.clone(),
        in_place: args.in_place,
        replace: args.force,
        dry_run: args.dry_run,
        alone: false,
        gaps: match args.gaps {
            Gaps::Keep => tapo_repair::Gaps::Keep,
            Gaps::Close => tapo_repair::Gaps::Close,
        },
        thorough: args.thorough,
        hash: args.hash,
        progress: Some(watch.clone()),
    };
    let mut exit = Exit::Fine;
    let jobs = usize::from(args.jobs);
    let one = |i, path: &PathBuf| one(path, clashes.of(i), args, &options, &watch);
    in_order(&args.files, jobs, one, |path, outcome| {
        let told = watch.aside(|| telling.tell(path, outcome, printer))?;
        exit = exit.and(told);
        Ok(())
    })?;
    Ok(exit.and(telling.finish(printer)?))
}

/// What became of a file.
enum Outcome {
    /// There was nothing to repair.
    Sound,
    Repaired(Box<Reconstruction>),
    Failed(Error),
    /// It was not begun: something else has a better claim to its output.
    Clash(Clash),
    /// It was not begun: the end was asked for.
    Stopped,
}

fn one(
    path: &Path,
    clash: Option<&Clash>,
    args: &RepairArgs,
    options: &Options,
    watch: &Watch,
) -> Outcome {
    use tapo_repair::Progress;
    if watch.is_cancelled() {
        return Outcome::Stopped;
    }
    if let Some(clash) = clash {
        return Outcome::Clash(clash.clone());
    }
    if let Some(holder) = tapo_io::lock_holder(path) {
        let path = path.to_owned();
        return Outcome::Failed(tapo_io::Error::InUse { path, holder }.into());
    }
    let sound = is_sound(path, options);
    if !matches!(sound, Ok(false)) {
        watch.done(path);
    }
    match sound {
        Ok(true) => return Outcome::Sound,
        Ok(false) => {}
        Err(error) => return Outcome::Failed(error),
    }
    let result = tapo_repair::repair(path, &args.reference, options);
    watch.done(path);
    match result {
        Ok(done) => Outcome::Repaired(Box::new(done)),
        Err(error) => Outcome::Failed(error),
    }
}

/// Whether a file plays as it is, all of it.
fn is_sound(path: &Path, options: &Options) -> Result<bool, Error> {
    let plays = tapo_inspect::inspect_file(path).is_ok_and(|seen| seen.verdict == Verdict::Sound);
    Ok(plays && tapo_repair::is_sound(path, options)?)
}

/// Whether nothing in a file says that it is an MP4.
fn is_foreign(path: &Path) -> bool {
    tapo_inspect::inspect_file(path).is_ok_and(|seen| seen.verdict == Verdict::NotMp4)
}

/// The name under which outputs are compared: of the folder the real one.
fn real(path: &Path) -> PathBuf {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    folder.join(path.file_name().unwrap_or_default())
}
