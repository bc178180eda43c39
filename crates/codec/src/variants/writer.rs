//! Writing the bits of a NAL unit (H.264 7.2, 7.4.1; H.265 7.2, 7.4.2).

/// Bits of a raw byte sequence payload.
#[derive(Debug, Default)]
pub(super) struct BitWriter {
    bytes: Vec<u8>,
    /// Bits of the last byte that are in use, 0 for all.
    used: u8,
}

impl BitWriter {
    pub(super) fn bit(&mut self, bit: bool) {
        if self.used == 0 {
            self.bytes.push(0);
        }
        if let Some(last) = self.bytes.last_mut() {
            *last |= u8::from(bit) << (7 - self.used);
        }
        self.used = (self.used + 1) % 8;
    }

    /// `u(n)`.
    pub(super) fn bits(&mut self, value: u32, count: u32) {
        for n in (0..count).rev() {
            self.bit(value >> n & 1 != 0);
        }
    }

    /// `ue(v)`.
    pub(super) fn ue(&mut self, value: u32) {
        let code = u64::from(value) + 1;
        let bits = code.ilog2();
        self.bits(0, bits);
        for n in (0..=bits).rev() {
            self.bit(code >> n & 1 != 0);
        }
    }

    /// `se(v)`.
    pub(super) fn se(&mut self, value: i32) {
        let twice = value.unsigned_abs().saturating_mul(2);
        self.ue(if value > 0 { twice - 1 } else { twice });
    }

    /// The NAL unit with this header: trailing bits and emulation prevention are added.
    pub(super) fn nal(mut self, header: &[u8]) -> Vec<u8> {
        self.bit(true);
        let mut nal = header.to_vec();
        let mut zeros = 0;
        for byte in self.bytes {
            if zeros >= 2 && byte <= 3 {
                nal.push(3);
                zeros = 0;
            }
            zeros = if byte == 0 { zeros + 1 } else { 0 };
            nal.push(byte);
        }
        nal
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_tables() {
        // H.264 table 9-2: 0 is 1, 1 is 010, 3 is 00100, 7 is 0001000; table 9-3: 1, -1, 2 are 1, 2, 3.
        let mut w = BitWriter::default();
        for value in [0, 1, 3, 7] {
            w.ue(value);
        }
        for value in [1, -1, 2] {
            w.se(value);
        }
        // 1 010 0010 | 0 0001000 | 010 011 00 | 100 and the stop bit.
        assert_eq!(
            w.nal(&[0x68]),
            [0x68, 0b1010_0010, 0b0000_1000, 0b0100_1100, 0b1001_0000]
        );
    }

    #[test]
    fn emulation_is_prevented() {
        let mut w = BitWriter::default();
        w.bits(0, 32);
        w.bits(1, 8);
        assert_eq!(w.nal(&[0x68]), [0x68, 0, 0, 3, 0, 0, 3, 1, 0x80]);
    }
}
