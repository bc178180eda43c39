//! Boxes, written.

use crate::FourCc;

/// Writes boxes into memory; sizes are filled in when a box ends.
#[derive(Clone, Debug, Default)]
pub struct BoxWriter {
    bytes: Vec<u8>,
    /// Places in `bytes` where others are to stand, and how many.
    left_out: Vec<(usize, u64)>,
    /// The sum of these.
    missing: u64,
}

impl BoxWriter {
    /// An empty writer.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            bytes: Vec::new(),
            left_out: Vec::new(),
            missing: 0,
        }
    }

    /// A writer with room for `capacity` bytes.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(capacity),
            ..Self::new()
        }
    }

    /// Writes a box around what `content` writes. A box that turns out longer
    /// than 32 bits can say gets a 64-bit header.
    pub fn boxed(&mut self, kind: &[u8; 4], content: impl FnOnce(&mut Self)) {
        let start = self.bytes.len();
        let (missing, gaps) = (self.missing, self.left_out.len());
        self.u32(0).raw(kind);
        content(self);
        let size = (self.bytes.len() - start) as u64 + (self.missing - missing);
        match u32::try_from(size) {
            Ok(size) => self.patch(start, &size.to_be_bytes()),
            Err(_) => {
                let large = (size + 8).to_be_bytes();
                let body = start + 8;
                self.bytes.splice(body..body, large);
                self.left_out.iter_mut().skip(gaps).for_each(|g| g.0 += 8);
                self.patch(start, &1_u32.to_be_bytes());
            }
        }
    }

    /// Writes a full box: version and flags first (14496-12 §4.2.2).
    pub fn full(
        &mut self,
        kind: &[u8; 4],
        version: u8,
        flags: u32,
        content: impl FnOnce(&mut Self),
    ) {
        self.boxed(kind, |w| {
            w.u32(u32::from(version) << 24 | flags & 0x00ff_ffff);
            content(w);
        });
    }

    /// Writes a `uuid` box with its extended type.
    pub fn uuid(&mut self, user_type: &[u8; 16], content: impl FnOnce(&mut Self)) {
        self.boxed(b"uuid", |w| {
            w.raw(user_type);
            content(w);
        });
    }

    /// The header of a box whose payload of `payload` bytes stands elsewhere:
    /// 8 bytes if its size fits into 32 bits and `large` is not forced, else 16.
    #[must_use]
    pub fn header(kind: &[u8; 4], payload: u64, large: bool) -> Vec<u8> {
        let mut w = Self::new();
        match u32::try_from(payload.saturating_add(8)) {
            Ok(size) if !large => w.u32(size).raw(kind),
            _ => w.u32(1).raw(kind).u64(payload.saturating_add(16)),
        };
        w.bytes
    }

    /// Bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// `count` zero bytes.
    pub fn zeros(&mut self, count: usize) -> &mut Self {
        self.bytes.resize(self.bytes.len() + count, 0);
        self
    }

    /// One byte.
    pub fn u8(&mut self, value: u8) -> &mut Self {
        self.raw(&[value])
    }

    /// 16 bits, big-endian.
    pub fn u16(&mut self, value: u16) -> &mut Self {
        self.raw(&value.to_be_bytes())
    }

    /// 32 bits, big-endian.
    pub fn u32(&mut self, value: u32) -> &mut Self {
        self.raw(&value.to_be_bytes())
    }

    /// 64 bits, big-endian.
    pub fn u64(&mut self, value: u64) -> &mut Self {
        self.raw(&value.to_be_bytes())
    }

    /// A type.
    pub fn four(&mut self, kind: FourCc) -> &mut Self {
        self.raw(&kind.0)
    }

    /// Leaves out `len` bytes that belong here: the boxes around them count
    /// them, and somebody else writes them (see [`into_parts`](Self::into_parts)).
    pub fn leave_out(&mut self, len: u64) {
        self.left_out.push((self.bytes.len(), len));
        self.missing = self.missing.saturating_add(len);
    }

    /// Bytes written so far, without what was left out.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing was written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Overwrites bytes written before; what would reach behind the end is
    /// left out.
    pub fn patch(&mut self, at: usize, bytes: &[u8]) {
        for (to, from) in self.bytes.iter_mut().skip(at).zip(bytes) {
            *to = *from;
        }
    }

    /// The bytes.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// The bytes, and what was left out of them: in front of which of them, and
    /// how many.
    #[must_use]
    pub fn into_parts(self) -> (Vec<u8>, Vec<(usize, u64)>) {
        (self.bytes, self.left_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_filled_in_from_the_inside_out() {
        let mut w = BoxWriter::new();
        w.boxed(b"moov", |w| {
            w.full(b"mvhd", 1, 2, |w| {
                w.u8(7);
            });
        });
        assert_eq!(
            w.into_bytes(),
            b"\0\0\0\x15moov\0\0\0\x0dmvhd\x01\0\0\x02\x07"
        );
    }

    #[test]
    fn boxes_count_what_is_left_out() {
        let mut w = BoxWriter::new();
        w.boxed(b"moov", |w| {
            w.boxed(b"stsz", |w| w.leave_out(1000));
            w.boxed(b"co64", |w| w.leave_out(1 << 32));
            w.u8(7);
        });
        let (bytes, left_out) = w.into_parts();
        // Both boxes of more than 32 bits have large headers.
        assert_eq!(bytes[..8], *b"\0\0\0\x01moov");
        assert_eq!(
            bytes[8..16],
            (16 + 1008 + 16 + (1 << 32) + 1_u64).to_be_bytes()
        );
        assert_eq!(bytes[16..24], *b"\0\0\x03\xf0stsz");
        assert_eq!(left_out, [(24, 1000), (40, 1 << 32)]);
        assert_eq!(bytes.len(), 41);
    }

    #[test]
    fn a_header_grows_to_64_bits_when_it_must_or_is_told_to() {
        let small = BoxWriter::header(b"mdat", 4, false);
        assert_eq!(small, b"\0\0\0\x0cmdat");
        let forced = BoxWriter::header(b"mdat", 4, true);
        assert_eq!(forced, b"\0\0\0\x01mdat\0\0\0\0\0\0\0\x14");
        let largest = BoxWriter::header(b"mdat", u64::from(u32::MAX) - 8, false);
        assert_eq!(largest.len(), 8);
        let beyond = BoxWriter::header(b"mdat", u64::from(u32::MAX) - 7, false);
        assert_eq!(beyond.len(), 16);
    }
}
