//! Parameter sets of a profile: which it has, and others in their place.

use crate::profile::{Finding, Profile};
use tapo_codec::{ParameterSetKind, Recogniser};
use tapo_movie::SampleDescription;

/// Boxes that hold parameter sets.
const CONFIGS: [&[u8; 4]; 2] = [b"avcC", b"hvcC"];

/// The tracks of which parameter sets are known: the first of each coding.
pub(crate) fn tracks(profile: &Profile) -> Vec<usize> {
    let with_sets = |(i, track): (usize, &crate::profile::TrackProfile)| {
        let description = profile.movie.tracks.get(i)?.descriptions.first()?;
        let exact = track.finding == Finding::Syntax && track.group == i;
        (exact && !of(description).is_empty()).then_some(i)
    };
    profile
        .tracks
        .iter()
        .enumerate()
        .filter_map(with_sets)
        .collect()
}

/// The parameter sets of a description, NAL headers included.
pub(crate) fn of(description: &SampleDescription) -> Vec<Vec<u8>> {
    let boxes: Vec<_> = description
        .entry
        .children()
        .map(|(k, b)| (k.0, b))
        .collect();
    let said = tapo_codec::describe(description.kind().0, &boxes);
    said.parameter_sets.iter().map(|set| set.to_vec()).collect()
}

/// A recogniser that has learnt what this one has, and goes by other parameter
/// sets. `None` if one of them cannot be read.
pub(crate) fn adopted(
    recogniser: &dyn Recogniser,
    entry_type: [u8; 4],
    sets: &[Vec<u8>],
) -> Option<Box<dyn Recogniser>> {
    let mut fork = recogniser.fork();
    // A picture parameter set is read by its sequence parameter set.
    let mut sorted: Vec<&Vec<u8>> = sets.iter().collect();
    sorted.sort_by_key(|set| ParameterSetKind::of(entry_type, set));
    for set in sorted {
        fork.adopt(set).ok()?;
    }
    Some(fork)
}

/// Writes other parameter sets into a description: its configuration, and the
/// size of the picture where they say another. `None` if that cannot be done,
/// the same description if nothing changes.
pub(crate) fn described(
    description: &SampleDescription,
    sets: &[Vec<u8>],
) -> Option<SampleDescription> {
    let entry_type = description.kind().0;
    let kind = CONFIGS
        .into_iter()
        .find(|kind| description.child(kind).is_some())?;
    let config = description.child(kind)?;
    let sets: Vec<&[u8]> = sets.iter().map(Vec::as_slice).collect();
    let new = tapo_codec::reconfigured(entry_type, config, &sets)?;
    if same_sets(entry_type, kind, config, &new) {
        return Some(description.clone());
    }
    let size = |payload: &[u8]| tapo_codec::describe(entry_type, &[(*kind, payload)]).size;
    let (old_size, new_size) = (size(config), size(&new));
    let mut raw = description.entry.with_payload(kind, &new)?;
    if old_size != new_size
        && let Some((width, height)) = new_size
    {
        // VisualSampleEntry (14496-12, 12.1.3).
        let fields = raw.get_mut(32..36)?;
        let (width, height) = (u16::try_from(width).ok()?, u16::try_from(height).ok()?);
        fields.copy_from_slice(&[width.to_be_bytes(), height.to_be_bytes()].concat());
    }
    SampleDescription::parse(raw, tapo_bmff::FourCc(*b"vide"))
}

/// Whether two configurations say the same, whatever else stands in them.
fn same_sets(entry_type: [u8; 4], kind: &[u8; 4], a: &[u8], b: &[u8]) -> bool {
    let sets = |payload| tapo_codec::describe(entry_type, &[(*kind, payload)]).parameter_sets;
    sets(a) == sets(b)
}

/// Makes other parameter sets those of a track: what its samples are found by,
/// and what the output says. `false`, and nothing is changed, if they cannot be
/// read.
pub(crate) fn put(profile: &mut Profile, index: usize, sets: &[Vec<u8>]) -> bool {
    let (Some(track), Some(of)) = (
        profile.movie.tracks.get_mut(index),
        profile.tracks.get_mut(index),
    ) else {
        return false;
    };
    let (Some(description), Some(recogniser)) = (track.descriptions.first_mut(), &of.recogniser)
    else {
        return false;
    };
    let entry_type = description.kind().0;
    let (Some(new), Some(fork)) = (
        described(description, sets),
        adopted(&**recogniser, entry_type, sets),
    ) else {
        return false;
    };
    if let (Some((old_width, old_height)), Some((width, height))) = (description.size(), new.size())
    {
        // What stretches the picture, or turns it, still does.
        let scaled = |value: u32, old: u16, new: u16| match old {
            0 => value,
            _ => {
                let scaled = u64::from(value) * u64::from(new) / u64::from(old);
                u32::try_from(scaled).unwrap_or(value)
            }
        };
        track.header.width = scaled(track.header.width, old_width, width);
        track.header.height = scaled(track.header.height, old_height, height);
    }
    *description = new;
    of.recogniser = Some(fork);
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use tapo_bmff::{BoxWriter, FourCc};

    const SPS: [u8; 23] = [
        0x67, 0x64, 0x00, 0x0d, 0xac, 0xb4, 0x0a, 0x0f, 0xd8, 0x08, 0x80, 0x00, 0x00, 0x03, 0x00,
        0x80, 0x00, 0x00, 0x19, 0x07, 0x8a, 0x15, 0x50,
    ];
    const PPS: [u8; 4] = [0x68, 0xef, 0x3c, 0xb0];
    const OTHER: [u8; 5] = [0x68, 0xef, 0x04, 0xf2, 0xc0];

    fn entry(width: u16, height: u16) -> SampleDescription {
        let config = tapo_codec::h264::AvcConfig::build(&[&SPS], &[&PPS]).unwrap();
        let mut w = BoxWriter::new();
        w.boxed(b"avc1", |w| {
            w.zeros(6).u16(1).zeros(16).u16(width).u16(height).zeros(50);
            w.boxed(b"avcC", |w| {
                w.raw(&config);
            });
            w.boxed(b"pasp", |w| {
                w.u32(1).u32(1);
            });
        });
        SampleDescription::parse(w.into_bytes(), FourCc(*b"vide")).unwrap()
    }

    #[test]
    fn other_sets_leave_all_else_as_it_is() {
        let before = entry(320, 240);
        assert_eq!(described(&before, &[PPS.to_vec()]), Some(before.clone()));
        let after = described(&before, &[OTHER.to_vec()]).unwrap();
        assert_eq!(of(&after), [SPS.to_vec(), OTHER.to_vec()]);
        assert_eq!(
            (after.size(), after.child(b"pasp")),
            (before.size(), before.child(b"pasp"))
        );
        assert_eq!(described(&before, &[vec![0x68]]), None);
    }

    #[test]
    fn the_size_of_the_picture_is_that_of_its_sets() {
        // The same with half the width: 10 macroblocks instead of 20.
        let mut small = SPS.to_vec();
        small.splice(
            ..,
            [
                0x67, 0x42, 0xc0, 0x0d, 0xda, 0x05, 0x07, 0xec, 0x04, 0x40, 0x00, 0x00, 0x03, 0x00,
                0x40, 0x00, 0x00, 0x0c, 0x83, 0xc5, 0x0a, 0xa8,
            ],
        );
        let before = entry(640, 480);
        let after = described(&before, &[small]).unwrap();
        assert_eq!(after.size(), Some((640, 480)), "both sets say 320x240");
    }
}
