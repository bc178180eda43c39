//! The search: media data read as a row of samples.
//!
//! Where syntax decides, the search is greedy: a sample that ends where another
//! begins is one. Data without syntax lies between samples that have one. Where
//! nothing fits there is damage, and a chain of items must vouch for the place
//! from which the search goes on.

mod ahead;
mod cut;
mod damage;
mod division;
mod judge;
mod open;
mod resync;
mod rival;
mod row;
mod shaped;
mod sound;
mod split;

use crate::item::{Found, Item, Stretch, When};
use crate::profile::{Finding, Profile};
use crate::progress::Watched;
use crate::times::begins_sequence;
use crate::verify::zeroed;
use crate::{Class, Result};
use ahead::Notes;
use cut::Cutter;
pub(crate) use judge::ANCHOR_BITS;
use judge::{Judge, Seen};
use rival::{Claim, Rivals};
pub(crate) use row::BEGINNINGS;
use tapo_codec::{Depth, Order, PresentationOrder};
use tapo_io::{ByteSource, Span, Window};

/// Largest parameter set that is read, bytes.
const PARAMETER_SET: u64 = 64 << 10;

/// Searches media data.
pub(crate) struct Scanner<'a> {
    source: &'a dyn ByteSource,
    window: Window<'a>,
    judge: Judge<'a>,
    orders: Vec<PresentationOrder>,
    /// Decode time of each track's next sample, less its shift, common clock.
    clocks: Vec<i64>,
    /// Of tracks whose rows are to be cut into packets.
    cutters: Vec<Option<Cutter>>,
    found: Found,
    /// Whether the last item is a row.
    after_row: bool,
    /// Items of the last row, if the muxer would write none like it.
    odd_row: std::ops::Range<usize>,
    rivals: Rivals,
    keeps_shapes: bool,
    /// What other threads have seen ahead.
    notes: Notes,
    /// Parameter sets adopted so far: what was seen before the last is void.
    adopted: usize,
    /// Who is told of what is found.
    watched: Option<&'a Watched<'a>>,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(profile: &'a Profile, source: &'a dyn ByteSource) -> Self {
        let start = |(i, t): (usize, &crate::profile::TrackProfile)| {
            profile.clock.common(i, t.shift.saturating_neg())
        };
        Self {
            source,
            window: Window::new(source),
            judge: Judge::new(profile, 0),
            orders: vec![PresentationOrder::new(); profile.tracks.len()],
            clocks: profile.tracks.iter().enumerate().map(start).collect(),
            cutters: profile.tracks.iter().map(Cutter::of).collect(),
            found: Found::default(),
            after_row: false,
            odd_row: 0..0,
            rivals: Rivals::new(&profile.tracks),
            keeps_shapes: profile.has_twins(),
            notes: Notes::default(),
            adopted: 0,
            watched: None,
        }
    }

    /// Tells of what is found.
    pub(crate) fn watched(mut self, watched: &'a Watched<'a>) -> Self {
        self.watched = Some(watched);
        self
    }

    /// What was found.
    pub(crate) fn finish(mut self) -> Found {
        // Little was lost in front, but a picture all the same.
        let leader = self.judge.profile.leader();
        if let Some(first) = self.found.stretches.first_mut()
            && !first.lost.is_empty()
            && !begins_sequence(first, leader)
        {
            first.from_start = false;
        }
        self.found
    }

    /// Searches `span`; `begins` says that its first byte is that of a sample,
    /// `ends` that its last byte is.
    ///
    /// # Errors
    /// The source fails.
    pub(crate) fn scan(&mut self, span: Span, begins: bool, ends: bool) -> Result<()> {
        self.judge.end = span.end;
        self.judge.end_is_sure = ends;
        self.open(Span::new(span.start, span.start), begins);
        self.all_of(span)
    }

    /// Searches on from `place` to `limit` within `span`; the last item may
    /// reach beyond it.
    fn go(&mut self, span: Span, place: &mut Place, limit: u64) -> Result<()> {
        while place.at < limit {
            let at = place.at;
            if let Some(next) = self.advance(at)? {
                (place.at, place.good_until) = (next, next);
                continue;
            }
            self.over_damage(span, place)?;
        }
        Ok(())
    }

    /// Takes what stands at `at`, and says where the next item begins.
    fn advance(&mut self, at: u64) -> Result<Option<u64>> {
        self.judge.row_behind = self.row_behind();
        // Some zeros read as silence.
        if let Some(next) = self.judge.behind_padding(&mut self.window, at)? {
            return Ok(Some(next));
        }
        let seen = match self.notes.take(at) {
            Some(seen) => Some(seen),
            None => self.judge.strong(&mut self.window, at, Depth::Heads)?,
        };
        if let Some(seen) = seen {
            // The data ends within it, or this is damage: either way no row.
            if seen.cut {
                return Ok(None);
            }
            if self.is_sound(at, &seen)? {
                let end = at + seen.access.len;
                self.take(at, seen)?;
                return Ok(Some(end));
            }
        }
        if self.may_be_row() {
            let guess = self.guess();
            if let Some(end) = self.judge.row(&mut self.window, at, guess)?
                && !self.is_torn(Span::new(at, end), guess)?
                && self.take_row(Span::new(at, end))?
            {
                return Ok(Some(end));
            }
        }
        let Some(span) = self.judge.boxed(&mut self.window, at)? else {
            return Ok(None);
        };
        self.found.boxes.push(span);
        Ok(Some(span.end))
    }

    /// Whether a sample that is much larger than any in the reference is sound
    /// all through: it may have swallowed others.
    fn is_sound(&mut self, at: u64, seen: &Seen) -> Result<bool> {
        let Some(group) = self.judge.groups.get(seen.group) else {
            return Ok(false);
        };
        let largest = self
            .judge
            .profile
            .tracks
            .get(group.track)
            .map_or(0, |t| t.largest);
        if largest == 0 || seen.access.len <= u64::from(largest) * 2 {
            return Ok(true);
        }
        let depth = Depth::Thorough;
        let verdict = self.judge.probe(group, &mut self.window, at, depth)?;
        let flawless = verdict.sample().is_some_and(|a| a.flaw.is_none());
        let span = Span::at(at, seen.access.len);
        Ok(flawless && !zeroed(self.source, span)? && !self.judge.swallows(self.source, span)?)
    }

    /// Whether a row of a length that is not known is what damage has left of
    /// one, and the sample in front of it reaches into it.
    fn is_torn(&self, row: Span, guess: Option<u64>) -> Result<bool> {
        let known = self.judge.known_lengths(guess).any(|len| len == row.len());
        Ok(!known && self.is_overlapped(row.start, row.end)?)
    }

    /// Whether the last item, which ends at `at`, reaches into sound that ends at
    /// `end`.
    fn is_overlapped(&self, at: u64, end: u64) -> Result<bool> {
        match self.sample_in_front(at) {
            Some(from) => self.judge.sound_overlaps(self.source, (from, at), end),
            None => Ok(false),
        }
    }

    /// Where the sample began that ends at `at`, if that is no row.
    fn sample_in_front(&self, at: u64) -> Option<u64> {
        let last = self.found.items.last();
        let last = last.filter(|i| i.span().end == at && !self.after_row)?;
        Some(last.at)
    }

    /// Begins a stretch.
    fn open(&mut self, lost: Span, from_start: bool) {
        let first = self.found.items.len();
        let stretch = Stretch {
            first,
            lost,
            from_start,
            ends: Vec::new(),
        };
        match self.found.stretches.last_mut() {
            Some(last) if last.first == first => {
                last.lost = Span::new(last.lost.start.min(lost.start), lost.end);
                last.from_start = from_start;
            }
            _ => self.found.stretches.push(stretch),
        }
        self.orders.fill(PresentationOrder::new());
        self.after_row = false;
        self.odd_row = 0..0;
        if !lost.is_empty() {
            self.rivals.forget();
        }
        // Behind a gap all clocks stand together again, nearly.
        if !lost.is_empty()
            && let Some(now) = self.clocks.iter().max().copied()
        {
            self.clocks.fill(now);
            self.cutters
                .iter_mut()
                .flatten()
                .for_each(Cutter::lose_time);
        }
    }

    fn take(&mut self, at: u64, seen: Seen) -> Result<()> {
        let Claim {
            track,
            group,
            access,
        } = self.whose(at, seen)?;
        let Some(group) = self.judge.groups.get_mut(group) else {
            return Ok(());
        };
        for span in &access.parameter_sets {
            if span.len() <= PARAMETER_SET {
                let bytes = self.source.read_span(*span)?;
                // An unreadable one leaves those before it in force.
                let _ = group.recogniser.adopt(&bytes);
                self.adopted += 1;
            }
        }
        let Some(profile) = self.judge.profile.tracks.get(track) else {
            return Ok(());
        };
        let of = u16::try_from(group.track).unwrap_or(u16::MAX);
        if self.found.turns.entry(of, at) != access.entry {
            // What was seen ahead was read by the entry before.
            self.adopted += 1;
            self.notes = Notes::default();
        }
        group.recogniser.turn(access.entry);
        self.found.turns.note(of, at, access.entry);
        let number = u16::try_from(track).unwrap_or(u16::MAX);
        let order = self.orders.get_mut(track);
        let when = match order {
            Some(_) if access.order == Order::None => When::InTurn,
            Some(order) => When::Order(order.next(&access.order)),
            None => When::InTurn,
        };
        self.found.items.push(Item {
            at,
            size: u32::try_from(access.len).unwrap_or(u32::MAX),
            samples: 1,
            track: number,
            sync: profile.marking.marks(&access),
            class: Class::A,
            when,
        });
        if self.keeps_shapes {
            self.found.shapes.push(access.shape);
        }
        if let Some(stretch) = self.found.stretches.last_mut() {
            match stretch.ends.iter_mut().find(|(t, ..)| *t == number) {
                Some((_, _, last)) => *last = access.order,
                None => stretch
                    .ends
                    .push((number, access.order.clone(), access.order)),
            }
        }
        if let Some(watched) = self.watched
            && track == self.judge.profile.leader()
        {
            let hz = self.judge.profile.movie.tracks.get(track);
            watched.recovered(profile.durations.usual, hz.map_or(0, |t| t.timescale));
        }
        let step = profile.step(&self.judge.profile.clock, track);
        let twins = self.judge.profile.tracks.iter();
        let twins = twins.filter(|t| !t.is_video && t.group == track);
        let twins = twins.count().max(1);
        if let Some(clock) = self.clocks.get_mut(track) {
            *clock += step / i64::try_from(twins).unwrap_or(1);
        }
        self.after_row = false;
        Ok(())
    }

    /// Whether a row may stand here: nothing but the reference vouches for one in
    /// front of the first sample.
    fn may_be_row(&self) -> bool {
        let first = self.found.items.is_empty();
        let follows = self.judge.groups.is_empty();
        (follows || !self.after_row) && (!first || self.judge.profile.runs.opens)
    }

    /// Bytes of the row behind the leader's next sample: the shortest that lets
    /// the leader be no further ahead than it was in the reference. `None` where
    /// there are no rows.
    fn row_behind(&self) -> Option<u64> {
        let profile = self.judge.profile;
        let (track, most) = profile.behind?;
        let leader = profile.leader();
        let of = profile.tracks.get(track)?;
        let step = profile.tracks.get(leader)?.step(&profile.clock, leader);
        let next = self.clocks.get(leader)? + step;
        let ahead = next - self.clocks.get(track)?;
        let fits = |len: &u64| {
            let samples = len / u64::from(of.unit_bytes.max(1));
            let ticks = of.row_ticks(*len, u32::try_from(samples).unwrap_or(u32::MAX));
            ahead - profile.clock.common(track, ticks) <= most
        };
        let rows = profile.runs.rows.iter();
        let lengths = || rows.clone().map(|(_, len)| *len).chain([0]);
        lengths().filter(fits).min().or_else(|| lengths().max())
    }

    /// Bytes of the next row by the clocks.
    fn guess(&self) -> Option<u64> {
        let leader = self.judge.profile.leader();
        let mut rows = self.judge.profile.tracks.iter().enumerate();
        let (track, bytes) = rows.find_map(|(i, t)| match t.finding {
            Finding::Frames { bytes } if t.samples > 1 => Some((i, bytes)),
            _ => None,
        })?;
        let ahead = self.clocks.get(leader)? - self.clocks.get(track)?;
        let ticks = self.judge.profile.clock.track(track, ahead);
        let profile = self.judge.profile.tracks.get(track)?;
        let per_unit = i64::from(profile.durations.usual);
        let unit = i64::from(profile.unit_bytes.max(bytes));
        u64::try_from(ticks / per_unit * unit).ok()
    }

    fn last_end(&self) -> Option<u64> {
        self.found.items.last().map(|i| i.span().end)
    }
}

/// How far a search has come.
struct Place {
    at: u64,
    /// The end of the last item.
    good_until: u64,
    /// Something did not fit.
    damaged: bool,
}
