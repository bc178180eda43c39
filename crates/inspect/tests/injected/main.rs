//! Injected damage: whatever is done to a sound file is reported, where it was
//! done, and nothing is reported of the sound one.
//!
//! `TAPO_INJECTED=50000` tries so many cases instead of a thousand. What nobody can
//! notice is left out by rule: `silent.rs`.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "tests panic when they fail"
)]

mod damage;
mod files;
mod fragments;
mod silent;

use damage::{Damage, Dice, Kind};
use files::Subject;
use std::collections::{BTreeMap, HashSet};
use tapo_inspect::{Finding, Inspection, Severity, inspect};
use tapo_io::Span;

/// Cases that are tried if nothing else is said.
const CASES: usize = 1000;

fn worse(subject: &Subject, seen: &Inspection) -> Vec<Finding> {
    let known: HashSet<_> = subject.findings.iter().map(key).collect();
    let new = |f: &&Finding| f.severity() > Severity::Notice || !known.contains(&key(f));
    seen.findings.iter().filter(new).cloned().collect()
}

fn key(f: &Finding) -> (&'static str, Option<u32>, Option<Span>) {
    (f.problem.code(), f.track, f.span)
}

/// Whether the findings say where the damage is: they contain it, and are at most
/// a group of pictures wider. What is behind a cut is no longer where it was.
fn tell(subject: &Subject, damage: &Damage, findings: &[Finding]) -> bool {
    let Span { start, end } = damage.range;
    let width = damage.range.len() + subject.gop;
    let spans = findings.iter().filter_map(|f| f.span);
    match damage.kind {
        Kind::Tail => {
            let mut spans = spans;
            spans.any(|s| s.start <= start + 1 && s.end + 1 >= start)
        }
        Kind::Cut => {
            let mut spans = spans;
            spans.any(|s| s.start <= start && s.end >= start && start - s.start <= subject.gop)
        }
        _ => {
            let mut spans: Vec<Span> = spans.filter(|s| s.len() <= width).collect();
            spans.sort_unstable();
            // Those that touch are of one damage.
            let mut reached = start;
            let from = spans.iter().map(|s| s.start).filter(|s| *s <= start).max();
            for span in &spans {
                if span.start <= reached && span.end > reached {
                    reached = span.end;
                }
            }
            from.is_some() && reached >= end
        }
    }
}

#[test]
fn damage_anywhere_is_reported_where_it_is() {
    let cases = std::env::var("TAPO_INJECTED").ok();
    let cases = cases.map_or(CASES, |n| n.parse().unwrap());
    let subjects = files::subjects();
    for subject in &subjects {
        let odd = subject
            .findings
            .iter()
            .find(|f| f.severity() > Severity::Notice);
        assert!(odd.is_none(), "{}: {odd:?}", subject.name);
    }
    let mut missed = Vec::new();
    let mut tried: BTreeMap<Kind, (usize, usize)> = BTreeMap::new();
    for case in 0..cases {
        let subject = &subjects[case % subjects.len()];
        let mut dice = Dice::new(case as u64);
        let (damage, bytes) = damage::inject(subject, &mut dice);
        let seen = inspect(&bytes).unwrap();
        let worse = worse(subject, &seen);
        let count = tried.entry(damage.kind).or_default();
        count.0 += 1;
        if !tell(subject, &damage, &worse) {
            count.1 += 1;
            let told: Vec<_> = worse
                .iter()
                .take(12)
                .map(|f| (f.problem.code(), f.track, f.span.map(|s| (s.start, s.end))))
                .collect();
            missed.push(format!("{case} {} {damage:?} -> {told:?}", subject.name));
        }
    }
    let table: Vec<_> = tried
        .iter()
        .map(|(kind, (all, missed))| format!("{kind:?}: {missed} of {all} missed"))
        .collect();
    assert!(
        missed.is_empty(),
        "{}\n{}",
        missed.join("\n"),
        table.join("\n")
    );
}
