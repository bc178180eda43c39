//! Real recordings, where `TAPO_CORPUS` says they are: none falls over, every
//! byte of each is accounted for, and what is odd about them is known.
use std::collections::BTreeMap;
use std::path::Path;
use tapo_inspect::{Severity, inspect_file};

/// Files that are broken on purpose, or that lack most of their media.
const BROKEN: [&str; 4] = ["MOV1", "issue-151", "modified_frame", "corrupted"];

#[test]
fn real_recordings_are_accounted_for() {
    let Some(corpus) = std::env::var_os("TAPO_CORPUS") else {
        println!("skipped: TAPO_CORPUS is not set");
        return;
    };
    let Ok(folder) = std::fs::read_dir(Path::new(&corpus).join("media")) else {
        println!("skipped: TAPO_CORPUS has no media");
        return;
    };
    let mut files: Vec<_> = folder.map(|f| f.unwrap().path()).collect();
    files.sort();
    let mut odd: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for path in &files {
        let seen = inspect_file(path).unwrap();
        let mut at = 0;
        for entry in seen.ledger.entries() {
            assert_eq!(entry.span.start, at, "{}", path.display());
            at = entry.span.end;
        }
        assert_eq!(at, seen.read.size, "{}", path.display());
        let name = path.file_name().unwrap().to_string_lossy();
        let broken = BROKEN.iter().any(|b| name.contains(b));
        for finding in &seen.findings {
            let damage = finding.severity() == Severity::Damage;
            assert!(broken || !damage, "{name}: {finding:?}");
            let place = finding.span.map(|s| (s.start, s.end));
            if finding.severity() > Severity::Notice || std::env::var_os("TAPO_NOTICES").is_some() {
                let severity = finding.severity().name();
                let line = format!(
                    "{severity} {name} {:?} {place:?} {:?}",
                    finding.track, finding.problem
                );
                odd.entry(finding.problem.code()).or_default().push(line);
            }
        }
    }
    for (code, lines) in &odd {
        println!("{code}: {}", lines.len());
        for line in lines {
            println!("  {line}");
        }
    }
}
