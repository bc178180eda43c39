//! Zeros at the ends of a range: padding, preallocation, holes of sparse files.

use crate::{ByteSource, Result, Span};

/// Bytes read at a time.
const BLOCK: u64 = 1 << 20;

/// Where the zeros that `span` begins with end: the offset of its first other
/// byte, or its end.
///
/// # Errors
/// The source fails.
pub fn zeros_from_start(source: &dyn ByteSource, span: Span) -> Result<u64> {
    let mut at = span.start;
    while at < span.end {
        at = source.next_data(at);
        let piece = Span::at(at, BLOCK).intersect(span);
        if piece.is_empty() {
            break;
        }
        let bytes = source.read_span(piece)?;
        if let Some(first) = bytes.iter().position(|b| *b != 0) {
            return Ok(at + first as u64);
        }
        at = piece.end;
    }
    Ok(span.end)
}

/// Where the zeros that `span` ends with begin: the offset behind its last other
/// byte, or its start.
///
/// # Errors
/// The source fails.
pub fn zeros_to_end(source: &dyn ByteSource, span: Span) -> Result<u64> {
    let mut end = data_end(source, span);
    while end > span.start {
        let start = end.saturating_sub(BLOCK).max(span.start);
        let bytes = source.read_span(Span::new(start, end))?;
        if let Some(last) = bytes.iter().rposition(|b| *b != 0) {
            return Ok(start + last as u64 + 1);
        }
        end = start;
    }
    Ok(span.start)
}

/// Behind which only a hole follows, as far as the source knows of one: found by
/// halving, since sources look forward only.
fn data_end(source: &dyn ByteSource, span: Span) -> u64 {
    let (mut data, mut hole) = (span.start, span.end);
    while hole.saturating_sub(data) > BLOCK {
        let middle = data + (hole - data) / 2;
        if source.next_data(middle) >= span.end {
            hole = middle;
        } else {
            data = middle + 1;
        }
    }
    hole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_are_found_at_both_ends() {
        let mut bytes = vec![0; 3 << 20];
        let all = Span::new(0, bytes.len() as u64);
        let both = |bytes: &Vec<u8>, span| {
            let from = zeros_from_start(bytes, span).unwrap();
            (from, zeros_to_end(bytes, span).unwrap())
        };
        assert_eq!(both(&bytes, all), (all.end, 0));
        bytes[1_500_000] = 1;
        assert_eq!(both(&bytes, all), (1_500_000, 1_500_001));
        assert_eq!(both(&bytes, Span::new(5, 10)), (10, 5));
        assert_eq!(both(&bytes, Span::new(5, 5)), (5, 5));
        bytes[1 << 20] = 1;
        bytes[(2 << 20) - 1] = 1;
        assert_eq!(both(&bytes, all), (1 << 20, 2 << 20));
    }

    #[test]
    fn holes_are_not_read() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(1 << 40).unwrap();
        std::os::unix::fs::FileExt::write_at(file.as_file(), b"x", 1 << 30).unwrap();
        let source = crate::PreadFile::open(file.path()).unwrap();
        let all = Span::new(0, 1 << 40);
        assert_eq!(zeros_from_start(&source, all).unwrap(), 1 << 30);
        assert_eq!(zeros_to_end(&source, all).unwrap(), (1 << 30) + 1);
    }
}
