//! Which boxes hold boxes, and where inside them they start.

use crate::FourCc;

/// Bytes of a container's payload that stand before its first child; `None`
/// for a box that holds none. `payload` is the start of its payload (8 bytes
/// are enough) and `inside` the box it stands in. Sample entries are
/// [`SampleEntry`](crate::SampleEntry)'s.
#[must_use]
pub(crate) fn children_at(kind: FourCc, inside: Option<FourCc>, payload: &[u8]) -> Option<u64> {
    match &kind.0 {
        b"moov" | b"trak" | b"mdia" | b"minf" | b"stbl" | b"dinf" | b"edts" | b"udta" | b"mvex"
        | b"moof" | b"traf" | b"mfra" | b"gmhd" | b"wave" | b"sinf" | b"schi" | b"rinf"
        | b"tapt" | b"tref" | b"iprp" | b"ipco" | b"meco" | b"strk" | b"strd" | b"hnti"
        | b"hinf" | b"matt" | b"ilst" | b"paen" | b"vexu" | b"eyes" | b"cams" | b"cmfy"
        | b"trgr" | b"grpl" | b"sv3d" | b"proj" => Some(0),
        // QuickTime's `meta` is a plain box, ISO's is a full box (§8.11.1).
        b"meta" => Some(if is_quicktime_meta(payload) { 0 } else { 4 }),
        b"stsd" | b"dref" => Some(8),
        b"iref" => Some(4),
        // §8.11.6: the count has 16 bits in version 0.
        b"iinf" => Some(if payload.first() == Some(&0) { 6 } else { 8 }),
        b"ipro" => Some(6),
        // QuickTime's time code media information; elsewhere it is a reference.
        b"tmcd" if inside.is_some_and(|p| p == b"gmhd") => Some(0),
        // Keys of timed metadata are boxes, their local numbers the types; in other
        // places `keys` holds plain records.
        b"keys" if inside.is_some_and(|p| p == b"mebx") => Some(0),
        _ if inside.is_some_and(|p| p == b"keys") => Some(0),
        // The items of a metadata list are boxes of any type around `data`.
        _ if inside.is_some_and(|p| p == b"ilst") => Some(0),
        _ => None,
    }
}

/// Whether a box of this type holds boxes, wherever it stands.
#[must_use]
pub fn is_container(kind: FourCc) -> bool {
    children_at(kind, None, &[]).is_some()
}

/// ISO puts version and flags (zero) first, QuickTime at once the header of
/// the first child: its size is not zero and a type follows.
fn is_quicktime_meta(payload: &[u8]) -> bool {
    let Some((size, rest)) = payload.split_first_chunk::<4>() else {
        return false;
    };
    let kind = rest.first_chunk::<4>();
    u32::from_be_bytes(*size) >= 8 && kind.is_some_and(|k| FourCc(*k).is_plausible())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_meta_are_told_apart() {
        let meta = FourCc(*b"meta");
        let iso = b"\0\0\0\0\0\0\0\x21hdlr";
        let quicktime = b"\0\0\0\x21hdlr\0\0\0\0";
        assert_eq!(children_at(meta, None, iso), Some(4));
        assert_eq!(children_at(meta, None, quicktime), Some(0));
        assert_eq!(children_at(meta, None, b""), Some(4));
    }

    #[test]
    fn items_of_a_metadata_list_hold_boxes() {
        let name = FourCc([0xa9, b'n', b'a', b'm']);
        assert_eq!(children_at(name, Some(FourCc(*b"ilst")), b""), Some(0));
        assert_eq!(children_at(name, Some(FourCc(*b"udta")), b""), None);
    }

    #[test]
    fn items_stand_behind_a_count_of_16_or_32_bits() {
        let iinf = FourCc(*b"iinf");
        assert_eq!(children_at(iinf, None, b"\0\0\0\0\0\x01"), Some(6));
        assert_eq!(children_at(iinf, None, b"\x01\0\0\0\0\0\0\x01"), Some(8));
        let tmcd = FourCc(*b"tmcd");
        assert_eq!(children_at(tmcd, Some(FourCc(*b"gmhd")), b""), Some(0));
        assert_eq!(children_at(tmcd, Some(FourCc(*b"tref")), b""), None);
    }
}
