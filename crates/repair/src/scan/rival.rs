//! Several video tracks of one coding: whose sample is it?
//!
//! Headers of pictures read alike with the parameter sets of many streams. The
//! muxer's order, the pictures' own counts and their sizes tell the tracks
//! apart; so does decoding, where parameter sets differ.

use super::Scanner;
use super::judge::{EXPECTED_BITS, Seen};
use crate::Result;
use crate::interleave::Rule;
use crate::profile::{Finding, TrackProfile};
use tapo_codec::{Access, Decodes, Depth, Order, Verdict, h264};
use tapo_io::Span;

/// What the tracks were seen to do last.
#[derive(Clone, Debug)]
pub(super) struct Rivals {
    /// The last picture of each track in this stretch.
    last: Vec<Option<Order>>,
    /// Mean logarithm of the sizes of each track's samples, as far as they were
    /// seen, and how many those are.
    sizes: Vec<(f64, u32)>,
    /// The track of the last sample.
    latest: usize,
    /// When the samples of that track began to follow each other, common clock.
    since: i64,
    /// Video tracks are more than one.
    any: bool,
    /// Nothing was seen in this stretch yet.
    fresh: bool,
}

/// A sample as that of a track.
#[derive(Clone, Debug)]
pub(super) struct Claim {
    pub(super) track: usize,
    /// Index of the recogniser's group.
    pub(super) group: usize,
    pub(super) access: Access,
}

/// Cost of each step by which another track is further behind, and of most.
const LATE: (f64, f64) = (8.0, 24.0);

/// Cost of a picture that does not follow the last one of its track.
const JUMP: f64 = 12.0;

/// Cost of another track where one track's samples follow each other.
const SWITCH: f64 = 6.0;

/// Worth of a picture that decodes with the parameter sets of its track.
const DECODED: f64 = 40.0;

/// Largest picture that is decoded for it, bytes.
const MOST_DECODED: u64 = 4 << 20;

/// Samples of a track whose sizes tell more than those of the reference.
const OWN: u32 = 8;

/// Part of the latest sample in the mean.
const FOLLOWS: f64 = 0.1;

/// Pictures ahead by which the first track of a stretch is found.
const AHEAD: usize = 24;

impl Rivals {
    pub(super) fn new(tracks: &[TrackProfile]) -> Self {
        let video = |t: &&TrackProfile| t.is_video && t.finding == Finding::Syntax;
        Self {
            last: vec![None; tracks.len()],
            sizes: tracks.iter().map(|t| (t.mean.max(1.0).ln(), 0)).collect(),
            latest: 0,
            since: 0,
            any: tracks.iter().filter(video).count() > 1,
            fresh: false,
        }
    }

    /// Behind a gap.
    pub(super) fn forget(&mut self) {
        self.last.fill(None);
        self.fresh = true;
    }

    /// Takes a sample; `clock` is when it is due.
    fn take(&mut self, claim: &Claim, clock: i64) {
        if self.latest != claim.track {
            self.since = clock;
        }
        self.latest = claim.track;
        if let Some((mean, seen)) = self.sizes.get_mut(claim.track) {
            *seen = seen.saturating_add(1);
            let share = (1.0 / f64::from(*seen)).max(FOLLOWS);
            *mean += share * (size(claim) - *mean);
        }
        if let Some(last) = self.last.get_mut(claim.track) {
            *last = Some(claim.access.order.clone());
        }
    }
}

impl Scanner<'_> {
    /// The track of a sample, and what it is as one of that track.
    pub(super) fn whose(&mut self, at: u64, seen: Seen) -> Result<Claim> {
        let group = self.judge.groups.get(seen.group);
        let claim = Claim {
            track: group.map_or(0, |g| g.track),
            group: seen.group,
            access: seen.access,
        };
        if !self.rivals.any || !group.is_some_and(|g| g.is_video) {
            return Ok(claim);
        }
        let claims = self.claims(at, &claim)?;
        if std::mem::take(&mut self.rivals.fresh) && claims.len() > 1 {
            self.find_phase(at, &claims)?;
        }
        let mut best = (f64::INFINITY, claim);
        for claim in claims {
            let cost = self.cost(&claim, &self.rivals, &self.clocks) + self.decoded(at, &claim)?;
            if cost < best.0 {
                best = (cost, claim);
            }
        }
        let clock = self.clocks.get(best.1.track).copied().unwrap_or(0);
        self.rivals.take(&best.1, clock);
        Ok(best.1)
    }

    /// All tracks that the sample at `at`, seen as `first`, may be of.
    fn claims(&mut self, at: u64, first: &Claim) -> Result<Vec<Claim>> {
        let mut claims = Vec::new();
        for (group, g) in self.judge.groups.iter().enumerate() {
            if !g.is_video {
                continue;
            }
            let access = if group == first.group {
                first.access.clone()
            } else {
                let verdict = self.judge.probe(g, &mut self.window, at, Depth::Heads)?;
                match verdict {
                    Verdict::Sample(a) if a.len == first.access.len && a.bits >= EXPECTED_BITS => a,
                    _ => continue,
                }
            };
            let tracks = self.judge.profile.tracks.iter().enumerate();
            let own = tracks.filter(|(_, t)| t.group == g.track && t.finding == Finding::Syntax);
            claims.extend(own.map(|(track, _)| Claim {
                track,
                group,
                access: access.clone(),
            }));
        }
        Ok(claims)
    }

    /// How little a sample looks like the next one of its track.
    fn cost(&self, claim: &Claim, rivals: &Rivals, clocks: &[i64]) -> f64 {
        let profile = self.judge.profile;
        let Some(of) = profile.tracks.get(claim.track) else {
            return f64::INFINITY;
        };
        let mut cost = 0.0;
        if let Some(Some(last)) = rivals.last.get(claim.track)
            && !follows(last, &claim.access.order)
        {
            cost += JUMP;
        }
        // The other recording's pictures may have been busier.
        let known = rivals.sizes.get(claim.track).copied().unwrap_or_default();
        let weight = if known.1 >= OWN { 1.0 } else { 0.25 };
        cost += weight * (size(claim) - known.0).abs().min(2.0);
        let in_runs = profile.interleave.rule == Rule::Runs;
        let lasts = |track: usize| profile.video_runs.get(track).copied().unwrap_or(0);
        let now = clocks.get(rivals.latest).copied().unwrap_or(0);
        // A row of one track's samples goes on for as long as any did.
        let goes_on = in_runs && now.saturating_sub(rivals.since) < lasts(rivals.latest);
        let runs_on = goes_on && rivals.latest == claim.track;
        if goes_on && !runs_on {
            cost += SWITCH;
        }
        let own = clocks.get(claim.track).copied().unwrap_or(0);
        let first = clocks.iter().zip(&profile.tracks).enumerate();
        let rival = |t: &TrackProfile| t.is_video && t.finding == Finding::Syntax;
        // The rival that is due first; of several at one time the first track.
        let due = first
            .filter(|(i, (_, t))| *i != claim.track && rival(t))
            .map(|(i, (clock, _))| (*clock, i))
            .min();
        if let Some(due) = due.filter(|due| !runs_on && *due < (own, claim.track)) {
            #[expect(clippy::cast_precision_loss, reason = "a statistic")]
            let steps = (own - due.0) as f64 / of.step(&profile.clock, claim.track).max(1) as f64;
            cost += LATE.0.mul_add(steps, LATE.0).min(LATE.1);
        }
        cost
    }

    /// What decoding says for or against a track, where parameter sets differ.
    fn decoded(&self, at: u64, claim: &Claim) -> Result<f64> {
        let groups = || self.judge.groups.iter().filter(|g| g.is_video);
        let len = claim.access.len;
        if !claim.access.sync || len > MOST_DECODED || groups().count() < 2 {
            return Ok(0.0);
        }
        let Some(group) = self.judge.groups.get(claim.group) else {
            return Ok(0.0);
        };
        let sample = self.source.read_span(Span::at(at, len))?;
        Ok(match group.recogniser.decodes(&sample) {
            Decodes::Yes => -DECODED,
            Decodes::No(_) => DECODED,
            Decodes::Unknown => 0.0,
        })
    }

    /// Behind a gap the tracks' clocks stand together, though the gap has cut
    /// into a round of them: finds the track whose turn it is, by what follows.
    fn find_phase(&mut self, at: u64, claims: &[Claim]) -> Result<()> {
        let mut ahead: Vec<(u64, Vec<Claim>)> = vec![(at, claims.to_vec())];
        let mut place = at + claims.first().map_or(1, |c| c.access.len);
        let mut tries = AHEAD * 8;
        while ahead.len() < AHEAD && tries > 0 {
            tries -= 1;
            let Some(seen) = self.judge.strong(&mut self.window, place, Depth::Heads)? else {
                break;
            };
            if seen.cut {
                break;
            }
            let claim = Claim {
                track: 0,
                group: seen.group,
                access: seen.access,
            };
            let next = place + claim.access.len;
            if self
                .judge
                .groups
                .get(claim.group)
                .is_some_and(|g| g.is_video)
            {
                ahead.push((place, self.claims(place, &claim)?));
            }
            place = next;
        }
        let mut best: Option<(f64, Vec<i64>)> = None;
        for first in claims {
            let mut clocks = self.clocks.clone();
            let now = clocks.iter().max().copied().unwrap_or(0);
            for (track, clock) in clocks.iter_mut().enumerate() {
                let of = self.judge.profile.tracks.get(track);
                // Those in front of it have had their turn in this round.
                let had = claims.iter().any(|c| c.track == track) && track < first.track;
                let step = of.map_or(0, |t| t.step(&self.judge.profile.clock, track));
                *clock = now + if had { step } else { 0 };
            }
            let start = clocks.clone();
            let mut rivals = self.rivals.clone();
            let mut counts: Vec<Option<i64>> = vec![None; clocks.len()];
            let mut sum = 0.0;
            for (place, claims) in &ahead {
                let mut least = (f64::INFINITY, None);
                for claim in claims {
                    let decoded = self.decoded(*place, claim)?;
                    let cost = self.cost(claim, &rivals, &clocks) + decoded;
                    if cost < least.0 {
                        least = (cost, Some(claim));
                    }
                }
                let Some(claim) = least.1 else { continue };
                sum += least.0;
                rivals.take(claim, clocks.get(claim.track).copied().unwrap_or(0));
                let of = self.judge.profile.tracks.get(claim.track);
                let step = of.map_or(0, |t| t.step(&self.judge.profile.clock, claim.track));
                if let (Some(clock), Some(count)) =
                    (clocks.get_mut(claim.track), counts.get_mut(claim.track))
                {
                    *count = number(&claim.access.order);
                    *clock += step;
                }
                // Encoders that started together count alike at the same time.
                let own = counts.get(claim.track).copied().flatten();
                let level = |t: usize| clocks.get(t) == clocks.get(claim.track);
                let alike = |(t, n): (usize, &Option<i64>)| {
                    t == claim.track || !level(t) || n.is_none() || *n == own
                };
                if !counts.iter().enumerate().all(alike) {
                    sum += 1.0;
                }
            }
            if best.as_ref().is_none_or(|(least, _)| sum < *least) {
                best = Some((sum, start));
            }
        }
        if let Some((_, clocks)) = best {
            self.clocks = clocks;
        }
        Ok(())
    }
}

/// The logarithm of a sample's size.
fn size(claim: &Claim) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a statistic")]
    let size = claim.access.len.max(1) as f64;
    size.ln()
}

/// The count that a picture gives itself.
fn number(order: &Order) -> Option<i64> {
    match order {
        Order::H264 { sps, first, .. } => match sps.poc {
            h264::PocType::Lsb { .. } => Some(i64::from(first.pic_order_cnt_lsb)),
            _ => Some(i64::from(first.frame_num)),
        },
        Order::H265 { first, .. } => first.independent.map(|i| i64::from(i.pic_order_cnt_lsb)),
        Order::Anchored { .. } | Order::None => None,
    }
}

/// Whether a picture may follow another of the same stream.
fn follows(last: &Order, next: &Order) -> bool {
    match (last, next) {
        (
            Order::H264 {
                sps, first: last, ..
            },
            Order::H264 { first: next, .. },
        ) => {
            let count = 1_i64 << sps.log2_max_frame_num;
            let step = i64::from(next.frame_num) - i64::from(last.frame_num);
            next.is_idr() || step.rem_euclid(count) <= 1
        }
        (Order::H265 { sps, .. }, Order::H265 { first, .. }) => {
            let count = 1_i64 << sps.log2_max_poc_lsb;
            let (Some(a), Some(b)) = (number(last), number(next)) else {
                return true;
            };
            let step = (b - a).rem_euclid(count);
            first.nal.nal_type.is_irap() || step.min(count - step) <= NEAR
        }
        _ => true,
    }
}

/// Pictures by which the order of coding departs from that on the display.
const NEAR: i64 = 17;
