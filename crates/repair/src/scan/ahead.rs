//! Looking ahead in other threads.
//!
//! What stands at a place is a matter of its bytes and of the parameter sets in
//! force; only what is made of it depends on what was found before. So while one
//! thread searches, others begin further behind, each at the first chain of
//! items there, and note what they see. Where the search comes by a note it
//! takes it, and where there is none it looks itself: whatever the others see,
//! and however many they are, the result is that of one thread.

use super::judge::{Group, Judge, Seen};
use super::{Place, Scanner};
use crate::Result;
use rayon::prelude::*;
use std::iter::{Flatten, Peekable};
use tapo_codec::Depth;
use tapo_io::{ByteSource, Span, Window};

/// What is searched before others look ahead, and again behind damage, bytes.
const ALONE: u64 = 256 << 10;

/// Pieces that are looked at together: more hold more notes than they are worth.
const PIECES: usize = 8;

/// Items that a piece is to have, and half of those that are noted at most.
const ITEMS: u64 = 2048;

/// Size of a piece, bytes.
const PIECE: std::ops::RangeInclusive<u64> = 256 << 10..=64 << 20;

/// Places in a piece from which a chain of items is looked for.
const TRIES: usize = 4;

/// A sample that was seen at a place.
struct Note {
    at: u64,
    seen: Seen,
}

/// What was seen, in file order.
pub(super) struct Notes(Peekable<Flatten<std::vec::IntoIter<Vec<Note>>>>);

impl Notes {
    fn new(pieces: Vec<Vec<Note>>) -> Self {
        Self(pieces.into_iter().flatten().peekable())
    }

    /// What was seen at `at`, and no longer what was seen before it.
    pub(super) fn take(&mut self, at: u64) -> Option<Seen> {
        while self.0.next_if(|note| note.at < at).is_some() {}
        self.0.next_if(|note| note.at == at).map(|note| note.seen)
    }
}

impl Default for Notes {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

impl Scanner<'_> {
    /// Searches all of `span`.
    pub(super) fn all_of(&mut self, span: Span) -> Result<()> {
        let pieces = rayon::current_num_threads().min(PIECES);
        let mut place = Place {
            at: span.start,
            good_until: span.start,
            damaged: false,
        };
        // Where a picture ends may be for the clocks to say.
        let by_clock = self.judge.groups.iter().any(|g| g.is_open) && self.judge.has_rows();
        if pieces == 1 || by_clock {
            return self.go(span, &mut place, span.end);
        }
        self.notes = Notes::default();
        let items = self.found.items.len();
        let mut limit = span.start.saturating_add(ALONE).min(span.end);
        let mut calm = false;
        while place.at < span.end {
            let found = self.found.items.len().saturating_sub(items).max(1) as u64;
            let size = (place.at - span.start) / found * ITEMS;
            let size = size.clamp(*PIECE.start(), *PIECE.end());
            let pieces = if calm { pieces } else { 0 };
            let (judge, source) = (self.judge.fork(), self.source);
            let adopted = self.adopted;
            let (done, notes) = rayon::join(
                || self.go(span, &mut place, limit),
                || judge.look_ahead(source, limit, size, pieces),
            );
            done?;
            calm = !std::mem::take(&mut place.damaged);
            let void = self.adopted != adopted;
            self.notes = if void { Notes::default() } else { notes };
            let looked = limit.saturating_add(size.saturating_mul(pieces as u64));
            limit = looked.max(place.at.saturating_add(if calm { 0 } else { ALONE }));
            limit = limit.max(place.at + 1).min(span.end);
        }
        Ok(())
    }
}

impl<'a> Judge<'a> {
    /// A judge that keeps to the parameter sets that are in force now.
    fn fork(&self) -> Self {
        let fork = |g: &Group| Group {
            track: g.track,
            is_video: g.is_video,
            is_metadata: g.is_metadata,
            is_open: g.is_open,
            recogniser: g.recogniser.fork(),
        };
        Self {
            profile: self.profile,
            groups: self.groups.iter().map(fork).collect(),
            end: self.end,
            end_is_sure: self.end_is_sure,
            row_behind: self.row_behind,
        }
    }

    /// What is seen in `pieces` pieces of `size` bytes from `from` on.
    fn look_ahead(&self, source: &dyn ByteSource, from: u64, size: u64, pieces: usize) -> Notes {
        let notes = (0..pieces as u64).into_par_iter().map(|piece| {
            let piece = Span::at(from.saturating_add(piece * size), size);
            let piece = piece.intersect(Span::new(0, self.end));
            let mut notes = Vec::new();
            // What cannot be read is for the search to find out.
            let _ = self.note(source, piece, &mut notes);
            notes
        });
        Notes::new(notes.collect())
    }

    /// Notes what is seen in `piece`.
    fn note(&self, source: &dyn ByteSource, piece: Span, notes: &mut Vec<Note>) -> Result<()> {
        let mut window = Window::new(source);
        let mut at = piece.start;
        for _ in 0..TRIES {
            if at >= piece.end {
                break;
            }
            let Some(anchor) = self.first_chain(source, Span::new(at, piece.end), None)? else {
                return Ok(());
            };
            at = anchor;
            let mut after_row = false;
            while at < piece.end && (notes.len() as u64) < ITEMS * 2 {
                if let Some(seen) = self.strong(&mut window, at, Depth::Heads)? {
                    if seen.cut {
                        break;
                    }
                    let next = at + seen.access.len;
                    notes.push(Note { at, seen });
                    (at, after_row) = (next, false);
                    continue;
                }
                let row = match after_row {
                    true => None,
                    false => self.row(&mut window, at, None)?,
                };
                if let Some(end) = row {
                    (at, after_row) = (end, true);
                } else if let Some(boxed) = self.boxed(&mut window, at)? {
                    at = boxed.end;
                } else {
                    break;
                }
            }
            at += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::Profile;

    /// The clip's profile, and its media data three times.
    fn clip(name: &str) -> (Profile, Vec<u8>) {
        let file = std::fs::read(format!("../../testdata/{name}")).unwrap();
        let read = tapo_movie::read(&file).unwrap();
        let profile = Profile::learn(&read.movie.unwrap(), &file).unwrap();
        let media = read.top.iter().find(|b| b.kind == b"mdat").unwrap().span;
        let media = &file[usize::try_from(media.start).unwrap() + 8..];
        (profile, media.repeat(3))
    }

    #[test]
    fn what_is_seen_ahead_is_what_the_search_finds() {
        for name in ["h264_alaw.mov", "h264_bframes_aac.mp4", "h265_open_gop.mp4"] {
            let (profile, media) = clip(name);
            let mut scanner = Scanner::new(&profile, &media);
            let end = media.len() as u64;
            scanner.scan(Span::new(0, end), true, true).unwrap();
            let mut notes = Vec::new();
            let judge = scanner.judge.fork();
            let piece = Span::new(end / 3, end / 3 * 2);
            judge.note(&media, piece, &mut notes).unwrap();
            let found = scanner.finish().items;
            let is_found = |at| found.iter().any(|item| item.at == at);
            let true_ones = notes.iter().filter(|n| is_found(n.at)).count();
            let there = found.iter().filter(|i| piece.contains(i.span()));
            let there = there.filter(|i| i.samples == 1 && i.size > 1).count();
            assert!(there > 50, "{name}");
            assert!(
                true_ones * 10 >= there * 9,
                "{name}: {true_ones} of {there}"
            );
        }
    }

    #[test]
    fn notes_that_were_passed_are_gone() {
        let (profile, media) = clip("h264_bframes_aac.mp4");
        let judge = Judge::new(&profile, media.len() as u64);
        let mut seen = Vec::new();
        judge
            .note(&media, Span::new(0, judge.end), &mut seen)
            .unwrap();
        let at: Vec<u64> = seen.iter().map(|n| n.at).collect();
        let behind = seen.split_off(3);
        let mut notes = Notes::new(vec![seen, Vec::new(), behind]);
        let mut takes = |at: u64| notes.take(at).is_some();
        assert!(takes(at[1]));
        assert!(!takes(at[1]), "taken");
        assert!(!takes(at[2] + 1) && !takes(at[2]), "passed");
        assert!(takes(at[3]) && takes(at[9]) && !takes(at[8]));
    }
}
