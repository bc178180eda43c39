//! Which NAL units an H.265 encoder writes, and where in an access unit (7.4.2.4.4): by the standard, and as learnt from a sound file.

use super::{NalHeader, ParameterSets, Sps};
use crate::access::{Role, Usual};
use crate::nal::{NalLengthSize, split, trim_trailing_zeros};

/// What is known of a stream beside its syntax.
#[derive(Debug, Clone)]
pub(crate) struct Habits {
    pub(super) usual: Usual,
    /// NAL unit types, as bits, of other layers than the base layer that have been seen.
    other_layers: u64,
    /// Types that have been seen in front of a picture in its sample, and behind one.
    seen_leading: u64,
    seen_following: u64,
    /// Temporal sub-layers, at most.
    pub(super) sub_layers: u8,
}

impl Habits {
    pub(super) fn new(sets: &ParameterSets) -> Self {
        let mut habits = Self {
            other_layers: 0,
            seen_leading: 0,
            seen_following: 0,
            usual: Usual::new(),
            sub_layers: 7,
        };
        habits.bound(sets);
        habits
    }

    /// The role of a NAL unit with this header; `None` where it is illegal.
    pub(super) fn role(&self, header: NalHeader) -> Option<Role> {
        let bit = 1u64 << (header.nal_type.0 & 63);
        if header.layer_id != 0 {
            return (self.other_layers & bit != 0).then_some(Role::Follows);
        }
        let (top, tid) = (self.sub_layers, header.temporal_id);
        let standard = match header.nal_type.0 {
            // Pictures of the temporal sub-layer access kinds lie above the lowest sub-layer.
            2..=5 if tid == 0 => None,
            0..=9 if tid < top => Some(Role::Slice),
            16..=21 if tid == 0 => Some(Role::Slice),
            32 | 33 | 35 if tid == 0 => Some(Role::Leads),
            34 | 39 if tid < top => Some(Role::Leads),
            36 | 37 if tid == 0 => Some(Role::Follows),
            38 | 40 if tid < top => Some(Role::Follows),
            41..=44 | 48..=55 if tid < top => Some(Role::Leads),
            45..=47 | 56..=63 if tid < top => Some(Role::Follows),
            _ => None,
        };
        match (self.seen_leading & bit != 0, self.seen_following & bit != 0) {
            (true, false) if standard == Some(Role::Follows) => Some(Role::Leads),
            (false, true) if standard == Some(Role::Leads) => Some(Role::Follows),
            _ => standard,
        }
    }

    /// Whether an access unit may begin with these bytes.
    pub(super) fn leads(&self, bytes: &[u8]) -> bool {
        match bytes {
            [_, _, ..] => NalHeader::of(bytes)
                .and_then(|header| self.role(header))
                .is_some_and(|role| role != Role::Follows),
            _ => true,
        }
    }

    /// Takes bounds from the parameter sets.
    pub(super) fn bound(&mut self, sets: &ParameterSets) {
        self.usual.bound(sets.all_sps().map(longest_unit));
        self.sub_layers = sets
            .all_sps()
            .map(|sps| sps.max_sub_layers)
            .max()
            .unwrap_or(7);
    }

    /// Learns from a whole sample.
    pub(super) fn learn(&mut self, sample: &[u8], size: NalLengthSize) {
        let units: Vec<(NalHeader, &[u8])> = split(sample, size)
            .map_while(Result::ok)
            .filter_map(|unit| Some((NalHeader::of(unit.bytes)?, unit.bytes)))
            .collect();
        let is_message = |(header, _): &(NalHeader, &[u8])| matches!(header.nal_type.0, 39 | 40);
        self.usual.bare_messages |= !units.is_empty() && units.iter().all(is_message);
        let is_slice =
            |(header, _): &(NalHeader, &[u8])| header.layer_id == 0 && header.nal_type.is_slice();
        let (first, last) = (
            units.iter().position(is_slice),
            units.iter().rposition(is_slice),
        );
        let (Some(first), Some(last)) = (first, last) else {
            return;
        };
        let mut slices = 0u32;
        for (i, unit) in units.iter().enumerate() {
            let (header, bytes) = unit;
            let bit = 1u64 << (header.nal_type.0 & 63);
            if header.layer_id != 0 {
                self.other_layers |= bit;
            } else if is_slice(unit) {
                slices += 1;
                self.sub_layers = self.sub_layers.max(header.temporal_id + 1);
            } else if i < first {
                self.seen_leading |= bit;
            } else if i > last {
                self.seen_following |= bit;
            }
            self.usual.padded |= trim_trailing_zeros(bytes).len() < bytes.len();
        }
        self.usual.count(slices);
    }
}

/// Bytes of a picture in which every coding tree unit is as long as it may be (A.3.2: 5/3 of its raw samples).
fn longest_unit(sps: &Sps) -> u64 {
    let samples = u64::from(sps.coded_width) * u64::from(sps.coded_height);
    // Chroma samples for two of luma.
    let chroma = match sps.chroma_format_idc {
        0 => 0,
        1 => 1,
        2 => 2,
        _ => 4,
    };
    let two = 2 * u64::from(sps.bit_depth_luma) + chroma * u64::from(sps.bit_depth_chroma);
    (samples * two / 2 * 5 / 3 / 8).max(1 << 16) + (1 << 16)
}
