//! What the NAL units of an H.264 access unit are (7.4.1.2), as a sample holds them (ISO/IEC 14496-15, 5.2).

use super::habits::{FOLLOWS, Habits, LEADS, SLICE, embedded_slice};
use super::{AvcConfig, NalType, ParameterSets, SliceHeader, SliceType, Sps, slice_data};
use crate::access::{Coding, Effect, NalRecogniser, Role, Usual};
use crate::bits::MAX_PARAMETER_SET;
use crate::describe::{ConfigBoxes, config};
use crate::error::{CodecError, Result};
use crate::held::Held;
use crate::nal::NalLengthSize;
use crate::presentation::Order;
use crate::recognise::{Access, Decodes, Hints, Recogniser};
use crate::units::{self, malformed};
use std::sync::Arc;

/// Evidence of a first slice header beyond length and first byte, measured over random bytes.
const SLICE_BITS: f32 = 6.0;

/// For `avc1` to `avc4`. Without an avcC everything must be in-band.
pub(crate) fn recogniser(
    _: [u8; 4],
    boxes: &ConfigBoxes<'_>,
    hints: &Hints,
) -> Option<Box<dyn Recogniser>> {
    let parsed = config(boxes, "avcC").and_then(AvcConfig::parse);
    let mut held = Held::new(ParameterSets::new());
    let mut length_size = NalLengthSize::FOUR;
    if let Ok(parsed) = &parsed {
        length_size = parsed.length_size;
        for nal in parsed.sps.iter().chain(&parsed.pps) {
            // A broken set shows later as a missing one, if anything refers to it.
            let _ = held.add(nal);
        }
    }
    let length_size = hints.nal_length_size.unwrap_or(length_size);
    Some(Box::new(NalRecogniser::<Habits>::new(length_size, held)))
}

/// The picture of an access unit so far.
#[derive(Debug)]
pub(crate) struct Picture {
    sps: Arc<Sps>,
    first: SliceHeader,
    /// The first slice of the second field.
    second: Option<SliceHeader>,
    last: SliceHeader,
}

impl Coding for Habits {
    const HEADER: usize = 1;

    type Sets = ParameterSets;
    type Picture = Picture;
    type Slice = SliceHeader;

    fn new(sets: &ParameterSets) -> Self {
        Self::new(sets)
    }

    fn bound(&mut self, sets: &ParameterSets) {
        self.bound(sets);
    }

    fn learn(&mut self, sample: &[u8], size: NalLengthSize, sets: &ParameterSets) {
        self.learn(sample, size, sets);
    }

    fn usual(&self) -> &Usual {
        &self.usual
    }

    fn is_parameter_set(nal: &[u8]) -> bool {
        matches!(NalType::of(nal), Some(NalType::SPS | NalType::PPS))
    }

    fn leads(&self, bytes: &[u8]) -> bool {
        let leads = |&header: &u8| self.roles(header) & (LEADS | SLICE) != 0;
        bytes.first().is_none_or(leads)
    }

    fn judge(
        &self,
        sets: &ParameterSets,
        picture: Option<&Picture>,
        head: &[u8],
        length: u64,
    ) -> Result<(Role, Effect<Self>)> {
        let Some(&header) = head.first() else {
            return Err(malformed("nal_unit_header"));
        };
        let roles = self.roles(header);
        if self.embedded && header & 31 == 14 {
            let slice = embedded_slice(head).ok_or(malformed("nal_unit_type"))?;
            let effect = self.slice(sets, picture, units::sound_part(slice))?;
            return Ok((Role::Embedded, effect));
        }
        if roles & SLICE != 0 {
            let effect = self.slice(sets, picture, units::sound_part(head))?;
            return Ok((Role::Slice, effect));
        }
        let role = match roles & FOLLOWS {
            0 => Role::Leads,
            _ => Role::Follows,
        };
        Ok((role, other(roles, picture.is_some(), head, length)?))
    }

    fn further(picture: &mut Picture, slice: SliceHeader) {
        if picture.second.is_none() && is_second_field(&picture.first, &slice) {
            picture.second = Some(slice);
        }
        picture.last = slice;
    }

    /// Its first byte, and what the header had to satisfy.
    fn evidence(&self, picture: &Picture) -> f32 {
        let header = 8.0 - (self.leading() as f32).log2();
        let identity = if picture.first.is_idr() {
            f32::from(picture.sps.log2_max_frame_num)
        } else {
            0.0
        };
        header + identity + SLICE_BITS
    }

    fn describe(picture: Picture, _: bool, access: &mut Access) {
        let Picture {
            sps, first, second, ..
        } = picture;
        access.sync = first.is_idr();
        access.order = Order::H264 { sps, first, second };
    }

    fn decodes(held: &Held<ParameterSets>, size: NalLengthSize, sample: &[u8]) -> Decodes {
        slice_data::decodes(held, size, sample)
    }

    fn habit(sets: &ParameterSets, size: NalLengthSize, sample: &[u8]) -> Option<u32> {
        let mut rest = sample;
        loop {
            let (field, behind) = rest.split_at_checked(size.bytes())?;
            let length = field.iter().fold(0usize, |n, &b| n << 8 | usize::from(b));
            let nal = behind.get(..length).unwrap_or(behind);
            match NalType::of(nal)? {
                NalType::SLICE => {
                    let header = sets.slice_header(units::sound_part(nal)).ok()?;
                    let predicted = !matches!(header.slice_type, SliceType::I | SliceType::SI);
                    let [idc, alpha, beta] = header.deblocking.map(i8::cast_unsigned);
                    return predicted.then_some(u32::from_be_bytes([0, idc, alpha, beta]));
                }
                kind if kind.is_vcl() => return None,
                _ => rest = behind.get(length..)?,
            }
        }
    }
}

impl Habits {
    /// Judges a slice by its head.
    fn slice(
        &self,
        sets: &ParameterSets,
        picture: Option<&Picture>,
        head: &[u8],
    ) -> Result<Effect<Self>> {
        if matches!(head.first(), Some(&header) if matches!(header & 31, 3 | 4)) {
            // Partitions B and C have no header of their own.
            let follows_a = picture.is_some_and(|p| p.last.nal_type == NalType::PARTITION_A);
            return if follows_a {
                Ok(Effect::Nothing)
            } else {
                Err(malformed("nal_unit_type"))
            };
        }
        let slice = sets.strict_slice_header(head)?;
        let Some(picture) = picture else {
            let sps = sets.shared_sps(slice.sps_id);
            let sps = Arc::clone(sps.ok_or(CodecError::MissingParameterSet {
                kind: "SPS",
                id: u32::from(slice.sps_id),
            })?);
            // Slices come in order: no encoder uses arbitrary slice order.
            if slice.first_mb != 0 || slice.redundant_pic_cnt != 0 {
                return Err(malformed("first_mb_in_slice"));
            }
            return Ok(Effect::Begins(Picture {
                sps,
                first: slice,
                second: None,
                last: slice,
            }));
        };
        let pairs = self.paired_fields
            && picture.second.is_none()
            && is_second_field(&picture.first, &slice);
        if pairs || continues(&picture.last, &slice) {
            Ok(Effect::Continues(slice))
        } else {
            Err(malformed("first_mb_in_slice"))
        }
    }
}

/// Judges any other NAL unit of `length` bytes by its head.
fn other(roles: u8, behind: bool, head: &[u8], length: u64) -> Result<Effect<Habits>> {
    let allowed = if behind { LEADS | FOLLOWS } else { LEADS };
    let Some(kind) = NalType::of(head).filter(|_| roles & allowed != 0) else {
        return Err(malformed("nal_unit_type"));
    };
    let fits = match kind {
        NalType::SEI => units::sei_adds_up(head, 1, length),
        NalType::AUD => length == 2 && matches!(head, [_, body] if body & 31 == 16),
        NalType::FILLER => units::is_filler(head, 1, length),
        NalType(10 | 11) => length == 1,
        // Room for the zeros of sloppy encoders.
        NalType::SPS | NalType::PPS => length <= MAX_PARAMETER_SET as u64,
        _ => length > 1,
    };
    if !fits {
        return Err(malformed("rbsp"));
    }
    Ok(match kind {
        NalType::SPS | NalType::PPS => Effect::ParameterSet,
        NalType::SEI if !behind => {
            super::recovery_point(head).map_or(Effect::Nothing, Effect::RecoveryPoint)
        }
        _ => Effect::Nothing,
    })
}

/// Whether a slice belongs to the picture of the one before it (7.4.1.2.4), in order. The parameter set may differ: a slice that begins
/// a picture is known by its address as well.
fn continues(last: &SliceHeader, next: &SliceHeader) -> bool {
    (next.first_mb > last.first_mb || next.redundant_pic_cnt > last.redundant_pic_cnt)
        && next.sps_id == last.sps_id
        && next.frame_num == last.frame_num
        && next.field == last.field
        && (next.nal_ref_idc == 0) == (last.nal_ref_idc == 0)
        && next.is_idr() == last.is_idr()
        && next.idr_pic_id == last.idr_pic_id
        && next.pic_order_cnt_lsb == last.pic_order_cnt_lsb
        && next.delta_pic_order_cnt_bottom == last.delta_pic_order_cnt_bottom
        && next.delta_pic_order_cnt == last.delta_pic_order_cnt
}

/// Whether a slice begins the other field of the frame whose first field begins with `first` (3.30, 7.4.1.2.4).
fn is_second_field(first: &SliceHeader, next: &SliceHeader) -> bool {
    let frame_num = if first.mmco5 { 0 } else { first.frame_num };
    next.first_mb == 0
        && next.field.is_some()
        && first.field.is_some()
        && next.field != first.field
        && next.frame_num == frame_num
        && !next.is_idr()
        && next.sps_id == first.sps_id
}
