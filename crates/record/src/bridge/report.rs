//! Receiver reports (RFC 3550 §6.4.2): some cameras end a session of which they
//! hear none, whatever else is asked.

use std::time::{Duration, Instant};

/// When the first one is sent, and how long after it each other one (§6.2: five
/// seconds at least).
pub(super) const FIRST: Duration = Duration::from_secs(1);
pub(super) const EVERY: Duration = Duration::from_secs(5);

/// Receiver report, source description, goodbye (§6.4.2, 6.5, 6.6).
const RR: u8 = 201;
const SDES: u8 = 202;
const BYE: u8 = 203;

/// What is to be reported of the source of a stream.
#[derive(Debug, Default)]
pub(super) struct Reception {
    ssrc: u32,
    /// The first number, and the highest, extended over wraps.
    first: u64,
    highest: u64,
    received: u64,
    /// What was expected and received when it was reported last.
    reported: (u64, u64),
    /// The middle of the NTP time of the last sender report, and when it came.
    sender: Option<(u32, Instant)>,
}

impl Reception {
    /// Counts a packet of the source that is followed.
    pub(super) fn packet(&mut self, ssrc: u32, sequence: u16) {
        if self.received == 0 || self.ssrc != ssrc {
            *self = Self {
                ssrc,
                first: sequence.into(),
                highest: sequence.into(),
                ..Self::default()
            };
        }
        self.received += 1;
        let [.., high, low] = self.highest.to_be_bytes();
        let ahead = sequence.wrapping_sub(u16::from_be_bytes([high, low]));
        if ahead < 0x8000 {
            self.highest += u64::from(ahead);
        }
    }

    /// Notes a sender report of the source.
    pub(super) fn sender_report(&mut self, packet: &[u8], now: Instant) {
        // Header, SSRC, and the seconds and fractions of the NTP time.
        if let Some(&[n0, n1, n2, n3]) = packet.get(10..14).and_then(|ntp| ntp.first_chunk()) {
            self.sender = Some((u32::from_be_bytes([n0, n1, n2, n3]), now));
        }
    }

    /// The report, with the description that each must have; `None` before the first
    /// packet. The jitter is not measured: it says 0.
    pub(super) fn report(&mut self, own: u32, now: Instant) -> Option<Vec<u8>> {
        if self.received == 0 {
            return None;
        }
        let expected = self.highest - self.first + 1;
        let (before, had) = std::mem::replace(&mut self.reported, (expected, self.received));
        let (more, came) = (expected - before, self.received - had);
        let lost = more.saturating_sub(came) * 256 / more.max(1);
        let fraction = u8::try_from(lost).unwrap_or(u8::MAX);
        // 24 bits with a sign; nothing is below 0 here.
        let total = expected.saturating_sub(self.received).min(0x7f_ffff);
        let [.., t0, t1, t2] = total.to_be_bytes();
        let [.., h0, h1, h2, h3] = self.highest.to_be_bytes();
        let (last, since) = self.sender.map_or((0, 0), |(last, at)| {
            let since = now.saturating_duration_since(at).as_micros() * 65_536 / 1_000_000;
            (last, u32::try_from(since).unwrap_or(u32::MAX))
        });
        let mut packet = vec![0x81, RR, 0, 7];
        packet.extend(own.to_be_bytes());
        packet.extend(self.ssrc.to_be_bytes());
        packet.extend([fraction, t0, t1, t2, h0, h1, h2, h3]);
        packet.extend(0_u32.to_be_bytes());
        packet.extend(last.to_be_bytes());
        packet.extend(since.to_be_bytes());
        // One chunk with a CNAME of four bytes, and two zeros that end it.
        packet.extend([0x81, SDES, 0, 3]);
        packet.extend(own.to_be_bytes());
        packet.extend(*b"\x01\x04tapo\0\0");
        Some(packet)
    }
}

/// Whether a compound packet says that this source goes.
pub(super) fn says_goodbye(mut packet: &[u8], ssrc: u32) -> bool {
    while let Some((&[first, kind, l0, l1], _)) = packet.split_first_chunk() {
        let length = 4 * (usize::from(u16::from_be_bytes([l0, l1])) + 1);
        let Some((this, rest)) = packet.split_at_checked(length) else {
            return false;
        };
        let sources = this.get(4..).unwrap_or_default().chunks_exact(4);
        let mut sources = sources.take(usize::from(first & 31));
        if first >> 6 == 2 && kind == BYE && sources.any(|s| s == ssrc.to_be_bytes()) {
            return true;
        }
        packet = rest;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_and_times_are_reported_as_rfc_3550_says() {
        let (mut reception, begin) = (Reception::default(), Instant::now());
        assert_eq!(reception.report(1, begin), None);
        for sequence in [65_534, 65_535, 0, 2] {
            reception.packet(7, sequence);
        }
        let sender = [
            0x80, 200, 0, 6, 0, 0, 0, 7, 0xaa, 0xbb, 1, 2, 3, 4, 0xcc, 0xdd,
        ];
        reception.sender_report(&sender, begin);
        let later = begin + Duration::from_millis(1500);
        let report = reception.report(9, later).unwrap();
        assert_eq!(report[..8], [0x81, 201, 0, 7, 0, 0, 0, 9]);
        // One of five is lost: 51 of 256; the highest number is 2, after one wrap.
        assert_eq!(report[8..20], [0, 0, 0, 7, 51, 0, 0, 1, 0, 1, 0, 2]);
        assert_eq!(report[24..32], [1, 2, 3, 4, 0, 1, 0x80, 0]);
        assert_eq!((report[33], report.len()), (202, 48));
        // Since then nothing was lost.
        reception.packet(7, 3);
        assert_eq!(reception.report(9, later).unwrap()[12..16], [0, 0, 0, 1]);
        // Another source begins anew.
        reception.packet(8, 1000);
        let report = reception.report(9, later).unwrap();
        assert_eq!(report[8..20], [0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 3, 232]);
    }

    #[test]
    fn a_goodbye_is_that_of_a_source() {
        let report = [0x80, 200, 0, 1, 0, 0, 0, 7];
        let bye = [0x82, 203, 0, 2, 0, 0, 0, 5, 0, 0, 0, 7];
        let both = [&report[..], &bye].concat();
        assert!(says_goodbye(&both, 7) && says_goodbye(&both, 5));
        assert!(!says_goodbye(&both, 6) && !says_goodbye(&report, 7));
        for len in 0..both.len() {
            assert!(!says_goodbye(&both[..len], 7));
        }
    }
}
