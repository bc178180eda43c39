//! Opus (RFC 7587): a packet of RTP is a packet of Opus, and a sample of the track
//! `Opus` ("Encapsulation of Opus in ISO Base Media File Format").

use super::{Offer, Payload, Unit};
use crate::source::Codec;
use retina::codec::ParametersRef;
use tapo_movie::SampleDescription;

/// Whatever is coded, timestamps count 48 kHz (RFC 7587 §4.1).
const RATE: u32 = 48_000;

#[derive(Default)]
struct Opus {
    /// Whether a packet had two channels.
    stereo: bool,
}

pub(super) fn open(offer: &Offer<'_>) -> Option<Result<Box<dyn Payload>, &'static str>> {
    if (offer.media, offer.encoding) != ("audio", "opus") {
        return None;
    }
    if offer.clock_rate != RATE {
        return Some(Err("Opus has a clock of 48000 Hz, whatever is coded"));
    }
    Some(Ok(Box::<Opus>::default()))
}

impl Payload for Opus {
    fn codec(&self) -> Codec {
        Codec::Opus
    }

    fn description(&self, _: Option<&ParametersRef<'_>>) -> Option<SampleDescription> {
        SampleDescription::opus(1 + u8::from(self.stereo))
    }

    fn take(&mut self, mut unit: Unit) -> Option<Unit> {
        unit.duration = Some(tapo_codec::opus_duration(&unit.data)?);
        // RFC 6716 §3.1: the third bit from below. A decoder for two channels plays
        // packets of one as well, so that it never goes back.
        let stereo = unit.data.first().is_some_and(|toc| toc & 4 != 0);
        unit.redescribed = stereo && !self.stereo;
        self.stereo |= stereo;
        Some(unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_say_how_long_they_are_and_how_many_channels_there_are() {
        let mut opus = Opus::default();
        let mut take = |data: &[u8]| {
            let unit = Unit {
                data: data.to_vec(),
                ..Unit::default()
            };
            let taken = opus.take(unit);
            let channels = opus.description(None).unwrap().channels();
            (taken.map(|t| (t.duration, t.redescribed)), channels)
        };
        // CELT, 20 ms: one frame, and two.
        assert_eq!(take(&[0xf8, 1]), (Some((Some(960), false)), Some(1)));
        assert_eq!(take(&[0xf9, 1, 2]), (Some((Some(1920), false)), Some(1)));
        assert_eq!(take(&[0xfc, 1]), (Some((Some(960), true)), Some(2)));
        assert_eq!(take(&[0xf8, 1]), (Some((Some(960), false)), Some(2)));
        assert_eq!(take(&[0xfc, 1]), (Some((Some(960), false)), Some(2)));
        assert_eq!(take(&[]), (None, Some(2)));
    }
}
