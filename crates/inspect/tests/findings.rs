//! docs/findings.md and the code know the same findings.
#![expect(clippy::unwrap_used, reason = "tests panic when they fail")]

use std::collections::BTreeSet;

const PAGE: &str = include_str!("../../../docs/findings.md");
const CODE: &str = include_str!("../src/codes.rs");

/// Codes that `Problem::code` gives.
fn given() -> BTreeSet<&'static str> {
    let (_, behind) = CODE.split_once("pub const fn code").unwrap();
    let (body, _) = behind.split_once("pub const fn severity").unwrap();
    body.split('"').skip(1).step_by(2).collect()
}

#[test]
fn the_page_lists_every_code_once_with_its_severities() {
    let mut listed = BTreeSet::new();
    for row in PAGE
        .lines()
        .filter(|l| l.starts_with("| `") && l.matches('|').count() == 5)
    {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [_, code, severities, meaning, action, _] = cells[..] else {
            unreachable!("five bars")
        };
        let code = code.trim_matches('`');
        assert!(listed.insert(code), "{code} is listed twice");
        for severity in severities.split(", ") {
            let known = ["notice", "warning", "damage"].contains(&severity);
            assert!(known, "{code}: {severity}");
        }
        assert!(meaning.len() > 10 && action.len() > 4, "{code}");
    }
    let given = given();
    assert!(given.len() >= 40, "{}", given.len());
    assert_eq!(listed, given);
}
