//! VP8 and VP9: their configuration box and codec string (VP Codec ISO Media File Format Binding).

use crate::describe::{CodecDescription, ConfigBoxes, config};
use crate::error::{CodecError, Result};

/// `vpcC`: version and flags, profile, level (ten times), bit depth in the upper four bits.
pub(crate) fn describe<'a>(
    description: &mut CodecDescription<'a>,
    boxes: &ConfigBoxes<'a>,
) -> Result<()> {
    let &[_, _, _, _, profile, level, depth, ..] = config(boxes, "vpcC")? else {
        return Err(CodecError::Truncated {
            structure: "vpcC",
            element: "bitDepth",
        });
    };
    let bits = depth >> 4;
    let entry = description.entry_type.escape_ascii();
    description.codec_string = format!("{entry}.{profile:02}.{level:02}.{bits:02}");
    description.name = format!("{} profile {profile}", description.name);
    description.bits = Some(bits);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::describe;

    #[test]
    fn profile_0() {
        let vp9 = describe(*b"vp09", &[(*b"vpcC", &[1, 0, 0, 0, 0, 31, 0x82, 2])]);
        assert_eq!(
            (vp9.codec_string.as_str(), vp9.name.as_str()),
            ("vp09.00.31.08", "VP9 profile 0")
        );
    }
}
