//! Text from files and the network, made safe to print.
//!
//! A box type, a handler name or a file name can hold escape sequences that
//! repaint a terminal, and bidirectional or invisible characters that make a
//! line read as something else. All such text passes here.

use std::fmt;
use std::path::Path;

/// Text that prints without control, bidirectional or invisible characters:
/// they appear as `\u{202e}`, bytes that are not UTF-8 as `\xff`, a backslash
/// as `\\`.
#[derive(Copy, Clone, Debug)]
pub struct Escaped<'a>(&'a [u8]);

/// Escapes a string.
#[must_use]
pub const fn text(text: &str) -> Escaped<'_> {
    Escaped(text.as_bytes())
}

/// Escapes bytes that should be UTF-8 and need not be.
#[must_use]
pub const fn bytes(bytes: &[u8]) -> Escaped<'_> {
    Escaped(bytes)
}

/// Escapes a path.
#[must_use]
pub fn path(path: &Path) -> Escaped<'_> {
    Escaped(path.as_os_str().as_encoded_bytes())
}

/// A message of ours that may hold text of others: as [`text`], but backslashes
/// stay as they are.
#[must_use]
pub fn message(message: &str) -> String {
    text(message).to_string().replace("\\\\", "\\")
}

/// Quotes a path so that a POSIX shell reads it as one word, where it needs
/// to be; what no quoting makes printable is written as `$'...'`.
#[must_use]
pub fn shell(path: &Path) -> String {
    let bytes = path.as_os_str().as_encoded_bytes();
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b"/._-+,:=@%".contains(b);
    let dashed = bytes.starts_with(b"-");
    let lead = if dashed { "./" } else { "" };
    if !bytes.is_empty() && bytes.iter().all(plain) {
        return format!("{lead}{}", Escaped(bytes));
    }
    match std::str::from_utf8(bytes) {
        Ok(s) if !s.chars().any(is_unsafe) => format!("'{lead}{}'", s.replace('\'', "'\\''")),
        _ => {
            let mut quoted = format!("$'{lead}");
            for b in bytes {
                match b {
                    b'\'' | b'\\' => quoted.extend(['\\', char::from(*b)]),
                    0x20..=0x7e => quoted.push(char::from(*b)),
                    _ => quoted.push_str(&format!("\\x{b:02x}")),
                }
            }
            quoted.push('\'');
            quoted
        }
    }
}

/// Whether a character can change how the text around it is shown, or is not
/// shown itself.
#[must_use]
pub const fn is_unsafe(c: char) -> bool {
    matches!(c,
        '\0'..='\x1f' | '\x7f'..='\u{9f}' // C0, delete, C1
        | '\u{ad}' // soft hyphen
        | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{3164}' | '\u{ffa0}'
        | '\u{61c}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' // zero width, direction marks
        | '\u{2028}'..='\u{202e}' // separators, embeddings, overrides
        | '\u{2060}'..='\u{206f}' // joiners, isolates
        | '\u{fe00}'..='\u{fe0f}' // variation selectors
        | '\u{feff}' | '\u{fff0}'..='\u{fffb}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}') // tags
}

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write;
        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                match c {
                    '\\' => f.write_str("\\\\")?,
                    '\n' => f.write_str("\\n")?,
                    '\r' => f.write_str("\\r")?,
                    '\t' => f.write_str("\\t")?,
                    _ if is_unsafe(c) => write!(f, "\\u{{{:x}}}", u32::from(c))?,
                    _ => f.write_char(c)?,
                }
            }
            for b in chunk.invalid() {
                write!(f, "\\x{b:02x}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_moves_a_cursor_or_turns_a_line_gets_through() {
        assert_eq!(
            text("\x1b[2J\u{202e}gpj\u{9b}").to_string(),
            "\\u{1b}[2J\\u{202e}gpj\\u{9b}"
        );
        assert_eq!(
            text("a\u{200b}b\u{feff}\n").to_string(),
            "a\\u{200b}b\\u{feff}\\n"
        );
        assert_eq!(text("Küche 厨房 \\ é").to_string(), "Küche 厨房 \\\\ é");
        assert_eq!(bytes(b"ok\xff\xc3").to_string(), "ok\\xff\\xc3");
    }

    #[test]
    fn every_control_and_format_character_of_the_low_planes_is_caught() {
        for c in ('\0'..'\u{20}')
            .chain('\u{7f}'..'\u{a0}')
            .chain('\u{2066}'..='\u{2069}')
        {
            assert!(is_unsafe(c), "{:x}", u32::from(c));
        }
        assert!("äß€漢字🎥\u{a0}".chars().all(|c| !is_unsafe(c)));
    }

    #[test]
    fn a_shell_reads_back_the_path_it_is_given() {
        for name in [
            "a b.mp4",
            "it's.mp4",
            "plain-1.mp4",
            "-rf",
            "tab\there",
            "\u{202e}x",
            "$(id)",
            "\\n",
            "",
        ] {
            let line = format!("printf %s {}", shell(Path::new(name)));
            let out = std::process::Command::new("bash")
                .args(["-c", &line])
                .output()
                .unwrap();
            let want = if name.starts_with('-') {
                format!("./{name}")
            } else {
                name.to_owned()
            };
            assert_eq!(String::from_utf8(out.stdout).unwrap(), want, "{line}");
            assert!(!line.chars().any(is_unsafe));
        }
    }
}
