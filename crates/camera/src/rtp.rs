//! RTP packets (RFC 3550, 5.1).

/// Bytes in the fixed header.
pub(crate) const HEADER: usize = 12;

/// One RTP stream: what goes on from packet to packet.
#[derive(Clone, Debug)]
pub(crate) struct Stream {
    pub(crate) ssrc: u32,
    /// Of the next packet.
    pub(crate) sequence: u16,
    pub(crate) payload_type: u8,
    /// RTP timestamp of the session's time zero.
    pub(crate) base: u32,
    /// Packets sent from this SSRC, modulo 2^32.
    pub(crate) packets: u32,
    /// Payload bytes sent from this SSRC, modulo 2^32.
    pub(crate) octets: u32,
}

impl Stream {
    /// The RTP timestamp of a session time in ticks: modulo 2^32.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "RTP timestamps are modulo 2^32"
    )]
    pub(crate) const fn timestamp(&self, ticks: i64) -> u32 {
        self.base.wrapping_add(ticks as u32)
    }

    /// The header of the next packet, whose payload has `octets` bytes.
    pub(crate) fn next_header(
        &mut self,
        marker: bool,
        timestamp: u32,
        octets: usize,
    ) -> [u8; HEADER] {
        let mut header = [0; HEADER];
        let [version, kind, s0, s1, t0, t1, t2, t3, ssrc @ ..] = &mut header;
        *version = 0x80;
        *kind = u8::from(marker) << 7 | self.payload_type;
        [*s0, *s1] = self.sequence.to_be_bytes();
        [*t0, *t1, *t2, *t3] = timestamp.to_be_bytes();
        *ssrc = self.ssrc.to_be_bytes();
        self.sequence = self.sequence.wrapping_add(1);
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(u32::try_from(octets).unwrap_or(0));
        header
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_wrap() {
        let mut stream = Stream {
            ssrc: 0x0102_0304,
            sequence: 0xffff,
            payload_type: 96,
            base: 0xffff_fff0,
            packets: u32::MAX,
            octets: u32::MAX,
        };
        let timestamp = stream.timestamp(0x20);
        let header = stream.next_header(true, timestamp, 2);
        assert_eq!(header, [0x80, 0xe0, 0xff, 0xff, 0, 0, 0, 0x10, 1, 2, 3, 4]);
        assert_eq!((stream.sequence, stream.packets, stream.octets), (0, 0, 1));
        assert_eq!(stream.timestamp(-0xfff0), 0xffff_0000);
    }
}
