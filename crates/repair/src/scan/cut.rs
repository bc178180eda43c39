//! Rows of packets whose lengths nothing says, cut where each is likely to begin.

use super::Scanner;
use crate::Class;
use crate::Result;
use crate::interleave::Rule;
use crate::packets::{FIRST, Packets};
use crate::profile::{Finding, Profile, TrackProfile};
use tapo_codec::{HEAD, Recogniser, Symbol};
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

/// Cost of a packet in a row that is none, but damage.
const UNLIKELY: f64 = 40.0;

/// Packets in a row, at most.
const PACKETS: usize = 128;

/// What is known of one track's packets at the place of the search.
#[derive(Debug)]
pub(super) struct Cutter {
    packets: Packets,
    recogniser: Box<dyn Recogniser>,
    /// Costs of the assumptions about when the next packet is due.
    phases: [f64; PHASES],
}

impl Cutter {
    /// For a track whose packets are to be told apart by likelihood.
    pub(super) fn of(track: &TrackProfile) -> Option<Self> {
        let recogniser = track.recogniser.as_ref()?;
        let mut packets = track.packets.clone();
        packets.pause();
        (track.finding == Finding::Starts).then(|| Self {
            packets,
            recogniser: recogniser.fork(),
            phases: phases(ON_TIME..ON_TIME + 1),
        })
    }

    /// Something was lost: the clocks stand together again, but for less than a
    /// packet.
    pub(super) fn lose_time(&mut self) {
        self.phases = phases(ON_TIME..ON_TIME + PARTS);
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
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        let off = count.abs_diff(expected) as f64;
        cost + off * self.miscount
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
        let count = self.count(index, span, at_end);
        let cutter = self.cutters.get_mut(index).and_then(Option::as_mut);
        let Some(cutter) = cutter.filter(|_| span.len() <= DIVIDED) else {
            self.push_one(track, span, Class::C);
            return Ok(true);
        };
        let bytes = self.source.read_span(span)?;
        if !cutter.could_begin(&bytes) {
            return Ok(false);
        }
        // Where a row begins, a packet does: what it begins with may be new.
        cutter.recogniser.learn(&bytes);
        let before = cutter.packets.clone();
        cutter.note_head(&bytes);
        let Some(cuts) = cutter.cuts(&bytes, &count, cut) else {
            cutter.packets = before;
            return Ok(false);
        };
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
        for part in parts {
            self.push_one(track, part, Class::B);
        }
        Ok(true)
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
        let bytes = self.source.read_span(span)?;
        let step = step(self.judge.profile, index);
        let Some(cutter) = self.cutters.get_mut(index).and_then(Option::as_mut) else {
            return Ok(());
        };
        let starts = cutter.last_starts(&bytes);
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
        let clock = |track: usize| self.clocks.get(track).copied().unwrap_or(0);
        // Of two that are due at the same time that of the first track is written first.
        let mut ahead = clock(leader) - clock(track) + i64::from(track < leader);
        if at_end {
            // The sound lasts as long as the pictures do, some of which are shown late.
            let late = profile.tracks.get(leader).map_or(0, |t| t.first_offset);
            ahead += profile.clock.common(leader, late.into());
        }
        let cutter = self.cutters.get(track).and_then(Option::as_ref);
        let phases = cutter.map_or(&[0.0][..], |c| &c.phases);
        let assumed = (0..).zip(phases).map(|(i, cost)| {
            let later = step * (i - ON_TIME) / PARTS;
            let number = (ahead - later + step - 1).div_euclid(step);
            (number.max(1), *cost)
        });
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
        if !self.recogniser.could_be(packet) {
            return f64::INFINITY;
        }
        let head = if packet.len() < FIRST {
            self.head(packet, symbols)
        } else {
            head
        };
        head + self.packets.size_cost(packet.len())
    }

    /// Where to cut a row; `None` if it cannot be one.
    fn cuts(&self, bytes: &[u8], count: &Count, cut: bool) -> Option<Vec<usize>> {
        let starts = self.starts(bytes);
        let mut symbols = Vec::new();
        let mut cost = |from: (usize, f64), to: usize| {
            if cut && to == bytes.len() {
                return from.1 + self.packets.rest_cost(to - from.0);
            }
            self.cost(bytes, from, to, &mut symbols)
        };
        let (cuts, least) = best_cuts(&starts, bytes.len(), count, &mut cost);
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        let parts = (cuts.len() + 1) as f64;
        (least < UNLIKELY * parts).then_some(cuts)
    }

    fn head(&self, head: &[u8], symbols: &mut Vec<Symbol>) -> f64 {
        symbols.clear();
        self.recogniser.symbols(head, symbols);
        self.packets.head_cost(symbols)
    }
}

/// The places to cut a row of `len` bytes at, so that the cost of the parts and
/// of their number is least. Parts begin at `starts`, the first of them 0, each
/// given with a cost of its own.
fn best_cuts(
    starts: &[(usize, f64)],
    len: usize,
    count: &Count,
    cost: &mut dyn FnMut((usize, f64), usize) -> f64,
) -> (Vec<usize>, f64) {
    let ends: Vec<usize> = starts.iter().map(|(at, _)| *at).chain([len]).collect();
    let most = count.most();
    // best[k][i]: least cost of k parts that end at ends[i], and where the last begins.
    let none = (f64::INFINITY, 0);
    let mut best = vec![vec![none; ends.len()]; most + 1];
    if let Some(first) = best.first_mut().and_then(|b| b.first_mut()) {
        *first = (0.0, 0);
    }
    for (i, end) in ends.iter().enumerate().skip(1) {
        for (j, start) in starts.iter().enumerate().take(i) {
            let own = cost(*start, *end);
            if !own.is_finite() {
                continue;
            }
            for k in 1..=most {
                let before = best.get(k - 1).and_then(|b| b.get(j));
                let total = before.map_or(f64::INFINITY, |b| b.0) + own;
                if let Some(slot) = best.get_mut(k).and_then(|b| b.get_mut(i))
                    && total < slot.0
                {
                    *slot = (total, j);
                }
            }
        }
    }
    let last = ends.len() - 1;
    let at = |k: usize, i: usize| best.get(k).and_then(|b| b.get(i)).copied().unwrap_or(none);
    let total = |k: &usize| at(*k, last).0 + count.cost(*k);
    let least = (1..=most).min_by(|a, b| total(a).total_cmp(&total(b)));
    let mut k = least.filter(|k| total(k).is_finite()).unwrap_or(1);
    let least = at(k, last).0;
    let mut cuts = Vec::new();
    let mut i = last;
    while k > 1 {
        i = at(k, i).1;
        cuts.extend(ends.get(i));
        k -= 1;
    }
    cuts.reverse();
    (cuts, least)
}

#[cfg(test)]
mod tests {
    use super::{Count, best_cuts};

    #[test]
    fn a_row_is_cut_where_packets_may_begin_and_sizes_are_likely() {
        let count = |n| Count {
            assumed: vec![(n, 0.0)],
            miscount: 12.0,
        };
        let cuts = |starts: &[usize], len, n| {
            let starts: Vec<_> = starts.iter().map(|s| (*s, 0.0)).collect();
            let mut cost =
                |from: (usize, f64), to: usize| ((to - from.0) as f64 - 100.0).abs() / 20.0;
            best_cuts(&starts, len, &count(n), &mut cost).0
        };
        assert_eq!(cuts(&[0, 40, 97, 150], 201, 2), [97]);
        assert_eq!(cuts(&[0, 101, 199], 300, 3), [101, 199]);
        assert!(cuts(&[0], 300, 3).is_empty(), "nowhere to cut");
        assert!(cuts(&[0], 0, 1).is_empty());
    }
}
