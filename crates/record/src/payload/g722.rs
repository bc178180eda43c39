//! G.722 (RFC 3551 §4.5.2): decoded to samples of 16 bits in `twos`, for no sample
//! entry of it is read by players.
//!
//! Its clock counts 8000 ticks a second, though it has 16,000 samples: an octet is two.

use super::{Offer, Payload, Unit};
use crate::source::Codec;
use retina::codec::ParametersRef;
use tapo_codec::adpcm::G722Decoder;
use tapo_movie::SampleDescription;

const RATE: u16 = 16_000;

#[derive(Default)]
struct G722(G722Decoder);

pub(super) fn open(offer: &Offer<'_>) -> Option<Result<Box<dyn Payload>, &'static str>> {
    if (offer.media, offer.encoding) != ("audio", "g722") {
        return None;
    }
    if (offer.clock_rate, offer.channels) != (8000, 1) {
        return Some(Err(
            "G.722 is recorded with a clock of 8000 Hz and one channel only",
        ));
    }
    Some(Ok(Box::<G722>::default()))
}

impl Payload for G722 {
    fn codec(&self) -> Codec {
        Codec::G722
    }

    fn description(&self, _: Option<&ParametersRef<'_>>) -> Option<SampleDescription> {
        SampleDescription::pcm16(RATE, 1)
    }

    fn take(&mut self, mut unit: Unit) -> Option<Unit> {
        unit.duration = u32::try_from(unit.data.len()).ok().filter(|n| *n > 0);
        let mut samples = Vec::with_capacity(unit.data.len() * 4);
        self.0
            .decode(&unit.data, |sample| samples.extend(sample.to_be_bytes()));
        unit.data = samples;
        unit.duration.is_some().then_some(unit)
    }
}
