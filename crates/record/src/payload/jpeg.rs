//! JPEG (RFC 2435): each picture with its headers, as `mp4v` with the object type of
//! JPEG (ISO/IEC 14496-1, table 5), which is how FFmpeg and others write it.

use super::{Offer, Payload, Unit};
use crate::source::Codec;
use retina::codec::ParametersRef;
use tapo_bmff::FourCc;
use tapo_movie::SampleDescription;

struct Jpeg;

pub(super) fn open(offer: &Offer<'_>) -> Option<Result<Box<dyn Payload>, &'static str>> {
    let is_jpeg = matches!(offer.media, "video" | "image") && offer.encoding == "jpeg";
    is_jpeg.then(|| Ok(Box::new(Jpeg) as _))
}

impl Payload for Jpeg {
    fn codec(&self) -> Codec {
        Codec::Jpeg
    }

    fn description(&self, known: Option<&ParametersRef<'_>>) -> Option<SampleDescription> {
        let Some(ParametersRef::Video(video)) = known else {
            return None;
        };
        let entry = video.mp4_sample_entry().build().ok()?;
        SampleDescription::parse(entry, FourCc(*b"vide"))
    }

    fn take(&mut self, unit: Unit) -> Option<Unit> {
        let is_picture = unit.data.starts_with(&[0xff, 0xd8]) && unit.data.ends_with(&[0xff, 0xd9]);
        is_picture.then_some(unit)
    }
}
