//! What can go wrong with a camera, as data.

use std::time::{Duration, Instant};

/// Something that real cameras and networks do. [`Camera::apply`] does it now,
/// [`CameraConfig::schedule`] at set times. Times are real time, whatever the
/// speed.
///
/// [`Camera::apply`]: crate::Camera::apply
/// [`CameraConfig::schedule`]: crate::CameraConfig::schedule
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Sends no media, while reports and answers go on. Media that falls due
    /// meanwhile is never sent; video resumes at a keyframe.
    StallMedia {
        /// For how long; [`Duration::MAX`] for good.
        lasting: Duration,
    },
    /// Sends no media of one track, while that of others goes on.
    StallTrack {
        /// Which one, from 0.
        track: usize,
        /// For how long; [`Duration::MAX`] for good.
        lasting: Duration,
    },
    /// Closes every connection now, without a word.
    DropConnections,
    /// Closes new connections at once, with a reset. Those that stand go on.
    RefuseConnections {
        /// For how long; [`Duration::MAX`] for good.
        lasting: Duration,
    },
    /// Answers every request with 401, whatever its credentials.
    Unauthorized {
        /// For how long; [`Duration::MAX`] for good.
        lasting: Duration,
    },
    /// Neither answers nor sends anything, with connections open and accepted.
    /// Requests of that time are answered late, media is lost.
    Silence {
        /// For how long; [`Duration::MAX`] for good.
        lasting: Duration,
    },
    /// The RTP timestamps of all tracks jump, by so many milliseconds more or
    /// less, while the wall clock of the reports goes on.
    JumpClock {
        /// Forwards, or back if below 0.
        milliseconds: i64,
    },
    /// All streams go on with new SSRCs, as after a restart of the encoder.
    ChangeSsrc,
    /// Loses and reorders packets sent over UDP. Zero for both ends it.
    DegradeUdp {
        /// Of 100 packets, as many are never sent.
        loss_percent: u8,
        /// Of 100 packets, as many are sent after the one that follows.
        reorder_percent: u8,
        /// The same seed loses the same packets of a session.
        seed: u64,
    },
    /// From the next keyframe on, plays another clip of
    /// [`CameraConfig::clips`](crate::CameraConfig::clips), its parameter sets
    /// in-band.
    SwitchClip {
        /// Which one, from 0.
        clip: usize,
    },
}

/// What of all that holds now. Connections read it as a whole.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    stalled_until: Option<Instant>,
    stalled_track: Option<(usize, Instant)>,
    refusing_until: Option<Instant>,
    unauthorized_until: Option<Instant>,
    silent_until: Option<Instant>,
    /// How often all connections were dropped.
    pub(crate) drops: u64,
    /// How often all SSRCs changed.
    pub(crate) ssrc_changes: u64,
    /// Sum of all jumps, in milliseconds.
    pub(crate) clock_offset: i64,
    pub(crate) udp: Degradation,
    pub(crate) clip: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Degradation {
    pub(crate) loss_percent: u8,
    pub(crate) reorder_percent: u8,
    pub(crate) seed: u64,
}

/// A decade stands for ever; `Instant` has no largest value.
fn until(now: Instant, lasting: Duration) -> Option<Instant> {
    now.checked_add(lasting.min(Duration::from_secs(315_360_000)))
}

impl Faults {
    pub(crate) fn apply(&mut self, fault: &Fault, now: Instant) {
        match *fault {
            Fault::StallMedia { lasting } => self.stalled_until = until(now, lasting),
            Fault::StallTrack { track, lasting } => {
                self.stalled_track = until(now, lasting).map(|until| (track, until));
            }
            Fault::DropConnections => self.drops += 1,
            Fault::RefuseConnections { lasting } => self.refusing_until = until(now, lasting),
            Fault::Unauthorized { lasting } => self.unauthorized_until = until(now, lasting),
            Fault::Silence { lasting } => self.silent_until = until(now, lasting),
            Fault::JumpClock { milliseconds } => {
                self.clock_offset = self.clock_offset.saturating_add(milliseconds);
            }
            Fault::ChangeSsrc => self.ssrc_changes += 1,
            Fault::DegradeUdp {
                loss_percent,
                reorder_percent,
                seed,
            } => {
                self.udp = Degradation {
                    loss_percent,
                    reorder_percent,
                    seed,
                };
            }
            Fault::SwitchClip { clip } => self.clip = clip,
        }
    }

    pub(crate) fn stalled(&self, now: Instant) -> bool {
        self.stalled_until.is_some_and(|until| now < until)
    }

    pub(crate) fn stalls(&self, track: usize, now: Instant) -> bool {
        let stalled = self.stalled_track;
        stalled.is_some_and(|(stalled, until)| stalled == track && now < until)
    }

    pub(crate) fn refusing(&self, now: Instant) -> bool {
        self.refusing_until.is_some_and(|until| now < until)
    }

    pub(crate) fn unauthorized(&self, now: Instant) -> bool {
        self.unauthorized_until.is_some_and(|until| now < until)
    }

    /// When the silence of this moment ends.
    pub(crate) fn silent_until(&self, now: Instant) -> Option<Instant> {
        self.silent_until.filter(|&until| now < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_end_by_themselves() {
        let now = Instant::now();
        let later = now + Duration::from_secs(3);
        let lasting = Duration::from_secs(2);
        let mut faults = Faults::default();
        assert!(!faults.stalled(now) && !faults.refusing(now) && !faults.unauthorized(now));
        faults.apply(&Fault::StallMedia { lasting }, now);
        faults.apply(&Fault::RefuseConnections { lasting }, now);
        faults.apply(
            &Fault::Unauthorized {
                lasting: Duration::MAX,
            },
            now,
        );
        faults.apply(&Fault::Silence { lasting }, now);
        assert!(faults.stalled(now) && faults.refusing(now) && faults.unauthorized(now));
        assert_eq!(faults.silent_until(now), Some(now + lasting));
        assert!(!faults.stalled(later) && !faults.refusing(later));
        assert!(faults.unauthorized(later));
        assert_eq!(faults.silent_until(later), None);
    }
}
