//! H.264 (RFC 6184) and H.265 (RFC 7798): NAL units behind four bytes of length
//! each, parameter sets in the sample entry.

use super::{Offer, Payload};
use crate::source::Codec;
use retina::codec::ParametersRef;
use tapo_bmff::FourCc;
use tapo_codec::h265;
use tapo_codec::nal::NalLengthSize;
use tapo_movie::SampleDescription;

struct Pictures(Codec);

pub(super) fn open(offer: &Offer<'_>) -> Option<Result<Box<dyn Payload>, &'static str>> {
    let codec = match (offer.media, offer.encoding) {
        ("video", "h264") => Codec::H264,
        ("video", "h265") => Codec::H265,
        _ => return None,
    };
    Some(Ok(Box::new(Pictures(codec))))
}

impl Payload for Pictures {
    fn codec(&self) -> Codec {
        self.0
    }

    fn description(&self, known: Option<&ParametersRef<'_>>) -> Option<SampleDescription> {
        let Some(ParametersRef::Video(video)) = known else {
            return None;
        };
        let entry = video.mp4_sample_entry();
        // A picture's shape needs a box of its own; 1:1 does not.
        let shape = video.pixel_aspect_ratio().filter(|(h, v)| h != v);
        let shape = shape.and_then(|(h, v)| Some((h.try_into().ok()?, v.try_into().ok()?)));
        let entry = match shape {
            Some(shape) => entry.with_aspect_ratio(shape),
            None => entry,
        };
        SampleDescription::parse(entry.build().ok()?, FourCc(*b"vide"))
    }

    fn random_access(&self, data: &[u8], said: bool) -> bool {
        said || self.0 == Codec::H265 && is_irap(data)
    }
}

/// Whether an H.265 access unit is an intra random access point: NAL unit types
/// 16 to 21 (H.265 §7.4.2.2). retina marks IDR pictures only.
fn is_irap(data: &[u8]) -> bool {
    NalLengthSize::new(4)
        .and_then(|size| h265::picture_type(data, size))
        .is_some_and(|kind| (16..=21).contains(&kind.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_irap_pictures_are_random_access_points() {
        let sample = |kind: u8| vec![0, 0, 0, 3, kind << 1, 1, 0x80];
        for (kind, expected) in [(1, false), (9, false), (16, true), (19, true), (21, true)] {
            assert_eq!(is_irap(&sample(kind)), expected, "{kind}");
        }
        assert!(!is_irap(&[]) && !is_irap(&[0, 0, 0, 9, 38]));
    }
}
