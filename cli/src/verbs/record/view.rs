//! Recording on the screen: a live line for each camera on a terminal, plain
//! lines elsewhere, JSON if asked for.

use crate::printer::Printer;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};
use tapo_record::{CameraOptions, Event, Recording, State};
use tapo_report::{escape, recording as report};

/// Where events go.
pub(super) enum View {
    Quiet,
    Json,
    Plain(Plain),
    Live(Live),
}

/// Lines; progress at most once a minute for each camera.
#[derive(Default)]
pub(super) struct Plain {
    told: BTreeMap<String, Instant>,
    states: States,
}

/// States that were told lately: a camera that is away is called every second at first,
/// and that it is still away is no news.
#[derive(Default)]
struct States(BTreeMap<String, BTreeMap<String, Instant>>);

/// Different states that are remembered, of a camera.
const REMEMBERED: usize = 32;

impl States {
    /// Whether a state is to be told: not again within a minute, unless the camera was
    /// recorded in between.
    fn is_news(&mut self, camera: &str, state: &State, now: Instant) -> bool {
        let told = self.0.entry(camera.to_owned()).or_default();
        if *state == State::Recording {
            told.clear();
            return true;
        }
        let words = match state {
            State::Waiting { reason, .. } => reason.as_str(),
            other => other.as_str(),
        };
        if told
            .get(words)
            .is_some_and(|at| now.duration_since(*at) < PROGRESS)
        {
            return false;
        }
        if told.len() >= REMEMBERED {
            told.clear();
        }
        told.insert(words.to_owned(), now);
        true
    }
}

/// Lines that are overwritten.
pub(super) struct Live {
    screen: MultiProgress,
    lines: BTreeMap<String, ProgressBar>,
    states: States,
    /// Cameras that are recorded now.
    recording: BTreeSet<String>,
}

const PROGRESS: Duration = Duration::from_secs(60);

impl View {
    pub(super) fn new(json: bool, printer: &Printer) -> Self {
        if printer.is_quiet() {
            Self::Quiet
        } else if json {
            Self::Json
        } else if is_live() && !printer.is_verbose() {
            Self::Live(Live {
                screen: MultiProgress::new(),
                lines: BTreeMap::new(),
                states: States::default(),
                recording: BTreeSet::new(),
            })
        } else {
            Self::Plain(Plain::default())
        }
    }

    pub(super) fn event(&mut self, event: &Event, printer: &mut Printer) -> io::Result<()> {
        match self {
            Self::Quiet => Ok(()),
            Self::Json => {
                report::event_json(printer, event)?;
                printer.flush()
            }
            Self::Plain(plain) => plain.event(event, printer),
            Self::Live(live) => live.event(event),
        }
    }

    /// Takes live lines off the screen.
    pub(super) fn end(&mut self) {
        if let Self::Live(live) = self {
            // A screen that cannot be cleared is no reason to fail.
            let _ = live.screen.clear();
        }
    }

    pub(super) fn summary(&self, done: &Recording, printer: &mut Printer) -> io::Result<()> {
        let theme = printer.theme;
        match self {
            Self::Quiet => Ok(()),
            Self::Json => report::recording_json(printer, done),
            Self::Plain(_) | Self::Live(_) => report::recording(printer, &theme, done),
        }
    }
}

/// The cameras of a configuration file that makes sense.
pub(super) fn cameras(all: &[CameraOptions], json: bool, printer: &mut Printer) -> io::Result<()> {
    if printer.is_quiet() {
        return Ok(());
    }
    for camera in all {
        if json {
            report::camera_json(printer, camera)?;
        } else {
            report::camera(printer, camera)?;
        }
    }
    Ok(())
}

fn is_live() -> bool {
    io::stderr().is_terminal() && io::stdout().is_terminal()
}

impl Plain {
    fn event(&mut self, event: &Event, printer: &mut Printer) -> io::Result<()> {
        let line = match event {
            Event::Progress { camera, progress } => {
                let now = Instant::now();
                let told = self.told.entry(camera.clone()).or_insert(now);
                if now.duration_since(*told) < PROGRESS {
                    return Ok(());
                }
                *told = now;
                format!("{}: {}", escape::text(camera), report::progress(progress))
            }
            Event::State { camera, state }
                if !self.states.is_news(camera, state, Instant::now()) =>
            {
                return Ok(());
            }
            _ => match report::event(event) {
                Some(line) => line,
                None => return Ok(()),
            },
        };
        writeln!(printer, "{line}")?;
        printer.flush()
    }
}

impl Live {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::Progress { camera, .. } if !self.recording.contains(camera) => {}
            Event::Progress { camera, progress } => {
                let name = escape::text(camera);
                let text = format!("{name}  recording  {}", report::progress(progress));
                self.line(camera).set_message(text);
            }
            Event::State { camera, state } => {
                let text = format!("{}  {}", escape::text(camera), report::state(state));
                self.line(camera).set_message(text.clone());
                match state {
                    State::Recording => self.recording.insert(camera.clone()),
                    _ => self.recording.remove(camera),
                };
                let news = self.states.is_news(camera, state, Instant::now());
                if news && matches!(state, State::Waiting { .. } | State::Blocked { .. }) {
                    self.screen.println(text)?;
                }
            }
            _ => {
                if let Some(line) = report::event(event) {
                    self.screen.println(line)?;
                }
            }
        }
        Ok(())
    }

    fn line(&mut self, camera: &str) -> &ProgressBar {
        let screen = &self.screen;
        self.lines.entry(camera.to_owned()).or_insert_with(|| {
            let style = ProgressStyle::with_template("{spinner} {wide_msg}");
            let line = screen.add(ProgressBar::new_spinner());
            if let Ok(style) = style {
                line.set_style(style);
            }
            line.enable_steady_tick(Duration::from_millis(250));
            line
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn that_a_camera_is_still_away_is_told_once_a_minute() {
        let (mut states, begin) = (States::default(), Instant::now());
        let away = |reason: &str| State::Waiting {
            reason: reason.to_owned(),
            retry_in: Duration::from_secs(1),
        };
        let mut told = 0;
        for second in 0..120 {
            let now = begin + Duration::from_secs(second);
            for state in [State::Connecting, away("refused")] {
                told += u32::from(states.is_news("yard", &state, now));
            }
        }
        assert_eq!(told, 4);
        assert!(states.is_news("yard", &away("no route"), begin));
        assert!(states.is_news("gate", &away("refused"), begin));
        assert!(states.is_news("yard", &State::Recording, begin));
        assert!(states.is_news("yard", &away("refused"), begin));
    }
}
