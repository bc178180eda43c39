//! Colours, which never carry meaning alone: the word always stands there too.

use anstyle::{AnsiColor, Style};

/// The styles of all text output.
#[derive(Copy, Clone, Debug, Default)]
pub struct Theme {
    /// What a thing is.
    pub title: Style,
    /// All is well.
    pub good: Style,
    /// Good to know.
    pub notice: Style,
    /// Odd.
    pub warning: Style,
    /// Broken.
    pub damage: Style,
    /// Commands to type.
    pub command: Style,
    /// Of less weight.
    pub dim: Style,
}

impl Theme {
    /// Plain text.
    #[must_use]
    pub const fn plain() -> Self {
        let none = Style::new();
        Self {
            title: none,
            good: none,
            notice: none,
            warning: none,
            damage: none,
            command: none,
            dim: none,
        }
    }

    /// ANSI colours.
    #[must_use]
    pub const fn colored() -> Self {
        Self {
            title: Style::new().bold(),
            good: ansi(AnsiColor::Green),
            notice: ansi(AnsiColor::Cyan),
            warning: ansi(AnsiColor::Yellow),
            damage: ansi(AnsiColor::Red).bold(),
            command: Style::new().bold(),
            dim: Style::new().dimmed(),
        }
    }
}

const fn ansi(color: AnsiColor) -> Style {
    Style::new().fg_color(Some(anstyle::Color::Ansi(color)))
}
