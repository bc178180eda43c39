//! ONVIF metadata (Streaming Specification §5.2.1.1): an XML document in each message,
//! as `metx` (ISO/IEC 14496-12 §12.3.3.2), which is how GStreamer writes it.

use super::{Offer, Payload};
use crate::source::Codec;
use retina::codec::ParametersRef;
use tapo_movie::SampleDescription;

/// What the documents are written in (ONVIF, `tt:MetadataStream`).
const NAMESPACE: &str = "http://www.onvif.org/ver10/schema";

/// Documents, packed by this or not at all.
struct Documents(&'static str);

pub(super) fn open(offer: &Offer<'_>) -> Option<Result<Box<dyn Payload>, &'static str>> {
    let packed = match (offer.media, offer.encoding) {
        ("application", "vnd.onvif.metadata") => "",
        ("application", "vnd.onvif.metadata.gzip") => "application/gzip",
        ("application", "vnd.onvif.metadata.exi.onvif" | "vnd.onvif.metadata.exi.ext") => {
            return Some(Err("hardly anything reads metadata in EXI"));
        }
        _ => return None,
    };
    Some(Ok(Box::new(Documents(packed))))
}

impl Payload for Documents {
    fn codec(&self) -> Codec {
        Codec::Metadata
    }

    fn description(&self, _: Option<&ParametersRef<'_>>) -> Option<SampleDescription> {
        SampleDescription::xml(self.0, NAMESPACE)
    }
}
