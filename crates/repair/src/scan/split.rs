//! What a row holds: which track's, and how many samples.

use super::Scanner;
use super::shaped::Part;
use super::sound::Waveform;
use crate::item::{Item, When};
use crate::profile::{Finding, TrackProfile};
use crate::{Class, Result};
use tapo_codec::Depth;
use tapo_io::Span;

/// Times as long as the longest of the reference a sample may be; and bytes that any may have.
pub(super) const LONGER: u64 = 4;
pub(super) const LONG: u64 = 1500;

/// Kinds of rows of a muxer that keeps to them.
const REGULAR: usize = 8;

impl Scanner<'_> {
    /// Takes a row; `false` if it can be no track's.
    pub(super) fn take_row(&mut self, span: Span) -> Result<bool> {
        let at_end = span.end == self.judge.end;
        // The last row of a recording may have any length, no other.
        for index in std::mem::take(&mut self.odd_row) {
            self.found.items.set_class(index, Class::C);
        }
        if let Some(parts) = self.shaped(span)? {
            for part in parts {
                self.push_part(part);
            }
            self.after_row = true;
            return Ok(true);
        }
        let rows = &self.judge.profile.runs.rows;
        let known = rows.iter().find(|(_, len)| *len == span.len());
        let parts = match known {
            Some((row, _)) if row.len() > 1 && self.adds_up(row, span.len()) => row.clone(),
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
        let constant = self
            .track(track)
            .is_some_and(TrackProfile::is_constant_rate);
        match self.track(track).map(|t| t.finding) {
            Some(Finding::Frames { bytes }) if constant => {
                let len = span.len() / u64::from(bytes) * u64::from(bytes);
                let open = at_end && !self.judge.end_is_sure;
                let class = if open { Class::C } else { Class::B };
                let odd = !at_end && self.is_odd(span.len());
                let first = self.found.items.len();
                self.push_frames(track, Span::at(span.start, len), class);
                if odd {
                    self.odd_row = first..self.found.items.len();
                }
            }
            Some(Finding::Starts) => {
                let cut = at_end && !self.judge.end_is_sure;
                if !self.divide(track, span, cut)? {
                    return Ok(false);
                }
            }
            // Of so many samples none says that it is one.
            Some(Finding::Frames { bytes }) if self.may_repeat(track, bytes, span.len()) => {
                self.push_frames(track, span, Class::C);
            }
            Some(Finding::Frames { .. } | Finding::Opaque) if !at_end => {
                if !self.push_likely(track, span) {
                    return Ok(false);
                }
            }
            _ => return Ok(false),
        }
        self.after_row = true;
        Ok(true)
    }

    /// Whether the samples of a row of the reference, each of the usual size, are
    /// as many bytes.
    fn adds_up(&self, row: &[(u16, u32)], len: u64) -> bool {
        let bytes = |(track, samples): &(u16, u32)| {
            let unit = self.track(*track).map_or(0, |t| t.unit_bytes);
            u64::from(unit) * u64::from(*samples)
        };
        row.iter().map(bytes).sum::<u64>() == len
    }

    /// Whether a row is a whole number of samples of a track, and of no more than
    /// it had side by side.
    fn may_repeat(&self, track: u16, bytes: u32, len: u64) -> bool {
        let most = u64::from(self.judge.profile.runs.most(track)) * u64::from(bytes);
        len.is_multiple_of(u64::from(bytes)) && len <= most
    }

    fn push_part(&mut self, part: Part) {
        match part {
            Part::Sample(track, span, tie) => {
                self.push_one(track, span, if tie { Class::C } else { Class::B });
            }
            Part::Frames(track, span) => self.push_frames(track, span, Class::B),
        }
    }

    /// Whether a row of this length is none that the muxer would write: damage may
    /// have taken some of it.
    fn is_odd(&self, len: u64) -> bool {
        let rows = &self.judge.profile.runs.rows;
        rows.len() <= REGULAR
            && !self
                .judge
                .known_lengths(self.guess())
                .any(|known| known == len)
    }

    /// A row in front of damage: it ends where a sample begins that is damaged.
    /// If the damage hides that, its likely length, if there is room.
    pub(super) fn row_before_damage(&mut self, at: u64, anchor: u64) -> Result<()> {
        if self.last_end() != Some(at) || self.after_row || !self.judge.has_rows() {
            return Ok(());
        }
        let guess = self.guess();
        let room = Span::new(at, anchor.min(at.saturating_add(self.judge.longest_row())));
        let sound = self.judge.waveform(self.source, room, false)?;
        if let Some(sound) = &sound
            && let Some(len) = sound.len(self.judge.known_lengths(guess))
        {
            let len = self.with_silence(sound, len, room.len());
            self.take_row(Span::at(at, len))?;
            return Ok(());
        }
        if let Some(end) = self.judge.row_before(&mut self.window, at, anchor, guess)?
            && self.take_row(Span::new(at, end))?
        {
            return Ok(());
        }
        let hidden = sound.is_none_or(|s| s.is_blank);
        let Some((track, len)) = self.hidden_row().filter(|_| hidden) else {
            return Ok(());
        };
        if at + len <= anchor {
            self.push_frames(track, Span::at(at, len), Class::C);
        }
        Ok(())
    }

    /// A row whose beginning the damage hides, in front of the anchor.
    pub(super) fn row_behind_damage(&mut self, anchor: u64) -> Result<()> {
        if self.cutters.iter().any(Option::is_some) {
            return self.packets_behind_damage(anchor);
        }
        if self.opens_at(anchor)? || self.sound_behind_damage(anchor)? {
            return Ok(());
        }
        let Some((track, len)) = self.hidden_row() else {
            return Ok(());
        };
        let Some(stretch) = self.found.stretches.last_mut() else {
            return Ok(());
        };
        // At the beginning of a recording nothing says whether one stood there.
        if stretch.lost.len() < len || stretch.first == 0 {
            return Ok(());
        }
        stretch.lost.end -= len;
        self.push_frames(track, Span::new(anchor - len, anchor), Class::C);
        Ok(())
    }

    /// Whether the recording begins with the sample at `anchor`: then no row stands in
    /// front of it, where that is not what recordings begin with.
    fn opens_at(&mut self, anchor: u64) -> Result<bool> {
        let from_start = self.found.stretches.last().is_some_and(|s| s.from_start);
        if !from_start || self.judge.profile.runs.opens {
            return Ok(false);
        }
        let depth = Depth::Heads;
        let seen = self.judge.strong(&mut self.window, anchor, depth)?;
        Ok(seen.is_some_and(|s| s.access.sync))
    }

    /// Sound in front of the anchor, as far back as its waveform goes; `false` if
    /// that cannot be told.
    fn sound_behind_damage(&mut self, anchor: u64) -> Result<bool> {
        let Some(lost) = self.found.stretches.last().map(|s| s.lost) else {
            return Ok(false);
        };
        let from = anchor.saturating_sub(self.judge.longest_row());
        let room = Span::new(from.max(lost.start), anchor);
        let Some(sound) = self.judge.waveform(self.source, room, true)? else {
            return Ok(false);
        };
        let Some(len) = sound.len(self.judge.known_lengths(None)) else {
            return Ok(!sound.is_blank);
        };
        let len = self.with_silence(&sound, len, room.len());
        if let Some((track, _)) = self.judge.sound_track()
            && let Some(stretch) = self.found.stretches.last_mut()
        {
            stretch.lost.end = anchor - len;
            self.push_frames(track, Span::new(anchor - len, anchor), Class::C);
        }
        Ok(true)
    }

    /// The length of a row of which the damage has left `len` bytes, and behind
    /// them nothing but silence.
    fn with_silence(&self, sound: &Waveform, len: u64, room: u64) -> u64 {
        let whole = self.judge.likely_row(self.guess());
        let whole = whole.filter(|whole| sound.is_blank && (len..=room).contains(whole));
        whole.unwrap_or(len)
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

    pub(super) fn track(&self, track: u16) -> Option<&TrackProfile> {
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

    /// Takes a row for a sample of which nothing says that it is one; `false` if it is far longer than any of the reference.
    pub(super) fn push_likely(&mut self, track: u16, span: Span) -> bool {
        let largest = self.track(track).map_or(0, |t| u64::from(t.largest));
        let likely = span.len() <= largest.saturating_mul(LONGER).max(LONG);
        if likely {
            self.push_one(track, span, Class::C);
        }
        likely
    }

    pub(super) fn push_one(&mut self, track: u16, span: Span, class: Class) {
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
            when: When::InTurn,
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
}
