//! L16 (RFC 3551 §4.5.11): linear samples of 16 bits, the high octet first, as they
//! come in `twos`.

use super::{Offer, Payload};
use crate::source::Codec;
use retina::codec::ParametersRef;
use tapo_movie::SampleDescription;

/// The most channels that have a usual order.
const CHANNELS: u16 = 8;

struct L16 {
    rate: u16,
    channels: u16,
}

pub(super) fn open(offer: &Offer<'_>) -> Option<Result<Box<dyn Payload>, &'static str>> {
    if (offer.media, offer.encoding) != ("audio", "l16") {
        return None;
    }
    let Ok(rate) = u16::try_from(offer.clock_rate) else {
        return Some(Err("a sample entry holds no rate above 65535 Hz"));
    };
    let channels = offer.channels;
    if !(1..=CHANNELS).contains(&channels) {
        return Some(Err("L16 is recorded with eight channels at most"));
    }
    Some(Ok(Box::new(L16 { rate, channels })))
}

impl Payload for L16 {
    fn codec(&self) -> Codec {
        Codec::L16
    }

    fn description(&self, _: Option<&ParametersRef<'_>>) -> Option<SampleDescription> {
        SampleDescription::pcm16(self.rate, self.channels)
    }

    fn take(&mut self, mut unit: super::Unit) -> Option<super::Unit> {
        // Half a sample would shift all channels behind it.
        let frame = 2 * usize::from(self.channels);
        let frames = unit.data.len() / frame;
        unit.data.truncate(frames * frame);
        unit.duration = u32::try_from(frames).ok().filter(|n| *n > 0);
        unit.duration.is_some().then_some(unit)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Unit;
    use super::*;

    #[test]
    fn a_packet_lasts_as_many_ticks_as_it_has_samples_of_each_channel() {
        let mut stereo = L16 {
            rate: 48_000,
            channels: 2,
        };
        let mut of = |bytes| {
            let unit = Unit {
                data: vec![1; bytes],
                duration: Some(7),
                redescribed: false,
            };
            let taken = stereo.take(unit)?;
            Some((taken.data.len(), taken.duration))
        };
        assert_eq!(of(960), Some((960, Some(240))));
        assert_eq!(of(963), Some((960, Some(240))));
        assert_eq!(of(3), None);
    }
}
