//! CRC-32 (ISO 3309, the one of PNG and gzip): tells a whole record from one
//! that a power cut tore, not from one that somebody forged.

const TABLE: [u32; 256] = table();

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut i = 0_usize;
    let mut value = 0_u32;
    while i < 256 {
        let mut crc = value;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 {
                crc >> 1 ^ 0xedb8_8320
            } else {
                crc >> 1
            };
            bit += 1;
        }
        #[expect(clippy::indexing_slicing, reason = "i < 256, and run at compile time")]
        {
            table[i] = crc;
        }
        i += 1;
        value += 1;
    }
    table
}

/// The CRC-32 of `bytes`.
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    crc32_on(0, bytes)
}

/// The CRC-32 of bytes whose CRC-32 is `before` and the `bytes` behind them.
pub(crate) fn crc32_on(before: u32, bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!before, |crc, byte| {
        let [low, ..] = crc.to_le_bytes();
        let entry = TABLE.get(usize::from(low ^ byte)).copied();
        crc >> 8 ^ entry.unwrap_or_default()
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_check_value_of_the_catalogue() {
        assert_eq!(super::crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(super::crc32(b""), 0);
        assert_eq!(
            super::crc32_on(super::crc32(b"12345"), b"6789"),
            0xcbf4_3926
        );
    }
}
