//! What a row holds: which track's, and how many samples.

use super::Scanner;
use crate::item::{Item, When};
use crate::packets::Packets;
use crate::profile::{Finding, TrackProfile};
use crate::{Class, Result};
use tapo_codec::{HEAD, OrderKey};
use tapo_io::Span;

/// Bytes of a row that is cut into packets by likelihood; longer ones would
/// take too long.
const DIVIDED: u64 = 64 << 10;

/// Cost of one packet more or less than the clock says.
const MISCOUNT: f64 = 12.0;

impl Scanner<'_> {
    /// Takes a row; `false` if it can be no track's.
    pub(super) fn take_row(&mut self, span: Span) -> Result<bool> {
        let at_end = span.end == self.judge.end;
        let rows = &self.judge.profile.runs.rows;
        let known = rows.iter().find(|(_, len)| *len == span.len());
        let parts = match known {
            Some((row, _)) if row.len() > 1 => row.clone(),
            _ => Vec::new(),
        };
        if !parts.is_empty() {
            let mut at = span.start;
            for (track, samples) in parts {
                let unit = self.track(track).map_or(0, |t| t.unit_bytes);
                let len = u64::from(unit) * u64::from(samples);
                self.push_frames(track, Span::at(at, len), Class::B);
                at += len;
            }
            self.after_row = true;
            return Ok(true);
        }
        let Some(track) = self.row_track(span.len(), at_end) else {
            return Ok(false);
        };
        match self.track(track).map(|t| t.finding) {
            Some(Finding::Frames { bytes }) => {
                let len = span.len() / u64::from(bytes) * u64::from(bytes);
                let open = at_end && !self.judge.end_is_sure;
                let class = if open { Class::C } else { Class::B };
                self.push_frames(track, Span::at(span.start, len), class);
            }
            Some(Finding::Starts) => self.divide(track, span, at_end && !self.judge.end_is_sure)?,
            Some(Finding::Opaque) if !at_end => {
                self.push_one(track, span, Class::C);
            }
            _ => return Ok(false),
        }
        self.after_row = true;
        Ok(true)
    }

    /// A row whose end the damage hides: its likely length, if there is room.
    pub(super) fn row_before_damage(&mut self, at: u64, anchor: u64) {
        let follows = self.last_end() == Some(at) && !self.after_row;
        let Some((track, len)) = self.hidden_row().filter(|_| follows) else {
            return;
        };
        if at + len <= anchor {
            self.push_frames(track, Span::at(at, len), Class::C);
        }
    }

    /// A row whose beginning the damage hides, in front of the anchor.
    pub(super) fn row_behind_damage(&mut self, anchor: u64) {
        let Some((track, len)) = self.hidden_row() else {
            return;
        };
        let Some(stretch) = self.found.stretches.last_mut() else {
            return;
        };
        // At the beginning of a recording nothing says whether one stood there.
        if stretch.lost.len() < len || stretch.first == 0 {
            return;
        }
        stretch.lost.end -= len;
        self.push_frames(track, Span::new(anchor - len, anchor), Class::C);
    }

    /// Track and length of a row that cannot be seen, where nearly every sample
    /// has one beside it.
    fn hidden_row(&self) -> Option<(u16, u64)> {
        let judge = &self.judge;
        if judge.profile.runs.share < 0.9 {
            return None;
        }
        let len = judge.likely_row(self.guess())?;
        let track = self.row_track(len, false)?;
        let frames = matches!(self.track(track)?.finding, Finding::Frames { .. });
        frames.then_some((track, len))
    }

    fn track(&self, track: u16) -> Option<&TrackProfile> {
        self.judge.profile.tracks.get(usize::from(track))
    }

    /// The track of a row of this length: one that the reference had at this
    /// length, else the one that is furthest behind.
    fn row_track(&self, len: u64, at_end: bool) -> Option<u16> {
        let rows = &self.judge.profile.runs.rows;
        let single = |(row, l): &&(crate::habits::Row, u64)| *l == len && row.len() == 1;
        if let Some((row, _)) = rows.iter().find(single) {
            return row.first().map(|(track, _)| *track);
        }
        let fits = |t: &TrackProfile| match t.finding {
            Finding::Frames { bytes } => {
                t.samples != 1 && (at_end || len.is_multiple_of(u64::from(bytes)))
            }
            Finding::Starts | Finding::Opaque => true,
            Finding::Syntax => false,
        };
        let tracks = self.judge.profile.tracks.iter().enumerate();
        let fitting = tracks.filter(|(_, t)| fits(t));
        let next = fitting.min_by_key(|(i, _)| self.clocks.get(*i).copied());
        next.and_then(|(i, _)| u16::try_from(i).ok())
    }

    /// Constant-rate data: whole units, and a shorter one where some is left.
    fn push_frames(&mut self, track: u16, span: Span, class: Class) {
        let unit = self.track(track).map_or(1, |t| t.unit_bytes).max(1);
        let units = span.len() / u64::from(unit);
        let whole = Span::at(span.start, units * u64::from(unit));
        let count = u32::try_from(units).unwrap_or(u32::MAX);
        if count > 0 {
            self.push(track, whole, count, class);
        }
        let rest = Span::new(whole.end, span.end);
        if !rest.is_empty() {
            self.push(track, rest, 1, class);
        }
    }

    fn push_one(&mut self, track: u16, span: Span, class: Class) {
        self.push(track, span, 1, class);
    }

    fn push(&mut self, track: u16, span: Span, samples: u32, class: Class) {
        let Ok(size) = u32::try_from(span.len()) else {
            return;
        };
        self.found.items.push(Item {
            at: span.start,
            size,
            samples,
            track,
            sync: true,
            class,
            when: When::Order(OrderKey {
                sequence: 0,
                value: 0,
            }),
        });
        if self.keeps_shapes {
            self.found.shapes.push(None);
        }
        let profile = self.judge.profile;
        let index = usize::from(track);
        let Some(of) = profile.tracks.get(index) else {
            return;
        };
        let ticks = of.row_ticks(u64::from(size), samples);
        if let Some(clock) = self.clocks.get_mut(index) {
            *clock += profile.clock.common(index, ticks);
        }
    }

    /// Cuts a row into packets: each must begin like one, and their sizes and
    /// number be likely. Of a row that is cut off the last packet is left out.
    fn divide(&mut self, track: u16, span: Span, cut: bool) -> Result<()> {
        let index = usize::from(track);
        let Some(profile) = self.judge.profile.tracks.get(index) else {
            return Ok(());
        };
        let Some(recogniser) = profile
            .recogniser
            .as_ref()
            .filter(|_| span.len() <= DIVIDED)
        else {
            self.push_one(track, span, Class::C);
            return Ok(());
        };
        let bytes = self.source.read_span(span)?;
        let starts: Vec<usize> = (0..bytes.len())
            .filter(|at| {
                let head = bytes.get(*at..).unwrap_or_default();
                recogniser.could_start(head.get(..HEAD).unwrap_or(head))
            })
            .collect();
        let leader = self.clocks.get(self.judge.profile.leader()).copied();
        let own = self.clocks.get(index).copied();
        let ahead = leader.unwrap_or(0) - own.unwrap_or(0);
        let step = self
            .judge
            .profile
            .clock
            .common(index, i64::from(profile.durations.usual));
        let mut expected = (ahead.max(0) + step - 1) / step.max(1);
        if span.end == self.judge.end {
            // The sound may go on behind the last picture.
            let by_size = log_len(bytes.len()) - self.recent.get(index).copied().unwrap_or(0.0);
            #[expect(clippy::cast_possible_truncation, reason = "a small number")]
            let by_size = by_size.exp().round() as i64;
            expected = expected.max(by_size);
        }
        let recent = self.recent.get(index).copied().unwrap_or(0.0);
        let packets = &profile.packets;
        let cost = |from: usize, to: usize| {
            let head = bytes.get(from..).unwrap_or_default();
            packets.size_cost(to - from, recent) + packets.head_cost(head)
        };
        let cuts = best_cuts(&starts, bytes.len(), expected, &cost);
        let mut from = 0;
        let last = (!cut).then_some(bytes.len());
        for cut in cuts.into_iter().chain(last) {
            let part = Span::new(span.start + from as u64, span.start + cut as u64);
            self.push_one(track, part, Class::B);
            if let Some(recent) = self.recent.get_mut(index) {
                *recent = Packets::follow(*recent, cut - from);
            }
            from = cut;
        }
        Ok(())
    }
}

/// Natural logarithm of a number of bytes.
fn log_len(len: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "at most DIVIDED")]
    let len = len.max(1) as f64;
    len.ln()
}

/// Packets in a row, at most.
const PACKETS: usize = 64;

/// The places to cut a row of `len` bytes at, so that the cost of the sizes and
/// of a number other than `expected` is least. Parts begin at `starts`.
fn best_cuts(
    starts: &[usize],
    len: usize,
    expected: i64,
    cost: &dyn Fn(usize, usize) -> f64,
) -> Vec<usize> {
    let mut places: Vec<usize> = starts.iter().copied().filter(|s| *s > 0).collect();
    places.insert(0, 0);
    places.push(len);
    let most = usize::try_from(expected.max(1) + 2)
        .unwrap_or(1)
        .min(PACKETS);
    // best[k][i]: least cost of k parts that end at places[i], and where the last begins.
    let none = (f64::INFINITY, 0);
    let mut best = vec![vec![none; places.len()]; most + 1];
    if let Some(first) = best.first_mut().and_then(|b| b.first_mut()) {
        *first = (0.0, 0);
    }
    for k in 1..=most {
        for (i, end) in places.iter().enumerate().skip(1) {
            let mut least = none;
            let before = best.get(k - 1).map(Vec::as_slice).unwrap_or_default();
            for (j, (start, (so_far, _))) in places.iter().zip(before).enumerate().take(i) {
                if so_far.is_finite() {
                    let total = so_far + cost(*start, *end);
                    if total < least.0 {
                        least = (total, j);
                    }
                }
            }
            if let Some(slot) = best.get_mut(k).and_then(|b| b.get_mut(i)) {
                *slot = least;
            }
        }
    }
    let last = places.len() - 1;
    let at = |k: usize, i: usize| best.get(k).and_then(|b| b.get(i)).copied().unwrap_or(none);
    let total = |k: usize| {
        let off = i64::try_from(k).unwrap_or(i64::MAX).abs_diff(expected);
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        let off = off as f64;
        at(k, last).0 + MISCOUNT * off
    };
    let mut k = (1..=most)
        .min_by(|a, b| total(*a).total_cmp(&total(*b)))
        .unwrap_or(1);
    let mut cuts = Vec::new();
    let mut i = last;
    while k > 1 {
        i = at(k, i).1;
        cuts.extend(places.get(i));
        k -= 1;
    }
    cuts.reverse();
    cuts
}

#[cfg(test)]
mod tests {
    use super::best_cuts;

    #[test]
    fn a_row_is_cut_where_packets_may_begin_and_sizes_are_likely() {
        let cost = |from: usize, to: usize| ((to - from) as f64 - 100.0).abs() / 20.0;
        assert_eq!(best_cuts(&[0, 40, 97, 150], 201, 2, &cost), [97]);
        assert_eq!(best_cuts(&[0, 101, 199], 300, 3, &cost), [101, 199]);
        assert!(best_cuts(&[0], 300, 3, &cost).is_empty(), "nowhere to cut");
        assert!(best_cuts(&[], 0, 1, &cost).is_empty());
    }
}
