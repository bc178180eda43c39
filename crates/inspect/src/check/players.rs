//! What keeps a sound file from playing everywhere, and what is ours.

use crate::{Finding, Form, Inspection, Problem};

/// 1970 in seconds since 1904. A clock that shows less was never set; 0 says that
/// no date is given.
const UNIX: u64 = 2_082_844_800;

/// Clocks of the world differ by this much, seconds.
const DAY: u64 = 86_400;

pub(super) fn check(inspection: &Inspection, now: Option<i64>, found: &mut Vec<Finding>) {
    if inspection.form == (Form::Progressive { moov_first: false }) {
        found.push(Finding::new(Problem::MoovBehindMdat));
    }
    if let Some(movie) = &inspection.read.movie {
        let (made, changed) = (movie.header.creation_time, movie.header.modification_time);
        if (1..UNIX).contains(&made) {
            found.push(Finding::new(Problem::DateUnset));
        }
        let now = now.and_then(|n| u64::try_from(n).ok());
        let latest = now.map(|n| n.saturating_add(UNIX + DAY));
        if latest.is_some_and(|latest| made.max(changed) > latest) {
            found.push(Finding::new(Problem::DateFuture));
        }
        if changed < made && changed >= UNIX {
            found.push(Finding::new(Problem::DatesReversed));
        }
    }
    for track in &inspection.tracks {
        let is = |kinds: &[&[u8; 4]]| {
            let mut all = track.codecs.iter();
            all.any(|c| kinds.iter().any(|k| c.entry == *k))
        };
        if is(&[b"hev1", b"dvhe"]) {
            found.push(Finding::new(Problem::Hev1).on(track.id));
        }
        if is(&[b"alaw", b"ulaw"]) {
            found.push(Finding::new(Problem::G711).on(track.id));
        }
    }
    if inspection.own.is_some() {
        match inspection.form {
            Form::Fragmented => found.push(Finding::new(Problem::OpenSegment)),
            Form::Init => found.push(Finding::new(Problem::NothingRecorded)),
            _ => {}
        }
    }
}
