//! Bits of slice data, read fast: no error before the end is checked, which every macroblock does.

use super::{Read, Violation};

/// Reads the bits of a raw byte sequence payload. Behind its end there are zeros; [`Bits::position`] goes on counting.
#[derive(Debug, Clone)]
pub(super) struct Bits<'a> {
    data: &'a [u8],
    /// In bits from the start of the payload.
    position: usize,
    /// The position of `rbsp_stop_one_bit`.
    stop: usize,
}

impl<'a> Bits<'a> {
    /// `None` where there is no stop bit at or behind `position`.
    pub(super) fn new(rbsp: &'a [u8], position: usize) -> Option<Self> {
        let last = rbsp.iter().rposition(|&byte| byte != 0)?;
        let data = rbsp.get(..=last)?;
        let zeros = data.last()?.trailing_zeros() as usize;
        let stop = last * 8 + 7 - zeros;
        (position <= stop).then_some(Self {
            data,
            position,
            stop,
        })
    }

    pub(super) const fn data(&self) -> &'a [u8] {
        self.data
    }

    pub(super) const fn position(&self) -> usize {
        self.position
    }

    pub(super) const fn stop(&self) -> usize {
        self.stop
    }

    /// The next 32 bits, not consumed.
    #[inline]
    pub(super) fn peek(&self) -> u32 {
        let at = self.position / 8;
        let word = match self.data.get(at..).and_then(<[u8]>::first_chunk) {
            Some(bytes) => u64::from_be_bytes(*bytes),
            None => {
                let mut bytes = [0; 8];
                let tail = self.data.get(at..).unwrap_or_default();
                for (to, from) in bytes.iter_mut().zip(tail) {
                    *to = *from;
                }
                u64::from_be_bytes(bytes)
            }
        };
        let window = (word << (self.position % 8)) >> 32;
        u32::try_from(window).unwrap_or_default()
    }

    #[inline]
    pub(super) const fn skip(&mut self, count: usize) {
        self.position = self.position.saturating_add(count);
    }

    pub(super) const fn go_to(&mut self, position: usize) {
        self.position = position;
    }

    /// The next `count` bits, 32 at most.
    #[inline]
    pub(super) fn read(&mut self, count: u32) -> u32 {
        let value = self.peek().checked_shr(32 - count).unwrap_or_default();
        self.skip(count as usize);
        value
    }

    #[inline]
    pub(super) fn flag(&mut self) -> bool {
        self.read(1) == 1
    }

    /// `ue(v)` (9.1) of at most 16 bits; longer ones are out of the range of whatever is read here.
    #[inline]
    pub(super) fn ue(&mut self) -> Read<u32> {
        let zeros = self.peek().leading_zeros();
        if zeros > 15 {
            return Err(Violation("ue(v)"));
        }
        Ok(self.read(2 * zeros + 1) - 1)
    }

    /// `se(v)` (9.1.1), of the same length.
    pub(super) fn se(&mut self) -> Read<i32> {
        let code = self.ue()?.cast_signed();
        Ok(if code % 2 == 0 {
            -(code / 2)
        } else {
            (code + 1) / 2
        })
    }

    /// Goes to the next byte; what is left of this one has to be `filling` only.
    pub(super) fn align(&mut self, filling: bool) -> Read<()> {
        while !self.position.is_multiple_of(8) {
            if self.flag() != filling {
                return Err(Violation("alignment bit"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golomb_codes_and_the_end() {
        // 1 010 011 00100 | 00101 1 000 ...
        let mut bits = Bits::new(&[0b1010_0110, 0b0100_0010, 0b1100_0000, 0, 0], 0).unwrap();
        assert_eq!(bits.stop(), 17);
        assert_eq!(
            [bits.ue(), bits.ue(), bits.ue(), bits.ue()].map(Result::unwrap),
            [0, 1, 2, 3]
        );
        assert_eq!(bits.se().unwrap(), -2);
        assert_eq!((bits.position(), bits.flag(), bits.read(32)), (17, true, 0));
        assert!(bits.ue().is_err());
        bits.skip(usize::MAX);
        assert_eq!(bits.peek(), 0);
        assert!(Bits::new(&[0, 0], 0).is_none());
        assert!(Bits::new(&[0x80], 1).is_none());
    }

    #[test]
    fn alignment() {
        let mut bits = Bits::new(&[0b1011_1111, 0b0100_0000, 1], 2).unwrap();
        bits.align(true).unwrap();
        assert_eq!(bits.position(), 8);
        bits.skip(2);
        bits.align(false).unwrap();
        bits.align(false).unwrap();
        assert_eq!(bits.position(), 16);
        assert!(Bits::new(&[0b1011_1111], 1).unwrap().align(true).is_err());
    }
}
