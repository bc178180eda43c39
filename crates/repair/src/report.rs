//! The outcome, told from what was found.

use crate::item::{Found, Item};
use crate::layout::{Content, Layout};
use crate::profile::Profile;
use crate::times::Timeline;
use crate::{Basis, Class, Gap, LedgerEntry, Reconstruction, Stretch, TrackOutcome, Use};
use std::path::Path;
use std::time::Duration;
use tapo_io::Span;
use tapo_movie::SampleDescription;

/// Puts together what is known before anything is written.
pub(crate) fn outcome(
    path: &Path,
    len: u64,
    layout: &Layout,
    found: &Found,
    profile: &Profile,
    line: &Timeline,
) -> Reconstruction {
    Reconstruction {
        source: path.to_owned(),
        output: None,
        basis: Basis::OwnIndex,
        tracks: tracks(found, profile, line),
        gaps: gaps(found, profile, line),
        ledger: ledger(len, layout, found),
        size: 0,
    }
}

/// Ticks of a clock of `hz` as a duration.
fn duration(ticks: i64, hz: u64) -> Duration {
    let ticks = u128::try_from(ticks).unwrap_or(0);
    let nanos = ticks * 1_000_000_000 / u128::from(hz.max(1));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

fn tracks(found: &Found, profile: &Profile, line: &Timeline) -> Vec<TrackOutcome> {
    let all = profile.movie.tracks.iter().zip(&line.tracks).enumerate();
    all.filter(|(_, (_, times))| !times.is_empty())
        .map(|(index, (track, times))| {
            let hz = u64::from(track.timescale);
            let mut classes = [0; 4];
            let mut stretches: Vec<Stretch> = Vec::new();
            let mut number = 1;
            for item in times.iter().filter_map(|t| found.items.get(t.item)) {
                let samples = u64::from(item.samples.max(1));
                if let Some(count) = classes.get_mut(place(item.class)) {
                    *count += samples;
                }
                match stretches.last_mut() {
                    Some(last) if last.class == item.class => last.samples += samples,
                    _ => stretches.push(Stretch {
                        first: number,
                        samples,
                        class: item.class,
                    }),
                }
                number += samples;
            }
            let lost: u64 = line
                .missing
                .iter()
                .filter_map(|m| m.samples.get(index))
                .sum();
            let usual = profile.tracks.get(index).map_or(0, |t| t.durations.usual);
            let lost_ticks = i64::try_from(lost.saturating_mul(u64::from(usual)));
            TrackOutcome {
                id: track.header.id,
                handler: track.handler,
                entry: track
                    .descriptions
                    .first()
                    .map(SampleDescription::kind)
                    .unwrap_or_default(),
                samples: number - 1,
                recovered: duration(times.iter().map(|t| t.duration).sum(), hz),
                lost_samples: lost,
                lost: duration(lost_ticks.unwrap_or(i64::MAX), hz),
                classes,
                stretches,
            }
        })
        .collect()
}

const fn place(class: Class) -> usize {
    match class {
        Class::A => 0,
        Class::B => 1,
        Class::C => 2,
        Class::D => 3,
    }
}

fn gaps(found: &Found, profile: &Profile, line: &Timeline) -> Vec<Gap> {
    let leader = profile.leader();
    let stretches = found.stretches.iter().zip(&line.missing);
    stretches
        .filter(|(stretch, _)| !stretch.lost.is_empty())
        .map(|(stretch, missing)| {
            let usual = profile.tracks.get(leader).map_or(0, |t| t.durations.usual);
            let hz = profile.movie.tracks.get(leader).map_or(1, |t| t.timescale);
            let start = missing.starts.get(leader).copied().unwrap_or(0);
            let lost = missing.samples.get(leader).copied().unwrap_or(0);
            let ticks = i64::try_from(lost.saturating_mul(u64::from(usual))).unwrap_or(0);
            Gap {
                span: stretch.lost,
                at: duration(start - ticks, u64::from(hz)),
                length: duration(ticks, u64::from(hz)),
            }
        })
        .collect()
}

/// Every byte once: what samples hold, what structure is, and the rest.
fn ledger(len: u64, layout: &Layout, found: &Found) -> Vec<LedgerEntry> {
    let mut ledger = Ledger {
        entries: Vec::new(),
        at: 0,
    };
    let mut items: Vec<&Item> = found.items.iter().collect();
    items.sort_by_key(|i| i.at);
    let mut items = items.into_iter().peekable();
    let mut boxes = found.boxes.iter().peekable();
    for piece in &layout.pieces {
        if !matches!(piece.what, Content::Media { .. }) {
            // Samples within a box are of a fragment's own media data.
            ledger.add(piece.span, Use::Structure);
            continue;
        }
        loop {
            let item = items
                .peek()
                .filter(|i| i.at < piece.span.end)
                .map(|i| i.span());
            let own = boxes.peek().filter(|b| b.start < piece.span.end).copied();
            match (item, own) {
                (Some(item), own) if own.is_none_or(|b| item.start <= b.start) => {
                    ledger.add(item, Use::Samples);
                    items.next();
                }
                (_, Some(own)) => {
                    ledger.add(*own, Use::Structure);
                    boxes.next();
                }
                _ => break,
            }
        }
        if let Some(cut) = found.cut.filter(|c| piece.span.contains(*c)) {
            ledger.add(cut, Use::CutOff);
        }
        ledger.add(Span::new(piece.span.end, piece.span.end), Use::Unusable);
    }
    ledger.add(Span::new(len, len), Use::Unusable);
    ledger.entries
}

struct Ledger {
    entries: Vec<LedgerEntry>,
    at: u64,
}

impl Ledger {
    /// Adds a range; what lies in front of it and was not named is unusable.
    fn add(&mut self, span: Span, what: Use) {
        self.put(Span::new(self.at, span.start), Use::Unusable);
        self.put(Span::new(span.start.max(self.at), span.end), what);
    }

    fn put(&mut self, span: Span, what: Use) {
        if span.is_empty() {
            return;
        }
        match self.entries.last_mut() {
            Some(last) if last.what == what && last.span.end == span.start => {
                last.span.end = span.end;
            }
            _ => self.entries.push(LedgerEntry { span, what }),
        }
        self.at = span.end;
    }
}
