//! Where nothing fits: what becomes of the item before it, and where the search
//! goes on.

use super::{Place, Scanner};
use crate::{Class, Result};
use tapo_codec::{Depth, Verdict};
use tapo_io::Span;

/// Bytes that may be missing in front of the first sample of a recording: its
/// boxes.
const NEAR_START: u64 = 1024;

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
            self.mark_last(at, false)?;
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
        self.mark_last(at, overlapped)?;
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
    /// comes next begins within it.
    fn mark_last(&mut self, at: u64, overlapped: bool) -> Result<()> {
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
        let class = match verdict {
            Verdict::Sample(access) if access.flaw.is_none() => Class::B,
            _ => Class::D,
        };
        self.found.items.set_class(index, class);
        Ok(())
    }
}
