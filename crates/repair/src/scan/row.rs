//! Rows: data without syntax of its own, delimited by the sample behind it.

use super::judge::{ANCHOR_BITS, Cached, Judge};
use crate::Result;
use crate::profile::{Finding, TrackProfile};
use tapo_codec::{Depth, Verdict};
use tapo_io::{Span, Window};

/// The last row may be longer than others, as many times.
const LAST: u64 = 8;

/// Constant-rate data of which there is nothing else is taken in pieces of so many
/// bytes: a whole number of frames of up to 15 channels of 1, 2, 3, 4 or 8 bytes.
const PIECE: u64 = 360_360 * 1024;

/// Bytes of a picture by which its beginning is known: without messages in front,
/// and with them.
pub(crate) const BEGINNINGS: [u64; 2] = [128, 2 << 10];

/// Rows may be longer than any in the reference by this part of it.
const LONGER: u64 = 4;

impl Judge<'_> {
    /// Where the row that begins at `at` ends; `guess` is its length by the
    /// clock. `None` if no row begins here.
    pub(crate) fn row(
        &self,
        window: &mut Window<'_>,
        at: u64,
        guess: Option<u64>,
    ) -> Result<Option<u64>> {
        if !self.has_rows() {
            return Ok(None);
        }
        if self.is_all_sound() {
            return Ok((at < self.end).then(|| self.end.min(at.saturating_add(PIECE))));
        }
        let fixed = |t: &TrackProfile| matches!(t.finding, Finding::Frames { .. });
        let weak = |t: &&TrackProfile| t.finding != Finding::Syntax;
        let step = self.step();
        if self.profile.tracks.iter().filter(weak).all(fixed)
            && let Some(end) = self.known_row(window, at, guess)?
        {
            return Ok(Some(end));
        }
        let longest = self.longest_row();
        // Sound may go on for a while behind the last picture.
        let left = self.end.saturating_sub(at);
        let last = guess.is_some() && self.end_is_sure && left <= longest * LAST;
        let limit = at.saturating_add(if last { left } else { longest });
        let limit = limit.min(self.end);
        let found = self.next_anchor(window, at, limit, step)?;
        if let Some(end) = found {
            let torn = self.sound_is_torn(window.source(), Span::new(at, end))?;
            return Ok(found.filter(|_| !torn));
        }
        if limit < self.end {
            return Ok(None);
        }
        // The data may end within the row, or just behind it.
        let rest = Span::new(at, limit);
        if !self.end_is_sure
            && let Some(sound) = self.waveform(window.source(), rest, false)?
            && let Some(len) = sound.len(self.known_lengths(guess).chain([rest.len()]))
        {
            return Ok(Some(at + len));
        }
        let fixed = self.profile.tracks.iter().filter(weak).all(fixed);
        let likely = self.likely_row(guess);
        let likely = likely.filter(|_| fixed && !self.end_is_sure);
        let end = likely.map_or(limit, |len| at.saturating_add(len).min(limit));
        Ok(Some(end))
    }

    /// Where the row at `at` ends that stands in front of a damaged sample: one
    /// of which only the beginning is left.
    pub(crate) fn row_before(
        &self,
        window: &mut Window<'_>,
        at: u64,
        anchor: u64,
        guess: Option<u64>,
    ) -> Result<Option<u64>> {
        let mut lengths: Vec<u64> = self.known_lengths(guess).collect();
        if let Some(guess) = guess {
            lengths.sort_by_key(|len| len.abs_diff(guess));
        }
        for len in lengths {
            let end = at.saturating_add(len);
            if end < anchor && self.begins(window, end)? {
                return Ok(Some(end));
            }
        }
        let step = self.step();
        let limit = at.saturating_add(self.longest_row()).min(anchor);
        let cached = Cached::new(
            window.source(),
            Span::new(at, limit.saturating_add(1 << 12)),
        )?;
        let mut near = Window::new(&cached);
        let mut place = at.saturating_add(step);
        while place < limit {
            let skipped = usize::try_from(place - at).unwrap_or(usize::MAX);
            let rest = cached.bytes().get(skipped..).unwrap_or_default();
            let mut skips = self
                .groups
                .iter()
                .map(|g| g.recogniser.next_candidate(rest));
            let Some(skip) = skips.by_ref().flatten().min() else {
                break;
            };
            place += skip as u64;
            if place < limit
                && (place - at).is_multiple_of(step)
                && self.begins(&mut near, place)?
            {
                return Ok(Some(place));
            }
            place += 1;
        }
        Ok(None)
    }

    /// Whether a sample begins at `at` of which the end may be damaged.
    fn begins(&self, window: &mut Window<'_>, at: u64) -> Result<bool> {
        let seen = self.strong(window, at, Depth::Heads)?;
        if seen.is_some_and(|s| s.access.bits >= ANCHOR_BITS) {
            return Ok(true);
        }
        // As if the data ended there, nothing is asked of its end.
        for group in self.groups.iter().filter(|g| g.is_video && !g.is_open) {
            for part in BEGINNINGS {
                let end = self.end.min(at.saturating_add(part));
                let verdict = group.recogniser.probe(window, at, end, Depth::Heads)?;
                if let Verdict::Cut(access) = verdict
                    && access.bits >= ANCHOR_BITS
                {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Lengths of rows that the reference had, and what the clock says.
    pub(super) fn known_lengths(&self, guess: Option<u64>) -> impl Iterator<Item = u64> {
        let known = self.profile.runs.rows.iter().map(|(_, len)| *len);
        known.chain(guess.filter(|guess| *guess > 0))
    }

    /// Whether there is nothing but data of one constant rate: all of it is.
    fn is_all_sound(&self) -> bool {
        matches!(&*self.profile.tracks, [only] if only.is_constant_rate() && only.samples != 1)
    }

    /// Bytes that a row may have.
    pub(super) fn longest_row(&self) -> u64 {
        let longest = self.profile.runs.longest;
        let fixed = |t: &TrackProfile| match t.finding {
            Finding::Frames { bytes } => u64::from(bytes) * 16,
            Finding::Starts | Finding::Opaque => longest + 4096,
            Finding::Syntax => 0,
        };
        let slack = self.profile.tracks.iter().map(fixed).max().unwrap_or(0);
        longest + longest / LONGER + slack
    }

    /// The likeliest length of a row that nothing delimits: what the clock says,
    /// or the nearest that the reference had.
    pub(crate) fn likely_row(&self, guess: Option<u64>) -> Option<u64> {
        let lengths = self.profile.runs.rows.iter().map(|(_, len)| *len);
        let Some(guess) = guess.filter(|g| *g > 0) else {
            return self.profile.runs.rows.first().map(|(_, len)| *len);
        };
        lengths.min_by_key(|len| len.abs_diff(guess))
    }

    /// Lengths that the reference had, those nearest to the guess first.
    fn known_row(
        &self,
        window: &mut Window<'_>,
        at: u64,
        guess: Option<u64>,
    ) -> Result<Option<u64>> {
        let mut lengths: Vec<u64> = self.profile.runs.rows.iter().map(|(_, len)| *len).collect();
        if let Some(guess) = guess {
            if !lengths.contains(&guess) && guess > 0 {
                lengths.push(guess);
            }
            lengths.sort_by_key(|len| len.abs_diff(guess));
        }
        for len in lengths {
            let end = at.saturating_add(len);
            if end < self.end && self.is_anchor(window, end, Depth::Heads)? {
                return Ok(Some(end));
            }
        }
        Ok(None)
    }

    /// The first place behind `at` where a sample begins that can be recognised.
    fn next_anchor(
        &self,
        window: &Window<'_>,
        at: u64,
        limit: u64,
        step: u64,
    ) -> Result<Option<u64>> {
        let cached = Cached::new(
            window.source(),
            Span::new(at, limit.saturating_add(1 << 15)),
        )?;
        let mut near = Window::new(&cached);
        let bytes = cached.bytes();
        let mut best: Option<u64> = None;
        for group in &self.groups {
            let stop = best.unwrap_or(limit);
            let mut from = step;
            while at + from < stop {
                let rest = usize::try_from(from).ok().and_then(|f| bytes.get(f..));
                let Some(skip) = rest.and_then(|b| group.recogniser.next_candidate(b)) else {
                    break;
                };
                from += skip as u64;
                let place = at + from;
                if place >= stop {
                    break;
                }
                if from.is_multiple_of(step)
                    && self.is_anchor(&mut near, place, Depth::Thorough)?
                    && self.vouched(&mut near, place)?
                {
                    best = Some(place);
                    break;
                }
                from += 1;
            }
        }
        Ok(best)
    }

    /// Whether what follows the sample at `at` may follow it.
    fn vouched(&self, window: &mut Window<'_>, at: u64) -> Result<bool> {
        let Some(seen) = self.strong(window, at, Depth::Heads)? else {
            return Ok(false);
        };
        let next = at.saturating_add(seen.access.len);
        if !seen.cut && (next >= self.end || self.strong(window, next, Depth::Heads)?.is_some()) {
            return Ok(true);
        }
        // It is cut off, or another row follows, whose beginning says nothing.
        let within = self.is_within_sound(window.source(), at, seen.access.bits)?;
        Ok(!within)
    }

    /// Rows are multiples of this many bytes.
    fn step(&self) -> u64 {
        let mut step = 0;
        for track in &self.profile.tracks {
            let bytes = match track.finding {
                Finding::Frames { bytes } => u64::from(bytes),
                Finding::Syntax => continue,
                Finding::Starts | Finding::Opaque => 1,
            };
            step = gcd(step, bytes);
        }
        step.max(1)
    }
}

const fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}
