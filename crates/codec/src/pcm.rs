//! Linear PCM and G.711: no frames, a constant number of bytes a sample.

use crate::describe::{CodecDescription, ConfigBoxes, config};
use crate::error::{CodecError, Result};

pub(crate) fn describe<'a>(
    description: &mut CodecDescription<'a>,
    boxes: &ConfigBoxes<'a>,
) -> Result<()> {
    // sowt, twos, raw and lpcm leave the size to the sample entry.
    description.bits = match &description.entry_type {
        b"alaw" | b"ulaw" => Some(8),
        b"in24" => Some(24),
        b"in32" | b"fl32" => Some(32),
        b"fl64" => Some(64),
        b"ipcm" | b"fpcm" => {
            // PCMConfig (ISO/IEC 23003-5): version and flags, format_flags, PCM_sample_size.
            let payload = config(boxes, "pcmC")?;
            let &[_, _, _, _, flags, bits, ..] = payload else {
                return Err(CodecError::Truncated {
                    structure: "pcmC",
                    element: "PCM_sample_size",
                });
            };
            let order = if flags & 1 == 1 { "little" } else { "big" };
            description.name = format!("{}, {order}-endian", description.name);
            Some(bits)
        }
        _ => None,
    };
    Ok(())
}
