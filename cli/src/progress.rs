//! A line for each file that is worked on, on standard error, and the wish to
//! stop.

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::collections::HashMap;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tapo_repair::{Progress, Stage, Step};
use tapo_report::{escape, number};

/// Watches repairs.
#[derive(Debug)]
pub(crate) struct Watch {
    stop: Arc<AtomicBool>,
    live: Option<Live>,
}

#[derive(Debug, Default)]
struct Live {
    screen: MultiProgress,
    lines: Mutex<HashMap<PathBuf, (Stage, ProgressBar)>>,
}

impl Watch {
    /// `shown` if lines are wanted; they need a terminal all the same.
    pub(crate) fn new(shown: bool, stop: Arc<AtomicBool>) -> Self {
        let shown = shown && std::io::stderr().is_terminal();
        Self {
            stop,
            live: shown.then(Live::default),
        }
    }

    /// Takes the line of a file that is done away.
    pub(crate) fn done(&self, file: &Path) {
        if let Some(live) = &self.live {
            let mut lines = live.lines.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((_, line)) = lines.remove(file) {
                line.finish_and_clear();
                live.screen.remove(&line);
            }
        }
    }

    /// Does something that prints, while no lines are on the screen.
    pub(crate) fn aside<T>(&self, print: impl FnOnce() -> T) -> T {
        match &self.live {
            Some(live) => live.screen.suspend(print),
            None => print(),
        }
    }
}

impl Progress for Watch {
    fn step(&self, file: &Path, step: Step) {
        let Some(live) = &self.live else { return };
        let mut lines = live.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines
            .get(file)
            .is_none_or(|(stage, _)| *stage != step.stage)
        {
            let line = live.line(file, step);
            if let Some((_, old)) = lines.insert(file.to_owned(), (step.stage, line)) {
                old.finish_and_clear();
                live.screen.remove(&old);
            }
        }
        if let Some((_, line)) = lines.get(file) {
            let found = u64::try_from(step.recovered.as_millis()).unwrap_or(u64::MAX);
            if found > 0 {
                line.set_message(format!("{} found", number::clock(found, 1000)));
            }
            line.set_position(step.done);
        }
    }

    fn is_cancelled(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

impl Live {
    fn line(&self, file: &Path, step: Step) -> ProgressBar {
        let verb = match step.stage {
            Stage::Search => "searching",
            Stage::Check => "checking",
            Stage::Write => "writing",
        };
        // On the screen before it is styled: it must not draw itself elsewhere.
        styled(self.screen.add(ProgressBar::new(step.total)), verb, file)
    }
}

/// A line for the bytes of one file; nothing unless it is wanted and standard error
/// is a terminal.
pub(crate) fn of_bytes(verb: &str, file: &Path, wanted: bool) -> ProgressBar {
    if !wanted || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    styled(ProgressBar::new(0), verb, file)
}

fn styled(line: ProgressBar, verb: &str, file: &Path) -> ProgressBar {
    let style = ProgressStyle::with_template(
        "{prefix} [{wide_bar}] {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec} {msg}",
    );
    if let Ok(style) = style {
        line.set_style(style.progress_chars("=> "));
    }
    let name = escape::path(Path::new(file.file_name().unwrap_or_default()));
    line.set_prefix(format!("{verb} {name}"));
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn step(stage: Stage, done: u64) -> Step {
        Step {
            stage,
            done,
            total: 100,
            recovered: Duration::from_secs(61),
        }
    }

    #[test]
    fn a_line_stands_while_its_file_is_worked_on() {
        let live = Live::default();
        live.screen
            .set_draw_target(indicatif::ProgressDrawTarget::hidden());
        let stop = Arc::new(AtomicBool::new(false));
        let watch = Watch {
            stop: stop.clone(),
            live: Some(live),
        };
        let file = Path::new("a\x1b[2J.mp4");
        watch.step(file, step(Stage::Search, 7));
        watch.step(file, step(Stage::Search, 50));
        let shown = |watch: &Watch| {
            let lines = watch.live.as_ref().unwrap().lines.lock().unwrap();
            let line = lines.get(file).map(|(_, line)| line.clone());
            line.map(|l| (l.prefix(), l.position(), l.message()))
        };
        let (prefix, position, message) = shown(&watch).unwrap();
        assert!(prefix.starts_with("searching") && !prefix.contains('\x1b'));
        assert_eq!((position, message.as_str()), (50, "0:01:01.000 found"));
        watch.step(file, step(Stage::Write, 10));
        assert!(shown(&watch).unwrap().0.starts_with("writing"));
        watch.done(file);
        assert_eq!(shown(&watch), None);
        assert!(!watch.is_cancelled());
        stop.store(true, Ordering::Relaxed);
        assert!(watch.is_cancelled());
    }
}
