//! Numbers that look random: session ids, nonces, SSRCs, scripted packet loss.

use std::hash::{BuildHasher, RandomState};

/// SplitMix64 (Steele, Lea, Flood 2014): small, seedable, not for secrets.
#[derive(Clone, Debug)]
pub(crate) struct Rng(u64);

impl Rng {
    /// The same seed gives the same numbers.
    pub(crate) const fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// Seeded by the system.
    pub(crate) fn from_system() -> Self {
        Self(secret())
    }

    pub(crate) const fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) const fn next_u32(&mut self) -> u32 {
        (self.next_u64() >> 32) as u32
    }

    pub(crate) const fn next_u16(&mut self) -> u16 {
        (self.next_u64() >> 48) as u16
    }

    /// True in `percent` of 100 cases.
    pub(crate) const fn chance(&mut self, percent: u8) -> bool {
        self.next_u64() % 100 < percent as u64
    }
}

/// 64 bits nobody outside can guess: `RandomState` takes its keys from the
/// system and hashes with SipHash.
pub(crate) fn secret() -> u64 {
    RandomState::new().hash_one(0_u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chances_come_out_about_right() {
        let mut rng = Rng::seeded(7);
        let hits = (0..100_000).filter(|_| rng.chance(5)).count();
        assert!((4_500..5_500).contains(&hits), "{hits}");
        assert!(!(0..1000).any(|_| rng.chance(0)));
        assert!((0..1000).all(|_| rng.chance(100)));
    }
}
