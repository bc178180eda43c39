//! How many of the files are done, on standard error, if that is a terminal.

use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::time::Duration;

/// A line that says how far it is.
pub(super) struct Bar(Option<ProgressBar>);

impl Bar {
    /// For this many files; `shown` if a line is wanted.
    pub(super) fn new(files: usize, shown: bool) -> Self {
        if !shown || !std::io::stderr().is_terminal() {
            return Self(None);
        }
        let bar = ProgressBar::new(files as u64);
        let template = if files > 1 {
            "{spinner} inspecting [{wide_bar}] {pos}/{len}"
        } else {
            "{spinner} inspecting, {elapsed}"
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        // It draws itself, late enough that short work shows nothing.
        bar.enable_steady_tick(Duration::from_millis(250));
        Self(Some(bar))
    }

    /// Does something that prints, while the line is away.
    pub(super) fn aside<T>(&self, print: impl FnOnce() -> T) -> T {
        match &self.0 {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    /// One more file is done.
    pub(super) fn done(&self) {
        if let Some(bar) = &self.0 {
            bar.inc(1);
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
