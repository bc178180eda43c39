//! Four-character codes.

/// A box, brand, handler or sample entry type (14496-12 §4.2): four bytes,
/// which need not be printable.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Default)]
pub struct FourCc(pub [u8; 4]);

impl FourCc {
    /// Whether all four bytes are what registered types are made of: printable
    /// ASCII, or the `©` (0xA9) and `®` that QuickTime starts user data with.
    #[must_use]
    pub fn is_plausible(self) -> bool {
        let [first, rest @ ..] = self.0;
        (is_printable(first) || first == 0xa9) && rest.into_iter().all(is_printable)
    }
}

const fn is_printable(byte: u8) -> bool {
    matches!(byte, 0x20..=0x7e)
}

impl From<&[u8; 4]> for FourCc {
    fn from(bytes: &[u8; 4]) -> Self {
        Self(*bytes)
    }
}

impl PartialEq<&[u8; 4]> for FourCc {
    fn eq(&self, other: &&[u8; 4]) -> bool {
        self.0 == **other
    }
}

impl PartialEq<[u8; 4]> for FourCc {
    fn eq(&self, other: &[u8; 4]) -> bool {
        self.0 == *other
    }
}

/// Prints safely whatever the bytes are: `moov`, `©xyz`, `\x00\x1bab`.
impl std::fmt::Display for FourCc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = String::with_capacity(4);
        for byte in self.0 {
            match byte {
                b'\\' => text.push_str("\\\\"),
                _ if is_printable(byte) => text.push(char::from(byte)),
                0xa9 => text.push('©'),
                _ => text.push_str(&format!("\\x{byte:02x}")),
            }
        }
        f.pad(&text)
    }
}

impl std::fmt::Debug for FourCc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "'{self}'")
    }
}

#[cfg(test)]
mod tests {
    use super::FourCc;

    #[test]
    fn codes_print_without_control_bytes() {
        assert_eq!(FourCc(*b"moov").to_string(), "moov");
        assert_eq!(FourCc([0xa9, b'x', b'y', b'z']).to_string(), "©xyz");
        assert_eq!(FourCc([0, 0x1b, b'[', b'm']).to_string(), "\\x00\\x1b[m");
        assert_eq!(FourCc(*b"a\\ \"").to_string(), "a\\\\ \"");
        assert!(FourCc(*b"url ").is_plausible());
        assert!(!FourCc([0; 4]).is_plausible());
    }
}
