//! What was found, as data: severities, places.

use crate::Problem;
use tapo_io::Span;

/// How much a finding matters.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Severity {
    /// True of sound files too: good to know, nothing to do.
    Notice,
    /// Odd; nothing is known to be lost.
    Warning,
    /// Something is lost, or cannot be reached.
    Damage,
}

impl Severity {
    /// Its stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Damage => "damage",
        }
    }
}

/// A stretch of a track's media time, ticks of its timescale.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct TimeRange {
    /// First tick.
    pub start: u64,
    /// One past the last tick.
    pub end: u64,
    /// Ticks a second.
    pub timescale: u32,
}

/// One thing worth saying about a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// What it is.
    pub problem: Problem,
    /// The bytes concerned, where there are some.
    pub span: Option<Span>,
    /// The id of the track concerned, where it is one.
    pub track: Option<u32>,
    /// The time concerned, where it is known.
    pub time: Option<TimeRange>,
}

impl Finding {
    /// A finding about the file as a whole.
    #[must_use]
    pub const fn new(problem: Problem) -> Self {
        Self {
            problem,
            span: None,
            track: None,
            time: None,
        }
    }

    /// The same, about these bytes.
    #[must_use]
    pub const fn at(mut self, span: Span) -> Self {
        self.span = Some(span);
        self
    }

    /// The same, about this track.
    #[must_use]
    pub const fn on(mut self, track: u32) -> Self {
        self.track = Some(track);
        self
    }

    /// The same, about this time.
    #[must_use]
    pub const fn during(mut self, time: TimeRange) -> Self {
        self.time = Some(time);
        self
    }

    /// How much it matters.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        self.problem.severity()
    }
}
