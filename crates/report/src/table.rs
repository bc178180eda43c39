//! Columns that line up.

use std::io::{self, Write};
use unicode_width::UnicodeWidthStr;

/// Which side of a column its text keeps to.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// Rows of text, each column as wide as its widest cell.
#[derive(Clone, Debug, Default)]
pub struct Table {
    columns: Vec<Align>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table; `columns` says how each column is aligned.
    #[must_use]
    pub fn new(columns: &[Align]) -> Self {
        Self {
            columns: columns.to_vec(),
            rows: Vec::new(),
        }
    }

    /// Adds a row. Cells must be safe to print already.
    pub fn row<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) -> &mut Self {
        self.rows.push(cells.into_iter().map(Into::into).collect());
        self
    }

    /// Writes the rows, each behind `indent` spaces, columns two spaces apart.
    ///
    /// # Errors
    /// As `out` has them.
    pub fn write(&self, out: &mut dyn Write, indent: usize) -> io::Result<()> {
        let width = |column| {
            let cells = self.rows.iter().filter_map(|r| r.get(column));
            cells.map(|c: &String| c.width()).max().unwrap_or_default()
        };
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        for row in &self.rows {
            let mut line = " ".repeat(indent);
            for ((cell, align), width) in row.iter().zip(&self.columns).zip(&widths) {
                // A column that is empty everywhere takes no room.
                if *width == 0 {
                    continue;
                }
                if line.len() > indent {
                    line.push_str("  ");
                }
                let pad = " ".repeat(width - cell.width());
                match align {
                    Align::Left => line.extend([cell, pad.as_str()]),
                    Align::Right => line.extend([pad.as_str(), cell]),
                }
            }
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_also_where_characters_are_wide() {
        let mut table = Table::new(&[Align::Left, Align::Right, Align::Left]);
        table.row(["厨房", "7", ""]).row(["a", "12", ""]);
        let mut out = Vec::new();
        table.write(&mut out, 2).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "  厨房   7\n  a     12\n");
    }
}
