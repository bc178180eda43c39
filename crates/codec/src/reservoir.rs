//! Bits of a byte slice, fast: a 64-bit reservoir, highest bit first, zeros behind the end.

/// Reads bits, highest first. Behind the end of the data there are zeros; [`overrun`](Self::overrun) tells.
#[derive(Debug, Clone)]
pub(crate) struct Reader<'a> {
    data: &'a [u8],
    /// The next byte to go into the reservoir.
    next: usize,
    /// The next bits, left-aligned.
    reservoir: u64,
    /// How many of them are there.
    held: u32,
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(data: &'a [u8]) -> Self {
        Self {
            data,
            next: 0,
            reservoir: 0,
            held: 0,
        }
    }

    #[inline]
    fn refill(&mut self) {
        if let Some(bytes) = self.data.get(self.next..self.next + 8)
            && let Ok(bytes) = <[u8; 8]>::try_from(bytes)
        {
            // Whole bytes only, so that the position stays known.
            let take = (64 - self.held) / 8;
            self.reservoir |= u64::from_be_bytes(bytes) >> self.held;
            self.next += take as usize;
            self.held += take * 8;
            if self.held < 64 {
                // Of the last byte a part was taken: it will be again.
                self.reservoir &= !(u64::MAX >> self.held);
            }
            return;
        }
        while self.held <= 56 {
            let byte = self.data.get(self.next).copied().unwrap_or_default();
            self.reservoir |= u64::from(byte) << (56 - self.held);
            self.next += 1;
            self.held += 8;
        }
    }

    /// Bits that [`ahead`](Self::ahead) has, at least.
    pub(crate) const AHEAD: u32 = 56;

    /// The next [`AHEAD`](Self::AHEAD) bits and sometimes more, left-aligned, without taking them.
    #[inline]
    pub(crate) fn ahead(&mut self) -> u64 {
        if self.held < Self::AHEAD {
            self.refill();
        }
        self.reservoir
    }

    /// The next `count` bits, 1 to 32, without taking them.
    #[inline]
    pub(crate) fn peek(&mut self, count: u32) -> u32 {
        debug_assert!((1..=32).contains(&count));
        if self.held < count {
            self.refill();
        }
        #[expect(clippy::cast_possible_truncation, reason = "32 bits at most")]
        let value = (self.reservoir >> (64 - count)) as u32;
        value
    }

    /// Takes `count` bits, [`AHEAD`](Self::AHEAD) at most.
    #[inline]
    pub(crate) fn skip(&mut self, count: u32) {
        if self.held < count {
            self.refill();
        }
        self.reservoir <<= count;
        self.held -= count;
    }

    /// The next `count` bits, 1 to 32.
    #[inline]
    pub(crate) fn read(&mut self, count: u32) -> u32 {
        let value = self.peek(count);
        self.skip(count);
        value
    }

    /// The next `count` bits, 1 to 8.
    #[inline]
    pub(crate) fn small(&mut self, count: u32) -> u8 {
        u8::try_from(self.read(count)).unwrap_or_default()
    }

    #[inline]
    pub(crate) fn flag(&mut self) -> bool {
        self.read(1) == 1
    }

    /// Takes any number of bits.
    pub(crate) fn jump(&mut self, count: usize) {
        let position = self.position().saturating_add(count);
        self.next = position / 8;
        (self.reservoir, self.held) = (0, 0);
        #[expect(clippy::cast_possible_truncation, reason = "7 at most")]
        let within = (position % 8) as u32;
        if within != 0 {
            self.skip(within);
        }
    }

    /// Bits taken so far.
    pub(crate) const fn position(&self) -> usize {
        self.next
            .saturating_mul(8)
            .saturating_sub(self.held as usize)
    }

    /// Whether more bits were taken than there are.
    pub(crate) const fn overrun(&self) -> bool {
        self.position() > self.data.len() * 8
    }

    /// To the next byte boundary; whether there were only zeros.
    pub(crate) fn align(&mut self) -> bool {
        #[expect(clippy::cast_possible_truncation, reason = "7 at most")]
        let rest = ((8 - self.position() % 8) % 8) as u32;
        rest == 0 || self.read(rest) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn agrees_with_the_slow_reader(data in proptest::collection::vec(any::<u8>(), 0..60), steps in proptest::collection::vec((1u32..=32, any::<bool>(), 0usize..100), 0..40)) {
            let mut fast = Reader::new(&data);
            let mut at = 0usize;
            for (count, jump, far) in steps {
                if jump {
                    fast.jump(far);
                    at += far;
                } else {
                    let mut expected = 0u64;
                    for i in at..at + count as usize {
                        let bit = data.get(i / 8).map_or(0, |b| b >> (7 - i % 8) & 1);
                        expected = expected << 1 | u64::from(bit);
                    }
                    prop_assert_eq!(u64::from(fast.read(count)), expected);
                    at += count as usize;
                }
                prop_assert_eq!(fast.position(), at);
                prop_assert_eq!(fast.overrun(), at > data.len() * 8);
            }
        }
    }
}
