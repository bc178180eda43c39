//! Where the clocks of pictures and sound meet again behind a gap.
//!
//! Behind the gap the sound bounds when the first picture is in relation to its
//! own first frame, and of either only whole ones are missing. So how many
//! pictures can be missing, and how much sound, follows from each other.

use super::rate::{Kind, Tempo, middle};
use super::sound::{FINE, Sound, ticks};
use crate::cadence::Cadence;

/// What a gap costs at most if the clocks cannot meet behind it, in pictures
/// more or less than the bytes say.
const APART: u64 = 18;

/// Pictures missing among which a change of rate is looked for.
const MOST_MIXED: i64 = 512;

/// The leading track and the sound in front of a gap and behind.
pub(super) struct Meeting<'a> {
    pub(super) sound: &'a Sound,
    /// Behind the gap, as if no sound was missing.
    pub(super) tempo: &'a Tempo,
    /// When the leading track ended in front of it, fine ticks.
    pub(super) end: i64,
    /// How long its samples lasted there, fine ticks.
    pub(super) pace: i64,
    /// Ticks of the leading track in a second.
    pub(super) timescale: u32,
}

/// One way for them to meet.
#[derive(Copy, Clone, Debug)]
pub(super) struct Met {
    /// Time that the leading track lost, fine ticks.
    lost: i64,
    /// Frames that the sound lost.
    pub(super) frames: i64,
    /// How far apart they remain, fine ticks.
    apart: i64,
}

impl Meeting<'_> {
    /// What it costs to say that `n` pictures are missing, in pictures more or
    /// less than the bytes say.
    pub(super) fn cost(&self, n: i64) -> u64 {
        // Of other sound any part may be missing.
        if self.tempo.kind == Kind::Jitter || !self.sound.is_whole {
            return 0;
        }
        let apart = self.ways(n).map(|met| met.apart).min().unwrap_or(0);
        let ms =
            apart.unsigned_abs() * 1000 / FINE.unsigned_abs() / u64::from(self.timescale.max(1));
        if ms == 0 { 0 } else { (3 + ms).min(APART) }
    }

    /// The likeliest way if `n` pictures are missing.
    pub(super) fn best(&self, n: i64) -> Option<Met> {
        let least = self.ways(n).map(|met| met.apart).min()?;
        let alike: Vec<Met> = self.ways(n).filter(|met| met.apart == least).collect();
        alike.get(alike.len() / 2).copied()
    }

    /// When the first picture behind is, ticks.
    pub(super) fn start(&self, met: Met) -> i64 {
        let sound = self.lasts(met.frames);
        let (least, most) = self.tempo.first;
        let due = match self.tempo.kind {
            Kind::Jitter => middle(self.tempo.first),
            _ => (self.end + met.lost - sound).clamp(least, most.max(least)),
        };
        ticks(due + sound)
    }

    fn lasts(&self, frames: i64) -> i64 {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            reason = "far below 2^53"
        )]
        let fine = (frames as f64 * self.sound.frame).round() as i64;
        fine
    }

    /// The ways there are: the rate may have changed anywhere in the gap.
    fn ways(&self, n: i64) -> impl Iterator<Item = Met> {
        let after = self.tempo.each.0;
        let mixed = self.pace.abs_diff(after) >= FINE.unsigned_abs() / 2 && n <= MOST_MIXED;
        let parts = if mixed && self.tempo.kind == Kind::Paced {
            0..=n
        } else {
            n..=n
        };
        parts.map(move |before| {
            let lost = match self.tempo.kind {
                Kind::Jitter => n * self.pace.midpoint(after),
                _ => before * self.pace + (n - before) * after,
            };
            self.way(lost)
        })
    }

    fn way(&self, lost: i64) -> Met {
        let (least, most) = match self.tempo.kind {
            Kind::Jitter => (self.tempo.ends.0, self.tempo.ends.0),
            _ => self.tempo.first,
        };
        let due = self.end + lost;
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            reason = "far below 2^53"
        )]
        let nearest = ((due - middle((least, most))) as f64 / self.sound.frame).round() as i64;
        let frames = nearest.max(0);
        let at = due - self.lasts(frames);
        Met {
            lost,
            frames,
            apart: (least - at).max(at - most).max(0),
        }
    }

    /// When the sound goes on, that ended at `end`, ticks of its track.
    pub(super) fn sound_start(end: i64, frames: i64, usual: i64, cadence: Option<&Cadence>) -> i64 {
        match cadence {
            Some(cadence) => cadence.time(cadence.number(end) + frames),
            None => end + frames * usual,
        }
    }
}
