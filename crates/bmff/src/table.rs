//! Fixed-size fields and tables, bounded by the bytes that are there.

/// The big-endian 16-bit number at `at`, if it is there.
#[must_use]
pub fn be_u16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// The big-endian 32-bit number at `at`, if it is there.
#[must_use]
pub fn be_u32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// The big-endian 64-bit number at `at`, if it is there.
#[must_use]
pub fn be_u64(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// Version, flags and the rest of a full box's payload (14496-12 §4.2.2).
#[must_use]
pub fn full_box(payload: &[u8]) -> Option<(u8, u32, &[u8])> {
    let (head, rest) = payload.split_first_chunk::<4>()?;
    let [version, flags @ ..] = *head;
    let [a, b, c] = flags;
    Some((version, u32::from_be_bytes([0, a, b, c]), rest))
}

/// The first `declared` records of `N` bytes, or as many as are there.
pub fn records<const N: usize>(
    bytes: &[u8],
    declared: u32,
) -> impl ExactSizeIterator<Item = &[u8; N]> {
    let (records, _) = bytes.as_chunks::<N>();
    let declared = usize::try_from(declared).unwrap_or(usize::MAX);
    records.iter().take(declared)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_bounded_by_the_bytes_left() {
        assert_eq!(records::<8>(&[0; 20], u32::MAX).len(), 2);
        assert_eq!(records::<8>(&[0; 20], 1).len(), 1);
        assert_eq!(be_u32(&[1, 2, 3], 0), None);
        assert_eq!(full_box(&[1, 0, 1, 2, 9]), Some((1, 0x102, &[9][..])));
    }
}
