//! Parameter sets outside of a stream that is read in order: finding them in bare bytes, putting them into a configuration.

use crate::h264::{AvcConfig, NalType as AvcType};
use crate::h265::{HevcConfig, NalHeader, NalType as HevcType};
use crate::nal::NalLengthSize;
use crate::{bits, h264, h265, registry};
use std::ops::Range;

/// What a parameter set is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ParameterSetKind {
    /// Of a whole video with its layers (VPS of H.265).
    Video,
    /// Of a sequence (SPS).
    Sequence,
    /// Of pictures (PPS).
    Picture,
}

impl ParameterSetKind {
    /// The kind of a NAL unit in a stream of this sample entry type; `None` if it is no parameter set.
    #[must_use]
    pub fn of(entry_type: [u8; 4], nal: &[u8]) -> Option<Self> {
        Coding::of(entry_type)?.kind(nal)
    }
}

/// Codecs with NAL units and a configuration record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    H264,
    H265,
}

impl Coding {
    fn of(entry_type: [u8; 4]) -> Option<Self> {
        match registry::find(entry_type)?.name {
            "H.264" => Some(Self::H264),
            "H.265" => Some(Self::H265),
            _ => None,
        }
    }

    fn kind(self, nal: &[u8]) -> Option<ParameterSetKind> {
        match self {
            Self::H264 => match AvcType::of(nal)? {
                AvcType::SPS => Some(ParameterSetKind::Sequence),
                AvcType::PPS => Some(ParameterSetKind::Picture),
                _ => None,
            },
            Self::H265 => {
                let header = NalHeader::of(nal).filter(|h| h.layer_id == 0)?;
                match header.nal_type {
                    HevcType::VPS => Some(ParameterSetKind::Video),
                    HevcType::SPS => Some(ParameterSetKind::Sequence),
                    HevcType::PPS => Some(ParameterSetKind::Picture),
                    _ => None,
                }
            }
        }
    }

    /// Whether a NAL unit with these first bytes may stand among parameter sets: an access unit delimiter, SEI.
    fn goes_along(self, nal: &[u8]) -> bool {
        match self {
            Self::H264 => matches!(AvcType::of(nal), Some(AvcType::AUD | AvcType::SEI)),
            Self::H265 => NalHeader::of(nal).is_some_and(|h| matches!(h.nal_type.0, 35 | 39)),
        }
    }
}

/// Sets in force, with their identifiers.
enum Store {
    H264(h264::ParameterSets),
    H265(h265::ParameterSets),
}

impl Store {
    fn new(coding: Coding) -> Self {
        match coding {
            Coding::H264 => Self::H264(h264::ParameterSets::new()),
            Coding::H265 => Self::H265(h265::ParameterSets::new()),
        }
    }

    /// The kind and the identifier of a set that can be read.
    fn add(&mut self, nal: &[u8]) -> Option<(ParameterSetKind, u8)> {
        use ParameterSetKind::{Picture, Sequence, Video};
        match self {
            Self::H264(sets) => match sets.add(nal).ok()?? {
                h264::ParameterSet::Sps(id) => Some((Sequence, id)),
                h264::ParameterSet::Pps(id) => Some((Picture, id)),
            },
            Self::H265(sets) => match sets.add(nal).ok()?? {
                h265::ParameterSet::Vps(id) => Some((Video, id)),
                h265::ParameterSet::Sps(id) => Some((Sequence, id)),
                h265::ParameterSet::Pps(id) => Some((Picture, id)),
            },
        }
    }
}

/// The payload of an avcC or hvcC box with other parameter sets: each replaces the one with its identifier, or is added. All else stays,
/// except profile, level and format, which are those of the first sequence parameter set, where that is replaced.
///
/// `None` if the configuration or one of the sets cannot be read, or the codec has no such configuration.
#[must_use]
pub fn reconfigured(entry_type: [u8; 4], config: &[u8], sets: &[&[u8]]) -> Option<Vec<u8>> {
    let coding = Coding::of(entry_type)?;
    let given: Vec<&[u8]> = match coding {
        Coding::H264 => {
            let config = AvcConfig::parse(config).ok()?;
            [config.sps, config.pps].concat()
        }
        Coding::H265 => HevcConfig::parse(config).ok()?.nal_units,
    };
    let mut store = Store::new(coding);
    let known = given.iter().filter_map(|nal| {
        let kind = coding.kind(nal)?;
        Some((kind, store.add(nal), *nal))
    });
    let mut all: Vec<_> = known.collect();
    let mut sorted: Vec<&[u8]> = sets.to_vec();
    sorted.sort_by_key(|nal| coding.kind(nal));
    for nal in sorted {
        let which = store.add(nal)?;
        match all.iter_mut().find(|(_, known, _)| *known == Some(which)) {
            Some((.., bytes)) => *bytes = nal,
            None => all.push((which.0, Some(which), nal)),
        }
    }
    let of = |kind| -> Vec<&[u8]> {
        let those = all.iter().filter(|(k, ..)| *k == kind);
        those.map(|(.., nal)| *nal).collect()
    };
    let (vps, sps, pps) = (
        of(ParameterSetKind::Video),
        of(ParameterSetKind::Sequence),
        of(ParameterSetKind::Picture),
    );
    match coding {
        Coding::H264 => {
            let mut built = AvcConfig::build(&sps, &pps).ok()?;
            *built.get_mut(4)? = config.get(4)? | 0xFC;
            Some(built)
        }
        Coding::H265 => hvcc(config, &given, &vps, &sps, &pps),
    }
}

/// Bytes of an hvcC box in front of its arrays.
const HVCC_HEAD: usize = 22;

fn hvcc(
    config: &[u8],
    given: &[&[u8]],
    vps: &[&[u8]],
    sps: &[&[u8]],
    pps: &[&[u8]],
) -> Option<Vec<u8>> {
    // `array_completeness` of the first array stands for all.
    let complete = config.get(HVCC_HEAD + 1).is_some_and(|b| b & 0x80 != 0);
    let mut built = HevcConfig::build(vps, sps, pps, complete).ok()?;
    let same = sps.first().is_some_and(|first| given.contains(first));
    if same {
        let head = config.get(..HVCC_HEAD)?;
        built.get_mut(..HVCC_HEAD)?.copy_from_slice(head);
    } else {
        // The size of the lengths.
        let flags = built.get_mut(HVCC_HEAD - 1)?;
        *flags = *flags & !3 | config.get(HVCC_HEAD - 1)? & 3;
    }
    // What is no parameter set.
    for nal in given.iter().filter(|nal| Coding::H265.kind(nal).is_none()) {
        let header = NalHeader::of(nal)?;
        *built.get_mut(HVCC_HEAD)? += 1;
        built.push(u8::from(complete) << 7 | header.nal_type.0);
        built.extend(1_u16.to_be_bytes());
        built.extend(u16::try_from(nal.len()).ok()?.to_be_bytes());
        built.extend_from_slice(nal);
    }
    Some(built)
}

/// Groups of parameter sets that are returned, at most.
const GROUPS: usize = 16;

/// Parameter sets in bare bytes, where they stand as NAL units behind their lengths, each group as an encoder writes it in front of a
/// picture: at least one sequence and one picture parameter set that can be read, side by side. Groups that say the same as one before
/// are left out. The ranges are those of the NAL units.
#[must_use]
pub fn find_parameter_sets(
    entry_type: [u8; 4],
    length_size: NalLengthSize,
    bytes: &[u8],
) -> Vec<Vec<Range<usize>>> {
    let mut groups: Vec<Vec<Range<usize>>> = Vec::new();
    let Some(coding) = Coding::of(entry_type) else {
        return groups;
    };
    let size = length_size.bytes();
    let mut at = 0;
    while let Some(rest) = bytes.get(at + size..)
        && groups.len() < GROUPS
    {
        let starts = |w: &[u8]| {
            matches!(
                (coding, w),
                (Coding::H264, [0x27 | 0x47 | 0x67, _]) | (Coding::H265, [0x40 | 0x42, 1])
            )
        };
        let Some(next) = rest.windows(2).position(starts) else {
            break;
        };
        at += next;
        match group(coding, size, bytes, at) {
            Some((group, end)) => {
                at = end;
                let content = |group: &[Range<usize>]| -> Vec<&[u8]> {
                    group.iter().filter_map(|r| bytes.get(r.clone())).collect()
                };
                if !groups.iter().any(|known| content(known) == content(&group)) {
                    groups.push(group);
                }
            }
            None => at += 1,
        }
    }
    groups
}

/// The group whose first length field stands at `at`, and where it ends.
fn group(
    coding: Coding,
    size: usize,
    bytes: &[u8],
    at: usize,
) -> Option<(Vec<Range<usize>>, usize)> {
    let mut store = Store::new(coding);
    let mut sets = Vec::new();
    let mut kinds = Vec::new();
    let mut pos = at;
    while let Some(field) = bytes.get(pos..pos + size) {
        let len = field.iter().fold(0_usize, |n, b| n << 8 | usize::from(*b));
        let unit = pos + size..pos + size + len;
        let Some(nal) = bytes.get(unit.clone()) else {
            break;
        };
        let known = (3..=bits::MAX_PARAMETER_SET).contains(&len);
        if known && coding.kind(nal).is_some() {
            let (kind, _) = store.add(nal)?;
            kinds.push(kind);
            sets.push(unit.clone());
        } else if !(known && coding.goes_along(nal)) {
            break;
        }
        pos = unit.end;
    }
    let both =
        kinds.contains(&ParameterSetKind::Sequence) && kinds.contains(&ParameterSetKind::Picture);
    both.then_some((sets, pos))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const AVC_SPS: &[u8] = &[
        0x67, 0x64, 0x00, 0x0d, 0xac, 0xb4, 0x0a, 0x0f, 0xd8, 0x08, 0x80, 0x00, 0x00, 0x03, 0x00,
        0x80, 0x00, 0x00, 0x19, 0x07, 0x8a, 0x15, 0x50,
    ];
    const AVC_PPS: &[u8] = &[0x68, 0xef, 0x3c, 0xb0];
    const OTHER_PPS: &[u8] = &[0x68, 0xef, 0x04, 0xf2, 0xc0];
    const SMALL_SPS: &[u8] = &[
        0x67, 0x42, 0xc0, 0x0d, 0xda, 0x05, 0x07, 0xec, 0x04, 0x40, 0x00, 0x00, 0x03, 0x00, 0x40,
        0x00, 0x00, 0x0c, 0x83, 0xc5, 0x0a, 0xa8,
    ];
    const VPS: &[u8] = &[
        0x40, 0x01, 0x0c, 0x01, 0xff, 0xff, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00,
        0x03, 0x00, 0x00, 0x03, 0x00, 0x3c, 0xba, 0x02, 0x40,
    ];
    const HEVC_SPS: &[u8] = &[
        0x42, 0x01, 0x01, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03, 0x00, 0x00,
        0x03, 0x00, 0x3c, 0xa0, 0x0a, 0x08, 0x0f, 0x16, 0x5b, 0xa4, 0xa4, 0xc2, 0xf0, 0x16, 0x80,
        0x80, 0x00, 0x00, 0x03, 0x00, 0x80, 0x00, 0x00, 0x0c, 0x84,
    ];
    const HEVC_PPS: &[u8] = &[0x44, 0x01, 0xc0, 0x73, 0xc1, 0x89];
    const OTHER_HEVC_PPS: &[u8] = &[0x44, 0x01, 0xc1, 0x72, 0xb4, 0x62, 0x40];

    fn units(nals: &[&[u8]]) -> Vec<u8> {
        let mut out = Vec::new();
        for nal in nals {
            out.extend(u32::try_from(nal.len()).unwrap().to_be_bytes());
            out.extend_from_slice(nal);
        }
        out
    }

    #[test]
    fn a_set_replaces_the_one_with_its_identifier() {
        let config = AvcConfig::build(&[AVC_SPS], &[AVC_PPS]).unwrap();
        let mut short = config.clone();
        short[4] = 0xFD;
        let new = reconfigured(*b"avc1", &short, &[OTHER_PPS]).unwrap();
        let read = AvcConfig::parse(&new).unwrap();
        assert_eq!((read.sps, read.pps), (vec![AVC_SPS], vec![OTHER_PPS]));
        assert_eq!(read.length_size.bytes(), 2);
        let new = reconfigured(*b"avc1", &config, &[AVC_PPS, SMALL_SPS]).unwrap();
        let read = AvcConfig::parse(&new).unwrap();
        assert_eq!((read.profile_idc, read.sps), (66, vec![SMALL_SPS]));
        assert_eq!(reconfigured(*b"avc1", &config, &[]), Some(config.clone()));
        assert_eq!(reconfigured(*b"avc1", &config, &[&[0x68]]), None);
        assert_eq!(reconfigured(*b"mp4a", &config, &[]), None);
    }

    #[test]
    fn of_h265_all_else_stays() {
        let mut config = HevcConfig::build(&[VPS], &[HEVC_SPS], &[HEVC_PPS], true).unwrap();
        config[14] = 7;
        config[22] += 1;
        config.extend([0xA7, 0, 1, 0, 4, 0x4E, 1, 5, 0x80]);
        assert_eq!(reconfigured(*b"hvc1", &config, &[]), Some(config.clone()));
        let new = reconfigured(*b"hvc1", &config, &[OTHER_HEVC_PPS]).unwrap();
        assert_eq!(new[..22], config[..22]);
        let read = HevcConfig::parse(&new).unwrap();
        let sei: &[u8] = &[0x4E, 1, 5, 0x80];
        assert_eq!(read.nal_units, [VPS, HEVC_SPS, OTHER_HEVC_PPS, sei]);
    }

    #[test]
    fn groups_are_found_in_bare_bytes() {
        let mut bytes = vec![0x67; 50];
        bytes.extend(units(&[AVC_SPS, AVC_PPS, &[0x65, 0x88, 0x80]]));
        bytes.extend(units(&[AVC_SPS, AVC_PPS, &[0x65, 0x88, 0x80]]));
        bytes.extend(units(&[AVC_SPS, &[0x65, 0x88, 0x80]]));
        bytes.extend(units(&[SMALL_SPS, &[6, 5, 1, 0, 0x80], OTHER_PPS]));
        let found = find_parameter_sets(*b"avc1", NalLengthSize::FOUR, &bytes);
        let sets: Vec<Vec<&[u8]>> = found
            .iter()
            .map(|group| group.iter().map(|r| &bytes[r.clone()]).collect())
            .collect();
        assert_eq!(sets, [vec![AVC_SPS, AVC_PPS], vec![SMALL_SPS, OTHER_PPS]]);
        let bytes = units(&[&[0x46, 1, 0x50], VPS, HEVC_SPS, HEVC_PPS, &[0x26, 1, 0xAC]]);
        let found = find_parameter_sets(*b"hev1", NalLengthSize::FOUR, &bytes);
        assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [3]);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..400), at in 0usize..400) {
            let mut bytes = bytes;
            let at = at.min(bytes.len());
            bytes.splice(at..at, units(&[AVC_SPS, AVC_PPS]));
            let found = find_parameter_sets(*b"avc1", NalLengthSize::FOUR, &bytes);
            prop_assert!(found.iter().any(|group| group.iter().any(|r| bytes[r.clone()] == *AVC_PPS)));
            let _ = reconfigured(*b"avc1", &bytes, &[AVC_PPS]);
            let _ = reconfigured(*b"hvc1", &bytes, &[HEVC_PPS]);
        }
    }
}
