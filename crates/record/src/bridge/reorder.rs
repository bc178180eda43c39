//! Packets of UDP in the order of their sequence numbers.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Packets that wait for one that is missing.
const WINDOW: usize = 128;
/// Bytes that wait.
const WINDOW_BYTES: usize = 1 << 20;
/// How long they wait for it.
const PATIENCE: Duration = Duration::from_millis(150);
/// A number this far away is a new beginning (RFC 3550 A.1).
const DROPOUT: u16 = 3000;

/// Puts the packets of one stream in order.
#[derive(Debug, Default)]
pub(crate) struct Reorder {
    next: Option<u16>,
    /// By their numbers, counted from `next`; that of `next` itself is missing.
    waiting: VecDeque<Waiting>,
    bytes: usize,
    late: u64,
}

#[derive(Debug)]
struct Waiting {
    sequence: u16,
    since: Instant,
    packet: Vec<u8>,
}

impl Reorder {
    /// Takes a packet with this number; gives all that is in order now.
    pub(crate) fn push(
        &mut self,
        sequence: u16,
        packet: &mut [u8],
        now: Instant,
        mut pass: impl FnMut(&mut [u8]),
    ) {
        let next = *self.next.get_or_insert(sequence);
        let ahead = sequence.wrapping_sub(next);
        if ahead == 0 {
            pass(packet);
            self.next = Some(next.wrapping_add(1));
            self.drain(&mut pass);
        } else if ahead < DROPOUT {
            self.insert(ahead, sequence, packet, now);
            while self.waiting.len() > WINDOW || self.bytes > WINDOW_BYTES {
                self.skip(&mut pass);
            }
        } else if ahead >= DROPOUT.wrapping_neg() {
            self.late += 1;
        } else {
            // The camera counts anew.
            while !self.waiting.is_empty() {
                self.skip(&mut pass);
            }
            pass(packet);
            self.next = Some(sequence.wrapping_add(1));
        }
    }

    /// Gives what has waited long enough.
    pub(crate) fn give_up(&mut self, now: Instant, mut pass: impl FnMut(&mut [u8])) {
        while self.deadline().is_some_and(|deadline| deadline <= now) {
            self.skip(&mut pass);
        }
    }

    /// When [`Self::give_up`] has something to do.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let since = self.waiting.iter().map(|w| w.since).min()?;
        Some(since + PATIENCE)
    }

    /// Packets that came too late, or twice.
    pub(crate) const fn late(&self) -> u64 {
        self.late
    }

    fn insert(&mut self, ahead: u16, sequence: u16, packet: &[u8], now: Instant) {
        let next = self.next.unwrap_or(sequence);
        let place = |w: &Waiting| w.sequence.wrapping_sub(next);
        let at = self.waiting.partition_point(|w| place(w) < ahead);
        if self.waiting.get(at).is_some_and(|w| w.sequence == sequence) {
            self.late += 1;
            return;
        }
        self.bytes += packet.len();
        let packet = packet.to_vec();
        let since = now;
        self.waiting.insert(
            at,
            Waiting {
                sequence,
                since,
                packet,
            },
        );
    }

    /// Goes on without what is missing.
    fn skip(&mut self, pass: &mut impl FnMut(&mut [u8])) {
        if let Some(first) = self.waiting.front() {
            self.next = Some(first.sequence);
            self.drain(pass);
        }
    }

    fn drain(&mut self, pass: &mut impl FnMut(&mut [u8])) {
        while let Some(first) = self.waiting.front_mut() {
            if Some(first.sequence) != self.next {
                return;
            }
            pass(&mut first.packet);
            self.bytes -= first.packet.len();
            self.next = Some(first.sequence.wrapping_add(1));
            self.waiting.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn push(r: &mut Reorder, sequence: u16, now: Instant, out: &mut Vec<u16>) {
        let mut packet = sequence.to_be_bytes();
        r.push(sequence, &mut packet, now, |p| {
            out.push(u16::from_be_bytes([p[0], p[1]]));
        });
    }

    #[test]
    fn swapped_packets_come_in_order_and_lost_ones_are_not_waited_for_long() {
        let (mut r, now, mut out) = (Reorder::default(), Instant::now(), Vec::new());
        for n in [65_534, 0, 65_535, 1, 1, 3, 4] {
            push(&mut r, n, now, &mut out);
        }
        assert_eq!(out, [65_534, 65_535, 0, 1]);
        assert_eq!((r.late(), r.deadline()), (1, Some(now + PATIENCE)));
        r.give_up(now + PATIENCE, |p| {
            out.push(u16::from_be_bytes([p[0], p[1]]));
        });
        assert_eq!(out[4..], [3, 4]);
        push(&mut r, 2, now, &mut out);
        assert_eq!((out.len(), r.late(), r.deadline()), (6, 2, None));
        // Far away: a new beginning.
        push(&mut r, 30_000, now, &mut out);
        push(&mut r, 30_001, now, &mut out);
        assert_eq!(out[6..], [30_000, 30_001]);
    }

    #[test]
    fn no_more_than_a_window_waits() {
        let (mut r, now, mut out) = (Reorder::default(), Instant::now(), Vec::new());
        push(&mut r, 0, now, &mut out);
        for n in 2..1000 {
            push(&mut r, n, now, &mut out);
        }
        assert_eq!(out.len(), 999);
        assert!(r.waiting.is_empty() && r.bytes == 0);
    }

    proptest! {
        /// Whatever order packets come in within the window, they go in order.
        #[test]
        fn in_order_and_none_lost(
            keys in proptest::collection::vec(0..20_u16, 1..400), start in any::<u16>()
        ) {
            let mut order: Vec<(u16, u16)> = (1..).zip(&keys).map(|(i, k)| (i + k, i)).collect();
            order.sort_unstable();
            let last = order.iter().map(|(_, i)| *i).max().unwrap_or(0);
            let (mut r, now, mut out) = (Reorder::default(), Instant::now(), Vec::new());
            push(&mut r, start, now, &mut out);
            for (_, i) in order {
                push(&mut r, start.wrapping_add(i), now, &mut out);
            }
            let expected: Vec<u16> = (0..=last).map(|i| start.wrapping_add(i)).collect();
            prop_assert_eq!(out, expected);
        }
    }
}
