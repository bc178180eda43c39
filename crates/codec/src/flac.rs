//! FLAC (RFC 9639): its configuration box.

use crate::describe::{CodecDescription, ConfigBoxes, config};
use crate::error::{CodecError, Result};

/// `dfLa`: version and flags, then metadata blocks, of which STREAMINFO is the first.
pub(crate) fn describe<'a>(
    description: &mut CodecDescription<'a>,
    boxes: &ConfigBoxes<'a>,
) -> Result<()> {
    let payload = config(boxes, "dfLa")?;
    // Behind 4 bytes of FullBox, 4 of block header and 10 of block and frame sizes: rate 20, channels - 1 3, bits - 1 5 bits.
    match payload.get(18..).unwrap_or_default() {
        &[a, b, c, d, ..] => {
            let packed = u32::from_be_bytes([a, b, c, d]);
            description.sample_rate = Some(packed >> 12).filter(|&rate| rate != 0);
            description.channels = Some(u16::from(c >> 1 & 7) + 1);
            description.bits = Some((c << 4 & 0x10 | d >> 4) + 1);
            Ok(())
        }
        _ => Err(CodecError::Truncated {
            structure: "dfLa",
            element: "STREAMINFO",
        }),
    }
}

#[cfg(test)]
mod tests {
    use crate::describe;

    #[test]
    fn stream_info() {
        let mut payload = vec![0; 18];
        // 44,100 Hz, 2 channels, 16 bits.
        payload.extend([0x0A, 0xC4, 0x42, 0xF0]);
        let flac = describe(*b"fLaC", &[(*b"dfLa", &payload)]);
        assert_eq!(
            (flac.sample_rate, flac.channels, flac.bits),
            (Some(44_100), Some(2), Some(16))
        );
    }
}
