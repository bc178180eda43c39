//! H.266: its configuration box (ISO/IEC 14496-15, 11.2.4.2) and the codec string's profile, tier and level.

use crate::describe::{CodecDescription, ConfigBoxes, config};
use crate::error::{CodecError, Result};
use crate::nal::NalLengthSize;

/// `vvcC`: version and flags; LengthSizeMinusOne and ptl_present_flag; 3 bytes of layer set, sub-layers, frame rate, chroma format and
/// bit depth; then VvcPTLRecord: num_bytes_constraint_info, profile and tier, level. The string's optional constraint part is left out.
pub(crate) fn describe<'a>(
    description: &mut CodecDescription<'a>,
    boxes: &ConfigBoxes<'a>,
) -> Result<()> {
    let truncated = CodecError::Truncated {
        structure: "vvcC",
        element: "general_level_idc",
    };
    let payload = config(boxes, "vvcC")?;
    let &[_, _, _, _, flags, ref record @ ..] = payload else {
        return Err(truncated);
    };
    description.nal_length_size = Some(NalLengthSize::from_minus_one(flags >> 1));
    if flags & 1 == 0 {
        // No profile, tier and level here.
        return Ok(());
    }
    let &[_, _, depth, _, profile_tier, level, ..] = record else {
        return Err(truncated);
    };
    let (profile, high) = (profile_tier >> 1, profile_tier & 1 == 1);
    let entry = description.entry_type.escape_ascii();
    let tier = if high { 'H' } else { 'L' };
    description.codec_string = format!("{entry}.{profile}.{tier}{level}");
    let name = match profile {
        1 => "Main 10",
        17 => "Multilayer Main 10",
        33 => "Main 10 4:4:4",
        65 => "Main 10 Still Picture",
        _ => "unknown profile",
    };
    let tier = if high { " High tier" } else { "" };
    description.name = format!("H.266 {name} {}.{}{tier}", level / 16, level % 16 / 3);
    description.bits = Some(8 + (depth >> 5));
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::describe;

    #[test]
    fn main_10_at_level_3_1() {
        let payload = [0, 0, 0, 0, 0xFF, 0x00, 0x65, 0x5F, 1, 2, 51, 0xC0];
        let vvc = describe(*b"vvc1", &[(*b"vvcC", &payload)]);
        assert_eq!(
            (vvc.codec_string.as_str(), vvc.name.as_str()),
            ("vvc1.1.L51", "H.266 Main 10 3.1")
        );
        assert_eq!(
            (vvc.bits, vvc.nal_length_size.unwrap().bytes()),
            (Some(10), 4)
        );
    }
}
