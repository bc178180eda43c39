//! H.266: its NAL unit types (7.3.1.2, table 5), its configuration box (ISO/IEC 14496-15, 11.2.4.2) and the codec string's profile, tier and level.

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
    description.parameter_sets = parameter_sets(record).ok_or(CodecError::Truncated {
        structure: "vvcC",
        element: "nal_unit",
    })?;
    Ok(())
}

/// `nal_unit_type` of H.266, 0 to 31.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NalType(pub u8);

impl NalType {
    /// SEI in front of the picture.
    pub const PREFIX_SEI: Self = Self(23);
    /// SEI behind slices of the picture.
    pub const SUFFIX_SEI: Self = Self(24);

    /// That of a NAL unit; `None` unless both bytes of its header are there and may stand so: `forbidden_zero_bit`, and a temporal
    /// identifier that is not 0.
    #[must_use]
    pub fn of(nal: &[u8]) -> Option<Self> {
        let [first, second, ..] = *nal else {
            return None;
        };
        (first & 0x80 == 0 && second & 7 != 0).then_some(Self(second >> 3))
    }

    /// A short name, for listings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self.0 {
            0 => "slice",
            1 => "slice, STSA",
            2 => "slice, RADL",
            3 => "slice, RASL",
            7 => "slice, IDR_W_RADL",
            8 => "slice, IDR_N_LP",
            9 => "slice, CRA",
            10 => "slice, GDR",
            12 => "OPI",
            13 => "DCI",
            14 => "VPS",
            15 => "SPS",
            16 => "PPS",
            17 => "prefix APS",
            18 => "suffix APS",
            19 => "picture header",
            20 => "AUD",
            21 => "end of sequence",
            22 => "end of bitstream",
            23 => "prefix SEI",
            24 => "suffix SEI",
            25 => "filler",
            28..=31 => "not specified",
            _ => "reserved",
        }
    }
}

/// The NAL units in a configuration, whose bytes behind the first flags are `record`; `None` if it is cut off.
fn parameter_sets(record: &[u8]) -> Option<Vec<&[u8]>> {
    let (head, rest) = record.split_first_chunk::<3>()?;
    let sublayers = head[1] >> 4 & 7;
    let (ptl, rest) = rest.split_first_chunk::<3>()?;
    let (_, mut rest) = rest.split_at_checked(usize::from(ptl[0] & 0x3F).max(1))?;
    if sublayers > 1 {
        let (flags, behind) = rest.split_first()?;
        let levels = (flags >> (9 - sublayers)).count_ones() as usize;
        rest = behind.get(levels..)?;
    }
    let (profiles, rest) = rest.split_first()?;
    // Then the size of pictures and their rate.
    let rest = rest.get(usize::from(*profiles) * 4 + 6..)?;
    let (arrays, mut rest) = rest.split_first()?;
    let mut sets = Vec::new();
    for _ in 0..*arrays {
        let (kind, behind) = rest.split_first()?;
        rest = behind;
        // Capabilities and operating points stand alone.
        let mut count = 1;
        if !matches!(kind & 0x1F, 12 | 13) {
            let (number, behind) = rest.split_first_chunk()?;
            (count, rest) = (u16::from_be_bytes(*number), behind);
        }
        for _ in 0..count {
            let (len, behind) = rest.split_first_chunk()?;
            let (set, behind) = behind.split_at_checked(u16::from_be_bytes(*len).into())?;
            sets.push(set);
            rest = behind;
        }
    }
    Some(sets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::describe;

    /// Two layers, of which the lower one has a level of its own; an SPS, a PPS, capabilities.
    const WHOLE: &[u8] = &[
        0, 0, 0, 0, 0xFF, 0x00, 0x25, 0x5F, 1, 2, 51, 0xC0, 0x80, 51, 0, 5, 0, 2, 0xD0, 0, 0, 3,
        0x8F, 0, 1, 0, 3, 0, 0x79, 7, 0x90, 0, 1, 0, 2, 0, 0x81, 13, 0, 2, 0, 0x69,
    ];

    #[test]
    fn parameter_sets_stand_in_arrays() {
        let vvc = describe(*b"vvc1", &[(*b"vvcC", WHOLE)]);
        let sets: Vec<_> = vvc
            .parameter_sets
            .iter()
            .map(|s| NalType::of(s).map(NalType::name))
            .collect();
        assert_eq!(sets, [Some("SPS"), Some("PPS"), Some("DCI")]);
        for len in 11..WHOLE.len() {
            let cut = describe(*b"vvc1", &[(*b"vvcC", &WHOLE[..len])]);
            assert!(
                cut.parameter_sets.is_empty() && cut.defect.is_some(),
                "{len}"
            );
        }
    }

    #[test]
    fn headers_that_cannot_be_are_none() {
        assert_eq!(NalType::of(&[0, 0x79]), Some(NalType(15)));
        assert_eq!(NalType::of(&[0x80, 0x79]), None);
        assert_eq!(NalType::of(&[0, 0x78]), None);
        assert_eq!(NalType::of(&[0]), None);
    }

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
