//! RTCP sender reports (RFC 3550, 6.4.1) with the source description that every
//! compound packet needs (6.5).

use crate::rtp::Stream;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// From 1900 to 1970, in seconds.
const NTP_EPOCH: u64 = 2_208_988_800;
/// The same name for all streams of a session says that they share a clock.
const CNAME: &[u8; 16] = b"camera@127.0.0.1";

/// A wall clock time as 32.32 bits of seconds since 1900, modulo 2^64 (2036).
pub(crate) fn ntp(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let fraction = (u64::from(since.subsec_nanos()) << 32) / 1_000_000_000;
    since.as_secs().wrapping_add(NTP_EPOCH) << 32 | fraction
}

/// Sender report and source description of `stream`: at wall clock `ntp` its
/// clock shows `timestamp`.
pub(crate) fn sender_report(stream: &Stream, ntp: u64, timestamp: u32) -> Vec<u8> {
    let mut packet = Vec::with_capacity(28 + 28);
    let report_words = 6_u16;
    packet.extend([0x80, 200]);
    packet.extend(report_words.to_be_bytes());
    packet.extend(stream.ssrc.to_be_bytes());
    packet.extend(ntp.to_be_bytes());
    packet.extend(timestamp.to_be_bytes());
    packet.extend(stream.packets.to_be_bytes());
    packet.extend(stream.octets.to_be_bytes());
    // One chunk: SSRC, CNAME item of 2 + 16 bytes, at least one zero, to 32 bits.
    let description_words = 6_u16;
    packet.extend([0x81, 202]);
    packet.extend(description_words.to_be_bytes());
    packet.extend(stream.ssrc.to_be_bytes());
    packet.extend([1, 16]);
    packet.extend(CNAME);
    packet.extend([0, 0]);
    packet
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ntp_counts_from_1900_in_binary_fractions() {
        let half = UNIX_EPOCH + Duration::from_millis(500);
        assert_eq!(ntp(half), NTP_EPOCH << 32 | 0x8000_0000);
    }

    #[test]
    fn lengths_say_words_minus_one() {
        let stream = Stream {
            ssrc: 1,
            sequence: 0,
            payload_type: 0,
            base: 0,
            packets: 5,
            octets: 6,
        };
        let packet = sender_report(&stream, 0x1122, 77);
        let words = usize::from(packet[3]) + 1;
        assert_eq!(packet[words * 4 + 1], 202);
        let more = usize::from(packet[words * 4 + 3]) + 1;
        assert_eq!(packet.len(), (words + more) * 4);
        assert_eq!(packet[16..28], [0, 0, 0, 77, 0, 0, 0, 5, 0, 0, 0, 6]);
    }
}
