//! G.726 (RFC 3551 §4.5.4, AAL2-G726 §4.5.4 at its end): decoded to samples of 16 bits in
//! `twos`, for no sample entry of it is read by players.

use super::{Offer, Payload, Unit};
use crate::source::Codec;
use retina::codec::ParametersRef;
use tapo_codec::adpcm::{G726Decoder, Packing};
use tapo_movie::SampleDescription;

const RATE: u16 = 8000;

struct G726 {
    decoder: G726Decoder,
    packing: Packing,
    /// Bits of a sample.
    bits: u8,
}

pub(super) fn open(offer: &Offer<'_>) -> Option<Result<Box<dyn Payload>, &'static str>> {
    let (name, packing) = match offer.encoding.strip_prefix("aal2-") {
        Some(name) => (name, Packing::HighFirst),
        None => (offer.encoding, Packing::LowFirst),
    };
    let bits = match (offer.media, name) {
        ("audio", "g726-16") => 2,
        ("audio", "g726-24") => 3,
        ("audio", "g726-32") => 4,
        ("audio", "g726-40") => 5,
        _ => return None,
    };
    if (offer.clock_rate, offer.channels) != (8000, 1) {
        return Some(Err("G.726 is recorded with 8000 Hz and one channel only"));
    }
    let decoder = G726Decoder::new(bits)?;
    Some(Ok(Box::new(G726 {
        decoder,
        packing,
        bits,
    })))
}

impl Payload for G726 {
    fn codec(&self) -> Codec {
        Codec::G726
    }

    fn description(&self, _: Option<&ParametersRef<'_>>) -> Option<SampleDescription> {
        SampleDescription::pcm16(RATE, 1)
    }

    fn take(&mut self, mut unit: Unit) -> Option<Unit> {
        let count = unit.data.len() * 8 / usize::from(self.bits);
        unit.duration = u32::try_from(count).ok().filter(|n| *n > 0);
        let mut samples = Vec::with_capacity(count * 2);
        self.decoder.decode(&unit.data, self.packing, |sample| {
            samples.extend(sample.to_be_bytes());
        });
        unit.data = samples;
        unit.duration.is_some().then_some(unit)
    }
}
