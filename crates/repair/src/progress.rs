//! Who watches a repair, and may end it.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tapo_io::{ByteSource, Error, Result, Span};

/// What a repair is doing.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Stage {
    /// It looks for samples.
    Search,
    /// It looks whether samples are what they should be.
    Check,
    /// It writes the output, or works out hashes.
    Write,
}

/// How far a repair has come.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct Step {
    /// What it is doing.
    pub stage: Stage,
    /// Bytes of the broken file that are done in this stage.
    pub done: u64,
    /// Bytes of the broken file.
    pub total: u64,
    /// How long the pictures found so far last; of the leading track.
    pub recovered: Duration,
}

/// Watches repairs, and may end them. Several threads call it.
pub trait Progress: std::fmt::Debug + Send + Sync {
    /// `file` has come as far as this: told every few megabytes.
    fn step(&self, file: &Path, step: Step);

    /// Whether to stop. Asked often: it should cost no more than a load.
    fn is_cancelled(&self) -> bool {
        false
    }
}

/// Bytes between two steps told.
const EVERY: u64 = 4 << 20;

/// A source that tells how far it was read, and ends when it is asked to.
pub(crate) struct Watched<'a> {
    source: &'a dyn ByteSource,
    progress: Option<&'a dyn Progress>,
    /// What reads are steps of, if they go from front to back.
    stage: Option<Stage>,
    /// One past the last byte that was read.
    reached: AtomicU64,
    told: AtomicU64,
    /// Nanoseconds.
    recovered: AtomicU64,
}

impl<'a> Watched<'a> {
    /// For reads from front to back.
    pub(crate) fn new(
        source: &'a dyn ByteSource,
        stage: Stage,
        progress: Option<&'a dyn Progress>,
    ) -> Self {
        Self {
            source,
            progress,
            stage: Some(stage),
            reached: AtomicU64::new(0),
            told: AtomicU64::new(0),
            recovered: AtomicU64::new(0),
        }
    }

    /// For reads here and there, which are no steps.
    pub(crate) fn anywhere(source: &'a dyn ByteSource, progress: Option<&'a dyn Progress>) -> Self {
        Self {
            stage: None,
            ..Self::new(source, Stage::Search, progress)
        }
    }

    /// More of the leading track was found.
    pub(crate) fn recovered(&self, ticks: u32, timescale: u32) {
        if self.progress.is_some() {
            let nanos = u64::from(ticks) * 1_000_000_000 / u64::from(timescale.max(1));
            self.recovered.fetch_add(nanos, Ordering::Relaxed);
        }
    }

    fn pass(&self, span: Span) -> Result<()> {
        let Some(progress) = self.progress else {
            return Ok(());
        };
        if progress.is_cancelled() {
            return Err(cancelled(self.path()));
        }
        let Some(stage) = self.stage else {
            return Ok(());
        };
        let reached = self.reached.fetch_max(span.end, Ordering::Relaxed);
        let reached = reached.max(span.end).min(self.len());
        if reached >= self.told.load(Ordering::Relaxed).saturating_add(EVERY) {
            self.told.store(reached, Ordering::Relaxed);
            self.tell(stage, reached);
        }
        Ok(())
    }

    /// Tells a step of any stage, or says that it was asked to stop.
    pub(crate) fn step(&self, stage: Stage, done: u64) -> Result<()> {
        if self.progress.is_some_and(Progress::is_cancelled) {
            return Err(cancelled(self.path()));
        }
        self.tell(stage, done);
        Ok(())
    }

    fn tell(&self, stage: Stage, done: u64) {
        if let Some(progress) = self.progress {
            let step = Step {
                stage,
                done,
                total: self.len(),
                recovered: Duration::from_nanos(self.recovered.load(Ordering::Relaxed)),
            };
            progress.step(self.path(), step);
        }
    }
}

/// Ends whatever reads; [`repair`](crate::repair) says why.
fn cancelled(path: &Path) -> Error {
    Error::io(path, "read", std::io::ErrorKind::Interrupted.into())
}

impl ByteSource for Watched<'_> {
    fn len(&self) -> u64 {
        self.source.len()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize> {
        self.pass(Span::at(offset, buf.len() as u64))?;
        self.source.read_at(offset, buf)
    }

    fn slice(&self, span: Span) -> Option<&[u8]> {
        // Asked to stop, it has nothing to show, and the read that follows fails.
        self.pass(span).ok()?;
        self.source.slice(span)
    }

    fn next_data(&self, from: u64) -> u64 {
        self.source.next_data(from)
    }

    fn path(&self) -> &Path {
        self.source.path()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[derive(Debug, Default)]
    struct Told {
        steps: Mutex<Vec<Step>>,
        stop: std::sync::atomic::AtomicBool,
    }

    impl Progress for Told {
        fn step(&self, _: &Path, step: Step) {
            self.steps.lock().unwrap().push(step);
        }
        fn is_cancelled(&self) -> bool {
            self.stop.load(Ordering::Relaxed)
        }
    }

    #[test]
    fn reading_is_told_every_few_megabytes_and_ends_when_asked() {
        let bytes = vec![1; 10 << 20];
        let told = Told::default();
        let watched = Watched::new(&bytes, Stage::Search, Some(&told));
        watched.recovered(3000, 90_000);
        for at in (0..bytes.len() as u64).step_by(1 << 20) {
            watched.read_span(Span::at(at, 1 << 20)).unwrap();
        }
        let steps = told.steps.lock().unwrap().clone();
        let done: Vec<u64> = steps.iter().map(|s| s.done >> 20).collect();
        assert_eq!(done, [4, 8]);
        assert_eq!(steps[0].recovered.as_millis(), 33);
        told.stop.store(true, Ordering::Relaxed);
        assert!(watched.read_span(Span::at(0, 1)).is_err());
        assert_eq!(watched.slice(Span::at(0, 1)), None);
    }
}
