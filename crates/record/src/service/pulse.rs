//! Whether the tasks of the cameras get their turn.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

/// How often a task beats.
const BEAT: Duration = Duration::from_secs(1);

/// Of all tasks.
#[derive(Debug)]
pub(crate) struct Pulses {
    began: Instant,
    all: Mutex<Vec<Weak<AtomicU64>>>,
}

impl Default for Pulses {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            all: Mutex::default(),
        }
    }
}

impl Pulses {
    /// For a task that begins.
    pub(crate) fn begin(&self) -> Pulse {
        let last = Arc::new(AtomicU64::new(millis(self.began.elapsed())));
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|pulse| pulse.strong_count() > 0);
        all.push(Arc::downgrade(&last));
        Pulse {
            began: self.began,
            last,
        }
    }

    /// Whether a task that has not ended did not beat for so long.
    pub(crate) fn hang(&self, time: Duration) -> bool {
        let now = self.began.elapsed();
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().filter_map(Weak::upgrade).any(|last| {
            let last = Duration::from_millis(last.load(Ordering::Relaxed));
            now.saturating_sub(last) > time
        })
    }
}

/// Of one task; gone with it.
#[derive(Debug)]
pub(crate) struct Pulse {
    began: Instant,
    last: Arc<AtomicU64>,
}

impl Pulse {
    /// Beats as long as the task it is polled in goes on.
    pub(crate) async fn beat(self) -> std::convert::Infallible {
        loop {
            self.last
                .store(millis(self.began.elapsed()), Ordering::Relaxed);
            tokio::time::sleep(BEAT).await;
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_that_stands_is_noticed_and_one_that_ended_is_none() {
        let pulses = Pulses::default();
        assert!(!pulses.hang(Duration::ZERO));
        let pulse = pulses.begin();
        std::thread::sleep(Duration::from_millis(20));
        assert!(pulses.hang(Duration::from_millis(5)));
        assert!(!pulses.hang(Duration::from_secs(60)));
        drop(pulse);
        assert!(!pulses.hang(Duration::ZERO));
    }
}
