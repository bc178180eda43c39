//! When each recording begins on the common timeline.

use super::Gaps;
use super::lane::{Lane, Nanos, OVERLAP, SECOND, duration, nanos};
use super::parts::Part;
use crate::{Error, Result};
use std::path::Path;
use std::time::Duration;

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
            });
            continue;
        };
        let next = if is_beside(before, part) {
            Placed {
                at: lead_placed.at,
                seam: Seam::Beside,
            }
        } else {
            let at = lead_placed.at;
            let lanes = before.iter().flat_map(|p| &p.lanes);
            let shown = lanes.map(|l| at + l.shown).max().unwrap_or(at);
            together = index;
            behind(lead, at, shown, part, gaps)?
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

/// Where `part` begins, `before` beginning at `at` and shown until `shown`.
fn behind(before: &Part, at: Nanos, shown: Nanos, part: &Part, gaps: Gaps) -> Result<Placed> {
    let Some((ends, begins, step)) = leading(before, part) else {
        let earliest = part.lanes.iter().map(|l| l.first).min().unwrap_or(0);
        return Ok(Placed {
            at: shown - earliest.max(0),
            seam: Seam::Unknown,
        });
    };
    let contiguous = at + ends.shown - begins.begins;
    // Pictures go on at once, unless that would cost much of the sound.
    let others = common(before, part).map(|(ends, begins)| at + ends.shown - begins.begins);
    let latest = others.max().unwrap_or(contiguous);
    let at_once = if latest - contiguous <= OVERLAP {
        contiguous
    } else {
        latest
    };
    let unknown = Placed {
        at: at_once,
        seam: Seam::Unknown,
    };
    let Some((clock, start)) = said(before, at, ends, part, begins)? else {
        return Ok(unknown);
    };
    let gap = start - contiguous;
    let place = |at, seam| Ok(Placed { at, seam });
    match clock {
        // Not as exact as the samples' own durations.
        Clock::WallClock if gap.abs() <= step / 2 => place(contiguous, Seam::Gapless(clock)),
        _ if gap.abs() <= step / 2 => place(start, Seam::Gapless(clock)),
        // A late start of its own, more likely than a break before it.
        Clock::DecodeTimes if gap > SECOND && !part.fragmented => Ok(unknown),
        _ if gap > 0 && gaps == Gaps::Close => place(at_once, Seam::Closed(clock, duration(gap))),
        _ if gap > 0 => place(start, Seam::Gap(clock, duration(gap))),
        Clock::WallClock if gap > -DELAY => place(at_once, Seam::Gapless(clock)),
        // They start again from the beginning, as if nothing had been before.
        Clock::DecodeTimes => Ok(unknown),
        Clock::Session | Clock::WallClock => Err(overlap(before.path(), part.path(), -gap)),
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

/// The tracks of both that hold the same kind of media, pictures first, in pairs.
fn common<'a>(before: &'a Part, part: &'a Part) -> impl Iterator<Item = (&'a Lane, &'a Lane)> {
    let tracks = || before.movie.tracks.iter().zip(&before.lanes);
    let all = part.movie.tracks.iter().zip(&part.lanes);
    all.filter_map(move |(track, lane)| {
        let mut alike = tracks().filter(|(t, _)| t.handler == track.handler);
        alike.next().map(|(_, before)| (before, lane))
    })
}

/// The leading track of both, and how long its samples last before the seam.
fn leading<'a>(before: &'a Part, part: &'a Part) -> Option<(&'a Lane, &'a Lane, Nanos)> {
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
