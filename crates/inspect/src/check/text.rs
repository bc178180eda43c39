//! Files that were sent or saved as text: by mail, by FTP in its text mode, by an editor.

use crate::{Finding, Problem, Result, Severity};
use tapo_io::{ByteSource, Span};

/// Bytes at the start that are looked at.
const HEAD: u64 = 1 << 20;

/// Bytes in it that would be changed, at the least: so many are not as they are by chance.
const LEAST: usize = 64;

/// Of a damaged file.
pub(super) fn check(source: &dyn ByteSource, found: &mut Vec<Finding>) -> Result<()> {
    if found.iter().all(|f| f.severity() < Severity::Damage) {
        return Ok(());
    }
    let head = source.read_span(Span::new(0, HEAD.min(source.len())))?;
    let lines = is_of_lines(&head);
    if lines || is_coded(&head) {
        found.push(Finding::new(Problem::CopiedAsText { lines }));
    }
    Ok(())
}

/// Whether all bytes beyond ASCII are UTF-8, as far as they are there.
fn is_coded(head: &[u8]) -> bool {
    let high = head.iter().filter(|b| !b.is_ascii()).count();
    let valid = match std::str::from_utf8(head) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    };
    high >= LEAST && valid
}

/// Whether each line feed follows a carriage return.
fn is_of_lines(head: &[u8]) -> bool {
    let mut feeds = 0;
    let mut before = 0;
    for byte in head {
        if *byte == b'\n' {
            if before != b'\r' {
                return false;
            }
            feeds += 1;
        }
        before = *byte;
    }
    feeds >= LEAST
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_editor_makes_of_bytes_is_known() {
        let mixed = |i: u32| i.wrapping_mul(0x9e37_79b1).to_be_bytes()[0];
        let bytes: Vec<u8> = (0..60_000).map(mixed).collect();
        assert!(!is_coded(&bytes) && !is_of_lines(&bytes));
        let coded: String = bytes.iter().map(|b| char::from(*b)).collect();
        assert!(is_coded(coded.as_bytes()));
        // The end may stand within a character.
        let cut = coded.as_bytes().iter().rposition(|b| *b >= 0xc2).unwrap() + 1;
        assert!(is_coded(&coded.as_bytes()[..cut]));
        let lines: Vec<u8> = bytes
            .iter()
            .flat_map(|b| {
                if *b == b'\n' {
                    vec![b'\r', *b]
                } else {
                    vec![*b]
                }
            })
            .collect();
        assert!(is_of_lines(&lines) && !is_coded(&lines));
    }

    #[test]
    fn little_proves_nothing() {
        assert!(!is_coded(b"plain text"));
        assert!(!is_of_lines(b"one\r\ntwo\r\n"));
    }
}
