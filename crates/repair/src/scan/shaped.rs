//! Rows of samples that only look like those of the reference: each is told by
//! its beginning, and all together must fill the row.

use super::Scanner;
use crate::Result;
use crate::profile::Finding;
use tapo_codec::{Depth, Recogniser, Verdict};
use tapo_io::{Span, Window};

/// Evidence that a sample needs, bits.
const ENOUGH: f32 = 6.0;

/// Evidence by which one track must be ahead of another.
const NEAR: f32 = 4.0;

/// Largest row that is told apart so, bytes.
const LARGEST: u64 = 1 << 20;

/// Samples in a row, at most.
const MOST: usize = 4096;

/// Places at which the samples of a row may begin behind constant-rate data.
const PLACES: u64 = 1 << 14;

/// A part of a row.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(super) enum Part {
    /// One sample, and whether it may as well be another track's.
    Sample(u16, Span, bool),
    /// Constant-rate data.
    Frames(u16, Span),
}

/// A track whose samples have a shape, and when its next one is due.
struct Shaped<'a> {
    track: u16,
    due: i64,
    shape: &'a dyn Recogniser,
}

impl Scanner<'_> {
    /// The parts of a row whose samples look like those of the reference. `None`
    /// if they do not fill it.
    pub(super) fn shaped(&mut self, span: Span) -> Result<Option<Vec<Part>>> {
        let profile = self.judge.profile;
        let tracks = profile.tracks.iter().zip(&self.clocks).zip(0..);
        let shaped = tracks.filter_map(|((of, clock), track)| {
            let shape = of.shape.as_deref()?;
            let due = *clock;
            Some(Shaped { track, due, shape })
        });
        let shaped: Vec<Shaped<'_>> = shaped.collect();
        if shaped.is_empty() || span.len() > LARGEST {
            return Ok(None);
        }
        let open = span.end == self.judge.end && !self.judge.end_is_sure;
        let window = &mut self.window;
        if let Some(parts) = samples(window, &shaped, span, open)? {
            return Ok(Some(parts));
        }
        // Behind sound of a constant rate.
        let sound = profile.tracks.iter().zip(0..);
        let mut sound = sound.filter(|(t, _)| t.is_constant_rate() && t.samples != 1);
        let (Some((of, track)), None) = (sound.next(), sound.next()) else {
            return Ok(None);
        };
        let Finding::Frames { bytes } = of.finding else {
            return Ok(None);
        };
        let step = u64::from(bytes.max(1));
        for frames in 1..=(span.len() / step).min(PLACES) {
            let at = span.start + frames * step;
            if let Some(mut parts) = samples(window, &shaped, Span::new(at, span.end), false)?
                && at < span.end
            {
                parts.insert(0, Part::Frames(track, Span::new(span.start, at)));
                return Ok(Some(parts));
            }
        }
        Ok(None)
    }
}

/// The samples that fill `span`: at each place the one with most evidence, of
/// several the one that is due. If the data ends with it, the last may be cut
/// off.
fn samples(
    window: &mut Window<'_>,
    shaped: &[Shaped<'_>],
    span: Span,
    open: bool,
) -> Result<Option<Vec<Part>>> {
    let mut parts = Vec::new();
    let mut taken = vec![0_i64; shaped.len()];
    let mut at = span.start;
    while at < span.end && parts.len() < MOST {
        let mut best: Option<(f32, i64, usize, u64)> = None;
        let mut tie = false;
        let mut cut = false;
        for (i, of) in shaped.iter().enumerate() {
            match of.shape.probe(window, at, span.end, Depth::Heads)? {
                Verdict::Sample(access) if access.len > 0 && access.bits >= ENOUGH => {
                    // Turns, as far as the clocks do not know yet.
                    let due = taken.get(i).map_or(of.due, |n| of.due.saturating_add(*n));
                    let better = best.is_none_or(|(bits, other, ..)| {
                        access.bits > bits + NEAR || access.bits >= bits - NEAR && due < other
                    });
                    tie = match best {
                        Some((bits, ..)) if bits > access.bits + NEAR => tie,
                        Some((bits, ..)) => bits >= access.bits - NEAR,
                        None => false,
                    };
                    if better {
                        best = Some((access.bits, due, i, access.len));
                    }
                }
                Verdict::Cut(access) => cut |= access.bits >= ENOUGH,
                _ => {}
            }
        }
        let Some((_, _, i, len)) = best else {
            return Ok((cut && open && !parts.is_empty()).then_some(parts));
        };
        if let (Some(of), Some(count)) = (shaped.get(i), taken.get_mut(i)) {
            *count += 1;
            parts.push(Part::Sample(of.track, Span::at(at, len), tie));
        }
        at += len;
    }
    Ok((at == span.end && !parts.is_empty()).then_some(parts))
}
