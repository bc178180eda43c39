//! Bits of a byte slice, highest first. MPEG-4 audio has neither emulation prevention nor Exp-Golomb codes.

/// Reads bits; every read is `None` at the end.
#[derive(Debug, Clone)]
pub(super) struct Bits<'a> {
    data: &'a [u8],
    /// In bits from the start.
    position: usize,
}

impl<'a> Bits<'a> {
    pub(super) const fn new(data: &'a [u8]) -> Self {
        Self { data, position: 0 }
    }

    /// The next `count` bits, 32 at most.
    pub(super) fn read(&mut self, count: u32) -> Option<u32> {
        debug_assert!(count <= 32);
        let mut value = 0u64;
        for _ in 0..count {
            let byte = self.data.get(self.position / 8)?;
            value = value << 1 | u64::from(byte >> (7 - self.position % 8) & 1);
            self.position += 1;
        }
        u32::try_from(value).ok()
    }

    pub(super) fn flag(&mut self) -> Option<bool> {
        self.read(1).map(|bit| bit == 1)
    }

    pub(super) fn skip(&mut self, count: usize) -> Option<()> {
        let position = self.position.checked_add(count)?;
        (position <= self.data.len() * 8).then(|| self.position = position)
    }

    /// To the next byte boundary, counted from the start.
    pub(super) const fn align(&mut self) {
        self.position = self.position.next_multiple_of(8);
    }
}
