//! The outcome, told from what was found.

mod ledger;

use crate::item::{Found, Item, When};
use crate::layout::{Layout, trim_zeros};
use crate::profile::{Finding, Profile};
use crate::times::{Timed, Timeline};
use crate::{Basis, Class, Damaged, Gap, Note, Reconstruction, Result, Stretch, TrackOutcome};
use ledger::ledger;
use std::time::Duration;
use tapo_io::{ByteSource, Span};
use tapo_movie::{SampleDescription, Track};

/// Puts together what is known before anything is written.
///
/// # Errors
/// The source fails.
pub(crate) fn outcome(
    source: &dyn ByteSource,
    layout: &Layout,
    found: &Found,
    profile: &Profile,
    line: &Timeline,
) -> Result<Reconstruction> {
    let tracks = tracks(found, profile, line);
    let by_clock = tracks.iter().filter(|t| t.ends_by_clock > 0);
    let mut notes: Vec<Note> = by_clock
        .map(|t| Note::EndByClock {
            track: t.id,
            samples: t.ends_by_clock,
        })
        .collect();
    notes.extend(found.cut.map(|bytes| Note::CutOff { bytes }));
    notes.extend(unread(source, layout, found)?);
    let foreign = found.foreign.iter();
    notes.extend(foreign.map(|&(bytes, samples)| Note::Foreign { bytes, samples }));
    let mut gaps = gaps(found, profile, line);
    gaps.extend(dropped(found, profile));
    gaps.sort_by_key(|g| g.span);
    Ok(Reconstruction {
        source: source.path().to_owned(),
        output: None,
        target: source.path().to_owned(),
        in_place: false,
        hashes: None,
        notes,
        basis: Basis::OwnIndex,
        tracks,
        gaps,
        ledger: ledger(source, layout, found)?,
        size: 0,
        thorough: false,
    })
}

/// Bytes at the end that may pad it.
const PADDING: u64 = 64;

/// The end of media data that belongs to no sample, where boxes vouch for it and nothing
/// but a search says what it holds.
fn unread(source: &dyn ByteSource, layout: &Layout, found: &Found) -> Result<Option<Note>> {
    let known = found
        .items
        .iter()
        .any(|i| matches!(i.when, When::Known { .. }));
    let Some((media, _, true)) = layout.media().last().filter(|_| !known) else {
        return Ok(None);
    };
    let last = found.items.iter().map(|i| i.span().end).max().unwrap_or(0);
    let rest = Span::new(last.max(media.start), media.end);
    let rest = Span::new(rest.start, trim_zeros(source, rest)?);
    let unread = found.cut.is_none() && rest.len() >= PADDING;
    Ok(unread.then_some(Note::EndUnread { bytes: rest }))
}

/// Ticks of a clock of `hz` as a duration.
fn duration(ticks: i64, hz: u64) -> Duration {
    let ticks = u128::try_from(ticks).unwrap_or(0);
    let nanos = ticks * 1_000_000_000 / u128::from(hz.max(1));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// Ticks that samples last, each no longer than until the next: one in front of what was missing may say it lasts until
/// behind that.
fn played(times: &[Timed]) -> i64 {
    let next = times.iter().skip(1).map(|t| t.dts).chain([i64::MAX]);
    let each = times.iter().zip(next);
    each.map(|(t, next)| t.duration.min(next.saturating_sub(t.dts)).max(0))
        .sum()
}

fn tracks(found: &Found, profile: &Profile, line: &Timeline) -> Vec<TrackOutcome> {
    let last = found.items.iter().max_by_key(|i| i.at);
    let all = profile.movie.tracks.iter().zip(&line.tracks).enumerate();
    all.filter(|(_, (_, times))| !times.is_empty())
        .map(|(index, (track, times))| {
            let told = Told::of(index, track, times, found);
            let hz = u64::from(track.timescale);
            let lost = line.missing.iter();
            let lost: u64 = lost.filter_map(|m| m.samples.get(index)).sum();
            let dropped = found.dropped.iter();
            let dropped = dropped.filter(|d| usize::from(d.track) == index).count() as u64;
            let lost = lost + dropped;
            let of = profile.tracks.get(index);
            let usual = of.map_or(0, |t| t.durations.usual);
            let lost_ticks = i64::try_from(lost.saturating_mul(u64::from(usual)));
            // The last row of data without syntax, where nothing follows.
            let is_row = of.is_some_and(|t| matches!(t.finding, Finding::Frames { .. }));
            let end = last.filter(|i| is_row && i.class == Class::C);
            let end = end.filter(|i| usize::from(i.track) == index);
            TrackOutcome {
                id: track.header.id,
                handler: track.handler,
                entry: track
                    .descriptions
                    .first()
                    .map(SampleDescription::kind)
                    .unwrap_or_default(),
                samples: told.number - 1,
                recovered: duration(played(times), hz),
                lost_samples: lost,
                lost: duration(lost_ticks.unwrap_or(i64::MAX), hz),
                classes: told.classes,
                guessed: duration(told.guessed, hz),
                without_keyframe: duration(told.without_keyframe, hz),
                ends_by_clock: end.map_or(0, |i| samples(&i)),
                stretches: told.stretches,
                damaged: told.damaged,
            }
        })
        .collect()
}

fn samples(item: &Item) -> u64 {
    u64::from(item.samples.max(1))
}

/// The samples of a track, told one behind the other.
struct Told {
    /// Number of the next sample.
    number: u64,
    classes: [u64; 4],
    /// Ticks of those of class C.
    guessed: i64,
    /// Ticks of undamaged ones behind a keyframe that is lost or damaged.
    without_keyframe: i64,
    stretches: Vec<Stretch>,
    damaged: Vec<Damaged>,
}

impl Told {
    fn of(index: usize, track: &Track, times: &[Timed], found: &Found) -> Self {
        let mut told = Self {
            number: 1,
            classes: [0; 4],
            guessed: 0,
            without_keyframe: 0,
            stretches: Vec::new(),
            damaged: Vec::new(),
        };
        let (mut keyed, mut keyframes) = (false, 0_u64);
        let hz = u64::from(track.timescale);
        let start = times.first().map_or(0, |t| t.dts);
        let mut begun = 0;
        let index = u16::try_from(index).unwrap_or(u16::MAX);
        let mut places = found.items.places(index);
        for time in times {
            let Some(item) = places.of(time.item) else {
                continue;
            };
            let samples = u64::from(item.samples.max(1));
            if let Some(count) = told.classes.get_mut(place(item.class)) {
                *count += samples;
            }
            let at = time.dts - start;
            match told.stretches.last_mut().filter(|s| s.class == item.class) {
                Some(last) => last.samples += samples,
                None => {
                    begun = at;
                    told.stretches.push(Stretch {
                        first: told.number,
                        samples,
                        class: item.class,
                        at: duration(at, hz),
                        length: Duration::ZERO,
                    });
                }
            }
            if let Some(last) = told.stretches.last_mut() {
                last.length = duration(at + time.duration - begun, hz);
            }
            match item.class {
                Class::C => told.guessed += time.duration,
                Class::D => told.damaged.push(Damaged {
                    number: told.number,
                    span: item.span(),
                }),
                Class::A | Class::B => {}
            }
            if item.sync {
                keyed = item.class != Class::D;
                keyframes += u64::from(keyed);
            }
            if !keyed && item.class != Class::D {
                told.without_keyframe += time.duration;
            }
            told.number += samples;
        }
        // Without any, pictures are refreshed another way.
        if track.handler != b"vide" || keyframes == 0 {
            told.without_keyframe = 0;
        }
        told
    }
}

const fn place(class: Class) -> usize {
    match class {
        Class::A => 0,
        Class::B => 1,
        Class::C => 2,
        Class::D => 3,
    }
}

/// Where samples that an index names are not in the file, as gaps.
fn dropped(found: &Found, profile: &Profile) -> Vec<Gap> {
    let mut gaps: Vec<Gap> = Vec::new();
    for dropped in &found.dropped {
        let track = profile.movie.tracks.get(usize::from(dropped.track));
        let hz = u64::from(track.map_or(1, |t| t.timescale));
        let at = duration(dropped.dts, hz);
        let end = at + duration(i64::from(dropped.duration), hz);
        match gaps.last_mut() {
            // Samples of all tracks lie next to each other.
            Some(last) if dropped.span.start <= last.span.end => {
                last.span.end = last.span.end.max(dropped.span.end);
                let begun = last.at.min(at);
                let ended = (last.at + last.length).max(end);
                (last.at, last.length) = (begun, ended.saturating_sub(begun));
            }
            _ => gaps.push(Gap {
                span: dropped.span,
                at,
                length: end.saturating_sub(at),
            }),
        }
    }
    gaps
}

fn gaps(found: &Found, profile: &Profile, line: &Timeline) -> Vec<Gap> {
    let leader = profile.leader();
    let stretches = found.stretches.iter().zip(&line.missing);
    stretches
        .filter(|(stretch, _)| !stretch.lost.is_empty())
        .filter(|(stretch, _)| !found.is_filled(stretch))
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
