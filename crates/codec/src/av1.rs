//! AV1: its configuration box (AV1-ISOBMFF 2.3) and codec string (section 5).

use crate::describe::{CodecDescription, ConfigBoxes, config};
use crate::error::{CodecError, Result};

/// `av1C`: marker and version, seq_profile 3 and seq_level_idx_0 5 bits, tier, high_bitdepth, twelve_bit.
pub(crate) fn describe<'a>(
    description: &mut CodecDescription<'a>,
    boxes: &ConfigBoxes<'a>,
) -> Result<()> {
    let &[_, profile_level, format, ..] = config(boxes, "av1C")? else {
        return Err(CodecError::Truncated {
            structure: "av1C",
            element: "seq_level_idx_0",
        });
    };
    let (profile, level) = (profile_level >> 5, profile_level & 31);
    let tier = if format & 0x80 == 0 { 'M' } else { 'H' };
    let bits = match (format & 0x40 != 0, format & 0x20 != 0) {
        (false, _) => 8,
        (true, false) => 10,
        (true, true) => 12,
    };
    let entry = description.entry_type.escape_ascii();
    description.codec_string = format!("{entry}.{profile}.{level:02}{tier}.{bits:02}");
    let name = match profile {
        0 => "Main",
        1 => "High",
        _ => "Professional",
    };
    description.name = format!("AV1 {name} {}.{}", 2 + level / 4, level % 4);
    description.bits = Some(bits);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::describe;

    #[test]
    fn main_3_0() {
        let av1 = describe(*b"av01", &[(*b"av1C", &[0x81, 0x04, 0x0C, 0])]);
        assert_eq!(
            (av1.codec_string.as_str(), av1.name.as_str()),
            ("av01.0.04M.08", "AV1 Main 3.0")
        );
        let av1 = describe(*b"av01", &[(*b"av1C", &[0x81, 0x2D, 0xCC, 0])]);
        assert_eq!(
            (av1.codec_string.as_str(), av1.bits),
            ("av01.1.13H.10", Some(10))
        );
    }
}
