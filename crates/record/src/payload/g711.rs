//! G.711 (RFC 3551 §4.5.14): the octets as they come, in `alaw` or `ulaw`.

use super::{Offer, Payload};
use crate::source::Codec;
use retina::codec::ParametersRef;
use tapo_movie::SampleDescription;

struct G711(Codec);

pub(super) fn open(offer: &Offer<'_>) -> Option<Result<Box<dyn Payload>, &'static str>> {
    let codec = match (offer.media, offer.encoding) {
        ("audio", "pcma") => Codec::Pcma,
        ("audio", "pcmu") => Codec::Pcmu,
        _ => return None,
    };
    if (offer.clock_rate, offer.channels) != (8000, 1) {
        return Some(Err("G.711 is recorded with 8000 Hz and one channel only"));
    }
    Some(Ok(Box::new(G711(codec))))
}

impl Payload for G711 {
    fn codec(&self) -> Codec {
        self.0
    }

    fn description(&self, _: Option<&ParametersRef<'_>>) -> Option<SampleDescription> {
        SampleDescription::g711(match self.0 {
            Codec::Pcmu => b"ulaw",
            _ => b"alaw",
        })
    }
}
