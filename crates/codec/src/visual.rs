//! `mp4v`: MPEG-4 Visual (ISO/IEC 14496-2), and what else an esds may declare there.

use crate::describe::{CodecDescription, ConfigBoxes, config};
use crate::error::Result;
use crate::esds::EsDescriptor;

const MPEG4_VISUAL: u8 = 0x20;

pub(crate) fn describe<'a>(
    description: &mut CodecDescription<'a>,
    boxes: &ConfigBoxes<'a>,
) -> Result<()> {
    let payload = config(boxes, "esds")?;
    let es = EsDescriptor::parse(payload)?;
    description.codec_string = es.codec_string(description.entry_type);
    match es.name() {
        Some(name) => name.clone_into(&mut description.name),
        None => description.name = format!("MPEG-4 object type 0x{:02X}", es.object_type),
    }
    if es.object_type == MPEG4_VISUAL {
        // visual_object_sequence_start_code, then profile_and_level_indication, decimal in the codec string (RFC 6381, 3.3).
        if let Some(&[0, 0, 1, 0xB0, profile, ..]) = es.specific_info {
            description.codec_string = format!("{}.{profile}", description.codec_string);
            if let Some(profile) = profile_name(profile) {
                description.name = format!("MPEG-4 Visual {profile}");
            }
        }
    }
    Ok(())
}

/// The profiles people meet (14496-2, table G.1).
const fn profile_name(indication: u8) -> Option<&'static str> {
    Some(match indication {
        0x01..=0x06 | 0x08 | 0x09 => "Simple",
        0xF0..=0xF7 => "Advanced Simple",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use crate::describe;

    fn esds(object_type: u8, info: &[u8]) -> Vec<u8> {
        let mut payload = vec![0, 0, 0, 0, 4, 60, object_type, 0x11];
        payload.extend([0; 11]);
        payload.extend([5, u8::try_from(info.len()).unwrap()]);
        payload.extend_from_slice(info);
        payload
    }

    #[test]
    fn mpeg_4_with_profile_and_others_by_object_type() {
        let payload = esds(0x20, &[0, 0, 1, 0xB0, 9, 0, 0, 1]);
        let video = describe(*b"mp4v", &[(*b"esds", &payload)]);
        assert_eq!(video.codec_string, "mp4v.20.9");
        assert_eq!(video.name, "MPEG-4 Visual Simple");
        let payload = esds(0x6C, &[]);
        let video = describe(*b"mp4v", &[(*b"esds", &payload)]);
        assert_eq!(
            (video.codec_string.as_str(), video.name.as_str()),
            ("mp4v.6C", "JPEG")
        );
        let payload = esds(0xC1, &[]);
        let video = describe(*b"mp4v", &[(*b"esds", &payload)]);
        assert_eq!(video.name, "MPEG-4 object type 0xC1");
    }
}
