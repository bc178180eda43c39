//! What one AAC frame looks like beside its length: enough to tell two tracks of equal configuration apart.

/// `window_sequence` (table 4.87).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WindowSequence {
    /// One long window.
    OnlyLong,
    /// A long window on the way to short ones.
    LongStart,
    /// Eight short windows.
    EightShort,
    /// A long window on the way back.
    LongStop,
}

impl WindowSequence {
    /// By its two bits.
    #[must_use]
    pub const fn of(bits: u32) -> Self {
        match bits & 3 {
            0 => Self::OnlyLong,
            1 => Self::LongStart,
            2 => Self::EightShort,
            _ => Self::LongStop,
        }
    }

    /// Whether `next` may follow in the same channel (4.6.11.3.1).
    #[must_use]
    pub const fn may_precede(self, next: Self) -> bool {
        let long_end = matches!(self, Self::OnlyLong | Self::LongStop);
        let long_start = matches!(next, Self::OnlyLong | Self::LongStart);
        long_end == long_start
    }
}

/// One channel of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChannelShape {
    /// The windows.
    pub window_sequence: WindowSequence,
    /// `window_shape`: false sine, true Kaiser-Bessel derived.
    pub kaiser_bessel: bool,
    /// `max_sfb`: scale factor bands that are coded.
    pub max_sfb: u8,
    /// `global_gain`.
    pub global_gain: u8,
}

/// A frame: its first channel element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameShape {
    /// Its first channel.
    pub first: ChannelShape,
    /// Its second channel, of a channel pair.
    pub second: Option<ChannelShape>,
    /// `common_window`: the channels of the pair share their windows.
    pub common_window: bool,
    /// `ms_mask_present` of the pair is not 0.
    pub mid_side: bool,
}

#[cfg(test)]
mod tests {
    use super::WindowSequence::{EightShort, LongStart, LongStop, OnlyLong};

    #[test]
    fn window_sequences_that_may_follow() {
        for (first, next) in [
            (OnlyLong, [OnlyLong, LongStart]),
            (LongStop, [OnlyLong, LongStart]),
            (LongStart, [EightShort, LongStop]),
            (EightShort, [EightShort, LongStop]),
        ] {
            for other in [OnlyLong, LongStart, EightShort, LongStop] {
                assert_eq!(first.may_precede(other), next.contains(&other));
            }
        }
    }
}
