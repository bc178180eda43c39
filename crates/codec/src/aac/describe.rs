//! The registry's view of `mp4a`: MPEG-4 audio, and what else an esds may declare there.

use super::AudioSpecificConfig;
use crate::describe::{CodecDescription, ConfigBoxes, config};
use crate::error::{CodecError, Result};
use crate::esds::EsDescriptor;

const MPEG4_AUDIO: u8 = 0x40;

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
    // MPEG-2 AAC carries the same configuration.
    if !matches!(es.object_type, MPEG4_AUDIO | 0x66..=0x68) {
        return Ok(());
    }
    let info = es.specific_info.ok_or(CodecError::Truncated {
        structure: "esds",
        element: "DecoderSpecificInfo",
    })?;
    let audio = AudioSpecificConfig::parse(info)?;
    if es.object_type == MPEG4_AUDIO {
        description.codec_string = audio.codec_string(description.entry_type);
        audio.name().clone_into(&mut description.name);
    }
    description.sample_rate = Some(audio.output_rate());
    description.channels = audio.output_channels().map(u16::from);
    // As many samples more as the rate is higher.
    description.frame_length = audio.frame_length.map(|length| {
        let factor = audio.output_rate() / audio.sampling_rate;
        length.saturating_mul(factor.max(1))
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::describe;

    #[test]
    fn mp3_under_mp4a_and_he_aac() {
        let mut payload = vec![0, 0, 0, 0, 4, 13, 0x6B, 0x15];
        payload.extend([0; 11]);
        let mp3 = describe(*b"mp4a", &[(*b"esds", &payload)]);
        assert_eq!(
            (mp3.codec_string.as_str(), mp3.name.as_str()),
            ("mp4a.6B", "MPEG-1 audio")
        );
        assert_eq!(mp3.defect, None);
        let mut payload = vec![0, 0, 0, 0, 4, 19, 0x40, 0x15];
        payload.extend([0; 11]);
        payload.extend([5, 4, 0x2B, 0x11, 0x88, 0x00]);
        let he = describe(*b"mp4a", &[(*b"esds", &payload)]);
        assert_eq!(
            (he.codec_string.as_str(), he.name.as_str()),
            ("mp4a.40.5", "HE-AAC")
        );
        assert_eq!(
            (he.sample_rate, he.frame_length),
            (Some(48_000), Some(2048))
        );
    }
}
