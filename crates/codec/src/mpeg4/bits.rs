//! Bits of a byte slice, highest first: this coding has no emulation prevention.

/// Reads bits; every read is `None` at the end.
#[derive(Debug, Clone)]
pub(crate) struct Bits<'a> {
    data: &'a [u8],
    /// In bits from the start.
    position: usize,
}

impl<'a> Bits<'a> {
    pub(crate) const fn new(data: &'a [u8]) -> Self {
        Self { data, position: 0 }
    }

    pub(crate) const fn left(&self) -> usize {
        (self.data.len() * 8).saturating_sub(self.position)
    }

    /// The next 32 bits, not consumed, with zeros behind the end.
    pub(crate) fn peek(&self) -> u32 {
        let at = self.position / 8;
        let mut bytes = [0; 8];
        let tail = self.data.get(at..).unwrap_or_default();
        for (to, from) in bytes.iter_mut().zip(tail) {
            *to = *from;
        }
        let window = (u64::from_be_bytes(bytes) << (self.position % 8)) >> 32;
        u32::try_from(window).unwrap_or_default()
    }

    /// The next `count` bits, 32 at most, not consumed, with zeros behind the end.
    pub(crate) fn next(&self, count: u32) -> u32 {
        self.peek().checked_shr(32 - count).unwrap_or_default()
    }

    /// The next `count` bits, 32 at most.
    pub(crate) fn read(&mut self, count: u32) -> Option<u32> {
        let value = self.next(count);
        self.skip(count as usize).map(|()| value)
    }

    pub(crate) fn flag(&mut self) -> Option<bool> {
        self.read(1).map(|bit| bit == 1)
    }

    /// `marker_bit`, which is 1.
    pub(crate) fn marker(&mut self) -> Option<()> {
        self.flag()?.then_some(())
    }

    pub(crate) fn skip(&mut self, count: usize) -> Option<()> {
        (count <= self.left()).then(|| self.position += count)
    }

    /// Bits up to the next byte boundary as `next_start_code()` fills them: a zero and then ones, eight of them where it is
    /// at one already.
    pub(crate) fn stuffing(&self) -> Option<usize> {
        let count = 8 - self.position % 8;
        let ones = (1_u32 << (count - 1)) - 1;
        let bits = u32::try_from(count).ok()?;
        (count <= self.left() && self.next(bits) == ones).then_some(count)
    }
}
