//! Where nothing fits: what becomes of the item before it, and where the search
//! goes on.

use super::{Place, Scanner};
use crate::{Class, Result, verify};
use tapo_codec::{Decodes, Depth, Verdict};
use tapo_io::Span;

/// Bytes that may be missing in front of the first sample of a recording: its
/// boxes.
const NEAR_START: u64 = 1024;

/// Largest picture that is decoded, bytes.
const LARGEST: u64 = 64 << 20;

impl Scanner<'_> {
    /// Goes from `place`, where nothing fits, to the next from which items
    /// follow each other, or to the end of `span`.
    pub(super) fn over_damage(&mut self, span: Span, place: &mut Place) -> Result<()> {
        let at = place.at;
        place.damaged = true;
        let from = self.doubt(at);
        // What ends where the last item does is a part of it.
        let part = (from < at).then_some(at);
        let Some(anchor) = self.judge.resync(self.source, from, part)? else {
            self.mark_last(at, false, false)?;
            let cut = self.judge.strong(&mut self.window, at, Depth::Heads)?;
            if cut.is_some_and(|s| s.cut) {
                self.found.cut = Some(Span::new(at, span.end));
            }
            place.at = span.end;
            return Ok(());
        };
        let overlapped = anchor < at
            || self.is_overlapped(at, anchor)?
            || match self.sample_in_front(at) {
                Some(front) => self.packets_overlap((front, at), anchor)?,
                None => false,
            };
        self.mark_last(at, overlapped, true)?;
        self.row_before_damage(at, anchor)?;
        let lost_from = self.last_end().unwrap_or(span.start).max(span.start);
        let lost = Span::new(lost_from.min(anchor), anchor);
        place.at = anchor;
        let near_start = place.good_until == span.start && lost.len() < NEAR_START;
        self.open(lost, near_start && self.found.items.is_empty());
        self.row_behind_damage(anchor)?;
        Ok(())
    }

    /// From where to look for the next anchor: within the last sample, which
    /// may have been damaged, and reach too far.
    fn doubt(&self, at: u64) -> u64 {
        let in_stretch = self.found.stretches.last().map_or(0, |s| s.first);
        let in_stretch = self.found.items.len() > in_stretch;
        match self.found.items.last().filter(|_| in_stretch) {
            Some(last) if last.span().end == at => last.at + 1,
            _ => at + 1,
        }
    }

    /// Judges the last item again, now that nothing follows it: it goes if what
    /// comes next begins within it. If the file goes on behind the damage, that
    /// hardly began just where a picture ends: of one whose bytes nothing vouches
    /// for it has taken a part.
    fn mark_last(&mut self, at: u64, overlapped: bool, goes_on: bool) -> Result<()> {
        let in_stretch = self.found.stretches.last().map_or(0, |s| s.first);
        if self.found.items.len() <= in_stretch {
            return Ok(());
        }
        if overlapped {
            self.found.items.pop();
            if self.keeps_shapes {
                self.found.shapes.pop();
            }
            return Ok(());
        }
        let index = self.found.items.len() - 1;
        let Some(last) = self.found.items.get(index) else {
            return Ok(());
        };
        let group = self
            .judge
            .groups
            .iter()
            .find(|g| g.track == usize::from(last.track));
        let Some(group) = group.filter(|_| last.span().end == at) else {
            return Ok(());
        };
        let depth = Depth::Thorough;
        let verdict = self.judge.probe(group, &mut self.window, last.at, depth)?;
        let flawless = matches!(verdict, Verdict::Sample(access) if access.flaw.is_none());
        let class = match flawless {
            true if !group.is_video || last.span().len() > LARGEST => Class::B,
            true => {
                let picture = self.source.read_span(last.span())?;
                let tracks = &self.judge.profile.movie.tracks;
                let units = tracks.get(group.track).and_then(verify::units);
                match group.recogniser.decodes(&picture) {
                    Decodes::Yes => Class::B,
                    Decodes::Unknown if !goes_on || units.is_none() => Class::B,
                    Decodes::No(_) | Decodes::Unknown => Class::D,
                }
            }
            false => Class::D,
        };
        self.found.items.set_class(index, class);
        Ok(())
    }
}
