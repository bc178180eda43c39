//! Rows of packets whose lengths nothing says, cut where each is likely to begin.

use super::Scanner;
use super::division::Division;
use super::split::{LONG, LONGER};
use crate::Class;
use crate::Result;
use crate::interleave::Rule;
use crate::packets::{FIRST, Packets};
use crate::profile::{Finding, Profile, TrackProfile};
use tapo_codec::{Depth, HEAD, Recogniser, Symbol};
use tapo_io::Span;

/// Bytes of a row that is cut into packets by likelihood; longer ones would
/// take too long.
const DIVIDED: u64 = 64 << 10;

/// Cost of one packet more or less than the clock says, where it is to be trusted;
/// where not; and at the end of the data.
const MISCOUNT: [f64; 3] = [36.0, 2.0, 20.0];

/// Cost of a jump of the track's clock.
const JUMP: f64 = 30.0;

/// Places within a packet's time where the track's clock may stand.
const PARTS: i64 = 24;

/// All places where it may stand: from one packet's time early to two late.
const PHASES: usize = 72;

/// The place where it is said to stand.
const ON_TIME: i64 = PARTS;

/// Share of writes that must follow the muxer's rule for it to be trusted.
const TRUSTED: f64 = 0.99;

/// Cost of a packet that is sure, at most.
const SURE: f64 = -8.0;

/// How much likelier a packet must be that begins within the sample in front of a
/// row than one that begins with the row.
const EARLIER: f64 = 10.0;

/// Cost of a packet in a row that is none, but damage.
const UNLIKELY: f64 = 40.0;

/// Rows that are looked at together behind damage.
const AHEAD: usize = 8;

/// Cost of a row of which nobody knows whether damage has taken some of it.
const ODD: f64 = 0.0;

/// Packets in a row, at most.
const PACKETS: usize = 128;

/// What is known of one track's packets at the place of the search.
#[derive(Debug)]
pub(super) struct Cutter {
    packets: Packets,
    recogniser: Box<dyn Recogniser>,
    /// Bytes of a packet, at most.
    longest: usize,
    /// Costs of the assumptions about when the next packet is due.
    phases: [f64; PHASES],
    /// Something was lost since the last row.
    is_lost: bool,
}

impl Cutter {
    /// For a track whose packets are to be told apart by likelihood.
    pub(super) fn of(track: &TrackProfile) -> Option<Self> {
        let recogniser = track.recogniser.as_ref()?;
        let mut packets = track.packets.clone();
        packets.pause();
        let longest = u64::from(track.largest).saturating_mul(LONGER).max(LONG);
        (track.finding == Finding::Starts).then(|| Self {
            packets,
            recogniser: recogniser.fork(),
            longest: usize::try_from(longest).unwrap_or(usize::MAX),
            phases: phases(ON_TIME..ON_TIME + 1),
            is_lost: false,
        })
    }

    /// A copy that learns by itself.
    fn fork(&self) -> Self {
        Self {
            packets: self.packets.clone(),
            recogniser: self.recogniser.fork(),
            longest: self.longest,
            phases: self.phases,
            is_lost: self.is_lost,
        }
    }

    /// Something was lost: the clocks stand together again, but for less than a
    /// packet.
    pub(super) fn lose_time(&mut self) {
        self.phases = phases(ON_TIME..ON_TIME + PARTS);
        self.is_lost = true;
    }
}

/// Phases of which some are as good as each other, and the others take a jump.
fn phases(good: std::ops::Range<i64>) -> [f64; PHASES] {
    let mut phases = [JUMP; PHASES];
    for (i, phase) in (0..).zip(&mut phases) {
        if good.contains(&i) {
            *phase = 0.0;
        }
    }
    phases
}

/// How long a packet lasts, common clock.
fn step(profile: &Profile, track: usize) -> i64 {
    let of = profile.tracks.get(track);
    let usual = of.map_or(1, |t| i64::from(t.durations.usual));
    profile.clock.common(track, usual).max(1)
}

/// Packets that are written while the leading track is so far ahead, by one of the
/// assumptions about the clock.
const fn due(ahead: i64, phase: i64, step: i64) -> i64 {
    let later = step * (phase - ON_TIME) / PARTS;
    (ahead - later + step - 1).div_euclid(step)
}

/// The cost of another number than expected.
fn off(expected: i64, count: usize, miscount: f64) -> f64 {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let off = count.abs_diff(expected) as f64;
    off * miscount
}

/// Packets that a row may hold by the clock, and what it costs to hold others.
#[derive(Clone, Debug)]
struct Count {
    /// Cost of each number for each assumption about the clock.
    assumed: Vec<(i64, f64)>,
    miscount: f64,
}

impl Count {
    /// The cost of a number under one assumption.
    fn under(&self, (expected, cost): (i64, f64), count: usize) -> f64 {
        cost + off(expected, count, self.miscount)
    }

    fn cost(&self, count: usize) -> f64 {
        let all = self.assumed.iter().map(|a| self.under(*a, count));
        all.fold(f64::INFINITY, f64::min)
    }

    fn most(&self) -> usize {
        let most = self.assumed.iter().map(|(n, _)| *n).max().unwrap_or(1);
        usize::try_from(most.max(1) + 2).unwrap_or(1).min(PACKETS)
    }
}

impl Scanner<'_> {
    /// Cuts a row into packets: each must begin like one, and their sizes and
    /// number be likely. Of a row that is cut off the last packet is left out.
    /// `false` if that is no row of packets.
    pub(super) fn divide(&mut self, track: u16, span: Span, cut: bool) -> Result<bool> {
        let index = usize::from(track);
        let at_end = span.end == self.judge.end;
        if !at_end {
            self.look_ahead(index, span)?;
        }
        let count = self.count(index, span, at_end);
        let in_front = self.sample_in_front(span.start);
        let cutter = self.cutters.get_mut(index).and_then(Option::as_mut);
        let Some(cutter) = cutter.filter(|_| span.len() <= DIVIDED) else {
            return Ok(self.push_likely(track, span));
        };
        let bytes = self.source.read_span(span)?;
        if !cutter.could_begin(&bytes) {
            return Ok(false);
        }
        // Where a row begins, a packet does: what it begins with may be new.
        cutter.recogniser.learn(&bytes);
        let before = cutter.packets.clone();
        cutter.note_head(&bytes);
        let cuts = cutter.cuts(&bytes, &count, cut);
        let Some((cuts, cost)) = cuts else {
            cutter.packets = before;
            return Ok(false);
        };
        // An unlikely row may have swallowed a picture whose end is damaged.
        if cost > ODD && !at_end {
            let picture = self
                .judge
                .row_before(&mut self.window, span.start, span.end, None)?;
            if picture.is_some() {
                cutter.packets = before;
                return Ok(false);
            }
        }
        // The packet in front of the first cut may begin within the sample before.
        if let Some(from) = in_front
            && (!cuts.is_empty() || !cut)
        {
            let first = cuts.first().copied().unwrap_or(bytes.len());
            let end = span.start + first as u64;
            let longest = self.judge.profile.runs.longest.min(DIVIDED);
            let from = from.max(end.saturating_sub(longest));
            let bytes = self.source.read_span(Span::new(from, end))?;
            let noted = std::mem::replace(&mut cutter.packets, before);
            if cutter.begins_earlier(&bytes, first) {
                return Ok(false);
            }
            cutter.packets = noted;
        }
        let mut from = 0;
        let mut parts = Vec::with_capacity(cuts.len() + 1);
        let last = (!cut).then_some(bytes.len());
        for to in cuts.into_iter().chain(last) {
            let part = bytes.get(from..to).unwrap_or_default();
            if from > 0 {
                cutter.note_head(part);
            }
            cutter.packets.note_size(part.len());
            parts.push(Span::new(span.start + from as u64, span.start + to as u64));
            from = to;
        }
        if !at_end {
            cutter.settle(&count, parts.len());
        }
        let class = if cost > ODD && !at_end {
            Class::C
        } else {
            Class::B
        };
        for part in parts {
            self.push_one(track, part, class);
        }
        Ok(true)
    }

    /// Behind damage a row and those behind it say together when packets are due,
    /// before the first of them is cut: what goes well with them all.
    fn look_ahead(&mut self, track: usize, row: Span) -> Result<()> {
        let is_lost = |c: &mut Cutter| std::mem::take(&mut c.is_lost);
        let cutter = self.cutters.get_mut(track).and_then(Option::as_mut);
        if !cutter.is_some_and(is_lost) || row.len() > DIVIDED {
            return Ok(());
        }
        let mut rows = self.rows_ahead(row.end)?;
        rows.insert(0, (row, 0));
        let picture = step(self.judge.profile, self.judge.profile.leader());
        let step = step(self.judge.profile, track);
        let ahead = self.ahead(track);
        let miscount = self.count(track, row, false).miscount;
        let most = rows.last().map_or(0, |r| r.1).saturating_mul(picture) + ahead;
        let most = usize::try_from(most / step + 2).unwrap_or(PACKETS);
        let most = most.min(PACKETS / 4);
        let late = self.late_start(track, step);
        let Some(cutter) = self.cutters.get_mut(track).and_then(Option::as_mut) else {
            return Ok(());
        };
        let mut divisions = Vec::with_capacity(rows.len());
        for (row, _) in &rows {
            let bytes = self.source.read_span(*row)?;
            let division = cutter
                .could_begin(&bytes)
                .then(|| cutter.division(&bytes, most, false));
            divisions.push(division);
        }
        // What the rows cost if packets are due by one assumption.
        let cost = |ahead: i64, phase: i64| {
            let mut before = 0;
            let costs = rows
                .iter()
                .zip(&divisions)
                .map(|((_, pictures), division)| {
                    let written = due(ahead + pictures * picture, phase, step);
                    let expected = (written - before).max(0);
                    before = written.max(0);
                    let cost = |d: &Division| d.likeliest(|k| off(expected, k, miscount)).1;
                    let cost = division.as_ref().map_or(f64::INFINITY, cost);
                    if cost.is_finite() { cost } else { UNLIKELY }
                });
            costs.sum::<f64>()
        };
        let mut best = (f64::INFINITY, 0, cutter.phases);
        for packets in 0..=late {
            let ahead = ahead - packets * step;
            let mut phases = cutter.phases;
            for (i, phase) in (0..).zip(&mut phases) {
                *phase += cost(ahead, i);
            }
            let least = phases.iter().copied().fold(f64::INFINITY, f64::min);
            if least < best.0 {
                best = (least, packets, phases);
            }
        }
        let (least, packets, phases) = best;
        cutter.phases = phases.map(|phase| (phase - least).min(JUMP));
        if let Some(clock) = self.clocks.get_mut(track) {
            *clock += packets * step;
        }
        Ok(())
    }

    /// Packets that a track may begin later than the leading one, where the
    /// beginning of the recording is lost.
    fn late_start(&self, track: usize, step: i64) -> i64 {
        if self.found.stretches.last().is_none_or(|s| s.first > 0) {
            return 0;
        }
        let profile = self.judge.profile;
        let start = |track: usize| {
            let shift = profile.tracks.get(track).map_or(0, |t| t.shift);
            profile.clock.common(track, shift.saturating_neg())
        };
        let late = start(track) - start(profile.leader());
        (late / step + 1).clamp(0, AHEAD as i64)
    }

    /// What is known of a track's packets, and what those behind an anchor teach.
    fn taught_behind(&mut self, track: usize, anchor: u64) -> Result<Option<Cutter>> {
        let rows = self.rows_ahead(anchor)?;
        let cutter = self.cutters.get(track).and_then(Option::as_ref);
        let Some(mut taught) = cutter.map(Cutter::fork) else {
            return Ok(None);
        };
        for (row, _) in rows {
            let bytes = self.source.read_span(row)?;
            if !taught.could_begin(&bytes) {
                continue;
            }
            let division = taught.division(&bytes, PACKETS / 4, false);
            let (parts, _) = division.likeliest(|_| 0.0);
            let cuts = division.cuts(parts);
            let mut from = 0;
            for to in cuts.into_iter().chain([bytes.len()]) {
                let part = bytes.get(from..to).unwrap_or_default();
                taught.note_head(part);
                taught.packets.note_size(part.len());
                from = to;
            }
        }
        Ok(Some(taught))
    }

    /// Rows behind `from`, and how many pictures are written before the end of
    /// each.
    fn rows_ahead(&mut self, from: u64) -> Result<Vec<(Span, i64)>> {
        let (mut at, mut pictures) = (from, 0);
        let mut rows: Vec<(Span, i64)> = Vec::new();
        while rows.len() < AHEAD {
            if let Some(seen) = self.judge.strong(&mut self.window, at, Depth::Heads)? {
                if seen.cut {
                    break;
                }
                at += seen.access.len;
                pictures += 1;
                continue;
            }
            let after_row = rows.last().is_some_and(|(row, _)| row.end == at);
            match self.judge.row(&mut self.window, at, None)? {
                Some(end) if !after_row && end < self.judge.end && end - at <= DIVIDED => {
                    rows.push((Span::new(at, end), pictures));
                    at = end;
                }
                _ => break,
            }
        }
        Ok(rows)
    }

    /// How far the leading track's next sample is ahead of that of a track, common
    /// clock.
    fn ahead(&self, track: usize) -> i64 {
        let leader = self.judge.profile.leader();
        let clock = |track: usize| self.clocks.get(track).copied().unwrap_or(0);
        // Of two that are due at the same time that of the first track is written first.
        clock(leader) - clock(track) + i64::from(track < leader)
    }

    /// Whether packets that lead to `end` begin within the sample in front of `at`,
    /// which began at `from`, and none at `at`: that has lost its own end.
    pub(super) fn packets_overlap(&self, (from, at): (u64, u64), end: u64) -> Result<bool> {
        let longest = self.judge.profile.runs.longest.min(DIVIDED);
        let from = from.max(end.saturating_sub(longest));
        let Some(cutter) = self.cutters.iter().flatten().next() else {
            return Ok(false);
        };
        if from >= at || at >= end {
            return Ok(false);
        }
        let bytes = self.source.read_span(Span::new(from, end))?;
        let starts = cutter.last_starts(&bytes);
        let at = usize::try_from(at - from).unwrap_or(usize::MAX);
        Ok(starts.first().is_some_and(|first| *first < at) && !starts.contains(&at))
    }

    /// Packets in front of an anchor whose row's beginning the damage hides, as
    /// far as they are sure: their number is not known.
    pub(super) fn packets_behind_damage(&mut self, anchor: u64) -> Result<()> {
        let Some(lost) = self.found.stretches.last().map(|s| s.lost) else {
            return Ok(());
        };
        let longest = self.judge.profile.runs.longest.min(DIVIDED);
        let span = Span::new(anchor.saturating_sub(longest).max(lost.start), anchor);
        let Some(index) = self.cutters.iter().position(Option::is_some) else {
            return Ok(());
        };
        let taught = self.taught_behind(index, anchor)?;
        let bytes = self.source.read_span(span)?;
        let step = step(self.judge.profile, index);
        let Some(taught) = taught else {
            return Ok(());
        };
        let starts = taught.last_starts(&bytes);
        let Some((first, count)) = starts.first().zip(i64::try_from(starts.len()).ok()) else {
            return Ok(());
        };
        if let Some(stretch) = self.found.stretches.last_mut() {
            stretch.lost.end = span.start + *first as u64;
        }
        if let Some(clock) = self.clocks.get_mut(index) {
            *clock -= count * step;
        }
        let ends = starts.iter().skip(1).copied().chain([bytes.len()]);
        let track = u16::try_from(index).unwrap_or(u16::MAX);
        for (from, to) in starts.iter().zip(ends) {
            let part = bytes.get(*from..to).unwrap_or_default();
            if let Some(cutter) = self.cutters.get_mut(index).and_then(Option::as_mut) {
                cutter.note_head(part);
                cutter.packets.note_size(part.len());
            }
            let part = Span::new(span.start + *from as u64, span.start + to as u64);
            self.push_one(track, part, Class::C);
        }
        Ok(())
    }

    /// How many packets of a track are written before the leading track's next
    /// sample.
    fn count(&self, track: usize, span: Span, at_end: bool) -> Count {
        let profile = self.judge.profile;
        let leader = profile.leader();
        let step = step(profile, track);
        let mut ahead = self.ahead(track);
        if at_end {
            // The sound lasts as long as the pictures do, some of which are shown late.
            let late = profile.tracks.get(leader).map_or(0, |t| t.first_offset);
            ahead += profile.clock.common(leader, late.into());
        }
        let cutter = self.cutters.get(track).and_then(Option::as_ref);
        let phases = cutter.map_or(&[0.0][..], |c| &c.phases);
        let assumed = (0..)
            .zip(phases)
            .map(|(i, cost)| (due(ahead, i, step).max(1), *cost));
        let mut assumed: Vec<(i64, f64)> = assumed.collect();
        let [trusted, doubted, end] = MISCOUNT;
        if at_end {
            // The sound may go on behind the last picture.
            let len = usize::try_from(span.len()).unwrap_or(usize::MAX);
            let by_size = cutter.map_or(1, |c| c.packets.number_in(len));
            let most = assumed.iter().map(|(n, _)| *n).max().unwrap_or(1);
            assumed.extend((most + 1..=by_size).map(|n| (n, 0.0)));
            return Count {
                assumed,
                miscount: end,
            };
        }
        let interleave = &profile.interleave;
        let constant = |t: &TrackProfile| t.durations.is_constant();
        let holds = interleave.rule == Rule::Samples
            && interleave.hit_rate >= TRUSTED
            && profile.tracks.get(leader).is_some_and(constant);
        Count {
            assumed,
            miscount: if holds { trusted } else { doubted },
        }
    }
}

impl Cutter {
    /// What a row of `packets` says of the clock.
    fn settle(&mut self, count: &Count, packets: usize) {
        let least = count.cost(packets);
        for (phase, assumed) in self.phases.iter_mut().zip(&count.assumed) {
            *phase = (count.under(*assumed, packets) - least).min(JUMP);
        }
    }

    /// Whether a row may begin so.
    fn could_begin(&self, bytes: &[u8]) -> bool {
        let head = bytes.get(..HEAD).unwrap_or(bytes);
        let any = |len: usize| {
            bytes
                .get(..len)
                .is_some_and(|b| self.recogniser.could_be(b))
        };
        self.recogniser.could_start(head) || (1..HEAD).any(any)
    }

    fn note_head(&mut self, packet: &[u8]) {
        let head = packet.get(..FIRST).unwrap_or(packet);
        self.packets.note_head(head, self.recogniser.as_ref());
    }

    /// Where the last packets begin that are sure, of bytes that end with one.
    fn last_starts(&self, bytes: &[u8]) -> Vec<usize> {
        let mut starts: Vec<usize> = Vec::new();
        let mut symbols = Vec::new();
        let mut end = bytes.len();
        let all = self.starts(bytes);
        while starts.len() < PACKETS {
            let mut best = (SURE, None);
            for (from, head) in all.iter().filter(|(from, _)| *from < end) {
                let cost = self.cost(bytes, (*from, *head), end, &mut symbols);
                if cost < best.0 {
                    best = (cost, Some(*from));
                }
            }
            let Some(from) = best.1 else {
                break;
            };
            starts.push(from);
            end = from;
        }
        starts.reverse();
        starts
    }

    /// Whether the last packet of `bytes` is likelier one that begins in front of
    /// its last `len` than these.
    fn begins_earlier(&self, bytes: &[u8], len: usize) -> bool {
        let at = bytes.len().saturating_sub(len);
        let mut symbols = Vec::new();
        let packet = bytes.get(at..).unwrap_or_default();
        let head = packet.get(..FIRST).unwrap_or(packet);
        let own = self.head(head, &mut symbols) + self.packets.size_cost(len);
        if own <= SURE {
            return false;
        }
        let starts = self.starts(bytes);
        let earlier = starts.into_iter().filter(|(from, _)| *from < at);
        let costs = earlier.map(|start| self.cost(bytes, start, bytes.len(), &mut symbols));
        let least = costs.fold(f64::INFINITY, f64::min);
        least < SURE && least < own - EARLIER
    }

    /// Where packets may start, each with the cost of its first symbols.
    fn starts(&self, bytes: &[u8]) -> Vec<(usize, f64)> {
        let mut symbols = Vec::new();
        let start = |at: usize| {
            let rest = bytes.get(at..).unwrap_or_default();
            let likely = self
                .recogniser
                .could_start(rest.get(..HEAD).unwrap_or(rest));
            let head = rest.get(..FIRST).unwrap_or(rest);
            (at == 0 || likely).then(|| (at, self.head(head, &mut symbols)))
        };
        (0..bytes.len()).filter_map(start).collect()
    }

    /// The cost of a packet from one place to another.
    fn cost(
        &self,
        bytes: &[u8],
        (from, head): (usize, f64),
        to: usize,
        symbols: &mut Vec<Symbol>,
    ) -> f64 {
        let packet = bytes.get(from..to).unwrap_or_default();
        if packet.len() > self.longest || !self.recogniser.could_be(packet) {
            return f64::INFINITY;
        }
        let head = if packet.len() < FIRST {
            self.head(packet, symbols)
        } else {
            head
        };
        head + self.packets.size_cost(packet.len())
    }

    /// Where to cut a row, and what that costs; `None` if it cannot be one.
    fn cuts(&self, bytes: &[u8], count: &Count, cut: bool) -> Option<(Vec<usize>, f64)> {
        let division = self.division(bytes, count.most(), cut);
        let (parts, cost) = division.likeliest(|k| count.cost(k));
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        let likely = division.cost(parts) < UNLIKELY * parts as f64;
        likely.then(|| (division.cuts(parts), cost))
    }

    /// The ways to cut a row into no more than `most` packets.
    fn division(&self, bytes: &[u8], most: usize, cut: bool) -> Division {
        let starts = self.starts(bytes);
        let mut symbols = Vec::new();
        let mut cost = |from: (usize, f64), to: usize| {
            if cut && to == bytes.len() {
                return from.1 + self.packets.rest_cost(to - from.0);
            }
            self.cost(bytes, from, to, &mut symbols)
        };
        Division::new(&starts, bytes.len(), most, self.longest, &mut cost)
    }

    fn head(&self, head: &[u8], symbols: &mut Vec<Symbol>) -> f64 {
        symbols.clear();
        self.recogniser.symbols(head, symbols);
        self.packets.head_cost(symbols)
    }
}
