//! What the packets of one stream must be (RFC 3550 §5.1), whatever the camera
//! sends: one source, numbers that go on, and an end to each picture.
//!
//! A camera that begins anew amid a session, with another SSRC or other
//! sequence numbers, is followed without losing a packet: two packets in
//! sequence prove the new source (RFC 3550 A.1), and those behind get the old
//! SSRC and the numbers that would have come. Packets of a foreign source that
//! is no successor (some cameras send those of old sessions) never do so.

use super::Violation;
use super::report::{Reception, says_goodbye};
use std::time::Instant;

/// Largest access unit that is gathered, bytes.
const UNIT: usize = 16 << 20;
/// What is counted for each packet on top of its bytes.
const OVERHEAD: usize = 64;
/// Numbers may go ahead by this much (RFC 3550 A.1: MAX_DROPOUT).
const DROPOUT: u16 = 3000;
/// A packet this far behind is late or sent twice (MAX_MISORDER).
const MISORDER: u16 = 100;
/// The type of a sender report (RFC 3550 §6.4.1).
const SENDER_REPORT: u8 = 200;
/// Packets in a row that are no RTP before the stream is given up.
const PATIENCE: u32 = 200;

/// One stream of a session.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    /// The SSRC that the camera announced.
    announced: Option<u32>,
    /// The source that is followed.
    source: Option<Source>,
    /// The first packet of what may be its successor.
    candidate: Option<(Source, Vec<u8>)>,
    /// The SSRC of all packets that are passed on.
    shown: u32,
    /// What is added to sequence numbers.
    shift: u16,
    followed: bool,
    unit: (u32, usize),
    bad: u32,
    reception: Reception,
}

#[derive(Copy, Clone, Debug, Eq, PartialEq)]
struct Source {
    ssrc: u32,
    next: u16,
}

#[derive(Copy, Clone, Debug)]
struct Header {
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
    marker: bool,
}

impl Header {
    fn read(packet: &[u8]) -> Option<Self> {
        let (fixed, _) = packet.split_first_chunk::<12>()?;
        let [first, second, s0, s1, t0, t1, t2, t3, r0, r1, r2, r3] = *fixed;
        (first >> 6 == 2).then_some(Self {
            sequence: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([r0, r1, r2, r3]),
            marker: second & 0x80 != 0,
        })
    }
}

impl Stream {
    /// A stream whose SSRC is announced, or not.
    pub(crate) fn new(announced: Option<u32>) -> Self {
        Self {
            announced,
            ..Self::default()
        }
    }

    /// Takes an RTP packet and gives what is to be passed on to `pass`: nothing,
    /// the packet, or the one before as well.
    ///
    /// # Errors
    /// If the stream is none.
    pub(crate) fn rtp(
        &mut self,
        packet: &mut [u8],
        mut pass: impl FnMut(&[u8]),
    ) -> Result<(), Violation> {
        let Some(header) = Header::read(packet) else {
            self.bad += 1;
            return if self.bad >= PATIENCE {
                Err(Violation::NotRtp)
            } else {
                Ok(())
            };
        };
        self.bad = 0;
        let this = Source {
            ssrc: header.ssrc,
            next: header.sequence.wrapping_add(1),
        };
        let Some(source) = self.source else {
            if self.announced.is_none_or(|ssrc| ssrc == header.ssrc) {
                self.shown = header.ssrc;
                self.source = Some(this);
                self.gather(header, packet.len())?;
                pass(packet);
            } else {
                self.announced = None;
                // The next one decides which of them is right.
                self.candidate = Some((this, packet.to_vec()));
                self.shown = header.ssrc;
                self.source = Some(Source {
                    ssrc: !header.ssrc,
                    next: 0,
                });
            }
            return Ok(());
        };
        let ahead = header.sequence.wrapping_sub(source.next);
        if header.ssrc == source.ssrc && ahead < DROPOUT {
            self.source = Some(this);
            self.candidate = None;
            self.gather(header, packet.len())?;
            self.rewrite(packet, header);
            pass(packet);
        } else if header.ssrc == source.ssrc && ahead >= MISORDER.wrapping_neg() {
            // Late, or once more.
        } else if let Some((first, mut before)) = self.candidate.take()
            && first.ssrc == header.ssrc
            && first.next == header.sequence
        {
            // One number is left out: something may be missing.
            let first = first.next.wrapping_sub(1);
            let due = source.next.wrapping_add(self.shift).wrapping_add(1);
            self.shift = due.wrapping_sub(first);
            self.source = Some(this);
            self.followed = true;
            self.unit = (0, 0);
            if let Some(earlier) = Header::read(&before) {
                self.gather(earlier, before.len())?;
                self.rewrite(&mut before, earlier);
                pass(&before);
            }
            self.gather(header, packet.len())?;
            self.rewrite(packet, header);
            pass(packet);
        } else {
            self.candidate = Some((this, packet.to_vec()));
        }
        Ok(())
    }

    /// A receiver report of what came so far, as one of `own`.
    pub(crate) fn report(&mut self, own: u32, now: Instant) -> Option<Vec<u8>> {
        self.reception.report(own, now)
    }

    /// Whether a compound RTCP packet says that the source goes that is followed.
    pub(crate) fn ends(&self, packet: &[u8]) -> bool {
        let source = self.source;
        source.is_some_and(|source| says_goodbye(packet, source.ssrc))
    }

    /// Whether a compound RTCP packet is to be passed on; its SSRC is put right.
    pub(crate) fn rtcp(&mut self, packet: &mut [u8]) -> bool {
        let Some(([first, kind, ..], _)) = packet.split_first_chunk::<8>() else {
            return false;
        };
        let (first, kind) = (*first, *kind);
        if first >> 6 != 2 || !(200..=207).contains(&kind) {
            return false;
        }
        let Some(source) = self.source else {
            return true;
        };
        let Some(ssrc) = packet.get(4..8) else {
            return false;
        };
        if ssrc == source.ssrc.to_be_bytes() {
            if kind == SENDER_REPORT {
                self.reception.sender_report(packet, Instant::now());
            }
            let Some(ssrc) = packet.get_mut(4..8) else {
                return false;
            };
            ssrc.copy_from_slice(&self.shown.to_be_bytes());
            true
        } else {
            !self.followed
        }
    }

    fn rewrite(&self, packet: &mut [u8], header: Header) {
        if self.followed
            && let Some(fixed) = packet.first_chunk_mut::<12>()
        {
            let [s0, s1] = header.sequence.wrapping_add(self.shift).to_be_bytes();
            let [r0, r1, r2, r3] = self.shown.to_be_bytes();
            let [_, _, a, b, _, _, _, _, c, d, e, f] = fixed;
            (*a, *b, *c, *d, *e, *f) = (s0, s1, r0, r1, r2, r3);
        }
    }

    /// Counts what the receiver holds until the picture is complete.
    fn gather(&mut self, header: Header, length: usize) -> Result<(), Violation> {
        self.reception.packet(header.ssrc, header.sequence);
        let (timestamp, bytes) = &mut self.unit;
        if *timestamp != header.timestamp {
            (*timestamp, *bytes) = (header.timestamp, 0);
        }
        *bytes += length + OVERHEAD;
        if *bytes > UNIT {
            return Err(Violation::LongUnit);
        }
        if header.marker {
            *bytes = 0;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(ssrc: u32, sequence: u16, timestamp: u32) -> Vec<u8> {
        let mut packet = vec![0x80, 96];
        packet.extend(sequence.to_be_bytes());
        packet.extend(timestamp.to_be_bytes());
        packet.extend(ssrc.to_be_bytes());
        packet.push(7);
        packet
    }

    /// SSRC, number and time of what comes out.
    fn through(stream: &mut Stream, mut packet: Vec<u8>) -> Vec<(u32, u16, u32)> {
        let mut out = Vec::new();
        let passed = stream.rtp(&mut packet, |p| {
            let h = Header::read(p).unwrap();
            out.push((h.ssrc, h.sequence, h.timestamp));
        });
        passed.unwrap();
        out
    }

    #[test]
    fn a_new_source_is_followed_without_loss() {
        let mut s = Stream::new(None);
        assert_eq!(through(&mut s, packet(1, 65_535, 10)), [(1, 65_535, 10)]);
        assert_eq!(through(&mut s, packet(1, 0, 20)), [(1, 0, 20)]);
        assert_eq!(through(&mut s, packet(2, 500, 30)), []);
        assert_eq!(
            through(&mut s, packet(2, 501, 40)),
            [(1, 2, 30), (1, 3, 40)]
        );
        assert_eq!(through(&mut s, packet(2, 502, 50)), [(1, 4, 50)]);
        // The reports follow, those of the old source end.
        let mut report = vec![0x80, 200, 0, 6, 0, 0, 0, 2];
        assert!(s.rtcp(&mut report));
        assert_eq!(report.last(), Some(&1));
        assert!(!s.rtcp(&mut [0x80, 200, 0, 6, 0, 0, 0, 9]));
    }

    #[test]
    fn foreign_and_late_packets_are_left_out() {
        let mut s = Stream::new(None);
        through(&mut s, packet(1, 100, 0));
        for n in 0..50 {
            assert_eq!(through(&mut s, packet(9, n * 3, 0)), []);
            assert_eq!(through(&mut s, packet(1, 101 + n, 0)).len(), 1);
        }
        assert_eq!(through(&mut s, packet(1, 120, 0)), []);
    }

    #[test]
    fn numbers_that_start_anew_go_on() {
        let mut s = Stream::new(None);
        through(&mut s, packet(1, 30_000, 0));
        assert_eq!(through(&mut s, packet(1, 5, 1)), []);
        assert_eq!(
            through(&mut s, packet(1, 6, 2)),
            [(1, 30_002, 1), (1, 30_003, 2)]
        );
        // A loss that is told by numbers stays one.
        assert_eq!(through(&mut s, packet(1, 16, 3)), [(1, 30_013, 3)]);
    }

    #[test]
    fn an_announcement_counts_only_if_packets_bear_it_out() {
        let mut s = Stream::new(Some(5));
        assert_eq!(through(&mut s, packet(5, 1, 0)).len(), 1);
        let mut s = Stream::new(Some(5));
        assert_eq!(through(&mut s, packet(6, 1, 0)), []);
        assert_eq!(through(&mut s, packet(6, 2, 0)).len(), 2);
    }

    #[test]
    fn a_picture_without_end_is_refused() {
        let mut s = Stream::new(None);
        let mut last = Ok(());
        for n in 0..20_000_u16 {
            let mut packet = packet(1, n, 7);
            packet.resize(1400, 0);
            last = s.rtp(&mut packet, |_| {});
            if last.is_err() {
                break;
            }
        }
        assert_eq!(last, Err(Violation::LongUnit));
        let mut s = Stream::new(None);
        let garbage = (0..PATIENCE).map(|_| s.rtp(&mut [0; 40], |_| {}));
        assert_eq!(garbage.last(), Some(Err(Violation::NotRtp)));
    }
}
