//! AAC by RFC 3640: raw access units in `mp4a`.

use super::{Offer, Payload};
use crate::source::Codec;
use retina::codec::ParametersRef;
use tapo_bmff::FourCc;
use tapo_movie::SampleDescription;

struct Aac;

pub(super) fn open(offer: &Offer<'_>) -> Option<Result<Box<dyn Payload>, &'static str>> {
    let is_aac = (offer.media, offer.encoding) == ("audio", "mpeg4-generic");
    is_aac.then(|| Ok(Box::new(Aac) as _))
}

impl Payload for Aac {
    fn codec(&self) -> Codec {
        Codec::Aac
    }

    fn description(&self, known: Option<&ParametersRef<'_>>) -> Option<SampleDescription> {
        let Some(ParametersRef::Audio(audio)) = known else {
            return None;
        };
        let entry = audio.mp4_sample_entry().build().ok()?;
        SampleDescription::parse(entry, FourCc(*b"soun"))
    }
}
