//! The other side (9.3.5), for tests.

use super::{NEXT_LPS, NEXT_MPS, RANGE_LPS};

/// Encodes bins.
pub(in crate::h265::slice_data) struct Encoder {
    low: u32,
    range: u32,
    first: bool,
    outstanding: usize,
    bits: Vec<bool>,
}

impl Encoder {
    pub(in crate::h265::slice_data) fn new() -> Self {
        let bits = Vec::new();
        Self {
            low: 0,
            range: 510,
            first: true,
            outstanding: 0,
            bits,
        }
    }

    pub(in crate::h265::slice_data) fn bin(&mut self, context: &mut u8, bin: bool) {
        let quarter = (self.range >> 6 & 3) as usize;
        let lps = u32::from(RANGE_LPS[usize::from(*context >> 1)][quarter]);
        self.range -= lps;
        let next = if bin == (*context & 1 == 1) {
            NEXT_MPS
        } else {
            self.low += self.range;
            self.range = lps;
            NEXT_LPS
        };
        *context = next[usize::from(*context)];
        self.renormalise();
    }

    pub(in crate::h265::slice_data) fn bypass(&mut self, bin: bool) {
        self.low <<= 1;
        if bin {
            self.low += self.range;
        }
        match self.low {
            1024.. => {
                self.low -= 1024;
                self.put(true);
            }
            ..512 => self.put(false),
            _ => {
                self.low -= 512;
                self.outstanding += 1;
            }
        }
    }

    /// A terminating bin; one that is set is followed by the stop bit and zeros up to the next byte.
    pub(in crate::h265::slice_data) fn terminate(&mut self, bin: bool) {
        self.range -= 2;
        if !bin {
            self.renormalise();
            return;
        }
        self.low += self.range;
        self.range = 2;
        self.renormalise();
        self.put(self.low >> 9 & 1 == 1);
        self.bits.push(self.low >> 8 & 1 == 1);
        self.bits.push(true);
    }

    /// All bytes, the last one filled with zeros.
    pub(in crate::h265::slice_data) fn bytes(&self) -> Vec<u8> {
        let byte = |bits: &[bool]| {
            let of = |(at, &bit): (usize, &bool)| u8::from(bit) << (7 - at);
            bits.iter().enumerate().map(of).sum()
        };
        self.bits.chunks(8).map(byte).collect()
    }

    fn renormalise(&mut self) {
        while self.range < 256 {
            match self.low {
                ..256 => self.put(false),
                512.. => {
                    self.low -= 512;
                    self.put(true);
                }
                _ => {
                    self.low -= 256;
                    self.outstanding += 1;
                }
            }
            self.range <<= 1;
            self.low <<= 1;
        }
    }

    fn put(&mut self, bit: bool) {
        if !std::mem::take(&mut self.first) {
            self.bits.push(bit);
        }
        let more = std::mem::take(&mut self.outstanding);
        self.bits.extend(std::iter::repeat_n(!bit, more));
    }
}
