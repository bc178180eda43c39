//! Apple Lossless: its magic cookie.

use crate::describe::{CodecDescription, ConfigBoxes, config};
use crate::error::{CodecError, Result};

/// The `alac` box inside the sample entry: version and flags, then ALACSpecificConfig.
pub(crate) fn describe<'a>(
    description: &mut CodecDescription<'a>,
    boxes: &ConfigBoxes<'a>,
) -> Result<()> {
    let payload = config(boxes, "alac")?;
    let cookie = payload.get(4..).and_then(|c| c.first_chunk::<24>());
    let Some(
        &[
            f0,
            f1,
            f2,
            f3,
            _,
            bits,
            _,
            _,
            _,
            channels,
            ..,
            r0,
            r1,
            r2,
            r3,
        ],
    ) = cookie
    else {
        return Err(CodecError::Truncated {
            structure: "alac",
            element: "sampleRate",
        });
    };
    description.frame_length = Some(u32::from_be_bytes([f0, f1, f2, f3]));
    description.bits = Some(bits);
    description.channels = Some(channels.into());
    description.sample_rate = Some(u32::from_be_bytes([r0, r1, r2, r3]));
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::describe;

    #[test]
    fn cookie() {
        let payload = [
            0, 0, 0, 0, 0, 0, 16, 0, 0, 16, 40, 10, 14, 2, 0, 255, 0, 0, 64, 8, 0, 4, 226, 0, 0, 0,
            172, 68,
        ];
        let alac = describe(*b"alac", &[(*b"alac", &payload)]);
        assert_eq!((alac.sample_rate, alac.channels), (Some(44_100), Some(2)));
        assert_eq!((alac.frame_length, alac.bits), (Some(4096), Some(16)));
    }
}
