//! Sectors of constant-rate sound that are no sound: other data, or noise.

use super::{BATCH, SECTOR};
use crate::Result;
use crate::item::{Item, Items};
use crate::profile::{Finding, Profile};
use rayon::prelude::*;
use tapo_codec::Recogniser;
use tapo_io::{ByteSource, Span};

/// Sound in front of a row that it is compared with, bytes.
const CONTEXT: usize = 2048;

/// Bytes of a sector that must lie in a row, at least.
const LEAST: usize = 128;

/// What sound is more likely than random bytes by, at least, for anything to be
/// said of other data amid it: binary logarithm of the odds, for each byte.
const SOUND: f32 = 0.5;

/// What the beginning of other data is less likely to be sound by, at least, in
/// the same ...
const NOISE: f32 = -0.25;

/// ... and what each part of it is more likely by, at most: a bang is sound again
/// once its loudness is known.
const STRANGE: f32 = 0.25;

/// The largest row that is read, bytes: those that the search makes are smaller.
const LARGEST: u32 = 4 << 20;

/// Parts of a sector.
const PARTS: usize = 4;

/// The rows that hold data that is no sound.
pub(super) fn noise(
    source: &dyn ByteSource,
    items: &Items,
    profile: &Profile,
) -> Result<Vec<usize>> {
    let mut found = Vec::new();
    for (number, of) in profile.tracks.iter().enumerate() {
        let is_sound = profile
            .movie
            .tracks
            .get(number)
            .is_some_and(tapo_movie::Track::is_audio);
        let frame = match of.finding {
            Finding::Frames { bytes } if is_sound => usize::try_from(bytes).unwrap_or(0),
            _ => continue,
        };
        let Some(recogniser) = of.recogniser.as_deref().filter(|_| frame > 0) else {
            continue;
        };
        let rows = Rows {
            source,
            items,
            track: number,
            recogniser,
            frame,
        };
        let batches = (0..items.len().div_ceil(BATCH)).into_par_iter();
        let batches = batches.map(|batch| rows.noisy(batch));
        found.extend(batches.collect::<Result<Vec<_>>>()?.concat());
    }
    Ok(found)
}

/// The rows of a track of sound.
struct Rows<'a> {
    source: &'a dyn ByteSource,
    items: &'a Items,
    track: usize,
    recogniser: &'a dyn Recogniser,
    frame: usize,
}

impl Rows<'_> {
    /// Those of a batch of items, with their indexes.
    fn of(&self, batch: usize) -> impl Iterator<Item = (usize, Item)> {
        let range = batch * BATCH..((batch + 1) * BATCH).min(self.items.len());
        let all = range.clone().zip(self.items.range(range));
        all.filter(|(_, item)| usize::from(item.track) == self.track && item.size <= LARGEST)
    }

    /// The rows of a batch that hold data that is no sound.
    fn noisy(&self, batch: usize) -> Result<Vec<usize>> {
        let (mut row, mut context) = (Vec::new(), Vec::new());
        let before = batch.checked_sub(1).and_then(|b| self.of(b).last());
        if let Some((_, item)) = before {
            self.read(&item, &mut row)?;
            self.follow(&mut context, &row);
        }
        let mut found = Vec::new();
        for (index, item) in self.of(batch) {
            self.read(&item, &mut row)?;
            let suspect = pieces(item.span()).any(|piece| {
                let bytes = within(&row, item.at, piece);
                bytes.len() >= LEAST && is_even(bytes)
            });
            if suspect && is_noisy(self.recogniser, &context, &row, item.at, self.frame) {
                found.push(index);
            } else {
                self.follow(&mut context, &row);
            }
        }
        Ok(found)
    }

    fn read(&self, item: &Item, row: &mut Vec<u8>) -> Result<()> {
        row.resize(usize::try_from(item.size).unwrap_or(0), 0);
        let got = self.source.read_at(item.at, row)?;
        row.truncate(got);
        Ok(())
    }

    /// Puts the end of a row behind the sound in front of the next.
    fn follow(&self, context: &mut Vec<u8>, row: &[u8]) {
        let keep = row.len().saturating_sub(CONTEXT) / self.frame * self.frame;
        let rest = row.get(keep..).unwrap_or_default();
        let drop = (context.len() + rest.len()).saturating_sub(CONTEXT);
        let drop = drop.next_multiple_of(self.frame).min(context.len());
        context.drain(..drop);
        context.extend_from_slice(rest);
    }
}

/// The sectors that a row lies in.
fn pieces(row: Span) -> impl Iterator<Item = Span> {
    let first = row.start / SECTOR;
    let last = row.end.div_ceil(SECTOR);
    (first..last).map(|n| Span::at(n * SECTOR, SECTOR))
}

/// Bytes of a row that stand in a piece.
fn within(row: &[u8], at: u64, piece: Span) -> &[u8] {
    let place = |offset: u64| usize::try_from(offset.saturating_sub(at)).unwrap_or(usize::MAX);
    let end = place(piece.end).min(row.len());
    row.get(place(piece.start)..end).unwrap_or_default()
}

/// Whether the bytes are spread as evenly as random ones: a cheap look, which
/// hardly any sound stands.
fn is_even(bytes: &[u8]) -> bool {
    let mut counts = [0_usize; 8];
    // Every third, so that both bytes of a sample have their turn.
    for byte in bytes.iter().step_by(3) {
        if let Some(count) = counts.get_mut(usize::from(byte >> 5)) {
            *count += 1;
        }
    }
    let all: usize = counts.iter().sum();
    counts.iter().all(|n| n * 8 < all * 2 + 32)
}

/// Whether a sector of the row is noise while the sound around is none.
fn is_noisy(
    recogniser: &dyn Recogniser,
    context: &[u8],
    row: &[u8],
    at: u64,
    frame: usize,
) -> bool {
    let all = [context, row].concat();
    let likely = recogniser.likeness(&all, false);
    let mean = |from: usize, to: usize| {
        let part = likely.get(from / frame..to / frame).unwrap_or_default();
        #[expect(clippy::cast_precision_loss, reason = "far below 2^24")]
        let bytes = (part.len() * frame).max(1) as f32;
        part.iter().sum::<f32>() / bytes
    };
    pieces(Span::at(at, row.len() as u64)).any(|piece| {
        let bytes = within(row, at, piece);
        if bytes.len() < LEAST || !is_even(bytes) {
            return false;
        }
        let start = usize::try_from(piece.start.saturating_sub(at)).unwrap_or(0);
        let (start, end) = (context.len() + start, context.len() + start + bytes.len());
        let step = bytes.len() / PARTS;
        let noise = mean(start, start + step) < NOISE;
        let each = (0..PARTS).all(|n| mean(start + n * step, start + (n + 1) * step) < STRANGE);
        // What was said so far, and what is said again behind it.
        let settled = (end + step).min(all.len());
        let before = start >= LEAST && mean(start / 2, start) > SOUND;
        let behind = all.len() - settled >= LEAST && mean(settled, all.len()) > SOUND;
        noise && each && (before || behind)
    })
}
