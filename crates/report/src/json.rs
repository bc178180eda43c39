//! JSON for machines: JSON Lines, one object a line, each stream with a schema.
//!
//! Offsets and sizes are integers. Strings are escaped beyond what JSON asks
//! for, so that a report shown in a terminal is as harmless as the text.

use crate::escape::is_unsafe;
use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::{CompactFormatter, Formatter};
use std::io::{self, Write};
use std::path::Path;

/// Lines of JSON, each put together in the same memory: there may be millions.
pub struct Lines<'a> {
    out: &'a mut dyn Write,
    line: Vec<u8>,
}

impl<'a> Lines<'a> {
    /// To `out`.
    pub fn new(out: &'a mut dyn Write) -> Self {
        let line = Vec::new();
        Self { out, line }
    }

    /// Writes one.
    ///
    /// # Errors
    /// As `out` has them.
    pub fn put<T: Serialize + ?Sized>(&mut self, value: &T) -> io::Result<()> {
        self.line.clear();
        let formatter = Inert(CompactFormatter);
        value.serialize(&mut Serializer::with_formatter(&mut self.line, formatter))?;
        self.line.push(b'\n');
        self.out.write_all(&self.line)
    }
}

/// Writes one line (JSON Lines).
///
/// # Errors
/// As `out` has them.
pub fn line<T: Serialize + ?Sized>(out: &mut dyn Write, value: &T) -> io::Result<()> {
    Lines::new(out).put(value)
}

/// A file that could not be worked on, as one line of JSON.
///
/// # Errors
/// As `out` has them.
pub fn failure(
    out: &mut dyn Write,
    schema: &'static str,
    path: &Path,
    error: &str,
) -> io::Result<()> {
    #[derive(Serialize)]
    struct Failure<'a> {
        schema: &'static str,
        path: std::borrow::Cow<'a, str>,
        error: &'a str,
    }
    let path = path.to_string_lossy();
    line(
        out,
        &Failure {
            schema,
            path,
            error,
        },
    )
}

/// Writes characters that are not safe to print as `\uXXXX`.
struct Inert<F>(F);

macro_rules! pass {
    ($($name:ident($($arg:ident: $ty:ty)?));* $(;)?) => {$(
        fn $name<W: ?Sized + Write>(&mut self, out: &mut W $(, $arg: $ty)?) -> io::Result<()> {
            self.0.$name(out $(, $arg)?)
        }
    )*};
}

impl<F: Formatter> Formatter for Inert<F> {
    pass! {
        begin_array();
        end_array();
        begin_array_value(first: bool);
        end_array_value();
        begin_object();
        end_object();
        begin_object_key(first: bool);
        end_object_key();
        begin_object_value();
        end_object_value();
    }

    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        out: &mut W,
        text: &str,
    ) -> io::Result<()> {
        if text.bytes().all(|b| (b' '..=b'~').contains(&b)) {
            return out.write_all(text.as_bytes());
        }
        let mut rest = text;
        while let Some((at, c)) = rest.char_indices().find(|(_, c)| is_unsafe(*c)) {
            let (before, from) = rest.split_at(at);
            out.write_all(before.as_bytes())?;
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}")?;
            }
            rest = from.get(c.len_utf8()..).unwrap_or_default();
        }
        out.write_all(rest.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_survive_and_stay_inert() {
        let nasty = "a\u{1b}[0m\u{202e}\u{9b}\u{e0041}\u{7f}\"\\ é";
        let mut out = Vec::new();
        line(&mut out, &[nasty]).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(!text.trim_end().chars().any(is_unsafe), "{text:?}");
        let back: Vec<String> = serde_json::from_str(&text).unwrap();
        assert_eq!(back, [nasty]);
    }
}
