//! Bytes in hexadecimal, below the box that they stand in.

use crate::{Theme, number};
use std::io::{self, Write};
use tapo_io::{ByteSource, Span};

/// Bytes of a row.
const ROW: usize = 16;

/// Where rows stand: below the offset of the box, and further in than its type.
pub(super) struct Row {
    /// Characters of an offset, and of a size.
    pub(super) width: usize,
    /// Blanks in front of the type.
    pub(super) indent: String,
}

/// The first `most` bytes of `span`.
pub(super) fn head(source: &dyn ByteSource, span: Span, most: u64) -> io::Result<Vec<u8>> {
    let head = span.intersect(Span::at(span.start, most));
    source.read_span(head).map_err(io::Error::other)
}

/// Writes the first `most` bytes of `span`, 16 a row: offset, bytes, and what they
/// are as ASCII, `.` for what does not print.
pub(super) fn dump(
    out: &mut dyn Write,
    theme: &Theme,
    source: &dyn ByteSource,
    span: Span,
    most: u64,
    row: &Row,
) -> io::Result<()> {
    let Theme { dim, .. } = theme;
    let Row { width, indent } = row;
    if span.is_empty() {
        return Ok(());
    }
    let bytes = head(source, span, most)?;
    for (at, part) in (0_u64..).step_by(ROW).zip(bytes.chunks(ROW)) {
        let offset = number::grouped(span.start.saturating_add(at));
        let hex: Vec<_> = part.iter().map(|b| format!("{b:02x}")).collect();
        let text: String = part.iter().map(|b| printed(*b)).collect();
        writeln!(
            out,
            "{dim}{offset:>width$}  {:width$}  {indent}  {:47}  {text}{dim:#}",
            "",
            hex.join(" ")
        )?;
    }
    let more = span.len().saturating_sub(bytes.len() as u64);
    if more > 0 {
        let more = number::count(more, "more byte");
        writeln!(
            out,
            "{dim}{:width$}  {:width$}  {indent}  {more}{dim:#}",
            "", ""
        )?;
    }
    Ok(())
}

const fn printed(byte: u8) -> char {
    match byte {
        0x20..=0x7e => byte as char,
        _ => '.',
    }
}
