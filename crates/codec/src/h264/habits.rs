//! Which NAL units an H.264 encoder writes, and where in an access unit (7.4.1.2.3): by the standard, and as learnt from a sound file.

use super::{NalType, ParameterSets, SliceHeader, Sps};
use crate::access::Usual;
use crate::nal::{NalLengthSize, split, trim_trailing_zeros};

/// Roles of a NAL unit, as bits.
pub(super) const LEADS: u8 = 1;
/// Coded slice data of the primary picture.
pub(super) const SLICE: u8 = 2;
/// Belongs to the picture before it.
pub(super) const FOLLOWS: u8 = 4;
/// Has been seen in front of a picture in its sample, and behind one.
const SEEN_LEADING: u8 = 8;
const SEEN_FOLLOWING: u8 = 16;

/// What is known of a stream beside its syntax.
#[derive(Debug, Clone)]
pub(crate) struct Habits {
    pub(super) usual: Usual,
    /// Roles by the first byte of a NAL unit; 0 where it is illegal.
    roles: [u8; 256],
    /// Both fields of a frame are in one sample, as the standard has it (ISO/IEC 14496-15, 5.2).
    pub(super) paired_fields: bool,
    /// Units of one sample stand behind start codes within one NAL unit that begins as a prefix NAL unit does: phones write that of
    /// temporal layers.
    pub(super) embedded: bool,
}

impl Habits {
    pub(super) fn new(sets: &ParameterSets) -> Self {
        let mut roles = [0; 256];
        for (header, roles) in (0u8..=255).zip(&mut roles) {
            *roles = standard_roles(header);
        }
        let mut habits = Self {
            usual: Usual::new(),
            roles,
            paired_fields: true,
            embedded: false,
        };
        habits.bound(sets);
        habits
    }

    /// The roles of a NAL unit with this first byte.
    pub(super) fn roles(&self, header: u8) -> u8 {
        self.roles
            .get(usize::from(header))
            .copied()
            .unwrap_or_default()
    }

    /// How many first bytes may begin an access unit.
    pub(super) fn leading(&self) -> usize {
        let leads = |roles: &&u8| **roles & (LEADS | SLICE) != 0;
        self.roles.iter().filter(leads).count()
    }

    /// Takes the bound on the length of a NAL unit from the parameter sets.
    pub(super) fn bound(&mut self, sets: &ParameterSets) {
        self.usual.bound(sets.all_sps().map(longest_unit));
    }

    /// Learns from a whole sample. `sets` are in force behind it.
    pub(super) fn learn(&mut self, sample: &[u8], size: NalLengthSize, sets: &ParameterSets) {
        let units: Vec<_> = split(sample, size)
            .map_while(Result::ok)
            .map(|unit| unit.bytes)
            .filter(|unit| !unit.is_empty())
            .collect();
        if let [unit] = *units
            && embedded_slice(unit).is_some()
            && let Some(roles) = unit
                .first()
                .and_then(|header| self.roles.get_mut(usize::from(*header)))
        {
            self.embedded = true;
            *roles = SLICE;
            return;
        }
        let is_message = |unit: &&[u8]| NalType::of(unit) == Some(NalType::SEI);
        self.usual.bare_messages |= !units.is_empty() && units.iter().all(is_message);
        let is_slice = |unit: &&[u8]| NalType::of(unit).is_some_and(NalType::is_vcl);
        let (first, last) = (
            units.iter().position(is_slice),
            units.iter().rposition(is_slice),
        );
        let (Some(first), Some(last)) = (first, last) else {
            return;
        };
        for (i, unit) in units.iter().enumerate() {
            let seen = match unit {
                _ if is_slice(unit) => SLICE,
                _ if i < first => SEEN_LEADING,
                _ if i > last => SEEN_FOLLOWING,
                // Between slices: it must not end the access unit, which the slice behind it sees to.
                _ => LEADS,
            };
            if let Some(&header) = unit.first()
                && let Some(roles) = self.roles.get_mut(usize::from(header))
            {
                *roles = with_seen(header, *roles | seen);
            }
            self.usual.padded |= trim_trailing_zeros(unit).len() < unit.len();
        }
        // Auxiliary and further views' slices are as many bytes as you like: only where the encoder writes them.
        for (header, roles) in (0u8..=255).zip(&mut self.roles) {
            if matches!(header & 31, 19..=21) && *roles & (SEEN_LEADING | SEEN_FOLLOWING) == 0 {
                *roles = 0;
            }
        }
        let slices: Vec<SliceHeader> = units
            .iter()
            .filter_map(|unit| sets.slice_header(unit).ok())
            .collect();
        if let Some(header) = slices.first() {
            if header.field.is_some() {
                self.paired_fields = slices.iter().any(|other| other.field != header.field);
            }
            let count = u32::try_from(slices.len()).unwrap_or(u32::MAX);
            self.usual.count(count);
        }
    }
}

/// The slice that stands behind a start code within a prefix NAL unit, as far as these bytes go.
pub(super) fn embedded_slice(unit: &[u8]) -> Option<&[u8]> {
    if unit.first()? & 31 != 14 {
        return None;
    }
    // The three bytes of the extension, then a start code.
    let mut rest = unit.get(4..)?.strip_prefix(&[0, 0, 0, 1])?;
    loop {
        if NalType::of(rest)?.is_vcl() {
            return Some(rest);
        }
        let next = memchr::memmem::find(rest, &[0, 0, 1])?;
        rest = rest.get(next + 3..)?;
    }
}

/// Legal headers and where they may stand.
const fn standard_roles(header: u8) -> u8 {
    let reference = header >> 5 & 3 != 0;
    if header & 0x80 != 0 {
        return 0;
    }
    match header & 31 {
        1 => SLICE,
        5 if reference => SLICE,
        7 | 8 if reference => LEADS,
        6 | 9 if !reference => LEADS,
        10..=12 if !reference => FOLLOWS,
        13..=16 => LEADS,
        19..=21 => FOLLOWS,
        _ => 0,
    }
}

/// What ends samples of a sound file, but begins none, follows its picture, whatever the standard says.
const fn with_seen(header: u8, roles: u8) -> u8 {
    let standard = standard_roles(header);
    let (leading, following) = (roles & SEEN_LEADING != 0, roles & SEEN_FOLLOWING != 0);
    let mut result = roles & !(LEADS | FOLLOWS) | standard;
    if following && !leading {
        result = result & !LEADS | FOLLOWS;
    }
    if leading {
        result |= LEADS;
    }
    if following && leading && standard & LEADS == 0 {
        result |= FOLLOWS;
    }
    result
}

/// Bytes of a picture in which every macroblock is as long as it may be (A.3.1: 128 bits beyond those of the raw samples).
fn longest_unit(sps: &Sps) -> u64 {
    let luma = 256 * u64::from(sps.bit_depth_luma);
    let chroma_samples = match sps.chroma_format_idc {
        0 => 0,
        1 => 128,
        2 => 256,
        _ => 512,
    };
    let bits = luma + chroma_samples * u64::from(sps.bit_depth_chroma) + 128;
    // SEI messages and the like are no longer than a slice of a small picture may be.
    (u64::from(sps.frame_size_in_mbs()) * bits / 8).max(1 << 16) + (1 << 16)
}
