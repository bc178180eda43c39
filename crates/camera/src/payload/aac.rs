//! AAC: RFC 3640, mode AAC-hbr (13 bits of size, 3 of index), one access unit
//! per packet, fragmented if it does not fit.

use super::PacketSink;

/// What 13 bits of size can say.
const MAX_UNIT: usize = 0x1fff;

pub(crate) fn packetize(frame: &[u8], max_payload: usize, sink: &mut impl PacketSink) -> bool {
    let size = match u16::try_from(frame.len()) {
        Ok(size) if frame.len() <= MAX_UNIT => size,
        _ => return false,
    };
    let [high, low] = (size << 3).to_be_bytes();
    // AU-headers-length: 16 bits; a fragment repeats the size of the whole.
    let headers = [0, 16, high, low];
    let mut pieces = frame
        .chunks(max_payload.saturating_sub(headers.len()).max(1))
        .peekable();
    while let Some(piece) = pieces.next() {
        sink.packet(pieces.peek().is_none(), &[&headers, piece]);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::super::testing::Kept;
    use super::*;

    #[test]
    fn one_unit_per_packet() {
        let mut kept = Kept::default();
        assert!(packetize(&[7; 371], 1388, &mut kept));
        let (marker, packet) = &kept.0[0];
        assert!(marker);
        assert_eq!(packet[..4], [0, 16, 0x0b, 0x98]);
        assert_eq!(packet.len(), 375);
    }

    #[test]
    fn long_units_are_fragmented() {
        let frame: Vec<u8> = (0..3000_u16).map(|i| i.to_be_bytes()[1]).collect();
        let mut kept = Kept::default();
        assert!(packetize(&frame, 1388, &mut kept));
        let markers: Vec<bool> = kept.0.iter().map(|p| p.0).collect();
        assert_eq!(markers, [false, false, true]);
        let whole: Vec<u8> = kept.0.iter().flat_map(|p| p.1[4..].to_vec()).collect();
        assert_eq!(whole, frame);
        assert!(!packetize(&[0; 8192], 1388, &mut kept));
    }
}
