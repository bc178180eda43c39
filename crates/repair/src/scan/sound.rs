//! Constant-rate sound beside damage: how far it goes shows in its waveform.

use super::judge::Judge;
use crate::Result;
use crate::profile::{Finding, TrackProfile};
use tapo_io::{ByteSource, Span};

/// Evidence that bytes are sound, bits.
const SOUND: f32 = 64.0;

/// What may speak against sound in between, where it sets in suddenly; noise in
/// its place says more.
const DOUBT: f32 = 96.0;

/// What speaks against sound at the end of a row that is not whole.
const TORN: f32 = 48.0;

/// What a likely end may have less evidence than the best one.
const NEAR: f32 = 24.0;

/// Bytes in a row that say nothing, all 0 or all 255: silence, or sectors that
/// nobody wrote.
const BLANK: usize = 512;

/// Bytes that are looked at first: most of what is no sound shows in them.
const FIRST: usize = 1 << 10;

/// Bytes that are looked at to tell whether a place is within sound.
const WITHIN: u64 = 4 << 10;

/// How far a waveform goes.
pub(super) struct Waveform {
    /// Bytes of a frame.
    frame: u64,
    /// Evidence of the first frames, by their number.
    sums: Vec<f32>,
    /// Frames of which the evidence is highest.
    best: usize,
    /// It ends where bytes begin that say nothing.
    pub(super) is_blank: bool,
}

impl Waveform {
    /// Its bytes; `None` where that is no sound. Of likely lengths the longest
    /// that is as good as the best.
    pub(super) fn len(&self, likely: impl Iterator<Item = u64>) -> Option<u64> {
        let highest = self.sums.get(self.best).copied().unwrap_or(0.0);
        if highest < SOUND {
            return None;
        }
        let is_near = |len: &u64| {
            let frames = usize::try_from(len / self.frame).unwrap_or(usize::MAX);
            let sum = self
                .sums
                .get(frames)
                .filter(|_| len.is_multiple_of(self.frame));
            sum.is_some_and(|sum| *sum >= highest - NEAR)
        };
        let best = self.best as u64 * self.frame;
        Some(likely.filter(is_near).max().unwrap_or(best))
    }

    /// Whether there is sound that does not go on for `len` bytes.
    fn breaks_off(&self, len: u64) -> bool {
        let highest = self.sums.get(self.best).copied().unwrap_or(0.0);
        let whole = (self.sums.len() as u64).saturating_mul(self.frame) > len;
        let last = self.sums.last().copied().filter(|_| whole);
        let breaks = last.is_none_or(|last| last < highest - TORN);
        highest >= SOUND && !self.is_blank && breaks
    }
}

/// What speaks for sound, frame after frame.
#[derive(Default)]
struct Evidence {
    /// Of the first frames, by their number.
    sums: Vec<f32>,
    /// Frames of which it is highest.
    best: usize,
    /// Too much speaks against what follows.
    breaks: bool,
}

impl Evidence {
    fn of(odds: &[f32]) -> Self {
        let mut evidence = Self {
            sums: Vec::with_capacity(odds.len() + 1),
            ..Self::default()
        };
        let (mut sum, mut highest) = (0.0, 0.0);
        evidence.sums.push(sum);
        for bits in odds {
            sum += bits;
            if sum < highest - DOUBT {
                evidence.breaks = true;
                break;
            }
            evidence.sums.push(sum);
            if sum >= highest {
                (evidence.best, highest) = (evidence.sums.len() - 1, sum);
            }
        }
        evidence
    }
}

impl Judge<'_> {
    /// The track of constant-rate sound, if there is one, and no more.
    pub(super) fn sound_track(&self) -> Option<(u16, &TrackProfile)> {
        let mut tracks = (0..)
            .zip(&self.profile.tracks)
            .filter(|(_, t)| matches!(t.finding, Finding::Frames { .. }) && t.samples > 1);
        let only = tracks.next()?;
        tracks.next().is_none().then_some(only)
    }

    /// How far sound goes in `span`, from its beginning or, `backwards`, from its
    /// end. `None` if the recording has no sound that a waveform is known of.
    pub(super) fn waveform(
        &self,
        source: &dyn ByteSource,
        span: Span,
        backwards: bool,
    ) -> Result<Option<Waveform>> {
        let Some((_, track)) = self.sound_track() else {
            return Ok(None);
        };
        let (Finding::Frames { bytes }, Some(recogniser)) = (track.finding, &track.recogniser)
        else {
            return Ok(None);
        };
        let data = source.read_span(span)?;
        let blank = blank(&data, backwards);
        let shown = match (blank, backwards) {
            (None, _) => Some(&data[..]),
            (Some(end), false) => data.get(..end),
            (Some(end), true) => data.get(end..),
        };
        let shown = shown.unwrap_or_default();
        let first = match shown.len().checked_sub(FIRST) {
            Some(rest) if backwards => shown.get(rest..),
            Some(_) => shown.get(..FIRST),
            None => None,
        };
        let mut evidence = Evidence::default();
        for part in first.into_iter().chain([shown]) {
            let odds = recogniser.likeness(part, backwards);
            if odds.is_empty() && part.len() >= BLANK {
                return Ok(None);
            }
            evidence = Evidence::of(&odds);
            // The beginning of what is no sound says so.
            if evidence.breaks {
                break;
            }
        }
        let Evidence { sums, best, .. } = evidence;
        let is_blank = blank.is_some() && best + 1 >= sums.len();
        Ok(Some(Waveform {
            frame: u64::from(bytes),
            sums,
            best,
            is_blank,
        }))
    }

    /// Whether `span` holds sound, but not from its beginning to its end.
    pub(super) fn sound_is_torn(&self, source: &dyn ByteSource, span: Span) -> Result<bool> {
        for backwards in [false, true] {
            let waveform = self.waveform(source, span, backwards)?;
            if waveform.is_some_and(|w| w.breaks_off(span.len())) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether the sound that ends at `end` begins within the sample in front of
    /// `at`, which began at `from`: that has lost its own end.
    pub(super) fn sound_overlaps(
        &self,
        source: &dyn ByteSource,
        (from, at): (u64, u64),
        end: u64,
    ) -> Result<bool> {
        let from = from.max(end.saturating_sub(self.longest_row()));
        if from >= at || at >= end {
            return Ok(false);
        }
        let Some(sound) = self.waveform(source, Span::new(from, end), true)? else {
            return Ok(false);
        };
        let frames = |bytes: u64| usize::try_from(bytes / sound.frame).unwrap_or(usize::MAX);
        let (Some(behind), Some(all)) =
            (sound.sums.get(frames(end - at)), sound.sums.get(sound.best))
        else {
            return Ok(false);
        };
        if *all < behind + SOUND {
            return Ok(false);
        }
        // What pads a sample passes for silence.
        let start = end.saturating_sub(sound.best as u64 * sound.frame);
        let within = source.read_span(Span::new(start.min(at), at))?;
        let padding = within.iter().filter(|b| matches!(b, 0 | 0xFF)).count();
        Ok(padding * 2 < within.len())
    }

    /// Whether what stands at `at` is more likely sound than what `bits` of
    /// evidence speak for.
    pub(super) fn is_within_sound(
        &self,
        source: &dyn ByteSource,
        at: u64,
        bits: f32,
    ) -> Result<bool> {
        let span = Span::at(at, WITHIN).intersect(Span::new(0, self.end));
        let waveform = self.waveform(source, span, false)?;
        Ok(waveform.is_some_and(|w| w.sums.get(w.best).is_some_and(|s| *s > bits + SOUND)))
    }
}

/// Where the first row of equal bytes begins, or, from behind, the last one ends.
fn blank(data: &[u8], backwards: bool) -> Option<usize> {
    let equal = |b: &[u8], value: u8| b.iter().all(|b| *b == value);
    let half = BLANK / 2;
    let grow = |from: usize, to: usize| {
        let value = data.get(from)?;
        let before = data.get(..from)?.iter().rev();
        let behind = data.get(to..)?.iter();
        let same = |b: &&u8| *b == value;
        let from = from - before.take_while(same).count();
        let to = to + behind.take_while(same).count();
        (to - from >= BLANK).then_some((from, to))
    };
    // A row as long as that covers one of these whole.
    let mut halves = data.chunks_exact(half).enumerate();
    let row = |(i, half_row): (usize, &[u8])| {
        let at = i * half;
        if equal(half_row, 0) || equal(half_row, 0xFF) {
            grow(at, at + half)
        } else {
            None
        }
    };
    if backwards {
        halves.rev().find_map(row).map(|(_, to)| to)
    } else {
        halves.find_map(row).map(|(from, _)| from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sectors_that_nobody_wrote_are_found() {
        let mut data: Vec<u8> = (0..5000_u32).map(|i| (i * 7 % 251) as u8).collect();
        assert_eq!((blank(&data, false), blank(&data, true)), (None, None));
        data[1001..1700].fill(0);
        data[3333..3900].fill(255);
        data[3950..4600].fill(0xD5);
        assert_eq!(
            (blank(&data, false), blank(&data, true)),
            (Some(1001), Some(3900))
        );
        assert_eq!(blank(&[0; 100], false), None, "too few");
        assert_eq!(blank(&[0; 600], true), Some(600));
    }
}
