//! When a camera is called again.
//!
//! A thirtieth of the time that it has been away, 1 to 30 s: one that was
//! restarted is back within two seconds, one that is gone for the night is not
//! called 30,000 times. A camera that refuses the password is left alone for
//! longer, since many lock an account after a few attempts.

use crate::source::SourceError;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{Duration, Instant};

/// Shortest and longest wait.
const WAIT: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// A connection that lasted this long was a good one.
const GOOD: Duration = Duration::from_secs(10);
/// Waits after the password was refused, once, twice and ever after.
const REFUSED: [Duration; 3] = [
    Duration::from_secs(5),
    Duration::from_secs(60),
    Duration::from_secs(300),
];

/// What came of the attempts so far.
#[derive(Debug, Default)]
pub(crate) struct Retry {
    /// Since when there was no good connection.
    away: Option<Instant>,
    refused: usize,
}

impl Retry {
    /// A connection ended that stood since then.
    pub(crate) fn ended(&mut self, since: Instant, now: Instant) {
        self.refused = 0;
        if now.saturating_duration_since(since) >= GOOD {
            self.away = None;
        }
    }

    /// How long to wait after this failure.
    pub(crate) fn wait(&mut self, error: &SourceError, now: Instant) -> Duration {
        let away = *self.away.get_or_insert(now);
        if *error == SourceError::Unauthorized {
            let wait = REFUSED.get(self.refused).or(REFUSED.last());
            self.refused += 1;
            return wait.copied().unwrap_or(WAIT.1);
        }
        (now.saturating_duration_since(away) / 30).clamp(WAIT.0, WAIT.1)
    }
}

/// Up to a fifth less, so that cameras that failed together do not come back
/// together.
pub(crate) fn jittered(wait: Duration) -> Duration {
    // Seeded by the system, another one each time.
    let random = RandomState::new().build_hasher().finish();
    let fifth = u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX) / 5;
    let less = if fifth == 0 { 0 } else { random % fifth };
    wait.saturating_sub(Duration::from_nanos(less))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_with_the_time_away_and_end_with_a_good_connection() {
        let (mut retry, start) = (Retry::default(), Instant::now());
        let lost = SourceError::Stalled(10);
        let after = |seconds| start + Duration::from_secs(seconds);
        let waits = [(0, 1), (25, 1), (60, 2), (600, 20), (86_400, 30)];
        for (seconds, wait) in waits {
            assert_eq!(
                retry.wait(&lost, after(seconds)).as_secs(),
                wait,
                "{seconds}"
            );
        }
        // A connection that breaks at once changes nothing.
        retry.ended(after(86_400), after(86_401));
        assert_eq!(retry.wait(&lost, after(86_402)).as_secs(), 30);
        retry.ended(after(86_400), after(86_411));
        assert_eq!(retry.wait(&lost, after(86_412)).as_secs(), 1);
    }

    #[test]
    fn a_camera_that_refuses_is_left_alone() {
        let (mut retry, now) = (Retry::default(), Instant::now());
        let refused = SourceError::Unauthorized;
        let waits: Vec<u64> = (0..4)
            .map(|_| retry.wait(&refused, now).as_secs())
            .collect();
        assert_eq!(waits, [5, 60, 300, 300]);
        assert!(jittered(Duration::from_secs(10)) > Duration::from_secs(8));
    }
}
