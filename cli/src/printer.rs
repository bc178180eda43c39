//! The one gate to the terminal.

use crate::args::{Color, Global};
use crate::exit::Exit;
use std::io::{self, BufWriter, IsTerminal, Stderr, Stdout, Write};
use tapo_report::{Theme, escape};

/// Standard output, buffered, and standard error; what colours they take.
pub(crate) struct Printer {
    out: BufWriter<Stdout>,
    // Not locked: log lines of other threads go there too.
    err: Stderr,
    /// Styles of standard output.
    pub(crate) theme: Theme,
    err_theme: Theme,
    quiet: bool,
    verbose: bool,
    /// The reader went away (`tapo ... | head`): nobody wants more, and that is
    /// no failure.
    hung_up: bool,
}

impl Printer {
    pub(crate) fn new(global: &Global) -> Self {
        let theme = |terminal: bool| {
            if global.color.wanted(terminal) {
                Theme::colored()
            } else {
                Theme::plain()
            }
        };
        Self {
            out: BufWriter::with_capacity(1 << 16, io::stdout()),
            err: io::stderr(),
            theme: theme(io::stdout().is_terminal()),
            err_theme: theme(io::stderr().is_terminal()),
            quiet: global.quiet,
            verbose: global.verbose > 0,
            hung_up: false,
        }
    }

    /// How wide the terminal is, if standard output is one; `COLUMNS` where it is not.
    pub(crate) fn columns() -> Option<usize> {
        let stated = || std::env::var("COLUMNS").ok()?.parse().ok();
        terminal_size::terminal_size_of(io::stdout())
            .map(|(width, _)| usize::from(width.0))
            .or_else(stated)
    }

    /// Whether nothing but errors is wanted.
    pub(crate) const fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Whether log lines come, which would tear a live line apart.
    pub(crate) const fn is_verbose(&self) -> bool {
        self.verbose
    }

    /// Says what went wrong with one of many files.
    pub(crate) fn error(&mut self, error: &anyhow::Error) {
        let text = escape::message(&message(error));
        let style = self.err_theme.damage;
        // Where errors cannot be written there is nobody to tell.
        let _ = self.out.flush();
        let _ = writeln!(self.err, "{style}error:{style:#} {text}");
    }

    /// Says something on standard error that is no error.
    pub(crate) fn say(&mut self, text: &str) {
        let _ = self.out.flush();
        let _ = writeln!(self.err, "{text}");
    }

    /// Writes out what is buffered, says what went wrong, and settles the exit
    /// code.
    pub(crate) fn finish(mut self, outcome: anyhow::Result<Exit>) -> Exit {
        let flushed = self.flush();
        match outcome {
            Err(_) if self.hung_up => Exit::Fine,
            Ok(exit) => match flushed {
                Err(e) if !self.hung_up => {
                    self.error(&anyhow::Error::new(e).context("cannot write the output"));
                    Exit::Failed
                }
                _ => exit,
            },
            Err(error) => {
                self.error(&error);
                Exit::Failed
            }
        }
    }

    fn note<T>(&mut self, result: io::Result<T>) -> io::Result<T> {
        if let Err(e) = &result {
            self.hung_up |= e.kind() == io::ErrorKind::BrokenPipe;
        }
        result
    }
}

impl Write for Printer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes);
        self.note(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.out.flush();
        self.note(flushed)
    }
}

/// An error and its causes, each said once.
pub(crate) fn message(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}

impl Color {
    /// Whether to colour what goes to a terminal, or elsewhere.
    fn wanted(self, terminal: bool) -> bool {
        let is_set = |name| std::env::var_os(name).is_some_and(|v| !v.is_empty());
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => {
                let dumb = std::env::var_os("TERM").is_some_and(|t| t == "dumb");
                terminal && !is_set("NO_COLOR") && !dumb
            }
        }
    }
}
