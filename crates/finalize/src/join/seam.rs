//! When each recording begins on the common timeline.

use super::Gaps;
use super::lane::{Lane, Nanos, SECOND, duration, nanos};
use super::parts::Part;
use super::{order, splice};
use crate::{Error, Result};
use std::path::Path;
use std::time::Duration;
use tapo_movie::Track;

/// How a recording goes on behind the one before it.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Seam {
    /// It is the first one.
    First,
    /// It runs at the same time: sound beside pictures, say.
    Beside,
    /// Without a break, by this clock.
    Gapless(Clock),
    /// Behind a break this long, by this clock; the break stays.
    Gap(Clock, Duration),
    /// Behind a break this long, by this clock, which is left out.
    Closed(Clock, Duration),
    /// At once; nothing in the files says how long the break was.
    Unknown,
    /// At once; its decode times are earlier than those of the one before it: they were counted
    /// anew, or it was recorded before that.
    Earlier,
}

/// What tells how long the time between two recordings was.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Clock {
    /// The camera's, as the recorder wrote it down: exact.
    Session,
    /// Time of day at the recorder: within the delay of the network.
    WallClock,
    /// Their own decode times, which go on from file to file: exact.
    DecodeTimes,
}

/// A recording on the common timeline.
#[derive(Copy, Clone, Debug)]
pub(super) struct Placed {
    /// Where its own timeline begins.
    pub(super) at: Nanos,
    pub(super) seam: Seam,
    /// How far its sound is behind its pictures, since that of the recordings before it lasted longer.
    late: Nanos,
}

/// How much of two recordings may overlap by time of day: the network delivers
/// the first pictures of a connection at once, however old they are.
const DELAY: Nanos = 3_000_000_000;

/// Finds when each part begins.
pub(super) fn seams(parts: &[Part], gaps: Gaps) -> Result<Vec<Placed>> {
    let mut placed: Vec<Placed> = Vec::with_capacity(parts.len());
    // The parts that run at the same time as the last one.
    let mut together = 0;
    for (index, part) in parts.iter().enumerate() {
        let before = parts.get(together..index).unwrap_or_default();
        let (Some(lead), Some(lead_placed)) = (before.first(), placed.get(together)) else {
            placed.push(Placed {
                at: 0,
                seam: Seam::First,
                late: 0,
            });
            continue;
        };
        let next = if is_beside(before, part) {
            Placed {
                at: lead_placed.at,
                seam: Seam::Beside,
                late: lead_placed.late,
            }
        } else {
            let at = lead_placed.at;
            let lanes = before.iter().flat_map(|p| &p.lanes);
            let shown = lanes.map(|l| at + l.shown).max().unwrap_or(at);
            together = index;
            behind(lead, *lead_placed, shown, part, gaps)?
        };
        placed.push(next);
    }
    Ok(placed)
}

/// Tracks of other kinds, on timelines that their fragments' own words put side
/// by side: the representations of one presentation.
fn is_beside(before: &[Part], part: &Part) -> bool {
    let kinds = || before.iter().flat_map(|p| &p.movie.tracks);
    part.fragmented
        && before.iter().all(|p| p.fragmented)
        && part
            .movie
            .tracks
            .iter()
            .all(|t| kinds().all(|k| k.handler != t.handler))
}

/// Where `part` begins, `before` being placed, and shown until `shown`.
fn behind(before: &Part, placed: Placed, shown: Nanos, part: &Part, gaps: Gaps) -> Result<Placed> {
    let at = placed.at;
    let Some((ends, begins, step)) = leading(before, part) else {
        let earliest = part.lanes.iter().map(|l| l.first).min().unwrap_or(0);
        return Ok(Placed {
            at: shown - earliest.max(0),
            seam: Seam::Unknown,
            late: 0,
        });
    };
    let contiguous = at + ends.shown - begins.begins;
    let at_once = |seam| {
        let Sound { wait, late } = Sound::of(before, placed, part, contiguous);
        Placed {
            at: contiguous + wait,
            seam,
            late,
        }
    };
    let place = |at, seam| {
        // Packets too many are left out, up to less than one.
        let Sound { wait, late } = Sound::of(before, placed, part, at);
        let late = late.max(wait.min(SECOND / splice::LATE));
        Placed { at, seam, late }
    };
    let said = said(before, at, ends, part, begins)?;
    let unknown = match (&before.stamp, &part.stamp) {
        (Some(_), Some(_)) => Seam::Unknown,
        _ if order::counts_back(ends, begins) => Seam::Earlier,
        _ => Seam::Unknown,
    };
    let Some((clock, start)) = said else {
        return Ok(at_once(unknown));
    };
    let gap = start - contiguous;
    Ok(match clock {
        // Not as exact as the samples' own durations.
        Clock::WallClock if gap.abs() <= step / 2 => at_once(Seam::Gapless(clock)),
        _ if gap.abs() <= step / 2 => place(start, Seam::Gapless(clock)),
        // A late start of its own, more likely than a break before it.
        Clock::DecodeTimes if gap > SECOND && !part.fragmented => at_once(unknown),
        _ if gap > 0 && gaps == Gaps::Close => at_once(Seam::Closed(clock, duration(gap))),
        _ if gap > 0 => place(start, Seam::Gap(clock, duration(gap))),
        Clock::WallClock if gap > -DELAY => at_once(Seam::Gapless(clock)),
        // They start again from the beginning, as if nothing had been before.
        Clock::DecodeTimes => at_once(unknown),
        Clock::Session | Clock::WallClock => {
            return Err(overlap(before.path(), part.path(), -gap));
        }
    })
}

/// What sound needs at a seam of recordings that do not continue each other, so that none that
/// was to be heard is left out.
struct Sound {
    /// How much later the next recording has to begin.
    wait: Nanos,
    /// How far its sound then is behind.
    late: Nanos,
}

impl Sound {
    /// At a seam where `part` would be placed at `at`.
    fn of(before: &Part, placed: Placed, part: &Part, at: Nanos) -> Self {
        let mut sound = Self { wait: 0, late: 0 };
        for ((track, ends), (next, begins)) in common(before, part) {
            let overlap = placed.at + ends.shown - (at + splice::heard(next, begins));
            let tolerance = splice::tolerance(next);
            match track.is_audio() {
                // Shorter by a packet or more: what is between is kept as time.
                true if placed.late + overlap < -tolerance => {}
                true if placed.late + overlap <= tolerance => {
                    sound.late = sound.late.max(placed.late + overlap);
                }
                true => sound.wait = sound.wait.max(placed.late + overlap),
                false => sound.wait = sound.wait.max(overlap),
            }
        }
        if sound.wait > 0 {
            sound.late = 0;
        }
        sound
    }
}

fn overlap(before: &Path, path: &Path, by: Nanos) -> Error {
    let by = duration(by).as_secs_f64();
    Error::DoesNotFit {
        path: path.to_owned(),
        why: format!(
            "begins {by:.1} s before {} ends: name recordings in the order in which they were \
             made, and each once",
            before.display()
        ),
    }
}

/// A track, and where it lies.
type Laned<'a> = (&'a Track, &'a Lane);

/// The tracks of both that hold the same kind of media, the first of each kind, in pairs.
fn common<'a>(before: &'a Part, part: &'a Part) -> impl Iterator<Item = (Laned<'a>, Laned<'a>)> {
    let tracks = || before.movie.tracks.iter().zip(&before.lanes);
    let all = part.movie.tracks.iter().zip(&part.lanes);
    all.filter_map(move |(track, lane)| {
        let mut alike = tracks().filter(|(t, _)| t.handler == track.handler);
        alike.next().map(|before| (before, (track, lane)))
    })
}

/// The leading track of both, and how long its samples last before the seam.
pub(super) fn leading<'a>(before: &'a Part, part: &'a Part) -> Option<(&'a Lane, &'a Lane, Nanos)> {
    let of = |kind: Option<&[u8; 4]>| {
        let find = |p: &'a Part| {
            let mut all = p.movie.tracks.iter().zip(&p.lanes);
            all.find(|(t, _)| kind.is_none_or(|k| t.handler == *k))
        };
        let ((ends, ends_lane), (begins, begins_lane)) = (find(before)?, find(part)?);
        let same = ends.handler == begins.handler;
        let step = (ends_lane.end - ends_lane.first) / i128::from(ends.samples.len().max(1));
        same.then_some((ends_lane, begins_lane, step))
    };
    of(Some(b"vide"))
        .or_else(|| of(Some(b"soun")))
        .or_else(|| of(None))
}

/// Where `part` begins by the best clock that both were recorded by.
fn said(
    before: &Part,
    at: Nanos,
    ends: &Lane,
    part: &Part,
    begins: &Lane,
) -> Result<Option<(Clock, Nanos)>> {
    if let (Some(a), Some(b)) = (&before.stamp, &part.stamp) {
        if a.camera != b.camera {
            return Err(Error::DoesNotFit {
                path: part.path().to_owned(),
                why: format!(
                    "is of the camera {:?}, and {} of {:?}",
                    b.camera,
                    before.path().display(),
                    a.camera
                ),
            });
        }
        // What both stamps tell is when the first sample of the leading track was.
        let first = at + ends.first - begins.first;
        if a.session == b.session && a.timescale == b.timescale {
            let ticks = i128::from(b.start) - i128::from(a.start);
            return Ok(Some((Clock::Session, first + nanos(ticks, a.timescale))));
        }
        let passed = i128::from(b.started_ns) - i128::from(a.started_ns);
        return Ok(Some((Clock::WallClock, first + passed)));
    }
    Ok((begins.first > 0).then_some((Clock::DecodeTimes, at)))
}
