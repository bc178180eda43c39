//! Findings about movie fragments in words.

use super::words::gap;
use crate::number;
use tapo_inspect::{Finding, Problem, TimeRange};

/// A finding about fragments as a sentence; `None` if it is about something else.
pub(super) fn fragment(finding: &Finding) -> Option<String> {
    let text = match &finding.problem {
        Problem::FragmentTorn { number } => format!(
            "Fragment {} is torn: its data is not all there. Recording stopped in the middle of \
             it.",
            number::grouped(*number)
        ),
        Problem::FragmentTrackUnknown => {
            "A fragment belongs to it, and the index does not know it.".into()
        }
        Problem::FragmentsMissing { before, after } => format!(
            "Fragments are missing between number {before} and number {after}: {}.",
            finding.time.map_or_else(|| "some time".into(), gap)
        ),
        Problem::FragmentTimeJump { ticks, .. } => {
            let time = finding.time.map_or_else(String::new, gap);
            if *ticks < 0 {
                format!("A fragment starts before the one in front of it ends: {time}.")
            } else {
                format!("A fragment does not start where the one in front of it ends: {time}.")
            }
        }
        Problem::FragmentsCutOut { fragments } => format!(
            "{} that the list of them names {} not in it: {}.",
            number::count(u64::from(*fragments), "fragment"),
            if *fragments == 1 { "is" } else { "are" },
            finding.time.map_or_else(|| "some time".into(), gap_or_rest)
        ),
        Problem::FragmentsEndEarly { extends } => format!(
            "By {} it goes on behind the last fragment: {}.",
            if *extends {
                "the header of all fragments ('mehd')"
            } else {
                "its header ('mvhd')"
            },
            finding
                .time
                .map_or_else(|| "for some time".into(), gap_or_rest)
        ),
        Problem::FragmentsBefore { number } => format!(
            "The first fragment is number {}: what was recorded before it, up to {}, is not in \
             this file.",
            number::grouped(u64::from(*number)),
            finding.time.map_or_else(
                || "its time".into(),
                |t| number::clock(t.end, t.timescale).to_string()
            )
        ),
        Problem::FragmentsHidden { fragments } => format!(
            "{} that {} whole {} where players do not look: {}.",
            number::count(u64::from(*fragments), "fragment"),
            if *fragments == 1 { "is" } else { "are" },
            if *fragments == 1 { "stands" } else { "stand" },
            finding.time.map_or_else(|| "some time".into(), gap)
        ),
        Problem::FragmentsUnordered { fragments } => format!(
            "{} in the wrong place by their times: players jump back and forth.",
            match fragments {
                1 => "A fragment stands".into(),
                _ => format!("{} fragments stand", number::grouped(u64::from(*fragments))),
            }
        ),
        Problem::FragmentRepeated { number, of } => format!(
            "Fragment {} says again what fragment {} says: players show that time twice, or stop.",
            number::grouped(*number),
            number::grouped(*of)
        ),
        Problem::FragmentTimeWrong { ticks } => format!(
            "The time of a fragment is wrong ({} too {}): those on both sides of it follow each \
             other.",
            finding.time.map_or_else(
                || "much".into(),
                |t| number::spoken(ticks.unsigned_abs(), t.timescale)
            ),
            if *ticks < 0 { "early" } else { "late" },
        ),
        Problem::FragmentTimeBack { .. } => format!(
            "The time of a fragment goes back behind the one in front of it: {}.",
            finding.time.map_or_else(|| "some time".into(), gap)
        ),
        _ => return None,
    };
    Some(text)
}

/// A time that is missing, or from when on.
fn gap_or_rest(time: TimeRange) -> String {
    if time.start < time.end {
        return gap(time);
    }
    format!("all from {} on", number::clock(time.start, time.timescale))
}
