//! Behind damage: the next place from which items follow each other.

use super::judge::{CHAIN, Cached, Group, Judge};
use crate::Result;
use crate::twins::unlike;
use rayon::prelude::*;
use std::cmp::Reverse;
use tapo_codec::aac::FrameShape;
use tapo_codec::{Depth, Verdict};
use tapo_io::{ByteSource, Span, Window};

/// Bytes that one task searches.
const BLOCK: u64 = 1 << 20;

/// Bytes that are searched at once where a chain is likely to begin in them.
const PART: u64 = 128 << 10;

/// What a task reads beyond its block, so that few samples need another read.
const OVERLAP: u64 = 64 << 10;

/// Blocks searched at the same time: with their overlap 17 MiB.
const BATCH: u64 = 16;

impl Judge<'_> {
    /// The first place at or behind `from` where a chain of items begins, but not
    /// with one that ends at `but_to`.
    pub(crate) fn resync(
        &self,
        source: &dyn ByteSource,
        from: u64,
        but_to: Option<u64>,
    ) -> Result<Option<u64>> {
        let video = self.groups.iter().any(|g| g.is_video);
        let mut at = from;
        // Near damage the next sample is close: the first block alone.
        let mut blocks = 1;
        while at < self.end {
            // Lengths in front of the first byte that is not zero begin with zeros.
            at = at.max(source.next_data(at).saturating_sub(4));
            let batch: Vec<u64> = (0..blocks)
                .map(|i| at + i * BLOCK)
                .filter(|start| *start < self.end)
                .collect();
            let found = batch
                .par_iter()
                .map(|start| {
                    let block = Span::at(*start, BLOCK).intersect(Span::new(0, self.end));
                    self.search(source, block, video, but_to)
                })
                .find_map_first(Result::transpose);
            if let Some(found) = found {
                let anchor = found?;
                return Ok(Some(self.complete(source, from, anchor)?));
            }
            at = at.saturating_add(blocks * BLOCK);
            blocks = BATCH;
        }
        Ok(None)
    }

    /// Whether a chain of items begins within a sample: then it has swallowed
    /// them. No more than a block of it is looked at. What ends with it is a part
    /// of it: a picture reads as well without the parameter sets in front.
    pub(super) fn swallows(&self, source: &dyn ByteSource, sample: Span) -> Result<bool> {
        let behind = Span::new(sample.start + 1, sample.end);
        Ok(self
            .first_chain(source, behind, Some(sample.end))?
            .is_some())
    }

    /// The first chain that begins in the first block of `span`: in most cases
    /// close to its start. It does not begin with an item that ends at `but_to`.
    pub(super) fn first_chain(
        &self,
        source: &dyn ByteSource,
        span: Span,
        but_to: Option<u64>,
    ) -> Result<Option<u64>> {
        let video = self.groups.iter().any(|g| g.is_video);
        let block = Span::at(span.start, BLOCK).intersect(span);
        let mut at = block.start;
        while at < block.end {
            let part = Span::at(at, PART).intersect(block);
            if let Some(anchor) = self.search(source, part, video, but_to)? {
                return Ok(Some(anchor));
            }
            at = part.end;
        }
        Ok(None)
    }

    /// The first chain that begins in `block`. Sound is looked for only if there
    /// is no picture: its syntax is weaker, and it is found backwards from there.
    /// A sample that ends at `but_to` does not count.
    fn search(
        &self,
        source: &dyn ByteSource,
        block: Span,
        video: bool,
        but_to: Option<u64>,
    ) -> Result<Option<u64>> {
        let cached = Cached::new(source, Span::new(block.start, block.end + OVERLAP))?;
        let mut window = Window::new(&cached);
        let bytes = cached.bytes();
        let mut best: Option<u64> = None;
        for group in self.groups.iter().filter(|g| g.is_video || !video) {
            let mut at = block.start;
            let chain = if group.is_video { CHAIN } else { CHAIN + 1 };
            while at < best.unwrap_or(block.end) {
                let skipped = usize::try_from(at - block.start).unwrap_or(usize::MAX);
                let rest = bytes.get(skipped..).unwrap_or_default();
                let Some(skip) = group.recogniser.next_candidate(rest) else {
                    break;
                };
                at += skip as u64;
                if at >= best.unwrap_or(block.end) {
                    break;
                }
                // Heads tell most false ones, and a false length may claim
                // megabytes: those are read last.
                if self.is_sample(&mut window, group, at, Depth::Heads, but_to)?
                    && self.chain(&mut window, at, chain)?
                    && self.is_sample(&mut window, group, at, Depth::Thorough, but_to)?
                {
                    best = Some(at);
                    break;
                }
                at += 1;
            }
        }
        Ok(best)
    }

    /// Whether a whole sample of the group stands at `at`, without a flaw as far
    /// as `depth` tells.
    fn is_sample(
        &self,
        window: &mut Window<'_>,
        group: &Group,
        at: u64,
        depth: Depth,
        but_to: Option<u64>,
    ) -> Result<bool> {
        let verdict = self.probe(group, window, at, depth)?;
        let sample = verdict.sample();
        Ok(sample.is_some_and(|a| a.flaw.is_none() && but_to != Some(at + a.len)))
    }

    /// Samples of sound that lie between the damage and the anchor: the place
    /// behind `from` from which they lead exactly to it. Several places may lead
    /// to one end, where the last bytes of the frame before read as an element in
    /// front: the frame that resembles the next is right, and the shortest.
    fn complete(&self, source: &dyn ByteSource, from: u64, anchor: u64) -> Result<u64> {
        let sound = |g: &&Group| !g.is_video;
        let start = self.sound_reach(from, anchor);
        if start >= anchor {
            return Ok(anchor);
        }
        let cached = Cached::new(source, Span::new(start, anchor + OVERLAP))?;
        let mut window = Window::new(&cached);
        let mut best = anchor;
        for group in self.groups.iter().filter(sound) {
            let leads = self.leads(&cached, group, Span::new(start, anchor))?;
            let mut next = self.shape_behind(&mut window, group, anchor)?;
            let mut at = anchor;
            // Ends from the anchor backwards, each with the likeliest start.
            while let Some(lead) = leads
                .iter()
                .filter(|l| l.end == at && l.at < at)
                .min_by_key(|l| (l.unlike(next.as_ref()), Reverse(l.at)))
            {
                at = lead.at;
                next = lead.shape;
            }
            best = best.min(at);
        }
        Ok(best)
    }

    /// The first place behind `from` from which sound may lead to `anchor`.
    fn sound_reach(&self, from: u64, anchor: u64) -> u64 {
        let most = self.groups.iter().filter(|g| !g.is_video).map(|g| {
            let largest = self.profile.tracks.get(g.track).map_or(0, |t| t.largest);
            u64::from(largest) * 64
        });
        let reach = most.max().unwrap_or(0).min(OVERLAP);
        anchor.saturating_sub(reach).max(from)
    }

    /// The first place behind `from` from which samples of sound lead exactly to
    /// `anchor`, by their syntax alone: of several that lead to one end, the last.
    pub(super) fn sound_before(
        &self,
        source: &dyn ByteSource,
        from: u64,
        anchor: u64,
    ) -> Result<u64> {
        let start = self.sound_reach(from, anchor);
        let mut best = anchor;
        if start >= anchor {
            return Ok(best);
        }
        let cached = Cached::new(source, Span::new(start, anchor))?;
        let mut leads = Vec::new();
        for group in self.groups.iter().filter(|g| !g.is_video) {
            leads.extend(self.leads(&cached, group, Span::new(start, anchor))?);
        }
        while let Some(at) = leads.iter().filter(|l| l.end == best).map(|l| l.at).max() {
            best = at;
        }
        Ok(best)
    }

    /// All places in `span` that look like a sample of the group which ends in
    /// it.
    fn leads(&self, cached: &Cached<'_>, group: &Group, span: Span) -> Result<Vec<Lead>> {
        let mut window = Window::new(cached);
        let bytes = cached.bytes();
        let mut leads = Vec::new();
        let mut at = span.start;
        while at < span.end {
            let skipped = usize::try_from(at - span.start).unwrap_or(usize::MAX);
            let rest = bytes.get(skipped..).unwrap_or_default();
            let Some(skip) = group.recogniser.next_candidate(rest) else {
                break;
            };
            at += skip as u64;
            if at >= span.end {
                break;
            }
            let verdict = group
                .recogniser
                .probe(&mut window, at, span.end, Depth::Thorough)?;
            if let Verdict::Sample(access) = verdict
                && access.len > 0
                && access.flaw.is_none()
                && at + access.len <= span.end
            {
                leads.push(Lead {
                    at,
                    end: at + access.len,
                    shape: access.shape,
                });
            }
            at += 1;
        }
        Ok(leads)
    }

    /// The shape of the first frame of the group behind `at`.
    fn shape_behind(
        &self,
        window: &mut Window<'_>,
        group: &Group,
        at: u64,
    ) -> Result<Option<FrameShape>> {
        let mut at = at;
        for _ in 0..NEAR {
            let Some(seen) = self.strong(window, at, Depth::Heads)?.filter(|s| !s.cut) else {
                break;
            };
            let own = self
                .groups
                .get(seen.group)
                .is_some_and(|g| g.track == group.track);
            if own {
                return Ok(seen.access.shape);
            }
            at += seen.access.len;
        }
        Ok(None)
    }
}

/// Samples behind an anchor among which one of sound is looked for.
const NEAR: usize = 64;

/// A place that looks like a whole sample.
struct Lead {
    at: u64,
    end: u64,
    shape: Option<FrameShape>,
}

impl Lead {
    fn unlike(&self, next: Option<&FrameShape>) -> u32 {
        match (&self.shape, next) {
            (Some(own), Some(next)) => unlike(own, next),
            _ => 0,
        }
    }
}
